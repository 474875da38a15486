"""A county of any size, to measure with and to try the night on: reproducible from its seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice

import asyncpg

from actions.import_books import fresh_ids
from actions.routing import on_day
from bot import database
from models.sealing import blind_index, new_key, seal_text
from policies import Pack
from rules import schedule
from rules.identity import check_digit

BATCH = 5_000
LOANS_PER_VILLAGE = 1_000
VILLAGES_PER_TOWN = 20
AMOUNTS_FEN = (1_000_000, 2_000_000, 3_000_000, 5_000_000)
MONTHS = (12, 24, 36)
METHODS: Mapping[schedule.Method, int] = {"interest_only": 70, "bullet": 20, "equal_instalment": 10}
CYCLES: Mapping[schedule.Method, schedule.Cycle] = {
    "interest_only": "quarterly",
    "equal_instalment": "monthly",
}
LATE_SHARE = 0.06
"""How many loans have not paid their last lines."""
PART_PAID_SHARE = 0.1
LATE_LINES = 4
"""So many lines such a loan is behind at most: settled quarterly, the worst are non-performing."""
BANKS = ("农商银行", "邮储银行", "农业银行")
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "守田秀英建国春梅有福志远桂兰玉珍德胜金凤长山小红大海永强"

LineRow = tuple[int, str, date, int, int, int, int, int, date | None]
"""Number, kind, due day, days, principal, interest, both as far as paid, paid off on."""


@dataclass(frozen=True)
class Plan:
    """One loan before it is written."""

    number: int
    village: str
    amount_fen: int
    months: int
    method: schedule.Method
    disbursed_on: date
    late_lines: int
    part_paid: bool


async def make(
    pack: Pack,
    loans: int,
    seed: int,
    now: datetime,
    progress: Callable[[int], None],
    late_share: float = LATE_SHARE,
) -> None:
    """Add a county of `loans` loans; `progress` is told how many are written.

    What was broken off goes on, by the same seed on the same day; done again it changes nothing. Raises
    ValueError when the county has other loans (nothing is mixed with real rows) or is being filled just now.
    """
    on = on_day(now)
    plans = _plans(pack.county, loans, random.Random(seed), on, late_share)
    async with database.pool().acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", f"fill {pack.county}"):
            raise ValueError(f"county {pack.county} is being filled just now; wait until that is done")
        written = await _written(connection, pack.county, plans)
        banks = await _frame(connection, pack, loans)
        progress(written)
        while batch := list(islice(plans, BATCH)):
            async with connection.transaction():
                await _write(connection, pack, banks, batch, on, now)
            written += len(batch)
            progress(written)
        for table in ("person", "loan", "instalment"):
            await connection.execute(f"VACUUM ANALYZE {table}", timeout=600)


async def _written(connection: asyncpg.Connection, county: str, plans: Iterator[Plan]) -> int:
    """How many of the plans are written already; they are taken from the plans."""
    count = await connection.fetchval("SELECT count(*) FROM loan WHERE county = $1", county)
    last = next(islice(plans, count - 1, None), None) if count else None
    same = last and await connection.fetchval(
        """SELECT count(*) FROM loan WHERE county = $1 AND number = $2 AND village = $3 AND principal_fen = $4
             AND disbursed_on = $5 AND method = $6""",
        county, _number(last), last.village, last.amount_fen, last.disbursed_on, last.method,
    )  # fmt: skip
    if count and not same:
        raise ValueError(f"county {county} has other loans already; use an empty database")
    return int(count)


def _plans(county: str, loans: int, chance: random.Random, on: date, late_share: float) -> Iterator[Plan]:
    for number in range(loans):
        months = chance.choice(MONTHS)
        age_days = chance.randrange(1, months * 30 - 1)
        yield Plan(
            number=number,
            village=_village(county, number // LOANS_PER_VILLAGE),
            amount_fen=chance.choice(AMOUNTS_FEN),
            months=months,
            method=chance.choices(list(METHODS), list(METHODS.values()))[0],
            disbursed_on=on - timedelta(days=age_days),
            late_lines=chance.randint(1, LATE_LINES) if chance.random() < late_share else 0,
            part_paid=chance.random() < PART_PAID_SHARE,
        )


def _village(county: str, index: int) -> str:
    town, village = divmod(index, VILLAGES_PER_TOWN)
    return f"{county}{500 + town:03d}{201 + village:03d}"


async def _frame(connection: asyncpg.Connection, pack: Pack, loans: int) -> list[int]:
    """Regions and banks; returns the ids of the banks."""
    villages = -(-loans // LOANS_PER_VILLAGE)
    towns = -(-villages // VILLAGES_PER_TOWN)
    regions = [(f"{pack.county}000000", pack.county, pack.title)]
    regions += [(f"{pack.county}{500 + t:03d}000", pack.county, f"第{t + 1}镇") for t in range(towns)]
    regions += [(_village(pack.county, v), pack.county, f"第{v + 1}村") for v in range(villages)]
    await connection.executemany(
        "INSERT INTO region (code, county, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", regions
    )
    return [
        int(
            await connection.fetchval(
                """INSERT INTO organisation (county, key, kind, name, region)
                   VALUES ($1, $2, 'partner_bank', $4, $3)
                   ON CONFLICT (county, kind, name) DO UPDATE SET region = excluded.region RETURNING id""",
                pack.county,
                new_key(),
                f"{pack.county}000000",
                f"测算{bank}",
            )
        )
        for bank in BANKS
    ]


async def _write(
    connection: asyncpg.Connection, pack: Pack, banks: list[int], batch: list[Plan], on: date, now: datetime
) -> None:
    people = await fresh_ids(connection, "person", len(batch))
    loans = await fresh_ids(connection, "loan", len(batch))
    await connection.copy_records_to_table(
        "person",
        records=[_person(pack.county, plan, people[at], now) for at, plan in enumerate(batch)],
        columns=[
            "id", "county", "key", "name_sealed", "name_index", "id_number_sealed", "id_number_index",
            "phone_sealed", "phone_index", "village", "detailed_notices", "created_at",
        ],
    )  # fmt: skip
    lines = [_lines(plan, on) for plan in batch]
    await connection.copy_records_to_table(
        "loan",
        records=[
            _loan(pack, banks, plan, sum(line[6] for line in lines[at]), loans[at], people[at], now)
            for at, plan in enumerate(batch)
        ],
        columns=[
            "id", "county", "key", "number", "bank_id", "borrower_id", "village", "principal_fen",
            "balance_fen", "annual_rate_bp", "day_count", "method", "settlement_cycle", "disbursed_on",
            "maturity_on", "state", "created_at",
        ],
    )  # fmt: skip
    await connection.copy_records_to_table(
        "instalment",
        records=[
            (pack.county, loans[at], *line) for at, of_loan in enumerate(lines) for line in of_loan
        ],
        columns=[
            "county", "loan_id", "number", "kind", "due_on", "days", "principal_fen", "interest_fen",
            "paid_principal_fen", "paid_interest_fen", "paid_on",
        ],
    )  # fmt: skip


def _number(plan: Plan) -> str:
    return f"D{plan.number:09d}"


def _person(county: str, plan: Plan, person_id: int, now: datetime) -> tuple[object, ...]:
    key = new_key()
    name = SURNAMES[plan.number % 20] + GIVEN[plan.number // 20 % 28] + GIVEN[plan.number // 560 % 28]
    birth = date(1962, 1, 1) + timedelta(days=plan.number * 9 % 14_000)
    body = f"{county}{birth:%Y%m%d}{plan.number // 14_000 % 1000:03d}"
    id_number = body + check_digit(body)
    phone = f"139{plan.number:08d}"
    return (
        person_id,
        county,
        key,
        seal_text(name, "person", "name", key),
        blind_index("name", name),
        seal_text(id_number, "person", "id_number", key),
        blind_index("id_number", id_number),
        seal_text(phone, "person", "phone", key),
        blind_index("phone", phone),
        plan.village,
        False,
        now,
    )


def _loan(
    pack: Pack, banks: list[int], plan: Plan, repaid_fen: int, loan_id: int, person_id: int, now: datetime
) -> tuple[object, ...]:
    return (
        loan_id, pack.county, new_key(), _number(plan), banks[plan.number % len(banks)],
        person_id, plan.village, plan.amount_fen, plan.amount_fen - repaid_fen, 435, "actual/360",
        plan.method, CYCLES.get(plan.method, ""), plan.disbursed_on,
        schedule.add_months(plan.disbursed_on, plan.months), "active", now,
    )  # fmt: skip


def _lines(plan: Plan, on: date) -> list[LineRow]:
    rows = _schedule(plan.amount_fen, plan.months, plan.method, plan.disbursed_on)
    past = [row for row in rows if row.due_on < on]
    unpaid_from = past[-plan.late_lines].number if plan.late_lines and len(past) >= plan.late_lines else None
    lines: list[LineRow] = []
    for row in rows:
        paid = row.due_on < on and (unpaid_from is None or row.number < unpaid_from)
        begun = plan.part_paid and row.number == unpaid_from
        lines.append(
            (
                row.number,
                row.kind,
                row.due_on,
                row.days,
                row.principal_fen,
                row.interest_fen,
                row.principal_fen if paid else 0,
                row.interest_fen if paid else row.interest_fen // 2 if begun else 0,
                row.due_on if paid else None,
            )
        )
    return lines


@lru_cache(maxsize=200_000)
def _schedule(
    amount_fen: int, months: int, method: schedule.Method, start_on: date
) -> list[schedule.Instalment]:
    maturity_on = schedule.add_months(start_on, months)
    return schedule.plan(
        schedule.Terms(
            amount_fen,
            435,
            start_on,
            maturity_on,
            method,
            CYCLES.get(method, "monthly"),
            due_day=20,
            rest_days="keep",
        )
    )
