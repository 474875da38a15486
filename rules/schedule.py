"""Repayment schedules in whole fen: one entry for every product, every line exact, parts equal to the whole.

    lines = plan(Terms(3_000_000, 435, start_on, add_months(start_on, 12), "equal_instalment"))

Interest runs from one contract day to the next (`nominal_on`); what is due is due on `due_on`, which is the
next working day when the contract's day is a day of rest. So no date drifts and no day is charged twice.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

from rules.rates import (
    BP,
    DayCount,
    RateChange,
    bp_days,
    days_between,
    on_bp_days_fen,
    round_half_up,
    year_days,
)
from rules.workdays import CalendarUnknown, is_workday, next_workday

Cycle = Literal["monthly", "quarterly"]
LastLine = Literal["rest", "own_days"]
RestDays = Literal["next_workday", "keep"]
LineKind = Literal["settlement", "instalment", "maturity"]
Method = Literal["interest_only", "bullet", "equal_instalment", "equal_principal", "fixed", "flat"]
METHODS: tuple[Method, ...] = get_args(Method)
QUARTER_MONTHS = (3, 6, 9, 12)
LINES_MAX = 1_200


class BadTerms(ValueError):  # noqa: N818 - says what is the case
    """Terms that no schedule can be made of; `field` names the one to mend."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field = field


@dataclass(frozen=True, slots=True)
class Terms:
    """What a schedule is made of. Money in fen, rates in basis points a year.

    `due_day`       day of the month on which lines fall due (quarterly: of March, June, September, December);
                    None keeps the day of the start, a short month's last day standing in
    `dates`         the contract's own list of days instead, the last one being the maturity
    `rate_changes`  rising; a change inside a period splits it
    `multiple_fen`  instalments are rounded to multiples of this, the last line takes the rest
    `fixed_fen`     what each line of method `fixed` comes to
    `grace_lines`   so many first lines carry interest alone
    `first_due_from` nothing is due before this day; the first line then bears the interest until it
    `even_last`     an instalment of 等额本息 may move by a fen or more to bring the last line nearer to it
    """

    principal_fen: int
    rate_bp: int
    start_on: date
    maturity_on: date
    method: Method
    cycle: Cycle = "monthly"
    due_day: int | None = None
    day_count: DayCount = "actual/360"
    last_line: LastLine = "rest"
    rate_changes: tuple[RateChange, ...] = ()
    multiple_fen: int = 1
    fixed_fen: int = 0
    grace_lines: int = 0
    first_due_from: date | None = None
    dates: tuple[date, ...] = ()
    rest_days: RestDays = "next_workday"
    even_last: bool = False


@dataclass(frozen=True, slots=True)
class Instalment:
    """What is due on one day, in fen. `days` are the days of interest in it under the day count.

    `nominal_on` is the contract's day, until which interest runs. `calendar_known` is False when nobody
    knows yet whether people work on that day: then it is not moved and should be looked at again later.
    """

    number: int
    due_on: date
    principal_fen: int
    interest_fen: int
    days: int
    nominal_on: date
    kind: LineKind
    calendar_known: bool = True

    @property
    def total_fen(self) -> int:
        return self.principal_fen + self.interest_fen


def plan(terms: Terms) -> list[Instalment]:
    """The schedule of any product, line by line, exact to the fen.

    Principal parts add up to the principal, no part is negative, no line is empty unless the rate is nil.
    Interest-only, flat and bullet loans: the interest of all lines equals that of the whole term rounded once
    (`last_line="rest"`). Raises BadTerms. Clause: S11.1, S4.7.
    """
    check(terms)
    periods = periods_of(terms)
    amounts = amounts_of(terms, periods)
    last = len(amounts)
    return [
        Instalment(
            number,
            period.due_on,
            principal,
            interest,
            period.days,
            period.nominal_on,
            kind_of(principal, last=number == last),
            period.calendar_known,
        )
        for number, (period, (principal, interest)) in enumerate(zip(periods, amounts, strict=False), start=1)
    ]


