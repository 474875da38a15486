"""What every test may use: an empty database on the embedded server or on TIANXIN_TEST_DATABASE_URL."""

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
    """A migrated database to copy."""
    name = f"tianxin_template_{secrets.token_hex(4)}"
    url = await database.create_database(server_url, name)
    await database.migrate(url)
    yield name
    await database.drop_database(server_url, name)


_SHAPE = """
SELECT md5(string_agg(it, ',' ORDER BY it)) FROM (
  SELECT concat_ws(' ', c.relkind, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relacl) AS it
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', 'column', a.attrelid::regclass, a.attname, a.atttypid, a.atttypmod, a.attnotnull)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND c.relkind IN ('r', 'p')
  UNION ALL SELECT concat_ws(' ', 'trigger', t.tgrelid::regclass, t.tgname, t.tgenabled) FROM pg_trigger t
  WHERE NOT t.tgisinternal
  UNION ALL SELECT concat_ws(' ', 'function', p.oid, md5(p.prosrc)) FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace
  UNION ALL SELECT concat_ws(' ', 'constraint', k.conrelid, k.conname, k.convalidated) FROM pg_constraint k
  WHERE k.connamespace = 'public'::regnamespace
) shape"""
"""What a test must leave as it was, else its database is not used again."""
_EMPTY = """
DO $$
DECLARE
  here regclass;
  filled boolean;
BEGIN
  PERFORM set_config('session_replication_role', 'replica', true);  -- past triggers that let nobody delete
  FOR here IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      AND relname NOT LIKE '%migrations' LOOP
    IF pg_relation_size(here) > 0 THEN
      EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', here) INTO filled;
      IF filled AND pg_relation_size(here) > 2000000 THEN
        EXECUTE format('TRUNCATE %s CASCADE', here);
      ELSIF filled THEN
        EXECUTE format('DELETE FROM %s', here);
      END IF;
    END IF;
  END LOOP;
  PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
  FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$"""


class Kept:
    """The database that one test after the other uses: emptied between them, made anew where that fails."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._name = self._shape = ""

    async def take(self) -> str:
        """The address of an empty, migrated database."""
        import asyncpg

        if not self._name:
            self._name = f"tianxin_test_{secrets.token_hex(4)}"
            admin = await asyncpg.connect(self._server)
            await admin.execute(f'CREATE DATABASE "{self._name}" TEMPLATE "{self._template}"')
            await admin.close()
            inside = await asyncpg.connect(self._url)
            self._shape = await inside.fetchval(_SHAPE)
            await inside.close()
        return self._url

    @property
    def _url(self) -> str:
        return database.replace_database(self._server, self._name)

    async def give_back(self) -> None:
        """Empty it for the next test."""
        import asyncpg

        try:
            inside = await asyncpg.connect(self._url, timeout=20)
            try:
                await inside.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid()"""
                )
                if await inside.fetchval(_SHAPE) == self._shape:
                    await inside.execute(_EMPTY, timeout=20)
                    return
            finally:
                await inside.close(timeout=20)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # the test broke it, as some do for their living
        await self.drop()

    async def drop(self) -> None:
        if self._name:
            await database.drop_database(self._server, self._name)
            self._name = ""


@pytest.fixture(scope="session")
async def kept_database(server_url: str, template_database: str) -> AsyncIterator[Kept]:
    database_of_all = Kept(server_url, template_database)
    yield database_of_all
    await database_of_all.drop()


@pytest.fixture
async def db_url(kept_database: Kept) -> AsyncIterator[str]:
    """The address of a migrated, empty database."""
    yield await kept_database.take()
    await kept_database.give_back()


@pytest.fixture
async def db(db_url: str) -> AsyncIterator[str]:
    """An empty database that models and actions are connected to."""
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
