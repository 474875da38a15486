"""Rates of what is late: which share of the money, above which line, in which order, and in which words.

Three figures that are never mixed up, each a share of all unpaid principal: the arrears rate (逾期率) of the
amounts past their day, PAR30 of the principal of loans more than 30 days late, the NPL rate (不良率) of the
principal of non-performing loans. All are compared as exact fractions; rounding is for the eye alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from rules.workdays import WorkingDate, next_workday

PAR_OVER_DAYS = 30
"""What the 30 in PAR30 means: more than 30 days late."""
_WHOLE_BP = 10_000
_DECIMALS = (2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a whole, in fen. Of nothing there is no share."""

    part_fen: int
    whole_fen: int

    @property
    def exact(self) -> Fraction | None:
        """The share itself, unrounded. Clause: S12.5."""
        return Fraction(self.part_fen, self.whole_fen) if self.whole_fen > 0 else None


def share_bp(share: Share) -> int | None:
    """The share in basis points, rounded half up; None where there is no whole. Clause: S12.5."""
    part, whole = share.part_fen, share.whole_fen
    return (2 * part * _WHOLE_BP + whole) // (2 * whole) if whole > 0 else None


def is_above(share: Share, line_bp: int) -> bool | None:
    """Is the share above the line? On the line is not above it. None: there is no whole. Clause: S12.5."""
    return share.part_fen * _WHOLE_BP > line_bp * share.whole_fen if share.whole_fen > 0 else None


def share_words(share: Share, line_bp: int | None = None) -> str:
    """The share as people read it: 3.00%, or — where there is none.

    What is above the line by less than a hundredth is not shown as the line itself: 3.004%. Clause: S12.5.
    """
    exact = share.exact
    if exact is None:
        return "—"
    for decimals in _DECIMALS:
        scaled = int(exact * 100 * 10**decimals + Fraction(1, 2))
        hidden = line_bp is not None and is_above(share, line_bp) and scaled <= line_bp * 10 ** (decimals - 2)
        if not hidden:
            break
    return f"{scaled // 10**decimals}.{scaled % 10**decimals:0{decimals}d}%"


def change_words(now_bp: int | None, before_bp: int | None) -> str:
    """How a share has moved, in percentage points: ↑升0.35, ↓降0.10, 持平. Clause: S12.5."""
    if now_bp is None or before_bp is None:
        return "—"
    moved = now_bp - before_bp
    if not moved:
        return "持平"
    return f"{'↑升' if moved > 0 else '↓降'}{abs(moved) // 100}.{abs(moved) % 100:02d}"


def is_ranked(loans: int, from_loans: int) -> bool:
    """Are there loans enough for a rate to say something? With fewer it is not ranked. Clause: S12.5."""
    return loans >= from_loans


def ranks(shares: Sequence[Share | None], *, low_is_good: bool = True) -> list[int | None]:
    """The place of each share, the best first; equals have the same place, None has none. Clause: S12.5."""
    known = [share.exact if share else None for share in shares]
    ordered = sorted((exact for exact in known if exact is not None), reverse=not low_is_good)
    first: dict[Fraction, int] = {}
    for place, exact in enumerate(ordered, 1):
        first.setdefault(exact, place)
    return [None if exact is None else first[exact] for exact in known]


def last_month_end(on: date) -> date:
    """The last day of the month before. Clause: S12.5."""
    return date.fromordinal(on.replace(day=1).toordinal() - 1)


def month_end(year: int, month: int) -> date:
    """The last day of a month. Clause: S12.5."""
    return last_month_end(date(year + month // 12, month % 12 + 1, 1))


def told_from(on: date, day: int) -> WorkingDate:
    """From which day of this month last month's report goes out: a rest day moves to the next working day.

    Clause: S12.5, S5.3.
    """
    return next_workday(on.replace(day=day))
