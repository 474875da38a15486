"""The person who is logged in: posts, settings, what he agreed to, what he was told."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from actions import my_notices, profile
from handlers.api.paging import Listed, next_of, number
from handlers.endpoint import Call, In, Out, Page


class PostOut(Out):
    """A post held today; `delegated`: somebody else's. `id` names it when it is to be delegated."""

    id: int
    role: str
    title: str
    organisation: str
    region: str
    region_name: str
    delegated: bool


class MeOut(Out):
    """Oneself. ID number and phone are masked."""

    key: str
    county: str
    name: str
    id_number: str
    phone: str
    village: str
    village_name: str
    following: bool
    staff: bool
    posts: list[PostOut]
    detailed_notices: bool = Field(description="Notices may name amounts.")
    service_notices: bool = Field(description="Notices that are not duties are wanted.")


class Settings(In):
    """How to be told; what is left out stays as it is."""

    detailed_notices: bool | None = None
    service_notices: bool | None = None


async def show(call: Call) -> MeOut:
    """Who is logged in, with the posts he holds today."""
    return MeOut.model_validate(await profile.me(call.actor))


async def change(call: Call, body: Settings) -> MeOut:
    """Choose how to be told. Duties – a date to pay, a task – are told in any case."""
    changed = await profile.change(
        call.actor, call.now,
        detailed_notices=body.detailed_notices, service_notices=body.service_notices,
    )  # fmt: skip
    return MeOut.model_validate(changed)


class ColleagueOut(Out):
    """Somebody of the same organisation."""

    key: str
    name: str
    role: str
    title: str


class ColleaguesOut(Out):
    """To whom tasks can be delegated."""

    items: list[ColleagueOut]


async def colleagues(call: Call) -> ColleaguesOut:
    """The others of one's own organisation, to whom tasks can be delegated."""
    found = await profile.colleagues(call.actor, call.on)
    return ColleaguesOut(items=[ColleagueOut.model_validate(each) for each in found])


class ConsentOut(Out):
    """A text somebody agreed to; `application` is the number of the application it was for."""

    id: int
    kind: str
    version: str
    text_sha256: str
    purpose: str
    agreed_at: datetime
    valid_until: date | None
    application: str | None


async def consents(call: Call, query: Page) -> Listed[ConsentOut]:
    """What one agreed to, with version and hash of the text, the newest first."""
    rows = await profile.consents(call.actor, after=number(query.after), limit=query.limit)
    items = [ConsentOut.model_validate(row) for row in rows]
    return Listed[ConsentOut](items=items, next=next_of(rows, query.limit, "id"))


class AttemptOut(Out):
    """One way a notice was sent and what became of it."""

    channel: str
    state: str
    at: datetime | None


class LineOut(Out):
    """One gate or attempt: which way, the code for programs and the words for people."""

    at: datetime
    way: str
    way_words: str
    outcome: str
    words: str


class NoticeOut(Out):
    """Something one was told. `current`: it still holds; `link` is the page about it."""

    id: int
    kind: str
    title: str
    text: str
    link: str
    state: str
    current: bool
    due_on: date
    created_at: datetime
    trail: list[AttemptOut]
    outcome: str = Field(description="What became of it, in words.")
    lines: list[LineOut] = Field(description="Why it went as it did: every gate and attempt, in order.")


async def notices(call: Call, query: Page) -> Listed[NoticeOut]:
    """What one was told, the newest first, with the ways it was sent."""
    rows = await my_notices.my_notices(
        call.actor, call.pack, call.runtime.settings.base_url(), call.on,
        after=number(query.after), limit=query.limit,
    )  # fmt: skip
    items = [NoticeOut.model_validate(row) for row in rows]
    return Listed[NoticeOut](items=items, next=next_of(rows, query.limit, "id"))


async def notices_of(call: Call, key: str, query: Page) -> Listed[NoticeOut]:
    """What somebody of one's region was told, and why: for the county's clerk and the auditor; noted."""
    rows = await my_notices.notices_of(
        call.actor, key, call.pack, call.runtime.settings.base_url(), call.on, call.now,
        after=number(query.after), limit=query.limit,
    )  # fmt: skip
    items = [NoticeOut.model_validate(row) for row in rows]
    return Listed[NoticeOut](items=items, next=next_of(rows, query.limit, "id"))
