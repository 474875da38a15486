"""Stores pushes, replies and what turns changed, for many people at once: all of it or nothing.

The common case is one statement, which is a transaction of its own: a commit costs as much as thirty rows.
Every dialog and draft is written only if it still has the version the turn was computed from, and every push
only if nobody has stored it; where one of these fails, the whole statement does, on purpose.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import asyncpg

from actions.inbox_changes import (
    Answered,
    Arrived,
    Change,
    DialogChange,
    DraftChange,
    FollowChange,
    GrantChange,
    Raced,
    ReceiptChange,
    Who,
    WindowChange,
)
from bot.queue import Job, enqueue
from models.sealing import keyring

# An expired draft makes room for a new one; a tap never shortens the window that a message opened; a push
# that was kept for later ($40: only inside a transaction) gets its reply. The end of a draft moves by whole
# hours: it stands in an index, and a row whose indexed columns stay is written at a third of the cost. IS
# TRUE keeps the planner from walking through the index of all open drafts, as it does without statistics.
_SETTLE = """
WITH stored AS (
  INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, said_at, received_at,
                     body_sealed, reply_sealed, state, note)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::timestamptz[], $9::bytea[], $10::bytea[], $11::text[], $12::text[])
  ON CONFLICT (dedupe_key) DO UPDATE
    SET body_sealed = excluded.body_sealed, reply_sealed = excluded.reply_sealed,
        state = excluded.state, note = 'late'
    WHERE inbox.state = 'pending' AND $40
  RETURNING dedupe_key, xmax <> 0 AS late
), dialogs AS (
  INSERT INTO dialog AS d (county, account, openid, version, state_sealed, updated_at)
  SELECT county, account, openid, version + 1, state_sealed, $39
  FROM unnest($13::text[], $14::text[], $15::text[], $16::int[], $17::bytea[])
    AS t (county, account, openid, version, state_sealed)
  ON CONFLICT (account, openid) DO UPDATE
    SET version = excluded.version, state_sealed = excluded.state_sealed, updated_at = excluded.updated_at
    WHERE d.version = excluded.version - 1
  RETURNING 1
), saved AS (
  UPDATE draft f SET version = f.version + 1, state = t.state, state_sealed = t.state_sealed,
    channel = 'chat', updated_at = $39,
    expires_at = CASE WHEN t.expires_at > f.expires_at + interval '1 hour'
                      THEN t.expires_at ELSE f.expires_at END
  FROM unnest($18::text[], $19::int[], $20::text[], $21::bytea[], $22::timestamptz[])
    AS t (key, version, state, state_sealed, expires_at)
  WHERE f.key = t.key AND f.version = t.version AND (f.state = 'open') IS TRUE
  RETURNING 1
), opened AS (
  INSERT INTO draft AS f (county, key, person_id, form, subject, version, state, state_sealed, channel,
                          created_at, updated_at, expires_at)
  SELECT county, key, person_id, form, subject, 1, state, state_sealed, 'chat', $39, $39, expires_at
  FROM unnest($23::text[], $24::text[], $25::bigint[], $26::text[], $27::text[], $28::text[], $29::bytea[],
              $30::timestamptz[])
    AS t (county, key, person_id, form, subject, state, state_sealed, expires_at)
  ON CONFLICT (person_id, form, subject) WHERE state = 'open' DO UPDATE
    SET key = excluded.key, version = 1, state_sealed = excluded.state_sealed, channel = 'chat',
        created_at = excluded.created_at, updated_at = excluded.updated_at, expires_at = excluded.expires_at
    WHERE f.expires_at <= $39
  RETURNING 1
), windows AS (
  UPDATE wechat_user u SET window_until = t.until, window_left = t.remaining,
    last_said_at = greatest(u.last_said_at, t.said_at)
  FROM unnest($31::text[], $32::text[], $33::timestamptz[], $34::int[], $35::timestamptz[])
    AS t (account, openid, until, remaining, said_at)
  WHERE u.account = t.account AND u.openid = t.openid
    AND (u.window_until IS NULL OR u.window_until <= t.until OR u.window_left <= 0)
)
SELECT 1 / ((SELECT count(*) FROM stored) = cardinality($1)
            AND (SELECT count(*) FROM dialogs) = $36
            AND (SELECT count(*) FROM saved) = $37
            AND (SELECT count(*) FROM opened) = $38)::int AS all_or_nothing,
       (SELECT array_agg(dedupe_key) FROM stored WHERE late) AS late
