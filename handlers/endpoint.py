"""An endpoint of the JSON interface: a plain function whose signature says what comes in and goes out.

    async def withdraw(call: Call, key: str, body: Reason) -> ApplicationOut: ...

`body` and `query` are pydantic models, other arguments parts of the path, the return type is what is
answered. From the same signature come validation, the answer and the OpenAPI document.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from actions.access import Actor
from actions.idempotency import MAX_KEY, Answer, once
from bot.runtime import Runtime
from bot.wechat.messages import printable
from handlers.errors import HttpError, invalid, json_response, refused_by_rule
from handlers.keys import RUNTIME
from handlers.limits import JSON_BYTES, Limit, count, read_body
from handlers.login import actor_of
from handlers.rights import Right
from policies import Pack

IDEMPOTENCY_HEADER = "Idempotency-Key"
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}")
_PATH_VALUE = re.compile(r"[A-Za-z0-9_-]{1,64}")


class In(BaseModel):
    """A request body: nothing unknown, no type turned into another."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """Query parameters: nothing unknown; text becomes what the field says."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """An answer, made from what an action returned."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Page(Query):
    """Keyset paging: the items after the one with this key."""

    after: str | None = Field(None, max_length=64, description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=100, description="How many at most.")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody, on its way to an action."""

    request: web.Request
    runtime: Runtime
    actor: Actor
    now: datetime

    @property
    def on(self) -> date:
        """The business date."""
        return self.runtime.today()

    @property
    def pack(self) -> Pack:
        """The pack of the person's county."""
        return self.runtime.packs.by_county(self.actor.county)

    async def count(self, limit: Limit) -> None:
        """Count this against the person's limit. Raises HttpError 429."""
        await count(self.request, limit, str(self.actor.person_id))


NOBODY = Actor(0, "", "", "", "mini_program")


@dataclass(frozen=True)
class Endpoint:
    """Method, path and function, with what the signature says. Made by `endpoint`."""

    method: str
    path: str
    work: Callable[..., Awaitable[Any]]
    right: Right
    body: TypeAdapter[Any] | None
    query: type[BaseModel] | None
    answer: TypeAdapter[Any] | None
    path_names: tuple[str, ...]
    status: int = 200
    idempotent: bool = False
    headers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    raw: str = ""
    """Not JSON: `upload` reads its own body, `file` answers bytes."""
    files: tuple[str, ...] = ()
    """Media types that it may answer with instead of JSON, when the query asks for one."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Check who asks and what, do it – once, where it is a POST – and answer."""
        runtime = request.app[RUNTIME]
        actor = NOBODY
        if not self.right.public:
            actor = await actor_of(request)
            self.right.check(actor)
        key = self._idempotency_key(request)
        arguments = self._path(request)
        if self.query is not None:
            arguments["query"] = self._query(request)
        raw = b""
        if self.body is not None:
            raw = await _json_body(request)
            arguments["body"] = self._body(raw)
        call = Call(request, runtime, actor, runtime.now())
        if self.raw:
            return await self._serve_raw(call, key, arguments)
        if key is None:
            found = await self.work(call, **arguments)
            if isinstance(found, web.StreamResponse):
                return found
            return self._respond(self._rendered(found))
        digest = body_digest(request, raw)
        return self._respond(
            await once(
                actor, self.name, key, digest, call.now, lambda: self._answer(call, arguments), render_refusal
            )
        )

    async def _answer(self, call: Call, arguments: dict[str, Any]) -> Answer:
        return self._rendered(await self.work(call, **arguments))

    def _rendered(self, found: Any) -> Answer:
        if self.answer is None:
            return Answer(204, None)
        if not isinstance(found, BaseModel):
            found = self.answer.validate_python(found, from_attributes=True)
        return Answer(self.status, self.answer.dump_python(found, mode="json"))

    async def _serve_raw(self, call: Call, key: str | None, arguments: dict[str, Any]) -> web.StreamResponse:
        if key is not None:
            arguments["idempotency_key"] = key
        found = await self.work(call, **arguments)
        return found if isinstance(found, web.StreamResponse) else self._respond(found)

    def _respond(self, answer: Answer) -> web.Response:
        headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
        if answer.status == 204:
            return web.Response(status=204, headers=headers)
        if isinstance(answer.body, dict) and "version" in answer.body and answer.status < 400:
            headers["ETag"] = f'"{answer.body["version"]}"'
        return json_response(answer.body, answer.status, headers)

    def _path(self, request: web.Request) -> dict[str, Any]:
        values = {name: request.match_info[name] for name in self.path_names}
        if not all(_PATH_VALUE.fullmatch(value) for value in values.values()):
            raise HttpError(404)
        return values

    def _query(self, request: web.Request) -> BaseModel:
        if self.query is None:
            raise TypeError(self.name)
        given = request.query
        if any("\x00" in value for value in given.values()) or len(set(given)) != len(given):
            raise HttpError(400)
        try:
            return self.query.model_validate({name: printable(value) for name, value in given.items()})
        except ValidationError as problem:
            raise invalid(problem) from None

    def _body(self, raw: bytes) -> Any:
        if self.body is None:
            raise TypeError(self.name)
        try:
            found = self.body.validate_json(cleaned(raw))
        except ValidationError as problem:
            raise invalid(problem) from None
        if b"\\u0000" in raw:  # PostgreSQL's text cannot hold it
            raise HttpError(400, message="内容里有不能保存的字符。")
        return found

    def _idempotency_key(self, request: web.Request) -> str | None:
        if not self.idempotent:
            return None
        key = request.headers.get(IDEMPOTENCY_HEADER)
        if key is None or not _KEY.fullmatch(key):
            words = "请求要带一个编号（Idempotency-Key，1 到 255 个字符）。"
            code = "idempotency_key_missing" if key is None else "idempotency_key_invalid"
            raise HttpError(400, code=code, message=words, field=IDEMPOTENCY_HEADER)
        return key


