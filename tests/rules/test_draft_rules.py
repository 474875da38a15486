"""Drafts: reminders, warnings, the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rules.drafts import expires_at, expiry_warning_due, is_expired, reminder_due

TOUCHED = datetime(2026, 11, 1, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_draft_ends_thirty_days_after_the_last_touch() -> None:
    """S1.1"""
    end = expires_at(TOUCHED, 30)
    assert end == TOUCHED + timedelta(days=30)
    assert not is_expired(TOUCHED, 30, end - SECOND)
    assert is_expired(TOUCHED, 30, end)


@pytest.mark.parametrize(("hours", "reminder"), [(23, None), (24, 24), (71, 24), (72, 72), (500, 72)])
def test_the_latest_reminder_is_due_and_only_that(hours: int, reminder: int | None) -> None:
    """S1.1, S11.6"""
    assert reminder_due(TOUCHED, TOUCHED + timedelta(hours=hours), [72, 24]) == reminder


@pytest.mark.parametrize(("days", "warning"), [(26, None), (27, 3), (28, 3), (29, 1), (30, None)])
def test_the_end_is_announced_three_days_and_one_day_before(days: int, warning: int | None) -> None:
    """S1.1"""
    assert expiry_warning_due(TOUCHED, TOUCHED + timedelta(days=days), 30, [1, 3]) == warning
