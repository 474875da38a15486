"""The night's scan: which instalments must be spoken of on a business date. Insert-or-ignore, set by set.

All of a person's notices of a night are ready at the same moment, so that they become one message (S18.5).
A step that was missed is made good while it is of use (rules.notices.windows); running a day again changes
nothing. Amounts and days are not kept with the notice: they are read when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

import asyncpg

from actions.notices import wake
from bot.database import fetch, transaction
from bot.queue import enqueue
from policies import Pack
from rules.gates import is_quiet, quiet_until
from rules.notices import NoticePolicy, windows
from rules.regions import code_range

KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "settlement_due": ("settlement",),
        "instalment_due": ("instalment",),
        "maturity_due": ("maturity",),
        "overdue": ("settlement", "instalment", "maturity"),
    }
)
"""Kind of notice -> kinds of instalments it speaks of."""
LONGEST_ARREARS_DAYS = 3660
"""Ten years: what is overdue longer is no longer a matter of reminders."""

_SCAN = """
WITH due AS (
  SELECT l.borrower_id, i.id AS instalment_id, i.due_on, w.step
  FROM unnest($3::int[], $4::int[], $5::int[]) AS w(step, first_day, last_day)
  JOIN instalment i ON i.due_on BETWEEN $2::date - w.last_day AND $2::date - w.first_day
  JOIN loan l ON l.id = i.loan_id
  WHERE i.paid_on IS NULL AND i.kind = ANY($6::text[]) AND l.state = 'active' AND l.county = $1
    AND l.village BETWEEN $7 AND $8
), made AS (
  INSERT INTO notice (county, person_id, kind, subject_kind, subject_id, due_on, step, facts, priority, state,
                      created_at, expires_at)
  SELECT $1, borrower_id, $9, 'instalment', instalment_id, due_on, step::text, '{}', $10, 'open', $11,
         (due_on + step + $12::int + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
  FROM due ON CONFLICT DO NOTHING RETURNING id, person_id
)
INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before, lease_owner, attempts,
                      account, openid, msgid, trail)
SELECT $1, id, 0, $13, $10, 'planned',
       $14::timestamptz + make_interval(secs => $15::float8 * (hashint8(person_id) & 65535) / 65536.0),
       '', 0, '', '', '', '[]'
FROM made"""


async def towns(county: str) -> list[str]:
    """The towns of a county that have running loans, as 12-digit codes: the parts of a scan."""
    rows = await fetch(
        """SELECT DISTINCT left(village, 9) || '000' AS town FROM loan
           WHERE county = $1 AND state = 'active' ORDER BY town""",
        county,
    )
    return [row["town"] for row in rows]


async def scan(county: str, region: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Plan the notices that a region's instalments need on a business date; how many of each were new.

    Clause: S11.2, S11.6.
    """
    counts: dict[str, int] = {}
    async with transaction() as connection:
        for kind in KINDS:
            policy = pack.notices.get(kind)
            if policy is not None:
                counts[kind] = await _scan(connection, county, region, on, policy, pack, now)
        if any(counts.values()):
            await enqueue(connection, [wake(county)])
    return counts


async def _scan(
    connection: asyncpg.Connection,
    county: str,
    region: str,
    on: date,
    policy: NoticePolicy,
    pack: Pack,
    now: datetime,
) -> int:
    steps = windows(policy.steps, LONGEST_ARREARS_DAYS)
    gates = pack.gates(on)
    quiet = is_quiet(now, gates.quiet)
    status: str = await connection.execute(
        _SCAN,
        county,
        on,
        [window.step for window in steps],
        [window.first_day for window in steps],
        [window.last_day for window in steps],
        list(KINDS[policy.kind]),
        *code_range(region),
        policy.kind,
        policy.priority,
        now,
        policy.steps.too_late_days,
        policy.ladder[0].value,
        quiet_until(now, gates.quiet),
        gates.release_spread.total_seconds() if quiet else 0.0,
    )
    return int(status.rsplit(" ", 1)[-1])
