"""Proving that a WeChat belongs to a person whom somebody else registered: codes, how often, how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rules.refusal import Refusal


@dataclass(frozen=True, slots=True)
class CodePolicy:
    """The values of a pack for codes sent by short message."""

    code_minutes: int
    code_tries: int
    codes_per_hour: int
    codes_per_day: int
    claims_per_day: int


def check_may_claim(claimed_at: Sequence[datetime], policy: CodePolicy, now: datetime) -> Refusal | None:
    """May this WeChat say once more who it is? Whoever tries number after number is stopped. Clause: S1.7."""
    if _within(claimed_at, timedelta(days=1), now) < policy.claims_per_day:
        return None
    words = "今天试的次数太多了，请明天再试，或者带身份证去找村干部。"
    return Refusal("S1.7", words, "too_many_claims")


def check_may_send(sent_at: Sequence[datetime], policy: CodePolicy, now: datetime) -> Refusal | None:
    """May one more code go to this person's phone? Nobody's phone is made to ring for ever. Clause: S1.7."""
    hour = _within(sent_at, timedelta(hours=1), now) >= policy.codes_per_hour
    if not hour and _within(sent_at, timedelta(days=1), now) < policy.codes_per_day:
        return None
    words = "短信已经发过好几条了。没收到的，请过一个小时再试，或者请村干部当面核对。"
    return Refusal("S1.7", words, "too_many_codes")


def check_code_usable(sent_at: datetime, tries: int, policy: CodePolicy, now: datetime) -> Refusal | None:
    """May a code be entered still: in time, and not tried too often? Clause: S1.7."""
    if tries >= policy.code_tries:
        return Refusal("S1.7", "输错的次数太多，请重新开始，或者请村干部当面核对。", "too_many_tries", "code")
    if now >= code_ends_at(sent_at, policy):
        words = f"这个验证码过了{policy.code_minutes}分钟，不能用了。请重新发一条短信。"
        return Refusal("S1.7", words, "code_expired", "code")
    return None


def code_ends_at(sent_at: datetime, policy: CodePolicy) -> datetime:
    """Until when a code holds. Clause: S1.7."""
    return sent_at + timedelta(minutes=policy.code_minutes)


def _within(instants: Sequence[datetime], span: timedelta, now: datetime) -> int:
    return sum(1 for each in instants if now - span < each <= now)
