"""GET and POST /wechat/{account}: what WeChat pushes, answered so that the platform understands it.

`success` or a reply only for what is stored; 503 for what could not be stored in time, so that it comes
again; 403 for what is forged or too old. Never a 500, never an answer after 4.5 seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic

import structlog
from aiohttp import web
from prometheus_client import Counter, Histogram

from bot.config import Account
from bot.runtime import Runtime
from bot.wechat.inbound import MAX_BODY, Incoming, Rejected, open_push, render_reply, verify_url
from handlers.chat.turns import ANSWER_WITHIN, BusyError, NotStoredError, Turns
from handlers.keys import RUNTIME

log = structlog.get_logger("tianxin.webhook")
TURNS: web.AppKey[Turns] = web.AppKey("turns", Turns)
PUSHES = Counter("tianxin_pushes", "Pushes of WeChat by what became of them", ("outcome",))
SECONDS = Histogram(
    "tianxin_push_seconds", "Time to answer a push", buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 2.5, 4.5)
)
_ANSWERED = PUSHES.labels("answered")
_READ_WITHIN = 3.0


async def turns_context(app: web.Application, answer_within: float = ANSWER_WITHIN) -> AsyncIterator[None]:
    """Answer pushes while the application runs; for `cleanup_ctx`."""
    async with Turns(app[RUNTIME], answer_within=answer_within).running() as turns:
        app[TURNS] = turns
        yield


async def verify(request: web.Request) -> web.Response:
    """Echo what the console sends when somebody enters our address there."""
    runtime = request.app[RUNTIME]
    try:
        echo = verify_url(_account(request, runtime), request.query, runtime.now())
    except Rejected as rejected:
        return _rejected(rejected)
    return web.Response(text=echo)


async def receive(request: web.Request) -> web.Response:
    """Take one push and answer it."""
    began = monotonic()
    runtime = request.app[RUNTIME]
    account = _account(request, runtime)
    try:
        incoming = await _open(request, runtime, account)
        reply = await request.app[TURNS].answer(incoming, began)
    except Rejected as rejected:
        return _rejected(rejected)
    except (BusyError, NotStoredError) as error:
        return _again(type(error).__name__)
    except Exception:
        # whatever it was, nothing is known to be stored: WeChat shall send it again
        log.exception("push_failed")
        return _again("error")
    body = render_reply(account, incoming, reply, runtime.now())
    _ANSWERED.inc()
    SECONDS.observe(monotonic() - began)
    return web.Response(body=body, content_type="text/plain" if body == b"success" else "application/xml")


def _account(request: web.Request, runtime: Runtime) -> Account:
    account = runtime.accounts.get(request.match_info["account"])
    if account is None:
        raise web.HTTPNotFound
    return account


async def _open(request: web.Request, runtime: Runtime, account: Account) -> Incoming:
    body = await _body(request)
    content_type = request.headers.get("Content-Type", "")
    return open_push(
        account, request.query, body, content_type, runtime.now(), allow_plain=runtime.settings.demo
    )


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise Rejected(413, "too_large")
    if request.content.is_eof():  # all of it came with the headers, as it nearly always does
        return await request.read()
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READ_WITHIN):
            async for part in request.content.iter_any():
                size += len(part)
                if size > MAX_BODY:
                    raise Rejected(413, "too_large")
                parts.append(part)
    except TimeoutError:
        raise NotStoredError("the push did not arrive in time") from None
    return b"".join(parts)


def _rejected(rejected: Rejected) -> web.Response:
    PUSHES.labels(rejected.reason).inc()
    log.info("push_rejected", reason=rejected.reason, status=rejected.status)
    return web.Response(status=rejected.status, body=rejected.body)


def _again(why: str) -> web.Response:
    PUSHES.labels(why).inc()
    return web.Response(status=503, headers={"Retry-After": "1"})


ROUTES = (
    web.get("/wechat/{account}", verify, allow_head=False),
    web.post("/wechat/{account}", receive),
)
