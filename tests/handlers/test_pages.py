"""The H5 pages: who gets in, what a browser may do on them, and how heavy they are."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.database import fetch
from bot.runtime import Runtime
from handlers.forms.choices import METHOD_MEANINGS
from handlers.login import csrf_token
from handlers.pages import assets
from handlers.routes import PAGES, create_app
from models.application import Task
from models.people import Person, Post
from rules.schedule import METHODS
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_drafts import filled
from tests.handlers.test_api_review import apply

OWN_PAGES = ("/m/", "/m/apply", "/m/applications", "/m/identity", "/m/loans", "/m/tasks")


class Browser:
    """Somebody's browser inside WeChat: cookies, redirects followed by hand."""

    def __init__(self, world: World, person: str) -> None:
        self.world, self.person = world, person
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def get(self, address: str, **headers: str) -> tuple[int, str, Any]:
        url = address if address.startswith("http") else str(self.world.client.make_url(address))
        async with self.session.get(url, allow_redirects=False, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = self.world.client.make_url(path)
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def to_wechat(self, address: str) -> str:
        """Follow to the platform's page and back; the address of the callback."""
        status, _, headers = await self.get(address)
        assert status == 302
        if headers["Location"].startswith("/m/login"):
            return await self.to_wechat(headers["Location"])
        _, _, headers = await self.get(headers["Location"].split("#")[0] + f"&sim_user={self.person}")
        return str(headers["Location"])

    async def log_in(self, address: str = "/m/") -> str:
        status, _, headers = await self.get(await self.to_wechat(address))
        assert status == 302
        return str(headers["Location"])

    def cookie(self, name: str = "tianxin") -> Any:
        return next((c for c in self.session.cookie_jar if c.key == name), None)

    @property
    def csrf(self) -> str:
        return csrf_token(self.cookie().value)


@pytest.fixture
async def browsers(world: World) -> AsyncIterator[Any]:
    opened: list[Browser] = []

    async def open_browser(person: str = "zhang", *, logged_in: bool = True) -> Browser:
        browser = Browser(world, person)
        opened.append(browser)
        people = [{"person": person, "follow": ["changge"], "quiet": True}]
        await world.platform.post("/admin/users", json=people)
        if logged_in:
            await browser.log_in()
        return browser

    yield open_browser
    for browser in opened:
        await browser.session.close()


async def test_a_page_sends_a_stranger_to_wechat_and_takes_him_back_to_it(browsers: Any) -> None:
    browser = await browsers(logged_in=False)
    status, _, headers = await browser.get("/m/applications?x=1")
    assert (status, urlsplit(headers["Location"]).path) == (302, "/m/login")
    assert await browser.log_in("/m/applications?x=1") == "/m/applications?x=1"
    status, page, headers = await browser.get("/m/applications")
    assert status == 200
    assert "您还没有申请过" in page
    assert headers["Cache-Control"] == "no-store"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browsers: Any) -> None:
    browser = await browsers()
    cookie = browser.cookie()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True, "Lax", "/", "127.0.0.1",
    )  # fmt: skip
    rows = await fetch("SELECT * FROM api_session")
    assert cookie.value not in str([dict(row) for row in rows])


async def test_outside_the_demo_the_cookie_is_bound_to_host_and_tls(runtime: Runtime, world: World) -> None:
    runtime.settings = replace(runtime.settings, env="production")
    async with TestClient(TestServer(create_app(runtime))) as client:
        answer = await client.get("/m/login", allow_redirects=False)
        (cookie,) = answer.cookies.values()
        assert cookie.key == "__Host-tianxin-browser"
        assert cookie["secure"]


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example",
        "/m/../api/v1/me",
        "/m/login%0d%0aX: 1",
        "/m/\\evil",
        "/api/v1/me",
        "",
    ],
)
async def test_login_leads_to_our_own_pages_only(to: str, browsers: Any, world: World) -> None:
    browser = await browsers(logged_in=False)
    url = world.client.make_url("/m/login").with_query(to=to)
    assert await browser.log_in(str(url)) == "/m/"


async def test_a_state_works_once_and_only_in_the_browser_it_was_made_for(browsers: Any) -> None:
    mine, other = await browsers(logged_in=False), await browsers("li", logged_in=False)
    callback = await mine.to_wechat("/m/login")
    await other.to_wechat("/m/login")
    status, page, _ = await other.get(callback)
    assert (status, "登录已经过期" in page) == (400, True)
    assert (await mine.get(callback))[0] == 400, "the state was used up by the attempt"
    again = await mine.to_wechat("/m/login")
    assert (await mine.get(again))[0] == 302
    assert (await mine.get(again))[0] == 400
    assert mine.cookie() is not None
    assert other.cookie() is None


