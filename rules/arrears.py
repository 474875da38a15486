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


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a schedule as it is kept: what is owed and paid, in fen, and when it was paid off."""

    kind: str
    due_on: date
    principal_fen: int
    interest_fen: int
    paid_principal_fen: int = 0
    paid_interest_fen: int = 0
    paid_on: date | None = None

    def unpaid_on(self, on: date) -> tuple[int, int]:
        """Unpaid principal and interest at the end of that day.

        A line that was paid off later was owed until then, and all of it: when its parts came is not known.
        """
        if self.paid_on is None:
            return self.principal_fen - self.paid_principal_fen, self.interest_fen - self.paid_interest_fen
        return (0, 0) if self.paid_on <= on else (self.principal_fen, self.interest_fen)


@dataclass(frozen=True, slots=True)
class Standing:
    """How late a loan is at the end of a day. A missed settlement is past its day and not paid in full."""

    days_past_due: int
    missed_settlements: int
    overdue_principal_fen: int
    overdue_interest_fen: int


ON_TIME = Standing(0, 0, 0, 0)


def standing(lines: Iterable[Line], on: date) -> Standing:
    """How late a loan with these lines is. Clause: S11.3, S12.1, S7.3."""
    late = [(line, *line.unpaid_on(on)) for line in lines if line.due_on < on]
    late = [(line, principal, interest) for line, principal, interest in late if principal + interest]
    if not late:
        return ON_TIME
    return Standing(
        days_past_due=days_past_due(min(line.due_on for line, _, _ in late), on),
        missed_settlements=sum(line.kind == "settlement" for line, _, _ in late),
        overdue_principal_fen=sum(principal for _, principal, _ in late),
        overdue_interest_fen=sum(interest for _, _, interest in late),
    )
