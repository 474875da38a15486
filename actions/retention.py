"""How long data is kept: each class deleted or emptied when its time is over, but for people under a hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from actions import audit
from bot.database import fetch, transaction
from policies import Pack

CHUNK = 2_000
_HELD = "SELECT person_id FROM legal_hold WHERE lifted_at IS NULL"
_HELD_WECHAT = """EXISTS (SELECT 1 FROM wechat_user u JOIN legal_hold h ON h.person_id = u.person_id
  WHERE h.lifted_at IS NULL AND u.account = t.account AND u.openid = t.openid)"""

_UNUSED = """t.application_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM repayment_slip s WHERE s.file_id = t.id)
  AND NOT EXISTS (SELECT 1 FROM visit v WHERE v.visitor_id = t.owner_id AND v.photos ? t.key)
  AND NOT EXISTS (SELECT 1 FROM draft d WHERE d.person_id = t.owner_id AND d.state = 'open')"""


@dataclass(frozen=True, slots=True)
class _Class:
    """What is due: rows of `table` where `due` ($1 county, $2 before); `change` is what is done with them.

    Without `change` it is only counted: people decide about it.
    """

    table: str
    due: str
    change: str = ""
    pk: str = "id"


CLASSES: Mapping[str, _Class] = MappingProxyType(
    {
        "messages": _Class(
            "inbox",
            f"t.county = $1 AND t.received_at < $2 AND t.state <> 'pending' AND NOT {_HELD_WECHAT}",
            "DELETE FROM inbox t WHERE t.dedupe_key = ANY($1)",
            "dedupe_key",
        ),
        "dialogs": _Class(
            "dialog",
            f"t.county = $1 AND t.updated_at < $2 AND NOT {_HELD_WECHAT}",
            "DELETE FROM dialog t WHERE t.id = ANY($1)",
        ),
        "drafts": _Class(
            "draft",
            f"t.county = $1 AND t.updated_at < $2 AND t.state <> 'open' AND t.person_id NOT IN ({_HELD})",
            "DELETE FROM draft t WHERE t.id = ANY($1)",
        ),
        "unused_files": _Class(
            "stored_file",
            f"t.county = $1 AND t.created_at < $2 AND t.owner_id NOT IN ({_HELD}) AND {_UNUSED}",
            "DELETE FROM stored_file t WHERE t.id = ANY($1)",
        ),
        "query_results": _Class(
            "credit_query",
            f"""t.county = $1 AND t.expires_at < $2 AND t.result_sealed IS NOT NULL
                AND t.person_id NOT IN ({_HELD})""",
            "UPDATE credit_query t SET result_sealed = NULL WHERE t.id = ANY($1)",
        ),
        "bad_records": _Class(
            "credit_event",
            f"t.county = $1 AND t.cured_on < $2::timestamptz::date AND t.person_id NOT IN ({_HELD})",
            "DELETE FROM credit_event t WHERE t.id = ANY($1)",
        ),
        "contracts": _Class(
            "loan",
            f"""t.county = $1 AND t.settled_on < $2::timestamptz::date AND t.state <> 'active'
                AND t.borrower_id NOT IN ({_HELD})""",
        ),
    }
)
"""Class of data -> what is due and what is done. How long is in the pack: [retention.<class>]."""


async def due(county: str, pack: Pack, now: datetime) -> Mapping[str, int]:
    """How many rows of each class are past their time; nothing is changed. Clause: S17.2."""
    found = {}
    for name, kept in CLASSES.items():
        (row,) = await fetch(
            f"SELECT count(*) AS n FROM {kept.table} t WHERE {kept.due}",  # noqa: S608 - constants
            county,
            _before(name, pack, now),
        )
        found[name] = int(row["n"])
    return found


async def clear(county: str, pack: Pack, now: datetime) -> Mapping[str, int]:
    """Delete or empty what is past its time, in chunks, and note how much; a second run finds nothing.

    Nobody under a legal hold is touched; contract records are only counted by `due`. Clause: S17.2.
    """
    cleared = {}
    for name, kept in CLASSES.items():
        if kept.change:
            cleared[name] = await _clear(county, kept, _before(name, pack, now))
    if any(cleared.values()):
        async with transaction():
            await audit.record(county, None, "retention", ("retention", 0), now, **cleared)
    return cleared


async def _clear(county: str, kept: _Class, before: datetime) -> int:
    total = 0
    while True:
        async with transaction() as connection:
            rows = await connection.fetch(
                f"SELECT t.{kept.pk} AS pk FROM {kept.table} t WHERE {kept.due} LIMIT {CHUNK}"  # noqa: S608
                " FOR UPDATE SKIP LOCKED",
                county,
                before,
            )
            await connection.execute(kept.change, [row["pk"] for row in rows])
        total += len(rows)
        if len(rows) < CHUNK:
            return total


def _before(name: str, pack: Pack, now: datetime) -> datetime:
    return now - timedelta(days=pack.contents.retention[name].days)
