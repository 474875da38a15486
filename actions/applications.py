"""The life of an application: submit, confirm, withdraw, supplement; what its farmer sees of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import asyncpg

from actions import audit, routing
from actions.access import Actor, access_application
from actions.identity import Identity, applicant_for
from actions.refusal import refuse
from bot import database
from bot.errors import Conflict, RuleRefused
from models.application import LoanApplication
from models.conversation import Consent, Draft
from models.people import Person
from models.sealing import blind_index, content_hash
from policies.pack import Pack
from rules import application as rules
from rules.credit_query import PURPOSES
from rules.refusal import Refusal
from rules.routes import Progress, State, after_supplement, denied, first_step
from rules.routes import withdraw as withdraw_rule

OPEN_STATES = ("awaiting_confirmation", "in_review", "returned", "approved")
VISIT_AGAIN = ("village", "industry", "project")
"""Answers after whose change the cadre must look again."""
ASK_AGAIN = ("amount", "term", "purpose")
"""Answers that are the farmer's own will: changed by a helper, they count after he has said so again."""


@dataclass(frozen=True)
class GivenConsent:
    """A text somebody agreed to: its kind, version and SHA-256."""

    kind: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Submission:
    """What a finished form says, in the terms of the rules. `answers` is the whole of it, to be sealed."""

    identity: Identity
    rules: rules.Application
    own: bool
    answers: Mapping[str, Any]
    form_version: int
    consents: Sequence[GivenConsent] = field(default_factory=tuple)
    route: str = "online"
    draft_key: str | None = None


async def submit(actor: Actor, submission: Submission, pack: Pack, now: datetime) -> LoanApplication:
    """File an application: rules, household, consents, tasks, notices and audit in one transaction.

    What a helper filled in waits for the farmer's own confirmation before it counts (S1.7). Submitting the
    same draft again returns the application it became. Raises RuleRefused.
    Clause: S1.1, S1.2, S1.4, S1.6, S1.7, S2.1.
    """
    _require_clerk(actor, submission)
    async with database.transaction() as connection:
        if submission.draft_key:
            already = await _claim_draft(actor, submission.draft_key)
            if already is not None:
                return already
        on = routing.on_day(now)
        terms = pack.terms(on)
        owed = await _owed_fen(actor.county, submission.identity)
        refuse(rules.check_application(_with_debt(submission.rules, owed), terms, on))
        applicant = await applicant_for(actor, submission.identity, now, own=submission.own)
        await _refuse_second(applicant)
        application = await _create(actor, submission, applicant, pack, now)
        if submission.own:
            await keep_consents(actor, application, submission.consents, now)
        if submission.draft_key:
            await Draft.filter(key=submission.draft_key).update(state="submitted", updated_at=now)
        await audit.record(
            actor.county,
            actor.person_id,
            "submit",
            ("application", application.id),
            now,
            route=application.route,
            **({"draft": submission.draft_key} if submission.draft_key else {}),
        )
        if application.state == State.AWAITING_CONFIRMATION:
            await routing.tell_farmer(
                connection, application, "confirm_filled_by_helper", pack, now, helper_too=False
            )
        else:
            await start(connection, application, pack, now)
        return application


def _require_clerk(actor: Actor, submission: Submission) -> None:
    """The paper route is for the clerk of the village. Raises RuleRefused. Clause: S2.1."""
    village = submission.identity.village
    if submission.route == "paper" and not any(p.role == "cadre" and p.covers(village) for p in actor.posts):
        words = "只有本村金融扶贫服务部的工作人员可以录入本村的纸质申请，请核对村名。"
        raise RuleRefused("S2.1", words, code="not_allowed", field="village")


async def _claim_draft(actor: Actor, key: str) -> LoanApplication | None:
    """Lock the draft; the application it has already become, if it was submitted before."""
    rows = await database.fetch("SELECT person_id, state FROM draft WHERE key = $1 FOR UPDATE", key)
    if not rows or rows[0]["state"] == "open":
        return None
    if rows[0]["state"] == "submitted" and (became := await _became(rows[0]["person_id"], key)):
        return await LoanApplication.get(id=became, county=actor.county)
    raise Conflict("S1.1", "这份草稿已经取消或过期了，请重新填写。", code="draft_closed")


async def _became(person_id: int, draft_key: str) -> int | None:
    """Id of the application that a draft of this person was submitted as."""
    rows = await database.fetch(
        """SELECT subject_id FROM audit_entry
           WHERE actor_id = $1 AND action = 'submit' AND details ->> 'draft' = $2""",
        person_id,
        draft_key,
    )
    return int(rows[0]["subject_id"]) if rows else None


def _with_debt(application: rules.Application, owed_fen: int) -> rules.Application:
    return replace(application, owed_fen=max(application.owed_fen, owed_fen))


