"""Why a notice was sent as it was: every gate and attempt in words; what a human has to say in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import orjson

from actions.access import Actor
from actions.notices import business_date
from actions.subjects import Asked, Sealed, about
from actions.wording import Facts, Told, errand_of
from bot.database import fetch, transaction
from bot.errors import NotFound
from policies import Pack

WAY_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "template": "微信服务通知",
        "subscribe": "微信订阅消息",
        "service_message": "微信对话",
        "sms": "短信",
        "cadre_task": "工作人员上门或打电话",
    }
)
OUTCOME_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "begun": "开始发送",
        "accepted": "微信收下了",
        "settled": "事情已经办了，不用再通知",
        "opted_out": "本人不要这类通知",
        "stale": "过了时间，不再发",
        "promised": "本人说好了哪天还，先不催",
        "digest": "和当天另一条合成一条发了",
        "quiet_day": "村里有事，过后再发",
        "quiet_hours": "晚上不打扰，早上再发",
        "conversation": "正在说话，等一会儿再发",
        "cap": "今天已经通知够多了，明天再发",
        "not_following": "没有关注公众号",
        "refused_by_person": "本人关了这类消息",
        "refused": "本人不收这类消息",
        "no_grant": "没有订阅授权",
        "window_closed": "不在可以对话的时间里",
        "no_phone": "没有留电话",
        "no_cadre": "没有找到工作人员",
        "quota": "今天的发送数量用完了",
        "quota_day": "今天的发送数量用完了",
        "task_opened": "已请工作人员联系",
        "uncertain": "没有收到微信的答复",
        "lost": "发送中断，没有收到答复",
        "not_repeated": "不确定有没有送到，为免重复不再发",
        "retry_later": "微信正忙，过一会儿再发",
        "token": "微信暂时连不上，过一会儿再发",
        "too_frequent": "微信说发得太勤，过几小时再发",
        "success": "已经送到",
        "user_block": "本人屏蔽了公众号",
        "system_failed": "微信没有送到，再发一次",
        "freq_limit": "微信限制了次数，过后再发",
        "failed": "没有送到",
        "never_came": "一直没有收到回执",
        "planned_again": "重新安排发送",
        "sms_refused": "短信没有发出",
        "stopped": "系统重启，重新安排",
    }
)
"""What the outcomes in a trail mean to the person; one that is not here is a fault of ours."""
OUR_FAULT = "系统没有发成，工作人员已收到提醒"


@dataclass(frozen=True)
class TrailLine:
    """One gate or attempt: when, by which way, the code for programs and the words for people."""

    at: datetime
    way: str
    way_words: str
    outcome: str
    words: str


def line_of(channel: str, line: Mapping[str, str]) -> TrailLine:
    """One stored line of a delivery's trail, in words."""
    return TrailLine(
        at=datetime.fromisoformat(line["at"]),
        way=channel,
        way_words=WAY_WORDS[channel],
        outcome=line["outcome"],
        words=OUTCOME_WORDS.get(line["outcome"], OUR_FAULT),
    )


async def trail_of(actor: Actor, notice_id: int) -> tuple[TrailLine, ...]:
    """Every gate and attempt of a notice, for the person it is for and for the administrator of the county.

    It holds no names and no amounts. Raises NotFound. Clause: S17.2, S18.7.
    """
    rows = await fetch(
        """SELECT n.person_id, d.channel, d.trail FROM notice n JOIN delivery d ON d.notice_id = n.id
           WHERE n.id = $1 AND n.county = $2 ORDER BY d.rung""",
        notice_id,
        actor.county,
    )
    if not rows or not ("administrator" in actor.roles or rows[0]["person_id"] == actor.person_id):
        raise NotFound("没有找到这条通知。")
    return tuple(line_of(row["channel"], line) for row in rows for line in orjson.loads(row["trail"]))


async def errand(notice_id: int, pack: Pack, now: datetime) -> str:
    """What whoever calls or visits has to say, from the notice that no machine could tell; "" if it is gone.

    It names the person: call it only for a task that the actor may see. Clause: S11.7.
    """
    async with transaction() as connection:
        row = await connection.fetchrow(
            """SELECT n.*, p.key AS person_key, p.name_sealed, p.id_number_sealed
               FROM notice n JOIN person p ON p.id = n.person_id WHERE n.id = $1""",
            notice_id,
        )
        if row is None or row["kind"] not in pack.notices:
            return ""
        found = await about(connection, [Asked.of(row)], business_date(now))
    told = Told(
        kind=row["kind"],
        step=row["step"],
        due_on=row["due_on"],
        created_at=row["created_at"],
        facts=orjson.loads(row["facts"]),
        person=Sealed(row["person_key"], row["name_sealed"], row["id_number_sealed"]),
        about=found[notice_id],
    )
    return errand_of(pack.notices[row["kind"]], Facts(told, pack))
