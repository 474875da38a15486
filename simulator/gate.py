"""The way every API call goes: fault, method, token, kind of account, quota, body, work, answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web
from multidict import CIMultiDict

from simulator.accounts import Account
from simulator.errors import ApiError, request_id
from simulator.people import User
from simulator.platform import Platform

Answer = dict[str, Any] | web.StreamResponse
Work = Callable[["Call"], Answer] | Callable[["Call"], Awaitable[Answer]]
ANY = ("service", "mini_program")
SERVICE = ("service",)
MINI = ("mini_program",)
KEPT_RIDS = 10_000
JSON = CIMultiDict({"Content-Type": "application/json; charset=utf-8"})


@dataclass(slots=True)
class Call:
    """One API call on its way; `account` is set once the token has been accepted."""

    platform: Platform
    request: web.Request
    path: str
    now: float
    _account: Account | None = None
    raw: bytes = b""
    body: dict[str, Any] | None = None

    @property
    def account(self) -> Account:
        if self._account is None:
            raise ApiError(41001)
        return self._account

    @account.setter
    def account(self, account: Account) -> None:
        self._account = account

    @property
    def json(self) -> dict[str, Any]:
        return self.body if self.body is not None else {}

    def query(self, name: str) -> str:
        return str(self.request.query.get(name, ""))

    @property
    def base(self) -> str:
        """Address under which the simulator is mounted, as this caller sees it."""
        return str(self.request.url.origin()) + self.request.path.removesuffix(self.path)

    def user(self, openid: Any) -> User:
        """The user of this account. Raises 40003."""
        user = self.account.users.get(openid) if isinstance(openid, str) else None
        if user is None:
            raise ApiError(40003)
        return user

    def known_account(self, appid: str, secret: str) -> Account:
        """The account of an appid and secret. Raises 41002, 41004, 40013, 40243 or the switch's code."""
        if not appid:
            raise ApiError(41002)
        if not secret:
            raise ApiError(41004)
        account = self.platform.accounts.get(appid)
        if account is None:
            raise ApiError(40013)
        if account.config.secret_frozen:
            raise ApiError(40243)
        if account.config.secret != secret:
            raise ApiError(self.platform.switches.wrong_secret_code)
        return account


@dataclass(frozen=True)
class Endpoint:
    """One path: who may call it how, and what it does."""

    path: str
    method: str
    work: Work
    kinds: tuple[str, ...] = ANY
    token: bool = True
    body: bool = True


class Gate:
    """Turns endpoints into aiohttp handlers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def handler(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler of an endpoint, with its fault point."""
        platform, faults = self.platform, self.platform.faults

        async def serve(request: web.Request) -> web.StreamResponse:
            return await self._serve(endpoint, request)

        async def handle(request: web.Request) -> web.StreamResponse:
            if faults.all:
                fault = faults.pick(endpoint.path, self._account_name(request))
                if fault is not None:
                    return await fault.play(request, serve, platform.clock.now())
            return await self._serve(endpoint, request)

        return handle

    def _account_name(self, request: web.Request) -> str:
        token = self.platform.tokens.by_text.get(token_text(request))
        account = token.account if token else self.platform.accounts.get(request.query.get("appid", ""))
        return account.name if account else ""

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        platform = self.platform
        begun = time.perf_counter()
        call = Call(platform, request, endpoint.path, platform.clock.now())
        try:
            answer = await self._work(endpoint, call)
        except ApiError as error:
            answer = self._refusal(call, error, begun)
        if platform.journal.waiting or platform.switches.fsync:
            await platform.journal.settled(platform.switches.fsync)
        return answer if isinstance(answer, web.StreamResponse) else json_answer(answer)

    async def _work(self, endpoint: Endpoint, call: Call) -> Answer:
        request = call.request
        if request.method != endpoint.method and endpoint.method != "*":
            raise ApiError(43002 if endpoint.method == "POST" else 43001)
        if endpoint.token:
            account = self.platform.tokens.account_of(token_text(request), call.now)
            if account.config.kind not in endpoint.kinds:
                raise ApiError(48001)
            call.account = account
            account.count(endpoint.path, call.now)
        if endpoint.method == "POST" and endpoint.body:
            await self._read(call)
        answer = endpoint.work(call)
        return answer if isinstance(answer, (dict, web.StreamResponse)) else await answer

    @staticmethod
    async def _read(call: Call) -> None:
        call.raw = await call.request.read()
        if not call.raw:
            raise ApiError(44002)
        try:
            body = orjson.loads(call.raw)
        except orjson.JSONDecodeError as error:
            raise ApiError(47001) from error
        if not isinstance(body, dict):
            raise ApiError(47001)
        call.body = body

    def _refusal(self, call: Call, error: ApiError, begun: float) -> dict[str, Any]:
        rid = request_id(call.now)
        answer = {"errcode": error.code, "errmsg": f"{error.text} rid: {rid}", **error.more}
        rids = self.platform.rids
        if len(rids) >= KEPT_RIDS:
            del rids[next(iter(rids))]
        rids[rid] = {
            "invoke_time": int(call.now),
            "cost_in_ms": int((time.perf_counter() - begun) * 1000),
            "request_url": call.request.path_qs,
            "request_body": call.raw.decode(errors="replace"),
            "response_body": orjson.dumps(answer).decode(),
            "client_ip": call.request.remote or "",
        }
        return answer


def json_answer(values: dict[str, Any], status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(values), status=status, headers=JSON)


def token_text(request: web.Request) -> str:
    """The access_token of the query; a query that holds nothing else is not taken apart."""
    raw = request.rel_url.raw_query_string
    if raw.startswith("access_token=") and "&" not in raw and "%" not in raw:
        return raw[len("access_token=") :]
    return str(request.query.get("access_token", ""))


def ok(**more: Any) -> dict[str, Any]:
    """errcode 0 and ok, with what else the answer holds."""
    return {"errcode": 0, "errmsg": "ok", **more}
