"""过两天还: a day by which somebody will pay, read back before it counts. Clause: S18.4.

The word is taken for all that is past its day; where nothing is, for what is due next. No day in it: he is
asked for one; after three times a person is called.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from actions import loans, promises
from actions.handovers import call_for_help
from actions.loans import LoanView
from bot import spoken
from bot.errors import RuleRefused
from bot.spoken_dates import find_date
from handlers import texts
from handlers.chat import menu
from handlers.chat.links import with_links
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, Where, say
from rules.application import yuan

NAME = "promise"
WORDS = ("过两天还", "过几天还", "下周还", "月底还", "明天还", "晚几天还", "卖了羊就还")
PATTERN = re.compile(
    r"^(?!.*(?:借|贷|吗|不|没|多少|什么|怎么|哪天|几号|几时|几月|能不能|可不可以|还了|要还|该还)).{1,24}"
    r"(?:还|还款|还钱|还上|还清|来还|去还|还你们?|还您)(?:吧|的|啊|呢|您|你们|银行)*$"
)
_LEAVE = ("取消", "算了", "返回", "退出")
_PATIENCE = 3
_Data = dict[str, Any]


async def promise(turn: ChatTurn) -> ChatOutcome:
    """Begin, or the next message of somebody who is saying by when he will pay."""
    data = turn.where.data if turn.where.conversation == NAME and turn.incoming.kind != "event" else None
    said = spoken.bare(turn.said)
    if data is None:
        return await _begin(turn)
    if said in _LEAVE:
        return say(texts.PROMISE_LEFT, IDLE)
    if said in ("人工", "转人工"):
        return await menu.human(turn)
    if "day" in data:
        return await _sure(turn, dict(data), said)
    return await _day(turn, dict(data))


async def _owing(turn: ChatTurn) -> list[LoanView]:
    """The loans that the word is about."""
    found = [
        loan for loan in await loans.my_loans(turn.actor, turn.on) if loan.state == "active" and loan.next
    ]
    late = [loan for loan in found if loan.overdue_fen]
    return late or sorted(found, key=lambda loan: loan.next.due_on if loan.next else date.max)[:1]


async def _begin(turn: ChatTurn) -> ChatOutcome:
    owing = await _owing(turn)
    if not owing:
        return say(with_links(texts.PROMISE_NOTHING, menu.choices_for(turn.actor)), IDLE)
    data: _Data = {"loans": [loan.key for loan in owing], "said": turn.said[: promises.SAID_MAX]}
    if find_date(turn.said, turn.on) is None:
        return _ask(turn, data, texts.PROMISE_WHEN)
    return await _day(turn, data)


def _ask(turn: ChatTurn, data: _Data, head: str) -> ChatOutcome:
    furthest = texts.day(promises.furthest(turn.pack, turn.on))
    offered = [texts.day(turn.on + timedelta(days=days)) for days in (3, 7, 15)]
    text = f"{head}{texts.PROMISE_EXAMPLE.format(furthest=furthest)}"
    return say(with_links(text, [("", day) for day in offered]), Where(NAME, data))


async def _day(turn: ChatTurn, data: _Data) -> ChatOutcome:
    day = find_date(turn.said, turn.on)
    if day is None:
        return await _puzzled(turn, data, texts.PROMISE_NO_DAY)
    if day > promises.furthest(turn.pack, turn.on):
        return await _puzzled(turn, data, texts.PROMISE_TOO_FAR.format(day=texts.long_day(day)))
    if day < turn.on:
        return await _puzzled(turn, data, texts.PROMISE_OVER)
    data = {**data, "day": day.isoformat(), "tries": 0}
    week_day = "一二三四五六日"[day.weekday()]
    owed = await _owed(turn, data["loans"])
    text = texts.PROMISE_SURE.format(day=texts.day(day), week_day=week_day, amount=yuan(owed))
    return say(with_links(text, (("", "对"), ("", "不对"))), Where(NAME, data))


async def _owed(turn: ChatTurn, keys: Sequence[str]) -> int:
    found = [loan for loan in await loans.my_loans(turn.actor, turn.on) if loan.key in keys]
    late = sum(loan.overdue_fen for loan in found)
    return late or sum(loan.next.owed_fen for loan in found if loan.next)


async def _puzzled(turn: ChatTurn, data: _Data, head: str) -> ChatOutcome:
    """No day that can be taken: ask again, in the end a person calls. Clause: S18.3."""
    tries = int(data.get("tries", 0)) + 1
    if tries >= _PATIENCE:
        return await _call(turn, texts.PROMISE_CALLED)
    return _ask(turn, {**data, "tries": tries}, head)


async def _call(turn: ChatTurn, words: str) -> ChatOutcome:
    called = await call_for_help(turn.actor, "hardship", "", turn.pack, turn.now)
    return say(words.format(due=texts.day(called.due_on)), IDLE)


async def _sure(turn: ChatTurn, data: _Data, said: str) -> ChatOutcome:
    answer = spoken.yes_no(said)
    if answer:
        return await _take(turn, data)
    asked = {key: value for key, value in data.items() if key != "day"}
    if answer is None and find_date(turn.said, turn.on) is not None:
        return await _day(turn, asked)
    if answer is None:
        return await _puzzled(turn, asked, texts.PROMISE_NO_DAY)
    return _ask(turn, asked, texts.PROMISE_WHEN)


async def _take(turn: ChatTurn, data: _Data) -> ChatOutcome:
    day = date.fromisoformat(data["day"])
    try:
        for key in data["loans"]:
            await promises.give(turn.actor, key, day, data["said"], turn.pack, turn.now)
    except RuleRefused as refusal:
        if refusal.code == "broken_before":
            return await _call(turn, texts.PROMISE_BROKEN_BEFORE)
        return say(refusal.message, IDLE)
    quiet_days = turn.pack.promises(turn.on).quiet_days
    words = texts.PROMISE_TAKEN if day <= turn.on + timedelta(days=quiet_days) else texts.PROMISE_TAKEN_FAR
    return say(words.format(day=texts.day(day), days=quiet_days), IDLE)
