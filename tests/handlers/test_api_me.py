"""Oneself: posts, settings, what one agreed to and what one was told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.database import fetch
from models.people import Organisation, Post, WechatUser
from models.people import Person as PersonRow
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_review import apply, decide, openid, tasks_of


async def test_a_cadre_sees_his_posts_and_a_stranger_is_nobody_yet(world: World) -> None:
    """S17.1"""
    cadre = (await (await world.login("wang")).get("/api/v1/me"))[1]
    (post,) = cadre["posts"]
    assert (cadre["name"], cadre["staff"], post["role"], post["region"], post["delegated"]) == (
        "王建国", True, "cadre", "411082101201", False,
    )  # fmt: skip
    stranger = (await (await world.login("nobody")).get("/api/v1/me"))[1]
    assert (stranger["name"], stranger["staff"], stranger["posts"], stranger["village"]) == (
        "",
        False,
        [],
        "",
    )


async def test_ones_own_numbers_are_masked(world: World) -> None:
    """S18.5: somebody may look over the shoulder."""
    await apply(world)
    me = (await (await world.login("zhang")).get("/api/v1/me"))[1]
    assert me["name"] == "张守田"
    assert me["village_name"] == "坡胡镇柳庄村"
    assert "411082198503122455" not in str(me)
    assert "13800001111" not in str(me)


async def test_how_to_be_told_is_chosen_and_kept(world: World) -> None:
    """S18.5"""
    farmer = await world.login("zhang")
    me = (await farmer.get("/api/v1/me"))[1]
    assert (me["detailed_notices"], me["service_notices"]) == (False, True)
    for body, wanted in (
        ({"detailed_notices": True}, (True, True)),
        ({"service_notices": False}, (True, False)),
        ({"service_notices": False}, (True, False)),
        ({}, (True, False)),
        ({"detailed_notices": False, "service_notices": True}, (False, True)),
    ):
        status, me = await farmer.ask("PATCH", "/api/v1/me", json=body)
        assert (status, (me["detailed_notices"], me["service_notices"])) == (200, wanted)
    rows = await fetch("SELECT 1 FROM audit_entry WHERE action = 'change_profile'")
    assert len(rows) == 5


@pytest.mark.parametrize("body", [{"detailed_notices": "yes"}, {"name": "李四"}, {"detailed_notices": 1}, []])
async def test_nothing_else_can_be_set(body: Any, world: World) -> None:
    status, _ = await (await world.login("zhang")).ask("PATCH", "/api/v1/me", json=body)
    assert status == 400


async def test_consents_and_notices_page_by_key_and_are_ones_own(world: World) -> None:
    """S1.4, S18.7"""
    await apply(world)
    farmer, officer = await world.login("zhang"), await world.login("chen")
    await decide(officer, (await tasks_of(officer))[0])
    agreed = (await farmer.get("/api/v1/consents"))[1]
    (pledge,) = agreed["items"]
    assert (pledge["kind"], pledge["text_sha256"], agreed["next"]) == ("pledge", "a" * 64, None)
    assert pledge["application"].startswith("411082-2026-")
    everything = (await farmer.get("/api/v1/notices"))[1]["items"]
    assert len(everything) >= 2
    assert all(each["title"] and each["text"] and each["trail"] for each in everything)
    first = (await farmer.get("/api/v1/notices?limit=1"))[1]
    second = (await farmer.get(f"/api/v1/notices?limit=1&after={first['next']}"))[1]
    assert [first["items"][0], second["items"][0]] == everything[:2]
    told = (await officer.get("/api/v1/notices"))[1]["items"]
    assert {each["id"] for each in told}.isdisjoint({each["id"] for each in everything})
    assert (await (await world.login("li")).get("/api/v1/notices"))[1]["items"] == []


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "after=１", "limit=0", "limit=101", "limit=x", "page=2"]
)
@pytest.mark.parametrize("path", ["/api/v1/notices", "/api/v1/consents"])
async def test_a_wrong_page_is_400(path: str, query: str, world: World) -> None:
    status, body = await (await world.login("zhang")).get(f"{path}?{query}")
    assert (status, body["error"]["field"]) == (400, query.split("=")[0])


async def test_a_colleague_is_found_and_does_the_tasks_while_somebody_is_away(world: World) -> None:
    """S1.2"""
    await apply(world)
    officer = await world.login("chen")
    bank = await Organisation.get(kind="acquiring_bank", county="411082")
    colleague = PersonRow(county="411082", created_at=NOW)
    colleague.name = "马丽"
    await colleague.save()
    await WechatUser.filter(openid=await openid(world, "li"), account="mini").update(person_id=colleague.id)
    post = Post(
        county="411082", person_id=colleague.id, organisation_id=bank.id, role="loan_officer",
        region="522301000000", from_on=world.runtime.today(),
    )  # fmt: skip
    await post.save()
    (found,) = (await officer.get("/api/v1/me/colleagues"))[1]["items"]
    assert (found["name"], found["role"]) == ("马丽", "loan_officer")
    other = await world.login("li")
    assert await tasks_of(other) == []
    today = world.runtime.today()
    given = {
        "to_person": found["key"], "from_on": today.isoformat(),
        "to_on": (today + timedelta(days=2)).isoformat(), "reason": "去县里开会",
    }  # fmt: skip
    status, made = await officer.post("/api/v1/delegations", given)
    assert (status, made["reason"]) == (201, "去县里开会")
    (task,) = await tasks_of(other)
    assert (await decide(other, task))[0] == 200
    assert any(each["delegated"] for each in (await other.get("/api/v1/me"))[1]["posts"])
