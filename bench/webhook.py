"""A full chat turn against WeRoBot 1.13: `python -m bench.webhook [--quick] [--embedded]`.

A turn is: signature, decryption in safe mode, dedup, the next question of the loan application with its
state kept, the reply. Ours is the whole web application with PostgreSQL (synchronous_commit on: what was
answered is on disk); WeRoBot keeps a session in Redis or SQLite and does no dedup. Every server runs alone,
in its own process on core 0; load generator and databases are on core 1. The servers take turns in rounds,
so that a machine that is busy for a while is so for all; medians of the rounds are compared.

WeRoBot is installed into an environment of its own in var/bench, by pip. Needs PostgreSQL at 127.0.0.1:5432
(--database URL for another, --embedded for the one that comes with the program) and Redis at 127.0.0.1:6379.
A database and the session keys are made for the run and removed after it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import redis

from bench.webhook_script import ACCOUNT, SCRIPT
from bot import database

SERVER_CORE, LOAD_CORE = 0, 1
ENVIRONMENT = Path("var/bench/werobot")
PACKAGES = ("werobot==1.13.1", "redis", "tornado", "waitress", "cryptography")
FARMERS = 20
PATHS = {"ours": f"/wechat/{ACCOUNT.name}", "redis": "/", "sqlite": "/"}
NAMES = {"ours": "tianxin (PostgreSQL)", "redis": "WeRoBot (Redis)", "sqlite": "WeRoBot (SQLite)"}
TARGETS = {False: 1.5, True: 1.0}


def werobot_python() -> str:
    """The interpreter of WeRoBot's own environment, made at the first run."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        print(f"installing {PACKAGES[0]} into {ENVIRONMENT} …", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return str(python)


@contextmanager
def running(command: list[str], given: str = "") -> Iterator[tuple[int, int]]:
    """A server while the block runs; yields the port it prints and its process id."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("no pipes")
            process.stdin.write(given)
            process.stdin.close()
            line = process.stdout.readline()
            if not line.strip().isdigit():
                log.seek(0)
                raise RuntimeError(f"{command[:4]} did not start: {log.read()[-2000:]}")
            yield int(line), process.pid
        finally:
            process.terminate()
            process.wait(timeout=15)


@contextmanager
def server(kind: str, options: argparse.Namespace, url: str) -> Iterator[tuple[int, int]]:
    if kind == "ours":
        with running([sys.executable, "-m", "bench.webhook_ours", url, str(SERVER_CORE)]) as started:
            yield started
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "script": SCRIPT,
            "token": ACCOUNT.token,
            "appid": ACCOUNT.appid,
            "aes_key": ACCOUNT.aes_key,
            "redis": options.redis,
            "prefix": options.prefix,
            "sqlite": f"{folder}/werobot.sqlite3",
        }
        script = str(Path(__file__).with_name("webhook_werobot.py"))
        command = [werobot_python(), script, options.werobot, kind, str(SERVER_CORE), PATHS[kind]]
        with running(command, json.dumps(settings)) as started:
            yield started


def load(port: int, kind: str, *, safe: bool, loop: str, seconds: float) -> dict[str, Any]:
    """What the load generator measured."""
    plan = {
        "port": port,
        "path": PATHS[kind],
        "safe": safe,
        "loop": loop,
        "seconds": seconds,
        "warm_up": min(2.0, seconds / 2),
        "connections": 32,
        "farmers": FARMERS if loop == "closed" else 640,
        "rate": 200,
        "most_per_second": 9000,
        "run": secrets.token_hex(4),
        "core": LOAD_CORE,
    }
    command = [sys.executable, "-m", "bench.webhook_load"]
    done = subprocess.run(command, input=json.dumps(plan), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def backends_to_load_core(url: str) -> None:
    """Put the database's processes beside the load generator, where we may."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    finally:
        await connection.close()
    for row in rows:
        _pin(row["pid"], {LOAD_CORE})


@contextmanager
def redis_on_load_core(url: str) -> Iterator[None]:
    """Redis beside the load generator while the block runs, where we may move it."""
    client = redis.Redis.from_url(url)
    pid = int(client.info("server")["process_id"])
    client.close()
    before = os.sched_getaffinity(pid)
    _pin(pid, {LOAD_CORE})
    try:
        yield
    finally:
        _pin(pid, before)


