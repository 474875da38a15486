"""Notices kept durably before and after each call against a bare aiohttp loop: `python -m bench.push`.

Both send the same template messages from one process on core 0, over as many connections, to the same server
on core 1, where PostgreSQL (synchronous_commit on) runs too. The bare loop keeps nothing. Ours claims each
delivery, asks every gate (still owed, opted out, quiet hours, cap, quota, follows, conversation), opens the
name, fills the words, commits the intent, calls through the real client, and commits the result. They take
turns in rounds; medians are compared. Target: at least 60 %.

The process's own CPU time a message is printed beside the rate: on a machine that others use too, only that
ratio says something.

Needs PostgreSQL at 127.0.0.1:5432 (--database URL for another, --embedded for the one that comes along); a
database is made for the run and removed after it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

import aiohttp
import fakeredis
import orjson
import uvloop

from actions import notices
from actions.notices import NewNotice
from bot import database, logs
from bot.config import SHANGHAI, Account, Settings
from bot.runtime import Clock, Runtime
from bot.wechat.client import WeChat
from models import sealing
from models.people import Person
from policies import Packs, load_packs
from scheduler.sending import Sender
from scheduler.workers import settle_memory

CLIENT_CORE, SERVER_CORE = 0, 1
COUNTY = "411082"
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=SHANGHAI)
DUE_ON = date(2026, 11, 27)
TARGET = 0.6
ACCOUNT = Account(
    "county", "service", COUNTY, "wx-bench", "secret", "token", "k" * 43, templates={"date": "TPL-date"}
)


class Speed(NamedTuple):
    """Messages a second, and what one cost this process."""

    rate: float
    cpu_us: float

    @classmethod
    def of(cls, count: int, started: tuple[float, float]) -> Speed:
        seconds, cpu = (now - then for now, then in zip(_clocks(), started, strict=True))
        return cls(count / seconds, cpu / count * 1e6)

    @classmethod
    def median(cls, speeds: Sequence[Speed]) -> Speed:
        return cls(*(median(column) for column in zip(*speeds, strict=True)))


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


class MorningClock(Clock):
    """Nine in the morning, whenever the benchmark runs: no quiet hours."""

    def __init__(self) -> None:
        super().__init__(NOW)


@asynccontextmanager
async def platform() -> AsyncIterator[str]:
    """The server that takes the messages, in its own process; yields its address."""
    command = [sys.executable, "-m", "bench.push_server", str(SERVER_CORE)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(timeout=10)


async def bare(http: aiohttp.ClientSession, base: str, count: int, concurrency: int) -> Speed:
    """The speed of a loop that only calls."""
    url = f"{base}/cgi-bin/message/template/send?access_token=bench"
    left = iter(range(count))

    async def caller() -> None:
        for number in left:
            body = {
                "touser": f"o{number:027d}",
                "template_id": "TPL-date",
                "url": "https://tianxin.example/m/loans/aaaaaaaaaaaaaaaaaaaaaa",
                "client_msg_id": str(number),
                "data": {
                    "thing1": {"value": "张先生的约定事项"},
                    "date2": {"value": "2026年11月27日"},
                    "thing3": {"value": "日子已过，请点开查看"},
                },
            }
            async with http.post(url, data=orjson.dumps(body)) as response:
                assert orjson.loads(await response.read())["errcode"] == 0

    started = _clocks()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return Speed.of(count, started)


async def people(count: int) -> None:
    """Borrowers who follow the account, each with a sealed name and ID number and a line that is overdue."""
    for start in range(0, count, 1000):
        rows = []
        for number in range(start, min(start + 1000, count)):
            person = Person(county=COUNTY, village="411082101201", created_at=NOW)
            person.name, person.id_number = "张守田", f"4110821985{number:08d}"
            rows.append(person)
        await Person.bulk_create(rows)
    await database.execute(
        """INSERT INTO wechat_user (county, account, openid, person_id, following, window_left, last_said_at)
           SELECT county, 'county', 'o' || lpad(id::text, 27, '0'), id, true, 0, $1 FROM person""",
        NOW - timedelta(days=3),
    )
    await database.execute(
        """INSERT INTO loan (county, key, number, bank_id, borrower_id, village, principal_fen, balance_fen,
                             annual_rate_bp, day_count, method, settlement_cycle, disbursed_on, maturity_on,
                             state, created_at)
           SELECT county, 'loan-' || id, 'J-' || id, 1, id, village, 1000000, 1000000, 435, 'actual/360',
                  'bullet', '', $1::date - 300, $1, 'active', $2 FROM person""",
        DUE_ON,
        NOW,
    )
    await database.execute(
        """INSERT INTO instalment (county, loan_id, number, kind, due_on, days, principal_fen, interest_fen,
                                   paid_principal_fen, paid_interest_fen)
           SELECT county, id, 1, 'maturity', maturity_on, 300, 1000000, 10000, 0, 0 FROM loan"""
    )
    await database.execute("ANALYZE")


async def plan(runtime: Runtime) -> int:
    """Plan an overdue notice for everybody; how many."""
    rows = await database.fetch(
        "SELECT i.id, l.borrower_id FROM instalment i JOIN loan l ON l.id = i.loan_id"
    )
    await database.execute("DELETE FROM delivery")
    await database.execute("DELETE FROM notice")
    await database.execute("DELETE FROM contact_count")
    await database.execute("DELETE FROM quota_use")
    pack = runtime.packs.by_county(COUNTY)
    made = 0
    for start in range(0, len(rows), 2000):
        async with database.transaction() as connection:
            chunk = [
                NewNotice(row["borrower_id"], "overdue", "instalment", row["id"], {}, DUE_ON, "1")
                for row in rows[start : start + 2000]
            ]
            made += await notices.plan(connection, COUNTY, chunk, pack, runtime.now())
    await database.execute("VACUUM ANALYZE delivery")
    return made


async def ours(runtime: Runtime, concurrency: int) -> Speed:
    """The speed of messages that were durable before and after their call."""
    count = await plan(runtime)
    started = _clocks()
    counts = await Sender(runtime, COUNTY, concurrency=concurrency).run()
    speed = Speed.of(count, started)
    rows = await database.fetch("SELECT count(*) AS n FROM delivery WHERE state = 'sent' AND msgid <> ''")
    if not (counts["accepted"] == rows[0]["n"] == count):
        raise RuntimeError(f"{count} planned, {counts}, {rows[0]['n']} written down")
    return speed


async def measure(options: argparse.Namespace, url: str, base: str) -> int:
    sealing.install(
        sealing.Keyring({1: secrets.token_bytes(32)}, current=1, index_key=secrets.token_bytes(32))
    )
    await database.migrate(url)
    await database.connect(url)
    await people(options.messages)
    redis, clock = fakeredis.FakeAsyncRedis(), MorningClock()
    connector = aiohttp.TCPConnector(limit=200)
    async with aiohttp.ClientSession(connector=connector) as http:
        client = WeChat(ACCOUNT, http, base, redis, clock.now)
        runtime = Runtime(
            settings=Settings(env="demo", public_url="https://tianxin.example"),
            accounts={ACCOUNT.name: ACCOUNT},
            packs=Packs.of([load_packs()["changge"]]),
            clock=clock,
            redis=redis,
            http=http,
            wechat={ACCOUNT.name: client},
            database_url=url,
        )
        settle_memory()  # for both: as a worker does when it starts
        theirs, mine = [], []
        for turn in range(options.rounds + 1):
            speeds = (
                await bare(http, base, options.messages, options.concurrency),
                await ours(runtime, options.concurrency),
            )
            if turn:  # the first round warms up
                theirs.append(speeds[0])
                mine.append(speeds[1])
                print(
                    f"round {turn}: bare {_said(speeds[0])}, durable {_said(speeds[1])}",
                    flush=True,
                )
        await client.close()
    await database.disconnect()
    return report(Speed.median(theirs), Speed.median(mine))


def report(theirs: Speed, mine: Speed) -> int:
    ratio = mine.rate / theirs.rate
    print(f"bare aiohttp loop  {_said(theirs)}")
    print(f"tianxin, durable   {_said(mine)}")
    print(f"ratio              {ratio:8.2f} (target {TARGET}); of CPU time {theirs.cpu_us / mine.cpu_us:.2f}")
    return 0 if ratio >= TARGET else 1


def _said(speed: Speed) -> str:
    return f"{speed.rate:8,.0f} messages/s, {speed.cpu_us:5.1f} us CPU each"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.push")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


async def main(options: argparse.Namespace) -> int:
    logs.configure(demo=False)
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory() as folder:
        server, embedded = options.database, None
        if options.embedded:
            server, embedded = await asyncio.to_thread(database.start_embedded, Path(folder))
        name = f"tianxin_bench_{secrets.token_hex(4)}"
        url = await database.create_database(server, name)
        try:
            async with platform() as base:
                return await measure(options, url, base)
        finally:
            await database.drop_database(server, name)
            if embedded is not None:
                embedded.cleanup()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(arguments())))
