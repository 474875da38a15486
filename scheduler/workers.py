"""The workers: PgQueuer hands out jobs, each entrypoint is a function. What fails is tried again, then held.

Other rooms' entrypoints come in by argument: `more` maps a name to a function of runtime and payload.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, Final
from uuid import uuid4

import asyncpg
import orjson
import structlog
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.domain.errors import PgqException, RetryRequested
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.models import Job, TracebackRecord
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from prometheus_client import Counter

from actions import slots
from bot import database
from bot.runtime import Runtime
from scheduler import sending
from scheduler.jobs import BY_NAME, JobSpec, followers, named

log = structlog.get_logger(__name__)
DONE: Final = Counter("tianxin_jobs", "Jobs by what became of them", ("entrypoint", "outcome"))

Payload = dict[str, Any]
Entrypoint = Callable[[Runtime, Payload, asyncio.Event], Awaitable[None]]
MoreEntrypoint = Callable[[Runtime, Payload], Awaitable[None]]

TRIES: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=2)
STOP_SECONDS: Final = 10
AGAIN_SECONDS: Final = 1.0
_DATABASE_AWAY: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, PgqException)
HEARTBEAT: Final = timedelta(seconds=30)
BATCH: Final = 10
PART: Final = "run_part"
PARTS_AT_ONCE: Final = 1
PARTS_IN_HAND: Final = 2
"""Parts a worker has taken: the one it works on and the next. What it has, no other worker can do."""
_DELIVERING: Final = "delivering"
_AT_A_PART: Final = "at_a_part"


async def _run_slot(runtime: Runtime, payload: Payload, stop: asyncio.Event) -> None:
    """Run the open slots of one job and county, in order; one with parts goes on when they have reported."""
    county, job = payload["county"], named(payload["job"])
    while not stop.is_set() and (slot := await slots.oldest_open(county, job.name)) is not None:
        if job.after and await slots.is_open_until(county, job.after, slot.day):
            return  # whoever closes those wakes this job
        if job.parts:
            if await slots.begin_parts(slot, runtime.now(), await job.parts(county)):
                return
        else:
            await _run_whole(runtime, job, slot)
        await slots.wake(county, followers(job.name))


async def _run_whole(runtime: Runtime, job: JobSpec, slot: slots.Slot) -> None:
    await slots.begin(slot, runtime.now())
    runtime.failpoint("slot_begun")
    try:
        result = await job.run(runtime, slot.county, slot.day, "")
        runtime.failpoint("slot_run")
    except Exception as error:
        if slot.attempts + 1 < TRIES:
            raise
        log.exception("slot_failed", job=job.name, county=slot.county, day=slot.day.isoformat())
        await slots.finish(slot, runtime.now(), {}, f"{type(error).__name__}: {error}")
    else:
        await slots.finish(slot, runtime.now(), result)


async def _run_part(runtime: Runtime, payload: Payload, _stop: asyncio.Event) -> None:
    """Do one part. A worker does one at a time: a county's night must not take every connection there is."""
    job, county, part = named(payload["job"]), payload["county"], payload["part"]
    alone: asyncio.Semaphore = runtime.extras.setdefault(_AT_A_PART, asyncio.Semaphore(PARTS_AT_ONCE))
    async with alone:
        runtime.failpoint("part_begun")
        result = await job.run(runtime, county, date.fromisoformat(payload["day"]), part)
        runtime.failpoint("part_run")
    if await slots.report_part(payload["slot"], part, runtime.now(), result):
        await slots.wake(county, followers(job.name))


async def _part_failed(runtime: Runtime, payload: Payload, error: Exception) -> None:
    words = f"{type(error).__name__}: {error}"
    if await slots.report_part(payload["slot"], payload["part"], runtime.now(), {}, words):
        await slots.wake(payload["county"], followers(payload["job"]))


async def _deliver(runtime: Runtime, payload: Payload, stop: asyncio.Event) -> None:
    """Send what is ready in a county. While this process is at it, another job only makes it look again."""
    county = payload["county"]
    running: dict[str, bool] = runtime.extras.setdefault(_DELIVERING, {})
    if county in running:
        running[county] = True
        return
    try:
        again = True
        while again and not stop.is_set():
            running[county] = False
            await sending.deliver(runtime, county, stop)
            again = running[county]
    finally:
        del running[county]


def _beat(name: str) -> Entrypoint:
    async def run(runtime: Runtime, payload: Payload, _stop: asyncio.Event) -> None:
        await BY_NAME[name].run(runtime, payload["county"], runtime.today(), "")

    return run


ENTRYPOINTS: Final[Mapping[str, Entrypoint]] = {
    "run_slot": _run_slot,
    PART: _run_part,
    "deliver": _deliver,
    "apply_receipts": _beat("receipts"),
    "sweep_leases": _beat("sweep_leases"),
}


