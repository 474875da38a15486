"""The chat over a real database: a phone for anybody, and further processes on the same database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer
from chat_kit import SERVICE, Phone, webhook_app

from actions import demo_data
from bot.runtime import Runtime


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    # the default of structlog draws every traceback with its locals, which takes seconds
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
async def clients(runtime: Runtime) -> AsyncIterator[list[TestClient[Any, Any]]]:
    """Two processes' worth of the webhook on one database."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(TestClient(TestServer(webhook_app(runtime)))) for _ in range(2)
        ]


@pytest.fixture
async def county(runtime: Runtime) -> None:
    """The demo county; phone("o-zhang") is its zhang's phone, phone("o-wang") that of his village's cadre."""
    people = {person.id: ((SERVICE.name, f"o-{person.id}", ""),) for person in demo_data.CHANGGE.people}
    await demo_data.make_county(demo_data.CHANGGE, people, runtime.now())


@pytest.fixture
def phone(clients: list[TestClient[Any, Any]], runtime: Runtime) -> Callable[..., Phone]:
    """phone("o-zhang") is somebody's WeChat; safe mode unless safe=False."""

    def make(openid: str = "o-farmer", **more: Any) -> Phone:
        return Phone(clients[0], SERVICE, runtime.clock, openid, **more)

    return make
