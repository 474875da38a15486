"""Who does more with personal data than his work explains: counted every few minutes, told once a day."""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg

from actions import routing
from actions.access import role_holders
from bot.database import transaction
from models.application import Task
from models.people import Person, Post
from policies import Pack
from rules.identity import mask_name
from rules.roles import SAFETY
from rules.tasks import deadline, end_of_day
from rules.watching import EXPORTS, QUERIES, VIEWS, Excess, excesses

TASK = "audit_alert"
TOLD = (SAFETY, "county_clerk")
"""Who finds out why; never who is looked into."""
_WORDS = {
    "views_per_hour": "一小时内看了{count}次别人的资料，平常不超过{limit}次",
    "views_per_day": "今天看了{count}次别人的资料，平常不超过{limit}次",
    "exports_per_day": "今天导出了{count}次名单，平常不超过{limit}次",
    "queries_per_day": "今天查了{count}次信用信息，平常不超过{limit}次",
    "refused_queries_per_day": "今天有{count}次没有授权的信用查询，平常不超过{limit}次",
}
_COUNTED = """
SELECT actor_id,
       count(*) FILTER (WHERE action = ANY($3::text[]) AND at > $2::timestamptz - interval '1 hour')
         AS views_per_hour,
       count(*) FILTER (WHERE action = ANY($3::text[])) AS views_per_day,
       count(*) FILTER (WHERE action = ANY($4::text[])) AS exports_per_day,
       count(*) FILTER (WHERE action = ANY($5::text[])) AS queries_per_day,
       count(*) FILTER (WHERE action = 'credit_query_refused') AS refused_queries_per_day
FROM audit_entry
WHERE county = $1 AND at > $6 AND at <= $2 AND actor_id IS NOT NULL
  AND action = ANY($3::text[] || $4::text[] || $5::text[])
GROUP BY actor_id ORDER BY actor_id"""


async def look(county: str, pack: Pack, now: datetime) -> int:
    """Count today's views, exports and queries of everybody; how many excesses are new. Clause: S17.2."""
    on = routing.on_day(now)
    midnight = end_of_day(on - timedelta(days=1))
    policy = pack.audit_watch(on)
    told = 0
    async with transaction() as connection:
        rows = await connection.fetch(
            _COUNTED, county, now, list(VIEWS), list(EXPORTS), list(QUERIES), midnight
        )
        for row in rows:
            counts = {name: row[name] for name in _WORDS}
            for excess in excesses(counts, policy):
                told += await _tell(connection, county, row["actor_id"], excess, pack, now)
    return told


async def _tell(
    connection: asyncpg.Connection, county: str, actor_id: int, excess: Excess, pack: Pack, now: datetime
) -> int:
    on = routing.on_day(now)
    fresh = await connection.fetchval(
        """INSERT INTO audit_alert (county, actor_id, measure, day, count, allowed, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id""",
        county, actor_id, excess.measure, on, excess.count, excess.limit, now,
    )  # fmt: skip
    if fresh is None:
        return 0
    note = f"{await _who(actor_id)}{_WORDS[excess.measure].format(count=excess.count, limit=excess.limit)}。"
    tasks = [
        await Task.create(
            county=county,
            kind=TASK,
            person_id=actor_id,
            role=role,
            region=f"{county}000000",
            note=f"{note}请问清楚为什么要看，有没有外传。",
            opened_at=now,
            due_at=deadline(on, pack.contents.audit_watch.answer_working_days.on(on)).at,
        )
        for role in await _roles(county, actor_id, now)
    ]
    await routing.tell_holders(connection, tasks, "office_task", pack, now)
    return 1


async def _roles(county: str, actor_id: int, now: datetime) -> list[str]:
    """The roles that are told: those with somebody in them, and without whom it is about."""
    roles = []
    for role in TOLD:
        holders = await role_holders(county, role, f"{county}000000", on=routing.on_day(now))
        if holders and actor_id not in holders:
            roles.append(role)
    return roles or [SAFETY]


async def _who(actor_id: int) -> str:
    """宋*（村干部）: enough to know whom to ask."""
    person = await Person.get(id=actor_id)
    post = await Post.filter(person_id=actor_id).order_by("-from_on", "-id").first()
    role = routing.ROLE_TITLES.get(post.role, post.role) if post else "农户"
    return f"{mask_name(person.name) or '没有登记姓名的人'}（{role}）"
