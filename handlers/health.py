"""Is the process alive, can it do its work, and what does it say of itself."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from tortoise.exceptions import BaseORMException

from bot import database
from handlers.errors import json_response
from handlers.keys import RUNTIME

log = structlog.get_logger("tianxin.http")
_PATIENCE_SECONDS = 2


async def healthz(request: web.Request) -> web.Response:
    """The process answers. Says nothing of the database: a restart would not mend that."""
    del request
    return json_response({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Database and Redis answer within two seconds: 200, otherwise 503 with which of them does not."""
    checks = {"database": await _database(), "redis": await _redis(request)}
    ready = all(checks.values())
    words = {name: "ok" if fine else "unavailable" for name, fine in checks.items()}
    return json_response(
        {"status": "ready" if ready else "unavailable", "checks": words}, 200 if ready else 503
    )


async def _database() -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await database.fetch("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException) as error:
        log.warning("database_not_ready", error=type(error).__name__)
        return False
    return True


async def _redis(request: web.Request) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await request.app[RUNTIME].redis.ping()
    except (OSError, TimeoutError, RedisError) as error:
        log.warning("redis_not_ready", error=type(error).__name__)
        return False
    return True


async def metrics(request: web.Request) -> web.Response:
    """All metrics of the process in Prometheus' text format."""
    del request
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
