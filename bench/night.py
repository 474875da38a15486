"""The night of a county against one hand-written statement: `python -m bench.night --loans 1000000`.

By hand: one INSERT … SELECT of every overdue line and every line that has come to one of its days, with
insert-or-ignore on a key, and nothing else. Ours: the rows of late and cured loans, notices and their first
deliveries, town by town, then the figures of every village, town, bank and the county, and a sample worked
out again by the rule. Both in the same database; by hand has an index of its own, ours has those that are.

Then the same county by one worker process and by two, through the queue, on the two days after; the memory
they took; and a county of a tenth of the size for how the cost grows. Needs PostgreSQL at 127.0.0.1:5432
(--database URL); databases are made for the run and removed after it.
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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from datetime import time as day_time
from pathlib import Path

import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from actions import big_county, slots
from bot import app, database
from bot.config import SHANGHAI, Settings
from bot.runtime import Runtime
from scheduler import runner

COUNTY, PACK = "411082", "changge"
DAY = date(2026, 11, 28)
LATE_SHARE = 0.4
"""As many overdue lines as in the figure this is held against: 444 000 for a million loans."""
RATIO_MOST, GROWTH_MOST, TWO_WORKERS_LEAST, MEMORY_MOST_MB = 2.0, 11.0, 1.6, 300
DAYS_BEFORE = (0, 1, 3, 5, 7, 30, 45, 60)
PATIENCE_S = 600

_TABLE = """
CREATE TABLE by_hand (instalment_id bigint, step int, loan_id bigint, person_id bigint, due_on date,
                      owed_fen bigint, PRIMARY KEY (instalment_id, step));
CREATE INDEX by_hand_way ON instalment (due_on) WHERE paid_on IS NULL
"""
_BY_HAND = """
INSERT INTO by_hand
SELECT i.id, $1::date - i.due_on, i.loan_id, l.borrower_id, i.due_on,
       i.principal_fen + i.interest_fen - i.paid_principal_fen - i.paid_interest_fen
