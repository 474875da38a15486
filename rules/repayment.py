"""What a payment does to a loan's lines: who gets it first, what settles the loan, how the rest is remade.

A `Book` is a loan's schedule with what has been paid on it. An action reads the lines, asks, and writes the
lines that come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from rules import schedule
from rules.rates import BP, bp_days, days_between, on_bp_days_fen, round_half_up, year_days
from rules.schedule import BadTerms, LineKind, Terms

Part = Literal["penalty", "interest", "principal"]
AllocateBy = Literal["line", "kind"]
Remake = Literal["smaller", "shorter"]
HUNDRED = 100


class Overpaid(ValueError):  # noqa: N818 - says what is the case
    """More than settles the loan on that day; `settle_fen` would."""

    def __init__(self, settle_fen: int) -> None:
        super().__init__(f"{settle_fen} fen would settle the loan")
        self.settle_fen = settle_fen


@dataclass(frozen=True, slots=True)
class Policy:
    """How a county's banks book payments.

    `order` within a line, or with `by="kind"` through all lines that are due; `penalty_percent` of the
    contract's rate is charged on overdue principal (0: none is charged here); so many `ahead_days` before its
    day a line may be paid without changing the plan.
    """

    order: tuple[Part, ...] = ("penalty", "interest", "principal")
    by: AllocateBy = "line"
    penalty_percent: int = 0
    ahead_days: int = 10
    remake: Remake = "smaller"


@dataclass(frozen=True, slots=True)
class Line:
    """One line with what has been paid on it. `row_id` is None for a line that is new."""

    number: int
    due_on: date
    nominal_on: date
    days: int
    kind: LineKind
    principal_fen: int
    interest_fen: int
    penalty_fen: int = 0
    paid_principal_fen: int = 0
    paid_interest_fen: int = 0
    paid_penalty_fen: int = 0
    penalty_through: date | None = None
    paid_on: date | None = None
    calendar_known: bool = True
    row_id: int | None = None

    def unpaid(self, part: Part) -> int:
        """What is still to be paid of that part, in fen."""
        owed: int = getattr(self, f"{part}_fen") - getattr(self, f"paid_{part}_fen")
        return owed

    @property
    def unpaid_fen(self) -> int:
        return self.unpaid("penalty") + self.unpaid("interest") + self.unpaid("principal")

    @property
    def touched(self) -> bool:
        """Has anything been paid on it?"""
        return bool(self.paid_principal_fen or self.paid_interest_fen or self.paid_on)


@dataclass(frozen=True, slots=True)
class Book:
    """A loan's terms and its lines in order.

    `terms` are those of the part that was planned last, on `remade_on` if it was remade; the loan itself
    began on `opened_on` (None: with its terms).
    """

    terms: Terms
    lines: tuple[Line, ...]
    opened_on: date | None = None
    remade_on: date | None = None

    def due(self, on: date) -> tuple[Line, ...]:
        """The lines whose period is over at the beginning of that day."""
        return tuple(line for line in self.lines if line.nominal_on <= on)

    def to_come(self, on: date) -> tuple[Line, ...]:
        """The lines whose period still runs or has not begun."""
        return tuple(line for line in self.lines if line.nominal_on > on)


@dataclass(frozen=True, slots=True)
class Quote:
    """What would settle a loan on a day, by parts, in fen. `interest_fen` runs to that day and no further."""

    on: date
    principal_fen: int
    interest_fen: int
    penalty_fen: int

    @property
    def total_fen(self) -> int:
        return self.principal_fen + self.interest_fen + self.penalty_fen


@dataclass(frozen=True, slots=True)
class Applied:
    """A payment in the book: what it went to, and whether the plan was remade."""

    book: Book
    principal_fen: int
    interest_fen: int
    penalty_fen: int
    remade: bool


def book_of(terms: Terms) -> Book:
    """A new loan's book: its plan, nothing paid. Raises BadTerms. Clause: S11.1."""
    return Book(terms, tuple(_line(each) for each in schedule.plan(terms)), terms.start_on)


def _line(planned: schedule.Instalment) -> Line:
    # nothing to pay is nothing to be late with
    return Line(
        planned.number, planned.due_on, planned.nominal_on, planned.days, planned.kind,
        planned.principal_fen, planned.interest_fen, calendar_known=planned.calendar_known,
        paid_on=None if planned.total_fen else planned.due_on,
    )  # fmt: skip


