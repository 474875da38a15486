"""Jobs in the hands of workers: done once, tried again, held, and let go of in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from notice_world import COUNTY, SEND_TEMPLATE, TODAY, World

from actions.notices import NewNotice
from bot import database
from bot.queue import Job, enqueue
from bot.runtime import Runtime
from scheduler import sending, workers


async def put(*jobs: Job) -> None:
    async with database.transaction() as connection:
        await enqueue(connection, jobs)


async def queue() -> list[tuple[str, str, int]]:
    rows = await database.fetch("SELECT entrypoint, status::text, attempts FROM pgqueuer ORDER BY id")
    return [tuple(row) for row in rows]


async def until(holds: Callable[[list[tuple[str, str, int]]], bool]) -> None:
    while not holds(await queue()):  # noqa: ASYNC110 - what another process's table says has no event
        await asyncio.sleep(0.02)


async def ready_again() -> None:
    """The pause before the next try is over."""
    await database.execute("UPDATE pgqueuer SET execute_after = now() - interval '1 s'")


async def test_a_job_is_made_with_the_rows_that_need_it_or_not_at_all(world: World) -> None:
    """House: rows and their consequences commit together."""
    person = await world.person()
    notice = NewNotice(person.id, "late_reply", "inbox", 1, {"reply": "好"}, TODAY)

    async def fails_after_planning() -> None:
        async with database.transaction():
            await world.plan(notice)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fails_after_planning()
    assert (await queue(), await world.deliveries()) == ([], [])


async def test_planning_wakes_a_worker(world: World) -> None:
    """S18.7: sent as soon as the transaction has committed."""
    await world.overdue(await world.person())
    assert await workers.drain(world.runtime) == 1
    assert len(await world.sent()) == 1
    assert await queue() == []


async def test_jobs_of_other_rooms_come_in_by_name(world: World) -> None:
    seen: list[dict[str, Any]] = []

    async def fetch_media(_runtime: Runtime, payload: dict[str, Any]) -> None:
        seen.append(payload)

    await put(Job("fetch_media", {"key": "f1"}), Job("elsewhere", {}))
    assert await workers.drain(world.runtime, {"fetch_media": fetch_media}) == 1
    assert seen == [{"key": "f1"}]
    assert await queue() == [("elsewhere", "queued", 0)]  # a worker that knows it will come


async def test_a_job_that_fails_is_tried_again_and_then_held(world: World) -> None:
    """Never silently gone: after five tries it stays in the queue as failed, with its traceback."""
    tries = 0

    async def broken(_runtime: Runtime, _payload: dict[str, Any]) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("no good")

    await put(Job("broken", {}))
    for expected in range(1, 5):
        await workers.drain(world.runtime, {"broken": broken})
        assert await queue() == [("broken", "queued", expected)]
        assert await workers.drain(world.runtime, {"broken": broken}) == 0  # there is a pause in between
        await ready_again()
    await workers.drain(world.runtime, {"broken": broken})
    assert await queue() == [("broken", "failed", 4)]
    assert tries == 5
    log = await database.fetch("SELECT traceback FROM pgqueuer_log WHERE status = 'failed'")
    assert "no good" in log[0]["traceback"]


async def test_jobs_that_make_jobs_without_end_are_noticed(world: World) -> None:
    async def endless(_runtime: Runtime, _payload: dict[str, Any]) -> None:
        await put(Job("endless", {}))

    await put(Job("endless", {}))
    with pytest.raises(RuntimeError, match="the last was endless"):
        await workers.drain(world.runtime, {"endless": endless}, most=20)


async def test_a_running_worker_sends_what_is_planned_and_stops_when_told(world: World) -> None:
    """G1: at once when idle."""
    stop = asyncio.Event()
    working = asyncio.create_task(workers.work(world.runtime, stop))
    await world.overdue(await world.person())
    await world.until_sent(1)
    stop.set()
    started = time.monotonic()
    await asyncio.wait_for(working, 10)
    assert time.monotonic() - started < 5
    assert await world.states() == ["template sent"]


async def test_a_worker_that_is_stopped_leaves_the_rest_to_the_next(world: World) -> None:
    """G1: in the middle of a long list: finished calls are written, the rest is planned as before."""
    await world.crowd(40)
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "slow", "seconds": 0.15})
    stop = asyncio.Event()
    working = asyncio.create_task(workers.work(world.runtime, stop))
    await world.until_sent(1)
    stop.set()
    await asyncio.wait_for(working, 10)
    assert set(await world.states()) == {"template sent", "template planned"}
    await world.admin("faults", {"clear": True})
    await workers.drain(world.runtime)
    await world.deliver()
    assert len({message["client_msg_id"] for message in await world.sent()}) == len(await world.sent()) == 40


async def test_two_workers_share_a_queue(world: World) -> None:
    """K1: each job is done by one of them."""
    await world.crowd(30)
    stop = asyncio.Event()
    both = [asyncio.create_task(workers.work(world.runtime, stop)) for _ in range(2)]
    await world.until_sent(30)
    stop.set()
    await asyncio.wait_for(asyncio.gather(*both), 10)
    assert len(await world.sent()) == 30
    assert all(message["repeats"] == 0 for message in await world.sent())


async def test_a_worker_that_is_at_a_part_leaves_the_other_parts_to_its_colleague(world: World) -> None:
    """S11.6: the towns of a night are shared; nobody sits on a batch of them."""
    go_on, stop = asyncio.Event(), asyncio.Event()
    done: dict[str, int] = {"slow": 0, "quick": 0}

    async def slow(_runtime: Runtime, _payload: dict[str, Any]) -> None:
        await go_on.wait()
        done["slow"] += 1

    async def quick(_runtime: Runtime, _payload: dict[str, Any]) -> None:
        done["quick"] += 1

    await put(*[Job("run_part", {"part": str(part)}) for part in range(7)])
    working = [asyncio.create_task(workers.work(world.runtime, stop, {"run_part": slow}))]
    async with asyncio.timeout(20):
        await until(lambda rows: sum(status == "picked" for _, status, _ in rows) == workers.PARTS_IN_HAND)
        working.append(asyncio.create_task(workers.work(world.runtime, stop, {"run_part": quick})))
        await until(lambda rows: all(status == "picked" for _, status, _ in rows))
        go_on.set()
        await until(lambda rows: not rows)
        stop.set()
        await asyncio.gather(*working)
    assert done == {"slow": workers.PARTS_IN_HAND, "quick": 7 - workers.PARTS_IN_HAND}


async def test_a_second_deliver_job_only_makes_the_first_look_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S18.7: what is planned while a worker is at its last look is not left lying until the next tick."""
    rounds = 0
    deliver = sending.deliver

    async def counted(runtime: Runtime, county: str, stop: asyncio.Event | None = None) -> Any:
        nonlocal rounds
        rounds += 1
        done = await deliver(runtime, county, stop)
        if rounds == 1:
            await world.overdue(await world.person())
            await workers.ENTRYPOINTS["deliver"](runtime, {"county": county}, asyncio.Event())
        return done

    monkeypatch.setattr(sending, "deliver", counted)
    await workers.ENTRYPOINTS["deliver"](world.runtime, {"county": COUNTY}, asyncio.Event())
    assert rounds == 2
    assert len(await world.sent()) == 1


async def test_a_worker_outlives_its_database_connections(world: World, server_url: str) -> None:
    """D1: every connection is cut; what is planned afterwards is sent, with nobody doing anything."""
    stop = asyncio.Event()
    working = asyncio.create_task(workers.work(world.runtime, stop))
    await world.overdue(await world.person())
    await world.until_sent(1)
    admin = await asyncpg.connect(server_url)
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
        urlsplit(world.runtime.database_url).path.lstrip("/"),
    )
    await admin.close()
    await asyncio.sleep(0.2)
    await world.overdue(await world.person())
    await world.until_sent(2)
    assert not working.done()
    stop.set()
    await asyncio.wait_for(working, 10)
    assert len({message["touser"] for message in await world.sent()}) == 2
