"""What is left of the day's calls: counted by all processes, without a round trip for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from wechat_platform import platform

from bot.wechat import quota
from bot.wechat.client import SEND_BIZSUBSCRIBE, SEND_TEMPLATE, WeChatError
from bot.wechat.errors import error_from
from bot.wechat.quota import Quota

DATA = {"thing1": "养羊", "amount2": "30000元", "time3": "2026年12月1日"}
# 23:59:00 in Shanghai
EVENING = datetime(2026, 11, 28, 15, 59, tzinfo=UTC).timestamp()


class Books:
    """Quota books of several processes over one Redis, with a clock set by hand."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.at = EVENING
        self.made: list[Quota] = []

    def book(self, redis: Any = None, **limits: int) -> Quota:
        shared = redis or FakeAsyncRedis(server=self.server)
        made = Quota(
            "wx1",
            shared,
            lambda: datetime.fromtimestamp(self.at, UTC),
            {f"/{k}": v for k, v in limits.items()},
        )
        self.made.append(made)
        return made


@asynccontextmanager
async def books() -> AsyncIterator[Books]:
    made = Books()
    yield made
    for book in made.made:
        await book.close()


async def test_calls_of_all_processes_are_counted_together() -> None:
    async with books() as here:
        one, other = here.book(send=10), here.book(send=10)
        for _ in range(3):
            one.count("send", here.at)
        other.count("send", here.at)
        await asyncio.sleep(0.02)
        here.at += 1.1
        assert await one.left("send") == 6
        assert await other.left("send") == 6
        assert await one.left("something/else") is None


async def test_counting_costs_one_round_trip_a_second_not_one_a_call() -> None:
    async with books() as here:
        trips = 0

        class Counting(FakeAsyncRedis):
            def pipeline(self, *args: Any, **kwargs: Any) -> Any:
                nonlocal trips
                trips += 1
                return super().pipeline(*args, **kwargs)

        book = here.book(Counting(server=here.server), send=10_000)
        for second in range(1, 4):
            for _ in range(1000):
                book.count("send", here.at)
            assert await book.left("send") is not None
            for _ in range(500):  # the counts are put away beside the calls, when the loop has time
                if trips == second and book._task is not None and book._task.done():
                    break
                await asyncio.sleep(0.01)
            here.at += 1.0
        assert trips == 3
        assert await book.left("send") == 7000


async def test_a_new_day_in_shanghai_begins_with_everything() -> None:
    async with books() as here:
        book = here.book(send=10)
        book.count("send", here.at)
        book.refused(error_from("send", 45009, "reach max api daily quota limit"), here.at)
        assert await book.left("send") == 0
        here.at += 61
        assert await book.left("send") == 10
        book.count("send", here.at)
        here.at += 2
        assert await book.left("send") == 9


async def test_when_the_day_is_used_up_no_process_calls_again_until_the_next() -> None:
    """W3"""
    async with books() as here:
        one, other = here.book(send=10), here.book(send=10)
        one.count("send", here.at)
        one.refused(error_from("send", 45009, "reach max api daily quota limit"), here.at)
        with pytest.raises(WeChatError) as caught:
            one.count("send", here.at)
        assert (caught.value.errcode, caught.value.action) == (45009, "quota_day")
        one.count("other", here.at)
        await asyncio.sleep(0.02)
        assert await other.left("send") == 0
        with pytest.raises(WeChatError):
            other.count("send", here.at)
        here.at += 61
        one.count("send", here.at)
        other.count("send", here.at)


async def test_a_used_up_minute_is_over_with_the_minute() -> None:
    async with books() as here:
        book, here.at = here.book(), EVENING - 30
        book.refused(error_from("send", 45011, "slower"), here.at)
        with pytest.raises(WeChatError) as caught:
            book.count("send", here.at + 29)
        assert caught.value.action == "quota_minute"
        book.count("send", here.at + 30)


