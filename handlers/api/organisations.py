"""Bodies of the county, and what each may lend itself."""

from __future__ import annotations

from pydantic import Field

from actions import organisations
from handlers.endpoint import Call, In, Out


class OrganisationIn(In):
    """A new body."""

    kind: str = Field(min_length=1, max_length=24)
    name: str = Field(min_length=1, max_length=80)
    region: str = Field(pattern=r"^[0-9]{12}$")


class AuthorityIn(In):
    """Kind of applicant -> largest loan in fen; null: the body decides everything itself."""

    authority: dict[str, int] | None


class OrganisationOut(Out):
    """A body, the posts it has and what it may lend itself."""

    key: str
    kind: str
    name: str
    region: str
    roles: list[str]
    authority: dict[str, int] | None


class OrganisationsOut(Out):
    """The bodies of the county by region."""

    items: list[OrganisationOut]


async def listed(call: Call) -> OrganisationsOut:
    """The bodies of the county."""
    found = await organisations.listed(call.actor)
    return OrganisationsOut(items=[OrganisationOut.model_validate(each) for each in found])


async def make(call: Call, body: OrganisationIn) -> OrganisationOut:
    """Register a body; the system's administrator."""
    made = await organisations.make(call.actor, body.kind, body.name, body.region, call.now)
    return OrganisationOut.model_validate(made)


async def set_authority(call: Call, key: str, body: AuthorityIn) -> OrganisationOut:
    """Say what a bank or guarantor may decide itself; the rest goes to the body above it."""
    found = await organisations.set_authority(call.actor, key, body.authority, call.now)
    return OrganisationOut.model_validate(found)
