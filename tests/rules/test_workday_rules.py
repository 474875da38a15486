"""Working days: the official calendar, and honesty about years it does not hold."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.workdays import (
    CalendarUnknown,
    WorkingDate,
    add_working_days,
    is_workday,
    is_workday_or_guess,
    next_workday,
)

UNKNOWN_YEAR = 2090


@pytest.mark.parametrize(
    ("on", "works"),
    [
        (date(2025, 10, 1), False),  # National Day
        (date(2025, 9, 28), True),  # a Sunday worked for it
        (date(2025, 10, 11), True),  # a Saturday worked for it
        (date(2025, 10, 9), True),
        (date(2025, 11, 8), False),  # an ordinary Saturday
    ],
)
def test_moved_days_count_as_the_state_council_says(on: date, works: bool) -> None:
    """S5.3"""
    assert is_workday(on) is works


def test_the_tenth_on_a_rest_day_moves_to_the_next_working_day() -> None:
    """S5.3: 10 August 2025 is a Sunday."""
    assert next_workday(date(2025, 8, 10)) == WorkingDate(date(2025, 8, 11), approximate=False)
    assert next_workday(date(2025, 9, 10)) == WorkingDate(date(2025, 9, 10), approximate=False)


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (date(2025, 9, 26), 1, date(2025, 9, 28)),  # Friday, then the worked Sunday
        (date(2025, 9, 30), 1, date(2025, 10, 9)),  # over the holiday
        (date(2025, 9, 30), 3, date(2025, 10, 11)),
        (date(2025, 10, 1), 0, date(2025, 10, 9)),
        (date(2025, 11, 7), 0, date(2025, 11, 7)),
        (date(2025, 11, 8), 1, date(2025, 11, 10)),
    ],
)
def test_working_days_are_counted_after_the_first_day(start: date, count: int, end: date) -> None:
    """S1.2, S5.3"""
    assert add_working_days(start, count) == WorkingDate(end, approximate=False)


def test_days_are_not_counted_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        add_working_days(date(2025, 1, 2), -1)


def test_an_unpublished_year_is_not_guessed_silently() -> None:
    """S5.3"""
    with pytest.raises(CalendarUnknown, match="2090") as unknown:
        is_workday(date(UNKNOWN_YEAR, 5, 1))
    assert unknown.value.year == UNKNOWN_YEAR
    monday, sunday = date(UNKNOWN_YEAR, 5, 1), date(UNKNOWN_YEAR, 4, 30)
    assert monday.weekday() == 0
    assert (is_workday_or_guess(monday).works, is_workday_or_guess(monday).guessed) == (True, True)
    assert (is_workday_or_guess(sunday).works, is_workday_or_guess(sunday).guessed) == (False, True)
    assert not is_workday_or_guess(date(UNKNOWN_YEAR, 4, 29)).works
    assert is_workday_or_guess(date(UNKNOWN_YEAR, 4, 28)).works
    assert add_working_days(sunday, 1) == WorkingDate(monday, approximate=True)


@given(st.dates(date(2018, 1, 1), date(2025, 6, 1)), st.integers(0, 30))
def test_the_day_found_is_worked_and_as_many_lie_before_it(start: date, count: int) -> None:
    """S5.3"""
    found = add_working_days(start, count).on
    between = [start + timedelta(days=n) for n in range(1, (found - start).days + 1)]
    assert is_workday(found)
    if count:
        assert sum(map(is_workday, between)) == count
