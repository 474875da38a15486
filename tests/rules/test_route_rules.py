"""Routes: the standing of an application after anything that may happen to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load_packs
from rules.refusal import Refusal
from rules.routes import (
    DENIED_WORDS,
    FINAL_STATES,
    REQUIREMENT_WORDS,
    STATE_WORDS,
    Decision,
    Progress,
    ReturnTo,
    Route,
    Stage,
    State,
    Step,
    after_decision,
    after_supplement,
    check_decision,
    denied,
    first_step,
    open_stages,
    with_requirement,
    withdraw,
)

ON = date(2026, 11, 28)
CHANGGE = load_packs()["changge"]
ONLINE, PAPER = CHANGGE.route("online", ON), CHANGGE.route("paper", ON)
YES, BACK, NO = Decision.APPROVE, Decision.RETURN, Decision.REJECT


def names(route: Route, progress: Progress) -> list[str]:
    return [stage.name for stage in open_stages(route, progress)]


def walk(route: Route, *said: tuple[str, Decision], start: Progress | None = None) -> Progress:
    progress = start or first_step(route)
    for stage, decision in said:
        progress = after_decision(route, progress, stage, decision)
    return progress


TO_COUNTY = [("acquiring_bank_review", YES)]
TO_BANK = [*TO_COUNTY, ("county_recommend", YES)]
TO_PAYOUT = [*TO_BANK, ("bank_opinion", YES), ("guarantor_opinion", YES)]


def test_the_online_route_of_changge_runs_from_the_bank_to_the_payout() -> None:
    """S1.2"""
    progress = first_step(ONLINE)
    assert names(ONLINE, progress) == ["acquiring_bank_review"]
    progress = walk(ONLINE, *TO_COUNTY)
    assert names(ONLINE, progress) == ["county_recommend"]
    progress = walk(ONLINE, *TO_BANK)
    assert names(ONLINE, progress) == ["bank_opinion", "guarantor_opinion"]
    progress = walk(ONLINE, *TO_PAYOUT[:-1])
    assert names(ONLINE, progress) == ["guarantor_opinion"]
    progress = walk(ONLINE, *TO_PAYOUT)
    assert (progress.state, names(ONLINE, progress)) == (State.APPROVED, ["disbursement"])
    progress = walk(ONLINE, *TO_PAYOUT, ("disbursement", YES))
    assert (progress.state, names(ONLINE, progress)) == (State.DISBURSED, [])


def test_the_paper_route_of_changge_begins_in_the_village() -> None:
    """S2.1"""
    said = [("village_review", YES), ("town_review", YES), ("county_recommend", YES)]
    stages = [names(PAPER, walk(PAPER, *said[:count])) for count in range(4)]
    assert stages == [
        ["village_review"],
        ["town_review"],
        ["county_recommend"],
        ["bank_opinion", "guarantor_opinion"],
    ]


def test_the_county_stage_waits_for_the_visit_online_and_not_on_paper() -> None:
    """S1.3"""
    online = walk(ONLINE, *TO_COUNTY)
    for decision in Decision:
        refusal = check_decision(ONLINE, online, "county_recommend", decision)
        assert refusal is not None
        assert (refusal.rule, refusal.code) == ("S1.3", "requirement_missing")
        assert refusal.message == REQUIREMENT_WORDS["visit"]
        assert check_decision(ONLINE, online, "county_recommend", decision, ["visit"]) is None
    paper = walk(PAPER, ("village_review", YES), ("town_review", YES))
    assert check_decision(PAPER, paper, "county_recommend", YES) is None


def test_a_visit_that_found_it_untrue_forbids_approval_and_nothing_else() -> None:
    """S1.3: the county can still return or refuse, so the application never gets stuck."""
    online = walk(ONLINE, *TO_COUNTY)
    found = {d: check_decision(ONLINE, online, "county_recommend", d, [denied("visit")]) for d in Decision}
    assert (found[BACK], found[NO]) == (None, None)
    assert found[YES] is not None
    assert (found[YES].code, found[YES].message) == ("requirement_denied", DENIED_WORDS["visit"])


def test_a_requirement_is_added_once_and_only_where_it_belongs() -> None:
    """S1.3"""
    twice = with_requirement(with_requirement(PAPER, "town_review", "visit"), "town_review", "visit")
    assert twice.stage("town_review").requires == ("visit",)
    assert with_requirement(PAPER, "nowhere", "visit") == PAPER


def test_a_return_waits_for_the_farmer_and_opens_a_round_at_the_same_stage() -> None:
    """S1.2, S1.5"""
    returned = walk(ONLINE, ("acquiring_bank_review", BACK))
    assert (returned.state, returned.round, names(ONLINE, returned)) == (State.RETURNED, 1, [])
    again = after_supplement(ONLINE, returned)
    assert (again.state, again.round, names(ONLINE, again)) == (State.IN_REVIEW, 2, ["acquiring_bank_review"])


@pytest.mark.parametrize(
    ("return_to", "open_again"),
    [
        (ReturnTo.STAGE, ["guarantor_opinion"]),
        (ReturnTo.STEP, ["bank_opinion", "guarantor_opinion"]),
        (ReturnTo.FIRST, ["acquiring_bank_review"]),
    ],
)
def test_the_pack_says_who_looks_again_after_a_return(return_to: ReturnTo, open_again: list[str]) -> None:
    """S1.2"""
    route = replace(ONLINE, return_to=return_to)
    returned = walk(route, *TO_BANK, ("bank_opinion", YES), ("guarantor_opinion", BACK))
    again = after_supplement(route, returned)
    assert names(route, again) == open_again
    assert again.round == 2


def test_beside_a_return_the_other_stage_may_still_speak() -> None:
    """S1.2"""
    returned = walk(ONLINE, *TO_BANK, ("bank_opinion", BACK))
    assert names(ONLINE, returned) == ["guarantor_opinion"]
    approved = walk(ONLINE, ("guarantor_opinion", YES), start=returned)
    assert approved.state is State.RETURNED
    assert approved.decision_of("guarantor_opinion") is YES
    assert approved.decision_of("disbursement") is None
    assert names(ONLINE, after_supplement(ONLINE, approved)) == ["bank_opinion"]
    both = walk(ONLINE, ("guarantor_opinion", BACK), start=returned)
    assert names(ONLINE, after_supplement(ONLINE, both)) == ["bank_opinion", "guarantor_opinion"]


def test_a_stage_left_open_beside_a_return_is_open_in_the_next_round() -> None:
    """S1.2"""
    again = after_supplement(ONLINE, walk(ONLINE, *TO_BANK, ("bank_opinion", BACK)))
    assert names(ONLINE, again) == ["bank_opinion", "guarantor_opinion"]


def test_nothing_can_be_supplemented_that_was_not_returned() -> None:
    """S1.5"""
    with pytest.raises(ValueError, match="nothing was returned"):
        after_supplement(ONLINE, first_step(ONLINE))


@pytest.mark.parametrize("said", list(permutations([("bank_opinion", 0), ("guarantor_opinion", 1)])))
@pytest.mark.parametrize("first", list(Decision))
@pytest.mark.parametrize("second", list(Decision))
def test_side_by_side_the_order_of_decisions_does_not_matter(
    said: list[tuple[str, int]], first: Decision, second: Decision
) -> None:
    """S1.2"""
    decisions = (first, second)
    progress = walk(ONLINE, *TO_BANK)
    for stage, which in said:
        if progress.state not in FINAL_STATES:
            progress = after_decision(ONLINE, progress, stage, decisions[which])
    if NO in decisions:
        assert progress.state is State.REJECTED
    elif BACK in decisions:
        assert progress.state is State.RETURNED
    else:
        assert progress.state is State.APPROVED


def test_a_decision_that_may_not_be_taken_is_refused_in_words() -> None:
    """S1.2"""
    start = first_step(ONLINE)
    cases = {
        "stage_not_open": check_decision(ONLINE, start, "county_recommend", YES),
        "application_closed": check_decision(
            ONLINE, walk(ONLINE, ("acquiring_bank_review", NO)), "acquiring_bank_review", YES
        ),
        "decision_not_allowed": check_decision(ONLINE, walk(ONLINE, *TO_PAYOUT), "disbursement", BACK),
    }
    for code, refusal in cases.items():
        assert refusal is not None
        assert refusal.code == code
        assert refusal.message.endswith("。")


def test_a_requirement_without_words_of_its_own_still_gets_a_sentence() -> None:
    """S1.2"""
    route = with_requirement(ONLINE, "acquiring_bank_review", "two_people")
    refusal = check_decision(route, first_step(route), "acquiring_bank_review", YES)
    assert refusal is not None
    assert "还有材料没有齐" in refusal.message


def test_a_decision_that_was_refused_cannot_be_applied() -> None:
    """S1.2"""
    with pytest.raises(ValueError, match="stage_not_open"):
        after_decision(ONLINE, first_step(ONLINE), "county_recommend", YES)
    with pytest.raises(KeyError):
        after_decision(ONLINE, first_step(ONLINE), "no_such_stage", YES)


def test_the_farmer_may_withdraw_until_approval() -> None:
    """S1.5"""
    early = withdraw(walk(ONLINE, *TO_BANK))
    assert isinstance(early, Progress)
    assert early.state is State.WITHDRAWN
    late = withdraw(walk(ONLINE, *TO_PAYOUT))
    assert isinstance(late, Refusal)
    assert (late.rule, late.code) == ("S1.5", "too_late_to_withdraw")
    assert "已经同意" in late.message


def test_every_state_can_be_told_in_words() -> None:
    """S1.5"""
    assert set(STATE_WORDS) == set(State)


@pytest.mark.parametrize("name", ["online", "paper"])
def test_a_route_survives_being_stored_with_the_application(name: str) -> None:
    """S19.2"""
    route = CHANGGE.route(name, ON)
    assert Route.from_json(json.loads(json.dumps(route.as_json()))) == route


@st.composite
def routes(draw: st.DrawFn) -> Route:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    steps = tuple(
        Step(tuple(some_stage(f"s{number}_{each}") for each in range(size)))
        for number, size in enumerate(sizes)
    )
    return Route("any", "any", steps, draw(st.sampled_from(ReturnTo)))


def some_stage(name: str) -> Stage:
    return Stage(name, name, "cadre", "village_station", "village", 1, tuple(Decision))


@given(routes(), st.data())
def test_no_stage_is_skipped_and_the_end_is_the_end(route: Route, data: st.DataObject) -> None:
    """S1.2: whatever people decide, in whatever order."""
    progress = first_step(route)
    approved: set[str] = set()
    for _ in range(30):
        here = open_stages(route, progress)
        before = {stage.name for step in route.steps[: progress.step] for stage in step.stages}
        assert before <= approved
        if progress.state is State.RETURNED and (not here or data.draw(st.booleans())):
            step = progress.step
            progress = after_supplement(route, progress)
            assert progress.step == (0 if route.return_to is ReturnTo.FIRST else step)
            continue
        if not here:
            break
        stage = data.draw(st.sampled_from(here))
        decision = data.draw(st.sampled_from(Decision))
        if decision is YES:
            approved.add(stage.name)
        progress = after_decision(route, progress, stage.name, decision)
        assert progress.state is not State.REJECTED or decision is NO
    if progress.state is State.DISBURSED:
        assert approved == {stage.name for stage in route.stages()}
    if progress.state in FINAL_STATES:
        assert open_stages(route, progress) == ()
        assert isinstance(withdraw(progress), Refusal)
        for stage in route.stages():
            assert check_decision(route, progress, stage.name, YES) is not None


@given(routes(), st.data())
def test_the_standing_after_a_step_does_not_depend_on_the_order(route: Route, data: st.DataObject) -> None:
    """S1.2"""
    said = {stage.name: data.draw(st.sampled_from(Decision)) for stage in route.steps[0].stages}
    ends = set()
    for order in permutations(said):
        progress = first_step(route)
        for name in order:
            if progress.state not in FINAL_STATES:
                progress = after_decision(route, progress, name, said[name])
        ends.add(progress.state if progress.state is State.REJECTED else progress)
    assert len(ends) == 1


@given(routes(), st.data())
def test_only_approvals_of_the_round_or_before_are_kept(route: Route, data: st.DataObject) -> None:
    """S1.2: a new round never keeps a return."""
    progress = first_step(route)
    for stage in route.steps[0].stages:
        progress = after_decision(route, progress, stage.name, data.draw(st.sampled_from([YES, BACK])))
    if progress.state is State.RETURNED:
        again = after_supplement(route, progress)
        assert BACK not in dict(again.decided).values()
        assert again.round == 2
        assert open_stages(route, again)
