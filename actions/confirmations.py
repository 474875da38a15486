"""代办: what somebody filled in for a farmer counts when the farmer has read the papers and said so himself.

In his own WeChat, by the code that went to his phone, or by a photo of his signature; the papers he agreed to
are kept under his own name with the means (S1.4, S1.7). What he never confirms ends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from actions import audit, files, routing
from actions.access import Actor
from actions.applications import GivenConsent, access_own, keep_consents, locked, start
from actions.subjects import confirmation_code
from bot import database
from bot.errors import RuleRefused
from models.application import LoanApplication
from models.conversation import StoredFile
from models.sealing import one_time_code
from policies.pack import Pack
from rules.application import PAPERS
from rules.routes import State

CONFIRM_TRIES = 5


async def confirm(
    actor: Actor,
    key: str,
    pack: Pack,
    now: datetime,
    *,
    consents: Sequence[GivenConsent] = (),
    code: str | None = None,
    signature_file: str | None = None,
) -> LoanApplication:
    """The farmer says that what a helper filled in is his will: from his own WeChat, by the code sent to his
    phone, or by a photo of his signature taken on site. The last two come through whoever filled it in;
    nobody else can confirm. `consents`: the papers he has read, all of them. Raises RuleRefused.
    Clause: S1.4, S1.7.
    """
    seen = await access_own(actor, key, "S1.7", "只有申请人本人和代填的人可以确认。")
    wrong_code = False
    async with database.transaction() as connection:
        application = await locked(seen.id)
        if application.state != State.AWAITING_CONFIRMATION:
            return application
        _check_papers(consents, pack)
        how = await _how_confirmed(actor, application, code, signature_file)
        if how is None:
            application.confirm_tries += 1
            await application.save(update_fields=["confirm_tries"])
            wrong_code = True
        else:
            application.confirmed_by = how
            if application.round == 1:
                application.submitted_at = now
            application.step_entered_at = now
            routing.set_progress(application, routing.progress_of(application), now)
            await application.save()
            await keep_consents(actor, application, consents, now, how)
            await audit.record(
                actor.county, actor.person_id, "confirm", ("application", application.id), now, how=how
            )
            await start(connection, application, pack, now)
    if wrong_code:
        raise RuleRefused("S1.7", "确认码不对，请看清短信再输一次。", code="wrong_code", field="code")
    return application


def _check_papers(consents: Sequence[GivenConsent], pack: Pack) -> None:
    """Every paper, in the county's present version. Raises RuleRefused. Clause: S1.4."""
    read = {(consent.kind, consent.version) for consent in consents}
    missing = [kind for kind in PAPERS if (kind, pack.document(kind).version) not in read]
    if missing:
        words = (
            f"请先把{'、'.join(f'《{pack.document(kind).title}》' for kind in missing)}看完，同意了再确认。"
        )
        raise RuleRefused("S1.4", words, code="papers_missing", field="consents")


async def _how_confirmed(
    actor: Actor, application: LoanApplication, code: str | None, signature_file: str | None
) -> str | None:
    if actor.person_id == application.applicant_id:
        return "wechat"
    if signature_file:
        await _keep_signature(actor, application, signature_file)
        return "signature"
    if application.confirm_tries >= CONFIRM_TRIES:
        raise RuleRefused(
            "S1.7",
            "确认码输错次数太多。请拍一张本人签字的照片发过来，或者请村干部帮忙。",
            code="too_many_tries",
        )
    return (
        "code"
        if code and code.strip() == one_time_code(confirmation_code(application.key, application.round))
        else None
    )


async def _keep_signature(actor: Actor, application: LoanApplication, key: str) -> None:
    """The photo is the actor's own, taken for this, and from now on part of this application only."""
    photo = await StoredFile.get_or_none(
        key=key, owner_id=actor.person_id, purpose="signature", state="stored"
    )
    if photo is None or photo.application_id not in (None, application.id):
        raise RuleRefused(
            "S1.7", "请拍一张本人签字的照片。", code="signature_missing", field="signature_file"
        )
    await files.attach(actor, [key], application.id)


async def expire_unconfirmed(county: str, pack: Pack, now: datetime) -> int:
    """End what a helper filled in and the farmer never confirmed; his household is free again. How many.

    It has as long as a draft. Clause: S1.1, S1.6, S1.7 (default).
    """
    kept = timedelta(days=pack.contents.application.expiry_days.on(routing.on_day(now)))
    due = await LoanApplication.filter(
        county=county, state="awaiting_confirmation", step_entered_at__lte=now - kept
    ).order_by("id")
    return sum([await _expire(application.id, pack, now) for application in due])


async def _expire(application_id: int, pack: Pack, now: datetime) -> bool:
    async with database.transaction() as connection:
        application = await locked(application_id)
        if application.state != State.AWAITING_CONFIRMATION:
            return False
        routing.set_progress(application, replace(routing.progress_of(application), state=State.EXPIRED), now)
        await application.save()
        await audit.record(application.county, None, "expire", ("application", application.id), now)
        await routing.tell_farmer(connection, application, "application_expired", pack, now)
        return True
