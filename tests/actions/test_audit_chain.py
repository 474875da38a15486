"""S17.2: the audit chain shows every entry that was changed, removed, slipped in or moved."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from actions import audit, audit_chain
from actions.audit_chain import Head
from bot import database

COUNTY = "411082"
NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
TODAY = date(2026, 11, 28)
ENTRIES = 12


@pytest.fixture
async def chain(db: str) -> list[int]:
    """The numbers of a few linked entries, in a database whose guards a villain has taken off."""
    for number in range(ENTRIES):
        await audit.record(COUNTY, number % 3 or None, "decide", ("application", number), NOW, step=number)
    await audit.record("522301", 1, "decide", ("application", 1), NOW)
    assert await audit_chain.link(COUNTY, NOW) == ENTRIES
    for table in ("audit_entry", "audit_link"):
        await database.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    rows = await database.fetch("SELECT id FROM audit_entry WHERE county = $1 ORDER BY id", COUNTY)
    return [row["id"] for row in rows]


async def problems(heads: list[Head] | None = None, now: datetime = NOW) -> list[tuple[str, int]]:
    return (await audit_chain.verify(COUNTY, now, heads or [])).problems


async def test_an_honest_chain_is_whole_and_grows(chain: list[int]) -> None:
    head = await audit_chain.head(COUNTY, TODAY)
    assert head is not None
    assert head.number == ENTRIES
    await audit.record(COUNTY, 1, "view", ("person", 5), NOW + timedelta(minutes=5))
    assert await problems([head]) == [], "what is new waits for the next run"
    assert await audit_chain.link(COUNTY, NOW + timedelta(minutes=10)) == 1
    assert await audit_chain.link(COUNTY, NOW + timedelta(minutes=20)) == 0
    verdict = await audit_chain.verify(COUNTY, NOW, [head])
    assert (verdict.whole, verdict.links) == (True, ENTRIES + 1)


@pytest.mark.parametrize(
    "change",
    ["actor_id = 7", "at = at - interval '1 second'", "details = '{\"step\": 99}'", "action = 'view'"],
)
async def test_a_changed_entry_is_named(chain: list[int], change: str) -> None:
    await database.execute(f"UPDATE audit_entry SET {change} WHERE id = $1", chain[4])  # noqa: S608
    assert await problems() == [("changed", 5)]


async def test_a_removed_entry_is_named(chain: list[int]) -> None:
    await database.execute("DELETE FROM audit_entry WHERE id = $1", chain[2])
    assert await problems() == [("removed", 3)]


async def test_an_entry_removed_with_its_link_is_named(chain: list[int]) -> None:
    await database.execute("DELETE FROM audit_link WHERE entry_id = $1", chain[2])
    await database.execute("DELETE FROM audit_entry WHERE id = $1", chain[2])
    assert await problems() == [("broken", 4)]


async def test_moved_entries_are_named(chain: list[int]) -> None:
    """Two entries change places: each says what was linked elsewhere."""
    first, second = chain[3], chain[8]
    for was, becomes in ((first, -1), (second, first), (-1, second)):
        await database.execute("UPDATE audit_entry SET id = $2 WHERE id = $1", was, becomes)
    assert await problems() == [("moved", 4), ("moved", 9)]
    # whoever moves the links with them breaks the chain
    for was, becomes in ((4, -1), (9, 4), (-1, 9)):
        await database.execute(
            "UPDATE audit_link SET number = $3 WHERE county = $1 AND number = $2", COUNTY, was, becomes
        )
    assert {what for what, _ in await problems()} == {"broken", "moved"}


async def test_links_in_another_order_are_named(chain: list[int]) -> None:
    for was, becomes in ((4, -1), (9, 4), (-1, 9)):
        await database.execute(
            "UPDATE audit_link SET number = $3 WHERE county = $1 AND number = $2", COUNTY, was, becomes
        )
    assert await problems() == [("broken", number) for number in (4, 5, 9, 10)]


async def test_an_entry_slipped_in_is_named_before_and_after_it_is_linked(chain: list[int]) -> None:
    """Others were linked since the time that it claims."""
    later = NOW + timedelta(days=3)
    await audit.record(COUNTY, 2, "decide", ("application", 98), later)
    assert await audit_chain.link(COUNTY, later) == 1
    await audit.record(COUNTY, 2, "decide", ("application", 99), NOW + timedelta(minutes=1))
    rows = await database.fetch("SELECT max(id) AS id FROM audit_entry WHERE county = $1", COUNTY)
    assert await problems(now=later) == [("slipped_in", rows[0]["id"])]
    assert await audit_chain.link(COUNTY, later) == 1
    assert await problems(now=later) == [("slipped_in", rows[0]["id"])]


@pytest.mark.parametrize("looked", [False, True])
async def test_entries_of_a_time_in_which_the_job_stood_still_are_in_order(
    chain: list[int], *, looked: bool
) -> None:
    """Nothing was linked in between, so nothing was passed over; unless the job looked and found nothing."""
    later = NOW + timedelta(days=3)
    if looked:
        await database.execute(
            """INSERT INTO job_slot (county, job, slot, day, state, attempts, planned_at, started_at,
                                     finished_at, error)
               VALUES ($1, 'audit_chain', $2, $3, 'done', 1, $2, $2, $2, '')""",
            COUNTY,
            NOW + timedelta(hours=2),
            TODAY,
        )
    for minutes in (1, 90, 4000):
        await audit.record(COUNTY, 2, "decide", ("application", minutes), NOW + timedelta(minutes=minutes))
    rows = await database.fetch(
        "SELECT id FROM audit_entry WHERE county = $1 ORDER BY id DESC LIMIT 3", COUNTY
    )
    assert await audit_chain.link(COUNTY, later) == 3
    assert await problems(now=later) == ([("slipped_in", rows[2]["id"])] if looked else [])


async def test_a_chain_made_anew_is_not_the_one_whose_head_was_kept(chain: list[int], tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere" / "heads.jsonl"
    head = await audit_chain.head(COUNTY, TODAY)
    assert head is not None
    audit_chain.write_head(kept, head)
    await database.execute("UPDATE audit_entry SET actor_id = 7 WHERE id = $1", chain[4])
    await database.execute("DELETE FROM audit_link WHERE county = $1", COUNTY)
    assert await audit_chain.link(COUNTY, NOW) == ENTRIES
    assert await problems() == [], "by itself it looks whole"
    assert await problems(audit_chain.read_heads(kept)) == [("head", ENTRIES)]
    await database.execute("DELETE FROM audit_link WHERE county = $1 AND number = $2", COUNTY, ENTRIES)
    assert ("head", ENTRIES) in await problems(audit_chain.read_heads(kept)), "a chain cut short"


async def test_several_at_once_link_each_entry_once(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_chain, "BATCH", 4)
    for number in range(30):
        await audit.record(COUNTY, 1, "decide", ("application", number), NOW)
    linked = await asyncio.gather(*(audit_chain.link(COUNTY, NOW) for _ in range(4)))
    assert sum(linked) == 30
    verdict = await audit_chain.verify(COUNTY, NOW)
    assert (verdict.links, verdict.problems) == (30, [])


async def test_links_are_only_ever_added(db: str) -> None:
    await audit.record(COUNTY, 1, "decide", ("application", 1), NOW)
    await audit_chain.link(COUNTY, NOW)
    for sql in ("UPDATE audit_link SET number = 2", "DELETE FROM audit_link", "TRUNCATE audit_link"):
        with pytest.raises(Exception, match="only ever added"):
            await database.execute(sql)


async def test_a_county_without_entries_has_no_head(db: str) -> None:
    assert await audit_chain.link(COUNTY, NOW) == 0
    assert await audit_chain.head(COUNTY, TODAY) is None
    assert await problems() == []


def test_a_file_of_heads_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "heads.jsonl"
    assert audit_chain.read_heads(path) == []
    path.write_text('{"day": "2026-11-28", "county": "411082", "number": 3, "digest": "00"}\nnonsense\n')
    with pytest.raises(ValueError, match="line 2"):
        audit_chain.read_heads(path)
