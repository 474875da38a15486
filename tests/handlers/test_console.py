"""The console: who may open what, what others are told, and that nothing is done twice or from elsewhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from actions import console_sessions, listings
from bot.database import fetch
from handlers import rights
from handlers.console.base import AREAS, BY_PATH, Area
from handlers.jobs import ENTRYPOINTS, run_export
from handlers.login import csrf_token
from models.application import Task
from models.exports import Export
from models.loan import Loan
from models.people import Organisation, Post
from models.people import Person as PersonRow
from scheduler.workers import drain
from tests.actions.import_kit import LOAN, csv_file, xlsx_file
from tests.actions.import_kit import loan as loan_row
from tests.actions.report_kit import write_days
from tests.actions.test_work_queue import failed_slot, undelivered
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_imports import upload
from tests.handlers.test_api_review import apply
from tests.handlers.test_api_scope import objects_of
from tests.handlers.test_pages import Browser
from tests.handlers.test_risk_pages import in_danger

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
            assert status == (200 if role in area.right.who else no_of(area)), (
                person,
                area.path,
                page[-500:],
            )
            assert "script-src 'self'" in headers["Content-Security-Policy"]
            assert headers["Cache-Control"] == "no-store"
            assert ("<script>" in page, "style=" in page) == (False, False)
            if status == 200:
                way_back = (
                    'href="/console/">回到工作台'
                    if area.of_phone
                    else f'href="{area.path}" aria-current="page"'
                )
                assert way_back in page, area.path
                assert 'href="/m/' not in page.replace('href="/m/">手机页面', ""), area.path
                assert area.path == "/console/imports" or "张守田" not in page  # the example in its template
    await make_administrator()
    browser = await desks("sun")
    for area in AREAS:
        found = (await browser.get(area.path))[0]
        assert found == (200 if "administrator" in area.right.who else no_of(area)), area.path


def no_of(area: Area) -> int:
    """What somebody is answered who may not: for the trail there is no such page."""
    return 404 if area.right.about else 403


async def test_every_list_shows_its_rows_to_every_role_that_may(world: World) -> None:
    """S17.2: with a session of the desk alone; in every order, and the page of a row."""
    loan = await in_danger(world)
    await undelivered()
    tried = 0
    for role in sorted({role for spec in listings.LISTS for role in spec.bodies}):
        desk = await seat(world, role)
        for spec in listings.LISTS:
            area = BY_PATH[f"/console/{spec.name}"]
            if role not in area.right.who:
                assert (await desk(area.path))[0] == 403, (role, area.path)
                continue
            for sort in spec.sorts:
                status, page = await desk(f"{area.path}?sort={sort.key}")
                assert (status, '<tr id="row-' in page) == (200, True), (
                    role,
                    spec.name,
                    sort.key,
                    page[-900:],
                )
                tried += 1
            for address in set(re.findall(r'<td[^>]*><a href="(/console/[^"]+)">', page)):
                assert (await desk(address))[0] == 200, (role, address)
        if role in rights.DESK.who:
            assert (await desk(f"/console/find?q={loan.number}"))[0] == 200
    assert tried >= 40
    clerk = await seat(world, "county_clerk")
    for text, status, found in (("赵强", 200, True), ("王秀兰", 200, False), ("x", 422, False)):
        answer, page = await clerk(f"/console/work?role=bank_officer&officer={text}")
        assert (answer, '<tr id="row-' in page) == (status, found), text
    _, page = await (await seat(world, "guarantor_officer"))("/console")
    assert ("担保的贷款" in page, "▲ 1 笔" in page, "等我办的" in page) == (True, True, True)
    _, page = await (await seat(world, "loan_officer"))("/console")
    assert "放了款的</span><b>1</b>" in page


async def seat(world: World, role: str) -> Callable[..., Awaitable[tuple[int, str]]]:
    """Opens pages as somebody new who holds `role` for the county, by a session of the desk."""
    like = await Post.filter(county="411082", role=role).first()
    person = PersonRow(county="411082", created_at=NOW)
    person.name = "新来的"
    await person.save()
    body = (
        like.organisation_id if like else (await Organisation.get(county="411082", kind="county_centre")).id
    )
    await Post.create(
        county="411082", person_id=person.id, organisation_id=body, role=role,
        region="411082000000", from_on=date(2026, 1, 1),
    )  # fmt: skip
    token = await console_sessions.open_session(person, "password", NOW)

    async def get(path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        """Status and page, or where one is sent; with `form`: what is sent."""
        data = None if form is None else {"csrf": csrf_token(token), **form}
        answer = await world.client.request(
            "GET" if form is None else "POST", path, cookies={"tianxin-console": token},
            headers=headers, allow_redirects=False, data=data,
        )  # fmt: skip
        return answer.status, answer.headers.get("Location") or await answer.text()

    return get


async def test_every_area_opens_by_a_session_of_the_desk_alone(world: World) -> None:
    """S17.1, S17.2: no page of the navigation sends one to WeChat; who is in, until when, and the way out."""
    for role in sorted(rights.DESK.who):
        desk = await seat(world, role)
        _, home = await desk("/console")
        assert ("新来的" in home, "登录到11月28日 19:00" in home, 'action="/console/logout"' in home) == (
            True,
        ) * 3
        assert 'href="/m/' not in home
        for area in AREAS:
            status, page = await desk(area.path)
            may = role in area.right.who
            assert status == (200 if may else no_of(area)), (role, area.path, page[-900:])
            assert (f'href="{area.path}"' in home) is may, (role, area.path)


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


async def test_lists_say_what_is_wrong_and_lead_to_their_rows(world: World, desks: OpenDesk) -> None:
    """A filter nobody knows, a stale address, another county: a sentence, and the form as it was."""
    await objects_of(world)
    clerk = await desks("liu")
    for address in (
        "/console/loans?colour=red",
        "/console/loans?place=522301000000",
        "/console/loans?after=2026",
        "/console/loans?sort=x",
        "/console/overdue?days=many",
    ):
        status, page, _ = await clerk.get(address)
        assert (status, 'class="fault"' in page, "清除条件" in page) == (422, True, True), address
    status, page, _ = await clerk.get("/console/loans?q=nothing-like-this")
    assert (status, "没有这样的贷款" in page) == (200, True)
    _, page, _ = await clerk.get("/console/loans?state=active")
    assert "张*" in page
    number = (await Loan.all().first()).number  # type: ignore[union-attr]
    for text, words in (
        (number, number),
        ("张守田", "张*"),
        ("刘芳", "刘芳"),
        ("", "请在上面写"),
        ("'", "请写完整"),
    ):
        status, page, _ = await clerk.get(f"/console/find?q={text}")
        assert (status, words in page) == (200, True), text
    status, page, _ = await (await desks("sun")).get("/console/find?q=刘芳")
    assert (status, "没有找到" in page) == (200, True)


async def test_a_list_is_exported_from_its_page(world: World, desks: OpenDesk) -> None:
    """S17.2: a form of our own page, the same asked twice is one, fetched by whoever asked alone."""
    await objects_of(world)
    clerk, banker = await desks("liu"), await desks("zhao")
    _, page, _ = await clerk.get("/console/loans?state=active")
    asked = {"csrf": clerk.csrf, "list": "loans", "asked": "state=active"}
    assert 'name="asked" value="state=active"' in page
    assert (await post(clerk, "/console/exports", {**asked, "csrf": "x"}))[0] == 403
    assert (await post(clerk, "/console/exports", {**asked, "asked": "x" * 2_000}))[0] == 413
    assert (await post(clerk, "/console/exports", {**asked, "list": "secrets"}))[0] == 404
    for _ in range(2):
        status, _, headers = await post(clerk, "/console/exports", asked)
        assert (status, headers["Location"]) == (303, "/console/exports?said=asked")
    (row,) = await Export.all()
    _, page, _ = await clerk.get("/console/exports?said=asked")
    assert ("正在做，做好后在这里下载" in page, "<progress" in page) == (True, True)
    status, page, _ = await clerk.get(f"/console/exports/{row.key}/file")
    assert (status, "还没有做好" in page) == (422, True)
    await run_export(world.runtime, {"key": row.key})
    _, part, _ = await clerk.get("/console/exports", **{"HX-Request": "true"})
    assert ("<html" in part, "做好了" in part, "data-done" in part, "还款中" in part) == (
        False,
        True,
        True,
        True,
    )
    assert (await clerk.get(f"/console/exports/{row.key}"))[0] == 200
    url = world.client.make_url(f"/console/exports/{row.key}/file")
    async with clerk.session.get(url) as answer:
        assert (answer.status, (await answer.read())[:2]) == (200, b"PK")
        assert "attachment" in answer.headers["Content-Disposition"]
    for address in (f"/console/exports/{row.key}", f"/console/exports/{row.key}/file"):
        assert (await banker.get(address))[0] == 404


async def post(browser: Browser, path: str, form: dict[str, str], **headers: str) -> tuple[int, str, Any]:
    url = browser.world.client.make_url(path)
    async with browser.session.post(url, data=form, allow_redirects=False, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_the_file_of_an_application_has_all_of_it_and_the_decision_where_it_is_ones_own(
    world: World, desks: OpenDesk
) -> None:
    """S1.2, S1.5, S17.2: masked, with what is missing; the look is noted."""
    application = await apply(world)
    path = f"/console/applications/{application.key}"
    officer = await desks("chen")
    status, page, _ = await officer.get(path)
    assert status == 200, page
    for words in (
        "张*",
        "还缺什么",
        "贷款承诺书",
        "现在谁在办",
        "收单金融机构审核",
        "经过",
        "村干部还没有走访",
    ):
        assert words in page, words
    assert "张守田" not in page
    assert "您的决定" in page
    assert 'src="/static/task.js' in page
    looks = await fetch("SELECT 1 FROM audit_entry WHERE action = 'view' AND subject_kind = 'application'")
    assert looks
    task = await Task.get(role="loan_officer", state="open")
    status, _, headers = await officer.get(f"/console/tasks/{task.key}")
    assert (status, headers["Location"]) == (302, path)
    _, page, _ = await officer.get("/console/tasks")
    assert f"/console/tasks/{task.key}" in page
    status, page, _ = await (await desks("liu")).get(path)
    assert (status, "您的决定" in page, "您的岗位不能看信用查询" in page) == (200, False, False)
    for person in (
        "zhao",
        "sun",
    ):  # not theirs before it is recommended to them, or theirs: never another answer
        assert (await (await desks(person)).get(path))[0] in (200, 404)
    for address in (
        path[:-1] + "x",
        "/console/applications/nothing",
        "/console/tasks/nothing",
        "/console/loans/x",
    ):
        assert (await (await desks("liu")).get(address))[0] == 404, address
    assert (await (await desks("he")).get(path))[0] == 404
    assert (await officer.get("/console/tasks?after='"))[0] == 404


async def test_a_loan_shows_its_book_and_the_tasks_of_risk_are_done_at_the_desk(
    world: World, desks: OpenDesk
) -> None:
    """S12.2, S5.1: the pages of the phone, below /console, with their ways back to it."""
    loan = await in_danger(world)
    banker = await desks("zhao")
    status, page, _ = await banker.get(f"/console/loans/{loan.key}")
    assert (status, "▲ 过了40天" in page, "重点关注" in page) == (200, True, True)
    task = await Task.get(kind="disposal", loan_id=loan.id)
    status, _, headers = await banker.get(f"/console/tasks/{task.key}")
    assert (status, headers["Location"].startswith("/console/disposals/")) == (302, True)
    status, page, _ = await banker.get(headers["Location"])
    assert (status, 'href="/console/tasks"' in page, "回到工作台" in page) == (200, True, True)
    measure = await Task.filter(kind="warning_measure", role="bank_officer").first()
    if measure is not None:
        status, page, _ = await banker.get(f"/console/tasks/{measure.key}")
        assert (status, "办得怎么样" in page) == (200, True)
    for address in ("/console/filings", "/console/risk"):
        assert (await banker.get(address))[0] == 200
    assert (await (await desks("sun")).get(f"/console/disposals/{task.key}"))[0] == 404


async def test_reports_and_the_trail_open_from_the_desk_and_lead_back_to_it(
    world: World, desks: OpenDesk
) -> None:
    """S12.5, S17.2: who came in by password needs no phone for them."""
    await write_days()
    clerk, auditor = await desks("liu"), await desks("shen")
    _, page, _ = await clerk.get("/console/reports")
    assert "overdue_rates" in re.findall(r'href="/console/reports/(\w+)"', page)
    status, page, _ = await clerk.get("/console/reports/overdue_rates?level=village")
    found = ("/console/reports/overdue_rates?level=town" in page, "/m/reports" in page)
    assert (status, *found) == (200, True, False)
    assert (await clerk.get("/console/audit"))[0] in (403, 404)
    status, page, _ = await auditor.get("/console/audit")
    assert (status, "操作记录" in page, "/m/" in page) == (200, True, False)
    _, page, _ = await auditor.get("/console")
    assert ('href="/console/audit"' in page, 'href="/console/reports"' in page) == (True, False)


async def test_policy_jobs_and_held_notices_are_seen_and_mended(world: World, desks: OpenDesk) -> None:
    """S19.1, S17.1, S18.7: a second click changes nothing and says so."""
    clerk = await desks("liu")
    status, page, _ = await clerk.get("/console/policy?q=004")
    assert (status, "004 金融扶贫贷款管理办法" in page) == (200, True)
    assert "没有这样的数值" in (await clerk.get("/console/policy?q=月球"))[1]
    notice, slot = await undelivered(), await failed_slot()
    _, page, _ = await clerk.get("/console/notices")
    assert ("交给村干部" in page, "本人屏蔽了公众号" in page) == (True, True)
    form = {"csrf": clerk.csrf}
    status, page, _ = await post(clerk, f"/console/notices/{notice.id}/close", {**form, "reason": "打"})
    assert (status, "请写明为什么关闭" in page) == (422, True)
    for said in ("given", "nothing"):
        status, _, headers = await post(clerk, f"/console/notices/{notice.id}/give", form)
        assert (status, headers["Location"]) == (303, f"/console/notices?said={said}")
    assert "已经有人处理过了" in (await clerk.get("/console/notices?said=nothing"))[1]
    assert "没有等人处理的通知" in (await clerk.get("/console/notices?said=made-up"))[1]
    for address in ("/console/notices/x/retry", "/console/notices/99999999/retry"):
        assert (await post(clerk, address, form))[0] == 404
    status, _, headers = await post(clerk, f"/console/notices/{notice.id}/retry", form)
    assert headers["Location"] == "/console/notices?said=nothing"
    _, page, _ = await clerk.get("/console/jobs")
    assert ("OSError: away" in page, "请管理员来办" in page) == (True, True)
    assert (await post(clerk, f"/console/jobs/{slot.id}/again", form))[0] == 404
    await make_administrator()
    mender = await desks("sun")
    form = {"csrf": mender.csrf, "what": "slot"}
    for said in ("again", "nothing"):
        status, _, headers = await post(mender, f"/console/jobs/{slot.id}/again", form)
        assert (status, headers["Location"]) == (303, f"/console/jobs?said={said}")
    status, _, headers = await post(mender, "/console/jobs/1/again", {**form, "what": "queue"})
    assert headers["Location"] == "/console/jobs?said=nothing"
    _, part, _ = await mender.get("/console/jobs", **{"HX-Request": "true"})
    assert ("<html" in part, "没有要人处理的" in part) == (False, True)


async def test_a_bank_hands_in_a_file_at_the_desk_and_reads_what_did_not_go_in(world: World) -> None:
    """S12.1, S6.2: template, progress, rows and columns refused in plain words."""
    desk = await seat(world, "bank_officer")
    assert "还没有交过文件" in (await desk("/console/imports"))[1]
    officer = await world.login("zhao")
    rows = [LOAN, loan_row(2), loan_row(3, **{"贷款金额（元）": "1e5"})]
    _, made = await upload(officer, "loans", xlsx_file(rows), "first")
    path = f"/console/imports/{made['key']}"
    status, page = await desk("/console/imports")
    assert (status, "<progress" in page, "/console/api/v1/import-templates/loans" in page) == (
        200,
        True,
        True,
    )
    assert ("data-done" in page, 'src="/static/imports.js' in page) == (False, True)
    assert "<progress" in (await desk(path))[1]
    await drain(world.runtime, ENTRYPOINTS)
    status, page = await desk(path)
    for words in (
        "有行没导入",
        "贷款金额（元）",
        "1e5",
        f"/console/api/v1/imports/{made['key']}/result",
        "data-done",
    ):
        assert words in page, words
    _, wrong = await upload(officer, "repayments", csv_file([{"借据号": "1"}]), "wrong", "x.csv")
    await drain(world.runtime, ENTRYPOINTS)
    _, page = await desk(f"/console/imports/{wrong['key']}")
    assert ("没有导入" in page, "流水号" in page, "一行也没有导入" in page) == (True, True, True)
    status, page = await desk("/console/imports")
    assert ("有行没导入" in page, "流水号" in page) == (True, True)
    status, part = await desk(path, **{"HX-Request": "true"})
    assert (status, "<html" in part, "有行没导入" in part) == (200, False, True)
    assert (await desk("/console/imports?after=" + "x" * 30))[0] == 404
    assert (await desk(f"/console/imports?after={made['key']}"))[0] == 200
    assert (await desk("/console/imports/nothing"))[0] == 404
    clerk = await seat(world, "county_clerk")
    assert ((await clerk("/console/imports"))[0], (await clerk(path))[0]) == (403, 404)


async def test_officers_are_let_in_and_bodies_made_at_the_desk(world: World) -> None:
    """S17.1, S4.4: a link and a code told once, unlocking, a reset; a new body with its limits; 人员变动."""
    system, safety = await seat(world, "system_administrator"), await seat(world, "safety_administrator")
    banker = await Post.get(role="bank_officer", county="411082").prefetch_related("person")
    at = f"/console/people/{banker.person.key}"
    _, page = await system("/console/people?role=bank_officer")
    assert (f"{at}/invitation" in page, f"{at}/unlock" in page) == (True, False)
    _, page = await safety("/console/people?role=bank_officer")
    assert (f"{at}/invitation" in page, f"{at}/reset" in page) == (False, True)
    status, page = await system(f"{at}/invitation", {})
    assert (status, "/console/setup/" in page, "只显示这一次" in page) == (200, True, True)
    assert (await safety(f"{at}/invitation", {}))[0] == 404
    assert (await system(f"{at}/reset", {}))[0] == 404
    assert (await safety(f"{at}/reset", {}))[0] == 200
    assert await safety(f"{at}/unlock", {}) == (303, "/console/people?said=not_locked")
    newcomer = await PersonRow.filter(county="411082").order_by("-id").first()
    status, page = await system(f"/console/people/{newcomer.key}/join-code", {})  # type: ignore[union-attr]
    assert (status, 'src="data:image/svg+xml' in page, "三天内有效" in page) == (200, True, True)
    made = {"kind": "partner_bank", "name": "长葛农商行", "region": ""}
    assert await system("/console/organisations", made) == (303, "/console/organisations?said=body_made")
    assert (await system("/console/organisations", made))[0] == 409
    assert (await safety("/console/organisations", made))[0] == 403
    body = await Organisation.get(name="长葛农商行")
    address = f"/console/organisations/{body.key}/authority"
    assert (await system(address, {"farmer": "五万"}))[0] == 422
    assert (await system(address, {"farmer": "50000"}))[0] == 303
    assert (await Organisation.get(id=body.id)).authority == {"farmer": 5_000_000}
    assert (
        'name="farmer" inputmode="numeric" maxlength="12" value="50000"'
        in (await system("/console/organisations?kind=partner_bank"))[1]
    )
    assert (await system(address, {}))[0] == 303
    assert (await Organisation.get(id=body.id)).authority is None

    lender = await seat(world, "bank_officer")
    _, page = await lender("/console/staff-changes")
    assert ("赵强 · " in page, "长葛农商行" in page, "刘芳" in page) == (True, False, False)
    start = {
        "kind": "start", "name": "钱多", "phone": "13800009999", "role": "bank_officer", "reason": "新招的",
        "effective_on": "2026-12-01", "organisation": (await Organisation.get(id=banker.organisation_id)).key,
    }  # fmt: skip
    status, page = await lender("/console/staff-changes", {**start, "phone": "12"})
    assert (status, "11位手机号" in page, 'value="新招的"' in page) == (422, True, True)
    assert "请选从哪一天起" in (await lender("/console/staff-changes", {**start, "effective_on": ""}))[1]
    done = (303, "/console/staff-changes?said=change_asked")
    assert await lender("/console/staff-changes", start) == done
    end = {"kind": "end", "post": str(banker.id), "reason": "调走了", "effective_on": "2026-12-31"}
    assert await lender("/console/staff-changes", end) == done
    assert "正在办" in (await lender("/console/staff-changes", end))[1]
    _, page = await lender("/console/staff-changes")
    assert ("钱*" in page, "等管理员办" in page) == (True, True)
    clerk = await seat(world, "county_clerk")
    cadre = await Post.get(role="cadre", region="411082101201")
    for person, status in ((clerk, 200), (lender, 404), (system, 200)):
        assert (await person(f"/console/staff-changes?post={cadre.id}"))[0] == status
    assert (await clerk("/console/staff-changes?post=x"))[0] == 404
