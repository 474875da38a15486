"""Typed keys under which the application keeps what handlers share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bot.runtime import Runtime
from handlers.flight import Flights

RUNTIME: web.AppKey[Runtime] = web.AppKey("runtime", Runtime)
FLIGHTS: web.AppKey[Flights] = web.AppKey("flights", Flights)
OPENAPI: web.AppKey[dict[str, Any]] = web.AppKey("openapi", dict)
ERROR_PAGE: web.AppKey[Callable[[web.Request, int, str], Awaitable[web.StreamResponse]]] = web.AppKey(
    "error_page",
    Callable,  # type: ignore[arg-type]
)
"""(request, status, sentence) -> the page a person sees instead of an error."""
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
