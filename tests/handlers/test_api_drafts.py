"""The form through the JSON interface: the same draft as in the chat, the same checks, handed in once."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import orjson
import pytest
from PIL import Image

from actions import drafts
from actions.access import actor_for
from bot.database import fetch
from bot.dialog import Input, State, turn
from handlers.county import county_context
from handlers.forms import FORMS
from tests.handlers.api_world import NOW, Person, World

FORM = FORMS["loan_application"]
FARMER_ID = "411082198503122455"
ANSWERS: dict[str, Any] = {
    "applying_for": "self",
    "kind": "farmer",
    "industry": "sheep",
    "amount": 3_000_000,
    "term": 12,
    "project": "在村东头养50只羊",
    "purpose": "买羊羔2万，盖羊圈1万",
    "repayment_source": "一年卖羊能挣4万",
    "repayment_method": "interest_only",
    "name": "张守田",
    "id_number": FARMER_ID,
    "phone": "13800001111",
    "village": "411082101201",
    "household_head": True,
    "household_size": 4,
    "grade": "unknown",
    "other_loans": False,
}


async def begin(person: Person, **body: Any) -> dict[str, Any]:
    status, draft = await person.post("/api/v1/drafts", {"form": "loan_application", **body})
    assert status == 200, draft
    return dict(draft)


async def change(
    person: Person, draft: dict[str, Any], answers: dict[str, Any], version: Any = None
) -> tuple[int, Any]:
    headers = {"If-Match": f'"{draft["version"] if version is None else version}"'}
    return await person.ask(
        "PATCH", f"/api/v1/drafts/{draft['key']}", json={"answers": answers}, headers=headers
    )


async def photo(person: Person, colour: str = "green") -> str:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(out, "JPEG")
    headers = {"Idempotency-Key": f"p-{colour}", "Content-Type": "image/jpeg"}
    path = "/api/v1/files?purpose=photo"
    status, stored = await person.ask("POST", path, data=out.getvalue(), headers=headers)
    assert status == 201
    return str(stored["key"])


async def papers(person: Person) -> dict[str, str]:
    form = (await person.get("/api/v1/forms/loan_application"))[1]
    return {f["key"]: f["paper"]["sha256"] for f in form["fields"] if f["kind"] == "confirm"}


async def filled(person: Person, **changes: Any) -> dict[str, Any]:
    draft = await begin(person)
    agreed = (
        {} if changes.get("applying_for") == "other" else await papers(person)
    )  # nobody agrees for another
    answers = {**ANSWERS, "photos": [await photo(person)], **agreed, **changes}
    status, draft = await change(person, draft, {k: v for k, v in answers.items() if v is not None})
    assert status == 200, draft
    return dict(draft)


async def test_a_form_is_told_with_the_countys_lists_limits_and_papers(world: World) -> None:
    """S1.1, S1.4"""
    farmer = await world.login("zhang")
    names = [item["name"] for item in (await farmer.get("/api/v1/forms"))[1]["items"]]
    assert names == list(FORMS)
    for name in names:
        assert (await farmer.get(f"/api/v1/forms/{name}"))[0] == 200
    form = (await farmer.get("/api/v1/forms/loan_application"))[1]
    fields = {f["key"]: f for f in form["fields"]}
    assert {"value": "411082101201", "label": "坡胡镇柳庄村"} in fields["village"]["choices"]
    assert "sheep" in [choice["value"] for choice in fields["industry"]["choices"]]
    assert len(fields["notice_of_terms"]["paper"]["text"]) > 100
    assert (await farmer.get("/api/v1/forms/other"))[0] == 404


async def test_beginning_twice_is_one_draft_and_it_is_found_again(world: World) -> None:
    farmer = await world.login("zhang")
    assert (await farmer.get("/api/v1/drafts"))[1] == {"items": []}
    first, second = await begin(farmer), await begin(farmer)
    assert first == second
    assert (await farmer.get("/api/v1/drafts"))[1]["items"] == [first]
    assert await farmer.get(f"/api/v1/drafts/{first['key']}") == (200, first)
    assert (await (await world.login("li")).get(f"/api/v1/drafts/{first['key']}"))[0] == 404


async def test_answers_come_in_their_kept_form_or_as_people_say_them(world: World) -> None:
    """S18.1: three ways to say the same."""
    farmer = await world.login("zhang")
    draft = await begin(farmer)
    for said in ("三万五", "35000元", 3_500_000):
        status, draft = await change(farmer, draft, {"kind": "普通农户", "amount": said, "term": "一年半"})
        assert (status, draft["answers"]["amount"], draft["answers"]["term"]) == (200, 3_500_000, 18)
    assert draft["answers"]["kind"] == "farmer"
    assert draft["version"] == 2, "saying the same again changes nothing"


async def test_questions_that_do_not_apply_are_not_asked_and_their_answers_go(world: World) -> None:
    farmer = await world.login("zhang")
    draft = await begin(farmer)
    _, draft = await change(farmer, draft, {"other_loans": True})
    assert "other_loans_amount" in draft["applies"]
    _, draft = await change(farmer, draft, {"other_loans_amount": 800_000})
    _, draft = await change(farmer, draft, {"other_loans": False})
    assert "other_loans_amount" not in draft["applies"]
    assert (draft["dropped"], "other_loans_amount" in draft["answers"]) == (["other_loans_amount"], False)
    status, body = await change(farmer, draft, {"other_loans_amount": 1})
    assert (status, body["error"]["field"]) == (422, "other_loans_amount")


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"amount": 50}, "amount"),
        ({"amount": 3_000_050}, "amount"),
        ({"amount": "很多"}, "amount"),
        ({"amount": 3_000_000.5}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": None, "term": 400}, "term"),
        ({"id_number": "411082198503122456"}, "id_number"),
        ({"phone": "12345"}, "phone"),
        ({"village": "999999999999"}, "village"),
        ({"kind": "king"}, "kind"),
        ({"unknown": 1}, "unknown"),
        ({"photos": ["A" * 22]}, "photos"),
        ({"photos": "A"}, "photos"),
        ({"photos": [{"a": 1}]}, "photos"),
        ({"pledge": "0" * 64}, "pledge"),
        ({"pledge": {"version": "1", "sha256": "0" * 64, "agreed_at": "2000-01-01"}}, "pledge"),
        ({"home": {"latitude": 91, "longitude": 1}}, "home"),
    ],
)
async def test_a_wrong_answer_is_refused_with_its_sentence_and_nothing_is_kept(
    answers: dict[str, Any], field: str, world: World
) -> None:
    """S1.6, S3.4"""
    farmer = await world.login("zhang")
    _, draft = await change(farmer, await begin(farmer), {"kind": "farmer"})
    status, body = await change(farmer, draft, {"project": "在村东头养羊", **answers})
    assert (status, body["error"]["code"], body["error"]["field"]) == (422, "answer_refused", field)
    assert body["error"]["message"] == body["errors"][field]
    assert (await farmer.get(f"/api/v1/drafts/{draft['key']}"))[1]["answers"] == {"kind": "farmer"}


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 428, "if_match_required"),
        ("abc", 400, "invalid_request"),
        ("*", 400, "invalid_request"),
        ('"7"', 409, "draft_version"),
        ("0", 409, "draft_version"),
    ],
)
async def test_a_change_says_which_version_it_saw(
    header: str | None, status: int, code: str, world: World
) -> None:
    farmer = await world.login("zhang")
    draft = await begin(farmer)
    headers = {"If-Match": header} if header else {}
    path = f"/api/v1/drafts/{draft['key']}"
    found, body = await farmer.ask("PATCH", path, json={"answers": {"term": 6}}, headers=headers)
    assert (found, body["error"]["code"]) == (status, code)


async def test_two_devices_at_once_lose_nothing(world: World) -> None:
    """The second is shown what the first wrote and what both would make."""
    farmer = await world.login("zhang")
    draft = await begin(farmer)
    assert (await change(farmer, draft, {"term": 6}))[0] == 200
    status, body = await change(farmer, draft, {"project": "养羊"})
    assert (status, body["draft"]["version"], body["draft"]["answers"]) == (409, 2, {"term": 6})
    assert body["merged"] == {"term": 6, "project": "养羊"}
    assert (await change(farmer, body["draft"], {"project": "养羊"}))[0] == 200
    found = await asyncio.gather(
        *(change(farmer, {**draft, "version": 3}, {"term": n}) for n in range(7, 12))
    )
    assert sorted(status for status, _ in found) == [200, 409, 409, 409, 409]


async def test_a_draft_begun_in_the_chat_is_finished_here_and_the_other_way_round(world: World) -> None:
    """S1.1"""
    farmer = await world.login("zhang")
    row = (await fetch("SELECT openid FROM api_session"))[0]
    actor = await actor_for(
        "mini", "411082", row["openid"], on=world.runtime.today(), now=NOW, channel="chat"
    )
    pack = world.runtime.packs["changge"]
    context = await county_context(world.runtime, "411082")
    opened = await drafts.open_draft(actor, FORM.name, FORM.version, "", NOW, pack, "chat")
    state = State(FORM.name, FORM.version)
    for said in ("给自己办", "普通农户", "养羊"):
        state = turn(FORM, state, Input.said(said), context).state
    await drafts.save(actor, opened.key, orjson.loads(state.to_json()), opened.version, NOW, "chat")

    (draft,) = (await farmer.get("/api/v1/drafts"))[1]["items"]
    assert (draft["answers"]["industry"], draft["channel"]) == ("sheep", "chat")
    _, draft = await change(farmer, draft, {"amount": "三万", "term": 12})
    kept = await drafts.load(actor, opened.key, NOW)
    again = State.from_json(orjson.dumps(kept.state))
    assert (again.cursor, kept.channel) == ("project", "mini_program")
    assert turn(FORM, again, Input.said("在村东头养50只羊"), context).state.cursor == "purpose"


async def test_a_finished_form_becomes_one_application_however_often_it_is_handed_in(world: World) -> None:
    """S1.1, S1.4, S1.6"""
    farmer = await world.login("zhang")
    draft = await filled(farmer)
    assert draft["problems"] == {}
    path = f"/api/v1/drafts/{draft['key']}/submit"
    found = await asyncio.gather(
        *(farmer.post(path, {"version": draft["version"]}, key="k") for _ in range(4))
    )
    status, application = next(each for each in found if each[0] == 201)
    assert (status, application["state"], application["amount_fen"]) == (201, "in_review", 3_000_000)
    assert {s for s, _ in found} <= {201, 409}
    assert await farmer.post(path, {"version": draft["version"]}, key="k") == (201, application)
    status, body = await farmer.post(path, {}, key="other")
    assert (status, body["error"]["code"]) == (422, "draft_closed")
    assert [a["key"] for a in (await farmer.get("/api/v1/applications"))[1]["items"]] == [application["key"]]
    agreed = (await farmer.get("/api/v1/consents"))[1]["items"]
    assert {each["kind"] for each in agreed} == {"pledge", "notice_of_terms", "credit_query_consent"}
    officer = await world.login("chen")
    task = (await officer.get("/api/v1/tasks"))[1]["items"][0]
    (picture,) = task["application"]["answers"]["photos"]
    assert (await officer.get(f"/api/v1/files/{picture}"))[0] == 200
    assert (await (await world.login("song")).get(f"/api/v1/files/{picture}"))[0] == 404


async def test_what_is_missing_is_named_and_nothing_is_filed(world: World) -> None:
    farmer = await world.login("zhang")
    draft = await filled(farmer, pledge=None, phone=None)
    status, body = await farmer.post(f"/api/v1/drafts/{draft['key']}/submit")
    assert (status, body["error"]["code"], set(body["errors"])) == (
        422,
        "form_incomplete",
        {"phone", "pledge"},
    )
    assert len(await fetch("SELECT 1 FROM loan_application")) == 0


async def test_only_what_was_seen_is_handed_in(world: World) -> None:
    farmer = await world.login("zhang")
    draft = await filled(farmer)
    status, body = await farmer.post(f"/api/v1/drafts/{draft['key']}/submit", {"version": 1})
    assert (status, body["draft"]["version"]) == (409, draft["version"])


async def test_a_second_application_of_the_household_is_answered_with_the_first(world: World) -> None:
    """S1.6"""
    farmer = await world.login("zhang")
    first = (await farmer.post(f"/api/v1/drafts/{(await filled(farmer))['key']}/submit"))[1]
    draft = await begin(farmer)
    answers = {**ANSWERS, "photos": [await photo(farmer, "blue")], **(await papers(farmer))}
    _, draft = await change(farmer, draft, answers)
    status, body = await farmer.post(f"/api/v1/drafts/{draft['key']}/submit")
    assert (status, body["error"]["rule"]) == (422, "S1.6")
    assert first["number"] in body["error"]["message"]
    assert (await farmer.get(f"/api/v1/drafts/{draft['key']}"))[0] == 200, "the draft stays"


async def test_whom_a_helper_entered_claims_his_entry_before_he_applies(world: World) -> None:
    """S1.6, S1.7: knowing the number is not enough; what he filled in stays until his WeChat is bound."""
    helper, farmer = await world.login("li"), await world.login("zhang")
    draft = await filled(helper, applying_for="other", helper_relation="neighbour")
    status, application = await helper.post(f"/api/v1/drafts/{draft['key']}/submit")
    assert (status, application["state"], application["own"]) == (201, "awaiting_confirmation", False)
    await helper.post(f"/api/v1/applications/{application['key']}/withdraw")
    mine = await filled(farmer)
    status, body = await farmer.post(f"/api/v1/drafts/{mine['key']}/submit")
    assert (status, body["error"]["code"]) == (422, "prove_identity")
    assert (await farmer.get("/api/v1/applications"))[1]["items"] == []
    assert (await farmer.get(f"/api/v1/drafts/{mine['key']}"))[0] == 200


async def test_the_paper_route_is_for_the_clerk_of_the_village(world: World) -> None:
    """S2.1"""
    clerk = await world.login("song")
    draft = await filled(clerk, applying_for="other", helper_relation="cadre")
    status, body = await clerk.post(f"/api/v1/drafts/{draft['key']}/submit", {"route": "paper"})
    assert (status, body["error"]["rule"], body["error"]["field"]) == (422, "S2.1", "village")
    own = await world.login("wang")
    draft = await filled(own, applying_for="other", helper_relation="cadre", photos=[await photo(own, "red")])
    status, application = await own.post(f"/api/v1/drafts/{draft['key']}/submit", {"route": "paper"})
    assert (status, application["stages"][0]["role"]) == (201, "村干部")
    status, body = await (await world.login("chen")).post(
        "/api/v1/drafts", {"form": "loan_application", "subject": "paper"}
    )
    assert (status, body["error"]["code"]) == (422, "not_allowed")


async def test_a_return_is_answered_with_only_what_was_asked_again(world: World) -> None:
    """S1.2, S1.5: the draft begins with what was said before; the new round goes to who returned it."""
    farmer, officer = await world.login("zhang"), await world.login("chen")
    application = (await farmer.post(f"/api/v1/drafts/{(await filled(farmer))['key']}/submit"))[1]
    task = (await officer.get("/api/v1/tasks"))[1]["items"][0]
    body = {
        "decision": "return", "reason": "用途\u202e请\u200b写清楚", "return_fields": ["purpose"],
        "shown_hash": task["shown_hash"],
    }  # fmt: skip
    assert (await officer.post(f"/api/v1/tasks/{task['key']}/decision", body))[0] == 200
    again = (await farmer.get(f"/api/v1/applications/{application['key']}"))[1]
    assert (again["may_supplement"], again["return_fields"], again["reason"]) == (
        True, ["purpose"], "用途请写清楚",
    )  # fmt: skip
    draft = await begin(farmer, subject=application["key"])
    assert set(draft["problems"]) == {"purpose", "pledge", "notice_of_terms", "query_authorisation"}
    given = {"purpose": "买羊羔20只2万，砖和瓦1万", **(await papers(farmer))}
    status, draft = await change(farmer, draft, given)
    assert (status, draft["problems"]) == (200, {})
    status, application = await farmer.post(f"/api/v1/drafts/{draft['key']}/submit")
    assert (status, application["state"], application["may_supplement"]) == (201, "in_review", False)
    task = (await officer.get("/api/v1/tasks"))[1]["items"][0]
    assert task["application"]["round"] == 2
    assert task["application"]["answers"]["purpose"] == "买羊羔20只2万，砖和瓦1万"
    status, body = await farmer.post("/api/v1/drafts", {"form": FORM.name, "subject": application["key"]})
    assert (status, body["error"]["code"]) == (422, "not_returned")


async def test_a_draft_that_is_given_up_is_gone(world: World) -> None:
    farmer = await world.login("zhang")
    _, draft = await change(farmer, await begin(farmer), {"id_number": FARMER_ID})
    path = f"/api/v1/drafts/{draft['key']}"
    assert (await farmer.ask("DELETE", path))[0] == 204
    assert (await farmer.ask("DELETE", path))[0] == 204
    status, body = await farmer.get(path)
    assert (status, body["error"]["code"]) == (422, "draft_closed")
    assert (await fetch("SELECT state_sealed FROM draft"))[0]["state_sealed"] is None
    assert (await begin(farmer))["answers"] == {}