# ───────────── what is owed ─────────────


def payoff(book: Book, on: date, policy: Policy) -> Quote:
    """What settles the loan on that day: all that is due, the principal to come, interest up to the day.

    Clause: S11.1 (default), S11.4.
    """
    book = with_penalties(book, on, policy)
    due, to_come = book.due(on), book.to_come(on)
    return Quote(
        on,
        sum(line.unpaid("principal") for line in book.lines),
        sum(line.unpaid("interest") for line in due) + _running(book, to_come, on),
        sum(line.unpaid("penalty") for line in book.lines),
    )


def _running(book: Book, to_come: Sequence[Line], on: date) -> int:
    """Interest of the running period up to the day, without what was paid of it ahead."""
    return max(0, accrued_fen(book, on) - sum(line.paid_interest_fen for line in to_come))


def accrued_fen(book: Book, on: date) -> int:
    """Interest of the running period from its first day to that day, rounded once. Clause: S11.1.

    Never more than the line itself charges for its whole period.
    """
    to_come = book.to_come(on)
    if not to_come:
        return 0
    terms = book.terms
    weight = bp_days(_began(book, on), on, terms.rate_bp, terms.rate_changes, terms.day_count)
    opening = sum(line.principal_fen for line in to_come)
    bearing = terms.principal_fen if terms.method == "flat" else opening
    return min(on_bp_days_fen(bearing, weight, terms.day_count), to_come[0].interest_fen)


def _began(book: Book, on: date) -> date:
    """The first day of the running period."""
    over = [line.nominal_on for line in book.due(on)]
    return max(over, default=book.opened_on or book.terms.start_on)


def with_penalties(book: Book, on: date, policy: Policy) -> Book:
    """The book with penalty interest charged through that day on the principal that is overdue.

    Simple interest at `penalty_percent` of the rate, rounded half up per line.
    Clause: S11.1 (default).
    """
    if not policy.penalty_percent:
        return book
    return replace(book, lines=tuple(_with_penalty(book.terms, line, on, policy) for line in book.lines))


def _with_penalty(terms: Terms, line: Line, on: date, policy: Policy) -> Line:
    since = max(line.due_on, line.penalty_through or line.due_on)
    if since >= on or line.paid_on is not None:
        return line
    weight = bp_days(since, on, terms.rate_bp, terms.rate_changes, terms.day_count)
    charged = round_half_up(
        line.unpaid("principal") * policy.penalty_percent * weight, HUNDRED * BP * year_days(terms.day_count)
    )
    return replace(line, penalty_fen=line.penalty_fen + charged, penalty_through=on)


# ───────────── a payment ─────────────


def apply(
    book: Book, amount_fen: int, received_on: date, policy: Policy, remake: Remake | None = None
) -> Applied:
    """Put a payment into the book.

    First what is due, the oldest line first (`policy.order`). What is left pays the next line when that is
    near; else it is early repayment: interest up to the day, the rest of it principal, and the plan is
    remade with smaller instalments or fewer (`remake`). Raises Overpaid when less would settle the loan.
    Clause: S11.1 (default).
    """
    settle = payoff(book, received_on, policy).total_fen
    if amount_fen > settle:
        raise Overpaid(settle)
    before = with_penalties(book, received_on, policy)
    paid_due, left = _fill(before.due(received_on), amount_fen, received_on, policy)
    to_come = before.to_come(received_on)
    if not left:
        return _applied(before, replace(before, lines=(*paid_due, *to_come)), remade=False)
    near = _near(to_come, left, received_on, policy) if amount_fen < settle else None
    if near is not None:
        paid, _ = _fill(to_come[near : near + 1], left, received_on, policy)
        paid_ahead = (*to_come[:near], *paid, *to_come[near + 1 :])
        return _applied(before, replace(before, lines=(*paid_due, *paid_ahead)), remade=False)
    running = _running(before, to_come, received_on)
    if left <= running and amount_fen < settle:
        first = replace(to_come[0], paid_interest_fen=to_come[0].paid_interest_fen + left)
        return _applied(before, replace(before, lines=(*paid_due, first, *to_come[1:])), remade=False)
    remade = _remade(before, paid_due, left - running, received_on, remake or policy.remake)
    return _applied(before, remade, remade=True)


