"""Repayments in the books: early, partial, twice, at once, taken back. The bank's officer records them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from actions import repayments, slips
from bot.errors import Conflict, NotFound, RuleRefused
from models.loan import Instalment, Loan, PlanChange, Repayment
from models.notice import Notice
from models.slip import RepaymentSlip
from models.work import AuditEntry
from rules.rates import interest_fen
from rules.schedule import Terms

from .conftest import NOW, VILLAGE, County
from .loan_kit import BULLET, END, LEVEL, MONTHLY, START, counted, everything_of, forget_terms, lend

TODAY = date(2026, 11, 28)


async def pay(
    county: County, loan: Loan, serial: str, amount_fen: int, on: date = TODAY, **more: Any
) -> Repayment:
    return await repayments.record_repayment(
        await county.actor("zhao"), loan.key, serial, amount_fen, on, NOW, pack=county.pack, **more
    )


async def test_part_of_a_loan_is_paid_early_and_the_rest_bears_less(county: County) -> None:
    """S11.1: interest up to the day only; the books still add up."""
    loan = await lend(county.pack)
    on = START + timedelta(days=100)
    accrued = interest_fen(3_000_000, 435, 100)
    made = await pay(county, loan, "S1", 1_000_000 + accrued, on)
    assert (made.principal_fen, made.interest_fen) == (1_000_000, accrued)
    lines = await Instalment.filter(loan_id=loan.id).order_by("number")
    assert [(line.principal_fen, line.interest_fen) for line in lines] == [
        (1_000_000, accrued),
        (2_000_000, interest_fen(2_000_000, 435, 265)),
    ]
    assert (await Loan.get(id=loan.id)).balance_fen == 2_000_000
    assert (await PlanChange.get(loan_id=loan.id)).kind == "early"
    with pytest.raises(RuleRefused) as refused:
        await pay(county, loan, "S2", 100, on - timedelta(days=1))
    assert (refused.value.code, refused.value.field) == ("date", "received_on")


async def test_a_quote_settles_and_more_is_refused_with_the_sum_that_would(county: County) -> None:
    """S11.1, S11.4: the farmer is told a sum, and that very sum is taken."""
    loan = await lend(county.pack, MONTHLY)
    farmer = await county.actor("zhang")
    quote = await repayments.payoff(farmer, loan.key, TODAY, county.pack, TODAY)
    assert quote.total_fen == quote.principal_fen + quote.interest_fen
    assert quote.saved_fen > 0
    with pytest.raises(RuleRefused) as refused:
        await pay(county, loan, "S1", quote.total_fen + 1)
    assert (refused.value.code, refused.value.field) == ("amount_over", "amount")
    assert f"{quote.total_fen / 100:.2f}".rstrip("0").lstrip("3") in refused.value.message
    await pay(county, loan, "S1", quote.total_fen)
    row = await Loan.get(id=loan.id)
    assert (row.state, row.balance_fen, row.settled_on) == ("settled", 0, TODAY)
    with pytest.raises(RuleRefused) as refused:
        await pay(county, loan, "S2", 1)
    assert refused.value.code == "settled"


async def test_a_quote_is_for_today_or_later_and_for_those_who_may_see_the_loan(county: County) -> None:
    """S11.4, S17.2"""
    loan = await lend(county.pack)
    farmer = await county.actor("zhang")
    later = await repayments.payoff(farmer, loan.key, TODAY + timedelta(days=10), county.pack, TODAY)
    now = await repayments.payoff(farmer, loan.key, TODAY, county.pack, TODAY)
    assert later.interest_fen > now.interest_fen
    for day, words in ((TODAY - timedelta(days=1), "已经过了"), (date(2999, 1, 1), "太远了")):
        with pytest.raises(RuleRefused, match=words) as refused:
            await repayments.payoff(farmer, loan.key, day, county.pack, TODAY)
        assert refused.value.field == "on"
    with pytest.raises(NotFound):
        await repayments.payoff(await county.actor("li"), loan.key, TODAY, county.pack, TODAY)


NONSENSE: list[tuple[str, Any, date, str]] = [
    ("", 100, TODAY, "serial"),
    ("S" * 65, 100, TODAY, "serial"),
    ("S1", 0, TODAY, "amount"),
    ("S1", -100, TODAY, "amount"),
    ("S1", 12.5, TODAY, "amount"),
    ("S1", True, TODAY, "amount"),
    ("S1", 10**14, TODAY, "amount"),
    ("S1", 100, TODAY + timedelta(days=1), "received_on"),
    ("S1", 100, START - timedelta(days=1), "received_on"),
]


async def test_nonsense_is_refused_by_field_and_changes_nothing(county: County) -> None:
    """S11.1: negative, zero, float-like, absurd; before the loan, after today."""
    loan = await lend(county.pack)
    before = await everything_of(loan)
    for serial, amount, on, field in NONSENSE:
        with pytest.raises(RuleRefused) as refused:
            await pay(county, loan, serial, amount, on)
        assert refused.value.field == field, (serial, amount, on)
    assert await everything_of(loan) == before
    assert await counted(loan) == (0, 0)


async def test_an_unknown_or_foreign_loan_is_not_there(county: County) -> None:
    """S17.2"""
    officer = await county.actor("zhao")
    with pytest.raises(NotFound):
        await repayments.record_repayment(officer, "no-such-key", "S1", 100, TODAY, NOW)
    foreign = await lend(county.pack, bank_id=999_999)
    with pytest.raises((NotFound, RuleRefused)):
        await pay(county, foreign, "S1", 100)
    assert await Repayment.all().count() == 0


async def test_two_payments_at_once_never_take_more_than_is_owed(county: County) -> None:
    """S11.1: each would settle the loan; one does."""
    loan = await lend(county.pack)
    quote = await repayments.payoff(await county.actor("zhang"), loan.key, TODAY, county.pack, TODAY)
    outcomes = await asyncio.gather(
        *(pay(county, loan, f"S{n}", quote.total_fen) for n in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, Repayment) for each in outcomes) == 1, outcomes
    assert all(isinstance(each, Repayment | RuleRefused) for each in outcomes), outcomes
    assert (await Loan.get(id=loan.id)).balance_fen == 0


async def test_the_same_serial_three_times_at_once_is_one_payment(county: County) -> None:
    """S11.1"""
    loan = await lend(county.pack, LEVEL)
    made = await asyncio.gather(*(pay(county, loan, "S1", 50_000) for _ in range(3)))
    assert len({each.id for each in made}) == 1
    lines = await Instalment.filter(loan_id=loan.id)
    assert sum(line.paid_principal_fen + line.paid_interest_fen for line in lines) == 50_000


@pytest.mark.parametrize("terms", [BULLET, MONTHLY, LEVEL], ids=["bullet", "monthly", "level"])
async def test_a_reversal_restores_the_loan_exactly(county: County, terms: Terms) -> None:
    """S11.1: rows, ids, terms, state, all as before; who and why is kept; the serial does not count again."""
    loan = await lend(county.pack, terms)
    await pay(county, loan, "S0", 2_000, date(2026, 2, 20))
    before = await everything_of(loan)
    officer = await county.actor("zhao")
    quote = await repayments.payoff(await county.actor("zhang"), loan.key, TODAY, county.pack, TODAY)
    for serial, percent in (("S1", 1), ("S2", 40), ("S3", 100)):
        await pay(county, loan, serial, quote.total_fen * percent // 100)
        assert await everything_of(loan) != before
        undone = await repayments.reverse(officer, loan.key, serial, "登记错了户头", county.pack, NOW)
        assert await everything_of(loan) == before, percent
        assert (undone.reversed_by_id, undone.reversal_reason) == (officer.person_id, "登记错了户头")
    assert (
        await repayments.reverse(officer, loan.key, "S3", "登记错了户头", county.pack, NOW)
    ).id == undone.id
    assert await AuditEntry.filter(action="reverse_repayment", subject_id=loan.id).count() == 3
    with pytest.raises(Conflict) as refused:
        await pay(county, loan, "S3", undone.amount_fen)
    assert refused.value.code == "serial_reversed"


async def test_the_borrower_hears_of_a_reversal_once_and_the_guarantor_of_what_he_kept(
    county: County,
) -> None:
    """S11.1, S11.4: another sum is owed again; only a payment that the guarantor was told of concerns him."""
    guarantor = (await county.actor("sun")).posts[0].organisation_id
    loan = await lend(county.pack, LEVEL, guarantor_id=guarantor)
    for serial in ("S1", "S2"):
        await pay(county, loan, serial, 30_000)
    kept = await Repayment.get(serial="S2")
    await RepaymentSlip.create(
        county="411082", loan_id=loan.id, bank_id=loan.bank_id, guarantor_id=guarantor, village=VILLAGE,
        person_id=loan.borrower_id, channel="chat", state="confirmed", repayment_id=kept.id, created_at=NOW,
    )  # fmt: skip
    officer = await county.actor("zhao")
    await repayments.reverse(officer, loan.key, "S1", "登记错了户头", county.pack, NOW)
    assert [n.kind for n in await Notice.filter(subject_kind="repayment")] == ["repayment_reversed"]
    for _ in range(2):
        await repayments.reverse(officer, loan.key, "S2", "重复登记了一次", county.pack, NOW)
    told = await Notice.filter(subject_kind="repayment", subject_id=kept.id)
    assert {(n.kind, n.person_id) for n in told} == {
        ("repayment_reversed", loan.borrower_id),
        ("reversal_for_guarantor", (await county.actor("sun")).person_id),
    }
    shown = (await slips.of_loan(await county.actor("sun"), loan.key))[0]
    assert (shown.reversed_on, shown.reversal_reason) == (TODAY, "重复登记了一次")


async def test_a_refused_reversal_tells_nobody(county: County) -> None:
    """S11.1"""
    loan = await lend(county.pack)
    await pay(county, loan, "S1", 500)
    with pytest.raises(RuleRefused):
        await repayments.reverse(await county.actor("zhao"), loan.key, "S1", " ", county.pack, NOW)
    assert not await Notice.filter(subject_kind="repayment").exists()


async def test_later_payments_go_where_they_would_have_gone_without_the_reversed_one(county: County) -> None:
    """S11.1: first wrong, then right and early; taking out the first is as if only the others had come."""
    loan, twin = await lend(county.pack, LEVEL), await lend(county.pack, LEVEL, "JJ-2")
    await pay(county, loan, "A1", 70_000, date(2026, 2, 8))
    for each, prefix in ((loan, "A"), (twin, "B")):
        await pay(county, each, f"{prefix}2", 102_000, date(2026, 3, 9))
        await pay(county, each, f"{prefix}3", 400_000, date(2026, 5, 20), remake="shorter")
    await repayments.reverse(await county.actor("zhao"), loan.key, "A1", "记错了人", county.pack, NOW)

    def plain(rows: Any) -> Any:
        hidden = ("id", "loan_id")
        return [{name: value for name, value in row.items() if name not in hidden} for row in rows]

    mine = await Instalment.filter(loan_id=loan.id).order_by("number").values()
    others = await Instalment.filter(loan_id=twin.id).order_by("number").values()
    assert plain(mine) == plain(others)
    assert (await Loan.get(id=loan.id)).balance_fen == (await Loan.get(id=twin.id)).balance_fen


async def test_what_an_import_booked_can_be_taken_back_too(county: County) -> None:
    """S11.1: nobody noted the lines it went to; the newest lose first what the oldest got first."""
    loan = await lend(county.pack, LEVEL)
    before = await everything_of(loan)
    made = await pay(county, loan, "S1", 150_000, date(2026, 3, 9))
    await Repayment.filter(id=made.id).update(undo=None)
    await repayments.reverse(await county.actor("zhao"), loan.key, "S1", "重复导入", county.pack, NOW)
    assert await everything_of(loan) == before


async def test_a_reversal_needs_a_reason_the_bank_and_a_payment(county: County) -> None:
    """S11.1, S17.1"""
    loan = await lend(county.pack)
    await pay(county, loan, "S1", 500)
    officer = await county.actor("zhao")
    with pytest.raises(RuleRefused) as refused:
        await repayments.reverse(officer, loan.key, "S1", " ", county.pack, NOW)
    assert refused.value.field == "reason"
    with pytest.raises(NotFound):
        await repayments.reverse(officer, loan.key, "S9", "登记错了", county.pack, NOW)
    with pytest.raises(RuleRefused):
        await repayments.reverse(await county.actor("zhang"), loan.key, "S1", "我没还", county.pack, NOW)
    assert await counted(loan) == (1, 0)


async def test_penalty_interest_of_a_county_that_charges_it_comes_first(county: County) -> None:
    """S11.1: kept with the loan from its first day, whatever the pack says later."""
    terms = replace(BULLET, maturity_on=date(2026, 7, 8))
    loan = await lend(county.pack, terms)
    stored = {**loan.terms, "repayments": {**loan.terms["repayments"], "penalty_percent": 150}}
    await Loan.filter(id=loan.id).update(terms=stored)
    quote = await repayments.payoff(await county.actor("zhang"), loan.key, TODAY, county.pack, TODAY)
    assert quote.penalty_fen == round(3_000_000 * 0.0435 * 1.5 * 143 / 360)
    made = await pay(county, loan, "S1", quote.penalty_fen + 7)
    assert (made.penalty_fen, made.interest_fen, made.principal_fen) == (quote.penalty_fen, 7, 0)
    before = await everything_of(loan)
    await pay(county, loan, "S2", 1_000)
    await repayments.reverse(await county.actor("zhao"), loan.key, "S2", "登记错了", county.pack, NOW)
    assert await everything_of(loan) == before


async def test_what_the_bank_sent_without_terms_can_be_paid_early(county: County) -> None:
    """S11.1, S12.1: an imported loan has lines but no terms of ours."""
    loan = await lend(county.pack, MONTHLY)
    await forget_terms(loan)
    quote = await repayments.payoff(await county.actor("zhang"), loan.key, TODAY, county.pack, TODAY)
    made = await pay(county, loan, "S1", quote.total_fen - 1_000_000)
    row = await Loan.get(id=loan.id)
    assert (row.balance_fen, row.maturity_on, made.amount_fen) == (
        1_000_000,
        END,
        quote.total_fen - 1_000_000,
    )
    rest = await repayments.payoff(await county.actor("zhang"), loan.key, TODAY, county.pack, TODAY)
    assert rest.total_fen == 1_000_000
