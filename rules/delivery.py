"""The life of a delivery: what follows from an attempt, a receipt, a crash, and which rung comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rules.notices import Channel, DeliveryState, NoticeClass

S = DeliveryState
TERMINAL = frozenset({S.DELIVERED, S.REFUSED, S.EXPIRED, S.SUPPRESSED, S.GIVEN_UP})
CONTACT_STATES = frozenset({S.SENDING, S.SENT, S.DELIVERED, S.UNCERTAIN})
"""States in which the person was reached or may have been: these count against the daily cap."""
RECEIPT_CHANNELS = frozenset({Channel.TEMPLATE, Channel.SUBSCRIBE})
"""Channels that tell later what became of a message; on the others accepted is all one can know."""

MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    S.PLANNED: frozenset({S.LEASED}),
    S.LEASED: frozenset(
        {
            S.PLANNED,
            S.SENDING,
            S.DELIVERED,  # a person was asked to go there
            S.REFUSED,
            S.UNCERTAIN,  # an earlier attempt is in doubt and may not be repeated any more
            S.EXPIRED,
            S.SUPPRESSED,
            S.GIVEN_UP,
        }
    ),
    S.SENDING: frozenset({S.PLANNED, S.SENT, S.REFUSED, S.UNCERTAIN, S.GIVEN_UP}),
    S.SENT: frozenset({S.PLANNED, S.DELIVERED, S.REFUSED, S.UNCERTAIN}),
    S.UNCERTAIN: frozenset({S.PLANNED, S.SENT, S.DELIVERED, S.REFUSED, S.GIVEN_UP}),
    **{state: frozenset() for state in TERMINAL},
}
"""Every step a delivery may take; a terminal state has none."""
LATE_MOVES: frozenset[DeliveryState] = frozenset({S.SENT, S.REFUSED, S.UNCERTAIN, S.GIVEN_UP})
"""Where a delivery that was planned again after an attempt was lost goes when that attempt's answer comes."""


class Outcome(StrEnum):
    """What the far end's answer to one attempt means."""

    ACCEPTED = "accepted"
    UNREACHABLE = "unreachable"  # not a follower, refused, no grant, window closed: this rung cannot
    BAD_DATA = "bad_data"  # our fault: nothing but a repair helps
    BUSY = "busy"  # said to have done nothing; worth another try
    THROTTLED = "throttled"  # too often for this person
    QUOTA = "quota"  # the account's day is used up
    UNKNOWN = "unknown"  # time-out, broken connection, answer that makes no sense
    LOST = "lost"  # the process died while sending


