"""Claimed deliveries with all that the gates and the words need: a few statements for a whole chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

import asyncpg
import orjson

from actions.subjects import GONE, About, Asked, Sealed, about
from actions.wording import Told
from rules.notices import Channel


class WechatIdentity(NamedTuple):
    """One openid of the person, and what may be sent to it."""

    id: int
    account: str
    openid: str
    following: bool
    window_until: datetime | None
    window_left: int
    last_said_at: datetime | None


@dataclass(slots=True)
class Candidate:
    """One claimed delivery. `attempts` does not count the one that may now be made."""

    id: int
    notice_id: int
    rung: int
    priority: int
    attempts: int
    unsure_since: datetime | None
    person_id: int
    kind: str
    subject_kind: str
    subject_id: int
    due_on: date
    step: str
    created_at: datetime
    expires_at: datetime
    detailed: bool
    phone_sealed: bytes | None = field(repr=False)
    channel: Channel
    facts: Mapping[str, Any]
    village: str
    person: Sealed = field(repr=False)
    about: About = GONE
    identities: list[WechatIdentity] = field(default_factory=list)
    options: Sequence[tuple[WechatIdentity, str]] = ()
    """The openids that this rung could use, each with the id of the template there."""
    opted_out: Sequence[str] = ()

    @property
    def region(self) -> str:
        """Where the person is reached: his village, else where the notice's subject is."""
        return self.village or self.about.region

    @property
    def last_said_at(self) -> datetime | None:
        """When the person last said something to any of the county's accounts."""
        said = [identity.last_said_at for identity in self.identities if identity.last_said_at is not None]
        return max(said) if said else None

    def told(self) -> Told:
        """What the words need."""
        return Told(self.kind, self.step, self.due_on, self.created_at, self.facts, self.person, self.about)


_CHANNELS = {channel.value: channel for channel in Channel}
_LOAD = """
SELECT d.id, d.notice_id, d.rung, d.priority, d.attempts, d.unsure_since, n.person_id, n.kind, n.subject_kind,
       n.subject_id, n.due_on, n.step, n.created_at, n.expires_at, p.detailed_notices, p.phone_sealed,
       p.key, p.name_sealed, p.id_number_sealed,
       d.channel, n.facts, p.village,
       (SELECT array_agg(o.notice_class) FROM opt_out o WHERE o.person_id = p.id) AS opted_out,
       u.id AS user_id, u.account, u.openid, u.following, u.window_until, u.window_left, u.last_said_at
FROM delivery d JOIN notice n ON n.id = d.notice_id JOIN person p ON p.id = n.person_id
LEFT JOIN wechat_user u ON u.person_id = p.id AND u.account = ANY($3::text[])
WHERE d.id = ANY($1::bigint[]) AND d.state = 'leased' AND d.lease_owner = $2
ORDER BY d.priority, d.not_before, d.id, u.id"""
_PLAIN, _PERSON, _IDENTITY = slice(0, 16), slice(16, 19), slice(23, 30)
"""Where in a row stand what a candidate takes as it is (in its own order), whom it is for, and an openid:
with so many columns in so many rows, looking them up by name would cost more than all the rest."""


async def load(
    connection: asyncpg.Connection, ids: Sequence[int], owner: str, accounts: Sequence[str], on: date
) -> list[Candidate]:
    """The deliveries that are still leased to `owner`, the most urgent first."""
    found: list[Candidate] = []
    for row in await connection.fetch(_LOAD, list(ids), owner, list(accounts)):
        if not found or found[-1].id != row[0]:
            found.append(_candidate(row))
        if row[_IDENTITY.start] is not None:  # one row for each openid
            found[-1].identities.append(WechatIdentity._make(row[_IDENTITY]))
    subjects = await about(connection, (_asked(one) for one in found), on)
    for one in found:
        one.about = subjects[one.notice_id]
    return found


def _candidate(row: asyncpg.Record) -> Candidate:
    channel, facts, village, opted_out = row[_PERSON.stop : _IDENTITY.start]
    return Candidate(  # type: ignore[misc]  # mypy cannot count what the slice holds
        *row[_PLAIN],
        channel=_CHANNELS[channel],
        facts=orjson.loads(facts),
        village=village or "",
        person=Sealed._make(row[_PERSON]),
        opted_out=opted_out or (),
    )


def _asked(one: Candidate) -> Asked:
    return Asked(
        one.notice_id, one.person_id, one.kind, one.subject_kind, one.subject_id, one.due_on, one.created_at
    )
