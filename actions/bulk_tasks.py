"""Tasks that a night opens by the thousand, and the one message a day that tells whoever must do them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from actions.notices import NewNotice, plan
from actions.routing import TASK_TITLES, said_on
from bot.config import SHANGHAI
from bot.database import transaction
from policies import Pack

KINDS = ("warning_measure", "early_repayment", "disposal", "hand_to_law", "post_loan_visit", "village_watch")
"""Kinds of tasks that nobody is told of one by one."""
NEW_KEY = "translate(rtrim(encode(uuid_send(gen_random_uuid()), 'base64'), '='), '+/', '-_')"
"""A key as models.sealing.new_key makes it, for rows that a statement makes."""
SCOPE = """CASE WHEN right({0}, 6) = '000000' THEN left({0}, 6)
                WHEN right({0}, 3) = '000' THEN left({0}, 9) ELSE {0} END"""
"""The significant digits of a region code (rules.regions.scope_of) in SQL."""

_OPENED = f"""
WITH fresh AS (
  SELECT kind, role, organisation_id, region, count(*) AS n, min(due_at) AS due_at
  FROM task WHERE county = $1 AND state = 'open' AND kind = ANY($2::text[])
    AND opened_at > $3 AND opened_at <= $4
  GROUP BY kind, role, organisation_id, region
), held AS (
  SELECT p.id, p.role, p.organisation_id, p.region, p.person_id FROM post p
  WHERE p.county = $1 AND p.from_on <= $5 AND coalesce(p.to_on, $5) >= $5
  UNION SELECT p.id, p.role, p.organisation_id, p.region, d.delegate_id
  FROM delegation d JOIN post p ON p.id = d.post_id
  WHERE p.county = $1 AND d.from_on <= $5 AND d.to_on >= $5
    AND p.from_on <= $5 AND coalesce(p.to_on, $5) >= $5
)
SELECT h.person_id, f.kind, min(h.id) AS post_id, min(h.region) AS region, sum(f.n)::int AS n,
       min(f.due_at) AS due_at
FROM fresh f
JOIN held h ON h.role = f.role AND coalesce(f.organisation_id, h.organisation_id) = h.organisation_id
  AND starts_with(f.region, {SCOPE.format("h.region")})
GROUP BY h.person_id, f.kind ORDER BY h.person_id, f.kind"""  # noqa: S608 - put together from parts of ours


async def tell(county: str, on: date, pack: Pack, now: datetime) -> int:
    """Tell everybody how many tasks of each kind were opened for him since the day before; new notices.

    Clause: S10.2, S12.2, S9.1.
    """
    async with transaction() as connection:
        rows = await connection.fetch(_OPENED, county, list(KINDS), now - timedelta(days=1), now, on)
        names = {
            row["code"]: row["name"]
            for row in await connection.fetch("SELECT code, name FROM region WHERE county = $1", county)
        }
        told = [
            NewNotice(
                row["person_id"],
                "task_digest",
                "digest",
                row["post_id"],
                {
                    "task": TASK_TITLES[row["kind"]],
                    "count": row["n"],
                    "place": names.get(row["region"], ""),
                    "due_on": said_on((row["due_at"] - timedelta(seconds=1)).astimezone(SHANGHAI).date()),
                },
                on,
                row["kind"][:12],
            )
            for row in rows
        ]
        return await plan(connection, county, told, pack, now)
