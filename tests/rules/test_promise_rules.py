"""How far a promise may reach, how long it is respected, whether it was kept."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load_packs
from rules.promises import PromiseState, check_promise, last_day, quiet_through, verdict

ON = date(2026, 11, 28)
POLICY = load_packs()["changge"].promises(ON)
DAYS = st.integers(min_value=0, max_value=60)


@pytest.mark.parametrize(
    ("days", "broken", "code"),
    [
        (0, 0, None),
        (30, 0, None),
        (31, 0, "too_far"),
        (-1, 0, "promised_on"),
        (3, 1, None),
        (3, 2, "broken_before"),
    ],
)
def test_a_promise_reaches_as_far_as_the_pack_says(days: int, broken: int, code: str | None) -> None:
    """S18.4"""
    refused = check_promise(ON + timedelta(days=days), broken, ON, POLICY)
    assert (refused.code if refused else None) == code


def test_a_refusal_names_the_last_day_that_would_do() -> None:
    """S18.4: so that he can say another one."""
    refused = check_promise(ON + timedelta(days=99), 0, ON, POLICY)
    assert refused is not None
    latest = last_day(ON, POLICY)
    assert f"{latest.month}月{latest.day}日" in refused.message


@given(DAYS)
def test_nobody_is_left_alone_longer_than_the_pack_allows(days: int) -> None:
    """S18.4: never beyond the promised day, never beyond the days of the pack."""
    quiet = quiet_through(ON, ON + timedelta(days=days), POLICY)
    assert quiet <= ON + timedelta(days=days)
    assert quiet <= ON + timedelta(days=POLICY.quiet_days)
    assert quiet in (ON + timedelta(days=days), ON + timedelta(days=POLICY.quiet_days))


@given(DAYS, DAYS, st.integers(min_value=1, max_value=1000), st.integers(min_value=0, max_value=1000))
def test_a_promise_is_kept_by_money_and_broken_by_time(
    promised: int, today: int, amount: int, paid: int
) -> None:
    """S18.4: enough by the day is kept whenever one looks; too little is broken only after the grace."""
    promised_on, on = ON + timedelta(days=promised), ON + timedelta(days=today)
    state = verdict(promised_on, amount, paid, on, POLICY)
    assert (state is PromiseState.KEPT) == (paid >= amount)
    if paid < amount:
        late = on > promised_on + timedelta(days=POLICY.grace_days)
        assert state is (PromiseState.BROKEN if late else PromiseState.OPEN)
