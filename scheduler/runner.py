"""The clock: one tick looks which slots have come due and writes them down; workers do the work.

Any number of schedulers may tick: a slot is a unique row. A tick asks the runtime's clock, which the demo may
move: forward, and what was passed over is caught up; back, and nothing is planned twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import Counter, Gauge

from actions import beats, slots
from actions.slots import Slot
from bot.config import SHANGHAI
from bot.runtime import Runtime, business_date
from scheduler import cron
from scheduler.jobs import JOBS, JobSpec, named

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 5
FIRST_LOOK_BACK: Final = timedelta(hours=24)
"""A job that never ran begins with its last slot of this time."""


TICKS: Final = Counter("tianxin_ticks", "Looks at the clock", ("outcome",))
LAST_TICK: Final = Gauge("tianxin_last_tick_timestamp_seconds", "When the clock was last looked at in full")
OPEN_SLOTS: Final = Counter("tianxin_slots_planned", "Runs of jobs that were written down as due")


Progress = Callable[[int, int, Mapping[str, int]], None]
"""Told after each part: how many are done, of how many, and the sum of what they did."""


async def tick(runtime: Runtime) -> int:
    """Plan every slot that has come due and wake whoever has work; how many slots were new. Clause: S11.6."""
    now = runtime.now()
    counties = [pack.county for pack in runtime.packs]
    due: list[Slot] = []
    for job in JOBS:
        if job.catch_up != "none":
            due += await _due(job, counties, now)
    runtime.failpoint("looked")
    planned = await slots.plan_slots(due, now)
    runtime.failpoint("planned")
    await slots.wake_open(counties)
    await beats.wake(counties, now)
    OPEN_SLOTS.inc(planned)
    if planned:
        log.info("slots_planned", slots=planned)
    return planned


async def _due(job: JobSpec, counties: list[str], now: datetime) -> list[Slot]:
    last = await slots.last_slots(job.name, counties)
    found: list[Slot] = []
    for county in counties:
        missed = cron.slots_between(job.schedule, last.get(county, now - FIRST_LOOK_BACK), now)
        if job.catch_up == "latest" or county not in last:
            missed = missed[-1:]
        if job.after and county not in last:
            missed = [at for at in missed if business_date(at) >= _first_day(named(job.after), now)]
        found += [Slot(county, job.name, at, business_date(at)) for at in missed]
    return found


def _first_day(job: JobSpec, now: datetime) -> date:
    """The business date a job begins with that never ran: what comes after it has nothing to do before."""
    begins = cron.slots_between(job.schedule, now - FIRST_LOOK_BACK, now)[-1:]
    return business_date(begins[0]) if begins else date.max


async def run(runtime: Runtime, stop: asyncio.Event) -> None:
    """Tick until told to stop."""
    scheduler = AsyncIOScheduler(timezone=SHANGHAI)  # memory store: what must last is in the database
    scheduler.add_job(
        _tick_safely,
        "interval",
        args=[runtime],
        seconds=TICK_SECONDS,
        next_run_time=datetime.now(SHANGHAI),
        coalesce=True,
        misfire_grace_time=None,
        max_instances=1,
    )
    scheduler.start()
    try:
        await stop.wait()
    finally:
        scheduler.shutdown(wait=False)


async def _tick_safely(runtime: Runtime) -> None:
    try:
        await tick(runtime)
        TICKS.labels("done").inc()
        LAST_TICK.set_to_current_time()
    except Exception as error:  # the next tick makes it good
        TICKS.labels("failed").inc()
        log.exception("tick_failed", error=type(error).__name__)


async def run_slot(
    runtime: Runtime,
    name: str,
    county: str,
    on: date | None = None,
    slot: datetime | None = None,
    progress: Progress = lambda _done, _parts, _so_far: None,
) -> Mapping[str, Any]:
    """Run one slot here and now: the door of `tianxin job run`, and of the tests. Returns what it did.

    Every part is run, one after the other; `progress` is told how many of how many parts are done and what
    they did together. Raises KeyError for a job that does not exist. Clause: S11.6.
    """
    job = named(name)
    on = on or (business_date(slot) if slot else runtime.today())
    if job.catch_up == "none":
        return await job.run(runtime, county, on, "")
    row = await slots.ensure(Slot(county, name, slot or cron.slot_on(job.schedule, on), on), runtime.now())
    await slots.begin(row, runtime.now())
    parts = await job.parts(county) if job.parts else [""]
    done: dict[str, dict[str, Any]] = {}
    progress(0, len(parts), {})
    for part in parts:
        done[part] = dict(await job.run(runtime, county, on, part))
        progress(len(done), len(parts), _total(done))
    result: dict[str, Any] = {"parts": parts, "done": done} if job.parts else done[""]
    await slots.finish(row, runtime.now(), result)
    return _total(done) if job.parts else result


def _total(done: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in done.values():
        for name, count in counts.items():
            total[name] = total.get(name, 0) + int(count)
    return total
