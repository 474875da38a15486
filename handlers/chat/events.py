"""Events: following and leaving, receipts of messages, permissions for subscribe messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from actions import joining
from actions.inbox_changes import Change, GrantChange, ReceiptChange
from bot.config import Account
from bot.errors import RuleRefused
from bot.wechat.inbound import Incoming
from handlers import texts
from handlers.chat.links import with_links
from handlers.chat.menu import choices_for
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, say

Said = Literal["accept", "reject", "off"]


def follow(turn: ChatTurn) -> ChatOutcome:
    """Somebody follows the account: a welcome that says what can be done here."""
    lines = [texts.WELCOME.format(title=turn.pack.title), texts.ANTI_FRAUD]
    if turn.draft("loan_application"):
        lines = [texts.WELCOME_BACK, texts.DRAFT_WAITS]
    return say(with_links("\n".join(lines), choices_for(turn.actor)))


async def join(turn: ChatTurn) -> ChatOutcome:
    """Somebody scanned the code of his post: his WeChat is connected, or he hears why not. S17.1"""
    try:
        joined = await joining.join(turn.actor, turn.incoming.scene, turn.pack, turn.now)
    except RuleRefused as no:
        return say(no.message, IDLE)
    posts = "、".join(joined.posts)
    return say(texts.JOINED.format(name=joined.name, posts=posts), IDLE)


def unfollow(_turn: ChatTurn) -> ChatOutcome:
    """Somebody left: he cannot be written to any more, and no conversation goes on."""
    return ChatOutcome(where=IDLE)


def template_receipt(account: Account, incoming: Incoming) -> tuple[Change, ...]:
    """What became of a template message."""
    if incoming.receipt is None or not incoming.receipt.msg_id:
        return ()
    who = (account.name, incoming.openid)
    return (ReceiptChange(account.county, who, incoming.receipt.msg_id, incoming.receipt.status),)


def subscribe_receipt(account: Account, incoming: Incoming) -> tuple[Change, ...]:
    """What became of subscribe messages; without a message id there is nothing to look for."""
    who = (account.name, incoming.openid)
    return tuple(
        ReceiptChange(account.county, who, line.msg_id, _status(line.status, line.error_code))
        for line in incoming.subscriptions
        if line.msg_id
    )


def _status(status: str, error_code: str) -> str:
    return status if status == "success" else f"failed:{error_code}"


def grant(account: Account, incoming: Incoming) -> tuple[Change, ...]:
    """What a person allowed or declined in the pop-up."""
    return _grants(account, incoming, {"accept": "accept", "reject": "reject"})


def grant_change(account: Account, incoming: Incoming) -> tuple[Change, ...]:
    """A person turned templates off in WeChat's settings: what was allowed before is void."""
    return _grants(account, incoming, {"reject": "off"})


def _grants(account: Account, incoming: Incoming, meaning: Mapping[str, Said]) -> tuple[Change, ...]:
    who = (account.name, incoming.openid)
    return tuple(
        GrantChange(account.county, who, line.template_id, meaning[line.status], incoming.created_at)
        for line in incoming.subscriptions
        if line.template_id and line.status in meaning
    )


def nothing(_account: Account, _incoming: Incoming) -> tuple[Change, ...]:
    """Kept and acknowledged; nothing follows from it."""
    return ()
