"""What a tick looks for without keeping a slot: something to send, to take back, to write down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.database import fetch, transaction
from bot.queue import Job, enqueue

_LOOK = """
SELECT c.county,
  EXISTS (SELECT 1 FROM delivery
          WHERE county = c.county AND state = 'planned' AND not_before <= $2) AS deliver,
  EXISTS (SELECT 1 FROM receipt WHERE county = c.county AND applied_at IS NULL) AS apply_receipts,
  EXISTS (SELECT 1 FROM delivery WHERE county = c.county AND state IN ('leased', 'sending')
            AND lease_until < clock_timestamp()) AS sweep_leases
FROM unnest($1::text[]) AS c(county)"""
BEATS = ("sweep_leases", "apply_receipts", "deliver")


async def wake(counties: Sequence[str], now: datetime) -> int:
    """Queue a job for each county and each thing there is to do; how many were added. Clause: S18.7."""
    rows = await fetch(_LOOK, list(counties), now)
    jobs = [
        Job(beat, {"county": row["county"]}, dedupe_key=f"{beat}:{row['county']}")
        for row in rows
        for beat in BEATS
        if row[beat]
    ]
    if not jobs:
        return 0
    async with transaction() as connection:
        return await enqueue(connection, jobs)