class _Desk:
    """All entrypoints of this worker, and what happens when one of them fails."""

    def __init__(
        self, runtime: Runtime, stop: asyncio.Event, more: Mapping[str, MoreEntrypoint] | None
    ) -> None:
        self.runtime = runtime
        self.stop = stop
        self.entrypoints = dict(ENTRYPOINTS)
        for name, function in (more or {}).items():
            self.entrypoints[name] = _without_stop(function)

    async def handle(self, job: Job) -> None:
        """Do one job. Raises RetryRequested, or after too many tries the error: the job is then held."""
        payload: Payload = orjson.loads(job.payload or b"{}")
        try:
            await self.entrypoints[job.entrypoint](self.runtime, payload, self.stop)
            DONE.labels(job.entrypoint, "done").inc()
        except Exception as error:
            held = job.attempts + 1 >= TRIES
            DONE.labels(job.entrypoint, "held" if held else "again").inc()
            if held:
                if job.entrypoint == PART:
                    await _part_failed(self.runtime, payload, error)
                raise
            log.warning(
                "job_again", entrypoint=job.entrypoint, tries=job.attempts + 1, error=type(error).__name__
            )
            raise RetryRequested(FIRST_PAUSE * 2**job.attempts, type(error).__name__) from error


def _without_stop(function: MoreEntrypoint) -> Entrypoint:
    async def run(runtime: Runtime, payload: Payload, _stop: asyncio.Event) -> None:
        await function(runtime, payload)

    return run


def settle_memory() -> None:
    """What was loaded so far is there for good: the garbage collector need not look at it again and again.

    A chunk makes tens of thousands of small objects that live for a moment, so it also looks less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def work(
    runtime: Runtime, stop: asyncio.Event, more: Mapping[str, MoreEntrypoint] | None = None
) -> None:
    """Do jobs until told to stop, then finish what is in hand: at most ten seconds.

    When the database goes away, it is asked again every second; what was in hand is done again later.
    """
    settle_memory()
    desk = _Desk(runtime, stop, more)
    while not stop.is_set():
        try:
            await _work(runtime, desk, stop)
        except _DATABASE_AWAY as error:
            log.error("worker_lost_database", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)


async def _work(runtime: Runtime, desk: _Desk, stop: asyncio.Event) -> None:
    # connections of its own: a busy pool cannot hold up heartbeats, and one listens all the time
    pool = await asyncpg.create_pool(runtime.database_url, min_size=2, max_size=3)
    queries = Queries(AsyncpgPoolDriver(pool))
    # who takes a batch of parts and does them one after the other leaves none to the other workers
    parts = _manager(desk, queries, [PART])
    others = _manager(desk, queries, [name for name in desk.entrypoints if name != PART])
    working = [
        asyncio.create_task(_serve(parts, batch=1, most=PARTS_IN_HAND)),
        asyncio.create_task(_serve(others, batch=BATCH)),
    ]
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((*working, told), return_when=asyncio.FIRST_COMPLETED)
        _shut(parts, others)
        await asyncio.wait(working, timeout=STOP_SECONDS)
    finally:
        _shut(parts, others)
        for task in (*working, told):
            task.cancel()
        await asyncio.gather(*working, told, return_exceptions=True)
        pool.terminate()
    for task in working:
        if not task.cancelled() and (error := task.exception()):
            raise error


def _manager(desk: _Desk, queries: Queries, names: Iterable[str]) -> QueueManager:
    manager = QueueManager(queries)
    for name in names:
        manager.entrypoint(name, on_failure="hold", accepts_context=False)(desk.handle)
    return manager


async def _serve(manager: QueueManager, *, batch: int, most: int | None = None) -> None:
    await manager.run(
        batch_size=batch,
        max_concurrent_tasks=most,
        dequeue_timeout=timedelta(seconds=5),
        heartbeat_timeout=HEARTBEAT,
        shutdown_on_listener_failure=True,
    )


def _shut(*managers: QueueManager) -> None:
    for manager in managers:
        manager.shutdown.set()


async def drain(
    runtime: Runtime, more: Mapping[str, MoreEntrypoint] | None = None, *, most: int = 10_000
) -> int:
    """Do every job that is ready, one after the other, until none is; how many were done.

    What is to be done later (a pause before the next try, a delay) stays. Raises RuntimeError after `most`
    jobs: then jobs make jobs without end.
    """
    desk = _Desk(runtime, asyncio.Event(), more)
    wanted = {
        QueueEntrypoint(name): EntrypointExecutionParameter(concurrency_limit=0) for name in desk.entrypoints
    }
    await database.fetch("SELECT 1")  # opens the pool
    queries = Queries(AsyncpgPoolDriver(database.pool()))
    me, done = QueueManagerId(uuid4()), 0
    while jobs := await queries.dequeue(BATCH, wanted, me, None, HEARTBEAT):
        for job in jobs:
            await _do(desk, queries, job)
        done += len(jobs)
        if done > most:
            raise RuntimeError(f"still not done after {done} jobs; the last was {jobs[-1].entrypoint}")
    return done


async def _do(desk: _Desk, queries: Queries, job: Job) -> None:
    try:
        await desk.handle(job)
    except RetryRequested as again:
        await queries.retry_job(job, again.delay, TracebackRecord.from_exception(again, job.id))
    except Exception as error:
        log.exception("job_held", entrypoint=job.entrypoint, error=type(error).__name__)
        await queries.log_jobs([(job, "failed", TracebackRecord.from_exception(error, job.id))])
    else:
        await queries.log_jobs([(job, "successful", None)])
