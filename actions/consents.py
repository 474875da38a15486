"""The ledger of what a person agreed to: which text, for what, when, how; and taking it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from actions import audit, credit_query, routing
from actions.access import Actor
from actions.applications import OPEN_STATES, locked, stop
from bot.database import transaction
from bot.errors import NotFound, RuleRefused
from models.application import LoanApplication
from models.conversation import Consent
from policies import Pack
from rules.consents import stops_application, withdrawal
from rules.credit_query import Standing
from rules.refusal import Refusal
from rules.routes import State


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One paper. `consequence` is what taking it back would mean; empty: it cannot be taken back alone."""

    id: int
    kind: str
    title: str
    version: str
    text_sha256: str
    purpose: str
    agreed_at: datetime
    means: str
    channel: str
    application: str | None
    withdrawn_at: datetime | None
    consequence: str
    why_not: str


async def ledger(actor: Actor, pack: Pack, *, after: int | None = None, limit: int = 20) -> list[LedgerLine]:
    """What the actor agreed to, the newest first, with what taking it back would mean. Clause: S1.4, S6.6."""
    page = Consent.filter(person_id=actor.person_id, county=actor.county)
    if after is not None:
        page = page.filter(id__lt=after)
    return [await _line(row, pack) for row in await page.order_by("-id").limit(limit)]


async def withdraw(actor: Actor, consent_id: int, pack: Pack, now: datetime) -> LedgerLine:
    """Take a consent back; what rested on it stops in the same breath. A second time changes nothing.

    Raises NotFound, RuleRefused (not_withdrawable). Clause: S6.6, S1.4.
    """
    async with transaction() as connection:
        row = (
            await Consent.filter(id=consent_id, person_id=actor.person_id, county=actor.county)
            .select_for_update()
            .first()
        )
        if row is None:
            raise NotFound("没有找到这份授权。")
        application, standing = await _matter(row)
        meant = withdrawal(row.kind, standing)
        if isinstance(meant, Refusal):
            raise RuleRefused(meant.rule, meant.message, code=meant.code)
        if row.withdrawn_at is None:
            row.withdrawn_at = now
            await row.save(update_fields=["withdrawn_at"])
            await audit.record(
                actor.county, actor.person_id, "withdraw_consent", ("consent", row.id), now,
                kind=row.kind, version=row.version, channel=actor.channel,
            )  # fmt: skip
            if application is not None and stops_application(row.kind, standing):
                current = await locked(application.id)
                if current.state in OPEN_STATES:
                    ended = replace(routing.progress_of(current), state=State.WITHDRAWN)
                    await stop(connection, actor, current, ended, pack, now)
        return await _line(row, pack)


async def _matter(row: Consent) -> tuple[LoanApplication | None, Standing]:
    application = await LoanApplication.get_or_none(id=row.application_id) if row.application_id else None
    if application is None:
        return None, Standing.OVER
    return application, await credit_query.standing_of(application)


async def _line(row: Consent, pack: Pack) -> LedgerLine:
    application, standing = await _matter(row)
    meant = withdrawal(row.kind, standing)
    consequence, why_not = ("", meant.message) if isinstance(meant, Refusal) else (meant, "")
    return LedgerLine(
        id=row.id,
        kind=row.kind,
        title=pack.document(row.kind).title,
        version=row.version,
        text_sha256=row.text_sha256,
        purpose=row.purpose,
        agreed_at=row.agreed_at,
        means=row.means,
        channel=row.channel,
        application=application.number if application else None,
        withdrawn_at=row.withdrawn_at,
        consequence="" if row.withdrawn_at else consequence,
        why_not=why_not,
    )
