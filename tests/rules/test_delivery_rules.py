"""The life of a delivery, and the ladder."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load_packs
from rules.delivery import (
    CONTACT_STATES,
    MOVES,
    TERMINAL,
    Move,
    Outcome,
    Receipt,
    after_attempt,
    after_receipt,
    after_uncertain,
    check_move,
    is_final,
    next_rung,
    receipt_overdue,
)
from rules.notices import Channel, DeliveryState, NoticeClass

S = DeliveryState
POLICY = load_packs()["changge"].retries(date(2026, 11, 28))
NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 29, 0, tzinfo=UTC)
LADDER = tuple(Channel)
SERVICE, COLLECTION, TASK = NoticeClass.SERVICE, NoticeClass.COLLECTION, NoticeClass.TASK


def attempt(outcome: Outcome, attempts: int = 1) -> Move:
    return after_attempt(outcome, attempts, NOW, TOMORROW, POLICY)


@pytest.mark.parametrize(
    ("outcome", "move"),
    [
        (Outcome.ACCEPTED, Move(S.SENT)),
        (Outcome.UNREACHABLE, Move(S.REFUSED)),
        (Outcome.BAD_DATA, Move(S.GIVEN_UP, alarm=True)),
        (Outcome.UNKNOWN, Move(S.UNCERTAIN)),
        (Outcome.LOST, Move(S.UNCERTAIN)),
        (Outcome.QUOTA, Move(S.PLANNED, TOMORROW, alarm=True)),
        (Outcome.THROTTLED, Move(S.PLANNED, NOW + timedelta(hours=6))),
    ],
)
def test_each_answer_of_the_far_end_has_one_consequence(outcome: Outcome, move: Move) -> None:
    """S18.7"""
    assert attempt(outcome) == move


@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.UNREACHABLE, Outcome.BUSY, Outcome.UNKNOWN])
def test_what_is_part_of_life_wakes_nobody(outcome: Outcome) -> None:
    """S18.7"""
    assert attempt(outcome).alarm is False


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 15)])
def test_a_busy_far_end_is_asked_again_ever_later(attempts: int, minutes: int) -> None:
    """S18.7"""
    assert attempt(Outcome.BUSY, attempts) == Move(S.PLANNED, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.THROTTLED])
def test_after_the_last_attempt_it_is_given_up_and_somebody_told(outcome: Outcome) -> None:
    """S18.7"""
    assert attempt(outcome, 5) == Move(S.GIVEN_UP, alarm=True)


def test_a_collection_notice_of_unknown_fate_is_never_sent_again() -> None:
    """S11.5: unless the far end recognises the repeat as the same message."""
    for attempts in range(1, 9):
        assert after_uncertain(COLLECTION, attempts, NOW, POLICY) == Move(S.UNCERTAIN, alarm=True)


def test_a_service_notice_of_unknown_fate_stays_as_it_is() -> None:
    """S18.7: it may have arrived, and nobody is lost without it; nobody of ours need look."""
    assert after_uncertain(SERVICE, 1, NOW, POLICY) == Move(S.UNCERTAIN)


def test_a_task_of_unknown_fate_is_tried_again_and_then_told_another_way() -> None:
    """S18.7: a lost one is worse than two."""
    assert after_uncertain(TASK, 1, NOW, POLICY) == Move(S.PLANNED, NOW)
    assert after_uncertain(TASK, 5, NOW, POLICY).state is S.GIVEN_UP


@pytest.mark.parametrize("notice_class", list(NoticeClass))
def test_a_repeat_that_the_far_end_recognises_is_safe_for_every_class(notice_class: NoticeClass) -> None:
    """S18.7: WeChat takes the same client_msg_id once; dead workers use up no try."""
    assert after_uncertain(notice_class, 1, NOW, POLICY, recognised=True) == Move(S.PLANNED, NOW)
    last = after_uncertain(notice_class, 5, NOW, POLICY, recognised=True)
    assert last == (Move(S.GIVEN_UP, alarm=True) if notice_class is TASK else Move(S.UNCERTAIN, alarm=True))
    lost = after_uncertain(notice_class, 9, NOW, POLICY, recognised=True, lost=True)
    assert lost == Move(S.PLANNED, NOW)


@pytest.mark.parametrize("notice_class", list(NoticeClass))
def test_what_was_accepted_is_not_repeated_for_want_of_a_receipt(notice_class: NoticeClass) -> None:
    """S18.7"""
    assert after_uncertain(notice_class, 1, NOW, POLICY, accepted=True) == Move(S.UNCERTAIN)


@pytest.mark.parametrize(
    ("receipt", "attempts", "move"),
    [
        (Receipt.DELIVERED, 1, Move(S.DELIVERED)),
        (Receipt.BLOCKED, 1, Move(S.REFUSED)),
        (Receipt.FAILED, 1, Move(S.REFUSED)),
        (Receipt.THROTTLED, 1, Move(S.PLANNED, NOW + timedelta(hours=6))),
        (Receipt.THROTTLED, 5, Move(S.REFUSED)),
    ],
)
def test_a_receipt_settles_it(receipt: Receipt, attempts: int, move: Move) -> None:
    """S18.7"""
    assert after_receipt(receipt, attempts, NOW, POLICY) == move


def test_a_receipt_is_missed_after_a_day_where_there_are_receipts() -> None:
    """S18.7"""
    day = timedelta(hours=24)
    assert receipt_overdue(Channel.TEMPLATE, NOW, NOW + day, POLICY)
    assert not receipt_overdue(Channel.TEMPLATE, NOW, NOW + day - timedelta(seconds=1), POLICY)
    assert not receipt_overdue(Channel.SMS, NOW, NOW + 9 * day, POLICY)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_terminal_state_stays(state: DeliveryState) -> None:
    """S18.7"""
    for after in S:
        with pytest.raises(ValueError, match="cannot go"):
            check_move(state, after)


@given(st.sampled_from(Outcome), st.integers(1, 9))
def test_every_consequence_of_an_attempt_is_a_legal_move(outcome: Outcome, attempts: int) -> None:
    """S18.7"""
    move = attempt(outcome, attempts)
    check_move(S.SENDING, move.state)
    assert move.state is not S.SENDING, "an attempt ends in something"
    assert (move.retry_at is not None) == (move.state is S.PLANNED)
    assert move.retry_at is None or move.retry_at >= NOW
    tried_out = attempts >= POLICY.attempts_max and outcome is Outcome.BUSY
    assert not (tried_out and move.state is S.PLANNED)


@given(st.sampled_from(Receipt), st.integers(1, 9), st.sampled_from([S.SENT, S.UNCERTAIN]))
def test_every_consequence_of_a_receipt_is_a_legal_move(receipt: Receipt, attempts: int, state: S) -> None:
    """S18.7"""
    move = after_receipt(receipt, attempts, NOW, POLICY)
    check_move(state, move.state)
    assert (move.state is S.DELIVERED) == (receipt is Receipt.DELIVERED)
    assert (move.retry_at is not None) == (move.state is S.PLANNED)


def test_an_attempt_is_written_before_the_call() -> None:
    """S18.7: nobody gets from planned to sent without a state that survives a crash."""
    assert S.SENT not in MOVES[S.PLANNED] | MOVES[S.LEASED]
    assert S.SENDING in CONTACT_STATES
    with pytest.raises(ValueError, match="cannot go"):
        check_move(S.PLANNED, S.SENT)
    check_move(S.PLANNED, S.SENT, attempted=True)


@pytest.mark.parametrize("state", [S.REFUSED, S.GIVEN_UP])
def test_the_next_rung_follows_a_refusal(state: DeliveryState) -> None:
    """S11.7, S18.7"""
    climbed = [next_rung(LADDER, channel, state, SERVICE) for channel in LADDER]
    assert climbed == [*LADDER[1:], None]


@pytest.mark.parametrize("state", [S.DELIVERED, S.EXPIRED, S.SUPPRESSED])
def test_nothing_follows_a_delivery_or_a_notice_nobody_needs(state: DeliveryState) -> None:
    """S18.7"""
    assert next_rung(LADDER, Channel.TEMPLATE, state, COLLECTION) is None


def test_accepted_is_the_last_word_only_where_no_receipt_will_come() -> None:
    """S18.7"""
    assert next_rung(LADDER, Channel.SERVICE_MESSAGE, S.SENT, SERVICE) is None
    with pytest.raises(ValueError, match="not the last word"):
        next_rung(LADDER, Channel.TEMPLATE, S.SENT, SERVICE)


def test_a_collection_of_unknown_fate_goes_to_a_person() -> None:
    """S11.5, S11.7"""
    assert next_rung(LADDER, Channel.TEMPLATE, S.UNCERTAIN, COLLECTION) is Channel.CADRE_TASK
    assert next_rung(LADDER[:-1], Channel.TEMPLATE, S.UNCERTAIN, COLLECTION) is None
    assert next_rung(LADDER, Channel.TEMPLATE, S.UNCERTAIN, COLLECTION, accepted=True) is None
    assert next_rung(LADDER, Channel.TEMPLATE, S.UNCERTAIN, SERVICE) is None
    with pytest.raises(ValueError, match="not the last word"):
        next_rung(LADDER, Channel.TEMPLATE, S.UNCERTAIN, TASK)
    assert not is_final(S.UNCERTAIN, Channel.TEMPLATE, TASK)


@given(
    st.lists(st.sampled_from(Channel), min_size=1, max_size=5, unique=True),
    st.sampled_from(S),
    st.sampled_from(NoticeClass),
    st.booleans(),
)
def test_each_rung_follows_only_a_final_outcome_of_the_one_before(
    ladder: list[Channel], state: DeliveryState, notice_class: NoticeClass, accepted: bool
) -> None:
    """S18.7"""
    first = ladder[0]
    if not is_final(state, first, notice_class, accepted=accepted):
        with pytest.raises(ValueError, match="not the last word"):
            next_rung(ladder, first, state, notice_class, accepted=accepted)
        return
    following = next_rung(ladder, first, state, notice_class, accepted=accepted)
    assert following is None or following in ladder[1:]
    if following is not None and notice_class is COLLECTION and state is S.UNCERTAIN:
        assert following is Channel.CADRE_TASK


@given(st.data(), st.sampled_from(NoticeClass))
def test_a_notice_played_to_its_end_reaches_each_rung_once(
    data: st.DataObject, notice_class: NoticeClass
) -> None:
    """S18.7: random answers, crashes and receipts; a collection notice is on the way at most once per rung,
    and nothing is sent after somebody may have got it."""
    channel: Channel | None = LADDER[0]
    visited: list[Channel] = []
    maybe_reached = 0
    while channel is not None:
        visited.append(channel)
        state, attempts, accepted = S.PLANNED, 0, False
        while not is_final(state, channel, notice_class, accepted=accepted):
            before = state
            if state is S.PLANNED:
                attempts += 1
                outcome = data.draw(st.sampled_from([each for each in Outcome if each is not Outcome.QUOTA]))
                state = attempt(outcome, attempts).state
                accepted = accepted or outcome is Outcome.ACCEPTED
                maybe_reached += state in (S.SENT, S.UNCERTAIN) and channel is not Channel.CADRE_TASK
                before = S.SENDING
            elif state is S.SENT:
                receipts = [*Receipt, None]
                receipt = data.draw(st.sampled_from(receipts))
                state = (
                    S.UNCERTAIN if receipt is None else after_receipt(receipt, attempts, NOW, POLICY).state
                )
                if state in (S.PLANNED, S.REFUSED):
                    maybe_reached -= 1
                    accepted = False
            else:
                recognised = data.draw(st.booleans())
                state = after_uncertain(
                    notice_class, attempts, NOW, POLICY, accepted=accepted, recognised=recognised
                ).state
            if state is not before:
                check_move(before, state)
        if notice_class is COLLECTION:
            assert maybe_reached <= 1
        channel = next_rung(LADDER, channel, state, notice_class, accepted=accepted)
    assert len(visited) == len(set(visited))