def check(terms: Terms) -> None:
    """Raises BadTerms when no schedule can be made of them. Clause: S11.1."""
    if terms.principal_fen <= 0:
        raise BadTerms("principal_fen", "principal must be positive")
    if min(terms.rate_bp, *(change.rate_bp for change in terms.rate_changes), 0) < 0:
        raise BadTerms("rate_bp", "a rate must not be negative")
    if terms.maturity_on <= terms.start_on:
        raise BadTerms("maturity_on", "maturity must be after the start")
    if any(later.first_day <= first.first_day for first, later in pairwise(terms.rate_changes)):
        raise BadTerms("rate_changes", "rate changes must rise from day to day")
    if terms.method not in METHODS:
        raise BadTerms("method", f"no method {terms.method!r}")
    if terms.due_day is not None and not 1 <= terms.due_day <= 31:
        raise BadTerms("due_day", "a due day lies between 1 and 31")
    if terms.multiple_fen < 1:
        raise BadTerms("multiple_fen", "a multiple is at least one fen")
    if terms.method == "fixed" and terms.fixed_fen <= 0:
        raise BadTerms("fixed_fen", "a fixed amount must be positive")
    if terms.grace_lines < 0:
        raise BadTerms("grace_lines", "lines of grace must not be negative")
    if terms.dates and (
        terms.dates[-1] != terms.maturity_on
        or any(later <= first for first, later in pairwise((terms.start_on, *terms.dates)))
    ):
        raise BadTerms("dates", "dates must rise from the start to the maturity")


# ───────────── when ─────────────


@dataclass(frozen=True, slots=True)
class Period:
    """From one contract day to the next: its days, its basis points times days, and when it is due."""

    nominal_on: date
    due_on: date
    days: int
    weight: int
    calendar_known: bool


def periods_of(terms: Terms) -> list[Period]:
    """The periods of a loan. Raises BadTerms when there are more than can be meant. Clause: S11.1."""
    ends = contract_days(terms)
    if len(ends) > LINES_MAX:
        raise BadTerms("maturity_on", f"more than {LINES_MAX} lines")
    periods = []
    for start_on, end_on in pairwise((terms.start_on, *ends)):
        due_on, known = due_day_of(end_on, terms.rest_days)
        days = days_between(start_on, end_on, terms.day_count)
        weight = bp_days(start_on, end_on, terms.rate_bp, terms.rate_changes, terms.day_count)
        periods.append(Period(end_on, due_on, days, weight, known))
    return periods


def contract_days(terms: Terms) -> list[date]:
    """The days on which the contract lets something fall due, maturity last. Clause: S11.1."""
    if terms.method == "bullet":
        days = [terms.maturity_on]
    elif terms.dates:
        days = list(terms.dates)
    elif terms.due_day is None:
        days = _from_the_start(terms.start_on, terms.maturity_on, 3 if terms.cycle == "quarterly" else 1)
    else:
        days = settlement_dates(terms.start_on, terms.maturity_on, terms.cycle, terms.due_day)
    if terms.first_due_from is None:
        return days
    return [*(day for day in days[:-1] if day >= terms.first_due_from), days[-1]]


