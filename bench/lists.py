"""How long a page of a list takes in a big county: `python -m bench.lists --loans 1000000`.

A county with a night and its warnings behind it, an open task for every late loan, and a month of figures.
Each list is asked for its first page and for the pages after it, for people of every level chosen at random;
the 95th percentile of each is printed with its limit: 200 ms, for a whole report of every village and the
ledger summed up 300 ms, for the overview 500 ms. Needs PostgreSQL at 127.0.0.1:5432 (--database URL);
--made URL --var FOLDER takes a county that is there, with its keys.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles
from typing import Any

import uvloop

from actions import (
    collection,
    filings,
    listings,
    loans,
    my_notices,
    overview,
    report_loans,
    report_views,
    risk_ledger,
    subsidies,
    tasks,
)
from actions.access import Actor, HeldPost
from actions.report_loans import Opened
from actions.report_views import Asked
from bench.night import COUNTY, DAY, county, made_before, ours, verdict
from bot import database
from bot.runtime import Runtime
from handlers import report_sheet
from scheduler import runner

TARGET_MS, REPORT_MS, OVERVIEW_MS = 200, 300, 500
PAGES = 5
LIMITS_MS = {
    "report of every village": REPORT_MS,
    "sheet of that report": 10 * REPORT_MS,
    "risk ledger of the county summed up": REPORT_MS,
    "overview of the county": OVERVIEW_MS,
}
CONSOLE: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("applications", "applications", {}, ""),
    ("applications open", "applications", {"state": "open"}, "oldest"),
    ("applications waiting", "applications", {"state": "in_review", "age": "3"}, ""),
    ("loans", "loans", {}, ""),
    ("loans of a bank", "loans", {"bank": "a bank", "state": "active"}, "maturity"),
    ("loans of a town by number", "loans", {"place": "a town"}, "number"),
    ("loans of a village", "loans", {"place": "a village"}, ""),
    ("loans settled", "loans", {"state": "settled"}, ""),
    ("late loans", "overdue", {}, ""),
    ("late loans by amount", "overdue", {"days": "90"}, "amount"),
    ("late loans of a town", "overdue", {"place": "a town"}, ""),
    ("tasks", "work", {}, ""),
    ("tasks of a town late", "work", {"place": "a town", "late": "1"}, ""),
    ("tasks done", "work", {"state": "done"}, "due_last"),
    ("notices not delivered", "notices", {}, ""),
    ("people", "people", {}, ""),
)
"""What the console of a county's clerk is asked for: name, list, filters, order."""

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
_FILING = """
WITH filing AS (
  INSERT INTO filing (county, key, kind, bank_id, month, due_on, approximate, state, lines, total_fen, sha256,
                      late, drafted_at)
  SELECT $1::varchar, 'bench', 'disbursements', min(bank_id), '2026-10-01', $2, false, 'drafted', 0, 0, '',
         false, $3
  FROM loan WHERE county = $1 ON CONFLICT DO NOTHING RETURNING id, bank_id)
INSERT INTO filing_line (county, filing_id, kind, number, loan_id, guarantor_id, letter, content)
SELECT $1::varchar, f.id, 'disbursements', row_number() OVER (ORDER BY l.id), l.id, l.guarantor_id, '',
       jsonb_build_object('number', l.number, 'village', l.village)
FROM filing f CROSS JOIN LATERAL (SELECT * FROM loan WHERE bank_id = f.bank_id ORDER BY id LIMIT 30000) l
"""
_DECLARATION = """
WITH made AS (
  INSERT INTO subsidy_declaration (county, key, bank_id, quarter, due_on, approximate, state, lines,
                                   total_fen, extra_fen, sha256, late, drafted_at, returned_reason)
  SELECT $1::varchar, 'bench', min(bank_id), '2026-07-01', $2, false, 'drafted', 0, 0, 0, '', false, $3, ''
  FROM loan WHERE county = $1 ON CONFLICT DO NOTHING RETURNING id, bank_id)
INSERT INTO subsidy (county, declaration_id, loan_id, person_id, end_on, paid_on, interest_fen, days,
                     clean_days, fen, days_late, extra_fen)
SELECT $1::varchar, d.id, l.id, l.borrower_id, $2, $2, 1000, 90, 90, 500, 0, 0
FROM made d JOIN loan l ON l.bank_id = d.bank_id
"""
_APPLICATIONS = """
WITH made AS (
  INSERT INTO household (county, key, village, registered_poor)
  SELECT county, 'h' || id, village, false FROM loan WHERE county = $1 ORDER BY id LIMIT $3 RETURNING id, key)
INSERT INTO loan_application (county, key, number, state, stage, applicant_id, filled_by_id, household_id,
  village, applicant_kind, industry, amount_fen, term_months, form_version, answers_sealed, answers_hash,
  route, resolved_route, terms, progress, round, version, partner_bank_id, confirm_tries, confirmed_by,
  closed_reason, return_fields, channel, submitted_at, step_entered_at)
SELECT $1, 'a' || l.id, $1 || '-2026-' || lpad(l.id::text, 8, '0'), s.state, s.stage, l.borrower_id,
  l.borrower_id, h.id, l.village, 'farmer', 'sheep', l.principal_fen, 12, 1, '\\x00', '',
  'online', '{}', '{}',
  '{}', 1, 1, l.bank_id, 0, 'own', '', '[]', 'mini_program',
  $2::timestamptz - make_interval(mins => (l.id % 500000)::int),
  $2::timestamptz - make_interval(mins => (l.id % 20000)::int)
FROM (SELECT * FROM loan WHERE county = $1 ORDER BY id LIMIT $3) l
JOIN made h ON h.key = 'h' || l.id
CROSS JOIN LATERAL (SELECT CASE l.id % 10 WHEN 0 THEN 'in_review' WHEN 1 THEN 'returned'
                                      ELSE 'disbursed' END AS state,
                           CASE l.id % 10 WHEN 0 THEN 'acquiring_bank_review' ELSE '' END AS stage) s"""
