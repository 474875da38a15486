"""The disposal list and the list of those who could pay and will not."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from actions import defaulters, disposal
from handlers.endpoint import Call, In, Out
from rules.disposal import Ability, Way, Willingness


class DisposalOut(Out):
    """One entry. State: open (to be decided), decided, closed (nothing is overdue any more)."""

    key: str
    loan_key: str
    loan_number: str
    village: str
    state: str
    round: int
    overdue_since: date
    opened_on: date
    cause: str
    ability: str
    willingness: str
    way: str
    responsible: str
    by_on: date | None
    remark: str
    closed_on: date | None
    defaulter_key: str


class DisposalIn(In):
    """What was found out and is decided. Codes are those of `choices`."""

    cause: str = Field(min_length=1, max_length=24, pattern=r"^[a-z_]+$")
    ability: Ability = Field(strict=False)
    willingness: Willingness = Field(strict=False)
    way: Way = Field(strict=False)
    responsible: str = Field(min_length=1, max_length=64, description="Key of the colleague who does it.")
    by_on: date
    remark: str = Field("", max_length=500)


class ColleagueOut(Out):
    """Somebody who may be made responsible."""

    key: str
    name: str
    role: str


class DisposalChoicesOut(Out):
    """What can be chosen: codes with their words, colleagues, and the last day that may be set."""

    cause: dict[str, str]
    ability: dict[str, str]
    willingness: dict[str, str]
    way: dict[str, str]
    last_day: date
    colleagues: list[ColleagueOut]


class DefaulterOut(Out):
    """A case with its evidence; `intact`: the evidence is still what was hashed on the day of listing."""

    key: str
    loan_key: str
    village: str
    listed_on: date
    evidence: dict[str, Any]
    evidence_sha256: str
    intact: bool
    removed_on: date | None
    removed_reason: str


class RemovalIn(In):
    """Why somebody is taken off the list."""

    reason: str = Field(min_length=2, max_length=300)


async def show(call: Call, key: str) -> DisposalOut:
    """One entry of the disposal list."""
    return DisposalOut.model_validate(await disposal.show(call.actor, key, call.now))


async def choices(call: Call, key: str) -> DisposalChoicesOut:
    """What can be chosen for an entry."""
    found = await disposal.choices(call.actor, key, call.pack, call.now)
    return DisposalChoicesOut.model_validate(found)


async def decide(call: Call, key: str, body: DisposalIn) -> DisposalOut:
    """Fill in an entry: cause, ability, willingness, way, who, by when."""
    given = disposal.Given(**body.model_dump())
    return DisposalOut.model_validate(await disposal.decide(call.actor, key, given, call.pack, call.now))


async def defaulter(call: Call, key: str) -> DefaulterOut:
    """A case of the list of defaulters with its evidence."""
    return DefaulterOut.model_validate(await defaulters.show(call.actor, key, call.now))


async def remove(call: Call, key: str, body: RemovalIn) -> DefaulterOut:
    """Take a case off the list; the evidence stays."""
    return DefaulterOut.model_validate(await defaulters.remove(call.actor, key, body.reason, call.now))
