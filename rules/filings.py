"""What a bank files each month: for which month, by which day, and how a letter is numbered."""

from __future__ import annotations

from datetime import date, timedelta

from rules.workdays import WorkingDate, next_workday


def month_to_file(on: date) -> date:
    """The first day of the month before: what is filed in this month is about it. Clause: S5.1."""
    return (on.replace(day=1) - timedelta(days=1)).replace(day=1)


def month_after(month: date) -> date:
    """The first day of the next month. Clause: S5.1."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def due_on(month: date, due_day: int) -> WorkingDate:
    """The last day for filing a month: that day of the next month, moved to the next working day.

    The official calendar decides, 调休 included. Clause: S5.1, S5.2, S5.3.
    """
    return next_workday(month_after(month).replace(day=due_day))


def is_late(due: date, submitted_on: date | None, on: date) -> bool:
    """Was it filed after its day, or is it still not filed? Clause: S5.1."""
    return (submitted_on or on) > due


def letter_number(county: str, year: int, bank: int, number: int) -> str:
    """The number of a 解除担保责任通知书: county, bank, year, running number without gaps. Clause: S5.2."""
    return f"{county}-JC{bank}-{year}-{number:05d}"
