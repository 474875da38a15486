"""May this notice go out on this rung right now? One ordered list of gates, each "no" with a name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rules.notices import Channel, NoticeClass, QuietHours

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Action(StrEnum):
    """What to do with the delivery."""

    SEND = "send"
    DEFER = "defer"  # look again at `until`
    SKIP = "skip"  # this rung cannot; the next may
    SUPPRESS = "suppress"  # nobody needs it any more
    EXPIRE = "expire"  # it would come too late


class Reason(StrEnum):
    """The gate that spoke; kept in the notice's trail (S18.7)."""

    CLEAR = "clear"
    SETTLED = "settled"
    OPTED_OUT = "opted_out"
    PROMISED = "promised"
    STALE = "stale"
    QUIET_DAY = "quiet_day"
    QUIET_HOURS = "quiet_hours"
    CONVERSATION = "conversation"
    CAP = "cap"
    NOT_FOLLOWING = "not_following"
    REFUSED_BY_PERSON = "refused_by_person"
    NO_GRANT = "no_grant"
    WINDOW_CLOSED = "window_closed"
    NO_PHONE = "no_phone"
    NO_CADRE = "no_cadre"
    QUOTA = "quota"


class Verdict(NamedTuple):
    """The answer of the gates; `until` stands only beside DEFER."""

    action: Action
    reason: Reason
    until: datetime | None = None


