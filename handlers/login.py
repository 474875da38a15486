"""Who asks: a bearer token (mini-program, programs), or a cookie with its CSRF token: that of the phone's
pages, or below /console that of the desk. Neither opens what is the other's.

A cookie goes along with every request a browser makes, so an unsafe method needs the token that only our own
pages know, and must not come from another site.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import web

from actions import console_sessions, sessions
from actions.access import Actor
from handlers.errors import HttpError
from handlers.keys import RUNTIME

CSRF_HEADER = "X-CSRF-Token"
LIVE_HEADER = "X-Live"
"""A request that a page makes by itself: it does not keep an idle desk logged in."""
CONSOLE = "/console/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(request: web.Request) -> str:
    """`__Host-` binds the cookie to this host and to TLS, which the demo has not."""
    return "tianxin" if request.app[RUNTIME].settings.demo else "__Host-tianxin"


def console_cookie_name(request: web.Request) -> str:
    """The desk's own cookie: a phone's session in the same browser is another thing."""
    return cookie_name(request) + "-console"


def set_cookie(
    request: web.Request,
    response: web.StreamResponse,
    name: str,
    value: str,
    age: int,
    samesite: Literal["Lax", "Strict"] = "Lax",
) -> None:
    """A cookie scripts cannot read and other sites' forms do not send."""
    secure = not request.app[RUNTIME].settings.demo
    response.set_cookie(name, value, max_age=age, path="/", httponly=True, secure=secure, samesite=samesite)


def csrf_token(session_token: str) -> str:
    """The token a page of this session carries; it cannot be turned back into the session."""
    return hmac.digest(session_token.encode(errors="surrogateescape"), b"csrf", "sha256").hex()


def session_token(request: web.Request) -> tuple[str, str]:
    """The token and the channel it came by. Raises HttpError 401 when there is none."""
    if request.path.startswith(CONSOLE):
        return request.cookies.get(console_cookie_name(request), ""), console_sessions.CHANNEL
    header = request.headers.get("Authorization", "")
    if header:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise HttpError(401, headers={"WWW-Authenticate": "Bearer"})
        return token.strip(), "mini_program"
    token = request.cookies.get(cookie_name(request), "")
    if not token:
        raise HttpError(401, headers={"WWW-Authenticate": "Bearer"})
    return token, "page"


async def actor_of(request: web.Request) -> Actor:
    """The person behind a request. Raises HttpError 401 or 403, NotLoggedIn."""
    runtime = request.app[RUNTIME]
    token, channel = session_token(request)
    if channel == console_sessions.CHANNEL:
        actor = await console_actor(request)
    else:
        actor = await sessions.actor_for_token(token, runtime.now(), runtime.today(), channel)
    if channel != "mini_program" and request.method not in _SAFE:
        check_origin(request)
        check_csrf(token, request.headers.get(CSRF_HEADER, ""))
    return actor


async def console_actor(request: web.Request) -> Actor:
    """The officer behind a request below /console. Raises NotLoggedIn."""
    runtime = request.app[RUNTIME]
    token = request.cookies.get(console_cookie_name(request), "")
    seen = LIVE_HEADER not in request.headers
    return await console_sessions.actor_for_token(token, runtime.now(), runtime.today(), seen=seen)


def check_csrf(token: str, given: str) -> None:
    """Raises HttpError 403 unless `given` is the CSRF token of the session."""
    if not hmac.compare_digest(csrf_token(token).encode(), given.encode(errors="replace")):
        raise HttpError(403, code="csrf_failed", message="页面已经过期，请刷新后再试。")


async def form_of(request: web.Request) -> Mapping[str, Any]:
    """The fields of a form. Raises HttpError 400 for bytes that are no text, 413."""
    try:
        return await request.post()
    except (ValueError, LookupError):
        raise HttpError(400) from None


def check_query(request: web.Request) -> None:
    """Raises HttpError 400 for a zero byte in the address, which PostgreSQL's text cannot hold."""
    if any("\x00" in value for value in request.query.values()):
        raise HttpError(400)


def check_origin(request: web.Request) -> None:
    """Raises HttpError 403 when a browser says that the request comes from another site."""
    came_from = request.headers.get("Origin")
    allowed = {f"{request.scheme}://{request.host}", _origin(request.app[RUNTIME].settings.base_url())}
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if (came_from is not None and came_from not in allowed) or site not in ("same-origin", "none"):
        raise HttpError(403, code="csrf_failed", message="请求来自别的网站，没有处理。")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def fingerprint(value: str) -> str:
    """A hash of something secret, to compare or to use as a key of a store."""
    return sha256(value.encode()).hexdigest()
