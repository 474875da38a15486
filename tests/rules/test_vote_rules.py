"""What the votes of a group come to, and who sits in it (S4.3, S17.1)."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.routes import Decision
from rules.votes import (
    PANEL_KINDS,
    PANEL_TITLES,
    Outcome,
    VotePolicy,
    check_seat,
    count,
    decision_of,
    seated,
    votes_needed,
)

YES, BACK, NO = Decision.APPROVE, Decision.RETURN, Decision.REJECT
POLICY = VotePolicy(quorum=(2, 3), majority=(1, 2), least=3, tie=NO)


@pytest.mark.parametrize(("seats", "needed"), [(1, 3), (3, 3), (4, 3), (5, 4), (6, 4), (7, 5), (9, 6)])
def test_two_thirds_of_the_seats_must_vote_and_never_fewer_than_three(seats: int, needed: int) -> None:
    assert votes_needed(seats, POLICY) == needed


@pytest.mark.parametrize(
    ("seats", "said", "over", "outcome"),
    [
        (5, [], False, Outcome.OPEN),
        (5, [YES, YES, YES], False, Outcome.OPEN),  # a majority, and one short of the quorum
        (5, [YES, YES, YES, NO], False, Outcome.APPROVED),
        (5, [YES, YES, NO, NO], False, Outcome.OPEN),  # the fifth decides
        (5, [YES, YES, NO, NO, NO], False, Outcome.REJECTED),
        (5, [BACK, BACK, BACK, YES], False, Outcome.RETURNED),
        (5, [YES, YES, NO, NO, BACK], False, Outcome.TIE),
        (4, [YES, YES, NO], False, Outcome.OPEN),
        (4, [YES, YES, NO, NO], False, Outcome.TIE),
        (4, [YES, YES, NO], True, Outcome.APPROVED),  # most of those who came
        (5, [YES, YES, NO, NO], True, Outcome.TIE),
        (5, [YES, YES, YES], True, Outcome.NO_QUORUM),
        (2, [], False, Outcome.NO_QUORUM),  # too many abstain: nobody needs to wait for it
        (0, [], True, Outcome.NO_QUORUM),
    ],
)
def test_votes_come_to_a_named_outcome(
    seats: int, said: list[Decision], over: bool, outcome: Outcome
) -> None:
    assert {count(seats, list(each), POLICY, over=over) for each in set(permutations(said))} == {outcome}


def test_only_an_outcome_says_something_for_the_stage() -> None:
    said = {outcome: decision_of(outcome, POLICY) for outcome in Outcome}
    assert said == {
        Outcome.OPEN: None, Outcome.NO_QUORUM: None, Outcome.TIE: NO,
        Outcome.APPROVED: YES, Outcome.RETURNED: BACK, Outcome.REJECTED: NO,
    }  # fmt: skip


@given(seats=st.integers(3, 9), said=st.lists(st.sampled_from(Decision), max_size=9), last=st.data())
def test_what_is_decided_early_the_votes_still_out_cannot_change(
    seats: int, said: list[Decision], last: st.DataObject
) -> None:
    early = count(seats, said[:seats], POLICY, over=False)
    rest = seats - len(said[:seats])
    more = last.draw(st.lists(st.sampled_from(Decision), min_size=rest, max_size=rest))
    if early is not Outcome.OPEN:
        assert count(seats, [*said[:seats], *more], POLICY, over=True) is early


def test_nobody_votes_on_his_own_case_or_on_what_he_had_a_hand_in() -> None:
    assert seated([1, 2, 3, 4], family={2}, other_posts={4, 9}) == [1, 3]


@pytest.mark.parametrize(
    ("kind", "roles", "bodies", "code"),
    [
        ("deliberation", {"bank_officer"}, {7}, None),
        ("deliberation", {"bank_officer"}, {8}, "other_body"),
        ("village_panel", {"cadre"}, {8}, None),
        ("village_panel", set(), set(), "no_post"),
        ("risk_panel", {"audit_administrator"}, {7}, "two_duties"),
    ],
)
def test_who_may_sit_in_a_group(kind: str, roles: set[str], bodies: set[int], code: str | None) -> None:
    refusal = check_seat(kind, roles, bodies, 7)
    assert (refusal.code if refusal else None) == code


def test_every_kind_of_group_has_a_name() -> None:
    assert set(PANEL_TITLES) == set(PANEL_KINDS)
