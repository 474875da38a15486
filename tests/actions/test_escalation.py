"""Thousands of tasks at once are reminded of and passed up by the set: the same tasks, people and words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from actions import escalation
from bot import database
from models.application import Task
from models.notice import Notice
from models.people import Organisation, Post, Region
from models.sealing import new_key
from models.work import AuditEntry
from tests.actions.conftest import NOW, VILLAGE, County

COUNTY = "411082"
ELSEWHERE = "411082103201"


async def open_tasks(count: int, **columns: Any) -> None:
    await Task.bulk_create(
        [
            Task(
                county=COUNTY,
                key=new_key(),
                **{
                    "kind": "call_or_visit", "role": "cadre", "region": VILLAGE,
                    "opened_at": NOW - timedelta(days=9), "due_at": NOW - timedelta(days=3), **columns,
                },
            )
            for _ in range(count)
        ]
    )  # fmt: skip


async def told(kind: str) -> list[tuple[int, int, str, dict[str, Any]]]:
    return [
        (n.person_id, n.subject_id, n.step, n.facts) for n in await Notice.filter(kind=kind).order_by("id")
    ]


async def test_many_late_tasks_go_up_each_once_and_each_is_told_in_its_own_words(county: County) -> None:
    """S1.2, S9.1: more than one transaction takes; the audit trail has each; again, nothing happens."""
    many = escalation.PAGE + 7
    await open_tasks(many)
    await open_tasks(1, role="administrator")
    await open_tasks(1, due_at=NOW + timedelta(hours=1))
    await open_tasks(1, state="done")
    bank = await Organisation.get(kind="acquiring_bank", county=COUNTY)
    await open_tasks(1, role="loan_officer", organisation_id=bank.id, kind="disburse")
    assert await escalation.escalate_due(COUNTY, county.pack, NOW) == many + 1
    assert await escalation.escalate_due(COUNTY, county.pack, NOW) == 0
    zhou, liu = await county.actor("zhou"), await county.actor("liu")
    notices = await told("task_escalated")
    assert {person for person, *_ in notices} == {zhou.person_id, liu.person_id}
    assert len(notices) == len({task for _, task, *_ in notices}) == many + 1
    passed = {task.id: task for task in await Task.filter(escalation=1)}
    village = await Region.get(code=VILLAGE)
    for person, task, step, facts in notices:
        assert (step, facts["key"], facts["place"]) == ("up1", passed[task].key, village.name)
        assert facts["task"] == ("登记放款" if person == liu.person_id else "上门告知")
    assert {task.escalated_role for task in passed.values()} == {"town_clerk", "county_clerk"}
    entries = await AuditEntry.filter(action="escalate").order_by("id")
    assert {entry.subject_id: entry.details["role"] for entry in entries} == {
        task.id: task.escalated_role for task in passed.values()
    }


async def test_where_nobody_is_the_centre_hears_once_of_all_of_them(county: County) -> None:
    """S1.2, S17.1: one vacancy for each place and kind, however many tasks wait there."""
    await Region.create(code=ELSEWHERE, county=COUNTY, name="古桥镇陈村")
    await open_tasks(5, region=ELSEWHERE)
    await open_tasks(3, region=ELSEWHERE, kind="handover")
    assert await escalation.escalate_due(COUNTY, county.pack, NOW) == 8
    notes = sorted(task.note for task in await Task.filter(kind="vacancy"))
    words = "没有人办：镇金融扶贫服务站没有人在岗。请登记人员，或者让同事代办。"
    assert notes == sorted(f"古桥镇陈村的“{what}”{words}" for what in ("上门告知", "回复求助"))
    liu = await county.actor("liu")
    assert {person for person, *_ in await told("vacancy_task")} == {liu.person_id}


async def test_a_task_that_somebody_is_deciding_waits_for_the_next_run(county: County) -> None:
    """C2: a set never waits for one of its rows."""
    await open_tasks(3)
    busy = await Task.filter(state="open").first()
    assert busy is not None
    holder = await database.pool().acquire()
    try:
        held = holder.transaction()
        await held.start()
        await holder.execute("SELECT 1 FROM task WHERE id = $1 FOR UPDATE", busy.id)
        assert await escalation.escalate_due(COUNTY, county.pack, NOW) == 2
        await held.rollback()
    finally:
        await database.pool().release(holder)
    assert await escalation.escalate_due(COUNTY, county.pack, NOW) == 1


async def test_whoever_has_tasks_that_end_soon_is_reminded_of_each_once(county: County) -> None:
    """S1.2: who has it now, delegates too; the one it was passed up to, not the one below."""
    wang, zhou = await county.actor("wang"), await county.actor("zhou")
    await open_tasks(40, due_at=NOW + timedelta(hours=3))
    await open_tasks(2, due_at=NOW + timedelta(hours=3), escalated_role="town_clerk", escalation=1)
    await open_tasks(1, due_at=NOW + timedelta(days=5))
    assert await escalation.remind_tasks(COUNTY, county.pack, NOW) == 42
    assert await escalation.remind_tasks(COUNTY, county.pack, NOW) == 0
    people = [person for person, *_ in await told("task_due_soon")]
    assert (people.count(wang.person_id), people.count(zhou.person_id)) == (40, 2)
    assert await Post.filter(role="cadre", region=VILLAGE).count() == 1
