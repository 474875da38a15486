"""Delegation: while somebody is away a colleague does the tasks of one of his posts, for all of its region or
a part of it; taken back at once when he says so. Every step is in the audit trail. Clause: S1.2, S17.1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from actions import audit, routing
from actions.access import Actor, HeldPost, posts_held
from actions.refusal import refuse
from actions.routing import ROLE_TITLES
from bot import database
from bot.errors import NotFound, RuleRefused
from models.people import Delegation, Person
from policies import Pack
from rules import tasks as rules
from rules.identity import check_free_text
from rules.roles import check_duties


@dataclass(frozen=True)
class DelegationView:
    """A delegation as who gave it sees it. `active`: it holds on the day that was asked for."""

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


async def delegate(
    actor: Actor,
    to_person_key: str,
    from_on: date,
    to_on: date,
    reason: str,
    pack: Pack,
    now: datetime,
    *,
    post_id: int | None = None,
    region: str = "",
) -> Delegation:
    """Let somebody else of the same organisation do the tasks of one of the actor's own posts for some days.

    `post_id` None: his only post; who has several says which. `region`: only for this part of the post's
    region. Raises RuleRefused, NotFound. Clause: S1.2.
    """
    delegate_to = await Person.get_or_none(key=to_person_key, county=actor.county)
    own = [post for post in actor.posts if post.for_person_id is None]
    if delegate_to is None or not own:
        raise NotFound("没有找到这位同事。")
    post = _post(own, post_id)
    if region and not post.covers(region):
        raise RuleRefused("S1.2", "这个地方不归这个岗位管，请重选。", code="other_region", field="region")
    on = routing.on_day(now)
    theirs = [held for held in await posts_held(delegate_to.id, on) if held.for_person_id is None]
    same = any(held.organisation_id == post.organisation_id for held in theirs)
    if not same or delegate_to.id == actor.person_id:
        raise RuleRefused("S1.2", "只能交给本单位的另一位同事代办。", code="other_organisation")
    if refusal := check_duties(post.role, [held.role for held in theirs]):
        raise RuleRefused(refusal.rule, refusal.message, code=refusal.code, field="to_person")
    wanted = rules.Delegation(actor.person_id, delegate_to.id, from_on, to_on)
    refuse([rules.check_delegation(wanted, pack.escalation(on)), check_free_text(reason, "reason")])
    async with database.transaction():
        made = await Delegation.create(
            county=actor.county,
            post_id=post.post_id,
            delegate=delegate_to,
            region=region,
            from_on=from_on,
            to_on=to_on,
            reason=reason.strip()[:200],
            created_at=now,
        )
        await audit.record(
            actor.county, actor.person_id, "delegate", ("delegation", made.id), now,
            post=post.post_id, to_person=delegate_to.id, region=region,
        )  # fmt: skip
    return made


def _post(own: list[HeldPost], post_id: int | None) -> HeldPost:
    if post_id is None and len(own) > 1:
        words = "您有几个岗位，请选把哪个岗位的事交给同事。"
        raise RuleRefused("S1.2", words, code="post_missing", field="post")
    for post in own:
        if post_id in (None, post.post_id):
            return post
    raise NotFound("没有找到这个岗位。")


async def revoke(actor: Actor, delegation_id: int, now: datetime) -> DelegationView:
    """Take a delegation of one's own post back: it ends with this moment. Twice is once. Raises NotFound.

    Clause: S1.2.
    """
    posts = [post.post_id for post in actor.posts if post.for_person_id is None]
    async with database.transaction():
        found = await Delegation.select_for_update().get_or_none(id=delegation_id, post_id__in=posts)
        if found is None:
            raise NotFound("没有找到这次委托。")
        if found.revoked_at is None:
            found.revoked_at = now
            await found.save(update_fields=["revoked_at"])
            await audit.record(
                actor.county, actor.person_id, "revoke_delegation", ("delegation", found.id), now
            )
    return next(each for each in await listed(actor, routing.on_day(now)) if each.id == delegation_id)


async def listed(actor: Actor, on: date) -> list[DelegationView]:
    """What the actor has delegated, the newest first. Clause: S1.2."""
    own = {post.post_id: post for post in actor.posts if post.for_person_id is None}
    rows = await Delegation.filter(post_id__in=list(own)).prefetch_related("delegate").order_by("-id")
    return [
        DelegationView(
            id=row.id,
            post=row.post_id,
            title=ROLE_TITLES[own[row.post_id].role],
            to_person=row.delegate.name,
            region=row.region or own[row.post_id].region,
            from_on=row.from_on,
            to_on=row.to_on,
            reason=row.reason,
            revoked=row.revoked_at is not None,
            active=row.revoked_at is None and row.from_on <= on <= row.to_on,
        )
        for row in rows
    ]
