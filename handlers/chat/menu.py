"""What can be done here: the menu, help, and what is said to a message that leads nowhere."""

from __future__ import annotations

from dataclasses import replace

from actions import contacts
from actions.access import Actor
from actions.handovers import Reason, call_for_help
from bot import spoken
from bot.dialog_commands import looks_secret
from bot.wechat.messages import Text
from handlers import texts
from handlers.chat.links import Choice, page_link, with_links
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, Where, say

PHONE = "phone"
FARMER: tuple[Choice, ...] = (
    ("", "我要贷款"),
    ("", "我的申请"),
    ("", "我的贷款"),
    ("", "人工"),
)
STAFF: tuple[Choice, ...] = (("", "待办"), ("", "替人申请"), ("", "我的申请"), ("", "人工"))


def choices_for(actor: Actor) -> tuple[Choice, ...]:
    """The words this person is offered to tap."""
    if "cadre" in actor.roles:
        return (*STAFF[:2], ("", "录入纸质申请"), *STAFF[2:])
    return STAFF if actor.staff else FARMER


def help_(turn: ChatTurn) -> ChatOutcome:
    """帮助: what can be done here."""
    head = texts.HELP_STAFF if turn.actor.staff else texts.HELP
    lines = [head]
    if turn.draft("loan_application"):
        lines.append(texts.DRAFT_WAITS)
    return say(with_links("\n".join(lines), choices_for(turn.actor)))


def claim(turn: ChatTurn) -> ChatOutcome:
    """认领: the way to the page where somebody proves who he is; nothing of it in the chat. S1.7, S18.8."""
    return say(f"{texts.CLAIM}\n{page_link(texts.CLAIM_PAGE, turn.page('/m/identity'))}")


_NO_WORDS = {
    "image": texts.NO_PHOTO_NOW,
    "location": texts.NO_PLACE_NOW,
    "voice": texts.NOT_HEARD,
    "video": texts.NO_SUCH_KIND,
    "shortvideo": texts.NO_SUCH_KIND,
    "link": texts.NO_SUCH_KIND,
    "unknown": texts.NO_SUCH_KIND,
}


def unclear(turn: ChatTurn) -> ChatOutcome:
    """A message that leads nowhere: say so and offer ways. A password is not kept. Clause: S18.8."""
    if turn.incoming.kind in ("text", "voice") and looks_secret(turn.said, None):
        return ChatOutcome(Text(texts.SECRET), keep_body=False)
    head = _NO_WORDS.get(turn.incoming.kind, texts.NOT_UNDERSTOOD)
    if turn.incoming.kind == "voice" and turn.said.strip():
        head = texts.NOT_UNDERSTOOD
    lines = [head, *((texts.DRAFT_WAITS,) if turn.draft("loan_application") else ())]
    return say(with_links("\n".join(lines), choices_for(turn.actor)))


def secret(_turn: ChatTurn) -> ChatOutcome:
    """A code, a password or a card number outside a form: a warning, and nothing is kept. Clause: S18.8."""
    return ChatOutcome(Text(texts.SECRET), keep_body=False)


async def human(turn: ChatTurn) -> ChatOutcome:
    """人工: somebody gets a task to call; asked twice, it is one task. Clause: S18.3."""
    return await _call(turn, "asked")


async def hardship(turn: ChatTurn) -> ChatOutcome:
    """有困难, said back to a reminder: somebody calls to find a way. Clause: S18.4."""
    return await _call(turn, "hardship")


async def trouble(turn: ChatTurn) -> ChatOutcome:
    """家里有事, said back to a reminder: somebody calls, nobody presses. Clause: S18.4."""
    return await _call(turn, "family")


async def _call(turn: ChatTurn, reason: Reason) -> ChatOutcome:
    called = await call_for_help(turn.actor, reason, "", turn.pack, turn.now)
    words = (texts.HANDED_OVER if called.new else texts.ALREADY_HANDED_OVER).format(
        due=texts.day(called.due_on)
    )
    if await contacts.phone_known(turn.actor):
        return say(words, IDLE)
    return say(f"{words}\n{texts.LEAVE_PHONE}", Where(PHONE))


async def phone(turn: ChatTurn) -> ChatOutcome:
    """The number to call somebody under who asked for a person. Clause: S18.3."""
    said = spoken.digits(turn.said)
    if looks_secret(turn.said, None):
        return unclear(turn)
    if not (said.isascii() and said.isdigit()):
        return replace(unclear(turn), where=IDLE)
    await contacts.leave_phone(turn.actor, said, turn.now)
    return say(texts.PHONE_KEPT, IDLE)
