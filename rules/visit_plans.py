"""Post-loan visits: which period a day belongs to and until when its visits must be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Every = Literal["month", "quarter"]


@dataclass(frozen=True, slots=True)
class Period:
    """A month or a quarter: 2026-11 or 2026Q4."""

    name: str
    first_on: date
    last_on: date


def period_of(on: date, every: Every) -> Period:
    """The period that a day lies in. Clause: S9.1."""
    months = 1 if every == "month" else 3
    month = on.month - (on.month - 1) % months
    first = date(on.year, month, 1)
    ahead = date(first.year + (month + months > 12), (month + months - 1) % 12 + 1, 1)
    name = f"{first:%Y-%m}" if every == "month" else f"{first.year}Q{(month + 2) // 3}"
    return Period(name, first, ahead - timedelta(days=1))


def needs_visit(disbursed_on: date, period: Period) -> bool:
    """Is a loan visited in a period? Not when it was paid out within it: he was just seen. Clause: S9.1."""
    return disbursed_on < period.first_on
