"""Tasks: until when, who next, who may."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from policies import load_packs
from rules.tasks import (
    Delegation,
    check_delegation,
    check_reviewer,
    deadline,
    due_soon_at,
    end_of_day,
    escalates_on,
    is_late,
    next_role,
    passed_up_to,
    ripe_through,
)

POLICY = load_packs()["changge"].escalation(date(2026, 11, 28))
DAY = date(2025, 11, 10)
STAND_IN = Delegation(2, 1, DAY, DAY + timedelta(days=4))


def test_a_task_ends_with_its_last_working_day() -> None:
    """S1.2: three working days from Friday 26 September 2025, the Sunday after is worked."""
    end = deadline(date(2025, 9, 26), 3)
    assert end.on == date(2025, 9, 30)
    assert end.at == datetime(2025, 9, 30, 16, tzinfo=UTC)
    assert not end.approximate


def test_a_deadline_in_an_unpublished_year_says_so() -> None:
    """S5.3"""
    assert deadline(date(2090, 1, 2), 3).approximate


def test_late_begins_when_the_day_is_over() -> None:
    """S1.2"""
    end = end_of_day(DAY)
    assert not is_late(end, end - timedelta(seconds=1))
    assert is_late(end, end)
    assert due_soon_at(end, 24) == end_of_day(DAY - timedelta(days=1))


@pytest.mark.parametrize(
    ("role", "above"),
    [
        ("cadre", "town_clerk"),
        ("town_clerk", "county_clerk"),
        ("county_clerk", "administrator"),
        ("administrator", None),
        ("loan_officer", "county_clerk"),
        ("bank_officer", "county_clerk"),
        ("guarantor_officer", "county_clerk"),
    ],
)
def test_a_task_nobody_does_goes_one_level_up(role: str, above: str | None) -> None:
    """S9.1"""
    assert next_role(role, POLICY) == above


def test_a_role_nobody_knows_is_an_error() -> None:
    with pytest.raises(KeyError):
        next_role("farmer", POLICY)


def test_it_goes_up_on_its_last_day_and_then_each_working_day() -> None:
    """S9.1: Friday 7 November 2025, then Monday and Tuesday."""
    friday = date(2025, 11, 7)
    days = [escalates_on(friday, times, POLICY).on for times in range(3)]
    assert days == [friday, date(2025, 11, 10), date(2025, 11, 11)]
    assert [escalates_on(friday, times, POLICY).approximate for times in range(3)] == [False] * 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"to_on": DAY + timedelta(days=29)}, None),
        ({"to_on": DAY}, None),
        ({"to_on": DAY + timedelta(days=30)}, "delegation_too_long"),
        ({"to_on": DAY - timedelta(days=1)}, "delegation_dates"),
        ({"to_person_id": 2}, "delegation_to_self"),
    ],
)
def test_a_delegation_is_to_another_person_for_at_most_thirty_days(
    change: dict[str, object], code: str | None
) -> None:
    """S1.2"""
    refusal = check_delegation(replace(STAND_IN, **change), POLICY)
    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize(
    ("family", "decided", "code"),
    [
        ({2, 7}, {3}, None),
        ({1, 7}, set(), "own_case"),
        (set(), {1}, "decided_before"),
    ],
)
def test_nobody_acts_on_his_familys_application_or_at_two_of_its_stages(
    family: set[int], decided: set[int], code: str | None
) -> None:
    """S4.3"""
    refusal = check_reviewer(1, family_ids=frozenset(family), decided_ids=frozenset(decided))
    assert (refusal.code if refusal else None) == code
    assert refusal is None or refusal.rule == "S4.3"


def test_when_a_set_goes_up_is_when_each_of_its_tasks_would() -> None:
    """S9.1: the last ripe day is the day a task goes up, the other way round."""
    for ahead in range(90):
        on = date(2026, 11, 28) + timedelta(days=ahead)
        for times in (0, 1):
            last = ripe_through(on, times, POLICY)
            assert escalates_on(last, times, POLICY).on < on
            assert escalates_on(last + timedelta(days=1), times, POLICY).on >= on


def test_every_role_but_the_highest_has_one_above_it() -> None:
    """S9.1."""
    above = passed_up_to(POLICY)
    assert above == {role: next_role(role, POLICY) for role in above}
    assert (above["cadre"], above["bank_officer"]) == ("town_clerk", "county_clerk")
    assert "administrator" not in above
