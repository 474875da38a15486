"""Answers pushes, those that arrive together in one commit.

While one batch is in the database the next one gathers; nobody waits for a clock. A batch is one read, the
pure turns in between, and one transaction that stores pushes, replies, dialogs and drafts. One person's
messages are answered in order. A turn with consequences runs alone. What was answered is stored; what could
not be stored in time is not acknowledged, so that WeChat sends it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from time import monotonic
from typing import Any

import asyncpg
import structlog
from prometheus_client import Counter, Histogram

from actions import inbox
from actions.inbox import Answered, Looked
from actions.inbox_changes import Change, Who
from bot.dialog import Context
from bot.dialog_commands import looks_secret
from bot.errors import TianxinError
from bot.runtime import Runtime, business_date
from bot.wechat.inbound import Incoming
from bot.wechat.messages import Reply
from handlers.chat import choose, record_of
from handlers.chat.alone import Push, answered, apology, finish, root_of
from handlers.chat.kept import unpack_reply
from handlers.chat.person import Person
from handlers.chat.talk import Alone, ChatOutcome
from handlers.county import county_context

log = structlog.get_logger("tianxin.chat")

ANSWER_WITHIN = 4.0
"""Seconds for a turn; WeChat gives up after five. Then the push is kept for later, for which there is …"""
KEEP_WITHIN = 0.35
MAX_BATCH = 64
MAX_OF_ONE = 16
MAX_WAITING = 2_000
"""More than this many at once are sent away at once, to come again."""
ALONE = 6
_PAUSE = 0.2
_LATEST = 50.0
_TICK = 0.05

BATCHES = Histogram("tianxin_turn_batch", "Pushes stored in one commit", buckets=(1, 2, 4, 8, 16, 32, 64))
TURNS = Counter("tianxin_turns", "Pushes by how they were answered", ("how",))
_ANSWERED, _LATE = TURNS.labels("answered"), TURNS.labels("late")

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)


class BusyError(TianxinError):
    """Too many pushes wait already."""


class NotStoredError(TianxinError):
    """The push could not be stored in time."""


class _Waiting:
    """A push in hand, and the reply that others wait for too, should it come again meanwhile."""

    __slots__ = ("abandoned", "answers", "arrived", "done", "kept", "lane", "push")

    def __init__(self, push: Push, lane: Who, done: asyncio.Future[Reply]) -> None:
        self.push = push
        self.lane = lane
        self.done = done
        self.arrived = monotonic()
        self.answers: list[asyncio.Future[Reply]] = []
        self.kept = False
        self.abandoned = False


class Turns:
    """Answers pushes; one for each process. Use `running()`."""

    def __init__(self, runtime: Runtime, *, lanes: int = 1, answer_within: float = ANSWER_WITHIN) -> None:
        self._runtime = runtime
        self._answer_within = answer_within
        self._by_key: dict[str, _Waiting] = {}
        self._queues: dict[Who, deque[_Waiting]] = {}
        self._ready: deque[Who] = deque()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(ALONE)
        self._lanes = lanes
        self._due: deque[tuple[float, asyncio.Future[Reply]]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Turns]:
        """Work while the block runs; then finish what is in hand."""
        lanes = [asyncio.create_task(self._lane(), name=f"turns-{n}") for n in range(self._lanes)]
        lanes.append(asyncio.create_task(self._watch(), name="turns-watch"))
        try:
            yield self
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN):
                    while self._by_key:
                        await asyncio.wait([w.done for w in self._by_key.values()])
            for task in (*lanes, *self._tasks):
                task.cancel()
            await asyncio.gather(*lanes, *self._tasks, return_exceptions=True)

    async def answer(self, incoming: Incoming, since: float | None = None) -> Reply:
        """The reply to a push, stored; None: nothing to say, or it is said later by a service message.

        `since` is when the push began to arrive (monotonic). Raises BusyError and NotStoredError: then
        nothing may be acknowledged.
        """
        waiting = self._take(incoming)
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting.answers.append(answer)
        self._due.append(((since or monotonic()) + self._answer_within, answer))
        try:
            return await answer
        except TimeoutError:
            return await self._late(waiting)
        finally:
            if not waiting.done.done():
                waiting.answers.remove(answer)

    async def _watch(self) -> None:
        """Tell those whose time is up. One timer for all: one for each push would be dear."""
        while True:
            now = monotonic()
            while self._due and (self._due[0][1].done() or self._due[0][0] <= now):
                _, answer = self._due.popleft()
                if not answer.done():
                    answer.set_exception(TimeoutError())
            await asyncio.sleep(min(max(self._due[0][0] - now, 0), _TICK) if self._due else _TICK)

    def _take(self, incoming: Incoming) -> _Waiting:
        key = incoming.dedupe_key.hex()
        found = self._by_key.get(key)
        if found is not None:
            TURNS.labels("repeated").inc()
            found.abandoned = False
            return found
        if len(self._by_key) >= MAX_WAITING:
            TURNS.labels("busy").inc()
            raise BusyError("too many pushes wait")
        push = Push.of(self._runtime, incoming)
        lane = (incoming.account, incoming.openid) if record_of(incoming) is None else ("", key)
        waiting = _Waiting(push, lane, asyncio.get_running_loop().create_future())
        self._by_key[key] = waiting
        queue = self._queues.get(lane)
        if queue is None:
            self._queues[lane] = deque((waiting,))
            self._ready.append(lane)
            self._wake.set()
        else:
            queue.append(waiting)
        return waiting

    # ---- batches ----

    async def _lane(self) -> None:
        held: list[asyncpg.Connection] = []
        try:
            await self._serve(held)
        finally:
            for connection in held:
                connection.terminate()

    async def _serve(self, held: list[asyncpg.Connection]) -> None:
        """Batch after batch; the connection is kept in `held` while it works."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # whoever is in the door already comes along
            batch = self._pick()
            if not batch:
                self._wake.clear()
                continue
            alone: list[_Waiting] = []
            try:
                if not held or held[0].is_closed():
                    held[:] = [await self._connect()]
                alone = await self._batch(held[0], batch)
            except _LOST as error:
                log.warning("turns_database_lost", error=type(error).__name__, pushes=len(batch))
                for connection in held:
                    connection.terminate()
                await asyncio.sleep(_PAUSE)
                self._put_back(batch)
                continue
            except Exception as error:
                # Somebody's row was changed elsewhere, or one of them is broken: each for himself, then.
                log.info("turns_one_by_one", error=type(root_of(error)).__name__, pushes=len(batch))
                alone = [waiting for waiting in batch if not waiting.done.done()]
            self._go_on(batch, alone)

    async def _connect(self) -> asyncpg.Connection:
        # One of its own, with short limits: a lock or a hung server must not hold up everybody for long.
        return await asyncpg.connect(
            self._runtime.database_url,
            timeout=2,
            command_timeout=ANSWER_WITHIN,
            server_settings={
                "application_name": "tianxin-turns",
                "statement_timeout": "3500",
                "lock_timeout": "500",
                "idle_in_transaction_session_timeout": "10000",
                "timezone": "UTC",
                # a few rows by key is all there is; without statistics the planner may think otherwise
                **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"), "off"),
            },
        )

    def _pick(self) -> list[_Waiting]:
        """The next batch: all that waits of the people who are not in hand, up to the limit."""
        batch: list[_Waiting] = []
        while self._ready and len(batch) < MAX_BATCH:
            lane = self._ready.popleft()
            queue = self._queues[lane]
            taken = [queue.popleft() for _ in range(min(len(queue), MAX_OF_ONE))]
            going = [waiting for waiting in taken if not waiting.abandoned]
            for waiting in taken:
                if waiting.abandoned:
                    self._forget(waiting)
            batch += going
            if not going:
                self._release(lane)
        return batch

    async def _batch(self, connection: asyncpg.Connection, batch: list[_Waiting]) -> list[_Waiting]:
        """Answer a batch; gives back the turns with consequences, and what the same people said after."""
        now = self._runtime.now()
        counties = {waiting.push.event.county for waiting in batch}
        contexts = {county: await county_context(self._runtime, county) for county in counties}
        speaking = {waiting.lane for waiting in batch if waiting.lane[0]}
        looked = await inbox.look_up(
            connection, [w.push.event for w in batch], speaking, now=now, on=business_date(now)
        )
        people: dict[Who, Person] = {}
        ready: list[tuple[_Waiting, Reply]] = []
        rows: list[Answered] = []
        changes: list[Change] = []
        alone: list[_Waiting] = []
        held: set[Who] = set()
        for waiting in sorted(batch, key=lambda w: w.push.event.said_at):
            push = waiting.push
            stored = looked.stored.get(push.event.dedupe_key)
            if stored is not None and not (stored.state == "pending" and waiting.kept):
                ready.append((waiting, unpack_reply(stored.reply)))
                continue
            if waiting.lane in held:
                alone.append(waiting)
                continue
            outcome, failed = self._turn(waiting, people, looked, now, contexts)
            if outcome is None:
                held.add(waiting.lane)
                alone.append(waiting)
                continue
            rows.append(answered(self._runtime, push, outcome, failed, kept=waiting.kept))
            ready.append((waiting, outcome.reply))
            if not waiting.lane[0]:
                changes += outcome.changes
        for person in people.values():
            changes += person.changes()
        if rows:
            await inbox.settle(connection, rows, changes, now)
            BATCHES.observe(len(rows))
        for waiting, reply in ready:
            self._resolve(waiting, reply)
        return alone

    def _turn(
        self,
        waiting: _Waiting,
        people: dict[Who, Person],
        looked: Looked,
        now: datetime,
        contexts: Mapping[str, Context],
    ) -> tuple[ChatOutcome | None, str]:
        """The outcome of a pure turn (None: it has consequences) and the fault where it broke."""
        runtime, incoming = self._runtime, waiting.push.incoming
        account = runtime.accounts[incoming.account]
        try:
            record = record_of(incoming)
            if record is not None:
                return ChatOutcome(changes=record(account, incoming)), ""
            person = people.get(waiting.lane)
            if person is None:
                person = Person(account, incoming.openid, looked.people[waiting.lane], now)
                people[waiting.lane] = person
            turn = person.turn(runtime, incoming, contexts[account.county])
            route = choose(turn)
            if route.pure is None:
                return None, ""
            outcome = route.pure(turn)
            if isinstance(outcome, Alone):
                return None, ""
            person.take(incoming, outcome)
        except Exception as error:
            return apology(waiting.push, error)
        return outcome, ""

    def _put_back(self, batch: Sequence[_Waiting]) -> None:
        """Everything once more, in the same order, when the database is back."""
        for waiting in reversed(batch):
            if not waiting.done.done():
                self._queues[waiting.lane].appendleft(waiting)
        for lane in dict.fromkeys(waiting.lane for waiting in batch):
            self._release(lane)

    def _go_on(self, batch: Sequence[_Waiting], alone: Sequence[_Waiting]) -> None:
        by_lane: dict[Who, list[_Waiting]] = {}
        for waiting in alone:
            by_lane.setdefault(waiting.lane, []).append(waiting)
        for lane in dict.fromkeys(waiting.lane for waiting in batch):
            if lane not in by_lane:
                self._release(lane)
        for lane, pushes in by_lane.items():
            task = asyncio.create_task(self._alone(lane, pushes))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _release(self, lane: Who) -> None:
        """Let the next messages of this person come."""
        if self._queues[lane]:
            self._ready.append(lane)
            self._wake.set()
        else:
            del self._queues[lane]

    # ---- turns with consequences ----

    async def _alone(self, lane: Who, pushes: Sequence[_Waiting]) -> None:
        try:
            for waiting in pushes:
                await self._finish(waiting)
        finally:
            self._release(lane)

    async def _finish(self, waiting: _Waiting) -> None:
        """Answer one push, over a lost database too, while somebody waits or it is acknowledged."""
        while not waiting.done.done():
            if waiting.abandoned or monotonic() - waiting.arrived > _LATEST:
                self._forget(waiting)
                return
            try:
                async with self._slots:
                    reply = await finish(self._runtime, waiting.push)
            except Exception as error:
                if not isinstance(root_of(error), _LOST):
                    log.exception("turn_not_stored", dedupe_key=waiting.push.event.dedupe_key)
                    self._forget(waiting)
                    return
                log.warning("turn_database_lost", error=type(root_of(error)).__name__)
                await asyncio.sleep(_PAUSE)
            else:
                self._resolve(waiting, reply)

    # ---- ends ----

    def _resolve(self, waiting: _Waiting, reply: Reply) -> None:
        self._by_key.pop(waiting.push.event.dedupe_key, None)
        if not waiting.done.done():
            waiting.done.set_result(reply)
        for answer in waiting.answers:
            if not answer.done():
                answer.set_result(reply)
        (_LATE if waiting.kept else _ANSWERED).inc()

    def _forget(self, waiting: _Waiting) -> None:
        """Let go of a push that is not stored; who still waits for it is told so."""
        self._by_key.pop(waiting.push.event.dedupe_key, None)
        TURNS.labels("not_stored").inc()
        error = NotStoredError("the push could not be stored")
        for done in (waiting.done, *waiting.answers):
            if not done.done():
                done.set_exception(error)
                done.exception()  # looked at, should nobody wait any more

    async def _late(self, waiting: _Waiting) -> Reply:
        """The time is up: keep the push, so that it may be acknowledged, or refuse it."""
        if waiting.kept:
            return None
        keeping = asyncio.create_task(self._keep(waiting))
        self._tasks.add(keeping)
        keeping.add_done_callback(self._tasks.discard)
        until = monotonic() + KEEP_WITHIN
        either: set[asyncio.Future[Any]] = {keeping, waiting.done}
        await asyncio.wait(either, timeout=KEEP_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done() and keeping.result() and not waiting.kept:
            # somebody has stored it just now, and most likely it was our own turn
            await asyncio.wait({waiting.done}, timeout=max(until - monotonic(), 0))
        if waiting.done.done():
            return waiting.done.result()
        if keeping.done() and keeping.result():
            return None
        waiting.abandoned = not any(not answer.done() for answer in waiting.answers)
        raise NotStoredError("the turn was not done in time and could not be kept")

    async def _keep(self, waiting: _Waiting) -> bool:
        """Store the push as one to be answered later; whether it is stored now, by us or by somebody else."""
        push = waiting.push
        event = push.event
        if looks_secret(push.incoming.text, None):
            event = answered(self._runtime, push, ChatOutcome(keep_body=False)).event
        try:
            connection = await asyncpg.connect(
                self._runtime.database_url, timeout=1, command_timeout=1,
                server_settings={"application_name": "tianxin-late", "timezone": "UTC"},
            )  # fmt: skip
            try:
                waiting.kept = await inbox.keep_for_later(connection, event)
            finally:
                await connection.close(timeout=1)
        except (*_LOST, asyncpg.PostgresError) as error:
            log.warning("push_not_kept", error=type(error).__name__)
            return False
        return True
