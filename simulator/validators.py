"""What may stand in the fields of template and subscribe messages, in menus and in customer messages."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from simulator.config import Switches, Template
from simulator.errors import ApiError

HANZI = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3007"
KEY = re.compile(r"([a-z_]+?)\d*$")
NUMBER = re.compile(r"[+-]?\d{1,32}(\.\d+)?$")
LETTERS = re.compile(r"[A-Za-z]{1,32}$")
CHARACTERS = re.compile(r"[\x21-\x7e\u2000-\u206f\u3000-\u303f\uff00-\uffef ]{1,32}$")
PHONE = re.compile(r"[-+()*# \d]{1,17}$")
CAR = re.compile(rf"[{HANZI}]?[A-Za-z0-9·]{{1,7}}[{HANZI}]?$")
NAME = re.compile(rf"([{HANZI}·]{{1,10}}|[A-Za-z .·'’-]{{1,20}})$")
PHRASE = re.compile(rf"[{HANZI}]{{1,5}}$")
CLOCK_TIME = r"([01]?\d|2[0-4]):[0-5]\d(:[0-5]\d)?"
DAY = r"(\d{4}年)?\d{1,2}月\d{1,2}日|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{4}年\d{1,2}月"
MOMENT = rf"(({DAY})( ?{CLOCK_TIME})?|{CLOCK_TIME})"
TIME = re.compile(rf"{MOMENT}( ?[~～] ?{MOMENT})?$")
DATE = re.compile(rf"({DAY})( ?{CLOCK_TIME})?( ?[~～] ?({DAY})( ?{CLOCK_TIME})?)?$")
LEGACY = ("first", "remark", "keyword")


def _amount(value: str, digits: int) -> bool:
    found = re.fullmatch(r"[¥￥$€£]?-?([\d,]+)(\.\d+)?元?", value)
    return found is not None and 1 <= len(found[1].replace(",", "")) <= digits


def _symbols(value: str) -> bool:
    return len(value) <= 5 and all(unicodedata.category(c)[0] in "PS" for c in value)


CHECKS: dict[str, Callable[[str], object]] = {
    "thing": lambda v: len(v) <= 20,
    "number": NUMBER.fullmatch,
    "letter": LETTERS.fullmatch,
    "symbol": _symbols,
    "character_string": CHARACTERS.fullmatch,
    "time": TIME.fullmatch,
    "date": DATE.fullmatch,
    "phone_number": PHONE.fullmatch,
    "car_number": CAR.fullmatch,
    "name": NAME.fullmatch,
    "phrase": PHRASE.fullmatch,
    "const": lambda v: len(v) <= 20,
    "enum": lambda v: len(v) <= 20,
}


@functools.lru_cache(maxsize=4096)
def field_kind(key: str) -> str:
    """The type in a key: `thing1` is a thing."""
    found = KEY.match(key)
    return found[1] if found else key


def value_fits(key: str, value: str, template: Template, switches: Switches) -> bool:
    """Whether a value may stand under a typed key of a template."""
    kind = field_kind(key)
    if key in template.const_values:
        return value in template.const_values[key]
    if kind == "amount":
        return _amount(value, switches.amount_digits)
    if "\n" in value and kind != "thing":
        return False
    check = CHECKS.get(kind)
    return check is None or bool(check(value))


def check_data(data: Any, template: Template, switches: Switches) -> None:
    """Raise 47003 naming the first field that does not fit the template."""
    if not isinstance(data, dict):
        raise ApiError(47003, "argument invalid! data is not an object")
    for key in template.keys if template.keys is not None else data:
        entry = data.get(key)
        value = entry.get("value") if isinstance(entry, dict) else None
        if value is None or value == "":
            if key.startswith(LEGACY):
                continue
            raise ApiError(47003, f"argument invalid! data.{key}.value is empty")
        if not isinstance(value, str | int | float) or not value_fits(key, str(value), template, switches):
            raise ApiError(47003, f"argument invalid! data.{key}.value is invalid")
    if switches.unknown_data_keys == "refuse" and template.keys is not None:
        for key in data:
            if key not in template.keys:
                raise ApiError(47003, f"argument invalid! data.{key} is not in the template")


# Menus

WITH_KEY = (
    "click",
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
)
BUTTON_TYPES = (
    *WITH_KEY,
    "view",
    "media_id",
    "article_id",
    "view_limited",
    "article_view_limited",
    "miniprogram",
)


def check_menu(buttons: Any) -> None:
    """Raise the menu error (40016–40027) of the first button that is wrong."""
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        raise ApiError(40016)
    for button in buttons:
        if not isinstance(button, dict):
            raise ApiError(47001)
        _check_name(button, 16, 40018)
        children = button.get("sub_button") or []
        if children:
            if not isinstance(children, list) or len(children) > 5:
                raise ApiError(40023)
            for child in children:
                _check_name(child, 60, 40025)
                _check_button(child, 40024, 40026, 40027)
        else:
            _check_button(button, 40017, 40019, 40020)


def _check_name(button: Any, size: int, code: int) -> None:
    name = button.get("name") if isinstance(button, dict) else None
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= size:
        raise ApiError(code)


def _check_button(button: dict[str, Any], type_code: int, key_code: int, url_code: int) -> None:
    kind = button.get("type")
    if kind not in BUTTON_TYPES:
        raise ApiError(type_code)
    if kind in WITH_KEY and not 1 <= len(str(button.get("key") or "").encode()) <= 128:
        raise ApiError(key_code)
    if kind in ("view", "miniprogram"):
        url = str(button.get("url") or "")
        if not 1 <= len(url.encode()) <= 1024:
            raise ApiError(url_code)
        if not url.startswith(("http://", "https://")):
            raise ApiError(40055)
    if kind == "miniprogram" and not (button.get("appid") and button.get("pagepath")):
        raise ApiError(type_code, "invalid weapp appid or pagepath")
