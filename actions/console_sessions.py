"""Who sits at a desk: sessions of the console, shorter than those of a phone, and nobody's without a post.

A session ends after `IDLE` without a request of the person's own, and after `LIFE` in any case. Posts are
read anew with every request, so an ended post ends what can be done at once. Clause: S17.1.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from hashlib import sha256

from actions import audit
from actions.access import Actor, posts_held
from actions.sessions import NotLoggedIn
from models.credential import ConsoleSession
from models.people import Person

IDLE = timedelta(minutes=30)
LIFE = timedelta(hours=10)
CHANNEL = "console"
_SEEN_AGAIN = timedelta(minutes=1)
"""A request within a minute of the last one is not written down."""
_TOKEN_BYTES = 32


async def open_session(person: Person, means: str, now: datetime, **details: str) -> str:
    """A new session of somebody who has proved who he is: the token, told only once. Clause: S17.1, S17.2."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await ConsoleSession(
        county=person.county,
        token_sha256=_hash(token),
        person_id=person.id,
        means=means,
        created_at=now,
        seen_at=now,
        expires_at=now + LIFE,
    ).save()
    await audit.record(
        person.county, person.id, "console_login", ("person", person.id), now, means=means, **details
    )
    return token


async def actor_for_token(token: str, now: datetime, on: date, *, seen: bool = True) -> Actor:
    """The officer behind a console token with the posts he holds on the day. Raises NotLoggedIn.

    `seen`: a request of his own, not one a page makes by itself to stay up to date. Clause: S17.1, S17.2.
    """
    session = await ConsoleSession.get_or_none(
        token_sha256=_hash(token), ended_at__isnull=True, expires_at__gt=now, seen_at__gt=now - IDLE
    )
    posts = await posts_held(session.person_id, on) if session is not None else ()
    if session is None or not posts:
        raise NotLoggedIn("no such session, or no post")
    if seen and session.seen_at + _SEEN_AGAIN <= now:
        await ConsoleSession.filter(id=session.id, seen_at__lt=now).update(seen_at=now)
    return Actor(session.person_id, session.county, "", "", CHANNEL, posts)


async def ends_at(token: str) -> datetime | None:
    """When a session is over in any case. Clause: S17.1."""
    session = await ConsoleSession.get_or_none(token_sha256=_hash(token))
    return session.expires_at if session else None


async def end(token: str, now: datetime) -> None:
    """Log out at this desk. A token that is not known, or over already, changes nothing."""
    await ConsoleSession.filter(token_sha256=_hash(token), ended_at__isnull=True).update(ended_at=now)


async def forget_before(instant: datetime) -> int:
    """Remove the rows of sessions that were over before `instant`; how many."""
    return await ConsoleSession.filter(expires_at__lt=instant).delete()


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogateescape")).digest()
