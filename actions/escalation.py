"""Tasks that nobody does: whoever has them is reminded, and when their time is over they go a level up.

A county can have thousands of them at once: they are found, passed up and told of by the set.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from actions import routing
from actions.notices import NewNotice, business_date, plan
from bot.database import fetch, transaction
from models.application import Task
from policies import Pack
from rules.tasks import end_of_day, passed_up_to, ripe_through

PAGE = 1000
"""So many tasks go up in one transaction: whoever decides one of them just now does not wait for the rest."""

_RIPE = """state = 'open' AND due_at < $2 AND coalesce(nullif(escalated_role, ''), role) = ANY($5::text[])
  AND coalesce(escalated_at, due_at - interval '1 second') < CASE escalation
    WHEN 0 THEN $3::timestamptz ELSE $4::timestamptz END"""
_LATE = f"SELECT id FROM task WHERE county = $1 AND {_RIPE} ORDER BY id"  # noqa: S608 - parts of ours
_PASS_UP = f"""
WITH late AS (
  SELECT id FROM task WHERE id = ANY($1::bigint[]) AND {_RIPE} ORDER BY id FOR UPDATE SKIP LOCKED
), passed AS (
  UPDATE task t SET escalation = t.escalation + 1, escalated_role = up.above, escalated_at = $2,
                    escalated_roles = t.escalated_roles || to_jsonb(up.above)
  FROM late, unnest($5::text[], $6::text[]) AS up(role, above)
  WHERE t.id = late.id AND up.role = coalesce(nullif(t.escalated_role, ''), t.role)
  RETURNING t.id, t.county, t.escalated_role
)
INSERT INTO audit_entry (county, at, actor_id, action, subject_kind, subject_id, details)
SELECT county, $2, NULL, 'escalate', 'task', id, jsonb_build_object('role', escalated_role)
FROM passed ORDER BY id RETURNING subject_id"""  # noqa: S608 - put together from parts of ours


async def escalate_due(county: str, pack: Pack, now: datetime) -> int:
    """Give every task that is past its time also to the next level, and tell both. Returns how many.

    Runs again change nothing until the pack's waiting time of the next level is over too. What somebody is
    deciding at this moment waits for the next run. Clause: S1.2, S9.1.
    """
    on = business_date(now)
    policy = pack.escalation(on)
    first, again = (end_of_day(ripe_through(on, times, policy)) for times in (0, 1))
    above = passed_up_to(policy)
    late = [row["id"] for row in await fetch(_LATE, county, now, first, again, list(above))]
    escalated = 0
    for start in range(0, len(late), PAGE):
        async with transaction() as connection:
            rows = await connection.fetch(
                _PASS_UP,
                late[start : start + PAGE],
                now,
                first,
                again,
                list(above),
                list(above.values()),
            )
            passed = await Task.filter(id__in=[row["subject_id"] for row in rows]).order_by("id")
            await routing.tell_holders(connection, passed, "task_escalated", pack, now)
        escalated += len(rows)
    return escalated


async def remind_tasks(county: str, pack: Pack, now: datetime) -> int:
    """Remind whoever has a task whose time is nearly over; how many notices were new. Clause: S1.2."""
    on = business_date(now)
    soon = timedelta(hours=pack.escalation(on).due_soon_hours)
    async with transaction() as connection:
        tasks = await Task.filter(
            county=county,
            state="open",
            due_at__gt=now,
            due_at__lte=now + soon,
            opened_at__lt=now - soon / 2,
        ).order_by("id")
        holders = await routing.people_of(tasks, on)
        told = [
            NewNotice(who, "task_due_soon", "task", task.id, {}, business_date(task.due_at), "soon")
            for task in tasks
            for who in holders[task.id]
        ]
        return await plan(connection, county, told, pack, now)
