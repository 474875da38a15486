"""A list as a workbook: asked for at the desk, made by a worker, sealed, gone in a day."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from actions import audit, import_spool, listings
from actions.access import Actor, posts_held
from actions.import_spool import Spool
from actions.listings import Asked, Column, ListSpec
from bot import database
from bot.config import SHANGHAI
from bot.errors import NotFound, RuleRefused
from bot.queue import Job, enqueue
from bot.sheets_write import MOST_ROWS, Cell, Kind, SheetWriter
from models.exports import Export
from policies import Pack

LIFE = timedelta(days=1)
PIECE = 5_000
MOST_AT_ONCE = 3
"""Workbooks that somebody may have in the making."""
_WIDTHS: Mapping[str, int] = {"money": 16, "count": 10, "day": 12, "moment": 18, "tag": 12, "text": 20}
_ESTIMATED = re.compile(r"rows=(\d+)")


@dataclass(frozen=True, slots=True)
class ExportView:
    """A workbook and how far it is. `percent` is 100 only when it is done."""

    key: str
    name: str
    title: str
    asked: Mapping[str, str]
    state: str
    reason: str
    percent: int
    rows: int
    size: int
    created_at: datetime
    expires_at: datetime
    gone: bool


async def ask(actor: Actor, name: str, asked: Asked, pack: Pack, on: date, now: datetime) -> ExportView:
    """Have a list made into a workbook. The same list asked again while it is being made is the same one.

    Raises NotFound, RuleRefused for what the list does not know. Clause: S17.2.
    """
    spec = listings.list_for(actor, name)
    sql, values, _ = await listings.statement(actor, spec, asked, pack, on, now, whole=True)
    rows = await _estimate(sql, values)
    wanted = {**asked.filters, **({"sort": asked.sort} if asked.sort else {})}
    async with database.transaction() as connection:
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('export', $1))", actor.person_id
        )
        running = await Export.filter(person_id=actor.person_id, state__in=("waiting", "running")).order_by(
            "id"
        )
        for row in running:
            if row.name == name and row.asked == wanted:
                return _view(row, now)
        if len(running) >= MOST_AT_ONCE:
            raise RuleRefused("S17.2", f"您有{MOST_AT_ONCE}张表正在做，请等做好再导出。", code="too_many")
        row = await Export.create(
            county=actor.county, name=name, asked=wanted, person_id=actor.person_id, rows_total=rows,
            created_at=now, expires_at=now + LIFE,
        )  # fmt: skip
        await audit.record(
            actor.county, actor.person_id, "export", ("export", row.id), now, list=name, by=sorted(wanted)
        )
        await enqueue(connection, [Job("run_export", {"key": row.key}, dedupe_key=f"export:{row.id}")])
        return _view(row, now)


async def _estimate(sql: str, values: Sequence[object]) -> int:
    """How many rows the planner expects: for the progress bar alone."""
    rows = await database.fetch(f"EXPLAIN {sql}", *values)
    found = _ESTIMATED.search(str(rows[0][0]))
    return min(int(found[1]), MOST_ROWS) if found else 0


async def listed(actor: Actor, now: datetime, limit: int = 50) -> list[ExportView]:
    """The workbooks one asked for, the newest first."""
    rows = await Export.filter(person_id=actor.person_id, county=actor.county).order_by("-id").limit(limit)
    return [_view(row, now) for row in rows]


async def view(actor: Actor, key: str, now: datetime) -> ExportView:
    """A workbook of one's own. Raises NotFound. Clause: S17.2."""
    return _view(await _access(actor, key), now)


async def pieces(actor: Actor, key: str, now: datetime) -> tuple[str, int, AsyncIterator[bytes]]:
    """Name, size and content of a finished workbook, piece by piece; that it was fetched is noted.

    Raises NotFound, RuleRefused when it is not done or gone, or made by a post that is over. Clause: S17.2.
    """
    row = await _access(actor, key)
    if row.expires_at <= now:
        raise RuleRefused("S17.2", "这张表过了一天，已经删了。请再导出一次。", code="export_expired")
    if row.state != "done":
        raise RuleRefused("S17.2", "这张表还没有做好，请等一等。", code="export_not_done")
    if not set(filter(None, row.posts.split(","))) <= _posts(actor, listings.BY_NAME[row.name]):
        words = "您的岗位变了，这张表不能再取。请重新导出一次。"
        raise RuleRefused("S17.2", words, code="export_other_posts")
    await audit.record(actor.county, actor.person_id, "fetch_export", ("export", row.id), now, list=row.name)
    made = row.created_at.astimezone(SHANGHAI)
    title = listings.BY_NAME[row.name].title
    return f"{title}-{made:%Y%m%d-%H%M}.xlsx", row.size, import_spool.read(row.id, "export_part")


