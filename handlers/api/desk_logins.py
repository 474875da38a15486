"""The phone's word about a desk's picture that it scanned."""

from __future__ import annotations

from pydantic import Field

from actions import scan_logins
from handlers.endpoint import Call, In


class ScanAnswer(In):
    """Whether it is oneself who sits at the desk, and the digits that stand there."""

    yes: bool
    shown: str = Field("", pattern=r"^([0-9]{2})?$")


async def answer(call: Call, key: str, body: ScanAnswer) -> None:
    """Let the desk in, or say that it was somebody else."""
    await scan_logins.answer(call.actor, key, body.shown, yes=body.yes, now=call.now)