def _near(to_come: Sequence[Line], left_fen: int, on: date, policy: Policy) -> int | None:
    """Which line is paid a few days early, if any. Never the last one: its interest stops with the day."""
    at = next((at for at, line in enumerate(to_come[:-1]) if line.unpaid_fen), None)
    if at is None or left_fen > to_come[at].unpaid_fen:
        return None
    return at if (to_come[at].due_on - on).days <= policy.ahead_days else None


def _applied(before: Book, after: Book, *, remade: bool) -> Applied:
    def paid(book: Book, part: Part) -> int:
        return sum(getattr(line, f"paid_{part}_fen") for line in book.lines)

    return Applied(
        after,
        paid(after, "principal") - paid(before, "principal"),
        paid(after, "interest") - paid(before, "interest"),
        paid(after, "penalty") - paid(before, "penalty"),
        remade,
    )


def _fill(lines: Sequence[Line], amount_fen: int, on: date, policy: Policy) -> tuple[tuple[Line, ...], int]:
    """Pay lines in order until the money is gone; the lines and what is left."""
    filled, left = list(lines), amount_fen
    steps: Iterable[tuple[int, Part]] = (
        ((at, part) for at in range(len(filled)) for part in policy.order)
        if policy.by == "line"
        else ((at, part) for part in policy.order for at in range(len(filled)))
    )
    for at, part in steps:
        paying = min(left, filled[at].unpaid(part))
        if paying:
            name = f"paid_{part}_fen"
            filled[at] = replace(filled[at], **{name: getattr(filled[at], name) + paying})
            left -= paying
    done = (
        replace(line, paid_on=on) if line.paid_on is None and not line.unpaid_fen else line for line in filled
    )
    return tuple(done), left


def _remade(book: Book, due: Sequence[Line], principal_fen: int, on: date, remake: Remake) -> Book:
    """The plan from that day on, after so much more principal has been paid early."""
    to_come = book.to_come(on)
    ahead = sum(line.paid_principal_fen for line in to_come)
    interest = max(accrued_fen(book, on), sum(line.paid_interest_fen for line in to_come))
    rest = sum(line.principal_fen for line in to_come) - ahead - principal_fen
    early = Line(
        number=len(due) + 1,
        due_on=on,
        nominal_on=on,
        days=days_between(_began(book, on), on, book.terms.day_count),
        kind=schedule.kind_of(ahead + principal_fen, last=rest == 0),
        principal_fen=ahead + principal_fen,
        interest_fen=interest,
        paid_principal_fen=ahead + principal_fen,
        paid_interest_fen=interest,
        paid_on=on,
    )
    if rest == 0:
        return replace(book, lines=(*due, early), remade_on=on)
    terms, planned = _replanned(book.terms, rest, on, to_come, remake)
    lines = _numbered((*due, early, *_matched(planned, to_come)))
    return replace(book, terms=terms, lines=lines, remade_on=on)


def _replanned(
    terms: Terms, rest_fen: int, on: date, to_come: Sequence[Line], remake: Remake
) -> tuple[Terms, list[schedule.Instalment]]:
    days = tuple(line.nominal_on for line in to_come)
    grace = 0 if terms.method in ("interest_only", "bullet") else _leading_grace(to_come)
    smaller = replace(
        terms, principal_fen=rest_fen, start_on=on, maturity_on=days[-1], dates=days, grace_lines=grace,
        first_due_from=None, method="equal_instalment" if terms.method == "fixed" else terms.method,
    )  # fmt: skip
    remade = _shorter(smaller, to_come) if remake == "shorter" else smaller
    return remade, schedule.plan(remade)


def _leading_grace(lines: Sequence[Line]) -> int:
    paying = [at for at, line in enumerate(lines) if line.principal_fen]
    return paying[0] if paying else 0


