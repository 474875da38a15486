"""What banks file each month."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from actions import filings
from actions.access import Actor
from handlers import filing_sheet
from handlers.api.imports import HEADERS, XLSX, attached
from handlers.api.paging import Listed, number
from handlers.endpoint import Call, In, Out, Page, Query


class FilingOut(Out):
    """A filing without its lines. `approximate`: the official calendar of that year is not known yet."""

    key: str
    kind: str
    title: str
    bank: str
    month: date
    due_on: date
    approximate: bool
    state: str
    late: bool
    lines: int
    total_fen: int
    sha256: str
    submitted_at: datetime | None


class LineOut(Out):
    """One loan of a filing; `letter` is the number of its release, given when it was submitted."""

    number: int
    letter: str
    content: dict[str, Any]
    village_name: str


class FilingQuery(Query):
    """The filing as JSON, or with all its lines as a sheet."""

    format: Literal["json", "xlsx"] = "json"


class SubmissionIn(In):
    """The filing as it was read: its hash."""

    sha256: str = Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]+$")


async def listed(call: Call, query: Page) -> Listed[FilingOut]:
    """The filings one may see, the newest first."""
    rows = await filings.listed(call.actor, after=number(query.after), limit=query.limit)
    items = [FilingOut.model_validate(view) for _, view in rows]
    return Listed[FilingOut](items=items, next=str(rows[-1][0]) if len(rows) == query.limit else None)


async def show(call: Call, key: str, query: FilingQuery) -> FilingOut | web.Response:
    """One filing; as a sheet (`xlsx`) with every line that one may see, which is noted."""
    if query.format == "xlsx":
        return await as_sheet(call.actor, key, call.now)
    return FilingOut.model_validate(await filings.show(call.actor, key))


async def as_sheet(actor: Actor, key: str, now: datetime) -> web.Response:
    """The filing as a file. Raises NotFound. Clause: S5.1, S5.2."""
    found, rows = await filings.whole(actor, key, now)
    data = await asyncio.to_thread(filing_sheet.draw, found, rows)
    headers = {**HEADERS, **attached(f"{found.bank}-{found.title}.xlsx")}
    return web.Response(body=data, content_type=XLSX, headers=headers)


async def lines(call: Call, key: str, query: Page) -> Listed[LineOut]:
    """The lines of a filing in order."""
    rows = await filings.lines(call.actor, key, after=number(query.after) or 0, limit=query.limit)
    items = [LineOut.model_validate(row) for row in rows]
    return Listed[LineOut](items=items, next=str(rows[-1].number) if len(rows) == query.limit else None)


async def submit(call: Call, key: str, body: SubmissionIn) -> FilingOut:
    """Submit a filing as it was read. Changed since: 409, read it again."""
    return FilingOut.model_validate(await filings.submit(call.actor, key, body.sha256, call.pack, call.now))
