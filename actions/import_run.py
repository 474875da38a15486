"""Working off a bank's file, chunk by chunk.

A chunk's rows, its errors and the cursor are one transaction. Whoever goes on after a crash begins behind the
cursor; two that work on one file at once meet at the batch's row, and the later one drops what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import asyncpg
import structlog

from actions import audit, import_loans, import_repayments, import_spool
from actions.import_loans import LoanRows, Outcome
from actions.import_repayments import RepaymentRows
from actions.import_scope import Scope, bodies
from actions.imports import BatchView, table_of, view_of
from actions.routing import on_day
from bot import database
from bot.sheets import SheetError, open_sheet
from models.imports import ImportBatch
from models.people import Person
from policies import Pack
from rules.columns import HEADER_ROWS, Header, RowError, RowReader, Table, find_header

log = structlog.get_logger(__name__)

CHUNK = 5_000
TRIES = 5
_PREPARE = """SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off; SET LOCAL enable_memoize = off"""
"""Five thousand rows are looked up by index, one by one: else each chunk might read all that the table has,
and the file be slower the longer it is. Compiling the statements would take longer than they do."""
_QUICKER = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
"""Another import of the same rows, or somebody at the same loans, was quicker: the chunk is done again."""
Applier = LoanRows | RepaymentRows
_APPLIERS: dict[str, Callable[[Scope, RowReader], Applier]] = {
    import_loans.TABLE.kind: LoanRows,
    import_repayments.TABLE.kind: RepaymentRows,
}
Tell = Callable[[BatchView], None]


async def work(key: str, pack: Pack, now: datetime) -> BatchView:
    """Work off a file that was handed in, from where it stands. Done twice, the second changes nothing."""
    batch = await ImportBatch.get(key=key)
    if batch.state not in ("waiting", "running"):
        return view_of(batch)
    async with database.pool().acquire() as connection:
        file = await import_spool.load(connection, batch.id, batch.size)
    try:
        return await run(key, file, pack, now)
    finally:
        file.close()


async def run(key: str, file: BinaryIO, pack: Pack, now: datetime, tell: Tell | None = None) -> BatchView:
    """Read a file from its cursor on and put its rows in; `tell` hears of every chunk.

    Clause: S12.1, S6.2.
    """
    batch = await ImportBatch.get(key=key)
    if batch.state in ("waiting", "running"):
        try:
            await _run(batch, file, pack, now, tell)
        except SheetError as problem:
            await _close(batch, "failed" if batch.rows_read else "refused", now, str(problem))
    return view_of(await ImportBatch.get(key=key))


@dataclass(slots=True)
class _Chunk:
    rows: list[tuple[int, list[Any]]]
    errors: list[RowError]
    last_row: int
    bytes_read: int
    given: list[Any]
    """What the applier made of the rows, and what it says of them."""
    said: Outcome

    @property
    def size(self) -> int:
        return len(self.rows) + len(self.errors)


async def _run(batch: ImportBatch, file: BinaryIO, pack: Pack, now: datetime, tell: Tell | None) -> None:
    scope = await _scope(batch, pack, now)
    sheet = await asyncio.to_thread(open_sheet, file)
    rows = sheet.rows()
    table = table_of(batch.kind)
    header = await asyncio.to_thread(_header, table, rows)
    if isinstance(header, str):
        await _close(batch, "refused", now, header)
        return
    batch.bytes_total = sheet.bytes_total
    reader = RowReader(table, header, scope.limits)
    applier = _APPLIERS[batch.kind](scope, reader)
    chunks = _chunks(rows, reader, applier, batch.cursor, lambda: sheet.bytes_read)
    writing: asyncio.Task[bool] | None = None
    try:
        # while PostgreSQL writes a chunk, a thread reads and prepares the next one
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            if writing is not None and not await writing:
                return
            if tell is not None:
                tell(view_of(batch))
            writing = asyncio.create_task(_put(batch, applier, chunk))
        if writing is not None and not await writing:
            return
        writing = None
    finally:
        if writing is not None and not writing.done():
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
    await _close(batch, "done", now, _about_unused(header))
    if tell is not None:
        tell(view_of(batch))


async def _scope(batch: ImportBatch, pack: Pack, now: datetime) -> Scope:
    banks, guarantors, known = await bodies(batch.county)
    family: set[int] = set()
    if batch.given_by_id is not None:
        officer = await Person.get(id=batch.given_by_id)
        household = officer.household_id
        members = await Person.filter(household_id=household) if household else []
        family = {officer.id, *(member.id for member in members)}
    return Scope(
        batch.id, batch.county, batch.bank_id, batch.region, batch.given_by_id, frozenset(family), pack,
        on_day(now), now, banks, guarantors, known,
    )  # fmt: skip


def _header(table: Table, rows: Iterator[tuple[int, list[str]]]) -> Header | str:
    """The header among the first rows, or why there is none (said of the row that comes nearest)."""
    said, most = "", -1
    for _, row in islice(rows, HEADER_ROWS):
        found = find_header(table, row)
        if isinstance(found, Header):
            return found
        filled = sum(1 for cell in row if cell.strip())
        if filled > most:
            said, most = found, filled
    found = find_header(table, [])
    return said or (found if isinstance(found, str) else "")


def _chunks(
    rows: Iterator[tuple[int, list[str]]],
    reader: RowReader,
    applier: Applier,
    cursor: int,
    bytes_read: Callable[[], int],
) -> Iterator[_Chunk]:
    """Rows behind the cursor, read, checked and prepared, so many at a time; blank rows are passed over."""
    good: list[tuple[int, list[Any]]] = []
    bad: list[RowError] = []
    last = cursor
    for number, row in rows:
        if number <= cursor or not any(row) or not any(cell.strip() for cell in row):
            continue
        read = reader.read(number, row)
        if isinstance(read, RowError):
            bad.append(read)
        else:
            good.append((number, read))
        last = number
        if len(good) + len(bad) >= CHUNK:
            yield _Chunk(good, bad, last, bytes_read(), *applier.prepare(good))
            good, bad = [], []
    if good or bad:
        yield _Chunk(good, bad, last, bytes_read(), *applier.prepare(good))


async def _put(batch: ImportBatch, applier: Applier, chunk: _Chunk) -> bool:
    """Write a chunk once. False when somebody else has ended the file or begun it anew."""
    for attempt in range(1, TRIES + 1):
        try:
            return await _put_once(batch, applier, chunk)
        except _QUICKER as error:
            log.info("import_chunk_again", batch_id=batch.id, attempt=attempt, error=type(error).__name__)
            if attempt == TRIES:
                raise
    return False


async def _put_once(batch: ImportBatch, applier: Applier, chunk: _Chunk) -> bool:
    async with database.transaction() as connection:
        await connection.execute(_PREPARE)
        row = await connection.fetchrow(
            "SELECT cursor, attempt, state FROM import_batch WHERE id = $1 FOR UPDATE", batch.id
        )
        if row["attempt"] != batch.attempt or row["state"] not in ("waiting", "running"):
            return False
        if row["cursor"] >= chunk.last_row:  # another worker has done it
            await batch.refresh_from_db()
            return True
        if row["cursor"]:
            chunk = _behind(chunk, row["cursor"], applier)
        outcome: Outcome = await applier.apply(connection, chunk.given, chunk.said)
        errors = sorted([*chunk.errors, *outcome.errors], key=lambda error: error.row)
        await connection.copy_records_to_table(
            "import_error",
            records=[
                (batch.county, batch.id, each.row, each.column[:40], each.value[:80], each.reason[:200])
                for each in errors
            ],
            columns=["county", "batch_id", "row_number", "column_title", "value", "reason"],
        )
        after = await connection.fetchrow(
            """UPDATE import_batch SET state = 'running', cursor = $2, bytes_read = $3, bytes_total = $4,
                 rows_read = rows_read + $5, accepted = accepted + $6, unchanged = unchanged + $7,
                 refused = refused + $8 WHERE id = $1 RETURNING *""",
            batch.id, chunk.last_row, chunk.bytes_read, batch.bytes_total, chunk.size, outcome.accepted,
            outcome.unchanged, len(errors),
        )  # fmt: skip
    for name in ("state", "cursor", "bytes_read", "rows_read", "accepted", "unchanged", "refused"):
        setattr(batch, name, after[name])
    return True


def _behind(chunk: _Chunk, cursor: int, applier: Applier) -> _Chunk:
    """The chunk without what another worker has done since it was read."""
    rows = [each for each in chunk.rows if each[0] > cursor]
    errors = [each for each in chunk.errors if each.row > cursor]
    if len(rows) + len(errors) == chunk.size:
        return chunk
    return _Chunk(rows, errors, chunk.last_row, chunk.bytes_read, *applier.prepare(rows))


def _about_unused(header: Header) -> str:
    return f"没有用到的列：{'、'.join(header.unused[:20])}。" if header.unused else ""


async def _close(batch: ImportBatch, state: str, now: datetime, reason: str) -> None:
    """End a batch; its content is not needed any more."""
    async with database.transaction() as connection:
        changed = await connection.fetchval(
            """UPDATE import_batch SET state = $3, reason = $4, finished_at = $5, bytes_total = $6
               WHERE id = $1 AND attempt = $2 AND state IN ('waiting', 'running') RETURNING id""",
            batch.id, batch.attempt, state, reason[:1_000], now, batch.bytes_total,
        )  # fmt: skip
        if changed is None:
            return
        await connection.execute("DELETE FROM import_part WHERE batch_id = $1", batch.id)
        counts = {"accepted": batch.accepted, "unchanged": batch.unchanged, "refused": batch.refused}
        await audit.record(
            batch.county, batch.given_by_id, f"import_{batch.kind}", ("import_batch", batch.id), now,
            state=state, **counts,
        )  # fmt: skip
    batch.state = state
