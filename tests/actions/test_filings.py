"""What a bank files each month: drafted, refreshed, submitted as it was read, frozen, numbered. S5."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from actions import escalation, filings
from bot import database
from bot.errors import Conflict, NotFound
from models.application import Task
from models.filings import Filing, FilingLine
from models.loan import Loan
from models.notice import Notice
from models.work import AuditEntry
from tests.actions.conftest import NOW, County
from tests.actions.risk_world import bodies, lend

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""10 January 2026 is a Saturday: the filing of December 2025 is due on Monday 12 January."""


def moment(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 9, tzinfo=SHANGHAI)


async def draft(county: County, on: date) -> dict[str, int]:
    return await filings.draft("411082", on, county.pack, moment(on))


async def submit(
    county: County, filing: Filing, on: date, person: str = "zhao", sha256: str = ""
) -> filings.FilingView:
    fresh = await Filing.get(id=filing.id)
    return await filings.submit(
        await county.actor(person, moment(on)), filing.key, sha256 or fresh.sha256, county.pack, moment(on)
    )


async def settled(on: date, guaranteed: bool = True) -> Loan:
    loan = await lend([], disbursed_on=date(2025, 1, 5), guaranteed=guaranteed)
    await Loan.filter(id=loan.id).update(state="settled", settled_on=on, balance_fen=0)
    return loan


async def test_last_month_s_disbursements_are_drafted_for_the_tenth(county: County) -> None:
    """S5.1, S5.3: the border days belong to December; a rest day moves it; a second run changes nothing."""
    inside = [await lend([], disbursed_on=day) for day in (date(2025, 12, 1), date(2025, 12, 31))]
    for day in (date(2025, 11, 30), date(2026, 1, 1)):
        await lend([], disbursed_on=day)
    assert await draft(county, date(2026, 1, 1)) == {"drafted": 1, "late": 0}
    filing = await Filing.get(kind="disbursements")
    assert (filing.month, filing.due_on, filing.lines) == (date(2025, 12, 1), date(2026, 1, 12), 2)
    lines = await FilingLine.filter(filing_id=filing.id).order_by("number")
    assert [line.loan_id for line in lines] == [loan.id for loan in inside]
    before = [line.id for line in lines]
    assert await draft(county, date(2026, 1, 2)) == {"drafted": 0, "late": 0}
    assert [line.id for line in await FilingLine.filter(filing_id=filing.id).order_by("number")] == before
    (task,) = await Task.filter(kind="filing")
    assert task.due_at == moment(date(2026, 1, 13)) - timedelta(hours=9)


async def test_a_loan_entered_late_joins_the_draft_or_the_next_filing(county: County) -> None:
    """S5.1: nothing that was paid out stays unfiled, nothing is filed twice."""
    await lend([], disbursed_on=date(2025, 12, 5))
    await draft(county, date(2026, 1, 1))
    filing = await Filing.get(kind="disbursements")
    read = (await Filing.get(id=filing.id)).sha256
    await lend([], disbursed_on=date(2025, 12, 6))
    with pytest.raises(Conflict, match="重新看"):
        await submit(county, filing, date(2026, 1, 5), sha256=read)
    assert (await Filing.get(id=filing.id)).state == "drafted"
    await draft(county, date(2026, 1, 5))
    assert (await submit(county, filing, date(2026, 1, 5))).lines == 2
    forgotten = await lend([], disbursed_on=date(2025, 12, 7))
    await draft(county, date(2026, 2, 1))
    february = await Filing.get(kind="disbursements", month=date(2026, 1, 1))
    assert [line.loan_id for line in await FilingLine.filter(filing_id=february.id)] == [forgotten.id]


async def test_a_submitted_filing_is_frozen_and_its_hash_proves_it(county: County) -> None:
    """S5.1"""
    loan = await lend([], disbursed_on=date(2025, 12, 5))
    await draft(county, date(2026, 1, 1))
    filing = await Filing.get(kind="disbursements")
    said = await submit(county, filing, date(2026, 1, 12))
    assert (said.state, said.late) == ("submitted", False)
    await Loan.filter(id=loan.id).update(annual_rate_bp=1)
    await draft(county, date(2026, 1, 13))
    assert await filings.check(await Filing.get(id=filing.id))
    for statement in ("UPDATE filing_line SET letter = 'x'", "DELETE FROM filing_line"):
        with pytest.raises(asyncpg.RaiseError, match="does not change"):
            await database.execute(statement)
    assert await submit(county, filing, date(2026, 1, 20)) == said
    told = {notice.person_id for notice in await Notice.filter(kind="filing_received")}
    assert told == {(await county.actor(person)).person_id for person in ("liu", "sun")}


async def test_who_is_late_is_marked_and_the_county_told_once(county: County) -> None:
    """S5.1: the twelfth is in time, the thirteenth is late."""
    await lend([], disbursed_on=date(2025, 12, 5))
    assert (await draft(county, date(2026, 1, 12)))["late"] == 0
    assert (await draft(county, date(2026, 1, 13)))["late"] == 1
    assert (await draft(county, date(2026, 1, 14)))["late"] == 0
    clerk = await county.actor("liu")
    assert await Notice.filter(kind="filing_late", person_id=clerk.person_id).count() == 1
    bank = await county.actor("zhao")
    assert [n.person_id for n in await Notice.filter(kind="filing_overdue")] == [bank.person_id]
    filing = await Filing.get(kind="disbursements")
    assert (await submit(county, filing, date(2026, 1, 14))).late


