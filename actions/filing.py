"""Handing in a finished form together with its photos: an application, or the answer to a return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from actions import files
from actions.access import Actor
from actions.applications import Submission, submit, supplement
from bot.database import transaction
from models.application import LoanApplication
from models.conversation import StoredFile
from policies import Pack


async def hand_in(
    actor: Actor, submission: Submission, photos: Sequence[str], pack: Pack, now: datetime
) -> LoanApplication:
    """File an application and make its photos part of it. Raises RuleRefused. Clause: S1.1, S9.2."""
    async with transaction():
        application = await submit(actor, submission, pack, now)
        await _attach(actor, photos, application.id)
        return application


async def hand_in_again(
    actor: Actor, key: str, submission: Submission, photos: Sequence[str], pack: Pack, now: datetime
) -> LoanApplication:
    """Answer a return; new photos become part of the application. Raises RuleRefused. Clause: S1.5."""
    async with transaction():
        application = await supplement(actor, key, submission, pack, now)
        await _attach(actor, photos, application.id)
        return application


async def _attach(actor: Actor, photos: Sequence[str], application_id: int) -> None:
    there = {row.key for row in await StoredFile.filter(application_id=application_id)}
    await files.attach(actor, [key for key in photos if key not in there], application_id)
