"""Last month's reports are announced once, from the pack's day on; what fell due is kept day by day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from actions import collection, report_push, wording
from actions.access import Actor
from actions.report_kinds import words_of
from actions.report_loans import Opened, loans_behind
from actions.report_views import Asked, view
from actions.subjects import Asked as Subject
from actions.subjects import about
from bot import database
from bot.config import SHANGHAI
from models.collection import CollectionDay
from models.loan import Instalment, Loan
from models.notice import Notice
from models.people import Delegation, Organisation, Person, Post
from tests.actions.conftest import NOW, County
from tests.actions.report_kit import COUNTY, HOU, LIU, PO, SHI, XING, bank, write_day

OCTOBER = date(2026, 10, 31)
NOVEMBER = date(2026, 11, 30)


def at(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 8, 40, tzinfo=SHANGHAI)


async def tell(county: County, on: date) -> int:
    return await report_push.tell(COUNTY, county.pack, on, at(on))


async def test_town_and_county_are_told_once_from_the_first_working_day_on(county: County) -> None:
    """S12.5, S5.3: 5 December 2026 is a Saturday, so it is told on the 7th; a missed day is made good."""
    await write_day(NOVEMBER)
    assert await tell(county, date(2026, 12, 6)) == 0
    assert await tell(county, date(2026, 12, 8)) == 3
    assert await tell(county, date(2026, 12, 8)) == 0
    assert await tell(county, date(2026, 12, 9)) == 0
    told = {notice.person_id for notice in await Notice.all()}
    assert told == {(await county.actor(name)).person_id for name in ("zhou", "he", "liu")}
    (notice,) = await Notice.filter(person_id=(await county.actor("liu")).person_id)
    assert (notice.kind, notice.subject_id) == ("report_ready", 202611)
    assert notice.due_on == date(2026, 12, 7)


async def test_too_late_is_not_told_and_without_figures_neither(county: County) -> None:
    """S12.5: nobody is sent to an empty page, nor to last month's when this one is nearly over."""
    assert await tell(county, date(2026, 12, 7)) == 0
    await write_day(OCTOBER)
    assert await tell(county, date(2026, 12, 7)) == 0
    await write_day(NOVEMBER)
    assert await tell(county, date(2026, 12, 18)) == 0


async def test_whoever_stands_in_is_told_too(county: County) -> None:
    """S1.2, S12.5"""
    await write_day(NOVEMBER)
    town, friend = await county.actor("zhou"), await county.actor("song")
    post = await Post.get(person_id=town.person_id)
    await Delegation.create(
        county=COUNTY, post=post, delegate_id=friend.person_id, reason="休假", created_at=NOW,
        from_on=date(2026, 12, 1), to_on=date(2026, 12, 31),
    )  # fmt: skip
    assert await tell(county, date(2026, 12, 7)) == 4


async def test_the_message_names_the_month_and_opens_its_page(county: County) -> None:
    """S12.5"""
    await write_day(NOVEMBER)
    await tell(county, date(2026, 12, 7))
    notice = await Notice.all().order_by("id").first()
    asked = Subject(
        notice.id, notice.person_id, notice.kind, notice.subject_kind, notice.subject_id, notice.due_on, NOW
    )
    async with database.transaction() as connection:
        found = (await about(connection, [asked], date(2026, 12, 7)))[notice.id]
    assert notice.facts == {"task": "11月逾期和不良通报", "report": "overdue_rates"}
    address = wording.link("report", found, "https://x", "changge")
    assert address.endswith("to=/m/reports/overdue_rates/2026-11-30")


async def owing(village: str, lender: int, *lines: tuple[date, int, int]) -> Loan:
    """A loan with lines of interest: due day, owed, paid."""
    person = Person(county=COUNTY, created_at=NOW)
    person.name = "钱多多"
    await person.save()
    loan = await Loan.create(
        county=COUNTY, number=f"M{person.id}", bank_id=lender, borrower_id=person.id, village=village,
        principal_fen=1_000_000, balance_fen=1_000_000, annual_rate_bp=435, day_count="actual/360",
        method="interest_only", disbursed_on=date(2026, 1, 1), maturity_on=date(2027, 1, 1), created_at=NOW,
    )  # fmt: skip
    for number, (due_on, owed, paid) in enumerate(lines, 1):
        await Instalment.create(
            county=COUNTY, loan_id=loan.id, number=number, kind="settlement", due_on=due_on, days=30,
            principal_fen=0, interest_fen=owed, paid_interest_fen=paid,
            paid_on=due_on if paid == owed else None,
        )  # fmt: skip
    return loan


