"""What was due, repaid and overdue in a month, loan by loan: what banks give back to the county (S12.1).

Worked out from the lines and repayments as they stand, so that any past month can be asked for again. Town by
town: a county of a million loans is never in memory.
"""

from __future__ import annotations

import calendar
from collections.abc import AsyncIterator
from dataclasses import dataclass, fields
from datetime import date, datetime

from actions import audit
from actions.access import Actor
from bot.database import fetch, transaction
from bot.errors import NotFound, RuleRefused
from models.people import Organisation
from models.sealing import open_text
from rules.identity import mask_name
from rules.regions import code_range

SEEN_BY = ("bank_officer", "county_clerk", "town_clerk")
_STATEMENT_MS = 600_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which loans: those of a region, of one bank or (None) of all."""

    county: str
    region: str
    bank_id: int | None
    first_on: date
    last_on: date


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """One loan with something due, repaid or overdue in the month. Days are those of the month's last day."""

    bank: str
    town: str
    village: str
    number: str
    borrower: str
    disbursed_on: date
    maturity_on: date
    principal_fen: int
    due_principal_fen: int
    due_interest_fen: int
    repaid_principal_fen: int
    repaid_interest_fen: int
    overdue_fen: int
    overdue_days: int
    balance_fen: int


def month_of(text: str) -> tuple[date, date]:
    """First and last day of a month written 2026-10. Raises RuleRefused. Clause: S12.1."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise RuleRefused("S12.1", "月份要写成 2026-10 这样。", code="month", field="month") from None
    return first, first.replace(day=calendar.monthrange(first.year, first.month)[1])


def wanted_by(actor: Actor, month: str) -> Wanted:
    """What the actor may take: the bank its own loans, town and county those of their region.

    Raises RuleRefused. Clause: S12.1, S17.2.
    """
    first, last = month_of(month)
    for role in SEEN_BY:
        for post in actor.posts:
            if post.role == role:
                bank = post.organisation_id if role == "bank_officer" else None
                return Wanted(actor.county, post.region, bank, first, last)
    raise RuleRefused("S17.1", "这份反馈表只给银行、镇里和县中心的工作人员看。", code="not_allowed")


async def taken(actor: Actor, wanted: Wanted, now: datetime) -> None:
    """Note that somebody takes the month's list with him. Clause: S17.2."""
    await audit.record(
        actor.county, actor.person_id, "export", ("report", 0), now,
        list="feedback", month=f"{wanted.first_on:%Y-%m}", region=wanted.region,
    )  # fmt: skip


async def wanted_of(county: str, month: str, bank: str = "") -> Wanted:
    """What the county takes by hand, of one bank by its name or of all. Raises NotFound, RuleRefused."""
    first, last = month_of(month)
    bank_id = None
    if bank:
        found = await Organisation.get_or_none(county=county, kind="partner_bank", name=bank)
        if found is None:
            raise NotFound(f"县里没有登记“{bank}”这家银行。")
        bank_id = found.id
    return Wanted(county, f"{county}000000", bank_id, first, last)


_ROWS = """
SELECT coalesce(o.name, '') AS bank, coalesce(t.name, '') AS town, coalesce(v.name, l.village) AS village,
       l.number, p.name_sealed, p.key AS person_key, l.disbursed_on, l.maturity_on, l.principal_fen,
       i.due_principal_fen, i.due_interest_fen, coalesce(r.repaid_principal_fen, 0) AS repaid_principal_fen,
       coalesce(r.repaid_interest_fen, 0) AS repaid_interest_fen,
       greatest(i.due_fen - i.paid_fen + coalesce(r.later_fen, 0), 0) AS overdue_fen,
       CASE WHEN i.due_fen > i.paid_fen - coalesce(r.later_fen, 0) THEN (
         SELECT $4::date - min(due_on) FROM (
           SELECT due_on, sum(principal_fen + interest_fen) OVER (ORDER BY number) AS through
           FROM instalment WHERE loan_id = l.id) AS x
         WHERE through > i.paid_fen - coalesce(r.later_fen, 0)) ELSE 0 END AS overdue_days,
       l.balance_fen + coalesce(r.later_principal_fen, 0) AS balance_fen
FROM loan l
JOIN person p ON p.id = l.borrower_id
LEFT JOIN organisation o ON o.id = l.bank_id
LEFT JOIN region v ON v.code = l.village
LEFT JOIN region t ON t.code = left(l.village, 9) || '000'
CROSS JOIN LATERAL (
  SELECT coalesce(sum(principal_fen) FILTER (WHERE due_on >= $3 AND due_on <= $4), 0)::bigint
           AS due_principal_fen,
         coalesce(sum(interest_fen) FILTER (WHERE due_on >= $3 AND due_on <= $4), 0)::bigint
           AS due_interest_fen,
         coalesce(sum(principal_fen + interest_fen) FILTER (WHERE due_on <= $4), 0)::bigint AS due_fen,
         coalesce(sum(paid_principal_fen + paid_interest_fen), 0)::bigint AS paid_fen
  FROM instalment WHERE loan_id = l.id) i
LEFT JOIN LATERAL (
  SELECT sum(principal_fen) FILTER (WHERE received_on >= $3 AND received_on <= $4)::bigint
           AS repaid_principal_fen,
         sum(interest_fen) FILTER (WHERE received_on >= $3 AND received_on <= $4)::bigint
           AS repaid_interest_fen,
         sum(principal_fen + interest_fen) FILTER (WHERE received_on > $4)::bigint AS later_fen,
         sum(principal_fen) FILTER (WHERE received_on > $4)::bigint AS later_principal_fen
  FROM repayment WHERE loan_id = l.id AND reversed_at IS NULL AND received_on >= $3) r ON true
WHERE l.county = $1 AND l.village BETWEEN $5 AND $6 AND ($2::bigint IS NULL OR l.bank_id = $2)
  AND l.disbursed_on <= $4
  AND (i.due_principal_fen + i.due_interest_fen > 0 OR r.repaid_principal_fen + r.repaid_interest_fen > 0
       OR i.due_fen > i.paid_fen - coalesce(r.later_fen, 0))
ORDER BY l.village, l.number, l.id
"""
_RAW = tuple(field.name for field in fields(FeedbackRow) if field.name != "borrower")


async def rows(wanted: Wanted) -> AsyncIterator[FeedbackRow]:
    """The loans of the month in the order of villages and numbers; names masked. Clause: S12.1, S17.2."""
    low, high = code_range(wanted.region)
    towns = await fetch(
        """SELECT DISTINCT left(village, 9) AS town FROM loan
           WHERE county = $1 AND village BETWEEN $2 AND $3 ORDER BY 1""",
        wanted.county,
        low,
        high,
    )
    for town in towns:
        first, last = max(low, f"{town['town']}000"), min(high, f"{town['town']}999")
        async with transaction() as connection:
            await connection.execute(f"SET LOCAL statement_timeout = {_STATEMENT_MS}")
            found = await connection.fetch(
                _ROWS, wanted.county, wanted.bank_id, wanted.first_on, wanted.last_on, first, last
            )
        for row in found:
            name = open_text(row["name_sealed"], "person", "name", row["person_key"])
            yield FeedbackRow(**{key: row[key] for key in _RAW}, borrower=mask_name(name))
