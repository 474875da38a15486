"""A loan to try things on: rows as a disbursement writes them, without the whole route before it."""

from __future__ import annotations

from datetime import date
from typing import Any

from actions import loan_book
from models.loan import Instalment, Loan, PlanChange, Repayment
from models.people import Organisation, WechatUser
from models.sealing import new_key
from policies import Pack
from rules.repayment import book_of
from rules.schedule import Terms

from .conftest import NOW, VILLAGE

START, END = date(2026, 1, 8), date(2027, 1, 8)
BULLET = Terms(3_000_000, 435, START, END, "bullet")
MONTHLY = Terms(3_000_000, 435, START, END, "interest_only", due_day=20)
LEVEL = Terms(1_200_000, 435, START, END, "equal_instalment", day_count="30/360")


async def lend(pack: Pack, terms: Terms = BULLET, number: str = "JJ-1", **columns: Any) -> Loan:
    """A loan of 张守田's household by the bank that 赵 works for."""
    borrower = await WechatUser.get(openid="openid-zhang")
    bank = await Organisation.get(kind="partner_bank")
    values: dict[str, Any] = {
        "county": "411082", "key": new_key(), "number": number, "bank_id": bank.id,
        "borrower_id": borrower.person_id, "village": VILLAGE, "principal_fen": terms.principal_fen,
        "balance_fen": terms.principal_fen, "annual_rate_bp": terms.rate_bp, "day_count": terms.day_count,
        "method": terms.method, "settlement_cycle": "" if terms.method == "bullet" else terms.cycle,
        "disbursed_on": terms.start_on, "maturity_on": terms.maturity_on, "created_at": NOW,
        "terms": loan_book.terms_json(terms, pack.repayments(terms.start_on)),
    }  # fmt: skip
    loan = await Loan.create(**(values | columns))
    await Instalment.bulk_create(loan_book.rows_of(loan, book_of(terms)))
    return loan


async def forget_terms(loan: Loan) -> None:
    """As if the bank had sent the loan in a file: lines, but not the terms they were made of."""
    await Loan.filter(id=loan.id).update(terms={})


async def everything_of(loan: Loan) -> tuple[Any, ...]:
    """All that the tables hold of a loan but its history, to compare before and after."""
    row = await Loan.filter(id=loan.id).values()
    return row, await Instalment.filter(loan_id=loan.id).order_by("number").values()


async def counted(loan: Loan) -> tuple[int, int]:
    """How many repayments count, and how many changes of plan are noted."""
    payments = await Repayment.filter(loan_id=loan.id, reversed_at=None).count()
    return payments, await PlanChange.filter(loan_id=loan.id).count()
