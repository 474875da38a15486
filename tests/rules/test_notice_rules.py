"""Notices: on which day which step is due, and what makes a notice the same notice."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load_packs
from rules.notices import Steps, Window, natural_key, step_day, step_on, windows

CHANGGE = load_packs()["changge"]
MATURITY, OVERDUE = CHANGGE.notices["maturity_due"].steps, CHANGGE.notices["overdue"].steps
DUE = date(2026, 11, 20)


def on(day: int) -> date:
    return DUE + timedelta(days=day)


@pytest.mark.parametrize("step", [-30, -7, -3, -1, 0])
def test_maturity_is_announced_on_its_days(step: int) -> None:
    """S11.2"""
    assert step_on(MATURITY, DUE, on(step)) == step
    assert step_day(DUE, step) == on(step)


@pytest.mark.parametrize("step", [1, 3, 7, 15, 30, 60, 90, 120, 720])
def test_overdue_is_told_on_its_days_and_then_each_thirty(step: int) -> None:
    """S11.2"""
    assert step_on(OVERDUE, DUE, on(step)) == step


@pytest.mark.parametrize("day", [-31, -26, -8, 4])
def test_between_the_steps_there_is_silence(day: int) -> None:
    """S11.2"""
    assert step_on(MATURITY, DUE, on(day)) is None


@pytest.mark.parametrize("day", [-1, 0, 36, 59, 66])
def test_nothing_is_overdue_on_the_due_date_nor_long_after_a_step(day: int) -> None:
    """S11.2"""
    assert step_on(OVERDUE, DUE, on(day)) is None


@pytest.mark.parametrize(
    ("day", "step"), [(-29, -30), (-27, -30), (-6, -7), (-4, -7), (-2, -3), (2, 0), (3, 0)]
)
def test_a_missed_night_is_made_good_by_the_latest_step(day: int, step: int) -> None:
    """S11.6"""
    assert step_on(MATURITY, DUE, on(day)) == step


def test_after_a_week_without_power_one_notice_goes_out_and_not_three() -> None:
    """S11.6"""
    assert step_on(MATURITY, DUE, on(-1), last_step=-30) == -1
    assert step_on(MATURITY, DUE, on(-1), last_step=-1) is None
    assert step_on(OVERDUE, DUE, on(32), last_step=30) is None
    assert step_on(OVERDUE, DUE, on(61), last_step=30) == 60


steps = st.builds(
    Steps,
    days=st.lists(st.integers(-40, 40), min_size=1, max_size=6, unique=True).map(
        lambda days: tuple(sorted(days))
    ),
    repeat_every=st.one_of(st.none(), st.integers(1, 40)),
    too_late_days=st.integers(0, 10),
)


@given(steps, st.integers(-60, 200))
def test_the_windows_of_a_scan_say_the_same_as_the_rule(step_rule: Steps, day: int) -> None:
    """S11.6: one set-based scan and one notice at a time agree."""
    here = [window.step for window in windows(step_rule, 200) if window.first_day <= day <= window.last_day]
    alone = step_on(step_rule, DUE, on(day))
    assert here == ([] if alone is None else [alone])


@given(steps, st.sets(st.integers(-60, 200)))
def test_each_step_goes_out_once_whatever_nights_were_missed(step_rule: Steps, missed: set[int]) -> None:
    """S11.6: run every night, run twice, or miss nights: steps rise, none comes twice."""
    sent: list[int] = []
    for day in range(-60, 201):
        for _ in range(2):
            last = sent[-1] if sent else None
            step = None if day in missed else step_on(step_rule, DUE, on(day), last_step=last)
            if step is not None:
                sent.append(step)
    assert sent == sorted(set(sent))
    if not missed:
        assert sent == [window.step for window in windows(step_rule, 200)]


def test_windows_end_before_the_next_step_and_at_the_horizon() -> None:
    """S11.6"""
    assert windows(Steps((1, 3), 30, 5), 34) == [Window(1, 1, 2), Window(3, 3, 8), Window(33, 33, 34)]
    assert windows(Steps((5,), None, 5), 4) == []


def test_the_key_names_person_kind_subject_due_date_and_step() -> None:
    """S11.6"""
    assert natural_key(7, "maturity_due", "loan:3", DUE, -7) == "7|maturity_due|loan:3|2026-11-20|-7"
    assert natural_key(7, "application_submitted", "application:9", None) == (
        "7|application_submitted|application:9|-|0"
    )