async def _owed_fen(county: str, identity: Identity) -> int:
    rows = await database.fetch(
        """SELECT coalesce(sum(l.balance_fen), 0)::bigint AS owed
           FROM loan l JOIN person p ON p.id = l.borrower_id
           WHERE l.county = $1 AND l.state = 'active' AND p.id_number_index = $2""",
        county,
        blind_index("id_number", identity.id_number),
    )
    return int(rows[0]["owed"])


async def _refuse_second(applicant: Person) -> None:
    await database.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('open', $1))", applicant.household_id
    )
    other = await LoanApplication.filter(household_id=applicant.household_id, state__in=OPEN_STATES).first()
    refuse([rules.check_one_open(other.number if other else None)])


async def _create(
    actor: Actor, submission: Submission, applicant: Person, pack: Pack, now: datetime
) -> LoanApplication:
    on = routing.on_day(now)
    route = pack.route(submission.route, on)
    village = submission.identity.village
    lent = (submission.rules.kind.value, submission.rules.amount_fen)
    application = LoanApplication(
        county=actor.county,
        number=await _next_number(actor.county, pack, now),
        applicant=applicant,
        # who applies himself may only now be known to be somebody we knew already
        filled_by_id=applicant.id if submission.own else actor.person_id,
        household_id=applicant.household_id,
        village=village,
        applicant_kind=submission.rules.kind.value,
        industry=submission.rules.industry,
        amount_fen=submission.rules.amount_fen,
        term_months=submission.rules.term_months,
        form_version=submission.form_version,
        answers_hash=content_hash(submission.answers),
        route=route.name,
        resolved_route=route.as_json(),
        terms=pack.terms(on).as_json(),
        acquiring_bank_id=await routing.organisation_for(actor.county, "acquiring_bank", village, *lent),
        partner_bank_id=await routing.organisation_for(actor.county, "partner_bank", village, *lent),
        guarantor_id=await routing.organisation_for(actor.county, "guarantor", village, *lent),
        channel=actor.channel,
        confirmed_by="own" if submission.own else "",
        submitted_at=now,
        step_entered_at=now,
    )
    application.seal_answers(dict(submission.answers))
    application.progress = None
    routing.set_progress(application, first_step(route), now)
    if not submission.own:
        application.state, application.expected_at = State.AWAITING_CONFIRMATION.value, None
    application.version = 1
    await application.save(force_create=True)
    return application


async def _next_number(county: str, pack: Pack, now: datetime) -> str:
    """Application numbers without gaps: the counter row is locked until this transaction ends."""
    day = routing.on_day(now)
    rows = await database.fetch(
        """INSERT INTO counter (name, county, value) VALUES ($1, $2, 1)
           ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value""",
        f"application:{county}:{day.year}",
        county,
    )
    return f"{county}-{day.year}-{rows[0]['value']:05d}"


async def keep_consents(
    actor: Actor,
    application: LoanApplication,
    consents: Sequence[GivenConsent],
    now: datetime,
    means: str = "wechat",
) -> None:
    """Keep what the applicant agreed to, and by what means: nobody agrees for him. Clause: S1.4."""
    await Consent.bulk_create(
        [
            Consent(
                county=actor.county,
                person_id=application.applicant_id,
                application_id=application.id,
                kind=consent.kind,
                version=consent.version,
                text_sha256=consent.sha256,
                account=actor.account,
                openid=actor.openid,
                means=means,
                agreed_at=now,
                channel=actor.channel,
                purpose="、".join(PURPOSES.get(consent.kind, {}).values()),
            )
            for consent in consents
        ],
        ignore_conflicts=True,
    )


async def start(
    connection: asyncpg.Connection, application: LoanApplication, pack: Pack, now: datetime
) -> None:
    """Open the tasks of who reviews now, and of the cadre where he must look (again). Clause: S1.2, S1.3."""
    await routing.open_tasks(connection, application, pack, now)
    if application.round in (1, application.progress.get("visit_round", 1)):
        await routing.open_visit(connection, application, pack, now)
    await routing.tell_farmer(connection, application, "application_submitted", pack, now)


async def locked(application_id: int) -> LoanApplication:
    """The application, locked until the transaction ends."""
    return await LoanApplication.select_for_update().get(id=application_id)


async def access_own(actor: Actor, key: str, rule: str, words: str) -> LoanApplication:
    """One's own application or one that one filled in: reviewers see it, but it is not theirs to change."""
    application = await access_application(actor, key)
    if actor.person_id not in (application.applicant_id, application.filled_by_id):
        raise RuleRefused(rule, words, code="not_yours")
    return application


