"""Job slots: which runs of the clock are due, running or done. Unique rows, so any number of clocks may tick.

A slot that is split into parts (one queue job each) is done when every part has reported; reporting twice is
reporting once. Slots of one job and county run in order: a later one waits until the earlier is done or
failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from bot.database import execute, fetch, transaction
from bot.queue import Job, enqueue


@dataclass(frozen=True)
class Slot:
    """One run of a job for a county. `day` is the business date it is for."""

    county: str
    job: str
    slot: datetime
    day: date
    id: int = 0
    state: str = "planned"
    attempts: int = 0
    result: Mapping[str, Any] | None = None


async def last_slots(job: str, counties: Sequence[str]) -> dict[str, datetime]:
    """The latest slot of a job that was ever planned, by county."""
    rows = await fetch(
        """SELECT c.county, s.slot FROM unnest($2::text[]) AS c(county) CROSS JOIN LATERAL (
             SELECT slot FROM job_slot WHERE county = c.county AND job = $1 ORDER BY slot DESC LIMIT 1) s""",
        job,
        list(counties),
    )
    return {row["county"]: row["slot"] for row in rows}


async def plan_slots(slots: Sequence[Slot], now: datetime) -> int:
    """Insert the slots that are not there yet and wake a worker for each job and county. How many were new.

    Clause: S11.6.
    """
    if not slots:
        return 0
    async with transaction() as connection:
        rows = await connection.fetch(
            """INSERT INTO job_slot (county, job, slot, day, state, attempts, planned_at, error)
               SELECT county, job, slot, day, 'planned', 0, $5, ''
               FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::date[]) AS t(county, job, slot, day)
               ORDER BY county, job, slot
               ON CONFLICT DO NOTHING RETURNING county, job""",
            [slot.county for slot in slots],
            [slot.job for slot in slots],
            [slot.slot for slot in slots],
            [slot.day for slot in slots],
            now,
        )
        await enqueue(
            connection, [_wake(*key) for key in dict.fromkeys((r["county"], r["job"]) for r in rows)]
        )
        return len(rows)


async def wake_open(counties: Sequence[str]) -> int:
    """Make sure that a worker will look at every slot that is not done. How many jobs had to be added."""
    rows = await fetch(
        """SELECT DISTINCT county, job FROM job_slot
           WHERE state IN ('planned', 'running') AND county = ANY($1::text[])""",
        list(counties),
    )
    if not rows:
        return 0
    async with transaction() as connection:
        return await enqueue(connection, [_wake(row["county"], row["job"]) for row in rows])


def _wake(county: str, job: str) -> Job:
    return Job("run_slot", {"county": county, "job": job}, dedupe_key=f"slot:{county}:{job}")


async def ensure(slot: Slot, now: datetime) -> Slot:
    """The row of a slot that is run by hand, made where it is missing."""
    await execute(
        """INSERT INTO job_slot (county, job, slot, day, state, attempts, planned_at, error)
           VALUES ($1, $2, $3, $4, 'planned', 0, $5, '') ON CONFLICT DO NOTHING""",
        slot.county,
        slot.job,
        slot.slot,
        slot.day,
        now,
    )
    rows = await fetch(
        "SELECT * FROM job_slot WHERE county = $1 AND job = $2 AND slot = $3",
        slot.county,
        slot.job,
        slot.slot,
    )
    return _slot(rows[0])


async def oldest_open(county: str, job: str) -> Slot | None:
    """The first slot of a job and county that is neither done nor failed."""
    rows = await fetch(
        """SELECT * FROM job_slot WHERE county = $1 AND job = $2 AND state IN ('planned', 'running')
           ORDER BY slot LIMIT 1""",
        county,
        job,
    )
    return _slot(rows[0]) if rows else None


async def is_open_until(county: str, job: str, day: date) -> bool:
    """Is a slot of this job for that business date or an earlier one neither done nor failed?"""
    rows = await fetch(
        """SELECT 1 FROM job_slot WHERE county = $1 AND job = $2 AND state IN ('planned', 'running')
           AND day <= $3 LIMIT 1""",
        county,
        job,
        day,
    )
    return bool(rows)


async def wake(county: str, jobs: Sequence[str]) -> None:
    """Let a worker look at the slots of these jobs, even if one is just looking at them."""
    if jobs:
        async with transaction() as connection:
            await enqueue(connection, [Job("run_slot", {"county": county, "job": job}) for job in jobs])


async def begin(slot: Slot, now: datetime) -> None:
    """Mark a slot as running."""
    await execute(
        """UPDATE job_slot SET state = 'running', attempts = attempts + 1, started_at = $2, error = ''
           WHERE id = $1""",
        slot.id,
        now,
    )


async def begin_parts(slot: Slot, now: datetime, parts: Sequence[str]) -> int:
    """Mark a slot as running and queue a job for each part that has not reported; how many have not.

    A slot without such a part is done at once.
    """
    async with transaction() as connection:
        row = await connection.fetchrow(
            """UPDATE job_slot SET state = 'running', attempts = attempts + 1, started_at = $2, error = '',
                 result = jsonb_build_object('parts', $3::jsonb, 'done',
                   coalesce(CASE WHEN state = 'running' THEN result -> 'done' END, '{}'::jsonb))
               WHERE id = $1 RETURNING result""",
            slot.id,
            now,
            orjson.dumps(list(parts)).decode(),
        )
        reported = orjson.loads(row["result"])
        missing = [part for part in parts if part not in reported["done"]]
        if not missing:
            await _close(slot, now, reported)
        await enqueue(connection, [_part(slot, part) for part in missing])
        return len(missing)


def _part(slot: Slot, part: str) -> Job:
    payload = {
        "slot": slot.id,
        "county": slot.county,
        "job": slot.job,
        "day": slot.day.isoformat(),
        "part": part,
    }
    return Job("run_part", payload, dedupe_key=f"part:{slot.id}:{part}")


async def finish(slot: Slot, now: datetime, result: Mapping[str, Any], error: str = "") -> None:
    """Close a slot with what it did, or with why it failed."""
    await execute(
        "UPDATE job_slot SET state = $2, finished_at = $3, result = $4::jsonb, error = $5 WHERE id = $1",
        slot.id,
        "failed" if error else "done",
        now,
        orjson.dumps(dict(result)).decode(),
        error[:300],
    )


async def report_part(
    slot_id: int, part: str, now: datetime, result: Mapping[str, Any], error: str = ""
) -> bool:
    """Note what a part did. Whether it was the last one; then the slot is closed and the next one woken."""
    async with transaction() as connection:
        row = await connection.fetchrow(
            """UPDATE job_slot
               SET result = jsonb_set(result, ARRAY['done', $2], $3::jsonb)
               WHERE id = $1 AND result ? 'parts' RETURNING *""",
            slot_id,
            part,
            orjson.dumps({"error": error[:200]} if error else dict(result)).decode(),
        )
        if row is None:
            return False
        slot, reported = _slot(row), orjson.loads(row["result"])
        if set(reported["parts"]) - set(reported["done"]):
            return False
        await _close(slot, now, reported)
        # no dedupe key: the job that began this slot may not be off the queue yet and would swallow this one
        await enqueue(connection, [Job("run_slot", {"county": slot.county, "job": slot.job})])
        return True


async def _close(slot: Slot, now: datetime, reported: Mapping[str, Any]) -> None:
    failed = sorted(part for part, said in reported["done"].items() if "error" in said)
    await finish(slot, now, reported, f"failed: {', '.join(failed)}" if failed else "")


async def tidy(county: str, now: datetime) -> dict[str, int]:
    """Delete what only served the running of things and is old; how many rows of each."""
    return {
        "slots": await execute(
            """DELETE FROM job_slot WHERE county = $1 AND state = 'done'
               AND slot < $2::timestamptz - interval '400 days'""",
            county,
            now,
        ),
        "contacts": await execute(
            """DELETE FROM contact_count WHERE county = $1
               AND day < ($2::timestamptz - interval '30 days')::date""",
            county,
            now,
        ),
        "quotas": await execute(
            "DELETE FROM quota_use WHERE county = $1 AND day < ($2::timestamptz - interval '90 days')::date",
            county,
            now,
        ),
        "queue_log": await execute(
            "DELETE FROM pgqueuer_log WHERE created < now() - interval '7 days' AND aggregated"
        ),
    }


def _slot(row: Any) -> Slot:
    return Slot(
        county=row["county"],
        job=row["job"],
        slot=row["slot"],
        day=row["day"],
        id=row["id"],
        state=row["state"],
        attempts=row["attempts"],
        result=orjson.loads(row["result"]) if row["result"] else None,
    )
