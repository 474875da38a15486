"""The console: who may open what, what others are told, and that nothing is done twice or from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date

import pytest

from actions import console_sessions
from handlers.console.base import AREAS
from models.people import Organisation, Post
from models.people import Person as PersonRow
from tests.actions.report_kit import write_days
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_review import apply
from tests.handlers.test_api_scope import objects_of
from tests.handlers.test_pages import Browser

OpenDesk = Callable[[str], Awaitable[Browser]]
ROLES = {
    "liu": "county_clerk",
    "zhou": "town_clerk",
    "chen": "loan_officer",
    "zhao": "bank_officer",
    "sun": "guarantor_officer",
}


@pytest.fixture
async def desks(world: World) -> AsyncIterator[OpenDesk]:
    """Somebody's browser at a desk, logged in."""
    opened: dict[str, Browser] = {}

    async def open_desk(person: str) -> Browser:
        if person not in opened:
            people = [{"person": person, "follow": ["changge"], "quiet": True}]
            await world.platform.post("/admin/users", json=people)
            opened[person] = Browser(world, person)
            await opened[person].log_in("/m/")
        return opened[person]

    yield open_desk
    for browser in opened.values():
        await browser.session.close()


async def make_administrator() -> None:
    """孙丽 looks after the system too."""
    post = await Post.get(role="guarantor_officer", county="411082")
    await Post.create(
        county="411082", person_id=post.person_id, organisation_id=(await Organisation.all().first()).id,  # type: ignore[union-attr]
        role="administrator", region="411082000000", from_on=date(2026, 1, 1),
    )  # fmt: skip
    await Post.filter(id=post.id).delete()


async def test_every_area_opens_for_its_roles_and_is_not_there_for_others(
    world: World, desks: OpenDesk
) -> None:
    """S17.2: what is not somebody's to open looks as if it were absent."""
    await objects_of(world)
    await write_days()
    for person, role in ROLES.items():
        browser = await desks(person)
        for area in AREAS:
            status, page, headers = await browser.get(area.path)
            assert status == (200 if role in area.right.who else 403), (person, area.path, page[-500:])
            assert "script-src 'self'" in headers["Content-Security-Policy"]
            assert headers["Cache-Control"] == "no-store"
            assert ("<script>" in page, "style=" in page) == (False, False)
            if status == 200:
                assert (f'href="{area.path}" aria-current="page"' in page) is True, area.path
                assert "张守田" not in page
    await make_administrator()
    browser = await desks("sun")
    for area in AREAS:
        assert (await browser.get(area.path))[0] == (200 if "administrator" in area.right.who else 403), (
            area.path
        )


async def test_who_has_no_desk_is_told_where_to_go(world: World, desks: OpenDesk) -> None:
    """S17.2: a cadre works in WeChat; a farmer has nothing to look for here; a stranger logs in first."""
    for person in ("wang", "zhang"):
        status, page, _ = await (await desks(person)).get("/console")
        assert (status, "需要相应岗位的工作人员" in page) == (403, True)
    stranger = Browser(world, "li")
    try:
        status, _, headers = await stranger.get("/console?x=1")
        assert status in (302, 303)
        assert "/login?to=" in headers["Location"]
        status, _, headers = await stranger.get("/console/live", **{"HX-Request": "true"})
        assert (status, "/login?to=" in headers["HX-Redirect"]) == (401, True)
    finally:
        await stranger.session.close()


async def test_a_session_of_the_desk_opens_it_as_well(world: World) -> None:
    """S17.1: its pages call the interface below /console."""
    post = await Post.get(role="county_clerk", county="411082").prefetch_related("person")
    token = await console_sessions.open_session(post.person, "password", NOW)
    cookies = {"tianxin-console": token}
    answer = await world.client.get("/console", cookies=cookies)
    page = await answer.text()
    assert (answer.status, '<meta name="api" content="/console">' in page) == (200, True)
    answer = await world.client.get("/console/live", headers={"X-Live": "1"}, cookies=cookies)
    assert answer.status == 200


async def test_an_error_at_the_desk_is_one_clear_line(world: World, desks: OpenDesk) -> None:
    """Within a page it goes to the line at its top; as a page of its own it has a way back."""
    browser = await desks("liu")
    status, page, headers = await browser.get("/console/nowhere")
    assert (status, "没有找到" in page, "回到工作台" in page) == (404, True, True)
    status, page, headers = await browser.get("/console/nowhere", **{"HX-Request": "true"})
    assert (status, headers["HX-Retarget"], page.startswith('<p class="fault"')) == (404, "#said", True)


async def test_the_overview_adds_up_and_every_number_has_its_list(world: World, desks: OpenDesk) -> None:
    """S12.5, S16.1"""
    await apply(world)
    await write_days()
    county = await desks("liu")
    _, page, _ = await county.get("/console")
    assert "收单金融机构审核" in page
    assert "/console/applications?state=in_review&amp;stage=acquiring_bank_review&amp;age=0" in page
    assert page.index("后河镇") < page.index("坡胡镇")  # the map has the west on the left
    assert "▲ 超过目标" in page
    assert "/console/overdue?place=411082101000" in page
    _, part, _ = await county.get("/console/live")
    assert "<html" not in part
    assert "在办申请" in part
    _, page, _ = await (await desks("zhou")).get("/console")
    assert "柳庄村" in page
    assert "后河镇" not in page
    _, page, _ = await (await desks("zhao")).get("/console")
    assert "贷款余额" in page
    assert "在办申请" in page
    assert "24小时通知送达" not in page
    assert await PersonRow.filter(county="411082").exists()
