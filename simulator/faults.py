"""Faults on order: errors, silence, cut connections and broken answers, by endpoint, count and chance."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from simulator.errors import TEXTS, AdminError, request_id

Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]
AFTER = (
    "slow",
    "drip",
    "drop_after_accept",
    "hang_after_accept",
    "garbage",
    "truncated",
    "empty",
    "big_body",
)
KINDS = ("errcode", "http_status", "hang", "drop_before", *AFTER, "wrong_types", "bom")
HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
SECONDS = {"hang": 3600.0, "hang_after_accept": 3600.0, "slow": 3.0, "drip": 3.0}


@dataclass
class Fault:
    """One order: where, what, how often."""

    id: int
    endpoint: str
    kind: str
    account: str = ""
    errcode: int = -1
    errmsg: str = ""
    status: int = 502
    seconds: float = 0.0
    size: int = 10 * 1024 * 1024
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int | None = None
    accept: bool | None = None
    seen: int = 0
    fired: int = 0
    lifted: bool = False
    random: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise AdminError(f"fault kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        for name in ("errcode", "status", "seconds", "size", "skip", "probability", "count", "seed"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                raise AdminError(f"{name} must be a number")
        if not 0 <= self.probability <= 1:
            raise AdminError("probability must lie between 0 and 1")
        self.random = random.Random(self.seed if self.seed is not None else self.id)
        self.seconds = self.seconds or SECONDS.get(self.kind, 0.0)
        if self.accept is None:
            self.accept = self.kind in (*AFTER, "wrong_types", "bom")

    def fits(self, path: str) -> bool:
        """Whether the fault is meant for a path."""
        if self.endpoint.endswith("*"):
            return path.startswith(self.endpoint[:-1])
        return path == self.endpoint

    def fires(self) -> bool:
        """Count a call that fits; whether the fault strikes this time."""
        if self.count is not None and self.fired >= self.count:
            return False
        self.seen += 1
        if self.seen <= self.skip or self.random.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def listed(self) -> dict[str, Any]:
        shown = {k: v for k, v in self.__dict__.items() if k not in ("random", "lifted")}
        return {**shown, "left": None if self.count is None else self.count - self.fired}

    # Playing it

    async def play(self, request: web.Request, serve: Serve, now: float) -> web.StreamResponse:
        """Answer a call the way the fault wants it."""
        answer = await serve(request) if self.accept else None
        body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
        match self.kind:
            case "errcode":
                return _json(orjson.dumps({"errcode": self.errcode, "errmsg": self._text(now)}))
            case "http_status":
                return web.Response(status=self.status, text=HTML, content_type="text/html")
            case "hang" | "hang_after_accept":
                await self._wait(request)
                return _cut(request)
            case "drop_before" | "drop_after_accept":
                return _cut(request)
            case "slow":
                await self._wait(request)
                return answer or _json(b"{}")
            case "drip":
                return await self._drip(request, body or b"{}")
        return self._broken(body or b'{"errcode":0,"errmsg":"ok"}')

    async def _wait(self, request: web.Request) -> None:
        """Sleep, but not longer than the other side holds the line or the fault is in force."""
        end = time.monotonic() + self.seconds
        while (left := end - time.monotonic()) > 0 and not self.lifted:
            if request.transport is None or request.transport.is_closing():
                return
            await asyncio.sleep(min(left, 0.1))

    def _text(self, now: float) -> str:
        return self.errmsg or f"{TEXTS.get(self.errcode, 'error')} rid: {request_id(now)}"

    def _broken(self, body: bytes) -> web.StreamResponse:
        match self.kind:
            case "garbage":
                return web.Response(text=HTML, content_type="text/html")
            case "truncated":
                return _json(body[: len(body) // 2])
            case "empty":
                return _json(b"")
            case "big_body":
                return _json(body.removesuffix(b"}") + b',"padding":"' + b"x" * self.size + b'"}')
            case "bom":
                return _json(b"\xef\xbb\xbf" + body)
        return _json(_wrong_types(body))

    async def _drip(self, request: web.Request, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json; encoding=utf-8"})
        response.content_length = len(body)
        await response.prepare(request)
        for byte in body:
            await response.write(bytes([byte]))
            await asyncio.sleep(self.seconds / len(body))
        await response.write_eof()
        return response


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _cut(request: web.Request) -> web.Response:
    """Close the connection without a byte of answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _wrong_types(body: bytes) -> bytes:
    """The same answer with numbers as strings and a word as errcode."""
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        return b'["errcode"]'
    changed = {k: str(v) if isinstance(v, int | float) else v for k, v in values.items()}
    return orjson.dumps({**changed, "errcode": "x"})


class Faults:
    """The list of faults in force."""

    def __init__(self) -> None:
        self.all: list[Fault] = []
        self._last = 0

    def add(self, row: dict[str, Any]) -> Fault:
        """Order a fault. Raises AdminError on a wrong key."""
        allowed = set(Fault.__dataclass_fields__) - {"id", "seen", "fired", "lifted", "random"}
        unknown = sorted(set(row) - allowed)
        if unknown:
            raise AdminError(f"unknown key {unknown[0]!r} in a fault; known: {', '.join(sorted(allowed))}")
        if not isinstance(row.get("endpoint"), str) or not row.get("kind"):
            raise AdminError("a fault needs endpoint and kind")
        self._last += 1
        fault = Fault(id=self._last, **row)
        self.all = [*self.all, fault]
        return fault

    def remove(self, number: int) -> None:
        """Lift one fault; calls that hang in it are let go."""
        for fault in self.all:
            fault.lifted = fault.lifted or fault.id == number
        self.all = [f for f in self.all if not f.lifted]

    def clear(self) -> None:
        for fault in self.all:
            fault.lifted = True
        self.all = []

    def pick(self, path: str, account: str) -> Fault | None:
        """The first fault that fits this call and fires."""
        for fault in self.all:
            if fault.fits(path) and (not fault.account or fault.account == account) and fault.fires():
                return fault
        return None
