"""Files of a bank: an officer hands them in, sees how far they are and what did not go in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal
from urllib.parse import quote, unquote

from aiohttp import BodyPartReader, web
from pydantic import Field

from actions import feedback, import_scope, imports
from actions.idempotency import Answer, once
from actions.import_spool import Spool
from handlers import import_sheets
from handlers.api.paging import Listed
from handlers.endpoint import Call, Out, Page, Query, body_digest, render_refusal
from handlers.errors import HttpError
from handlers.limits import UPLOADS

FILE_BYTES = 256 * 1024 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
_RAW_TYPES = (XLSX, CSV, "application/octet-stream", "application/vnd.ms-excel")
_SLOWEST_SECONDS = 900
_PIECE = 256 * 1024
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class ImportOut(Out):
    """A file and how far it is.

    `state`: waiting, running, done, refused (wrong columns: nothing went in), failed (it broke off); `reason`
    says why. `unchanged` rows were there already. `repeated`: this very file was worked off before.
    """

    key: str
    kind: str
    file_name: str
    state: str
    reason: str
    percent: int
    rows_read: int
    accepted: int
    unchanged: int
    refused: int
    created_at: datetime
    finished_at: datetime | None
    repeated: bool


class Given(Query):
    """What the file is and what it is called."""

    kind: Literal["loans", "repayments"]
    name: str = Field("", max_length=200)


class Month(Query):
    """A month, such as 2026-10."""

    month: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}$")


async def hand_in(call: Call, query: Given, idempotency_key: str) -> ImportOut:
    """Hand in a file (CSV or xlsx): as the body itself, or as `file` of multipart/form-data; at most 256 MB.

    It is worked off afterwards; look at it under its key. The same file again is the same import.
    """
    imports.officer(call.actor)
    await call.count(UPLOADS)
    spool = Spool()
    try:
        told = await _receive(call.request, spool)
        name = query.name or told or query.kind
        digest = spool.finish()

        async def work() -> Answer:
            view = await imports.hand_in(call.actor, query.kind, name, spool, call.now)
            return Answer(201, ImportOut.model_validate(view).model_dump(mode="json"))

        return await once(  # type: ignore[return-value]  # the stored answer, ready to be sent
            call.actor,
            "POST /api/v1/imports",
            idempotency_key,
            body_digest(call.request, digest),
            call.now,
            work,
            render_refusal,
        )
    finally:
        spool.close()


async def _receive(request: web.Request, spool: Spool) -> str:
    """Put the file into the spool; its name, where the envelope tells it."""
    if (request.content_length or 0) > FILE_BYTES + _PIECE:
        raise HttpError(413)
    try:
        async with asyncio.timeout(_SLOWEST_SECONDS):
            if request.content_type in _RAW_TYPES:
                await _spool(request.content.iter_chunked(_PIECE), spool)
                return ""
            if request.content_type != "multipart/form-data":
                raise HttpError(415, message="请上传 xlsx 或 CSV 文件。", field="Content-Type")
            return await _part_named_file(request, spool)
    except TimeoutError:
        raise HttpError(408) from None


async def _part_named_file(request: web.Request, spool: Spool) -> str:
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "file":
                await _spool(_pieces(part), spool)
                return unquote(part.filename or "")
    except ValueError as error:  # what aiohttp says of a broken envelope
        raise HttpError(400, field="file") from error
    raise HttpError(400, message="没有收到文件，请重新上传。", field="file")


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(_PIECE):
        yield bytes(piece)


async def _spool(pieces: AsyncIterator[bytes], spool: Spool) -> None:
    async for piece in pieces:
        spool.write(piece)
        if spool.size > FILE_BYTES:
            raise HttpError(413)


async def listed(call: Call, query: Page) -> Listed[ImportOut]:
    """The files of the officer's bank, the newest first."""
    rows, more = await imports.listed(call.actor, query.after, query.limit)
    items = [ImportOut.model_validate(row) for row in rows]
    return Listed[ImportOut](items=items, next=rows[-1].key if more else None)


async def show(call: Call, key: str) -> ImportOut:
    """How far a file is."""
    return ImportOut.model_validate(await imports.view(call.actor, key))


async def result(call: Call, key: str) -> web.StreamResponse:
    """The rows that did not go in, as CSV: row number, column, value (masked where personal), reason."""
    batch = await imports.view(call.actor, key)
    response = web.StreamResponse(headers={**HEADERS, **attached(f"{batch.file_name}-未导入.csv")})
    response.content_type, response.charset = CSV, "utf-8"
    await response.prepare(call.request)
    after, first = 0, True
    while (rows := await imports.row_errors(key, after)) or first:
        lines = import_sheets.error_lines([error for _, error in rows], first=first)
        await response.write(lines)
        after, first = rows[-1][0] if rows else after, False
    await response.write_eof()
    return response


async def template(call: Call, kind: str) -> web.Response:
    """A workbook to fill in, with notes and drop-downs."""
    table = imports.table_of(kind)
    imports.officer(call.actor)
    banks, guarantors, _ = await import_scope.bodies(call.actor.county)
    offers = {"bank": sorted(banks), "guarantor": sorted(guarantors)}
    data = await asyncio.to_thread(import_sheets.template, table, offers)
    return web.Response(
        body=data, content_type=XLSX, headers={**HEADERS, **attached(f"{table.title}导入模板.xlsx")}
    )


async def monthly_feedback(call: Call, query: Month) -> web.StreamResponse:
    """What was due, repaid and overdue in a month, loan by loan, as a workbook: of one's bank or region."""
    wanted = feedback.wanted_by(call.actor, query.month)
    await feedback.taken(call.actor, wanted, call.now)
    file, _ = await import_sheets.feedback(feedback.rows(wanted), f"{query.month} 应还、已还、逾期反馈")
    with file:
        response = web.StreamResponse(headers={**HEADERS, **attached(f"反馈-{query.month}.xlsx")})
        response.content_type = XLSX
        await response.prepare(call.request)
        while piece := file.read(_PIECE):
            await response.write(piece)
        await response.write_eof()
    return response


def attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
