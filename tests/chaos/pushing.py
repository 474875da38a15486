"""What people send us, while web processes die and the database hangs: K2, Q1–Q3, D3, D4, DF1."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from simulator.config import load_accounts
from simulator.people import openid_of
from simulator.push import request_of
from tests.chaos.judge import Tally, crowd, dun, judge, judge_notices, settled
from tests.chaos.proxy import Proxy
from tests.chaos.site import ACCOUNT, Lab, Process, Site, opened, socket_of, through, until

ANSWER_SECONDS = 4.5
WORDS = ("我要贷款", "我的申请", "帮助")
TAKEN = ("replied", "accepted")


async def k2(lab: Lab, seed: int, rounds: int) -> Tally:
    """Web processes are killed while people write: WeChat tries again, every message has one effect."""
    tally = Tally("K2 kill -9 web", rounds=rounds)
    async with opened(lab, seed) as site:
        serving = await site.web(2)
        await crowd(site, 20 * rounds)
        done = asyncio.Event()
        talking = asyncio.create_task(_talk_all(site, range(1, site.made + 1), done))
        back = []
        for n in range(rounds):
            await asyncio.sleep(0.2 + site.chance.random() / 2)
            victim = serving[n % 2]
            site.kill(victim)
            began = time.monotonic()
            serving[n % 2] = await site.start("serve")
            site.replace_target(victim, serving[n % 2])
            back.append(time.monotonic() - began)
        done.set()
        results = await talking
        tally.notes.append(f"a killed process is back within {max(back):.1f} s; the other answers meanwhile")
        await _judge_pushes(site, tally, results)
        await judge(site, tally)
    return tally


async def _talk_all(
    site: Site, people: Sequence[int], done: asyncio.Event | None = None, at_once: int = 8
) -> list[dict[str, Any]]:
    """Everybody writes three messages, several people at once; with `done`, again until it is set."""
    results: list[dict[str, Any]] = []

    async def lane(start: int) -> None:
        while True:
            for number in people[start::at_once]:
                for words in WORDS:
                    results.append(await say(site, number, words))  # noqa: PERF401 - others look at it meanwhile
            if done is None or done.is_set():
                return

    await asyncio.gather(*(lane(start) for start in range(at_once)))
    return results


async def say(site: Site, number: int, words: str, **more: Any) -> dict[str, Any]:
    """One person writes one message; what the platform made of it."""
    body = {"account": ACCOUNT, "person": f"c-{number}", "say": words, **more}
    found: dict[str, Any] = await site.admin("push", body)
    return found


async def _judge_pushes(
    site: Site, tally: Tally, results: Sequence[dict[str, Any]], *, all_answered: bool = True
) -> None:
    """Every answered message is in the inbox once, and everybody has one draft: I1, I2."""
    answered = [each for each in results if each["result"] in TAKEN]
    tally.expected += len(results) if all_answered else len(answered)
    tally.reached += len(answered)
    tally.repeats += sum(max(0, int(each["tries"]) - 1) for each in results)
    [row] = await site.rows("SELECT count(*) AS kept, count(DISTINCT dedupe_key) AS distinct FROM inbox")
    distinct = int(row["distinct"])
    tally.doubled += int(row["kept"]) - distinct
    missing = max(0, len({each["fields"]["MsgId"] for each in answered}) - distinct)
    tally.lost += missing + (len(results) - len(answered) if all_answered else 0)
    drafts = await site.rows(
        """SELECT person_id, count(*) AS n FROM draft WHERE state = 'open'
           GROUP BY person_id HAVING count(*) > 1"""
    )
    tally.doubled += sum(int(row["n"]) - 1 for row in drafts)
    for each in [each for each in results if each["result"] not in TAKEN][: 3 if all_answered else 0]:
        tally.notes.append(f"not answered: {each['result']} {each['error']} {each['attempts']}")
    slowest = max((try_["ms"] for e in results for try_ in e["attempts"] if try_["status"]), default=0.0)
    tally.notes.append(f"slowest answer {slowest:.0f} ms")
    tally.must(slowest <= ANSWER_SECONDS * 1000, f"an answer took {slowest:.0f} ms")


async def q1(lab: Lab, seed: int, rounds: int) -> Tally:
    """The same push fifty times at once, to two web processes: one effect, and the same answer to all."""
    tally = Tally("Q1 the same push 50 times", rounds=rounds)
    async with opened(lab, seed) as site:
        serving = await site.web(2)
        await crowd(site, rounds)
        for number in range(1, rounds + 1):
            site.faults += 49
            url, body = signed(site, number, "我要贷款")
            urls = [str(url.with_port(serving[n % 2].port)) for n in range(50)]
            answers = await asyncio.gather(*(_post(site, each, body) for each in urls))
            statuses = Counter(status for status, _ in answers)
            tally.must(set(statuses) <= {200, 503}, f"answers {dict(statuses)}")
            tally.must(statuses[200] > 0, "nobody was answered")
            again = await asyncio.gather(*(_post(site, each, body) for each in urls[:3]))
            tally.must({status for status, _ in again} == {200}, "the same push later is not answered")
            tally.repeats += 52
        # another body under the same number: the first one stands
        at = int(url.query["timestamp"])
        url, body = signed(site, rounds, "帮助", at=at)
        await _post(site, str(url.with_port(serving[1].port)), body)
        inbox = await site.value("SELECT count(*) FROM inbox")
        drafts = await site.value("SELECT count(*) FROM draft")
        tally.expected, tally.reached = rounds, int(drafts)
        tally.doubled = max(0, int(inbox) - rounds) + max(0, int(drafts) - rounds)
        tally.lost = max(0, rounds - int(drafts))
        await judge(site, tally)
    return tally


def signed(site: Site, person: int, words: str, *, at: int = 0) -> tuple[Any, bytes]:
    """A push as WeChat signs it, to be sent as often as one likes: its address and its body."""
    config = next(a for a in load_accounts(site.folder / "accounts.toml") if a.name == ACCOUNT)
    assert site.balancer is not None
    config = replace(config, push_url=f"http://127.0.0.1:{site.balancer.port}/wechat/{ACCOUNT}")
    at = at or int(site.now.timestamp())
    openid = openid_of(config.appid, f"c-{person}")
    fields = {
        "ToUserName": config.original_id,
        "FromUserName": openid,
        "CreateTime": at,
        "MsgType": "text",
        "Content": words,
        "MsgId": 7_000_000_000 + person,
    }
    return request_of(config, fields, openid, str(at), str(100_000 + person), "observed")


async def _post(site: Site, url: str, body: bytes) -> tuple[int, bytes]:
    async with site.http.post(url, data=body, headers={"Content-Type": "text/xml"}) as answer:
        return answer.status, await answer.read()


async def q2(lab: Lab, seed: int, rounds: int) -> Tally:
    """Receipts before our own commit, twice, in any order: the end is the same."""
    tally = Tally("Q2 receipts early, twice, reversed", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.web(1)
        switches = {"receipts": "twice", "push_out_of_order": True, "receipt_delay_seconds": [0.0, 0.02]}
        await site.admin("switches", switches)
        await dun(site, 40 * rounds)
        await asyncio.gather(site.start("worker"), site.start("scheduler"))

        async def delivered() -> bool:
            return await site.value("SELECT count(*) FROM delivery WHERE state = 'delivered'") == site.made

        await until(delivered, "every receipt to be written down")
        tally.expected = site.made
        await judge_notices(site, tally)
        await judge(site, tally)
    return tally


async def q3(lab: Lab, seed: int, rounds: int) -> Tally:
    """A push that somebody recorded, sent again later, and with its stamp and nonce cut another way."""
    tally = Tally("Q3 recorded push", rounds=rounds)
    async with opened(lab, seed) as site:
        await site.web(1)
        await crowd(site, rounds)
        recorded = [signed(site, number, "我要贷款") for number in range(1, rounds + 1)]
        for url, body in recorded:
            status, _ = await _post(site, str(url), body)
            tally.must(status == 200, f"the genuine push was answered {status}")
        before = await site.rows("SELECT dedupe_key FROM inbox ORDER BY dedupe_key")
        for minutes in (10, 24 * 60):
            site.move_clock(timedelta(minutes=minutes))
            later = await site.start("serve")
            for url, body in recorded:
                shifted = url.update_query(
                    timestamp=url.query["timestamp"][:-1],
                    nonce=url.query["timestamp"][-1] + url.query["nonce"],
                )
                for each in (url, shifted):
                    site.faults += 1
                    status, _ = await _post(site, str(each.with_port(later.port)), body)
                    tally.must(status == 403, f"a recorded push was answered {status} {minutes} min later")
        after = await site.rows("SELECT dedupe_key FROM inbox ORDER BY dedupe_key")
        tally.expected = tally.reached = rounds
        tally.doubled = len(after) - len(before)
        await judge(site, tally)
    return tally


async def d3(lab: Lab, seed: int, rounds: int) -> Tally:
    """The database becomes slow, then silent: no answer after 4.5 s, nothing answered that is not stored."""
    tally = Tally("D3 database slow, silent", rounds=rounds)
    async with opened(lab, seed) as site:
        proxy = await Proxy([socket_of(site.url)]).start()
        try:
            await site.web(1, TIANXIN_DATABASE_URL=through(site.url, proxy.port))
            await site.admin("switches", {"markfail_after": 0})
            await crowd(site, 12)
            results = []
            for _ in range(rounds):
                for latency, silent in ((3.0, False), (0.0, True)):
                    site.faults += 1
                    proxy.latency, proxy.silent = latency, silent
                    results += await _talk_some(site, 3)
                    proxy.latency, proxy.silent = 0.0, False
                    if silent:
                        proxy.cut()  # what was swallowed never comes
                waited = await until(lambda r=results: _answers(site, r), "it to answer again")
                tally.notes.append(f"answers again {waited:.1f} s after")
                tally.must(waited <= 10, f"did not answer for {waited:.1f} s")
            await _judge_pushes(site, tally, results, all_answered=False)
            await judge(site, tally)
        finally:
            await proxy.close()
    return tally


async def _talk_some(site: Site, count: int) -> list[dict[str, Any]]:
    people = site.chance.sample(range(1, site.made + 1), count)
    return list(await asyncio.gather(*(say(site, number, WORDS[0]) for number in people)))


async def _answers(site: Site, results: list[dict[str, Any]]) -> bool:
    found = await say(site, 1, WORDS[2])
    results.append(found)
    return found["result"] in TAKEN


async def d4(lab: Lab, seed: int, rounds: int) -> Tally:
    """COMMIT is sent and the line is cut before its answer: what was done is known again, not done twice."""
    tally = Tally("D4 outcome of COMMIT unknown", rounds=rounds)
    async with opened(lab, seed) as site:
        proxy = await Proxy([socket_of(site.url)]).start()
        try:
            behind = {"TIANXIN_DATABASE_URL": through(site.url, proxy.port)}
            await site.web(1, **behind)
            await asyncio.gather(site.start("worker", **behind), site.start("scheduler"))
            await site.admin("switches", {"markfail_after": 0, "push_retry_bad_answer": True})
            await crowd(site, 6)  # those who talk are not told anything meanwhile (S18.6)
            await dun(site, 20 * rounds)
            results = []
            for _ in range(rounds):
                proxy.cut_after, proxy.cuts_left = b"COMMIT", 3
                results += await _talk_all(site, range(1, 7), at_once=3)
                await dun(site, 10)
                await asyncio.sleep(0.5)
            proxy.cuts_left = 0
            site.faults += proxy.cuts
            tally.must(proxy.cuts > 0, "nothing was cut")
            await settled(site)
            await _judge_pushes(site, tally, results, all_answered=False)
            tally.expected += site.made - 6
            await judge_notices(site, tally)
            await judge(site, tally)
        finally:
            await proxy.close()
    return tally


async def disk(lab: Lab, seed: int, rounds: int) -> Tally:
    """No room for uploads (a file may not grow): refused, nothing half kept, and later all is well."""
    from tests.chaos.people import Office

    tally = Tally("DF1 disk full", rounds=rounds)
    async with opened(lab, seed) as site:
        office = await Office.opened(site)
        [full] = await site.web(1)
        _limit_files(full, 2_000)
        officer = await office.login("zhang", full)
        picture = office.picture()
        for _ in range(rounds):
            site.faults += 1
            status, _ = await officer.upload(picture)
            tally.must(status in (500, 503, 507), f"an upload without room was answered {status}")
        kept = await site.value("SELECT count(*) FROM stored_file WHERE state = 'stored'")
        tally.must(kept == 0, f"{kept} files are said to be stored")
        [roomy] = await site.web(1)
        officer = await office.login("zhang", roomy)
        status, _ = await officer.upload(picture)
        tally.must(status == 201, f"with room an upload was answered {status}")
        tally.expected = tally.reached = 1
        await judge(site, tally)
    return tally


def _limit_files(process: Process, size: int) -> None:
    """From now on no file of this process may grow beyond `size` bytes: what a full disk is to it."""
    import resource

    resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (size, size))
