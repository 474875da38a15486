"""The night: what every loan of a town stands at on a business date, and what must be said about it.

One statement for each town, and so one transaction: loans late or just cured become rows of `arrears_day`,
lines that have come to one of their days become notices with their first rung. What is there already stays
as it is: a day that was missed is made good in order, a day that is run again changes nothing.

All of a person's notices of a night are ready at the same moment, so that they become one message (S18.5).
Amounts and days are not kept with a notice: they are read when it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import orjson

from actions.notices import business_date, wake
from bot.database import fetch, transaction
from bot.queue import enqueue
from policies import Pack
from rules.gates import is_quiet, quiet_until
from rules.notices import Anchor, NoticePolicy, windows
from rules.regions import code_range

LINES = (Anchor.SETTLEMENT, Anchor.INSTALMENT, Anchor.MATURITY)
"""What the steps of the night's notices are counted from: lines of a plan."""
LONGEST_ARREARS_DAYS = 3660
"""Ten years: what is overdue longer is no longer a matter of reminders. It stays in the books as late."""

_PREPARE = """
SET LOCAL jit = off; SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '64MB';
SET LOCAL synchronous_commit = off"""
"""The statement is run once for each town: compiling it costs more than it saves, and a sort of a few
megabytes need not go to the disk. Nor is the commit waited for: that of the report, or of the slot, comes
after it and waits for both; a town that was lost before it is run again."""
_ALONE = "SELECT pg_advisory_xact_lock($1, $2)"
"""A town is written by one at a time: whoever comes second sees what the first has written."""

_LOANS_TODAY = "SELECT id, borrower_id, village, bank_id, balance_fen, true AS active FROM loan l"
_LOANS_ON = """SELECT id, borrower_id, village, bank_id, state = 'active' AS active,
    balance_fen + coalesce((SELECT sum(r.principal_fen) FROM repayment r
                            WHERE r.loan_id = l.id AND r.received_on > $2
                              AND r.reversed_at IS NULL), 0)::bigint AS balance_fen
  FROM loan l"""

_TOWN = """
WITH loans AS MATERIALIZED (
  {loans} WHERE county = $1 AND village BETWEEN $3 AND $4 AND {running}
), line AS MATERIALIZED (
  SELECT l.id AS loan_id, l.borrower_id, i.id, i.kind, i.due_on, l.active AND i.open AS owed,
         i.principal_fen, i.interest_fen
  FROM loans l CROSS JOIN LATERAL (
    SELECT i.id, i.kind, i.due_on, {open} AS open,
           i.principal_fen - CASE WHEN {open} THEN i.paid_principal_fen ELSE 0 END AS principal_fen,
           i.interest_fen - CASE WHEN {open} THEN i.paid_interest_fen ELSE 0 END AS interest_fen
    FROM instalment i
    WHERE i.loan_id = l.id AND {unpaid} AND i.due_on <= $2::date + $5::int
      AND (i.due_on < $2 OR i.due_on <= $2::date + CASE i.kind {ahead} END)
    OFFSET 0) i  -- loan by loan: the planner would rather read the whole county's lines for every town
), standing AS (
  SELECT loan_id, $2::date - min(due_on) AS days, count(*) FILTER (WHERE kind = 'settlement') AS missed,
         sum(principal_fen)::bigint AS principal_fen, sum(interest_fen)::bigint AS interest_fen
  FROM line WHERE due_on < $2 AND principal_fen + interest_fen > 0
  GROUP BY loan_id
), late AS MATERIALIZED (
  SELECT s.*, l.village, l.bank_id, l.balance_fen FROM standing s JOIN loans l ON l.id = s.loan_id
), cured AS MATERIALIZED (
  SELECT a.loan_id, a.village, a.bank_id, coalesce(l.balance_fen, 0) AS balance_fen
  FROM arrears_day a LEFT JOIN loans l ON l.id = a.loan_id
  WHERE a.county = $1 AND a.village BETWEEN $3 AND $4 AND a.days_past_due > 0
    AND a.day = (SELECT max(day) FROM arrears_day WHERE county = $1 AND day < $2)
    AND NOT EXISTS (SELECT 1 FROM late WHERE late.loan_id = a.loan_id)
), written AS MATERIALIZED (
  SELECT loan_id FROM arrears_day WHERE county = $1 AND day = $2 AND village BETWEEN $3 AND $4
), kept AS (
  INSERT INTO arrears_day (county, day, loan_id, village, bank_id, days_past_due, missed_settlements,
                           overdue_principal_fen, overdue_interest_fen, balance_fen)
  SELECT $1, $2, found.* FROM (
    SELECT loan_id, village, bank_id, days, missed, principal_fen, interest_fen, balance_fen FROM late
    UNION ALL SELECT loan_id, village, bank_id, 0, 0, 0, 0, balance_fen FROM cured) found
  WHERE NOT EXISTS (SELECT 1 FROM written WHERE written.loan_id = found.loan_id)
), asked AS MATERIALIZED (
  SELECT t.kind, t.line_kind, day, t.step
  FROM (SELECT max($2::date - due_on) AS late FROM line) oldest
  CROSS JOIN unnest($7::text[], $8::text[], $9::int[], $10::int[], $11::int[])
    AS t(kind, line_kind, first_day, last_day, step)
  CROSS JOIN LATERAL generate_series(t.first_day, least(t.last_day, oldest.late)) AS day
), told AS MATERIALIZED (
  SELECT * FROM unnest($12::text[], $13::int[], $14::text[], $15::int[])
    AS t(kind, priority, channel, too_late_days)
), made AS (
  INSERT INTO notice (county, person_id, kind, subject_kind, subject_id, due_on, step, facts, priority, state,
                      created_at, expires_at)
  SELECT $1, line.borrower_id, told.kind, 'instalment', line.id, line.due_on, asked.step::text, '{{}}',
         told.priority, 'open', $16,
         (line.due_on + asked.step + told.too_late_days + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
  FROM line JOIN asked ON asked.line_kind = line.kind AND asked.day = $2::date - line.due_on
  JOIN told ON told.kind = asked.kind
  WHERE line.owed
  ON CONFLICT (person_id, kind, subject_kind, subject_id, due_on, step) DO NOTHING
  RETURNING id, person_id, kind
), rungs AS (
  INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before, lease_owner, attempts,
                        account, openid, msgid, trail)
  SELECT $1, made.id, 0, told.channel, told.priority, 'planned',
         $17::timestamptz + make_interval(secs => $18::float8 * (hashint8(person_id) & 65535) / 65536.0),
         '', 0, '', '', '', '[]'
  FROM made JOIN told USING (kind)
)
SELECT (SELECT count(*) FROM loans) AS loans, (SELECT count(*) FROM late) AS late,
       (SELECT count(*) FROM cured) AS cured,
       (SELECT jsonb_object_agg(kind, n) FROM (SELECT kind, count(*) AS n FROM made GROUP BY kind) x) AS made
"""
_AHEAD = " ".join(f"WHEN '{line}' THEN ($6::int[])[{at}]" for at, line in enumerate(LINES, 1))
_TODAY = _TOWN.format(
    loans=_LOANS_TODAY, running="state = 'active'", unpaid="i.paid_on IS NULL", open="true", ahead=_AHEAD
)
_EARLIER_DAY = _TOWN.format(
    loans=_LOANS_ON,
    running="(state = 'active' OR settled_on > $2) AND disbursed_on <= $2",
    unpaid="(i.paid_on IS NULL OR i.paid_on > $2)",
    open="i.paid_on IS NULL",
    ahead=_AHEAD,
)
"""A day that was missed, as it was: what was paid after it was still owed. It reads paid lines too, and so
takes longer; what has been paid since is not spoken of."""


