"""Whether everything that may come up has somebody to do it: posts without people, regions without a bank.

Where an application stands still because nobody is there, the county centre is told at once; `gaps` is what
`tianxin doctor` names beforehand. Clause: S1.2, S17.1.
"""

from __future__ import annotations

from datetime import date

from bot.database import fetch

_SCOPE = """CASE WHEN right({0}, 6) = '000000' THEN left({0}, 6)
     WHEN right({0}, 3) = '000' THEN left({0}, 9) ELSE {0} END || '%'"""
# only constants are put together here
_TASKS = f"""
SELECT t.kind, t.role, t.region, coalesce(r.name, t.region) AS place, count(*) AS waiting
FROM task t LEFT JOIN region r ON r.code = t.region
WHERE t.state = 'open' AND NOT EXISTS (
  SELECT 1 FROM post p WHERE p.county = t.county
    AND (p.role = t.role AND (t.organisation_id IS NULL OR p.organisation_id = t.organisation_id)
         OR t.escalated_roles ? p.role)
    AND p.from_on <= $1 AND (p.to_on IS NULL OR p.to_on >= $1)
    AND t.region LIKE {_SCOPE.format("p.region")})
GROUP BY 1, 2, 3, 4 ORDER BY 3, 1"""  # noqa: S608

_PLACES = f"""
SELECT v.code, v.name, need.role
FROM region v
CROSS JOIN LATERAL (SELECT CASE WHEN right(v.code, 6) = '000000' THEN 'county_clerk'
  WHEN right(v.code, 3) = '000' THEN 'town_clerk' ELSE 'cadre' END) AS need(role)
WHERE NOT EXISTS (
  SELECT 1 FROM post p WHERE p.county = v.county AND p.role = need.role AND p.from_on <= $1
    AND (p.to_on IS NULL OR p.to_on >= $1) AND v.code LIKE {_SCOPE.format("p.region")})
ORDER BY v.code"""  # noqa: S608

_BODIES = f"""
SELECT v.code, v.name, need.body
FROM region v CROSS JOIN unnest(ARRAY['acquiring_bank', 'partner_bank', 'guarantor']) AS need(body)
WHERE right(v.code, 3) <> '000' AND NOT EXISTS (
  SELECT 1 FROM organisation o WHERE o.county = v.county AND o.kind = need.body
    AND v.code LIKE {_SCOPE.format("o.region")})
ORDER BY v.code, need.body"""  # noqa: S608


async def gaps(on: date) -> list[str]:
    """What nobody is there for on that day, one line each; empty: everything has somebody. S1.2, S17.1."""
    found = [
        f"{row['waiting']} open {row['kind']} task(s) for {row['role']} of {row['place']} ({row['region']})"
        " that nobody may do"
        for row in await fetch(_TASKS, on)
    ]
    found += [f"{row['name']} ({row['code']}) has no {row['role']}" for row in await fetch(_PLACES, on)]
    found += [
        f"{row['name']} ({row['code']}) has no {row['body']} that serves it" for row in await fetch(_BODIES)
    ]
    return found
