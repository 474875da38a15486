"""A deployment on this machine: real processes, their database, Redis, and the platform that judges them."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import asyncpg

from bot import database, keys
from bot.config import SHANGHAI
from models import sealing
from policies import Pack, load_packs
from tests.chaos.proxy import Proxy, Target

ROOT = Path(__file__).parents[2]
COUNTY = "411082"
ACCOUNT, MINI = "changge", "changge-mini"
MORNING = datetime(2026, 11, 28, 9, 0, tzinfo=SHANGHAI)
"""A Saturday morning: no quiet hours."""
PATIENCE = 120.0
"""Seconds to wait for what must happen: a busy machine is slow, and slow is not wrong."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Process:
    """A child process of ours. It is killed by its number, never by its name."""

    role: str
    child: subprocess.Popen[bytes]
    port: int
    log: Path
    host: str = "127.0.0.1"
    slowest: float = 0.0
    """Seconds of its slowest health check."""

    @property
    def alive(self) -> bool:
        return self.child.poll() is None

    def kill(self) -> None:
        """As the power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGKILL)
        self.child.wait(10)

    async def stop(self, seconds: float = 30) -> tuple[int, float]:
        """Ask it to end; its exit code and how long it took."""
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        await until(lambda: _true(not self.alive), f"{self.role} to end", seconds)
        return int(self.child.returncode), time.monotonic() - began

    async def ended(self, seconds: float = PATIENCE) -> None:
        await until(lambda: _true(not self.alive), f"{self.role} to die", seconds)

    def words(self, lines: int = 12) -> str:
        text = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(text[-lines:])


async def _true(value: bool) -> bool:
    return value


def _die_with_parent() -> None:
    """Nothing of ours outlives a test run that was killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _runs(pid: int) -> bool:
    """Does a process run? One that is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = PATIENCE) -> float:
    """Wait for a condition; how long it took. Raises TimeoutError naming what did not happen."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


@dataclass
class Lab:
    """What all scenarios of a run share: a database server with a migrated template, perhaps a Redis."""

    folder: Path
    server_url: str
    template: str
    redis_url: str
    embedded: Any = None
    short: bool = False

    @classmethod
    @asynccontextmanager
    async def opened(cls, *, embedded: bool = False, short: bool = False) -> AsyncIterator[Lab]:
        """A lab on TIANXIN_TEST_DATABASE_URL and _REDIS_URL, or on an embedded server of its own."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tianxin-chaos-")))
            folder.chmod(0o755)
            url, server = os.environ.get("TIANXIN_TEST_DATABASE_URL", ""), None
            if embedded or not url:
                url, server = await asyncio.to_thread(database.start_embedded, folder)
                stack.push_async_callback(asyncio.to_thread, server.cleanup)
            template = f"tianxin_chaos_{secrets.token_hex(4)}"
            await database.migrate(await database.create_database(url, template))
            lab = cls(folder, url, template, os.environ.get("TIANXIN_TEST_REDIS_URL", ""), server, short)
            try:
                yield lab
            finally:
                await database.drop_database(url, template)

    @property
    def postmaster(self) -> int:
        """Process id of the embedded server."""
        return int(self.embedded.get_postmaster_info().pid)

    async def crash_database(self) -> None:
        """The server stops as in a crash: nothing is flushed, the log is replayed at the next start."""
        gone = self.postmaster
        os.kill(gone, signal.SIGQUIT)
        await until(lambda: _true(not _runs(gone)), "the database to be dead")

    async def start_database(self) -> None:
        """Start it again, and wait as long as it takes to replay its log."""
        with contextlib.suppress(subprocess.SubprocessError):  # it waits ten seconds only
            await asyncio.to_thread(self.embedded.ensure_postgres_running)
        await database.wait_until_up(self.server_url, seconds=PATIENCE)
        await asyncio.to_thread(self.embedded.ensure_postgres_running)


def socket_of(url: str) -> Target:
    """Where a database listens."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host", [""])[0]
    if folder.startswith("/"):
        return f"{folder}/.s.PGSQL.{parts.port or 5432}"
    return parts.hostname or "127.0.0.1", parts.port or 5432


