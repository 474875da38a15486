"""A person with a phone: his pushes go through the signed webhook, answers are read as WeChat does."""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web
from aiohttp.test_utils import TestClient
from api_world import ACCOUNTS
from wechatpy.crypto import PrpCrypto, WeChatCrypto

from bot.config import Account
from bot.runtime import Clock, Runtime
from handlers import webhook
from handlers.keys import RUNTIME

_NUMBERS = itertools.count(secrets.randbelow(10**15))
_LINK = re.compile(r'<a href="weixin://bizmsgmenu\?msgmenucontent=([^&"]*)&msgmenuid=(\d*)">([^<]*)</a>')


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def nodes(fields: dict[str, Any]) -> str:
    """Fields as XML; a dict is a group, a list the same element several times."""
    out = []
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            inner = nodes(one) if isinstance(one, dict) else str(one) if isinstance(one, int) else cdata(one)
            out.append(f"<{escape(name)}>{inner}</{escape(name)}>")
    return "".join(out)


def cdata(value: str) -> str:
    return "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"


@dataclass
class Answer:
    """What the platform got: the status, the raw body, and the words the person sees ("" for none)."""

    status: int
    body: bytes
    text: str = ""
    taps: dict[str, str] = field(default_factory=dict)
    """Words of the tappable lines -> their ids."""


class Phone:
    """One person's WeChat, talking to one account."""

    def __init__(
        self, client: TestClient[Any, Any], account: Account, clock: Clock, openid: str, *, safe: bool = True
    ) -> None:
        self.client = client
        self.account = account
        self.clock = clock
        self.openid = openid
        self.safe = safe
        self.last = Answer(0, b"")

    def fields(self, **more: Any) -> dict[str, Any]:
        """What every push holds."""
        return {
            "ToUserName": self.account.original_id or "gh_test",
            "FromUserName": self.openid,
            "CreateTime": int(self.clock.now().timestamp()),
            **more,
        }

    def request(self, fields: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Query and body of a push, signed and in safe mode encrypted, as the platform makes them."""
        stamp, nonce = str(int(self.clock.now().timestamp())), secrets.token_hex(5)
        query = {"signature": sign(self.account.token, stamp, nonce), "timestamp": stamp, "nonce": nonce}
        message = f"<xml>{nodes(fields)}</xml>".encode()
        if not self.safe:
            return query, message
        key = WeChatCrypto(self.account.token, self.account.aes_key, self.account.appid).key
        sealed = PrpCrypto(key).encrypt(message, self.account.appid).decode()
        query |= {"encrypt_type": "aes", "msg_signature": sign(self.account.token, stamp, nonce, sealed)}
        clear = {"ToUserName": fields["ToUserName"], "Encrypt": sealed}
        return query, f"<xml>{nodes(clear)}</xml>".encode()

    async def push(self, fields: dict[str, Any], client: TestClient[Any, Any] | None = None) -> Answer:
        """Send a push and read the answer."""
        query, body = self.request(fields)
        path = f"/wechat/{self.account.name}"
        async with (client or self.client).post(
            path, params=query, data=body, headers={"Content-Type": "text/xml"}
        ) as response:
            raw = await response.read()
        return self.read(response.status, raw)

    def read(self, status: int, raw: bytes) -> Answer:
        """The answer as WeChat reads it: a broken signature or format fails here."""
        if status != 200 or raw in (b"success", b""):
            return Answer(status, raw)
        tree = ET.fromstring(raw)  # noqa: S314 - our own answer
        if self.safe:
            words = {name: tree.findtext(name) or "" for name in ("Encrypt", "TimeStamp", "Nonce")}
            assert tree.findtext("MsgSignature") == sign(self.account.token, *words.values())
            key = WeChatCrypto(self.account.token, self.account.aes_key, self.account.appid).key
            tree = ET.fromstring(PrpCrypto(key).decrypt(words["Encrypt"], self.account.appid))  # noqa: S314
        assert tree.findtext("ToUserName") == self.openid
        content = tree.findtext("Content") or ""
        assert len(content.encode()) <= 2048
        taps = {shown: ref for _, ref, shown in _LINK.findall(content)}
        return Answer(status, raw, _LINK.sub(r"\3", content), taps)

    def text(self, content: str, **more: Any) -> dict[str, Any]:
        return self.fields(MsgType="text", Content=content, MsgId=next(_NUMBERS), **more)

    def event(self, event: str, **more: Any) -> dict[str, Any]:
        return self.fields(MsgType="event", Event=event, **more)

    async def say(self, content: str) -> str:
        """Type something; the words that come back."""
        self.last = await self.push(self.text(content))
        assert self.last.status == 200, self.last
        return self.last.text

    async def tap(self, words: str) -> str:
        """Tap a line of the last answer."""
        assert words in self.last.taps, (words, self.last.text)
        self.last = await self.push(self.text(words, bizmsgmenuid=self.last.taps[words]))
        return self.last.text

    async def click(self, key: str) -> str:
        """Click a line of the menu."""
        self.last = await self.push(self.event("CLICK", EventKey=key))
        return self.last.text

    async def picture(self, media_id: str) -> str:
        """Send a picture."""
        self.last = await self.push(
            self.fields(MsgType="image", MediaId=media_id, PicUrl="http://x/y", MsgId=next(_NUMBERS))
        )
        return self.last.text

    async def place(self, latitude: float, longitude: float) -> str:
        """Send a location."""
        self.last = await self.push(
            self.fields(
                MsgType="location", Location_X=str(latitude), Location_Y=str(longitude), Scale=16,
                Label="村口", MsgId=next(_NUMBERS),
            )
        )  # fmt: skip
        return self.last.text

    async def voice(self, recognised: str) -> str:
        """Speak; `recognised` is what WeChat made of it."""
        self.last = await self.push(
            self.fields(
                MsgType="voice", MediaId="v", Format="amr", Recognition=recognised, MsgId=next(_NUMBERS)
            )
        )
        return self.last.text


SERVICE = next(account for account in ACCOUNTS.values() if account.kind == "service")


def webhook_app(runtime: Runtime, **options: Any) -> web.Application:
    """The webhook alone, as a process has it; `options` are those of Turns."""
    app = web.Application()
    app[RUNTIME] = runtime
    app.add_routes(webhook.ROUTES)
    app.cleanup_ctx.append(lambda app: webhook.turns_context(app, **options))
    return app
