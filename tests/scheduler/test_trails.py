"""Why it was sent as it was, for the person, the auditor and whoever calls."""

from __future__ import annotations

import pytest
from notice_world import COUNTY, World

from actions.access import Actor, HeldPost
from actions.trails import OUR_FAULT, OUTCOME_WORDS, WAY_WORDS, errand, trail_of
from bot import database
from bot.errors import NotFound
from models.application import Task
from models.notice import Notice
from rules.gates import Reason
from rules.notices import Channel
from scheduler.calling import OUTCOMES


def actor(person_id: int, *roles: str) -> Actor:
    posts = tuple(HeldPost(1, role, 1, "411082000000") for role in roles)
    return Actor(person_id, COUNTY, "county", "o", "api", posts)


async def test_a_person_reads_every_gate_and_attempt(world: World) -> None:
    """S18.7: in words, in order, with the way that was tried."""
    person = await world.person(following=False)
    await world.overdue(person)
    await world.deliver()
    notice = await Notice.get(person_id=person.id)
    lines = await trail_of(actor(person.id), notice.id)
    assert [line.words for line in lines][:4] == [
        "没有关注公众号",
        "没有订阅授权",
        "不在可以对话的时间里",
        "没有留电话",
    ]
    assert (lines[4].way_words, lines[4].words) == ("工作人员上门或打电话", "已请工作人员联系")


async def test_the_auditor_reads_it_too_and_nobody_else(world: World) -> None:
    """S17.2, S18.7."""
    person = await world.person()
    await world.overdue(person)
    await world.deliver()
    notice = await Notice.get(person_id=person.id)
    assert len(await trail_of(actor(0, "administrator"), notice.id)) == 2
    for other in (actor(0), actor(0, "cadre", "bank_officer")):
        with pytest.raises(NotFound):
            await trail_of(other, notice.id)
    with pytest.raises(NotFound):
        await trail_of(actor(person.id), notice.id + 1)


async def test_whoever_calls_is_told_what_to_say(world: World) -> None:
    """S11.7: read from the notice when the task is opened, never kept with the task."""
    await world.overdue(await world.person(following=False))
    await world.deliver()
    task = await Task.get(kind="call_or_visit")
    assert task.notice_id is not None
    assert await errand(task.notice_id, world.pack, world.now) == "上门或打电话，问张老乡有什么难处"
    await database.execute("UPDATE notice SET kind = 'gone'")
    assert await errand(task.notice_id, world.pack, world.now) == ""


def test_every_outcome_has_its_words() -> None:
    """S18.7: a new gate or refusal without words for people is noticed here."""
    reasons = {reason.value for reason in Reason} - {"clear"}
    assert reasons <= set(OUTCOME_WORDS)
    ours = {"bad_request", "unauthorised", "bad_code", "unknown", "words", "unknown_kind", "broken"}
    refusals = set(OUTCOMES) - {"bad_recipient", "quota_minute", "quota_month"}
    assert refusals - ours <= set(OUTCOME_WORDS) | {"uncertain"}
    assert set(WAY_WORDS) == {channel.value for channel in Channel}
    assert OUR_FAULT not in OUTCOME_WORDS.values()
