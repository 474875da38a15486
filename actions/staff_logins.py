"""What administrators do about the logins of others: a first link, unlocking, a reset; the very first one.

The system's administrator invites who has no login yet; only the safety administrator replaces one that is
in use, so nobody takes over a login alone with his own duty. Clause: S17.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from actions import audit, login_guard, passwords, sessions
from actions.access import Actor, require_staff
from actions.refusal import refuse
from actions.routing import on_day
from bot import database
from bot.errors import NotFound, RuleRefused
from models.credential import Credential, LoginInvitation
from models.people import Organisation, Person, Post
from models.sealing import blind_index
from rules.roles import SAFETY, SYSTEM, THREE, check_role


@dataclass(frozen=True, slots=True)
class Invited:
    """A one-time link's token and the staff number it is for."""

    token: str
    staff_number: str


async def invite(actor: Actor, person_key: str, now: datetime) -> Invited:
    """A first link for an officer who has no login yet. Raises RuleRefused, NotFound. Clause: S17.1."""
    require_staff(actor, SYSTEM)
    person = await _somebody_else(actor, person_key)
    known = await Credential.get_or_none(person_id=person.id)
    if known is not None and known.set_up_at is not None:
        words = "他已经设好了登录。忘记密码或丢了手机，请安全管理员来重新设置。"
        raise RuleRefused("S17.1", words, code="set_up_already")
    return await _invited(person, actor.person_id, now)


async def reset(actor: Actor, person_key: str, now: datetime) -> Invited:
    """Take password and authenticator away and give a new link: what he had no longer opens anything.

    Raises RuleRefused, NotFound. Clause: S17.1.
    """
    require_staff(actor, SAFETY)
    person = await _somebody_else(actor, person_key)
    async with database.transaction():
        await Credential.filter(person_id=person.id).update(
            password_hash="", totp_sealed=None, recovery=[], set_up_at=None
        )
        await LoginInvitation.filter(person_id=person.id, ended_at__isnull=True).update(ended_at=now)
        await sessions.end_all(person.id, person.county, now, by=actor.person_id)
        await audit.record(person.county, actor.person_id, "reset_login", ("person", person.id), now)
        return await _invited(person, actor.person_id, now)


async def unlock(actor: Actor, person_key: str, now: datetime) -> bool:
    """Let somebody try again who was wrong too often; whether he had to wait. Clause: S17.1."""
    require_staff(actor, SAFETY)
    person = await _somebody_else(actor, person_key)
    async with database.transaction():
        waited = await login_guard.forget(login_guard.of_person(person.id, person.county))
        await audit.record(person.county, actor.person_id, "unlock_login", ("person", person.id), now)
    return waited


async def _somebody_else(actor: Actor, person_key: str) -> Person:
    person = await Person.get_or_none(key=person_key, county=actor.county)
    if person is None or not await Post.filter(person_id=person.id).exists():
        raise NotFound("没有找到这位工作人员。")
    if person.id == actor.person_id:
        raise RuleRefused("S4.3", "不能给自己办，请让另一位管理员来办。", code="own_case")
    return person


async def _invited(person: Person, by: int | None, now: datetime) -> Invited:
    token = await passwords.invite(person.id, person.county, now, by=by)
    return Invited(token, await passwords.staff_number(person, now))


async def invite_named(county: str, name_or_number: str, now: datetime) -> Invited:
    """At the command line: a link for whoever has this staff number or phone. Raises NotFound. S17.1"""
    known = await Credential.get_or_none(staff_number=name_or_number).prefetch_related("person")
    index = blind_index("phone", name_or_number)
    people = [known.person] if known else await Person.filter(county=county, phone_index=index).limit(2)
    if len(people) != 1:
        raise NotFound("没有找到这位工作人员。")
    return await _invited(people[0], None, now)


async def first_administrator(
    county: str, role: str, name: str, phone: str, centre: str, now: datetime
) -> Invited:
    """At the command line: one of the three administrators of a county that has none, with his link.

    Raises RuleRefused. Clause: S17.1.
    """
    on = on_day(now)
    if role not in THREE:
        raise RuleRefused("S17.1", f"{role}: one of {', '.join(THREE)}", code="role")
    if await Post.filter(county=county, role=role, to_on__isnull=True).exists():
        raise RuleRefused("S17.1", "这个县已经有这位管理员，请在系统里办人员变动。", code="there_already")
    async with database.transaction():
        region = f"{county}000000"
        body, _ = await Organisation.get_or_create(
            {"region": region}, county=county, kind="county_centre", name=centre
        )
        person = await Person.filter(county=county, phone_index=blind_index("phone", phone)).first()
        if person is None:
            person = Person(county=county, created_at=now)
            person.name, person.phone = name, phone
            await person.save()
        held = [post.role for post in await Post.filter(person_id=person.id, to_on__isnull=True)]
        refuse([check_role(role, body.kind, held)])
        await Post.create(
            county=county, person=person, organisation=body, role=role, region=region, from_on=on
        )
        await audit.record(county, None, "first_administrator", ("person", person.id), now, role=role)
        return await _invited(person, None, now)
