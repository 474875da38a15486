"""Logging in at a desk: what lets somebody in, what does not, and what he is told. S17.1, S17.2"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient

from actions import login_guard, passwords, scan_logins
from actions.login_guard import Tried
from bot.database import fetch
from bot.errors import NotFound, RuleRefused
from handlers.login import csrf_token
from models.credential import Credential
from models.people import Person
from tests.handlers.api_world import NOW, World

PASSWORD, OTHER = "Maizi-2026-huang", "Yumi-2026-shule"
JSON = {"Accept": "application/json"}
WRONG = "账号、密码或动态码不对"


class Desk:
    """A browser on a desk."""

    def __init__(self, client: TestClient[Any, Any]) -> None:
        self.client = client

    def cookie(self, name: str) -> str:
        jar = self.client.session.cookie_jar
        return next((c.value for c in jar if c.key == name), "")

    @property
    def csrf(self) -> str:
        return csrf_token(self.cookie("tianxin-desk"))

    async def get(self, path: str) -> tuple[int, str]:
        async with self.client.get(path, allow_redirects=False) as answer:
            return answer.status, await answer.text() if answer.status != 303 else answer.headers["Location"]

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Send a form of the page that is open."""
        fields.setdefault("csrf", self.csrf)
        async with self.client.post(path, data=fields, allow_redirects=False) as answer:
            return answer.status, await answer.text() if answer.status != 303 else answer.headers["Location"]

    async def script(self, path: str) -> tuple[int, Any]:
        async with self.client.post(path, headers={"X-CSRF-Token": self.csrf, **JSON}) as answer:
            return answer.status, await answer.json()

    async def log_in(self, name: str, password: str, code: str, to: str = "") -> tuple[int, str]:
        await self.get("/console/login")
        return await self.post("/console/login", name=name, password=password, code=code, to=to)


@pytest.fixture
async def desks(world: World) -> AsyncIterator[Any]:
    opened: list[TestClient[Any, Any]] = []

    def sit_down() -> Desk:
        client: TestClient[Any, Any] = TestClient(world.client.server, cookie_jar=CookieJar(unsafe=True))
        opened.append(client)
        return Desk(client)

    yield sit_down
    for client in opened:
        await client.session.close()


async def officer(role: str = "county_clerk") -> Person:
    return await Person.get(posts__role=role, county="411082")


