"""Tokens: fetched once for everybody, ahead of time, never in a storm; a late writer changes nothing."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs
from wechat_platform import Clock, Peer, answering, platform, serving

from bot.wechat import tokens
from bot.wechat.client import SEND_TEMPLATE, WeChatError
from bot.wechat.errors import Uncertain, error_from
from bot.wechat.tokens import Keeper

DATA = {"thing1": "养羊", "amount2": "30000元", "time3": "2026年12月1日"}
STABLE = "cgi-bin/stable_token"


class Source:
    """Where credentials come from in these tests: counts, can be slow, can fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 7200
        self.fail: WeChatError | None = None
        self.slow: asyncio.Event | None = None
        self.value = ""

    async def __call__(self) -> tuple[str, int]:
        self.calls += 1
        value = self.value or f"T{self.calls}"
        if self.slow is not None:
            await self.slow.wait()
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        return value, self.seconds


class Desk:
    """Keepers of several processes over one Redis, with one clock and one source."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.now = Clock()
        self.source = Source()
        self.keepers: list[Keeper] = []

    def keeper(self, redis: Any = None, **options: Any) -> Keeper:
        options.setdefault("chance", lambda: 0.0)
        made = Keeper(
            "token:wx1",
            options.pop("secret", "s1"),
            redis or FakeAsyncRedis(server=self.server),
            self.now,
            options.pop("source", self.source),
            **options,
        )
        self.keepers.append(made)
        return made


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    for keeper in made.keepers:
        await keeper.close()


async def settled(done: Callable[[], bool]) -> None:
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not happen within ten seconds")


async def test_many_tasks_of_many_processes_make_one_fetch() -> None:
    async with desk() as here:
        keepers = [here.keeper() for _ in range(4)]
        found = await asyncio.gather(*(keeper.get() for keeper in keepers for _ in range(25)))
        assert set(found) == {"T1"}
        assert here.source.calls == 1


async def test_the_old_one_is_served_while_the_new_one_is_fetched_five_minutes_ahead() -> None:
    async with desk() as here:
        one, other = here.keeper(), here.keeper()
        await one.get()
        await other.get()
        here.now.move(seconds=7200 - 300 - 2)
        assert await one.get() == "T1"
        assert here.source.calls == 1
        here.now.move(seconds=4)
        here.source.slow = asyncio.Event()
        assert [await one.get(), await other.get(), await one.get()] == ["T1"] * 3
        await settled(lambda: here.source.calls == 2)
        here.source.slow.set()
        await settled(lambda: one.current(here.now().timestamp()) == "T2")
        here.now.move(seconds=2)  # the other looks again after a second
        assert await other.get() in ("T1", "T2")
        await settled(lambda: other.current(here.now().timestamp()) == "T2")
        assert here.source.calls == 2


async def test_processes_do_not_all_wake_at_the_same_second() -> None:
    async with desk() as here:
        keeper = here.keeper(chance=lambda: 0.5)
        await keeper.get()
        here.now.move(seconds=7200 - 300 + 29)
        await keeper.get()
        await asyncio.sleep(0.05)
        assert here.source.calls == 1
        here.now.move(seconds=2)
        await keeper.get()
        await settled(lambda: here.source.calls == 2)


async def test_a_dead_token_is_forgotten_only_by_those_who_hold_it() -> None:
    async with desk() as here:
        one, other = here.keeper(), here.keeper()
        await one.get()
        await other.get()
        here.now.move(seconds=31)
        assert await one.replace("T1") == "T2"
        assert await one.replace("T1") == "T2", "somebody replaced it already"
        assert await other.replace("T1") == "T2", "the other process takes what is there"
        assert here.source.calls == 2


async def test_after_a_fetch_there_is_none_for_thirty_seconds() -> None:
    """W4"""
    async with desk() as here:
        one, other = here.keeper(), here.keeper()
        await one.get()
        for keeper in (one, other, one):
            with pytest.raises(WeChatError) as caught:
                await keeper.replace("T1")
            assert (caught.value.action, caught.value.retryable) == ("token", True)
        with pytest.raises(WeChatError):
            await one.get()
        assert here.source.calls == 1
        here.now.move(seconds=31)
        assert await other.replace("T1") == "T2"
        assert await one.get() == "T2"


async def test_a_failed_fetch_is_not_repeated_at_once_by_anybody() -> None:
    async with desk() as here:
        one, other = here.keeper(), here.keeper()
        here.source.fail = error_from(STABLE, -1, "system error")
        pauses = []
        for _ in range(7):
            for keeper in (one, other):
                with pytest.raises(WeChatError) as caught:
                    await keeper.get()
                assert (caught.value.errcode, caught.value.action) == (-1, "token")
            calls, waited = here.source.calls, 0
            while here.source.calls == calls:
                here.now.move(seconds=1)
                waited += 1
                with pytest.raises(WeChatError):
                    await one.get()
            pauses.append(waited)
        assert pauses == sorted(pauses)
        assert max(pauses) <= 61
        assert here.source.calls == 8
        here.source.fail = None
        here.now.move(seconds=61)
        assert await one.get() == "T9"


@pytest.mark.parametrize(
    "error", [error_from(STABLE, 40164, "invalid ip 1.2.3.4"), Uncertain(STABLE, "TimeoutError")]
)
async def test_while_fetching_fails_the_old_one_serves_until_its_end(error: WeChatError) -> None:
    async with desk() as here:
        keeper = here.keeper()
        await keeper.get()
        here.source.fail = error
        here.now.move(seconds=7200 - 200)
        assert await keeper.get() == "T1"
        await settled(lambda: here.source.calls == 2)
        await asyncio.sleep(0.02)
        for _ in range(20):
            assert await keeper.get() == "T1"
            await asyncio.sleep(0)
        assert here.source.calls == 2
        here.now.move(seconds=201)
        with pytest.raises(WeChatError) as caught:
            await keeper.get()
        assert caught.value.errcode == error.errcode
        assert caught.value.action == "token", "the call itself was not made and may be repeated"


async def test_a_dead_token_that_is_given_out_again_is_not_asked_for_in_a_circle() -> None:
    async with desk() as here:
        keeper = here.keeper()
        here.source.value = "SAME"
        await keeper.get()
        here.now.move(seconds=31)
        for _ in range(5):
            with pytest.raises(WeChatError):
                await keeper.replace("SAME")
        assert here.source.calls == 2


async def test_a_token_that_wechat_stands_by_is_used_again_after_a_pause() -> None:
    """One wrong 40001 must not stop an account for the two hours that its token has left."""
    async with desk() as here:
        keeper = here.keeper()
        here.source.value = "SAME"
        await keeper.get()
        here.now.move(seconds=31)
        with pytest.raises(WeChatError):
            await keeper.replace("SAME")
        here.now.move(seconds=31)
        assert await keeper.get() == "SAME"
        with pytest.raises(WeChatError):
            await keeper.replace("SAME")
        here.now.move(seconds=31)
        with pytest.raises(WeChatError):
            await keeper.get()
        assert here.source.calls == 4


async def test_a_token_that_dies_while_it_is_being_replaced_is_replaced_once_more() -> None:
    async with desk() as here:
        keeper = here.keeper()
        await keeper.get()
        here.now.move(seconds=7200 - 100)
        here.source.slow = asyncio.Event()
        assert await keeper.get() == "T1"
        await settled(lambda: here.source.calls == 2)
        waiting = asyncio.create_task(keeper.replace("T1"))
        await asyncio.sleep(0.01)
        here.source.slow.set()
        assert await waiting == "T2"


async def test_a_process_that_died_while_fetching_blocks_the_others_only_for_its_turn() -> None:
    async with desk() as here:
        hung = Source()
        hung.slow = asyncio.Event()
        lost, other = here.keeper(source=hung), here.keeper()
        dead = asyncio.create_task(lost.get())
        await settled(lambda: hung.calls == 1)
        waiting = asyncio.create_task(other.get())
        await asyncio.sleep(0.15)
        assert not waiting.done()
        here.now.move(seconds=tokens.LEASE + 1)
        assert await waiting == "T1"
        hung.value = "LATE"
        hung.slow.set()
        assert await dead == "T1", "the late writer takes the newer one and does not overwrite it"
        assert await here.keeper().get() == "T1"


async def test_waiting_for_another_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_POLL", tokens.LEASE / 3)
    async with desk() as here:
        hung = Source()
        hung.slow = asyncio.Event()
        lost, other = here.keeper(source=hung), here.keeper()
        dead = asyncio.create_task(lost.get())
        await settled(lambda: hung.calls == 1)
        monkeypatch.setattr(tokens, "_nap", lambda _seconds: asyncio.sleep(0))
        with pytest.raises(WeChatError, match="did not finish"):
            await other.get()
        hung.slow.set()
        await dead


async def test_a_clock_set_back_does_not_block_fetching() -> None:
    """T1"""
    async with desk() as here:
        here.now.move(hours=5)
        await here.keeper().get()
        here.now.move(hours=-5)
        one = here.keeper()
        assert await one.get() == "T1"
        assert await one.replace("T1") == "T2"


async def test_neither_redis_nor_the_log_shows_a_token() -> None:
    token = "a-token-that-base64-cannot-spell"
    async with desk() as here:
        here.source.value = token
        with capture_logs() as logs:
            assert await here.keeper().get() == token
            here.source.fail = error_from(STABLE, 40125, "invalid appsecret")
            here.now.move(seconds=7199)
            with pytest.raises(WeChatError):
                await here.keeper().replace(token)
        redis = FakeAsyncRedis(server=here.server)
        stored = [await redis.get(key) for key in await redis.keys("*")]
        assert len(stored) == 1
        assert token.encode() not in b"".join(stored)
        assert {entry["event"] for entry in logs} == {"wechat_credential_fetched", "wechat_credential_failed"}
        assert token not in str(logs)
        await redis.aclose()


async def test_a_new_secret_makes_what_is_stored_useless() -> None:
    async with desk() as here:
        await here.keeper().get()
        assert await here.keeper(secret="another").get() == "T2"


async def test_redis_may_answer_with_text() -> None:
    async with desk() as here:
        await here.keeper().get()
        decoding = FakeAsyncRedis(server=here.server, decode_responses=True)
        keeper = here.keeper(decoding)
        assert await keeper.get() == "T1"
        here.now.move(seconds=31)
        assert await keeper.replace("T1") == "T2"
        await decoding.aclose()


async def test_without_redis_each_process_looks_after_itself() -> None:
    """R1"""
    async with desk() as here:
        keeper = here.keeper()
        await keeper.get()
        here.server.connected = False
        with capture_logs() as logs:
            here.now.move(seconds=7201)
            assert await keeper.get() == "T2"
            assert await here.keeper().get() == "T3"
            with pytest.raises(WeChatError):
                await keeper.replace("T2")
        assert {"wechat_credential_store_down"} <= {entry["event"] for entry in logs}
        here.server.connected = True
        here.now.move(seconds=31)
        assert await keeper.replace("T2") == "T4"
        assert await here.keeper().get() == "T4"


async def test_a_redis_that_hangs_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_REDIS_SECONDS", 0.05)
    async with desk() as here:

        class Hanging(FakeAsyncRedis):
            async def execute_command(self, *_: Any, **__: Any) -> Any:
                await asyncio.sleep(60)

        assert await here.keeper(Hanging()).get() == "T1"


async def test_two_who_write_at_once_are_told_apart() -> None:
    async with desk() as here:
        store = here.keeper()._store
        other = here.keeper()._store
        raw, record = await store.load()
        first, second = await asyncio.gather(store.swap(raw, record), other.swap(raw, record))
        assert (first is None) != (second is None)


async def test_a_mistake_in_fetching_reaches_the_caller_and_the_next_call_tries_again() -> None:
    async with desk() as here:
        broken = Source()

        async def mistaken() -> tuple[str, int]:
            broken.calls += 1
            raise KeyError("x")

        keeper = here.keeper(source=mistaken)
        with pytest.raises(KeyError):
            await keeper.get()
        here.now.move(seconds=tokens.LEASE + 1)
        with pytest.raises(KeyError):
            await keeper.get()
        assert broken.calls == 2


# ---- through the client


async def rival(peer: Peer) -> None:
    """Another system of the same account forces a new token: ours is dead at once."""
    body = {"grant_type": "client_credential", "appid": "wx1", "secret": "s1", "force_refresh": True}
    async with peer.session.post(f"{peer.url}/{STABLE}", json=body) as answer:
        assert answer.status == 200


async def test_a_send_with_a_dead_token_is_made_once_more_with_a_new_one() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await wechat.ready()
        await peer.move(seconds=31)
        await rival(peer)
        await wechat.send_template(openid, "TPL-due", DATA)
        assert [seen for seen in peer.seen if seen[0] == SEND_TEMPLATE] == [
            (SEND_TEMPLATE, "token"),
            (SEND_TEMPLATE, "ok"),
        ]
        assert len(await peer.sent()) == 1


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_token_that_stays_dead_costs_two_calls_and_one_refresh(errcode: int) -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await wechat.ready()
        await peer.move(hours=3)
        await peer.fault(SEND_TEMPLATE, "errcode", errcode=errcode)
        peer.seen.clear()
        with pytest.raises(WeChatError) as caught:
            await wechat.send_template(openid, "TPL-due", DATA)
        assert (caught.value.action, caught.value.retryable) == ("token", True)
        assert peer.calls(SEND_TEMPLATE) <= 2
        for _ in range(20):
            with pytest.raises(WeChatError):
                await wechat.send_template(openid, "TPL-due", DATA)
        assert peer.calls(STABLE) <= 2
        assert peer.calls(SEND_TEMPLATE) <= 4


async def test_a_rival_who_kills_every_token_costs_one_refresh_in_thirty_seconds() -> None:
    """W4: killed every five seconds for two minutes, two processes, many sends."""
    async with platform() as peer:
        openid, one, other = await peer.person(), peer.client(), peer.client()
        sent = 0
        for _ in range(24):
            await rival(peer)
            for wechat in (one, other, one):
                try:
                    await wechat.send_template(openid, "TPL-due", DATA)
                    sent += 1
                except WeChatError as error:
                    assert error.action == "token"  # noqa: PT017 - some succeed
            await peer.move(seconds=5)
        assert peer.calls(STABLE) <= 5
        assert sent >= 4
        assert len(await peer.sent()) == sent


async def test_a_forbidden_address_is_told_at_the_start() -> None:
    async with platform() as peer:
        await peer.admin("accounts", {"name": "county", "appid": "wx1", "ip_whitelist": ["10.0.0.1"]})
        wechat = peer.client()
        with pytest.raises(WeChatError) as caught:
            await wechat.ready()
        assert (caught.value.errcode, caught.value.action) == (40164, "token")
        assert "127.0.0.1" in caught.value.errmsg


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "", "expires_in": 7200},
        {"access_token": "T", "expires_in": 0},
        {"access_token": "T", "expires_in": "7200"},
        {"access_token": ["T"], "expires_in": 7200},
        {"expires_in": 7200},
    ],
)
async def test_an_answer_that_is_no_token_is_not_used_as_one(answer: dict[str, Any]) -> None:
    async def handle(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with serving(app) as peer:
        with pytest.raises(WeChatError) as caught:
            await peer.client().send_template("o", "T", DATA)
        assert caught.value.action == "token", "the message itself was not sent, so nothing is uncertain"
        assert peer.calls(SEND_TEMPLATE) == 0


async def test_a_token_with_any_characters_goes_into_the_address_unharmed() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.query["access_token"] == "T+/="
        return web.json_response({"errcode": 0, "msgid": 1})

    async with answering(answer) as peer:
        wechat = peer.client()
        assert [await wechat.send_template("o", "T", DATA) for _ in range(2)] == ["1", "1"]


# ---- real processes, a real Redis

REDIS_URL = os.environ.get("TIANXIN_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")

PROCESS = """
import asyncio, sys
from datetime import UTC, datetime
import aiohttp
from redis.asyncio import Redis
from bot.config import Account
from bot.wechat.client import WeChat

