"""S6.6: credit queries over HTTP, with the simulator as the register: answering, slow, failing, babbling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from actions.credit_query import BureauError, Question
from handlers.bureau import HttpBureau, bureau_of
from models.conversation import Consent
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_review import apply

PATH = "/bureau/v1/credit-reports"
QUESTION = Question("ref-1", "张守田", "411082198503122455", "loan_review", "2026-01", "a" * 64)


async def test_an_officer_queries_by_authorisation_and_the_farmer_sees_it(world: World) -> None:
    """S6.6, S4.5"""
    application = await apply(world)
    farmer, key = await world.login("zhang"), application.key
    await Consent.create(
        county="411082", person_id=application.applicant_id, application_id=application.id,
        kind="credit_query_consent", version="2026-01", text_sha256="b" * 64, account="mini", openid="-",
        agreed_at=NOW,
    )  # fmt: skip
    world.runtime.settings = replace(
        world.runtime.settings, bureau_url=f"{world.runtime.settings.wechat_api}/bureau", bureau_token="t"
    )
    chen = await world.login("chen")
    path = f"/api/v1/applications/{key}/credit-queries"
    status, found = await chen.post(path, {"purpose": "loan_review"})
    assert (status, found["state"]) == (201, "answered"), found
    assert found["bureau"]["loans"] >= 0
    status, refused = await chen.post(path, {"purpose": "after_loan"})
    assert (status, refused["error"]["rule"], refused["error"]["code"]) == (422, "S6.6", "other_purpose")
    status, seen = await farmer.get(path)
    assert (status, [each["key"] for each in seen["items"]]) == (200, [found["key"]])
    assert (await farmer.post(path, {"purpose": "loan_review"}))[0] == 404
    assert (await chen.post(path, {"purpose": "curiosity"}))[0] == 400


async def test_no_register_is_asked_where_none_is_set(world: World) -> None:
    """S4.5"""
    assert bureau_of(world.runtime) is None


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "hang", "seconds": 30},
        {"kind": "http_status", "status": 503},
        {"kind": "garbage"},
        {"kind": "drop_before"},
        {"kind": "empty"},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_a_register_that_does_not_answer_properly_is_an_error(
    platform: Any, fault: dict[str, Any]
) -> None:
    """S4.5"""
    base = str(platform.make_url("/bureau"))
    answer = await platform.post("/admin/faults", json=[{"endpoint": PATH, "count": 1, **fault}])
    assert answer.status in (200, 201), await answer.text()
    async with aiohttp.ClientSession() as http:
        bureau = HttpBureau(http, base, "t", wait=aiohttp.ClientTimeout(total=1))
        with pytest.raises(BureauError):
            await bureau.report(QUESTION)
        first = await bureau.report(QUESTION)
        assert first == await bureau.report(QUESTION), "the same number gives the same report"
        with pytest.raises(BureauError, match="status 401"):
            await HttpBureau(http, base, "", wait=aiohttp.ClientTimeout(total=1)).report(QUESTION)
        with pytest.raises(BureauError, match="status 400"):
            await bureau.report(Question("r", "x", "1", "loan_review", "v", ""))
