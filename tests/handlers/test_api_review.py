"""An application through the JSON interface: status, tasks, visit, decisions, disbursement, repayment."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from actions.access import actor_for
from actions.applications import GivenConsent, Submission, submit
from actions.identity import Identity
from bot.database import fetch
from models.application import LoanApplication
from models.people import WechatUser
from rules.application import ApplicantKind, Application
from tests.handlers.api_world import NOW, Person, World

VILLAGE = "411082101201"
FARMER_ID = "411082198503122455"


async def apply(
    world: World, person: str = "zhang", *, own: bool = True, route: str = "online"
) -> LoanApplication:
    """An application that every rule accepts, of somebody who is logged in."""
    await world.login(person)
    user = await WechatUser.get(openid=await openid(world, person), account="mini")
    on = world.runtime.today()
    actor = await actor_for("mini", "411082", user.openid, on=on, now=NOW, channel="mini_program")
    given = Submission(
        identity=Identity("张守田", FARMER_ID, "13800001111", VILLAGE, registered_poor=False),
        rules=Application(
            kind=ApplicantKind.FARMER, id_number=FARMER_ID, amount_fen=3_000_000, term_months=12,
            industry="sheep",
        ),
        own=own,
        answers={
            "amount": 3_000_000, "term": 12, "purpose": "买羊", "village": VILLAGE, "phone": "13800001111"
        },
        form_version=1,
        consents=(GivenConsent("pledge", "2017-10-26", "a" * 64),),
        route=route,
    )  # fmt: skip
    return await submit(actor, given, world.runtime.packs["changge"], world.runtime.now())


async def openid(world: World, person: str) -> str:
    answer = await world.platform.get("/admin/login_code", params={"account": "mini", "person": person})
    return str((await answer.json())["openid"])


async def tasks_of(person: Person) -> list[dict[str, Any]]:
    status, page = await person.get("/api/v1/tasks")
    assert status == 200
    return list(page["items"])


async def decide(
    person: Person, task: dict[str, Any], decision: str = "approve", **more: Any
) -> tuple[int, Any]:
    body = {"decision": decision, "shown_hash": task["shown_hash"], **more}
    return await person.post(f"/api/v1/tasks/{task['key']}/decision", body)


async def photo(person: Person, colour: str) -> str:
    out = io.BytesIO()
    Image.linear_gradient("L").rotate(90 if colour == "red" else 0).convert("RGB").save(out, "JPEG")
    headers = {"Idempotency-Key": f"photo-{colour}", "Content-Type": "image/jpeg"}
    path = "/api/v1/files?purpose=visit_photo"
    status, stored = await person.ask("POST", path, data=out.getvalue(), headers=headers)
    assert status == 201
    return str(stored["key"])


async def visit(cadre: Person, client_id: str = "visit-1", **more: Any) -> tuple[int, Any]:
    task = next(t for t in await tasks_of(cadre) if t["kind"] == "visit")
    body = {
        "task": task["key"], "client_id": client_id, "device_at": "2026-11-28T09:05:00+08:00",
        "result": "confirmed", "latitude": 34.2057, "longitude": 113.7042, "accuracy_m": 20,
        "findings": {"lives_here": True}, "photos": [await photo(cadre, "red"), await photo(cadre, "blue")],
        **more,
    }  # fmt: skip
    return await cadre.post("/api/v1/visits", body)


async def test_the_farmer_sees_where_his_application_stands_and_with_whom(world: World) -> None:
    """S1.5"""
    application = await apply(world)
    farmer = await world.login("zhang")
    status, page = await farmer.get("/api/v1/applications")
    assert (status, [item["key"] for item in page["items"]], page["next"]) == (200, [application.key], None)
    view = page["items"][0]
    assert (view["state"], view["now_with"], view["may_withdraw"], view["own"]) == (
        "in_review", ["收单银行"], True, True,
    )  # fmt: skip
    assert view["stages"][0]["standing"] == "now"
    assert view["expected_at"].endswith("Z") or "+" in view["expected_at"]
    assert await farmer.get(f"/api/v1/applications/{application.key}") == (200, view)
    assert (await farmer.get(f"/api/v1/applications/{application.key}/answers"))[1]["answers"]["term"] == 12


async def test_others_see_no_application_and_no_difference_to_none(world: World) -> None:
    """S17.2: the neighbour, the cadre of another village, the cadre of another town."""
    application = await apply(world)
    for name in ("li", "song", "guo"):
        person = await world.login(name)
        for path in ("", "/answers"):
            found = await person.get(f"/api/v1/applications/{application.key}{path}")
            missing = await person.get(f"/api/v1/applications/{'A' * 22}{path}")
            assert found == missing
            assert found[0] == 404
        for path in ("withdraw", "confirm"):
            assert (await person.post(f"/api/v1/applications/{application.key}/{path}"))[0] == 404


async def test_reviewers_of_the_region_see_the_application_but_not_its_answers(world: World) -> None:
    application = await apply(world)
    cadre = await world.login("wang")
    assert (await cadre.get(f"/api/v1/applications/{application.key}"))[0] == 200
    assert (await cadre.get(f"/api/v1/applications/{application.key}/answers"))[1] == {"answers": {}}
    status, body = await cadre.post(f"/api/v1/applications/{application.key}/withdraw")
    assert (status, body["error"]["code"]) == (422, "not_yours")


async def test_withdrawing_twice_is_once_and_after_it_nothing_is_to_be_done(world: World) -> None:
    """S1.5"""
    application = await apply(world)
    farmer, officer = await world.login("zhang"), await world.login("chen")
    assert len(await tasks_of(officer)) == 1
    for key in ("k1", "k1", "k2"):
        status, view = await farmer.post(f"/api/v1/applications/{application.key}/withdraw", key=key)
        assert (status, view["state"], view["may_withdraw"]) == (200, "withdrawn", False)
    assert await tasks_of(officer) == []


async def test_a_task_shows_what_is_to_be_decided_with_names_and_numbers_masked(world: World) -> None:
    await apply(world)
    officer = await world.login("chen")
    (task,) = await tasks_of(officer)
    shown = task["application"]
    assert task["decisions"] == ["approve", "return", "reject"]
    assert FARMER_ID not in str(task)
    assert "13800001111" not in str(task)
    assert "张守田" not in str(task)
    assert shown["amount_fen"] == 3_000_000
    assert await officer.get(f"/api/v1/tasks/{task['key']}") == (200, task)
    for name in ("zhang", "wang", "liu", "zhao"):
        assert (await (await world.login(name)).get(f"/api/v1/tasks/{task['key']}"))[0] == 404


async def test_the_inbox_pages_by_key(world: World) -> None:
    await apply(world)
    cadre, officer = await world.login("wang"), await world.login("chen")
    (mine,), (his,) = await tasks_of(cadre), await tasks_of(officer)
    assert (await cadre.get("/api/v1/tasks?limit=1"))[1]["next"] == mine["key"]
    assert (await cadre.get(f"/api/v1/tasks?limit=1&after={mine['key']}"))[1] == {"items": [], "next": None}
    assert his["kind"] == "review"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "decision"),
        ({"decision": "maybe", "shown_hash": "a" * 64}, 400, "decision"),
        ({"decision": "approve"}, 400, "shown_hash"),
        ({"decision": "approve", "shown_hash": "short"}, 400, "shown_hash"),
        ({"decision": "approve", "shown_hash": "a" * 64, "extra": 1}, 400, "extra"),
        ({"decision": "reject", "shown_hash": "a" * 64, "reason": 3}, 400, "reason"),
        ({"decision": "reject", "shown_hash": "a" * 64}, 422, "reason"),
        ({"decision": "approve", "shown_hash": "a" * 64}, 409, None),
    ],
)
async def test_a_decision_that_cannot_be_taken_says_why(
    body: dict[str, Any], status: int, field: str | None, world: World
) -> None:
    await apply(world)
    officer = await world.login("chen")
    (task,) = await tasks_of(officer)
    found, answer = await officer.post(f"/api/v1/tasks/{task['key']}/decision", body)
    assert (found, answer["error"]["field"]) == (status, field)
    assert [t["key"] for t in await tasks_of(officer)] == [task["key"]]


async def test_a_decision_sent_twice_is_one_decision_and_the_other_reviewer_is_told_the_state(
    world: World,
) -> None:
    """S1.2"""
    await apply(world)
    officer = await world.login("chen")
    (task,) = await tasks_of(officer)
    body = {"decision": "approve", "shown_hash": task["shown_hash"]}
    path = f"/api/v1/tasks/{task['key']}/decision"
    found = await asyncio.gather(*(officer.post(path, body, key="same") for _ in range(5)))
    assert {status for status, _ in found} <= {200, 409}
    assert await officer.post(path, body, key="same") == next(f for f in found if f[0] == 200)
    assert len(await fetch("SELECT 1 FROM decision")) == 1
    status, answer = await officer.post(path, {**body, "decision": "reject", "reason": "资料不全"})
    assert (status, answer["error"]["code"]) == (409, "already_decided")


async def test_a_visit_uploaded_late_and_twice_is_one_visit(world: World) -> None:
    """S1.3, S9.2: the phone had no signal for two days, then sent the same visit again under another key."""
    await apply(world)
    cadre = await world.login("wang")
    task = next(t for t in await tasks_of(cadre) if t["kind"] == "visit")
    status, first = await visit(cadre)
    assert (status, first["client_id"], first["distance_m"]) == (201, "visit-1", 0)
    body = {
        "task": task["key"], "client_id": "visit-1", "device_at": "2026-11-28T09:05:00+08:00",
        "result": "not_confirmed", "photos": [],
    }  # fmt: skip
    assert await cadre.post("/api/v1/visits", body) == (201, first)
    assert len(await fetch("SELECT 1 FROM visit")) == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"device_at": "2026-11-28T09:05:00"}, 400, "device_at"),
        ({"device_at": "yesterday"}, 400, "device_at"),
        ({"latitude": 91}, 400, "latitude"),
        ({"longitude": "113"}, 400, "longitude"),
        ({"result": "maybe"}, 400, "result"),
        ({"client_id": ""}, 400, "client_id"),
        ({"photos": []}, 422, "photos"),
        ({"photos": ["A" * 22, "B" * 22]}, 422, "photos"),
        ({"task": "A" * 22}, 404, None),
    ],
)
async def test_a_wrong_visit_says_what_is_wrong(
    change: dict[str, Any], status: int, field: str | None, world: World
) -> None:
    await apply(world)
    cadre = await world.login("wang")
    found, body = await visit(cadre, **change)
    assert (found, body["error"]["field"]) == (status, field)


async def test_the_whole_online_route_runs_through_the_interface(world: World) -> None:
    """S1.2, S1.3, S4.7, S11.1, S11.4, S12.3"""
    application = await apply(world)
    people = {name: await world.login(name) for name in ("zhang", "wang", "chen", "liu", "zhao", "sun")}
    assert (await decide(people["chen"], (await tasks_of(people["chen"]))[0]))[1]["open_stages"]
    (county_task,) = await tasks_of(people["liu"])
    assert county_task["missing"] == ["visit"]
    status, body = await decide(people["liu"], county_task)
    assert (status, body["error"]["rule"], body["error"]["code"]) == (422, "S1.3", "requirement_missing")
    assert (await visit(people["wang"]))[0] == 201
    (county_task,) = await tasks_of(people["liu"])
    assert (await decide(people["liu"], county_task))[0] == 200
    for name in ("zhao", "sun"):
        assert (await decide(people[name], (await tasks_of(people[name]))[0]))[0] == 200
    (pay_out,) = await tasks_of(people["zhao"])
    given = {
        "number": "JJ-2026-1",
        "amount_fen": 3_000_000,
        "disbursed_on": "2026-11-28",
        "account": "6222000011112222",
        "annual_rate_bp": 435,
        "term_months": 12,
        "method": "interest_only",
        "settlement_cycle": "quarterly",
    }
    status, loan = await people["zhao"].post(f"/api/v1/tasks/{pay_out['key']}/disbursement", given)
    assert (status, loan["balance_fen"], loan["maturity_on"]) == (201, 3_000_000, "2027-11-28")
    assert (await people["zhang"].get(f"/api/v1/applications/{application.key}"))[1]["state"] == "disbursed"

    assert [item["key"] for item in (await people["zhang"].get("/api/v1/loans"))[1]["items"]] == [loan["key"]]
    status, schedule = await people["zhang"].get(f"/api/v1/loans/{loan['key']}/schedule")
    assert sum(line["principal_fen"] for line in schedule["items"]) == 3_000_000
    assert "6222000011112222" not in str(loan) + str(schedule)
    assert (await (await world.login("li")).get(f"/api/v1/loans/{loan['key']}"))[0] == 404

    first = schedule["items"][0]
    world.runtime.clock.move_to(NOW + timedelta(days=60))
    paid = {"serial": "S1", "amount_fen": first["interest_fen"], "received_on": first["due_on"]}
    path = f"/api/v1/loans/{loan['key']}/repayments"
    banker = await world.relogin("zhao")
    assert (await banker.post(path, paid))[1]["interest_fen"] == first["interest_fen"]
    assert (await banker.post(path, paid))[1]["interest_fen"] == first["interest_fen"]
    assert len(await fetch("SELECT 1 FROM repayment")) == 1
    farmer = await world.relogin("zhang")
    status, body = await farmer.post(path, {**paid, "serial": "S2"})
    assert (status, body["error"]["code"]) == (404, "not_found")

    path = f"/api/v1/loans/{loan['key']}"
    status, quote = await farmer.get(f"{path}/payoff", params={"on": "2027-02-10"})
    assert (status, quote["principal_fen"]) == (200, 3_000_000)
    assert quote["total_fen"] == quote["principal_fen"] + quote["interest_fen"]
    status, body = await farmer.get(f"{path}/payoff", params={"on": "2026-11-28"})
    assert (status, body["error"]["field"]) == (422, "on")
    status, body = await banker.post(f"{path}/reversals", {"serial": "S1", "reason": "登记错了户头"})
    assert (status, body["reversed_at"] is not None) == (200, True)
    assert (await banker.get(path))[1]["next"]["number"] == 1
    review = {
        "reviewed_on": "2027-01-20", "still_qualified": True, "own_wish": True, "guarantee_in_place": True,
        "subsidy_in_place": True, "able_to_repay": True, "cause": "disaster",
    }  # fmt: skip
    status, body = await banker.post(
        f"{path}/extension", {**review, "cause": "", "maturity_on": "2028-05-28"}
    )
    assert (status, body["error"]["rule"], body["error"]["field"]) == (422, "S12.3", "cause")
    status, longer = await banker.post(f"{path}/extension", {**review, "maturity_on": "2028-05-28"})
    assert (status, longer["maturity_on"], longer["extended_count"]) == (200, "2028-05-28", 1)
    status, body = await banker.get(f"{path}/changes")
    assert [each["kind"] for each in body["items"]] == ["extension", "reversal"]
    renewal = {
        **review, "number": "XD-1", "annual_rate_bp": 435, "term_months": 12, "method": "interest_only",
    }  # fmt: skip
    status, body = await banker.post(f"{path}/renewal", renewal)
    assert (status, body["error"]["code"]) == (422, "interest_unpaid")


async def test_what_a_helper_filled_in_waits_for_the_farmers_own_word(world: World) -> None:
    """S1.7"""
    application = await apply(world, "li", own=False)
    helper = await world.login("li")
    status, view = await helper.get(f"/api/v1/applications/{application.key}")
    assert (status, view["state"], view["own"]) == (200, "awaiting_confirmation", False)
    path = f"/api/v1/applications/{application.key}/confirm"
    form = (await helper.get("/api/v1/forms/confirmation"))[1]
    read = {field["paper"]["kind"]: field["paper"]["sha256"] for field in form["fields"]}
    for consents in ({}, read | {"pledge": "0" * 64}):
        status, body = await helper.post(path, {"code": "000000", "consents": consents})
        assert (status, body["error"]["code"]) == (422, "papers_missing")
    status, body = await helper.post(path, {"code": "000000", "consents": read})
    assert (status, body["error"]["field"]) == (422, "code")
    assert (await fetch("SELECT confirm_tries FROM loan_application"))[0]["confirm_tries"] == 1
    for key in ("A" * 22, await photo(helper, "red")):
        status, body = await helper.post(path, {"signature_file": key, "consents": read})
        assert (status, body["error"]["code"]) == (422, "signature_missing")


async def test_a_colleague_does_the_tasks_while_somebody_is_away(world: World) -> None:
    """S1.2: only within one's own organisation."""
    officer = await world.login("chen")
    assert (await officer.get("/api/v1/me/colleagues"))[1] == {"items": []}
    stranger = (await (await world.login("zhao")).get("/api/v1/me"))[1]["key"]
    given = {"to_person": stranger, "from_on": "2026-11-28", "to_on": "2026-12-01", "reason": "开会"}
    status, body = await officer.post("/api/v1/delegations", given)
    assert (status, body["error"]["code"]) == (422, "other_organisation")
    status, body = await (await world.login("zhang")).post("/api/v1/delegations", given)
    assert (status, body["error"]["rule"]) == (403, "S17.1")
