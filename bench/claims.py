"""How many deliveries a second can be claimed and acknowledged, calls left out: `python -m bench.claims`.

The statements of the sender itself, over sockets: a chunk is claimed (FOR UPDATE SKIP LOCKED), its intent is
written, and its answers are written down; each is a commit with synchronous_commit on. Lanes work side by
side as two workers would. The gates between claim and intent are left out here: `bench.push` measures those.
Target: 20,000 rows a second, claimed and acknowledged.

Needs PostgreSQL at 127.0.0.1:5432 (--database URL for another, --embedded for the one that comes along); a
database is made for the run and removed after it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import asyncpg
import uvloop

from actions import delivery, outcomes
from actions.attempts import Attempt
from actions.chunk import Chunk
from actions.outcomes import Result
from bot import database, logs
from policies import Pack, load_packs
from rules.delivery import Outcome
from rules.notices import Channel, NoticeClass

COUNTY = "411082"
TARGET = 20_000
NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


async def fill(connection: asyncpg.Connection, rows: int) -> None:
    """So many planned deliveries, each of a notice of its own."""
    await connection.execute("TRUNCATE delivery, notice")
    await connection.execute(
        """INSERT INTO notice (county, person_id, kind, subject_kind, subject_id, due_on, step, facts,
                               priority, state, created_at, expires_at)
           SELECT $1, n, 'overdue', 'loan', n, '2026-11-27', '1', '{}', 2, 'open', $2, $3
           FROM generate_series(1, $4::int) n""",
        COUNTY,
        NOW,
        NOW + timedelta(days=3),
        rows,
    )
    await connection.execute(
        """INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before, lease_owner,
                                 attempts, account, openid, msgid, trail)
           SELECT county, id, 0, 'template', 2, 'planned', $1, '', 0, '', '', '', '[]' FROM notice""",
        NOW,
    )
    await connection.execute("VACUUM ANALYZE delivery")


def attempt(number: int) -> Attempt:
    """What the sender holds of a claimed delivery."""
    return Attempt(
        delivery_id=number,
        notice_id=number,
        person_id=number,
        kind="overdue",
        notice_class=NoticeClass.COLLECTION,
        rung=0,
        channel=Channel.TEMPLATE,
        priority=2,
        number=1,
        started_at=NOW,
        expires_at=NOW + timedelta(days=3),
        account="county",
        openid=f"o{number:027d}",
    )


def busy_seconds(pid: int) -> float:
    """Processor time of a process on this machine; 0 where that cannot be seen."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def lane(url: str, pack: Pack, chunk: int, spent: list[float]) -> int:
    """Claim, begin and acknowledge chunk after chunk on one connection until there is none."""
    connection, owner, done = await asyncpg.connect(url), secrets.token_hex(8), 0
    backend = connection.get_server_pid()
    try:
        while ids := await delivery.claim(connection, COUNTY, owner, NOW, chunk):
            async with connection.transaction():
                intents = Chunk(COUNTY, pack, {}, NOW, NOW.date(), "", pack.gates(NOW.date()))
                intents.begun = [(number, "county", f"o{number:027d}") for number in ids]
                await intents.write_down(connection, owner)
            results = [
                Result(attempt(number), Outcome.ACCEPTED, msgid=str(4 * 10**18 + number)) for number in ids
            ]
            done += await outcomes.record(connection, COUNTY, results, pack, NOW)
    finally:
        spent.append(busy_seconds(backend))
        await connection.close()
    return done


async def measure(options: argparse.Namespace, url: str) -> int:
    await database.migrate(url)
    pack, connection = load_packs()["changge"], await asyncpg.connect(url)
    rates, ours, theirs = [], [], []
    for turn in range(options.rounds + 1):
        await fill(connection, options.rows)
        spent: list[float] = []
        start, begun = time.perf_counter(), time.process_time()
        lanes = (lane(url, pack, options.chunk, spent) for _ in range(options.lanes))
        done = sum(await asyncio.gather(*lanes))
        rate, own = done / (time.perf_counter() - start), time.process_time() - begun
        sent = await connection.fetchval("SELECT count(*) FROM delivery WHERE state = 'sent' AND msgid <> ''")
        if not done == sent == options.rows:
            raise RuntimeError(f"{options.rows} planned, {done} acknowledged, {sent} written down")
        if turn:  # the first round warms up
            rates.append(rate)
            ours.append(own / done * 1e6)
            theirs.append(sum(spent) / done * 1e6)
            print(f"round {turn}: {rate:,.0f} rows/s", flush=True)
    await connection.close()
    print(f"claimed, begun and acknowledged {median(rates):8,.0f} rows/s (target {TARGET:,})")
    print(f"processor time a row: {median(ours):.0f} µs here, {median(theirs):.0f} µs in PostgreSQL")
    return 0 if median(rates) >= TARGET else 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.claims")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=delivery.CHUNK)
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


async def main(options: argparse.Namespace) -> int:
    logs.configure(demo=False)
    with tempfile.TemporaryDirectory() as folder:
        server, embedded = options.database, None
        if options.embedded:
            server, embedded = await asyncio.to_thread(database.start_embedded, Path(folder))
        name = f"tianxin_bench_{secrets.token_hex(4)}"
        url = await database.create_database(server, name)
        try:
            return await measure(options, url)
        finally:
            await database.drop_database(server, name)
            if embedded is not None:
                embedded.cleanup()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(arguments())))
