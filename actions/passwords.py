"""Getting in at a desk: password and authenticator, one-time links to set them, recovery codes.

Nobody is told which part was wrong, and a name that nobody has costs the same time as one that somebody has.
Hashing runs in threads of its own, a few at a time: it takes some 64 MiB each and never holds up a request.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from actions import audit, console_sessions, login_guard, sessions
from actions.access import Actor, posts_held
from actions.login_guard import NOWHERE, Tried
from actions.refusal import refuse
from actions.routing import on_day
from bot import database
from bot.errors import NotFound, RuleRefused
from models.credential import Credential, LoginInvitation
from models.people import Person
from models.sealing import blind_index
from rules.passwords import check_password

if TYPE_CHECKING:
    from argon2 import PasswordHasher

INVITATION_LIFE = timedelta(days=3)
RECOVERY_CODES = 10
_STEP_S = 30
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
T = TypeVar("T")


@dataclass(frozen=True)
class InvitationView:
    """What the page of a one-time link shows: whose it is and the secret for his authenticator."""

    name: str
    staff_number: str
    totp_secret: str
    totp_uri: str


@lru_cache(maxsize=1)
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # loaded by who logs people in, not by a worker

    return PasswordHasher()  # argon2id with the values of RFC 9106 for little memory


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_urlsafe(16))


def _right(stored: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    try:
        _hasher().verify(stored or _nobodys_hash(), password)
    except VerificationError:
        return False
    return bool(stored)


async def _in_thread(work: Callable[..., T], *values: str) -> T:
    return await asyncio.get_running_loop().run_in_executor(_POOL, work, *values)


async def log_in(
    name: str, password: str, code: str, address: str, now: datetime, code_at: datetime
) -> tuple[str, Person]:
    """The token of a new session for staff number or phone, password and code of the authenticator.

    `code_at`: the real time, by which authenticators count. Raises RuleRefused. Clause: S17.1, S17.2.
    """
    credential = await _named(name)
    county = credential.county if credential else NOWHERE
    tried = Tried("person", str(credential.person_id), county) if credential else Tried("name", name.strip())
    came_from = Tried("address", address)
    try:
        await login_guard.count((tried, came_from), now)
    except login_guard.TooManyTries:
        await _note(credential, "login_blocked", address, now)
        raise
    right = await _in_thread(_right, credential.password_hash if credential else "", password)
    right = right and credential is not None and await _second_factor(credential, code, code_at)
    if not right or credential is None or not await posts_held(credential.person_id, on_day(now)):
        await _note(credential, "login_refused", address, now)
        words = "账号、密码或动态码不对，请核对后再试。"
        raise RuleRefused("S17.2", words, code="login_refused")
    person = await Person.get(id=credential.person_id)
    async with database.transaction():
        await login_guard.was_right(tried, came_from)
        token = await console_sessions.open_session(person, "password", now, address=address)
    return token, person


async def _named(name: str) -> Credential | None:
    """By staff number, or by a phone that one officer alone has."""
    wanted = name.strip()
    found = await Credential.get_or_none(staff_number=wanted)
    if found is not None or len(wanted) != 11:
        return found
    people = await Credential.filter(person__phone_index=blind_index("phone", wanted)).limit(2)
    return people[0] if len(people) == 1 else None


async def _second_factor(credential: Credential, code: str, code_at: datetime) -> bool:
    """Whether the code is the authenticator's or an unused recovery code; each counts once. Clause: S17.2."""
    given = _typed(code).replace("-", "").upper()
    if not given.isdigit():
        used = await database.execute(
            "UPDATE credential SET recovery = recovery - $2::text WHERE id = $1 AND recovery ? $2::text",
            credential.id, _recovery_hash(given),
        )  # fmt: skip
        return used == 1
    step = _step_of(credential.totp_secret, given, code_at)
    if step is None:
        return False
    return await Credential.filter(id=credential.id, totp_step__lt=step).update(totp_step=step) == 1


def _typed(code: str) -> str:
    """A code as it was meant: a Chinese keyboard types its digits at full width."""
    return "".join(unicodedata.normalize("NFKC", code).split())


