"""The web application over a real database, with the simulator as WeChat and everybody of a small county."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer, unused_port

from actions import demo_data
from bot.config import Settings
from bot.runtime import Clock, Runtime
from bot.wechat.client import WeChat
from handlers.routes import create_app
from policies import Packs, load_packs
from simulator import AccountConfig, SimulatorConfig, create_simulator
from simulator.people import openid_of, unionid_of
from tests.handlers.api_world import ACCOUNTS, NOW, PLATFORM, World


@pytest.fixture(scope="session")
def packs() -> Packs:
    return load_packs()


@pytest.fixture
async def platform() -> AsyncIterator[TestClient[Any, Any]]:
    accounts = [
        AccountConfig(
            name=account.name,
            appid=account.appid,
            secret=account.secret,
            kind=account.kind,
            token=account.token,
            aes_key=account.aes_key,
            open_platform=PLATFORM,
        )
        for account in ACCOUNTS.values()
    ]
    config = SimulatorConfig(accounts=accounts, at="2026-11-28T09:00")
    async with TestClient(TestServer(create_simulator(config))) as client:
        yield client


@pytest.fixture
async def runtime(
    db: str, packs: Packs, platform: TestClient[Any, Any], tmp_path: Path
) -> AsyncIterator[Runtime]:
    import fakeredis

    redis = fakeredis.FakeAsyncRedis()
    base = str(platform.make_url("")).rstrip("/")
    clock = Clock(NOW)
    async with aiohttp.ClientSession() as http:
        wechat = {name: WeChat(account, http, base, redis, clock.now) for name, account in ACCOUNTS.items()}
        settings = Settings(env="demo", var=str(tmp_path), wechat_api=base, port=str(unused_port()))
        yield Runtime(settings, ACCOUNTS, packs, clock, redis, http, wechat, database_url=db)
        for client in wechat.values():
            await client.close()
    await redis.aclose()


@pytest.fixture
async def world(runtime: Runtime, platform: TestClient[Any, Any]) -> AsyncIterator[World]:
    """The demo county in the database; log somebody in with `world.login("zhang")`."""
    for county in demo_data.COUNTIES.values():
        identities = {
            person.id: tuple(
                (account.name, openid_of(account.appid, person.id), unionid_of(PLATFORM, person.id) or "")
                for account in ACCOUNTS.values()
                if account.county == county.county
            )
            for person in county.people
        }
        await demo_data.make_county(county, identities, NOW)
    async with TestClient(TestServer(create_app(runtime), port=int(runtime.settings.port))) as client:
        yield World(client, platform, runtime)
