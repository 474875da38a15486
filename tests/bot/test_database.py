"""The transaction helper keeps the pool whole, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import random

import asyncpg
import pytest
from tortoise.connection import get_connection

from bot import database
from bot.database import tortoise_config

pytestmark = pytest.mark.usefixtures("db")


def borrowed() -> int:
    """Connections that the pool has handed out and not got back."""
    return sum(1 for holder in database.pool()._holders if holder._in_use is not None)


async def hold() -> None:
    async with database.transaction() as connection:
        await connection.execute("SELECT 1")


async def test_a_begin_that_is_cut_off_gives_its_connection_back() -> None:
    """D1: cancelled at four hundred different moments, the pool is as full as before."""
    await asyncio.gather(*(hold() for _ in range(30)))  # opens all connections
    chance = random.Random(7)
    for _ in range(400):
        task = asyncio.create_task(hold())
        await asyncio.sleep(chance.random() * 0.001)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert borrowed() == 0
    await asyncio.gather(*(hold() for _ in range(30)))


async def test_a_begin_that_fails_gives_its_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """D1: the server goes away between taking the connection and BEGIN."""
    await database.fetch("SELECT 1")
    start = asyncpg.transaction.Transaction.start

    async def broken(self: asyncpg.transaction.Transaction) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(asyncpg.transaction.Transaction, "start", broken)
    for _ in range(30):
        with pytest.raises(ConnectionResetError):
            await hold()
    monkeypatch.setattr(asyncpg.transaction.Transaction, "start", start)
    assert borrowed() == 0
    await hold()


async def test_after_a_begin_that_was_cut_off_statements_are_on_their_own_again() -> None:
    """D1: nothing later takes part in the transaction that never was."""
    await database.fetch("SELECT 1")
    start = asyncpg.transaction.Transaction.start
    async with contextlib.AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(
            asyncpg.transaction.Transaction,
            "start",
            lambda _self: asyncio.wait_for(asyncio.Event().wait(), 0),
        )
        with pytest.raises(TimeoutError):
            await hold()
    assert asyncpg.transaction.Transaction.start is start
    assert getattr(get_connection("default"), "_connection", None) is None
    assert [row["one"] for row in await database.fetch("SELECT 1 AS one")] == [1]


async def test_nested_transactions_are_savepoints() -> None:
    """An inner one that fails takes back its own work alone."""
    async with database.transaction() as connection:
        await connection.execute("CREATE TEMP TABLE kept (n int) ON COMMIT DROP")
        await connection.execute("INSERT INTO kept VALUES (1)")
        with contextlib.suppress(ZeroDivisionError):
            async with database.transaction() as inner:
                await inner.execute("INSERT INTO kept VALUES (2)")
                raise ZeroDivisionError
        assert await connection.fetchval("SELECT array_agg(n) FROM kept") == [1]
    assert borrowed() == 0


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(db: str) -> None:
    """D3: the limit of the connection ends it, and the connection goes on."""
    async with database.transaction() as connection:
        await connection.execute("SET LOCAL statement_timeout = 20")
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("SELECT pg_sleep(60)")
    assert await database.fetch("SELECT 1")
    credentials = tortoise_config(db)["connections"]["default"]["credentials"]
    assert credentials["server_settings"]["statement_timeout"] == "60000"
    assert credentials["command_timeout"] > 60
    assert (
        tortoise_config(db, statement_timeout_ms=0)["connections"]["default"]["credentials"][
            "command_timeout"
        ]
        is None
    )


async def test_the_planner_hears_of_tables_that_have_grown_and_of_no_others(db: str) -> None:
    """House: a county's first night joins what it has just filled."""
    await database.execute("CREATE TABLE grown (id int); CREATE TABLE quiet (id int)")
    assert await database.refresh_statistics("grown", "quiet", "not_there") == []
    await database.execute("INSERT INTO grown SELECT generate_series(1, 10000)")
    assert await database.refresh_statistics("grown", "quiet", "not_there") == ["grown"]
    known = await database.fetch("SELECT reltuples FROM pg_class WHERE relname = 'grown'")
    assert known[0]["reltuples"] == 10_000
    assert await database.refresh_statistics("grown", "quiet") == []
