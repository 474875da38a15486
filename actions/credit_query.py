"""Credit queries: the question is asked with an authorisation, never with a person. Clause: S6.6, S4.5."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol

from actions import audit
from actions.access import (
    Actor,
    HeldPost,
    access_application,
    posts_for_application,
    require_post,
)
from actions.refusal import refuse
from actions.routing import on_day
from bot.database import fetch, transaction
from bot.errors import RuleRefused, TianxinError
from models.application import LoanApplication
from models.conversation import Consent
from models.people import Person
from models.privacy import CreditQuery
from rules.credit_query import PURPOSES, Authorisation, Purpose, Standing, check_query
from rules.routes import FINAL_STATES, State

ASKED_BY = ("loan_officer", "bank_officer", "guarantor_officer", "county_clerk")
KEPT = timedelta(days=30)
"""So long what came back may be read; then it has to be asked anew."""
_LIVING = ("active",)


class BureauError(TianxinError):
    """The bureau gave no answer that can be relied on; the question may be asked again."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a bureau is told: who, and by which signed text; `reference` is the query's own key."""

    reference: str
    name: str
    id_number: str
    purpose: str
    text_version: str
    text_sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a bureau knows: open loans, what is owed and overdue on them, bad records of five years."""

    loans: int
    balance_fen: int
    overdue_fen: int
    bad_records: int


class CreditBureau(Protocol):
    """A credit register outside. Raises BureauError."""

    async def report(self, question: Question) -> Report: ...


@dataclass(frozen=True, slots=True)
class QueryView:
    """A query and what it found: our own loans of the person, and the bureau's, None where there is none.

    State: answered, or failed (the bureau gave no answer; our own figures are there).
    """

    key: str
    purpose: str
    state: str
    asked_at: datetime
    expires_at: datetime | None
    own: Report
    bureau: Report | None


async def authorisation_for(actor: Actor, application_key: str, now: datetime) -> Authorisation:
    """The applicant's authorisation for this application, the only way to one.

    Raises NotFound, RuleRefused (no_authorisation; noted). Clause: S6.6.
    """
    application = await access_application(actor, application_key)
    _ = require_post(posts_for_application(actor, application, *ASKED_BY))
    consent = (
        await Consent.filter(
            application_id=application.id, person_id=application.applicant_id, kind__in=list(PURPOSES)
        )
        .order_by("-id")
        .first()
    )
    if consent is None:
        await _note_refusal(actor, application.id, "no_authorisation", "", now)
        raise RuleRefused("S6.6", "本人没有签过查询授权书，不能查。", code="no_authorisation")
    return await _authorisation(consent, application)


async def ask(
    actor: Actor, authorisation: Authorisation, purpose: Purpose, bureau: CreditBureau | None, now: datetime
) -> QueryView:
    """Query what is known of whoever gave this authorisation, for one of its purposes.

    The query is written down before anything is asked outside. While an answer to the same question of the
    same body holds, it is given again. Without `bureau` only our own loans are looked at. Raises RuleRefused
    (authorisation_withdrawn, authorisation_over, other_purpose; each noted). Clause: S6.6, S4.5.
    """
    application = await LoanApplication.get(id=authorisation.application_id)
    await access_application(actor, application.key)
    post = require_post(posts_for_application(actor, application, *ASKED_BY))
    fresh = await _authorisation(await Consent.get(id=authorisation.consent_id), application)
    if refusal := check_query(fresh, purpose, on_day(now)):
        await _note_refusal(actor, application.id, refusal.code, purpose, now)
        refuse([refusal])
    query, told = await _begin(actor, post, fresh, purpose, now)
    if not told:
        await _outside(query, bureau, fresh, now)
    return await _view(query, now)


async def _begin(
    actor: Actor, post: HeldPost, authorisation: Authorisation, purpose: Purpose, now: datetime
) -> tuple[CreditQuery, bool]:
    """The query as a row, and whether its answer is there already."""
    async with transaction() as connection:
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('credit_query', $1))", authorisation.consent_id
        )
        held = (
            await CreditQuery.filter(
                consent_id=authorisation.consent_id,
                purpose=purpose,
                organisation_id=post.organisation_id,
                state="answered",
                expires_at__gt=now,
            )
            .order_by("-id")
            .first()
        )
        query = held or CreditQuery(
            county=actor.county,
            consent_id=authorisation.consent_id,
            person_id=authorisation.person_id,
            application_id=authorisation.application_id,
            actor_id=actor.person_id,
            organisation_id=post.organisation_id,
            purpose=purpose.value,
            state="asking",
            asked_at=now,
        )
        if held is None:
            await query.save()
        await audit.record(
            actor.county, actor.person_id, "credit_query", ("application", authorisation.application_id), now,
            purpose=purpose.value, authorisation=authorisation.consent_id, again=held is not None,
        )  # fmt: skip
        return query, held is not None


async def _outside(
    query: CreditQuery, bureau: CreditBureau | None, authorisation: Authorisation, now: datetime
) -> None:
    person = await Person.get(id=authorisation.person_id)
    question = Question(
        reference=query.key,
        name=person.name,
        id_number=person.id_number,
        purpose=query.purpose,
        text_version=authorisation.version,
        text_sha256=authorisation.text_sha256,
    )
    try:
        report = await bureau.report(question) if bureau else None
    except BureauError as error:
        query.state, query.note = "failed", str(error)[:40]
    else:
        if report is not None:
            query.seal_result(asdict(report))
        query.state, query.answered_at, query.expires_at = "answered", now, now + KEPT
    await query.save()


async def queries(actor: Actor, application_key: str, now: datetime, *, limit: int = 20) -> list[QueryView]:
    """What was queried for an application, the newest first: by one's own body, or of oneself.

    What came back can be read while it holds. Raises NotFound, RuleRefused. Clause: S6.6.
    """
    application = await access_application(actor, application_key)
    rows = CreditQuery.filter(application_id=application.id)
    if actor.person_id != application.applicant_id:
        post = require_post(posts_for_application(actor, application, *ASKED_BY))
        rows = rows.filter(organisation_id=post.organisation_id)
        await audit.viewed(actor.county, actor.person_id, ("application", application.id), now)
    return [await _view(row, now) for row in await rows.order_by("-id").limit(limit)]


async def _note_refusal(actor: Actor, application_id: int, code: str, purpose: str, now: datetime) -> None:
    await audit.record(
        actor.county, actor.person_id, "credit_query_refused", ("application", application_id), now,
        why=code, purpose=purpose,
    )  # fmt: skip


async def _authorisation(consent: Consent, application: LoanApplication) -> Authorisation:
    return Authorisation(
        consent_id=consent.id,
        person_id=consent.person_id,
        application_id=application.id,
        kind=consent.kind,
        version=consent.version,
        text_sha256=consent.text_sha256,
        agreed_on=on_day(consent.agreed_at),
        until=consent.valid_until,
        withdrawn_on=on_day(consent.withdrawn_at) if consent.withdrawn_at else None,
        standing=await standing_of(application),
    )


async def standing_of(application: LoanApplication) -> Standing:
    """Where the matter of an application stands: under review, a living loan, or over. Clause: S6.6."""
    state = State(application.state)
    if state is State.DISBURSED:
        rows = await fetch(
            "SELECT 1 FROM loan WHERE application_id = $1 AND state = ANY($2::text[])",
            application.id,
            list(_LIVING),
        )
        return Standing.LOAN if rows else Standing.OVER
    return Standing.OVER if state in FINAL_STATES else Standing.REVIEW


async def _own(query: CreditQuery) -> Report:
    """Other loans of the person in our own books: many loans, many lenders. Clause: S4.5."""
    (row,) = await fetch(
        """SELECT count(*) AS loans, coalesce(sum(balance_fen), 0)::bigint AS balance_fen,
             coalesce(sum(late.fen), 0)::bigint AS overdue_fen,
             (SELECT count(*) FROM credit_event c WHERE c.person_id = $1) AS bad_records
           FROM loan l LEFT JOIN LATERAL (
             SELECT sum(principal_fen - paid_principal_fen) AS fen FROM instalment i
             WHERE i.loan_id = l.id AND i.paid_on IS NULL AND i.due_on < $3) late ON true
           WHERE l.borrower_id = $1 AND l.state = 'active' AND l.application_id IS DISTINCT FROM $2""",
        query.person_id,
        query.application_id,
        on_day(query.asked_at),
    )
    return Report(row["loans"], row["balance_fen"], row["overdue_fen"], row["bad_records"])


async def _view(query: CreditQuery, now: datetime) -> QueryView:
    held = query.expires_at is not None and query.expires_at > now  # a hold keeps it, for nobody to read here
    result = query.result if held else None
    return QueryView(
        key=query.key,
        purpose=query.purpose,
        state=query.state,
        asked_at=query.asked_at,
        expires_at=query.expires_at,
        own=await _own(query),
        bureau=Report(**result) if result else None,
    )
