"""Arrears: the day after is day 1."""

from __future__ import annotations

from datetime import date

import pytest

from rules.arrears import Due, days_past_due, is_npl, loan_days_past_due, oldest_unpaid, overdue_fen

MARCH, APRIL, MAY = date(2026, 3, 20), date(2026, 4, 20), date(2026, 5, 20)


@pytest.mark.parametrize(
    ("on", "days"), [(date(2026, 3, 19), 0), (MARCH, 0), (date(2026, 3, 21), 1), (date(2026, 6, 18), 90)]
)
def test_the_day_after_the_due_date_is_day_one(on: date, days: int) -> None:
    """S7.3"""
    assert days_past_due(MARCH, on) == days


def test_a_loan_is_as_late_as_its_oldest_line_not_paid_in_full() -> None:
    """S7.3"""
    lines = [Due(MAY, 100), Due(MARCH, 100, 100), Due(APRIL, 100, 99)]
    assert oldest_unpaid(lines, MAY) == Due(APRIL, 100, 99)
    assert loan_days_past_due(lines, MAY) == 30


def test_a_loan_paid_up_is_not_late() -> None:
    """S7.3"""
    lines = [Due(MARCH, 100, 100), Due(APRIL, 100)]
    assert oldest_unpaid(lines, APRIL) is None
    assert loan_days_past_due(lines, APRIL) == 0


def test_a_line_nobody_has_paid_on_is_owed_whole() -> None:
    """S12.1"""
    assert Due(MARCH, 100).unpaid_fen == 100


def test_only_what_was_due_is_overdue() -> None:
    """S12.1"""
    lines = [Due(MARCH, 100, 30), Due(APRIL, 100, 120), Due(MAY, 1_000)]
    assert overdue_fen(lines, MAY) == 70


@pytest.mark.parametrize(("days", "npl"), [(90, False), (91, True)])
def test_a_loan_is_non_performing_after_more_than_90_days(days: int, npl: bool) -> None:
    """S12.5"""
    assert is_npl(days, 90) is npl
