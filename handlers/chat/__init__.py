"""The chat: CHAT_ROUTES says what leads where; a message type, menu key or word is added as a row here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from actions.joining import SCENE
from bot import spoken
from bot.dialog_commands import tells_secret
from bot.wechat.inbound import Incoming
from handlers.chat import apply, confirm, events, loans, menu, promise, repay, status, tasks
from handlers.chat.talk import ChatRoute, ChatTurn, Record
from rules.roles import STAFF_ROLES

__all__ = ["CHAT_ROUTES", "choose", "record_of"]

_STAFF = frozenset(STAFF_ROLES)

CHAT_ROUTES: tuple[ChatRoute, ...] = (
    ChatRoute("follow", pure=events.follow, events=("subscribe",)),
    ChatRoute("join", acting=events.join, scenes=(SCENE,)),
    ChatRoute("unfollow", pure=events.unfollow, events=("unsubscribe",)),
    ChatRoute("template_receipt", record=events.template_receipt, events=("templatesendjobfinish",)),
    ChatRoute("subscribe_receipt", record=events.subscribe_receipt, events=("subscribe_msg_sent_event",)),
    ChatRoute("grant", record=events.grant, events=("subscribe_msg_popup_event",)),
    ChatRoute("grant_change", record=events.grant_change, events=("subscribe_msg_change_event",)),
    ChatRoute(
        "hardship",
        acting=menu.hardship,
        words=("有困难", "有难处", "还不上", "还不起"),
        pattern=re.compile("还不[上起了]|没钱还|有困难|有难处"),
    ),
    ChatRoute(
        "trouble",
        acting=menu.trouble,
        words=("家里有事", "家里出事了", "家里有急事"),
        pattern=re.compile("家里(?:有|出)(?:了)?(?:点|急|大)?事|(?:住院|生病|病了|去世|过世|遭灾|受灾)"),
    ),
    ChatRoute(
        "payoff",
        acting=loans.payoff,
        words=("提前还款", "提前还", "提前还清", "提前还清要多少钱", "还清要多少钱", "结清"),
        pattern=re.compile(
            "提前.{0,6}(?:还|结清)|(?:还清|还完|结清|全还).{0,4}多少|多少.{0,4}(?:还清|还完|结清)"
        ),
    ),
    ChatRoute(
        repay.NAME,
        acting=repay.paid,
        keys=("PAID",),
        words=repay.WORDS,
        pattern=re.compile("(?:已经|刚才|刚刚|昨天|今天|早就|都|我)还(?:了|过|清|掉|款了)"),
        grabs=True,
    ),
    ChatRoute(repay.PHOTO, acting=repay.photo, kinds=("image",)),
    ChatRoute(promise.NAME, acting=promise.promise, words=promise.WORDS, pattern=promise.PATTERN, grabs=True),
    ChatRoute(
        "loans",
        acting=loans.my_loans,
        keys=("LOANS",),
        words=("我的贷款", "还款", "我的还款", "还款计划", "查还款", "还多少", "什么时候还", "到期"),
        pattern=re.compile("(?:什么时候|哪天|几号|几时|多少|怎么).{0,6}还|到期|还款"),
        anywhere=("我的贷款",),
    ),
    ChatRoute(
        "status",
        acting=status.my_applications,
        keys=("STATUS",),
        words=(*status.WORDS, *status.DEEDS),
        pattern=re.compile("(?:申请|审批|贷款|办).{0,6}(?:哪一步|哪了|怎么样|好了吗|下来|结果|进度)"),
        anywhere=("我的申请", "申请进度", "进度"),
    ),
    ChatRoute(
        "apply",
        pure=apply.apply,
        scenes=("apply",),
        keys=("APPLY",),
        words=apply.STARTS,
        pattern=re.compile("贷款|借钱|借款|[想要]借|贷点"),
        grabs=True,
    ),
    ChatRoute(
        "tasks",
        acting=tasks.talk,
        keys=("TASKS",),
        words=("待办", "任务", "我的任务", "待办任务", "走访", "审核"),
        roles=_STAFF,
        grabs=True,
        anywhere=("待办", "待办任务", "我的任务", "任务", "走访"),
    ),
    ChatRoute(
        "apply_for_another",
        pure=apply.for_another,
        keys=("APPLY_OTHER",),
        words=("替人申请", "代办", "帮别人申请"),
    ),
    ChatRoute(
        "apply_on_paper",
        pure=apply.on_paper,
        keys=("APPLY_PAPER",),
        words=("录入纸质申请", "纸质申请", "录入申请"),
    ),
    ChatRoute(confirm.NAME, pure=confirm.talk, grabs=True),
    ChatRoute("claim", pure=menu.claim, words=("认领", "认领登记", "绑定", "绑定微信", "绑定身份")),
    ChatRoute("give_up", pure=apply.give_up, words=("取消", "取消申请")),
    ChatRoute(
        "human",
        acting=menu.human,
        keys=("HUMAN",),
        words=("人工", "转人工", "人工服务", "找人", "客服", "找工作人员", "电话"),
    ),
    ChatRoute(menu.PHONE, acting=menu.phone),
    ChatRoute(
        "help",
        pure=menu.help_,
        keys=("HELP",),
        words=("帮助", "菜单", "你好", "您好", "在吗", "怎么用", "help"),
    ),
)

UNCLEAR = ChatRoute("", pure=menu.unclear)
SECRET = ChatRoute("", pure=menu.secret)
_NOTHING = ChatRoute("nothing", record=events.nothing)
_PERSONAL_EVENTS = frozenset({"scan", "click"})
"""Events that somebody waits for an answer to; others that no row names are kept and acknowledged."""


def _by(rows: Iterable[ChatRoute], column: str) -> Mapping[str, tuple[ChatRoute, ...]]:
    found: dict[str, tuple[ChatRoute, ...]] = {}
    for row in rows:
        for value in getattr(row, column):
            found[value] = (*found.get(value, ()), row)
    return found


_NAMES = {row.name: row for row in CHAT_ROUTES}
_EVENTS = _by((row for row in CHAT_ROUTES if not row.scenes), "events")
_KEYS = _by(CHAT_ROUTES, "keys")
_WORDS = _by(CHAT_ROUTES, "words")
_KINDS = _by(CHAT_ROUTES, "kinds")
_PATTERNS = tuple(row for row in CHAT_ROUTES if row.pattern is not None)
_SCENES = tuple((scene, row) for row in CHAT_ROUTES for scene in row.scenes)
_PUNCTUATION_LIMIT = 60
"""Longer messages are no commands and no short questions."""


def record_of(incoming: Incoming) -> Record | None:
    """What is to be recorded of an event that nobody waits for an answer to; None for all other pushes."""
    if incoming.kind != "event" or incoming.event in _PERSONAL_EVENTS:
        return None
    rows = _EVENTS.get(incoming.event)
    return rows[0].record if rows else _NOTHING.record


def choose(turn: ChatTurn) -> ChatRoute:
    """The row for this push."""
    incoming = turn.incoming
    if incoming.kind == "event":
        return _for_event(turn)
    current = _NAMES.get(turn.where.conversation)
    if current is not None and not current.open_to(turn.actor):
        current = None
    if incoming.kind not in ("text", "voice"):
        return current or _open(_KINDS.get(incoming.kind, ()), turn) or UNCLEAR
    if tells_secret(incoming.text) and (current is None or not _minds_secrets(turn)):
        return SECRET
    said = spoken.bare(incoming.text) if len(incoming.text) <= _PUNCTUATION_LIMIT else ""
    named = _open(_WORDS.get(said, ()), turn)
    if current is not None and current.grabs:
        return named if named is not None and said in named.anywhere else current
    return named or _by_pattern(said, turn) or current or UNCLEAR


def _minds_secrets(turn: ChatTurn) -> bool:
    """Whether a form is being filled in, which warns by itself and knows what it has asked for. S18.8."""
    where = turn.where
    return where.conversation in ("apply", confirm.NAME) or "form" in where.data


def _for_event(turn: ChatTurn) -> ChatRoute:
    incoming = turn.incoming
    if incoming.scene:
        for scene, row in _SCENES:
            if incoming.scene.startswith(scene) and row.open_to(turn.actor):
                return row
    if incoming.event == "click":
        return _open(_KEYS.get(incoming.event_key, ()), turn) or UNCLEAR
    rows = _EVENTS.get(incoming.event)
    if rows:
        return rows[0]
    return UNCLEAR if incoming.event in _PERSONAL_EVENTS else _NOTHING


def _open(rows: Iterable[ChatRoute], turn: ChatTurn) -> ChatRoute | None:
    return next((row for row in rows if row.open_to(turn.actor)), None)


def _by_pattern(said: str, turn: ChatTurn) -> ChatRoute | None:
    if not said:
        return None
    return _open((row for row in _PATTERNS if row.pattern and row.pattern.search(said)), turn)
