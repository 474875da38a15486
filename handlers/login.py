"""Who asks: a bearer token (mini-program, programs) or the page cookie with its CSRF token.

A cookie goes along with every request a browser makes, so an unsafe method needs the token that only our own
pages know, and must not come from another site.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from urllib.parse import urlsplit

from aiohttp import web

from actions import sessions
from actions.access import Actor
from handlers.errors import HttpError
from handlers.keys import RUNTIME

CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(request: web.Request) -> str:
    """`__Host-` binds the cookie to this host and to TLS, which the demo has not."""
    return "tianxin" if request.app[RUNTIME].settings.demo else "__Host-tianxin"


def set_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str, age: int) -> None:
    """A cookie scripts cannot read and other sites' forms do not send."""
    secure = not request.app[RUNTIME].settings.demo
    response.set_cookie(name, value, max_age=age, path="/", httponly=True, secure=secure, samesite="Lax")


def csrf_token(session_token: str) -> str:
    """The token a page of this session carries; it cannot be turned back into the session."""
    return hmac.digest(session_token.encode(), b"csrf", "sha256").hex()


def session_token(request: web.Request) -> tuple[str, str]:
    """The token and the channel it came by. Raises HttpError 401 when there is none."""
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
    actor = await sessions.actor_for_token(token, runtime.now(), runtime.today(), channel)
    if channel == "page" and request.method not in _SAFE:
        check_origin(request)
        check_csrf(token, request.headers.get(CSRF_HEADER, ""))
    return actor


def check_csrf(token: str, given: str) -> None:
    """Raises HttpError 403 unless `given` is the CSRF token of the session."""
    if not hmac.compare_digest(csrf_token(token).encode(), given.encode()):
        raise HttpError(403, code="csrf_failed", message="页面已经过期，请刷新后再试。")


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
