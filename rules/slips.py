"""What a borrower says he has paid: may it be so, and until when may it be said?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from rules.refusal import Refusal


@dataclass(frozen=True, slots=True)
class SlipPolicy:
    """The values of a pack for 还款清单."""

    limit_working_days: int
    waiting_max: int
    oldest_days: int
    after_reminder_days: int
    reason_min: int


def check_slip(
    amount_fen: int | None, paid_on: date | None, disbursed_on: date, on: date, policy: SlipPolicy
) -> Refusal | None:
    """Why this cannot be what was paid, or None; amount and day may be unknown to the borrower.

    Clause: S11.4.
    """
    if amount_fen is not None and amount_fen <= 0:
        return Refusal("S11.4", "还款金额要大于0，请再说一次。", "amount", "amount")
    if paid_on is None:
        return None
    if paid_on > on:
        return Refusal("S11.4", "还款的日子不能在今天以后，请再说一次。", "paid_on", "paid_on")
    if paid_on < disbursed_on or paid_on < on - timedelta(days=policy.oldest_days):
        return Refusal(
            "S11.4",
            f"只能报最近{policy.oldest_days}天里的还款。更早的，请带上单据找银行。",
            "paid_on",
            "paid_on",
        )
    return None


def check_waiting(waiting: int, policy: SlipPolicy) -> Refusal | None:
    """Why no further slip of this loan may be handed in now, or None. Clause: S11.4."""
    if waiting < policy.waiting_max:
        return None
    return Refusal("S11.4", "您报的单据银行还在核对，先不用再发。有结果会告诉您。", "too_many_waiting")


def answers_a_photo(days_since_reminder: int | None, policy: SlipPolicy) -> bool:
    """Is a photo that comes without a word meant as an answer to the last reminder? Clause: S11.4, S18.4."""
    return days_since_reminder is not None and days_since_reminder <= policy.after_reminder_days


def check_reason(reason: str, policy: SlipPolicy) -> Refusal | None:
    """Why this is no reason that a borrower understands, or None. Clause: S11.4, S1.8."""
    if len(reason.strip()) >= policy.reason_min:
        return None
    return Refusal("S11.4", "请写明为什么对不上，借款人会看到。", "reason_missing", "reason")
