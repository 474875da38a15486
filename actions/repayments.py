"""Repayments: the bank records what came in, takes back what was wrong, and says what would settle a loan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg
from tortoise.exceptions import IntegrityError

from actions import audit, loan_book, notices, routing
from actions.access import Actor, HeldPost, access_loan, role_holders
from actions.notices import NewNotice
from actions.refusal import refuse
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.loan import Loan, PlanChange, Repayment
from models.people import Person
from models.slip import RepaymentSlip
from policies import Pack
from rules import repayment as rules
from rules.application import yuan
from rules.tasks import check_reviewer

AMOUNT_MAX_FEN = 10**13
QUOTE_DAYS_MAX = 366
SERIAL_MAX = 64


@dataclass(frozen=True, slots=True)
class Payoff:
    """What settles a loan on a day. `saved_fen` is the interest of later days that is not charged then."""

    on: date
    principal_fen: int
    interest_fen: int
    penalty_fen: int
    total_fen: int
    saved_fen: int


async def payoff(actor: Actor, loan_key: str, on: date, pack: Pack, today: date) -> Payoff:
    """What would settle the loan on that day, today or later. Raises NotFound, RuleRefused. Clause: S11.4."""
    loan = await access_loan(actor, loan_key)
    furthest = max(loan.maturity_on, today) + timedelta(days=QUOTE_DAYS_MAX)
    if on < today:
        raise RuleRefused("S11.4", "这个日子已经过了，请说今天或以后的日子。", code="date", field="on")
    if on > furthest:
        words = f"这个日子太远了，最远能算到{routing.said_on(furthest)}。"
        raise RuleRefused("S11.4", words, code="date", field="on")
    return await payoff_of(loan, on, pack)


async def payoff_of(loan: Loan, on: date, pack: Pack) -> Payoff:
    """As `payoff`, for a row that one may see. Clause: S11.4."""
    book = await loan_book.read(loan)
    quote = rules.payoff(book, on, loan_book.policy_of(loan, pack, on))
    planned = sum(line.unpaid("interest") for line in book.lines)
    return Payoff(
        on,
        quote.principal_fen,
        quote.interest_fen,
        quote.penalty_fen,
        quote.total_fen,
        max(0, planned - quote.interest_fen),
    )


async def record_repayment(
    actor: Actor,
    loan_key: str,
    serial: str,
    amount_fen: int,
    received_on: date,
    now: datetime,
    *,
    remake: rules.Remake | None = None,
    pack: Pack | None = None,
) -> Repayment:
    """Record a payment the bank received, in the order of the pack; early repayment remakes the plan.

    The same bank serial again returns the payment that is there; that of a reversed one is refused. More
    than settles the loan is refused with the sum that would. Raises NotFound, RuleRefused, Conflict.
    Clause: S11.1.
    """
    loan = await access_loan(actor, loan_key)
    await require_bank(actor, loan)
    serial = serial.strip()
    if not 1 <= len(serial) <= SERIAL_MAX:
        raise RuleRefused("S11.1", "请填银行流水号。", code="serial", field="serial")
    async with database.transaction():
        locked = await Loan.select_for_update().get(id=loan.id)
        known = await Repayment.get_or_none(bank_id=loan.bank_id, serial=serial)
        if known is not None:
            return _again(known, loan, amount_fen)
        _check(locked, amount_fen, received_on, routing.on_day(now))
        try:
            made = await Repayment.create(
                county=loan.county,
                loan_id=loan.id,
                bank_id=loan.bank_id,
                serial=serial,
                received_on=received_on,
                amount_fen=amount_fen,
                principal_fen=amount_fen,
                interest_fen=0,
                recorded_by_id=actor.person_id,
                recorded_at=now,
            )
        except IntegrityError as error:  # the same serial for another loan at the same moment
            raise _serial_used() from error
        await _apply(locked, made, remake, pack)
        await audit.record(loan.county, actor.person_id, "record_repayment", ("loan", loan.id), now)
        return made


def _again(known: Repayment, loan: Loan, amount_fen: int) -> Repayment:
    if (known.loan_id, known.amount_fen) != (loan.id, amount_fen):
        raise _serial_used()
    if known.reversed_at is not None:
        words = "这个流水号的还款已经冲正，不再计入。钱如果真的到了，请用新的流水号登记。"
        raise Conflict("S11.1", words, code="serial_reversed", field="serial")
    return known


def _serial_used() -> Conflict:
    return Conflict("S11.1", "这个流水号已经登记过另一笔还款。", code="serial_used", field="serial")


def _check(loan: Loan, amount_fen: int, received_on: date, on: date) -> None:
    if type(amount_fen) is not int or not 0 < amount_fen <= AMOUNT_MAX_FEN:
        raise RuleRefused("S11.1", "还款金额要大于0，请核对。", code="amount", field="amount")
    if not loan.disbursed_on <= received_on <= on:
        raise RuleRefused("S11.1", "还款日期应在放款之后、今天之前。", code="date", field="received_on")
    remade_on = loan.terms.get("remade_on")
    if remade_on and received_on < date.fromisoformat(remade_on):
        words = f"{routing.said_on(date.fromisoformat(remade_on))}重排过还款计划，还款日期不能比那天早。"
        raise RuleRefused("S11.1", words, code="date", field="received_on")


async def _apply(loan: Loan, made: Repayment, remake: rules.Remake | None, pack: Pack | None) -> None:
    """Put a payment into the loan's lines and note in it how it was split and how to undo it."""
    before = await loan_book.read(loan)
    policy = loan_book.policy_of(loan, pack, made.received_on)
    try:
        done = rules.apply(before, made.amount_fen, made.received_on, policy, remake)
    except rules.Overpaid as problem:
        raise _overpaid(problem.settle_fen, made.received_on) from problem
    noted = await loan_book.write(loan, before, done.book, policy)
    if remake:
        noted["remake"] = remake
    made.principal_fen, made.interest_fen = done.principal_fen, done.interest_fen
    made.penalty_fen, made.undo = done.penalty_fen, noted
    await made.save(update_fields=["principal_fen", "interest_fen", "penalty_fen", "undo"])
    if not await loan_book.settle(loan, done.principal_fen, done.book, made.received_on):
        raise Conflict("S11.1", "这笔贷款的余额刚刚有变化，请重试。", code="balance_changed")
    if done.remade:
        facts = {"repayment_id": made.id, "lines": len(done.book.lines)}
        await change(loan, "early", made.received_on, made.recorded_by_id, made.recorded_at, facts)


