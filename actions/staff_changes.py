"""人员变动: a body asks that a post begins, ends or moves; an administrator does it within two working days.

What concerns one of the three administrators the safety administrator carries out. A post that ends closes
everything its holder was logged in to; what he had open stays with the post's other holders, and where there
are none the county centre hears of it. Clause: S17.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg
from tortoise.expressions import Q

from actions import audit, routing, sessions
from actions.access import Actor, HeldPost, posts_held, require_staff, role_holders
from actions.contacts import MOBILE
from actions.refusal import refuse
from actions.routing import ROLE_TITLES
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.credential import StaffChange
from models.people import Delegation, Organisation, Person, Post, Region
from models.sealing import blind_index
from policies import Pack
from rules.identity import check_free_text, mask_name
from rules.regions import covers
from rules.roles import SAFETY, SYSTEM, approver_of, check_role
from rules.tasks import deadline

TASK = "staff_change"
DONE, REFUSED = "done", "refused"
WORKING_DAYS = 2
"""004 信用信息办法: applied for within two working days, done within two more."""
KINDS = {"start": "到岗", "end": "离岗", "move": "调岗"}
POSTS = 300
"""So many posts of one's own bodies are offered at most; beyond, one comes from the list of people."""
_CENTRES = ("village_station", "town_station", "county_centre")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. `person`: key of somebody who is known, else `name` and `phone` of a newcomer.

    `post`: the id of the post that ends or moves. `region`: empty for the region of the body.
    """

    kind: str
    effective_on: date
    reason: str
    organisation: str = ""
    role: str = ""
    region: str = ""
    person: str = ""
    name: str = ""
    phone: str = ""
    post: int | None = None


@dataclass(frozen=True, slots=True)
class StaffChangeView:
    """A change as the body and the administrators see it."""

    key: str
    kind: str
    title: str
    state: str
    organisation: str
    person: str
    role: str
    region: str
    effective_on: date
    reason: str
    asked_at: datetime
    due_at: datetime
    late: bool
    done_at: datetime | None


async def ask(actor: Actor, asked: Asked, pack: Pack, now: datetime) -> StaffChangeView:
    """Ask for a change of staff of one's own body; the county centre also for its villages and towns.

    Raises RuleRefused, Conflict, NotFound. Clause: S17.1.
    """
    require_staff(actor)
    if asked.kind not in KINDS:
        raise RuleRefused("S17.1", "请选到岗、离岗或者调岗。", code="kind", field="kind")
    if len(asked.reason.strip()) < 2:
        raise RuleRefused("S17.1", "请写明原因。", code="reason_missing", field="reason")
    refuse([check_free_text(asked.reason, "reason")])
    post = await _post(actor, asked)
    body = await _body(actor, asked, post)
    person = await _person(actor, asked, post)
    on = routing.on_day(now)
    role = asked.role or (post.role if post else "")
    region = asked.region or (post.region if post and not asked.organisation else body.region)
    if asked.kind != "end":
        await _check_new(person, role, region, body, post, on)
    async with database.transaction() as connection:
        if post is not None:
            await Post.select_for_update().get(id=post.id)  # two at once take turns
        if post is not None and await StaffChange.filter(post_id=post.id, state="waiting").exists():
            raise Conflict("S17.1", "这个岗位的变动已经提过了，正在办。", code="change_waiting")
        approver = await _approver(actor.county, approver_of(post.role if post else role), on)
        if asked.kind == "move" and post is not None and approver_of(role) == SAFETY:
            approver = await _approver(actor.county, SAFETY, on)
        change = StaffChange(
            county=actor.county,
            kind=asked.kind,
            organisation_id=body.id,
            person_id=person.id if person else None,
            post_id=post.id if post else None,
            role=role,
            region=region,
            effective_on=asked.effective_on,
            reason=asked.reason.strip()[:200],
            asked_by_id=actor.person_id,
            asked_at=now,
            due_at=deadline(on, WORKING_DAYS).at,
        )
        if person is None:
            change.name, change.phone = asked.name.strip(), asked.phone
        task = await Task.create(
            county=actor.county,
            kind=TASK,
            person_id=change.person_id,
            role=approver,
            region=f"{actor.county}000000",
            note=_what(change, body, person)[:300],
            opened_at=now,
            due_at=change.due_at,
        )
        change.task_id = task.id
        await change.save()
        await audit.record(
            actor.county, actor.person_id, "ask_staff_change", ("staff_change", change.id), now,
            kind=change.kind, role=role, organisation=body.id, post=change.post_id,
        )  # fmt: skip
        await routing.tell_holders(connection, [task], "office_task", pack, now)
    return (await _views([change], now))[0]


async def _post(actor: Actor, asked: Asked) -> Post | None:
    if asked.kind == "start":
        return None
    post = await Post.get_or_none(id=asked.post, county=actor.county) if asked.post else None
    if post is None or not await _speaks_for(actor, post.organisation_id):
        raise NotFound("没有找到这个岗位。")
    return post


async def _body(actor: Actor, asked: Asked, post: Post | None) -> Organisation:
    if post is not None and not asked.organisation:
        return await Organisation.get(id=post.organisation_id)
    body = await Organisation.get_or_none(key=asked.organisation, county=actor.county)
    if body is None or not await _speaks_for(actor, body.id):
        raise NotFound("没有找到这个单位，或者不归您管。")
    return body


async def _speaks_for(actor: Actor, organisation_id: int) -> bool:
    """One's own body; for the county centre also the stations below it; for administrators every body."""
    own = [post for post in actor.posts if post.for_person_id is None]
    if any(post.organisation_id == organisation_id or post.role in (SYSTEM, SAFETY) for post in own):
        return True
    body = await Organisation.get(id=organisation_id)
    clerks = [post for post in own if post.role == "county_clerk"]
    return body.kind in _CENTRES and any(covers(post.region, body.region) for post in clerks)


