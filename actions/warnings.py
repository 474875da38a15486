"""Early warnings: the night raises and lowers levels by the pack's rules, people do so with a reason. S10."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import asyncpg

from actions import audit
from actions.access import Actor, access_loan, posts_for_loan, require_post
from actions.bulk_tasks import NEW_KEY, SCOPE
from actions.refusal import refuse
from actions.routing import on_day
from bot import database
from bot.errors import NotFound, RuleRefused
from models.application import Task
from models.loan import Loan
from models.sealing import new_key
from models.warnings import EarlyWarning, WarningEvent
from policies import Pack
from rules import warnings as rules
from rules.identity import check_free_text
from rules.regions import code_range
from rules.tasks import deadline
from rules.warnings import Level

REASON_MAX = 300
_COPIED = (
    "county", "day", "cause", "cause_key", "level", "level_before", "level_after", "rules_version",
    "actor_id", "reason", "at",
)  # fmt: skip
_CARRIED_TASKS = ("warning_measure", "abnormal")
"""Open tasks about a loan that its renewal does not end."""
_MAY_MOVE = ("bank_officer", "guarantor_officer", "county_clerk", "town_clerk")

_FIRED = f"""
rule AS MATERIALIZED (
  SELECT * FROM unnest($5::text[], $6::text[], $7::int[], $8::smallint[]) AS t(code, fact, at_least, level)
), asked AS MATERIALIZED (
  SELECT * FROM unnest($9::text[], $10::text[], $11::smallint[]) AS t(report, code, level)
), late AS MATERIALIZED (
  SELECT loan_id, days_past_due, missed_settlements, $2::date - days_past_due AS since
  FROM arrears_day WHERE county = $1 AND day = $2 AND village BETWEEN $3 AND $4 AND days_past_due > 0
), heir AS (
  (SELECT loan_id AS of_id, loan_id FROM promise
   WHERE county = $1 AND village BETWEEN $3 AND $4 AND state = 'broken'
     AND settled_on <= $2 AND settled_on > $2::date - $12::int
   UNION SELECT loan_id, loan_id FROM risk_fact
   WHERE county = $1 AND region BETWEEN $3 AND $4 AND loan_id IS NOT NULL AND withdrawn_at IS NULL
     AND from_on <= $2
     AND coalesce(until_on, from_on + $12::int - 1) >= $2)
  UNION SELECT h.of_id, r.id FROM heir h JOIN loan r ON r.renewed_from_id = h.loan_id
), count AS (
  SELECT loan_id, 'days_past_due' AS fact, days_past_due AS n, since::text AS episode FROM late
  UNION ALL SELECT loan_id, 'missed_settlements', missed_settlements, since::text FROM late
  UNION ALL SELECT l.id, 'broken_promises', count(*)::int, 'p' || max(p.id)
    FROM promise p JOIN heir h ON h.of_id = p.loan_id JOIN loan l ON l.id = h.loan_id AND l.state = 'active'
    WHERE p.county = $1 AND p.village BETWEEN $3 AND $4 AND p.state = 'broken'
      AND p.settled_on <= $2 AND p.settled_on > $2::date - $12::int
    GROUP BY l.id
), report AS (
  SELECT l.id AS loan_id, f.id, f.kind
  FROM risk_fact f JOIN heir h ON h.of_id = f.loan_id JOIN loan l ON l.id = h.loan_id
  WHERE f.county = $1 AND f.withdrawn_at IS NULL AND l.state = 'active' AND l.village BETWEEN $3 AND $4
    AND f.from_on <= $2 AND coalesce(f.until_on, f.from_on + $12::int - 1) >= $2
  UNION ALL
  SELECT l.id, f.id, f.kind FROM risk_fact f
  JOIN loan l ON l.county = f.county AND l.state = 'active' AND l.village BETWEEN $3 AND $4
    AND starts_with(l.village, {SCOPE.format("f.region")})
  LEFT JOIN loan_application a ON a.id = l.application_id
  WHERE f.county = $1 AND f.loan_id IS NULL AND f.withdrawn_at IS NULL
    AND f.from_on <= $2 AND coalesce(f.until_on, f.from_on + $12::int - 1) >= $2
    AND (f.industry = '' OR f.industry = a.industry)
), fired AS MATERIALIZED (
  (SELECT DISTINCT ON (c.loan_id, c.fact) c.loan_id, r.code AS cause, r.level,
     r.code || ':' || c.episode AS cause_key, jsonb_build_object(c.fact, c.n) AS facts
   FROM count c JOIN rule r ON r.fact = c.fact AND c.n >= r.at_least
   ORDER BY c.loan_id, c.fact, r.level DESC, r.at_least DESC, r.code COLLATE "C" DESC)
  UNION ALL
  SELECT p.loan_id, q.code, q.level, q.code || ':r' || p.id, jsonb_build_object('report', p.kind)
  FROM report p JOIN asked q ON q.report = p.kind
)"""  # noqa: S608 - put together from parts of ours, every value is bound
"""What holds on a day. What was said of a loan goes on for the one that renews it (`heir`): S12.3."""
_NIGHT = f"""
WITH RECURSIVE {_FIRED}, fresh AS MATERIALIZED (
  SELECT f.* FROM fired f
  WHERE NOT EXISTS (SELECT 1 FROM warning_event e WHERE e.loan_id = f.loan_id AND e.cause_key = f.cause_key)
), top AS MATERIALIZED (
  SELECT t.loan_id, t.level, coalesce(w.level, 0) AS before
  FROM (SELECT loan_id, max(level) AS level FROM fresh GROUP BY loan_id) t
  LEFT JOIN warning w ON w.loan_id = t.loan_id
), noted AS (
  INSERT INTO warning_event (county, loan_id, day, cause, cause_key, level, level_before, level_after, facts,
                             rules_version, reason, at)
  SELECT $1::varchar, f.loan_id, $2, f.cause, f.cause_key, f.level, top.before,
         greatest(top.before, top.level), f.facts, $13, '', $14
  FROM fresh f JOIN top USING (loan_id) ON CONFLICT DO NOTHING RETURNING 1
), raised AS (
  INSERT INTO warning (county, key, loan_id, borrower_id, village, bank_id, guarantor_id, level, since_on,
                       held_by_person)
  SELECT $1::varchar, {NEW_KEY}, l.id, l.borrower_id, l.village, l.bank_id, l.guarantor_id, top.level, $2,
         false
  FROM top JOIN loan l ON l.id = top.loan_id WHERE top.level > top.before
  ON CONFLICT (loan_id) DO UPDATE
    SET level = excluded.level, since_on = excluded.since_on, held_by_person = false, clean_since = NULL
  RETURNING 1
), called AS (
  SELECT loan_id, max(level) AS level FROM fired GROUP BY loan_id
), standing AS MATERIALIZED (
  SELECT w.id, w.loan_id, w.level, coalesce(c.level, 0)::smallint AS called, w.clean_since,
         l.state = 'active' AS runs,
         l.state <> 'active' OR (NOT w.held_by_person AND coalesce(c.level, 0) < w.level
           AND $2::date - coalesce(w.clean_since, $2) + 1 >= $15::int) AS goes_down
  FROM warning w JOIN loan l ON l.id = w.loan_id LEFT JOIN called c ON c.loan_id = w.loan_id
  WHERE w.county = $1 AND w.village BETWEEN $3 AND $4 AND w.level > 0 AND $16
    AND NOT EXISTS (SELECT 1 FROM top WHERE top.loan_id = w.loan_id AND top.level > top.before)
), lowered AS (
  UPDATE warning w SET level = CASE WHEN s.runs THEN s.called ELSE 0 END, since_on = $2, clean_since = NULL,
    held_by_person = false
  FROM standing s WHERE w.id = s.id AND s.goes_down RETURNING w.loan_id, s.level AS before, w.level, s.runs
), marked AS (
  UPDATE warning w SET clean_since = CASE WHEN s.called < s.level THEN $2::date END
  FROM standing s WHERE w.id = s.id AND NOT s.goes_down AND (s.called < s.level) = (s.clean_since IS NULL)
), told AS (
  INSERT INTO warning_event (county, loan_id, day, cause, cause_key, level, level_before, level_after, facts,
                             rules_version, reason, at)
  SELECT $1::varchar, loan_id, $2, CASE WHEN runs THEN 'clean' ELSE 'settled' END,
         CASE WHEN runs THEN 'clean:' ELSE 'settled:' END || $2::date, level, before, level,
         '{{}}', $13, '', $14
  FROM lowered ON CONFLICT DO NOTHING
)
SELECT (SELECT count(*) FROM noted) AS noted, (SELECT count(*) FROM raised) AS raised,
       (SELECT count(*) FROM lowered) AS lowered
