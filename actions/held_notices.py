"""Notices that no machine could deliver: sent again, given to a cadre, or closed with a reason."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import orjson

from actions import audit
from actions.access import Actor, require_staff
from actions.notices import wake
from actions.refusal import refuse
from bot.database import fetch, transaction
from bot.errors import NotFound, RuleRefused
from bot.queue import enqueue
from policies import Pack
from rules.identity import check_free_text
from rules.notices import Channel

MENDERS = ("county_clerk", "administrator")
OPEN = ("given_up", "uncertain")
REASON_MIN, REASON_MAX = 4, 200


async def retry(actor: Actor, notice_id: int, pack: Pack, now: datetime) -> bool:
    """Try the first way once more; False: somebody was quicker.

    What may have arrived is sent again only where its kind may be said twice. Raises NotFound, RuleRefused.
    Clause: S11.5, S18.7.
    """
    async with transaction() as connection:
        notice = await _locked(actor, notice_id)
        if notice["state"] not in OPEN:
            return False
        policy = pack.notices.get(notice["kind"])
        if notice["state"] == "uncertain" and (policy is None or policy.notice_class == "collection"):
            raise RuleRefused(
                "S11.5", "这条催收通知可能已经送到了，不能再发。可以请村干部当面说。", code="may_have_arrived"
            )
        if notice["expires_at"] <= now:
            raise RuleRefused("S18.7", "这条通知已经过时了，再发没有用。请关闭它，写明原因。", code="stale")
        await connection.execute("UPDATE notice SET state = 'open' WHERE id = $1", notice_id)
        await connection.execute(
            """UPDATE delivery SET state = 'planned', not_before = $2, attempts = 0, lease_until = NULL,
                 lease_owner = '', unsure_since = NULL, errcode = NULL, msgid = '', final_at = NULL,
                 trail = trail || $3::jsonb
               WHERE id = (SELECT id FROM delivery WHERE notice_id = $1 ORDER BY rung DESC LIMIT 1)""",
            notice_id,
            now,
            _line(now),
        )
        await audit.record(actor.county, actor.person_id, "retry_notice", ("notice", notice_id), now)
        await enqueue(connection, [wake(actor.county)])
    return True


async def give_to_cadre(actor: Actor, notice_id: int, pack: Pack, now: datetime) -> bool:
    """Have the village's cadre call or visit; False: somebody was quicker. Raises NotFound, RuleRefused.

    Clause: S11.7, S18.7.
    """
    async with transaction() as connection:
        notice = await _locked(actor, notice_id)
        if notice["state"] not in OPEN:
            return False
        policy = pack.notices.get(notice["kind"])
        rung = (
            policy.ladder.index(Channel.CADRE_TASK) if policy and Channel.CADRE_TASK in policy.ladder else 99
        )
        added = await connection.fetchval(
            """INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before,
                                     lease_owner, attempts, account, openid, msgid, trail)
               VALUES ($1, $2, $3, 'cadre_task', $4, 'planned', $5, '', 0, '', '', '', $6::jsonb)
               ON CONFLICT (notice_id, rung) DO NOTHING RETURNING id""",
            actor.county, notice_id, rung, notice["priority"], now, _line(now),
        )  # fmt: skip
        if added is None:
            raise RuleRefused(
                "S11.7", "已经请过村干部了，没有办成。请打电话问一问，再关闭这条。", code="already_given"
            )
        await connection.execute("UPDATE notice SET state = 'open' WHERE id = $1", notice_id)
        await audit.record(actor.county, actor.person_id, "give_notice", ("notice", notice_id), now)
        await enqueue(connection, [wake(actor.county)])
    return True


async def close(actor: Actor, notice_id: int, reason: str, now: datetime) -> bool:
    """Close it with the reason why nothing more is to be done; False: somebody was quicker.

    Raises NotFound, RuleRefused. Clause: S18.7.
    """
    reason = reason.strip()
    if not REASON_MIN <= len(reason) <= REASON_MAX:
        raise RuleRefused(
            "S18.7", f"请写明为什么关闭，{REASON_MIN}到{REASON_MAX}个字。", code="reason", field="reason"
        )
    refuse([check_free_text(reason, "reason")])
    async with transaction() as connection:
        notice = await _locked(actor, notice_id)
        if notice["state"] not in OPEN:
            return False
        await connection.execute("UPDATE notice SET state = 'closed' WHERE id = $1", notice_id)
        await audit.record(
            actor.county, actor.person_id, "close_notice", ("notice", notice_id), now, reason=reason
        )
    return True


async def _locked(actor: Actor, notice_id: int) -> asyncpg.Record:
    """The notice, locked, if its person lives where the actor has a post. Raises NotFound, RuleRefused."""
    _ = require_staff(actor, *MENDERS)
    found = await fetch(
        """SELECT n.*, coalesce(p.village, n.county || '000000') AS place
           FROM notice n JOIN person p ON p.id = n.person_id
           WHERE n.id = $1 AND n.county = $2 FOR UPDATE OF n""",
        notice_id,
        actor.county,
    )
    if not found or not any(post.role in MENDERS and post.covers(found[0]["place"]) for post in actor.posts):
        raise NotFound("没有找到这条通知。")
    return found[0]


def _line(now: datetime) -> str:
    return orjson.dumps([{"at": now.isoformat(), "what": "person", "outcome": "planned_again"}]).decode()
