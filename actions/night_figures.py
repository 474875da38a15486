"""The figures of a county's day, from village to county and by bank.

Made of what the night found: `arrears_day` says who is late, the loans say how much is lent. One query
looks at each loan once; every level is a sum of the same parts, so villages add up to towns and the county.
"""

from __future__ import annotations

from datetime import date, datetime

from actions.notices import business_date
from bot.database import execute, fetch, transaction
from bot.errors import TianxinError
from policies import Pack
from rules.arrears_rates import PAR_OVER_DAYS

_TODAY = ("l.state = 'active'", "l.balance_fen")
_EARLIER_DAY = (
    "(l.state = 'active' OR l.settled_on > $2) AND l.disbursed_on <= $2",
    """l.balance_fen + coalesce((SELECT sum(r.principal_fen) FROM repayment r
                                 WHERE r.loan_id = l.id AND r.received_on > $2
                                   AND r.reversed_at IS NULL), 0)""",
)

_FIGURES = """
WITH standing AS (
  SELECT l.village, l.bank_id, coalesce(a.balance_fen, {balance}) AS balance_fen,
         coalesce(a.days_past_due, 0) AS days,
         coalesce(a.overdue_principal_fen + a.overdue_interest_fen, 0) AS overdue_fen,
         l.renewed_from_id IS NOT NULL OR l.extended_on <= $2 AS eased,
         coalesce($2::date - l.as_if_due_on, 0) AS days_as_if
  FROM loan l LEFT JOIN arrears_day a ON a.day = $2 AND a.loan_id = l.id
  WHERE l.county = $1 AND {running}
), part AS (
  SELECT village, left(village, 9) || '000' AS town, bank_id::text AS bank, count(*) AS loans,
         sum(balance_fen) AS balance_fen,
         count(*) FILTER (WHERE days > 0) AS overdue_loans, sum(overdue_fen) AS overdue_fen,
         coalesce(sum(balance_fen) FILTER (WHERE days > $3), 0) AS par30_fen,
         count(*) FILTER (WHERE days > $4) AS npl_loans,
         coalesce(sum(balance_fen) FILTER (WHERE days > $4), 0) AS npl_fen,
         coalesce(sum(balance_fen) FILTER (WHERE eased), 0) AS eased_fen,
         coalesce(sum(balance_fen) FILTER (WHERE greatest(days, days_as_if) > $4), 0) AS npl_as_if_fen
  FROM standing GROUP BY village, bank_id
)
SELECT CASE WHEN grouping(village) = 0 THEN 'village' WHEN grouping(town) = 0 THEN 'town'
            WHEN grouping(bank) = 0 THEN 'bank' ELSE 'county' END,
       coalesce(village, town, bank, $1 || '000000'),
       sum(loans)::int, sum(balance_fen)::bigint, sum(overdue_loans)::int, sum(overdue_fen)::bigint,
       sum(par30_fen)::bigint, sum(npl_loans)::int, sum(npl_fen)::bigint, sum(eased_fen)::bigint,
       sum(npl_as_if_fen)::bigint
FROM part GROUP BY GROUPING SETS ((village), (town), (bank), ())
HAVING sum(loans) > 0
"""
_KEEP = """
INSERT INTO region_day (county, day, level, code, loans, balance_fen, overdue_loans, overdue_fen, par30_fen,
                        npl_loans, npl_fen, eased_fen, npl_as_if_fen)
SELECT $1, $2, *
FROM unnest($3::text[], $4::text[], $5::int[], $6::bigint[], $7::int[], $8::bigint[], $9::bigint[],
            $10::int[], $11::bigint[], $12::bigint[], $13::bigint[])
ON CONFLICT DO NOTHING
"""


class NightNotDone(TianxinError):  # noqa: N818 - says what is the case
    """There are no figures of a day whose night has not been run to its end."""


async def write(county: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Write the figures of a business date once; how many regions and banks were new.

    Raises NightNotDone. Clause: S12.5.
    """
    if await night_planned(county, on) is None:
        raise NightNotDone(f"the night of {on} is not done: tianxin job run night --on {on}")
    # to its statistics of yesterday the planner sees no row of today: what joins the late loans would crawl
    await execute("ANALYZE arrears_day")
    running, balance = _EARLIER_DAY if on < business_date(now) else _TODAY
    async with transaction() as connection:
        await connection.execute("SET LOCAL jit = off; SET LOCAL work_mem = '128MB'")
        # read first, then written: what only reads is shared among several cores
        found = await connection.fetch(
            _FIGURES.format(running=running, balance=balance),
            county,
            on,
            PAR_OVER_DAYS,
            pack.contents.loan.npl_over_days.on(on),
        )
        if not found:
            return {"figures": 0}
        status: str = await connection.execute(_KEEP, county, on, *map(list, zip(*found, strict=True)))
    return {"figures": int(status.rsplit(" ", 1)[-1])}


async def night_planned(county: str, on: date) -> datetime | None:
    """When the night of a business date was planned, if it is done; else None."""
    rows = await fetch(
        """SELECT min(planned_at) AS at FROM job_slot
           WHERE county = $1 AND job = 'night' AND state = 'done' AND day = $2""",
        county,
        on,
    )
    found: datetime | None = rows[0]["at"]
    return found
