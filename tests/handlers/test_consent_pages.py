"""The page of consents and own data, and the interface behind it (S6.6, S1.4, S17.2)."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from typing import Any

import orjson

from bot.database import execute
from models.conversation import Consent
from models.people import Person
from models.privacy import PrivacyRequest
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_review import apply, tasks_of
from tests.handlers.test_pages import browsers

__all__ = ["browsers"]


async def test_a_farmer_takes_back_exports_and_asks(world: World, browsers: Any) -> None:
    """S6.6, S17.2: consequence on the page, a fresh login before the export, an answer from the centre."""
    application = await apply(world)
    paper = await Consent.create(
        county="411082", person_id=application.applicant_id, application_id=application.id,
        kind="credit_query_consent", version="2026-01", text_sha256="b" * 64, account="mini", openid="-",
        agreed_at=NOW,
    )  # fmt: skip
    browser = await browsers("zhang")
    status, text, _ = await browser.get("/m/consents")
    assert status == 200
    assert "信用信息查询授权书" in text
    assert "停办" in text
    assert "下载我的资料" not in text
    assert (await browser.get("/m/consents?after=x"))[0] == 404
    await execute("UPDATE api_session SET created_at = created_at - interval '1 hour'")
    status, answer = await browser.ask("GET", "/api/v1/me/export")
    assert (status, answer["error"]["code"]) == (422, "login_again")
    before = browser.cookie().value
    assert await browser.log_in("/m/login?to=/m/consents%3Ffresh%3D1") == "/m/consents?fresh=1"
    assert browser.cookie().value != before
    assert "下载我的资料" in (await browser.get("/m/consents?fresh=1"))[1]
    async with browser.session.get(world.client.make_url("/api/v1/me/export")) as file:
        assert file.status == 200
        assert file.headers["Cache-Control"] == "no-store"
        packed = zipfile.ZipFile(io.BytesIO(await file.read()))
    found = orjson.loads(packed.read("data.json"))
    assert found["person"]["name"] == "张守田"
    assert "411082198503122455" in packed.read("我的资料.html").decode()

    farmer = await world.login("zhang")
    status, taken = await farmer.post(f"/api/v1/consents/{paper.id}/withdrawal")
    assert (status, taken["kind"]) == (200, "credit_query_consent")
    assert (await farmer.post("/api/v1/consents/x/withdrawal"))[0] == 404
    assert (await (await world.login("li")).post(f"/api/v1/consents/{paper.id}/withdrawal"))[0] == 404
    assert "已经收回" in (await browser.get("/m/consents"))[1]
    status, asked = await farmer.post(
        "/api/v1/me/requests", {"kind": "correction", "words": "换号了", "phone": "13911112222"}
    )
    assert (status, asked["state"]) == (201, "open")
    assert (await farmer.post("/api/v1/me/requests", {"kind": "correction", "words": "又换"}))[0] == 409
    clerk = await world.login("liu")
    (task,) = [each for each in await tasks_of(clerk) if each["kind"] == "privacy_request"]
    page = (await (await browsers("liu")).get(f"/m/tasks/{task['key']}"))[1]
    assert "张守田的要求" in page
    assert "13911112222" in page
    assert (await clerk.post(f"/api/v1/tasks/{task['key']}/close", {"outcome": "granted"}))[0] == 200
    status, mine = await farmer.get("/api/v1/me/requests")
    assert [each["done"] for each in mine["items"]] == ["手机号已经更正。"]
    assert (await Person.get(id=application.applicant_id)).phone == "13911112222"
    assert (await PrivacyRequest.get()).decided_at - NOW < timedelta(minutes=5)