def _overpaid(settle_fen: int, on: date) -> RuleRefused:
    if not settle_fen:
        return RuleRefused("S11.1", "这笔贷款已经还清了，不用再还。", code="settled", field="amount")
    words = f"还款金额超过了全部欠款：按{routing.said_on(on)}算，还{yuan(settle_fen)}就全部结清，请核对。"
    return RuleRefused("S11.1", words, code="amount_over", field="amount")


async def reverse(
    actor: Actor, loan_key: str, serial: str, reason: str, pack: Pack, now: datetime
) -> Repayment:
    """Take back a payment that was recorded by mistake; the loan is as if it had never come.

    Later payments are taken out and put in again, so that each goes where it would have gone. The borrower is
    told, and the guarantor who was told of the payment. A second reversal changes nothing. Raises NotFound,
    RuleRefused, Conflict. Clause: S11.1, S11.4.
    """
    loan = await access_loan(actor, loan_key)
    await require_bank(actor, loan)
    reason = reason.strip()
    if not 2 <= len(reason) <= 200:
        raise RuleRefused("S11.1", "请写清楚为什么冲正。", code="reason", field="reason")
    async with database.transaction() as connection:
        locked = await Loan.select_for_update().get(id=loan.id)
        made = await Repayment.filter(loan_id=loan.id).get_or_none(serial=serial.strip()[:SERIAL_MAX])
        if made is None:
            raise NotFound("没有找到这个流水号的还款。")
        if made.reversed_at is not None:
            return made
        later = await Repayment.filter(loan_id=loan.id, reversed_at=None, id__gt=made.id).order_by("id")
        await _may_be_undone(locked, made)
        await _take_out(locked, [made, *later])
        made.reversed_at, made.reversed_by_id, made.reversal_reason = now, actor.person_id, reason
        await made.save(update_fields=["reversed_at", "reversed_by_id", "reversal_reason"])
        for each in later:
            await _apply(locked, each, (each.undo or {}).get("remake"), None)
        facts = {"repayment_id": made.id, "put_in_again": len(later)}
        await change(loan, "reversal", made.received_on, actor.person_id, now, facts)
        await audit.record(
            loan.county, actor.person_id, "reverse_repayment", ("loan", loan.id), now, repayment_id=made.id
        )
        await _tell_of_reversal(connection, loan, made, pack, now)
        return made