async def month(county: County, actor: Actor, level: str, on: date) -> Any:
    return await view(actor, "collection_month", Asked(level), county.pack, on)


async def test_the_month_so_far_by_town_and_bank(county: County) -> None:
    """S12.1, S12.5: due up to the day and unpaid at its end is overdue; what is due later does not count."""
    own, other = (
        int(await bank()),
        await Organisation.create(
            county=COUNTY, kind="partner_bank", name="长葛农商行", region="411082000000"
        ),
    )
    day = date(2026, 11, 20)
    await owing(LIU, own, (date(2026, 10, 31), 700, 0), (day, 1_000, 1_000), (day + timedelta(days=1), 50, 0))
    await owing(SHI, own, (date(2026, 11, 1), 2_000, 500))
    await owing(XING, other.id, (day, 3_000, 0))
    assert await collection.fill(COUNTY, day) == 5
    assert await collection.fill(COUNTY, day) == 0
    rows = {(r.level, r.code): r for r in await CollectionDay.all()}
    figures = {
        key: (r.loans, r.due_fen, r.repaid_fen, r.overdue_loans, r.overdue_fen) for key, r in rows.items()
    }
    assert figures == {
        ("town", PO): (2, 3_000, 1_500, 1, 1_500),
        ("town", HOU): (1, 3_000, 0, 1, 3_000),
        ("bank", str(own)): (2, 3_000, 1_500, 1, 1_500),
        ("bank", str(other.id)): (1, 3_000, 0, 1, 3_000),
        ("county", "411082000000"): (3, 6_000, 1_500, 2, 4_500),
    }
    clerk = await county.actor("liu")
    found = await month(county, clerk, "town", day)
    assert [row.code for row in found.rows] == [PO, HOU], "too few loans to be ranked: by code"
    assert words_of(found.measured, found.rows[0], None) == "50.00%"
    assert found.total is not None
    assert found.total.figures["overdue_fen"] == 4_500
    for figure, code, amounts in (
        ("due_fen", PO, [2_000, 1_000]),
        ("repaid_fen", PO, [1_000, 500]),
        ("overdue_fen", PO, [1_500]),
        ("overdue_fen", HOU, [3_000]),
    ):
        asked = Opened(figure, "town", code)
        opened = await loans_behind(clerk, "collection_month", asked, county.pack, day, NOW)
        assert [each.amount_fen for each in opened.items] == amounts
        assert opened.agrees
    await _opens_uncounted(county, clerk, day, str(own))
    officer = await county.actor("zhao")
    assert [row.name for row in (await month(county, officer, "bank", day)).rows] == ["长葛合作银行"]


async def _opens_uncounted(county: County, clerk: Actor, day: date, bank: str) -> None:
    """A whole county's or bank's lines of now: as they were entered, page by page, not counted."""
    for level, code, amounts in (
        ("county", "411082000000", [1_000, 2_000, 3_000]),
        ("bank", bank, [1_000, 2_000]),
    ):
        found, after = [], ""
        while True:
            asked = Opened("due_fen", level, code, after=after, limit=1)
            opened = await loans_behind(clerk, "collection_month", asked, county.pack, day, NOW)
            assert (opened.loans, opened.amount_fen, opened.agrees) == (None, None, False)
            if not opened.items:
                break
            found += [each.amount_fen for each in opened.items]
            after = opened.items[-1].key
        assert found == amounts


async def test_a_month_is_compared_with_the_end_of_the_last_one(county: County) -> None:
    """S12.5"""
    for day, repaid in ((OCTOBER, 900), (date(2026, 11, 20), 950)):
        await CollectionDay.create(
            county=COUNTY, day=day, level="town", code=PO, loans=20, due_fen=1_000, repaid_fen=repaid,
            overdue_loans=1, overdue_fen=1_000 - repaid,
        )  # fmt: skip
    found = await month(county, await county.actor("zhou"), "town", date(2026, 11, 20))
    (row,) = found.rows
    assert (row.place, row.above, found.before) == (1, None, OCTOBER)
    assert words_of(found.spec.column("change"), row, None) == "↑升5.00"


async def test_a_county_where_nothing_is_due_keeps_nothing(county: County) -> None:
    """S12.1"""
    assert await collection.fill(COUNTY, date(2026, 11, 20)) == 0
