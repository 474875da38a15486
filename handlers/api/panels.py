"""Groups with members: who sits in which."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from actions import panels
from handlers.endpoint import Call, In, Out
from rules.votes import PanelKind


class PanelIn(In):
    """A new group of a body."""

    kind: PanelKind
    organisation: str = Field(min_length=1, max_length=22)
    region: str = Field("", pattern=r"^(\d{12})?$", description="Empty: the region of the body.")


class SeatIn(In):
    """Somebody with a post who sits in the group from a day on."""

    person: str = Field(min_length=1, max_length=22)
    from_on: date


class SeatEndIn(In):
    """The last day of somebody in the group."""

    person: str = Field(min_length=1, max_length=22)
    last_on: date


class MemberOut(Out):
    """Somebody who sits in a group, or will."""

    person: str
    name: str
    from_on: date
    to_on: date | None


class PanelOut(Out):
    """A group with its members."""

    key: str
    kind: str
    title: str
    name: str
    organisation: str
    region: str
    members: list[MemberOut]


class PanelsOut(Out):
    """The groups of the county by region."""

    items: list[PanelOut]


async def listed(call: Call) -> PanelsOut:
    """The groups of the county."""
    found = await panels.listed(call.actor, call.on)
    return PanelsOut(items=[PanelOut.model_validate(each) for each in found])


async def make(call: Call, body: PanelIn) -> PanelOut:
    """Register a group; the system's administrator."""
    made = await panels.make(call.actor, body.kind, body.organisation, body.region, call.now)
    return PanelOut.model_validate(made)


async def seat(call: Call, key: str, body: SeatIn) -> PanelOut:
    """Give somebody a seat; votes that waited for members begin."""
    found = await panels.seat(call.actor, key, body.person, body.from_on, call.pack, call.now)
    return PanelOut.model_validate(found)


async def unseat(call: Call, key: str, body: SeatEndIn) -> PanelOut:
    """End somebody's seat."""
    found = await panels.unseat(call.actor, key, body.person, body.last_on, call.pack, call.now)
    return PanelOut.model_validate(found)
