"""What WeChat pushed and what was answered: read and written for many people at once.

`look_up` says what is known before a turn, `settle` (inbox_writes) stores what came of it. Bodies, replies
and states are sealed and bound to account, openid and push.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import asyncpg
import orjson

from actions.access import Actor, HeldPost
from actions.inbox_changes import Answered, Arrived, Who
from actions.inbox_writes import place, settle
from bot.database import execute, fetch
from bot.queue import Job, enqueue
from models.sealing import keyring, new_key

LATE_TURN_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stored:
    """The push was here before: its state, and the reply it got."""

    state: str
    reply: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeptDraft:
    """An open draft of the person; `state` is the dialog's JSON, `version` 0: not yet in the database."""

    key: str
    form: str
    subject: str
    version: int
    state: bytes = field(repr=False)
    updated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is behind an openid and where his conversation stands; `dialog` is what `settle` was given."""

    actor: Actor
    dialog_version: int
    dialog: bytes | None = field(repr=False)
    dialog_at: datetime | None
    drafts: tuple[KeptDraft, ...]
    open_application: str
    """Number of the person's own application that is under way."""
    window_until: datetime | None
    window_left: int
    last_said_at: datetime | None


@dataclass(slots=True)
class Looked:
    """What `look_up` found: pushes that were here before, and the people."""

    stored: dict[str, Stored] = field(default_factory=dict)
    people: dict[Who, Standing] = field(default_factory=dict)


__all__ = [
    "Answered",
    "Arrived",
    "KeptDraft",
    "Looked",
    "Standing",
    "Stored",
    "keep_for_later",
    "look_up",
    "settle",
]

# OFFSET 0 keeps the planner from turning a few index look-ups into a walk through a whole table, which it
# does where it has no statistics yet.
_LOOK_UP = """
SELECT e.n, i.state AS stored, i.reply_sealed, u.person_id, u.window_until, u.window_left, u.last_said_at,
       d.version AS dialog_version, d.state_sealed AS dialog_sealed, d.updated_at AS dialog_at, h.posts,
       f.key AS draft_key, f.form, f.subject, f.version AS draft_version, f.state_sealed AS draft_sealed,
       f.updated_at AS draft_at, f.expires_at, a.number AS open_application
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS e (dedupe_key, account, openid, n)
LEFT JOIN inbox i ON i.dedupe_key = e.dedupe_key
LEFT JOIN LATERAL (
  SELECT * FROM wechat_user WHERE account = e.account AND openid = e.openid OFFSET 0
) u ON true
LEFT JOIN LATERAL (
  SELECT * FROM dialog WHERE account = e.account AND openid = e.openid OFFSET 0
) d ON true
LEFT JOIN LATERAL (
  SELECT * FROM draft WHERE person_id = u.person_id AND state = 'open' OFFSET 0
) f ON f.expires_at > $4
LEFT JOIN LATERAL (
  SELECT number FROM loan_application
  WHERE applicant_id = u.person_id AND state IN ('awaiting_confirmation', 'in_review', 'returned', 'approved')
  LIMIT 1
) a ON true
LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_array(x.id, x.role, x.organisation_id, x.region, x.holder)
                   ORDER BY x.holder IS NOT NULL, x.turn) AS posts
  FROM (
    SELECT p.id, p.role, p.organisation_id, p.region, NULL::bigint AS holder, p.id AS turn FROM post p
    WHERE p.person_id = u.person_id AND p.from_on <= $5 AND (p.to_on IS NULL OR p.to_on >= $5)
    UNION ALL
    SELECT p.id, p.role, p.organisation_id, p.region, p.person_id, g.id FROM delegation g
    JOIN post p ON p.id = g.post_id
    WHERE g.delegate_id = u.person_id AND g.from_on <= $5 AND g.to_on >= $5
      AND p.from_on <= $5 AND (p.to_on IS NULL OR p.to_on >= $5)
  ) x
) h ON true"""


async def look_up(
    connection: asyncpg.Connection,
    events: Sequence[Arrived],
    speaking: set[Who],
    *,
    now: datetime,
    on: date,
) -> Looked:
    """What is known about these pushes and about the people in `speaking` (account, openid).

    Somebody new becomes a person without a name. One statement, however
    many people there are.
    """
    looked = await _look(connection, events, speaking, now, on)
    strangers = {
        event.who: event for event in events if event.who in speaking and event.who not in looked.people
    }
    if strangers:
        await _meet(connection, list(strangers.values()), now)
        met = await _look(connection, list(strangers.values()), set(strangers), now, on)
        looked.people.update(met.people)
    return looked


async def _look(
    connection: asyncpg.Connection,
    events: Sequence[Arrived],
    speaking: set[Who],
    now: datetime,
    on: date,
) -> Looked:
    rows = await connection.fetch(
        _LOOK_UP,
        [event.dedupe_key for event in events],
        [event.account for event in events],
        [event.openid if event.who in speaking else None for event in events],
        now,
        on,
    )
    looked = Looked()
    drafts: dict[Who, list[KeptDraft]] = {}
    for row in rows:
        event = events[row["n"] - 1]
        if row["stored"] is not None:
            reply = row["reply_sealed"]
            opened = keyring().open(reply, place("reply", event)) if reply else None
            looked.stored[event.dedupe_key] = Stored(row["stored"], opened)
        if row["person_id"] is None:
            continue
        kept = drafts.setdefault(event.who, [])
        if row["draft_key"] is not None and all(d.key != row["draft_key"] for d in kept):
            kept.append(_draft(row))
        looked.people[event.who] = _standing(event, row, tuple(kept))
    return looked