class Receipt(StrEnum):
    """What a receipt says."""

    DELIVERED = "delivered"
    BLOCKED = "blocked"
    FAILED = "failed"
    THROTTLED = "throttled"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The values of a pack for trying again."""

    attempts_max: int
    retry_minutes: tuple[int, ...]
    throttled_hours: int
    receipt_wait_hours: int


@dataclass(frozen=True, slots=True)
class Move:
    """The next state; `retry_at` stands beside PLANNED, `alarm` when a person of ours must look."""

    state: DeliveryState
    retry_at: datetime | None = None
    alarm: bool = False


def check_move(before: DeliveryState, after: DeliveryState, *, attempted: bool = False) -> None:
    """Raises ValueError when a delivery may not go from one state to the other. `attempted`: it was being
    sent before, so that a late answer may still settle it. Clause: S18.7.
    """
    if after not in MOVES[before] and not (before is S.PLANNED and attempted and after in LATE_MOVES):
        raise ValueError(f"a delivery cannot go from {before} to {after}")


def after_attempt(
    outcome: Outcome, attempts: int, now: datetime, next_day_at: datetime, policy: RetryPolicy
) -> Move:
    """What becomes of a delivery in SENDING; `attempts` counts this one, `next_day_at` ends a used-up quota.

    Whatever leaves it open whether the person was reached is UNCERTAIN, never SENT. Clause: S18.7.
    """
    if outcome is Outcome.ACCEPTED:
        return Move(S.SENT)
    if outcome is Outcome.UNREACHABLE:
        return Move(S.REFUSED)
    if outcome is Outcome.BAD_DATA:
        return Move(S.GIVEN_UP, alarm=True)
    if outcome in (Outcome.UNKNOWN, Outcome.LOST):
        return Move(S.UNCERTAIN)
    if outcome is Outcome.QUOTA:
        return Move(S.PLANNED, next_day_at, alarm=True)
    wait = (
        timedelta(hours=policy.throttled_hours) if outcome is Outcome.THROTTLED else _pause(attempts, policy)
    )
    return _again(attempts, now + wait, policy)


def _pause(attempts: int, policy: RetryPolicy) -> timedelta:
    return timedelta(minutes=policy.retry_minutes[min(attempts, len(policy.retry_minutes)) - 1])


def _again(attempts: int, retry_at: datetime, policy: RetryPolicy) -> Move:
    if attempts >= policy.attempts_max:
        return Move(S.GIVEN_UP, alarm=True)
    return Move(S.PLANNED, retry_at)


def after_uncertain(
    notice_class: NoticeClass,
    attempts: int,
    now: datetime,
    policy: RetryPolicy,
    *,
    accepted: bool = False,
    recognised: bool = False,
    lost: bool = False,
) -> Move:
    """What becomes of a delivery of which nobody knows whether it reached the person.

    One that the far end had accepted is never repeated. While the far end would recognise the repeat
    (`recognised`) every class is tried again: two become one there. After that only a staff task is, for a
    lost one is worse than two; a service or collection notice stays as it is, for it may have arrived. When
    the tries are used up a task is given up, so that the next rung tells it; the others stay uncertain. What
    a dead worker had in hand (`lost`) says nothing about the message and uses up no try. Clause: S11.5,
    S18.7.
    """
    task = notice_class is NoticeClass.TASK
    if accepted or not (recognised or task):
        return Move(S.UNCERTAIN, alarm=notice_class is NoticeClass.COLLECTION and not accepted)
    if recognised and lost:
        return Move(S.PLANNED, now)
    again = _again(attempts, now, policy)
    return again if task or again.state is S.PLANNED else Move(S.UNCERTAIN, alarm=True)


def after_receipt(receipt: Receipt, attempts: int, now: datetime, policy: RetryPolicy) -> Move:
    """What becomes of a delivery in SENT or UNCERTAIN when its receipt comes. Clause: S18.7."""
    if receipt is Receipt.DELIVERED:
        return Move(S.DELIVERED)
    if receipt is Receipt.THROTTLED and attempts < policy.attempts_max:
        return Move(S.PLANNED, now + timedelta(hours=policy.throttled_hours))
    return Move(S.REFUSED)


def receipt_overdue(channel: Channel, sent_at: datetime, now: datetime, policy: RetryPolicy) -> bool:
    """Has a receipt that should have come not come? Then the delivery is UNCERTAIN. Clause: S18.7."""
    return channel in RECEIPT_CHANNELS and now >= sent_at + timedelta(hours=policy.receipt_wait_hours)


def is_final(
    state: DeliveryState, channel: Channel, notice_class: NoticeClass, *, accepted: bool = False
) -> bool:
    """Is this the last word of this rung, so that the ladder may be looked at? Clause: S18.7."""
    if state is S.SENT:
        return channel not in RECEIPT_CHANNELS
    if state is S.UNCERTAIN:
        return accepted or notice_class is not NoticeClass.TASK
    return state in TERMINAL


def next_rung(
    ladder: Sequence[Channel],
    channel: Channel,
    state: DeliveryState,
    notice_class: NoticeClass,
    *,
    accepted: bool = False,
) -> Channel | None:
    """The rung to plan after this one, or None when nothing more is to be done.

    A collection notice that nobody knows the fate of goes to a person, not to another machine; a service
    notice goes nowhere, for it may have arrived. Raises ValueError while the outcome is not final.
    Clause: S11.7, S18.7.
    """
    if not is_final(state, channel, notice_class, accepted=accepted):
        raise ValueError(f"{state} is not the last word of {channel}")
    later = list(ladder[ladder.index(channel) + 1 :])
    if state is S.UNCERTAIN and not accepted and notice_class is NoticeClass.COLLECTION:
        later = [rung for rung in later if rung is Channel.CADRE_TASK]
    elif state not in (S.REFUSED, S.GIVEN_UP):
        return None
    return later[0] if later else None
