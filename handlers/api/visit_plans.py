"""Planned visits: how far they are; a village looked at."""

from __future__ import annotations

from actions import visit_plans
from handlers.api import tasks
from handlers.api.tasks import TaskOut
from handlers.endpoint import Call, Out


class ProgressOut(Out):
    """Visits of a month or quarter for one role in one village."""

    period: str
    kind: str
    role: str
    village: str
    planned: int
    done: int
    missed: int


class ProgressListOut(Out):
    """All that the reader's regions plan for this month and quarter."""

    items: list[ProgressOut]


async def progress(call: Call) -> ProgressListOut:
    """Planned, done and missed visits of this month and quarter."""
    found = await visit_plans.progress(call.actor, call.on, call.now)
    return ProgressListOut(items=[ProgressOut.model_validate(each) for each in found])


async def finish_watch(call: Call, key: str) -> TaskOut:
    """The cadre has looked at the village's borrowers; what is abnormal was reported on the loans."""
    await visit_plans.finish_watch(call.actor, key, call.now)
    return await tasks.show(call, key)
