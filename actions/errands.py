"""The last rung: nobody could be reached by a machine, so somebody of the village calls or visits. S11.7."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from actions.access import role_holders
from actions.candidates import Candidate
from actions.notices import NewNotice, business_date, plan
from actions.subjects import Asked, about
from bot.database import transaction
from models.sealing import new_key
from policies import Pack
from rules.tasks import deadline

KIND = "call_or_visit"
ROLES = ("cadre", "town_clerk", "county_clerk")
"""Who does it: the first of these that anybody holds for the place."""


async def open_errands(
    connection: asyncpg.Connection, county: str, candidates: Sequence[Candidate], pack: Pack, now: datetime
) -> int:
    """Open a task for each notice that no machine could tell, and tell whoever must do it. How many were new.

    What is to be said is not kept with the task: it is read from the notice when the task is opened.
    Clause: S11.7, S18.7.
    """
    if not candidates:
        return 0
    on = business_date(now)
    due_at = deadline(on, pack.contents.visit.limit_working_days.on(on)).at
    regions = [one.region or f"{county}000000" for one in candidates]
    holders = {region: await _holders(county, region, on) for region in dict.fromkeys(regions)}
    rows = await connection.fetch(
        """INSERT INTO task (county, key, kind, notice_id, person_id, round, stage, role, region, state,
                             outcome, note, opened_at, due_at, escalation, escalated_role)
           SELECT $1, key, $2, notice_id, person_id, 1, '', role, region, 'open', '', '', $3, $4, 0, ''
           FROM unnest($5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[])
             AS t(key, notice_id, person_id, role, region)
           ON CONFLICT (notice_id, kind) WHERE notice_id IS NOT NULL DO NOTHING
           RETURNING id, region""",
        county,
        KIND,
        now,
        due_at,
        [new_key() for _ in candidates],
        [one.notice_id for one in candidates],
        [one.person_id for one in candidates],
        [holders[region][0] for region in regions],
        regions,
    )
    told = [
        NewNotice(person, KIND, "task", row["id"], {}, on)
        for row in rows
        for person in holders[row["region"]][1]
    ]
    await plan(connection, county, told, pack, now)
    return len(rows)


async def _holders(county: str, region: str, on: date) -> tuple[str, list[int]]:
    for role in ROLES:
        people = await role_holders(county, role, region, on=on)
        if people:
            return role, people
    return ROLES[-1], []


async def close_settled(county: str, now: datetime) -> int:
    """Cancel the errands whose reason is gone: paid, answered, or told by a later notice. How many.

    Nobody is called about what he has settled. Clause: S11.7.
    """
    on = business_date(now)
    async with transaction() as connection:
        rows = await connection.fetch(
            """SELECT t.id AS task_id, n.* FROM task t JOIN notice n ON n.id = t.notice_id
               WHERE t.county = $1 AND t.kind = $2 AND t.state = 'open' ORDER BY t.id FOR UPDATE OF t""",
            county,
            KIND,
        )
        asked = [Asked.of(row) for row in rows]
        subjects = await about(connection, asked, on)
        settled = [row["task_id"] for row in rows if not subjects[row["id"]].still_true]
        await cancel(connection, settled, "settled", now)
    return len(settled)


async def cancel_for(connection: asyncpg.Connection, notice_ids: Sequence[int], now: datetime) -> None:
    """The person has got the message after all: whoever was to call need not."""
    rows = await connection.fetch(
        "SELECT id FROM task WHERE notice_id = ANY($1::bigint[]) AND kind = $2 AND state = 'open'",
        list(notice_ids),
        KIND,
    )
    await cancel(connection, [row["id"] for row in rows], "reached", now)


async def cancel(connection: asyncpg.Connection, ids: Sequence[int], outcome: str, now: datetime) -> None:
    """Close tasks that need not be done any more."""
    if ids:
        await connection.execute(
            """UPDATE task SET state = 'cancelled', outcome = $2, done_at = $3
               WHERE id = ANY($1::bigint[]) AND state = 'open'""",
            list(ids),
            outcome,
            now,
        )
