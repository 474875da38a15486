"""我的贷款: what is owed and by when, for the borrower alone. Clause: S1.5, S18.5."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from api_world import NOW
from chat_kit import Phone

from bot import database
from models.loan import Instalment, Loan
from models.people import WechatUser
from models.sealing import new_key
from rules.application import yuan
from rules.rates import interest_fen

Phones = Callable[..., Phone]
pytestmark = pytest.mark.usefixtures("county")


async def lend(openid: str, number: str, **more: Any) -> Loan:
    user = await WechatUser.get(openid=openid)
    bank = (await database.fetch("SELECT id FROM organisation WHERE kind = 'partner_bank'"))[0]["id"]
    values = {
        "county": "411082", "key": new_key(), "number": number, "bank_id": bank, "village": "411082101201",
        "borrower_id": user.person_id, "principal_fen": 3_000_000, "balance_fen": 3_000_000,
        "annual_rate_bp": 435, "method": "interest_only", "settlement_cycle": "quarterly",
        "day_count": "actual/360", "disbursed_on": date(2026, 9, 1), "maturity_on": date(2027, 9, 1),
        "state": "active", "created_at": NOW,
    }  # fmt: skip
    return await Loan.create(**(values | more))


async def owe(loan: Loan, number: int, due_on: date, interest_fen: int) -> None:
    await Instalment.create(
        county="411082", loan_id=loan.id, number=number, kind="settlement", due_on=due_on, days=30,
        principal_fen=0, interest_fen=interest_fen,
    )  # fmt: skip


async def test_a_borrower_reads_what_he_owes_and_by_when_s1_5(phone: Phones) -> None:
    somebody = phone("o-zhang")
    loan = await lend("o-zhang", "2026-001")
    await owe(loan, 1, date(2026, 11, 20), 28_880)
    await owe(loan, 2, date(2026, 12, 20), 10_875)
    words = await somebody.say("我的贷款")
    for part in ("2026-001", "还欠本金3万元", "2027年9月1日到期", "288.8", "2026年11月20日到期", "过了日子"):
        assert part in words, words


async def test_a_settled_loan_is_named_only_when_nothing_is_open(phone: Phones) -> None:
    somebody = phone("o-zhang")
    await lend("o-zhang", "2025-007", state="settled", balance_fen=0)
    assert "2025-007：3万元，已经还清" in await somebody.say("我的贷款")
    await lend("o-zhang", "2026-001")
    words = await somebody.say("我的贷款")
    assert "2026-001" in words
    assert "2025-007" not in words


async def test_somebody_elses_loan_is_not_shown_s17_2(phone: Phones) -> None:
    await lend("o-zhang", "2026-001")
    assert "您名下没有贷款" in await phone("o-li").say("我的贷款")


async def test_more_loans_than_fit_are_counted(phone: Phones) -> None:
    for n in range(7):
        await lend("o-zhang", f"2026-00{n}")
    words = await phone("o-zhang").say("我的贷款")
    assert "还有2笔" in words


async def test_a_borrower_asks_what_would_settle_his_loan_today_s11_4(phone: Phones) -> None:
    """S11.4: interest to the day and what early payment saves; a settled loan is not asked about."""
    somebody = phone("o-zhang")
    assert "没有要还的贷款" in await somebody.say("提前还款")
    loan = await lend("o-zhang", "2026-001", method="bullet", settlement_cycle="")
    await Instalment.create(
        county="411082", loan_id=loan.id, number=1, kind="maturity", due_on=loan.maturity_on, days=365,
        principal_fen=3_000_000, interest_fen=132_313,
    )  # fmt: skip
    await lend("o-zhang", "2025-007", state="settled", balance_fen=0)
    words = await somebody.say("提前还清要多少钱")
    interest = interest_fen(3_000_000, 435, (NOW.date() - loan.disbursed_on).days)
    for part in ("2026-001", yuan(3_000_000 + interest), yuan(interest), yuan(132_313 - interest)):
        assert part in words, words
    assert "2025-007" not in words


async def test_a_borrower_asks_for_another_day_in_his_own_words_s11_4(phone: Phones) -> None:
    """S11.4, S18.1: interest to that day; what falls due before it is named; a day gone by is said so."""
    somebody = phone("o-zhang")
    loan = await lend("o-zhang", "2026-001", method="bullet", settlement_cycle="")
    await Instalment.create(
        county="411082", loan_id=loan.id, number=1, kind="maturity", due_on=loan.maturity_on, days=365,
        principal_fen=3_000_000, interest_fen=132_313,
    )  # fmt: skip
    for said, day in (
        ("我下月5号还清要多少", date(2026, 12, 5)),
        ("过年前提前还要多少钱", date(2027, 2, 5)),
        ("12月20日全还完多少钱", date(2026, 12, 20)),
    ):
        words = await somebody.say(said)
        interest = interest_fen(3_000_000, 435, (day - loan.disbursed_on).days)
        assert f"{day.year}年{day.month}月{day.day}日全部还清，要{yuan(3_000_000 + interest)}" in words, words
        assert "今天" not in words
        assert "到那天以前该还的" not in words
    assert "到那天以前该还的也算在里面" in await somebody.say("明年9月5号还清要多少钱")
    assert "已经过了" in await somebody.say("昨天还清要多少钱")
    assert "太远了，最远能算到2028年" in await somebody.say("2035年1月1日还清要多少钱")
