"""Somebody asks for a human being: a task for the village, else for the county centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from actions import routing
from actions.access import Actor, role_holders
from bot import database
from models.application import Task
from models.people import Person
from policies import Pack
from rules.tasks import deadline

Reason = Literal["asked", "stuck", "doubt", "hardship", "family", "paid"]
REASONS: Mapping[Reason, str] = {
    "asked": "想找工作人员",
    "stuck": "填申请遇到困难",
    "doubt": "收到可疑消息",
    "hardship": "说还款有困难，想商量",
    "family": "说家里有事，还款要商量",
    "paid": "说已经还了，请和银行核对",
}
NOTE_MAX = 300


@dataclass(frozen=True)
class Called:
    """The task that was opened, or the one that was open already."""

    task_key: str
    due_at: datetime
    new: bool

    @property
    def due_on(self) -> date:
        """The last day of it."""
        return routing.on_day(self.due_at - timedelta(seconds=1))


async def call_for_help(actor: Actor, reason: Reason, about: str, pack: Pack, now: datetime) -> Called:
    """Open a handover task for the actor and tell whoever may do it; `about` is the question he is at.

    While one is open no second is opened, what is new is noted in it. It goes to the cadre of his village,
    else to the county centre. Clause: S18.3, S18.4.
    """
    note = f"{REASONS[reason]}：{about}" if about else REASONS[reason]
    async with database.transaction() as connection:
        await database.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('handover', $1))", actor.person_id
        )
        known = await Task.get_or_none(kind="handover", person_id=actor.person_id, state="open")
        if known is not None:
            if note not in known.note:
                await Task.filter(id=known.id).update(note=f"{known.note}；{note}"[:NOTE_MAX])
            return Called(known.key, known.due_at, new=False)
        person = await Person.get(id=actor.person_id)
        role, region = await _who_helps(person, now)
        on = routing.on_day(now)
        task = await Task.create(
            county=actor.county,
            kind="handover",
            person_id=person.id,
            role=role,
            region=region,
            note=note[:NOTE_MAX],
            opened_at=now,
            due_at=deadline(on, pack.contents.escalation.handover_working_days.on(on)).at,
        )
        await routing.tell_holders(connection, [task], "handover_task", pack, now)
        return Called(task.key, task.due_at, new=True)


async def _who_helps(person: Person, now: datetime) -> tuple[str, str]:
    if person.village and await role_holders(person.county, "cadre", person.village, on=routing.on_day(now)):
        return "cadre", person.village
    return "county_clerk", f"{person.county}000000"
