"""The disposal list: which overdue loan is on it, and which of the four ways fits which borrower."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from rules.refusal import Refusal


class Ability(StrEnum):
    """Can the borrower pay?"""

    ABLE = "able"
    PARTLY = "partly"
    UNABLE = "unable"


class Willingness(StrEnum):
    """Does he want to?"""

    WILLING = "willing"
    UNWILLING = "unwilling"


class Way(StrEnum):
    """清收, 续贷, 展期, 分险代偿."""

    COLLECTION = "collection"
    RENEWAL = "renewal"
    EXTENSION = "extension"
    COMPENSATION = "compensation"


@dataclass(frozen=True, slots=True)
class Choice:
    """What an officer found out and wants to do, until when."""

    cause: str
    own_fault: bool
    ability: Ability
    willingness: Willingness
    way: Way
    by_on: date


def is_listed(days_past_due: int, open_over_days: int) -> bool:
    """Is a loan overdue for so long that it is on the list? Clause: S12.2."""
    return days_past_due > open_over_days


def check_disposal(choice: Choice, causes: Collection[str], on: date, by_max_days: int) -> Refusal | None:
    """Why this entry cannot stand, or None. Clause: S12.2."""
    if choice.cause not in causes:
        return Refusal("S12.2", "请从列出的原因里选一个。", "cause", "cause")
    days = (choice.by_on - on).days
    if not 0 <= days <= by_max_days:
        words = f"办结日期要在今天到{by_max_days}天之内，请重新选。"
        return Refusal("S12.2", words, "by_on", "by_on")
    return _check_way(choice)


def _check_way(choice: Choice) -> Refusal | None:
    if choice.willingness is Willingness.UNWILLING and choice.way is not Way.COLLECTION:
        words = "本人不愿意还的，只能清收，不能续贷、展期或代偿。"
        return Refusal("S12.2", words, "way_unwilling", "way")
    if choice.way is Way.RENEWAL and choice.ability is Ability.UNABLE:
        return Refusal("S12.2", "没有还款能力的，不能续贷。请选展期、代偿或清收。", "way_unable", "way")
    if choice.way is Way.EXTENSION and choice.own_fault:
        words = "展期只给不是自己原因还不上的人。这个原因不能选展期。"
        return Refusal("S12.2", words, "way_own_fault", "way")
    if choice.way is Way.COMPENSATION and choice.ability is Ability.ABLE:
        return Refusal("S12.2", "有能力还的先清收，不能代偿。", "way_able", "way")
    return None


def is_defaulter(ability: Ability, willingness: Willingness) -> bool:
    """Able to pay and unwilling: listed as 失信 and handed to law. Clause: S12.4."""
    return ability is Ability.ABLE and willingness is Willingness.UNWILLING
