"""Bodies: who may make one, and what it may lend itself: the rest goes to the body above it. S17.1, S4.4"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from actions import audit
from actions.access import Actor, require_staff
from actions.refusal import refuse
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.people import Organisation, Region
from rules.application import ApplicantKind
from rules.authority import check_authority
from rules.regions import county_of
from rules.roles import ROLES_OF, SYSTEM

_LENDERS = ("acquiring_bank", "partner_bank", "guarantor")


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """A body; `authority` None: not restricted; `roles`: the posts it has."""

    key: str
    kind: str
    name: str
    region: str
    roles: Sequence[str]
    authority: Mapping[str, int] | None


async def listed(actor: Actor) -> list[OrganisationView]:
    """Every body of the county, for its staff. Clause: S17.1."""
    require_staff(actor)
    return [_view(row) for row in await Organisation.filter(county=actor.county).order_by("region", "id")]


async def make(actor: Actor, kind: str, name: str, region: str, now: datetime) -> OrganisationView:
    """Register a body; the system's administrator. Raises RuleRefused, Conflict. Clause: S17.1."""
    require_staff(actor, SYSTEM)
    if kind not in ROLES_OF:
        raise RuleRefused("S17.1", "没有这种单位，请重选。", code="kind", field="kind")
    if len(name.strip()) < 2:
        raise RuleRefused("S17.1", "请写单位名称。", code="name", field="name")
    if county_of(region) != actor.county or not await Region.filter(code=region).exists():
        raise RuleRefused("S17.1", "没有这个地方，请重选。", code="region", field="region")
    async with database.transaction():
        if await Organisation.filter(county=actor.county, kind=kind, name=name.strip()).exists():
            raise Conflict("S17.1", "已经有同名的单位了。", code="there_already", field="name")
        made = await Organisation.create(county=actor.county, kind=kind, name=name.strip(), region=region)
        await audit.record(
            actor.county, actor.person_id, "make_organisation", ("organisation", made.id), now,
            kind=kind, region=region,
        )  # fmt: skip
    return _view(made)


async def set_authority(
    actor: Actor, key: str, authority: Mapping[str, int] | None, now: datetime
) -> OrganisationView:
    """Say what a bank or guarantor may decide itself; None: everything. Raises RuleRefused, NotFound. S4.4"""
    require_staff(actor, SYSTEM)
    if authority is not None:
        refuse([check_authority(authority, frozenset(ApplicantKind))])
    async with database.transaction():
        body = await Organisation.select_for_update().get_or_none(key=key, county=actor.county)
        if body is None or body.kind not in _LENDERS:
            raise NotFound("没有找到这家机构。")
        before, body.authority = body.authority, authority
        await body.save(update_fields=["authority"])
        await audit.record(
            actor.county, actor.person_id, "set_authority", ("organisation", body.id), now,
            before=before, after=authority,
        )  # fmt: skip
    return _view(body)


def _view(row: Organisation) -> OrganisationView:
    return OrganisationView(
        row.key, row.kind, row.name, row.region, ROLES_OF.get(row.kind, ()), row.authority
    )
