"""One's own data: taking it along, asking that it be corrected or deleted, taking a consent back."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import quote

import aiohttp_jinja2
import orjson
from aiohttp import web
from pydantic import Field

from actions import consents, own_data, sessions
from handlers.endpoint import Call, In, Out
from handlers.errors import HttpError
from handlers.login import session_token

ZIP = "application/zip"
PART_WORDS: Mapping[str, str] = {
    "person": "登记的信息",
    "applications": "申请",
    "wechat": "微信",
    "loans": "贷款",
    "instalments": "还款计划",
    "repayments": "还款",
    "notices": "发给您的通知",
    "consents": "您签过的文书",
    "credit_queries": "谁查过您的信用信息",
    "files": "您传的照片和文件",
    "looked_at_by": "谁看过您的资料",
}


class WithdrawnOut(Out):
    """A consent that was taken back."""

    id: int
    kind: str
    title: str
    withdrawn_at: datetime | None


class RequestIn(In):
    """What is to be corrected or deleted, in one's own words; a new phone number is put in when granted."""

    kind: Literal["correction", "deletion"]
    words: str = Field(min_length=1, max_length=own_data.WORDS_MAX)
    phone: str = Field("", max_length=11)


class RequestOut(Out):
    """A request. `state`: open, granted, refused; `done` says what came of it."""

    key: str
    kind: str
    words: str
    state: str
    asked_at: datetime
    due_on: date
    done: str
    person: str = Field(description="Whose it is, for whoever decides; empty for oneself.")


class RequestsOut(Out):
    """One's own requests, the newest first."""

    items: list[RequestOut]


async def withdraw(call: Call, key: str) -> WithdrawnOut:
    """Take a consent back. What rests on it stops: an application under review ends. Twice is once."""
    if not (key.isascii() and key.isdigit() and len(key) <= 18):
        raise HttpError(404)
    return WithdrawnOut.model_validate(await consents.withdraw(call.actor, int(key), call.pack, call.now))


async def ask(call: Call, body: RequestIn) -> RequestOut:
    """Ask that one's data be corrected or deleted; it is answered within 15 working days."""
    made = await own_data.ask(call.actor, body.kind, body.words, call.pack, call.now, phone=body.phone)
    return RequestOut.model_validate(made)


async def asked(call: Call) -> RequestsOut:
    """What one has asked for, and what came of it."""
    return RequestsOut(items=[RequestOut.model_validate(each) for each in await own_data.mine(call.actor)])


async def export(call: Call) -> web.Response:
    """All that is kept about oneself: a zip with JSON and a page to read. Needs a fresh login."""
    token, _ = session_token(call.request)
    await sessions.check_fresh(token, call.now)
    found = await own_data.export(call.actor, call.now)
    page = aiohttp_jinja2.render_string(
        "own_data.html", call.request, {"found": found, "words": PART_WORDS, "county": call.pack.title}
    )
    body = await asyncio.to_thread(_packed, found, page)
    name = quote(f"我的资料-{call.on.isoformat()}.zip", safe="")
    return web.Response(
        body=body,
        content_type=ZIP,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _packed(found: Mapping[str, Any], page: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("data.json", orjson.dumps(found, option=orjson.OPT_INDENT_2))
        packed.writestr("我的资料.html", page)
    return out.getvalue()