def render_refusal(refusal: Any) -> Answer:
    """A refusal as it is stored and answered again."""
    refused = refused_by_rule(refusal)
    return Answer(refused.status, refused.body())


def body_digest(request: web.Request, raw: bytes) -> str:
    """What must be the same under one idempotency key: the address and the body."""
    return sha256(request.raw_path.encode() + b"\n" + raw).hexdigest()


def cleaned(raw: bytes) -> bytes:
    """The body with every text as the chat takes it, without what nobody can see; else as it came."""
    try:
        text = raw.decode()
        if "\\u" not in text and printable(text) == text:
            return raw
        return json.dumps(_printable(json.loads(text)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return raw  # what is wrong with it is said by who validates it


def _printable(value: Any) -> Any:
    match value:
        case str():
            _ = value.encode()  # half a character is refused, not mended
            return printable(value)
        case dict():
            return {name: _printable(inner) for name, inner in value.items()}
        case list():
            return [_printable(inner) for inner in value]
        case _:
            return value


async def _json_body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise HttpError(415, message="请求内容要用 JSON 格式。", field="Content-Type")
    return await read_body(request, JSON_BYTES)


def endpoint(
    method: str,
    path: str,
    work: Callable[..., Awaitable[Any]],
    right: Right,
    *,
    status: int = 200,
    once: bool | None = None,
    headers: tuple[str, ...] = (),
    errors: tuple[int, ...] = (),
    raw: str = "",
    files: tuple[str, ...] = (),
) -> Endpoint:
    """Read the signature of `work`. `right`: who may call it.

    `once`: whether an Idempotency-Key is needed (default: on every POST).
    """
    signature = inspect.signature(work, eval_str=True)
    names = tuple(re.findall(r"{(\w+)}", path))
    body = signature.parameters.get("body")
    query = signature.parameters.get("query")
    answer = _json_part(signature.return_annotation)
    return Endpoint(
        method, path, work, right,
        body=TypeAdapter(body.annotation) if body else None,
        query=query.annotation if query else None,
        answer=None if answer is None or raw == "file" else TypeAdapter(answer),
        path_names=names,
        status=204 if answer is None else status,
        idempotent=method == "POST" if once is None else once,
        headers=headers,
        errors=errors,
        raw=raw,
        files=files,
    )  # fmt: skip


def _json_part(annotation: Any) -> Any:
    """What is answered as JSON: the part of a union that is no response by itself."""
    parts = [each for each in get_args(annotation) if each is not web.Response]
    return parts[0] if web.Response in get_args(annotation) and len(parts) == 1 else annotation
