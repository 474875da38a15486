"""The simulator on a loopback port, and clients of ours that talk to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakeredis import FakeAsyncRedis

from bot.config import Account
from bot.wechat.client import WeChat
from simulator import AccountConfig, SimulatorConfig, Template, create_simulator

COUNTY = Account("county", "service", "411082", "wx1", "s1", "t", "A" * 43, templates={"due": "TPL-due"})
MINI = Account("mini", "mini_program", "411082", "wx2", "s2", "t", "A" * 43)


class Clock:
    """A clock that is set by hand and runs on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, **by: float) -> None:
        self.ahead += timedelta(**by)


class Peer:
    """A server on loopback, the clients made for it, and what they told their observer."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.url = base_url
        self.session = session
        self.redis = FakeAsyncRedis()
        self.now = Clock()
        self.seen: list[tuple[str, str]] = []
        self.clients: list[WeChat] = []

    def client(self, account: Account = COUNTY, **options: Any) -> WeChat:
        def observe(api: str, outcome: str, seconds: float) -> None:
            assert seconds >= 0
            self.seen.append((api, outcome))

        options.setdefault("observe", observe)
        made = WeChat(account, self.session, self.url, options.pop("redis", self.redis), self.now, **options)
        self.clients.append(made)
        return made

    def calls(self, api: str) -> int:
        return sum(seen == api for seen, _ in self.seen)

    async def admin(self, path: str, body: Any = None, **query: str) -> Any:
        method = "GET" if body is None else "POST"
        async with self.session.request(
            method, f"{self.url}/admin/{path}", json=body, params=query
        ) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def fault(self, api: str, kind: str, **more: Any) -> None:
        await self.admin("faults", {"endpoint": f"/{api}", "kind": kind, **more})

    async def person(self, name: str = "wang", **more: Any) -> str:
        """Make a person who follows the county's account; the openid there."""
        made = await self.admin("users", {"person": name, "follow": ["county"], **more})
        return str(made["users"][0]["accounts"]["county"]["openid"])

    async def sent(self) -> list[dict[str, Any]]:
        return list((await self.admin("sent"))["sent"])

    async def move(self, **by: float) -> None:
        """Move both clocks."""
        self.now.move(**by)
        await self.admin("clock", {"advance_seconds": timedelta(**by).total_seconds()})


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[Peer]:
    async with TestServer(app, host="127.0.0.1") as server, aiohttp.ClientSession() as session:
        peer = Peer(str(server.make_url("")).rstrip("/"), session)
        try:
            yield peer
        finally:
            for client in peer.clients:
                await client.close()
            await peer.redis.aclose()


@asynccontextmanager
async def platform() -> AsyncIterator[Peer]:
    """The simulator with one service account and one mini-program bound to one open platform."""
    keys = {"thing1": "项目", "amount2": "金额", "time3": "到期日"}
    county = AccountConfig(
        name="county",
        appid="wx1",
        secret="s1",
        open_platform="p",
        templates={
            "TPL-due": Template("TPL-due", "还款提醒", keys),
            "SUB-1": Template("SUB-1", "进度", None),
        },
    )
    mini = AccountConfig(
        name="mini",
        appid="wx2",
        secret="s2",
        kind="mini_program",
        open_platform="p",
        templates={"SUB-2": Template("SUB-2", "进度", None)},
    )
    async with serving(create_simulator(SimulatorConfig(accounts=[county, mini]))) as peer:
        yield peer


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Peer]:
    """A peer that gives a token and answers everything else as told."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/cgi-bin/stable_token":
            return web.json_response({"access_token": "T+/=", "expires_in": 7200})
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with serving(app) as peer:
        yield peer