"""  # noqa: S608 - put together from parts of ours, every value is bound
_TASKS = f"""
WITH moved AS MATERIALIZED (
  SELECT w.loan_id, w.borrower_id, w.village, w.bank_id, w.guarantor_id, w.level,
         EXISTS (SELECT 1 FROM warning_event e WHERE e.loan_id = w.loan_id AND e.at = $5
                   AND e.level_after > e.level_before) AS up,
         (SELECT string_agg(DISTINCT c.title, '、') FROM warning_event e
          JOIN unnest($9::text[], $10::text[]) AS c(code, title) ON c.code = e.cause
          WHERE e.loan_id = w.loan_id AND e.at = $5 AND e.level_after = w.level) AS why
  FROM warning w WHERE w.county = $1 AND w.village BETWEEN $2 AND $3 AND w.since_on = $4
    AND EXISTS (SELECT 1 FROM warning_event e WHERE e.loan_id = w.loan_id AND e.at = $5
                  AND e.level_after <> e.level_before)
), ended AS (
  UPDATE task t SET state = 'cancelled', outcome = 'level_changed', done_at = $5
  FROM moved m WHERE t.loan_id = m.loan_id AND t.kind = 'warning_measure' AND t.state = 'open'
    AND t.stage <> (ARRAY['none', 'watch', 'priority_watch', 'at_risk'])[m.level + 1]
)
INSERT INTO task (county, key, kind, loan_id, person_id, round, stage, role, organisation_id, region, state,
                  outcome, note, opened_at, due_at, escalation, escalated_role)
