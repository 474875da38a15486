"""What the clock made happen and what waits in the queue: for who looks after a county's system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.types import JobId
from pgqueuer.queries import Queries

from actions import audit, slots
from actions.access import Actor, require_staff
from bot.database import fetch, transaction
from bot.errors import NotFound, RuleRefused

READERS = ("county_clerk", "administrator", "system_administrator")
MENDERS = ("administrator", "system_administrator")
"""Who may run something again."""
SHOWN = 50
_PAYLOAD = "convert_from(coalesce(payload, '{}'), 'UTF8')::jsonb"
_OF_COUNTY = f"""({_PAYLOAD} ->> 'county' = $1 OR {_PAYLOAD} ->> 'key' IN (
  SELECT key FROM import_batch WHERE county = $1 UNION ALL SELECT key FROM export WHERE county = $1
  UNION ALL SELECT key FROM stored_file WHERE county = $1 AND state = 'pending'))"""  # noqa: S608 - parts of ours


@dataclass(frozen=True, slots=True)
class SlotView:
    """One run of a job: the newest of it, or one that failed."""

    id: int
    job: str
    day: date
    state: str
    attempts: int
    planned_at: datetime
    finished_at: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class QueueView:
    """How many jobs of a kind wait, run, or are held because they failed; since when the oldest waits."""

    entrypoint: str
    waiting: int
    running: int
    held: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that failed so often that a person has to look at it."""

    id: int
    entrypoint: str
    attempts: int
    created_at: datetime
    error: str


@dataclass(frozen=True)
class Standing:
    """Jobs and queue of a county."""

    slots: tuple[SlotView, ...]
    failed: tuple[SlotView, ...]
    queue: tuple[QueueView, ...]
    held: tuple[HeldJob, ...]


async def standing(actor: Actor) -> Standing:
    """Jobs and queue of the actor's county. Raises RuleRefused. Clause: S17.1."""
    _ = require_staff(actor, *READERS)
    newest = await fetch(
        """SELECT DISTINCT ON (job) id, job, day, state, attempts, planned_at, finished_at, error
           FROM job_slot WHERE county = $1 ORDER BY job, slot DESC""",
        actor.county,
    )
    failed = await fetch(
        """SELECT id, job, day, state, attempts, planned_at, finished_at, error
           FROM job_slot WHERE county = $1 AND state = 'failed' ORDER BY slot DESC LIMIT $2""",
        actor.county,
        SHOWN,
    )
    queue = await fetch(
        f"""SELECT entrypoint, count(*) FILTER (WHERE status = 'queued') AS waiting,
                   count(*) FILTER (WHERE status = 'picked') AS running,
                   count(*) FILTER (WHERE status = 'failed') AS held,
                   min(created) FILTER (WHERE status = 'queued') AS oldest
            FROM pgqueuer WHERE {_OF_COUNTY} GROUP BY entrypoint ORDER BY entrypoint""",  # noqa: S608
        actor.county,
    )
    held = await fetch(
        f"""SELECT q.id, q.entrypoint, q.attempts, q.created AS created_at,
                   coalesce((SELECT l.traceback ->> 'exception_type' FROM pgqueuer_log l
                             WHERE l.job_id = q.id AND l.traceback IS NOT NULL
                             ORDER BY l.id DESC LIMIT 1), '')
                     AS error
            FROM (SELECT * FROM pgqueuer WHERE status = 'failed' AND {_OF_COUNTY}
                  ORDER BY id DESC LIMIT {SHOWN}) q""",  # noqa: S608
        actor.county,
    )
    return Standing(
        slots=tuple(SlotView(**dict(row)) for row in newest),
        failed=tuple(SlotView(**dict(row)) for row in failed),
        queue=tuple(QueueView(**dict(row)) for row in queue),
        held=tuple(HeldJob(**dict(row)) for row in held),
    )


async def run_slot_again(actor: Actor, slot_id: int, now: datetime) -> bool:
    """Let a failed run of a job be tried once more; False: it is not failed any longer.

    Running it twice changes nothing: every job is made so. Raises NotFound, RuleRefused.
    Clause: S11.6, S17.1.
    """
    _ = require_staff(actor, *MENDERS)
    async with transaction() as connection:
        row = await connection.fetchrow(
            "SELECT id, job, state FROM job_slot WHERE id = $1 AND county = $2 FOR UPDATE",
            slot_id,
            actor.county,
        )
        if row is None:
            raise NotFound("没有找到这次作业。")
        if row["state"] != "failed":
            return False
        await connection.execute(
            """UPDATE job_slot SET state = 'planned', attempts = 0, error = '', finished_at = NULL,
                 result = NULL WHERE id = $1""",
            slot_id,
        )
        await audit.record(
            actor.county, actor.person_id, "run_again", ("job_slot", slot_id), now, job=row["job"]
        )
        await slots.wake(actor.county, [row["job"]])
    return True


async def release(actor: Actor, job_ids: Sequence[int], now: datetime) -> int:
    """Put held jobs back into the queue; how many were still held. Raises RuleRefused. Clause: S17.1."""
    _ = require_staff(actor, *MENDERS)
    if not 0 < len(job_ids) <= SHOWN:
        raise RuleRefused("S17.1", "请选要再跑一次的。", code="nothing_chosen")
    async with transaction() as connection:
        rows = await connection.fetch(
            f"""SELECT id, entrypoint FROM pgqueuer WHERE id = ANY($2::bigint[]) AND status = 'failed'
                AND {_OF_COUNTY} FOR UPDATE""",  # noqa: S608
            actor.county,
            list(job_ids),
        )
        if rows:
            await Queries(AsyncpgDriver(connection)).requeue_jobs([JobId(row["id"]) for row in rows])
        for row in rows:
            await audit.record(
                actor.county, actor.person_id, "run_again", ("queue", row["id"]), now, job=row["entrypoint"]
            )
    return len(rows)
