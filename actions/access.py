"""Who somebody is and the only doors to rows for a person. What is out of scope looks as if it were absent.

An actor is a person with the posts he holds today, his own and those delegated to him. A post covers the
region it names and everything below it: a county code covers its towns, a town code its villages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

from tortoise.expressions import Q

from bot.database import fetch
from bot.errors import NotFound, RuleRefused
from models.application import LoanApplication, Task
from models.loan import Loan
from models.people import Delegation, Person, Post, WechatUser
from models.slip import RepaymentSlip
from rules.regions import covers


class Scope(StrEnum):
    """Which rows somebody sees by a right. A post reaches the region it names and everything below it."""

    OWN = "own"
    """What is about oneself, or what one handed in."""
    TASK = "task"
    """What is a task of one of his posts: its role, region and, where the task names one, its body."""
    REGION = "region"
    """What lies in the region of his post."""
    BODY = "body"
    """What lies in the region of his post and is his bank's or guarantor's."""
    COUNTY = "county"
    """Everything of the county."""


_IN_REGION = dict.fromkeys(("cadre", "town_clerk", "county_clerk", "case_officer"), Scope.REGION)
APPLICATION_READERS: Mapping[str, Scope] = MappingProxyType(
    _IN_REGION | dict.fromkeys(("loan_officer", "bank_officer", "guarantor_officer"), Scope.BODY)
)
"""Who sees an application that is not his own; a role that is not named sees none. Clause: S17.2."""
LOAN_READERS: Mapping[str, Scope] = MappingProxyType(
    _IN_REGION | dict.fromkeys(("bank_officer", "guarantor_officer"), Scope.BODY)
)
"""Who sees a loan that is not his own, and what hangs on it. Clause: S17.2."""


@dataclass(frozen=True)
class HeldPost:
    """A post somebody may act for today; `for_person_id` is its holder when it is delegated."""

    post_id: int
    role: str
    organisation_id: int
    region: str
    for_person_id: int | None = None

    def covers(self, region: str) -> bool:
        """Whether the 12-digit code `region` lies in this post's region."""
        return covers(self.region, region)


@dataclass(frozen=True)
class Actor:
    """The person behind a request or message, with today's posts."""

    person_id: int
    county: str
    account: str
    openid: str
    channel: str
    posts: tuple[HeldPost, ...] = ()

    @property
    def staff(self) -> bool:
        return bool(self.posts)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(post.role for post in self.posts)


async def actor_for(
    account: str,
    county: str,
    openid: str,
    *,
    on: date,
    now: datetime,
    channel: str,
    unionid: str | None = None,
) -> Actor:
    """The actor behind an openid; somebody new becomes a person without a name.

    The same `unionid` in another account of the county is the same person.
    """
    user = await WechatUser.get_or_none(account=account, openid=openid)
    if user is None:
        user = await _meet(account, county, openid, unionid, now)
    elif unionid and not user.unionid:  # a push of the chat does not carry it, a login does
        await WechatUser.filter(id=user.id).update(unionid=unionid)
    return Actor(
        person_id=user.person_id,
        county=county,
        account=account,
        openid=openid,
        channel=channel,
        posts=await posts_held(user.person_id, on),
    )


async def _meet(account: str, county: str, openid: str, unionid: str | None, now: datetime) -> WechatUser:
    same = WechatUser.filter(unionid=unionid, county=county).order_by("id")
    known = await same.first() if unionid else None
    person_id = known.person_id if known else (await Person.create(county=county, created_at=now)).id
    # two first messages at once: the unique key decides, the loser's empty person stays behind unused
    await WechatUser.bulk_create(
        [WechatUser(county=county, account=account, openid=openid, unionid=unionid, person_id=person_id)],
        on_conflict=["account", "openid"],
        ignore_conflicts=True,
    )
    return await WechatUser.get(account=account, openid=openid)


async def posts_held(person_id: int, on: date) -> tuple[HeldPost, ...]:
    """The posts a person may act for on a day: his own, then those delegated to him."""
    current = Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gte=on))
    own = await Post.filter(current, person_id=person_id).order_by("id")
    delegated = await Delegation.filter(
        delegate_id=person_id, from_on__lte=on, to_on__gte=on, revoked_at__isnull=True
    ).prefetch_related("post")
    held = [HeldPost(p.id, p.role, p.organisation_id, p.region) for p in own]
    for delegation in delegated:
        post = delegation.post
        if post.from_on <= on and (post.to_on is None or post.to_on >= on):
            region = delegation.region or post.region
            held.append(HeldPost(post.id, post.role, post.organisation_id, region, post.person_id))
    return tuple(held)


@dataclass(frozen=True, slots=True)
class Charge:
    """What somebody is looked for: a role at a place, of one organisation or of any."""

    role: str
    region: str
    organisation_id: int | None = None


_HOLDERS = """
WITH charge AS (
  SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY
    AS t(role, region, organisation_id, at)
), covering AS (  -- the place itself, its town, its county
  SELECT c.at, c.region, p.id, p.person_id FROM charge c
  JOIN post p ON p.county = $1 AND p.role = c.role AND p.from_on <= $5 AND coalesce(p.to_on, $5) >= $5
    AND p.region IN (c.region, left(c.region, 9) || '000', left(c.region, 6) || '000000')
    AND p.organisation_id = coalesce(c.organisation_id, p.organisation_id)
)
SELECT at, person_id, 1 AS rank, id FROM covering
UNION ALL
SELECT c.at, d.delegate_id, 2, d.id FROM covering c
JOIN delegation d ON d.post_id = c.id AND d.from_on <= $5 AND d.to_on >= $5 AND d.revoked_at IS NULL
  AND (d.region = '' OR d.region IN (c.region, left(c.region, 9) || '000', left(c.region, 6) || '000000'))
ORDER BY 1, 3, 4"""


