"""How long a page of a list takes in a big county: `python -m bench.lists --loans 1000000`.

A county with a night and its warnings behind it, an open task for every late loan, and a month of figures.
Each list is asked for its first page and for the pages after it, for people of every level chosen at random;
the 95th percentile of each is printed. Target: 200 ms, for a whole report of every village 300 ms. Needs
PostgreSQL at 127.0.0.1:5432 (--database URL); --made URL --var FOLDER takes a county that is
there, with its keys.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles

import uvloop

from actions import loans, my_notices, report_loans, report_views, risk_ledger, tasks
from actions.access import Actor, HeldPost
from actions.report_loans import Opened
from actions.report_views import Asked
from bench.night import COUNTY, DAY, county, made_before, ours
from bot import database
from bot.runtime import Runtime
from handlers import report_sheet
from scheduler import runner

TARGET_MS, REPORT_MS = 200, 300
PAGES = 5
LIMITS_MS = {"report of every village": REPORT_MS, "sheet of that report": 10 * REPORT_MS}

_TASKS = """
INSERT INTO task (county, key, kind, loan_id, person_id, round, stage, role, organisation_id, region, state,
                  outcome, note, opened_at, due_at, escalation, escalated_role)
SELECT l.county, 'b' || l.id || left(t.role, 2), t.kind, l.id, l.borrower_id, 1, '', t.role, t.body,
       l.village, 'open', '', '', $3, $3::timestamptz + make_interval(mins => (l.id % 9000)::int), 0, ''
FROM arrears_day a JOIN loan l ON l.id = a.loan_id
CROSS JOIN LATERAL (VALUES ('call_or_visit', 'cadre', NULL), ('call_or_visit', 'bank_officer', l.bank_id),
                           ('call_or_visit', 'town_clerk', NULL)) AS t(kind, role, body)
WHERE a.county = $1 AND a.day = $2 ON CONFLICT DO NOTHING
"""
_MONTH = """
INSERT INTO region_day (county, day, level, code, loans, balance_fen, overdue_loans, overdue_fen, par30_fen,
                        npl_loans, npl_fen, eased_fen, npl_as_if_fen)
SELECT county, day - back, level, code, loans, balance_fen, overdue_loans, overdue_fen, par30_fen, npl_loans,
       npl_fen, eased_fen, npl_as_if_fen
