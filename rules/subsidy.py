"""Interest subsidy (贴息): which part of an interest that was paid comes back, and for which days of it.

Paid after the interest was collected, quarter by quarter. A day on which something of the loan was overdue
earns nothing, nor does a day after misuse was found; nor does penalty interest, which is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from rules.application import OPERATORS, ApplicantKind
from rules.workdays import WorkingDate, next_workday


@dataclass(frozen=True, slots=True)
class SubsidyPolicy:
    """Values of the pack that hold on the day a loan was paid out."""

    full_part_fen: int
    """Principal of a registered-poor household whose interest is paid in full."""
    cap_bp: int
    """Yearly rate above which nothing is paid."""
    operator_bp: int
    """Percentage points of the rate that an operator gets."""


@dataclass(frozen=True, slots=True)
class PaidInterest:
    """The interest of one line, collected in full. The period is [first_day, end_day)."""

    interest_fen: int
    first_day: date
    end_day: date


def quarter_of(on: date) -> date:
    """The first day of the quarter. Clause: S13.1."""
    return on.replace(month=(on.month - 1) // 3 * 3 + 1, day=1)


def quarter_after(quarter: date) -> date:
    """The first day of the next quarter. Clause: S13.1."""
    return quarter_of(quarter + timedelta(days=100))


def quarter_to_declare(on: date) -> date:
    """The first day of the quarter that was over last: what is declared now is about it. Clause: S13.1."""
    return quarter_of(quarter_of(on) - timedelta(days=1))


def due_on(quarter: date, due_day: int) -> WorkingDate:
    """The last day to declare a quarter: that day of the month after it, on a working day. Clause: S13.1."""
    return next_workday(quarter_after(quarter).replace(day=due_day))


def share(kind: ApplicantKind, principal_fen: int, rate_bp: int, policy: SubsidyPolicy) -> Fraction:
    """The part of a loan's interest that finance pays: 0 to 1.

    For a registered-poor household all interest at a rate up to the cap, on the principal up to the limit;
    for an operator so many points of the rate, never more than the rate under the cap. Clause: S3.5, S13.2.
    """
    if rate_bp <= 0 or principal_fen <= 0:
        return Fraction(0)
    capped = Fraction(min(rate_bp, policy.cap_bp), rate_bp)
    if kind is ApplicantKind.REGISTERED_POOR:
        return capped * Fraction(min(principal_fen, policy.full_part_fen), principal_fen)
    if kind in OPERATORS:
        return min(capped, Fraction(policy.operator_bp, rate_bp))
    return Fraction(0)


def clean_days(first_day: date, end_day: date, spells: Iterable[tuple[date, date]]) -> int:
    """Days of [first_day, end_day) that earn a subsidy: those outside every spell.

    A spell [begins, ends) is a time of arrears, from a due date to the day of payment, or the time after
    misuse was found; spells may overlap and may never end (date.max). Clause: S9.3, S13.2.
    """
    clean, at = 0, first_day
    for begins, ends in sorted(spells):
        clean += max(0, (min(begins, end_day) - at).days)
        at = max(at, ends)
    return clean + max(0, (end_day - at).days)


def subsidy_fen(paid: PaidInterest, clean: int, part: Fraction) -> int:
    """What comes back of an interest, in fen, rounded half up: by the days of its period. Clause: S13.1."""
    days = (paid.end_day - paid.first_day).days
    if days <= 0:
        return 0
    exact = paid.interest_fen * part * Fraction(clean, days)
    return int((exact + Fraction(1, 2)) // 1)


def extra_interest_fen(subsidy: int, rate_bp: int, days_late: int) -> int:
    """What a late declaration costs, in fen: the bank bears it, not the borrower. Clause: S13.1.

    Simple interest on the subsidy at the loan's own rate, 360-day year, rounded half up (default).
    """
    if subsidy <= 0 or days_late <= 0:
        return 0
    return (subsidy * rate_bp * days_late + 1_800_000) // 3_600_000


def spells(
    arrears: Iterable[tuple[date, date]], misused_on: date | None = None, extended_on: date | None = None
) -> list[tuple[date, date]]:
    """The times that earn nothing: arrears, all from the day misuse was found, all from an extension on
    where the county does not subsidise those. Clause: S9.3, S13.2.
    """
    ends = [each for each in (misused_on, extended_on) if each is not None]
    return [*arrears, *((each, date.max) for each in ends)]
