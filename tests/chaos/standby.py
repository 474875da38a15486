"""The standby, rehearsed: two servers, writers, the first one killed, the second promoted. Clause: S17.4.

    python -m tests.chaos.standby [--bin /usr/lib/postgresql/15/bin] [--seconds 5] [--asynchronous]

Pushes are kept by the program's own statement; one counts as acknowledged when its commit has answered. With
a synchronous standby none of these may be missing after the promotion; without, those that are missing are
counted. Exit 1 when one is missing that may not be, or when the second server takes more than a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import asyncpg

from actions import inbox
from actions.inbox import Arrived
from bot import database
from models import sealing

BOUND_SECONDS = 60
WRITERS = 8


@dataclass
class Servers:
    """Two clusters in one folder, owned by somebody who is not root (PostgreSQL refuses root)."""

    binaries: Path
    folder: Path
    first: int = field(default_factory=lambda: _free_port())
    second: int = field(default_factory=lambda: _free_port())

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=self.folder,
            user="postgres" if os.geteuid() == 0 else None,
        )  # fmt: skip

    def start(self, name: str, port: int, *settings: str) -> None:
        options = " ".join([f"-p {port} -k {self.folder} -h 127.0.0.1", *(f"-c {one}" for one in settings)])
        log = str(self.folder / f"{name}.log")
        self.run("pg_ctl", "-D", str(self.folder / name), "-w", "-l", log, "-o", options, "start")

    def url(self, port: int, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{port}/{name}"

    def kill_first(self) -> None:
        """Every process of the first server at once, as when its machine loses power."""
        pid = int((self.folder / "first" / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            os.kill(each, signal.SIGKILL)

    def stop(self) -> None:
        for name in ("first", "second"):
            if (self.folder / name / "postmaster.pid").exists():
                subprocess.run(
                    [str(self.binaries / "pg_ctl"), "-D", str(self.folder / name), "-m", "immediate", "stop"],
                    check=False, capture_output=True, user="postgres" if os.geteuid() == 0 else None,
                    cwd=self.folder,
                )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _write(url: str, number: int, acknowledged: list[str], stop: asyncio.Event) -> None:
    """Keep pushes one after the other until the server is gone; note each that was answered."""
    connection = await asyncpg.connect(url, timeout=10)
    count = 0
    try:
        while not stop.is_set():
            key, now = f"push-{number}-{count}", datetime.now(UTC)
            push = Arrived(key, "411082", "changge", f"o-{number}", "text", "", now, now, b"{}")
            await asyncio.wait_for(inbox.keep_for_later(connection, push), 10)
            acknowledged.append(key)
            count += 1
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        pass  # the server is gone: what was not answered WeChat sends again
    finally:
        connection.terminate()


async def _rehearse(servers: Servers, seconds: float, synchronous: bool) -> tuple[int, int, float]:
    """Acknowledged pushes, those missing on the promoted server, and how long until it took a write."""
    await asyncio.to_thread(
        servers.run, "initdb", "-D", str(servers.folder / "first"), "-U", "postgres", "-A", "trust"
    )
    await asyncio.to_thread(servers.start, "first", servers.first)
    url = await database.create_database(servers.url(servers.first), "county")
    await database.migrate(url)
    await asyncio.to_thread(
        servers.run, "pg_basebackup", "-d", servers.url(servers.first), "-D", str(servers.folder / "second"),
        "-R", "-C", "-S", "standby", "-X", "stream", "-c", "fast",
    )  # fmt: skip
    await asyncio.to_thread(servers.start, "second", servers.second)
    admin = await asyncpg.connect(url)
    if synchronous:
        await admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await admin.execute("SELECT pg_reload_conf()")
    while not await admin.fetchval("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await admin.close()
    acknowledged: list[str] = []
    stop = asyncio.Event()
    writers = [asyncio.create_task(_write(url, number, acknowledged, stop)) for number in range(WRITERS)]
    await asyncio.sleep(seconds)
    servers.kill_first()
    killed = monotonic()
    await asyncio.to_thread(servers.run, "pg_ctl", "-D", str(servers.folder / "second"), "-w", "promote")
    second = await asyncpg.connect(servers.url(servers.second, "county"))
    now = datetime.now(UTC)
    if synchronous:
        await second.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await second.execute("SELECT pg_reload_conf()")
    await inbox.keep_for_later(
        second, Arrived("after", "411082", "changge", "o", "text", "", now, now, b"{}")
    )
    took = monotonic() - killed
    stop.set()
    await asyncio.gather(*writers)
    there = {row["dedupe_key"] for row in await second.fetch("SELECT dedupe_key FROM inbox")}
    await second.close()
    return len(acknowledged), len(set(acknowledged) - there), took


def main() -> int:
    """Rehearse once and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=Path, default=Path("/usr/lib/postgresql/15/bin"))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--asynchronous", action="store_true")
    given = parser.parse_args()
    sealing.install(sealing.Keyring({1: os.urandom(32)}, current=1, index_key=os.urandom(32)))
    with tempfile.TemporaryDirectory(prefix="tianxin-standby-") as folder:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        servers = Servers(given.bin, Path(folder))
        try:
            kept, missing, took = asyncio.run(_rehearse(servers, given.seconds, not given.asynchronous))
        finally:
            servers.stop()
    mode = "asynchronous" if given.asynchronous else "synchronous"
    print(
        f"{mode}: {kept:,} pushes acknowledged, {missing} of them missing; writable again after {took:.1f} s"
    )
    return int(kept == 0 or took > BOUND_SECONDS or (missing > 0 and not given.asynchronous))


if __name__ == "__main__":
    sys.exit(main())
