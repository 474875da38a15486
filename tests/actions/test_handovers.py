"""S18.3: whoever asks for a human being gets one: the cadre of his village, else the county centre."""

from __future__ import annotations

import asyncio
from datetime import date

from actions import tasks
from actions.handovers import call_for_help
from bot import database
from models.application import Task
from models.people import Person

from .conftest import NOW, VILLAGE, County


async def test_the_cadre_of_the_village_is_called_and_told_s18_3(county: County) -> None:
    """S18.3: 28 November 2026 is a Saturday, so Monday is the first working day after it."""
    farmer = await county.actor("zhang")
    await Person.filter(id=farmer.person_id).update(village=VILLAGE)
    called = await call_for_help(farmer, "stuck", "金额", county.pack, NOW)
    assert (called.new, called.due_on) == (True, date(2026, 11, 30))
    cadre = await county.actor("wang")
    (task,) = await tasks.inbox(cadre, NOW)
    assert (task.kind, task.note) == ("handover", "填申请遇到困难：金额")
    told = await database.fetch("SELECT person_id, kind FROM notice")
    assert [tuple(row) for row in told] == [(cadre.person_id, "handover_task")]
    assert await tasks.inbox(await county.actor("song"), NOW) == [], "the cadre of another village"


async def test_a_stranger_is_called_by_the_county_centre_s18_3(county: County) -> None:
    await call_for_help(await county.actor("nobody-knows-me"), "asked", "", county.pack, NOW)
    (task,) = await tasks.inbox(await county.actor("liu"), NOW)
    assert (task.kind, task.note) == ("handover", "想找工作人员")


async def test_asking_again_and_at_once_opens_one_task_until_it_is_done_s18_3(county: County) -> None:
    farmer = await county.actor("zhang")
    called = await asyncio.gather(*(call_for_help(farmer, "asked", "", county.pack, NOW) for _ in range(4)))
    assert sorted(one.new for one in called) == [False, False, False, True]
    assert len({one.task_key for one in called}) == 1
    await tasks.close(await county.actor("liu"), called[0].task_key, "reached", county.pack, NOW)
    assert (await call_for_help(farmer, "asked", "", county.pack, NOW)).new
    assert await Task.filter(kind="handover").count() == 2
