"""展期 and 续贷 in the books: conditions, chains, and an overdue that no renewal hides."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from actions import easing, repayments
from actions.easing import Renewal
from bot.errors import Conflict, NotFound, RuleRefused
from models.loan import Instalment, Loan, PlanChange, Repayment
from models.work import AuditEntry
from rules.easing import Review

from .conftest import NOW, County
from .loan_kit import BULLET, END, LEVEL, MONTHLY, everything_of, lend

TODAY = date(2026, 11, 28)
REVIEW = Review(
    date(2026, 11, 20), still_qualified=True, own_wish=True, guarantee_in_place=True, subsidy_in_place=True,
    able_to_repay=True, cause="disaster",
)  # fmt: skip
NEW = Renewal("XD-1", 435, 12, "interest_only", "monthly")


async def extend(county: County, loan: Loan, to: date, review: Review = REVIEW) -> Loan:
    return await easing.extend(await county.actor("zhao"), loan.key, to, review, county.pack, NOW)


async def renew(county: County, loan: Loan, given: Renewal = NEW, review: Review = REVIEW) -> Loan:
    return await easing.renew(await county.actor("zhao"), loan.key, given, review, county.pack, NOW)


async def pay_interest(county: County, loan: Loan) -> None:
    quote = await repayments.payoff(await county.actor("zhang"), loan.key, TODAY, county.pack, TODAY)
    if quote.interest_fen:
        officer = await county.actor("zhao")
        await repayments.record_repayment(officer, loan.key, "I-1", quote.interest_fen, TODAY, NOW)


async def test_an_extension_moves_the_end_and_is_noted(county: County) -> None:
    """S12.3: the interest stays due on the old day; the same again changes nothing."""
    loan = await lend(county.pack)
    row = await extend(county, loan, date(2027, 7, 8))
    assert (row.maturity_on, row.extended_count, row.extended_on) == (date(2027, 7, 8), 1, TODAY)
    assert row.as_if_due_on == END
    lines = await Instalment.filter(loan_id=loan.id).order_by("number")
    assert [(line.nominal_on, line.principal_fen) for line in lines] == [
        (END, 0),
        (date(2027, 7, 8), 3_000_000),
    ]
    before = await everything_of(loan)
    await extend(county, loan, date(2027, 7, 8))
    assert await everything_of(loan) == before
    change = await PlanChange.get(loan_id=loan.id)
    assert (change.facts["cause"], change.facts["from"], change.facts["to"]) == (
        "disaster", END.isoformat(), "2027-07-08",
    )  # fmt: skip
    assert await AuditEntry.filter(action="extend", subject_id=loan.id).count() == 1
    with pytest.raises(RuleRefused) as refused:
        await extend(county, loan, date(2027, 10, 8))
    assert refused.value.code == "too_often"


async def test_an_extension_outside_the_rules_is_refused_and_changes_nothing(county: County) -> None:
    """S12.3, S17.1"""
    loan = await lend(county.pack)
    before = await everything_of(loan)
    tries: list[tuple[date, Review, str]] = [
        (date(2028, 1, 9), REVIEW, "too_long"),
        (END, REVIEW, "maturity"),
        (date(2027, 7, 8), replace(REVIEW, cause=""), "cause"),
        (date(2027, 7, 8), replace(REVIEW, own_wish=False), "no_wish"),
    ]
    for to, review, code in tries:
        with pytest.raises(RuleRefused) as refused:
            await extend(county, loan, to, review)
        assert refused.value.code == code
    with pytest.raises(RuleRefused):
        await easing.extend(await county.actor("zhang"), loan.key, date(2027, 7, 8), REVIEW, county.pack, NOW)
    with pytest.raises(NotFound):
        await easing.extend(await county.actor("zhao"), "none", date(2027, 7, 8), REVIEW, county.pack, NOW)
    assert await everything_of(loan) == before


async def test_what_is_overdue_stays_overdue_when_the_rest_is_extended(county: County) -> None:
    """S12.3: the arrears of before stand in the same lines, and the chain remembers their day."""
    loan = await lend(county.pack, LEVEL)
    late = await Instalment.filter(loan_id=loan.id, due_on__lt=TODAY).order_by("number").values()
    row = await extend(county, loan, date(2027, 7, 8))
    assert await Instalment.filter(loan_id=loan.id, due_on__lt=TODAY).order_by("number").values() == late
    assert row.as_if_due_on == late[0]["due_on"]
    lines = await Instalment.filter(loan_id=loan.id)
    assert sum(line.principal_fen for line in lines) == loan.principal_fen


async def test_a_renewal_takes_the_principal_over_without_money(county: County) -> None:
    """S12.3: interest first; the old loan ends as renewed, the new one names it and its day."""
    loan = await lend(county.pack, MONTHLY)
    with pytest.raises(RuleRefused) as refused:
        await renew(county, loan)
    assert refused.value.code == "interest_unpaid"
    await pay_interest(county, loan)
    new = await renew(county, loan)
    assert (await renew(county, loan)).id == new.id
    old = await Loan.get(id=loan.id)
    assert (old.state, old.balance_fen, old.settled_on) == ("renewed", 0, TODAY)
    assert (new.renewed_from_id, new.balance_fen, new.as_if_due_on) == (loan.id, 3_000_000, END)
    carried = await Repayment.get(loan_id=loan.id, kind="renewal")
    assert (carried.principal_fen, carried.interest_fen) == (3_000_000, 0)
    assert sum(line.principal_fen for line in await Instalment.filter(loan_id=new.id)) == 3_000_000
    with pytest.raises(Conflict) as again:
        await renew(county, loan, replace(NEW, number="XD-2"))
    assert again.value.code == "renewed"
    with pytest.raises(RuleRefused) as undone:
        await repayments.reverse(
            await county.actor("zhao"), loan.key, carried.serial, "登记错了", county.pack, NOW
        )
    assert undone.value.code == "renewal"
    with pytest.raises(RuleRefused) as undone:
        await repayments.reverse(await county.actor("zhao"), loan.key, "I-1", "登记错了", county.pack, NOW)
    assert undone.value.code == "eased_since"


async def test_a_renewal_never_hides_an_overdue(county: County) -> None:
    """S12.3: principal overdue since March is carried over; the new loan knows since when."""
    loan = await lend(county.pack, replace(LEVEL, rate_bp=0))
    first = await Instalment.filter(loan_id=loan.id).order_by("number").first()
    new = await renew(county, loan, replace(NEW, annual_rate_bp=0))
    assert new.as_if_due_on == first.due_on
    with pytest.raises(RuleRefused) as refused:
        await renew(
            county, new, replace(NEW, number="XD-2", annual_rate_bp=0), replace(REVIEW, reviewed_on=TODAY)
        )
    assert refused.value.code == "too_often"
    done = await easing.history(await county.actor("zhang"), new.key)
    assert [(each.number, each.kind) for each in done] == [("JJ-1", "renewal")]


async def test_a_renewal_outside_the_rules_is_refused(county: County) -> None:
    """S12.3, S3.5"""
    loan = await lend(county.pack, BULLET)
    await pay_interest(county, loan)
    tries: list[tuple[dict[str, Any], str]] = [
        ({"annual_rate_bp": 2_000}, "rate_over_cap"),
        ({"term_months": 37}, "term"),
        ({"term_months": 0}, "term"),
        ({"number": " "}, "number"),
        ({"method": "usury"}, "method"),
        ({"method": "fixed", "fixed_fen": 1}, "terms"),
    ]
    for changes, code in tries:
        with pytest.raises(RuleRefused) as refused:
            await renew(county, loan, replace(NEW, **changes))
        assert refused.value.code == code
    with pytest.raises(Conflict) as used:
        await renew(county, loan, replace(NEW, number=loan.number))
    assert used.value.code == "number_used"
    assert await Loan.all().count() == 1


async def test_two_renewals_at_once_make_one_loan(county: County) -> None:
    """S12.3"""
    loan = await lend(county.pack, replace(BULLET, rate_bp=0))
    made = await asyncio.gather(*(renew(county, loan) for _ in range(3)))
    assert len({each.id for each in made}) == 1
    assert await Loan.all().count() == 2