async def test_a_month_without_disbursements_is_filed_as_such(county: County) -> None:
    """S5.1"""
    await lend([], disbursed_on=date(2025, 6, 5))
    await draft(county, date(2026, 1, 1))
    filing = await Filing.get()
    assert (filing.kind, filing.lines, (await submit(county, filing, date(2026, 1, 5))).state) == (
        "disbursements", 0, "submitted",
    )  # fmt: skip


async def test_each_loan_fully_repaid_gets_a_release_with_a_number_without_gaps(county: County) -> None:
    """S5.2: a loan nobody guaranteed needs none; the next month goes on counting."""
    loans = [await settled(date(2025, 12, day)) for day in (1, 15, 31)]
    await settled(date(2025, 12, 10), guaranteed=False)
    later = await settled(date(2026, 1, 3))
    await draft(county, date(2026, 1, 5))
    filing = await Filing.get(kind="releases")
    await submit(county, filing, date(2026, 1, 6))
    bank, _ = await bodies()
    letters = await FilingLine.filter(filing_id=filing.id).order_by("number")
    assert [line.loan_id for line in letters] == [loan.id for loan in loans]
    assert [line.letter for line in letters] == [f"411082-JC{bank}-2026-0000{n}" for n in (1, 2, 3)]
    assert all(line.content["letter"] == line.letter for line in letters)
    assert await filings.check(await Filing.get(id=filing.id))
    await draft(county, date(2026, 2, 2))
    second = await Filing.get(kind="releases", month=date(2026, 1, 1))
    await submit(county, second, date(2026, 2, 3))
    (line,) = await FilingLine.filter(filing_id=second.id)
    assert (line.loan_id, line.letter) == (later.id, f"411082-JC{bank}-2026-00004")


async def test_everybody_sees_his_own_filings(county: County) -> None:
    """S17.2: the guarantor only what was submitted, others nothing; only the bank submits."""
    await lend([], disbursed_on=date(2025, 12, 5))
    await lend([], disbursed_on=date(2025, 12, 6), guaranteed=False)
    await draft(county, date(2026, 1, 1))
    filing = await Filing.get(kind="disbursements")
    for person in ("sun", "chen", "zhou", "wang", "zhang"):
        with pytest.raises(NotFound):
            await filings.show(await county.actor(person), filing.key)
    for person in ("liu", "sun"):
        with pytest.raises(NotFound):
            await submit(county, filing, date(2026, 1, 5), person)
    await submit(county, filing, date(2026, 1, 5))
    assert len(await filings.lines(await county.actor("sun"), filing.key)) == 1
    assert len(await filings.lines(await county.actor("liu"), filing.key)) == 2
    assert [view.key for _, view in await filings.listed(await county.actor("zhao"))] == [filing.key]


async def test_a_filing_from_its_draft_over_the_reminder_to_being_late(county: County) -> None:
    """S5.1, S5.2, S5.3: the bank is asked on the first, reminded the day before, both are told when late."""
    await settled(date(2025, 12, 15))
    bank, clerk = await county.actor("zhao"), await county.actor("liu")

    async def told(kind: str) -> list[int]:
        return [notice.person_id for notice in await Notice.filter(kind=kind).order_by("id")]

    await draft(county, date(2026, 1, 1))
    filed = await Filing.all().order_by("kind")
    assert [(f.kind, f.due_on, f.lines) for f in filed] == [
        ("disbursements", date(2026, 1, 12), 0), ("releases", date(2026, 1, 12), 1),
    ]  # fmt: skip
    assert await told("task_assigned") == [bank.person_id] * 2
    for day in (11, 12):
        await escalation.remind_tasks("411082", county.pack, datetime(2026, 1, day, 1, tzinfo=UTC))
    assert await told("task_due_soon") == [bank.person_id] * 2
    for day in (12, 13, 14):
        await draft(county, date(2026, 1, day))
    assert (await told("filing_late"), await told("filing_overdue")) == (
        [clerk.person_id] * 2, [bank.person_id] * 2,
    )  # fmt: skip
    for filing in await Filing.all():
        assert (await submit(county, filing, date(2026, 1, 14))).late
    assert set(await told("filing_received")) == {clerk.person_id, (await county.actor("sun")).person_id}
    assert not await Task.filter(kind="filing", state="open").exists()


async def test_a_sheet_holds_what_one_may_see_and_the_download_is_noted(county: County) -> None:
    """S5.1, S17.2"""
    await lend([], disbursed_on=date(2025, 12, 5))
    await lend([], disbursed_on=date(2025, 12, 6), guaranteed=False)
    await draft(county, date(2026, 1, 1))
    filing = await Filing.get(kind="disbursements")
    found, rows = await filings.whole(await county.actor("zhao"), filing.key, NOW)
    assert (found.lines, [row.village_name for row in rows]) == (2, ["坡胡镇柳庄村"] * 2)
    with pytest.raises(NotFound):
        await filings.whole(await county.actor("sun"), filing.key, NOW)
    await submit(county, filing, date(2026, 1, 5))
    _, rows = await filings.whole(await county.actor("sun"), filing.key, NOW)
    assert len(rows) == 1
    assert await AuditEntry.filter(action="download_filing", subject_id=filing.id).count() == 2
