"""Which fields apply, what holds as an answer, and how an answer is written for reading. Pure.

`wrong` is the only judge of an answer, whichever way it came in: chat, mini-program, page or import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from bot import spoken
from bot.dialog_types import Answers, Choice, Choices, Context, Field, Paper, as_choices
from bot.spoken_dates import Seasons, date_text

NUMBERS = frozenset({"money", "int", "term", "rate"})
AGREE = Choices((Choice("yes", "同意", ("我同意", "已读", "已阅读", "看过了")), Choice("no", "不同意")))
_PLACE_RANGE = (("latitude", 90), ("longitude", 180))


def applies(field: Field, answers: Answers, context: Context) -> bool:
    """Whether the question is to be asked at all, by what is answered so far and by the person's rights."""
    if field.needs and field.needs not in context.may:
        return False
    for key, allowed in field.when.items():  # noqa: SIM110 - asked for every field in every turn
        if answers.get(key) not in allowed:
            return False
    return True


def choices_of(field: Field, context: Context) -> Choices:
    """The field's choices, from the form or the county's lists. Raises LookupError for an unknown list."""
    if field.kind == "confirm":
        return AGREE
    if not isinstance(field.choices, str):
        return as_choices(field.choices)
    if field.choices not in context.options:
        raise LookupError(f"field {field.key} needs the list {field.choices!r} in context.options")
    return as_choices(context.options[field.choices])


def paper_of(field: Field, context: Context) -> Paper:
    """The text to agree to: the county's own, else the form's."""
    if isinstance(field.paper, Paper):
        return context.papers.get(field.paper.kind, field.paper)
    if field.paper not in context.papers:
        raise LookupError(f"field {field.key} needs the paper {field.paper!r} in context.papers")
    return context.papers[field.paper]


def bound(limit: int | str | None, context: Context) -> int | None:
    """A limit as a number; a name missing from `context.limits` bounds nothing."""
    return context.limits.get(limit) if isinstance(limit, str) else limit


def seasons_of(context: Context) -> Seasons:
    """The farming seasons of the county."""
    names = {name: context.limits[name] for name in Seasons._fields if name in context.limits}
    return Seasons(**names)


# ---- the one judge ----


def wrong(field: Field, value: Any, answers: Answers, context: Context) -> str | None:
    """The sentence that says why the value is no answer to this field, or None when it is one."""
    if value is None:
        return None if field.optional else "这一项不能空着。"
    fault = _WRONG[field.kind](field, value, context)
    if fault is None and field.check is not None:
        fault = field.check(value, answers, context)
    return fault


def _wrong_number(field: Field, value: Any, context: Context) -> str | None:
    if type(value) is not int:
        return "这里要填数字。"
    low, high = bound(field.minimum, context), bound(field.maximum, context)
    if low is not None and value < low:
        return f"{field.title}不能少于{show_number(field, low)}。"
    if high is not None and value > high:
        return f"{field.title}不能超过{show_number(field, high)}。"
    return "这里不能填负数。" if value < 0 else None


def _wrong_text(field: Field, value: Any, context: Context) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return "这一项不能空着。"
    low, high = bound(field.minimum, context) or 1, bound(field.maximum, context) or 200
    if len(value) < low:
        return f"太短了，请至少写{low}个字。"
    return f"太长了，请不要超过{high}个字。" if len(value) > high else None


def _wrong_date(field: Field, value: Any, context: Context) -> str | None:
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        return "没看懂这个日期。"
    low, high = bound(field.minimum, context), bound(field.maximum, context)
    if low is not None and day < context.on + timedelta(low):
        return f"日期不能早于{date_text(context.on + timedelta(low))}。"
    if high is not None and day > context.on + timedelta(high):
        return f"日期不能晚于{date_text(context.on + timedelta(high))}。"
    return None


def _wrong_phone(field: Field, value: Any, context: Context) -> str | None:
    if isinstance(value, str) and re.fullmatch(r"1[3-9]\d{9}", value, re.ASCII):
        return None
    return "手机号要11位数字，以1开头。"


def _wrong_idcard(field: Field, value: Any, context: Context) -> str | None:
    """GB 11643: 17 digits and a check sign, a real date of birth; age limits come from the context. S1.6."""
    if not isinstance(value, str) or not re.fullmatch(r"[1-9]\d{16}[\dX]", value, re.ASCII):
        return "身份证号要18位，最后一位可能是X。"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    if "10X98765432"[sum(int(c) * w for c, w in zip(value, weights, strict=False)) % 11] != value[17]:
        return "这个身份证号不对，可能有一位写错了，请照着身份证再核对一遍。"
    try:
        born = date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    except ValueError:
        return "身份证号里的出生日期不对，请再核对一遍。"
    age = context.on.year - born.year - ((context.on.month, context.on.day) < (born.month, born.day))
    low, high = bound(field.minimum, context) or 0, bound(field.maximum, context) or 150
    if age < 0:
        return "身份证号里的出生日期不对，请再核对一遍。"
    return None if low <= age <= high else f"年龄要在{low}到{high}周岁之间，这个身份证是{age}岁。"