def _pin(pid: int, cores: set[int]) -> None:
    with suppress(PermissionError, ProcessLookupError):
        os.sched_setaffinity(pid, cores)


def measure(kind: str, options: argparse.Namespace, url: str, *, safe: bool, loop: str) -> dict[str, Any]:
    """One server, alone, under one load."""
    with server(kind, options, url) as (port, pid):
        # the first turns make the connections to the database and fill the caches
        load(port, kind, safe=safe, loop="closed", seconds=1.0)
        if kind == "ours":
            asyncio.run(backends_to_load_core(url))
        before = cpu_seconds(pid)
        found = load(port, kind, safe=safe, loop=loop, seconds=options.seconds)
        found["cpu_us"] = (cpu_seconds(pid) - before) / found["answers"] * 1e6
        return found


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def show(name: str, found: dict[str, Any]) -> None:
    wrong = f"  WRONG ANSWERS: {found['wrong']}" if found["wrong"] else ""
    print(
        f"  {name:<22}{found['per_second']:>8.0f}/s   p50 {found['p50']:>6.1f}  p99 {found['p99']:>6.1f}"
        f"  max {found['max']:>7.1f} ms"
        f"  {found['cpu_us']:>5.0f} µs of processor a turn{wrong}",
        flush=True,
    )


def compare(options: argparse.Namespace, url: str, *, safe: bool) -> None:
    """Closed loop, 32 connections: rounds of every server, and the ratio of the medians."""
    print(f"\nclosed loop, 32 connections, {'safe' if safe else 'plain'} mode, {options.seconds:.0f} s each")
    rounds: dict[str, list[float]] = {"ours": [], "redis": [], "sqlite": []}
    for _ in range(options.rounds):
        for kind, found in rounds.items():
            result = measure(kind, options, url, safe=safe, loop="closed")
            show(NAMES[kind], result)
            found.append(result["per_second"])
    middle = {kind: median(found) for kind, found in rounds.items()}
    for kind in ("redis", "sqlite"):
        target = f" (target {TARGETS[safe]})" if kind == "redis" else ""
        print(f"  ratio to {NAMES[kind]}: {middle['ours'] / middle[kind]:.2f}{target}")


def steady(options: argparse.Namespace, url: str) -> None:
    """Open loop: 200 pushes a second, latency from the time each should have been sent."""
    print(f"\nopen loop, 200/s, {options.seconds * 2:.0f} s (target: p99 150 ms, nothing above 4500 ms)")
    options = argparse.Namespace(**{**vars(options), "seconds": options.seconds * 2})
    for safe in (False, True):
        show(f"tianxin, {'safe' if safe else 'plain'}", measure("ours", options, url, safe=safe, loop="open"))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.webhook", description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--embedded", action="store_true", help="the PostgreSQL that comes with the program")
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/9")
    parser.add_argument("--werobot", choices=("tornado", "waitress"), default="tornado")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of 3 seconds")
    options = parser.parse_args()
    if options.quick:
        options.seconds, options.rounds = 2.0, 1
    options.prefix = f"bench_{secrets.token_hex(4)}_"
    return options


def main() -> None:
    options = arguments()
    werobot_python()
    with redis_on_load_core(options.redis), tempfile.TemporaryDirectory() as folder:
        embedded: Any = None
        if options.embedded:
            os.sched_setaffinity(0, {LOAD_CORE})  # the server's processes inherit it
            options.database, embedded = database.start_embedded(Path(folder))
        name = f"tianxin_bench_{secrets.token_hex(4)}"
        url = asyncio.run(database.create_database(options.database, name))
        try:
            asyncio.run(database.migrate(url))
            print(f"server on core {SERVER_CORE}; load generator and databases on core {LOAD_CORE}")
            for safe in (False, True):
                compare(options, url, safe=safe)
            steady(options, url)
        finally:
            asyncio.run(database.drop_database(options.database, name))
            _forget_sessions(options)
            if embedded is not None:
                embedded.cleanup()


def _forget_sessions(options: argparse.Namespace) -> None:
    client = redis.Redis.from_url(options.redis)
    for key in client.scan_iter(f"{options.prefix}*", count=1000):
        client.delete(key)
    client.close()


if __name__ == "__main__":
    main()
