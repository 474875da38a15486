"""展期 and 续贷: more time for a loan, by the bank, on conditions, with a history that hides nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

from tortoise.exceptions import IntegrityError

from actions import audit, loan_book, routing, warnings
from actions.access import Actor, access_loan
from actions.loans import Disbursement, book_of, terms_of
from actions.refusal import refuse
from actions.repayments import change, require_bank
from bot import database
from bot.errors import Conflict, RuleRefused
from models.application import LoanApplication
from models.loan import Instalment, Loan, PlanChange, Repayment
from models.sealing import new_key, open_text, seal_text
from policies import Pack
from rules import application as application_rules
from rules import easing as rules
from rules import repayment as repayment_rules
from rules.application import ApplicantKind, yuan
from rules.refusal import Refusal
from rules.schedule import BadTerms, Cycle

CHAIN_MAX = 20


@dataclass(frozen=True, slots=True)
class Renewal:
    """The new loan that takes the old one's principal over."""

    number: str
    annual_rate_bp: int
    term_months: int
    method: str
    settlement_cycle: Cycle | None = None
    fixed_fen: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to the plan of a loan or of one before it in the chain."""

    number: str
    kind: str
    on_day: date
    recorded_at: datetime
    facts: dict[str, object]


async def extend(
    actor: Actor, loan_key: str, maturity_on: date, review: rules.Review, pack: Pack, now: datetime
) -> Loan:
    """展期: move the maturity of a loan; what is overdue stays overdue. The same again changes nothing.

    Raises NotFound, RuleRefused. Clause: S12.3.
    """
    loan = await access_loan(actor, loan_key)
    await require_bank(actor, loan)
    on = routing.on_day(now)
    async with database.transaction():
        locked = await _running(loan)
        if locked.extended_count and locked.maturity_on == maturity_on:
            return locked
        policy = pack.easing(on)
        before = await loan_book.read(locked)
        refuse(rules.refusals("extension", await _facts(locked), review, policy, on))
        refuse(await _too_long(locked, maturity_on, policy))
        try:
            after = repayment_rules.extended(before, maturity_on, on)
        except BadTerms as problem:
            words = "新的到期日要比原来的晚，而且还有本金没到期。"
            raise RuleRefused("S12.3", words, code="maturity", field="maturity_on") from problem
        as_if = rules.as_if_due_on(locked.as_if_due_on, _oldest(before, on), locked.maturity_on)
        facts = {**_said(review), "from": locked.maturity_on.isoformat(), "to": maturity_on.isoformat()}
        booking = loan_book.policy_of(locked, pack, on)
        await loan_book.write(locked, before, after, booking)
        locked.extended_count, locked.extended_on, locked.as_if_due_on = locked.extended_count + 1, on, as_if
        await locked.save(update_fields=["extended_count", "extended_on", "as_if_due_on"])
        await warnings.hold(locked)
        await change(locked, "extension", on, actor.person_id, now, facts)
        await audit.record(loan.county, actor.person_id, "extend", ("loan", loan.id), now)
        return locked


async def renew(
    actor: Actor, loan_key: str, given: Renewal, review: rules.Review, pack: Pack, now: datetime
) -> Loan:
    """续贷: a new loan takes the unpaid principal over, no principal is paid back; interest must be paid.

    The new loan names the old one and keeps the day from which the debt would be overdue without it. The same
    number again returns the renewal that is there. Raises NotFound, RuleRefused, Conflict. Clause: S12.3.
    """
    loan = await access_loan(actor, loan_key)
    await require_bank(actor, loan)
    on, number = routing.on_day(now), given.number.strip()
    async with database.transaction():
        locked = await Loan.select_for_update().get(id=loan.id)
        made = await Loan.get_or_none(renewed_from_id=loan.id)
        if made is not None:
            return _same_renewal(made, number)
        await _require_active(locked)
        policy = pack.easing(on)
        refuse(rules.refusals("renewal", await _facts(locked), review, policy, on))
        before = await loan_book.read(locked)
        principal = _principal_alone(before, loan_book.policy_of(locked, pack, on), on)
        kind = await _check_new(locked, given, number, principal, policy, pack, on)
        as_if = rules.as_if_due_on(locked.as_if_due_on, _oldest(before, on), locked.maturity_on)
        new = await _create(locked, given, number, principal, kind, as_if, pack, now)
        await _carry_over(locked, before, principal, new, actor, pack, now)
        await warnings.carry_over(locked, new, actor.person_id, pack, now)
        facts = {**_said(review), "renewed_by": new.number, "principal_fen": principal}
        await change(locked, "renewal", on, actor.person_id, now, facts)
        await audit.record(loan.county, actor.person_id, "renew", ("loan", loan.id), now, renewed_by=new.id)
        return new


def _same_renewal(made: Loan, number: str) -> Loan:
    if made.number != number:
        words = f"这笔贷款已经续贷，新的借据号是{made.number}。"
        raise Conflict("S12.3", words, code="renewed", field="number")
    return made


async def _running(loan: Loan) -> Loan:
    locked = await Loan.select_for_update().get(id=loan.id)
    await _require_active(locked)
    return locked


async def _require_active(loan: Loan) -> None:
    if loan.state != "active":
        words = "这笔贷款已经还清或者续贷过了。"
        raise RuleRefused("S12.3", words, code="not_active")


async def _facts(loan: Loan) -> rules.Loan:
    return rules.Loan(loan.disbursed_on, loan.maturity_on, loan.extended_count, len(await _ancestors(loan)))


async def _ancestors(loan: Loan) -> list[Loan]:
    """The loans that this one renews, the nearest first."""
    chain: list[Loan] = []
    at: Loan | None = loan
    while at is not None and at.renewed_from_id is not None and len(chain) < CHAIN_MAX:
        at = await Loan.get_or_none(id=at.renewed_from_id)
        if at is not None:
            chain.append(at)
    return chain


async def _too_long(loan: Loan, maturity_on: date, policy: rules.Policy) -> list[Refusal]:
    moved = await PlanChange.filter(loan_id=loan.id, kind="extension").order_by("id").first()
    first = date.fromisoformat(str(moved.facts["from"])) if moved else loan.maturity_on
    latest = rules.latest_maturity(loan.disbursed_on, first, policy)
    if maturity_on <= latest:
        return []
    words = f"展期加起来不能超过规定的期限，最晚到{routing.said_on(latest)}。"
    return [Refusal("S12.3", words, "too_long", "maturity_on")]


def _oldest(book: repayment_rules.Book, on: date) -> date | None:
    late = [line.due_on for line in book.lines if line.unpaid_fen and line.due_on < on]
    return min(late, default=None)


def _said(review: rules.Review) -> dict[str, object]:
    return {**asdict(review), "reviewed_on": review.reviewed_on.isoformat()}


def _principal_alone(book: repayment_rules.Book, policy: repayment_rules.Policy, on: date) -> int:
    quote = repayment_rules.payoff(book, on, policy)
    due = quote.interest_fen + quote.penalty_fen
    if due:
        words = f"续贷不用还本金，但要先付清到今天的利息{yuan(due)}。"
        raise RuleRefused("S12.3", words, code="interest_unpaid")
    return quote.principal_fen


async def _check_new(
    old: Loan, given: Renewal, number: str, principal_fen: int, policy: rules.Policy, pack: Pack, on: date
) -> ApplicantKind:
    if not 1 <= len(number) <= 40:
        raise RuleRefused("S12.3", "请填新的借据号。", code="number", field="number")
    if await Loan.filter(bank_id=old.bank_id, number=number).exists():
        raise Conflict("S12.3", "这个借据号已经用过了，请核对。", code="number_used", field="number")
    if not 0 < given.term_months <= policy.renewal_months_max:
        words = f"续贷最长{policy.renewal_months_max}个月。"
        raise RuleRefused("S12.3", words, code="term", field="term_months")
    application = await LoanApplication.get_or_none(id=old.application_id or 0)
    kind = ApplicantKind(application.applicant_kind) if application else ApplicantKind.FARMER
    asked = application_rules.Application(
        kind=kind,
        id_number="",
        amount_fen=principal_fen,
        term_months=given.term_months,
        industry=application.industry if application else "",
        rate_bp=given.annual_rate_bp,
    )
    refuse([application_rules.check_rate(asked, pack.terms(on))])
    return kind


async def _create(
    old: Loan,
    given: Renewal,
    number: str,
    principal_fen: int,
    kind: ApplicantKind,
    as_if_due_on: date,
    pack: Pack,
    now: datetime,
) -> Loan:
    on, key = routing.on_day(now), new_key()
    account = open_text(old.account_sealed, "loan", "account", old.key) if old.account_sealed else ""
    terms = terms_of(
        Disbursement(
            number, principal_fen, on, account, given.annual_rate_bp, given.term_months, given.method,
            given.settlement_cycle, given.fixed_fen,
        ),
        kind, pack, on,
    )  # fmt: skip
    book = book_of(terms)
    copied = ("county", "bank_id", "guarantor_id", "borrower_id", "household_id", "village")
    try:
        new = await Loan.create(
            **{name: getattr(old, name) for name in copied},
            key=key,
            number=number,
            principal_fen=principal_fen,
            balance_fen=principal_fen,
            annual_rate_bp=given.annual_rate_bp,
            day_count=terms.day_count,
            method=terms.method,
            settlement_cycle="" if terms.method == "bullet" else terms.cycle,
            disbursed_on=on,
            maturity_on=terms.maturity_on,
            account_sealed=seal_text(account, "loan", "account", key) if account else None,
            terms=loan_book.terms_json(terms, pack.repayments(on)),
            renewed_from_id=old.id,
            as_if_due_on=as_if_due_on,
            created_at=now,
        )
    except IntegrityError as error:  # the number was taken, or the loan renewed, at the same moment
        raise Conflict(
            "S12.3", "这个借据号已经用过了，请核对。", code="number_used", field="number"
        ) from error
    await Instalment.bulk_create(loan_book.rows_of(new, book))
    return new


async def _carry_over(
    old: Loan,
    before: repayment_rules.Book,
    principal_fen: int,
    new: Loan,
    actor: Actor,
    pack: Pack,
    now: datetime,
) -> None:
    """The old loan ends without money: its principal is booked as carried over, and named so."""
    on, policy = routing.on_day(now), loan_book.policy_of(old, pack, routing.on_day(now))
    done = repayment_rules.apply(before, principal_fen, on, policy)
    noted = await loan_book.write(old, before, done.book, policy)
    await Repayment.create(
        county=old.county,
        loan_id=old.id,
        bank_id=old.bank_id,
        serial=f"renewal-{new.id}",
        kind="renewal",
        received_on=on,
        amount_fen=principal_fen,
        principal_fen=done.principal_fen,
        interest_fen=done.interest_fen,
        undo=noted,
        recorded_by_id=actor.person_id,
        recorded_at=now,
    )
    if not await loan_book.settle(old, done.principal_fen, done.book, on, state="renewed"):
        raise Conflict("S12.3", "这笔贷款的余额刚刚有变化，请重试。", code="balance_changed")


async def history(actor: Actor, loan_key: str) -> list[Change]:
    """What happened to a loan's plan and to those before it in the chain, the latest first.

    Raises NotFound. Clause: S12.3.
    """
    loan = await access_loan(actor, loan_key)
    chain = [loan, *await _ancestors(loan)]
    numbers = {each.id: each.number for each in chain}
    rows = await PlanChange.filter(loan_id__in=list(numbers)).order_by("-id")
    return [Change(numbers[row.loan_id], row.kind, row.on_day, row.recorded_at, row.facts) for row in rows]
