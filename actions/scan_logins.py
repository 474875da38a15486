"""Logging in at a desk by a picture that a phone scans: the phone says who it is, the desk's browser gets in.

The picture is bound to the browser that shows it; two digits stand on both, so that nobody confirms the
picture of another desk that somebody holds out to him. Clause: S17.1, S17.2.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from actions import audit, console_sessions
from actions.access import Actor, require_staff
from actions.login_guard import NOWHERE
from bot import database
from bot.errors import NotFound, RuleRefused
from models.credential import ScanLogin
from models.people import Person

LIFE = timedelta(minutes=3)
WAITING, CONFIRMED, REFUSED, USED = "waiting", "confirmed", "refused", "used"


@dataclass(frozen=True, slots=True)
class ScanView:
    """A picture: its key, the digits that stand beside it, and when it is over."""

    key: str
    shown: str
    created_at: datetime
    expires_at: datetime


async def begin(browser: str, now: datetime) -> ScanView:
    """A new picture for a browser; the ones it showed before are void. Clause: S17.1."""
    async with database.transaction():
        await ScanLogin.filter(browser_sha256=_hash(browser), state__in=(WAITING, CONFIRMED)).update(
            state=REFUSED
        )
        made = await ScanLogin.create(
            county=NOWHERE,
            browser_sha256=_hash(browser),
            shown=f"{secrets.randbelow(100):02d}",
            created_at=now,
            expires_at=now + LIFE,
        )
    return ScanView(made.key, made.shown, made.created_at, made.expires_at)


async def seen(actor: Actor, key: str, now: datetime) -> ScanView:
    """What the phone that scanned it shows. Raises RuleRefused when it is used, over or made up. S17.1."""
    require_staff(actor)
    found = await ScanLogin.get_or_none(key=key, state=WAITING, expires_at__gt=now)
    if found is None:
        raise _void()
    return ScanView(found.key, found.shown, found.created_at, found.expires_at)


async def answer(actor: Actor, key: str, shown: str, *, yes: bool, now: datetime) -> None:
    """The phone lets the desk in, or says that it was not he. Raises RuleRefused. Clause: S17.1, S17.2."""
    require_staff(actor)
    async with database.transaction():
        found = await ScanLogin.select_for_update().get_or_none(key=key, state=WAITING, expires_at__gt=now)
        if found is None:
            raise _void()
        if yes and not hmac.compare_digest(found.shown.encode(), shown.encode()):
            words = "数字和电脑上的不一样。请只扫自己电脑上的二维码。"
            raise RuleRefused("S17.2", words, code="other_desk", field="shown")
        found.state, found.person_id, found.county = (
            CONFIRMED if yes else REFUSED,
            actor.person_id,
            actor.county,
        )
        await found.save()
        what = "confirm_scan_login" if yes else "refuse_scan_login"
        await audit.record(actor.county, actor.person_id, what, ("person", actor.person_id), now)


def _void() -> RuleRefused:
    words = "这个二维码已经用过，或者过期了。请在电脑上换一个再扫。"
    return RuleRefused("S17.1", words, code="link_void")


async def poll(browser: str, key: str, address: str, now: datetime) -> tuple[str, str]:
    """(state, token) for the browser that shows the picture; the token once, when a phone has confirmed it.

    Raises NotFound for a picture of another browser. Clause: S17.1.
    """
    async with database.transaction():
        found = await ScanLogin.select_for_update().get_or_none(key=key, browser_sha256=_hash(browser))
        if found is None:
            raise NotFound
        if found.state != CONFIRMED or found.expires_at <= now:
            over = found.state == WAITING and found.expires_at <= now
            return (USED if over else found.state), ""
        person = await Person.get(id=found.person_id)
        found.state = USED
        await found.save()
        token = await console_sessions.open_session(person, "scan", now, address=address)
    return CONFIRMED, token


async def forget_before(instant: datetime) -> int:
    """Remove pictures that were over before `instant`; how many."""
    return await ScanLogin.filter(expires_at__lt=instant).delete()


def _hash(browser: str) -> bytes:
    return sha256(browser.encode()).digest()
