"""The simulated platform pushes to us in each of its modes and reads what we answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from wechat_platform import platform

from bot.config import Account
from bot.wechat.inbound import Incoming, Rejected, open_push, render_reply, verify_url
from bot.wechat.messages import Text

KEY = "".join(chr(ord("a") + n % 26) for n in range(42)) + "E"


class Backend:
    """As little of a webhook as can be: it keeps what came and says one thing."""

    def __init__(self, account: Account, says: str) -> None:
        self.account = account
        self.says = says
        self.came: list[Incoming] = []
        self.rejected: list[str] = []
        self.app = web.Application()
        self.app.router.add_route("*", "/push", self.take)

    async def take(self, request: web.Request) -> web.Response:
        now = datetime.now(UTC)
        try:
            if request.method == "GET":
                return web.Response(text=verify_url(self.account, request.query, now))
            body = await request.read()
            kind = request.headers.get("Content-Type", "")
            incoming = open_push(self.account, request.query, body, kind, now, allow_plain=True)
        except Rejected as rejected:
            self.rejected.append(rejected.reason)
            return web.Response(status=rejected.status, body=rejected.body)
        self.came.append(incoming)
        return web.Response(body=render_reply(self.account, incoming, Text(self.says), now))


DOINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"say": "我想借三万]]>\n<养羊>🐑"}, {"kind": "text", "text": "我想借三万]]>\n<养羊>🐑"}),
    ({"menu": {"id": "101", "content": "同意"}}, {"kind": "text", "text": "同意", "menu_id": "101"}),
    ({"click": "MY_LOANS"}, {"event": "click", "text": "MY_LOANS"}),
    ({"view": "https://example.com/?a=1&b=2"}, {"event": "view", "url": "https://example.com/?a=1&b=2"}),
    ({"scan": {"scene": "v123"}}, {"event": "scan", "scene": "v123"}),
    ({"voice": "我要贷五万"}, {"kind": "voice", "text": "我要贷五万"}),
    (
        {"location": {"lat": 34.2, "lng": 113.7, "label": "石固镇"}},
        {"latitude": 34.2, "longitude": 113.7, "label": "石固镇"},
    ),
    (
        {"link": {"title": "羊价", "description": "", "url": "https://example.com/"}},
        {"kind": "link", "title": "羊价"},
    ),
    ({"photo": "sample"}, {"kind": "image"}),
    ({"video": "sample"}, {"kind": "video"}),
    (
        {"event": {"Event": "LOCATION", "Latitude": "34.2", "Longitude": "113.7"}},
        {"event": "location", "latitude": 34.2},
    ),
]


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
async def test_everything_a_person_can_do_arrives_and_is_answered(mode: str) -> None:
    async with platform() as peer:
        account = Account("county", "service", "411082", "wx1", "s1", "t0ken", KEY)
        backend = Backend(account, "您好]]>，请说]]>吧")
        async with TestServer(backend.app, host="127.0.0.1") as server:
            push = {
                "push_url": str(server.make_url("/push")),
                "push_mode": mode,
                "token": "t0ken",
                "aes_key": KEY,
            }
            made = await peer.admin("accounts", {"name": "county", "appid": "wx1", "verify": True, **push})
            assert next(a for a in made["accounts"] if a["name"] == "county")["verified"]["ok"]
            await peer.person()
            backend.came.clear()
            for doing, _ in DOINGS:
                answer = await peer.admin("push", {"account": "county", "person": "wang", **doing})
                assert (answer["result"], answer["reply"]["text"]) == ("replied", "您好]]＞，请说]]＞吧")
            assert backend.rejected == []
            for incoming, (_, expected) in zip(backend.came, DOINGS, strict=True):
                assert {name: getattr(incoming, name) for name in expected} == expected
                assert incoming.encrypted == (mode != "plain")
            assert len({incoming.dedupe_key for incoming in backend.came}) == len(DOINGS)


@pytest.mark.parametrize("written", ["xml", "json"])
async def test_a_mini_program_is_answered_with_success(written: str) -> None:
    async with platform() as peer:
        account = Account("mini", "mini_program", "411082", "wx2", "s2", "t0ken", KEY)
        backend = Backend(account, "您好")
        async with TestServer(backend.app, host="127.0.0.1") as server:
            push = {
                "push_url": str(server.make_url("/push")),
                "push_format": written,
                "token": "t0ken",
                "aes_key": KEY,
            }
            await peer.admin("accounts", {"name": "mini", "appid": "wx2", **push})
            await peer.admin("users", {"person": "wang", "meet": ["mini"]})
            for doing in ({"enter": True}, {"say": "在吗"}):
                answer = await peer.admin("push", {"account": "mini", "person": "wang", **doing})
                assert answer["result"] == "accepted"
            popup = {"account": "mini", "person": "wang", "choices": {"SUB-2": "accept"}}
            await peer.admin("popup", popup)
            assert [incoming.json for incoming in backend.came] == [written == "json"] * 3
            assert [line.status for line in backend.came[-1].subscriptions] == ["accept"]
            assert backend.rejected == []


async def test_a_push_sent_three_times_has_one_key_and_a_wrong_token_is_refused() -> None:
    async with platform() as peer:
        account = Account("county", "service", "411082", "wx1", "s1", "t0ken", KEY)
        backend = Backend(account, "您好")
        async with TestServer(backend.app, host="127.0.0.1") as server:
            push = {"push_url": str(server.make_url("/push")), "token": "t0ken", "aes_key": KEY}
            await peer.admin("accounts", {"name": "county", "appid": "wx1", **push})
            await peer.person()
            backend.came.clear()
            await peer.admin("push", {"account": "county", "person": "wang", "say": "在吗", "repeat": 2})
            assert [incoming.text for incoming in backend.came] == ["在吗"] * 3
            assert len({incoming.dedupe_key for incoming in backend.came}) == 1
            await peer.admin("accounts", {"name": "county", "appid": "wx1", "token": "another"})
            answer = await peer.admin("push", {"account": "county", "person": "wang", "say": "在吗"})
            assert answer["result"] == "unavailable"
            assert set(backend.rejected) == {"signature"}


async def test_the_receipt_of_a_template_message_carries_the_id_the_send_returned() -> None:
    async with platform() as peer:
        account = Account("county", "service", "411082", "wx1", "s1", "t0ken", KEY)
        backend = Backend(account, "您好")
        async with TestServer(backend.app, host="127.0.0.1") as server:
            push = {"push_url": str(server.make_url("/push")), "token": "t0ken", "aes_key": KEY}
            await peer.admin("accounts", {"name": "county", "appid": "wx1", **push})
            openid = await peer.person()
            data = {"thing1": "养羊", "amount2": "30000元", "time3": "2026年12月1日"}
            msg_id = await peer.client(account).send_template(openid, "TPL-due", data)
            await peer.admin("clock", {"advance_seconds": 5})
            receipt = backend.came[-1].receipt
            assert receipt is not None
            assert (receipt.msg_id, receipt.status, backend.came[-1].openid) == (msg_id, "success", openid)
