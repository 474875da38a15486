"""What is kept of a push is enough to do its turn later; a reply comes back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.wechat.inbound import Incoming, Receipt, SubscribeChange
from bot.wechat.messages import Article, Image, News, Reply, Text
from handlers.chat.kept import pack_incoming, pack_reply, unpack_incoming, unpack_reply

KEY = "ab" * 20
BASE = Incoming(
    account="changge",
    openid="o-zhang",
    to="gh_x",
    kind="text",
    created_at=datetime(2026, 11, 28, 1, 0, 5, tzinfo=UTC),
    dedupe_key=bytes.fromhex(KEY),
    encrypted=True,
    json=False,
)


@pytest.mark.parametrize(
    "incoming",
    [
        replace(BASE, text="我要贷款", msg_id="24", menu_id="77"),
        replace(BASE, kind="location", latitude=0.0, longitude=113.7, label="村口", encrypted=False),
        replace(BASE, kind="image", media_id="m", pic_url="http://x"),
        replace(BASE, kind="event", event="scan", event_key="apply", scene="apply", ticket="t"),
        replace(BASE, kind="event", receipt=Receipt("12", "user_block", "failed:user block")),
        replace(BASE, kind="event", subscriptions=(SubscribeChange("t", "accept", popup_scene="1"),)),
    ],
    ids=lambda incoming: incoming.kind,
)
def test_a_push_comes_back_as_it_was(incoming: Incoming) -> None:
    assert unpack_incoming(pack_incoming(incoming), KEY) == incoming


@pytest.mark.parametrize("body", [b"{}", b'{"created_at":"x"}', b"[]", b'{"brand_new":1}'])
def test_what_is_no_push_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a kept push|isoformat"):
        unpack_incoming(body, KEY)


@pytest.mark.parametrize(
    "reply",
    [None, Text("好"), Image("m"), News((Article("题", "话", "http://x"), Article("二", "", "http://y")))],
)
def test_a_reply_comes_back_as_it_was(reply: Reply) -> None:
    assert unpack_reply(pack_reply(reply)) == reply
