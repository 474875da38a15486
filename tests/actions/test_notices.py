"""When a planned notice is first looked at, and when it is too late. Clause: S11.5, S11.6."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from actions.notices import business_date, not_before, too_late_at
from bot.config import SHANGHAI
from policies import Pack

DAY = date(2026, 11, 28)


def at(hour: int, minute: int = 0, day: int = 28) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("kind", "due_on", "step", "wanted"),
    [
        ("overdue", date(2026, 11, 20), "7", at(0, day=29) + timedelta(days=4)),  # the 27th and five days
        ("maturity_due", date(2026, 12, 5), "-7", at(0, day=29) + timedelta(days=3)),
        ("application_returned", DAY, "r2s1", at(9) + timedelta(hours=168)),
        ("task_assigned", DAY, "up1", at(9) + timedelta(hours=168)),
    ],
)
def test_a_notice_is_of_use_for_its_days_or_hours(
    pack: Pack, kind: str, due_on: date, step: str, wanted: datetime
) -> None:
    """S11.6: steps by day count from the due date; rounds and levels are no days."""
    assert too_late_at(pack.notices[kind], due_on, step, at(9)) == wanted


@pytest.mark.parametrize(
    ("moment", "first", "last"),
    [(at(9), at(9), at(9)), (at(22), at(8, day=29), at(8, 30, day=29)), (at(7, 59), at(8), at(8, 30))],
)
def test_at_night_it_is_first_looked_at_in_the_morning(
    pack: Pack, moment: datetime, first: datetime, last: datetime
) -> None:
    """S11.5."""
    found = not_before(pack.notices["overdue"], "somebody", moment, pack.gates(DAY))
    assert first <= found <= last


def test_an_answer_that_somebody_waits_for_is_given_at_night_too(pack: Pack) -> None:
    """S11.5: only what its kind excepts."""
    assert not_before(pack.notices["late_reply"], "k", at(23), pack.gates(DAY)) == at(23)


def test_the_business_date_is_the_day_in_shanghai() -> None:
    """T2."""
    assert business_date(datetime.fromisoformat("2026-11-27T16:00:00+00:00")) == DAY
    assert business_date(datetime.fromisoformat("2026-11-27T15:59:59+00:00")) == DAY - timedelta(days=1)
