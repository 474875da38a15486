"""A subsidy paid, a grade changed, a line that ends: told once, in words, on the days of the pack. S11.2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest

from actions import announcements, my_notices
from actions.announcements import CreditLineEnds, GradeChanged, SubsidyPaid
from bot import database
from models.notice import Delivery, Notice
from models.people import Person
from tests.actions.conftest import NOW, County

TODAY = date(2026, 11, 28)
Read = Callable[[], Awaitable[list[my_notices.NoticeView]]]


@pytest.fixture
async def farmer(county: County) -> Person:
    person = await Person.get(id=(await county.actor("zhang")).person_id)
    person.name = "张守田"
    await person.save()
    return person


@pytest.fixture
def read(county: County) -> Read:
    async def read() -> list[my_notices.NoticeView]:
        return await my_notices.my_notices(await county.actor("zhang"), county.pack, "", TODAY)

    return read


async def test_a_subsidy_is_told_with_its_amount_once(county: County, farmer: Person, read: Read) -> None:
    """S11.2, S13.1: the amount only after opening; the same payment again is the same notice."""
    paid = [SubsidyPaid(farmer.id, 7, 54_375, TODAY)]
    for expected in (1, 0):
        async with database.transaction() as connection:
            assert (
                await announcements.subsidies_paid(connection, "411082", paid, county.pack, NOW) == expected
            )
    (told,) = await read()
    assert "543.75元" in told.text
    assert "2026年11月28日" in told.text
    assert (told.title, told.current) == ("贴息到账", True)
    assert await Delivery.all().count() == 1


async def test_a_grade_is_told_with_its_reason_and_only_when_it_is_another(
    county: County, farmer: Person, read: Read
) -> None:
    """S11.2: before and after, why, and what to do about it."""
    changed = [
        GradeChanged(farmer.id, 3, "A", "AA", "按时还清了上一笔贷款", TODAY),
        GradeChanged(farmer.id, 4, "AA", "AA", "没有变", TODAY),
    ]
    async with database.transaction() as connection:
        assert await announcements.grades_changed(connection, "411082", changed, county.pack, NOW) == 1
    (told,) = await read()
    assert "原来是A，现在是AA" in told.text
    assert "按时还清了上一笔贷款" in told.text


async def test_a_newer_word_on_the_same_takes_the_place_of_the_older(
    county: County, farmer: Person, read: Read
) -> None:
    """S11.2: a rating corrected the next day; the gate still_true closes for the first."""
    for days, grade in ((0, "AA"), (1, "")):
        on = TODAY + timedelta(days=days)
        changed = [GradeChanged(farmer.id, 3, "A", grade, "复核", on)]
        async with database.transaction() as connection:
            await announcements.grades_changed(connection, "411082", changed, county.pack, NOW)
    newest, older = await read()
    assert (newest.current, older.current) == (True, False)
    assert "现在是没有等级" in newest.text


async def test_a_line_that_ends_is_told_on_the_days_of_the_pack(
    county: County, farmer: Person, read: Read
) -> None:
    """S11.2, S11.6: every day is looked at, each step goes out once, a missed one is made good."""
    ends_on = TODAY + timedelta(days=60)
    steps = county.pack.notices["credit_line_expiring"].steps.days
    lines = [CreditLineEnds(farmer.id, 5, 5_000_000, ends_on)]
    for day in range(62):
        if day == 30:
            continue  # the scan of that day did not run; the next makes it good
        on = TODAY + timedelta(days=day)
        async with database.transaction() as connection:
            await announcements.credit_lines_end(connection, "411082", lines, on, county.pack, NOW)
    planned = await Notice.filter(kind="credit_line_expiring").order_by("id")
    assert [int(notice.step) for notice in planned] == list(steps)
    newest = (await read())[0]
    assert "5万元，2027年1月27日到期" in newest.text
