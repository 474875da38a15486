"""放款登记: what the bank records when it has paid out. Clause: S4.7, S11.1."""

from __future__ import annotations

import re

from bot.dialog import Answers, Choice, Context, Field, Form
from handlers.forms.checks import clean_code
from handlers.forms.choices import BANK_METHODS, METHOD_MEANINGS

VERSION = 1


def _account(value: str, answers: Answers, context: Context) -> str | None:
    return None if re.fullmatch(r"\d{8,32}", value, re.ASCII) else "收款账号是8到32位数字，请核对。"


def _on_the_day(value: str, answers: Answers, context: Context) -> str | None:
    """Not before the application was filed, where the host says when that was."""
    filed_on = context.facts.get("filed_on")
    if filed_on is None or value >= filed_on.isoformat():
        return None
    return f"放款日期不能早于申请日期{filed_on.month}月{filed_on.day}日。"


DISBURSEMENT = Form(
    "disbursement",
    VERSION,
    "放款登记",
    (
        Field(
            "number",
            "text",
            "借据号",
            "借据号是多少？",
            example="JJ2026110001",
            maximum=40,
            clean=clean_code,
            digits=True,
            extract=False,
            names=("借据编号",),
            page="loan",
        ),
        Field(
            "amount",
            "money",
            "放款金额",
            "放了多少钱？",
            help="不能超过申请的金额。",
            example="30000",
            minimum="amount_min_fen",
            maximum="applied_fen",
            names=("金额",),
            page="loan",
        ),
        Field(
            "disbursed_on",
            "date",
            "放款日期",
            "哪天放的款？",
            example="今天、11月28日",
            maximum=0,
            check=_on_the_day,
            names=("日期",),
            page="loan",
        ),
        Field(
            "account",
            "text",
            "收款账号",
            "打到哪个账号？",
            help="借款人的收款账号，全部数字。",
            clean=clean_code,
            check=_account,
            digits=True,
            sensitive=True,
            extract=False,
            names=("账号", "卡号"),
            page="loan",
        ),
        Field(
            "rate",
            "rate",
            "年利率",
            "年利率是多少？",
            help="写百分之几，最多两位小数。",
            example="4.35",
            minimum=0,
            maximum="rate_cap_bp",
            names=("利率",),
            page="loan",
        ),
        Field(
            "term",
            "term",
            "期限",
            "期限多长？",
            example="12个月",
            minimum="term_min_months",
            maximum="term_max_months",
            names=("贷款期限",),
            page="loan",
        ),
        Field(
            "method",
            "choice",
            "还款方式",
            "合同定的还款方式是？",
            help="\n".join(f"{each.label}：{METHOD_MEANINGS[each.value]}" for each in BANK_METHODS),
            choices=BANK_METHODS,
            page="loan",
        ),
        Field(
            "fixed_amount",
            "money",
            "每期还多少",
            "合同定的每期还多少钱？",
            example="1000",
            minimum=1,
            maximum="applied_fen",
            when={"method": ("fixed",)},
            page="loan",
        ),
        Field(
            "settlement_cycle",
            "choice",
            "结息周期",
            "多久结一次息？",
            choices=(
                Choice("monthly", "每月", ("按月", "月")),
                Choice("quarterly", "每季", ("按季", "季度")),
            ),
            when={"method": ("interest_only",)},
            names=("结息",),
            page="loan",
        ),
    ),
)
