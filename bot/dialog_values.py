"""From words or JSON to a checked answer of one field.

`read` takes what a person said to the question, `accept` what a program sent, `find` looks for an answer
inside a sentence about something else; all three ask the same judge, `dialog_checks.wrong`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bot import spoken
from bot.dialog_checks import AGREE, applies, bound, choices_of, paper_of, seasons_of, wrong
from bot.dialog_types import Answers, Choice, Choices, Consent, Context, Field, Form, Paper, Value
from bot.spoken import Heard
from bot.spoken_dates import months_until, read_date
from bot.wechat.messages import printable


class Read(NamedTuple):
    """An answer that holds. `plain`: typed so clearly that it needs no reading back."""

    value: Value
    plain: bool


class Fault(NamedTuple):
    """What is wrong with an answer, in a sentence; `choices` are the likely ones, where there are some."""

    text: str
    choices: tuple[Choice, ...] = ()


class Hit(NamedTuple):
    """A value found inside a sentence, and where."""

    value: Value
    start: int
    end: int


FOUND = frozenset({"money", "term", "choice", "phone", "idcard"})
"""The kinds that are recognised inside a sentence."""
NOT_CLEAR = "我没看明白。"
_NONE_OF_THEM = frozenset(("没有", "都没有", "无", "没", "一个都没有", "都不是", "都没"))
_ALL_OF_THEM = frozenset(("全部", "全有", "都有", "都是", "都要", "所有", "全选"))
_ORDINAL = re.compile(r"(?:我)?(?:选|要)?第?(?P<n>\d{1,3}|[一二两三四五六七八九十]{1,3})(?:个|号|项|种|条)?")
_FILLER = 3
_DENIAL = re.compile("[不没非别未]")
_PARTS = re.compile(r"[,，.。、;；/+\s]+|以及|还有|和|跟|与")


# ---- from a person's words ----


def read(field: Field, text: str, answers: Answers, context: Context) -> Read | Fault:
    """What the person said to this question, checked; or what is wrong with it. Clause: S18.1."""
    if len(text) > 1_000:
        return Fault("太长了，请说短一点。")
    found = _READ[field.kind](field, text, context)
    if isinstance(found, Fault):
        return found
    fault = wrong(field, found.value, answers, context)
    return Fault(fault) if fault else found


def _heard(heard: Heard[int] | None, fault: str = NOT_CLEAR) -> Read | Fault:
    return Read(heard.value, heard.plain) if heard else Fault(fault)


def _read_money(field: Field, text: str, context: Context) -> Read | Fault:
    return _heard(spoken.read_amount(text), "请说一个准数。" if spoken.is_vague(text) else "没看懂是多少钱。")


def _read_term(field: Field, text: str, context: Context) -> Read | Fault:
    heard = spoken.read_term(text)
    if heard:
        return _heard(heard)
    said = spoken.bare(text)
    if said in ("1", "2", "3", "一", "二", "两", "三"):
        year, month = Choice("", f"{said}年"), Choice("", f"{said}个月")
        return Fault(f"是{said}年还是{said}个月？", (year, month))
    day = read_date(text, context.on, seasons_of(context))
    return Read(months_until(day.value, context.on), False) if day else Fault("没看懂借多长时间。")


def _read_int(field: Field, text: str, context: Context) -> Read | Fault:
    heard = spoken.read_int(text)
    return Read(heard.value, True) if heard else Fault("请回答一个数字。")


def _read_rate(field: Field, text: str, context: Context) -> Read | Fault:
    return _heard(spoken.read_rate(text), "没看懂利率，最多两位小数。")


def _read_date(field: Field, text: str, context: Context) -> Read | Fault:
    high = bound(field.maximum, context)
    heard = read_date(text, context.on, seasons_of(context), "future" if high is None or high > 0 else "past")
    return Read(heard.value.isoformat(), heard.plain) if heard else Fault("没看懂这个日期。")


def _read_digits(field: Field, text: str, context: Context) -> Read | Fault:
    return Read(spoken.digits(text), spoken.tidy(text).isascii())


def _read_text(field: Field, text: str, context: Context) -> Read | Fault:
    said = " ".join(printable(text).split())
    return Read(field.clean(said) if field.clean else said, True)


def _read_choice(field: Field, text: str, context: Context) -> Read | Fault:
    found = pick(choices_of(field, context), text)
    if isinstance(found, Fault):
        return found
    return Read(found[0].value, found[1])


def pick(choices: Choices, text: str) -> tuple[Choice, bool] | Fault:
    """The one choice that the words name, by label, keyword, value, number or part; and whether plainly."""
    said = spoken.bare(text)
    exact = choices.words.get(said) or choices.values.get(said)
    if exact:
        return exact, True
    ordinal = _ORDINAL.fullmatch(said)
    if ordinal:
        place = spoken.number(ordinal["n"])
        if place and 1 <= place <= len(choices):
            return choices[int(place) - 1], True
        return Fault(f"没有第{ordinal['n']}个选项。")
    named = dict.fromkeys(choices[hit.place] for hit in _mentions(choices, said))
    if len(named) == 1:
        choice = next(iter(named))
        return choice, _nothing_else(choice, said)
    if len(said) >= 2:
        part = [
            choice for choice in choices if any(said in word for word in (choice.label, *choice.keywords))
        ]
        if len(part) == 1 and not named:
            return part[0], True
        named = named or dict.fromkeys(part)
    if named:
        return Fault("有几个都像，您说的是哪一个？", tuple(named)[:12])
    return Fault("没有这个选项。")


def _nothing_else(choice: Choice, said: str) -> bool:
    """我是普通农户 says no more than 普通农户; 不养羊 and whole sentences do."""
    longest = max(len(word) for word in (choice.label, *choice.keywords) if word in said)
    return len(said) - longest <= _FILLER and not _DENIAL.search(said)


class _Mention(NamedTuple):
    place: int
    start: int
    end: int


def _mentions(choices: Choices, said: str) -> list[_Mention]:
    """Where labels and keywords of two signs or more stand in the text; none inside a longer one."""
    found = [
        _Mention(place, start, start + len(word))
        for place, choice in enumerate(choices)
        for word in (choice.label, *choice.keywords)
        if len(word) >= 2 and (start := said.find(word)) >= 0
    ]
    return [hit for hit in found if not any(_inside(hit, other) for other in found)]


def _inside(hit: _Mention, other: _Mention) -> bool:
    longer = other.end - other.start > hit.end - hit.start
    return longer and other.start <= hit.start and hit.end <= other.end


def _read_multi(field: Field, text: str, context: Context) -> Read | Fault:
    choices = choices_of(field, context)
    said = spoken.bare(text)
    if said in _NONE_OF_THEM and said not in choices.words:
        return Read([], True)
    if said in _ALL_OF_THEM and said not in choices.words:
        return Read([choice.value for choice in choices], True)
    parts = [part for part in _PARTS.split(text.strip()) if part]
    if said.isdecimal() and len(said) > 1 and int(said[:4]) > len(choices) <= 9:
        parts = list(said)
    named: dict[Choice, None] = {}
    plain = True
    for part in parts:
        found = pick(choices, part)
        if isinstance(found, Fault):
            return Fault(f"“{part[:10]}”没看明白。", found.choices)
        named[found[0]] = None
        plain = plain and found[1]
    return Read([choice.value for choice in choices if choice in named], plain)


def _read_yesno(field: Field, text: str, context: Context) -> Read | Fault:
    said = spoken.bare(text)
    exact = choices_of(field, context).words.get(said)
    if exact:
        return Read(exact.value == "yes", True)
    answer = {"1": True, "2": False}.get(said, spoken.yes_no(text))
    if answer is not None:
        return Read(answer, True)
    if re.match(r"没有|没|不|无", said):
        return Read(False, False)
    if re.match(r"有|是的|对的|是|要", said):
        return Read(True, False)
    labels = "”或者“".join(choice.label for choice in choices_of(field, context))
    return Fault(f"请回答“{labels}”。")


def _read_confirm(field: Field, text: str, context: Context) -> Read | Fault:
    said = spoken.bare(text)
    exact = AGREE.words.get(said)
    answer = exact.value == "yes" if exact else {"1": True, "2": False}.get(said, spoken.yes_no(text))
    if answer:
        return Read(agreed(field, context), True)
    paper = paper_of(field, context)
    return Fault(
        f"不同意《{paper.title}》就不能往下办。您可以找人问清楚再决定。" if answer is False else NOT_CLEAR
    )


def agreed(field: Field, context: Context) -> dict[str, Any]:
    """The answer to a confirm field: which text was agreed to, and when. Clause: S1.4."""
    paper = paper_of(field, context)
    return {"version": paper.version, "sha256": paper.sha256, "agreed_at": context.now.isoformat()}


def consent(field: Field, value: Any) -> Consent:
    """A confirm answer as the consent that is kept."""
    kind = field.paper.kind if isinstance(field.paper, Paper) else field.paper
    return Consent(kind, value["version"], value["sha256"], value["agreed_at"])


def _read_photo(field: Field, text: str, context: Context) -> Read | Fault:
    return Fault("这里要发照片。")


def _read_location(field: Field, text: str, context: Context) -> Read | Fault:
    return Fault("这里要发位置。点右下角的“＋”，选“位置”，再点“发送”。")


_READ: Mapping[str, Callable[[Field, str, Context], Read | Fault]] = {
    "text": _read_text, "money": _read_money, "int": _read_int, "term": _read_term, "rate": _read_rate,
    "date": _read_date, "phone": _read_digits, "idcard": _read_digits, "choice": _read_choice,
    "multi": _read_multi, "yesno": _read_yesno, "photo": _read_photo, "location": _read_location,
    "confirm": _read_confirm,
}  # fmt: skip


# ---- from a program ----


def accept(field: Field, raw: Any, answers: Answers, context: Context) -> Read | Fault:
    """A value from JSON: the kept form of an answer, or a string that is read like words. The same judge."""
    if isinstance(raw, str) and field.kind == "confirm":
        raw = agreed(field, context) if raw == paper_of(field, context).sha256 else {}
    elif isinstance(raw, dict) and field.kind == "confirm" and "agreed_at" not in raw:
        raw = {**raw, "agreed_at": context.now.isoformat()}
    elif isinstance(raw, str) and not (field.kind == "choice" and raw in choices_of(field, context).values):
        return read(field, raw, answers, context)
    elif isinstance(raw, list) and field.kind == "multi":
        order = list(choices_of(field, context).values)
        raw = sorted(raw, key=order.index) if all(item in order for item in raw) else raw
    fault = wrong(field, raw, answers, context)
    return Fault(fault) if fault else Read(raw, True)


def settle(form: Form, raw: Mapping[str, Any], context: Context) -> tuple[dict[str, Value], dict[str, str]]:
    """The answers of a form that hold, and a sentence for each other one. What does not apply is left out.

    A required answer that is None counts as not given. Keys the form does not know are faults.
    """
    clean: dict[str, Value] = {}
    faults = {key: "没有这一项。" for key in raw if key not in form.by_key}
    for field in form.fields:
        value = raw.get(field.key)
        if (
            field.key not in raw
            or (value is None and not field.optional)
            or not applies(field, clean, context)
        ):
            continue
        found = accept(field, value, clean, context)
        if isinstance(found, Fault):
            faults[field.key] = found.text
        else:
            clean[field.key] = found.value
    for field in form.fields:
        # A check may read an answer that stands further down.
        if field.depends and field.key in clean:
            fault = wrong(field, clean[field.key], clean, context)
            if fault:
                faults[field.key] = fault
                del clean[field.key]
    return clean, faults


# ---- inside a sentence about something else ----


def find(field: Field, text: str, answers: Answers, context: Context) -> list[Hit]:
    """Every answer to this field that stands in the sentence and holds; use only a single one. S18.2."""
    search = _FIND.get(field.kind)
    hits = search(field, text, context) if search else []
    return [hit for hit in hits if wrong(field, hit.value, answers, context) is None]


def _find_money(field: Field, text: str, context: Context) -> list[Hit]:
    return [Hit(heard.value, heard.start, heard.end) for heard in spoken.find_amounts(text)]


def _find_term(field: Field, text: str, context: Context) -> list[Hit]:
    found = [Hit(heard.value, heard.start, heard.end) for heard in spoken.find_terms(text)]
    if found:
        return found
    said, seasons = spoken.tidy(text), seasons_of(context)
    clauses = [match for match in re.finditer(r"[^,.。;!?、]+", said) if len(match[0]) < len(said)]
    days = [(match, read_date(match[0], context.on, seasons)) for match in clauses]
    return [Hit(months_until(day.value, context.on), *match.span()) for match, day in days if day]


def _find_choice(field: Field, text: str, context: Context) -> list[Hit]:
    choices = choices_of(field, context)
    return [
        Hit(choices[hit.place].value, hit.start, hit.end) for hit in _mentions(choices, spoken.tidy(text))
    ]


def _find_phone(field: Field, text: str, context: Context) -> list[Hit]:
    found = re.finditer(r"(?<!\d)1[3-9]\d{9}(?![\dXx])", spoken.tidy(text))
    return [Hit(match[0], *match.span()) for match in found]


def _find_idcard(field: Field, text: str, context: Context) -> list[Hit]:
    found = re.finditer(r"(?<!\d)[1-9]\d{16}[\dXx](?!\d)", spoken.tidy(text))
    return [Hit(match[0].upper(), *match.span()) for match in found]


_FIND: Mapping[str, Callable[[Field, str, Context], list[Hit]]] = {
    "money": _find_money,
    "term": _find_term,
    "choice": _find_choice,
    "phone": _find_phone,
    "idcard": _find_idcard,
}
