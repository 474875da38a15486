"""The borrowers of a village, for the cadre who looks after them. S9.1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from actions import audit
from actions.access import Actor, access_task
from bot import database
from bot.errors import NotFound
from models.sealing import open_text
from rules.identity import mask_name


@dataclass(frozen=True)
class WatchedLoan:
    """A loan of the village; the borrower's name is masked."""

    id: int
    key: str
    borrower: str
    balance_fen: int
    reported: int
    """Findings since the task was opened."""


async def loans_of(
    actor: Actor, task_key: str, now: datetime, *, after: int = 0, limit: int = 20
) -> list[WatchedLoan]:
    """The running loans of the village that a watch is about. Raises NotFound. Clause: S9.1, S17.2."""
    task = await access_task(actor, task_key)
    if task.kind != "village_watch":
        raise NotFound("没有找到这项任务。")
    await audit.viewed(actor.county, actor.person_id, ("task", task.id), now)
    rows = await database.fetch(
        """SELECT l.id, l.key, l.balance_fen, p.key AS person_key, p.name_sealed,
                  (SELECT count(*) FROM risk_fact f WHERE f.loan_id = l.id AND f.withdrawn_at IS NULL
                     AND f.entered_at >= $5)::int AS reported
           FROM loan l JOIN person p ON p.id = l.borrower_id
           WHERE l.county = $1 AND l.village = $2 AND l.state = 'active' AND l.id > $3
           ORDER BY l.id LIMIT $4""",
        actor.county,
        task.region,
        after,
        limit,
        task.opened_at,
    )
    return [
        WatchedLoan(
            row["id"],
            row["key"],
            mask_name(open_text(row["name_sealed"], "person", "name", row["person_key"])),
            row["balance_fen"],
            row["reported"],
        )
        for row in rows
    ]
