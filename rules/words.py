"""Words of notices: filling placeholders and fitting the platform's typed template keys."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping

LOCK_SCREEN_FACTS: frozenset[str] = frozenset(
    {
        "surname",  # 张
        "honorific",  # 先生, 女士 or 老乡
        "stage",  # title of the stage
        "role",  # who has it now, never a name
        "status",  # standing in five characters
        "task",  # what is to be done, a few words
        "place",  # village
        "number",  # number of the application or loan
        "at",  # moment: 2026年12月3日 15:01
        "due_on",  # day: 2026年12月3日
        "expected_on",
        "days",
        "count",
        "centre",  # how the county calls its centre
        "phone",  # of the county centre
        "reply",
        "code",  # six digits, for the short message that asks for a confirmation (S1.7)
    }
)
"""Facts that anybody who glances at the phone may see (S18.5)."""
PRIVATE_FACTS: frozenset[str] = frozenset(
    {
        "name",
        "amount",
        "principal",
        "interest",
        "product",
        "reason",
        "advice",
        "borrower_phone",
        "grade",
        "old_grade",
    }
)
"""Facts that are shown only after the person has opened the notice."""

LONGEST: Mapping[str, str] = {
    "surname": "欧阳",
    "honorific": "先生",
    "stage": "市金融扶贫服务中心确认推荐",
    "role": "合作银行信贷员",
    "status": "等你补充",
    "task": "走访确认申请户",
    "place": "石象镇小谢庄村",
    "number": "411082202612030001",
    "at": "2026年12月30日 15:01",
    "due_on": "2026年12月30日",
    "expected_on": "2026年12月30日",
    "days": "1080",
    "count": "999",
    "centre": "市金融扶贫服务中心",
    "phone": "0374-12345678",
    "reply": "回",
    "code": "308042",
}
"""A long but real filling of each fact: words of a pack are measured with these."""

_HANZI = r"\u3400-\u4dbf\u4e00-\u9fff"
_DATE = r"\d{4}年\d{1,2}月\d{1,2}日|\d{4}[-/]\d{1,2}[-/]\d{1,2}"
_TIME = r"\d{1,2}:\d{2}(:\d{2})?"
_MOMENT = rf"(({_DATE})( {_TIME})?|{_TIME})"
KEY_TYPES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "thing": (re.compile(r"[^\r\n\t]{1,20}"), "at most 20 characters"),
    "number": (re.compile(r"(?=.{1,32}$)-?\d+(\.\d+)?"), "at most 32 digits"),
    "letter": (re.compile(r"[A-Za-z]{1,32}"), "at most 32 letters"),
    "symbol": (re.compile(r"[^\w\s]{1,5}"), "at most 5 symbols"),
    "character_string": (re.compile(r"[!-~]{1,32}"), "at most 32 digits, letters or symbols"),
    "time": (re.compile(rf"{_MOMENT}(~{_MOMENT})?"), "a time such as 2026年12月3日 15:01"),
    "date": (re.compile(rf"({_DATE})( {_TIME})?"), "a date such as 2026年12月3日"),
    "amount": (re.compile(r"[¥￥$]?\d{1,10}(\.\d{1,2})?元?"), "at most 10 digits with decimals and 元"),
    "phone_number": (re.compile(r"[\d+\-()]{1,17}"), "at most 17 digits or symbols"),
    "car_number": (re.compile(rf"[{_HANZI}]?[A-Z0-9]{{1,7}}[{_HANZI}]?"), "a car number"),
    "name": (re.compile(rf"[{_HANZI}·]{{1,10}}|[A-Za-z .·]{{1,20}}"), "at most 10 hanzi or 20 letters"),
    "phrase": (re.compile(rf"[{_HANZI}]{{1,5}}"), "at most 5 hanzi"),
    "const": (re.compile(r"\S{1,20}"), "one of the approved values, at most 20 characters"),
    "enum": (re.compile(r"\S{1,20}"), "one of the approved values, at most 20 characters"),
}
_CUT: Mapping[str, int] = {"thing": 20, "phrase": 5, "name": 10, "character_string": 32}


_PHONE = re.compile(r"0\d{2,3}-\d{7,8}|1[3-9]\d{9}|1\d{4}|400-\d{3}-\d{4}", re.ASCII)


def check_phone(text: str) -> str | None:
    """What is wrong with the number that people are told to call, or None: a line, a mobile, a short number.

    Clause: S11.2.
    """
    if _PHONE.fullmatch(text):
        return None
    return f"{text!r} is no number to call, e.g. 0374-6189999, 400-123-4567 or 12345"


def key_type(key: str) -> str:
    """The type in a template key: `thing` of `thing1`. Raises KeyError on an unknown type. Clause: S18.7."""
    kind = key.rstrip(string.digits)
    if kind not in KEY_TYPES or kind == key:
        raise KeyError(key)
    return kind


def check_field(key: str, text: str) -> str | None:
    """What is wrong with this text under this typed key, or None. Clause: S18.7."""
    try:
        pattern, wanted = KEY_TYPES[key_type(key)]
    except KeyError:
        return f"{key} is no typed template key, e.g. thing1 or date2"
    if pattern.fullmatch(text):
        return None
    return f"{key} wants {wanted}, not {text!r}"


def fit_field(key: str, text: str) -> str:
    """The text made to fit its key: line breaks become blanks, what is too long is cut with an ellipsis.

    Types without a safe cut (dates, numbers) come back as they are: `check_field` tells. Clause: S18.7.
    """
    one_line = " ".join(text.split())
    most = _CUT.get(key_type(key))
    if most is None or len(one_line) <= most:
        return one_line
    if key_type(key) == "thing":
        return one_line[: most - 1] + "…"
    return one_line[:most]


def placeholders(template: str) -> list[str]:
    """The facts a wording asks for, in order. Raises ValueError on a broken brace. Clause: S18.7."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


def fill(template: str, facts: Mapping[str, object]) -> str:
    """The wording with its facts. Raises KeyError naming the fact that is missing. Clause: S11.2."""
    return _format(template, lambda name: str(facts[name]))


def fill_fields(fields: Mapping[str, str], facts: Mapping[str, object]) -> dict[str, str]:
    """Every typed key filled and made to fit. Raises ValueError where one cannot. Clause: S18.7."""
    filled = {key: fit_field(key, fill(template, facts)) for key, template in fields.items()}
    for key, text in filled.items():
        problem = check_field(key, text)
        if problem:
            raise ValueError(problem)
    return filled


def longest(template: str) -> str:
    """The wording with long but real facts, to measure it before anybody sends it. Clause: S18.7."""
    return _format(template, lambda name: LONGEST.get(name, ""))


def _format(template: str, fact: Callable[[str], str]) -> str:
    # No attribute or index access: a pack is data, and `{x.__class__}` must stay powerless.
    parts = string.Formatter().parse(template)
    return "".join(text + (fact(name) if name is not None else "") for text, name, _, _ in parts)