async def test_other_refusals_change_nothing() -> None:
    async with books() as here:
        book = here.book(send=10)
        book.refused(error_from("send", 43004, "require subscribe"), here.at)
        book.count("send", here.at)
        assert await book.left("send") == 9


async def test_clearing_is_seen_by_every_process() -> None:
    async with books() as here:
        one, other = here.book(send=10), here.book(send=10)
        one.count("send", here.at)
        one.refused(error_from("send", 45009, ""), here.at)
        await one.flush()
        assert await other.left("send") == 0
        await one.clear()
        assert await one.left("send") == 10
        here.at += 2
        with pytest.raises(WeChatError):
            other.count("send", here.at)
        await asyncio.sleep(0.02)
        other.count("send", here.at)


async def test_counts_outlive_a_redis_that_is_down() -> None:
    """R1"""
    async with books() as here:
        book = here.book(send=10)
        here.server.connected = False
        book.count("send", here.at)
        assert await book.left("send") == 9
        await book.clear()
        book.count("send", here.at)
        book.count("send", here.at)
        await book.flush()
        here.server.connected = True
        here.at += 2
        assert await here.book(send=10).left("send") == 10
        assert await book.left("send") == 8
        assert await here.book(send=10).left("send") == 8


async def test_a_flush_that_ends_after_midnight_leaves_the_new_day_alone() -> None:
    async with books() as here:

        class Slow(FakeAsyncRedis):
            def pipeline(self, *args: Any, **kwargs: Any) -> Any:
                pipe = super().pipeline(*args, **kwargs)
                execute = pipe.execute

                async def late(*a: Any, **k: Any) -> Any:
                    if here.at == EVENING:
                        here.at += 61
                        book.count("send", here.at)
                    if not here.server.connected:
                        raise ConnectionError
                    return await execute(*a, **k)

                pipe.execute = late
                return pipe

        for connected in (True, False):
            here.server.connected, here.at = connected, EVENING
            book = here.book(Slow(server=here.server), send=10)
            book.count("send", here.at)
            await book.flush()
            assert here.at > EVENING
            here.server.connected = True
            await book.flush()
        here.at += 2
        assert await here.book(send=10).left("send") == 8


async def test_a_redis_that_hangs_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "_REDIS_SECONDS", 0.05)
    async with books() as here:

        class Hanging(FakeAsyncRedis):
            def pipeline(self, *args: Any, **kwargs: Any) -> Any:
                pipe = super().pipeline(*args, **kwargs)

                async def never() -> None:
                    await asyncio.sleep(60)

                pipe.execute = never
                return pipe

        book = here.book(Hanging(server=here.server), send=10)
        book.count("send", here.at)
        assert await book.left("send") == 9


async def test_redis_may_answer_with_text() -> None:
    async with books() as here:
        book = here.book(FakeAsyncRedis(server=here.server, decode_responses=True), send=10)
        book.count("send", here.at)
        await book.flush()
        assert await here.book(send=10).left("send") == 9


async def test_the_client_stops_calling_after_the_platforms_no_and_goes_on_the_next_day() -> None:
    """W3: no retry storm; the call is made again the next day."""
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.admin("accounts", {"name": "county", "appid": "wx1", "quotas": {f"/{SEND_TEMPLATE}": 2}})
        actions = []
        for _ in range(30):
            try:
                await wechat.send_template(openid, "TPL-due", DATA)
                actions.append("sent")
            except WeChatError as error:
                actions.append(error.action)
        assert actions == ["sent"] * 2 + ["quota_day"] * 28
        assert peer.calls(SEND_TEMPLATE) == 3
        await peer.move(days=1)
        await wechat.send_template(openid, "TPL-due", DATA)
        assert await wechat.quota_left(SEND_BIZSUBSCRIBE) is None


async def test_limits_of_an_account_stand_above_the_usual() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client(limits={SEND_TEMPLATE: 5})
        await wechat.send_template(openid, "TPL-due", DATA)
        assert await wechat.quota_left(SEND_TEMPLATE) == 4