async def _person(actor: Actor, asked: Asked, post: Post | None) -> Person | None:
    if post is not None:
        return await Person.get(id=post.person_id)
    if asked.person:
        found = await Person.get_or_none(key=asked.person, county=actor.county)
        if found is None:
            raise NotFound("没有找到这个人。")
        return found
    if len(asked.name.strip()) < 2 or not MOBILE.fullmatch(asked.phone):
        raise RuleRefused("S17.1", "请填新同事的姓名和11位手机号。", code="newcomer", field="name")
    known = await Person.filter(county=actor.county, phone_index=blind_index("phone", asked.phone)).limit(2)
    return known[0] if len(known) == 1 and known[0].name == asked.name.strip() else None


async def _check_new(
    person: Person | None, role: str, region: str, body: Organisation, post: Post | None, on: date
) -> None:
    held = await posts_held(person.id, on) if person else ()
    roles = [
        each.role for each in held if each.for_person_id is None and (not post or each.post_id != post.id)
    ]
    refuse([check_role(role, body.kind, roles)])
    if not covers(body.region, region) or not await Region.filter(code=region).exists():
        raise RuleRefused("S17.1", "这个地方不归这个单位管，请重选。", code="other_region", field="region")
    if any(_same(each, role, region, body.id) for each in held):
        raise RuleRefused("S17.1", "他已经有这个岗位了。", code="held_already", field="role")


def _same(held: HeldPost, role: str, region: str, body: int) -> bool:
    return (held.role, held.region, held.organisation_id, held.for_person_id) == (role, region, body, None)


async def _approver(county: str, role: str, on: date) -> str:
    """The administrator who carries it out; where the county has none, who does his work."""
    for each in (role, SYSTEM if role == SAFETY else SAFETY, "administrator"):
        if await role_holders(county, each, f"{county}000000", on=on):
            return each
    return "county_clerk"


