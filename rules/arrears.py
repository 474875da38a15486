"""Arrears: how late is what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Due:
    """One line of a schedule with what has been paid on it, in fen."""

    due_on: date
    owed_fen: int
    paid_fen: int = 0

    @property
    def unpaid_fen(self) -> int:
        return max(0, self.owed_fen - self.paid_fen)


def days_past_due(due_on: date, on: date) -> int:
    """Days overdue at the end of that day; the day after the due date is day 1. Clause: S7.3, S11.2."""
    return max(0, (on - due_on).days)


def oldest_unpaid(lines: Iterable[Due], on: date) -> Due | None:
    """The earliest line that was due before that day and is not paid in full. Clause: S7.3, S11.2."""
    late = [line for line in lines if line.unpaid_fen and line.due_on < on]
    return min(late, key=lambda line: line.due_on, default=None)


def loan_days_past_due(lines: Iterable[Due], on: date) -> int:
    """Days overdue of a loan: those of its oldest line not paid in full. Clause: S7.3."""
    oldest = oldest_unpaid(lines, on)
    return 0 if oldest is None else days_past_due(oldest.due_on, on)


def overdue_fen(lines: Iterable[Due], on: date) -> int:
    """What is overdue at the end of that day, in fen: not the whole balance. Clause: S12.1."""
    return sum(line.unpaid_fen for line in lines if line.due_on < on)


def is_npl(days_overdue: int, npl_over_days: int) -> bool:
    """Non-performing: overdue for more days than the limit, the limit itself is still performing.

    Clause: S12.5.
    """
    return days_overdue > npl_over_days
