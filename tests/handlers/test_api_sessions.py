"""Logging in by the mini-program's code, and what every request has to bring."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from bot.database import fetch
from handlers.endpoint import cleaned
from handlers.limits import LOGINS
from tests.handlers.api_world import World


async def login(world: World, code: str, account: str = "mini", **headers: str) -> tuple[int, Any, Any]:
    answer = await world.client.post(
        "/api/v1/sessions", json={"account": account, "code": code}, headers=headers
    )
    return answer.status, await answer.json(), answer.headers


async def test_a_code_of_the_mini_program_becomes_a_session(world: World) -> None:
    status, session, headers = await login(world, await world.code("zhang"))
    assert (status, session["staff"], session["roles"]) == (201, False, [])
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_the_mini_program_knows_a_cadre_by_his_unionid(world: World) -> None:
    """The post was given to the person; his openid of the mini-program belongs to the same unionid."""
    status, session, _ = await login(world, await world.code("wang"))
    assert (status, session["staff"], session["roles"]) == (201, True, ["cadre"])


async def test_a_code_works_once(world: World) -> None:
    code = await world.code("zhang")
    assert (await login(world, code))[0] == 201
    status, body, _ = await login(world, code)
    assert (status, body["error"]["code"], body["error"]["field"]) == (401, "login_code_invalid", "code")


async def test_the_same_code_sent_five_times_at_once_is_exchanged_once(world: World) -> None:
    code = await world.code("zhang")
    found = await asyncio.gather(*(login(world, code) for _ in range(5)))
    assert [status for status, _, _ in found] == [201] * 5
    assert len({body["token"] for _, body, _ in found}) == 5
    people = await fetch("SELECT DISTINCT person_id FROM api_session")
    assert len(people) == 1


async def test_a_stranger_becomes_a_person_without_a_name(world: World) -> None:
    status, session, _ = await login(world, await world.code("nobody"))
    assert (status, session["staff"]) == (201, False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "account"),
        ({"account": "mini"}, "code"),
        ({"account": "mini", "code": ""}, "code"),
        ({"account": "mini", "code": 7}, "code"),
        ({"account": "mini", "code": "x", "openid": "o1"}, "openid"),
        ({"account": "other", "code": "x"}, "account"),
        ({"account": "changge", "code": "x"}, "account"),
        ([], None),
        ("mini", None),
    ],
)
async def test_a_wrong_login_is_answered_400_with_its_field(
    body: Any, field: str | None, world: World
) -> None:
    answer = await world.client.post("/api/v1/sessions", json=body)
    error = (await answer.json())["error"]
    assert (answer.status, error["field"], error["rule"]) == (400, field, None)
    assert error["message"].endswith("。")


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"", {}, 400),
        (b"{" + b" " * 70_000 + b"}", {}, 413),
        (b'{"account":"mini","code":"\\ud800"}', {}, 400),
        (b'{"account":"mini","code":"\\u0000"}', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"[" * 30_000, {}, 400),
    ],
)
async def test_malformed_bodies_are_refused_and_never_a_fault(
    data: bytes, headers: dict[str, str], status: int, world: World
) -> None:
    answer = await world.client.post(
        "/api/v1/sessions", data=data, headers={"Content-Type": "application/json", **headers}
    )
    assert answer.status == status
    assert set(await answer.json()) == {"error"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (
            '{"a":"好\\u202e的\\u200b","b":["\\u0007x",{"c":"\\u2067y"}]}',
            {"a": "好的", "b": ["x", {"c": "y"}]},
        ),
        ('{"a":"好\u202e的\ufeff"}', {"a": "好的"}),
        (
            '{"a":"一\\n二\\t尾","n":10000000000000001,"x":1.50}',
            {"a": "一\n二\t尾", "n": 10**16 + 1, "x": 1.5},
        ),
        ('{"a":"\\ud83d\\udc68\\u200d \\ue863 \U00031350"}', {"a": "👨\u200d \ue863 \U00031350"}),
    ],
    ids=["escaped", "plain", "lines and numbers", "joined, private and new characters"],
)
def test_what_nobody_can_see_goes_from_every_text_and_the_rest_stays(sent: str, kept: Any) -> None:
    """S18.8: a name that reads otherwise than it is stored; rare hanzi and emoji are nobody's trick."""
    assert json.loads(cleaned(sent.encode())) == kept


def test_a_body_with_nothing_to_clean_is_not_touched() -> None:
    for raw in (b'{"a": "\xe5\xa5\xbd"}', b'{"a":', b'"\\ud800"', b"\xff", b"[" * 30_000 + b'"\\u0041"'):
        assert cleaned(raw) is raw


async def test_too_many_logins_from_one_address_are_slowed_down(world: World) -> None:
    await world.runtime.redis.set("tianxin:limit:login:203.0.113.9", LOGINS.times - 1, ex=60)
    assert (await login(world, "x", **{"X-Forwarded-For": "203.0.113.9"}))[0] == 401
    status, _, headers = await login(world, "x", **{"X-Forwarded-For": "1.2.3.4, 203.0.113.9"})
    assert status == 429
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert (await login(world, "x", **{"X-Forwarded-For": "203.0.113.10"}))[0] == 401


async def test_wechat_being_down_is_503_and_a_sentence(world: World) -> None:
    await world.platform.post(
        "/admin/faults", json={"endpoint": "/sns/jscode2session", "kind": "http_status", "status": 502}
    )
    status, body, headers = await login(world, await world.code("zhang"))
    assert (status, body["error"]["code"]) == (503, "unavailable")
    assert "Retry-After" in headers


async def test_logging_out_ends_this_session_and_logging_out_everywhere_all(world: World) -> None:
    first = (await login(world, await world.code("zhang")))[1]["token"]
    second = (await login(world, await world.code("zhang")))[1]["token"]
    third = (await login(world, await world.code("zhang")))[1]["token"]

    async def status_of(token: str, method: str = "GET", path: str = "/api/v1/files/x/facts") -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await world.client.request(method, path, headers=headers)).status

    assert await status_of(first, "DELETE", "/api/v1/sessions/current") == 204
    assert [await status_of(token) for token in (first, second, third)] == [401, 404, 404]
    assert await status_of(second, "DELETE", "/api/v1/sessions") == 204
    assert [await status_of(token) for token in (second, third)] == [401, 401]


async def test_a_session_ends_when_its_time_is_over(world: World) -> None:
    farmer = await world.login("zhang")
    assert (await farmer.get("/api/v1/files/x/facts"))[0] == 404
    world.runtime.clock.move_to(world.runtime.now() + timedelta(days=7, seconds=1))
    assert (await farmer.get("/api/v1/files/x/facts"))[0] == 401


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer 田", "Bearer " + "a" * 43])
async def test_whatever_is_no_token_is_401(header: str, world: World) -> None:
    headers = {"Authorization": header} if header else {}
    answer = await world.client.get("/api/v1/files/x/facts", headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_unknown_addresses_and_methods_are_answered_in_the_same_shape(world: World) -> None:
    missing = await world.client.get("/api/v1/nothing")
    wrong = await world.client.put("/api/v1/sessions")
    assert (missing.status, (await missing.json())["error"]["code"]) == (404, "not_found")
    assert (wrong.status, (await wrong.json())["error"]["code"]) == (405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]
