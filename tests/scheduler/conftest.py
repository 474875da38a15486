"""A county whose notices go to a simulated WeChat over real HTTP."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import fakeredis
import pytest
from aiohttp.test_utils import TestClient, TestServer
from notice_world import ACCOUNTS, NOW, StandingClock, World

from bot import database, logs
from bot.config import Settings
from bot.runtime import Runtime
from bot.wechat.client import WeChat
from policies import Packs, load_packs
from rules.delivery import check_move
from rules.notices import DeliveryState
from simulator import AccountConfig, SimulatorConfig, Template, create_simulator

TABLES = (
    *("task", "delivery", "notice", "receipt", "subscribe_grant", "opt_out", "contact_count", "quota_use"),
    *(
        "repayment_slip",
        "promise",
        "instalment",
        "loan",
        "loan_application",
        "draft",
        "post",
        "delegation",
        "organisation",
        "wechat_user",
    ),
    *("person", "household", "region", "job_slot", "pgqueuer", "pgqueuer_log", "pgqueuer_statistics"),
)
WATCH = """
CREATE TABLE moved (county text, before text, after text, attempts int);
CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO moved VALUES (new.county, old.state, new.state, old.attempts); RETURN NULL; END $$;
CREATE TRIGGER note_move AFTER UPDATE OF state ON delivery FOR EACH ROW
  WHEN (old.state <> new.state) EXECUTE FUNCTION note_move()"""
WIPE = "DELETE FROM moved;" + ";".join(f"DELETE FROM {table}" for table in TABLES)  # noqa: S608 - names of ours


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    logs.configure(demo=False)


@pytest.fixture(scope="session")
def packs() -> Packs:
    return Packs.of([load_packs()["changge"]])


@pytest.fixture(scope="module")
async def connected(server_url: str, template_database: str) -> AsyncIterator[str]:
    """One database for all tests of a file: they leave it as they found it."""
    name = f"tianxin_test_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(server_url)
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    await admin.close()
    url = database.replace_database(server_url, name)
    await database.connect(url)
    async with database.transaction() as connection:
        await connection.execute(WATCH)
    yield url
    await database.disconnect()
    await database.drop_database(server_url, name)


@pytest.fixture
async def db(connected: str) -> AsyncIterator[str]:
    """An empty database that models and actions are connected to; every move in it is one of MOVES."""
    yield connected
    moves = await database.fetch("SELECT DISTINCT before, after, attempts > 0 AS attempted FROM moved")
    async with database.transaction() as connection:
        await connection.execute(WIPE)
    for move in moves:
        check_move(DeliveryState(move[0]), DeliveryState(move[1]), attempted=move[2])


@pytest.fixture
async def platform() -> AsyncIterator[TestClient[Any, Any]]:
    accounts = [
        AccountConfig(
            name=account.name,
            appid=account.appid,
            secret=account.secret,
            kind=account.kind,
            templates={each: Template(each) for each in account.templates.values()},
        )
        for account in ACCOUNTS.values()
    ]
    config = SimulatorConfig(accounts=accounts, at=NOW.isoformat())
    async with TestClient(TestServer(create_simulator(config), host="127.0.0.1")) as client:
        yield client


@pytest.fixture
async def runtime(db: str, packs: Packs, platform: TestClient[Any, Any]) -> AsyncIterator[Runtime]:
    redis = fakeredis.FakeAsyncRedis()
    base = str(platform.make_url("")).rstrip("/")
    clock = StandingClock(NOW)
    async with aiohttp.ClientSession() as http:
        wechat = {
            name: WeChat(
                account, http, base, redis, clock.now, timeout=aiohttp.ClientTimeout(total=3, connect=3)
            )
            for name, account in ACCOUNTS.items()
        }
        settings = Settings(env="demo", public_url="https://tianxin.example")
        yield Runtime(settings, ACCOUNTS, packs, clock, redis, http, wechat, database_url=db)
        for client in wechat.values():
            await client.close()


@pytest.fixture
def world(runtime: Runtime, platform: TestClient[Any, Any], packs: Packs) -> World:
    return World(runtime, platform, packs["changge"])
