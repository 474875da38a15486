"""Loans: the bank records the disbursement; the borrower sees his plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog

from actions import audit, loan_book, routing
from actions.access import Actor, access_loan, access_task, family_of
from actions.misuse import refuse_payment
from actions.refusal import refuse
from actions.tasks import advance, take
from bot import database
from bot.errors import Conflict, RuleRefused
from models.application import LoanApplication
from models.loan import Instalment, Loan
from models.sealing import new_key, seal_text
from policies.pack import Pack
from rules import application as application_rules
from rules import repayment
from rules import schedule as rules
from rules.application import ApplicantKind
from rules.repayment import Book
from rules.routes import Decision
from rules.tasks import check_reviewer

log = structlog.get_logger()
NUMBER_MAX = 40
_BAD_TERMS = {
    "fixed_fen": "每期还的钱不够付利息，请核对。",
    "grace_lines": "只付利息的期数太多，没有剩下还本金的期数。",
}


@dataclass(frozen=True)
class Disbursement:
    """What the bank tells of a loan it has paid out. Money in fen, the yearly rate in basis points."""

    number: str
    amount_fen: int
    disbursed_on: date
    account: str
    annual_rate_bp: int
    term_months: int
    method: str
    settlement_cycle: rules.Cycle | None = None
    fixed_fen: int = 0


@dataclass(frozen=True)
class InstalmentView:
    """A line of the plan."""

    number: int
    kind: str
    due_on: date
    principal_fen: int
    interest_fen: int
    paid_fen: int
    paid_on: date | None
    days_past_due: int
    calendar_known: bool = True

    @property
    def owed_fen(self) -> int:
        return self.principal_fen + self.interest_fen - self.paid_fen


@dataclass(frozen=True)
class LoanView:
    """A loan as its borrower or its bank sees it."""

    key: str
    number: str
    principal_fen: int
    balance_fen: int
    annual_rate_bp: int
    method: str
    disbursed_on: date
    maturity_on: date
    state: str
    next: InstalmentView | None
    overdue_fen: int
    extended_count: int
    renewed_from: str | None
    renewed_by: str | None
    as_if_due_on: date | None
    instalments: tuple[InstalmentView, ...]


async def disburse(actor: Actor, task_key: str, given: Disbursement, pack: Pack, now: datetime) -> Loan:
    """Record a disbursement: loan, schedule, end of the route and the farmer's notice in one transaction.

    Sent again with the same number it returns the loan that is there. Raises RuleRefused.
    Clause: S4.7, S11.1, S3.5.
    """
    task = await access_task(actor, task_key)
    if task.kind != "disburse" or task.application_id is None:
        raise RuleRefused("S4.7", "这项任务不是放款登记。", code="not_a_disbursement")
    async with database.transaction() as connection:
        application = await LoanApplication.select_for_update().get(id=task.application_id)
        known = await Loan.get_or_none(application_id=application.id)
        if known is not None and _is_same(known, given):
            return known
        if known is not None or task.state != "open":
            raise Conflict("S4.7", "这笔贷款已经登记放款了。", code="already_disbursed")
        refuse([check_reviewer(actor.person_id, family_ids=await family_of(application))])
        await refuse_payment(application.applicant_id)
        _check(application, given, pack, now)
        loan = await _create(application, task.organisation_id, given, pack, now)
        await take(task, actor, "approve", now)
        await audit.record(actor.county, actor.person_id, "disburse", ("loan", loan.id), now)
        await advance(connection, actor, application, task.stage, Decision.APPROVE, pack, now)
        await routing.tell_farmer(
            connection,
            application,
            "application_disbursed",
            pack,
            now,
            amount=application_rules.yuan(loan.principal_fen),
            due_on=routing.said_on(loan.maturity_on),
        )
        return loan


def _is_same(loan: Loan, given: Disbursement) -> bool:
    return (loan.number, loan.principal_fen, loan.annual_rate_bp, loan.disbursed_on, loan.method) == (
        given.number.strip(), given.amount_fen, given.annual_rate_bp, given.disbursed_on, given.method,
    )  # fmt: skip


def _check(application: LoanApplication, given: Disbursement, pack: Pack, now: datetime) -> None:
    on = routing.on_day(now)
    number = given.number.strip()
    account = given.account.replace(" ", "")
    if not 1 <= len(number) <= NUMBER_MAX:
        raise RuleRefused("S4.7", "请填借据号。", code="number", field="number")
    if not account.isdigit() or not 8 <= len(account) <= 32:
        raise RuleRefused("S4.7", "收款账号应是8到32位数字，请核对。", code="account", field="account")
    if given.amount_fen > application.amount_fen:
        raise RuleRefused("S4.7", "放款金额不能超过申请金额。", code="amount_over", field="amount")
    if not routing.on_day(application.step_entered_at) <= given.disbursed_on <= on:
        words = "放款日期不能早于同意贷款的那天，也不能晚于今天。"
        raise RuleRefused("S4.7", words, code="date", field="disbursed_on")
    terms = application_rules.Terms.from_json(application.terms)
    asked = application_rules.Application(
        kind=application_rules.ApplicantKind(application.applicant_kind),
        id_number="",
        amount_fen=given.amount_fen,
        term_months=given.term_months,
        industry=application.industry,
    )
    refuse(
        [
            application_rules.check_amount(asked, terms),
            application_rules.check_term(given.term_months, terms),
            application_rules.check_rate(replace(asked, rate_bp=given.annual_rate_bp), terms),
        ]
    )


async def _create(
    application: LoanApplication, bank_id: int | None, given: Disbursement, pack: Pack, now: datetime
) -> Loan:
    on = routing.on_day(now)
    key = new_key()
    if bank_id is None:
        raise RuleRefused("S4.7", "这份申请还没有指定合作银行，请联系县中心。", code="no_bank")
    if await Loan.filter(bank_id=bank_id, number=given.number.strip()).exists():
        raise Conflict("S4.7", "这个借据号已经用过了，请核对。", code="number_used", field="number")
    terms = terms_of(given, ApplicantKind(application.applicant_kind), pack, on)
    book = book_of(terms)
    loan = await Loan.create(
        county=application.county,
        key=key,
        number=given.number.strip(),
        bank_id=bank_id,
        guarantor_id=application.guarantor_id,
        application_id=application.id,
        borrower_id=application.applicant_id,
        household_id=application.household_id,
        village=application.village,
        principal_fen=given.amount_fen,
        balance_fen=given.amount_fen,
        annual_rate_bp=given.annual_rate_bp,
        day_count=terms.day_count,
        method=terms.method,
        settlement_cycle="" if terms.method == "bullet" else terms.cycle,
        disbursed_on=given.disbursed_on,
        maturity_on=terms.maturity_on,
        terms=loan_book.terms_json(terms, pack.repayments(on)),
        account_sealed=seal_text(given.account.replace(" ", ""), "loan", "account", key),
        created_at=now,
    )
    await Instalment.bulk_create(loan_book.rows_of(loan, book))
    return loan


def terms_of(given: Disbursement, kind: ApplicantKind, pack: Pack, on: date) -> rules.Terms:
    """The terms of a disbursement under the product of the pack. Raises RuleRefused. Clause: S11.1."""
    product = pack.product(kind)
    if product is None or given.method not in product.methods:
        raise RuleRefused("S11.1", "这种贷款没有这个还款方式，请核对。", code="method", field="method")
    loan = pack.contents.loan
    method = given.method
    return rules.Terms(
        principal_fen=given.amount_fen,
        rate_bp=given.annual_rate_bp,
        start_on=given.disbursed_on,
        maturity_on=rules.add_months(given.disbursed_on, given.term_months),
        method=method,
        cycle=given.settlement_cycle or product.settlement_cycle,
        due_day=None if method in product.own_day else loan.settlement_day.on(on),
        day_count=product.day_counts.get(method, loan.day_count.on(on)),
        last_line=loan.last_line.on(on),
        multiple_fen=product.multiple_fen,
        fixed_fen=given.fixed_fen,
        grace_lines=0 if method in ("interest_only", "bullet") else product.grace_lines,
        rest_days=loan.rest_days.on(on),
    )


def book_of(terms: rules.Terms) -> Book:
    """The book of a new loan. Raises RuleRefused when no schedule can be made of it. Clause: S11.1."""
    try:
        book = repayment.book_of(terms)
    except rules.BadTerms as problem:
        words = _BAD_TERMS.get(problem.field, "这些条件排不出还款计划，请核对。")
        raise RuleRefused("S11.1", words, code="terms", field=problem.field) from problem
    unknown = sorted({line.nominal_on.year for line in book.lines if not line.calendar_known})
    if unknown:
        log.warning("calendar_unknown", years=unknown)
    return book


async def my_loans(actor: Actor, on: date) -> list[LoanView]:
    """The actor's own loans, the newest first. Clause: S1.5."""
    loans = await Loan.filter(borrower_id=actor.person_id).order_by("-id")
    return [await _view(loan, on) for loan in loans]


