"""Every command of `tianxin` as a process of its own: what it prints, what it changes, how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
import asyncpg
import pytest

from bot import database
from bot.config import Settings
from tests.conftest import ROOT

PATIENCE = 60
GOODBYE = 10


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Tianxin:
    """The command line with its settings: a database and a folder of its own, and nothing from outside."""

    database_url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def environment(self, changed: Mapping[str, str]) -> dict[str, str]:
        ours = {
            "TIANXIN_ENV": "demo",
            "TIANXIN_VAR": str(self.folder),
            "TIANXIN_DATABASE_URL": self.database_url,
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        theirs = {name: value for name, value in os.environ.items() if not name.startswith("TIANXIN_")}
        return {**theirs, **ours, **self.settings, **changed}

    async def start(self, *words: str, **changed: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *words,
            cwd=ROOT,
            env=self.environment(changed),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str, said: str = "", **changed: str) -> Ended:
        process = await self.start(*words, **changed)
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(said.encode())
        return Ended(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
async def tianxin(db_url: str, tmp_path: Path) -> Tianxin:
    return Tianxin(db_url, tmp_path / "var")


@pytest.fixture
async def empty(server_url: str, tmp_path: Path) -> AsyncIterator[Tianxin]:
    """Without a schema."""
    name = f"tianxin_empty_{token_hex(4)}"
    yield Tianxin(await database.create_database(server_url, name), tmp_path / "var")
    await database.drop_database(server_url, name)


async def rows(at: Tianxin, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(at.database_url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def state_of(at: Tianxin) -> dict[str, int]:
    """How many rows each table has."""
    tables = await rows(at, "SELECT relname FROM pg_stat_user_tables WHERE relname NOT LIKE 'pgqueuer%'")
    return {name: (await rows(at, f'SELECT count(*) FROM "{name}"'))[0][0] for (name,) in sorted(tables)}  # noqa: S608


# What needs no database


async def test_help_names_every_command(tianxin: Tianxin) -> None:
    ended = await tianxin.run("--help")
    assert ended.code == 0
    for command in ("demo", "serve", "worker", "scheduler", "migrate", "doctor", "demo-data", "job", "shell"):
        assert f" {command} " in ended.out


async def test_the_settings_are_printed_with_their_help(tianxin: Tianxin) -> None:
    ended = await tianxin.run("doctor", "--settings", TIANXIN_DATABASE_URL="postgres://nowhere:1/x")
    assert ended.code == 0
    for name in Settings.__dataclass_fields__:
        assert f"TIANXIN_{name.upper()}" in ended.out


async def test_the_jobs_are_listed_with_their_times(tianxin: Tianxin) -> None:
    ended = await tianxin.run("job", "list")
    assert ended.code == 0
    assert "night" in ended.out
    assert "30 0 * * *" in ended.out


async def test_a_value_is_explained_with_its_passage(tianxin: Tianxin) -> None:
    """S19.1"""
    ended = await tianxin.run("policy", "explain", "application.term_max_months")
    assert ended.code == 0
    assert "贷款期限最长不超过3年" in ended.out
    assert "rules.application.check_term" in ended.out
    every = await tianxin.run("policy", "explain", "--county", "xingyi")
    assert "visit.photos_min" in every.out.split()


@pytest.mark.parametrize(
    ("words", "settings", "sentence"),
    [
        (["serve"], {"TIANXIN_PORT": "x"}, "TIANXIN_PORT must be a port number, not 'x'"),
        (["worker"], {"TIANXIN_NONSENSE": "1"}, "unknown setting TIANXIN_NONSENSE"),
        (["scheduler"], {"TIANXIN_ENV": "production"}, "TIANXIN_KEYS"),
        (["doctor"], {"TIANXIN_DATABASE_URL": "postgres://127.0.0.1:1/x"}, "the database at 127.0.0.1:1/x"),
        (["migrate"], {"TIANXIN_DATABASE_URL": "mysql://127.0.0.1/x"}, "must start with postgres://"),
        (["serve"], {"TIANXIN_ACCOUNTS": "/nowhere.toml"}, "accounts file /nowhere.toml"),
        (["policy", "explain", "no.such.key"], {}, "no value 'no.such.key' in changge"),
        (["demo-data", "--loans", "1", "--county", "atlantis"], {}, "no pack 'atlantis'"),
        (["job", "run", "night", "--on", "2026-13-01"], {}, "a day looks like 2026-11-28"),
        (["job", "run", "dance", "--on", "2026-11-28"], {}, "no job 'dance'; there are"),
    ],
)
async def test_what_is_wrong_is_said_in_a_sentence(
    tianxin: Tianxin, words: list[str], settings: dict[str, str], sentence: str
) -> None:
    ended = await tianxin.run(*words, **settings)
    assert ended.code == 2
    assert sentence in ended.err
    assert "Traceback" not in ended.err


# Database


async def test_a_fresh_database_is_migrated_and_found_in_order(empty: Tianxin) -> None:
    before = await empty.run("doctor")
    assert before.code == 2
    assert "run `tianxin migrate`" in before.err
    migrated = await empty.run("migrate")
    assert (migrated.code, migrated.out.strip()) == (0, "schema is up to date")
    assert (await empty.run("migrate")).code == 0
    ended = await empty.run("doctor")
    assert ended.code == 0
    assert "database" in ended.out
    assert "PostgreSQL 1" in ended.out
    assert "keys.toml: 1 data keys" in ended.out
    assert "I1 one row per push" in ended.out
    assert "BROKEN" not in ended.out


async def test_the_doctor_names_what_is_broken(tianxin: Tianxin) -> None:
    assert (await tianxin.run("doctor")).code == 0
    _ = await rows(
        tianxin,
        "INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, state, note, said_at,"
        " received_at) VALUES ('k', '411082', 'a', 'o', 'text', '', 'pending', '', now(),"
        " now() - interval '1 hour')",
    )
    ended = await tianxin.run("doctor", TIANXIN_REDIS_URL="redis://127.0.0.1:1")
    assert ended.code == 1
    assert "broken: redis; I2 every push is worked on" in ended.err
    assert "BROKEN (1)" in ended.out


async def test_a_slot_run_by_hand_changes_nothing_the_second_time(tianxin: Tianxin) -> None:
    """S11.6"""
    ended = await tianxin.run("demo-data", "--loans", "300", "--seed", "1")
    assert ended.code == 0
    assert "300/300" in ended.out
    words = ("job", "run", "night", "--on", "2027-01-20", "--county", "changge")
    first = await tianxin.run(*words)
    assert first.code == 0
    assert "night 2027-01-20, 长葛市: Write what is late and plan the notices" in first.out
    assert "300 loans looked at" in first.out
    after = await state_of(tianxin)
    assert after["loan"] == 300
    again = await tianxin.run(*words)
    assert again.code == 0
    assert "300 loans looked at" in again.out
    assert "notices “" not in again.out.split("night_figures")[0]
    assert await state_of(tianxin) == after
    assert (await tianxin.run("doctor")).code == 0
    more = await tianxin.run("demo-data", "--loans", "5")
    assert more.code == 2
    assert "loans already" in more.err


async def test_the_same_seed_makes_the_same_county(tianxin: Tianxin, server_url: str, tmp_path: Path) -> None:
    other = Tianxin(tianxin.database_url, tmp_path / "other")
    made = []
    for at in (tianxin, other):
        assert (await at.run("demo-data", "--loans", "20", "--seed", "7")).code == 0
        made.append(
            await rows(at, "SELECT number, principal_fen, disbursed_on::text FROM loan ORDER BY number")
        )
        await rows(
            at, "TRUNCATE loan, instalment, repayment, person, household, organisation, region CASCADE"
        )
    assert made[0] == made[1]


# Talking


async def test_a_conversation_is_recorded_and_said_again(tianxin: Tianxin, tmp_path: Path) -> None:
    kept = tmp_path / "talk.txt"
    said = "我要贷款\n:tap 给自己办\n:tap 天上的月亮\n:quit\n"
    ended = await tianxin.run("shell", "--as", "zhang", "--record", str(kept), said=said)
    assert ended.code == 0, ended.err
    assert "! nothing to tap says '天上的月亮'" in ended.out
    text = kept.read_text("utf-8")
    assert text.startswith("> 我要贷款\n< 这次是给谁申请贷款？\n")
    assert "月亮" not in text
    again = await tianxin.run("shell", "--as", "zhang", "--replay", str(kept))
    assert (again.code, again.out.strip()) == (0, "talk.txt: every answer is the same")
    kept.write_text(text.replace("给谁申请", "替谁申请"), "utf-8")
    differs = await tianxin.run("shell", "--as", "zhang", "--replay", str(kept))
    assert differs.code == 1
    assert "- < 这次是替谁申请贷款？" in differs.out
    assert await rows(tianxin, "SELECT 1 FROM inbox") == []
    left = "SELECT datname FROM pg_database WHERE datname LIKE current_database() || '_shell%'"
    assert await rows(tianxin, left) == []


# Processes that stay


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def stopped(process: asyncio.subprocess.Process) -> Ended:
    """Ask a process to end, as service managers do."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(GOODBYE):
        out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def until(answer: Any, seconds: float = PATIENCE) -> None:
    """Wait until an async function gives something true."""
    async with asyncio.timeout(seconds):
        while not await answer():  # noqa: ASYNC110 - another process could not set an event
            await asyncio.sleep(0.1)


