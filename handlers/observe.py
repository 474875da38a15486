"""What is said about every request: a request id, one log line without its query or body, two metrics."""

from __future__ import annotations

import secrets
from time import perf_counter

import structlog
from aiohttp import web
from aiohttp.hdrs import METH_ALL
from prometheus_client import Counter, Histogram

from handlers.errors import Handler, HttpError
from handlers.keys import REQUEST_ID

log = structlog.get_logger("tianxin.http")
REQUESTS = Counter("tianxin_http_requests", "HTTP requests answered", ("method", "route", "status"))
SECONDS = Histogram(
    "tianxin_http_request_seconds",
    "Time to answer a request",
    ("route",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 4.5),
)
WEBHOOK = "/wechat/"
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def route_name(request: web.Request) -> str:
    """The template of the route (/api/v1/drafts/{key}), never the address itself."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name, time, count and log a request; the webhook, most frequent by far, counts its pushes itself."""
    if request.path.startswith(WEBHOOK):
        return await handler(request)
    request[REQUEST_ID] = secrets.token_hex(8)
    structlog.contextvars.bind_contextvars(request_id=request[REQUEST_ID])
    started, status, route = perf_counter(), 500, route_name(request)
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as answer:
        status = answer.status
        raise
    finally:
        seconds = perf_counter() - started
        REQUESTS.labels(request.method if request.method in METH_ALL else "other", route, status).inc()
        SECONDS.labels(route).observe(seconds)
        if route not in _QUIET:
            log.info(
                "request", method=request.method, route=route, status=status, ms=round(seconds * 1000, 1)
            )
        structlog.contextvars.unbind_contextvars("request_id")
    return response


@web.middleware
async def plain_bodies(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a compressed body: a few bytes of it may be a gigabyte."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HttpError(415, message="不支持压缩过的内容。", field="Content-Encoding")
    return await handler(request)


async def safe_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Headers every answer has; nothing that belongs to a person stays in a cache."""
    if request.path.startswith("/console/"):  # without any referrer a browser sends its forms from "null"
        response.headers.setdefault("Referrer-Policy", "same-origin")
    for name, value in _SAFE_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith(("/api/", "/m/", "/console/")) and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
