"""Tokens, quotas, tickets and request ids."""

from __future__ import annotations

from typing import Any

import pytest
from simulator_kit import SEND, Sim, Start, service

from simulator import SimulatorConfig

GRANT: dict[str, str] = {"grant_type": "client_credential", "appid": "wx-service", "secret": "s1"}


async def fetch(sim: Sim, **changes: str) -> Any:
    return await sim.get("/cgi-bin/token", **{**GRANT, **changes})


async def stable(sim: Sim, **changes: Any) -> Any:
    return await sim.post("/cgi-bin/stable_token", {**GRANT, **changes})


async def works(sim: Sim, token: str) -> int:
    """errcode of a cheap call with the token; 0 when it works."""
    answer = await sim.get("/cgi-bin/menu/get", access_token=token)
    return 0 if answer["errcode"] == 46003 else int(answer["errcode"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": "x"}, 40002),
        ({"appid": ""}, 41002),
        ({"secret": ""}, 41004),
        ({"appid": "wx-nobody"}, 40013),
        ({"secret": "wrong"}, 40125),
    ],
)
async def test_a_wrong_token_call_is_refused_in_both_kinds(
    sim: Sim, changes: dict[str, str], code: int
) -> None:
    for answer in (await fetch(sim, **changes), await stable(sim, **changes)):
        assert answer["errcode"] == code
        assert " rid: " in answer["errmsg"]


async def test_a_token_answer_has_no_errcode(sim: Sim) -> None:
    answer = await fetch(sim)
    assert set(answer) == {"access_token", "expires_in"}
    assert answer["expires_in"] == 7200
    assert len(answer["access_token"]) <= 512


async def test_the_old_token_works_five_minutes_beside_the_new_one(sim: Sim) -> None:
    old, new = (await fetch(sim))["access_token"], (await fetch(sim))["access_token"]
    assert old != new
    await sim.advance(299)
    assert (await works(sim, old), await works(sim, new)) == (0, 0)
    await sim.advance(2)
    assert (await works(sim, old), await works(sim, new)) == (40001, 0)


async def test_a_token_ages_out_after_two_hours(sim: Sim) -> None:
    token = (await fetch(sim))["access_token"]
    await sim.advance(7200)
    assert await works(sim, token) == 42001


async def test_missing_unknown_and_malformed_tokens_have_their_codes(sim: Sim) -> None:
    assert await works(sim, "") == 41001
    assert await works(sim, "80_neverseen") == 40001
    assert await works(sim, "a b") == 40014
    await sim.switch(token_unknown_code=42001)
    assert await works(sim, "80_neverseen") == 42001


async def test_the_stable_token_stays_the_same_and_tells_what_is_left(sim: Sim) -> None:
    first = await stable(sim)
    await sim.advance(1000)
    second = await stable(sim)
    assert second["access_token"] == first["access_token"]
    assert 6190 <= second["expires_in"] <= 6200


async def test_the_stable_token_is_renewed_five_minutes_ahead_and_both_work(sim: Sim) -> None:
    first = (await stable(sim))["access_token"]
    await sim.advance(6950)
    second = await stable(sim)
    assert second["access_token"] != first
    assert second["expires_in"] == 7200
    assert (await works(sim, first), await works(sim, second["access_token"])) == (0, 0)


async def test_a_forced_refresh_kills_the_old_token_at_once(sim: Sim) -> None:
    first = (await stable(sim))["access_token"]
    second = (await stable(sim, force_refresh=True))["access_token"]
    assert (await works(sim, first), await works(sim, second)) == (40001, 0)


async def test_forcing_is_limited_to_twenty_a_day_thirty_seconds_apart(sim: Sim) -> None:
    await sim.post("/admin/clock", {"at": "2030-01-01T08:00"})
    seen = {(await stable(sim, force_refresh=True))["access_token"]}
    assert (await stable(sim, force_refresh=True))["access_token"] in seen
    for _ in range(25):
        await sim.advance(31)
        seen.add((await stable(sim, force_refresh=True))["access_token"])
    assert len(seen) == 20
    await sim.advance(86_400)
    assert (await stable(sim, force_refresh=True))["access_token"] not in seen


async def test_plain_and_stable_tokens_do_not_touch_each_other(sim: Sim) -> None:
    stable_one = (await stable(sim))["access_token"]
    for _ in range(3):
        plain = (await fetch(sim))["access_token"]
    await sim.advance(400)
    assert (await works(sim, stable_one), await works(sim, plain)) == (0, 0)


async def test_methods_are_checked(sim: Sim) -> None:
    assert (await sim.get("/cgi-bin/stable_token"))["errcode"] == 43002
    assert (await sim.post("/cgi-bin/token", {}))["errcode"] == 43001


async def test_frozen_accounts_and_unlisted_addresses_get_no_token(start: Start) -> None:
    for changes, code in (
        ({"ip_whitelist": ["10.1.1.1"]}, 40164),
        ({"secret_frozen": True}, 40243),
        ({"frozen": True}, 50007),
    ):
        sim = await start(SimulatorConfig(accounts=[service(**changes)]))
        assert (await fetch(sim))["errcode"] == code
    sim = await start(SimulatorConfig(accounts=[service(ip_whitelist=["127.0.0.1"])]))
    assert "access_token" in await fetch(sim)


