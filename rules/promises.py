"""A promise to pay by a day: how far it may reach, how long it is respected, whether it was kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from rules.refusal import Refusal


class PromiseState(StrEnum):
    """What has become of a promise. `replaced`: a later promise took its place before its day."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class PromisePolicy:
    """The values of a pack for promises."""

    longest_days: int
    quiet_days: int
    grace_days: int
    broken_max: int
    limit_working_days: int


def last_day(on: date, policy: PromisePolicy) -> date:
    """The latest day that may be promised today. Clause: S18.4."""
    return on + timedelta(days=policy.longest_days)


def check_promise(promised_on: date, broken_before: int, on: date, policy: PromisePolicy) -> Refusal | None:
    """Why this promise cannot be taken, or None; `broken_before` are those of this loan that were broken.

    Clause: S18.4.
    """
    if broken_before >= policy.broken_max:
        return Refusal(
            "S18.4", "前面说好的日子已经过了，这次请和工作人员当面商量。会有人联系您。", "broken_before"
        )
    if promised_on < on:
        return Refusal("S18.4", "这个日子已经过了，请说今天以后的日子。", "promised_on", "promised_on")
    latest = last_day(on, policy)
    if promised_on > latest:
        words = f"这个日子太远了，最晚只能说到{latest.month}月{latest.day}日。"
        return Refusal("S18.4", words, "too_far", "promised_on")
    return None


def quiet_through(given_on: date, promised_on: date, policy: PromisePolicy) -> date:
    """The last day on which no collection notice goes out because of the promise: its own day, but never
    longer than the pack allows from the day it was given. Clause: S18.4.
    """
    return min(promised_on, given_on + timedelta(days=policy.quiet_days))


def verdict(
    promised_on: date, amount_fen: int, paid_by_then_fen: int, on: date, policy: PromisePolicy
) -> PromiseState:
    """What a promise is on a day, by what the bank had received from its giving to its day, both included.

    The bank's books come a little later than the money, so it is broken only after the days of grace.
    Clause: S18.4.
    """
    if paid_by_then_fen >= amount_fen:
        return PromiseState.KEPT
    if on > promised_on + timedelta(days=policy.grace_days):
        return PromiseState.BROKEN
    return PromiseState.OPEN
