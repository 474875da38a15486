"""One turn in a transaction of its own: what the actions do, dialog, stored push and reply together."""

from __future__ import annotations

from dataclasses import dataclass, field

import asyncpg
import structlog

from actions import inbox
from actions.inbox import Answered, Arrived
from actions.inbox_changes import Raced
from bot import database
from bot.errors import RuleRefused
from bot.runtime import Runtime, business_date
from bot.wechat.inbound import Incoming, takes_reply
from bot.wechat.messages import Reply, Text
from handlers import texts
from handlers.chat import choose
from handlers.chat.kept import pack_incoming, pack_reply, unpack_reply
from handlers.chat.person import Person
from handlers.chat.talk import Alone, ChatOutcome, ChatRoute, ChatTurn
from handlers.county import county_context

log = structlog.get_logger("tianxin.chat")

_AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    asyncpg.UniqueViolationError,  # somebody else made the row at the same moment: the second look sees it
)
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Push:
    """A push on its way: as it came, and as it is stored."""

    incoming: Incoming
    event: Arrived = field(repr=False)

    @classmethod
    def of(cls, runtime: Runtime, incoming: Incoming) -> Push:
        account = runtime.accounts[incoming.account]
        return cls(
            incoming,
            Arrived(
                dedupe_key=incoming.dedupe_key.hex(),
                county=account.county,
                account=account.name,
                openid=incoming.openid,
                kind=incoming.kind,
                event=incoming.event[:40],
                said_at=incoming.created_at,
                received_at=runtime.now(),
                body=pack_incoming(incoming),
            ),
        )


def answered(
    runtime: Runtime, push: Push, outcome: ChatOutcome, failed: str = "", *, kept: bool = False
) -> Answered:
    """The push with its reply, ready to be stored."""
    event = push.event
    if not outcome.keep_body:
        event = Arrived(
            event.dedupe_key, event.county, event.account, event.openid, event.kind, event.event,
            event.said_at, event.received_at, None,
        )  # fmt: skip
    account = runtime.accounts[event.account]
    return Answered(
        event=event,
        reply=pack_reply(outcome.reply),
        state="failed" if failed else "done",
        note=failed or ("" if outcome.keep_body else "not_kept"),
        by_message=outcome.reply is not None and not takes_reply(account, push.incoming),
        kept=kept,
    )


def apology(push: Push, error: BaseException) -> tuple[ChatOutcome, str]:
    """What is said and noted when a turn broke: the person is answered, the fault is ours to find."""
    log.error("turn_failed", dedupe_key=push.event.dedupe_key, kind=push.event.kind, exc_info=error)
    return ChatOutcome(Text(texts.BROKEN)), type(error).__name__


async def finish(runtime: Runtime, push: Push) -> Reply:
    """Answer one push for good, whatever other processes do meanwhile; a repeat gets the stored reply.

    Raises what the database raises when it cannot be reached: then nothing is stored.
    """
    for attempt in range(_TRIES):
        try:
            return await _once(runtime, push)
        except Raced:
            continue
        except Exception as error:
            if attempt + 1 == _TRIES or not isinstance(root_of(error), _AGAIN):
                raise
    raise Raced("a turn was overtaken again and again")


def root_of(error: BaseException) -> BaseException:
    """The error of the database below an error of Tortoise."""
    while error.__cause__ is not None and not isinstance(error, asyncpg.PostgresError):
        error = error.__cause__
    return error


async def _once(runtime: Runtime, push: Push) -> Reply:
    event, account = push.event, runtime.accounts[push.event.account]
    now = runtime.now()
    context = await county_context(runtime, account.county)
    async with database.transaction() as connection:
        await inbox.lock_person(connection, event.who)
        looked = await inbox.look_up(connection, [event], {event.who}, now=now, on=business_date(now))
        stored = looked.stored.get(event.dedupe_key)
        if stored is not None and stored.state != "pending":
            return unpack_reply(stored.reply)
        person = Person(account, event.openid, looked.people[event.who], now)
        turn = person.turn(runtime, push.incoming, context)
        outcome, failed = await _outcome(connection, push, turn)
        person.take(push.incoming, outcome)
        await inbox.settle(connection, [answered(runtime, push, outcome, failed)], person.changes(), now)
        return outcome.reply


async def _outcome(connection: asyncpg.Connection, push: Push, turn: ChatTurn) -> tuple[ChatOutcome, str]:
    """The outcome of the turn and, where it broke, the name of the fault; then it did nothing."""
    try:
        async with database.transaction():
            return await act(choose(turn), turn), ""
    except RuleRefused as refusal:
        return ChatOutcome(Text(refusal.message)), ""
    except Raced:
        raise
    except Exception as error:
        if connection.is_closed() or isinstance(root_of(error), _AGAIN):
            raise
        return apology(push, error)


async def act(route: ChatRoute, turn: ChatTurn) -> ChatOutcome:
    """What a row of CHAT_ROUTES makes of a turn, with its consequences."""
    if route.record is not None:
        return ChatOutcome(changes=route.record(turn.account, turn.incoming))
    if route.acting is not None:
        return await route.acting(turn)
    made = route.pure(turn) if route.pure else ChatOutcome()
    return await made.work(turn) if isinstance(made, Alone) else made
