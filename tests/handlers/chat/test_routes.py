"""Every row of CHAT_ROUTES is reached by what it names, through signed XML, plain and encrypted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from chat_kit import Phone

from bot import database
from handlers.chat import CHAT_ROUTES, UNCLEAR
from handlers.chat.talk import ChatRoute
from rules.roles import STAFF_ROLES

Phones = Callable[..., Phone]
pytestmark = pytest.mark.usefixtures("county")

EXPECTED = {
    "loans": "您名下没有贷款",
    "status": "您还没有申请过",
    "apply": "给谁申请贷款",
    "apply_for_another": "什么人",
    "apply_on_paper": "由村金融扶贫服务部的人录入",
    "hardship": "已经告诉工作人员",
    "trouble": "已经告诉工作人员",
    "payoff": "没有要还的贷款",
    "repay": "请工作人员帮您核对",
    "promise": "没有要还的",
    "claim": "认领我的登记",
    "give_up": "没有没填完的表",
    "tasks": "没有要办的事",
    "human": "已经告诉工作人员",
    "help": "您可以点下面的字",
    "follow": "金融扶贫服务",
    "join": "这个二维码不是本县的",
}
"""Row -> words that only its conversation says first; rows that say nothing are in EVENTS."""

SENTENCES = {
    "hardship": ("这个月手头紧，还不上了", "我有困难想商量"),
    "trouble": ("老伴生病住院了", "家里出了点事"),
    "promise": ("等下周一发了工资就还", "再过三天还"),
    "payoff": ("我想提前把钱还了", "现在全还清得多少钱", "全部结清要多少"),
    "repay": ("我昨天还过了呀", "钱早就还清了"),
    "loans": ("我啥时候还，哪天还款啊", "钱什么时候还呀"),
    "status": ("我的申请到哪一步了呀", "贷款办得怎么样了"),
    "apply": ("我想借三万养羊", "怎么贷款"),
}


def ways(row: ChatRoute) -> list[tuple[str, str]]:
    """(kind of way, value) for every word, menu key and scene of a row, and for sentences."""
    named = [(column, value) for column in ("words", "keys", "scenes") for value in getattr(row, column)]
    return named + [("words", value) for value in SENTENCES.get(row.name, ())]


async def go(somebody: Phone, column: str, value: str) -> str:
    if column == "words":
        return await somebody.say(value)
    if column == "keys":
        return await somebody.click(value)
    answer = await somebody.push(somebody.event("SCAN", EventKey=value, Ticket="t"))
    return answer.text


@pytest.mark.parametrize("safe", [True, False], ids=["safe", "plain"])
@pytest.mark.parametrize("row", [row for row in CHAT_ROUTES if row.record is None], ids=lambda row: row.name)
async def test_what_a_row_names_leads_to_its_conversation(phone: Phones, row: ChatRoute, safe: bool) -> None:
    """S1.1, S1.5, S18.2, S18.3: words, menu keys, QR scenes and whole sentences."""
    for number, (column, value) in enumerate(ways(row)):
        somebody = phone("o-wang" if row.roles else f"o-new-{number}", safe=safe)
        words = await go(somebody, column, value)
        assert ("我记下了" if value == "我想借三万养羊" else EXPECTED[row.name]) in words, (column, value)


def test_every_row_with_words_is_in_this_test() -> None:
    reached = {row.name for row in CHAT_ROUTES if row.words or row.keys or row.scenes}
    assert reached <= set(EXPECTED)
    assert {row.name for row in CHAT_ROUTES if row.pattern} == set(SENTENCES)


def test_no_word_key_or_event_leads_to_two_rows_of_the_same_people() -> None:
    for column in ("words", "keys", "events"):
        named = [value for row in CHAT_ROUTES if not row.scenes for value in getattr(row, column)]
        assert len(named) == len(set(named)), column


@pytest.mark.parametrize("role", STAFF_ROLES)
async def test_tasks_are_for_whoever_has_a_post_s17_1(phone: Phones, role: str) -> None:
    """S17.1: role by role; a farmer who asks for them gets his own menu."""
    somebody = phone()
    assert "我要贷款" in (await somebody.say("待办"))
    person = (await database.fetch("SELECT person_id FROM wechat_user WHERE openid = 'o-farmer'"))[0][0]
    await database.execute(
        "INSERT INTO post (county, person_id, organisation_id, role, region, from_on)"
        " SELECT county, $1, id, $2, region, '2026-01-01' FROM organisation LIMIT 1",
        person, role,
    )  # fmt: skip
    assert "没有要办的事" in await somebody.say("待办")
    assert "待办" in (await _help(somebody)).taps


async def _help(somebody: Phone) -> Any:
    await somebody.say("帮助")
    return somebody.last


async def test_what_nobody_understands_is_answered_with_ways_on(phone: Phones) -> None:
    somebody = phone()
    for words in ("呃", "今天天气不错", "1"):
        assert "没看明白" in await somebody.say(words)
        assert "我要贷款" in somebody.last.taps
    assert UNCLEAR.pure is not None


async def test_a_tap_on_an_offered_word_is_that_word(phone: Phones) -> None:
    somebody = phone()
    await somebody.say("帮助")
    assert "给谁申请贷款" in await somebody.tap("我要贷款")
    assert "哪一类" in await somebody.tap("给自己办")


async def test_an_unknown_menu_key_is_answered_with_ways_on(phone: Phones) -> None:
    assert "我要贷款" in await phone().click("NO_LONGER_THERE")


async def test_my_loans_may_be_asked_in_the_middle_of_a_form_and_the_form_goes_on(phone: Phones) -> None:
    somebody = phone()
    await somebody.say("我要贷款")
    assert "您名下没有贷款" in await somebody.say("我的贷款")
    assert "哪一类" in await somebody.say("给自己办")


async def test_a_menu_click_in_the_middle_of_a_form_leads_out_and_back(phone: Phones) -> None:
    somebody = phone()
    await somebody.say("我要贷款")
    await somebody.say("给自己办")
    assert "您还没有申请过" in await somebody.click("STATUS")
    back = await somebody.click("APPLY")
    assert re.search("还没填完.*哪一类", back, re.S)
