"""Repayment schedules in whole fen: every line exact, rounded half up once, parts equal to the whole."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Literal

DayCount = Literal["actual/360", "actual/365", "30/360"]
Cycle = Literal["monthly", "quarterly"]
LastLine = Literal["rest", "own_days"]
Method = Literal["interest_only", "bullet"]
QUARTER_MONTHS = (3, 6, 9, 12)


@dataclass(frozen=True, slots=True)
class Instalment:
    """What is due on one day, in fen. `days` are the days of interest in it under the day count."""

    number: int
    due_on: date
    principal_fen: int
    interest_fen: int
    days: int

    @property
    def total_fen(self) -> int:
        return self.principal_fen + self.interest_fen


def interest_fen(principal_fen: int, rate_bp: int, days: int, day_count: DayCount = "actual/360") -> int:
    """Simple interest in fen for so many days at a yearly rate, rounded half up once.

    The exact fraction is rounded, never a daily rate cut short. Raises ValueError on a negative argument.
    Clause: S11.1.
    """
    if min(principal_fen, rate_bp, days) < 0:
        raise ValueError("principal, rate and days must not be negative")
    divisor = 10_000 * (365 if day_count == "actual/365" else 360)
    return (2 * principal_fen * rate_bp * days + divisor) // (2 * divisor)


def days_between(start_on: date, end_on: date, day_count: DayCount = "actual/360") -> int:
    """Days of interest from the first day to the last, the last not counted. Clause: S11.1.

    Under 30/360 every month has thirty days and a 31st counts as the 30th.
    """
    if day_count != "30/360":
        return (end_on - start_on).days
    months = 12 * (end_on.year - start_on.year) + end_on.month - start_on.month
    return 30 * months + min(end_on.day, 30) - min(start_on.day, 30)


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
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def settlement_dates(start_on: date, maturity_on: date, cycle: Cycle, settlement_day: int) -> list[date]:
    """Days on which interest falls due: each settlement day after the start, then maturity. Clause: S11.1.

    Quarterly means March, June, September and December. Raises ValueError unless maturity is after the start.
    """
    if maturity_on <= start_on:
        raise ValueError("maturity must be after the start")
    months = 12 * (maturity_on.year - start_on.year) + maturity_on.month - start_on.month
    days = (_on_day(start_on.year, start_on.month + step, settlement_day) for step in range(months + 1))
    kept = [day for day in days if cycle == "monthly" or day.month in QUARTER_MONTHS]
    return [*(day for day in kept if start_on < day < maturity_on), maturity_on]


def interest_only(
    principal_fen: int,
    rate_bp: int,
    start_on: date,
    maturity_on: date,
    cycle: Cycle = "monthly",
    settlement_day: int = 20,
    *,
    day_count: DayCount = "actual/360",
    last_line: LastLine = "rest",
) -> list[Instalment]:
    """按期付息、到期还本: interest on each settlement day, the principal with the last.

    `last_line="rest"` lets the last line close the gap between the rounded lines and the interest of the
    whole term rounded once; `"own_days"` charges it for its own days alone. Raises ValueError on a principal
    below one fen, a negative rate or a maturity not after the start. Clause: S11.1.
    """
    if principal_fen <= 0:
        raise ValueError("principal must be positive")
    cuts = [start_on, *settlement_dates(start_on, maturity_on, cycle, settlement_day)]
    days = [days_between(first, last, day_count) for first, last in pairwise(cuts)]
    interest = [interest_fen(principal_fen, rate_bp, each, day_count) for each in days]
    if last_line == "rest":
        whole = interest_fen(
            principal_fen, rate_bp, days_between(start_on, maturity_on, day_count), day_count
        )
        interest = _closed(interest, whole)
    last = len(days)
    return [
        Instalment(
            number,
            cuts[number],
            principal_fen if number == last else 0,
            interest[number - 1],
            days[number - 1],
        )
        for number in range(1, last + 1)
    ]


def _closed(lines: list[int], whole: int) -> list[int]:
    # A last line of few days may be smaller than the gap; then the lines before it give, none goes below nil.
    gap, closed = whole - sum(lines), []
    for line in reversed(lines):
        closed.append(max(0, line + gap))
        gap -= closed[-1] - line
    return closed[::-1]


def bullet(
    principal_fen: int,
    rate_bp: int,
    start_on: date,
    maturity_on: date,
    *,
    day_count: DayCount = "actual/360",
) -> list[Instalment]:
    """一次性还本付息: one line at maturity. Raises ValueError as `interest_only` does. Clause: S11.1."""
    if principal_fen <= 0 or maturity_on <= start_on:
        raise ValueError("principal must be positive and maturity after the start")
    days = days_between(start_on, maturity_on, day_count)
    return [
        Instalment(1, maturity_on, principal_fen, interest_fen(principal_fen, rate_bp, days, day_count), days)
    ]
