"""Every error has one shape, says what to do, and tells nothing of the inside."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.errors import Conflict, NotFound, RuleRefused
from bot.runtime import Runtime
from handlers.errors import HttpError
from handlers.routes import create_app

SECRET = "SELECT name FROM person WHERE phone = '13800001234'"
FAULTS: dict[str, tuple[Exception, int, str]] = {
    "rule": (RuleRefused("S1.6", "不行。", code="no", field="amount"), 422, "no"),
    "missing": (NotFound(), 404, "not_found"),
    "conflict": (Conflict("S1.2", "晚了一步。"), 409, "conflict"),
    "http": (HttpError(415), 415, "unsupported_media_type"),
    "teapot": (web.HTTPExpectationFailed(), 417, "invalid_request"),
    "fault": (ValueError(SECRET), 500, "internal"),
    "nested": (ExceptionGroup(SECRET, [KeyError(SECRET)]), 500, "internal"),
    "sql": (asyncpg.UndefinedTableError(SECRET), 500, "internal"),
    "busy": (asyncpg.TooManyConnectionsError(SECRET), 503, "unavailable"),
    "locked": (asyncpg.LockNotAvailableError(SECRET), 503, "unavailable"),
    "line": (ConnectionResetError(SECRET), 503, "unavailable"),
}


async def fail(request: web.Request) -> web.Response:
    raise FAULTS[request.match_info["name"]][0]


@pytest.fixture
async def client(runtime: Runtime) -> Any:
    app = create_app(runtime)
    app.router.add_get("/api/v1/fail/{name}", fail)
    app.router.add_get("/m/fail/{name}", fail)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize("name", FAULTS)
async def test_whatever_goes_wrong_is_one_shape_without_the_inside(
    name: str, client: Any, capfd: Any
) -> None:
    _, status, code = FAULTS[name]
    answer = await client.get(f"/api/v1/fail/{name}")
    text = await answer.text()
    error = (await answer.json())["error"]
    assert (answer.status, error["code"], set(error)) == (status, code, {"code", "rule", "message", "field"})
    assert error["message"].endswith("。")
    assert "SELECT" not in text
    assert "Traceback" not in text
    assert len(answer.headers["X-Request-Id"]) == 16
    if status == 503:
        assert "Retry-After" in answer.headers


@pytest.mark.parametrize("name", ["rule", "missing", "fault", "busy"])
async def test_on_a_page_it_is_a_page_with_a_way_on(name: str, client: Any) -> None:
    _, status, _ = FAULTS[name]
    answer = await client.get(f"/m/fail/{name}")
    page = await answer.text()
    assert (answer.status, answer.content_type) == (status, "text/html")
    assert 'href="/m/"' in page
    assert "SELECT" not in page


async def test_a_rule_says_which_one_it_is_and_which_answer_is_meant(client: Any) -> None:
    error = (await (await client.get("/api/v1/fail/rule")).json())["error"]
    assert error == {"code": "no", "rule": "S1.6", "message": "不行。", "field": "amount"}
