"""Reminders of half-filled applications (S1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import asyncpg

from actions.notices import NewNotice, business_date, plan
from bot.database import fetch, transaction
from policies import Pack
from rules.drafts import expiry_warning_due, reminder_due

FORMS = ("loan_application",)
"""Forms whose drafts are worth a reminder: those that a farmer begins by himself."""
PAGE = 1000


async def remind_drafts(county: str, pack: Pack, now: datetime) -> int:
    """Plan the reminders that the county's open drafts need by now; how many were new.

    Of several reminders that were missed only the last goes out. Running again changes nothing. Clause: S1.1.
    """
    hours = pack.contents.application.reminder_hours.on(business_date(now))
    made, after = 0, 0
    while True:
        rows = await fetch(
            """SELECT id, person_id, updated_at, expires_at FROM draft
               WHERE county = $1 AND state = 'open' AND form = ANY($2::text[]) AND updated_at <= $3
                 AND expires_at > $4 AND id > $5 ORDER BY id LIMIT $6""",
            county,
            list(FORMS),
            now - timedelta(hours=min(hours)),
            now,
            after,
            PAGE,
        )
        async with transaction() as connection:
            found = [notice for row in rows for notice in _of_draft(row, pack, now)]
            made += await plan(connection, county, found, pack, now)
        if len(rows) < PAGE:
            return made
        after = rows[-1]["id"]


def _of_draft(row: asyncpg.Record, pack: Pack, now: datetime) -> Iterator[NewNotice]:
    on = business_date(now)
    application = pack.contents.application
    touched_at: datetime = row["updated_at"]
    days = expiry_warning_due(
        touched_at, now, (row["expires_at"] - touched_at).days, application.expiring_days.on(on)
    )
    if days is not None:
        ends_on = business_date(row["expires_at"])
        yield NewNotice(
            row["person_id"], "draft_expiring", "draft", row["id"], {"days": days}, ends_on, f"d{days}"
        )
        return
    hours = reminder_due(touched_at, now, application.reminder_hours.on(on))
    if hours is not None:
        touched_on = business_date(touched_at)
        yield NewNotice(row["person_id"], "draft_reminder", "draft", row["id"], {}, touched_on, f"h{hours}")
