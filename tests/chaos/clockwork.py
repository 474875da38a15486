"""What runs by the clock, on several machines, while they die: K3, K4, C1, T2, D1, a night, a cut network."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from datetime import date, datetime, timedelta

import asyncpg

from bot import database
from bot.config import SHANGHAI
from tests.chaos.judge import (
    Tally,
    crowd,
    dun,
    judge,
    judge_notices,
    lend,
    lose_leases,
    settled,
)
from tests.chaos.proxy import Proxy
from tests.chaos.pushing import TAKEN, _judge_pushes, say
from tests.chaos.site import Lab, Process, Site, opened, socket_of, through, until

BEFORE_THE_SCAN = datetime(2026, 11, 28, 0, 29, 57, tzinfo=SHANGHAI)
SCAN = "night"
SCHEDULER_GAPS, WORKER_GAPS = ("looked", "planned"), ("slot_begun", "slot_run", "part_begun", "part_run")


async def k3(lab: Lab, seed: int, rounds: int) -> Tally:
    """Scheduler and worker are killed around the moment of a slot and within jobs; then three days pass.

    Every slot once, every slot done, missed days made good in order.
    """
    tally = Tally("K3 kill -9 scheduler", rounds=rounds)
    async with opened(lab, seed, at=BEFORE_THE_SCAN) as site:
        await lend(site, await crowd(site, 30), days_past_due=1)
        for n in range(rounds):
            if n:
                site.starts_at = BEFORE_THE_SCAN + timedelta(days=n)
                site.began = time.monotonic()
            gaps = SCHEDULER_GAPS if n % 2 else WORKER_GAPS
            words = f"{site.chance.choice(gaps)}:{site.chance.randrange(1, 3)}"
            role, steady = ("scheduler", "worker") if n % 2 else ("worker", "scheduler")
            helper = await site.start(steady)
            victim = await site.start(role, ready=False, TIANXIN_FAILPOINT=words)
            with contextlib.suppress(TimeoutError):
                await victim.ended(4 + site.chance.random() * 2)
            site.kill(victim)
            site.kill(helper)
            await lose_leases(site)
            await _until_done(site, await _pair(site), site.now.date())
        site.starts_at += timedelta(days=3)
        await _until_done(site, await _pair(site), site.now.date())
        slots = await site.rows(
            "SELECT * FROM job_slot WHERE job = $1 AND county = '411082' ORDER BY slot", SCAN
        )
        days = [row["day"] for row in slots]
        tally.must(days == _days(days[0], days[-1]), f"business days are missing or double: {days}")
        finished = [row["finished_at"] for row in slots]
        tally.must(finished == sorted(finished), "days were not made good in order")
        tally.expected, tally.reached = len(_days(days[0], days[-1])), len(slots)
        tally.lost = max(0, tally.expected - tally.reached)
        await judge(site, tally)
    return tally


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


async def _pair(site: Site) -> list[Process]:
    return list(await asyncio.gather(site.start("worker"), site.start("scheduler")))


async def _until_done(site: Site, processes: list[Process], day: date) -> None:
    """Wait until the scan of a day is done and nothing is open, then end the processes."""

    async def done() -> bool:
        found = await site.rows(
            """SELECT count(*) FILTER (WHERE job = $1 AND day = $2 AND state = 'done') AS done,
                      count(*) FILTER (WHERE state IN ('planned', 'running')) AS open FROM job_slot""",
            SCAN,
            day,
        )
        return found[0]["done"] >= 1 and found[0]["open"] == 0

    await until(done, f"the scan of {day}")
    await asyncio.gather(*(process.stop() for process in processes))


async def k4(lab: Lab, seed: int, rounds: int) -> Tally:
    """Web, worker, scheduler and the database die together; everything is started, nobody mends anything."""
    tally = Tally("K4 everything at once", rounds=rounds)
    async with opened(lab, seed) as site:
        await crowd(site, 8)
        results, longest = [], 0.0
        for _ in range(rounds):
            [serving] = await site.web(1)
            await _pair(site)
            await dun(site, 60)
            talking = asyncio.gather(*(say(site, n, "我要贷款") for n in range(1, 9)))
            await asyncio.sleep(site.chance.random())
            for process in site.processes[1:]:
                if process.alive:
                    site.kill(process)
            site.kills += 1
            await lab.crash_database()
            results += await talking
            began = time.monotonic()
            await lab.start_database()
            await _until_it_answers(site)
            [serving] = await site.web(1)
            processes = await _pair(site)
            await settled(site, 120)
            longest = max(longest, time.monotonic() - began)
            await asyncio.gather(*(process.stop() for process in (serving, *processes)))
        tally.notes.append(f"at work again and all sent within {longest:.0f} s")
        tally.must(longest <= 60, f"took {longest:.0f} s")
        await _judge_pushes(site, tally, results, all_answered=False)
        tally.expected += site.made - 8
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def _until_it_answers(site: Site) -> None:
    async def answers() -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await site.value("SELECT 1")
            return True
        return False

    await until(answers, "the database")


async def d1(lab: Lab, seed: int, rounds: int) -> Tally:
    """The database restarts as in a crash, and all its connections are ended, under people and notices."""
    tally = Tally("D1 database restarts", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.web(1)
        await site.admin("switches", {"markfail_after": 0})
        await crowd(site, 8)
        await _pair(site)
        results, longest = [], 0.0
        for _ in range(rounds):
            for harm in ("terminate", "crash"):
                site.faults += 1
                await dun(site, 60)
                if harm == "crash":
                    await lab.crash_database()
                    await asyncio.sleep(site.chance.random())
                    await lab.start_database()
                else:
                    await _end_connections(lab)
                began = time.monotonic()
                while True:
                    results.append(await say(site, site.chance.randrange(1, 9), "我的申请"))
                    if results[-1]["result"] in TAKEN:
                        break
                    await asyncio.sleep(0.1)
                longest = max(longest, time.monotonic() - began)
                await _until_it_answers(site)
        await settled(site)
        tally.notes.append(f"answers again within {longest:.1f} s")
        tally.must(longest <= 10, f"did not answer for {longest:.1f} s")
        await _judge_pushes(site, tally, results, all_answered=False)
        tally.expected += site.made - 8
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def _end_connections(lab: Lab) -> None:
    connection = await asyncpg.connect(lab.server_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'tianxin%'"
    )
    await connection.close()


async def c1(lab: Lab, seed: int, rounds: int) -> Tally:
    """Two schedulers, then five, tick at the same moment: each slot stands once and is run once."""
    tally = Tally("C1 several schedulers", rounds=rounds)
    async with opened(lab, seed, at=BEFORE_THE_SCAN) as site:
        await lend(site, await crowd(site, 30), days_past_due=1)
        for count in (2, 5)[: 1 + rounds]:
            await asyncio.gather(*(site.start("scheduler") for _ in range(count)))
        worker = await site.start("worker")
        await _until_done(site, [worker], site.now.date())
        tally.expected = tally.reached = int(await site.value("SELECT count(*) FROM job_slot"))
        twice = await site.value("SELECT count(*) FROM job_slot WHERE attempts > 1")
        tally.notes.append(f"{twice} slots were begun more than once")
        await judge(site, tally)
    return tally


async def t2(lab: Lab, seed: int, rounds: int) -> Tally:
    """The server stands in London, Shanghai or New York: the same notices on the same days."""
    tally = Tally("T2 time zones", rounds=rounds)
    days = [date(2026, 12, 31), date(2027, 2, 28), date(2028, 2, 29), date(2027, 3, 31)][: 1 + rounds]
    found: dict[str, set[tuple[object, ...]]] = {}
    for zone in ("UTC", "Asia/Shanghai", "America/New_York"):
        async with opened(lab, seed) as site:
            for back in (0, 1, 3):
                await lend(site, await crowd(site, 5), days_past_due=back)
            await database.execute("UPDATE instalment SET due_on = $1::date - (loan_id % 5)::int", days[0])
            for day in days:
                command = ["-m", "bot", "job", "run", SCAN, "--on", day.isoformat(), "--county", "changge"]
                ended = site.spawn("job", command, 0, **site.environment(TZ=zone))
                await ended.ended()
                tally.must(ended.child.returncode == 0, f"{zone}: {ended.words()}")
            rows = await site.rows("SELECT person_id, kind, subject_id, due_on, step FROM notice")
            found[zone] = {tuple(row) for row in rows}
            await judge(site, tally)
    tally.expected, tally.reached = len(found["Asia/Shanghai"]), len(found["UTC"])
    tally.must(tally.expected > 0, "there was nothing to be told")
    tally.must(len({frozenset(each) for each in found.values()}) == 1, "the zones differ")
    return tally


async def night(lab: Lab, seed: int, rounds: int) -> Tally:
    """Two web processes, two workers, two schedulers: a night's notices, each to its person exactly once."""
    tally = Tally("N1 two of each", rounds=rounds)
    async with opened(lab, seed) as site:
        await lend(site, await crowd(site, 100 * rounds), days_past_due=1)
        await asyncio.gather(site.web(2), *(site.start("worker") for _ in range(2)))
        await asyncio.gather(*(site.start("scheduler") for _ in range(2)))

        async def told() -> bool:
            return len(await site.sent()) >= site.made

        await until(told, "everybody to be told")
        await settled(site)
        sent = [row for row in await site.sent() if row["kind"] == "template"]
        tally.must(len({row["touser"] for row in sent}) == site.made == len(sent), "not one message each")
        ready = [process for process in site.processes[1:] if await site._up(process)]
        tally.must(len(ready) == 6, f"{len(ready)} of 6 processes are ready")
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def network(lab: Lab, seed: int, rounds: int) -> Tally:
    """A worker on a host of its own (a network namespace) whose cable is pulled while it sends."""
    tally = Tally("N2 cable pulled", rounds=rounds)
    name = f"tx{os.getpid() % 10_000}s{seed % 1000}"
    if why := _no_namespaces(name):
        tally.notes.append(f"skipped: {why}")
        return tally
    ours, theirs, subnet = f"{name}a"[:15], f"{name}b"[:15], f"10.{200 + seed % 50}.{os.getpid() % 250}"
    try:
        _ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
        _ip("addr", "add", f"{subnet}.1/30", "dev", ours)
        _ip("link", "set", ours, "up")
        _ip("-n", name, "addr", "add", f"{subnet}.2/30", "dev", theirs)
        _ip("-n", name, "link", "set", theirs, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        async with opened(lab, seed, redis_url="") as site:
            await _pull(site, tally, name, ours, subnet, rounds)
            await judge_notices(site, tally)
            await judge(site, tally)
    finally:
        _ip("netns", "del", name)  # and with it the pair of cards
    return tally


async def _pull(site: Site, tally: Tally, name: str, card: str, subnet: str, rounds: int) -> None:
    assert site.platform is not None
    rows = await Proxy([socket_of(site.url)], host=f"{subnet}.1").start()
    wechat = await Proxy([("127.0.0.1", site.platform.port)], host=f"{subnet}.1").start()
    try:
        url = through(site.url, rows.port).replace("127.0.0.1", f"{subnet}.1")
        there = {
            "TIANXIN_DATABASE_URL": url,
            "TIANXIN_WECHAT_API": f"http://{subnet}.1:{wechat.port}",
            "TIANXIN_HOST": f"{subnet}.2",
        }
        await site.start("scheduler")
        await site.start("worker", prefix=("ip", "netns", "exec", name), **there)
        await site.fault("/cgi-bin/message/template/send", kind="slow", seconds=0.1, count=10_000)
        site.faults = 0
        for _ in range(rounds):
            before = len(await site.sent())
            await dun(site, 200)

            async def some(before: int = before) -> bool:
                return len(await site.sent()) > before + 20

            await until(some, "the first messages")
            _ip("link", "set", card, "down")
            site.faults += 1
            await asyncio.sleep(12)
            _ip("link", "set", card, "up")
        tally.notes.append(f"all told {await settled(site, 300):.0f} s after the cable was back")
        tally.expected = site.made
    finally:
        await rows.close()
        await wechat.close()


def _no_namespaces(name: str) -> str:
    """Why there can be no network namespace here; empty when one was made."""
    try:
        _ip("netns", "add", name)
    except FileNotFoundError:
        return "iproute2 is not installed"
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.decode().strip()}"
    return ""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)
