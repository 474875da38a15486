"""What a person was told, in the words he reads after opening it, and by which ways it was sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from actions import subjects
from actions.access import Actor
from actions.subjects import About, Asked, Sealed
from actions.wording import Facts, Told, link, opened
from bot import database
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


async def my_notices(
    actor: Actor, pack: Pack, base_url: str, on: date, *, after: int | None = None, limit: int = 20
) -> list[NoticeView]:
    """The actor's notices, the newest first, `limit` of them after the one with id `after`. Clause: S18.7."""
    page = Notice.filter(person_id=actor.person_id, county=actor.county)
    if after is not None:
        page = page.filter(id__lt=after)
    rows = await page.order_by("-id").limit(limit)
    about = await _about(rows, on)
    person = await Person.get(id=actor.person_id)
    sealed = Sealed(person.key, person.name_sealed, person.id_number_sealed)
    trails = await _trails(rows)
    return [_view(row, about[row.id], sealed, pack, base_url, trails.get(row.id, ())) for row in rows]


async def _about(rows: Sequence[Notice], on: date) -> dict[int, About]:
    asked = [
        Asked(row.id, row.person_id, row.kind, row.subject_kind, row.subject_id, row.due_on, row.created_at)
        for row in rows
    ]
    async with database.transaction() as connection:
        return await subjects.about(connection, asked, on)


async def _trails(rows: Sequence[Notice]) -> dict[int, tuple[AttemptView, ...]]:
    found: dict[int, tuple[AttemptView, ...]] = {}
    for sent in await Delivery.filter(notice_id__in=[row.id for row in rows]).order_by("notice_id", "rung"):
        attempt = AttemptView(sent.channel, sent.state, sent.final_at or sent.first_attempt_at)
        found[sent.notice_id] = (*found.get(sent.notice_id, ()), attempt)
    return found


def _view(
    row: Notice, about: About, person: Sealed, pack: Pack, base_url: str, trail: tuple[AttemptView, ...]
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
        trail=trail,
    )
