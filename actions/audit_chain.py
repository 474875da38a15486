"""The chain over the audit trail: whoever changes, removes, slips in or moves an entry is seen.

Entries are written in the transaction of the act, by many people at once; a chain made there would let one
wait for the other. So a job links what is new every few minutes. An entry that was
slipped in afterwards is linked long after the time it claims. Who can write to the database can also make
the whole chain anew: that is why its head goes to a file outside every day, which `verify` compares.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from bot.database import fetch, pool, transaction

BATCH = 5_000
LOOK_BACK = 50_000
"""A transaction that drew its number early may commit late: so many numbers behind the newest are read."""
LATE = timedelta(hours=1)
"""An entry that is linked so long after its own time was not written when it says, unless nothing was linked
in between: then the job stood still."""
_START = bytes(32)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('audit_chain:' || $1, 0))"
_ENTRY = (
    "e.id, e.county, e.at, e.actor_id, e.action, e.subject_kind, e.subject_id, e.details::text AS details"
)


@dataclass(frozen=True)
class Head:
    """The end of a county's chain on a day: how many entries, and the digest over all of them."""

    day: date
    county: str
    number: int
    digest: str


@dataclass
class Verdict:
    """What `verify` found. `problems` holds (what, number in the chain or id of the entry)."""

    county: str
    links: int = 0
    problems: list[tuple[str, int]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.problems


def content_of(entry: Mapping[str, Any]) -> bytes:
    """SHA-256 of all that an entry says."""
    said = [
        entry["county"],
        entry["at"].isoformat(timespec="microseconds"),
        entry["actor_id"],
        entry["action"],
        entry["subject_kind"],
        entry["subject_id"],
        orjson.loads(entry["details"]),
    ]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


def _digest(before: bytes, entry_id: int, content: bytes) -> bytes:
    return hashlib.sha256(before + entry_id.to_bytes(8, "big") + content).digest()


async def link(county: str, now: datetime) -> int:
    """Link what is new; how many entries. Two at once wait for each other. Clause: S17.2."""
    linked = 0
    while True:
        async with transaction() as connection:
            await connection.execute(_LOCK, county)
            made = await _link_batch(connection, county, now)
        linked += made
        if made < BATCH:
            return linked


async def _link_batch(connection: asyncpg.Connection, county: str, now: datetime) -> int:
    last = await connection.fetchrow(
        "SELECT number, digest FROM audit_link WHERE county = $1 ORDER BY number DESC LIMIT 1", county
    )
    number, digest = (last["number"], bytes(last["digest"])) if last else (0, _START)
    entries = await connection.fetch(
        f"""SELECT {_ENTRY} FROM audit_entry e
            WHERE e.county = $1
              AND e.id > coalesce((SELECT max(entry_id) FROM audit_link WHERE county = $1), 0) - $2
              AND NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.entry_id = e.id)
            ORDER BY e.id LIMIT $3""",  # noqa: S608 - a constant
        county,
        LOOK_BACK,
        BATCH,
    )
    rows = []
    for entry in entries:
        content = content_of(entry)
        number, digest = number + 1, _digest(digest, entry["id"], content)
        rows.append((number, entry["id"], content, digest))
    if rows:
        await connection.execute(
            """INSERT INTO audit_link (county, number, entry_id, content, digest, linked_at)
               SELECT $1, t.*, $2 FROM unnest($3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[]) AS t""",
            county,
            now,
            *zip(*rows, strict=True),
        )
    return len(rows)


async def head(county: str, day: date) -> Head | None:
    """The newest link; None where nothing was ever linked."""
    rows = await fetch(
        "SELECT number, digest FROM audit_link WHERE county = $1 ORDER BY number DESC LIMIT 1", county
    )
    return Head(day, county, rows[0]["number"], bytes(rows[0]["digest"]).hex()) if rows else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a county's chain reaches: how many entries are linked and how many newer ones wait."""

    links: int
    waiting: int


async def standing(county: str) -> Standing:
    """How far the chain reaches now. Clause: S17.2."""
    (row,) = await fetch(
        """SELECT coalesce(max(l.number), 0) AS links,
             (SELECT count(*) FROM audit_entry e WHERE e.county = $1
                AND e.id > coalesce((SELECT max(entry_id) FROM audit_link WHERE county = $1), 0)) AS waiting
           FROM audit_link l WHERE l.county = $1""",
        county,
    )
    return Standing(row["links"], row["waiting"])


def write_head(path: Path, head: Head) -> None:
    """Add a head to the file outside, one JSON object a line. Raises OSError. Clause: S17.2."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(orjson.dumps(head) + b"\n")


def read_heads(path: Path) -> list[Head]:
    """The heads that were written; raises ValueError naming the line that is none."""
    heads = []
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            told = orjson.loads(line)
            heads.append(
                Head(date.fromisoformat(told["day"]), told["county"], int(told["number"]), told["digest"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} of {path} is no head of a chain") from error
    return heads


_RUNS = """SELECT finished_at AS at FROM job_slot
           WHERE county = $1 AND job = 'audit_chain' AND finished_at IS NOT NULL ORDER BY finished_at"""


def _was_passed_over(at: datetime, linked_at: datetime, newest: datetime, runs: Sequence[datetime]) -> bool:
    """Whether an entry was not there yet when later ones were linked, or when the job last looked before."""
    if linked_at - at <= LATE:
        return False
    looked = bisect_left(runs, linked_at) - 1
    return newest - at > LATE or (looked >= 0 and runs[looked] - at > LATE)


async def verify(county: str, now: datetime, heads: Iterable[Head] = ()) -> Verdict:
    """Go through the whole chain of a county and say what does not fit. Clause: S17.2.

    Problems, with the number of the link: `changed` (an entry says something else than when it was linked),
    `removed` (it is gone), `moved` (it says what another entry said), `broken` (a link was changed, taken
    out or put in), `head` (the chain is not the one whose head was written outside); with the id of the
    entry: `slipped_in` (it has no link, or was linked long after the time it claims).
    """
    verdict = Verdict(county)
    expected = {one.number: one.digest for one in heads if one.county == county}
    odd: list[tuple[int, bytes]] = []
    before, wanted, newest = _START, 1, datetime.min.replace(tzinfo=UTC)
    runs = [row["at"] for row in await fetch(_RUNS, county)]
    async for row in _links(county):
        number, content, digest = row["number"], bytes(row["content"]), bytes(row["digest"])
        verdict.links += 1
        if number != wanted or digest != _digest(before, row["entry_id"], content):
            verdict.problems.append(("broken", number))
        if row["id"] is None:
            verdict.problems.append(("removed", number))
        elif (found := content_of(row)) != content:
            odd.append((number, found))
        elif _was_passed_over(row["at"], row["linked_at"], newest, runs):
            verdict.problems.append(("slipped_in", row["id"]))
        newest = max(newest, row["at"] or newest)
        if expected.pop(number, digest.hex()) != digest.hex():
            verdict.problems.append(("head", number))
        before, wanted = digest, number + 1
    verdict.problems += [("head", number) for number in expected]
    verdict.problems += [(await _kind(county, found), number) for number, found in odd]
    verdict.problems += [("slipped_in", row["id"]) for row in await _without_link(county, now)]
    return verdict


async def _kind(county: str, content: bytes) -> str:
    """An entry that says what was linked elsewhere was moved, else it was changed."""
    rows = await fetch("SELECT 1 FROM audit_link WHERE county = $1 AND content = $2", county, content)
    return "moved" if rows else "changed"


async def _links(county: str) -> AsyncIterator[asyncpg.Record]:
    async with pool().acquire() as connection, connection.transaction(readonly=True):
        async for row in connection.cursor(
            f"""SELECT l.number, l.entry_id, l.content, l.digest, l.linked_at, {_ENTRY}
                FROM audit_link l LEFT JOIN audit_entry e ON e.id = l.entry_id AND e.county = l.county
                WHERE l.county = $1 ORDER BY l.number""",  # noqa: S608 - a constant
            county,
            prefetch=2_000,
        ):
            yield row


async def _without_link(county: str, now: datetime) -> list[asyncpg.Record]:
    """Entries that should have been linked long ago."""
    return list(
        await fetch(
            """SELECT e.id FROM audit_entry e WHERE e.county = $1 AND e.at < $2
                 AND NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.entry_id = e.id)
               ORDER BY e.id LIMIT 100""",
            county,
            now - LATE,
        )
    )
