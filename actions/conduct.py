"""Events a borrower's credit is judged by: two missed settlements (S11.3), a line to be suspended (S7.3).

They are facts with a start and a reason; what follows for points and grade is decided where credit is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from actions import audit
from actions.access import Actor, access_loan
from actions.bulk_tasks import NEW_KEY
from actions.notices import NewNotice, plan
from actions.routing import on_day, said_on
from models.warnings import CreditEvent
from policies import Pack
from rules.regions import code_range
from rules.tasks import deadline

_MISSED = """
INSERT INTO credit_event (county, person_id, loan_id, kind, episode_on, since_on, facts, recorded_at)
SELECT $1::varchar, l.borrower_id, l.id, 'missed_settlements', $2::date - a.days_past_due, $2,
       jsonb_build_object('missed_settlements', a.missed_settlements), $6
FROM arrears_day a JOIN loan l ON l.id = a.loan_id
WHERE a.county = $1 AND a.day = $2 AND a.village BETWEEN $3 AND $4 AND a.missed_settlements >= $5::int
ON CONFLICT DO NOTHING RETURNING id, person_id, loan_id, since_on, facts ->> 'missed_settlements' AS missed"""
_OVER = """
INSERT INTO credit_event (county, person_id, loan_id, kind, episode_on, since_on, facts, recorded_at)
SELECT $1::varchar, l.borrower_id, l.id, 'over_days', $2::date - a.days_past_due,
       $2::date - a.days_past_due + $5::int + 1, jsonb_build_object('over_days', $5::int), $6
FROM arrears_day a JOIN loan l ON l.id = a.loan_id
WHERE a.county = $1 AND a.day = $2 AND a.village BETWEEN $3 AND $4 AND a.days_past_due > $5::int
ON CONFLICT DO NOTHING RETURNING id, person_id, loan_id, since_on"""
_REPEATED = """
WITH newly AS MATERIALIZED (  -- who was not late for so long the night before
  SELECT l.borrower_id, min(l.id) AS loan_id FROM arrears_day a JOIN loan l ON l.id = a.loan_id
  WHERE a.county = $1 AND a.day = $2 AND a.village BETWEEN $3 AND $4 AND a.days_past_due > $5::int
    AND NOT EXISTS (SELECT 1 FROM arrears_day y
                    WHERE y.day = $2::date - 1 AND y.loan_id = a.loan_id AND y.days_past_due > $5::int)
  GROUP BY l.borrower_id
), line AS (
  SELECT n.borrower_id, l.id AS loan_id, i.due_on,
         least(coalesce(i.paid_on, 'infinity'), $2::date + 1) AS ends_on
  FROM newly n JOIN loan l ON l.borrower_id = n.borrower_id AND l.county = $1
  JOIN instalment i ON i.loan_id = l.id
  WHERE i.due_on + 1 < least(coalesce(i.paid_on, 'infinity'), $2::date + 1)
), marked AS (
  SELECT *, due_on >= coalesce(max(ends_on) OVER before, '-infinity') AS begins FROM line
  WINDOW before AS (PARTITION BY loan_id ORDER BY due_on, ends_on
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), numbered AS (
  SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY loan_id ORDER BY due_on, ends_on
    ROWS UNBOUNDED PRECEDING) AS spell FROM marked
), spell AS (
  SELECT borrower_id, min(due_on + $5::int + 1) FILTER (WHERE due_on + $5::int + 1 < ends_on) AS over_on
  FROM numbered GROUP BY borrower_id, loan_id, spell
), often AS (
  SELECT borrower_id, (array_agg(over_on ORDER BY over_on))[$7::int] AS since_on, array_agg(over_on) AS days
  FROM spell WHERE over_on IS NOT NULL GROUP BY borrower_id HAVING count(*) >= $7::int
)
INSERT INTO credit_event (county, person_id, loan_id, kind, episode_on, since_on, facts, recorded_at)
SELECT $1::varchar, o.borrower_id, n.loan_id, 'repeated_overdue', o.since_on, o.since_on,
       jsonb_build_object('over_days', $5::int, 'times', $7::int), $6
FROM often o JOIN newly n USING (borrower_id)
WHERE NOT EXISTS (SELECT 1 FROM credit_event e WHERE e.person_id = o.borrower_id
                    AND e.kind = 'repeated_overdue' AND e.episode_on = o.since_on)
