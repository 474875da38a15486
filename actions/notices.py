"""What people must be told.

A notice is planned once (its natural key decides) in the transaction that makes it necessary; its first rung
is planned with it, and a worker is woken when that transaction commits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from bot.config import SHANGHAI
from bot.queue import Job, enqueue
from policies import Pack
from rules.gates import GatePolicy, is_quiet, quiet_until, spread
from rules.notices import NoticeClass, NoticePolicy, step_day
from rules.tasks import end_of_day

_PLAN = """
WITH input AS (
  SELECT DISTINCT ON (person_id, kind, subject_kind, subject_id, due_on, step) * FROM unnest(
    $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::date[], $7::text[], $8::jsonb[], $9::int[],
    $10::timestamptz[], $11::text[], $12::timestamptz[]
  ) AS t(person_id, kind, subject_kind, subject_id, due_on, step, facts, priority,
         expires_at, channel, not_before)
), made AS (
  INSERT INTO notice (county, person_id, kind, subject_kind, subject_id, due_on, step, facts, priority, state,
                      created_at, expires_at)
  SELECT $1, person_id, kind, subject_kind, subject_id, due_on, step, facts, priority, 'open', $13, expires_at
  FROM input ON CONFLICT DO NOTHING
  RETURNING id, person_id, kind, subject_kind, subject_id, due_on, step
)
INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before, lease_owner, attempts,
                      account, openid, msgid, trail)
SELECT $1, made.id, 0, input.channel, input.priority, 'planned', input.not_before, '', 0, '', '', '', '[]'
FROM made JOIN input USING (person_id, kind, subject_kind, subject_id, due_on, step)
RETURNING not_before
"""


@dataclass(frozen=True)
class NewNotice:
    """Something a person must be told. All but `facts` is its natural key (S11.6).

    `facts` are values that the words are made of: never a name, ID number, phone or account number.
    """

    person_id: int
    kind: str
    subject_kind: str
    subject_id: int
    facts: Mapping[str, Any]
    due_on: date
    step: str = ""


async def plan(
    connection: asyncpg.Connection, county: str, notices: Sequence[NewNotice], pack: Pack, now: datetime
) -> int:
    """Plan the notices that are not planned yet, with their first rung; how many were new.

    Call it in the transaction of what has happened. Planning the same again changes nothing. Raises KeyError
    on a kind that the pack does not know. Clause: S11.2, S11.6, S18.7.
    """
    if not notices:
        return 0
    gates = pack.gates(business_date(now))
    policies = [pack.notices[notice.kind] for notice in notices]
    made = await connection.fetch(
        _PLAN,
        county,
        [notice.person_id for notice in notices],
        [notice.kind for notice in notices],
        [notice.subject_kind for notice in notices],
        [notice.subject_id for notice in notices],
        [notice.due_on for notice in notices],
        [notice.step for notice in notices],
        [orjson.dumps(dict(notice.facts)).decode() for notice in notices],
        [policy.priority for policy in policies],
        [too_late_at(p, n.due_on, n.step, now) for p, n in zip(policies, notices, strict=True)],
        [policy.ladder[0].value for policy in policies],
        [not_before(p, _key(n), now, gates) for p, n in zip(policies, notices, strict=True)],
        now,
    )
    if any(row["not_before"] <= now for row in made):
        await enqueue(connection, [wake(county)])
    return len(made)


def wake(county: str) -> Job:
    """The job that sends what is ready. It has no dedupe key: waiting for somebody else's would join
    transactions that have nothing to do with each other; a job that finds nothing costs one statement."""
    return Job("deliver", {"county": county}, priority=5)


def too_late_at(policy: NoticePolicy, due_on: date, step: str, now: datetime) -> datetime:
    """When the notice would be of no more use. Clause: S11.2, S11.6."""
    if policy.too_late_hours is not None:
        return now + timedelta(hours=policy.too_late_hours)
    day = step_day(due_on, int(step)) if steps_by_day(policy) else due_on
    return end_of_day(day + timedelta(days=policy.steps.too_late_days))


def steps_by_day(policy: NoticePolicy) -> bool:
    """Are the steps of this kind days against the due date (and not rounds or levels)?"""
    return policy.steps.days != (0,) or policy.steps.repeat_every is not None


def not_before(policy: NoticePolicy, key: str, now: datetime, gates: GatePolicy) -> datetime:
    """When a worker need first look at it: now, or after the quiet hours that the gate would wait for.

    Clause: S11.5.
    """
    waits = policy.obeys_quiet_hours or policy.notice_class is NoticeClass.COLLECTION
    if not (waits and is_quiet(now, gates.quiet)):
        return now
    return spread(quiet_until(now, gates.quiet), key, gates.release_spread)


def _key(notice: NewNotice) -> str:
    return f"{notice.person_id}|{notice.kind}|{notice.subject_id}|{notice.step}"


def business_date(instant: datetime) -> date:
    """The day in Asia/Shanghai that an instant belongs to."""
    return instant.astimezone(SHANGHAI).date()
