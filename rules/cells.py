"""What a cell of a bank's table says: exact values from text, or the reason why it cannot be read.

Full-width signs, thousands commas in their places, ¥ and 元 are understood. What could be meant in two ways
(scientific notation, 万, a third decimal) is refused with words, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from rules.identity import mask_card, mask_id, mask_name, mask_phone, parse_id_number
from rules.refusal import Refusal

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these is a formula to spreadsheet programs."""


class Unreadable(ValueError):  # noqa: N818 - says what is the case
    """Why a cell cannot be read: a Chinese sentence that says what to write instead."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may say at most. Money in fen, rates in basis points; `on` is today."""

    on: date
    amount_max_fen: int
    rate_max_bp: int
    term_max_months: int


_PLAIN_MONEY = re.compile(r"\d{1,13}(?:\.\d{1,2})?", re.ASCII)
_MONEY = re.compile(r"(\d{1,20}|\d{1,3}(?:,\d{3})+)(?:\.(\d+))?", re.ASCII)
_DAY = re.compile(
    r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日?|(\d{2})(\d{2}))"
    r"(?:[ T]0?0:00(?::00)?(?:\.0+)?)?",
    re.ASCII,
)
_RATE = re.compile(r"(\d{1,4})(?:\.(\d+))?(%?)", re.ASCII)
_SCIENTIFIC = re.compile(r"[\d.,]+[eE][+-]?\d+", re.ASCII)
_PHONE = re.compile(r"1[3-9]\d{9}", re.ASCII)
_NUMBER = re.compile(r"[0-9A-Za-z\u4e00-\u9fff（）()〔〕\[\]_./#-]+")
_HAN_OR_LETTERS = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff·•.A-Za-z （）()0-9-]{2,40}")


def _plain(text: str) -> str:
    """Full-width signs as plain ones, without blanks."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _formula(text: str) -> None:
    if text.startswith("="):
        raise Unreadable("这一格是公式，没有算好的结果，请改成数值。")
    if text.startswith("#"):
        raise Unreadable("这一格是出错的公式，请改成数值。")


def money_fen(text: str, limits: Limits) -> int:
    """An amount in yuan as fen: positive, at most two decimals, at most the limit. Raises Unreadable.

    Clause: S11.1.
    """
    if _PLAIN_MONEY.fullmatch(text):
        yuan, _, cents = text.partition(".")
        fen = int(yuan) * 100 + int(cents.ljust(2, "0"))
    else:
        fen = _money_slow(text)
    if fen <= 0:
        raise Unreadable("金额要大于0。")
    if fen > limits.amount_max_fen:
        raise Unreadable(f"金额太大，最多 {limits.amount_max_fen // 100} 元，请核对单位是不是元。")
    return fen


def _money_slow(text: str) -> int:
    plain = unicodedata.normalize("NFKC", text).strip()
    _formula(plain)
    if _SCIENTIFIC.fullmatch(plain):
        raise Unreadable("金额不要写成科学计数法，请写完整的数字。")
    if plain.startswith(("-", "−", "(")):
        raise Unreadable("金额不能是负数。")
    if "万" in plain:
        raise Unreadable("请以元为单位写数字，不要写“万”。")
    found = _MONEY.fullmatch(plain.removeprefix("¥").removeprefix("RMB").removesuffix("元"))
    if found is None:
        raise Unreadable("金额要写成数字，如 30000 或 30000.00。")
    cents = (found[2] or "").rstrip("0")
    if len(cents) > 2:
        raise Unreadable("金额最多到分，也就是两位小数。")
    return int(found[1].replace(",", "")) * 100 + int((cents or "0").ljust(2, "0"))


@lru_cache(maxsize=20_000)
def day(text: str) -> date:
    """A date: 2026-11-28, 2026/11/28, 2026.11.28, 2026年11月28日 or 20261128. Raises Unreadable.

    Clause: S11.1.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    _formula(plain)
    found = _DAY.fullmatch(plain)
    if found is None:
        raise Unreadable("日期要写成 2026-11-28 这样。")
    numbers = [int(each) for each in found.groups() if each and each.isdigit()]
    try:
        return date(*numbers)
    except ValueError:
        raise Unreadable("没有这一天，请核对日期。") from None


@lru_cache(maxsize=2_000)
def rate_bp(text: str) -> int:
    """A yearly rate in per cent (4.35 or 4.35%) as basis points, at most two decimals. Raises Unreadable.

    Below 0.2 without a per cent sign it may well be meant as a fraction (0.0435): that is refused.
    Clause: S3.5.
    """
    plain = _plain(text)
    _formula(plain)
    if plain.startswith(("-", "−")):
        raise Unreadable("年利率不能是负数。")
    found = _RATE.fullmatch(plain)
    if found is None:
        raise Unreadable("年利率写百分数，如 4.35。")
    decimals = (found[2] or "").rstrip("0")
    if not found[3] and not int(found[1]) and decimals and int(decimals.ljust(2, "0")[:2]) < 20:
        raise Unreadable("年利率写百分数，如 4.35，不要写成 0.0435。")
    if len(decimals) > 2:
        raise Unreadable("年利率最多两位小数，如 4.35。")
    return int(found[1]) * 100 + int((decimals or "0").ljust(2, "0"))