async def _access(actor: Actor, key: str) -> Export:
    row = await Export.get_or_none(key=key, county=actor.county, person_id=actor.person_id)
    if row is None or row.name not in listings.BY_NAME:
        raise NotFound("没有找到这张表。")
    return row


def _posts(actor: Actor, spec: ListSpec) -> set[str]:
    """The posts by which somebody sees a list."""
    return {
        f"{post.role}:{post.region}:{post.organisation_id}"
        for post in actor.posts
        if post.role in spec.bodies
    }


def _view(row: Export, now: datetime) -> ExportView:
    spec = listings.BY_NAME[row.name]
    percent = 100 if row.state == "done" else min(99, row.rows_done * 100 // max(row.rows_total, 1))
    return ExportView(
        row.key, row.name, spec.title, row.asked, row.state, row.reason, percent, row.rows_done, row.size,
        row.created_at, row.expires_at, row.expires_at <= now,
    )  # fmt: skip


# ───────────── making ─────────────


async def county_of(key: str) -> str:
    """The county a workbook is of. Raises NotFound."""
    row = await Export.get_or_none(key=key)
    if row is None:
        raise NotFound("没有找到这张表。")
    return row.county


async def work(key: str, pack: Pack, on: date, now: datetime) -> int:
    """Make a workbook, as far as the posts reach that its person holds today; how many rows. Clause: S17.2.

    Done again after a crash it begins anew: nothing of it was to be seen before it was whole.
    """
    row = await Export.get(key=key)
    if row.state not in ("waiting", "running") or row.expires_at <= now:
        return 0
    await Export.filter(id=row.id).update(state="running", rows_done=0)
    actor = Actor(row.person_id, row.county, "", "", "job", await posts_held(row.person_id, on))
    spool = Spool("export_part")
    try:
        spec = listings.list_for(actor, row.name)
        filters = {name: value for name, value in row.asked.items() if name != "sort"}
        asked = Asked(filters, row.asked.get("sort", ""))
        sql, values, _ = await listings.statement(actor, spec, asked, pack, on, now, whole=True)
        rows = await _write(row, spec, sql, values, pack, spool)
    except (RuleRefused, ValueError) as refused:
        words = (
            refused.message
            if isinstance(refused, RuleRefused)
            else f"超过{MOST_ROWS - 1}行，请加条件分开导出。"
        )
        await Export.filter(id=row.id).update(state="failed", reason=words, finished_at=now)
        return 0
    else:
        async with database.transaction() as connection:
            await connection.execute("DELETE FROM export_part WHERE batch_id = $1", row.id)
            await import_spool.store(connection, row.county, row.id, spool)
            await Export.filter(id=row.id).update(
                state="done", rows_done=rows, rows_total=rows, size=spool.size, finished_at=now,
                posts=",".join(sorted(_posts(actor, spec))),
            )  # fmt: skip
        return rows
    finally:
        spool.close()


async def _write(
    row: Export, spec: ListSpec, sql: str, values: Sequence[object], pack: Pack, spool: Spool
) -> int:
    columns: list[tuple[str, Kind]] = [(each.title, _kind(each)) for each in spec.columns]
    writer = SheetWriter(spool, spec.title, columns, [_WIDTHS[each.kind] for each in spec.columns])
    async with database.pool().acquire() as connection, connection.transaction(readonly=True):
        cursor = await connection.cursor(sql, *values)
        while records := await cursor.fetch(PIECE):
            # decrypting, masking and packing leave the loop free for heartbeats
            await asyncio.to_thread(_put, writer, spec, records, pack)
            await database.execute("UPDATE export SET rows_done = $2 WHERE id = $1", row.id, writer.rows - 1)
    await asyncio.to_thread(writer.close)
    spool.finish()
    return writer.rows - 1


def _put(writer: SheetWriter, spec: ListSpec, records: Sequence[Any], pack: Pack) -> None:
    shown = (spec.shown(dict(record), pack) for record in records)
    writer.write([_cell(each, row.get(each.key)) for each in spec.columns] for row in shown)


def _kind(column: Column) -> Kind:
    return {"money": "number", "count": "count"}.get(column.kind, "text")  # type: ignore[return-value]


def _cell(column: Column, value: Any) -> Cell:
    """A value as it is written: amounts in 元, days and moments as text that sorts."""
    if value is None:
        return None
    if column.kind == "money":
        return Decimal(value).scaleb(-2)
    if isinstance(value, datetime):
        return f"{value.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) else str(value)


async def forget(county: str, now: datetime) -> int:
    """Delete what is older than a day; how many workbooks. Clause: S17.2."""
    await database.execute(
        """DELETE FROM export_part WHERE batch_id IN (
             SELECT id FROM export WHERE county = $1 AND expires_at <= $2)""",
        county,
        now,
    )
    return await database.execute(
        "DELETE FROM export WHERE county = $1 AND expires_at <= $2::timestamptz - interval '7 days'",
        county,
        now,
    )
