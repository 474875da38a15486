"""What the tests of the simulator share: accounts, a client, a tiny backend that is pushed to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from wechatpy.crypto import WeChatCrypto

from simulator import AccountConfig, Template
from simulator.platform import Platform
from simulator.wire import from_xml

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SEND = "/cgi-bin/message/template/send"
TYPED = Template("TPL-due", "还款提醒", {"thing1": "项目", "amount2": "金额", "time3": "到期日"}, False, {})
Answer = Callable[[dict[str, Any]], web.Response | Awaitable[web.Response]]


def service(**changes: Any) -> AccountConfig:
    values: dict[str, Any] = {
        "name": "county",
        "appid": "wx-service",
        "secret": "s1",
        "token": "push-token",
        "aes_key": KEY,
        "original_id": "gh_county",
        "open_platform": "p1",
        "templates": {"TPL-due": TYPED, "BIZ-1": Template("BIZ-1", "通知", {"thing1": "事项"})},
    }
    return AccountConfig(**{**values, **changes})


def mini(**changes: Any) -> AccountConfig:
    values: dict[str, Any] = {
        "name": "mini",
        "kind": "mini_program",
        "appid": "wx-mini",
        "secret": "s2",
        "token": "push-token",
        "aes_key": KEY,
        "original_id": "gh_mini",
        "open_platform": "p1",
        "pages": ["pages/home/home"],
        "trial_pages": ["pages/new/new"],
        "templates": {
            "SUB-1": Template("SUB-1", "进度", {"thing1": "事项"}),
            "SUB-2": Template("SUB-2", "结果", {"thing1": "事项"}),
            "LONG": Template("LONG", "账单", {"thing1": "事项"}, long_term=True),
        },
    }
    return AccountConfig(**{**values, **changes})


class Backend:
    """Receives pushes: decrypts them with another library, keeps them, answers as it is told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.bodies: list[str] = []
        self.answer: Answer = lambda _fields: web.Response(text="success")
        self.server: TestServer | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return str(self.server.make_url("/wechat/county"))

    @property
    def events(self) -> list[str]:
        return [str(fields.get("Event")) for fields in self.got]

    async def take(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        text = await request.text()
        self.queries.append(query)
        self.bodies.append(text)
        if "msg_signature" in query and not text.startswith("{"):
            crypto = WeChatCrypto("push-token", KEY, "wx-service")
            text = crypto.decrypt_message(text, query["msg_signature"], query["timestamp"], query["nonce"])
        fields = from_xml(text) if text.startswith("<xml>") else {"json": text}
        self.got.append(fields)
        result = self.answer(fields)
        return result if isinstance(result, web.Response) else await result

    async def verify(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        return web.Response(text=request.query["echostr"])


def text_reply(fields: dict[str, Any], content: str) -> str:
    """The XML of a text reply to a push."""
    return (
        f"<xml><ToUserName><![CDATA[{fields['FromUserName']}]]></ToUserName>"
        f"<FromUserName><![CDATA[{fields['ToUserName']}]]></FromUserName><CreateTime>1700000000</CreateTime>"
        f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content></xml>"
    )


class Sim:
    """A client of one simulator."""

    def __init__(self, client: TestClient[web.Request, web.Application], platform: Platform) -> None:
        self.client = client
        self.platform = platform
        self.tokens: dict[str, str] = {}

    async def get(self, path: str, **query: str | int) -> Any:
        return await self._json(await self.client.get(path, params=query))

    async def post(self, path: str, body: Any, **query: str | int) -> Any:
        return await self._json(await self.client.post(path, data=orjson.dumps(body), params=query))

    @staticmethod
    async def _json(response: ClientResponse) -> Any:
        return await response.json(content_type=None)

    async def token(self, account: str = "county") -> str:
        if account not in self.tokens:
            config = self.platform.account(account).config
            query = {"grant_type": "client_credential", "appid": config.appid, "secret": config.secret}
            self.tokens[account] = (await self.get("/cgi-bin/token", **query))["access_token"]
        return self.tokens[account]

    async def api(self, path: str, body: Any = None, account: str = "county", **query: str | int) -> Any:
        """A call with the account's token: POST when there is a body."""
        query["access_token"] = await self.token(account)
        return await self.get(path, **query) if body is None else await self.post(path, body, **query)

    async def person(self, person: str = "wang", account: str = "county", **row: Any) -> str:
        """Make a person who follows (or has met) the account; the openid."""
        where = "follow" if self.platform.account(account).config.kind == "service" else "meet"
        answer = await self.post("/admin/users", {"person": person, where: [account], "quiet": True, **row})
        return str(answer["users"][0]["accounts"][account]["openid"])

    async def template(self, openid: str, **changes: Any) -> Any:
        body = {"touser": openid, "template_id": "TPL-due", "data": due()}
        return await self.api(SEND, {**body, **changes})

    async def push(self, person: str = "wang", account: str = "county", **action: Any) -> Any:
        return await self.post("/admin/push", {"account": account, "person": person, **action})

    async def advance(self, seconds: float) -> None:
        await self.post("/admin/clock", {"advance_seconds": seconds})

    async def switch(self, **values: Any) -> None:
        answer = await self.post("/admin/switches", values)
        assert "error" not in answer, answer

    async def sent(self, **query: str | int) -> list[dict[str, Any]]:
        return list((await self.get("/admin/sent", **query))["sent"])

    async def chat(self, openid: str, account: str = "county") -> list[dict[str, Any]]:
        return list((await self.get("/admin/chat", account=account, openid=openid))["chat"])


def due(**changes: Any) -> dict[str, Any]:
    values = {"thing1": "养牛", "amount2": "500.00元", "time3": "2026年12月1日 09:00", **changes}
    return {key: {"value": value} for key, value in values.items()}


async def until(condition: Callable[[], object]) -> None:
    """Wait a little for something to become true."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("it did not become true")


Start = Callable[..., Awaitable[Sim]]
