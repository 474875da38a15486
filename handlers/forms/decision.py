"""A reviewer's decision on an application: 通过, 退回补充 or 拒绝, with its reason. Clause: S1.2, S1.8.

`decisions` in the context are those the stage allows, `questions` the answers that can be asked again.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.dialog import Choice, Choices, Field, Form
from handlers.forms.loan_application import LOAN_APPLICATION

VERSION = 1

DECISIONS = Choices(
    (
        Choice("approve", "通过", ("同意", "可以")),
        Choice("return", "退回补充", ("退回", "补充", "打回")),
        Choice("reject", "拒绝", ("不通过", "不同意", "否决")),
    )
)

_WHO = frozenset({"id_number", "head_id_number", "applying_for", "helper_relation"})
"""Who it is for is not asked again: another person is another application."""

QUESTIONS = Choices(
    Choice(field.key, field.title, field.names)
    for field in LOAN_APPLICATION.fields
    if field.kind != "confirm" and not field.needs and field.key not in _WHO
)
"""The questions of the loan application that a reviewer can ask again."""


def decision_choices(allowed: Iterable[str]) -> Choices:
    """The decisions that a stage allows, for `context.options["decisions"]`."""
    allowed = set(allowed)
    return Choices(choice for choice in DECISIONS if choice.value in allowed)


DECISION = Form(
    "decision",
    VERSION,
    "审核意见",
    (
        Field(
            "decision",
            "choice",
            "决定",
            "您的决定是？",
            choices="decisions",
            extract=False,
            names=("意见",),
            page="decision",
        ),
        Field(
            "return_fields",
            "multi",
            "要补充的内容",
            "要申请人补哪几项？说名称就行，可以说几项，比如“用途、照片”。",
            help="申请人只要重答这几项，别的不用再填。",
            example="用途、项目照片",
            when={"decision": ("return",)},
            choices="questions",
            minimum=1,
            names=("补充内容",),
            page="decision",
        ),
        Field(
            "reason",
            "text",
            "原因",
            "原因是什么？申请人会看到，请说清楚、说明白。",
            help="写给申请人看的：为什么，他该怎么办。",
            example="照片看不清羊圈，请白天再拍两张",
            when={"decision": ("return", "reject")},
            minimum=4,
            maximum=300,
            extract=False,
            names=("理由",),
            page="decision",
        ),
    ),
)
