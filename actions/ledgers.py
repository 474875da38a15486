"""What runs out: an account's quota of the day, contacts a person may get, grants, windows.

`open_ledgers` reserves for a whole chunk at once and locks the rows until the transaction ends; what is not
spent is given back by `close`. Tables are always taken in the same order, rows in the order of their keys,
so that two workers cannot block each other for good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

import asyncpg

from actions.candidates import Candidate, WechatIdentity
from rules.notices import Channel

Contact = tuple[int, str]
"""Person and class of notice."""
Line = tuple[str, str]
"""Account and channel."""
GrantKey = tuple[str, str, str]
"""Account, openid and template id."""

Key = TypeVar("Key")

REFUSAL_HOLDS = timedelta(days=30)
"""WeChat tells nobody when a person turns template messages on again: after this time one is tried."""
USED_UP = 10**9


@dataclass(slots=True)
class Grant:
    """What is known of a person's will about one template."""

    left: int
    refused: bool
    changed_at: datetime


@dataclass(slots=True)
class Ledgers:
    """What is left while a chunk is decided. Counts before this chunk, and what it has spent."""

    day: date
    contacts_before: dict[Contact, int] = field(default_factory=dict)
    contacts_reserved: Counter[Contact] = field(default_factory=Counter)
    contacts_spent: Counter[Contact] = field(default_factory=Counter)
    quota_before: dict[Line, int] = field(default_factory=dict)
    quota_reserved: Counter[Line] = field(default_factory=Counter)
    quota_spent: Counter[Line] = field(default_factory=Counter)
    grants: dict[GrantKey, Grant] = field(default_factory=dict)
    grants_spent: Counter[GrantKey] = field(default_factory=Counter)
    windows_spent: Counter[int] = field(default_factory=Counter)

    def contacts(self, contact: Contact) -> int:
        return self.contacts_before.get(contact, 0) + self.contacts_spent.get(contact, 0)

    def quota_used(self, line: Line) -> int:
        return self.quota_before.get(line, 0) + self.quota_spent.get(line, 0)

    def grants_left(self, key: GrantKey) -> int:
        grant = self.grants.get(key)
        return 0 if grant is None or grant.refused else grant.left - self.grants_spent[key]

    def refused(self, key: GrantKey, now: datetime) -> bool:
        """Did the person turn this template off, as far as we know?"""
        grant = self.grants.get(key)
        return grant is not None and grant.refused and now < grant.changed_at + REFUSAL_HOLDS

    def window_left(self, identity: WechatIdentity, now: datetime) -> int:
        if identity.window_until is None or identity.window_until <= now:
            return 0
        return identity.window_left - self.windows_spent[identity.id]


async def open_ledgers(
    connection: asyncpg.Connection,
    county: str,
    day: date,
    contacts: Counter[Contact],
    lines: Counter[Line],
    templates: Iterable[GrantKey],
    *,
    spends_grants: bool,
) -> Ledgers:
    """Reserve contacts and quota, and read the grants (locked where they may be spent)."""
    ledgers = Ledgers(day, contacts_reserved=contacts, quota_reserved=lines)
    await _reserve_contacts(connection, county, ledgers)
    await _reserve_quota(connection, county, ledgers)
    await _read_grants(connection, ledgers, sorted(set(templates)), spends_grants)
    return ledgers


async def _reserve_contacts(connection: asyncpg.Connection, county: str, ledgers: Ledgers) -> None:
    wanted = sorted(ledgers.contacts_reserved.items())
    if not wanted:
        return
    rows = await connection.fetch(
        """INSERT INTO contact_count AS c (county, person_id, day, notice_class, contacts)
           SELECT $1, person_id, $2, notice_class, n
           FROM unnest($3::bigint[], $4::text[], $5::int[]) AS t(person_id, notice_class, n)
           ON CONFLICT (person_id, day, notice_class) DO UPDATE SET contacts = c.contacts + excluded.contacts
           RETURNING person_id, notice_class, contacts""",
        county,
        ledgers.day,
        [contact[0] for contact, _ in wanted],
        [contact[1] for contact, _ in wanted],
        [count for _, count in wanted],
    )
    for row in rows:
        contact = (row["person_id"], row["notice_class"])
        ledgers.contacts_before[contact] = row["contacts"] - ledgers.contacts_reserved[contact]


