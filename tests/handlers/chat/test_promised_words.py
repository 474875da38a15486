"""Every word that people are told to say is understood: in notices, in texts, in the forms."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chat_kit import Phone

from actions.status import ApplicationView
from bot import spoken
from bot.dialog_commands import COMMANDS, FINISHED, KEEP, SKIP
from handlers.chat import CHAT_ROUTES

ROOT = Path(__file__).parents[3]
PROMISE = re.compile(r"(?:回复|就发|，发|随时发|就选|并点|直接发|可以发)(“[^”]+”(?:(?:或者|、)“[^”]+”)*)")
WORD = re.compile("“([^”]+)”")
ROUTED = {word for row in CHAT_ROUTES for word in row.words}
IN_A_FORM = {*COMMANDS, *FINISHED, *SKIP, *KEEP, "都对", "同意", "正常", "有异常"}
EXAMPLES = {"1、3"}
"""Answers shown as examples, not commands."""
Phones = Callable[..., Phone]


def promised(text: str) -> list[str]:
    """The words that a text tells people to say."""
    return [word for found in PROMISE.findall(text) for word in WORD.findall(found)]


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from strings(each)


def notices() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "policies").glob("*.toml")):
        for text in strings(tomllib.loads(path.read_text("utf-8"))):
            for word in promised(text):
                yield path.name, word


def sources() -> Iterator[tuple[str, str]]:
    for room in ("bot", "handlers", "actions", "rules"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    for word in promised(node.value):
                        yield str(path.relative_to(ROOT)), word


def test_what_a_notice_promises_leads_to_a_row() -> None:
    """S1.5, S18.4: a farmer who does as he is told is never answered that he was not understood."""
    found = set(notices())
    assert {"补充", "进度", "继续", "取消", "任务", "走访", "我的贷款", "有困难", "已经还了"} <= {
        word for _, word in found
    }
    assert not {(where, word) for where, word in found if word not in ROUTED}


def test_what_the_chat_promises_is_understood_there() -> None:
    """S18.3."""
    found = [(where, word) for where, word in sources() if "{" not in word and word not in EXAMPLES]
    assert len(found) > 20
    known = ROUTED | IN_A_FORM
    assert not [each for each in found if each[1] not in known and spoken.yes_no(each[1]) is None]


@pytest.mark.usefixtures("county")
async def test_a_reminded_draft_is_given_up_by_the_word_of_the_reminder(phone: Phones) -> None:
    """S1.1: 取消 is asked once more; after 是 nothing is left to go on with."""
    somebody = phone()
    await somebody.say("我要贷款")
    await somebody.say("稍后")
    assert "确定取消吗" in (await somebody.say("取消"))
    await somebody.say("是")
    assert "没有没填完的表" in (await somebody.say("取消"))


def test_every_deed_asks_a_fact_of_the_view() -> None:
    from handlers.chat.status import DEEDS

    facts = {"may_supplement", "may_confirm", "may_withdraw", "own"}
    assert facts <= set(ApplicationView.__dataclass_fields__)
    assert set(DEEDS) <= ROUTED
