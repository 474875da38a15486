"""Applications for their farmer: status, withdrawing, confirming what a helper filled in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from actions import applications, confirmations, status
from actions.access import Actor, actor_for
from handlers.api.paging import Listed, page_of
from handlers.endpoint import Call, In, Out, Page
from handlers.forms.papers import agreed


class StageOut(Out):
    """A stage of the route: done, now, waiting, returned or rejected."""

    name: str
    title: str
    role: str
    standing: str


class EntryOut(Out):
    """Something that happened, by which role, when."""

    title: str
    role: str
    at: datetime
    note: str


class ApplicationOut(Out):
    """An application as its farmer sees it: which stage, since when, with whom, expected by when."""

    key: str
    number: str
    state: str
    state_words: str
    amount_fen: int
    term_months: int
    industry: str
    submitted_at: datetime
    since: datetime
    now_with: list[str] = Field(description="Who is working on it: roles, never names.")
    now_stage: str
    expected_at: datetime | None
    late: bool
    reason: str
    return_fields: list[str] = Field(description="The answers that are to be mended after a return.")
    stages: list[StageOut]
    timeline: list[EntryOut]
    may_withdraw: bool
    may_supplement: bool
    may_confirm: bool
    own: bool


class AnswersOut(Out):
    """The answers of an application by the keys of its form."""

    answers: dict[str, Any]


class Confirmation(In):
    """How the farmer confirms. He has read the papers, all of them (fields of the form `confirmation`): in
    his own WeChat, or whoever filled in read them to him; then the code he was sent or a signature photo.
    """

    consents: dict[Annotated[str, Field(max_length=30)], Annotated[str, Field(max_length=64)]] = Field(
        default_factory=dict, max_length=10, description="Kind of each paper agreed to -> its sha256."
    )
    code: str | None = Field(None, min_length=4, max_length=8, pattern=r"^[0-9]+$")
    signature_file: str | None = Field(None, max_length=64, description="Key of an uploaded photo.")


class Nothing(In):
    """An empty object."""


async def listed(call: Call, query: Page) -> Listed[ApplicationOut]:
    """One's own applications and those filled in for others, the newest first."""
    return page_of(await status.my_applications(call.actor, call.now), query, ApplicationOut)


async def show(call: Call, key: str) -> ApplicationOut:
    """One application with its timeline."""
    return await view(call, call.actor, key)


async def view(call: Call, actor: Actor, key: str) -> ApplicationOut:
    return ApplicationOut.model_validate(await status.view(actor, key, call.now))


async def current_actor(call: Call) -> Actor:
    """The actor as he is known now: an application may just have told whose WeChat this is (S1.6)."""
    actor = call.actor
    if not actor.openid:  # at a desk: who he is does not depend on a WeChat
        return actor
    return await actor_for(
        actor.account, actor.county, actor.openid, on=call.on, now=call.now, channel=actor.channel
    )


async def answers(call: Call, key: str) -> AnswersOut:
    """What was filled in, for the farmer and who filled it in for him; nothing for others."""
    return AnswersOut(answers=dict(await status.answers_of(call.actor, key)))


async def withdraw(call: Call, key: str, body: Nothing) -> ApplicationOut:
    """Take an application back; possible until it is approved."""
    await applications.withdraw(call.actor, key, call.pack, call.now)
    return await view(call, call.actor, key)


async def confirm(call: Call, key: str, body: Confirmation) -> ApplicationOut:
    """The farmer says that what a helper filled in is his will; then it is reviewed."""
    await confirmations.confirm(
        call.actor, key, call.pack, call.now,
        consents=agreed(call.pack, body.consents), code=body.code, signature_file=body.signature_file,
    )  # fmt: skip
    return await view(call, call.actor, key)
