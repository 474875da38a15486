"""Jobs in PostgreSQL: enqueued in the transaction that makes them necessary, worked on by any worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


@dataclass(frozen=True)
class Job:
    """One piece of work. `dedupe_key`: while such a job waits or runs, a second one is not added."""

    entrypoint: str
    payload: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    delay: timedelta = timedelta(0)
    dedupe_key: str | None = None


async def enqueue(connection: asyncpg.Connection, jobs: Sequence[Job]) -> int:
    """Add jobs on this connection (and so in its transaction). Returns how many were really added."""
    if not jobs:
        return 0
    added = await Queries(AsyncpgDriver(connection)).enqueue(
        [job.entrypoint for job in jobs],
        [orjson.dumps(job.payload) for job in jobs],
        [job.priority for job in jobs],
        execute_after=[job.delay for job in jobs],
        dedupe_key=[job.dedupe_key for job in jobs],
        on_conflict="skip",
    )
    return sum(1 for job_id in added if job_id is not None)
