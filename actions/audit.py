"""The audit trail: written in the transaction of the act itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot import database
from models.work import AuditEntry


async def record(
    county: str,
    actor_id: int | None,
    action: str,
    subject: tuple[str, int],
    at: datetime,
    **details: Any,
) -> None:
    """Add one entry: who (None: the program), did what, to which row, when. Details hold no personal data.

    Clause: S17.2.
    """
    kind, row_id = subject
    await AuditEntry.create(
        county=county,
        at=at,
        actor_id=actor_id,
        action=action,
        subject_kind=kind,
        subject_id=row_id,
        details=details,
    )


async def viewed(
    county: str, actor_id: int, subject: tuple[str, int], at: datetime, action: str = "view"
) -> None:
    """Note that somebody looked at another person's data: once a person, subject and day. Clause: S17.2."""
    kind, row_id = subject
    await database.execute(
        """INSERT INTO audit_entry (county, at, actor_id, action, subject_kind, subject_id, details)
           SELECT $1::varchar, $2::timestamptz, $3::bigint, $6::varchar, $4::varchar, $5::bigint, '{}'::jsonb
           WHERE NOT EXISTS (
             SELECT 1 FROM audit_entry WHERE subject_kind = $4 AND subject_id = $5 AND actor_id = $3
               AND action = $6 AND at > $2 - interval '1 day' AND at <= $2)""",
        county,
        at,
        actor_id,
        kind,
        row_id,
        action,
    )
