"""What every test may use: a fresh database on the embedded server or on TIANXIN_TEST_DATABASE_URL."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bot import database
from models import sealing

ROOT = Path(__file__).parents[1]

# the same examples every time: what decides a change must not depend on luck; `search` looks further
settings.register_profile("same", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL server: the one named in TIANXIN_TEST_DATABASE_URL, else an embedded one."""
    if url := os.environ.get("TIANXIN_TEST_DATABASE_URL"):
        yield url
        return
    # not in pytest's own folder: a later run on this machine tidies that one away
    with tempfile.TemporaryDirectory(prefix="tianxin-tests-") as folder:
        url, server = database.start_embedded(Path(folder))
        yield url
        server.cleanup()


@pytest.fixture(scope="session", autouse=True)
def _keys() -> None:
    sealing.install(
        sealing.Keyring({1: secrets.token_bytes(32)}, current=1, index_key=secrets.token_bytes(32))
    )


@pytest.fixture(scope="session")
async def template_database(server_url: str) -> AsyncIterator[str]:
    """A migrated database, copied for each test module that asks for `db`."""
    name = f"tianxin_template_{secrets.token_hex(4)}"
    url = await database.create_database(server_url, name)
    await database.migrate(url)
    yield name
    await database.drop_database(server_url, name)


@pytest.fixture
async def db_url(server_url: str, template_database: str) -> AsyncIterator[str]:
    """The address of a fresh, migrated, empty database."""
    import asyncpg

    name = f"tianxin_test_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(server_url)
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
    await admin.close()
    yield database.replace_database(server_url, name)
    await database.drop_database(server_url, name)


@pytest.fixture
async def db(db_url: str) -> AsyncIterator[str]:
    """A fresh database that models and actions are connected to."""
    await database.connect(db_url)
    yield db_url
    await database.disconnect()


LONGEST = (
    "tests/bot/test_command_line.py",
    "tests/browser/",
    "tests/chaos/",
    "tests/flows/",
    "tests/handlers/test_api_scope.py",
)
"""What takes longest begins first: else one process works on it alone at the end, and the other waits."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))