ON CONFLICT DO NOTHING RETURNING id, person_id, loan_id, since_on"""
_CURED = """
UPDATE credit_event e SET cured_on = $2 FROM arrears_day a
WHERE a.county = $1 AND a.day = $2 AND a.village BETWEEN $3 AND $4 AND a.days_past_due = 0
  AND e.loan_id = a.loan_id AND e.cured_on IS NULL AND e.since_on <= $2
  AND e.kind IN ('missed_settlements', 'over_days', 'repeated_overdue')"""
_ASK = f"""
INSERT INTO task (county, key, kind, loan_id, person_id, round, stage, role, organisation_id, region, state,
                  outcome, note, opened_at, due_at, escalation, escalated_role)
SELECT $1::varchar, {NEW_KEY}, 'early_repayment', l.id, l.borrower_id, 1, '', 'bank_officer', l.bank_id,
       l.village, 'open', '', n.note, $4, $5, 0, ''
FROM unnest($2::bigint[], $3::text[]) AS n(loan_id, note) JOIN loan l ON l.id = n.loan_id
WHERE NOT EXISTS (  -- the measure of the warning asks for the same
  SELECT 1 FROM task t WHERE t.loan_id = l.id AND t.state = 'open' AND t.kind = 'warning_measure'
    AND t.stage IN ('priority_watch', 'at_risk'))
ON CONFLICT DO NOTHING"""  # noqa: S608 - put together from parts of ours, every value is bound


async def run_town(
    connection: asyncpg.Connection, county: str, town: str, on: date, pack: Pack, now: datetime
) -> dict[str, int]:
    """Record what a business date's arrears say about credit, ask for early repayment, tell the borrowers.

    An event has a key of its own, so that a day run again adds nothing. Clause: S7.3, S11.3.
    """
    held = pack.contents.conduct
    where = (county, on, *code_range(town))
    missed = await connection.fetch(_MISSED, *where, held.missed_settlements.on(on), now)
    over = await connection.fetch(_OVER, *where, held.over_days.on(on), now)
    repeated = await connection.fetch(
        _REPEATED, *where, held.repeated_over_days.on(on), now, held.repeated_times.on(on)
    )
    await connection.execute(_CURED, *where)
    if missed:
        due_at = deadline(on_day(now), held.ask_working_days.on(on)).at
        notes = [f"{row['missed']}次没按时付息：请他提前还款，或者做还款计划、增加担保。" for row in missed]
        await connection.execute(_ASK, county, [row["loan_id"] for row in missed], notes, now, due_at)
    told = [
        NewNotice(
            row["person_id"], "early_repayment_asked", "credit_event", row["id"], {"count": row["missed"]},
            on_day(now),
        )
        for row in missed
    ]  # fmt: skip
    for kind, rows in (("over_days", over), ("repeated_overdue", repeated)):
        facts = {"reason": reason_of(kind, pack, on)}
        told += [
            NewNotice(
                row["person_id"], "line_suspended", "credit_event", row["id"],
                facts | {"due_on": said_on(row["since_on"])}, on_day(now),
            )
            for row in rows
        ]  # fmt: skip
    await plan(connection, county, told, pack, now)
    return {"missed_settlements": len(missed), "over_days": len(over), "repeated_overdue": len(repeated)}


def reason_of(kind: str, pack: Pack, on: date) -> str:
    """Why, in the words of the borrower. Clause: S7.3, S9.3, S11.3."""
    held = pack.contents.conduct
    if kind == "over_days":
        return f"有一笔贷款逾期超过{held.over_days.on(on)}天"
    if kind == "repeated_overdue":
        return f"逾期超过{held.repeated_over_days.on(on)}天，已经有{held.repeated_times.on(on)}次"
    if kind == "defaulter":
        return "有能力还却不还，列入失信名单"
    if kind in ("misused", "falsified"):
        return "贷款没用在申请的项目上" if kind == "misused" else "贷款的材料或用途弄虚作假"
    return f"有{held.missed_settlements.on(on)}次利息没按时付"


@dataclass(frozen=True)
class EventView:
    """One event with its start and reason."""

    kind: str
    reason: str
    since_on: date
    cured_on: date | None
    facts: dict[str, Any]


async def of_borrower(actor: Actor, loan_key: str, pack: Pack, now: datetime) -> list[EventView]:
    """The events of a loan's borrower, on all his loans of the county that the reader may see; newest first.

    The borrower reads his own. Raises NotFound. Clause: S7.3, S17.2.
    """
    loan = await access_loan(actor, loan_key)
    query = CreditEvent.filter(person_id=loan.borrower_id, county=loan.county)
    if loan.borrower_id != actor.person_id:
        await audit.viewed(loan.county, actor.person_id, ("loan", loan.id), now)
        query = query.filter(loan_id=loan.id)
    return [
        EventView(
            row.kind, reason_of(row.kind, pack, row.since_on), row.since_on, row.cured_on, dict(row.facts)
        )
        for row in await query.order_by("-since_on", "-id").limit(100)
    ]