FROM region_day CROSS JOIN generate_series(1, 35) AS back WHERE county = $1 AND day = $2
ON CONFLICT DO NOTHING
"""
List = Callable[[random.Random], Awaitable[list[float]]]


async def timed(page: Callable[[str | None], Awaitable[str | None]]) -> list[float]:
    """Milliseconds of the first pages of a list: `page` is given where to go on and says where next."""
    took, after = [], None
    for _ in range(PAGES):
        began = time.perf_counter()
        after = await page(after)
        took.append((time.perf_counter() - began) * 1000)
        if after is None:
            break
    return took


def actor(person: int, role: str = "", region: str = "", body: int = 0) -> Actor:
    posts = (HeldPost(1, role, body, region),) if role else ()
    return Actor(person, COUNTY, "changge", "o", "api", posts)


async def people(runtime: Runtime) -> dict[str, List]:
    """The lists by name, each for somebody chosen at random."""
    pack, now = runtime.packs.by_county(COUNTY), runtime.now()
    borrowers = [
        r[0] for r in await database.fetch("SELECT id FROM person WHERE village IS NOT NULL LIMIT 5000")
    ]
    villages = [r[0] for r in await database.fetch("SELECT DISTINCT village FROM loan")]
    banks = [r[0] for r in await database.fetch("SELECT DISTINCT bank_id FROM loan")]

    async def own_loans(chance: random.Random) -> list[float]:
        async def page(_after: str | None) -> None:
            await loans.my_loans(actor(chance.choice(borrowers)), DAY)

        return await timed(page)

    async def own_notices(chance: random.Random) -> list[float]:
        async def page(_after: str | None) -> None:
            await my_notices.my_notices(actor(chance.choice(borrowers)), pack, "https://x", DAY)

        return await timed(page)

    def inbox(role: str, region: Callable[[random.Random], str], body: bool = False) -> List:
        async def pages(chance: random.Random) -> list[float]:
            who = actor(1, role, region(chance), chance.choice(banks) if body else 0)

            async def page(after: str | None) -> str | None:
                shown = await tasks.inbox(who, now, after=after)
                return shown[-1].key if shown else None

            return await timed(page)

        return pages

    async def behind(chance: random.Random) -> list[float]:
        who = actor(1, "county_clerk", f"{COUNTY}000000")

        async def page(after: str | None) -> str | None:
            opened = Opened("overdue_fen", "county", f"{COUNTY}000000", DAY, after or "")
            shown = await report_loans.loans_behind(who, "overdue_rates", opened, pack, DAY, now)
            return shown.items[-1].key if shown.items else None

        return await timed(page)

    return {
        "own loans": own_loans,
        "own notices": own_notices,
        "tasks of a village": inbox("cadre", lambda chance: chance.choice(villages)),
        "tasks of a town": inbox("town_clerk", lambda chance: chance.choice(villages)[:9] + "000"),
        "tasks of a bank": inbox("bank_officer", lambda _chance: f"{COUNTY}000000", body=True),
        "loans behind the county's arrears": behind,
    }


async def desk(runtime: Runtime) -> dict[str, List]:
    """The ledger and the report of whoever sits at a desk."""
    pack = runtime.packs.by_county(COUNTY)
    villages = [r[0] for r in await database.fetch("SELECT DISTINCT village FROM loan")]
    banks = [r[0] for r in await database.fetch("SELECT DISTINCT bank_id FROM loan")]

    async def report(_chance: random.Random) -> list[float]:
        who = actor(1, "county_clerk", f"{COUNTY}000000")

        async def page(_after: str | None) -> None:
            await report_views.view(who, "overdue_rates", Asked(level="village"), pack, DAY)

        return await timed(page)

    async def sheet(_chance: random.Random) -> list[float]:
        who = actor(1, "county_clerk", f"{COUNTY}000000")

        async def page(_after: str | None) -> None:
            report_sheet.draw(
                await report_views.view(who, "overdue_rates", Asked(level="village"), pack, DAY)
            )

        return await timed(page)

    def ledger(role: str, region: Callable[[random.Random], str], body: bool = False) -> List:
        async def pages(chance: random.Random) -> list[float]:
            who = actor(1, role, region(chance), chance.choice(banks) if body else 0)

            async def page(after: str | None) -> str | None:
                shown = await risk_ledger.loans(who, after=int(after or 0))
                return str(shown[-1].id) if shown else None

            return await timed(page)

        return pages

    return {
        "risk ledger of the county": ledger("county_clerk", lambda _chance: f"{COUNTY}000000"),
        "risk ledger of a village": ledger("cadre", lambda chance: chance.choice(villages)),
        "risk ledger of a bank": ledger("bank_officer", lambda _chance: f"{COUNTY}000000", body=True),
        "report of every village": report,
        "sheet of that report": sheet,
    }


async def measure(options: argparse.Namespace, var: str) -> bool:
    reached = True
    made = (
        made_before(options.made, options.var)
        if options.made
        else county(options.database, var, options.loans)
    )
    async with made as (_, runtime):
        await ours(runtime)
        await runner.run_slot(runtime, "risk", COUNTY, DAY)
        await database.execute(_MONTH, COUNTY, DAY)
        opened = await database.execute(_TASKS, COUNTY, DAY, runtime.now())
        for table in ("task", "region_day", "warning", "disposal", "arrears_day", "notice"):
            await database.execute(f"VACUUM ANALYZE {table}")
        print(f"{options.loans:,} loans, {opened:,} more open tasks", flush=True)
        for name, pages in {**await people(runtime), **await desk(runtime)}.items():
            took: list[float] = []
            chance = random.Random(1)
            for _ in range(options.times):
                took += await pages(chance)
            at95 = quantiles(took, n=20)[-1]
            reached &= at95 <= LIMITS_MS.get(name, TARGET_MS)
            print(f"{name:36} median {quantiles(took, n=2)[0]:7.1f} ms   95 % {at95:7.1f} ms", flush=True)
    return reached


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.lists")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--loans", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--made", default="", help="URL of a database that has the county already")
    parser.add_argument("--var", default="", help="with --made: where the keys of that county are")
    with tempfile.TemporaryDirectory() as var:
        return 0 if await measure(parser.parse_args(), var) else 1


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