async def _reserve_quota(connection: asyncpg.Connection, county: str, ledgers: Ledgers) -> None:
    wanted = sorted(ledgers.quota_reserved.items())
    if not wanted:
        return
    rows = await connection.fetch(
        """INSERT INTO quota_use AS q (county, account, api, day, used, exhausted)
           SELECT $1, account, api, $2, n, false
           FROM unnest($3::text[], $4::text[], $5::int[]) AS t(account, api, n)
           ON CONFLICT (account, api, day) DO UPDATE SET used = q.used + excluded.used
           RETURNING account, api, used, exhausted""",
        county,
        ledgers.day,
        [line[0] for line, _ in wanted],
        [line[1] for line, _ in wanted],
        [count for _, count in wanted],
    )
    for row in rows:
        line = (row["account"], row["api"])
        before = row["used"] - ledgers.quota_reserved[line]
        ledgers.quota_before[line] = USED_UP if row["exhausted"] else before


_GRANTS = """SELECT account, openid, template, granted - used AS remaining, refused, changed_at
FROM subscribe_grant
WHERE (account, openid, template) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[])) ORDER BY id"""
_LOCK_GRANTS = _GRANTS + " FOR UPDATE"


async def _read_grants(
    connection: asyncpg.Connection, ledgers: Ledgers, keys: Sequence[GrantKey], lock: bool
) -> None:
    if not keys:
        return
    rows = await connection.fetch(
        _LOCK_GRANTS if lock else _GRANTS, *([key[i] for key in keys] for i in range(3))
    )
    for row in rows:
        key = (row["account"], row["openid"], row["template"])
        ledgers.grants[key] = Grant(row["remaining"], row["refused"], row["changed_at"])


async def lock_windows(connection: asyncpg.Connection, candidates: Sequence[Candidate]) -> None:
    """Read the service-message windows of these candidates again, locked, before they are spent."""
    ids = sorted(
        {i.id for one in candidates if one.channel is Channel.SERVICE_MESSAGE for i in one.identities}
    )
    if not ids:
        return
    rows = await connection.fetch(
        """SELECT id, account, openid, following, window_until, window_left, last_said_at
           FROM wechat_user WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE""",
        ids,
    )
    fresh = {row["id"]: WechatIdentity(*row) for row in rows}
    for one in candidates:
        one.identities = [fresh.get(i.id, i) for i in one.identities]


async def close(connection: asyncpg.Connection, ledgers: Ledgers) -> None:
    """Give back what was reserved and not spent; write down grants and windows that were."""
    contacts = _unspent(ledgers.contacts_reserved, ledgers.contacts_spent)
    await give_back_contacts(connection, ledgers.day, contacts)
    lines = _unspent(ledgers.quota_reserved, ledgers.quota_spent)
    await give_back_quota(connection, ledgers.day, lines)
    await _spend_grants(connection, ledgers.grants_spent)
    if ledgers.windows_spent:
        await connection.execute(
            """UPDATE wechat_user u SET window_left = window_left - t.n
               FROM unnest($1::bigint[], $2::int[]) AS t(id, n) WHERE u.id = t.id""",
            list(ledgers.windows_spent),
            list(ledgers.windows_spent.values()),
        )


def _unspent(reserved: Counter[Key], spent: Counter[Key]) -> Counter[Key]:
    """What is left of each; nearly always nothing, for which a counter's own subtraction is slow."""
    return Counter() if reserved == spent else reserved - spent


async def give_back_contacts(connection: asyncpg.Connection, day: date, contacts: Counter[Contact]) -> None:
    """These contacts did not happen after all."""
    if contacts:
        await connection.execute(
            """UPDATE contact_count c SET contacts = greatest(0, c.contacts - t.n)
               FROM unnest($2::bigint[], $3::text[], $4::int[]) AS t(person_id, notice_class, n)
               WHERE c.person_id = t.person_id AND c.day = $1 AND c.notice_class = t.notice_class""",
            day,
            [contact[0] for contact in contacts],
            [contact[1] for contact in contacts],
            list(contacts.values()),
        )