def through(url: str, port: int) -> str:
    """The same database through a proxy on this machine."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username or 'postgres'}@127.0.0.1:{port}{parts.path}"


@dataclass
class Site:
    """One deployment with a database of its own, driven by one scenario."""

    lab: Lab
    folder: Path
    url: str
    seed: int
    http: aiohttp.ClientSession
    pack: Pack
    starts_at: datetime
    began: float
    appids: Mapping[str, str]
    redis_url: str = ""
    platform: Process | None = None
    platform_url: str = ""
    processes: list[Process] = field(default_factory=list)
    balancer: Proxy | None = None
    made: int = 0
    kills: int = 0
    faults: int = 0

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @property
    def now(self) -> datetime:
        """What the clocks of this deployment show."""
        return self.starts_at + timedelta(seconds=time.monotonic() - self.began)

    def move_clock(self, by: timedelta) -> None:
        """For processes that are started from now on."""
        self.starts_at += by

    # ---- processes

    def spawn(
        self, role: str, command: list[str], port: int, prefix: tuple[str, ...] = (), **environ: str
    ) -> Process:
        log = self.folder / f"{role}-{len(self.processes)}.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TIANXIN_")}
        with log.open("ab") as out:
            child = subprocess.Popen(
                [*prefix, sys.executable, *command],
                cwd=ROOT,
                env={**kept, **environ},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        process = Process(role, child, port, log)
        self.processes.append(process)
        return process

    def environment(self, at: datetime | None = None, **changes: str) -> dict[str, str]:
        return {
            "TIANXIN_ENV": "demo",
            "TIANXIN_DATABASE_URL": self.url,
            "TIANXIN_REDIS_URL": self.redis_url,
            "TIANXIN_ACCOUNTS": str(self.folder / "accounts.toml"),
            "TIANXIN_KEYS": str(self.folder / "keys.toml"),
            "TIANXIN_VAR": str(self.folder),
            "TIANXIN_WECHAT_API": self.platform_url,
            "TIANXIN_NOW": (at or self.now).isoformat(),
            "TIANXIN_POOL": "6",
            **changes,
        }

    async def start(
        self,
        role: str,
        *,
        at: datetime | None = None,
        ready: bool = True,
        prefix: tuple[str, ...] = (),
        **changes: str,
    ) -> Process:
        """Start serve, worker or scheduler and wait until it says that it is ready."""
        for _ in range(3):
            port = free_port()
            where = {"TIANXIN_PORT" if role == "serve" else "TIANXIN_HEALTH_PORT": str(port)}
            environ = self.environment(at, **where, **changes)
            process = self.spawn(role, ["-m", "bot", role], port, prefix, **environ)
            process.host = changes.get("TIANXIN_HOST", process.host)
            if not ready:
                return process
            await until(lambda p=process: self._up(p), f"{role} to be ready")
            if process.alive or changes.get("TIANXIN_FAILPOINT"):
                return process
            if "address already in use" not in process.words():
                break
        raise RuntimeError(f"{role} does not start:\n{process.words()}")

    async def _up(self, process: Process) -> bool:
        if not process.alive:
            return True
        path = "admin/clock" if process.role == "platform" else "readyz"
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self.http.get(f"http://{process.host}:{process.port}/{path}") as answer:
                return answer.status == 200
        return False

    def kill(self, process: Process) -> None:
        process.kill()
        self.kills += 1

    async def web(self, count: int = 1, **changes: str) -> list[Process]:
        """Web processes behind a balancer; WeChat's pushes come to them."""
        found = list(await asyncio.gather(*(self.start("serve", **changes) for _ in range(count))))
        if self.balancer is None:
            self.balancer = await Proxy([], balancing=True).start()
        self.balancer.targets[:] = [("127.0.0.1", process.port) for process in found]
        push_url = f"http://127.0.0.1:{self.balancer.port}/wechat/{ACCOUNT}"
        await self.admin("accounts", {"appid": self.appids[ACCOUNT], "push_url": push_url})
        return found

    def replace_target(self, old: Process, new: Process) -> None:
        assert self.balancer is not None
        targets = self.balancer.targets
        targets[targets.index(("127.0.0.1", old.port))] = ("127.0.0.1", new.port)

    # ---- the platform

    async def admin(self, path: str, body: Any = None, **query: Any) -> Any:
        method, url = "GET" if body is None else "POST", f"{self.platform_url}/admin/{path}"
        async with self.http.request(method, url, json=body, params=query) as answer:
            if answer.status != 200:
                raise RuntimeError(f"admin/{path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def fault(self, endpoint: str = "/cgi-bin/message/template/send", **fault: Any) -> None:
        self.faults += int(fault.get("count", 1))
        await self.admin("faults", {"endpoint": endpoint, "seed": self.seed, **fault})

    async def sent(self) -> list[dict[str, Any]]:
        """Every message the platform took, in order: the judge."""
        return list((await self.admin("sent"))["sent"])

    async def usage(self, path: str) -> int:
        accounts = (await self.admin("accounts"))["accounts"]
        return sum(int(account["usage"].get(path, 0)) for account in accounts)

    # ---- rows

    async def rows(self, sql: str, *values: object) -> list[Any]:
        return list(await database.fetch(sql, *values))

    async def value(self, sql: str, *values: object) -> Any:
        return (await self.rows(sql, *values))[0][0]

    async def close(self) -> None:
        for process in self.processes:
            if process.alive:
                process.kill()
        if self.balancer is not None:
            await self.balancer.close()


@asynccontextmanager
async def opened(
    lab: Lab, seed: int, *, at: datetime = MORNING, redis_url: str | None = None
) -> AsyncIterator[Site]:
    """A deployment with an empty database and its platform; no process of ours runs yet."""
    folder = lab.folder / f"site-{secrets.token_hex(4)}"
    folder.mkdir()
    key_file = keys.load_or_create(folder / "keys.toml", may_create=True)
    before = list(sealing._installed)
    sealing.install(sealing.Keyring(key_file.data_keys, key_file.current, key_file.index_key))
    name = f"tianxin_chaos_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(lab.server_url)
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{lab.template}"')
    await connection.close()
    url = database.replace_database(lab.server_url, name)
    pack = load_packs()["changge"]
    appids = {ACCOUNT: f"wx{secrets.token_hex(8)}", MINI: f"wx{secrets.token_hex(8)}"}
    (folder / "accounts.toml").write_text(_accounts(appids, pack), encoding="utf-8")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        redis = lab.redis_url if redis_url is None else redis_url
        site = Site(lab, folder, url, seed, http, pack, at, time.monotonic(), appids, redis)
        try:
            await _start_platform(site)
            await database.connect(url, pool_max=4)
            yield site
        except Exception:
            await _tell_all(site)
            raise
        finally:
            await site.close()
            await database.disconnect()
            await database.drop_database(lab.server_url, name)
            sealing._installed[:] = before
            shutil.rmtree(folder, ignore_errors=True)


async def _tell_all(site: Site) -> None:
    """What somebody who looks for the cause wants to see."""
    with contextlib.suppress(Exception):
        for sql in (
            """SELECT state, channel, attempts, count(*), min(not_before), min(lease_until) FROM delivery
               GROUP BY 1, 2, 3""",
            "SELECT entrypoint, status, count(*), min(heartbeat) FROM pgqueuer GROUP BY 1, 2",
            "SELECT job, day, state, attempts, error FROM job_slot WHERE state <> 'done'",
        ):
            for row in await site.rows(sql):
                print(dict(row), file=sys.stderr)
    for process in site.processes[-8:]:
        words = process.words(4)
        print(f"{process.role} {process.child.poll()}: {words}", file=sys.stderr)


async def _start_platform(site: Site) -> None:
    port = free_port()
    command = ["-m", "simulator", "--port", str(port), "--accounts", str(site.folder / "accounts.toml")]
    command += ["--log", str(site.folder / "sent.jsonl"), "--at", site.starts_at.isoformat()]
    site.platform = site.spawn("platform", [*command, "--seed", str(site.seed)], port)
    site.platform_url = f"http://127.0.0.1:{port}"
    await until(lambda: site._up(site.platform), "the platform")  # type: ignore[arg-type]


def _accounts(appids: Mapping[str, str], pack: Pack) -> str:
    key = secrets.token_urlsafe(48).replace("-", "a").replace("_", "b")[:42] + "A"
    rows = []
    for name, kind in ((ACCOUNT, "service"), (MINI, "mini_program")):
        rows.append(
            f'[[account]]\nname = "{name}"\nkind = "{kind}"\ncounty = "{COUNTY}"\nappid = "{appids[name]}"\n'
            f'secret = "{secrets.token_hex(16)}"\ntoken = "{secrets.token_hex(16)}"\naes_key = "{key}"\n'
            f'original_id = "gh_{secrets.token_hex(6)}"\n'
        )
        if kind == "service":
            rows.append("[account.templates]\n")
            rows += [f'{template} = "TPL-{template}"\n' for template in pack.contents.templates]
    return "".join(rows)