def _wrong_choice(field: Field, value: Any, context: Context) -> str | None:
    if isinstance(value, str) and value in choices_of(field, context).values:
        return None
    return "请从给出的选项里选一个。"


def _wrong_multi(field: Field, value: Any, context: Context) -> str | None:
    if not isinstance(value, list) or any(_wrong_choice(field, item, context) for item in value):
        return "请从给出的选项里选。"
    if len(set(value)) != len(value):
        return "同一个选项选了两次。"
    low, high = bound(field.minimum, context), bound(field.maximum, context)
    if low is not None and len(value) < low:
        return f"请至少选{low}个。"
    return f"最多选{high}个。" if high is not None and len(value) > high else None


def _wrong_yesno(field: Field, value: Any, context: Context) -> str | None:
    return None if isinstance(value, bool) else "请回答“是”或者“不是”。"


def _wrong_photo(field: Field, value: Any, context: Context) -> str | None:
    if not isinstance(value, list) or not all(isinstance(ref, str) and 0 < len(ref) <= 200 for ref in value):
        return "请发照片。"
    low, high = photo_range(field, context)
    if len(value) < low:
        return f"请至少发{low}张照片。"
    return f"最多发{high}张照片。" if len(value) > high else None


def photo_range(field: Field, context: Context) -> tuple[int, int]:
    """The least and the largest number of pictures."""
    return bound(field.minimum, context) or 1, bound(field.maximum, context) or 9


def _wrong_location(field: Field, value: Any, context: Context) -> str | None:
    if not isinstance(value, dict) or set(value) - {"latitude", "longitude", "label"}:
        return "请发位置。"
    for name, limit in _PLACE_RANGE:
        degrees = value.get(name)
        if (
            isinstance(degrees, bool)
            or not isinstance(degrees, (int, float))
            or not -limit <= degrees <= limit
        ):
            return "位置不对，请重新发一次位置。"
    label = value.get("label", "")
    return None if isinstance(label, str) and len(label) <= 200 else "位置不对，请重新发一次位置。"


def _wrong_confirm(field: Field, value: Any, context: Context) -> str | None:
    paper = paper_of(field, context)
    if not isinstance(value, dict) or not isinstance(value.get("agreed_at"), str):
        return f"请先看完《{paper.title}》，再选“同意”。"
    if (value.get("version"), value.get("sha256")) != (paper.version, paper.sha256):
        return f"《{paper.title}》有了新的内容，请看完再选“同意”。"
    return None


_WRONG: Mapping[str, Callable[[Field, Any, Context], str | None]] = {
    "text": _wrong_text, "money": _wrong_number, "int": _wrong_number, "term": _wrong_number,
    "rate": _wrong_number, "date": _wrong_date, "phone": _wrong_phone, "idcard": _wrong_idcard,
    "choice": _wrong_choice, "multi": _wrong_multi, "yesno": _wrong_yesno, "photo": _wrong_photo,
    "location": _wrong_location, "confirm": _wrong_confirm,
}  # fmt: skip


# ---- back to words ----


def show_number(field: Field, value: int) -> str:
    """A number of this field for reading, with its unit."""
    if field.kind == "money":
        return spoken.money_text(value)
    if field.kind == "term":
        return spoken.term_text(value)
    return spoken.rate_text(value) if field.kind == "rate" else f"{value}{field.unit}"


def show(field: Field, value: Any, context: Context, *, whole: bool = False) -> str:
    """An answer for reading. What is sensitive is masked unless `whole` is asked for."""
    if value is None:
        return "没有"
    if field.kind in NUMBERS:
        return show_number(field, value)
    if field.kind in ("choice", "multi"):
        labels = choices_of(field, context).values
        values = value if isinstance(value, list) else [value]
        return "、".join(labels[item].label if item in labels else item for item in values) or "没有"
    if field.kind == "yesno":
        return choices_of(field, context).values["yes" if value else "no"].label
    if field.kind == "date":
        return date_text(date.fromisoformat(value))
    if field.kind == "photo":
        return f"{len(value)}张"
    if field.kind == "location":
        return str(value.get("label") or "已发位置")
    if field.kind == "confirm":
        return "已同意"
    return str(value) if whole or not field.sensitive else masked(str(value))


def masked(text: str) -> str:
    """The ends of a number with the middle hidden: 4108**********1234, 138****5678, ****6789."""
    keep = 4 if len(text) >= 15 else 3 if len(text) >= 9 else 0
    hidden = max(len(text) - keep - 4, min(len(text), 4))
    return text[:keep] + "*" * hidden + text[keep + hidden :]
