"""What the phone page needs of the platform: who people are, places, news, hooks, logins, files."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, CookieJar
from simulator_kit import Sim, Start, mini, service

from simulator import SimulatorConfig
from simulator.app import PAGE


async def _events(sim: Sim, act: Any, wanted: str) -> dict[str, Any]:
    """The first event of a kind that the stream tells after `act`."""
    async with sim.client.get("/admin/stream") as answer:
        assert answer.status == 200
        await act()
        async with asyncio.timeout(3):
            while True:
                line = (await answer.content.readline()).decode().strip()
                if line == f"event: {wanted}":
                    data = (await answer.content.readline()).removeprefix(b"data: ")
                    return dict(orjson.loads(data))


# Accounts and people


async def test_an_account_is_listed_with_the_title_people_read(start: Start) -> None:
    sim = await start(SimulatorConfig(accounts=[service(title="长葛金融服务"), mini()]))
    titles = [row["title"] for row in (await sim.get("/admin/accounts"))["accounts"]]
    assert titles == ["长葛金融服务", ""]


async def test_a_person_has_a_line_about_them_and_a_home(sim: Sim) -> None:
    home = {"lat": 34.19, "lng": 113.7, "label": "石固村"}
    await sim.person("zhang", about="石固村 · 农户", home=home)
    (listed,) = (await sim.get("/admin/users", person="zhang"))["users"]
    assert (listed["about"], listed["home"]) == ("石固村 · 农户", home)
    await sim.post("/admin/users", {"person": "zhang", "home": None})
    (listed,) = (await sim.get("/admin/users", person="zhang"))["users"]
    assert (listed["about"], listed["home"]) == ("石固村 · 农户", None)


@pytest.mark.parametrize(
    ("home", "said"),
    [
        ("石固村", "home must be"),
        ({"lat": 34}, "lat and lng as numbers"),
        ({"lat": "north", "lng": 113}, "lat and lng as numbers"),
        ({"lat": 134, "lng": 34}, "outside of the earth"),
        ({"lat": 34, "lng": 113, "label": 5}, "home must be"),
    ],
)
async def test_a_home_that_is_nowhere_is_refused(sim: Sim, home: Any, said: str) -> None:
    answer = await sim.post("/admin/users", {"person": "zhang", "home": home})
    assert said in answer["error"]


async def test_asking_about_somebody_makes_nobody(sim: Sim) -> None:
    assert (await sim.get("/admin/chat", account="county", person="ghost")) == {"chat": [], "last": 0}
    assert (await sim.get("/admin/menu", account="county", person="ghost"))["button"] == []
    async with sim.client.get("/admin/stream", params={"account": "county", "person": "ghost"}) as answer:
        assert answer.status == 200
    assert (await sim.get("/admin/users"))["users"] == []


async def test_a_conversation_of_nobody_is_a_wrong_call(sim: Sim) -> None:
    assert "missing" in (await sim.get("/admin/chat", account="county"))["error"]


async def test_the_places_of_a_demo_are_listed(start: Start) -> None:
    places = [{"label": "石固村村委会", "lat": 34.19, "lng": 113.7}]
    sim = await start(SimulatorConfig(accounts=[service()], places=places))
    assert (await sim.get("/admin/places")) == {"places": places}


async def test_pages_of_the_program_around_it_are_listed(start: Start) -> None:
    links = [{"title": "工作台", "url": "/console/login"}]
    sim = await start(SimulatorConfig(accounts=[service()], links=links))
    assert (await sim.get("/admin/links")) == {"links": links}


# Long lists


async def test_only_the_newest_lines_of_a_long_list_can_be_asked_for(pushing: Sim) -> None:
    openid = await pushing.person("wang")
    for words in ("一", "二", "三"):
        await pushing.post("/admin/push", {"account": "county", "person": "wang", "say": words})
        await pushing.template(openid)
    chat = await pushing.get("/admin/chat", account="county", person="wang", newest=1)
    everything = await pushing.get("/admin/chat", account="county", person="wang")
    assert chat["chat"] == everything["chat"][-1:]
    sent = await pushing.get("/admin/sent", newest=2)
    assert [row["seq"] for row in sent["sent"]] == [2, 3]
    assert (sent["last"], sent["more"]) == (3, False)
    said = [row["fields"]["Content"] for row in (await pushing.get("/admin/replies"))["replies"]
            if row["fields"]["MsgType"] == "text"]  # fmt: skip
    assert said == ["一", "二", "三"]
    (last,) = (await pushing.get("/admin/replies", newest=1))["replies"]
    assert last["id"] == max(row["id"] for row in (await pushing.get("/admin/replies"))["replies"])


async def test_the_switchboard_learns_what_can_break_and_how(sim: Sim) -> None:
    answer = await sim.get("/admin/faults")
    assert "drop_after_accept" in answer["kinds"]
    assert "/cgi-bin/message/template/send" in answer["endpoints"]


# News and hooks


async def test_the_stream_tells_that_somebody_was_changed(sim: Sim) -> None:
    async def act() -> None:
        await sim.post("/admin/users", {"person": "zhang", "name": "张守田"})

    assert await _events(sim, act, "users") == {"person": "zhang"}


async def test_a_reset_is_told_after_the_program_around_it_has_put_its_people_back(start: Start) -> None:
    told: list[Any] = []
    sims: list[Sim] = []

    async def on_clock(now: float) -> None:
        told.append(round(now))

    async def on_reset() -> None:
        told.append("reset")
        sims[0].platform.person("zhang").name = "张守田"

    sim = await start(
        SimulatorConfig(
            accounts=[service()], at="2026-11-28T09:00:00+08:00", on_clock=on_clock, on_reset=on_reset
        )
    )
    sims.append(sim)
    await sim.post("/admin/clock", {"advance_seconds": 3600})

    async def act() -> None:
        await sim.post("/admin/reset", {})

    assert await _events(sim, act, "reset") == {}
    begun = 1_795_827_600
    assert told == [pytest.approx(begun + 3600, abs=5), pytest.approx(begun, abs=5), "reset"]
    assert [row["name"] for row in (await sim.get("/admin/users"))["users"]] == ["张守田"]


# Web pages as somebody


async def test_everybody_has_their_own_logins_in_one_browser(sim: Sim) -> None:
    base = str(sim.client.make_url("/"))
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser:

        async def go(person: str) -> None:
            query = {"person": person, "url": f"{base}sim/"}
            async with browser.get(f"{base}admin/open", params=query, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (302, f"{base}sim/")

        def cookies() -> dict[str, str]:
            return {cookie.key: cookie.value for cookie in browser.cookie_jar}

        await go("zhang")
        browser.cookie_jar.update_cookies({"session": "of zhang"}, sim.client.make_url("/"))
        await go("zhang")
        assert cookies() == {"sim_user": "zhang", "session": "of zhang"}
        await go("wang")
        assert cookies() == {"sim_user": "wang"}
        browser.cookie_jar.update_cookies({"session": "of wang", "more": "1"}, sim.client.make_url("/"))
        await go("zhang")
        assert cookies() == {"sim_user": "zhang", "session": "of zhang"}
        await sim.post("/admin/reset", {})
        await go("wang")
        assert cookies() == {"sim_user": "wang"}


# Files


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html"),
        ("main.js", "text/javascript"),
        ("desk.css", "text/css"),
        ("icons.svg", "image/svg+xml"),
    ],
)
async def test_a_file_of_the_page_is_asked_for_again_each_time(sim: Sim, name: str, kind: str) -> None:
    async with sim.client.get(f"/sim/{name}") as answer:
        assert (answer.status, answer.content_type) == (200, kind)
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["missing.js", "..%2Fapp.py", "app.py", "main.js%00", "vendor/weui.min.css"])
async def test_nothing_but_files_of_the_page_is_served(sim: Sim, name: str) -> None:
    async with sim.client.get(f"/sim/{name}") as answer:
        assert answer.status == 404


def test_the_page_holds_no_inline_script_or_style() -> None:
    markup = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "style=" not in markup
    assert "<style" not in markup
    assert markup.count("<script") == markup.count('<script type="module" src="main.js"></script>')
