"""The OpenAPI 3.1 document of `/api/v1`, from the same signatures and models that validate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from aiohttp import web
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from handlers.endpoint import IDEMPOTENCY_HEADER, Endpoint
from handlers.errors import ErrorBody, json_response
from handlers.keys import OPENAPI
from handlers.login import CSRF_HEADER

_REF = "#/components/schemas/{model}"
_PAPERS = ("image/jpeg", "image/png", "application/pdf")
_WHY = {
    400: "The request is not as described here; `error.field` names the part.",
    401: "No session, or it is over: log in again.",
    403: "Not allowed, or a page's CSRF token is missing.",
    404: "There is no such thing, or it is not yours to see.",
    408: "The body came too slowly.",
    409: "Somebody was first, the data changed, or the same request is still running (`Retry-After`).",
    413: "The body is too large.",
    415: "Another content type is needed, without compression.",
    422: "A rule says no: `error.rule` is its clause, `error.message` the words for the person.",
    428: "Send `If-Match` with the version you saw.",
    429: "Too often; `Retry-After` says when to come back.",
    500: "A fault of ours; it is in the log under `X-Request-Id`.",
    503: "A part of the system does not answer; try again after `Retry-After`.",
}
_HEADERS = {
    "If-Match": ("The version that was seen, as `version` or the ETag said.", r'^"?\d{1,9}"?$'),
    IDEMPOTENCY_HEADER: (
        "A name for this request, made by the client: repeated with the same body it is done once.",
        r"^[\x21-\x7e]{1,255}$",
    ),
}
Mode = Literal["validation", "serialization"]


def document(endpoints: Sequence[Endpoint], server: str, version: str) -> dict[str, Any]:
    """The whole document as JSON values."""
    schemas = _Schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for each in endpoints:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tianxin",
            "version": version,
            "summary": "Village micro-credit: applications, tasks, visits and loans",
            "description": "Money is integer fen, dates are Asia/Shanghai, instants carry an offset. "
            "Lists page by key: pass `next` of one page as `after` of the next.",
        },
        "servers": [{"url": server}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(each) for each in endpoints)],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "responses": {str(status): _error(why) for status, why in _WHY.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "From POST /api/v1/sessions."},
                "page": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-tianxin",
                    "description": f"The session of the H5 pages; unsafe methods need {CSRF_HEADER}.",
                },
            },
        },
        "security": [{"bearer": []}, {"page": []}],
    }  # fmt: skip


class _Schemas:
    """The JSON schemas of everything that comes in and goes out, each class once."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        wanted: list[tuple[str, Mode, TypeAdapter[Any]]] = [
            ("error", "serialization", TypeAdapter(ErrorBody))
        ]
        for each in endpoints:
            if each.body is not None:
                wanted.append((f"{each.name} in", "validation", each.body))
            if each.answer is not None:
                wanted.append((f"{each.name} out", "serialization", each.answer))
        found, rest = TypeAdapter.json_schemas(wanted, ref_template=_REF, schema_generator=GenerateJsonSchema)
        self._found = {name: schema for (name, _), schema in found.items()}
        self.definitions: dict[str, Any] = rest.get("$defs", {})

    def body(self, endpoint: Endpoint) -> dict[str, Any]:
        return self._found[f"{endpoint.name} in"]

    def answer(self, endpoint: Endpoint) -> dict[str, Any]:
        return self._found[f"{endpoint.name} out"]


def errors_of(endpoint: Endpoint) -> list[int]:
    """Every status of 400 and above this endpoint may answer with."""
    public = endpoint.right.public
    found = {500, 503, *endpoint.errors, 429 if public else 401}
    if endpoint.body is not None or endpoint.raw == "upload":
        found |= {400, 408, 413, 415, 422}
    if endpoint.query is not None:
        found |= {400, 422}
    if endpoint.path_names:
        found |= {404, 422}
    if endpoint.idempotent:
        found |= {400, 409, 422}
    if not public and (endpoint.method != "GET" or not endpoint.right.about):
        found |= {403}
    return sorted(found)


def _operation(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    doc = (endpoint.work.__doc__ or "").strip()
    summary, _, rest = doc.partition("\n")
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.work.__module__.rsplit('.', 1)[-1]}_{endpoint.work.__name__}",
        "tags": [_tag(endpoint)],
        "summary": summary.strip(),
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.status): _success(endpoint, schemas)}
        | {str(status): {"$ref": f"#/components/responses/{status}"} for status in errors_of(endpoint)},
    }
    if rest.strip():
        operation["description"] = re.sub(r"\s+", " ", rest).strip()
    if endpoint.right.public:
        operation["security"] = []
    if body := _request_body(endpoint, schemas):
        operation["requestBody"] = body
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name, "in": "path", "required": True,
            "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
        }
        for name in endpoint.path_names
    ]  # fmt: skip
    if endpoint.query is not None:
        schema = endpoint.query.model_json_schema(ref_template=_REF)
        needed = schema.get("required", [])
        for name, field in schema["properties"].items():
            found.append(
                {
                    "name": name, "in": "query", "required": name in needed, "schema": field,
                    **({"description": field["description"]} if "description" in field else {}),
                }
            )  # fmt: skip
    names = (*endpoint.headers, *([IDEMPOTENCY_HEADER] if endpoint.idempotent else []))
    for name in names:
        words, pattern = _HEADERS[name]
        schema = {"type": "string", "pattern": pattern}
        found.append({"name": name, "in": "header", "required": True, "description": words, "schema": schema})
    return found


def _request_body(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any] | None:
    if endpoint.raw == "upload":
        binary: dict[str, Any] = {"schema": {}}
        part = {"type": "string", "contentMediaType": "application/octet-stream"}
        form = {"type": "object", "required": ["file"], "properties": {"file": part}}
        kinds = dict.fromkeys(endpoint.files or _PAPERS, binary)
        return {"required": True, "content": {"multipart/form-data": {"schema": form}, **kinds}}
    if endpoint.body is None:
        return None
    return {"required": True, "content": {"application/json": {"schema": schemas.body(endpoint)}}}


def _success(endpoint: Endpoint, schemas: _Schemas) -> dict[str, Any]:
    if endpoint.raw == "file":
        kinds = endpoint.files or _PAPERS
        return {"description": "The file.", "content": {kind: {"schema": {}} for kind in kinds}}
    if endpoint.answer is None:
        return {"description": "Done."}
    files: dict[str, Any] = {kind: {"schema": {}} for kind in endpoint.files}
    return {
        "description": "Done.", "content": {"application/json": {"schema": schemas.answer(endpoint)}} | files,
    }  # fmt: skip


def _error(why: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="ErrorBody")}
    return {"description": why, "content": {"application/json": {"schema": schema}}}


def _tag(endpoint: Endpoint) -> str:
    return endpoint.path.removeprefix("/api/v1/").split("/")[0]


async def show(request: web.Request) -> web.Response:
    """GET /openapi.json"""
    return json_response(request.app[OPENAPI], headers={"Cache-Control": "public, max-age=300"})
