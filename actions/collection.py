"""What was due in a month and what has come of it: worked out each night for the day before, and kept."""

from __future__ import annotations

from datetime import date

from bot.database import transaction

_FILL = """
WITH loans AS MATERIALIZED (
  SELECT l.id, left(l.village, 9) || '000' AS town, l.bank_id::text AS bank,
         sum(i.principal_fen + i.interest_fen) AS due_fen,
         sum(i.paid_principal_fen + i.paid_interest_fen) AS repaid_fen
  FROM instalment i JOIN loan l ON l.id = i.loan_id
  WHERE l.county = $1 AND i.due_on BETWEEN date_trunc('month', $2::date)::date AND $2::date
  GROUP BY l.id
)
INSERT INTO collection_day (county, day, level, code, loans, due_fen, repaid_fen, overdue_loans, overdue_fen)
SELECT $1::varchar, $2::date,
       CASE WHEN grouping(town) = 0 THEN 'town' WHEN grouping(bank) = 0 THEN 'bank' ELSE 'county' END,
       CASE WHEN grouping(town) = 0 THEN town WHEN grouping(bank) = 0 THEN bank ELSE $1 || '000000' END,
       count(*), sum(due_fen), sum(repaid_fen), count(*) FILTER (WHERE repaid_fen < due_fen),
       sum(due_fen - repaid_fen)
FROM loans GROUP BY GROUPING SETS ((town), (bank), ()) HAVING count(*) > 0
ON CONFLICT DO NOTHING"""


async def fill(county: str, day: date) -> int:
    """Keep what had fallen due from the first of the month to a day that is over; how many rows were new.

    A line due on the day itself and not paid by its end is overdue. A day filled again changes nothing.
    Clause: S12.1, S12.5.
    """
    async with transaction() as connection:
        status: str = await connection.execute(_FILL, county, day)
    return int(status.rsplit(" ", 1)[-1])
