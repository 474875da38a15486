"""Delegation of one's posts to a colleague: given for some days, seen, taken back."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from actions import delegations
from handlers.endpoint import Call, In, Out
from handlers.errors import HttpError


class DelegationIn(In):
    """Who does the tasks of one of one's posts from a day to a day, both included."""

    to_person: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    from_on: date
    to_on: date
    reason: str = Field(min_length=1, max_length=200)
    post: int | None = Field(None, description="`id` of one of one's posts; needed by who has several.")
    region: str = Field("", pattern=r"^([0-9]{12})?$", description="Only for this part of the post's region.")


class DelegationOut(Out):
    """A delegation: of which post, to whom, for where and when; whether it holds today."""

    id: int
    post: int
    title: str
    to_person: str
    region: str
    from_on: date
    to_on: date
    reason: str
    revoked: bool
    active: bool


class DelegationsOut(Out):
    """What one has delegated, the newest first."""

    items: list[DelegationOut]


class Nothing(In):
    """An empty object."""


async def listed(call: Call) -> DelegationsOut:
    """What one has delegated, the newest first."""
    found = await delegations.listed(call.actor, call.on)
    return DelegationsOut(items=[DelegationOut.model_validate(each) for each in found])


async def delegate(call: Call, body: DelegationIn) -> DelegationOut:
    """Let a colleague do the tasks of a post for some days."""
    made = await delegations.delegate(
        call.actor, body.to_person, body.from_on, body.to_on, body.reason, call.pack, call.now,
        post_id=body.post, region=body.region,
    )  # fmt: skip
    found = await delegations.listed(call.actor, call.on)
    return DelegationOut.model_validate(next(each for each in found if each.id == made.id))


async def revoke(call: Call, key: str, body: Nothing) -> DelegationOut:
    """Take a delegation back at once."""
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise HttpError(404)
    return DelegationOut.model_validate(await delegations.revoke(call.actor, int(key), call.now))