FROM instalment i JOIN loan l ON l.id = i.loan_id
WHERE i.paid_on IS NULL AND l.state = 'active' AND (i.due_on < $1 OR i.due_on = ANY($2::date[]))
ON CONFLICT DO NOTHING
"""


def at_night(day: date) -> datetime:
    return datetime.combine(day, day_time(0, 30), SHANGHAI)


def settings(url: str, var: str, day: date) -> Settings:
    return Settings(env="demo", database_url=url, var=var, now=at_night(day).strftime("%Y-%m-%dT%H:%M"))


@asynccontextmanager
async def county(server: str, var: str, loans: int) -> AsyncIterator[tuple[str, Runtime]]:
    """A database with a county of so many loans; its URL and a runtime at half past midnight."""
    name = f"tianxin_bench_{secrets.token_hex(4)}"
    url = await database.create_database(server, name)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        async with app.open_runtime(settings(url, var, DAY), migrate=True) as runtime:
            with Progress(*columns, disable=not sys.stdout.isatty()) as bar:
                line = bar.add_task(f"{loans:,} loans", total=loans)
                began = time.perf_counter()
                await big_county.make(
                    runtime.packs[PACK],
                    loans,
                    1,
                    runtime.now(),
                    lambda written: bar.update(line, completed=written),
                    LATE_SHARE,
                )
            print(f"{loans:,} loans made in {time.perf_counter() - began:.0f} s", flush=True)
            yield url, runtime
    finally:
        await database.drop_database(server, name)


@asynccontextmanager
async def made_before(url: str, var: str) -> AsyncIterator[tuple[str, Runtime]]:
    """A county that was made before and stays: its URL and a runtime at half past midnight."""
    async with app.open_runtime(settings(url, var, DAY), migrate=True) as runtime:
        yield url, runtime


async def by_hand() -> tuple[float, int]:
    """Seconds of the one statement, and how many rows it wrote."""
    for statement in _TABLE.split(";"):
        await database.execute(statement)
    await database.execute("CHECKPOINT")
    days = [DAY + timedelta(days=days) for days in DAYS_BEFORE]
    began = time.perf_counter()
    written = await database.execute(_BY_HAND, DAY, days)
    took = time.perf_counter() - began
    await database.execute("DROP INDEX by_hand_way")
    await database.execute("DROP TABLE by_hand")
    return took, written


async def ours(runtime: Runtime) -> tuple[float, dict[str, int]]:
    """Seconds of a whole night in this process, town by town, and what it found."""
    await database.execute("CHECKPOINT")
    began = time.perf_counter()
    found: dict[str, int] = {}
    for job in ("night", "night_figures"):
        start = time.perf_counter()
        found |= await runner.run_slot(runtime, job, COUNTY, DAY)
        print(f"    {job:14} {time.perf_counter() - start:6.2f} s", flush=True)
    return time.perf_counter() - began, found


async def by_workers(url: str, var: str, day: date, count: int) -> tuple[float, int]:
    """Seconds of the towns of a night by so many worker processes, and the most memory one took, in MB."""
    at = settings(url, var, day)
    environ = os.environ | {
        "TIANXIN_ENV": "demo", "TIANXIN_DATABASE_URL": url, "TIANXIN_VAR": var, "TIANXIN_NOW": at.now,
    }  # fmt: skip
    processes = [
        subprocess.Popen([sys.executable, "-m", "bot", "worker"], env=environ, stdout=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        await _until(f"SELECT count(*) >= {count} FROM pg_stat_activity"
                     " WHERE datname = current_database() AND query LIKE 'LISTEN%'")  # fmt: skip
        await slots.plan_slots([slots.Slot(COUNTY, "night", at_night(day), day)], at_night(day))
        await _until(f"SELECT count(*) > 0 FROM job_slot WHERE day = '{day}' AND finished_at IS NOT NULL")
        row = (await database.fetch("SELECT * FROM job_slot WHERE day = $1 AND job = 'night'", day))[0]
        memory = max(_peak_mb(process.pid) for process in processes)
        return (row["finished_at"] - row["started_at"]).total_seconds(), memory
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


async def _until(question: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (await database.fetch(question))[0][0]:  # noqa: ASYNC110 - other processes have no event
            await asyncio.sleep(0.1)


def _peak_mb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def verdict(name: str, value: float, limit: float, *, most: bool) -> bool:
    fine = value <= limit if most else value >= limit
    words = f"{'at most' if most else 'at least'} {limit:g}"
    print(f"{name:46} {value:8.2f}   {words:14} {'reached' if fine else 'NOT REACHED'}", flush=True)
    return fine


async def measure(options: argparse.Namespace, var: str) -> bool:
    async with county(options.database, var, options.loans // 10) as (_, runtime):
        small, _ = await ours(runtime)
        print(f"a tenth of the county: {small:.2f} s", flush=True)
    async with county(options.database, var, options.loans) as (url, runtime):
        hand, rows = await by_hand()
        print(f"by hand: {rows:,} rows in {hand:.2f} s", flush=True)
        whole, found = await ours(runtime)
        print("night: " + ", ".join(f"{what} {count:,}" for what, count in found.items()), flush=True)
        again, _ = await ours(runtime)
        hand_again, _ = await by_hand()
        one, memory = await by_workers(url, var, DAY + timedelta(days=1), 1)
        two, memory_two = await by_workers(url, var, DAY + timedelta(days=2), 2)
    print(f"\nload of this machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"by hand {hand:.2f} s and {hand_again:.2f} s; night {whole:.2f} s, once more {again:.2f} s")
    print(f"towns by one worker {one:.2f} s, by two {two:.2f} s\n")
    return all(
        [
            verdict(
                "night / one statement by hand", whole / ((hand + hand_again) / 2), RATIO_MOST, most=True
            ),
            verdict("night / night of a tenth", whole / small, GROWTH_MOST, most=True),
            verdict("one worker / two workers", one / two, TWO_WORKERS_LEAST, most=False),
            verdict("memory of a worker, MB", max(memory, memory_two), MEMORY_MOST_MB, most=True),
        ]
    )


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.night")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--loans", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as var:
        return 0 if await measure(parser.parse_args(), var) else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
