"""The inbox of whoever is logged in: what is to be done, decisions, delegation."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from actions import contacts, loans, tasks, votes
from handlers.api.loans import LoanOut, loan_of
from handlers.api.paging import Listed, next_of
from handlers.endpoint import Call, In, Out, Page
from handlers.limits import CONTACTS
from rules.routes import Decision
from rules.schedule import Method


class ShownVisitOut(Out):
    """What the cadre found; doubts are shown, never hidden."""

    result: str
    distance_m: int | None
    device_at: datetime
    received_at: datetime
    findings: dict[str, Any]
    doubts: list[dict[str, Any]]
    photos: list[str]


class ShownDecisionOut(Out):
    """A decision of another stage or round."""

    stage: str
    round: int
    decision: str
    reason: str
    at: datetime


class ShownApplicationOut(Out):
    """An application for a reviewer: name, phone and ID number are masked."""

    key: str
    number: str
    state: str
    round: int
    applicant: str
    phone: str
    id_number: str
    village: str
    village_name: str
    applicant_kind: str
    industry: str
    amount_fen: int
    term_months: int
    answers: dict[str, Any]
    filled_by_helper: bool
    confirmed_by: str
    submitted_at: datetime
    visit: ShownVisitOut | None
    decisions: list[ShownDecisionOut]


class ShownLoanOut(Out):
    """A loan for who has to do something about it: the borrower's name is masked."""

    key: str
    number: str
    borrower: str
    village_name: str
    balance_fen: int
    maturity_on: date
    overdue_since: date | None


class SeatOut(Out):
    """A member of a group and whether he has voted; what he said only once it is decided."""

    member: str
    voted: bool
    choice: str
    reason: str


class BallotOut(Out):
    """A vote of a group. `decision`: empty until it is decided."""

    stage: str
    title: str
    panel: str
    round: int
    seats: list[SeatOut]
    decision: str


class BallotsOut(Out):
    """The votes that were decided, the oldest first."""

    items: list[BallotOut]


class TaskOut(Out):
    """Something to do. `shown_hash` names what was shown: a decision sends it back."""

    key: str
    kind: str
    title: str
    stage: str
    state: str
    role: str
    due_at: datetime
    overdue: bool
    escalated: bool
    note: str
    village: str
    application: ShownApplicationOut | None
    loan: ShownLoanOut | None
    decisions: list[Literal["approve", "return", "reject"]]
    missing: list[str] = Field(description="What must be done before a decision: visit.")
    shown_hash: str
    ballot: BallotOut | None = Field(description="How the vote stands, where a group decides.")


class ContactOut(Out):
    """Somebody to call or visit, and what to tell him; what is not known is empty."""

    name: str
    phone: str
    place: str
    words: str


class DecisionIn(In):
    """A decision of one stage. A return or a refusal needs a reason, which the farmer reads."""

    decision: Literal["approve", "return", "reject"]
    reason: str = Field("", max_length=300)
    return_fields: list[str] = Field(default_factory=list, max_length=60)
    shown_hash: str = Field(min_length=64, max_length=64)


class VoteIn(In):
    """One member's vote, with his reason."""

    choice: Literal["approve", "return", "reject"]
    reason: str = Field(min_length=1, max_length=300)
    return_fields: list[str] = Field(default_factory=list, max_length=60)
    shown_hash: str = Field(min_length=64, max_length=64)


class VoteOut(Out):
    """How the vote and the application stand. `repeated`: he had voted before."""

    ballot: BallotOut
    state: str
    repeated: bool


class DecisionOut(Out):
    """What came of it. `repeated`: this decision had been taken before."""

    application_key: str
    number: str
    state: str
    open_stages: list[str]
    repeated: bool


class CloseIn(In):
    """How a call or a visit to somebody went."""

    outcome: str = Field(min_length=1, max_length=20)
    note: str = Field("", max_length=200)


class DisbursementIn(In):
    """A loan the bank has paid out. The yearly rate in basis points (435 = 4.35 %)."""

    number: str = Field(min_length=1, max_length=40)
    amount_fen: int = Field(gt=0, le=10**13)
    disbursed_on: date
    account: str = Field(min_length=8, max_length=40, description="Account number; kept sealed.")
    annual_rate_bp: int = Field(ge=0, le=10_000)
    term_months: int = Field(gt=0, le=600)
    method: Method
    settlement_cycle: Literal["monthly", "quarterly"] | None = None
    fixed_fen: int = Field(0, ge=0, le=10**13, description="What each line of method `fixed` comes to.")


async def inbox(call: Call, query: Page) -> Listed[TaskOut]:
    """The open tasks of one's posts, the most urgent first."""
    rows = await tasks.inbox(call.actor, call.now, after=query.after, limit=query.limit)
    items = [TaskOut.model_validate(row) for row in rows]
    return Listed[TaskOut](items=items, next=next_of(rows, query.limit, "key"))


async def show(call: Call, key: str) -> TaskOut:
    """One task with all that is needed to do it."""
    return TaskOut.model_validate(await tasks.view_task(call.actor, key, call.now))


async def contact(call: Call, key: str) -> ContactOut:
    """Whom to talk to for a visit, a call or a request for help, unmasked; the look is noted and counted."""
    await call.count(CONTACTS)
    return ContactOut.model_validate(await contacts.contact_of(call.actor, key, call.pack, call.now))


async def decide(call: Call, key: str, body: DecisionIn) -> DecisionOut:
    """Approve, return or reject. Of two who decide at once one wins, the other gets 409 with the standing."""
    result = await tasks.decide(
        call.actor, key, Decision(body.decision), call.pack, call.now,
        reason=body.reason, return_fields=body.return_fields, shown_hash=body.shown_hash,
    )  # fmt: skip
    return DecisionOut.model_validate(result)


async def vote(call: Call, key: str, body: VoteIn) -> VoteOut:
    """Vote as a member of a group, once; the last vote that is needed decides."""
    result = await votes.vote(
        call.actor, key, Decision(body.choice), call.pack, call.now,
        reason=body.reason, return_fields=body.return_fields, shown_hash=body.shown_hash,
    )  # fmt: skip
    return VoteOut.model_validate(result)


async def ballots(call: Call, key: str) -> BallotsOut:
    """How groups voted on an application, for staff; the farmer sees the result alone."""
    found = await votes.of_application(call.actor, key)
    return BallotsOut(items=[BallotOut.model_validate(each) for each in found])


async def close(call: Call, key: str, body: CloseIn) -> TaskOut:
    """Finish a task that is done by doing it: somebody was called, visited or helped."""
    await tasks.close(call.actor, key, body.outcome, call.pack, call.now, note=body.note)
    return await show(call, key)


async def disburse(call: Call, key: str, body: DisbursementIn) -> LoanOut:
    """Record a disbursement: the loan and its schedule are made, the farmer is told."""
    given = loans.Disbursement(**body.model_dump())
    made = await loans.disburse(call.actor, key, given, call.pack, call.now)
    return await loan_of(call, made.key)
