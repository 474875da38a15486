"""核对还款单据: the bank's word on what a borrower says he has paid. Clause: S11.4."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from actions.slip_checks import Checked
from bot.dialog import Choice, Field, Form
from handlers.forms.checks import clean_code

VERSION = 1

SLIP = Form(
    "slip",
    VERSION,
    "核对还款单据",
    (
        Field(
            "outcome",
            "choice",
            "结果",
            "账上查得怎么样？",
            choices=(
                Choice("found", "到账了，现在登记", ("到账了", "到账", "收到了")),
                Choice("booked", "账上早就登记了", ("登记了", "已经登记", "登记过了")),
                Choice("not_found", "没有查到", ("没到账", "没查到", "没有到账")),
            ),
            extract=False,
            page="slip",
        ),
        Field(
            "serial",
            "text",
            "银行流水号",
            "银行流水号是多少？",
            example="20261128000123",
            when={"outcome": ("found", "booked")},
            maximum=64,
            clean=clean_code,
            digits=True,
            extract=False,
            names=("流水号",),
            page="slip",
        ),
        Field(
            "amount",
            "money",
            "到账金额",
            "银行收到多少钱？",
            example="500",
            when={"outcome": ("found",)},
            minimum=1,
            names=("金额",),
            page="slip",
        ),
        Field(
            "received_on",
            "date",
            "到账日期",
            "哪天到账的？",
            example="今天、11月27日",
            when={"outcome": ("found",)},
            maximum=0,
            names=("日期",),
            page="slip",
        ),
        Field(
            "reason",
            "text",
            "原因",
            "为什么对不上？借款人会看到，请说清楚他该怎么办。",
            example="这几天账上没有这笔钱，请带回单来柜台查",
            when={"outcome": ("not_found",)},
            minimum=4,
            maximum=200,
            extract=False,
            names=("理由",),
            page="slip",
        ),
    ),
)


def checked(answers: Mapping[str, Any]) -> Checked:
    """The finished form as the action takes it. Clause: S11.4."""
    on = answers.get("received_on")
    return Checked(
        outcome=answers["outcome"],
        serial=answers.get("serial") or "",
        amount_fen=answers.get("amount"),
        received_on=date.fromisoformat(on) if isinstance(on, str) else on,
        reason=answers.get("reason") or "",
    )
