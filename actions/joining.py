"""Joining: an officer scans a one-time code in WeChat; his WeChat is then that of the person with the post.

The code is handed out by the system's administrator or the county centre, face to face. Clause: S17.1.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from actions import audit, claims, notices, routing, sessions
from actions.access import Actor, posts_held, require_staff
from actions.notices import NewNotice
from actions.routing import ROLE_TITLES
from bot import database
from bot.errors import NotFound, RuleRefused
from models.credential import JoinCode
from models.people import Person, WechatUser
from policies import Pack
from rules.roles import SYSTEM

LIFE = timedelta(days=3)
SCENE = "join:"
"""What the scene of such a code begins with."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Who has joined, and in which posts."""

    name: str
    posts: tuple[str, ...]


async def make_code(actor: Actor, person_key: str, now: datetime) -> str:
    """The scene of a new code for somebody with a post and without a WeChat; the ones before are void.

    Raises RuleRefused, NotFound. Clause: S17.1.
    """
    require_staff(actor, SYSTEM, "county_clerk")
    person = await Person.get_or_none(key=person_key, county=actor.county)
    if person is None or not await posts_held(person.id, routing.on_day(now)):
        raise NotFound("没有找到这位工作人员，或者他现在没有岗位。")
    if await WechatUser.filter(person_id=person.id).exists():
        words = "他已经绑定了微信。换了微信的，请先办微信更正。"
        raise RuleRefused("S17.1", words, code="has_wechat")
    token = secrets.token_urlsafe(16)
    async with database.transaction():
        await JoinCode.filter(person_id=person.id, used_at__isnull=True).update(used_at=now)
        await JoinCode.create(
            county=actor.county,
            token_sha256=_hash(token),
            person_id=person.id,
            made_by_id=actor.person_id,
            created_at=now,
            expires_at=now + LIFE,
        )
        await audit.record(actor.county, actor.person_id, "make_join_code", ("person", person.id), now)
    return SCENE + token


async def join(actor: Actor, scene: str, pack: Pack, now: datetime) -> Joined:
    """Connect the WeChat that scanned a code with the person of the post. Twice by the same WeChat is once.

    Raises RuleRefused: used, expired, another county's, a WeChat that is somebody's already. Clause: S17.1.
    """
    async with database.transaction() as connection:
        code = await JoinCode.select_for_update().get_or_none(
            token_sha256=_hash(scene.removeprefix(SCENE)), county=actor.county
        )
        if code is None:
            words = "这个二维码不是本县的，或者已经作废。请找发给您的人换一个。"
            raise RuleRefused("S17.1", words, code="foreign_code")
        person = await Person.select_for_update().get(id=code.person_id)  # of two codes at once one counts
        if actor.person_id == person.id:
            return await _joined(person, now)
        if code.used_at is not None or await WechatUser.filter(person_id=person.id).exists():
            raise RuleRefused("S17.1", "这个二维码已经用过了。请找发给您的人换一个。", code="used_code")
        if code.expires_at <= now:
            raise RuleRefused("S17.1", "这个二维码过期了。请找发给您的人换一个。", code="expired_code")
        old = await Person.get(id=actor.person_id)
        if old.id_number_index or old.name_sealed:
            words = "这个微信已经登记给别人了。请用您自己的微信扫，或者找县中心办更正。"
            raise RuleRefused("S17.1", words, code="others_wechat")
        code.used_at = now
        await code.save(update_fields=["used_at"])
        await sessions.end_all(old.id, actor.county, now, by=actor.person_id)
        await connection.execute(
            "UPDATE wechat_user SET person_id = $2 WHERE person_id = $1", old.id, person.id
        )
        await claims.take_along(connection, old.id, person.id)
        await audit.record(
            actor.county, person.id, "join", ("person", person.id), now, made_by=code.made_by_id
        )
        told = NewNotice(
            person.id, "identity_bound", "person", person.id, {}, routing.on_day(now), f"j{code.id}"
        )
        await notices.plan(connection, actor.county, [told], pack, now)
        return await _joined(person, now)


async def _joined(person: Person, now: datetime) -> Joined:
    held = await posts_held(person.id, routing.on_day(now))
    return Joined(person.name, tuple(dict.fromkeys(ROLE_TITLES[post.role] for post in held)))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