def rate_within(text: str, limits: Limits) -> int:
    """The rate, at most the limit. Raises Unreadable. Clause: S3.5."""
    found = rate_bp(text)
    if found > limits.rate_max_bp:
        raise Unreadable(f"年利率太高，最多 {limits.rate_max_bp // 100}%，请核对。")
    return found


def months(text: str, limits: Limits) -> int:
    """A term in months. Raises Unreadable. Clause: S3.4."""
    plain = _plain(text).removesuffix("个月").removesuffix("月").removesuffix(".0")
    if not (plain.isascii() and plain.isdigit()) or len(plain) > 4:
        raise Unreadable("期限写月数，如 12。")
    if not 1 <= int(plain) <= limits.term_max_months:
        raise Unreadable(f"期限要在 1 到 {limits.term_max_months} 个月之间。")
    return int(plain)


def number(text: str, longest: int) -> str:
    """A bank's number (借据号, 流水号), as it is written. Raises Unreadable. Clause: S12.1."""
    if _NUMBER.fullmatch(text):
        found = text
    else:
        found = _plain(text)
        _formula(found)
        if _SCIENTIFIC.fullmatch(found):
            raise Unreadable("长号码变成了科学计数法，后几位已丢失，请把这一列设成文本再填。")
        if not _NUMBER.fullmatch(found):
            raise Unreadable("号码里有认不出的字符。")
    if len(found) > longest:
        raise Unreadable(f"号码太长，最多 {longest} 个字。")
    return found


def id_number(text: str, limits: Limits) -> str:
    """An ID number under GB 11643. Raises Unreadable. Clause: S1.6."""
    found = parse_id_number(text, limits.on)
    if isinstance(found, Refusal):
        if _SCIENTIFIC.fullmatch(text) or (len(text) == 18 and text.endswith("000")):
            raise Unreadable("身份证号被表格软件改成了数字，后几位已丢失，请把这一列设成文本再填。")
        raise Unreadable(found.message.replace("您写的是", "这里是").replace("再写一次", "改过来"))
    return found.text


def name(text: str) -> str:
    """A person's or body's name. Raises Unreadable. Clause: S1.6."""
    _formula(text)
    if not _HAN_OR_LETTERS.fullmatch(text):
        raise Unreadable("姓名要2到40个字，不能有别的符号。")
    return text


def phone(text: str) -> str:
    """A mobile number. Raises Unreadable. Clause: S1.6."""
    plain = re.sub(r"[-\s]", "", _plain(text)).removeprefix("+86")
    if not _PHONE.fullmatch(plain):
        raise Unreadable("手机号要11位，以1开头。")
    return plain


def account(text: str) -> str:
    """A bank account: 8 to 32 digits. Raises Unreadable. Clause: S4.7."""
    plain = _plain(text).replace("-", "")
    if _SCIENTIFIC.fullmatch(text):
        raise Unreadable("账号变成了科学计数法，后几位已丢失，请把这一列设成文本再填。")
    if not (plain.isascii() and plain.isdigit() and 8 <= len(plain) <= 32):
        raise Unreadable("账号应是8到32位数字。")
    return plain


def words(text: str, longest: int) -> str:
    """Short free words. Raises Unreadable. Clause: S12.1."""
    _formula(text)
    if len(text) > longest:
        raise Unreadable(f"太长，最多 {longest} 个字。")
    return text


def check_signs(text: str) -> None:
    """No control characters and nothing that decoding could not read. Raises Unreadable. Clause: S12.1."""
    if "\ufffd" in text or not text.isprintable():
        raise Unreadable("这一格有乱码或看不见的字符，请重新填写。")


MASKS: dict[str, Callable[[str], str]] = {
    "id_number": mask_id,
    "name": mask_name,
    "phone": mask_phone,
    "account": mask_card,
}


def shown(kind: str, text: str, longest: int) -> str:
    """A cell as a list of errors may show it: personal data masked, long text cut. Clause: S17.2."""
    mask = MASKS.get(kind)
    visible = mask(text) if mask else text
    visible = "".join(each if each.isprintable() else "□" for each in visible)
    return visible if len(visible) <= longest else visible[: longest - 1] + "…"


def harmless(text: str) -> str:
    """Text for a CSV cell that no spreadsheet program takes for a formula. Clause: S12.1."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
