"""Every "no" and every fault as one shape: `{"error": {code, rule, message, field}}`; pages get a page.

`message` is a sentence for people, `code` a word for programs. What went wrong inside is in the log under the
request id, never in the answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson
import structlog
from aiohttp import web
from pydantic import BaseModel, Field, ValidationError
from tortoise.exceptions import DBConnectionError

from actions.idempotency import RequestRunning
from actions.sessions import NotLoggedIn
from bot.errors import Conflict, NotFound, RuleRefused, TianxinError
from handlers.keys import ERROR_PAGE

log = structlog.get_logger("tianxin.http")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_UNAVAILABLE = (
    DBConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    ConnectionError,
    TimeoutError,
)
_HTTP: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request", "请求的内容不对，请检查后再试。"),
    401: ("not_logged_in", "请先登录。"),
    403: ("not_allowed", "没有权限做这项操作。"),
    404: ("not_found", "没有找到，请检查后再试。"),
    405: ("method_not_allowed", "这个地址不支持这样的操作。"),
    408: ("too_slow", "网络太慢，没有传完。请换个信号好的地方再试。"),
    409: ("conflict", "刚刚有人先办了，请重新看一看再试。"),
    411: ("length_required", "请求没有说明长度。"),
    413: ("too_large", "内容太大了，请减少后再试。"),
    415: ("unsupported_media_type", "不支持这种内容格式。"),
    428: ("if_match_required", "请先取得最新内容，再带上版本号保存。"),
    429: ("too_many_requests", "操作太频繁了，请过一会儿再试。"),
    500: ("internal", "系统出了点问题，请稍后再试。"),
    503: ("unavailable", "系统正忙，请过几分钟再试。"),
}


class Error(BaseModel):
    """Why a request was not done."""

    code: str = Field(description="A word for programs; new ones may come.")
    rule: str | None = Field(description="The clause of docs/rules.md that says no, where one does.")
    message: str = Field(description="A sentence for the person, in Chinese.")
    field: str | None = Field(description="The part of the request or the answer that is meant.")


class ErrorBody(BaseModel):
    """The body of every answer with a status of 400 and above."""

    error: Error


class HttpError(TianxinError):
    """A status with its words, for what no rule says; `extra` stands beside `error` in the body."""

    def __init__(
        self,
        status: int,
        *,
        code: str | None = None,
        message: str | None = None,
        field: str | None = None,
        rule: str | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        known_code, known_message = _HTTP[status] if status in _HTTP else _HTTP[400]
        super().__init__(f"{status} {code or known_code}")
        self.status = status
        self.error = Error(code=code or known_code, rule=rule, message=message or known_message, field=field)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


@dataclass(frozen=True, slots=True)
class Refused:
    """An error ready to be sent."""

    status: int
    error: Error
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {"error": self.error.model_dump(), **self.extra}


def refused_by_rule(refusal: RuleRefused) -> Refused:
    """A rule's no: 404, 409 or 422."""
    error = Error(code=refusal.code, rule=refusal.rule, message=refusal.message, field=refusal.field)
    if isinstance(refusal, NotFound):
        return Refused(404, error)
    if isinstance(refusal, Conflict):
        headers = {"Retry-After": "1"} if isinstance(refusal, RequestRunning) else {}
        return Refused(409, error, headers)
    return Refused(422, error)


def invalid(problem: ValidationError) -> HttpError:
    """The first thing that is wrong with a request, by the path of its field (400)."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or None
    words = {
        "missing": f"缺少“{where}”这一项。",
        "extra_forbidden": f"没有“{where}”这一项，请去掉。",
        "json_invalid": "内容不是正确的 JSON。",
    }
    message = words.get(first["type"], f"“{where}”填得不对。" if where else None)
    return HttpError(400, message=message, field=where)


def _http_exception(error: web.HTTPException) -> Refused:
    refused = HttpError(error.status if error.status in _HTTP else 400)
    kept = {name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After")}
    return Refused(error.status, refused.error, kept)


def refused_for(error: BaseException) -> Refused | None:
    """How an exception is answered; None: it is a fault of ours."""
    if isinstance(error, HttpError):
        return Refused(error.status, error.error, error.headers, error.extra)
    if isinstance(error, RuleRefused):
        return refused_by_rule(error)
    if isinstance(error, NotLoggedIn):
        return Refused(401, HttpError(401).error, {"WWW-Authenticate": "Bearer"})
    if isinstance(error, web.HTTPException):
        return _http_exception(error)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _UNAVAILABLE):
            return Refused(503, HttpError(503).error, {"Retry-After": "5"})
        if isinstance(cause, asyncpg.UniqueViolationError):  # two at once: the other one was first
            return Refused(409, HttpError(409).error, {"Retry-After": "1"})
        cause = cause.__cause__
    return None


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )


def _is_page(request: web.Request) -> bool:
    wants_page = "application/json" not in request.headers.get("Accept", "")
    return (
        wants_page and f"{request.path}/".startswith(("/m/", "/console/")) and "/api/v1/" not in request.path
    )


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever is raised into an answer; only what nobody foresaw is logged as an error."""
    try:
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400 or len(request.match_info.apps) > 1:  # another application is mounted there
            raise
        refused: Refused | None = refused_for(answer)
    except Exception as error:
        refused = refused_for(error)
        if refused is None:
            log.exception("request_failed")
        elif refused.status == 503:
            log.warning("request_unavailable", error=type(error).__name__)
    refused = refused or Refused(500, HttpError(500).error)
    show_page = request.app.get(ERROR_PAGE)
    if show_page is not None and _is_page(request):
        response = await show_page(request, refused.status, refused.error.message)
        response.headers.update(refused.headers)
        return response
    return json_response(refused.body(), refused.status, refused.headers)
