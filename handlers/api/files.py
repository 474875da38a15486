"""Photos and papers: up in one request, down only to who may see them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from aiohttp import BodyPartReader, web
from pydantic import Field

from actions import files
from actions.idempotency import Answer, once
from actions.pictures import MAX_BYTES
from handlers.endpoint import Call, Out, Query, body_digest, render_refusal
from handlers.errors import HttpError
from handlers.limits import UPLOADS, read_body

_RAW_TYPES = ("image/jpeg", "image/png", "application/pdf", "application/octet-stream")
_ENVELOPE = 64 * 1024
_SLOWEST_SECONDS = 180
_FILE_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=3600",
}
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


class FileOut(Out):
    """A file without its content. `state`: pending (still on its way from WeChat), stored, failed.

    `taken_at`, `latitude`, `longitude` are what the camera wrote; they are not in the picture any more.
    """

    key: str
    purpose: str
    state: str
    media_type: str
    size: int
    sha256: str
    created_at: datetime
    taken_at: datetime | None
    latitude: float | None
    longitude: float | None


class Purpose(Query):
    """What the file is for; PDF is taken for `paper` and `repayment_slip` only."""

    purpose: str = Field(min_length=1, max_length=30, pattern=r"^[a-z][a-z0-9_]*$")


def folder(call: Call) -> Path:
    return call.runtime.files


async def upload(call: Call, query: Purpose, idempotency_key: str) -> FileOut:
    """Keep a picture (JPEG, PNG) or paper (PDF): as the body itself, or as `file` of multipart/form-data.

    At most 10 MB and 40 million pixels. A picture is written anew; camera time and place become facts.
    """
    await call.count(UPLOADS)
    data = await _content(call.request)
    prepared = await files.prepare_for(data, query.purpose)

    async def work() -> Answer:
        view = await files.keep(call.actor, prepared, query.purpose, call.now, folder(call))
        return Answer(201, FileOut.model_validate(view).model_dump(mode="json"))

    digest = body_digest(call.request, data)
    return await once(  # type: ignore[return-value]  # the stored answer, ready to be sent
        call.actor, "POST /api/v1/files", idempotency_key, digest, call.now, work, render_refusal
    )


async def _content(request: web.Request) -> bytes:
    if request.content_type in _RAW_TYPES:
        return await read_body(request, MAX_BYTES)
    if request.content_type != "multipart/form-data":
        raise HttpError(415, message="请上传照片（JPG 或 PNG）。", field="Content-Type")
    if (request.content_length or 0) > MAX_BYTES + _ENVELOPE:
        raise HttpError(413)
    try:
        async with asyncio.timeout(_SLOWEST_SECONDS):
            return await _part_named_file(request)
    except TimeoutError:
        raise HttpError(408) from None
    except ValueError as error:  # what aiohttp says of a broken envelope
        raise HttpError(400, field="file") from error


async def _part_named_file(request: web.Request) -> bytes:
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name != "file":
            continue
        data = bytearray()
        while chunk := await part.read_chunk(64 * 1024):
            data += chunk
            if len(data) > MAX_BYTES:
                raise HttpError(413)
        return bytes(data)
    raise HttpError(400, message="没有收到文件，请重新上传。", field="file")


async def facts(call: Call, key: str) -> FileOut:
    """What is known of a file: whether it has arrived, its kind and size, what the camera said."""
    return FileOut.model_validate(await files.view(call.actor, key))


async def download(call: Call, key: str) -> web.Response:
    """The file itself, for its owner and for who may see its application; a look by others is noted."""
    view, data = await files.fetch(call.actor, key, call.now, folder(call))
    name = f"{view.key}.{_ENDINGS.get(view.media_type, 'bin')}"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=data, content_type=view.media_type, headers=_FILE_HEADERS | disposition)
