"""Builds everything in order and takes it down in reverse; the only file, with the command line, that may
import all rooms."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bot import database, failpoints, keys, logs
from bot.config import Account, Settings, load_accounts
from bot.runtime import Clock, Runtime
from bot.wechat.client import WeChat
from handlers.jobs import ENTRYPOINTS
from handlers.routes import create_app, create_health_app
from models import sealing
from policies import load_packs
from scheduler import runner, workers

log = structlog.get_logger()
HTTP_TIMEOUT_S = 8


@asynccontextmanager
async def open_runtime(
    settings: Settings, *, migrate: bool = False, accounts: dict[str, Account] | None = None
) -> AsyncIterator[Runtime]:
    """Database, keys, packs, Redis and WeChat clients of one process.

    Raises ConfigError or DatabaseError.
    """
    logs.configure(demo=settings.demo, level=logging.WARNING if settings.demo else logging.INFO)
    var = Path(settings.var)
    key_file = keys.load_or_create(
        Path(settings.keys) if settings.keys else var / "keys.toml", may_create=settings.demo
    )
    sealing.install(sealing.Keyring(key_file.data_keys, key_file.current, key_file.index_key))
    packs = load_packs(Path(settings.policy_dir) if settings.policy_dir else None)
    async with AsyncExitStack() as stack:
        url = await _database(settings, var, stack)
        if migrate:
            await database.migrate(url)
        await database.connect(url, pool_max=settings.pool_size)
        stack.push_async_callback(database.disconnect)
        if missing := await database.missing_migrations():
            raise database.DatabaseError(
                f"the database lacks {len(missing)} migrations, {missing[0]} first: run `tianxin migrate`"
            )
        redis = _redis(settings)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=HTTP_TIMEOUT_S), connector=aiohttp.TCPConnector(limit=200)
            )
        )
        clock = Clock(settings.starts_at())
        if accounts is None:
            accounts = load_accounts(settings.accounts) if settings.accounts else {}
        runtime = Runtime(
            settings=settings,
            accounts=accounts,
            packs=packs,
            clock=clock,
            redis=redis,
            http=http,
            wechat={
                name: WeChat(account, http, settings.wechat_api, redis, clock.now)
                for name, account in accounts.items()
            },
            failpoint=failpoints.deadly(settings.failpoint),
            database_url=url,
        )
        for client in runtime.wechat.values():
            stack.push_async_callback(client.close)
        yield runtime


async def _database(settings: Settings, var: Path, stack: AsyncExitStack) -> str:
    if settings.database_url:
        return settings.database_url
    url, server = await asyncio.to_thread(database.start_embedded, var)
    stack.push_async_callback(asyncio.to_thread, server.cleanup)
    return url


def _redis(settings: Settings) -> Redis:
    if settings.redis_url:
        # a command is sent once: what may not run twice must not be repeated by the client on its own
        return Redis.from_url(
            settings.redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=1, socket_connect_timeout=1
        )
    import fakeredis

    return fakeredis.FakeAsyncRedis()


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application while the block runs; yields the port."""
    web_runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await web_runner.setup()
    try:
        site = web.TCPSite(web_runner, host, port)
        await site.start()
        gc.collect()
        gc.freeze()  # what the start has made stays: the collector need not walk it again with every request
        addresses: list[Any] = web_runner.addresses
        yield int(addresses[0][1])
    finally:
        await web_runner.cleanup()


@asynccontextmanager
async def watched(runtime: Runtime) -> AsyncIterator[None]:
    """Answer /healthz, /readyz and /metrics of a worker or scheduler, where a port is set for it."""
    settings = runtime.settings
    if not settings.health_port:
        yield
        return
    async with listening(create_health_app(runtime), settings.host, int(settings.health_port)) as port:
        log.info("watched", port=port)
        yield


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """The web process."""
    async with (
        open_runtime(settings) as runtime,
        listening(create_app(runtime), settings.host, int(settings.port)) as port,
    ):
        log.info("serving", port=port)
        await stop.wait()


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """The worker process: takes jobs until told to stop, then finishes what it has in hand."""
    async with open_runtime(settings) as runtime, watched(runtime):
        await workers.work(runtime, stop, ENTRYPOINTS)


async def tick(settings: Settings, stop: asyncio.Event) -> None:
    """The scheduler process: says when, never does."""
    async with open_runtime(settings) as runtime, watched(runtime):
        await runner.run(runtime, stop)
