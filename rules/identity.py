"""Persons: ID numbers under GB 11643, ages, and how names and numbers are shown to others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from rules.refusal import Refusal

Sex = Literal["male", "female"]
_SHAPE = re.compile(r"\d{17}[\dX]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_PROVINCE = re.compile("1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91")  # GB/T 2260 and residents
_DOUBLE_SURNAME = re.compile(
    "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|令狐|慕容|夏侯|司徒|轩辕|长孙|宇文|南宫|西门|端木|百里|呼延|申屠"
    "|澹台|公冶|宗政|濮阳|淳于|单于|太叔|赫连|钟离|闻人|万俟|拓跋|独孤"
)


@dataclass(frozen=True, slots=True)
class IdNumber:
    """What an ID number says. `region` is where it was first issued, not where the person lives."""

    text: str
    region: str
    birth_on: date
    sex: Sex

    def __repr__(self) -> str:
        return f"IdNumber({mask_id(self.text)})"  # a number must not reach a log through a traceback


def parse_id_number(text: str, on: date) -> IdNumber | Refusal:
    """The number read and checked: shape, province, real birth date not after `on`, check digit.

    Blanks and a small x are forgiven; old 15-digit numbers are not in use any more. Clause: S1.6.
    """
    number = re.sub(r"[\s\-]", "", text).translate(_FULL_WIDTH).upper()
    if not _SHAPE.fullmatch(number):
        return _refuse(f"身份证号要18位，您写的是{len(number)}位，请对着证件再写一次。", "id_number_shape")
    birth_on = _birth_on(number)
    if not _PROVINCE.match(number) or birth_on is None or birth_on > on:
        return _refuse("身份证号里的地区或出生日期不对，请对着证件再写一次。", "id_number_content")
    if check_digit(number[:17]) != number[17]:
        return _refuse("身份证号有一位写错了，请对着证件再写一次。", "id_number_checksum")
    return IdNumber(number, number[:6], birth_on, "male" if int(number[16]) % 2 else "female")


_FULL_WIDTH = str.maketrans("０１２３４５６７８９ＸｘХх×", "0123456789XXXXX")


def _refuse(words: str, code: str) -> Refusal:
    return Refusal("S1.6", words, code, "id_number")


def _birth_on(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def check_digit(body: str) -> str:
    """The last character that belongs to the first seventeen digits. Clause: S1.6."""
    return _CHECK[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]


def age_on(birth_on: date, on: date) -> int:
    """Full years of age; who is born on 29 February has birthday on 1 March. Clause: S1.6."""
    return on.year - birth_on.year - ((on.month, on.day) < (birth_on.month, birth_on.day))


def surname(name: str) -> str:
    """The family name: one or two characters of a Chinese name. Clause: S18.5."""
    stripped = name.strip()
    return stripped[:2] if _DOUBLE_SURNAME.match(stripped) and len(stripped) > 2 else stripped[:1]


def honorific(sex: Sex | None) -> str:
    """先生, 女士, or 老乡 when the sex is not known. Clause: S18.5."""
    return {"male": "先生", "female": "女士"}.get(sex or "", "老乡")


def mask_name(name: str) -> str:
    """张* for 张三, 欧阳* for 欧阳小红. Clause: S18.5."""
    return f"{surname(name)}*" if name.strip() else ""


def mask_phone(phone: str) -> str:
    """138****5678; what is too short to mask is hidden whole. Clause: S17.2."""
    return _mask(phone, 3, 4)


def mask_id(number: str) -> str:
    """411082********001X: the issuing county and the last four stay. Clause: S17.2."""
    return _mask(number, 6, 4)


def mask_card(number: str) -> str:
    """The last four of a bank card. Clause: S17.2."""
    return _mask(re.sub(r"\s", "", number), 0, 4)


def _mask(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]


_PERSONAL = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|1[3-9]\d{9})(?!\d)")


def check_free_text(text: str, field: str) -> Refusal | None:
    """Free words are kept as they are: no ID number and no mobile number may stand in them. Clause: S17.2."""
    if not _PERSONAL.search(text):
        return None
    return Refusal("S17.2", "这里请不要写身份证号和手机号，申请材料里都有。", "personal_data", field)