async def holders_of(county: str, charges: Iterable[Charge], *, on: date) -> dict[Charge, list[int]]:
    """For each charge the ids of the people whose posts cover its place, delegates after them, in order."""
    asked = list(dict.fromkeys(charges))
    if not asked:
        return {}
    rows = await fetch(
        _HOLDERS,
        county,
        [charge.role for charge in asked],
        [charge.region for charge in asked],
        [charge.organisation_id for charge in asked],
        on,
    )
    found: dict[Charge, dict[int, None]] = {charge: {} for charge in asked}
    for row in rows:
        found[asked[row["at"] - 1]][row["person_id"]] = None
    return {charge: list(people) for charge, people in found.items()}


async def role_holders(
    county: str, role: str, region: str, *, on: date, organisation_id: int | None = None
) -> list[int]:
    """Ids of the people who hold `role` for a region that covers `region`, delegates included, in order."""
    charge = Charge(role, region, organisation_id)
    return (await holders_of(county, [charge], on=on))[charge]


def post_for_task(actor: Actor, task: Task) -> HeldPost | None:
    """The post by which the actor may do this task, or None."""
    for post in actor.posts:
        if post.role not in (task.role, *task.escalated_roles) or not post.covers(task.region):
            continue
        if post.role == task.role and task.organisation_id not in (None, post.organisation_id):
            continue
        return post
    return None


async def access_task(actor: Actor, key: str) -> Task:
    """The task, if it is one of the actor's. Raises NotFound. Clause: S17.2."""
    task = await Task.get_or_none(key=key, county=actor.county)
    if task is None or not (task.assignee_id == actor.person_id or post_for_task(actor, task)):
        raise NotFound("没有找到这项任务，可能已经转给别人了。")
    return task


async def access_application(actor: Actor, key: str) -> LoanApplication:
    """The application: one's own, one filled in for somebody, or one in the actor's scope.

    Scope of a post: its region and, for a bank or guarantor, only what was routed to it. Raises NotFound.
    Clause: S17.2.
    """
    application = await LoanApplication.get_or_none(key=key, county=actor.county)
    own = application is not None and actor.person_id in (application.applicant_id, application.filled_by_id)
    if application is None or not (own or posts_for_application(actor, application)):
        raise NotFound("没有找到这份申请。")
    return application


def posts_for_application(actor: Actor, application: LoanApplication, *roles: str) -> list[HeldPost]:
    """The posts by which the actor sees an application, of these roles if any are named. Clause: S17.2."""
    bodies = {
        "loan_officer": application.acquiring_bank_id,
        "bank_officer": application.partner_bank_id,
        "guarantor_officer": application.guarantor_id,
    }
    return [
        post
        for post in actor.posts
        if (not roles or post.role in roles)
        and _reaches(post, APPLICATION_READERS, application.village, bodies)
    ]


def _reaches(
    post: HeldPost, readers: Mapping[str, Scope], village: str, bodies: Mapping[str, int | None]
) -> bool:
    scope = readers.get(post.role)
    if scope is None or not post.covers(village):
        return False
    return scope is not Scope.BODY or bodies[post.role] == post.organisation_id


async def access_loan(actor: Actor, key: str) -> Loan:
    """The loan: one's own, or one of the actor's bank, guarantor or region. Raises NotFound.

    Clause: S17.2.
    """
    loan = await Loan.get_or_none(key=key, county=actor.county)
    if loan is None or (loan.borrower_id != actor.person_id and not posts_for_loan(actor, loan)):
        raise NotFound("没有找到这笔贷款。")
    return loan


def posts_for_loan(actor: Actor, loan: Loan, *roles: str) -> list[HeldPost]:
    """The posts by which the actor sees a loan, of these roles if any are named. Clause: S17.2."""
    bodies = {"bank_officer": loan.bank_id, "guarantor_officer": loan.guarantor_id}
    return [
        post
        for post in actor.posts
        if (not roles or post.role in roles) and _reaches(post, LOAN_READERS, loan.village, bodies)
    ]


def sees_slip(actor: Actor, slip: RepaymentSlip) -> bool:
    """Whether a slip is one's own, or of the actor's bank or county; the guarantor sees what is confirmed.

    Clause: S11.4, S17.2.
    """
    if slip.person_id == actor.person_id:
        return True
    for post in actor.posts:
        seen = {
            "bank_officer": post.organisation_id == slip.bank_id,
            "guarantor_officer": post.organisation_id == slip.guarantor_id and slip.state == "confirmed",
            "county_clerk": True,
        }
        if seen.get(post.role) and post.covers(slip.village):
            return True
    return False


def require_staff(actor: Actor, *roles: str) -> HeldPost:
    """The actor's first post of one of these roles. Raises RuleRefused. Clause: S17.1."""
    return require_post([post for post in actor.posts if not roles or post.role in roles])


def require_post(posts: Sequence[HeldPost]) -> HeldPost:
    """The first of the posts by which the actor may do something. Raises RuleRefused. Clause: S17.1."""
    if posts:
        return posts[0]
    raise RuleRefused("S17.1", "这项操作需要相应岗位的工作人员来做。", code="not_allowed")


async def family_of(application: LoanApplication) -> frozenset[int]:
    """Ids of the applicant and his household: nobody acts on his own or his family's case. Clause: S4.3."""
    members = await Person.filter(household_id=application.household_id)
    return frozenset((application.applicant_id, *(member.id for member in members)))