async def withdraw(actor: Actor, key: str, pack: Pack, now: datetime) -> LoanApplication:
    """Take an application back before it is approved. Raises RuleRefused. Clause: S1.5."""
    seen = await access_own(actor, key, "S1.5", "只有申请人自己可以撤回。")
    async with database.transaction() as connection:
        application = await locked(seen.id)
        if application.state == State.WITHDRAWN:
            return application
        standing = withdraw_rule(routing.progress_of(application))
        if isinstance(standing, Refusal):
            refuse([standing])
            raise AssertionError
        return await stop(connection, actor, application, standing, pack, now)


async def stop(
    connection: asyncpg.Connection,
    actor: Actor,
    application: LoanApplication,
    standing: Progress,
    pack: Pack,
    now: datetime,
) -> LoanApplication:
    """End a locked application as its farmer wants it: no task stays, everybody hears of it. Clause: S1.5."""
    routing.set_progress(application, standing, now)
    await application.save()
    await routing.close_tasks(application, now, outcome="withdrawn")
    await audit.record(actor.county, actor.person_id, "withdraw", ("application", application.id), now)
    await routing.tell_farmer(connection, application, "application_withdrawn", pack, now)
    return application


async def supplement(
    actor: Actor, key: str, submission: Submission, pack: Pack, now: datetime
) -> LoanApplication:
    """Answer a 退回补充: the new answers open a new round at the stage that returned it.

    The applicant stays who he is: another ID number is another application. What a helper changes of amount,
    term or purpose waits for the farmer once more. Raises RuleRefused. Clause: S1.2, S1.4, S1.5, S1.6, S1.7.
    """
    seen = await access_own(actor, key, "S1.5", "只有申请人自己可以补充。")
    async with database.transaction() as connection:
        application = await locked(seen.id)
        if application.state != State.RETURNED:
            raise Conflict("S1.5", "这份申请现在不用补充材料。", code="not_returned")
        await _keep_person(actor, application, submission.identity)
        terms = rules.Terms.from_json(application.terms)
        owed = await _owed_fen(actor.county, submission.identity)
        refuse(rules.check_application(_with_debt(submission.rules, owed), terms, routing.on_day(now)))
        before = application.answers
        _take_over(application, submission)
        if actor.person_id == application.applicant_id:
            await keep_consents(actor, application, submission.consents, now)
        routing.set_progress(
            application,
            after_supplement(routing.route_of(application), routing.progress_of(application)),
            now,
        )
        changed = any(before.get(name) != submission.answers.get(name) for name in VISIT_AGAIN)
        look_again = changed or denied("visit") in await routing.fulfilled(application)
        if look_again:
            application.progress["visit_round"] = application.round
        asks = actor.person_id != application.applicant_id and any(
            before.get(name) != submission.answers.get(name) for name in ASK_AGAIN
        )
        if asks:
            _await_confirmation(application, now)
        application.return_fields, application.closed_reason = [], ""
        await application.save()
        await routing.close_earlier_rounds(application, now)
        await audit.record(
            actor.county,
            actor.person_id,
            "supplement",
            ("application", application.id),
            now,
            round=application.round,
            asks_again=asks,
        )
        if asks:
            await routing.tell_farmer(
                connection, application, "confirm_changed_by_helper", pack, now, helper_too=False
            )
            return application
        if look_again:
            await routing.open_visit(connection, application, pack, now)
        await routing.open_tasks(connection, application, pack, now)
        return application


def _await_confirmation(application: LoanApplication, now: datetime) -> None:
    """Nobody reviews what the helper changed until the farmer has said that it is his will. Clause: S1.7."""
    application.state, application.expected_at = State.AWAITING_CONFIRMATION.value, None
    application.confirmed_by, application.confirm_tries = "", 0
    application.step_entered_at = now


async def _keep_person(actor: Actor, application: LoanApplication, identity: Identity) -> None:
    """The same person answers; he himself may correct his name and phone. Raises RuleRefused."""
    applicant = await Person.get(id=application.applicant_id)
    if applicant.id_number_index != blind_index("id_number", identity.id_number):
        raise RuleRefused(
            "S1.6",
            "补充材料时不能换身份证号。号码填错了，请撤回这份申请，再重新申请。",
            code="other_identity",
            field="id_number",
        )
    if actor.person_id == applicant.id:
        applicant.name, applicant.phone = identity.name, identity.phone
        applicant.village = identity.village
        await applicant.save()


def _take_over(application: LoanApplication, submission: Submission) -> None:
    application.seal_answers(dict(submission.answers))
    application.answers_hash = content_hash(submission.answers)
    application.village = submission.identity.village
    application.applicant_kind = submission.rules.kind.value
    application.industry = submission.rules.industry
    application.amount_fen = submission.rules.amount_fen
    application.term_months = submission.rules.term_months
    application.form_version = submission.form_version
