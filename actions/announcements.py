"""What others find out and a person must be told: a subsidy paid, a grade changed, a credit line that ends.

Call these in the transaction in which it happens. What is told is kept with the notice; when the same is
told anew before the first has gone out, only the newest goes. Clause: S11.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from actions.notices import NewNotice, plan
from policies import Pack
from rules.notices import step_on


@dataclass(frozen=True, slots=True)
class SubsidyPaid:
    """贴息 that has gone to somebody's account. `subsidy_id` names the payment."""

    person_id: int
    subsidy_id: int
    amount_fen: int
    paid_on: date


@dataclass(frozen=True, slots=True)
class GradeChanged:
    """A household's new grade, as its head is told; "" is no grade. `rating_id` names the rating."""

    person_id: int
    rating_id: int
    old_grade: str
    grade: str
    reason: str
    changed_on: date


@dataclass(frozen=True, slots=True)
class CreditLineEnds:
    """A credit line and its last day."""

    person_id: int
    line_id: int
    amount_fen: int
    ends_on: date


async def subsidies_paid(
    connection: asyncpg.Connection, county: str, paid: Sequence[SubsidyPaid], pack: Pack, now: datetime
) -> int:
    """Tell people of the subsidies they got; how many notices were new. Clause: S11.2."""
    told = [
        NewNotice(
            each.person_id,
            "subsidy_paid",
            "subsidy",
            each.subsidy_id,
            {"amount_fen": each.amount_fen},
            each.paid_on,
        )
        for each in paid
    ]
    return await plan(connection, county, told, pack, now)


async def grades_changed(
    connection: asyncpg.Connection, county: str, changed: Sequence[GradeChanged], pack: Pack, now: datetime
) -> int:
    """Tell people their new grade and why; how many notices were new. Clause: S11.2."""
    told = [
        NewNotice(
            each.person_id,
            "grade_changed",
            "grade",
            each.rating_id,
            {"old_grade": each.old_grade, "grade": each.grade or "没有等级", "reason": each.reason},
            each.changed_on,
        )
        for each in changed
        if each.grade != each.old_grade
    ]
    return await plan(connection, county, told, pack, now)


async def credit_lines_end(
    connection: asyncpg.Connection,
    county: str,
    lines: Sequence[CreditLineEnds],
    on: date,
    pack: Pack,
    now: datetime,
) -> int:
    """Tell people whose line ends on the days of the pack; a day run twice tells nobody twice.

    Of steps that were missed the latest is made good. Returns how many were new. Clause: S11.2, S11.6.
    """
    steps = pack.notices["credit_line_expiring"].steps
    told = [
        NewNotice(
            each.person_id,
            "credit_line_expiring",
            "credit_line",
            each.line_id,
            {"amount_fen": each.amount_fen},
            each.ends_on,
            str(step),
        )
        for each in lines
        if (step := step_on(steps, each.ends_on, on)) is not None
    ]
    return await plan(connection, county, told, pack, now)
