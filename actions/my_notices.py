"""What a person was told, in the words he reads after opening it, and by which ways it was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from actions import audit, subjects
from actions.access import Actor, access_loan
from actions.subjects import About, Asked, Sealed
from actions.trails import TrailLine, line_of
from actions.wording import Facts, Told, link, opened
from bot import database
from bot.errors import NotFound
from models.notice import Delivery, Notice
from models.people import Person
from policies import Pack


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One rung of the ladder and what became of it. Clause: S18.7."""

    channel: str
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice as its person reads it. `current`: what it says still holds."""

    id: int
    kind: str
    title: str
    text: str
    link: str
    state: str
    current: bool
    due_on: date
    created_at: datetime
    trail: tuple[AttemptView, ...]
    lines: tuple[TrailLine, ...] = ()
    """Every gate and attempt, in words."""

    @property
    def outcome(self) -> str:
        """What became of it, in words."""
        return STATE_WORDS.get(self.state, self.state)


STATE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "open": "正在发",
        "delivered": "已经送到",
        "handed_over": "请工作人员当面说",
        "uncertain": "发了，不知道有没有收到",
        "suppressed": "不用发了",
        "expired": "过了时间，没有发",
        "given_up": "没有送到",
        "closed": "工作人员处理过了",
    }
)
"""What the states of a notice mean to the person."""
AUDITORS = ("county_clerk", "administrator")
"""Who may read why somebody of his region was told what he was told."""


async def my_notices(
    actor: Actor, pack: Pack, base_url: str, on: date, *, after: int | None = None, limit: int = 20
) -> list[NoticeView]:
    """The actor's notices, the newest first, `limit` of them after the one with id `after`. Clause: S18.7."""
    return await _page(actor.county, actor.person_id, pack, base_url, on, after, limit)


async def notices_of(
    actor: Actor,
    person_key: str,
    pack: Pack,
    base_url: str,
    on: date,
    now: datetime,
    *,
    after: int | None = None,
    limit: int = 20,
) -> list[NoticeView]:
    """What another person was told and why, for the county's clerk and the auditor; the look is audited.

    Out of their region he is absent. Raises NotFound. Clause: S17.2, S18.7.
    """
    person = await access_told(actor, person_key)
    await audit.viewed(actor.county, actor.person_id, ("person", person.id), now, "view_notices")
    return await _page(actor.county, person.id, pack, base_url, on, after, limit)


async def access_told(actor: Actor, person_key: str) -> Person:
    """The person whose notices the actor may read. Raises NotFound. Clause: S17.2, S18.7."""
    person = await Person.get_or_none(key=person_key, county=actor.county)
    region = (person.village or f"{actor.county}000000") if person else ""
    if person is None or not any(post.role in AUDITORS and post.covers(region) for post in actor.posts):
        raise NotFound("没有找到这个人。")
    return person


async def borrower_key(actor: Actor, loan_key: str) -> str | None:
    """The key of a loan's borrower for whoever may read what he was told; None for others. Clause: S17.2."""
    if not actor.roles & set(AUDITORS):
        return None
    loan = await access_loan(actor, loan_key)
    return (await Person.get(id=loan.borrower_id)).key


async def _page(
    county: str, person_id: int, pack: Pack, base_url: str, on: date, after: int | None, limit: int
) -> list[NoticeView]:
    page = Notice.filter(person_id=person_id, county=county)
    if after is not None:
        page = page.filter(id__lt=after)
    rows = await page.order_by("-id").limit(limit)
    about = await _about(rows, on)
    person = await Person.get(id=person_id)
    sealed = Sealed(person.key, person.name_sealed, person.id_number_sealed)
    sent = await _deliveries(rows)
    return [_view(row, about[row.id], sealed, pack, base_url, sent.get(row.id, ())) for row in rows]


async def _about(rows: Sequence[Notice], on: date) -> dict[int, About]:
    asked = [
        Asked(row.id, row.person_id, row.kind, row.subject_kind, row.subject_id, row.due_on, row.created_at)
        for row in rows
    ]
    async with database.transaction() as connection:
        return await subjects.about(connection, asked, on)


async def _deliveries(rows: Sequence[Notice]) -> dict[int, tuple[Delivery, ...]]:
    found: dict[int, tuple[Delivery, ...]] = {}
    for sent in await Delivery.filter(notice_id__in=[row.id for row in rows]).order_by("notice_id", "rung"):
        found[sent.notice_id] = (*found.get(sent.notice_id, ()), sent)
    return found


def _view(
    row: Notice, about: About, person: Sealed, pack: Pack, base_url: str, sent: tuple[Delivery, ...]
) -> NoticeView:
    policy = pack.notices.get(row.kind)
    title = policy.title if policy else row.kind
    told = Told(row.kind, row.step, row.due_on, row.created_at, row.facts, person, about)
    try:
        text = opened(policy, Facts(told, pack)) if policy else title
    except (KeyError, ValueError, TypeError):  # what it was about is gone: its title is all that is left
        text = title
    return NoticeView(
        id=row.id,
        kind=row.kind,
        title=title,
        text=text,
        link=link(row.subject_kind, about, base_url),
        state=row.state,
        current=about.still_true,
        due_on=row.due_on,
        created_at=row.created_at,
        trail=tuple(
            AttemptView(each.channel, each.state, each.final_at or each.first_attempt_at) for each in sent
        ),
        lines=tuple(line_of(each.channel, line) for each in sent for line in each.trail),
    )
