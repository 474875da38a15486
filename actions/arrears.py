"""What the night wrote against the rule: a sample of loans is worked out again, line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from actions.night_figures import night_planned
from bot.database import fetch
from rules.arrears import ON_TIME, Line, Standing, standing

SAMPLE = 500
"""Loans that are worked out again: half of them late ones, half any."""

_LINES = """
WITH untouched AS (
  SELECT l.id FROM loan l
  WHERE l.county = $1 AND l.state = 'active' AND l.disbursed_on <= $2 AND l.created_at <= $3
    AND l.id = ANY((SELECT array_agg(id) FROM (
      (SELECT loan_id AS id FROM arrears_day WHERE county = $1 AND day = $2
       ORDER BY hashint8extended(loan_id, $5) LIMIT $4)
      UNION (SELECT id FROM loan WHERE county = $1 AND id >= $5 ORDER BY id LIMIT $4)) x)::bigint[])
    AND NOT EXISTS (SELECT 1 FROM repayment r WHERE r.loan_id = l.id AND r.recorded_at > $3)
    AND NOT EXISTS (SELECT 1 FROM audit_entry e
                    WHERE e.subject_kind = 'loan' AND e.subject_id = l.id AND e.at > $3)
)
SELECT u.id AS loan_id, i.kind, i.due_on, i.principal_fen, i.interest_fen, i.paid_principal_fen,
       i.paid_interest_fen, i.paid_on
FROM untouched u JOIN instalment i ON i.loan_id = u.id ORDER BY u.id, i.number
"""
_WRITTEN = """SELECT loan_id, days_past_due, missed_settlements, overdue_principal_fen, overdue_interest_fen
              FROM arrears_day WHERE day = $1 AND loan_id = ANY($2::bigint[])"""


async def disagreements(county: str, seed: int) -> list[int]:
    """Loans of a sample whose row of the latest night is not what the rule says of them today.

    Loans that were touched since the night are left out: it could not know. `seed` moves the sample.
    Clause: S11.3, S11.6, S7.3.
    """
    day = await latest_night(county)
    since = await night_planned(county, day) if day else None
    if day is None or since is None:
        return []
    bounds = await fetch("SELECT min(id) AS first, max(id) AS last FROM loan WHERE county = $1", county)
    first, last = bounds[0]["first"] or 0, bounds[0]["last"] or 0
    start = first + seed * 7919 % max(1, last - first - SAMPLE // 2)
    rows = await fetch(_LINES, county, day, since, SAMPLE // 2, start)
    lines: dict[int, list[Line]] = defaultdict(list)
    for row in rows:
        lines[row["loan_id"]].append(Line(*list(row)[1:]))
    return await _differing(lines, day)


async def _differing(lines: Mapping[int, Sequence[Line]], day: date) -> list[int]:
    rows = await fetch(_WRITTEN, day, list(lines))
    written = {row["loan_id"]: Standing(*list(row)[1:]) for row in rows}
    return [loan for loan, of_loan in lines.items() if standing(of_loan, day) != written.get(loan, ON_TIME)]


async def latest_night(county: str) -> date | None:
    """The latest business date whose night is done."""
    rows = await fetch(
        "SELECT max(day) AS day FROM job_slot WHERE county = $1 AND job = 'night' AND state = 'done'", county
    )
    found: date | None = rows[0]["day"]
    return found