_FILLED = (
    "task",
    "region_day",
    "warning",
    "disposal",
    "arrears_day",
    "notice",
    "loan_application",
    "filing_line",
    "subsidy",
    "collection_day",
)
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

    def opening(report: str, figure: str) -> List:
        async def pages(_chance: random.Random) -> list[float]:
            who = actor(1, "county_clerk", f"{COUNTY}000000")

            async def page(after: str | None) -> str | None:
                opened = Opened(figure, "county", f"{COUNTY}000000", DAY, after or "")
                shown = await report_loans.loans_behind(who, report, opened, pack, DAY, now)
                return shown.items[-1].key if shown.items else None

            return await timed(page)

        return pages

    return {
        "own loans": own_loans,
        "own notices": own_notices,
        "tasks of a village": inbox("cadre", lambda chance: chance.choice(villages)),
        "tasks of a town": inbox("town_clerk", lambda chance: chance.choice(villages)[:9] + "000"),
        "tasks of a bank": inbox("bank_officer", lambda _chance: f"{COUNTY}000000", body=True),
        "loans behind the county's arrears": opening("overdue_rates", "overdue_fen"),
        "loans behind the county's month": opening("collection_month", "due_fen"),
    }


def lines(asked: Any, number: str) -> List:
    """The lines of what a bank has drafted, of which `number` tells one from another."""

    async def pages(_chance: random.Random) -> list[float]:
        who = actor(1, "county_clerk", f"{COUNTY}000000")

        async def page(after: str | None) -> str | None:
            shown = await asked(who, "bench", after=int(after or 0))
            return str(getattr(shown[-1], number)) if shown else None

        return await timed(page)

    return pages


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
        "lines of a filing": lines(filings.lines, "number"),
        "lines of a declaration": lines(subsidies.lines, "id"),
        "report of every village": report,
        "sheet of that report": sheet,
    }


async def console(runtime: Runtime) -> dict[str, List]:
    """The lists of the console and what an officer sees first."""
    pack, now = runtime.packs.by_county(COUNTY), runtime.now()
    villages = [r[0] for r in await database.fetch("SELECT DISTINCT village FROM loan")]
    banks = [r[0] for r in await database.fetch("SELECT key FROM organisation WHERE kind = 'partner_bank'")]
    who = actor(1, "county_clerk", f"{COUNTY}000000")

    def listed(name: str, filters: dict[str, str], sort: str) -> List:
        async def pages(chance: random.Random) -> list[float]:
            village = chance.choice(villages)
            words = {"a village": village, "a town": village[:9] + "000", "a bank": chance.choice(banks)}
            filled = {key: words.get(value, value) for key, value in filters.items()}

            async def page(after: str | None) -> str | None:
                asked = listings.Asked(filled, sort, after or "")
                return (await listings.page(who, name, asked, pack, DAY, now)).next or None

            return await timed(page)

        return pages

    async def first(_chance: random.Random) -> list[float]:
        async def page(_after: str | None) -> None:
            await overview.view(who, pack, DAY, now)

        return await timed(page)

    async def summed(_chance: random.Random) -> list[float]:
        async def page(_after: str | None) -> None:
            await risk_ledger.summary(who, pack, DAY)

        return await timed(page)

    lists = {f"console: {title}": listed(name, filters, sort) for title, name, filters, sort in CONSOLE}
    return {**lists, "risk ledger of the county summed up": summed, "overview of the county": first}


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
        if not (await database.fetch("SELECT EXISTS (SELECT 1 FROM loan_application)"))[0][0]:
            await database.execute(_APPLICATIONS, COUNTY, runtime.now(), options.loans // 10)
        await database.execute(_FILING, COUNTY, DAY, runtime.now())
        await database.execute(_DECLARATION, COUNTY, DAY, runtime.now())
        await collection.fill(COUNTY, DAY)
        for table in _FILLED:
            await database.execute(f"VACUUM ANALYZE {table}")
        print(f"{options.loans:,} loans, {opened:,} more open tasks", flush=True)
        for name, pages in {**await people(runtime), **await desk(runtime), **await console(runtime)}.items():
            took: list[float] = []
            chance = random.Random(1)
            for _ in range(options.times):
                took += await pages(chance)
            at95 = quantiles(took, n=20)[-1]
            print(f"{name:36} median {quantiles(took, n=2)[0]:7.1f} ms   ", end="")
            reached &= verdict("95 %, ms", at95, LIMITS_MS.get(name, TARGET_MS), most=True)
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
