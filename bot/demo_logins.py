"""Ready logins for the demo's console: made at the first run, kept in var/ alone, shown with their codes.

They are set up by the same one-time links that officers get; only the authenticator is on a page, for nobody
has one at hand who tries the demo for the first time.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
from aiohttp import web

from actions import demo_data, passwords, staff_logins
from actions.demo_data import DemoCounty, DemoPerson
from bot.runtime import Runtime
from handlers.pages.base import shown
from rules.roles import THREE

PATH = "/sim/console"
OFFICERS = ("county_clerk", "loan_officer", "town_clerk", "bank_officer", "finance_officer", *THREE)
"""One of each of these roles; everybody else can come in by a phone that scans."""
_STEP = timedelta(seconds=30)


@dataclass(frozen=True)
class ReadyLogin:
    """What somebody needs to come in, and the secret of his authenticator."""

    name: str
    title: str
    staff_number: str
    password: str
    secret: str


async def ready(runtime: Runtime, chosen: DemoCounty, *, fresh: bool) -> list[ReadyLogin]:
    """The logins of a demo county's officers: those of the first run, or new ones with a new county."""
    path = Path(runtime.settings.var) / f"console-logins-{chosen.county}.json"
    if path.exists() and not fresh:
        return [ReadyLogin(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    first = {person.role: person for person in reversed(chosen.people)}
    made = [await _set_up(runtime, chosen, first[role]) for role in OFFICERS]
    path.touch(mode=0o600)
    path.write_text(json.dumps([asdict(each) for each in made], ensure_ascii=False), encoding="utf-8")
    return made


async def _set_up(runtime: Runtime, chosen: DemoCounty, officer: DemoPerson) -> ReadyLogin:
    """Go through somebody's one-time link with an older code, so that the one shown is not used up."""
    phone, now = demo_data.phone_of(chosen, officer), runtime.now()
    link = await staff_logins.invite_named(chosen.county, phone, now)
    secret = (await passwords.invitation(link.token, now)).totp_secret
    password = f"Tx-{secrets.token_hex(4)}-9"
    before = datetime.now(UTC) - 2 * _STEP
    await passwords.set_up(link.token, password, pyotp.TOTP(secret).at(before), now, before)
    return ReadyLogin(officer.name, officer.title, link.staff_number, password, secret)


def page(logins: Sequence[ReadyLogin]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The page that shows them; it comes anew with each code."""

    async def show(request: web.Request) -> web.StreamResponse:
        real = datetime.now(UTC)
        left = int(_STEP.total_seconds() - real.timestamp() % _STEP.total_seconds()) + 1
        rows = [(each, pyotp.TOTP(each.secret).at(real)) for each in logins]
        return shown(request, "console/demo.html", {"csrf": "", "rows": rows, "left": left})

    return show
