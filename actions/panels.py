"""Groups: who makes one and who sits in it, from a day to a day. S17.1"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from actions import audit, ballots, routing, votes
from actions.access import Actor, posts_held, require_staff
from actions.refusal import refuse
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import LoanApplication, Task
from models.panel import Panel, PanelMember
from models.people import Organisation, Person, Region
from policies.pack import Pack
from rules.identity import mask_name
from rules.regions import covers
from rules.roles import SYSTEM
from rules.votes import PANEL_TITLES, check_seat


@dataclass(frozen=True, slots=True)
class MemberView:
    """Somebody who sits in a group, or will."""

    person: str
    name: str
    from_on: date
    to_on: date | None


@dataclass(frozen=True, slots=True)
class PanelView:
    """A group with who sits in it now or later."""

    key: str
    kind: str
    title: str
    name: str
    organisation: str
    region: str
    members: tuple[MemberView, ...]


async def listed(actor: Actor, on: date) -> list[PanelView]:
    """The groups of the county, for its staff. Clause: S17.1."""
    require_staff(actor)
    return await _views(await Panel.filter(county=actor.county).order_by("region", "id"), on)


async def make(actor: Actor, kind: str, organisation: str, region: str, now: datetime) -> PanelView:
    """Register a group of a body; the system's administrator. Raises RuleRefused, Conflict, NotFound.

    Clause: S17.1.
    """
    require_staff(actor, SYSTEM)
    if kind not in PANEL_TITLES:
        raise RuleRefused("S17.1", "没有这种小组，请重选。", code="kind", field="kind")
    body = await Organisation.get_or_none(key=organisation, county=actor.county)
    if body is None:
        raise NotFound("没有找到这个单位。")
    region = region or body.region
    if not covers(body.region, region) or not await Region.filter(code=region).exists():
        raise RuleRefused("S17.1", "这个地方不归这个单位管，请重选。", code="region", field="region")
    async with database.transaction():
        if await Panel.filter(organisation_id=body.id, kind=kind, region=region).exists():
            raise Conflict("S17.1", "这个单位已经有这个小组了。", code="there_already", field="kind")
        made = await Panel.create(
            county=actor.county,
            kind=kind,
            organisation_id=body.id,
            region=region,
            name=f"{body.name}{PANEL_TITLES[kind]}"[:60],
            made_at=now,
        )
        await audit.record(
            actor.county, actor.person_id, "make_panel", ("panel", made.id), now,
            kind=kind, organisation=body.id, region=region,
        )  # fmt: skip
    return (await _views([made], routing.on_day(now)))[0]


async def seat(actor: Actor, key: str, person: str, from_on: date, pack: Pack, now: datetime) -> PanelView:
    """Give somebody with a post a seat; votes that waited for members begin. Raises RuleRefused, Conflict.

    Clause: S17.1.
    """
    require_staff(actor, SYSTEM)
    on = routing.on_day(now)
    async with database.transaction() as connection:
        panel, member = await _both(actor, key, person)
        held = [post for post in await posts_held(member.id, on) if post.for_person_id is None]
        roles, bodies = {post.role for post in held}, {post.organisation_id for post in held}
        refuse([check_seat(panel.kind, roles, bodies, panel.organisation_id)])
        if from_on < on:
            raise RuleRefused("S17.1", "不能从过去的日子算起，请重选。", code="past", field="from_on")
        if await _seats(panel.id, on).filter(person_id=member.id).exists():
            raise Conflict("S17.1", "他已经在这个小组里了。", code="there_already", field="person")
        await PanelMember.create(county=panel.county, panel_id=panel.id, person_id=member.id, from_on=from_on)
        await audit.record(
            actor.county, actor.person_id, "seat_member", ("panel", panel.id), now,
            person=member.id, from_on=from_on.isoformat(),
        )  # fmt: skip
        for waiting in await _waiting(panel, pack):
            await routing.open_tasks(connection, waiting, pack, now)
    return (await _views([panel], on))[0]


async def unseat(actor: Actor, key: str, person: str, last_on: date, pack: Pack, now: datetime) -> PanelView:
    """End somebody's seat; a last day that is over takes his open votes away. Raises RuleRefused, NotFound.

    Clause: S17.1.
    """
    require_staff(actor, SYSTEM)
    on = routing.on_day(now)
    async with database.transaction() as connection:
        panel, member = await _both(actor, key, person)
        held = await _seats(panel.id, on).filter(person_id=member.id, to_on__isnull=True).first()
        if held is None:
            raise NotFound("他不在这个小组里。")
        held.to_on = last_on
        await held.save(update_fields=["to_on"])
        await audit.record(
            actor.county, actor.person_id, "unseat_member", ("panel", panel.id), now,
            person=member.id, last_on=last_on.isoformat(),
        )  # fmt: skip
        if last_on < on:
            await _take_votes(connection, panel, member.id, pack, now)
    return (await _views([panel], on))[0]


async def _both(actor: Actor, key: str, person: str) -> tuple[Panel, Person]:
    panel = await Panel.select_for_update().get_or_none(key=key, county=actor.county)
    member = await Person.get_or_none(key=person, county=actor.county)
    if panel is None or member is None:
        raise NotFound("没有找到这个小组，或者没有这个人。")
    return panel, member


def _seats(panel_id: int, on: date) -> QuerySet[PanelMember]:
    return PanelMember.filter(Q(to_on__isnull=True) | Q(to_on__gte=on), panel_id=panel_id)


async def _waiting(panel: Panel, pack: Pack) -> list[LoanApplication]:
    """Applications that stand at a vote of such a group and have no member yet."""
    stages = [name for name, stage in pack.contents.stages.items() if stage.panel == panel.kind]
    found = await LoanApplication.filter(
        county=panel.county, state="in_review", stage__in=stages
    ).select_for_update()
    return [each for each in found if covers(panel.region, each.village)]


async def _take_votes(
    connection: asyncpg.Connection, panel: Panel, member: int, pack: Pack, now: datetime
) -> None:
    mine = await Task.filter(
        kind=ballots.TASK, state="open", assignee_id=member, organisation_id=panel.organisation_id
    ).order_by("application_id")
    for task in mine:
        application = await LoanApplication.select_for_update().get(id=task.application_id)
        if routing.route_of(application).stage(task.stage).panel != panel.kind:
            continue
        left = await Task.filter(id=task.id, state="open").update(
            state="cancelled", outcome="left", done_at=now
        )
        if left:
            await votes.settle(connection, application, task.stage, pack, now)


async def _views(panels: Sequence[Panel], on: date) -> list[PanelView]:
    rows = await PanelMember.filter(panel_id__in=[panel.id for panel in panels]).order_by("id")
    rows = [row for row in rows if row.to_on is None or row.to_on >= on]
    people = await Person.in_bulk([row.person_id for row in rows], "id")
    bodies = await Organisation.in_bulk([panel.organisation_id for panel in panels], "id")
    return [
        PanelView(
            key=panel.key,
            kind=panel.kind,
            title=PANEL_TITLES[panel.kind],
            name=panel.name,
            organisation=bodies[panel.organisation_id].name,
            region=panel.region,
            members=tuple(
                MemberView(
                    people[row.person_id].key, mask_name(people[row.person_id].name), row.from_on, row.to_on
                )
                for row in rows
                if row.panel_id == panel.id
            ),
        )
        for panel in panels
    ]
