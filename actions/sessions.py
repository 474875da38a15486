"""Who is logged in: a random token on the phone, its hash here. 7 days for a borrower, 12 hours for staff.

Posts are read anew with every request, so an ended post ends what can be done at once; a borrower who was
given a post since he logged in has to log in again after the shorter time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from actions.access import Actor, posts_held
from bot.errors import RuleRefused, TianxinError
from models.credential import ConsoleSession
from models.people import ApiSession, WechatUser
from models.work import AuditEntry

BORROWER_LIFE = timedelta(days=7)
STAFF_LIFE = timedelta(hours=12)
FRESH = timedelta(minutes=10)
"""So long after logging in one may take one's own data along."""
_TOKEN_BYTES = 32


class NotLoggedIn(TianxinError):  # noqa: N818 - an answer, not a fault
    """There is no session for this token, or it is over (HTTP 401)."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A new session: until when it lasts and whether it is a staff member's."""

    expires_at: datetime
    staff: bool


async def create(actor: Actor, now: datetime) -> tuple[str, SessionView]:
    """A new session of the actor: the token (256 random bits, told only once) and its end. Clause: S17.2."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    expires_at = now + (STAFF_LIFE if actor.staff else BORROWER_LIFE)
    await ApiSession(
        county=actor.county,
        token_sha256=_hash(token),
        person_id=actor.person_id,
        account=actor.account,
        openid=actor.openid,
        created_at=now,
        expires_at=expires_at,
    ).save()
    return token, SessionView(expires_at, actor.staff)


async def actor_for_token(token: str, now: datetime, on: date, channel: str) -> Actor:
    """The actor behind a token with the posts he holds on the day. Raises NotLoggedIn. Clause: S17.2."""
    session = await ApiSession.get_or_none(
        token_sha256=_hash(token), ended_at__isnull=True, expires_at__gt=now
    )
    if session is None:
        raise NotLoggedIn("no such session")
    # whose WeChat it is may have become clear since: an application binds an openid to an ID number (S1.6)
    user = await WechatUser.get(account=session.account, openid=session.openid)
    posts = await posts_held(user.person_id, on)
    if posts and session.created_at + STAFF_LIFE <= now:
        raise NotLoggedIn("too old for a staff member")
    return Actor(user.person_id, session.county, session.account, session.openid, channel, posts)


async def keeps(token: str, actor: Actor, now: datetime) -> bool:
    """Whether the session of this token is the actor's own and has more than half of its life before it."""
    session = await ApiSession.get_or_none(
        token_sha256=_hash(token), account=actor.account, openid=actor.openid, ended_at__isnull=True
    )
    life = STAFF_LIFE if actor.staff else BORROWER_LIFE
    return session is not None and session.created_at <= now < session.created_at + life / 2


async def check_fresh(token: str, now: datetime) -> None:
    """Raises RuleRefused (login_again) unless this session began a moment ago. Clause: S17.2."""
    session = await ApiSession.get_or_none(token_sha256=_hash(token), ended_at__isnull=True)
    if session is None or now - session.created_at > FRESH:
        raise RuleRefused("S17.2", "为了您的资料安全，请重新登录一次再取。", code="login_again")


async def end(token: str, now: datetime) -> None:
    """Log out. A token that is not known, or over already, changes nothing."""
    await ApiSession.filter(token_sha256=_hash(token), ended_at__isnull=True).update(ended_at=now)


async def end_all(person_id: int, county: str, now: datetime, *, by: int | None = None) -> int:
    """End every session of a person, on phones and desks (he lost his phone, or his post); how many.

    Clause: S17.1.
    """
    mine = await WechatUser.filter(person_id=person_id, county=county).values_list("account", "openid")
    ended = 0
    for account, openid in mine:
        ended += await ApiSession.filter(
            account=account, openid=openid, ended_at__isnull=True, expires_at__gt=now
        ).update(ended_at=now)
    ended += await ConsoleSession.filter(
        person_id=person_id, ended_at__isnull=True, expires_at__gt=now
    ).update(ended_at=now)
    if ended:
        await AuditEntry(
            county=county, at=now, actor_id=by, action="end_sessions", subject_kind="person",
            subject_id=person_id, details={"sessions": ended},
        ).save()  # fmt: skip
    return ended


async def forget_before(instant: datetime) -> int:
    """Remove the rows of sessions that were over before `instant`; how many."""
    return await ApiSession.filter(expires_at__lt=instant).delete()


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()
