"""A request made twice happens once, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from actions.access import Actor, actor_for
from actions.idempotency import Answer, RequestRunning, forget_before, once
from bot.database import fetch
from bot.errors import RuleRefused
from models.people import Household

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
ON = date(2026, 11, 28)
ROUTE = "POST /api/v1/things"


async def somebody(openid: str = "farmer") -> Actor:
    return await actor_for("gzh", "411082", openid, on=ON, now=NOW, channel="mini_program")


def render(refusal: RuleRefused) -> Answer:
    return Answer(422, {"code": refusal.code})


async def make_household() -> Answer:
    row = await Household.create(county="411082", village="411082101201")
    return Answer(201, {"key": row.key})


async def count() -> int:
    return await Household.all().count()


async def test_the_second_request_gets_the_first_answer_and_nothing_happens(db: str) -> None:
    actor = await somebody()
    first = await once(actor, ROUTE, "k1", "body", NOW, make_household, render)
    second = await once(actor, ROUTE, "k1", "body", NOW, make_household, render)
    assert (second.status, second.body, first.replayed, second.replayed) == (201, first.body, False, True)
    assert await count() == 1


async def test_another_body_under_the_same_key_is_refused(db: str) -> None:
    actor = await somebody()
    await once(actor, ROUTE, "k1", "body", NOW, make_household, render)
    with pytest.raises(RuleRefused, match="idempotency_key_reused"):
        await once(actor, ROUTE, "k1", "other body", NOW, make_household, render)
    assert await count() == 1


async def test_another_person_or_route_with_the_same_key_is_another_request(db: str) -> None:
    mine = await once(await somebody(), ROUTE, "k1", "body", NOW, make_household, render)
    his = await once(await somebody("other"), ROUTE, "k1", "body", NOW, make_household, render)
    elsewhere = await once(await somebody(), "POST /else", "k1", "body", NOW, make_household, render)
    assert len({mine.body["key"], his.body["key"], elsewhere.body["key"]}) == 3


async def test_of_two_at_once_one_works_and_the_other_is_told_to_wait(db: str) -> None:
    actor = await somebody()
    started, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> Answer:
        started.set()
        await go_on.wait()
        return await make_household()

    running = asyncio.create_task(once(actor, ROUTE, "k1", "body", NOW, slow, render))
    await started.wait()
    with pytest.raises(RequestRunning):
        await once(actor, ROUTE, "k1", "body", NOW, make_household, render)
    go_on.set()
    first = await running
    again = await once(actor, ROUTE, "k1", "body", NOW, make_household, render)
    assert again.body == first.body
    assert await count() == 1


async def test_fifty_at_once_have_one_effect(db: str) -> None:
    actor = await somebody()
    results = await asyncio.gather(
        *(once(actor, ROUTE, "k1", "body", NOW, make_household, render) for _ in range(50)),
        return_exceptions=True,
    )
    answers = [r for r in results if isinstance(r, Answer)]
    assert len({a.body["key"] for a in answers}) == 1
    assert all(isinstance(r, Answer | RequestRunning) for r in results)
    assert await count() == 1


async def test_a_refusal_is_stored_and_told_again(db: str) -> None:
    actor = await somebody()
    calls = 0

    async def refuse() -> Answer:
        nonlocal calls
        calls += 1
        raise RuleRefused("S1.6", "不行。", code="no")

    first = await once(actor, ROUTE, "k1", "body", NOW, refuse, render)
    second = await once(actor, ROUTE, "k1", "body", NOW, refuse, render)
    assert (first.status, second.body, calls) == (422, {"code": "no"}, 1)


async def test_after_a_fault_nothing_is_stored_and_the_request_can_be_made_again(db: str) -> None:
    actor = await somebody()

    async def fail_late() -> Answer:
        await make_household()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        await once(actor, ROUTE, "k1", "body", NOW, fail_late, render)
    assert await count() == 0
    answer = await once(actor, ROUTE, "k1", "body", NOW, make_household, render)
    assert not answer.replayed
    assert await count() == 1


async def test_the_stored_answer_is_sealed_and_forgotten_after_its_time(db: str) -> None:
    actor = await somebody()

    async def tell() -> Answer:
        return Answer(200, {"name": "张三丰"})

    await once(actor, ROUTE, "k1", "body", NOW, tell, render)
    row = (await fetch("SELECT response_sealed FROM idempotency_key"))[0]
    assert "张三丰".encode() not in bytes(row["response_sealed"])
    assert (await once(actor, ROUTE, "k1", "body", NOW, tell, render)).body == {"name": "张三丰"}
    assert await forget_before(NOW) == 0
    assert await forget_before(NOW + timedelta(days=1)) == 1
