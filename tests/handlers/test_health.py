"""What the machine room asks."""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer

from bot import database
from handlers.routes import create_health_app
from tests.handlers.api_world import World


async def test_a_healthy_process_is_alive_and_ready(world: World) -> None:
    alive, ready = await world.client.get("/healthz"), await world.client.get("/readyz")
    assert (alive.status, ready.status) == (200, 200)
    assert (await ready.json())["checks"] == {"database": "ok", "redis": "ok"}


async def test_without_its_database_it_is_alive_but_not_ready_and_requests_are_503(world: World) -> None:
    farmer = await world.login("zhang")
    await database.pool().close()
    alive, ready = await world.client.get("/healthz"), await world.client.get("/readyz")
    assert (alive.status, ready.status) == (200, 503)
    assert (await ready.json())["checks"]["database"] == "unavailable"
    status, body = await farmer.get("/api/v1/files/x/facts")
    assert (status, body["error"]["code"]) == (503, "unavailable")


async def test_metrics_count_requests_by_route_and_never_by_address(world: World) -> None:
    farmer = await world.login("zhang")
    await farmer.get("/api/v1/files/secretkey/facts")
    text = await (await world.client.get("/metrics")).text()
    assert 'tianxin_http_requests_total{method="GET",route="/api/v1/files/{key}/facts",status="404"}' in text
    assert "secretkey" not in text


async def test_a_worker_and_a_scheduler_answer_on_a_port_of_their_own(world: World) -> None:
    async with TestClient(TestServer(create_health_app(world.runtime))) as client:
        assert [(await client.get(path)).status for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
        assert (await client.get("/api/v1/me")).status == 404
