"""A request that may arrive twice happens once: its effect and its answer are committed together.

The scope is person, route and key. A lock on the scope, held to the end of the transaction, makes the second
of two at once a Conflict instead of a wait; a crash leaves nothing behind, so the request can be made again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from actions.access import Actor
from bot.database import transaction
from bot.errors import Conflict, RuleRefused
from models.conversation import IdempotencyKey
from models.sealing import open_json, seal_json

MAX_KEY = 255


class RequestRunning(Conflict):
    """The same request is being worked on right now: ask again in a second (HTTP 409 with Retry-After)."""

    def __init__(self) -> None:
        super().__init__("S1.6", "上一次操作还在处理，请稍等一下再试。", code="request_running")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: HTTP status and JSON body. `replayed`: it was stored, nothing was done this time."""

    status: int
    body: Any
    replayed: bool = False


async def once(
    actor: Actor,
    route: str,
    key: str,
    body_sha256: str,
    now: datetime,
    work: Callable[[], Awaitable[Answer]],
    refused: Callable[[RuleRefused], Answer],
) -> Answer:
    """Do `work` unless this person already made this request; then the stored answer, word for word.

    A refusal by a rule is stored as `refused` renders it; any other error undoes all and is not stored.
    Raises RequestRunning, or RuleRefused (idempotency_key_reused) for another body under the same key.
    """
    scope = f"{actor.person_id}\x00{route}\x00{key}"
    async with transaction() as connection:
        lock = int.from_bytes(sha256(scope.encode()).digest()[:8], "big", signed=True)
        if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", lock):
            raise RequestRunning
        stored = await IdempotencyKey.get_or_none(actor=str(actor.person_id), route=route, key=key)
        if stored is not None:
            return _stored_answer(stored, body_sha256, scope)
        answer = await _attempt(work, refused)
        await IdempotencyKey(
            county=actor.county,
            actor=str(actor.person_id),
            route=route,
            key=key,
            body_sha256=body_sha256,
            state="done",
            status=answer.status,
            response_sealed=seal_json(answer.body, "idempotency_key", "response", scope),
            created_at=now,
        ).save()
        return answer


async def forget_before(instant: datetime) -> int:
    """Remove keys that were used before `instant`; how many."""
    return await IdempotencyKey.filter(created_at__lt=instant).delete()


async def _attempt(work: Callable[[], Awaitable[Answer]], refused: Callable[[RuleRefused], Answer]) -> Answer:
    # no savepoint: an action undoes its own work when it refuses, and what it keeps (a counted try) is meant
    try:
        return await work()
    except RuleRefused as refusal:
        return refused(refusal)


def _stored_answer(stored: IdempotencyKey, body_sha256: str, scope: str) -> Answer:
    if stored.body_sha256 != body_sha256:
        raise RuleRefused(
            "S1.6",
            "这个请求编号已经用过，内容却不一样。请刷新页面后再试。",
            code="idempotency_key_reused",
        )
    body = open_json(stored.response_sealed, "idempotency_key", "response", scope)
    return Answer(stored.status, body, replayed=True)
