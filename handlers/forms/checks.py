"""Checks of the loan application's answers: the rules' own judgement, as soon as its answers are there.

The rules need the county's terms of the day; a context without them (`facts["terms"]`) checks only shapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bot import spoken
from bot.dialog import Answers, Check, Context
from rules import application as rules
from rules.application import ApplicantKind, Application, Terms
from rules.credit_code import check_credit_code
from rules.refusal import Refusal

UNRATED = "unknown"
_NAME = re.compile(r"[㐀-鿿\U00020000-\U000323af]{2,6}|[㐀-鿿]{1,15}(?:·[㐀-鿿]{1,15})+")


def name(value: str, answers: Answers, context: Context) -> str | None:
    """A person's name as on the ID card."""
    if _NAME.fullmatch(value) and not spoken.find_amounts(value):
        return None
    return "请写身份证上的姓名，只写名字。"


def clean_name(text: str) -> str:
    """The name in 我叫张三 and 张三。"""
    bare = text.strip(" 。.，,！!").replace(" ", "").replace("•", "·").replace("．", "·")
    return re.sub(r"^(?:我的名字(?:是|叫)|我叫|他叫|她叫|名字叫|姓名|我是|叫)[:：]?(?=..)", "", bare)


def clean_code(text: str) -> str:
    """A code without blanks, in capitals."""
    return re.sub(r"[\s-]", "", text).upper()


def id_number(value: str, answers: Answers, context: Context) -> str | None:
    """Genuine, and of somebody of the right age. Clause: S1.6."""
    terms = _terms(context)
    return _words(rules.check_id_number(value, terms, context.on)) if terms else None


def amount(value: int, answers: Answers, context: Context) -> str | None:
    """Least sum, round sum, and the most this kind of applicant may owe. Clause: S3.3, S3.5, S3.7.

    The sum is asked for before the grade: until that is known, it is judged by the best grade there is.
    """
    terms = _terms(context)
    if terms is not None and not (answers.get("grade") or context.facts.get("grade")):
        best = max(terms.line_by_grade_fen, key=lambda each: terms.line_by_grade_fen[each], default=None)
        if best is not None and terms.line_by_grade_fen[best] > terms.line_ungraded_fen:
            return _judge(rules.check_amount, answers, context, amount_fen=value, grade=best)
    return _judge(rules.check_amount, answers, context, amount_fen=value)


def grade(value: str, answers: Answers, context: Context) -> str | None:
    """A rated household needs grade A or better; an unrated one may apply. Clause: S3.1."""
    return _judge(rules.check_grade, {**answers, "grade": value}, context)


def term(value: int, answers: Answers, context: Context) -> str | None:
    """Within the terms of the county. Clause: S3.4."""
    terms = _terms(context)
    return _words(rules.check_term(value, terms)) if terms else None


def poor_households(value: int, answers: Answers, context: Context) -> str | None:
    """An operator carries one poor household for each share lent. Clause: S3.5."""
    if not isinstance(answers.get("amount"), int):
        return None
    return _judge(rules.check_poor_households, answers, context, poor_households_carried=value)


def three_haves(key: str) -> Check:
    """One of the four conditions of 三有一缺: it must be met. Clause: S3.2."""

    def check(value: bool, answers: Answers, context: Context) -> str | None:
        held = dict.fromkeys(("willing", "skilled", "able_to_repay", "lacks_funds"), True)
        return _judge(rules.check_three_haves, answers, context, **{**held, key: value})

    return check


def tax_grade(value: str, answers: Answers, context: Context) -> str | None:
    """Tax credit good enough for this county. Clause: S3.3."""
    return _judge(rules.check_tax_grade, answers, context, tax_grade=value)


def agreement(value: bool, answers: Answers, context: Context) -> str | None:
    """An agreement with the government to carry poor households, where the county wants one. Clause: S3.3."""
    return _judge(rules.check_agreement, answers, context, agreement=value)


def credit_code(value: str, answers: Answers, context: Context) -> str | None:
    """A genuine 统一社会信用代码. Clause: S2.2."""
    return _words(check_credit_code(value))


def _terms(context: Context) -> Terms | None:
    return context.facts.get("terms")


def _words(refusal: Refusal | None) -> str | None:
    return refusal.message if refusal else None


def _judge(
    rule: Callable[[Application, Terms], Refusal | None], answers: Answers, context: Context, **given: object
) -> str | None:
    terms, kind = _terms(context), answers.get("kind")
    if terms is None or not isinstance(kind, str):
        return None
    amount_fen, owed_fen = answers.get("amount"), answers.get("other_loans_amount")
    rated = context.facts.get("grade") or answers.get("grade")
    known: dict[str, Any] = {
        "kind": ApplicantKind(kind),
        "id_number": "",
        "amount_fen": amount_fen if isinstance(amount_fen, int) else 0,
        "term_months": 0,
        "industry": "",
        "grade": None if rated == UNRATED else rated,
        "owed_fen": owed_fen if isinstance(owed_fen, int) else 0,
    }
    return _words(rule(Application(**{**known, **given}), terms))
