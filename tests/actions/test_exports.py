"""Lists as workbooks: what is in them, whose they are, how long they live."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from python_calamine import CalamineWorkbook

from actions import exports
from actions.access import Actor, posts_held
from actions.listings import Asked
from bot import database
from bot.errors import NotFound, RuleRefused
from models.exports import Export
from models.people import Organisation, Post
from tests.actions.test_listings import COUNTY, LIU, NOW, ON, PACK, banks  # noqa: F401 - a fixture


async def somebody(role: str = "county_clerk") -> Actor:
    post = await Post.get(role=role, county=COUNTY)
    return Actor(post.person_id, COUNTY, "", "", "console", await posts_held(post.person_id, ON))


async def content(who: Actor, key: str) -> list[list[object]]:
    name, size, pieces = await exports.pieces(who, key, NOW)
    data = b"".join([piece async for piece in pieces])
    assert (name, len(data)) == ("贷款-20261128-0900.xlsx", size)
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()


async def test_a_list_becomes_a_workbook_of_what_its_person_sees(banks: list[Organisation]) -> None:  # noqa: F811
    """S17.2: with its filters and order, names masked; asked and fetched are noted."""
    clerk = await somebody()
    asked = Asked({"place": LIU}, "number")
    first = await exports.ask(clerk, "loans", asked, PACK, ON, NOW)
    again = await exports.ask(clerk, "loans", asked, PACK, ON, NOW)
    assert (first.state, again.key) == ("waiting", first.key)
    with pytest.raises(RuleRefused, match="还没有做好"):
        await exports.pieces(clerk, first.key, NOW)
    assert await exports.county_of(first.key) == COUNTY
    assert await exports.work(first.key, PACK, ON, NOW) == 4
    assert await exports.work(first.key, PACK, ON, NOW) == 0
    rows = await content(clerk, first.key)
    assert rows[0][:5] == ["借据号", "借款人", "村", "银行", "放款金额（元）"]
    assert [row[0] for row in rows[1:]] == ["CG-0-0", "CG-0-2", "CG-1-4", "CG-2-6"]
    assert {row[1] for row in rows[1:]} == {"张*"}
    assert rows[1][4:10] == [30_000.0, 20_000.0, "2026-01-01", "2027-01-01", "还款中", 40.0]
    (shown,) = await exports.listed(clerk, NOW)
    assert (shown.percent, shown.rows, shown.gone) == (100, 4, False)
    acts = await database.fetch("SELECT action FROM audit_entry ORDER BY id")
    assert [row["action"] for row in acts] == ["export", "fetch_export"]
    queued = await database.fetch("SELECT entrypoint FROM pgqueuer")
    assert [row["entrypoint"] for row in queued] == ["run_export"]


async def test_a_workbook_is_its_persons_alone_and_lives_a_day(banks: list[Organisation]) -> None:  # noqa: F811
    """S17.2: whoever lost his post meanwhile gets nothing."""
    clerk, banker = await somebody(), await somebody("bank_officer")
    made = await exports.ask(clerk, "loans", Asked(), PACK, ON, NOW)
    for key in (made.key, "nobody"):
        with pytest.raises(NotFound):
            await exports.view(banker, key, NOW)
    with pytest.raises(NotFound):
        await exports.ask(banker, "people", Asked(), PACK, ON, NOW)
    with pytest.raises(RuleRefused):
        await exports.ask(clerk, "loans", Asked({"colour": "red"}), PACK, ON, NOW)
    with pytest.raises(NotFound):
        await exports.county_of("nobody")
    await exports.work(made.key, PACK, ON, NOW)
    tomorrow = NOW + timedelta(days=1)
    assert await exports.forget(COUNTY, tomorrow) == 0
    with pytest.raises(RuleRefused, match="已经删了"):
        await exports.pieces(clerk, made.key, tomorrow)
    assert (await exports.view(clerk, made.key, tomorrow)).gone is True
    assert await database.fetch("SELECT 1 FROM export_part") == []
    assert await exports.forget(COUNTY, tomorrow + timedelta(days=7)) == 1

    late = await exports.ask(clerk, "overdue", Asked(), PACK, ON, NOW)
    await Post.filter(person_id=clerk.person_id).update(to_on=ON - timedelta(days=1))
    assert await exports.work(late.key, PACK, ON, NOW) == 0
    row = await Export.get(key=late.key)
    assert (row.state, row.reason) == ("failed", "没有找到这个列表。")


async def test_a_workbook_goes_with_the_post_it_was_made_by(banks: list[Organisation]) -> None:  # noqa: F811
    """S17.2: who was moved between asking and fetching no longer sees the place he had."""
    clerk = await somebody()
    made = await exports.ask(clerk, "loans", Asked(), PACK, ON, NOW)
    await exports.work(made.key, PACK, ON, NOW)
    post = await Post.get(role="county_clerk", county=COUNTY)
    town = await Organisation.create(county=COUNTY, kind="town_station", name="某镇站", region="411082100000")
    await Post.create(
        county=COUNTY, person_id=post.person_id, organisation_id=town.id, role="town_clerk",
        region="411082100000", from_on=ON,
    )  # fmt: skip
    assert (await exports.pieces(await somebody(), made.key, NOW))[1] > 0, "one post more is no harm"
    await Post.filter(id=post.id).update(to_on=ON - timedelta(days=1))
    moved = Actor(post.person_id, COUNTY, "", "", "console", await posts_held(post.person_id, ON))
    with pytest.raises(RuleRefused, match="岗位变了"):
        await exports.pieces(moved, made.key, NOW)


async def test_nobody_has_more_than_three_in_the_making(banks: list[Organisation]) -> None:  # noqa: F811
    clerk = await somebody()
    for name in ("loans", "overdue", "applications"):
        await exports.ask(clerk, name, Asked(), PACK, ON, NOW)
    with pytest.raises(RuleRefused, match="3张表正在做"):
        await exports.ask(clerk, "people", Asked(), PACK, ON, NOW)


async def test_every_list_can_be_a_workbook(
    banks: list[Organisation],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clerk = await somebody()
    for name in ("applications", "overdue", "work", "notices", "people", "organisations"):
        made = await exports.ask(clerk, name, Asked(), PACK, ON, NOW)
        await exports.work(made.key, PACK, ON, NOW)
        assert (await exports.view(clerk, made.key, NOW)).state == "done", name
    monkeypatch.setattr("bot.sheets_write.MOST_ROWS", 3)
    made = await exports.ask(clerk, "loans", Asked(), PACK, ON, NOW)
    await exports.work(made.key, PACK, ON, NOW)
    assert "请加条件分开导出" in (await exports.view(clerk, made.key, NOW)).reason