async def test_the_state_is_random_and_the_code_does_not_stay_in_the_address(browsers: Any) -> None:
    browser = await browsers(logged_in=False)
    states = set()
    for _ in range(3):
        _, _, headers = await browser.get("/m/login?to=/m/loans")
        states |= set(parse_qs(urlsplit(headers["Location"]).query)["state"])
    assert len(states) == 3
    assert all(len(state) == 22 for state in states)
    assert "code=" not in await browser.log_in("/m/loans")


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?code=y", "?state=" + "a" * 22])
async def test_a_made_up_return_is_400_and_a_page(query: str, browsers: Any) -> None:
    browser = await browsers(logged_in=False)
    await browser.to_wechat("/m/login")
    status, page, headers = await browser.get(f"/m/callback{query}")
    assert (status, headers.get("Content-Type")) == (400, "text/html; charset=utf-8")
    assert "重新打开" in page


async def test_who_refuses_to_log_in_is_told_what_to_do(browsers: Any) -> None:
    browser = await browsers(logged_in=False)
    callback = await browser.to_wechat("/m/login")
    status, page, _ = await browser.get(re.sub(r"code=[^&]*&", "", callback))
    assert (status, "请同意登录" in page) == (400, True)


async def test_a_snapshot_visitor_is_no_person(browsers: Any, world: World) -> None:
    browser = await browsers("zhang", logged_in=False)
    await world.platform.post("/admin/users", json=[{"person": "zhang", "snapshot": True}])
    before = (await fetch("SELECT count(*) AS n FROM person"))[0]["n"]
    status, page, _ = await browser.get(await browser.to_wechat("/m/applications"))
    assert (status, "使用完整服务" in page) == (403, True)
    assert browser.cookie() is None
    assert (await fetch("SELECT count(*) AS n FROM person"))[0]["n"] == before


async def test_logging_in_again_keeps_the_persons_open_pages_and_ends_another_persons_session(
    browsers: Any, world: World
) -> None:
    browser = await browsers()
    first = browser.cookie().value
    await browser.log_in("/m/login")
    assert browser.cookie().value == first
    browser.person = "li"
    await world.platform.post("/admin/users", json=[{"person": "li", "follow": ["changge"], "quiet": True}])
    await browser.log_in("/m/login")
    status, _ = await browser.ask("GET", "/api/v1/me", Authorization=f"Bearer {first}")
    assert (status, browser.cookie().value != first) == (401, True)


async def test_in_the_second_half_of_its_life_a_session_is_made_anew(browsers: Any, world: World) -> None:
    browser = await browsers("chen")
    first = browser.cookie().value
    world.runtime.clock.move_to(world.runtime.now() + timedelta(hours=7))
    await browser.log_in("/m/login")
    assert browser.cookie().value != first


