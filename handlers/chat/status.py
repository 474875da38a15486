"""我的申请: which stage, since when, with whom, until when; taking back and confirming. Clause: S1.5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from actions import applications
from actions import status as actions
from actions.status import ApplicationView
from bot import dialog, spoken
from bot.config import SHANGHAI
from bot.wechat.messages import TEXT_BYTES, Text, cut
from handlers import texts
from handlers.chat import apply, confirm, menu
from handlers.chat.links import Choice, cost, page_link, plain, with_links
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, Where, say
from handlers.forms.loan_application import LOAN_APPLICATION as FORM
from rules.application import yuan

WORDS = ("我的申请", "进度", "申请进度", "查进度", "办到哪了", "到哪一步了", "审批进度")
_SHOWN = 9
_WITHDRAW, _CONFIRM, _SUPPLEMENT, _NOT_MINE = "撤回申请", "确认申请", "补充材料", "不是我要的"
DEEDS: Mapping[str, Callable[[ApplicationView], bool]] = {
    "补充": lambda view: view.may_supplement,
    _SUPPLEMENT: lambda view: view.may_supplement,
    _CONFIRM: lambda view: view.may_confirm and view.own,
    _NOT_MINE: lambda view: view.may_confirm and view.own,
    "撤回": lambda view: view.may_withdraw,
    _WITHDRAW: lambda view: view.may_withdraw,
}
"""What a notice or a list offers to say -> the applications with which it can be done."""


async def my_applications(turn: ChatTurn) -> ChatOutcome:
    """Show the applications, then do what is chosen from them."""
    data = turn.where.data if turn.where.conversation == "status" and turn.incoming.kind != "event" else {}
    said = spoken.bare(turn.said)
    key = data.get("key", "")
    if data.get("sure") and (answer := spoken.yes_no(said)) is not None:
        return await _withdraw(turn, key) if answer else say(texts.KEPT_AS_IS, IDLE)
    if said in DEEDS and not key:
        able = [each.key for each in await actions.my_applications(turn.actor, turn.now) if DEEDS[said](each)]
        key = able[0] if len(able) == 1 else ""
    if key and said in ("撤回", _WITHDRAW, "不办了", _NOT_MINE):
        return await _ask_to_withdraw(turn, key)
    if key and said in ("确认", _CONFIRM):
        return confirm.begin(turn, key)
    if key and said in ("补充", _SUPPLEMENT):
        return await apply.supplement(turn, key)
    keys = data.get("keys", ())
    if said.isdecimal() and len(said) < 3 and 1 <= int(said) <= len(keys):
        return await _show(turn, await actions.view(turn.actor, keys[int(said) - 1], turn.now))
    if data and said not in (*WORDS, *DEEDS):
        return replace(menu.unclear(turn), where=IDLE)
    return await _list(turn)


async def _list(turn: ChatTurn) -> ChatOutcome:
    found = await actions.my_applications(turn.actor, turn.now)
    if not found:
        waits = f"\n{texts.DRAFT_WAITS}" if turn.draft("loan_application") else ""
        head = with_links(texts.NO_APPLICATION + waits, menu.choices_for(turn.actor))
        way = page_link(texts.CLAIM_PAGE, turn.page("/m/identity"))
        return say(head if turn.actor.staff else f"{head}\n{texts.MAYBE_CLAIM}{way}", IDLE)
    if len(found) == 1:
        return await _show(turn, found[0])
    some = found[:_SHOWN]
    lines = [f"{n}. {view.number} {view.state_words}" for n, view in enumerate(some, 1)]
    choices = [(str(n), f"{view.number} {view.state_words}") for n, view in enumerate(some, 1)]
    head = f"您有{len(found)}份申请，点一份看看："
    return say(
        with_links("\n".join((head, *lines)), choices), Where("status", {"keys": [v.key for v in some]})
    )


async def _show(turn: ChatTurn, view: ApplicationView) -> ChatOutcome:
    choices: list[Choice] = []
    text = describe(view, turn.pack.centre)
    if view.may_confirm and view.own:  # what somebody else wrote is read before it is confirmed (S1.7)
        choices += [("", _CONFIRM), ("", _NOT_MINE)]
        answers = await actions.answers_of(turn.actor, view.key)
        filled = plain(dialog.summary(FORM, answers, turn.context))
        text = cut(f"{text}\n{texts.FILLED_FOR_YOU}\n{filled}", TEXT_BYTES - cost(choices))
    elif view.may_withdraw:
        choices.append(("", _WITHDRAW))
    if view.may_supplement:
        choices.insert(0, ("", _SUPPLEMENT))
    if view.state == "rejected":
        choices.append(("", "我要贷款"))
    text = with_links(text, choices)
    if view.may_confirm and not view.own:
        text += "\n" + page_link(texts.CONFIRM_PAGE, turn.page(f"/m/applications/{view.key}"))
    return say(text, Where("status", {"key": view.key}))


def describe(view: ApplicationView, centre: str) -> str:
    """An application as its farmer reads it. Clause: S1.5, S1.8."""
    lines = [
        f"申请 {view.number}：{yuan(view.amount_fen)}，{view.term_months}个月",
        f"现在：{view.state_words}",
    ]
    if view.now_stage:
        lines.append(f"正在办：{view.now_stage}（{'、'.join(view.now_with)}）")
        lines.append(
            f"从{_on(view.since)}开始"
            + (f"，最晚{texts.day(texts.last_day(view.expected_at))}办完" if view.expected_at else "")
        )
    if view.late:
        lines.append("已经超过期限，我们在催办。")
    if view.reason:
        lines.append(f"说明：{view.reason}")
    if view.state == "rejected":
        lines.append(texts.REJECTED_ADVICE.format(centre=centre))
    return "\n".join(lines)


def _on(instant: datetime) -> str:
    return texts.day(instant.astimezone(SHANGHAI).date())


async def _ask_to_withdraw(turn: ChatTurn, key: str) -> ChatOutcome:
    view = await actions.view(turn.actor, key, turn.now)
    question = with_links(texts.WITHDRAW_SURE.format(number=view.number), [("", "是"), ("", "不")])
    return ChatOutcome(Text(question), Where("status", {"key": key, "sure": True}))


async def _withdraw(turn: ChatTurn, key: str) -> ChatOutcome:
    application = await applications.withdraw(turn.actor, key, turn.pack, turn.now)
    return say(texts.WITHDRAWN.format(number=application.number), IDLE)
