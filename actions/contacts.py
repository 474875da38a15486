"""Whom a task is about, so that somebody can call or go there: the one place where a number is not masked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from actions import audit, trails
from actions.access import Actor, access_task
from bot.errors import RuleRefused
from models.application import LoanApplication, Task
from models.conversation import Draft
from models.people import Person, Region
from models.sealing import open_json
from policies import Pack

RISK = frozenset({"warning_measure", "early_repayment", "disposal", "hand_to_law", "abnormal"})
CALLED = RISK | {"call_or_visit", "handover", "slip", "promise", "identity_check", "binding_check"}
"""Tasks about a person: whoever does one talks to him."""
KINDS = CALLED | {"visit", "post_loan_visit"}
"""Tasks that are done by talking to somebody."""
MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)


@dataclass(frozen=True)
class Contact:
    """Somebody to talk to. `words`: what to tell him, where a message could not; any of them may be empty."""

    name: str
    phone: str
    place: str
    words: str = ""


async def contact_of(actor: Actor, task_key: str, pack: Pack, now: datetime) -> Contact:
    """Whom to talk to for an open task of the actor's, in full; the look is noted.

    Raises NotFound, RuleRefused for a task that is done in another way. Clause: S1.3, S11.7, S17.2, S18.3.
    """
    task = await access_task(actor, task_key)
    if task.kind not in KINDS or task.state != "open":
        raise RuleRefused("S17.2", "这项任务不用联系人，看不到电话。", code="no_contact")
    person = await Person.get(id=await _person_id(task))
    place = await Region.get_or_none(code=person.village) if person.village else None
    await audit.viewed(task.county, actor.person_id, ("person", person.id), now, "view_contact")
    return Contact(
        name=person.name,
        phone=person.phone or await _phone_in_draft(person),
        place=place.name if place else "",
        words=await trails.errand(task.notice_id, pack, now) if task.notice_id else "",
    )


async def phone_known(actor: Actor) -> bool:
    """Whether somebody could call the actor."""
    person = await Person.get(id=actor.person_id)
    return bool(person.phone or await _phone_in_draft(person))


async def leave_phone(actor: Actor, phone: str, now: datetime) -> None:
    """Keep the number under which the actor wants to be called, as long as none is known.

    Raises RuleRefused. Clause: S18.3.
    """
    if not MOBILE.fullmatch(phone):
        raise RuleRefused("S18.3", "手机号要11位数字，请再发一次。", code="phone", field="phone")
    person = await Person.get(id=actor.person_id)
    if not person.phone:
        person.phone = phone
        await person.save()
        await audit.record(actor.county, actor.person_id, "leave_phone", ("person", person.id), now)


async def _person_id(task: Task) -> int:
    if task.person_id:
        return int(task.person_id)
    application = await LoanApplication.get(id=task.application_id)
    return int(application.applicant_id)


async def _phone_in_draft(person: Person) -> str:
    """The number he has just written into his form, for himself."""
    draft = await Draft.filter(person_id=person.id, form="loan_application", subject="", state="open").first()
    if draft is None or draft.state_sealed is None:
        return ""
    answers = open_json(draft.state_sealed, "draft", "state", draft.key).get("a", {})
    return str(answers.get("phone") or "") if answers.get("applying_for", "self") == "self" else ""
