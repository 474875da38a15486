"""The gates: one list, in order, each no with a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load_packs
from rules.gates import (
    SHANGHAI,
    Action,
    GateFacts,
    Reach,
    Reason,
    Verdict,
    gate,
    is_quiet,
    quiet_until,
    quota_left,
    rung_problem,
    spread,
)
from rules.notices import Channel, NoticeClass, QuietHours

POLICY = load_packs()["changge"].gates(date(2026, 11, 28))
QUIET = POLICY.quiet
NOON = datetime(2026, 11, 28, 12, tzinfo=SHANGHAI)
NIGHT = datetime(2026, 11, 28, 23, tzinfo=SHANGHAI)
ANYWHERE = Reach(grants_left=1, service_messages_left=1, phone_known=True)
COLLECTION = GateFacts(
    now=NOON,
    key="k",
    notice_class=NoticeClass.COLLECTION,
    channel=Channel.TEMPLATE,
    priority=1,
    reach=ANYWHERE,
)
SERVICE = COLLECTION._replace(notice_class=NoticeClass.SERVICE)
TASK = COLLECTION._replace(notice_class=NoticeClass.TASK)
SEND = Verdict(Action.SEND, Reason.CLEAR)


def at(hour: int, minute: int = 0, day: int = 28) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize("facts", [COLLECTION, SERVICE, TASK])
def test_by_day_with_nothing_in_the_way_a_notice_goes_out(facts: GateFacts) -> None:
    """S18.7"""
    assert gate(facts, POLICY) == SEND


@pytest.mark.parametrize(
    ("change", "action", "reason"),
    [
        ({"still_true": False, "opted_out": True}, Action.SUPPRESS, Reason.SETTLED),
        ({"opted_out": True, "too_late_at": NOON}, Action.SUPPRESS, Reason.OPTED_OUT),
        ({"too_late_at": NOON, "now": NIGHT}, Action.EXPIRE, Reason.STALE),
        ({"quiet_day_until": at(0, day=29), "now": NIGHT}, Action.DEFER, Reason.QUIET_DAY),
        ({"now": NIGHT, "last_heard_at": NIGHT}, Action.DEFER, Reason.QUIET_HOURS),
        (
            {"reminder": True, "last_heard_at": NOON, "reach": Reach(following=False)},
            Action.DEFER,
            Reason.CONVERSATION,
        ),
        ({"reach": Reach(following=False), "quota_used_today": 10**9}, Action.SKIP, Reason.NOT_FOLLOWING),
        ({"quota_used_today": 10**9}, Action.DEFER, Reason.QUOTA),
    ],
)
def test_the_first_gate_in_the_order_speaks(change: dict[str, Any], action: Action, reason: Reason) -> None:
    """S18.7"""
    verdict = gate(SERVICE._replace(**change), POLICY)
    assert (verdict.action, verdict.reason) == (action, reason)
    assert (verdict.until is not None) == (action is Action.DEFER)


def test_too_late_is_the_very_moment() -> None:
    """S11.2"""
    assert gate(SERVICE._replace(too_late_at=NOON), POLICY).action is Action.EXPIRE
    assert gate(SERVICE._replace(too_late_at=NOON + timedelta(seconds=1)), POLICY) == SEND


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [(at(21, 59), False), (at(22), True), (at(0), True), (at(7, 59), True), (at(8), False), (at(12), False)],
)
def test_quiet_is_from_ten_to_eight(moment: datetime, quiet: bool) -> None:
    """S11.5"""
    assert is_quiet(moment, QUIET) is quiet
    assert is_quiet(moment.astimezone(UTC), QUIET) is quiet


@pytest.mark.parametrize(
    ("moment", "until"), [(at(23), at(8, day=29)), (at(3), at(8)), (at(22), at(8, day=29)), (at(9), at(9))]
)
def test_what_falls_into_the_night_waits_until_morning(moment: datetime, until: datetime) -> None:
    """S11.5"""
    assert quiet_until(moment, QUIET) == until


def test_quiet_hours_may_lie_within_one_day() -> None:
    """S11.5"""
    siesta = QuietHours(time(12), time(14))
    assert [is_quiet(at(hour), siesta) for hour in (11, 12, 13, 14)] == [False, True, True, False]
    assert quiet_until(at(13), siesta) == at(14)
    assert not is_quiet(at(12), QuietHours(time(12), time(12)))


def test_the_morning_release_is_spread_over_half_an_hour() -> None:
    """S11.5"""
    waits = [gate(SERVICE._replace(now=NIGHT, key=str(key)), POLICY).until for key in range(200)]
    moments = [wait for wait in waits if wait is not None]
    assert at(8, day=29) <= min(moments)
    assert at(8, 25, day=29) < max(moments) < at(8, 30, day=29)
    assert len(set(moments)) > 100
    assert waits[0] == gate(SERVICE._replace(now=NIGHT, key="0"), POLICY).until


def test_the_answer_somebody_waits_for_comes_at_night_and_into_a_conversation() -> None:
    """S11.5, S18.6"""
    answer = SERVICE._replace(obeys_quiet_hours=False, now=NIGHT, last_heard_at=NIGHT)
    assert gate(answer, POLICY) == SEND
    assert gate(answer._replace(notice_class=NoticeClass.COLLECTION), POLICY).reason is Reason.QUIET_HOURS


def test_a_village_quiet_day_ends_in_the_morning_after() -> None:
    """S18.6"""
    verdict = gate(COLLECTION._replace(quiet_day_until=at(0, day=30)), POLICY)
    assert verdict.until is not None
    assert at(8, day=30) <= verdict.until < at(8, 30, day=30)
    assert gate(COLLECTION._replace(quiet_day_until=NOON), POLICY) == SEND


def test_a_quiet_day_that_ends_just_before_the_night_lets_nobody_wake_up_in_it() -> None:
    """S11.5, S18.6"""
    for key in range(50):
        verdict = gate(SERVICE._replace(key=str(key), quiet_day_until=at(21, 59)), POLICY)
        assert verdict.until is not None
        assert not is_quiet(verdict.until, QUIET)


def test_a_running_conversation_is_left_alone_for_ten_minutes() -> None:
    """S18.6"""
    reminder = SERVICE._replace(reminder=True)
    heard = NOON - timedelta(minutes=9)
    assert gate(reminder._replace(last_heard_at=heard), POLICY).until == heard + timedelta(minutes=10)
    assert gate(reminder._replace(last_heard_at=NOON - timedelta(minutes=10)), POLICY) == SEND


def test_the_answer_to_what_was_just_done_does_not_wait_for_the_conversation_to_end() -> None:
    """S18.6 is about reminders: a new task or the news of a decision goes out at once."""
    assert gate(TASK._replace(last_heard_at=NOON), POLICY) == SEND
    assert gate(SERVICE._replace(last_heard_at=NOON), POLICY) == SEND


@pytest.mark.parametrize(("contacts", "action"), [(2, Action.SEND), (3, Action.DEFER), (4, Action.DEFER)])
def test_three_collection_contacts_a_day_are_enough(contacts: int, action: Action) -> None:
    """S11.5"""
    verdict = gate(COLLECTION._replace(collection_contacts_today=contacts), POLICY)
    assert verdict.action is action
    if action is Action.DEFER:
        assert verdict.reason is Reason.CAP
        assert verdict.until is not None
        assert at(8, day=29) <= verdict.until < at(8, 30, day=29)
    assert gate(SERVICE._replace(collection_contacts_today=contacts), POLICY) == SEND


def test_an_opt_out_ends_a_service_notice_but_only_moves_a_collection_to_a_person() -> None:
    """S11.7"""
    assert gate(SERVICE._replace(opted_out=True), POLICY).action is Action.SUPPRESS
    assert gate(COLLECTION._replace(opted_out=True), POLICY) == Verdict(Action.SKIP, Reason.OPTED_OUT)
    assert gate(COLLECTION._replace(opted_out=True, channel=Channel.CADRE_TASK), POLICY) == SEND
    assert gate(TASK._replace(opted_out=True), POLICY) == SEND


@pytest.mark.parametrize(
    ("channel", "reach", "reason"),
    [
        (Channel.TEMPLATE, Reach(following=False), Reason.NOT_FOLLOWING),
        (Channel.TEMPLATE, Reach(refused_template=True), Reason.REFUSED_BY_PERSON),
        (Channel.TEMPLATE, Reach(), None),
        (Channel.SUBSCRIBE, Reach(), Reason.NO_GRANT),
        (Channel.SUBSCRIBE, Reach(following=False, grants_left=1), None),
        (Channel.SERVICE_MESSAGE, Reach(), Reason.WINDOW_CLOSED),
        (Channel.SERVICE_MESSAGE, Reach(service_messages_left=1), None),
        (Channel.SMS, Reach(), Reason.NO_PHONE),
        (Channel.SMS, Reach(phone_known=True), None),
        (Channel.CADRE_TASK, Reach(cadre_known=False), Reason.NO_CADRE),
        (Channel.CADRE_TASK, Reach(), None),
    ],
)
def test_a_rung_that_cannot_reach_the_person_says_why(
    channel: Channel, reach: Reach, reason: Reason | None
) -> None:
    """S11.7, S18.7"""
    assert rung_problem(channel, reach) is reason


def test_the_urgent_finds_room_when_the_rest_has_used_its_share() -> None:
    """S18.7"""
    shares = {priority: quota_left(Channel.TEMPLATE, priority, 0, POLICY) for priority in range(1, 6)}
    assert shares == {1: 100_000, 2: 95_000, 3: 85_000, 4: 60_000, 5: 40_000}
    assert quota_left(Channel.TEMPLATE, 4, 60_001, POLICY) == 0
    assert quota_left(Channel.TEMPLATE, 9, 0, POLICY) == 100_000
    assert quota_left(Channel.SMS, 5, 10**9, POLICY) == 1


def test_what_cannot_wait_for_tomorrows_quota_takes_another_way() -> None:
    """S18.7"""
    full = SERVICE._replace(quota_used_today=100_000)
    assert gate(full, POLICY).action is Action.DEFER
    at_eight = replace(POLICY, release_spread=timedelta())
    assert gate(full._replace(too_late_at=at(8, day=29)), at_eight) == Verdict(Action.SKIP, Reason.QUOTA)
    assert gate(full._replace(too_late_at=at(8, 1, day=29)), at_eight).until == at(8, day=29)
    assert gate(full._replace(too_late_at=at(9, day=29)), POLICY).action is Action.DEFER


moments = st.integers(0, 730 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
facts = st.builds(
    GateFacts,
    now=moments,
    key=st.text(max_size=8),
    notice_class=st.sampled_from(NoticeClass),
    channel=st.sampled_from(Channel),
    priority=st.integers(1, 5),
    reach=st.builds(Reach),
    still_true=st.booleans(),
    opted_out=st.booleans(),
    too_late_at=st.one_of(st.none(), moments),
    obeys_quiet_hours=st.booleans(),
    promised_until=st.one_of(st.none(), moments),
    quiet_day_until=st.one_of(st.none(), moments),
    last_heard_at=st.one_of(st.none(), moments),
    collection_contacts_today=st.integers(0, 6),
    quota_used_today=st.integers(0, 120_000),
)


@given(facts)
def test_collection_never_goes_out_at_night_nor_beyond_the_cap(anything: GateFacts) -> None:
    """S11.5: whatever else is set, on every rung."""
    verdict = gate(anything._replace(notice_class=NoticeClass.COLLECTION), POLICY)
    if verdict.action is Action.SEND:
        assert time(8) <= anything.now.astimezone(SHANGHAI).time() < time(22)
        assert anything.collection_contacts_today < 3
        assert anything.still_true
        assert anything.promised_until is None or anything.promised_until <= anything.now


@given(facts)
def test_a_deferral_lies_ahead_and_never_leads_into_the_night(anything: GateFacts) -> None:
    """S11.5, S18.6: nothing is looked at for ever, nothing wakes up at night for having waited."""
    verdict = gate(anything, POLICY)
    if verdict.action is not Action.DEFER:
        assert verdict.until is None
        return
    assert verdict.until is not None
    assert verdict.until > anything.now
    if verdict.reason is not Reason.CONVERSATION:
        assert not is_quiet(verdict.until, QUIET)


@given(moments, st.text(max_size=20), st.integers(0, 120))
def test_spreading_stays_inside_its_width(moment: datetime, key: str, minutes: int) -> None:
    """S11.5"""
    width = timedelta(minutes=minutes)
    assert moment <= spread(moment, key, width) <= moment + width


def test_a_promise_holds_a_collection_until_its_day_is_over() -> None:
    """S18.4: deferred to the morning after; where the next step speaks by then, not sent at all."""
    promised = COLLECTION._replace(promised_until=at(0, day=30))
    found = gate(promised, POLICY)
    assert (found.action, found.reason) == (Action.DEFER, Reason.PROMISED)
    assert found.until is not None
    assert at(8, day=30) <= found.until < at(9, day=30)
    too_late = promised._replace(too_late_at=at(0, day=30))
    assert gate(too_late, POLICY) == Verdict(Action.SUPPRESS, Reason.PROMISED)
    assert gate(promised._replace(now=at(12, day=30)), POLICY) == SEND


@pytest.mark.parametrize("facts", [SERVICE, TASK])
def test_a_promise_holds_nothing_but_collections(facts: GateFacts) -> None:
    """S18.4"""
    assert gate(facts._replace(promised_until=at(0, day=30)), POLICY) == SEND


def test_every_gate_is_reached_and_named() -> None:
    """S11.5, S11.7, S18.4, S18.6, S18.7: facts that each gate, and no earlier one, says no to."""
    no = {
        Reason.SETTLED: COLLECTION._replace(still_true=False),
        Reason.OPTED_OUT: SERVICE._replace(opted_out=True),
        Reason.STALE: COLLECTION._replace(too_late_at=NOON),
        Reason.PROMISED: COLLECTION._replace(promised_until=at(0, day=30)),
        Reason.QUIET_DAY: COLLECTION._replace(quiet_day_until=at(0, day=29)),
        Reason.QUIET_HOURS: COLLECTION._replace(now=NIGHT),
        Reason.CONVERSATION: COLLECTION._replace(reminder=True, last_heard_at=NOON),
        Reason.CAP: COLLECTION._replace(collection_contacts_today=POLICY.collection_cap_per_day),
        Reason.NOT_FOLLOWING: COLLECTION._replace(reach=Reach(following=False)),
        Reason.REFUSED_BY_PERSON: COLLECTION._replace(reach=Reach(refused_template=True)),
        Reason.NO_GRANT: COLLECTION._replace(channel=Channel.SUBSCRIBE, reach=Reach()),
        Reason.WINDOW_CLOSED: COLLECTION._replace(channel=Channel.SERVICE_MESSAGE, reach=Reach()),
        Reason.NO_PHONE: COLLECTION._replace(channel=Channel.SMS, reach=Reach()),
        Reason.NO_CADRE: COLLECTION._replace(channel=Channel.CADRE_TASK, reach=Reach(cadre_known=False)),
        Reason.QUOTA: COLLECTION._replace(quota_used_today=10**9),
    }
    assert set(no) == set(Reason) - {Reason.CLEAR}
    for reason, facts in no.items():
        found = gate(facts, POLICY)
        assert (found.reason, found.action is Action.SEND) == (reason, False)
