"""The door of the console: whose session opens it, for how long, and what a form must bring along. S17.1"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from actions import console_sessions, sessions
from actions.access import Scope
from handlers import rights
from handlers.console.door import desk_page
from handlers.login import csrf_token
from handlers.pages.base import Viewer
from handlers.routes import create_app
from models.people import Person, Post
from tests.handlers.api_world import NOW, World

COOKIE = "tianxin-console"
CENTRE = rights.Right({"county_clerk": Scope.COUNTY})


async def who(viewer: Viewer) -> web.Response:
    return web.json_response({"person": viewer.actor.person_id, "channel": viewer.actor.channel})


@pytest.fixture
async def desk(world: World) -> AsyncIterator[TestClient[Any, Any]]:
    app = create_app(world.runtime)
    app.add_routes(
        [
            web.get("/console/who", desk_page(who, rights.GENERAL)),
            web.post("/console/who", desk_page(who, rights.GENERAL)),
            web.get("/console/centre", desk_page(who, CENTRE)),
        ]
    )
    jar = CookieJar(unsafe=True)
    async with TestClient(TestServer(app), cookie_jar=jar) as client:
        yield client


async def seated(desk: TestClient[Any, Any], role: str = "county_clerk") -> str:
    """Somebody of a role who is logged in at this desk; his token."""
    post = await Post.get(role=role, county="411082").prefetch_related("person")
    token = await console_sessions.open_session(post.person, "password", NOW)
    desk.session.cookie_jar.update_cookies({COOKIE: token}, desk.make_url("/"))
    return token


async def test_only_a_session_of_the_desk_opens_it(desk: TestClient[Any, Any], world: World) -> None:
    answer = await desk.get("/console/who?x=1", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/console/login?to=/console/who?x%3D1")
    phone = await world.login("liu")
    desk.session.cookie_jar.update_cookies({COOKIE: phone.token, "tianxin": phone.token}, desk.make_url("/"))
    assert (await desk.get("/console/who", allow_redirects=False)).status == 303
    await seated(desk)
    assert (await (await desk.get("/console/who")).json())["channel"] == "console"


async def test_a_script_is_told_so_and_not_sent_to_a_page(desk: TestClient[Any, Any]) -> None:
    answer = await desk.get("/console/who", headers={"HX-Request": "true"})
    assert (answer.status, answer.headers["HX-Redirect"]) == (401, "/console/login?to=%2Fconsole%2Fwho")
    assert (await desk.get("/console/who", headers={"Accept": "application/json"})).status == 401
    assert (await desk.get("/console/who", headers={"Sec-Fetch-Mode": "cors"})).status == 401
    assert (await desk.post("/console/who")).status == 401
    assert (await desk.get("/console/api/v1/me")).status == 401


async def test_a_desk_is_left_alone_for_half_an_hour_and_used_for_ten(desk: TestClient[Any, Any]) -> None:
    token = await seated(desk)
    on, minute = NOW.date(), timedelta(minutes=1)
    for step in range(1, 21):  # every 29 minutes somebody does something
        if step * 29 < 600:
            await console_sessions.actor_for_token(token, NOW + step * 29 * minute, on)
    with pytest.raises(sessions.NotLoggedIn):
        await console_sessions.actor_for_token(token, NOW + 600 * minute, on)
    idle = await seated(desk)
    await console_sessions.actor_for_token(idle, NOW + 29 * minute, on, seen=False)
    with pytest.raises(sessions.NotLoggedIn):
        await console_sessions.actor_for_token(idle, NOW + 30 * minute, on)
    assert await console_sessions.forget_before(NOW + 601 * minute) == 2


async def test_a_page_that_asks_by_itself_does_not_keep_a_desk_open(desk: TestClient[Any, Any]) -> None:
    token = await seated(desk)
    await desk.get("/console/who", headers={"X-Live": "1"})
    with pytest.raises(sessions.NotLoggedIn):
        await console_sessions.actor_for_token(token, NOW + timedelta(minutes=31), NOW.date())


async def test_an_ended_post_and_a_log_out_close_the_desk(desk: TestClient[Any, Any]) -> None:
    """S17.1"""
    token = await seated(desk)
    person = await Person.get(posts__role="county_clerk", county="411082")
    await Post.filter(person_id=person.id).update(to_on=NOW.date() - timedelta(days=1))
    assert (await desk.get("/console/who", allow_redirects=False)).status == 303
    await Post.filter(person_id=person.id).update(to_on=None)
    assert (await desk.get("/console/who")).status == 200
    assert await sessions.end_all(person.id, "411082", NOW, by=person.id) == 1
    assert (await desk.get("/console/who", allow_redirects=False)).status == 303
    await console_sessions.end(token, NOW)


async def test_what_changes_something_brings_its_pages_token(desk: TestClient[Any, Any]) -> None:
    token = await seated(desk)
    good = csrf_token(token)
    for body, headers, status in (
        ({}, {}, 403),
        ({"csrf": "x"}, {}, 403),
        ({"csrf": good}, {}, 200),
        ({}, {"X-CSRF-Token": good}, 200),
        ({"csrf": good}, {"Origin": "https://evil.example"}, 403),
        ({"csrf": good}, {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"csrf": "y" * 70_000}, {}, 413),
    ):
        assert (await desk.post("/console/who", data=body, headers=headers)).status == status
    assert (await desk.post("/console/who", json={"csrf": good})).status == 403


async def test_a_page_of_a_role_is_closed_to_others(desk: TestClient[Any, Any]) -> None:
    await seated(desk, "bank_officer")
    assert (await desk.get("/console/centre")).status == 403
    await seated(desk)
    assert (await desk.get("/console/centre")).status == 200


async def test_the_interface_is_served_to_the_desk_with_its_own_session(desk: TestClient[Any, Any]) -> None:
    token = await seated(desk)
    answer = await desk.get("/console/api/v1/me")
    assert (answer.status, (await answer.json())["following"]) == (200, False)
    assert (await desk.get("/api/v1/me")).status == 401
    change = {"detailed_notices": True}
    assert (await desk.patch("/console/api/v1/me", json=change)).status == 403
    headers = {"X-CSRF-Token": csrf_token(token)}
    assert (await desk.patch("/console/api/v1/me", json=change, headers=headers)).status == 200
    for path in ("sessions", "identity-claims", "applications/x/confirm"):
        assert (await desk.post(f"/console/api/v1/{path}", headers=headers)).status == 404