async def invited(desk: Desk, person: Person) -> tuple[str, str]:
    """The address of a new link and the secret its page shows."""
    link = f"/console/setup/{await passwords.invite(person.id, '411082', NOW, by=None)}"
    status, page = await desk.get(link)
    assert (status, person.name in page) == (200, True)
    return link, re.search(r'class="secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")  # type: ignore[index]


async def set_up(desk: Desk) -> tuple[str, pyotp.TOTP, list[str]]:
    """The county's clerk has password and authenticator: staff number, authenticator, recovery codes."""
    link, secret = await invited(desk, await officer())
    totp = pyotp.TOTP(secret)
    status, page = await desk.post(link, password=PASSWORD, again=PASSWORD, code=totp.now())
    assert status == 200, page
    number = (await Credential.get(person_id=(await officer()).id)).staff_number
    await Credential.all().update(totp_step=0)  # the code of this half minute may be used again
    return number, totp, re.findall(r"<li>([A-Z2-7-]{19})</li>", page)


async def test_a_link_sets_password_and_authenticator_once(desks: Any) -> None:
    """S17.1"""
    desk, person = desks(), await officer()
    old, _ = await invited(desk, person)
    link, secret = await invited(desk, person)
    assert (await desk.get(old))[0] == 410
    good = pyotp.TOTP(secret).now()
    wrong = "000000" if good != "000000" else "000001"
    for fields, words in (
        ({"password": PASSWORD, "again": OTHER, "code": good}, "两次输入的密码不一样"),
        ({"password": "short", "again": "short", "code": good}, "10到128"),
        ({"password": PASSWORD, "again": PASSWORD, "code": wrong}, "动态码不对"),
    ):
        status, page = await desk.post(link, **fields)
        assert (status, words in page) == (422, True)
    status, page = await desk.post(link, password=PASSWORD, again=PASSWORD, code=good)
    assert (status, len(re.findall(r"<li>[A-Z2-7-]{19}</li>", page))) == (200, 10)
    for path in (link, old, "/console/setup/made-up"):
        status, page = await desk.get(path)
        assert (status, "这个链接已经用过，或者过期了" in page) == (410, True)
    assert (await desk.post(link, password=PASSWORD, again=PASSWORD, code=good))[0] == 410
    late, _ = await invited(desk, person)
    with pytest.raises(RuleRefused):
        await passwords.invitation(late.rsplit("/", 1)[1], NOW + timedelta(days=3))
    with pytest.raises(NotFound):  # no post, no desk
        await passwords.invite((await Person.create(county="411082", created_at=NOW)).id, "411082", NOW, by=1)
    stored = str([dict(row) for row in await fetch("SELECT * FROM credential")])
    assert PASSWORD not in stored
    assert secret not in stored
    assert "$argon2id$" in stored


async def test_password_and_code_together_let_in_and_nothing_says_which_was_wrong(desks: Any) -> None:
    """S17.1, S17.2"""
    desk = desks()
    number, totp, codes = await set_up(desk)
    status, where = await desk.get("/console/password")
    assert (status, where) == (303, "/console/login?to=/console/password")
    for name, password, code in (
        (number, OTHER, totp.now()),
        (number, PASSWORD, "12"),
        ("4110829999", PASSWORD, totp.now()),
        (number, PASSWORD, "ABCD-EFGH-JKLM-NPQR"),
    ):
        status, page = await desk.log_in(name, password, code)
        assert (status, WRONG in page) == (422, True)
    assert await desk.log_in(number, PASSWORD, totp.now(), "/console/password") == (303, "/console/password")
    cookie = next(c for c in desk.client.session.cookie_jar if c.key == "tianxin-console")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert await desk.get("/console/login") == (303, "/console/")
    assert (await desks().log_in(number, PASSWORD, totp.now()))[0] == 422  # a code counts once
    assert (await desks().log_in("13800000009", PASSWORD, codes[0].lower()))[0] == 303  # by phone
    assert (await desks().log_in(number, PASSWORD, codes[0]))[0] == 422  # and so does a recovery code
    rows = await fetch("SELECT action FROM audit_entry WHERE action LIKE '%login%' ORDER BY id")
    assert [row["action"] for row in rows] == [
        "set_up_login", "login_refused", "login_refused", "login_refused", "console_login", "login_refused",
        "console_login", "login_refused",
    ]  # fmt: skip


async def test_a_form_of_another_site_logs_nobody_in_and_leads_nowhere_else(desks: Any) -> None:
    """S17.2"""
    desk = desks()
    number, totp, codes = await set_up(desk)
    form = {"name": number, "password": PASSWORD, "code": totp.now()}
    assert (await desk.post("/console/login", **form, csrf="x"))[0] == 403
    assert (await desk.client.post("/console/login", json=form)).status == 415
    assert (await desk.client.post("/console/login", data={"name": "x" * 9000})).status == 413
    assert (await desk.client.get("/console/login")).headers["Referrer-Policy"] == "same-origin"
    foreign = {"data": {**form, "csrf": desk.csrf}, "headers": {"Origin": "https://evil.example"}}
    assert (await desk.client.post("/console/login", **foreign)).status == 403
    for to in (
        "https://evil.example/",
        "//evil.example",
        "/m/",
        "/console/../m/",
        "/console/x\r\nSet-Cookie: a=b",
    ):
        status, where = await desk.log_in(number, PASSWORD, codes.pop(), to)
        assert (status, where) == (303, "/console/")


async def test_wrong_tries_cost_more_and_more_time_until_one_is_right(desks: Any, world: World) -> None:
    """S17.2"""
    desk = desks()
    number, _, codes = await set_up(desk)
    for _ in range(5):
        assert (await desk.log_in(number, OTHER, "123456"))[0] == 422
    status, page = await desk.log_in(number, PASSWORD, codes[0])
    assert (status, "请1分钟后再试" in page) == (429, True)
    later = NOW + timedelta(minutes=2)
    with pytest.raises(RuleRefused, match=WRONG):
        await passwords.log_in(number, OTHER, "1", "10.0.0.9", later, datetime.now(UTC))
    with pytest.raises(login_guard.TooManyTries, match="请2分钟后"):
        await passwords.log_in(number, PASSWORD, codes[0], "10.0.0.9", later, datetime.now(UTC))
    last = later + timedelta(minutes=2)
    assert (await passwords.log_in(number, PASSWORD, codes[0], "10.0.0.9", last, datetime.now(UTC)))[0]
    for _ in range(4):  # it begins anew
        with pytest.raises(RuleRefused, match=WRONG):
            await passwords.log_in(number, OTHER, "1", "10.0.0.9", last, datetime.now(UTC))
    assert await login_guard.forget_before(last + timedelta(days=2)) == 3


async def test_many_tries_at_once_are_no_more_tries(desks: Any) -> None:
    """S17.2"""
    tried = Tried("name", "nobody")

    async def one() -> bool:
        try:
            await login_guard.count((tried, Tried("address", "10.0.0.1")), NOW)
        except login_guard.TooManyTries:
            return False
        return True

    assert sum(await asyncio.gather(*(one() for _ in range(12)))) == 5
    rows = await fetch("SELECT failures FROM login_guard ORDER BY failures")
    assert [row["failures"] for row in rows] == [5, 5]


async def test_a_new_password_needs_the_present_one_and_ends_every_session(desks: Any) -> None:
    """S17.2"""
    desk = desks()
    number, totp, codes = await set_up(desk)
    await desk.log_in(number, PASSWORD, totp.now())
    other = desks()
    await other.log_in(number, PASSWORD, codes[0])
    csrf = csrf_token(desk.cookie("tianxin-console"))
    for old, new, again, words in (
        (OTHER, OTHER, OTHER, "现在的密码不对"),
        (PASSWORD, OTHER, PASSWORD, "两次输入的密码不一样"),
        (PASSWORD, PASSWORD, PASSWORD, "和现在的一样"),
        (PASSWORD, "short", "short", "10到128"),
    ):
        status, page = await desk.post("/console/password", old=old, password=new, again=again, csrf=csrf)
        assert (status, words in page) == (422, True)
    done = await desk.post("/console/password", old=PASSWORD, password=OTHER, again=OTHER, csrf=csrf)
    assert done == (303, "/console/login?changed=1")
    assert "密码改好了" in (await desk.get(done[1]))[1]
    assert (await other.get("/console/password"))[0] == 303
    assert (await desks().log_in(number, PASSWORD, codes[1]))[0] == 422
    assert (await desk.log_in(number, OTHER, codes[1]))[0] == 303
    csrf = csrf_token(desk.cookie("tianxin-console"))
    assert await desk.post("/console/logout", csrf=csrf) == (303, "/console/login?out=1")
    assert "已经退出" in (await desk.get("/console/login?out=1"))[1]
    assert (await desk.get("/console/password"))[0] == 303


async def test_a_phone_lets_in_the_desk_whose_digits_it_names(desks: Any, world: World) -> None:
    """S17.1, S17.2"""
    desk, clerk, farmer = desks(), await world.login("liu"), await world.login("zhang")
    await desk.get("/console/login")
    status, made = await desk.script("/console/scan")
    assert (status, made["picture"].startswith("data:image/svg+xml")) == (200, True)
    way = f"/console/scan/{made['key']}"
    assert await desk.script(way) == (200, {"state": "waiting"})
    phone = f"/api/v1/desk-logins/{made['key']}"
    yes = {"yes": True, "shown": made["shown"]}
    wrong = {"yes": True, "shown": "00" if made["shown"] != "00" else "01"}
    assert (await farmer.post(phone, yes))[1]["error"]["code"] == "not_allowed"
    assert (await clerk.post(phone, wrong))[1]["error"]["code"] == "other_desk"
    assert (await clerk.post(phone, {"yes": True, "shown": "４７"}))[0] == 400
    assert (await clerk.post(phone, yes))[0] == 204
    stranger = desks()
    await stranger.get("/console/login")
    assert (await stranger.script(way))[0] == 404
    assert (await stranger.script("/console/scan/x"))[0] == 404
    assert await desk.script(way) == (200, {"state": "confirmed"})
    assert (await desk.get("/console/password"))[0] == 200
    assert await desk.script(way) == (200, {"state": "used"})
    assert (await clerk.post(phone, yes))[1]["error"]["code"] == "link_void"


async def test_a_picture_is_refused_replaced_or_over(desks: Any, world: World) -> None:
    """S17.2"""
    desk, clerk = desks(), await world.login("liu")
    await desk.get("/console/login")
    _, first = await desk.script("/console/scan")
    _, second = await desk.script("/console/scan")
    assert (await clerk.post(f"/api/v1/desk-logins/{first['key']}", {"yes": False}))[0] == 422
    assert (await clerk.post(f"/api/v1/desk-logins/{second['key']}", {"yes": False}))[0] == 204
    assert await desk.script(f"/console/scan/{second['key']}") == (200, {"state": "refused"})
    _, third = await desk.script("/console/scan")
    late, browser = NOW + timedelta(minutes=4), desk.cookie("tianxin-desk")
    assert await scan_logins.poll(browser, third["key"], "10.0.0.1", late) == ("used", "")
    assert await scan_logins.forget_before(late) == 3
    assert (await desk.client.post("/console/scan")).status == 403


async def test_who_has_no_password_cannot_change_it(desks: Any, world: World) -> None:
    """S17.2"""
    desk, clerk = desks(), await world.login("liu")
    await desk.get("/console/login")
    _, made = await desk.script("/console/scan")
    await clerk.post(f"/api/v1/desk-logins/{made['key']}", {"yes": True, "shown": made["shown"]})
    await desk.script(f"/console/scan/{made['key']}")
    csrf = csrf_token(desk.cookie("tianxin-console"))
    form = {"old": PASSWORD, "password": OTHER, "again": OTHER, "csrf": csrf}
    assert "还没有设密码" in (await desk.post("/console/password", **form))[1]


async def test_the_page_to_return_to_is_read_in_no_time(desks: Any) -> None:
    """S17.2: an address made up to be read in many ways holds nobody up."""
    desk = desks()
    for to in ("/console/" + "a" * 90 + "!", "//other.example/console/", "/console/../x"):
        started = time.process_time()
        status, page = await desk.get(f"/console/login?to={to}")
        assert time.process_time() - started < 2
        assert (status, 'name="to" value="/console/"' in page) == (200, True)
    await set_up(desk)
    status, page = await desk.get("/console/login?to=/console/loans?state=active")
    assert 'value="/console/loans?state=active"' in page


FULL_WIDTH = {ord("0") + digit: ord("０") + digit for digit in range(10)}


async def test_a_code_typed_at_full_width_counts_like_any_other(desks: Any) -> None:
    """S17.1, S17.2: and tells nobody that the password was right."""
    desk = desks()
    link, secret = await invited(desk, await officer())
    totp = pyotp.TOTP(secret)
    code = totp.now().translate(FULL_WIDTH)
    assert (await desk.post(link, password=PASSWORD, again=PASSWORD, code=code))[0] == 200
    await Credential.all().update(totp_step=0)
    number = (await Credential.get()).staff_number
    assert (await desk.log_in(number, PASSWORD, "१२३४५६"))[0] == 422
    code = totp.now().translate(FULL_WIDTH)
    assert (await desk.log_in(number, PASSWORD, code))[0] == 303
    assert (await desks().log_in(number, PASSWORD, totp.now()))[0] == 422, "used at full width is used"


async def test_bytes_that_are_no_text_are_refused_without_a_fault(desks: Any) -> None:
    """S17.2"""
    desk = desks()
    await desk.get("/console/login")
    form = b"Content-Type: application/x-www-form-urlencoded"
    browser = f"Cookie: tianxin-desk={desk.cookie('tianxin-desk')}".encode()
    for method, path, headers, body, status in (
        ("GET", "/console/login", (b"Cookie: tianxin-console=\xff; tianxin-desk=\xff",), b"", 200),
        ("GET", "/m/", (b"Cookie: tianxin=\xff",), b"", 302),
        ("GET", "/api/v1/me", (b"Authorization: Bearer \xff",), b"", 401),
        ("POST", "/console/scan", (b"X-CSRF-Token: \xff",), b"", 403),
        ("POST", "/console/login", (form,), b"csrf=\xff", 400),
        ("POST", "/console/login", (form + b"; charset=none",), b"csrf=1", 400),
        ("POST", "/console/login", (form, b"X-Forwarded-For: \xff"), b"csrf=1", 403),
        ("POST", "/console/login", (form, browser, b"Origin: null"), f"csrf={desk.csrf}".encode(), 403),
    ):
        assert await raw(desk, method, path, headers, body) == status, (path, headers)


async def raw(desk: Desk, method: str, path: str, headers: Sequence[bytes], body: bytes) -> int:
    """The status of an answer to a request that no client would write."""
    server = desk.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    first = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}".encode()
    writer.write(b"\r\n".join((first, b"Connection: close", *headers, b"", body)))
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


