"""From a planned delivery to an attempt that may be made: claim, ask the gates, write the intent.

A delivery goes planned → leased (one statement claims a chunk) → sending. The chunk's verdicts, its intents
and what they reserve are one commit, made before the first call: whatever happens then, the row says that it
may have been sent. Leases live by the database's clock, which no demo moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from actions import ledgers
from actions.attempts import LEASE_SECONDS, Attempt
from actions.candidates import load
from actions.chunk import Chunk
from actions.errands import open_errands
from actions.ladder import settle
from actions.notices import business_date
from bot.config import Account
from bot.database import execute
from policies import Pack

CHUNK = 500


async def claim(
    connection: asyncpg.Connection, county: str, owner: str, now: datetime, limit: int = CHUNK
) -> list[int]:
    """Lease up to `limit` planned deliveries whose time has come, the most urgent first. Clause: S18.7."""
    rows = await connection.fetch(
        """WITH ready AS MATERIALIZED (
             SELECT id FROM delivery WHERE county = $1 AND state = 'planned' AND not_before <= $2
             ORDER BY priority, not_before LIMIT $3 FOR UPDATE SKIP LOCKED)
           UPDATE delivery d SET state = 'leased', lease_owner = $4,
             lease_until = clock_timestamp() + make_interval(secs => $5)
           FROM ready WHERE d.id = ready.id RETURNING d.id""",
        county,
        now,
        limit,
        owner,
        LEASE_SECONDS,
    )
    return [row["id"] for row in rows]


async def prepare(
    connection: asyncpg.Connection,
    county: str,
    ids: Sequence[int],
    owner: str,
    accounts: Sequence[Account],
    pack: Pack,
    now: datetime,
    base_url: str = "",
) -> list[Attempt]:
    """Ask the gates about claimed deliveries and write down what follows, intents included, in one commit.

    Returns the attempts to make now. Raises LeaseLost. Clause: S11.5, S11.7, S18.5, S18.6, S18.7.
    """
    if not ids:
        return []
    on = business_date(now)
    async with connection.transaction():
        candidates = await load(connection, ids, owner, [account.name for account in accounts], on)
        await ledgers.lock_windows(connection, candidates)
        chunk = Chunk(county, pack, {a.name: a for a in accounts}, now, on, base_url, pack.gates(on))
        await chunk.open(connection, candidates)
        for one in candidates:
            chunk.decide(one)
        await chunk.write_down(connection, owner)
        await ledgers.close(connection, chunk.ledgers)
        await open_errands(connection, county, chunk.errands, pack, now)
        await settle(connection, county, chunk.finals, pack, now)
        return chunk.attempts


async def renew(owner: str, ids: Sequence[int]) -> None:
    """Say that these deliveries are still being sent. Clause: S18.7."""
    await execute(
        """UPDATE delivery SET lease_until = clock_timestamp() + make_interval(secs => $3)
           WHERE id = ANY($2::bigint[]) AND lease_owner = $1 AND state = 'sending'""",
        owner,
        list(ids),
        LEASE_SECONDS,
    )
