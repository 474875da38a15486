"""Answers that did not make it into WeChat's five seconds: jobs of the queue.

`late_reply` sends a stored reply as a service message, at most once. `late_turn` does the turn of a push that
was acknowledged while its process died; mostly it finds that the turn was done after all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from actions import inbox
from bot.runtime import Runtime
from bot.wechat.errors import WeChatError
from bot.wechat.messages import Image, News, Text
from handlers.chat.alone import Push, finish
from handlers.chat.kept import unpack_incoming, unpack_reply

log = structlog.get_logger("tianxin.chat")


async def late_reply(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """Send the stored reply of a push. Raises WeChatError where it did not go out now and may go out later.

    Who cannot be written to any more (window closed, left) is not: the reply stays stored.
    """
    key = str(payload["dedupe_key"])
    found = await inbox.claim_late_reply(key)
    if found is None:
        return
    reply = unpack_reply(found.reply)
    client = runtime.wechat.get(found.event.account)
    if client is None or not isinstance(reply, Text | Image | News):
        await inbox.note_late_reply(key, "late_not_sent")
        return
    try:
        await client.send_custom(found.event.openid, reply)
    except WeChatError as error:
        log.info("late_reply_refused", dedupe_key=key, action=error.action)
        await inbox.note_late_reply(key, "late" if error.retryable else f"late_{error.action}")
        if error.retryable:
            raise


async def late_turn(runtime: Runtime, payload: Mapping[str, Any]) -> None:
    """Do the turn of a push that was kept for later and is still not done. Run twice, it is done once."""
    key = str(payload["dedupe_key"])
    found = await inbox.kept(key)
    if found is None or found.state != "pending":
        return
    if found.event.body is None:
        await inbox.give_up(key, "its words were not kept")
        return
    incoming = unpack_incoming(found.event.body, key)
    await finish(runtime, Push(incoming, found.event))
