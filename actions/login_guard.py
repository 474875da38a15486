"""Wrong tries to log in, counted by person, name and address before anything is checked.

A try counts as wrong until it has proved right: many at once, or a crash, give nobody more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot import database
from bot.errors import RuleRefused
from models.credential import LoginGuard
from models.sealing import blind_index
from rules.lockout import FORGOTTEN_AFTER, TRIES_OF_A_PERSON, TRIES_OF_AN_ADDRESS, wait_after, words_for

NOWHERE = "000000"
"""The county of what belongs to none: an address, a name nobody has."""
_COUNT = """
INSERT INTO login_guard AS g (county, subject, failures, last_at) VALUES ($1, $2, 1, $3)
ON CONFLICT (subject) DO UPDATE SET last_at = $3,
  failures = CASE WHEN g.last_at < $3 - $4::interval THEN 1 ELSE g.failures + 1 END
WHERE g.blocked_until IS NULL OR g.blocked_until <= $3
RETURNING failures"""


class TooManyTries(RuleRefused):
    """Whoever it is must wait (HTTP 422)."""


@dataclass(frozen=True)
class Tried:
    """What is counted: a person (`id`), a name that nobody has, an address."""

    kind: str
    value: str
    county: str = NOWHERE

    @property
    def subject(self) -> bytes:
        return blind_index("login_guard", f"{self.kind}:{self.value}")

    @property
    def free(self) -> int:
        return TRIES_OF_AN_ADDRESS if self.kind == "address" else TRIES_OF_A_PERSON


def of_person(person_id: int, county: str) -> Tried:
    return Tried("person", str(person_id), county)


async def count(tried: Sequence[Tried], now: datetime) -> None:
    """Count one more try of each. Raises TooManyTries, and then nothing was counted. Clause: S17.2."""
    async with database.transaction() as connection:
        for each in sorted(tried, key=lambda one: one.subject):
            failures = await connection.fetchval(_COUNT, each.county, each.subject, now, FORGOTTEN_AFTER)
            if failures is None:
                row = await LoginGuard.get(subject=each.subject)
                until = row.blocked_until or now
                raise TooManyTries("S17.2", words_for(until - now), code="too_many_tries")
            wait = wait_after(failures, each.free)
            await LoginGuard.filter(subject=each.subject).update(blocked_until=now + wait if wait else None)


async def was_right(person: Tried, address: Tried) -> None:
    """The try was right: the person begins anew, the address has one wrong try less. Clause: S17.2."""
    await forget(person)
    await database.execute(
        "UPDATE login_guard SET failures = greatest(failures - 1, 0), blocked_until = NULL"
        " WHERE subject = $1",
        address.subject,
    )


async def forget(tried: Tried) -> bool:
    """Forget the wrong tries of somebody; whether there were any."""
    return await LoginGuard.filter(subject=tried.subject).delete() > 0


async def forget_before(instant: datetime) -> int:
    """Remove what nobody counts on any more; how many."""
    return await LoginGuard.filter(last_at__lt=instant - FORGOTTEN_AFTER).delete()
