"""A new data key in use: every value sealed under an older one is sealed anew, chunk by chunk.

What has been done is committed with its chunk, so a crash goes on where it was; a run that finds nothing to
do changes nothing. Reading never stops: values under both keys open as long as both are in the key file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import asyncpg

from actions import files
from bot.database import fetch, transaction
from models.sealing import keyring

CHUNK = 500
TRANSIENT = frozenset({"import_part", "export_part", "list_export_part"})
"""Tables whose sealed pieces are bound to a file in work and go when it is done: never sealed anew."""
_BOUND: Mapping[str, str] = MappingProxyType(
    {
        "inbox": "account || '/' || openid || '/' || dedupe_key",
        "dialog": "account || '/' || openid",
        "idempotency_key": "actor || chr(1) || route || chr(1) || key",
    }
)
"""What a value is bound to, where it is not the key of its row (chr(1) stands for the zero byte)."""
Progress = Callable[[str, int], None]
"""Told after each chunk: the place and how many values of it are done in this run."""


@dataclass(frozen=True, slots=True)
class Place:
    """One sealed column: its table, its primary key, and what its values are bound to (SQL)."""

    table: str
    column: str
    pk: str
    bound: str

    @property
    def name(self) -> str:
        """`person:name`, as in the associated data of its values."""
        return f"{self.table}:{self.column.removesuffix('_sealed')}"


async def places() -> list[Place]:
    """Every sealed column of the database. Raises LookupError for one that nobody said how it is bound."""
    rows = await fetch(
        """SELECT c.table_name AS tab, c.column_name AS col,
             EXISTS (SELECT 1 FROM information_schema.columns k WHERE k.table_schema = 'public'
                       AND k.table_name = c.table_name AND k.column_name = 'key') AS keyed
           FROM information_schema.columns c
           WHERE c.table_schema = 'public' AND c.column_name LIKE '%\\_sealed' ORDER BY 1, 2"""
    )
    found = []
    for row in rows:
        table = row["tab"]
        if table in TRANSIENT:
            continue
        bound = _BOUND.get(table) or ("key" if row["keyed"] else "")
        if not bound:
            raise LookupError(f"nobody said what {table}.{row['col']} is bound to")
        found.append(Place(table, row["col"], "dedupe_key" if table == "inbox" else "id", bound))
    return found


async def reseal(folder: Path, now: datetime, progress: Progress | None = None) -> Mapping[str, int]:
    """Seal everything under the current key; place -> how many values were changed in this run."""
    done = {}
    for place in await places():
        done[place.name] = await _reseal(place, now, progress)
    done["stored_file:content"] = await _reseal_files(folder, progress)
    return {name: count for name, count in done.items() if count}


async def left(folder: Path) -> Mapping[str, int]:
    """Place -> values that still are under another key than the current one; empty: the old keys may go.

    Contents on disk count as well: without the key they were sealed under they are lost.
    """
    kid = keyring().current
    found = {}
    for place in await places():
        (row,) = await fetch(
            f"SELECT count(*) AS n FROM {place.table}"  # noqa: S608 - names from the catalogue
            f" WHERE {place.column} IS NOT NULL AND get_byte({place.column}, 1) <> $1",
            kid,
        )
        if row["n"]:
            found[place.name] = int(row["n"])
    keys = [row["key"] for row in await fetch("SELECT key FROM stored_file WHERE state = 'stored'")]
    if old := await asyncio.to_thread(lambda: sum(files.is_under_old_key(folder, key) for key in keys)):
        found["stored_file:content"] = old
    return found


async def _reseal(place: Place, now: datetime, progress: Progress | None) -> int:
    """Go through one column from where the last run stopped; from the beginning when that was the end."""
    changed = 0
    while True:
        async with transaction() as connection:
            reached = await _begin(connection, place)
            last, count = await _chunk(connection, place, reached)
            await connection.execute(
                """UPDATE reseal_progress SET reached = $3::varchar, resealed = resealed + $4,
                     finished_at = CASE WHEN $3::varchar = '' THEN $5::timestamptz END
                   WHERE place = $1 AND kid = $2""",
                place.name, keyring().current, last, count, now,
            )  # fmt: skip
        changed += count
        if progress:
            progress(place.name, changed)
        if not last:
            return changed


async def _begin(connection: asyncpg.Connection, place: Place) -> str:
    """Lock the column's row of progress: two runs at once take turns."""
    await connection.execute(
        """INSERT INTO reseal_progress (county, place, kid, reached, resealed) VALUES ('', $1, $2, '', 0)
           ON CONFLICT (place, kid) DO NOTHING""",
        place.name,
        keyring().current,
    )
    return str(
        await connection.fetchval(
            "SELECT reached FROM reseal_progress WHERE place = $1 AND kid = $2 FOR UPDATE",
            place.name,
            keyring().current,
        )
    )


async def _chunk(connection: asyncpg.Connection, place: Place, reached: str) -> tuple[str, int]:
    """Seal the next values anew; the last primary key that was looked at ("" at the end) and how many."""
    kind = "text" if place.pk == "dedupe_key" else "bigint"
    after: object = reached if kind == "text" else int(reached or 0)
    rows = await connection.fetch(
        f"""SELECT {place.pk} AS pk, {place.bound} AS bound, {place.column} AS sealed FROM {place.table}
            WHERE {place.pk} > $1::{kind} ORDER BY {place.pk} LIMIT {CHUNK} FOR UPDATE""",  # noqa: S608
        after,
    )
    ring = keyring()
    fresh = []
    for row in rows:
        sealed = bytes(row["sealed"]) if row["sealed"] is not None else b""
        if sealed and sealed[1] != ring.current:
            at = f"{place.name}:{row['bound'].replace(chr(1), chr(0))}"
            fresh.append((row["pk"], ring.seal(ring.open(sealed, at), at)))
    if fresh:
        await connection.execute(
            f"""UPDATE {place.table} t SET {place.column} = n.sealed
                FROM unnest($1::{kind}[], $2::bytea[]) AS n (pk, sealed) WHERE t.{place.pk} = n.pk""",  # noqa: S608
            [pk for pk, _ in fresh],
            [sealed for _, sealed in fresh],
        )
    return (str(rows[-1]["pk"]) if len(rows) == CHUNK else "", len(fresh))


async def _reseal_files(folder: Path, progress: Progress | None) -> int:
    """The contents on disk: each is replaced in one step, so a crash leaves the old one or the new one."""
    changed = 0
    for row in await fetch("SELECT key FROM stored_file WHERE state = 'stored' ORDER BY id"):
        changed += await asyncio.to_thread(files.reseal, folder, row["key"])
        if progress:
            progress("stored_file:content", changed)
    return changed
