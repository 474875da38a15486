"""更正: a WeChat is bound to the wrong person, or its phone is lost: the county centre takes it away or gives
it to whom it belongs, and a second one of the centre confirms it. Clause: S1.7, S17.2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from actions import audit, notices, routing, sessions
from actions.access import Actor, require_staff, role_holders
from actions.notices import NewNotice
from actions.refusal import refuse
from bot import database
from bot.errors import Conflict, RuleRefused
from models.application import Task
from models.identity import BindingChange
from models.people import Person, Post, WechatUser
from models.sealing import blind_index
from policies import Pack
from rules.identity import check_free_text, mask_id, mask_name
from rules.tasks import deadline

TASK = "binding_check"
ROLES = ("county_clerk", "administrator")
SECOND = ("county_clerk", "safety_administrator", "administrator")
"""Who confirms: another clerk, else the safety administrator."""
CONFIRMED, REFUSED = "confirmed", "refused"


@dataclass(frozen=True)
class ChangeView:
    """A correction as the centre sees it: whose WeChat, to whom (empty: to nobody), why, how it stands."""

    key: str
    state: str
    person: str
    id_number: str
    to_person: str
    reason: str
    asked_at: datetime
    decided_at: datetime | None


async def ask(
    actor: Actor, id_number: str, to_id_number: str, reason: str, pack: Pack, now: datetime
) -> ChangeView:
    """Ask that the WeChats of a person be taken from him, or given to another. A second one must confirm.

    Raises RuleRefused, Conflict. Clause: S1.7, S17.2.
    """
    require_staff(actor, *ROLES)
    if len(reason.strip()) < 4:
        raise RuleRefused("S1.7", "请写明为什么要更正，至少四个字。", code="reason_missing", field="reason")
    refuse([check_free_text(reason, "reason")])
    person = await _known(actor, id_number, "id_number")
    to = await _receiver(actor, to_id_number) if to_id_number else None
    if actor.person_id in (person.id, to.id if to else 0) or person.id == (to.id if to else 0):
        raise RuleRefused("S4.3", "不能更正自己的登记，请交给其他同事。", code="own_case")
    if not await WechatUser.filter(person_id=person.id).exists():
        raise RuleRefused("S1.7", "这个人现在没有绑定微信，不用更正。", code="no_wechat", field="id_number")
    role = await _second(actor, now)
    on = routing.on_day(now)
    async with database.transaction() as connection:
        await database.execute("SELECT pg_advisory_xact_lock(hashtextextended('binding', $1))", person.id)
        if await BindingChange.filter(from_person_id=person.id, state="waiting").exists():
            raise Conflict("S1.7", "这个人的更正已经有人提了，正在等确认。", code="change_waiting")
        task = await Task.create(
            county=actor.county,
            kind=TASK,
            person_id=person.id,
            role=role,
            region=f"{actor.county}000000",
            note=_what(person, to, reason)[:300],
            opened_at=now,
            due_at=deadline(on, pack.contents.identity.check_working_days.on(on)).at,
        )
        change = await BindingChange.create(
            county=actor.county,
            from_person_id=person.id,
            to_person_id=to.id if to else None,
            reason=reason.strip()[:200],
            asked_by_id=actor.person_id,
            asked_at=now,
            task_id=task.id,
        )
        await audit.record(
            actor.county, actor.person_id, "ask_binding_change", ("person", person.id), now,
            to_person=to.id if to else None, reason=change.reason,
        )  # fmt: skip
        await routing.tell_holders(connection, [task], "binding_check_task", pack, now)
    return await _view(change)


async def _known(actor: Actor, id_number: str, field: str) -> Person:
    found = await Person.get_or_none(county=actor.county, id_number_index=blind_index("id_number", id_number))
    if found is None:
        raise RuleRefused("S1.7", "没有登记过这个身份证号，请对着证件再看一遍。", code="unknown", field=field)
    return found


async def _receiver(actor: Actor, id_number: str) -> Person:
    """Whom the WeChat really belongs to: he has none yet, and gets no post by it."""
    to = await _known(actor, id_number, "to_id_number")
    if await WechatUser.filter(person_id=to.id).exists() or await Post.filter(person_id=to.id).exists():
        words = "对方已经有微信，或者是工作人员，不能转给他。请只解除，让他自己重新认领。"
        raise RuleRefused("S1.7", words, code="receiver_taken", field="to_id_number")
    return to


async def _second(actor: Actor, now: datetime) -> str:
    """The role that confirms: somebody else must hold it. Raises RuleRefused. Clause: S1.7 (default)."""
    county = f"{actor.county}000000"
    for role in SECOND:
        people = await role_holders(actor.county, role, county, on=routing.on_day(now))
        if set(people) - {actor.person_id}:
            return role
    words = "更正要有第二个人确认，县中心现在只有您一位，也没有安全管理员。请先登记一位。"
    raise RuleRefused("S1.7", words, code="no_second_person")


def _what(person: Person, to: Person | None, reason: str) -> str:
    who = f"{mask_name(person.name)}（{mask_id(person.id_number)}）"
    act = f"把他的微信转给{mask_name(to.name)}（{mask_id(to.id_number)}）" if to else "解除他的微信"
    return f"{who}：{act}。原因：{reason.strip()}。请看过证件或打电话问过本人再确认。"


async def settle_check(
    connection: asyncpg.Connection, actor: Actor, task: Task, outcome: str, pack: Pack, now: datetime
) -> None:
    """What the second person says; who asked does not confirm himself. Clause: S1.7, S4.3."""
    if outcome not in (CONFIRMED, REFUSED):
        raise RuleRefused("S1.7", "请选“同意更正”或者“不同意”。", code="outcome", field="outcome")
    change = await BindingChange.select_for_update().get(task_id=task.id)
    if actor.person_id == change.asked_by_id:
        raise RuleRefused("S4.3", "是您提的更正，请让另一位同事来确认。", code="own_case")
    if actor.person_id in (change.from_person_id, change.to_person_id):
        raise RuleRefused("S4.3", "不能更正自己的登记，请交给其他同事。", code="own_case")
    change.state = "done" if outcome == CONFIRMED else "refused"
    change.decided_by_id, change.decided_at = actor.person_id, now
    await change.save()
    await audit.record(
        change.county, actor.person_id, f"binding_change_{change.state}", ("person", change.from_person_id),
        now, to_person=change.to_person_id, asked_by=change.asked_by_id, reason=change.reason,
    )  # fmt: skip
    if change.state == "done":
        await _carry_out(connection, change, actor, pack, now)


async def _carry_out(
    connection: asyncpg.Connection, change: BindingChange, actor: Actor, pack: Pack, now: datetime
) -> None:
    """Move the WeChats, end what is logged in with them, tell the person and whoever holds the phone now."""
    county, on = change.county, routing.on_day(now)
    await sessions.end_all(change.from_person_id, county, now, by=actor.person_id)
    if change.to_person_id is not None:
        if await WechatUser.filter(person_id=change.to_person_id).exists():
            raise Conflict("S1.7", "对方刚刚自己绑定了微信，请重新提更正。", code="receiver_taken")
        holder = int(change.to_person_id)
    else:
        holder = (await Person.create(county=county, created_at=now)).id
    await connection.execute(
        "UPDATE wechat_user SET person_id = $2 WHERE person_id = $1", change.from_person_id, holder
    )
    step = f"x{change.id}"
    told = [
        NewNotice(change.from_person_id, "binding_removed", "person", change.from_person_id, {}, on, step)
    ]
    kind = "identity_bound" if change.to_person_id is not None else "binding_removed"
    told.append(NewNotice(holder, kind, "person", holder, {}, on, step))
    await notices.plan(connection, county, told, pack, now)


async def listed(actor: Actor, *, limit: int = 50) -> list[ChangeView]:
    """The county's corrections, the newest first. Clause: S17.2."""
    require_staff(actor, *ROLES)
    rows = await BindingChange.filter(county=actor.county).order_by("-id").limit(limit)
    return [await _view(row) for row in rows]


async def _view(change: BindingChange) -> ChangeView:
    people = await Person.in_bulk([change.from_person_id, change.to_person_id or 0], "id")
    person, to = people[change.from_person_id], people.get(change.to_person_id or 0)
    return ChangeView(
        key=change.key,
        state=change.state,
        person=mask_name(person.name),
        id_number=mask_id(person.id_number),
        to_person=mask_name(to.name) if to else "",
        reason=change.reason,
        asked_at=change.asked_at,
        decided_at=change.decided_at,
    )
