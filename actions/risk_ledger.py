"""The risk ledger: loans warned of or on the disposal list, by maturity, level, ability, willingness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from actions.access import Actor, require_staff
from actions.scopes import BY_REGION, condition
from bot import database
from policies import Pack
from rules.warnings import Level

_BODIES: Mapping[str, str] = {
    "cadre": BY_REGION,
    "town_clerk": BY_REGION,
    "county_clerk": BY_REGION,
    "bank_officer": "bank_id",
    "guarantor_officer": "guarantor_id",
    "case_officer": BY_REGION,
}
_SUMMARY = """
WITH at_risk AS (
  SELECT w.loan_id, w.level, d.ability, d.willingness
  FROM warning w LEFT JOIN disposal d ON d.loan_id = w.loan_id AND d.state <> 'closed'
  WHERE w.county = $1 AND w.level > 0 AND {warned}
  UNION ALL
  SELECT d.loan_id, 0::smallint, d.ability, d.willingness FROM disposal d
  WHERE d.county = $1 AND d.state <> 'closed' AND {disposed}
    AND NOT EXISTS (SELECT 1 FROM warning w WHERE w.loan_id = d.loan_id AND w.level > 0)
)
SELECT (SELECT max(e.day) FROM unnest($2::int[]) AS e(day)
        WHERE e.day <= alike.maturity_on - $3::date) AS from_days,
       level, coalesce(ability, '') AS ability, coalesce(willingness, '') AS willingness,
       sum(loans)::int AS loans, sum(fen)::bigint AS fen
FROM (SELECT l.maturity_on, r.level, r.ability, r.willingness, count(*) AS loans, sum(l.balance_fen) AS fen
      FROM at_risk r JOIN loan l ON l.id = r.loan_id WHERE l.state = 'active'
      GROUP BY 1, 2, 3, 4) alike
GROUP BY 1, 2, 3, 4 ORDER BY 1 NULLS FIRST, 2 DESC, 3, 4"""
_RUNS = """CROSS JOIN LATERAL (
  -- loan by loan in their order: the planner would rather walk all loans before the page
  SELECT 1 FROM loan l WHERE l.id = {0}.loan_id AND l.state = 'active' OFFSET 0) runs"""
_WARNED = """
(SELECT w.loan_id FROM warning w {runs}
 WHERE w.county = $1 AND w.level > 0 AND {seen} AND w.loan_id > $2
   AND ($3::int IS NULL OR w.level = $3) AND $4::text IS NULL
 ORDER BY w.loan_id LIMIT $5)"""
_DISPOSED = """
(SELECT d.loan_id FROM disposal d {runs}
 WHERE d.county = $1 AND d.state <> 'closed' AND {seen} AND d.loan_id > $2
   AND ($3::int IS NULL OR $3 = coalesce((SELECT w.level FROM warning w WHERE w.loan_id = d.loan_id), 0))
   AND ($4::text IS NULL OR d.state = $4)
 ORDER BY d.loan_id LIMIT $5)"""
_ROWS = """
WITH page AS MATERIALIZED (SELECT loan_id FROM ({halves}) r ORDER BY loan_id LIMIT $5)
SELECT l.id, l.key, l.number, l.village, l.balance_fen, l.maturity_on, coalesce(w.level, 0) AS level,
       w.since_on, coalesce(d.key, '') AS disposal_key, coalesce(d.state, '') AS disposal_state,
       coalesce(d.cause, '') AS cause, coalesce(d.ability, '') AS ability,
       coalesce(d.willingness, '') AS willingness, coalesce(d.way, '') AS way, d.by_on, d.overdue_since
FROM page r JOIN loan l ON l.id = r.loan_id LEFT JOIN warning w ON w.loan_id = l.id
LEFT JOIN disposal d ON d.loan_id = l.id AND d.state <> 'closed'
ORDER BY l.id"""


@dataclass(frozen=True)
class LedgerCell:
    """Loans alike in all four ways. `from_days`: days to maturity from here on; None: it has passed."""

    from_days: int | None
    level: str
    ability: str
    willingness: str
    loans: int
    balance_fen: int


@dataclass(frozen=True)
class LedgerLoan:
    """One loan of the ledger."""

    id: int
    key: str
    number: str
    village: str
    balance_fen: int
    maturity_on: date
    level: str
    since_on: date | None
    disposal_key: str
    disposal_state: str
    overdue_since: date | None
    cause: str
    ability: str
    willingness: str
    way: str
    by_on: date | None


async def summary(actor: Actor, pack: Pack, on: date) -> list[LedgerCell]:
    """The ledger summed up: the actor's regions and, for a body, its own loans. Clause: S12.1, S17.2."""
    require_staff(actor, *_BODIES)
    values: list[object] = [actor.county, list(pack.contents.disposal.maturity_days.on(on)), on]
    question = _SUMMARY.format(warned=_seen(actor, "w", values), disposed=_seen(actor, "d", values))
    async with database.transaction() as connection:
        # a whole county's loans are put together in memory
        await connection.execute("SET LOCAL work_mem = '64MB'")
        rows = await connection.fetch(question, *values)
    return [
        LedgerCell(
            row["from_days"],
            _name(row["level"]),
            row["ability"],
            row["willingness"],
            row["loans"],
            row["fen"],
        )
        for row in rows
    ]


async def loans(
    actor: Actor,
    *,
    level: Level | None = None,
    disposal: str | None = None,
    after: int = 0,
    limit: int = 20,
) -> list[LedgerLoan]:
    """The loans behind the sums, by number; `disposal`: open or decided. Clause: S12.1, S17.2."""
    require_staff(actor, *_BODIES)
    values: list[object] = [actor.county, after, None if level is None else int(level), disposal, limit]
    halves = []
    if disposal is None and level is not Level.NONE:
        halves.append(_WARNED.format(runs=_RUNS.format("w"), seen=_seen(actor, "w", values)))
    if disposal is not None or not level:
        halves.append(_DISPOSED.format(runs=_RUNS.format("d"), seen=_seen(actor, "d", values)))
    rows = await database.fetch(_ROWS.format(halves=" UNION ".join(halves)), *values)
    return [
        LedgerLoan(**{**dict(row), "level": _name(row["level"])})  # the columns are named as the fields
        for row in rows
    ]


def _seen(actor: Actor, table: str, values: list[object]) -> str:
    """What of a table of loans the actor sees: it knows where and whose each loan is."""
    return condition(actor, _BODIES, f"{table}.village", values, prefix=f"{table}.")


def _name(level: int) -> str:
    return Level(level).name.lower()