def _step_of(secret: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is: this one or a neighbour, since clocks of phones differ."""
    import pyotp

    now = int(at.timestamp()) // _STEP_S
    codes = pyotp.HOTP(secret) if secret else None
    for step in (now, now - 1, now + 1):
        if codes is not None and hmac.compare_digest(codes.at(step).encode(), code.encode()):
            return step
    return None


async def _note(credential: Credential | None, what: str, address: str, now: datetime) -> None:
    """A refused try stands in the trail of who it was aimed at; the address is no secret of the farmers'."""
    if credential is not None:
        subject = ("person", credential.person_id)
        await audit.record(credential.county, None, what, subject, now, address=address)


async def invite(person_id: int, county: str, now: datetime, *, by: int | None) -> str:
    """A one-time link for an officer to set password and authenticator; the token, told only once.

    What he has holds until he uses it; the links before are void. Raises NotFound. Clause: S17.1.
    """
    import pyotp

    person = await Person.get_or_none(id=person_id, county=county)
    if person is None or not await posts_held(person_id, on_day(now)):
        raise NotFound("没有找到这位工作人员，或者他现在没有岗位。")
    token = secrets.token_urlsafe(32)
    async with database.transaction():
        await staff_number(person, now)
        await LoginInvitation.filter(person_id=person_id, ended_at__isnull=True).update(ended_at=now)
        made = LoginInvitation(
            county=county,
            token_sha256=_hash(token),
            person_id=person_id,
            made_by_id=by,
            created_at=now,
            expires_at=now + INVITATION_LIFE,
        )
        made.totp_secret = pyotp.random_base32()
        await made.save()
        await audit.record(county, by, "invite_to_console", ("person", person_id), now)
    return token


async def staff_number(person: Person, now: datetime) -> str:
    """The person's staff number, given out at the first time: county and four digits. Clause: S17.1."""
    known = await Credential.get_or_none(person_id=person.id)
    if known is not None:
        return known.staff_number
    rows = await database.fetch(
        """INSERT INTO counter (name, county, value) VALUES ($1, $2, 1)
           ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value""",
        f"staff:{person.county}",
        person.county,
    )
    made = await Credential.create(
        county=person.county,
        person_id=person.id,
        staff_number=f"{person.county}{rows[0]['value']:04d}",
        created_at=now,
    )
    return made.staff_number


async def invitation(token: str, now: datetime) -> InvitationView:
    """What the page of a one-time link shows. Raises RuleRefused when it is used, old or made up. S17.1"""
    import pyotp

    found = await _open_invitation(token, now)
    credential = await Credential.get(person_id=found.person_id)
    secret = found.totp_secret
    return InvitationView(
        name=found.person.name,
        staff_number=credential.staff_number,
        totp_secret=secret,
        totp_uri=pyotp.TOTP(secret).provisioning_uri(name=credential.staff_number, issuer_name="田信"),
    )


async def _open_invitation(token: str, now: datetime) -> LoginInvitation:
    found = await LoginInvitation.get_or_none(
        token_sha256=_hash(token), ended_at__isnull=True, expires_at__gt=now
    ).prefetch_related("person")
    if found is None:
        words = "这个链接已经用过，或者过期了。请找系统管理员再发一个。"
        raise RuleRefused("S17.1", words, code="link_void")
    return found


async def set_up(token: str, password: str, code: str, now: datetime, code_at: datetime) -> tuple[str, ...]:
    """Set password and authenticator by a one-time link; the recovery codes, told only once.

    Whatever was logged in before ends. Raises RuleRefused. Clause: S17.1, S17.2.
    """
    invited = await _open_invitation(token, now)
    credential = await Credential.get(person_id=invited.person_id)
    await _check_new(password, credential, invited.person)
    step = _step_of(invited.totp_secret, _typed(code), code_at)
    if step is None:
        words = "动态码不对。请看手机上现在的六位数字；手机时间要准。"
        raise RuleRefused("S17.2", words, code="code", field="code")
    password_hash = await _in_thread(_hasher().hash, password)
    codes = tuple(_recovery_code() for _ in range(RECOVERY_CODES))
    async with database.transaction():
        if not await LoginInvitation.filter(id=invited.id, ended_at__isnull=True).update(ended_at=now):
            await _open_invitation(token, now)  # used at the same moment: says so
        credential = await Credential.select_for_update().get(id=credential.id)
        credential.password_hash, credential.totp_step, credential.set_up_at = password_hash, step, now
        credential.totp_secret = invited.totp_secret
        credential.recovery = [_recovery_hash(each.replace("-", "")) for each in codes]
        await credential.save()
        await login_guard.forget(login_guard.of_person(credential.person_id, credential.county))
        await sessions.end_all(credential.person_id, credential.county, now, by=credential.person_id)
        subject = ("person", credential.person_id)
        await audit.record(credential.county, credential.person_id, "set_up_login", subject, now)
    return codes


async def change_password(actor: Actor, old: str, new: str, address: str, now: datetime) -> None:
    """Another password for who is logged in and knows the present one; every session of his ends.

    Raises RuleRefused. Clause: S17.2.
    """
    credential = await Credential.get_or_none(person_id=actor.person_id).prefetch_related("person")
    if credential is None:
        raise NotFound("您还没有设密码，请找系统管理员发一个链接。")
    tried, came_from = login_guard.of_person(actor.person_id, actor.county), Tried("address", address)
    await login_guard.count((tried, came_from), now)
    if not await _in_thread(_right, credential.password_hash, old):
        await _note(credential, "password_refused", address, now)
        raise RuleRefused("S17.2", "现在的密码不对，请再看一看。", code="login_refused", field="old")
    await _check_new(new, credential, credential.person)
    if old == new:
        raise RuleRefused("S17.2", "新密码和现在的一样，请换一个。", code="weak_password", field="password")
    password_hash = await _in_thread(_hasher().hash, new)
    async with database.transaction():
        await login_guard.was_right(tried, came_from)
        await Credential.filter(id=credential.id).update(password_hash=password_hash)
        await audit.record(actor.county, actor.person_id, "change_password", ("person", actor.person_id), now)
        await sessions.end_all(actor.person_id, actor.county, now, by=actor.person_id)


async def _check_new(password: str, credential: Credential, person: Person) -> None:
    refuse([check_password(password, (credential.staff_number, person.phone))])


def _recovery_code() -> str:
    """Sixteen signs that cannot be mistaken for digits alone: ABCD-EFGH-JKLM-NPQR, 80 random bits."""
    while (code := base64.b32encode(secrets.token_bytes(10)).decode()).isdigit():
        pass
    return "-".join(code[at : at + 4] for at in range(0, 16, 4))


def _recovery_hash(code: str) -> str:
    return sha256(code.encode()).hexdigest()


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