def _what(change: StaffChange, body: Organisation, person: Person | None) -> str:
    who = mask_name(person.name if person else change.name)
    day = routing.said_on(change.effective_on)
    words = {"start": "起到岗", "end": "是最后一天", "move": "起调岗"}[change.kind]
    return f"{body.name}：{who}，{ROLE_TITLES[change.role]}，{day}{words}。原因：{change.reason}。"


async def settle_change(
    connection: asyncpg.Connection, actor: Actor, task: Task, outcome: str, pack: Pack, now: datetime
) -> None:
    """Carry a change out, or refuse it; never one's own, nor what one asked for. Clause: S17.1, S4.3."""
    if outcome not in (DONE, REFUSED):
        raise RuleRefused("S17.1", "请选“办好了”或者“不办”。", code="outcome", field="outcome")
    change = await StaffChange.select_for_update().get(task_id=task.id)
    if actor.person_id in (change.asked_by_id, change.person_id):
        words = "是您提的，或者是您自己的变动，请让另一位管理员来办。"
        raise RuleRefused("S4.3", words, code="own_case")
    change.state, change.done_by_id, change.done_at = outcome, actor.person_id, now
    if outcome == DONE:
        await _carry_out(connection, change, actor, pack, now)
    await change.save()
    await audit.record(
        change.county, actor.person_id, f"staff_change_{outcome}", ("staff_change", change.id), now,
        kind=change.kind, person=change.person_id, post=change.post_id, asked_by=change.asked_by_id,
    )  # fmt: skip


async def _carry_out(
    connection: asyncpg.Connection, change: StaffChange, actor: Actor, pack: Pack, now: datetime
) -> None:
    on = routing.on_day(now)
    body = await Organisation.get(id=change.organisation_id)
    if change.kind != "start":
        post = await Post.select_for_update().get(id=change.post_id)
        last = change.effective_on if change.kind == "end" else change.effective_on - timedelta(days=1)
        post.to_on = max(last, post.from_on - timedelta(days=1))
        await post.save(update_fields=["to_on"])
        await _hand_over(connection, post, actor, pack, now)
    if change.kind == "end":
        return
    person = await Person.get(id=change.person_id) if change.person_id else await _newcomer(change, now)
    old = await Post.get(id=change.post_id) if change.post_id else None
    await _check_new(person, change.role, change.region, body, old, max(on, change.effective_on))
    made = await Post.create(
        county=change.county,
        person=person,
        organisation=body,
        role=change.role,
        region=change.region,
        from_on=change.effective_on,
    )
    change.person_id, change.post_id = person.id, made.id


async def _newcomer(change: StaffChange, now: datetime) -> Person:
    person = Person(county=change.county, created_at=now)
    person.name, person.phone = change.name, change.phone
    await person.save()
    return person


async def _hand_over(
    connection: asyncpg.Connection, post: Post, actor: Actor, pack: Pack, now: datetime
) -> None:
    """End what the post lent out; where it is over already, end every login and tell who goes on. S17.1"""
    await Delegation.filter(post_id=post.id, revoked_at__isnull=True).update(revoked_at=now)
    if post.to_on is None or post.to_on >= routing.on_day(now):  # its last day is still to come
        return
    await sessions.end_all(post.person_id, post.county, now, by=actor.person_id)
    await tell_successors(connection, post, pack, now)


async def tell_successors(
    connection: asyncpg.Connection, post: Post, pack: Pack, now: datetime
) -> Sequence[Task]:
    """Tell whoever holds the role now of the tasks that are open in the post's region; the tasks. S17.1"""
    waiting = await Task.filter(county=post.county, role=post.role, state="open").order_by("id")
    mine = [
        task
        for task in waiting
        if covers(post.region, task.region) and task.organisation_id in (None, post.organisation_id)
    ]
    await routing.tell_holders(connection, mine, "task_assigned", pack, now, step=f"post{post.id}")
    return mine


