"""Interest to the fen: day counts, dated rates, and one rounding at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

DayCount = Literal["actual/360", "actual/365", "30/360"]
BP = 10_000
"""Basis points in one: 435 is 4.35 %."""


@dataclass(frozen=True, slots=True)
class RateChange:
    """A yearly rate and the first day it holds; that day already bears interest at it."""

    first_day: date
    rate_bp: int


def year_days(day_count: DayCount) -> int:
    """Days that a year of interest has under the day count. Clause: S11.1."""
    return 365 if day_count == "actual/365" else 360


def days_between(start_on: date, end_on: date, day_count: DayCount = "actual/360") -> int:
    """Days of interest from the first day to the last, the last not counted. Clause: S11.1.

    Under 30/360 every month has thirty days and a 31st counts as the 30th.
    """
    if day_count != "30/360":
        return (end_on - start_on).days
    months = 12 * (end_on.year - start_on.year) + end_on.month - start_on.month
    return 30 * months + min(end_on.day, 30) - min(start_on.day, 30)


def bp_days(
    start_on: date,
    end_on: date,
    rate_bp: int,
    changes: Sequence[RateChange] = (),
    day_count: DayCount = "actual/360",
) -> int:
    """Basis points times days of a period; a rate change inside it splits it.

    Whatever the pieces, their sum is rounded once, so a change costs no fen. Clause: S11.1, S3.5.
    """
    total, at = 0, start_on
    for change in changes:
        if change.first_day >= end_on:
            break
        if change.first_day > at:
            total += rate_bp * days_between(at, change.first_day, day_count)
            at = change.first_day
        rate_bp = change.rate_bp
    return total + rate_bp * days_between(at, end_on, day_count)


def on_bp_days_fen(principal_fen: int, weight: int, day_count: DayCount, multiple_fen: int = 1) -> int:
    """Interest in fen of a principal over basis points times days, rounded half up once. Clause: S11.1."""
    return round_half_up(principal_fen * weight, BP * year_days(day_count) * multiple_fen) * multiple_fen


def interest_fen(principal_fen: int, rate_bp: int, days: int, day_count: DayCount = "actual/360") -> int:
    """Simple interest in fen for so many days at a yearly rate, rounded half up once.

    The exact fraction is rounded, never a daily rate cut short. Raises ValueError on a negative argument.
    Clause: S11.1.
    """
    if min(principal_fen, rate_bp, days) < 0:
        raise ValueError("principal, rate and days must not be negative")
    return on_bp_days_fen(principal_fen, rate_bp * days, day_count)


def round_half_up(numerator: int, denominator: int) -> int:
    """The whole number nearest to a fraction that is not negative, a half goes up. Clause: S11.1."""
    return (2 * numerator + denominator) // (2 * denominator)
