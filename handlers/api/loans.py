"""Loans: what one owes and when, and what the bank received."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from actions import easing, loans, repayments
from handlers.api.paging import Listed, page_of
from handlers.endpoint import Call, In, Out, Page, Query
from rules.easing import Review
from rules.schedule import Method


class InstalmentOut(Out):
    """A line of the schedule. Kind: settlement (interest), instalment, maturity (with principal)."""

    number: int
    kind: str
    due_on: date
    principal_fen: int
    interest_fen: int
    paid_fen: int
    owed_fen: int
    paid_on: date | None
    days_past_due: int
    calendar_known: bool = Field(description="False: it may move once that year's holidays are announced.")


class LoanOut(Out):
    """A loan and what is due next."""

    key: str
    number: str
    principal_fen: int
    balance_fen: int
    annual_rate_bp: int
    method: str
    disbursed_on: date
    maturity_on: date
    state: str
    next: InstalmentOut | None
    overdue_fen: int
    extended_count: int
    renewed_from: str | None = Field(description="Number of the loan that this one renews.")
    renewed_by: str | None = Field(description="Number of the loan that renews this one.")
    as_if_due_on: date | None = Field(
        description="From when it would be overdue had nothing been renewed or extended."
    )


class ScheduleOut(Out):
    """All lines of a loan's schedule in order."""

    items: list[InstalmentOut]


class RepaymentIn(In):
    """A payment the bank received, named by the bank's serial number."""

    serial: str = Field(min_length=1, max_length=64)
    amount_fen: int = Field(gt=0, le=10**13)
    received_on: date
    remake: Literal["smaller", "shorter"] | None = Field(
        None, description="After early repayment: smaller instalments, or fewer. Default: the pack's."
    )


class RepaymentOut(Out):
    """How a payment was allocated: penalty, interest, principal in the order of the pack."""

    serial: str
    received_on: date
    amount_fen: int
    principal_fen: int
    interest_fen: int
    penalty_fen: int
    reversed_at: datetime | None = None


class ReversalIn(In):
    """Why a payment is taken back."""

    serial: str = Field(min_length=1, max_length=64)
    reason: str = Field(min_length=2, max_length=200, description="The borrower reads it.")


class PayoffQuery(Query):
    """The day on which the loan is to be settled; today when left out."""

    on: date | None = None


class PayoffOut(Out):
    """What settles the loan on that day: interest runs to the day and no further."""

    on: date
    principal_fen: int
    interest_fen: int
    penalty_fen: int
    total_fen: int
    saved_fen: int = Field(description="Interest of later days that is not charged then.")


class ReviewIn(In):
    """What the bank found when it looked at the loan before its maturity."""

    reviewed_on: date
    still_qualified: bool
    own_wish: bool
    guarantee_in_place: bool
    subsidy_in_place: bool
    able_to_repay: bool
    cause: str = Field("", max_length=40, description="Extension: a cause beyond his control, by the pack.")


class ExtensionIn(ReviewIn):
    """展期: the new maturity."""

    maturity_on: date


class RenewalIn(ReviewIn):
    """续贷: the new loan that takes the unpaid principal over."""

    number: str = Field(min_length=1, max_length=40)
    annual_rate_bp: int = Field(ge=0, le=10_000)
    term_months: int = Field(gt=0, le=600)
    method: Method
    settlement_cycle: Literal["monthly", "quarterly"] | None = None
    fixed_fen: int = Field(0, ge=0, le=10**13)


class ChangeOut(Out):
    """A change of plan: early, extension, renewal, reversal; of this loan or of one it renews."""

    number: str
    kind: str
    on_day: date
    recorded_at: datetime
    facts: dict[str, Any]


class ChangesOut(Out):
    """The latest change first."""

    items: list[ChangeOut]


async def listed(call: Call, query: Page) -> Listed[LoanOut]:
    """One's own loans, the newest first."""
    return page_of(await loans.my_loans(call.actor, call.on), query, LoanOut)


async def show(call: Call, key: str) -> LoanOut:
    """One loan: one's own, or one of the bank, guarantor or region."""
    return await loan_of(call, key)


async def loan_of(call: Call, key: str) -> LoanOut:
    return LoanOut.model_validate(await loans.view_loan(call.actor, key, call.on))


async def schedule(call: Call, key: str) -> ScheduleOut:
    """Every line of the schedule: when, how much, what is paid."""
    loan = await loans.view_loan(call.actor, key, call.on)
    return ScheduleOut(items=[InstalmentOut.model_validate(line) for line in loan.instalments])


async def record_repayment(call: Call, key: str, body: RepaymentIn) -> RepaymentOut:
    """Record a payment the bank received; the same serial again returns the payment that is there."""
    made = await repayments.record_repayment(
        call.actor, key, body.serial, body.amount_fen, body.received_on, call.now,
        remake=body.remake, pack=call.pack,
    )  # fmt: skip
    return RepaymentOut.model_validate(made)


async def reverse(call: Call, key: str, body: ReversalIn) -> RepaymentOut:
    """Take back a payment recorded by mistake: the loan is as if it had never come."""
    made = await repayments.reverse(call.actor, key, body.serial, body.reason, call.pack, call.now)
    return RepaymentOut.model_validate(made)


async def payoff(call: Call, key: str, query: PayoffQuery) -> PayoffOut:
    """What would settle the loan on a day, today or later."""
    found = await repayments.payoff(call.actor, key, query.on or call.on, call.pack, call.on)
    return PayoffOut.model_validate(found)


async def extend(call: Call, key: str, body: ExtensionIn) -> LoanOut:
    """展期: give a loan more time; what is overdue stays overdue."""
    await easing.extend(call.actor, key, body.maturity_on, _review(body), call.pack, call.now)
    return await loan_of(call, key)


async def renew(call: Call, key: str, body: RenewalIn) -> LoanOut:
    """续贷: a new loan takes the principal over, without money; the chain keeps its history."""
    given = easing.Renewal(
        body.number,
        body.annual_rate_bp,
        body.term_months,
        body.method,
        body.settlement_cycle,
        body.fixed_fen,
    )
    made = await easing.renew(call.actor, key, given, _review(body), call.pack, call.now)
    return await loan_of(call, made.key)


def _review(body: ReviewIn) -> Review:
    return Review(**{name: getattr(body, name) for name in ReviewIn.model_fields})


async def changes(call: Call, key: str) -> ChangesOut:
    """What happened to the plan of a loan and of those it renews."""
    return ChangesOut(items=[ChangeOut.model_validate(row) for row in await easing.history(call.actor, key)])