def _from_the_start(start_on: date, maturity_on: date, every_months: int) -> list[date]:
    months = 12 * (maturity_on.year - start_on.year) + maturity_on.month - start_on.month
    days = monthly_dates(start_on, months // every_months, every_months)
    return [*(day for day in days if day < maturity_on), maturity_on]


def settlement_dates(start_on: date, maturity_on: date, cycle: Cycle, settlement_day: int) -> list[date]:
    """Days on which interest falls due: each settlement day after the start, then maturity. Clause: S11.1.

    Quarterly means March, June, September and December. Raises BadTerms unless maturity is after the start.
    """
    if maturity_on <= start_on:
        raise BadTerms("maturity_on", "maturity must be after the start")
    months = 12 * (maturity_on.year - start_on.year) + maturity_on.month - start_on.month
    days = (_on_day(start_on.year, start_on.month + step, settlement_day) for step in range(months + 1))
    kept = [day for day in days if cycle == "monthly" or day.month in QUARTER_MONTHS]
    return [*(day for day in kept if start_on < day < maturity_on), maturity_on]


@lru_cache(maxsize=8_192)
def due_day_of(nominal_on: date, rest_days: RestDays = "next_workday") -> tuple[date, bool]:
    """When something of that contract day is due, and whether the official calendar knows it.

    A day of rest moves to the next working day, 调休 heeded. In a year whose calendar is not out nothing is
    moved and nothing guessed: the day stays and the answer says False. Clause: S11.1, S5.3.
    """
    if rest_days == "keep":
        return nominal_on, True
    try:
        if is_workday(nominal_on):
            return nominal_on, True
    except CalendarUnknown:
        return nominal_on, False
    found = next_workday(nominal_on)
    return (nominal_on, False) if found.approximate else (found.on, True)


def add_months(on: date, months: int) -> date:
    """The same day so many months on, clipped to the month's end. Clause: S11.1.

    Always count from the first date: counting from a clipped one drifts to the 28th.
    """
    return _on_day(on.year, on.month + months, on.day)


def monthly_dates(seed_on: date, count: int, every_months: int = 1) -> list[date]:
    """The next `count` dates, each so many months after the last, on the seed's day or the month's end.

    Clause: S11.1.
    """
    return [add_months(seed_on, every_months * number) for number in range(1, count + 1)]


def _on_day(year: int, month: int, day: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, day if day <= 28 else min(day, calendar.monthrange(year, month)[1]))


# ───────────── how much ─────────────

Amounts = list[tuple[int, int]]
"""(principal, interest) of each line, in fen."""


def amounts_of(terms: Terms, periods: Sequence[Period]) -> Amounts:
    """Principal and interest of each period; empty lines at the end are left out. Clause: S11.1."""
    if terms.method in ("interest_only", "bullet"):
        return _interest_alone(terms, periods)
    if terms.grace_lines >= len(periods):
        raise BadTerms("grace_lines", "grace leaves no line for the principal")
    if terms.method == "flat":
        return _trimmed(_flat(terms, periods))
    if terms.method == "equal_principal":
        return _trimmed(_equal_principal(terms, periods))
    if terms.method == "fixed":
        return _trimmed(_fixed(terms, periods))
    return _trimmed(_equal_instalment(terms, periods))


def kind_of(principal_fen: int, *, last: bool) -> LineKind:
    """What a line is called: interest alone, an instalment, or the last. Clause: S11.2."""
    if last:
        return "maturity"
    return "instalment" if principal_fen else "settlement"


def _interest_alone(terms: Terms, periods: Sequence[Period]) -> Amounts:
    interest = _whole_term_interest(terms, periods)
    return [*((0, each) for each in interest[:-1]), (terms.principal_fen, interest[-1])]


def _flat(terms: Terms, periods: Sequence[Period]) -> Amounts:
    return list(zip(_equal_parts(terms, len(periods)), _whole_term_interest(terms, periods), strict=True))


def _whole_term_interest(terms: Terms, periods: Sequence[Period]) -> list[int]:
    """Interest on the whole principal in every period, the last line closing to the whole."""
    count, principal = terms.day_count, terms.principal_fen
    lines = [on_bp_days_fen(principal, each.weight, count, terms.multiple_fen) for each in periods[:-1]]
    lines.append(on_bp_days_fen(principal, periods[-1].weight, count))
    if terms.last_line == "own_days":
        return lines
    return closed(lines, on_bp_days_fen(principal, sum(each.weight for each in periods), count))


def closed(lines: list[int], whole: int) -> list[int]:
    """Lines that add up to the whole: the last one gives or takes, then those before it; none below nil.

    Clause: S11.1.
    """
    gap, result = whole - sum(lines), []
    for line in reversed(lines):
        result.append(max(0, line + gap))
        gap -= result[-1] - line
    return result[::-1]


def _equal_parts(terms: Terms, lines: int) -> list[int]:
    """The principal in equal parts of whole multiples after the lines of grace; the last takes the rest."""
    paying = lines - terms.grace_lines
    part = rounded_to(terms.principal_fen, paying, terms.multiple_fen)
    parts, left = [0] * terms.grace_lines, terms.principal_fen
    for _ in range(paying - 1):
        parts.append(min(part, left))
        left -= parts[-1]
    return [*parts, left]


def rounded_to(numerator: int, denominator: int, multiple_fen: int) -> int:
    """The multiple nearest to a fraction, a half goes up, at least one multiple. Clause: S11.1."""
    return max(1, round_half_up(numerator, denominator * multiple_fen)) * multiple_fen


def _equal_principal(terms: Terms, periods: Sequence[Period]) -> Amounts:
    amounts, left = [], terms.principal_fen
    for principal, period in zip(_equal_parts(terms, len(periods)), periods, strict=True):
        amounts.append((principal, on_bp_days_fen(left, period.weight, terms.day_count, terms.multiple_fen)))
        left -= principal
    return amounts


def _fixed(terms: Terms, periods: Sequence[Period]) -> Amounts:
    first = periods[terms.grace_lines]
    if first is not periods[-1] and terms.fixed_fen <= on_bp_days_fen(
        terms.principal_fen, first.weight, terms.day_count
    ):
        raise BadTerms("fixed_fen", "the fixed amount does not cover the interest")
    return _pay_down(terms, periods, terms.fixed_fen)


def _equal_instalment(terms: Terms, periods: Sequence[Period]) -> Amounts:
    weights = [each.weight for each in periods]
    first = terms.grace_lines
    instalment = level_fen(terms.principal_fen, weights[first:], terms.day_count, terms.multiple_fen)
    # a first period so long that its interest exceeds the instalment pays interest alone
    while first < len(periods) - 1 and instalment < on_bp_days_fen(
        terms.principal_fen, weights[first], terms.day_count
    ):
        first += 1
        instalment = level_fen(terms.principal_fen, weights[first:], terms.day_count, terms.multiple_fen)
    amounts = _pay_down(terms, periods, instalment, first)
    return _evened(terms, periods, instalment, first, amounts) if terms.even_last else amounts


def level_fen(
    principal_fen: int, weights: Sequence[int], day_count: DayCount = "actual/360", multiple_fen: int = 1
) -> int:
    """The equal instalment 等额本息 in fen that pays a principal down over periods of these bp-days.

    The exact fraction is rounded once, to the multiple. Clause: S11.1.
    """
    growth, payments = level_factors(tuple(weights), BP * year_days(day_count))
    return rounded_to(principal_fen * growth, payments, multiple_fen)


def level_factors(weights: tuple[int, ...], unit: int) -> tuple[int, int]:
    """What one fen grows to and instalments of one fen grow to, in whole numbers. Clause: S11.1."""
    growth, payments, power = 1, 0, 1
    for weight in weights:
        power *= unit
        growth *= unit + weight
        payments = payments * (unit + weight) + power
    return growth, payments


def _pay_down(
    terms: Terms, periods: Sequence[Period], instalment_fen: int, grace_lines: int | None = None
) -> Amounts:
    grace = terms.grace_lines if grace_lines is None else grace_lines
    amounts, left, last = [], terms.principal_fen, len(periods) - 1
    for at, period in enumerate(periods):
        interest = on_bp_days_fen(left, period.weight, terms.day_count)
        principal = left if at == last else min(left, max(0, instalment_fen - interest))
        if at < grace:
            principal = 0
        amounts.append((principal, interest))
        left -= principal
    return amounts


def _evened(
    terms: Terms, periods: Sequence[Period], instalment_fen: int, grace: int, amounts: Amounts
) -> Amounts:
    """Spread a gap of the last line over all, when that makes it smaller."""
    lines = len(periods) - grace
    gap = sum(amounts[-1]) - instalment_fen
    if len(amounts) < 2 or abs(gap) <= lines // 2:
        return amounts
    moved = instalment_fen + (round_half_up(gap, lines) if gap > 0 else -round_half_up(-gap, lines))
    tried = _pay_down(terms, periods, moved, grace)
    return tried if abs(sum(tried[-1]) - moved) < abs(gap) else amounts


def _trimmed(amounts: Amounts) -> Amounts:
    """Without the empty lines that rounding up leaves at the end."""
    while len(amounts) > 1 and amounts[-1] == (0, 0):
        amounts.pop()
    return amounts
