"""Who an application is for: the person behind an ID number and the household he belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from actions.access import Actor
from actions.claims import claimable
from bot import database
from bot.errors import RuleRefused
from models.people import Household, Person
from models.sealing import blind_index


@dataclass(frozen=True)
class Identity:
    """What somebody says of the applicant: name, ID number, phone, village, and whose household it is."""

    name: str
    id_number: str
    phone: str
    village: str
    registered_poor: bool
    head_id_number: str = ""
    """ID number of the household head; empty: the applicant is the head."""


async def applicant_for(actor: Actor, identity: Identity, now: datetime, *, own: bool) -> Person:
    """The person of that ID number, made or completed. `own`: the actor says that it is himself.

    A WeChat that is bound to one ID number is never bound to another. Somebody whom others registered proves
    first that he is that person (actions.claims). Raises RuleRefused. Clause: S1.6, S1.7.
    """
    index = blind_index("id_number", identity.id_number)
    known = await Person.get_or_none(county=actor.county, id_number_index=index)
    if own:
        person = await _own_person(actor, identity, known)
    else:
        await _refuse_helpers_phone(actor, identity)
        person = known or Person(county=actor.county, created_at=now)
    if not person.id_number_index:
        person.id_number = identity.id_number
    if own or known is None:
        person.name, person.phone = identity.name, identity.phone
    if not person.household_id:
        person.household = await _household(actor.county, identity)
    if own or known is None:
        person.village = identity.village
    await person.save()
    return person


async def _refuse_helpers_phone(actor: Actor, identity: Identity) -> None:
    """The confirmation code must reach the farmer, so his phone may not be the helper's. Clause: S1.7."""
    helper = await Person.get(id=actor.person_id)
    if helper.phone_index and helper.phone_index == blind_index("phone", identity.phone):
        raise RuleRefused(
            "S1.7",
            "这里要填借款人本人的手机号，确认码要发给他本人。他没有手机的，请填家里人的。",
            code="helpers_phone",
            field="phone",
        )


async def _own_person(actor: Actor, identity: Identity, known: Person | None) -> Person:
    me = await Person.get(id=actor.person_id)
    if known is not None and known.id == me.id:
        return me
    if me.id_number_index:
        raise RuleRefused(
            "S1.6",
            "这个微信已经登记了另一个身份证号。替家人申请请选“代办”；登记错了请找村干部更正。",
            code="other_identity",
            field="id_number",
        )
    if known is None:
        return me
    if actor.staff or await claimable(actor.county, identity.name, identity.id_number) is None:
        raise RuleRefused(
            "S1.6",
            "这个身份证号已经登记过，和您填的姓名或微信对不上。请找村干部核对后再申请。",
            code="identity_taken",
            field="id_number",
        )
    raise RuleRefused(
        "S1.7",
        "别人替您登记过这个身份证号。要先证明是您本人，填好的都留着，证明完接着交。",
        code="prove_identity",
    )


async def _household(county: str, identity: Identity) -> Household:
    head = blind_index("id_number", identity.head_id_number or identity.id_number)
    await database.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"household:{head.hex()}")
    found = await Household.get_or_none(county=county, head_index=head)
    if found is None:
        found = await Household.create(
            county=county, village=identity.village, head_index=head, registered_poor=identity.registered_poor
        )
    return found
