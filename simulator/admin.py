"""The admin interface: look at what happened, move the clock, order faults, let people act."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from simulator.admin_people import People
from simulator.clock import iso, parse_instant
from simulator.config import ConfigError, switches_about
from simulator.errors import AdminError, whole
from simulator.faults import KINDS
from simulator.gate import json_answer
from simulator.people import User, openid_of
from simulator.platform import Platform

Row = TypeVar("Row")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
HEARTBEAT_SECONDS = 15.0
DEFAULT_LIMIT = 100_000
SETTLE_SECONDS = 10.0


async def _body(request: web.Request) -> Any:
    raw = await request.read()
    try:
        return orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise AdminError(f"the body is not JSON: {error}") from error


async def _object(request: web.Request) -> dict[str, Any]:
    body = await _body(request)
    if not isinstance(body, dict):
        raise AdminError("the body must be an object")
    return body


def _number(request: web.Request, name: str, default: int) -> int:
    return whole(request.query.get(name), name, default)


def guarded(handler: Handler) -> Handler:
    """Turn wrong admin calls into JSON answers."""

    async def guard(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except AdminError as error:
            return json_answer({"error": str(error)}, error.status)
        except ConfigError as error:
            return json_answer({"error": str(error)}, 400)

    return guard


class Admin:
    """Handlers under /admin."""

    def __init__(self, platform: Platform, endpoints: Sequence[str] = ()) -> None:
        self.platform = platform
        self.endpoints = list(endpoints)
        self.people = People(platform)
        self.closing = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        table: list[tuple[str, str, Handler]] = [
            ("GET", "accounts", self.accounts),
            ("POST", "accounts", self.change_accounts),
            ("GET", "users", self.users),
            ("POST", "users", self.change_users),
            ("POST", "push", self.push),
            ("POST", "popup", self.popup),
            ("GET", "replies", self.replies),
            ("GET", "sent", self.sent),
            ("GET", "sms", self.sms),
            ("POST", "sms", self.take_sms),
            ("GET", "chat", self.chat),
            ("GET", "stream", self.stream),
            ("GET", "menu", self.menu),
            ("GET", "places", self.places),
            ("GET", "links", self.links),
            ("GET", "clock", self.clock),
            ("POST", "clock", self.move_clock),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.add_faults),
            ("DELETE", "faults", self.remove_faults),
            ("GET", "switches", self.switches),
            ("POST", "switches", self.change_switches),
            ("GET", "login_code", self.login_code),
            ("GET", "phone_code", self.phone_code),
            ("GET", "oauth_code", self.oauth_code),
            ("GET", "open", self.open),
            ("POST", "reset", self.reset),
        ]
        return [web.route(method, f"/admin/{path}", guarded(handler)) for method, path, handler in table]

    # Accounts and people

    async def accounts(self, _request: web.Request) -> web.Response:
        now = self.platform.clock.now()
        return json_answer({"accounts": [account.listed(now) for account in self.platform.accounts.values()]})

    async def change_accounts(self, request: web.Request) -> web.Response:
        body = await _body(request)
        listed = []
        for row in body if isinstance(body, list) else [body]:
            if not isinstance(row, dict):
                raise AdminError("an account must be an object")
            account = self.platform.change_account(row)
            shown = account.listed(self.platform.clock.now())
            if row.get("verify"):
                shown["verified"] = await self.platform.pusher.verify(account.config)
            listed.append(shown)
        return json_answer({"accounts": listed})

    async def users(self, request: web.Request) -> web.Response:
        return json_answer(self.people.listed(request.query))

    async def change_users(self, request: web.Request) -> web.Response:
        return json_answer(await self.people.change(await _body(request)))

    async def push(self, request: web.Request) -> web.Response:
        base = str(request.url.origin()) + request.path.removesuffix("/admin/push")
        return json_answer(await self.people.push(await _object(request), base))

    async def popup(self, request: web.Request) -> web.Response:
        return json_answer(await self.people.popup(await _object(request)))

    async def login_code(self, request: web.Request) -> web.Response:
        return json_answer(self.people.code(request.query, "login"))

    async def phone_code(self, request: web.Request) -> web.Response:
        return json_answer(self.people.code(request.query, "phone"))

    async def oauth_code(self, request: web.Request) -> web.Response:
        return json_answer(self.people.code(request.query, "oauth"))

    async def open(self, request: web.Request) -> web.Response:
        return self.people.open(request.query, request.cookies)

    async def menu(self, request: web.Request) -> web.Response:
        account = self.platform.account(request.query.get("account"))
        menuid, buttons = account.menu_for(self._known_user(request))
        return json_answer({"menuid": menuid, "button": buttons})

    def _known_user(self, request: web.Request) -> User | None:
        """The user a question is about; asking about somebody makes nobody."""
        query = request.query
        if query.get("openid"):
            return self.platform.user(dict(query))
        account = self.platform.account(query.get("account"))
        return account.users.get(openid_of(account.appid, query.get("person", "")))

    async def places(self, _request: web.Request) -> web.Response:
        return json_answer({"places": self.platform.config.places})

    async def links(self, _request: web.Request) -> web.Response:
        return json_answer({"links": self.platform.config.links})

    # What happened

    async def replies(self, request: web.Request) -> web.Response:
        pushes = self.platform.pusher.since(_number(request, "after", 0))
        if request.query.get("account"):
            account = self.platform.account(request.query["account"])
            pushes = [push for push in pushes if push.user.account is account]
        pushes = _page(request, pushes)
        last = pushes[-1].id if pushes else _number(request, "after", 0)
        return json_answer({"replies": [push.listed() for push in pushes], "last": last})

    async def sent(self, request: web.Request) -> web.Response:
        query, after = request.query, _number(request, "after", 0)
        rows = self.platform.journal.since(after)
        if query.get("account"):
            account = self.platform.account(query["account"])
            rows = [row for row in rows if row.account is account]
        if query.get("kind"):
            rows = [row for row in rows if row.kind == query["kind"]]
        if query.get("openid"):
            rows = [row for row in rows if query["openid"] in (row.touser, *_many(row.touser))]
        page = _page(request, rows)
        last = page[-1].seq if page else after
        more = bool(page) and page[-1] is not rows[-1]
        return json_answer({"sent": [row.listed() for row in page], "last": last, "more": more})

    async def sms(self, request: web.Request) -> web.Response:
        rows = [row for row in self.platform.sms if row["id"] > _number(request, "after", 0)]
        return json_answer({"sms": _page(request, rows)})

    async def take_sms(self, request: web.Request) -> web.Response:
        """A short message that the backend's provider would have sent: shown, not carried anywhere."""
        body = await _object(request)
        texts = {name: str(body.get(name) or "") for name in ("phone", "text", "key")}
        if not texts["phone"] or not texts["text"]:
            raise AdminError("give phone and text")
        return json_answer(self.platform.take_sms(**texts))

    async def chat(self, request: web.Request) -> web.Response:
        if not request.query.get("openid") and not request.query.get("person"):
            raise AdminError("person or openid is missing")
        user, after = self._known_user(request), _number(request, "after", 0)
        entries = [entry for entry in list(user.chat if user else []) if entry.id > after]
        rows = [entry.listed() for entry in _page(request, entries)]
        return json_answer({"chat": rows, "last": rows[-1]["id"] if rows else after})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events; a browser that comes back tells the last id it saw."""
        account = self.platform.account(request.query["account"]).name if request.query.get("account") else ""
        openid = request.query.get("openid", "")
        if request.query.get("person") and account:
            openid = openid_of(self.platform.account(account).appid, request.query["person"])
        chat = self.platform.chat
        subscription = chat.listen(account, openid)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
        )
        try:
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            seen = request.headers.get("Last-Event-ID") or request.query.get("after") or ""
            if seen.isdigit():
                for entry in chat.since(int(seen)):
                    row = entry.listed()
                    if (not account or row["account"] == account) and (not openid or row["openid"] == openid):
                        await response.write(sse("chat", row["id"], row))
            await self._feed(response, subscription[0])
        except ConnectionResetError:
            pass  # the page was closed
        finally:
            chat.unlisten(subscription)
        return response

    async def _feed(
        self, response: web.StreamResponse, queue: asyncio.Queue[tuple[str, int, dict[str, Any]]]
    ) -> None:
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            while not self.closing.is_set():
                item = asyncio.ensure_future(queue.get())
                await asyncio.wait(
                    {item, closing}, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if item.done():
                    event, number, data = item.result()
                    await response.write(sse(event, number, data))
                else:
                    item.cancel()
                    await response.write(b": still here\n\n")
        finally:
            closing.cancel()

    # Clock, faults, switches

    def _time(self) -> dict[str, Any]:
        clock = self.platform.clock
        return {"now": iso(clock.now()), "offset_seconds": round(clock.offset, 3), "pending": clock.pending}

    async def clock(self, _request: web.Request) -> web.Response:
        return json_answer(self._time())

    async def move_clock(self, request: web.Request) -> web.Response:
        body = await _object(request)
        seconds = self._seconds(body)
        if seconds < 0 and not body.get("back"):
            raise AdminError('the clock does not go backwards (unless "back": true)', 409)
        self.platform.clock.advance(seconds)
        if self.platform.config.on_clock is not None:
            await self.platform.config.on_clock(self.platform.clock.now())
        self.platform.clock.run_due()
        await asyncio.sleep(0)
        with contextlib.suppress(TimeoutError):  # a backend that hangs does not stop the clock
            await asyncio.wait_for(self.platform.pusher.settle(), SETTLE_SECONDS)
        self.platform.chat.tell("clock", {"now": iso(self.platform.clock.now())})
        return json_answer(self._time())

    def _seconds(self, body: dict[str, Any]) -> float:
        try:
            if "at" in body:
                return parse_instant(str(body["at"])) - self.platform.clock.now()
            if "advance" in body:
                text = str(body["advance"])
                return float(text[:-1]) * UNITS[text[-1]]
            return float(body["advance_seconds"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise AdminError('give {"at": ISO}, {"advance_seconds": n} or {"advance": "25h"}') from error

    async def faults(self, _request: web.Request) -> web.Response:
        faults = [fault.listed() for fault in self.platform.faults.all]
        return json_answer({"faults": faults, "kinds": KINDS, "endpoints": self.endpoints})

    async def add_faults(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if isinstance(body, dict) and body.get("clear"):
            self.platform.faults.clear()
            body = {key: value for key, value in body.items() if key != "clear"}
        rows = body if isinstance(body, list) else [body] if body else []
        for row in rows:
            if not isinstance(row, dict):
                raise AdminError("a fault must be an object")
            if row.get("account"):
                row["account"] = self.platform.account(row["account"]).name
            self.platform.faults.add(row)
        return await self.faults(request)

    async def remove_faults(self, request: web.Request) -> web.Response:
        if request.query.get("id"):
            self.platform.faults.remove(_number(request, "id", 0))
        else:
            self.platform.faults.clear()
        return await self.faults(request)

    async def switches(self, _request: web.Request) -> web.Response:
        return json_answer({"switches": self.platform.switches.listed(), "about": switches_about()})

    async def change_switches(self, request: web.Request) -> web.Response:
        self.platform.switches.change(await _object(request))
        return await self.switches(request)

    async def reset(self, request: web.Request) -> web.Response:
        body = await _object(request)
        config = self.platform.config
        self.platform.reset(bool(body.get("accounts")))
        if config.on_clock is not None:
            await config.on_clock(self.platform.clock.now())
        if config.on_reset is not None:
            await config.on_reset()
        self.platform.chat.tell("reset", {})
        return json_answer({"ok": True, **self._time()})


def _page(request: web.Request, rows: list[Row]) -> list[Row]:
    """The rows asked for: the first `limit`, or the last `newest` of them."""
    newest = _number(request, "newest", 0)
    return rows[-newest:] if newest else rows[: _number(request, "limit", DEFAULT_LIMIT)]


def _many(touser: Any) -> list[Any]:
    return touser if isinstance(touser, list) else []


def sse(event: str, number: int, data: dict[str, Any]) -> bytes:
    """One server-sent event; only chat entries have an id, so that catching up is exact."""
    head = f"id: {number}\n" if number else ""
    return f"event: {event}\n{head}data: ".encode() + orjson.dumps(data) + b"\n\n"
