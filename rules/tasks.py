"""Tasks: until when, to whom they go when nobody does them, who may stand in, who may not act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rules.refusal import Refusal
from rules.workdays import ONE_DAY, WorkingDate, add_working_days

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """The values of a pack for tasks that nobody does."""

    levels: tuple[str, ...]
    first_level: Mapping[str, str]
    due_soon_hours: int
    again_working_days: int
    delegation_max_days: int


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day of a task, the moment it ends, and whether an unpublished calendar was guessed at."""

    on: date
    at: datetime
    approximate: bool


@dataclass(frozen=True, slots=True)
class Delegation:
    """One person stands in for another from one day to another, both included."""

    from_person_id: int
    to_person_id: int
    from_on: date
    to_on: date


def deadline(entered_on: date, limit_working_days: int) -> Deadline:
    """The end of the last working day of a task that came on that day; its first day is not counted.

    Clause: S1.2.
    """
    last = add_working_days(entered_on, limit_working_days)
    return Deadline(last.on, end_of_day(last.on), last.approximate)


def end_of_day(on: date) -> datetime:
    """The moment the business day ends (Asia/Shanghai midnight). Clause: S1.2."""
    return datetime.combine(on + timedelta(days=1), time(), SHANGHAI)


def is_late(due_at: datetime, now: datetime) -> bool:
    """Has the time run out? Clause: S1.2."""
    return now >= due_at


def due_soon_at(due_at: datetime, due_soon_hours: int) -> datetime:
    """When to remind whoever has the task. Clause: S1.2."""
    return due_at - timedelta(hours=due_soon_hours)


def next_role(role: str, policy: EscalationPolicy) -> str | None:
    """The role one level up, or None at the top. Clause: S9.1.

    Bodies outside the village–town–county line (banks, guarantor) enter it where the pack says. Raises
    KeyError on a role that the pack does not know.
    """
    if role not in policy.levels:
        return policy.first_level[role]
    above = policy.levels.index(role) + 1
    return policy.levels[above] if above < len(policy.levels) else None


def escalates_on(due_on: date, times_escalated: int, policy: EscalationPolicy) -> WorkingDate:
    """The day after whose end the task goes up once more: first its own last day, then later ones.

    Clause: S9.1.
    """
    if times_escalated == 0:
        return WorkingDate(due_on, approximate=False)
    return add_working_days(due_on, times_escalated * policy.again_working_days)


def ripe_through(on: date, times_escalated: int, policy: EscalationPolicy) -> date:
    """The last day such that a task that ended, or was passed up, on it goes up on `on`: `escalates_on` the
    other way round, for a whole set of tasks.

    Clause: S9.1.
    """
    day = on - ONE_DAY
    while escalates_on(day, times_escalated, policy).on >= on:
        day -= ONE_DAY
    return day


def passed_up_to(policy: EscalationPolicy) -> dict[str, str]:
    """Every role that has one above it, with that one. Clause: S9.1."""
    known = dict.fromkeys((*policy.levels, *policy.first_level))
    return {role: above for role in known if (above := next_role(role, policy)) is not None}


def check_delegation(delegation: Delegation, policy: EscalationPolicy) -> Refusal | None:
    """May this delegation be set up? Clause: S1.2 (default)."""
    if delegation.from_person_id == delegation.to_person_id:
        return Refusal("S1.2", "不能委托给自己，请选另一个人。", "delegation_to_self", "to_person")
    if delegation.to_on < delegation.from_on:
        return Refusal("S1.2", "结束日期不能早于开始日期，请改一下。", "delegation_dates", "to_on")
    days = (delegation.to_on - delegation.from_on).days + 1
    if days > policy.delegation_max_days:
        words = f"一次最多委托{policy.delegation_max_days}天，现在是{days}天，请改短。"
        return Refusal("S1.2", words, "delegation_too_long", "to_on")
    return None


def check_reviewer(
    person_id: int, *, family_ids: frozenset[int], decided_ids: frozenset[int] = frozenset()
) -> Refusal | None:
    """Why this person may not act on an application though the task is his, or None.

    `family_ids` are the applicant, his household and whoever filled in for him; `decided_ids` are the people
    who hold another of the five posts on it: who surveyed it, or decided it at another stage. Clause: S4.3.
    """
    if person_id in family_ids:
        return Refusal("S4.3", "这是您本人、家人或您代填的申请，请交给其他同事办理。", "own_case")
    if person_id in decided_ids:
        return Refusal(
            "S4.3", "这笔贷款的别的环节是您办的，按规定要换一个人，请交给其他同事办理。", "decided_before"
        )
    return None
