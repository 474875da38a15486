"""The risk ledger: loans warned of or on the disposal list, by maturity, level, ability, willingness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from actions.access import Actor, require_staff
from actions.bulk_tasks import SCOPE
from bot import database
from policies import Pack
from rules.warnings import Level

_ROLES = ("cadre", "town_clerk", "county_clerk", "bank_officer", "guarantor_officer", "case_officer")
_SEEN = f"""(
  SELECT 1 FROM unnest($2::text[], $3::text[], $4::bigint[]) AS p(role, region, body)
  WHERE starts_with(l.village, {SCOPE.format("p.region")})
    AND (p.role <> 'bank_officer' OR p.body = l.bank_id)
    AND (p.role <> 'guarantor_officer' OR p.body = l.guarantor_id))"""  # noqa: S608 - put together from parts of ours
_AT_RISK = """
  SELECT loan_id FROM warning WHERE county = $1 AND level > 0
  UNION SELECT loan_id FROM disposal WHERE county = $1 AND state <> 'closed'"""
_SUMMARY = f"""
SELECT (SELECT max(e.day) FROM unnest($5::int[]) AS e(day)
        WHERE e.day <= l.maturity_on - $6::date) AS from_days,
       coalesce(w.level, 0) AS level, coalesce(d.ability, '') AS ability,
       coalesce(d.willingness, '') AS willingness, count(*)::int AS loans, sum(l.balance_fen)::bigint AS fen
FROM ({_AT_RISK}) r JOIN loan l ON l.id = r.loan_id LEFT JOIN warning w ON w.loan_id = l.id
LEFT JOIN disposal d ON d.loan_id = l.id AND d.state <> 'closed'
WHERE l.state = 'active' AND EXISTS {_SEEN}
GROUP BY 1, 2, 3, 4 ORDER BY 1 NULLS FIRST, 2 DESC, 3, 4"""  # noqa: S608 - put together from parts of ours
_ROWS = f"""
SELECT l.id, l.key, l.number, l.village, l.balance_fen, l.maturity_on, coalesce(w.level, 0) AS level,
       w.since_on, coalesce(d.key, '') AS disposal_key, coalesce(d.state, '') AS disposal_state,
       coalesce(d.cause, '') AS cause, coalesce(d.ability, '') AS ability,
       coalesce(d.willingness, '') AS willingness, coalesce(d.way, '') AS way, d.by_on, d.overdue_since
FROM ({_AT_RISK}) r JOIN loan l ON l.id = r.loan_id LEFT JOIN warning w ON w.loan_id = l.id
LEFT JOIN disposal d ON d.loan_id = l.id AND d.state <> 'closed'
WHERE l.state = 'active' AND EXISTS {_SEEN} AND l.id > $5 AND ($6::int IS NULL OR coalesce(w.level, 0) = $6)
  AND ($7::text IS NULL OR coalesce(d.state, '') = $7)
ORDER BY l.id LIMIT $8"""  # noqa: S608 - put together from parts of ours, every value is bound


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
    rows = await database.fetch(
        _SUMMARY, *_scope(actor), list(pack.contents.disposal.maturity_days.on(on)), on
    )
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
    rows = await database.fetch(
        _ROWS, *_scope(actor), after, None if level is None else int(level), disposal, limit
    )
    return [
        LedgerLoan(**{**dict(row), "level": _name(row["level"])})  # the columns are named as the fields
        for row in rows
    ]


def _scope(actor: Actor) -> tuple[str, list[str], list[str], list[int]]:
    require_staff(actor, *_ROLES)
    posts = [post for post in actor.posts if post.role in _ROLES]
    return (
        actor.county,
        [post.role for post in posts],
        [post.region for post in posts],
        [post.organisation_id for post in posts],
    )


def _name(level: int) -> str:
    return Level(level).name.lower()