async def test_with_several_counties_one_says_first_where_one_is(runtime: Runtime, world: World) -> None:
    other = replace(runtime.accounts["changge"], name="xingyi", county="522301", appid="wx-xingyi")
    runtime.accounts = {**runtime.accounts, "xingyi": other}
    async with TestClient(TestServer(create_app(runtime))) as client:
        answer = await client.get("/m/login", params={"to": "/m/loans"}, allow_redirects=False)
        page = await answer.text()
        assert answer.status == 200
        assert "长葛市" in page
        assert "兴义市" in page
        assert "/m/login?account=changge&amp;to=%2Fm%2Floans" in page
        answer = await client.get("/m/login?account=changge&to=/m/loans", allow_redirects=False)
        assert answer.status == 302


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": "right", "Origin": "https://evil.example"}, 403),
        ({"X-CSRF-Token": "right", "Origin": "null"}, 403),
        ({"X-CSRF-Token": "right", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-CSRF-Token": "right"}, 200),
        ({"X-CSRF-Token": "right", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_a_page_changes_something_only_with_its_own_token(
    headers: dict[str, str], status: int, browsers: Any
) -> None:
    browser = await browsers()
    sent = {name: browser.csrf if value == "right" else value for name, value in headers.items()}
    found, body = await browser.ask("PATCH", "/api/v1/me", {"detailed_notices": True}, **sent)
    assert found == status
    if status == 403:
        assert body["error"]["code"] == "csrf_failed"
        assert (await browser.ask("GET", "/api/v1/me"))[1]["detailed_notices"] is False


async def test_the_token_of_the_page_is_the_one_the_interface_takes(browsers: Any) -> None:
    browser = await browsers()
    _, page, _ = await browser.get("/m/apply")
    found = re.search(r'<meta name="csrf" content="(\w{64})">', page)
    assert found is not None
    assert found[1] == browser.csrf
    assert browser.cookie().value not in page


async def every_page(world: World, browsers: Any) -> dict[str, str]:
    """Each page there is, as somebody who may see it has it."""
    application = await apply(world)
    farmer, officer, cadre = await browsers(), await browsers("chen"), await browsers("wang")
    found = {}
    for path in OWN_PAGES:
        found[path] = (await officer.get(path))[1]
    found["/m/apply (farmer)"] = (await farmer.get("/m/apply"))[1]
    found["/m/applications (farmer)"] = (await farmer.get("/m/applications"))[1]
    found["/m/applications/{key}"] = (await farmer.get(f"/m/applications/{application.key}"))[1]
    for browser, kind in ((officer, "review"), (cadre, "visit")):
        tasks = (await browser.ask("GET", "/api/v1/tasks"))[1]["items"]
        key = next(task["key"] for task in tasks if task["kind"] == kind)
        path = f"/m/tasks/{key}" if kind == "review" else f"/m/visit/{key}"
        found[path.replace(key, "{key}")] = (await browser.get(path))[1]
    clerk, stranger = await browsers("liu"), await browsers("nobody")
    found["/m/bindings"] = (await clerk.get("/m/bindings"))[1]
    found["/m/identity (stranger)"] = (await stranger.get("/m/identity"))[1]
    found["nothing"] = (await farmer.get("/m/nothing"))[1]
    return found


async def test_no_page_has_script_or_style_inside_and_all_have_the_strict_policy(
    world: World, browsers: Any
) -> None:
    for path, page in (await every_page(world, browsers)).items():
        assert "<!doctype html>" in page, path
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page), path
        assert not re.search(r"(?:src|href)=\"https?://", page), path
    farmer = await browsers()
    _, _, headers = await farmer.get("/m/")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


async def test_no_page_weighs_more_than_60_kilobytes(world: World, browsers: Any) -> None:
    for path, page in (await every_page(world, browsers)).items():
        weight = len(gzip.compress(page.encode()))
        for name in re.findall(r'(?:src|href)="/static/([^"?]+)', page):
            try:
                asset = assets.load(name)
            except FileNotFoundError:
                assert name.startswith("vendor/"), f"{path} names {name}, which is not there"
                continue
            weight += len(asset.packed or asset.data)
        assert weight <= 60_000, (path, weight)


async def test_what_a_person_wrote_is_text_on_every_page(world: World, browsers: Any) -> None:
    farmer = await world.login("zhang")
    evil = "养羊<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    draft = await filled(farmer, project=evil, purpose="买羊{{ 7*7 }}")
    status, application = await farmer.post(f"/api/v1/drafts/{draft['key']}/submit")
    assert status == 201, application
    officer = await browsers("chen")
    task = (await officer.ask("GET", "/api/v1/tasks"))[1]["items"][0]
    own = await browsers()
    for browser, path in (
        (officer, f"/m/tasks/{task['key']}"),
        (own, f"/m/applications/{application['key']}"),
    ):
        _, page, _ = await browser.get(path)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<img src=x" not in page
        assert "买羊{{ 7*7 }}" in page


async def test_what_is_out_of_scope_looks_like_what_is_not_there(world: World, browsers: Any) -> None:
    """S17.2"""
    application = await apply(world)
    tasks = (await (await world.login("chen")).get("/api/v1/tasks"))[1]["items"]
    stranger = await browsers("li")
    for path in (
        f"/m/applications/{application.key}",
        f"/m/tasks/{tasks[0]['key']}",
        f"/m/apply?subject={application.key}",
    ):
        status, page, _ = await stranger.get(path)
        assert (status, application.number in page) == (404, False)
    assert (await stranger.get("/m/apply?subject=../../x"))[0] == 404


async def test_the_reviewers_page_masks_who_it_is_about(world: World, browsers: Any) -> None:
    await apply(world)
    officer = await browsers("chen")
    task = (await officer.ask("GET", "/api/v1/tasks"))[1]["items"][0]
    _, page, _ = await officer.get(f"/m/tasks/{task['key']}")
    assert "张*" in page
    for secret in ("张守田", "13800001111", "411082198503122455"):
        assert secret not in page
    assert task["shown_hash"] in page


async def test_the_page_of_a_disbursement_offers_every_method_with_its_meaning(
    world: World, browsers: Any
) -> None:
    """S4.7, S11.1: what the county's product knows, the fixed amount among them."""
    application = await apply(world)
    bank = await Post.filter(county="411082", role="bank_officer").first()
    task = await Task.create(
        county="411082", kind="disburse", stage="disbursement", application_id=application.id,
        role="bank_officer", organisation_id=bank.organisation_id, region=application.village,
        opened_at=NOW, due_at=NOW + timedelta(days=3),
    )  # fmt: skip
    _, page, _ = await (await browsers("zhao")).get(f"/m/tasks/{task.key}")
    for method in METHODS:
        assert f'<option value="{method}" data-means="{METHOD_MEANINGS[method]}">' in page
    assert 'name="fixed"' in page


async def test_the_paper_form_is_the_village_clerks(browsers: Any) -> None:
    """S2.1: he finds it on his first page; nobody else does."""
    clerk, farmer = await browsers("wang"), await browsers()
    assert "录入纸质申请" in (await clerk.get("/m/"))[1]
    assert "<title>录入纸质申请" in (await clerk.get("/m/apply?subject=paper"))[1]
    assert "录入纸质申请" not in (await farmer.get("/m/"))[1]
    assert (await farmer.get("/m/apply?subject=paper"))[0] == 404


async def test_pages_are_only_read_and_every_one_is_here(world: World, browsers: Any) -> None:
    assert {route.method for route in PAGES} == {"GET"}
    browser, officer = await browsers(), await browsers("chen")
    for path in OWN_PAGES:
        assert (await officer.get(path))[0] == 200, path
        assert (await browser.get(path))[0] == (403 if path == "/m/tasks" else 200), path
    assert (await browser.get("/m"))[0] == 200


async def test_the_page_of_corrections_is_the_centres(browsers: Any) -> None:
    """S17.1, S17.2"""
    assert (await (await browsers("liu")).get("/m/bindings"))[0] == 200
    assert (await (await browsers("wang")).get("/m/bindings"))[0] == 403


async def test_assets_are_packed_and_kept_for_ever_under_the_name_of_their_content(world: World) -> None:
    address = assets.url("app.js")
    answer = await world.client.get(address)
    assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
    assert "immutable" in answer.headers["Cache-Control"]
    etag = answer.headers["ETag"]
    plain = await world.client.get("/static/app.js", headers={"Accept-Encoding": "identity"})
    assert "immutable" not in plain.headers["Cache-Control"]
    assert await plain.read() == assets.load("app.js").data
    again = await world.client.get(address, headers={"If-None-Match": etag})
    assert again.status == 304


@pytest.mark.parametrize(
    "name",
    ["../__init__.py", "..%2f__init__.py", "%2e%2e/templates/base.html", "no.js", "vendor/.ready", "\x00"],
)
async def test_only_what_lies_in_the_folder_is_served(name: str, world: World) -> None:
    answer = await world.client.get(f"/static/{name}")
    assert answer.status == 404


async def test_who_is_away_lends_his_post_and_takes_it_back(browsers: Any, world: World) -> None:
    """S1.2, S17.1: never to one of the three administrators, who do nothing else."""
    clerk = await browsers("liu")
    assert "没有别的同事" in (await clerk.get("/m/delegations"))[1]
    body = await fetch("SELECT id FROM organisation WHERE county = '411082' AND kind = 'county_centre'")
    safety = await Person.get(posts__role="safety_administrator", county="411082")
    ma = Person(county="411082", created_at=NOW)
    ma.name = "马晓燕"
    await ma.save()
    await Post.create(
        county="411082", person=ma, organisation_id=body[0]["id"], role="county_clerk",
        region="411082000000", from_on=NOW.date(),
    )  # fmt: skip
    page = (await clerk.get("/m/delegations"))[1]
    assert re.findall(r'<option value="([\w-]{22})">', page) == [ma.key]

    async def lend(to: str, key: str) -> tuple[int, Any]:
        days = {"from_on": "2026-11-28", "to_on": "2026-11-30", "reason": "出差"}
        headers = {"X-CSRF-Token": clerk.csrf, "Idempotency-Key": key}
        return await clerk.ask("POST", "/api/v1/delegations", {"to_person": to, **days}, **headers)

    assert (await lend(safety.key, "a"))[1]["error"]["code"] == "two_duties"
    status, lent = await lend(ma.key, "b")
    assert status == 201
    page = (await clerk.get("/m/delegations"))[1]
    assert "正在代办" in page
    assert f'data-revoke="{lent["id"]}"' in page
    headers = {"X-CSRF-Token": clerk.csrf, "Idempotency-Key": "c"}
    assert (await clerk.ask("POST", f"/api/v1/delegations/{lent['id']}/revoke", {}, **headers))[0] == 200
    assert "已经收回" in (await clerk.get("/m/delegations"))[1]
    assert (await (await browsers("zhang")).get("/m/delegations"))[0] == 403