async def view_loan(actor: Actor, key: str, on: date) -> LoanView:
    """One loan with its schedule. Raises NotFound. Clause: S17.2."""
    return await _view(await access_loan(actor, key), on)


async def _view(loan: Loan, on: date) -> LoanView:
    rows = await Instalment.filter(loan_id=loan.id).order_by("number")
    lines = tuple(_line(row, on) for row in rows)
    unpaid = [line for line in lines if line.paid_on is None]
    return LoanView(
        key=loan.key,
        number=loan.number,
        principal_fen=loan.principal_fen,
        balance_fen=loan.balance_fen,
        annual_rate_bp=loan.annual_rate_bp,
        method=loan.method,
        disbursed_on=loan.disbursed_on,
        maturity_on=loan.maturity_on,
        state=loan.state,
        next=unpaid[0] if unpaid else None,
        overdue_fen=sum(line.owed_fen for line in unpaid if line.days_past_due > 0),
        extended_count=loan.extended_count,
        renewed_from=await _renewed_from(loan),
        renewed_by=await _renewed_by(loan),
        as_if_due_on=loan.as_if_due_on,
        instalments=lines,
    )


async def _renewed_from(loan: Loan) -> str | None:
    found = await Loan.get_or_none(id=loan.renewed_from_id) if loan.renewed_from_id else None
    return found.number if found else None


async def _renewed_by(loan: Loan) -> str | None:
    found = await Loan.get_or_none(renewed_from_id=loan.id) if loan.state == "renewed" else None
    return found.number if found else None


def _line(row: Instalment, on: date) -> InstalmentView:
    past = max(0, (on - row.due_on).days) if row.paid_on is None else 0
    return InstalmentView(
        number=row.number,
        kind=row.kind,
        due_on=row.due_on,
        principal_fen=row.principal_fen,
        interest_fen=row.interest_fen,
        paid_fen=row.paid_principal_fen + row.paid_interest_fen,
        paid_on=row.paid_on,
        days_past_due=past,
        calendar_known=row.calendar_known,
    )