async def towns(county: str) -> list[str]:
    """The towns of a county that have loans, as 12-digit codes: the parts of a night."""
    rows = await fetch(
        """WITH RECURSIVE town AS (
             (SELECT left(village, 9) AS code FROM loan WHERE county = $1 ORDER BY village LIMIT 1)
             UNION ALL
             SELECT (SELECT left(village, 9) FROM loan WHERE county = $1 AND village > town.code || '999'
                     ORDER BY village LIMIT 1)
             FROM town WHERE town.code IS NOT NULL)
           SELECT code || '000' AS town FROM town WHERE code IS NOT NULL""",
        county,
    )
    return [row["town"] for row in rows]


async def run_town(county: str, town: str, on: date, pack: Pack, now: datetime) -> dict[str, int]:
    """Write a town's arrears of a business date and plan its notices.

    Returns how many running loans were looked at, how many are late or just cured, and for each kind of
    notice how many are new. Clause: S11.2, S11.3, S11.6.
    """
    gates = pack.gates(on)
    quiet = is_quiet(now, gates.quiet)
    policies = planned_by_night(pack)
    asked = list(_asked(policies))
    ahead = [max((-a.first_day for a in asked if a.line == line), default=0) for line in LINES]
    async with transaction() as connection:
        await connection.execute(_PREPARE)
        await connection.execute(_ALONE, int(town[:9]), on.toordinal())
        row = await connection.fetchrow(
            _EARLIER_DAY if on < business_date(now) else _TODAY,
            county,
            on,
            *code_range(town),
            max(0, *ahead),
            ahead,
            [a.kind for a in asked],
            [a.line for a in asked],
            [a.first_day for a in asked],
            [a.last_day for a in asked],
            [a.step for a in asked],
            [policy.kind for policy in policies],
            [policy.priority for policy in policies],
            [policy.ladder[0].value for policy in policies],
            [policy.steps.too_late_days for policy in policies],
            now,
            quiet_until(now, gates.quiet),
            gates.release_spread.total_seconds() if quiet else 0.0,
        )
        made: dict[str, int] = orjson.loads(row["made"] or "{}")
        if made and not quiet:
            await enqueue(connection, [wake(county)])
    found = {"loans": row["loans"], "late": row["late"], "cured": row["cured"]}
    return found | {policy.kind: made.get(policy.kind, 0) for policy in policies}


def planned_by_night(pack: Pack) -> list[NoticePolicy]:
    """The kinds of notices whose days are counted from a line of a plan. Clause: S11.2."""
    return [policy for policy in pack.notices.values() if set(policy.counts_from) & set(LINES)]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A line of this kind is spoken of by this step of a notice on these days against its due date."""

    kind: str
    line: str
    first_day: int
    last_day: int
    step: int


def _asked(policies: list[NoticePolicy]) -> Iterator[_Asked]:
    for policy in policies:
        days = windows(policy.steps, LONGEST_ARREARS_DAYS)
        for line in policy.counts_from:
            if line in LINES:
                yield from (
                    _Asked(policy.kind, line.value, each.first_day, each.last_day, each.step) for each in days
                )
