"""展期 and 续贷: when a loan may be given more time, and what that must never hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rules.refusal import Refusal
from rules.schedule import add_months

Kind = Literal["extension", "renewal"]
RULE = "S12.3"
HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long a county's banks may ease a loan; `causes` are those beyond his control."""

    extensions_max: int
    renewals_max: int
    short_term_months: int
    short_extension_percent: int
    medium_extension_percent: int
    renewal_months_max: int
    after_maturity: bool
    causes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Review:
    """What the bank found when it looked at the loan, and when."""

    reviewed_on: date
    still_qualified: bool
    own_wish: bool
    guarantee_in_place: bool
    subsidy_in_place: bool
    able_to_repay: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Loan:
    """What the conditions look at."""

    disbursed_on: date
    maturity_on: date
    extended_count: int
    renewed_count: int


def refusals(kind: Kind, loan: Loan, review: Review, policy: Policy, on: date) -> list[Refusal]:
    """Why a loan may not be extended or renewed on that day; empty when it may. Clause: S12.3.

    Still qualified, his own wish, able to repay later; a cause outside himself for an extension; guarantee
    and subsidy in place; reviewed by the bank before maturity; not more often than the pack allows.
    """
    name = "展期" if kind == "extension" else "续贷"
    found = [Refusal(RULE, words, code, field) for held, words, code, field in _said(review) if not held]
    if kind == "extension" and review.cause not in policy.causes:
        reasons = "、".join(policy.causes.values())
        found.append(Refusal(RULE, f"展期要有不由本人决定的原因：{reasons}。", "cause", "cause"))
    if review.reviewed_on > loan.maturity_on:
        words = f"银行要在到期以前完成{name}调查，这笔是到期以后才查的。"
        found.append(Refusal(RULE, words, "reviewed_late", "reviewed_on"))
    if not loan.disbursed_on <= review.reviewed_on <= on:
        found.append(Refusal(RULE, "调查日期应在放款之后、今天以前。", "reviewed_on", "reviewed_on"))
    if on > loan.maturity_on and not policy.after_maturity:
        words = f"贷款已经过了到期日，不能再办{name}，请走逾期处置。"
        found.append(Refusal(RULE, words, "after_maturity"))
    limit, done = _limit(kind, loan, policy)
    if done >= limit:
        found.append(Refusal(RULE, f"一笔贷款最多{name}{limit}次，这笔已经办过{done}次。", "too_often"))
    return found


def _said(review: Review) -> Sequence[tuple[bool, str, str, str]]:
    return (
        (review.still_qualified, "借款人现在不符合贷款条件。", "not_qualified", "still_qualified"),
        (review.own_wish, "要借款人自己愿意才能办。", "no_wish", "own_wish"),
        (review.guarantee_in_place, "担保（分险）还没有落实。", "no_guarantee", "guarantee_in_place"),
        (review.subsidy_in_place, "贴息还没有落实。", "no_subsidy", "subsidy_in_place"),
        (review.able_to_repay, "借款人要有还款能力，不能只是往后拖。", "not_able", "able_to_repay"),
    )


def _limit(kind: Kind, loan: Loan, policy: Policy) -> tuple[int, int]:
    if kind == "extension":
        return policy.extensions_max, loan.extended_count
    return policy.renewals_max, loan.renewed_count


def latest_maturity(disbursed_on: date, first_maturity_on: date, policy: Policy) -> date:
    """The last day to which all extensions together may move the first maturity. Clause: S12.3.

    A share of the first term: one for short loans, another for longer ones.
    """
    months = _months(disbursed_on, first_maturity_on)
    percent = (
        policy.short_extension_percent
        if months <= policy.short_term_months
        else policy.medium_extension_percent
    )
    return add_months(first_maturity_on, months * percent // HUNDRED)


def _months(start_on: date, end_on: date) -> int:
    months = 12 * (end_on.year - start_on.year) + end_on.month - start_on.month
    return months if add_months(start_on, months) <= end_on else months - 1


def as_if_due_on(known: date | None, oldest_unpaid_on: date | None, maturity_on: date) -> date:
    """From which day a loan would be overdue had nothing in its chain been renewed or extended.

    The earliest of what the chain already carries, the oldest line that is not paid, and the maturity that
    was moved: so no renewal hides an overdue. Clause: S12.3.
    """
    return min(day for day in (known, oldest_unpaid_on, maturity_on) if day is not None)
