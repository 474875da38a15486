"""Half-filled forms, kept between the chat, the mini-program and the pages. Clause: S1.1.

A draft belongs to one person; `subject` tells two drafts of the same form apart (the task a visit report is
for, the application that was returned). `version` rises with every change: who saves over a version that he
has not seen is told so and loses nothing. The answers are sealed, and gone once the draft is closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from actions.access import Actor
from bot.config import SHANGHAI
from bot.database import execute, fetch, transaction
from bot.errors import Conflict, NotFound, RuleRefused
from models.conversation import Draft
from models.sealing import open_json, seal_json

if TYPE_CHECKING:
    from policies import Pack

FOR_ANOTHER = "other"
"""Subject of the application form that is filled in for somebody else: beside one's own, never over it."""
ON_PAPER = "paper"
"""Subject of the form that a village's clerk enters from a paper: it goes by the paper route. S2.1."""
FOR_OTHERS = frozenset({FOR_ANOTHER, ON_PAPER})
"""Subjects of forms that are neither one's own nor the answer to a return."""
_COLUMNS = "key, id, form, subject, state, version, state_sealed, updated_at, expires_at, channel"


@dataclass(frozen=True)
class DraftView:
    """A draft as its owner sees it. `state` is what the dialog keeps (bot.dialog.State as JSON)."""

    key: str
    id: int
    form: str
    form_version: int
    subject: str
    version: int
    state: dict[str, Any]
    updated_at: datetime
    expires_at: datetime
    channel: str


async def open_draft(
    actor: Actor, form: str, version: int, subject: str, now: datetime, pack: Pack, channel: str
) -> DraftView:
    """The actor's open draft of this form and subject; a new, empty one where there is none.

    `version` is the form's, for a new draft. Two first steps at once open one draft. Clause: S1.1.
    """
    async with transaction():
        await _expire_own(actor, form, subject, now)
        found = await current(actor, form, subject, now)
        if found is not None:
            return found
        kept_days = pack.contents.application.expiry_days.on(now.astimezone(SHANGHAI).date())
        draft = Draft(
            county=actor.county,
            person_id=actor.person_id,
            form=form,
            subject=subject,
            channel=channel,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(days=kept_days),
        )
        draft.state_sealed = _seal({"f": form, "v": version, "a": {}, "c": ""}, draft.key)
        try:
            async with transaction():
                await draft.save()
        except IntegrityError:
            pass  # somebody was first: the partial unique index decides
    opened = await current(actor, form, subject, now)
    if opened is None:
        raise Conflict("S1.1", "这张表刚刚被关闭了，请再试一次。", code="draft_closed")
    return opened


async def load(actor: Actor, key: str, now: datetime) -> DraftView:
    """The actor's own open draft. Raises NotFound; RuleRefused (draft_closed) when it is no longer open."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM draft WHERE key = $1 AND person_id = $2 AND county = $3",  # noqa: S608
        key,
        actor.person_id,
        actor.county,
    )
    if not rows:
        raise NotFound("没有找到这张表，可能已经提交或者取消了。", rule="S1.1")
    _require_open(rows[0]["state"], rows[0]["expires_at"], now)
    return _view(rows[0])


async def current(actor: Actor, form: str, subject: str, now: datetime) -> DraftView | None:
    """The actor's open draft of this form and subject, if there is one that has not expired."""
    rows = await fetch(
        f"SELECT {_COLUMNS} FROM draft WHERE person_id = $1 AND form = $2 AND subject = $3"  # noqa: S608
        " AND state = 'open' AND expires_at > $4",
        actor.person_id,
        form,
        subject,
        now,
    )
    return _view(rows[0]) if rows else None


async def save(
    actor: Actor, key: str, state: dict[str, Any], expected_version: int, now: datetime, channel: str
) -> DraftView:
    """Keep `state` if the draft still has the version that was seen; it then lives its full time again.

    Raises NotFound, RuleRefused (draft_closed), Conflict (draft_version) when somebody saved in between.
    Clause: S1.1.
    """
    rows = await fetch(
        "UPDATE draft SET state_sealed = $1, version = version + 1, channel = $2,"  # noqa: S608
        " expires_at = expires_at + ($3 - updated_at), updated_at = $3"
        " WHERE key = $4 AND person_id = $5 AND version = $6 AND state = 'open' AND expires_at > $3"
        f" RETURNING {_COLUMNS}",
        _seal(state, key),
        channel,
        now,
        key,
        actor.person_id,
        expected_version,
    )
    if rows:
        return _view(rows[0])
    await load(actor, key, now)
    raise Conflict("S1.1", "这张表刚在别处改过，请看一下最新的内容再改。", code="draft_version")


async def cancel(actor: Actor, key: str, now: datetime) -> None:
    """Give the draft up; its answers are deleted. Twice is once. Raises NotFound."""
    await _close(actor, key, "cancelled", now)


async def mark_submitted(actor: Actor, key: str, now: datetime) -> None:
    """The form was handed in; call it in the transaction that hands it in. Raises NotFound, RuleRefused.

    Handing in twice is refused (draft_closed): the second of two clicks at once comes here.
    """
    if not await _close(actor, key, "submitted", now):
        raise RuleRefused("S1.1", "这张表已经提交或者取消了，不用再交一次。", code="draft_closed")


async def expire_due(county: str, now: datetime) -> int:
    """Close the county's drafts whose time is over and delete their answers; how many. Clause: S1.1."""
    return await execute(
        "UPDATE draft SET state = 'expired', state_sealed = NULL, version = version + 1"
        " WHERE county = $1 AND state = 'open' AND expires_at <= $2",
        county,
        now,
    )


async def _expire_own(actor: Actor, form: str, subject: str, now: datetime) -> None:
    await execute(
        "UPDATE draft SET state = 'expired', state_sealed = NULL, version = version + 1"
        " WHERE person_id = $1 AND form = $2 AND subject = $3 AND state = 'open' AND expires_at <= $4",
        actor.person_id,
        form,
        subject,
        now,
    )


async def _close(actor: Actor, key: str, state: str, now: datetime) -> bool:
    """Whether this call closed it. Raises NotFound when there is no such draft of the actor."""
    closed = await execute(
        "UPDATE draft SET state = $1, state_sealed = NULL, version = version + 1, updated_at = $2"
        " WHERE key = $3 AND person_id = $4 AND state = 'open'",
        state,
        now,
        key,
        actor.person_id,
    )
    if not closed and not await Draft.filter(key=key, person_id=actor.person_id).exists():
        raise NotFound("没有找到这张表。", rule="S1.1")
    return closed == 1


def _require_open(state: str, expires_at: datetime, now: datetime) -> None:
    if state == "expired" or (state == "open" and expires_at <= now):
        raise RuleRefused("S1.1", "这张表放得太久，已经作废，请重新填写。", code="draft_closed")
    if state != "open":
        raise RuleRefused("S1.1", "这张表已经提交或者取消了。", code="draft_closed")


def _seal(state: dict[str, Any], key: str) -> bytes:
    return seal_json(state, "draft", "state", key)


def _view(row: Any) -> DraftView:
    state = open_json(row["state_sealed"], "draft", "state", row["key"]) or {}
    return DraftView(
        key=row["key"],
        id=row["id"],
        form=row["form"],
        form_version=int(state.get("v", 0)),
        subject=row["subject"],
        version=row["version"],
        state=state,
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        channel=row["channel"],
    )
