"""How often somebody may do something: counters of a fixed window in Redis, and how large a body may be."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass

import structlog
from aiohttp import web
from redis.exceptions import RedisError

from handlers.errors import HttpError
from handlers.keys import RUNTIME

log = structlog.get_logger("tianxin.http")
JSON_BYTES = 64 * 1024
_SLOWEST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """`times` in `seconds`; `closed`: without Redis nobody may, rather than everybody."""

    name: str
    times: int
    seconds: int
    closed: bool = False


LOGINS = Limit("login", 300, 60, closed=True)
"""By address; a whole village may be behind one address of a mobile network."""
UPLOADS = Limit("upload", 120, 3600)
CONTACTS = Limit("contact", 200, 86_400)
"""Numbers shown in full to one person: more than anybody can call in a day. Clause: S17.2."""


async def count(request: web.Request, limit: Limit, who: str) -> None:
    """Count one more. Raises HttpError 429 with Retry-After when it was one too many."""
    redis = request.app[RUNTIME].redis
    key = f"tianxin:limit:{limit.name}:{who}"
    try:
        async with redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, limit.seconds, nx=True)
            pipe.ttl(key)
            used, _, left = await pipe.execute()
    except RedisError as error:
        log.warning("limit_not_counted", limit=limit.name, error=type(error).__name__)
        if limit.closed:
            raise HttpError(503, headers={"Retry-After": "5"}) from error
        return
    if used > limit.times:
        raise HttpError(429, headers={"Retry-After": str(max(1, left))})


def client_address(request: web.Request) -> str:
    """The address of the phone: a reverse proxy of ours (private address) is believed about the last hop."""
    peer = request.remote or ""
    try:
        behind_proxy = ipaddress.ip_address(peer).is_private
    except ValueError:
        behind_proxy = True  # a UNIX socket
    said = ",".join(request.headers.getall("X-Forwarded-For", ()))  # a proxy may add a line of its own
    hops = [hop.strip() for hop in said.split(",") if hop.strip()]
    return hops[-1] if behind_proxy and hops and _is_address(hops[-1]) else peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def read_body(request: web.Request, most: int) -> bytes:
    """The body, at most `most` bytes. Raises HttpError 413, or 408 when it trickles."""
    if (request.content_length or 0) > most:
        raise HttpError(413)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_SLOWEST_SECONDS):
            async for part in request.content.iter_chunked(64 * 1024):
                size += len(part)
                if size > most:
                    raise HttpError(413)
                parts.append(part)
    except TimeoutError:
        raise HttpError(408) from None
    return b"".join(parts)