def _shorter(terms: Terms, to_come: Sequence[Line]) -> Terms:
    """The same instalments as before, fewer of them; interest-only loans only get a smaller end."""
    usual = next((line for line in to_come[:-1] if line.principal_fen), to_come[-1])
    if terms.method == "equal_instalment":
        return replace(terms, method="fixed", fixed_fen=usual.principal_fen + usual.interest_fen)
    if terms.method in ("equal_principal", "flat"):
        lines = min(len(to_come), terms.grace_lines + -(-terms.principal_fen // max(1, usual.principal_fen)))
        return replace(terms, dates=terms.dates[:lines], maturity_on=terms.dates[lines - 1])
    return terms


def _matched(planned: Sequence[schedule.Instalment], old: Sequence[Line]) -> list[Line]:
    """Planned lines that keep the row and the due day of the old line of the same contract day."""
    known = {line.nominal_on: line for line in old}
    lines = []
    for each in planned:
        line, was = _line(each), known.get(each.nominal_on)
        if was is not None:
            line = replace(line, row_id=was.row_id, due_on=was.due_on, calendar_known=was.calendar_known)
        lines.append(line)
    return lines


def _numbered(lines: Sequence[Line]) -> tuple[Line, ...]:
    return tuple(replace(line, number=number) for number, line in enumerate(lines, start=1))


def taken_back(book: Book, principal_fen: int, interest_fen: int, penalty_fen: int = 0) -> Book:
    """The book without that payment, the newest lines losing first what the oldest got first.

    For payments of which nobody noted what they had been put to. Raises ValueError when less was paid.
    Clause: S11.1.
    """
    left: dict[str, int] = {"principal": principal_fen, "interest": interest_fen, "penalty": penalty_fen}
    lines = []
    for line in reversed(book.lines):
        changes: dict[str, int] = {}
        for part, owed in left.items():
            paid: int = getattr(line, f"paid_{part}_fen")
            changes[f"paid_{part}_fen"] = paid - min(paid, owed)
            left[part] -= min(paid, owed)
        fewer = replace(line, **changes)  # type: ignore[arg-type]  # the names are those of money fields
        lines.append(replace(fewer, paid_on=None) if fewer.unpaid_fen else fewer)
    if any(left.values()):
        raise ValueError("less than that has been paid")
    return replace(book, lines=tuple(reversed(lines)))


# ───────────── extension ─────────────


def extended(book: Book, maturity_on: date, on: date) -> Book:
    """展期: the principal that is to come, spread to a later maturity; what is overdue stays where it is.

    Loans whose principal falls due at the end keep their last line for the interest until the old maturity,
    the principal moves on; of others the lines to come are remade over more dates. Raises BadTerms.
    Clause: S12.3.
    """
    terms, old_end = book.terms, book.lines[-1].nominal_on
    if maturity_on <= old_end:
        raise BadTerms("maturity_on", "an extension ends after the old maturity")
    keep = _kept(book, on)
    if terms.method in ("interest_only", "bullet") or keep == len(book.lines):
        return _moved_on(book, maturity_on, on)
    kept, to_come = book.lines[:keep], book.lines[keep:]
    start_on = kept[-1].nominal_on if kept else terms.start_on
    more = schedule.contract_days(replace(terms, start_on=old_end, maturity_on=maturity_on, dates=()))
    days = (*(line.nominal_on for line in to_come), *more)
    longer = replace(
        terms, principal_fen=sum(line.principal_fen for line in to_come), start_on=start_on,
        maturity_on=maturity_on, dates=days, first_due_from=None,
        grace_lines=_leading_grace(to_come),
        method="equal_instalment" if terms.method == "fixed" else terms.method,
    )  # fmt: skip
    lines = _numbered((*kept, *_matched(schedule.plan(longer), to_come)))
    return replace(book, terms=longer, lines=lines, remade_on=on)


def _kept(book: Book, on: date) -> int:
    """How many first lines an extension leaves alone: those that are due, those with a payment on them."""
    done = [at for at, line in enumerate(book.lines, start=1) if line.nominal_on <= on or line.touched]
    return max(done, default=0)


def _moved_on(book: Book, maturity_on: date, on: date) -> Book:
    *before, last = book.lines
    carried = last.unpaid("principal")
    if not carried:
        raise BadTerms("maturity_on", "there is no principal left to extend")
    stays = replace(
        last,
        principal_fen=last.paid_principal_fen,
        kind=schedule.kind_of(last.paid_principal_fen, last=False),
    )
    if not stays.unpaid_fen and stays.paid_on is None:
        stays = replace(stays, paid_on=on)
    method = book.terms.method if book.terms.method in ("interest_only", "bullet") else "interest_only"
    longer = replace(
        book.terms, principal_fen=carried, start_on=last.nominal_on, maturity_on=maturity_on,
        dates=(), grace_lines=0, first_due_from=None, method=method,
    )  # fmt: skip
    lines = _numbered((*before, stays, *_matched(schedule.plan(longer), ())))
    return replace(book, terms=longer, lines=lines, remade_on=on)
