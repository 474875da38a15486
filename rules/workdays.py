"""Working days by the official calendar, 调休 included; what it does not know yet is said aloud."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import chinese_calendar

ONE_DAY = timedelta(days=1)


class CalendarUnknown(ValueError):  # noqa: N818 - says what is the case
    """The official calendar of that year is not published or not in this version of the program."""

    def __init__(self, year: int) -> None:
        super().__init__(f"no official calendar for {year}")
        self.year = year


@dataclass(frozen=True, slots=True)
class WorkingDate:
    """A date found by counting; `approximate` when an unpublished year was counted Monday to Friday."""

    on: date
    approximate: bool


def is_workday(on: date) -> bool:
    """Do people work on that day, by the official calendar? Raises CalendarUnknown. Clause: S5.3."""
    try:
        return bool(chinese_calendar.is_workday(on))
    except NotImplementedError:
        raise CalendarUnknown(on.year) from None


def is_workday_or_guess(on: date) -> WorkdayGuess:
    """As `is_workday`; for an unknown year Monday to Friday, marked as a guess. Clause: S5.3 (default)."""
    try:
        return WorkdayGuess(is_workday(on), guessed=False)
    except CalendarUnknown:
        return WorkdayGuess(on.weekday() < 5, guessed=True)


@dataclass(frozen=True, slots=True)
class WorkdayGuess:
    """Whether people work, and whether that is only the look of the weekday."""

    works: bool
    guessed: bool


def next_workday(on: date) -> WorkingDate:
    """The day itself when people work, else the next on which they do. Clause: S5.3."""
    return _walk(on, 0)


def add_working_days(on: date, count: int) -> WorkingDate:
    """The working day that lies `count` working days after the given day, itself not counted.

    Nought gives `next_workday`. Raises ValueError on a negative count. Clause: S1.2, S5.3.
    """
    if count < 0:
        raise ValueError("cannot count working days backwards")
    return _walk(on + ONE_DAY, count - 1) if count else next_workday(on)


def _walk(day: date, to_pass: int) -> WorkingDate:
    approximate = False
    while True:
        guess = is_workday_or_guess(day)
        approximate = approximate or guess.guessed
        if guess.works and to_pass == 0:
            return WorkingDate(day, approximate)
        to_pass -= guess.works
        day += ONE_DAY