SELECT $1::varchar, {NEW_KEY}, 'warning_measure', m.loan_id, m.borrower_id, 1, a.stage, a.role,
       CASE a.role WHEN 'bank_officer' THEN m.bank_id WHEN 'guarantor_officer' THEN m.guarantor_id END,
       m.village, 'open', '', left(a.words || coalesce('原因：' || m.why || '。', ''), 300), $5,
       a.due_at, 0, ''
FROM moved m
JOIN unnest($6::text[], $7::text[], $8::timestamptz[], $11::text[], $12::smallint[])
  AS a(stage, role, due_at, words, level) ON a.level = m.level
WHERE m.up AND (a.role <> 'guarantor_officer' OR m.guarantor_id IS NOT NULL)
ON CONFLICT DO NOTHING"""  # noqa: S608 - put together from parts of ours, every value is bound


def rules_of(pack: Pack) -> list[rules.Rule]:
    """The warning rules of a pack. Clause: S10.1."""
    return [
        rules.Rule(
            code=code,
            fact=table.fact,
            level=Level[table.level.upper()],
            at_least=table.at_least,
            codes=frozenset(table.codes),
        )
        for code, table in pack.contents.warning_rules.items()
    ]


async def run_town(
    connection: asyncpg.Connection, county: str, town: str, on: date, pack: Pack, now: datetime
) -> dict[str, int]:
    """Raise and lower the warnings of a town by the facts of a business date, and open the measures' tasks.

    Each cause warns once. Where less is found a level goes down only after the pack's clean days, and only on
    the latest night; a level that a person raised stays. Run again it changes nothing. Clause: S10.1, S10.2.
    """
    known = rules_of(pack)
    counted = [rule for rule in known if rule.fact is not rules.Fact.REPORTED]
    reports = [
        (code, r.code, int(r.level)) for r in known if r.fact is rules.Fact.REPORTED for code in r.codes
    ]
    row = await connection.fetchrow(
        _NIGHT,
        county,
        on,
        *code_range(town),
        [rule.code for rule in counted],
        [rule.fact.value for rule in counted],
        [rule.at_least for rule in counted],
        [int(rule.level) for rule in counted],
        [report for report, _, _ in reports],
        [code for _, code, _ in reports],
        [level for _, _, level in reports],
        pack.contents.warning.report_days.on(on),
        rules.version(known),
        now,
        pack.contents.warning.clean_days.on(on),
        not await _later_night(connection, county, on),
    )
    counts = {"noted": row["noted"], "raised": row["raised"], "lowered": row["lowered"]}
    if row["raised"] or row["lowered"]:
        counts["measures"] = await open_measures(connection, county, town, on, pack, now)
    return counts


async def _later_night(connection: asyncpg.Connection, county: str, on: date) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM arrears_day WHERE county = $1 AND day > $2)", county, on
    )
    return found


async def open_measures(
    connection: asyncpg.Connection, county: str, region: str, on: date, pack: Pack, now: datetime
) -> int:
    """Open the tasks of the levels that were reached at this moment in a region; end those of other levels.

    Clause: S10.2.
    """
    measures = [(name, role) for name, table in pack.contents.measures.items() for role in table.roles]
    tables = pack.contents.measures
    status: str = await connection.execute(
        _TASKS,
        county,
        *code_range(region),
        on,
        now,
        [name for name, _ in measures],
        [role for _, role in measures],
        [deadline(on_day(now), tables[name].limit_working_days).at for name, _ in measures],
        list(pack.contents.warning_rules),
        [table.title for table in pack.contents.warning_rules.values()],
        [tables[name].words for name, _ in measures],
        [int(Level[name.upper()]) for name, _ in measures],
    )
    return int(status.rsplit(" ", 1)[-1])


async def move(
    actor: Actor, loan_key: str, level: Level, reason: str, pack: Pack, now: datetime
) -> EarlyWarning:
    """Raise or lower a loan's warning by hand, with a reason; audited. Raises NotFound, RuleRefused.

    What a person raised only a person lowers; what he lowered rises again by a new cause. Clause: S10.1.
    """
    loan = await access_loan(actor, loan_key)
    require_post(posts_for_loan(actor, loan, *_MAY_MOVE))
    if loan.borrower_id == actor.person_id:
        raise RuleRefused("S4.3", "这是您本人的贷款，请交给其他同事办理。", code="own_case")
    _check_reason(reason)
    if loan.state != "active":
        raise RuleRefused("S10.1", "这笔贷款已经结清，不用预警。", code="settled")
    on = on_day(now)
    async with database.transaction() as connection:
        await connection.execute("SELECT 1 FROM loan WHERE id = $1 FOR UPDATE", loan.id)
        held = await EarlyWarning.get_or_none(loan_id=loan.id)
        before = Level(held.level) if held else Level.NONE
        if before is level:
            raise RuleRefused(
                "S10.1", f"现在已经是“{rules.NAMES[level]}”。", code="same_level", field="level"
            )
        values: dict[str, Any] = {
            "level": int(level), "since_on": on, "held_by_person": level > before, "clean_since": None,
        }  # fmt: skip
        if held is None:
            held = await EarlyWarning.create(
                county=loan.county, loan_id=loan.id, borrower_id=loan.borrower_id, village=loan.village,
                bank_id=loan.bank_id, guarantor_id=loan.guarantor_id, **values,
            )  # fmt: skip
        else:
            await held.update_from_dict(values).save()
        await WarningEvent.create(
            county=loan.county, loan_id=loan.id, day=on, cause="person", cause_key=f"person:{new_key()}",
            level=int(level), level_before=int(before), level_after=int(level), facts={},
            rules_version=rules.version(rules_of(pack)), actor_id=actor.person_id,
            reason=reason.strip(), at=now,
        )  # fmt: skip
        await audit.record(
            loan.county, actor.person_id, "move_warning", ("loan", loan.id), now,
            before=before.name.lower(), after=level.name.lower(),
        )  # fmt: skip
        await open_measures(connection, loan.county, loan.village, on, pack, now)
    return held


async def carry_over(old: Loan, new: Loan, actor_id: int, pack: Pack, now: datetime) -> None:
    """A renewal washes no warning away: the new loan takes level, history and open measures with their days.

    The clean days begin anew; a cause that has warned does not warn again. Clause: S10.1, S12.3.
    """
    on, version = on_day(now), rules.version(rules_of(pack))
    for event in await WarningEvent.filter(loan_id=old.id).order_by("id"):
        values = {name: getattr(event, name) for name in _COPIED}
        await WarningEvent.create(**values, loan_id=new.id, facts={**event.facts, "of_loan": old.number})
    held = await EarlyWarning.select_for_update().get_or_none(loan_id=old.id)
    if held is not None and held.level:
        await EarlyWarning.create(
            county=new.county, loan_id=new.id, borrower_id=new.borrower_id, village=new.village,
            bank_id=new.bank_id, guarantor_id=new.guarantor_id, level=held.level, since_on=held.since_on,
            held_by_person=held.held_by_person,
        )  # fmt: skip
        for loan, cause, after in ((new, "renewal", held.level), (old, "renewed", 0)):
            await WarningEvent.create(
                county=loan.county, loan_id=loan.id, day=on, cause=cause, cause_key=f"{cause}:{old.id}",
                level=after, level_before=held.level, level_after=after,
                facts={"of_loan": old.number, "to_loan": new.number}, rules_version=version,
                actor_id=actor_id, at=now,
            )  # fmt: skip
        await EarlyWarning.filter(id=held.id).update(
            level=0, since_on=on, held_by_person=False, clean_since=None
        )
    await Task.filter(loan_id=old.id, kind__in=_CARRIED_TASKS, state="open").update(loan_id=new.id)


async def hold(loan: Loan) -> None:
    """An extension is no good conduct: the clean days of its warning begin anew. Clause: S10.1, S12.3."""
    await EarlyWarning.filter(loan_id=loan.id).update(clean_since=None)


def _check_reason(reason: str) -> None:
    if len(reason.strip()) < 2:
        raise RuleRefused("S10.1", "请写明原因。", code="reason_missing", field="reason")
    if len(reason) > REASON_MAX:
        raise RuleRefused("S10.1", f"原因请写在{REASON_MAX}字以内。", code="reason_too_long", field="reason")
    refuse([check_free_text(reason, "reason")])


@dataclass(frozen=True)
class Moved:
    """One thing that moved a warning, or would have."""

    day: date
    cause: str
    title: str
    level: str
    before: str
    after: str
    facts: dict[str, Any]
    reason: str
    rules_version: str


@dataclass(frozen=True)
class WarningView:
    """A loan's warning with its history, the newest first."""

    loan_key: str
    level: str
    title: str
    since_on: date | None
    held_by_person: bool
    clean_since: date | None
    history: tuple[Moved, ...]


