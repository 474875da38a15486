"""What a process depends on, asked one by one: for `tianxin doctor`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from redis.exceptions import RedisError

from bot import database, keys
from bot.config import ConfigError
from bot.runtime import Runtime


@dataclass(frozen=True)
class Connection:
    """One thing a process needs: whether it is there, and what is known of it."""

    name: str
    fine: bool
    words: str


async def check_all(runtime: Runtime) -> list[Connection]:
    """Ask database, Redis, key file, accounts and the folder for uploads, each for itself."""
    return [
        await _asked("database", _database, runtime),
        await _asked("redis", _redis, runtime),
        await _asked("keys", _keys, runtime),
        await _asked("accounts", _accounts, runtime),
        await _asked("files", _files, runtime),
    ]


async def _asked(name: str, ask: Callable[[Runtime], Awaitable[str]], runtime: Runtime) -> Connection:
    try:
        return Connection(name, True, await ask(runtime))
    except (OSError, RedisError, ConfigError, database.DatabaseError) as error:
        return Connection(name, False, str(error) or type(error).__name__)


async def _database(runtime: Runtime) -> str:
    rows = await database.fetch(
        "SELECT current_setting('server_version') AS version, current_setting('max_connections')::int AS most"
    )
    known = len(database.migration_names())
    where = "embedded" if not runtime.settings.database_url else "separate"
    found = f"PostgreSQL {rows[0]['version']}, {where}, {known} of {known} migrations"
    if rows[0]["most"] < 3 * runtime.settings.pool_size:
        found += (
            f"; takes only {rows[0]['most']} connections, one process may open {runtime.settings.pool_size}"
        )
    return found


async def _redis(runtime: Runtime) -> str:
    begun = perf_counter()
    await runtime.redis.ping()
    took = (perf_counter() - begun) * 1000
    if not runtime.settings.redis_url:
        return "a stand-in inside the process: enough for one process"
    info = await runtime.redis.info("server")
    return f"Redis {info['redis_version']}, answers in {took:.1f} ms"


async def _keys(runtime: Runtime) -> str:
    settings = runtime.settings
    path = Path(settings.keys) if settings.keys else Path(settings.var) / "keys.toml"
    file = keys.load(path)
    return f"{path.name}: {len(file.data_keys)} data keys, {file.current} is current"


async def _accounts(runtime: Runtime) -> str:
    served = {pack.county for pack in runtime.packs}
    for account in runtime.accounts.values():
        if account.county not in served:
            raise ConfigError(f"account {account.name}: there is no pack for county {account.county}")
    if not runtime.accounts:
        return "none: nothing can be received or sent through WeChat"
    return f"{len(runtime.accounts)}: {', '.join(runtime.accounts)}"


async def _files(runtime: Runtime) -> str:
    folder = Path(runtime.settings.var)
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{folder} cannot be written to")
    return f"{folder}/files"