async def give_back_quota(connection: asyncpg.Connection, day: date, lines: Counter[Line]) -> None:
    """These calls were not made after all."""
    if lines:
        await connection.execute(
            """UPDATE quota_use q SET used = greatest(0, q.used - t.n)
               FROM unnest($2::text[], $3::text[], $4::int[]) AS t(account, api, n)
               WHERE q.account = t.account AND q.api = t.api AND q.day = $1""",
            day,
            [line[0] for line in lines],
            [line[1] for line in lines],
            list(lines.values()),
        )


async def _spend_grants(connection: asyncpg.Connection, spent: Counter[GrantKey]) -> None:
    if spent:
        await connection.execute(
            """UPDATE subscribe_grant g SET used = g.used + t.n
               FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) AS t(account, openid, template, n)
               WHERE g.account = t.account AND g.openid = t.openid AND g.template = t.template""",
            *([key[i] for key in spent] for i in range(3)),
            list(spent.values()),
        )


async def give_back_grants(connection: asyncpg.Connection, grants: Counter[GrantKey]) -> None:
    """These grants were not used after all."""
    await _spend_grants(connection, Counter({key: -count for key, count in grants.items()}))


async def give_back_windows(connection: asyncpg.Connection, users: Counter[tuple[str, str]]) -> None:
    """These service messages (by account and openid) were not sent after all."""
    if users:
        await connection.execute(
            """UPDATE wechat_user u SET window_left = window_left + t.n
               FROM unnest($1::text[], $2::text[], $3::int[]) AS t(account, openid, n)
               WHERE u.account = t.account AND u.openid = t.openid AND u.window_left > 0""",
            [who[0] for who in users],
            [who[1] for who in users],
            list(users.values()),
        )


async def use_up(connection: asyncpg.Connection, county: str, day: date, lines: Iterable[Line]) -> None:
    """WeChat said that the day's quota is spent: nobody calls again before tomorrow. Clause: S18.7."""
    for account, api in sorted(set(lines)):
        await connection.execute(
            """INSERT INTO quota_use AS q (county, account, api, day, used, exhausted)
               VALUES ($1, $2, $3, $4, 0, true)
               ON CONFLICT (account, api, day) DO UPDATE SET exhausted = true""",
            county,
            account,
            api,
            day,
        )


async def refuse_templates(
    connection: asyncpg.Connection, county: str, keys: Iterable[GrantKey], now: datetime
) -> None:
    """These people turned these templates off: nothing is left of what they had granted."""
    for account, openid, template in sorted(set(keys)):
        await connection.execute(
            """INSERT INTO subscribe_grant AS g (county, account, openid, template, granted, used, refused,
                                                 changed_at)
               VALUES ($1, $2, $3, $4, 0, 0, true, $5)
               ON CONFLICT (account, openid, template)
               DO UPDATE SET refused = true, granted = g.used, changed_at = greatest(g.changed_at, $5)""",
            county,
            account,
            openid,
            template,
            now,
        )


async def unfollow(
    connection: asyncpg.Connection, people: Iterable[tuple[str, str]], asked_at: datetime
) -> None:
    """These people do not follow; whoever followed again after `asked_at` still does."""
    for account, openid in sorted(set(people)):
        await connection.execute(
            """UPDATE wechat_user SET following = false, window_left = 0
               WHERE account = $1 AND openid = $2 AND following
                 AND (changed_at IS NULL OR changed_at <= $3)""",
            account,
            openid,
            asked_at,
        )


async def close_windows(connection: asyncpg.Connection, people: Iterable[tuple[str, str]]) -> None:
    """No more service messages to these people until they say something."""
    for account, openid in sorted(set(people)):
        await connection.execute(
            "UPDATE wechat_user SET window_left = 0 WHERE account = $1 AND openid = $2", account, openid
        )
