"""How long the console's pages take in a big county: `python -m bench.console --loans 1000000`.

A county with a night behind it, `--applications` applications and an open task for every late loan. Fifty
officers of every role, each logged in, ask for twenty pages a second in all, for `--seconds`; then the 95th
percentile of every page is printed. Targets: 300 ms for any page, 500 ms for the overview. At the end the
whole list of loans is made into a workbook: at most 60 s and 200 MB. Needs PostgreSQL at 127.0.0.1:5432
(--database URL).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections import defaultdict
from statistics import quantiles

import aiohttp
import uvloop
from aiohttp.test_utils import TestServer

from actions import console_sessions, exports
from actions.access import Actor, posts_held
from actions.listings import Asked
from bench.lists import _APPLICATIONS, _TASKS
from bench.night import COUNTY, DAY, county, ours
from bot import database
from bot.runtime import Runtime
from handlers.routes import create_app
from models.people import Person

PAGE_MS, OVERVIEW_MS = 300, 500
EXPORT_SECONDS, EXPORT_MB = 60, 200
USERS = 50
ROLES = ("county_clerk", "town_clerk", "bank_officer", "loan_officer", "guarantor_officer")

_OFFICERS = """
INSERT INTO post (county, person_id, organisation_id, role, region, from_on)
SELECT $1, p.id, CASE $2 WHEN 'bank_officer' THEN b.id ELSE o.id END, $2,
       CASE $2 WHEN 'town_clerk' THEN left(p.village, 9) || '000' ELSE $1 || '000000' END, $3::date - 30
FROM (SELECT id, village FROM person WHERE county = $1 AND village IS NOT NULL ORDER BY md5(id::text || $2)
      LIMIT $4) p
CROSS JOIN LATERAL (SELECT id FROM organisation WHERE county = $1 ORDER BY id LIMIT 1) o
CROSS JOIN LATERAL (SELECT id FROM organisation WHERE county = $1 AND kind = 'partner_bank'
                    ORDER BY md5(id::text || p.id) LIMIT 1) b
RETURNING person_id"""


def pages(chance: random.Random, role: str, places: list[str], numbers: list[str]) -> tuple[str, str]:
    """A page such a person may look at: its name and its address."""
    place, number = chance.choice(places), chance.choice(numbers)
    found = [("overview", "/console"), ("live", "/console/live"), ("tasks", "/console/tasks")]
    applications = (
        "applications",
        f"/console/applications?{chance.choice(['', 'state=open', f'place={place}'])}",
    )
    loans = [
        ("loans", "/console/loans"),
        ("loans by maturity", "/console/loans?sort=maturity&state=active"),
        ("loans of a place", f"/console/loans?place={place}"),
        ("loans by number", f"/console/loans?q={number}"),
        ("overdue", "/console/overdue"),
        ("overdue of a place", f"/console/overdue?place={place}&sort=amount"),
    ]
    deep = ("loans page 1000", "/console/loans?after=2025-06-01~400000")
    if role == "county_clerk":
        found += [
            ("work", "/console/work"),
            ("people", "/console/people"),
            ("find", f"/console/find?q={number}"),
        ]
    return chance.choice(found + [applications] + ([] if role == "loan_officer" else [*loans, deep]))


async def officers(runtime: Runtime) -> list[tuple[str, str]]:
    """Role and session of every officer."""
    found: list[tuple[str, str]] = []
    for role in ROLES:
        rows = await database.fetch(_OFFICERS, COUNTY, role, DAY, USERS // len(ROLES))
        for row in rows:
            person = await Person.get(id=row["person_id"])
            found.append((role, await console_sessions.open_session(person, "password", runtime.now())))
    return found


async def load(options: argparse.Namespace, runtime: Runtime, people: list[tuple[str, str]]) -> bool:
    """Ask as fifty people do; whether every page kept its time."""
    chance = random.Random(1)
    places = [
        row[0] for row in await database.fetch("SELECT code FROM region WHERE right(code, 6) <> '000000'")
    ]
    numbers = [row[0] for row in await database.fetch("SELECT number FROM loan ORDER BY id LIMIT 1000")]
    took: dict[str, list[float]] = defaultdict(list)
    server = TestServer(create_app(runtime))
    await server.start_server()
    async with aiohttp.ClientSession() as http:

        async def look(name: str, address: str, token: str) -> None:
            began = time.perf_counter()
            async with http.get(
                server.make_url(address), headers={"Cookie": f"tianxin-console={token}"}
            ) as answer:
                await answer.read()
                if answer.status != 200:
                    raise SystemExit(f"{address}: {answer.status}")
            took[name].append((time.perf_counter() - began) * 1000)

        running: list[asyncio.Task[None]] = []
        began = time.perf_counter()
        for step in range(options.seconds * options.rate):
            role, token = chance.choice(people)
            running.append(asyncio.create_task(look(*pages(chance, role, places, numbers), token)))
            await asyncio.sleep(max(0.0, began + (step + 1) / options.rate - time.perf_counter()))
        await asyncio.gather(*running)
    await server.close()
    reached = True
    for name, found in sorted(took.items()):
        at95 = quantiles(found, n=20)[-1] if len(found) > 1 else found[0]
        reached &= at95 <= (OVERVIEW_MS if name == "overview" else PAGE_MS)
        print(
            f"{name:24} {len(found):5} times   "
            f"median {sorted(found)[len(found) // 2]:7.1f} ms   95 % {at95:7.1f} ms"
        )
    return reached


async def workbook(runtime: Runtime) -> bool:
    """The whole list of loans as a workbook: seconds, megabytes of this process at its widest."""
    row = (await database.fetch("SELECT person_id FROM post WHERE role = 'county_clerk' LIMIT 1"))[0]
    pack, now = runtime.packs.by_county(COUNTY), runtime.now()
    actor = Actor(row["person_id"], COUNTY, "", "", "job", await posts_held(row["person_id"], DAY))
    began, cpu = time.perf_counter(), time.process_time()
    made = await exports.ask(actor, "loans", Asked(), pack, DAY, now)
    rows = await exports.work(made.key, pack, DAY, now)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    widest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = (await exports.view(actor, made.key, now)).size / 1_048_576
    print(
        f"workbook of {rows:,} loans: {seconds:.1f} s ({cpu:.1f} s of it ours), "
        f"{size:.0f} MB, memory {widest:.0f} MB"
    )
    return seconds <= EXPORT_SECONDS and widest <= EXPORT_MB


async def measure(options: argparse.Namespace, var: str) -> bool:
    async with county(options.database, var, options.loans) as (_, runtime):
        await ours(runtime)
        people = await officers(runtime)
        await database.execute(_TASKS, COUNTY, DAY, runtime.now())
        await database.execute(_APPLICATIONS, COUNTY, runtime.now(), options.applications)
        for table in ("task", "loan_application", "loan", "arrears_day", "person"):
            await database.execute(f"VACUUM ANALYZE {table}")
        wide = await workbook(runtime) if options.workbook else True
        return await load(options, runtime, people) and wide


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.console")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--loans", type=int, default=100_000)
    parser.add_argument("--applications", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=20)
    parser.add_argument("--workbook", action=argparse.BooleanOptionalAction, default=True)
    with tempfile.TemporaryDirectory() as var:
        return 0 if await measure(parser.parse_args(), var) else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