async def test_the_web_process_answers_and_ends_when_it_is_told(tianxin: Tianxin) -> None:
    port = str(free_port())
    process = await tianxin.start("serve", TIANXIN_PORT=port)
    async with aiohttp.ClientSession() as http:

        async def is_up() -> bool:
            try:
                async with http.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(is_up)
        async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
            assert (answer.status, await answer.json()) == (
                200,
                {"status": "ready", "checks": {"database": "ok", "redis": "ok"}},
            )
        ended = await stopped(process)
    assert (ended.code, ended.err) == (0, "")


async def test_the_scheduler_plans_and_the_worker_does_it(tianxin: Tianxin) -> None:
    """S11.6: two processes that share nothing but the database."""

    async def planned() -> bool:
        return bool(await rows(tianxin, "SELECT 1 FROM job_slot"))

    async def done() -> bool:
        return not await rows(tianxin, "SELECT 1 FROM job_slot WHERE state <> 'done'")

    scheduler = await tianxin.start("scheduler")
    await until(planned)
    worker = await tianxin.start("worker")
    await until(done)
    ended = [await stopped(scheduler), await stopped(worker)]
    assert [(each.code, each.err) for each in ended] == [(0, ""), (0, "")]


async def log_in_at_the_console(base: str) -> None:
    """With what the demo's page of ready logins says (S17.1)."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        async with http.get(f"{base}/sim/console") as answer:
            clerk = re.search(r"刘芳.*?</p>", await answer.text(), re.DOTALL)
        assert clerk is not None
        number, password, code = re.findall(r">([^<]+)</code>", clerk[0])
        async with http.get(f"{base}/console/login") as answer:
            token = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
        assert token is not None
        form = {"csrf": token[1], "to": "/console/", "name": number, "password": password, "code": code}
        async with http.post(f"{base}/console/login", data=form, headers={"Origin": base}) as answer:
            assert answer.status == 200, await answer.text()
            assert "长葛市金融扶贫服务中心" in (shown := await answer.text())
            assert 'action="/console/logout"' in shown


async def test_the_demo_says_where_its_page_is(tianxin: Tianxin) -> None:
    port = str(free_port())
    process = await tianxin.start("demo", "--port", port, "--at", "2026-11-28T09:00")
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(PATIENCE):
        while "Ctrl-C" not in seen:
            seen += (await process.stdout.readline()).decode()
    assert f"http://127.0.0.1:{port}/sim" in seen
    assert "张守田" in seen
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/sim", allow_redirects=True) as answer,
    ):
        assert answer.status == 200
        assert "微信模拟台" in await answer.text()
    await log_in_at_the_console(f"http://127.0.0.1:{port}")
    ended = await stopped(process)
    assert (ended.code, ended.err) == (0, "")


async def test_figures_without_their_night_are_refused_in_one_sentence(tianxin: Tianxin) -> None:
    """I13: and the sentence says what to do."""
    ended = await tianxin.run("job", "run", "night_figures", "--on", "2026-11-20", "--county", "changge")
    assert ended.code == 2
    assert ended.err.strip() == (
        "tianxin: the night of 2026-11-20 is not done: tianxin job run night --on 2026-11-20"
    )