"""


async def settle(
    connection: asyncpg.Connection,
    answered: Sequence[Answered],
    changes: Iterable[Change],
    now: datetime,
) -> None:
    """Store these pushes with their replies and all they change. Raises Raced; then nothing is written.

    Inside a transaction of the caller it takes part in it, and after Raced that has to be rolled back. A push
    that was kept for later, or whose platform takes no passive reply, gets its reply sent by the queue.
    """
    found: dict[type[Change], list[Any]] = {}
    for change in changes:
        found.setdefault(type(change), []).append(change)
    rare = {kind: write for kind, write in _RARE.items() if kind in found}
    by_message = [a.event.dedupe_key for a in answered if a.by_message]
    alone = not (rare or by_message or any(a.kept for a in answered) or connection.is_in_transaction())
    if alone:
        await _settle(connection, answered, found, now, may_be_kept=False)
        return
    async with connection.transaction():
        late = await _settle(connection, answered, found, now, may_be_kept=True)
        for kind, write in rare.items():
            await write(connection, found[kind], now)
        keys = dict.fromkeys((*late, *by_message))
        jobs = [Job("late_reply", {"dedupe_key": key}, dedupe_key=f"late_reply:{key}") for key in keys]
        await enqueue(connection, jobs)


async def _settle(
    connection: asyncpg.Connection,
    answered: Sequence[Answered],
    found: Mapping[type[Change], Sequence[Any]],
    now: datetime,
    *,
    may_be_kept: bool,
) -> Sequence[str]:
    """The one statement; the keys of pushes that had been kept for later. Raises Raced."""
    # Rows go in the order of their keys: two processes with the same pushes must not wait for each other.
    dialogs = sorted(found.get(DialogChange, ()), key=lambda c: c.who)
    drafts = sorted(found.get(DraftChange, ()), key=lambda c: c.key)
    saved = [c for c in drafts if c.version]
    opened = [c for c in drafts if not c.version]
    windows = sorted(found.get(WindowChange, ()), key=lambda c: c.who)
    try:
        row = await connection.fetchrow(
            _SETTLE,
            *_columns(12, map(_inbox_row, sorted(answered, key=lambda a: a.event.dedupe_key))),
            *_columns(5, map(_dialog_row, dialogs)),
            *_columns(5, ((c.key, c.version, c.state, _sealed(c), c.expires_at) for c in saved)),
            *_columns(8, map(_new_draft_row, opened)),
            *_columns(5, ((*c.who, c.until, c.left, c.said_at) for c in windows)),
            len(dialogs),
            len(saved),
            len(opened),
            now,
            may_be_kept,
        )
    except asyncpg.DivisionByZeroError:
        raise Raced("a push, dialog or draft was written elsewhere") from None
    return row["late"] or ()


def _columns(width: int, rows: Iterable[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    return list(zip(*rows, strict=True)) or [()] * width


def _inbox_row(answered: Answered) -> Sequence[Any]:
    e, seal = answered.event, keyring().seal
    body = seal(e.body, place("body", e)) if e.body is not None else None
    reply = seal(answered.reply, place("reply", e)) if answered.reply is not None else None
    note = "late" if answered.by_message else answered.note
    return (
        *(e.dedupe_key, e.county, e.account, e.openid, e.kind, e.event, e.said_at, e.received_at),
        *(body, reply, answered.state, note),
    )


def _dialog_row(c: DialogChange) -> Sequence[Any]:
    return (c.county, *c.who, c.version, keyring().seal(c.state, f"dialog:state:{c.who[0]}/{c.who[1]}"))


def _new_draft_row(c: DraftChange) -> Sequence[Any]:
    return (c.county, c.key, c.person_id, c.form, c.subject, c.state, _sealed(c), c.expires_at)


def _sealed(c: DraftChange) -> bytes | None:
    return keyring().seal(c.answers, f"draft:state:{c.key}") if c.state == "open" else None


def place(column: str, event: Arrived) -> str:
    """What a sealed column of the inbox is bound to."""
    return f"inbox:{column}:{event.account}/{event.openid}/{event.dedupe_key}"


async def _follows(connection: asyncpg.Connection, changes: Sequence[FollowChange], _now: datetime) -> None:
    # Whoever left cannot be written to any more: his window closes with it. What only WeChat told about him
    # goes (the platform's rules ask for it); which openid signed what stays with the contract records.
    newest: dict[Who, FollowChange] = {}
    for change in sorted(changes, key=lambda c: (c.who, c.at)):
        newest[change.who] = change
    await connection.execute(
        """UPDATE wechat_user u SET following = t.following, changed_at = t.at,
             window_left = CASE WHEN t.following THEN u.window_left ELSE 0 END,
             window_until = CASE WHEN t.following THEN u.window_until END,
             last_said_at = CASE WHEN t.following THEN u.last_said_at END,
             unionid = CASE WHEN t.following THEN u.unionid END
           FROM unnest($1::text[], $2::text[], $3::bool[], $4::timestamptz[])
             AS t (account, openid, following, at)
           WHERE u.account = t.account AND u.openid = t.openid
             AND (u.changed_at IS NULL OR u.changed_at <= t.at)""",
        [c.who[0] for c in newest.values()],
        [c.who[1] for c in newest.values()],
        [c.following for c in newest.values()],
        [c.at for c in newest.values()],
    )


async def _receipts(connection: asyncpg.Connection, changes: Sequence[ReceiptChange], now: datetime) -> None:
    changes = sorted(changes, key=lambda c: (c.who, c.msgid))
    await connection.execute(
        """INSERT INTO receipt (county, account, openid, msgid, status, received_at)
           SELECT county, account, openid, msgid, status, $6
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
             AS t (county, account, openid, msgid, status)
           ON CONFLICT (account, msgid, openid) DO NOTHING""",
        [c.county for c in changes],
        [c.who[0] for c in changes],
        [c.who[1] for c in changes],
        [c.msgid[:24] for c in changes],
        [c.status[:40] for c in changes],
        now,
    )


async def _grants(connection: asyncpg.Connection, changes: Sequence[GrantChange], _now: datetime) -> None:
    # One statement for each change: a popup has at most three lines, and they come rarely.
    for change in sorted(changes, key=lambda c: (c.who, c.template, c.at)):
        await connection.execute(
            """INSERT INTO subscribe_grant AS g (county, account, openid, template, granted, used, refused,
                                                 changed_at)
               VALUES ($1, $2, $3, $4, $5::int, 0, $6::text <> 'accept', $7)
               ON CONFLICT (account, openid, template) DO UPDATE SET
                 granted = CASE WHEN $6 <> 'off' THEN g.granted + $5
                                WHEN g.changed_at <= $7 THEN g.used ELSE g.granted END,
                 refused = CASE WHEN g.changed_at > $7 THEN g.refused
                                WHEN $6 = 'reject' THEN g.refused OR g.granted <= g.used
                                ELSE $6 = 'off' END,
                 changed_at = greatest(g.changed_at, $7)""",
            change.county,
            change.who[0],
            change.who[1],
            change.template,
            1 if change.said == "accept" else 0,
            change.said,
            change.at,
        )


Write = Callable[[asyncpg.Connection, Sequence[Any], datetime], Awaitable[None]]

_RARE: Mapping[type[Change], Write] = MappingProxyType(
    {FollowChange: _follows, ReceiptChange: _receipts, GrantChange: _grants}
)
