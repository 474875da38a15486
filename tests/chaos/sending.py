"""Telling people while workers die, the platform misbehaves and Redis forgets: K1, W1–W6, R1, T1, G1."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from datetime import timedelta

from tests.chaos.judge import (
    UNSETTLED,
    Tally,
    crowd,
    dun,
    judge,
    judge_notices,
    lend,
    lose_leases,
    settled,
    tell,
)
from tests.chaos.site import ACCOUNT, Lab, Process, Site, free_port, opened, until

GAPS = ("claimed", "intended", "calling", "called", "recording", "recorded")
SEND = "/cgi-bin/message/template/send"
LEASE_SECONDS = 30
HANDS = 64
"""Calls that one worker has in flight, or that are answered and not yet written down, at most."""


async def k1(lab: Lab, seed: int, rounds: int) -> Tally:
    """A worker is killed at a gap or at any moment, again and again, while it sends.

    Lost 0, doubled 0 within the platform's window, repeats at most kills times calls in flight, and at work
    again one lease and ten seconds after the last kill.
    """
    tally = Tally("K1 kill -9 worker", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.start("scheduler")
        lock, left = asyncio.Lock(), list(range(rounds))

        async def lane() -> None:
            while left:
                left.pop()
                async with lock:
                    await dun(site, 50)
                await _one_life(site)
                if lab.short:
                    await lose_leases(site)

        await asyncio.gather(*(lane() for _ in range(1 if lab.short else 2)))
        await site.start("worker")
        tally.expected = site.made
        waited = await settled(site)
        tally.notes.append(f"at work again and done {waited:.0f} s after the last kill")
        tally.must(waited <= LEASE_SECONDS + 10 + site.made / 100, f"took {waited:.0f} s to go on")
        await judge_notices(site, tally)
        await judge(site, tally)
        tally.must(tally.repeats <= site.kills * HANDS, f"{tally.repeats} repeats for {site.kills} kills")
    return tally


async def _one_life(site: Site) -> None:
    """A worker lives until it is killed: three times in four at a gap, else at any moment."""
    if site.chance.random() < 0.75:
        gap, nth = site.chance.choice(GAPS), site.chance.randrange(1, 30)
        nth = nth if gap.startswith("call") else 1 + nth % 3
        worker = await site.start("worker", ready=False, TIANXIN_FAILPOINT=f"{gap}:{nth}")
        await until(lambda: _dead_or_idle(site, worker), "the worker to die or to have nothing to do")
    else:
        worker = await site.start("worker")
        await asyncio.sleep(site.chance.random() / 2)
    site.kill(worker)


async def _dead_or_idle(site: Site, worker: Process) -> bool:
    if not worker.alive:
        return True
    ready = await site.value(
        "SELECT count(*) FROM delivery WHERE state IN ('planned', 'leased') AND attempts = 0"
    )
    return int(ready) == 0 and await site._up(worker)


async def w1(lab: Lab, seed: int, rounds: int) -> Tally:
    """The platform takes the message and cuts the line: asked again in time, and never after."""
    tally = Tally("W1 cut after accept", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.fault(SEND, kind="drop_after_accept", count=10 * rounds, probability=0.5)
        await dun(site, 40 * rounds)
        processes = await _pair(site)
        await _pass_until_settled(site, processes, seconds=40)
        # the last ones lose their answer, and nobody asks again within the ten minutes
        await site.fault(SEND, kind="drop_after_accept", count=5)
        await dun(site, 5)
        await until(lambda: _unsure(site, 5), "five answers to be lost")
        await _pass_until_settled(site, await _restart(site, processes, minutes=11), seconds=40)
        tally.expected = site.made
        states = await judge_notices(site, tally)
        tally.must(states.get("uncertain", 0) == 5, f"{states.get('uncertain', 0)} are uncertain, not 5")
        await judge(site, tally)
    return tally


async def _unsure(site: Site, count: int) -> bool:
    found = await site.value(
        "SELECT count(*) FROM delivery WHERE unsure_since IS NOT NULL AND state = 'planned'"
    )
    return int(found) >= count


async def w2(lab: Lab, seed: int, rounds: int) -> Tally:
    """5xx, silence, cut lines, a byte at a time, ten megabytes: tried again, and nobody waits for ever."""
    faults = (
        {"kind": "http_status", "status": 502},
        {"kind": "hang", "seconds": 60},
        {"kind": "drop_before"},
        {"kind": "drip", "seconds": 30},
        {"kind": "big_body"},
        {"kind": "slow", "seconds": 2},
    )
    return await _answers(lab, seed, rounds, Tally("W2 slow, silent, huge", rounds=rounds), faults)


async def w5(lab: Lab, seed: int, rounds: int) -> Tally:
    """Answers that make no sense: never a crash, never called sent for that."""
    kinds = ("garbage", "truncated", "empty", "wrong_types", "bom")
    faults = tuple({"kind": kind} for kind in kinds)
    return await _answers(lab, seed, rounds, Tally("W5 garbage", rounds=rounds), faults)


async def _answers(
    lab: Lab, seed: int, rounds: int, tally: Tally, faults: tuple[dict[str, object], ...]
) -> Tally:
    async with opened(lab, seed) as site:
        for fault in faults:
            await site.fault(SEND, **{**fault, "count": 2 * rounds})
        await dun(site, 20 * rounds)
        processes = await _pair(site)
        slowest = await _pass_until_settled(site, processes, seconds=40)
        tally.notes.append(f"the worker answered its health check within {slowest:.1f} s")
        tally.must(slowest < 10, f"the worker was blocked for {slowest:.1f} s")
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def w3(lab: Lab, seed: int, rounds: int) -> Tally:
    """The day's quota is used up from call n on: nothing is tried again today, all of it tomorrow."""
    tally = Tally("W3 quota of the day", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.fault(SEND, kind="errcode", errcode=45009, skip=30)
        await dun(site, 150)
        processes = await _pair(site)
        await until(lambda: _all_wait(site), "the rest to wait for tomorrow")
        refused = int((await site.admin("faults"))["faults"][0]["fired"])
        tally.notes.append(f"{refused} calls were refused: those in flight at the first refusal")
        tally.must(refused <= HANDS + 3, f"{refused} calls after the quota was used up")
        tally.must(len(await site.sent()) == 30, "not exactly thirty were taken before the quota ended")
        await site.admin("faults", {"clear": True})
        processes = await _restart(site, processes, minutes=24 * 60)
        await _pass_until_settled(site, processes, seconds=1800)
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def _all_wait(site: Site) -> bool:
    found = await site.rows(
        """SELECT count(*) FILTER (WHERE state IN ('leased', 'sending')) AS busy,
                  count(*) FILTER (WHERE state = 'planned' AND not_before <= $1) AS ready FROM delivery""",
        site.now,
    )
    return (found[0]["busy"], found[0]["ready"]) == (0, 0)


async def w4(lab: Lab, seed: int, rounds: int) -> Tally:
    """The token is declared dead again and again under two workers: fetched by one, not in a storm."""
    tally = Tally("W4 token replaced", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.fault(SEND, kind="errcode", errcode=40001, count=10 * rounds, probability=0.2)
        await dun(site, 60 * rounds)
        processes = [*await _pair(site), await site.start("worker")]
        began = asyncio.get_running_loop().time()
        await _pass_until_settled(site, processes, seconds=120)
        minutes = 1 + (asyncio.get_running_loop().time() - began) / 60 + 2 * rounds
        tokens = await site.usage("/cgi-bin/stable_token")
        tally.notes.append(f"{tokens} tokens were fetched by {len(site.processes) - 1} processes")
        tally.must(tokens <= 10 * minutes, f"{tokens} token calls in {minutes:.0f} minutes")
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def w6(lab: Lab, seed: int, rounds: int) -> Tally:
    """Some refuse the template, some have left, some are unknown there: the others are told all the same."""
    tally = Tally("W6 people who cannot be reached", rounds=rounds)
    async with opened(lab, seed) as site:
        people = await crowd(site, 40)
        for number in range(1, 11):
            change = {"refuse_template": ["TPL-date"]} if number % 2 else {"unfollow": [ACCOUNT]}
            await site.admin("users", {"person": f"c-{number}", "quiet": True, **change})
        await tell(site, people, await lend(site, people, days_past_due=1))
        await _pass_until_settled(site, await _pair(site), seconds=60)
        states = await judge_notices(site, tally)
        tally.expected = 30
        tally.must(tally.reached == 30, f"{tally.reached} of 30 were told")
        refused = await site.value("SELECT count(*) FROM delivery WHERE state = 'refused' AND rung = 0")
        tally.must(refused == 10, f"{refused} of 10 refusals were written down")
        tally.notes.append(f"first and later rungs: {dict(sorted(states.items()))}")
        await judge(site, tally)
    return tally


async def r1(lab: Lab, seed: int, rounds: int) -> Tally:
    """Redis forgets everything, hangs, dies, and is gone for a while: nothing lost, nothing doubled."""
    tally = Tally("R1 Redis", rounds=rounds)
    if shutil.which("redis-server") is None:
        tally.notes.append("skipped: no redis-server here")
        return tally
    port = free_port()
    redis = _redis(lab, port)
    try:
        async with opened(lab, seed, redis_url=f"redis://127.0.0.1:{port}/0") as site:
            processes = [*await _pair(site), await site.start("worker")]
            await site.fault(SEND, kind="slow", seconds=0.2)
            for harm in ("FLUSHALL", "CLIENT PAUSE 3000", "kill", "gone"):
                await dun(site, 40 * rounds)
                site.faults += 1
                if harm in ("kill", "gone"):
                    redis.kill()
                    redis.wait(10)
                    site.kills += 1
                    if harm == "gone":
                        await asyncio.sleep(5)
                    redis = _redis(lab, port)
                else:
                    subprocess.run(
                        ["redis-cli", "-p", str(port), *harm.split()], check=True, capture_output=True
                    )
            await _pass_until_settled(site, processes, seconds=60)
            tally.expected = site.made
            await judge_notices(site, tally)
            await judge(site, tally)
    finally:
        redis.kill()
        redis.wait(10)
    return tally


def _redis(lab: Lab, port: int) -> subprocess.Popen[bytes]:
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(lab.folder),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def t1(lab: Lab, seed: int, rounds: int) -> Tally:
    """Clocks that differ by hours, and one that goes back: every slot once, nobody told twice or at night."""
    tally = Tally("T1 clocks differ", rounds=rounds)
    async with opened(lab, seed) as site:
        await dun(site, 30 * rounds)
        hour = timedelta(hours=1)
        await asyncio.gather(
            *(site.start("worker", at=site.now + hour * skew) for skew in (-1, 0, 1)),
            *(site.start("scheduler", at=site.now + hour * skew) for skew in (0, 1)),
        )
        back = await site.start("scheduler", at=site.now - hour)
        await dun(site, 30 * rounds)
        await settled(site)
        site.kill(back)
        slots = await site.rows("SELECT job, count(*) AS n FROM job_slot GROUP BY job")
        tally.notes.append(f"{sum(row['n'] for row in slots)} slots of {len(slots)} jobs, each once")
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def g1(lab: Lab, seed: int, rounds: int) -> Tally:
    """SIGTERM in the middle: what is in hand is finished, the rest given back, exit 0 within ten seconds."""
    tally = Tally("G1 SIGTERM", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.fault(SEND, kind="slow", seconds=0.3)
        scheduler = await site.start("scheduler")
        for _ in range(rounds):
            worker = await site.start("worker")
            before = len(await site.sent())
            await dun(site, 150)
            await until(lambda n=before: _sent_more(site, n), "the first messages")
            code, seconds = await worker.stop()
            held = await site.value("SELECT count(*) FROM delivery WHERE state IN ('leased', 'sending')")
            tally.must(code == 0, f"exit code {code}:\n{worker.words()}")
            tally.must(seconds <= 10, f"took {seconds:.1f} s")
            tally.must(held == 0, f"{held} deliveries were left in hand")
            tally.notes.append(f"worker ended in {seconds:.1f} s")
        code, seconds = await scheduler.stop()
        tally.must((code, seconds <= 10) == (0, True), f"scheduler: exit code {code}, {seconds:.1f} s")
        await site.admin("faults", {"clear": True})
        await _pass_until_settled(site, await _pair(site), seconds=60)
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def _sent_more(site: Site, before: int) -> bool:
    return len(await site.sent()) > before


async def poison(lab: Lab, seed: int, rounds: int) -> Tally:
    """A job that fails whatever is done: held after five tries, and in nobody's way meanwhile."""
    tally = Tally("P1 poison job", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.rows(
            """INSERT INTO pgqueuer (priority, entrypoint, payload, status)
               SELECT 9, 'run_part', '{"job": "nobody knows it"}', 'queued'
               FROM generate_series(1, $1) RETURNING id""",
            3 * rounds,
        )
        site.faults += 3 * rounds
        await dun(site, 40)
        await _pair(site)
        tally.notes.append(f"people were told {await settled(site):.0f} s after the start")
        await until(lambda: _held(site, 3 * rounds), "the poison to be held")
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def _held(site: Site, count: int) -> bool:
    return int(await site.value("SELECT count(*) FROM pgqueuer WHERE status = 'failed'")) >= count


# ---- what the scenarios share


async def _pair(site: Site) -> list[Process]:
    """A worker and a scheduler."""
    return list(await asyncio.gather(site.start("worker"), site.start("scheduler")))


async def _restart(site: Site, processes: list[Process], *, minutes: float) -> list[Process]:
    """End them, let time pass here and at the platform, and start as many again."""
    await asyncio.gather(*(process.stop() for process in processes))
    site.move_clock(timedelta(minutes=minutes))
    await site.admin("clock", {"advance_seconds": minutes * 60})
    return list(await asyncio.gather(*(site.start(process.role) for process in processes)))


async def _pass_until_settled(site: Site, processes: list[Process], *, seconds: float) -> float:
    """Let time pass until every delivery has its outcome; the slowest health check on the way."""
    slowest = 0.0
    for _ in range(12):
        watching = asyncio.create_task(_watch(site, processes[0]))
        try:
            await until(lambda: _all_wait(site), "what is ready to be sent")
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        slowest = max(slowest, processes[0].slowest)
        open_now = await site.value(
            "SELECT count(*) FROM delivery WHERE state = ANY($1::text[])", list(UNSETTLED)
        )
        if not open_now:
            return slowest
        processes = await _restart(site, processes, minutes=seconds / 60)
    raise TimeoutError("deliveries are planned again and again")


async def _watch(site: Site, process: Process) -> None:
    """Ask a process whether it is alive, all the time."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        with contextlib.suppress(OSError, Exception):
            async with site.http.get(f"http://127.0.0.1:{process.port}/healthz"):
                process.slowest = max(process.slowest, loop.time() - began)
        await asyncio.sleep(0.2)