def _standing(event: Arrived, row: asyncpg.Record, drafts: tuple[KeptDraft, ...]) -> Standing:
    sealed, posts = row["dialog_sealed"], row["posts"]
    return Standing(
        actor=Actor(
            person_id=row["person_id"],
            county=event.county,
            account=event.account,
            openid=event.openid,
            channel="chat",
            posts=tuple(HeldPost(*post) for post in orjson.loads(posts)) if posts else (),
        ),
        dialog_version=row["dialog_version"] or 0,
        dialog=keyring().open(sealed, f"dialog:state:{event.account}/{event.openid}") if sealed else None,
        dialog_at=row["dialog_at"],
        drafts=drafts,
        open_application=row["open_application"] or "",
        window_until=row["window_until"],
        window_left=row["window_left"],
        last_said_at=row["last_said_at"],
    )


def _draft(row: asyncpg.Record) -> KeptDraft:
    sealed = row["draft_sealed"]
    return KeptDraft(
        key=row["draft_key"],
        form=row["form"],
        subject=row["subject"],
        version=row["draft_version"],
        state=keyring().open(sealed, f"draft:state:{row['draft_key']}") if sealed else b"{}",
        updated_at=row["draft_at"],
        expires_at=row["expires_at"],
    )


def new_draft(form: str, subject: str, state: bytes, now: datetime, expires_at: datetime) -> KeptDraft:
    """A draft that is not yet in the database: the turn that begins it makes it, `settle` inserts it."""
    return KeptDraft(new_key(), form, subject, 0, state, now, expires_at)


async def _meet(connection: asyncpg.Connection, strangers: Sequence[Arrived], now: datetime) -> None:
    # Two processes may meet somebody at once: the unique key decides, the loser's empty person stays unused.
    keys = [new_key() for _ in strangers]
    rows = await connection.fetch(
        """INSERT INTO person (county, key, detailed_notices, created_at)
           SELECT county, key, false, $3 FROM unnest($1::text[], $2::text[]) AS t (county, key)
           RETURNING id, key""",
        [event.county for event in strangers],
        keys,
        now,
    )
    ids = {row["key"]: row["id"] for row in rows}
    await connection.execute(
        """INSERT INTO wechat_user (county, account, openid, person_id, following, window_left)
           SELECT county, account, openid, person_id, false, 0
           FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
             AS t (county, account, openid, person_id)
           ON CONFLICT (account, openid) DO NOTHING""",
        [event.county for event in strangers],
        [event.account for event in strangers],
        [event.openid for event in strangers],
        [ids[key] for key in keys],
    )


async def lock_person(connection: asyncpg.Connection, who: Who) -> None:
    """Let turns with consequences of one person happen one after the other, in all processes."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"dialog:{who[0]}/{who[1]}"
    )


async def keep_for_later(connection: asyncpg.Connection, event: Arrived) -> bool:
    """Store a push whose turn is not done in time, so that it can be acknowledged; False: stored before.

    The turn that is still running answers it; should it die, the queue does the turn again after a minute.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            """INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, said_at, received_at,
                                  body_sealed, state, note)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', '')
               ON CONFLICT (dedupe_key) DO NOTHING RETURNING 1""",
            event.dedupe_key,
            event.county,
            event.account,
            event.openid,
            event.kind,
            event.event,
            event.said_at,
            event.received_at,
            keyring().seal(event.body, place("body", event)) if event.body is not None else None,
        )
        if rows:
            job = Job("late_turn", {"dedupe_key": event.dedupe_key}, delay=LATE_TURN_AFTER)
            await enqueue(connection, [job])
    return bool(rows)


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored push: itself with its body opened, its state and its reply."""

    event: Arrived
    state: str
    note: str
    reply: bytes | None = field(repr=False)


async def kept(dedupe_key: str) -> Kept | None:
    """The stored push of that key."""
    rows = await fetch("SELECT * FROM inbox WHERE dedupe_key = $1", dedupe_key)
    if not rows:
        return None
    row = rows[0]
    sealed = Arrived(
        row["dedupe_key"],
        row["county"],
        row["account"],
        row["openid"],
        row["kind"],
        row["event"],
        row["said_at"],
        row["received_at"],
        None,
    )
    body, reply = row["body_sealed"], row["reply_sealed"]
    return Kept(
        replace(sealed, body=keyring().open(body, place("body", sealed)) if body else None),
        row["state"],
        row["note"],
        keyring().open(reply, place("reply", sealed)) if reply else None,
    )


async def claim_late_reply(dedupe_key: str) -> Kept | None:
    """The push whose late reply is to be sent now; None when somebody else sends it or has sent it."""
    claimed = await execute(
        """WITH claimed AS (
             UPDATE inbox SET note = 'late_sent'
             WHERE dedupe_key = $1 AND note = 'late' AND state <> 'pending'
             RETURNING account, openid
           ), counted AS (
             UPDATE wechat_user u SET window_left = greatest(u.window_left - 1, 0) FROM claimed c
             WHERE u.account = c.account AND u.openid = c.openid
           )
           SELECT 1 FROM claimed""",
        dedupe_key,
    )
    return await kept(dedupe_key) if claimed else None


async def note_late_reply(dedupe_key: str, note: str) -> None:
    """Write down what became of a late reply: late (to be sent again), late_closed (window over) …"""
    await execute(
        "UPDATE inbox SET note = $2 WHERE dedupe_key = $1 AND note = 'late_sent'", dedupe_key, note[:80]
    )


async def give_up(dedupe_key: str, why: str) -> None:
    """Mark a kept push that cannot be worked on as failed, with the reason."""
    await execute(
        "UPDATE inbox SET state = 'failed', note = $2 WHERE dedupe_key = $1 AND state = 'pending'",
        dedupe_key,
        why[:80],
    )
