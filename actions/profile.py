"""What a person sees and sets about himself: posts, colleagues, what he agreed to, how he is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.expressions import Q

from actions import audit
from actions.access import Actor
from actions.routing import ROLE_TITLES
from bot.database import transaction
from models.application import LoanApplication
from models.conversation import Consent
from models.notice import OptOut
from models.people import Organisation, Person, Post, Region, WechatUser
from rules.identity import mask_id, mask_phone
from rules.notices import NoticeClass

DECLINABLE = NoticeClass.SERVICE.value


@dataclass(frozen=True, slots=True)
class PostView:
    """A post the person may act for today; `delegated`: it is somebody else's."""

    id: int
    role: str
    title: str
    organisation: str
    region: str
    region_name: str
    delegated: bool


@dataclass(frozen=True, slots=True)
class ProfileView:
    """A person as he sees himself. Name, ID number and phone are empty until he has given them."""

    key: str
    county: str
    name: str
    id_number: str
    phone: str
    village: str
    village_name: str
    following: bool
    staff: bool
    posts: tuple[PostView, ...]
    detailed_notices: bool
    """Notices may name amounts (S18.5)."""
    service_notices: bool
    """He wants notices that are not duties."""


@dataclass(frozen=True, slots=True)
class ColleagueView:
    """Somebody of the same organisation, to whom tasks can be delegated."""

    key: str
    name: str
    role: str
    title: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A text the person agreed to: which, when, for which application."""

    id: int
    kind: str
    version: str
    text_sha256: str
    purpose: str
    agreed_at: datetime
    valid_until: date | None
    application: str | None


async def me(actor: Actor) -> ProfileView:
    """The actor himself; his ID number and phone masked, since screens are looked at by others. S18.5."""
    person = await Person.get(id=actor.person_id)
    user = await WechatUser.get_or_none(account=actor.account, openid=actor.openid)  # a desk has none
    village = await Region.get_or_none(code=person.village) if person.village else None
    declined = await OptOut.filter(person_id=person.id, notice_class=DECLINABLE).exists()
    return ProfileView(
        key=person.key,
        county=actor.county,
        name=person.name,
        id_number=mask_id(person.id_number),
        phone=mask_phone(person.phone),
        village=person.village or "",
        village_name=village.name if village else "",
        following=user is not None and user.following,
        staff=actor.staff,
        posts=await _posts(actor),
        detailed_notices=person.detailed_notices,
        service_notices=not declined,
    )


async def _posts(actor: Actor) -> tuple[PostView, ...]:
    bodies = {
        row.id: row for row in await Organisation.filter(id__in=[p.organisation_id for p in actor.posts])
    }
    regions = {row.code: row for row in await Region.filter(code__in=[p.region for p in actor.posts])}
    return tuple(
        PostView(
            id=post.post_id,
            role=post.role,
            title=ROLE_TITLES[post.role],
            organisation=bodies[post.organisation_id].name,
            region=post.region,
            region_name=regions[post.region].name if post.region in regions else post.region,
            delegated=post.for_person_id is not None,
        )
        for post in actor.posts
    )


async def change(
    actor: Actor, now: datetime, *, detailed_notices: bool | None = None, service_notices: bool | None = None
) -> ProfileView:
    """Choose how to be told; what is not given stays. Duties are told in any case. Clause: S18.5."""
    async with transaction():
        if detailed_notices is not None:
            await Person.filter(id=actor.person_id).update(detailed_notices=detailed_notices)
        if service_notices is True:
            await OptOut.filter(person_id=actor.person_id, notice_class=DECLINABLE).delete()
        if service_notices is False:
            row = OptOut(county=actor.county, person_id=actor.person_id, notice_class=DECLINABLE, since=now)
            await OptOut.bulk_create([row], ignore_conflicts=True)
        await audit.record(
            actor.county, actor.person_id, "change_profile", ("person", actor.person_id), now,
            detailed_notices=detailed_notices, service_notices=service_notices,
        )  # fmt: skip
    return await me(actor)


async def colleagues(actor: Actor, on: date) -> list[ColleagueView]:
    """The others who hold a post in one of the actor's own organisations on that day. Clause: S1.2."""
    bodies = [post.organisation_id for post in actor.posts if post.for_person_id is None]
    current = Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gte=on))
    rows = await Post.filter(current, organisation_id__in=bodies).prefetch_related("person").order_by("id")
    return [
        ColleagueView(post.person.key, post.person.name, post.role, ROLE_TITLES[post.role])
        for post in rows
        if post.person_id != actor.person_id
    ]


async def consents(actor: Actor, *, after: int | None = None, limit: int = 20) -> list[ConsentView]:
    """What the actor agreed to, the newest first, `limit` of them after the one with id `after`. S1.4."""
    page = Consent.filter(person_id=actor.person_id, county=actor.county)
    if after is not None:
        page = page.filter(id__lt=after)
    rows = await page.order_by("-id").limit(limit)
    numbers = {
        row.id: row.number
        for row in await LoanApplication.filter(id__in=[r.application_id for r in rows if r.application_id])
    }
    return [
        ConsentView(
            row.id, row.kind, row.version, row.text_sha256, row.purpose, row.agreed_at, row.valid_until,
            numbers.get(row.application_id) if row.application_id else None,
        )
        for row in rows
    ]  # fmt: skip
