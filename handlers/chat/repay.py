"""已经还了: the borrower reports a repayment, with a photo where he has one. Clause: S11.4, S18.4.

Which loan, the photo, how much, on what day; then everything is read back and counts after 对. Whatever he
does not remember may stay open: the bank knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from actions import files, loans, slips
from actions.handovers import call_for_help
from actions.loans import LoanView
from bot import spoken
from bot.errors import RuleRefused
from bot.spoken_dates import find_date
from handlers import texts
from handlers.chat import menu
from handlers.chat.links import Choice, with_links
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, Where, say
from rules.application import yuan
from rules.slips import answers_a_photo
from rules.tasks import deadline

NAME = "repay"
PHOTO = "slip_photo"
WORDS = ("已经还了", "我还了", "已经还款了", "还了", "还过了", "已经还清了", "我已经还了", "报还款", "交单据")
_NO_PHOTO = ("没有单据", "没有", "没单据", "没拍", "丢了", "没有照片", "没照片", "找不到了")
_FORGOTTEN = ("不记得", "不知道", "忘了", "不清楚", "记不清")
_LEAVE = ("取消", "不报了", "算了", "没还", "返回", "退出")
_SHOWN = 9
_PATIENCE = 3
_Data = dict[str, Any]


async def paid(turn: ChatTurn) -> ChatOutcome:
    """Begin, or the next message of somebody who reports a repayment."""
    data = turn.where.data if turn.where.conversation == NAME and turn.incoming.kind != "event" else None
    said = spoken.bare(turn.said)
    if data is None or (said in WORDS and "loan" not in data):
        return await _begin(turn, _mentioned(turn, {}))
    if said in _LEAVE:
        return say(texts.SLIP_LEFT, IDLE)
    if said in ("人工", "转人工"):
        return await menu.human(turn)
    if turn.incoming.kind == "image":
        return await _next(turn, {**data, "photo": await _photo(turn), "tries": 0})
    return await _STEPS[_step(data)](turn, dict(data), said)


async def photo(turn: ChatTurn) -> ChatOutcome:
    """A photo without a word: after a reminder it is a slip, else nothing was asked for. Clause: S11.4."""
    days = await slips.days_since_reminder(turn.actor, turn.on)
    if not answers_a_photo(days, turn.pack.slips(turn.on)) or not await _running(turn):
        return menu.unclear(turn)
    return await _begin(turn, {"photo": await _photo(turn)})


async def _photo(turn: ChatTurn) -> str:
    kept = await files.register_wechat_media(
        turn.actor, turn.incoming.media_id, slips.PURPOSE, turn.now, turn.account.name
    )
    return kept.key


async def _running(turn: ChatTurn) -> list[LoanView]:
    """The loans that money may have been paid for, those past a day first."""
    found = [loan for loan in await loans.my_loans(turn.actor, turn.on) if loan.state == "active"]
    return sorted(found, key=lambda loan: (-loan.overdue_fen, loan.next.due_on if loan.next else date.max))


async def _begin(turn: ChatTurn, data: _Data) -> ChatOutcome:
    running = await _running(turn)
    if len(running) == 1:
        return await _next(turn, {**data, "loan": running[0].key})
    if running:
        return await _next(turn, {**data, "loans": [loan.key for loan in running[:_SHOWN]]})
    if await loans.my_loans(turn.actor, turn.on):
        return say(texts.SLIP_ALL_SETTLED, IDLE)
    called = await call_for_help(turn.actor, "paid", "", turn.pack, turn.now)
    return say(texts.SLIP_NO_LOAN.format(due=texts.day(called.due_on)), IDLE)


def _mentioned(turn: ChatTurn, data: _Data) -> _Data:
    """The data with the amount and the day that the sentence names (昨天还了五千)."""
    amounts = spoken.find_amounts(turn.said)
    if len(amounts) == 1 and "amount" not in data:
        data = {**data, "amount": amounts[0].value}
    on = find_date(turn.said, turn.on, toward="past")
    if on is not None and on <= turn.on and "day" not in data:
        data = {**data, "day": on.isoformat()}
    return data


def _step(data: Mapping[str, Any]) -> str:
    for step in ("loan", "photo", "amount", "day"):
        if step not in data:
            return step
    return "sure"


async def _next(turn: ChatTurn, data: _Data, head: str = "") -> ChatOutcome:
    """Ask for what is still missing; last of all read everything back."""
    text, choices = await _question(turn, data)
    return say(with_links(f"{head}\n{text}" if head else text, choices), Where(NAME, data))


async def _question(turn: ChatTurn, data: Mapping[str, Any]) -> tuple[str, Sequence[Choice]]:
    step = _step(data)
    if step == "loan":
        lines = [_line(loan) for loan in await _running(turn) if loan.key in data["loans"]]
        numbered = [f"{n}. {line}" for n, line in enumerate(lines, 1)]
        return "\n".join((texts.SLIP_WHICH, *numbered)), [("", line) for line in lines]
    if step == "photo":
        return texts.SLIP_PHOTO, (("", "没有单据"), ("", "取消"))
    loan = await loans.view_loan(turn.actor, str(data["loan"]), turn.on)
    if step == "amount":
        owed = loan.overdue_fen or (loan.next.owed_fen if loan.next else 0)
        guess = (("", yuan(owed)),) if owed else ()
        head = texts.SLIP_PHOTO_KEPT if data["photo"] else ""
        return head + texts.SLIP_AMOUNT, (*guess, ("", "不记得"))
    if step == "day":
        return texts.SLIP_DAY, (("", "今天"), ("", "昨天"), ("", "不记得"))
    return _read_back(loan, data), (("", "对"), ("", "不对"))


def _line(loan: LoanView) -> str:
    return f"贷款 {loan.number}，还欠{yuan(loan.balance_fen)}"


def _read_back(loan: LoanView, data: Mapping[str, Any]) -> str:
    day = texts.day(date.fromisoformat(data["day"])) if data["day"] else "不记得哪天"
    amount = yuan(data["amount"]) if data["amount"] else "不记得多少"
    photo = "有单据照片" if data["photo"] else "没有单据"
    return texts.SLIP_SURE.format(number=loan.number, day=day, amount=amount, photo=photo)


# ---- answers


async def _which(turn: ChatTurn, data: _Data, said: str) -> ChatOutcome:
    keys: Sequence[str] = data["loans"]
    shown = [loan for loan in await _running(turn) if loan.key in keys]
    by_words = {_line(loan): loan.key for loan in shown} | {loan.number: loan.key for loan in shown}
    at = int(said) if said.isdecimal() and len(said) < 3 else 0
    key = shown[at - 1].key if 1 <= at <= len(shown) else by_words.get(turn.said.strip())
    return await _answered(turn, data, "loan", key, key is not None)


async def _with_photo(turn: ChatTurn, data: _Data, said: str) -> ChatOutcome:
    found = _mentioned(turn, data)
    if said in _NO_PHOTO:
        return await _answered(turn, found, "photo", None, True)
    if found != data:
        return await _next(turn, {**found, "tries": 0})
    return await _answered(turn, data, "photo", None, False)


async def _amount(turn: ChatTurn, data: _Data, said: str) -> ChatOutcome:
    if said in _FORGOTTEN:
        return await _answered(turn, data, "amount", None, True)
    heard = spoken.read_amount(turn.said)
    if heard is None:
        found = _mentioned(turn, data)
        return await _next(turn, {**found, "tries": 0}) if "amount" in found else await _puzzled(turn, data)
    return await _answered(turn, data, "amount", heard.value, heard.value > 0)


async def _day(turn: ChatTurn, data: _Data, said: str) -> ChatOutcome:
    if said in _FORGOTTEN:
        return await _answered(turn, data, "day", None, True)
    on = find_date(turn.said, turn.on, toward="past")
    return await _answered(turn, data, "day", on.isoformat() if on else None, on is not None)


async def _answered(turn: ChatTurn, data: _Data, step: str, value: object, good: bool) -> ChatOutcome:
    if not good:
        return await _puzzled(turn, data)
    return await _next(turn, {**data, step: value, "tries": 0})


async def _puzzled(turn: ChatTurn, data: _Data) -> ChatOutcome:
    """Not understood: said so once, then how to leave; in the end a person is called. Clause: S18.3."""
    tries = int(data.get("tries", 0)) + 1
    if tries >= _PATIENCE:
        called = await call_for_help(turn.actor, "paid", "", turn.pack, turn.now)
        return say(texts.SLIP_CALLED.format(due=texts.day(called.due_on)), IDLE)
    head = texts.SLIP_NOT_HEARD if tries == 1 else texts.SLIP_NOT_HEARD_AGAIN
    return await _next(turn, {**data, "tries": tries}, head)


async def _sure(turn: ChatTurn, data: _Data, said: str) -> ChatOutcome:
    answer = spoken.yes_no(said)
    if answer is None:
        corrected = _mentioned(turn, {key: data[key] for key in ("loan", "photo")})
        if len(corrected) > 2:  # 不对，是昨天还的五百
            return await _next(turn, {**data, **corrected, "tries": 0})
        return await _puzzled(turn, data)
    if not answer:
        kept: _Data = {key: data[key] for key in ("loan", "photo") if key in data}
        return await _next(turn, kept, texts.SLIP_AGAIN)
    return await _report(turn, data)


async def _report(turn: ChatTurn, data: _Data) -> ChatOutcome:
    try:
        made = await slips.report(
            turn.actor,
            str(data["loan"]),
            amount_fen=data["amount"],
            paid_on=date.fromisoformat(data["day"]) if data["day"] else None,
            photo=data["photo"],
            pack=turn.pack,
            now=turn.now,
        )
    except RuleRefused as refusal:
        wrong = {"amount": "amount", "paid_on": "day"}.get(refusal.field or "")
        if wrong is None:
            return say(refusal.message, IDLE)
        left = {key: value for key, value in data.items() if key != wrong}
        return await _next(turn, left, refusal.message)
    if made.repeated:
        return say(texts.SLIP_KNOWN, IDLE)
    limit = deadline(turn.on, turn.pack.slips(turn.on).limit_working_days)
    last = texts.last_day(limit.at)
    return say(texts.SLIP_TAKEN.format(due=texts.day(last)), IDLE)


_STEPS = {"loan": _which, "photo": _with_photo, "amount": _amount, "day": _day, "sure": _sure}
