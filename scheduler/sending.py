"""The part that calls out: what is ready is claimed, its intents are written, the calls run side by side, and
their results are written in groups. A delivery is durable before its call and after it.

`failpoint` is called at every gap between two durable steps; tests raise there to see what a crash leaves.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import asyncpg
import structlog
from prometheus_client import Counter as Metric

from actions import delivery, outcomes
from actions.attempts import LEASE_SECONDS, Attempt
from actions.chunk import LeaseLost
from actions.outcomes import Result
from bot import database
from bot.config import Account
from bot.runtime import Runtime
from rules.delivery import Outcome
from scheduler.calling import Caller

log = structlog.get_logger(__name__)
T = TypeVar("T")
ATTEMPTS: Final = Metric("tianxin_attempts", "Attempts to tell somebody", ("channel", "outcome"))

CONCURRENCY: Final = 32
PLANNERS: Final = 2
"""Chunks prepared at the same time: while one waits for the database, the other is worked on."""
AHEAD_SECONDS: Final = 0.2
LINGER_SECONDS: Final = 0.02
"""Results that come within this time share a commit."""
RENEW_SECONDS: Final = LEASE_SECONDS / 3
RECORD_AGAIN_SECONDS: Final = 1.0
RECORD_TRIES: Final = 60
_DATABASE_DOWN: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


def _no_failpoint(_gap: str) -> None:
    return None


@dataclass
class Sender:
    """Sends what is ready in one county, until nothing is or it is told to stop."""

    runtime: Runtime
    county: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    concurrency: int = CONCURRENCY
    most: int = delivery.CHUNK
    failpoint: Callable[[str], None] = _no_failpoint
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    counts: Counter[str] = field(default_factory=Counter)
    _attempts: asyncio.Queue[Attempt | None] = field(default_factory=asyncio.Queue)
    _results: list[Result] = field(default_factory=list)
    _in_hand: set[int] = field(default_factory=set)
    _writes: set[asyncio.Task[Any]] = field(default_factory=set)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _looking: int = 0
    _called: int = 0
    _since: float = 0.0
    _low_water: int = 0
    _finished: bool = False

    def __post_init__(self) -> None:
        self.pack = self.runtime.packs.by_county(self.county)
        self.accounts: list[Account] = [
            *self.runtime.county_accounts(self.county, "service"),
            *self.runtime.county_accounts(self.county, "mini_program"),
        ]
        self.caller = Caller(self.runtime, self.failpoint)

    async def run(self) -> Counter[str]:
        """Send until nothing is ready. Returns how many had which outcome. Clause: S18.7."""
        self._since = asyncio.get_running_loop().time()
        await database.fetch("SELECT 1")  # opens the pool
        async with asyncio.TaskGroup() as group:
            callers = [group.create_task(self._call_all()) for _ in range(self.concurrency)]
            recorder = group.create_task(self._record_all())
            keeper = group.create_task(self._keep_leases())
            await asyncio.gather(*(group.create_task(self._plan_all()) for _ in range(PLANNERS)))
            for _ in callers:
                self._attempts.put_nowait(None)
            await asyncio.gather(*callers)
            self._finished = True
            self._news.set()
            await recorder
            keeper.cancel()
        return self.counts

    async def _whole(self, write: Coroutine[Any, Any, T]) -> T:
        """Let a write to the database end even when this worker is cancelled: a transaction that is cut off
        in the middle would keep its connection."""
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait((task,))
            raise

    # ---- claiming

    async def _plan_all(self) -> None:
        """Prepare chunk after chunk on one connection: giving it back would cost a round trip each time."""
        async with database.pool().acquire() as connection:
            while not self.stop.is_set():
                self._looking += 1
                found = await self._next_chunk(connection)
                self._looking -= 1
                if found:
                    await self._wait_for_room()
                elif self._in_hand or self._looking:
                    self._changed.clear()  # a refusal may plan the next rung
                    await self._changed.wait()
                else:
                    break
        self._changed.set()

    async def _next_chunk(self, connection: asyncpg.Connection) -> bool:
        """Claim a chunk and write its intents; False when nothing is ready."""
        now = self.runtime.now()
        ids = await self._whole(delivery.claim(connection, self.county, self.owner, now, self._size()))
        if not ids:
            return False
        self.failpoint("claimed")
        base_url = self.runtime.settings.base_url()
        try:
            attempts = await self._whole(
                delivery.prepare(
                    connection, self.county, ids, self.owner, self.accounts, self.pack, now, base_url
                )
            )
        except LeaseLost:
            log.warning("delivery_lease_lost", county=self.county, deliveries=len(ids))
            return True
        self.counts["looked_at"] += len(ids)
        self.failpoint("intended")
        for attempt in attempts:
            self._in_hand.add(attempt.delivery_id)
            self._attempts.put_nowait(attempt)
        self._changed.set()
        return True

    def _size(self) -> int:
        """How many to claim: what is called in a fifth of a second. What is prepared and not yet called is
        uncertain after a crash, so little is ever ahead."""
        seconds = max(0.001, asyncio.get_running_loop().time() - self._since)
        called = int(self._called / seconds * AHEAD_SECONDS)
        return min(self.most, max(2 * self.concurrency, called))

    async def _wait_for_room(self) -> None:
        self._low_water = self._size()
        while self._attempts.qsize() > self._low_water:
            self._room.clear()
            await self._room.wait()

    # ---- calling

    async def _call_all(self) -> None:
        while (attempt := await self._attempts.get()) is not None:
            if self._attempts.qsize() <= self._low_water:
                self._room.set()
            if self.stop.is_set():
                result = Result(attempt, Outcome.BUSY, action="stopped", called=False)
            else:
                result = await self.caller.call(attempt)
            self._results.append(result)
            self._called += 1
            self._news.set()

    # ---- recording

    async def _record_all(self) -> None:
        while not self._finished or self._results:
            await self._news.wait()
            if not self._finished:
                await asyncio.sleep(LINGER_SECONDS)
                self._news.clear()
            results, self._results = self._results, []
            if results:
                await self._record(results)

    async def _record(self, results: list[Result]) -> None:
        """Write results until they are written: nobody else knows what WeChat said."""
        self.failpoint("recording")
        for tries_left in reversed(range(RECORD_TRIES)):
            try:
                await self._whole(self._write_down(results))
                break
            except _DATABASE_DOWN as error:
                log.error("delivery_not_recorded", county=self.county, error=type(error).__name__)
                if not tries_left:
                    raise
                await asyncio.sleep(RECORD_AGAIN_SECONDS)
        self.failpoint("recorded")
        for (channel, outcome), number in Counter((r.attempt.channel, r.outcome) for r in results).items():
            ATTEMPTS.labels(channel.value, outcome.value).inc(number)
        for result in results:
            self._in_hand.discard(result.attempt.delivery_id)
            self.counts[result.outcome.value] += 1
        self._changed.set()

    async def _write_down(self, results: list[Result]) -> None:
        async with database.pool().acquire() as connection:
            await outcomes.record(connection, self.county, results, self.pack, self.runtime.now())

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if self._in_hand:
                await self._whole(delivery.renew(self.owner, list(self._in_hand)))


async def deliver(runtime: Runtime, county: str, stop: asyncio.Event | None = None) -> Counter[str]:
    """Send what is ready in a county. Clause: S18.7."""
    sender = Sender(runtime, county, stop or asyncio.Event(), failpoint=runtime.failpoint)
    return await sender.run()