async def test_nobody_chooses_the_address_he_is_counted_by(desks: Any) -> None:
    """S17.2: of several lines the proxy's own, the last, counts, and only an address is one."""
    desk = desks()
    number, _, _ = await set_up(desk)
    form = f"csrf={desk.csrf}&name={number}&password=x&code=1".encode()
    ours = (
        b"Content-Type: application/x-www-form-urlencoded",
        f"Cookie: tianxin-desk={desk.cookie('tianxin-desk')}".encode(),
    )
    for lines in (
        (b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2"),
        (b"X-Forwarded-For: 1.1.1.1, 3.3.3.3",),
        (b"X-Forwarded-For: " + b"9" * 5000,),
    ):
        assert await raw(desk, "POST", "/console/login", (*ours, *lines), form) == 422
    rows = await fetch(
        "SELECT details::jsonb ->> 'address' AS a FROM audit_entry WHERE action = 'login_refused'"
    )
    assert {row["a"] for row in rows} == {"2.2.2.2", "3.3.3.3", "127.0.0.1"}


async def test_hashing_leaves_the_loop_to_the_others(desks: Any) -> None:
    """Login hashing never blocks the event loop (issue 4, Speed)."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count())
    with pytest.raises(RuleRefused, match=WRONG):
        await passwords.log_in("4110829999", PASSWORD, "1", "10.0.0.1", NOW, datetime.now(UTC))
    before = turns
    with pytest.raises(RuleRefused, match=WRONG):
        await passwords.log_in("4110829999", PASSWORD, "1", "10.0.0.1", NOW, datetime.now(UTC))
    counter.cancel()
    assert turns - before > 100
