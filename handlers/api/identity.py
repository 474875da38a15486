"""认领: one's WeChat becomes one's own; and the county centre's corrections of whose WeChat is whose."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from actions import bindings, claims
from handlers.endpoint import Call, In, Out
from handlers.errors import HttpError

_NUMBER = r"^\s*\d{17}[\dXx]\s*$"


class ClaimIn(In):
    """Who one says one is: name and number as on the ID card."""

    name: str = Field(min_length=1, max_length=60)
    id_number: str = Field(pattern=_NUMBER, max_length=24)


class CodeIn(In):
    """The six digits of the short message. They are entered on our pages only, never in the chat (S18.8)."""

    code: str = Field(pattern=r"^\s*[0-9]{6}\s*$", max_length=12)


class ClaimOut(Out):
    """A claim. `phone` is masked and empty where none is on file; `check_number` is shown to the cadre."""

    key: str
    state: str = Field(description="open, bound, refused.")
    means: str = Field(description="sms, cadre; empty: not chosen yet.")
    phone: str
    check_number: str
    code_until: datetime | None


class BindingChangeIn(In):
    """Take a person's WeChats from him; `to_id_number`: and give them to another. A second one confirms."""

    id_number: str = Field(pattern=_NUMBER, max_length=24)
    to_id_number: str = Field("", pattern=rf"{_NUMBER}|^$", max_length=24)
    reason: str = Field(min_length=4, max_length=200)


class BindingChangeOut(Out):
    """A correction: waiting, done, refused. Names and numbers are masked."""

    key: str
    state: str
    person: str
    id_number: str
    to_person: str
    reason: str
    asked_at: datetime
    decided_at: datetime | None


class BindingChangesOut(Out):
    """The county's corrections, the newest first."""

    items: list[BindingChangeOut]


async def begin(call: Call, body: ClaimIn) -> ClaimOut:
    """Say that one is somebody whom others registered; then prove it by a code or before the cadre."""
    return ClaimOut.model_validate(
        await claims.begin(call.actor, body.name, body.id_number.strip(), call.pack, call.now)
    )


async def current(call: Call) -> ClaimOut:
    """The claim one has begun and not finished."""
    found = await claims.current(call.actor, call.pack)
    if found is None:
        raise HttpError(404)
    return ClaimOut.model_validate(found)


async def send_code(call: Call, key: str) -> ClaimOut:
    """Send a code to the phone on file; a few times an hour only."""
    return ClaimOut.model_validate(await claims.send_code(call.actor, key, call.pack, call.now))


async def enter_code(call: Call, key: str, body: CodeIn) -> ClaimOut:
    """Enter the code: from now on this WeChat is the person's."""
    return ClaimOut.model_validate(await claims.enter_code(call.actor, key, body.code, call.pack, call.now))


async def ask_cadre(call: Call, key: str) -> ClaimOut:
    """Ask the cadre to look at one's ID card, where the phone on file is not at hand."""
    return ClaimOut.model_validate(await claims.ask_cadre(call.actor, key, call.pack, call.now))


async def ask_change(call: Call, body: BindingChangeIn) -> BindingChangeOut:
    """Ask for a correction, as the county centre; it waits for a second person."""
    made = await bindings.ask(
        call.actor, body.id_number.strip(), body.to_id_number.strip(), body.reason, call.pack, call.now
    )
    return BindingChangeOut.model_validate(made)


async def changes(call: Call) -> BindingChangesOut:
    """The corrections of the county, for its centre."""
    found = await bindings.listed(call.actor)
    return BindingChangesOut(items=[BindingChangeOut.model_validate(each) for each in found])