async def main(url, redis_url, appid):
    account = Account("county", "service", "411082", appid, "s1", "t", "A" * 43)
    async with aiohttp.ClientSession() as session:
        redis = Redis.from_url(redis_url)
        wechat = WeChat(account, session, url, redis, lambda: datetime.now(UTC))
        found = await asyncio.gather(*(wechat._tokens.get() for _ in range(20)))
        assert len(set(found)) == 1
        print(found[0])
        await wechat.close()
        await redis.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_three_processes_over_a_real_redis_make_one_fetch() -> None:
    redis = Redis.from_url(REDIS_URL)
    try:
        await redis.ping()
    except (RedisConnectionError, OSError):
        pytest.skip(f"no Redis at {REDIS_URL}")
    appid, fetches = f"wx{secrets.token_hex(8)}", 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal fetches
        fetches += 1
        await asyncio.sleep(0.2)
        return web.json_response({"access_token": f"T{fetches}", "expires_in": 7200})

    app = web.Application()
    app.router.add_post(f"/{STABLE}", answer)
    async with serving(app) as peer:
        started = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROCESS, peer.url, REDIS_URL, appid),
                stdout=asyncio.subprocess.PIPE,
                cwd=Path(__file__).parents[2],
            )
            for _ in range(3)
        ]
        said = {(await process.communicate())[0].decode().strip().splitlines()[-1] for process in started}
        found = [key async for key in redis.scan_iter(f"*{appid}*")]
        await redis.delete(*found)
        await redis.aclose()
    assert said == {"T1"}
    assert fetches == 1
    assert [process.returncode for process in started] == [0, 0, 0]