async def test_the_daily_quota_ends_at_beijing_midnight(start: Start) -> None:
    config = SimulatorConfig(accounts=[service(quotas={SEND: 2})], at="2026-12-01T23:59")
    sim = await start(config)
    openid = await sim.person()
    codes = [(await sim.template(openid))["errcode"] for _ in range(3)]
    assert codes == [0, 0, 45009]
    await sim.advance(120)
    assert (await sim.template(openid))["errcode"] == 0


async def test_the_token_quota_is_two_thousand_and_a_tenth_in_a_sandbox(start: Start) -> None:
    sim = await start(SimulatorConfig(accounts=[service(sandbox=True)]))
    assert sim.platform.account("county").daily_limit("/cgi-bin/token") == 200
    for _ in range(200):
        last = await fetch(sim)
    assert (await fetch(sim))["errcode"] == 45009
    cleared = await sim.post("/cgi-bin/clear_quota/v2", {"appid": "wx-service", "appsecret": "s1"})
    assert cleared == {"errcode": 0, "errmsg": "ok"}
    assert "access_token" in await fetch(sim)
    assert "access_token" in last


async def test_clear_quota_is_allowed_ten_times_a_month_on_both_ways_together(sim: Sim) -> None:
    await sim.post("/admin/clock", {"at": "2030-03-05T09:00"})
    sim.tokens.clear()
    codes = [(await sim.api("/cgi-bin/clear_quota", {"appid": "wx-service"}))["errcode"] for _ in range(6)]
    v2 = {"appid": "wx-service", "appsecret": "s1"}
    codes += [(await sim.post("/cgi-bin/clear_quota/v2", v2))["errcode"] for _ in range(5)]
    assert codes == [0] * 10 + [48006]
    assert (await sim.api("/cgi-bin/clear_quota", {"appid": "wx-other"}))["errcode"] == 40013
    await sim.post("/admin/clock", {"at": "2030-04-01T09:00"})
    assert (await sim.post("/cgi-bin/clear_quota/v2", v2))["errcode"] == 0


async def test_quota_get_and_clear_of_one_path(sim: Sim) -> None:
    openid = await sim.person()
    await sim.template(openid)
    quota = await sim.api("/cgi-bin/openapi/quota/get", {"cgi_path": SEND})
    assert quota["quota"] == {"daily_limit": 100_000, "used": 1, "remain": 99_999}
    await sim.api("/cgi-bin/openapi/quota/clear", {"cgi_path": SEND})
    assert (await sim.api("/cgi-bin/openapi/quota/get", {"cgi_path": SEND}))["quota"]["used"] == 0
    assert (await sim.api("/cgi-bin/openapi/quota/get", {"cgi_path": "/nowhere"}))["errcode"] == 76021


async def test_a_minute_quota_answers_45011_until_the_next_minute(sim: Sim) -> None:
    await sim.post("/admin/clock", {"at": "2030-01-01T08:00"})
    account = sim.platform.account("county")
    minute = int(sim.platform.clock.now()) // 60
    account.minutes["/cgi-bin/stable_token"] = (minute, 10_000)
    assert (await stable(sim))["errcode"] == 45011
    await sim.advance(60)
    assert "access_token" in await stable(sim)


async def test_the_ticket_stays_the_same_and_always_says_7200(sim: Sim) -> None:
    first = await sim.api("/cgi-bin/ticket/getticket", type="jsapi")
    await sim.advance(100)
    second = await sim.api("/cgi-bin/ticket/getticket", type="jsapi")
    assert first == second
    assert first["errcode"] == 0
    await sim.switch(ticket_fresh_expiry=True)
    assert (await sim.api("/cgi-bin/ticket/getticket", type="jsapi"))["expires_in"] <= 7100
    assert (await sim.api("/cgi-bin/ticket/getticket", type="wx_card"))["ticket"] != first["ticket"]
    assert (await sim.api("/cgi-bin/ticket/getticket", type="x"))["errcode"] == 40097


async def test_a_request_id_can_be_looked_up_for_seven_days(sim: Sim) -> None:
    refused = await sim.api(SEND, {"touser": "nobody"})
    rid = refused["errmsg"].split("rid: ")[1]
    assert int(rid[:8], 16) == pytest.approx(sim.platform.clock.now(), abs=5)
    found = (await sim.api("/cgi-bin/openapi/rid/get", {"rid": rid}))["request"]
    assert '"nobody"' in found["request_body"]
    assert '"errcode":40003' in found["response_body"]
    await sim.advance(8 * 86_400)
    sim.tokens.clear()
    assert (await sim.api("/cgi-bin/openapi/rid/get", {"rid": rid}))["errcode"] == 76001


async def test_bad_bodies_have_their_codes(sim: Sim) -> None:
    token = await sim.token()
    for body, code in ((b"", 44002), (b"{", 47001), (b"[1]", 47001), (b'{"a":"\xff"}', 47001)):
        response = await sim.client.post(SEND, params={"access_token": token}, data=body)
        assert response.status == 200
        assert (await response.json())["errcode"] == code


@pytest.mark.parametrize("path", ["/cgi-bin/none", "/wxa/a/b", "/sns/"])
async def test_a_path_that_does_not_exist(sim: Sim, path: str) -> None:
    assert (await sim.get(path))["errcode"] == 40066


async def test_a_mini_program_token_is_not_for_service_calls(sim: Sim) -> None:
    assert (await sim.api(SEND, {}, account="mini"))["errcode"] == 48001
