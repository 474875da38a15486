"""After the last word of a rung: the next rung, or what has become of the notice. Clause: S18.7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import asyncpg
import structlog

from actions.notices import wake
from bot.queue import enqueue
from policies import Pack
from rules.delivery import RECEIPT_CHANNELS, next_rung
from rules.notices import Channel, DeliveryState, NoticePolicy

log = structlog.get_logger(__name__)
S = DeliveryState

ENDS = {
    S.SENT: "delivered",
    S.DELIVERED: "delivered",
    S.SUPPRESSED: "suppressed",
    S.EXPIRED: "expired",
    S.REFUSED: "given_up",
    S.GIVEN_UP: "given_up",
    S.UNCERTAIN: "uncertain",
}
"""What a notice is when its ladder ends with a delivery in this state."""


class Rung(Protocol):
    """What a claimed delivery and an attempt have in common."""

    @property
    def notice_id(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def rung(self) -> int: ...
    @property
    def channel(self) -> Channel: ...
    @property
    def priority(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Final:
    """The last word of one rung. `accepted`: WeChat took the message, only its receipt is missing."""

    notice_id: int
    kind: str
    rung: int
    channel: Channel
    priority: int
    state: DeliveryState
    accepted: bool = False

    @classmethod
    def of(cls, one: Rung, state: DeliveryState, *, accepted: bool = False) -> Final:
        """The last word of a delivery or attempt."""
        return cls(one.notice_id, one.kind, one.rung, one.channel, one.priority, state, accepted)


async def settle(
    connection: asyncpg.Connection, county: str, finals: Sequence[Final], pack: Pack, now: datetime
) -> None:
    """Plan the next rung where there is one; else write down what has become of the notice.

    Call it in the transaction that wrote the last words. Clause: S11.7, S18.7.
    """
    ends: list[tuple[int, str]] = []
    rungs: list[tuple[int, int, str, int]] = []
    for final in finals:
        policy = pack.notices.get(final.kind)
        channel = _next(final, policy) if policy else None
        if channel is not None and policy is not None:
            rungs.append((final.notice_id, policy.ladder.index(channel), channel.value, final.priority))
        else:
            ends.append((final.notice_id, _end(final)))
            if final.state in (S.REFUSED, S.GIVEN_UP):
                log.error(
                    "notice_not_told", notice_id=final.notice_id, kind=final.kind, state=final.state.value
                )
    if ends:
        await connection.execute(
            """UPDATE notice n SET state = t.state FROM unnest($1::bigint[], $2::text[]) AS t(id, state)
               WHERE n.id = t.id AND n.state IN ('open', 'uncertain')""",
            *zip(*ends, strict=True),
        )
    if rungs and await _plan(connection, county, rungs, now):
        await enqueue(connection, [wake(county)])


def _end(final: Final) -> str:
    if final.channel is Channel.CADRE_TASK and final.state is S.DELIVERED:
        return "handed_over"
    return ENDS[final.state]


def _next(final: Final, policy: NoticePolicy) -> Channel | None:
    if final.channel not in policy.ladder:
        return None  # the pack was changed meanwhile
    if final.state is S.SENT and final.channel in RECEIPT_CHANNELS:
        return None  # accepted, and no receipt ever came
    return next_rung(policy.ladder, final.channel, final.state, policy.notice_class, accepted=final.accepted)


async def _plan(
    connection: asyncpg.Connection, county: str, rungs: Sequence[tuple[int, int, str, int]], now: datetime
) -> bool:
    rows = await connection.fetch(
        """INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before, lease_owner,
                                 attempts, account, openid, msgid, trail)
           SELECT $1, notice_id, rung, channel, priority, 'planned', $2, '', 0, '', '', '', '[]'
           FROM unnest($3::bigint[], $4::int[], $5::text[], $6::int[])
             AS t(notice_id, rung, channel, priority)
           ON CONFLICT (notice_id, rung) DO NOTHING RETURNING id""",
        county,
        now,
        *zip(*rungs, strict=True),
    )
    return bool(rows)
