"""Files of a bank: handing them in, and what became of every row. `import_run` works them off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from actions import audit, import_spool
from actions.access import Actor, HeldPost
from actions.import_spool import Spool
from bot import database
from bot.errors import NotFound, RuleRefused
from bot.queue import Job, enqueue
from models.imports import ImportBatch
from models.people import Organisation
from models.sealing import new_key
from policies import Pack
from rules.columns import TABLES, RowError, Table


@dataclass(frozen=True, slots=True)
class BatchView:
    """A file and how far it is. `repeated`: the same file was worked off before, nothing is left to do."""

    key: str
    county: str
    kind: str
    file_name: str
    state: str
    reason: str
    percent: int
    rows_read: int
    accepted: int
    unchanged: int
    refused: int
    created_at: datetime
    finished_at: datetime | None
    repeated: bool = False


def table_of(kind: str) -> Table:
    """The columns of a kind of file. Raises NotFound."""
    if kind not in TABLES:
        raise NotFound(f"没有这种文件，可以导入的有：{'、'.join(TABLES)}。")
    return TABLES[kind]


# ───────────── handing in ─────────────


async def hand_in(actor: Actor, kind: str, file_name: str, spool: Spool, now: datetime) -> BatchView:
    """Keep an officer's file for the workers. The same file again is the same batch.

    Files that are worked off with rows refused are tried again: what they waited for may be there by now.
    Raises RuleRefused, NotFound. Clause: S12.1, S17.2.
    """
    post, table = officer(actor), table_of(kind)
    digest = spool.finish()
    if not spool.size:
        raise RuleRefused("S12.1", "文件是空的。", code="empty", field="file")
    async with database.transaction() as connection:
        batch, fresh = await _batch(
            connection, actor.county, table.kind, post.organisation_id, post.region, file_name, digest,
            spool.size, actor.person_id, now,
        )  # fmt: skip
        if fresh:
            await import_spool.store(connection, actor.county, batch.id, spool)
            job = Job("run_import", {"key": batch.key}, dedupe_key=f"import:{batch.id}:{batch.attempt}")
            await enqueue(connection, [job])
            await audit.record(
                actor.county, actor.person_id, "hand_in_file", ("import_batch", batch.id), now, kind=kind
            )
        return view_of(batch, repeated=batch.state == "done")


async def hand_in_local(
    pack: Pack, kind: str, bank: str, file_name: str, digest: bytes, size: int, now: datetime
) -> BatchView:
    """Note a file that the county imports by hand; `run` reads it where it lies.

    `bank` may be empty: then rows name theirs, or there is only one. Raises NotFound, RuleRefused.
    Clause: S12.1.
    """
    table = table_of(kind)
    bank_id = 0
    if bank:
        found = await Organisation.get_or_none(county=pack.county, kind="partner_bank", name=bank)
        if found is None:
            raise RuleRefused("S12.1", f"县里没有登记“{bank}”这家银行。", code="bank", field="bank")
        bank_id = found.id
    region = f"{pack.county}000000"
    async with database.transaction() as connection:
        batch, _ = await _batch(
            connection, pack.county, table.kind, bank_id, region, file_name, digest, size, None, now
        )
        return view_of(batch, repeated=batch.state == "done")


async def _batch(
    connection: asyncpg.Connection,
    county: str,
    kind: str,
    bank_id: int,
    region: str,
    file_name: str,
    digest: bytes,
    size: int,
    given_by_id: int | None,
    now: datetime,
) -> tuple[ImportBatch, bool]:
    """The batch of this content, and whether it is to be worked off from the beginning."""
    made = await connection.fetchval(
        """INSERT INTO import_batch (county, key, kind, bank_id, region, file_name, sha256, size, state,
             reason, attempt, cursor, rows_read, bytes_read, bytes_total, accepted, unchanged, refused,
             given_by_id, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', '', 1, 0, 0, 0, 0, 0, 0, 0, $9, $10)
           ON CONFLICT (county, kind, bank_id, region, sha256) DO NOTHING RETURNING id""",
        county, new_key(), kind, bank_id, region, file_name[:200], digest, size, given_by_id, now,
    )  # fmt: skip
    batch = await ImportBatch.select_for_update().get(
        county=county, kind=kind, bank_id=bank_id, region=region, sha256=digest
    )
    if made is not None or batch.state in ("waiting", "running") or _is_through(batch):
        return batch, made is not None
    await connection.execute("DELETE FROM import_error WHERE batch_id = $1", batch.id)
    await connection.execute("DELETE FROM import_part WHERE batch_id = $1", batch.id)
    batch.state, batch.reason, batch.attempt = "waiting", "", batch.attempt + 1
    batch.cursor = batch.rows_read = batch.accepted = batch.unchanged = batch.refused = 0
    batch.bytes_read, batch.given_by_id, batch.finished_at = 0, given_by_id, None
    await batch.save()
    return batch, True


def _is_through(batch: ImportBatch) -> bool:
    return batch.state == "done" and not batch.refused


def officer(actor: Actor) -> HeldPost:
    """The post by which the actor hands files in. Raises RuleRefused. Clause: S17.1."""
    for post in actor.posts:
        if post.role == "bank_officer":
            return post
    raise RuleRefused("S17.1", "只有银行的工作人员可以导入文件。", code="not_allowed")


# ───────────── looking ─────────────


async def view(actor: Actor, key: str) -> BatchView:
    """How far a file of the officer's bank is. Raises NotFound. Clause: S17.2."""
    return view_of(await _access_batch(actor, key))


async def listed(actor: Actor, after: str | None, limit: int) -> tuple[list[BatchView], bool]:
    """The bank's files, the newest first, and whether there are more. Raises NotFound. Clause: S17.2."""
    post = officer(actor)
    rows = ImportBatch.filter(county=actor.county, bank_id=post.organisation_id, region=post.region)
    if after is not None:
        rows = rows.filter(id__lt=(await _access_batch(actor, after)).id)
    found = await rows.order_by("-id").limit(limit + 1)
    return [view_of(batch) for batch in found[:limit]], len(found) > limit


async def _access_batch(actor: Actor, key: str) -> ImportBatch:
    batch = await ImportBatch.get_or_none(key=key, county=actor.county)
    for post in actor.posts:
        of_bank = post.role == "bank_officer" and batch is not None and batch.bank_id == post.organisation_id
        if batch is not None and of_bank and batch.region == post.region:
            return batch
    raise NotFound("没有找到这次导入。")


async def find(key: str) -> BatchView:
    """A batch for the program itself. Raises NotFound."""
    batch = await ImportBatch.get_or_none(key=key)
    if batch is None:
        raise NotFound("没有找到这次导入。")
    return view_of(batch)


async def row_errors(key: str, after: int = 0, limit: int = 1_000) -> list[tuple[int, RowError]]:
    """Row errors of a batch in the order of the file, behind the one with this id. Clause: S12.1."""
    rows = await database.fetch(
        """SELECT e.id, e.row_number, e.column_title, e.value, e.reason FROM import_error e
           JOIN import_batch b ON b.id = e.batch_id
           WHERE b.key = $1 AND e.id > $2 ORDER BY e.id LIMIT $3""",
        key,
        after,
        limit,
    )
    return [
        (row["id"], RowError(row["row_number"], row["column_title"], row["value"], row["reason"]))
        for row in rows
    ]


def view_of(batch: ImportBatch, *, repeated: bool = False) -> BatchView:
    total = batch.bytes_total
    percent = 100 if batch.state == "done" else batch.bytes_read * 100 // total if total else 0
    return BatchView(
        batch.key, batch.county, batch.kind, batch.file_name, batch.state, batch.reason, min(percent, 100),
        batch.rows_read, batch.accepted, batch.unchanged, batch.refused, batch.created_at,
        batch.finished_at, repeated,
    )  # fmt: skip
