"""Every kind of fault, and how faults are counted."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from simulator_kit import SEND, Sim, due


async def order(sim: Sim, **fault: Any) -> Any:
    return await sim.post("/admin/faults", {"endpoint": SEND, **fault})


async def raw(sim: Sim, openid: str, patience: float = 5) -> tuple[int, bytes]:
    body = {"touser": openid, "template_id": "TPL-due", "data": due()}
    params = {"access_token": await sim.token()}
    limit = aiohttp.ClientTimeout(total=patience)
    async with sim.client.post(SEND, json=body, params=params, timeout=limit) as response:
        return response.status, await response.read()


async def test_an_errcode_is_answered_and_nothing_accepted(sim: Sim) -> None:
    openid = await sim.person()
    await order(sim, kind="errcode", errcode=45009, count=2)
    assert [(await sim.template(openid))["errcode"] for _ in range(3)] == [45009, 45009, 0]
    assert len(await sim.sent()) == 1
    await order(sim, kind="errcode", errcode=-1, errmsg="system error hint: [x]", count=1)
    assert (await sim.template(openid))["errmsg"] == "system error hint: [x]"


@pytest.mark.parametrize(
    ("fault", "status", "begin", "accepted"),
    [
        ({"kind": "http_status", "status": 503}, 503, b"<html>", 0),
        ({"kind": "garbage"}, 200, b"<html>", 1),
        ({"kind": "truncated"}, 200, b'{"errcode"', 1),
        ({"kind": "empty"}, 200, b"", 1),
        ({"kind": "bom"}, 200, b'\xef\xbb\xbf{"errcode":0', 1),
        ({"kind": "slow", "seconds": 0.1}, 200, b'{"errcode":0', 1),
        ({"kind": "drip", "seconds": 0.1}, 200, b'{"errcode":0', 1),
        ({"kind": "garbage", "accept": False}, 200, b"<html>", 0),
        ({"kind": "slow", "seconds": 0.1, "accept": False}, 200, b"{}", 0),
        ({"kind": "http_status", "accept": True}, 502, b"<html>", 1),
    ],
)
async def test_a_broken_answer(
    sim: Sim, fault: dict[str, Any], status: int, begin: bytes, accepted: int
) -> None:
    openid = await sim.person()
    await order(sim, **fault, count=1)
    got_status, body = await raw(sim, openid)
    assert got_status == status
    assert body.startswith(begin)
    assert len(body) > 0 or fault["kind"] == "empty"
    assert len(await sim.sent()) == accepted


async def test_a_truncated_answer_is_no_json_and_a_big_one_is_big(sim: Sim) -> None:
    openid = await sim.person()
    await order(sim, kind="big_body", size=200_000, count=1)
    _, big = await raw(sim, openid)
    assert len(big) > 200_000
    await order(sim, kind="truncated", count=1)
    _, half = await raw(sim, openid)
    assert not half.endswith(b"}")


async def test_wrong_types(sim: Sim) -> None:
    openid = await sim.person()
    await order(sim, kind="wrong_types", count=1)
    answer = await sim.template(openid)
    assert answer["errcode"] == "x"
    assert isinstance(answer["msgid"], str)


@pytest.mark.parametrize(("kind", "accepted"), [("drop_before", 0), ("drop_after_accept", 1)])
async def test_a_cut_connection(sim: Sim, kind: str, accepted: int) -> None:
    openid = await sim.person()
    await order(sim, kind=kind, count=1)
    with pytest.raises(aiohttp.ClientError):
        await raw(sim, openid)
    assert len(await sim.sent()) == accepted
    assert (await sim.template(openid))["errcode"] == 0


@pytest.mark.parametrize(("kind", "accepted"), [("hang", 0), ("hang_after_accept", 1)])
async def test_silence(sim: Sim, kind: str, accepted: int) -> None:
    openid = await sim.person()
    await order(sim, kind=kind, count=1)
    with pytest.raises(TimeoutError):
        await raw(sim, openid, patience=0.3)
    assert len(await sim.sent()) == accepted


async def test_silence_ends_after_its_seconds_or_when_the_fault_is_lifted(sim: Sim) -> None:
    openid = await sim.person()
    await order(sim, kind="hang", count=1, seconds=0.1)
    with pytest.raises(aiohttp.ClientError):
        await raw(sim, openid)
    fault = (await order(sim, kind="hang"))["faults"][-1]
    waiting = asyncio.create_task(raw(sim, openid))
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    await sim.client.delete("/admin/faults", params={"id": fault["id"]})
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert time.monotonic() - begun < 2


async def test_probability_and_seed_make_the_same_pattern_each_time(sim: Sim) -> None:
    openid = await sim.person()
    patterns = []
    for _ in range(2):
        await sim.post("/admin/faults", {"clear": True})
        await order(sim, kind="errcode", probability=0.5, seed=7)
        patterns.append([(await sim.template(openid))["errcode"] for _ in range(20)])
    assert patterns[0] == patterns[1]
    assert 3 < patterns[0].count(-1) < 17


async def test_skip_count_and_listing(sim: Sim) -> None:
    openid = await sim.person()
    await order(sim, kind="errcode", skip=1, count=1)
    assert [(await sim.template(openid))["errcode"] for _ in range(3)] == [0, -1, 0]
    (fault,) = (await sim.get("/admin/faults"))["faults"]
    assert (fault["seen"], fault["fired"], fault["left"]) == (2, 1, 0)


async def test_a_fault_for_all_paths_of_one_account(sim: Sim) -> None:
    both = [{"endpoint": "/cgi-bin/*", "kind": "errcode", "errcode": 50002, "account": "county"}]
    await sim.token("mini")
    await sim.token()
    await sim.post("/admin/faults", both)
    assert (await sim.api("/cgi-bin/menu/get"))["errcode"] == 50002
    assert (await sim.api("/cgi-bin/ticket/getticket", account="mini", type="jsapi"))["errcode"] == 0
    query = {"grant_type": "client_credential", "appid": "wx-service", "secret": "s1"}
    assert (await sim.get("/cgi-bin/token", **query))["errcode"] == 50002
    await sim.client.delete("/admin/faults")
    assert "access_token" in await sim.get("/cgi-bin/token", **query)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "errcode", "endpoint": 1},
        {"kind": "earthquake"},
        {"kind": ""},
        {"kind": "errcode", "probability": 2},
        {"kind": "errcode", "count": "three"},
        {"kind": "errcode", "speed": 1},
        {"kind": "errcode", "account": "nobody"},
    ],
)
async def test_a_wrong_fault_is_refused(sim: Sim, fault: dict[str, Any]) -> None:
    assert "error" in await order(sim, **fault)
    assert (await sim.get("/admin/faults"))["faults"] == []