async def of_loan(actor: Actor, loan_key: str, pack: Pack, now: datetime) -> WarningView:
    """The warning of a loan and why, for staff; audited. Raises NotFound. Clause: S10.1, S17.2."""
    loan = await access_loan(actor, loan_key)
    if loan.borrower_id == actor.person_id or not posts_for_loan(actor, loan):
        raise NotFound("没有找到这笔贷款。")
    await audit.viewed(loan.county, actor.person_id, ("loan", loan.id), now)
    held = await EarlyWarning.get_or_none(loan_id=loan.id)
    events = await WarningEvent.filter(loan_id=loan.id).order_by("-id").limit(100)
    level = Level(held.level) if held else Level.NONE
    return WarningView(
        loan_key=loan.key,
        level=level.name.lower(),
        title=rules.NAMES[level],
        since_on=held.since_on if held else None,
        held_by_person=held.held_by_person if held else False,
        clean_since=held.clean_since if held else None,
        history=tuple(_moved(event, pack) for event in events),
    )


_BY_HAND = {
    "person": "工作人员调整",
    "clean": "一段时间没有问题，自动下调",
    "settled": "贷款结清",
    "renewal": "续贷，预警从原借据带过来",
    "renewed": "续贷，预警转到新借据",
}


def _moved(event: WarningEvent, pack: Pack) -> Moved:
    table = pack.contents.warning_rules.get(event.cause)
    return Moved(
        day=event.day,
        cause=event.cause,
        title=table.title if table else _BY_HAND.get(event.cause, event.cause),
        level=Level(event.level).name.lower(),
        before=Level(event.level_before).name.lower(),
        after=Level(event.level_after).name.lower(),
        facts=dict(event.facts),
        reason=event.reason,
        rules_version=event.rules_version,
    )


def titles(pack: Pack, causes: Sequence[str]) -> list[str]:
    """What people call these causes."""
    tables = pack.contents.warning_rules
    return [tables[cause].title if cause in tables else _BY_HAND.get(cause, cause) for cause in causes]