async def end_of_posts(county: str, on: date, pack: Pack, now: datetime) -> int:
    """Close what posts left open whose last day was the day before: logins, tasks. Returns how many posts.

    Clause: S17.1.
    """
    over = await Post.filter(county=county, to_on=on - timedelta(days=1)).order_by("id")
    for post in over:
        async with database.transaction() as connection:
            await sessions.end_all(post.person_id, county, now)
            await tell_successors(connection, post, pack, now)
    return len(over)


async def listed(actor: Actor, now: datetime, *, limit: int = 50) -> list[StaffChangeView]:
    """Changes of one's own bodies, for administrators of the county; the newest first. Clause: S17.1."""
    require_staff(actor)
    found = StaffChange.filter(county=actor.county)
    if not actor.roles & {SYSTEM, SAFETY, "audit_administrator", "administrator", "county_clerk"}:
        found = found.filter(organisation_id__in=[post.organisation_id for post in actor.posts])
    return await _views(await found.order_by("-id").limit(limit), now)


async def posts_of_mine(actor: Actor, on: date, *, post: int | None = None) -> list[tuple[int, str]]:
    """Posts that the actor can ask to end or move, with words to choose by: those of his own bodies, and
    `post` of any body for which he speaks. Clause: S17.1.
    """
    require_staff(actor)
    bodies = {each.organisation_id for each in actor.posts if each.for_person_id is None}
    found = Post.filter(county=actor.county, organisation_id__in=bodies, from_on__lte=on)
    rows = await found.filter(Q(to_on__isnull=True) | Q(to_on__gte=on)).order_by("id").limit(POSTS)
    if post is not None and post not in {each.id for each in rows}:
        other = await Post.get_or_none(id=post, county=actor.county)
        if other is None or not await _speaks_for(actor, other.organisation_id):
            raise NotFound("没有找到这个岗位。")
        rows = [other, *rows]
    people = await Person.in_bulk([each.person_id for each in rows], "id")
    names = {row.code: row.name for row in await Region.filter(code__in=[each.region for each in rows])}
    return [
        (
            row.id,
            f"{people[row.person_id].name} · {ROLE_TITLES[row.role]} · {names.get(row.region, row.region)}",
        )
        for row in rows
    ]


async def bodies_of_mine(actor: Actor) -> list[tuple[str, str]]:
    """Bodies for which the actor may ask for a new post: key and name. Clause: S17.1."""
    require_staff(actor)
    own = [post for post in actor.posts if post.for_person_id is None]
    found = Organisation.filter(county=actor.county)
    if not {post.role for post in own} & {SYSTEM, SAFETY}:
        ids = {post.organisation_id for post in own}
        clerk = [post for post in own if post.role == "county_clerk"]
        found = found.filter(Q(id__in=ids) | Q(kind__in=_CENTRES)) if clerk else found.filter(id__in=ids)
    rows = await found.order_by("region", "id")
    return [(row.key, row.name) for row in rows if await _speaks_for(actor, row.id)]


async def _views(changes: Sequence[StaffChange], now: datetime) -> list[StaffChangeView]:
    bodies = await Organisation.in_bulk([each.organisation_id for each in changes], "id")
    people = await Person.in_bulk([each.person_id for each in changes if each.person_id], "id")
    return [
        StaffChangeView(
            key=each.key,
            kind=each.kind,
            title=KINDS[each.kind],
            state=each.state,
            organisation=bodies[each.organisation_id].name,
            person=mask_name(people[each.person_id].name if each.person_id else each.name),
            role=ROLE_TITLES[each.role],
            region=each.region,
            effective_on=each.effective_on,
            reason=each.reason,
            asked_at=each.asked_at,
            due_at=each.due_at,
            late=(each.done_at or now) >= each.due_at,
            done_at=each.done_at,
        )
        for each in changes
    ]
