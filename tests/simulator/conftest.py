"""A simulator on a test server, and a tiny backend that is pushed to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from simulator_kit import Backend, Sim, Start, mini, service

from simulator import SIMULATOR, SimulatorConfig, create_simulator


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    made = Backend()
    app = web.Application()
    app.router.add_get("/wechat/county", made.verify)
    app.router.add_post("/wechat/county", made.take)
    made.server = TestServer(app, host="127.0.0.1")
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start simulators; they are stopped at the end of the test."""
    clients: list[TestClient[web.Request, web.Application]] = []

    async def begin(config: SimulatorConfig | None = None) -> Sim:
        app = create_simulator(config or SimulatorConfig(accounts=[service(), mini()]))
        client = TestClient(TestServer(app, host="127.0.0.1"))
        await client.start_server()
        clients.append(client)
        return Sim(client, app[SIMULATOR])

    yield begin
    for client in clients:
        await client.close()


@pytest.fixture
async def sim(start: Start) -> Sim:
    """A simulator that pushes nowhere."""
    return await start()


@pytest.fixture
async def pushing(start: Start, backend: Backend) -> Sim:
    """A simulator that pushes to the backend, in plain mode."""
    return await start(
        SimulatorConfig(
            accounts=[service(push_url=backend.url, push_mode="plain"), mini()],
            switches={"push_timeout_seconds": 0.2, "receipt_delay_seconds": [0, 0]},
        )
    )