_CLEAR = Verdict(Action.SEND, Reason.CLEAR)


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The values of a pack that the gates need."""

    quiet: QuietHours
    collection_cap_per_day: int
    conversation_pause: timedelta
    release_spread: timedelta
    daily_quota: Mapping[Channel, int]
    quota_percent_by_priority: Mapping[int, int]


class Reach(NamedTuple):
    """Which rungs could reach the person, as far as we know."""

    following: bool = True
    refused_template: bool = False
    grants_left: int = 0
    service_messages_left: int = 0
    phone_known: bool = False
    cadre_known: bool = True


class GateFacts(NamedTuple):
    """All that the gates look at.

    `collection_contacts_today` counts the collection deliveries of today (Asia/Shanghai) to this person that
    stand in `rules.delivery.CONTACT_STATES`, on any rung and for any loan. `obeys_quiet_hours` is false only
    for an answer the person is waiting for. `opted_out`: the person wants no notices of this kind.
    `promised_until`: he has said by when he will pay, and until then he is not pressed (S18.4).
    """

    now: datetime
    key: str
    notice_class: NoticeClass
    channel: Channel
    priority: int
    reach: Reach
    still_true: bool = True
    opted_out: bool = False
    too_late_at: datetime | None = None
    obeys_quiet_hours: bool = True
    reminder: bool = False
    quiet_day_until: datetime | None = None
    promised_until: datetime | None = None
    last_heard_at: datetime | None = None
    collection_contacts_today: int = 0
    quota_used_today: int = 0


def gate(facts: GateFacts, policy: GatePolicy) -> Verdict:
    """The first gate that says no, or SEND.

    Order: still true, wanted, in time; then what only delays (a promise, village quiet day, quiet hours,
    running conversation, cap); then what closes this rung (not following, no grant, window shut, no phone);
    then the account's quota. A collection notice obeys quiet hours and cap whatever else is set, and is not
    ended but handed to the next rung by an opt-out; a staff task knows no opt-out.
    Clause: S11.5, S18.4, S18.6, S18.7.
    """
    return _over(facts) or _later(facts, policy) or _closed_rung(facts) or _quota(facts, policy) or _CLEAR


def _over(facts: GateFacts) -> Verdict | None:
    if not facts.still_true:
        return Verdict(Action.SUPPRESS, Reason.SETTLED)
    if facts.opted_out and facts.notice_class is NoticeClass.SERVICE:
        return Verdict(Action.SUPPRESS, Reason.OPTED_OUT)
    if facts.too_late_at is not None and facts.now >= facts.too_late_at:
        return Verdict(Action.EXPIRE, Reason.STALE)
    return None


def _later(facts: GateFacts, policy: GatePolicy) -> Verdict | None:
    collection = facts.notice_class is NoticeClass.COLLECTION
    if not (facts.obeys_quiet_hours or collection):
        return None
    promised = facts.promised_until
    if collection and promised is not None and facts.now < promised:
        if facts.too_late_at is not None and promised >= facts.too_late_at:
            return Verdict(Action.SUPPRESS, Reason.PROMISED)  # by then the next step speaks
        return _defer(facts, policy, Reason.PROMISED, promised)
    if facts.quiet_day_until is not None and facts.now < facts.quiet_day_until:
        return _defer(facts, policy, Reason.QUIET_DAY, facts.quiet_day_until)
    if is_quiet(facts.now, policy.quiet):
        return _defer(facts, policy, Reason.QUIET_HOURS, facts.now)
    if facts.reminder and facts.last_heard_at is not None:
        pause_over = facts.last_heard_at + policy.conversation_pause
        if facts.now < pause_over:
            return Verdict(Action.DEFER, Reason.CONVERSATION, pause_over)
    if collection and facts.collection_contacts_today >= policy.collection_cap_per_day:
        return _defer(facts, policy, Reason.CAP, _tomorrow(facts.now, policy.quiet.end))
    return None


def _defer(facts: GateFacts, policy: GatePolicy, reason: Reason, until: datetime) -> Verdict:
    # The end of a quiet day may fall into quiet hours, and so may the spreading that keeps a burst away.
    moment = spread(quiet_until(until, policy.quiet), facts.key, policy.release_spread)
    if is_quiet(moment, policy.quiet):
        moment = spread(quiet_until(moment, policy.quiet), facts.key, policy.release_spread)
    return Verdict(Action.DEFER, reason, moment)


def _closed_rung(facts: GateFacts) -> Verdict | None:
    reason = rung_problem(facts.channel, facts.reach)
    collection = facts.notice_class is NoticeClass.COLLECTION
    if facts.opted_out and collection and facts.channel is not Channel.CADRE_TASK:
        reason = Reason.OPTED_OUT  # a debt is not undone by it: a person calls
    return None if reason is None else Verdict(Action.SKIP, reason)


def rung_problem(channel: Channel, reach: Reach) -> Reason | None:
    """Why this rung cannot reach the person, or None. Clause: S11.7, S18.7."""
    match channel:
        case Channel.TEMPLATE if not reach.following:
            return Reason.NOT_FOLLOWING
        case Channel.TEMPLATE if reach.refused_template:
            return Reason.REFUSED_BY_PERSON
        case Channel.SUBSCRIBE if reach.grants_left <= 0:
            return Reason.NO_GRANT
        case Channel.SERVICE_MESSAGE if reach.service_messages_left <= 0:
            return Reason.WINDOW_CLOSED
        case Channel.SMS if not reach.phone_known:
            return Reason.NO_PHONE
        case Channel.CADRE_TASK if not reach.cadre_known:
            return Reason.NO_CADRE
    return None


def _quota(facts: GateFacts, policy: GatePolicy) -> Verdict | None:
    if quota_left(facts.channel, facts.priority, facts.quota_used_today, policy) > 0:
        return None
    until = spread(_tomorrow(facts.now, policy.quiet.end), facts.key, policy.release_spread)
    if facts.too_late_at is not None and until >= facts.too_late_at:
        return Verdict(Action.SKIP, Reason.QUOTA)  # waiting would be too late, another way may do
    return Verdict(Action.DEFER, Reason.QUOTA, until)


def quota_left(channel: Channel, priority: int, used_today: int, policy: GatePolicy) -> int:
    """How many messages of this priority may still go out today on this channel of the account.

    Each priority may use its percentage of the day's quota, so that the urgent always finds room. A channel
    without a quota in the pack has no limit of ours. Clause: S18.7.
    """
    if channel not in policy.daily_quota:
        return 1
    percent = policy.quota_percent_by_priority.get(priority, 100)
    return max(0, policy.daily_quota[channel] * percent // 100 - used_today)


def is_quiet(moment: datetime, quiet: QuietHours) -> bool:
    """Is it quiet time in the village? The first minute is quiet, the end is not. Clause: S11.5."""
    clock = moment.astimezone(SHANGHAI).time()
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


def quiet_until(moment: datetime, quiet: QuietHours) -> datetime:
    """The moment itself when people may be disturbed, else the end of the quiet hours. Clause: S11.5."""
    if not is_quiet(moment, quiet):
        return moment
    local = moment.astimezone(SHANGHAI)
    end = datetime.combine(local.date(), quiet.end, SHANGHAI)
    return end if end > local else end + timedelta(days=1)


def _tomorrow(now: datetime, at: time) -> datetime:
    return datetime.combine(now.astimezone(SHANGHAI).date() + timedelta(days=1), at, SHANGHAI)


def spread(until: datetime, key: str, width: timedelta) -> datetime:
    """The moment moved on by a part of `width` that depends on the key alone: no burst when the gate opens.

    Clause: S11.5 (default).
    """
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
    return until + timedelta(seconds=share * int(width.total_seconds()) // 2**32)
