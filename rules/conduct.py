"""What a borrower's credit is judged by: missed settlements, long arrears, arrears that come again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a schedule and the day it was paid in full, or None."""

    loan: int
    due_on: date
    paid_on: date | None


@dataclass(frozen=True, slots=True)
class Spell:
    """A time without a break in which something of a loan was overdue.

    `over_on` is the first day on which it was overdue for more days than the limit, or None.
    """

    loan: int
    began_on: date
    over_on: date | None


def is_credit_lowered(missed_settlements: int, limit: int) -> bool:
    """Have so many settlements been missed that the credit counts as lowered? Clause: S11.3."""
    return missed_settlements >= limit


def over_days_since(oldest_due_on: date, on: date, over_days: int) -> date | None:
    """The first day on which a loan was overdue for more than the limit: 70 is not, 71 is. Clause: S7.3."""
    since = oldest_due_on + timedelta(days=over_days + 1)
    return since if since <= on else None


def spells(lines: Iterable[Line], on: date, over_days: int) -> list[Spell]:
    """The overdue spells of loans up to that day, loan by loan. Lines that overlap or touch are one spell.

    What counts is the end of a day: a line is overdue from the day after its due date to the day before it is
    paid. Clause: S7.3 (default).
    """
    found: list[Spell] = []
    last_end = date.min
    for line in sorted(lines, key=lambda line: (line.loan, line.due_on)):
        end = min(line.paid_on or date.max, on + ONE_DAY)  # the first day on which it is overdue no more
        if line.due_on + ONE_DAY >= end:
            continue
        reached = line.due_on + timedelta(days=over_days + 1)
        over_on = reached if reached < end else None
        before = found[-1] if found and found[-1].loan == line.loan else None
        if before is not None and line.due_on < last_end:
            found[-1] = Spell(before.loan, before.began_on, _earlier(before.over_on, over_on))
            last_end = max(last_end, end)
        else:
            found.append(Spell(line.loan, line.due_on, over_on))
            last_end = end
    return found


def _earlier(one: date | None, other: date | None) -> date | None:
    return min((day for day in (one, other) if day is not None), default=None)


def repeated_since(lines: Iterable[Line], on: date, over_days: int, times: int) -> date | None:
    """The day on which one borrower was overdue for too long for the n-th time, or None.

    All his loans count together; a spell counts once, from its day `over_days` + 1. Clause: S7.3.
    """
    days = sorted(spell.over_on for spell in spells(lines, on, over_days) if spell.over_on is not None)
    return days[times - 1] if len(days) >= times else None