async def _tell_of_reversal(
    connection: asyncpg.Connection, loan: Loan, made: Repayment, pack: Pack, now: datetime
) -> None:
    told = [("repayment_reversed", loan.borrower_id)]
    if await RepaymentSlip.filter(repayment_id=made.id, state="confirmed").exists():
        keepers = await keepers_of(loan, routing.on_day(now))
        told += [("reversal_for_guarantor", person) for person in keepers]
    planned = [NewNotice(person, kind, "repayment", made.id, {}, made.received_on) for kind, person in told]
    await notices.plan(connection, loan.county, planned, pack, now)


async def keepers_of(loan: Loan, on: date) -> list[int]:
    """Who keeps the slips of a loan: the officers of its guarantor. Clause: S11.4."""
    if not loan.guarantor_id:
        return []
    return await role_holders(
        loan.county, "guarantor_officer", loan.village, on=on, organisation_id=loan.guarantor_id
    )


async def _may_be_undone(loan: Loan, made: Repayment) -> None:
    if made.kind == "renewal":
        raise RuleRefused("S12.3", "这笔是续贷结转，没有收钱，不能冲正。", code="renewal")
    remade_on = loan.terms.get("remade_on")
    if made.undo is None and remade_on and made.received_on <= date.fromisoformat(remade_on):
        words = "这笔是批量导入的，以后又重排过还款计划，不能直接冲正，请联系县中心。"
        raise RuleRefused("S11.1", words, code="remade_since")
    eased = await PlanChange.filter(
        loan_id=made.loan_id, kind__in=("extension", "renewal"), recorded_at__gte=made.recorded_at
    ).exists()
    if eased:
        raise RuleRefused(
            "S12.3", "这笔还款以后办过展期或续贷，不能直接冲正，请联系县中心。", code="eased_since"
        )


async def _take_out(loan: Loan, payments: Sequence[Repayment]) -> None:
    """Undo payments, the newest first, exactly."""
    for each in reversed(payments):
        if each.undo is not None:
            await loan_book.undo(loan, each.undo)
        else:
            before = await loan_book.read(loan)
            after = rules.taken_back(before, each.principal_fen, each.interest_fen, each.penalty_fen)
            await loan_book.write(loan, before, after, loan_book.policy_of(loan, None, each.received_on))
        book = await loan_book.read(loan)
        if not await loan_book.settle(loan, -each.principal_fen, book, each.received_on):
            raise Conflict("S11.1", "这笔贷款的余额刚刚有变化，请重试。", code="balance_changed")


async def change(
    loan: Loan, kind: str, on: date, by_id: int | None, at: datetime, facts: dict[str, object]
) -> None:
    """Note that and why the plan of a loan was changed. Clause: S12.3."""
    await PlanChange.create(
        county=loan.county,
        loan_id=loan.id,
        kind=kind,
        on_day=on,
        recorded_by_id=by_id,
        recorded_at=at,
        facts=facts,
    )


async def require_bank(actor: Actor, loan: Loan) -> None:
    """An officer of the bank that lent, and not the borrower or of his household. Raises RuleRefused.

    Clause: S17.1, S4.3.
    """
    if not any(_is_of_bank(post, loan) for post in actor.posts):
        raise RuleRefused("S17.1", "只有放款银行的工作人员可以办这件事。", code="not_allowed")
    members = await Person.filter(household_id=loan.household_id) if loan.household_id else []
    family = frozenset((loan.borrower_id, *(member.id for member in members)))
    refuse([check_reviewer(actor.person_id, family_ids=family)])


def _is_of_bank(post: HeldPost, loan: Loan) -> bool:
    return post.role == "bank_officer" and post.organisation_id == loan.bank_id and post.covers(loan.village)
