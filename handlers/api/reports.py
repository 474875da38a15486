"""Reports: overdue and NPL rates with places, what was due and repaid; as JSON, sheet or picture."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Literal
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from actions import report_loans, report_views
from actions.report_kinds import Kind, Level, Row, value_of
from actions.report_loans import Opened
from actions.report_views import Asked, ReportView
from handlers import report_picture, report_sheet
from handlers.api.paging import Listed
from handlers.endpoint import Call, Out, Page, Query
from handlers.errors import HttpError

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PNG = "image/png"
PAGE_ROWS = 100
NO_FONT = "这台服务器没有中文字体，画不了图。请管理员装上 Noto Sans CJK 字体；表格可以照常下载。"


class ColumnOut(Out):
    """A column. Kind: count, money (fen), percent (basis points), change (basis points), trend (list)."""

    key: str
    title: str
    kind: Kind
    opens: bool = Field(description="The loans behind it can be listed.")


class ReportNameOut(Out):
    """A report one may see, with its levels; the first one is shown when none is asked for."""

    name: str
    title: str
    levels: list[Level]


class RowOut(Out):
    """One village, town or bank. `place`: null where it is not ranked; `above`: over the target line."""

    code: str
    name: str
    place: int | None
    above: bool | None
    values: dict[str, int | list[int | None] | None]


class ReportOut(Out):
    """A report. `day`: null as long as nothing has been worked out; `ranked`: how many rows have a place."""

    name: str
    title: str
    level: Level
    levels: list[Level]
    day: date | None
    compared_with: date | None = Field(description="The end of last month that changes are measured from.")
    trend_days: list[date]
    ranked_by: str
    target_line_bp: int | None
    ranked: int
    columns: list[ColumnOut]
    rows: list[RowOut]
    total: RowOut | None
    next: str | None


class LoanBehindOut(Out):
    """One loan behind a figure; the name is masked."""

    key: str
    number: str
    place: str
    borrower: str
    amount_fen: int
    days: int


class LoansBehindOut(Out):
    """Loans behind a figure: `figure_fen` is what the report says, `amount_fen` what they add up to.

    `loans` and `amount_fen` are null where a whole county's or bank's lines of this moment are listed.
    """

    name: str
    figure: str
    day: date
    figure_fen: int
    loans: int | None
    amount_fen: int | None
    agrees: bool
    items: list[LoanBehindOut]
    next: str | None


class ReportQuery(Query):
    """Which rows, of which day, in which form."""

    level: Level | None = Field(None, description="village, town or bank; one of `levels`.")
    day: date | None = Field(None, description="The newest figures up to this day.")
    within: str = Field("", pattern=r"^([0-9]{12})?$", description="Only the rows of this region.")
    order: Literal["worst", "best"] = Field("worst", description="Which end of the ranking comes first.")
    format: Literal["json", "xlsx", "png"] = "json"
    after: str | None = Field(None, max_length=64, description="`next` of the page before.")
    limit: int = Field(PAGE_ROWS, ge=1, le=1000, description="How many at most.")

    def asked(self) -> Asked:
        return Asked(self.level or "", self.day, self.within, self.order == "best")


class LoansQuery(Page):
    """Which figure of which row is opened."""

    figure: str = Field(max_length=40, pattern=r"^[a-z0-9_]+$")
    level: Literal["village", "town", "bank", "county"]
    code: str = Field(max_length=20, pattern=r"^[0-9]+$")
    day: date | None = None


async def listed(call: Call) -> Listed[ReportNameOut]:
    """The reports one may see."""
    found = report_views.reports_of(call.actor)
    items = [ReportNameOut(name=s.name, title=s.title, levels=list(levels)) for s, levels in found]
    return Listed[ReportNameOut](items=items, next=None)


async def show(call: Call, name: str, query: ReportQuery) -> ReportOut | web.Response:
    """A report: the rows of one's region or bank with places, and the sum beside them.

    Places are given among all rows of the county. A sheet (`xlsx`) and a picture (`png`) hold every row.
    """
    found = await report_views.view(call.actor, name, query.asked(), call.pack, call.on)
    if query.format == "json":
        return _out(found, *rows_after(found, query.after, query.limit))
    return await as_file(found, query.format)


async def as_file(found: ReportView, form: str) -> web.Response:
    """The report as a sheet or picture. Raises HttpError 503 where no font has Chinese characters."""
    if form == "xlsx":
        return _file(await asyncio.to_thread(report_sheet.draw, found), XLSX, found, "xlsx")
    try:
        return _file(await asyncio.to_thread(report_picture.draw, found), PNG, found, "png")
    except report_picture.NoFont as error:
        raise HttpError(503, message=NO_FONT) from error


def _file(data: bytes, media_type: str, found: ReportView, ending: str) -> web.Response:
    day = found.day.isoformat() if found.day else "empty"
    name = quote(f"{found.spec.title}-{report_views.level_title(found.level)}-{day}.{ending}")
    how = "inline" if ending == "png" else "attachment"
    plain = f"{found.spec.name}-{found.level}-{day}.{ending}"
    headers = {
        "Content-Disposition": f"{how}; filename=\"{plain}\"; filename*=UTF-8''{name}",
        "Cache-Control": "private, max-age=60",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(body=data, content_type=media_type, headers=headers)


def rows_after(found: ReportView, after: str | None, limit: int) -> tuple[list[Row], str | None]:
    """The rows behind the one with this code, and the code to go on from. Raises HttpError 400."""
    codes = [row.code for row in found.rows]
    if after is not None and after not in codes:
        raise HttpError(400, field="after")
    start = codes.index(after) + 1 if after else 0
    page = list(found.rows[start : start + limit])
    return page, page[-1].code if start + limit < len(codes) else None


def _out(found: ReportView, rows: list[Row], next_code: str | None) -> ReportOut:
    spec = found.spec
    columns = [
        ColumnOut(key=c.key, title=c.title, kind=c.kind, opens=c.key in spec.opens) for c in spec.columns
    ]
    return ReportOut(
        name=spec.name,
        title=spec.title,
        level=found.level,
        levels=list(found.levels),
        day=found.day,
        compared_with=found.before,
        trend_days=list(found.days),
        ranked_by=found.measured.key,
        target_line_bp=found.line_bp,
        ranked=found.ranked,
        columns=columns,
        rows=[_row(found, row) for row in rows],
        total=_row(found, found.total) if found.total else None,
        next=next_code,
    )


def _row(found: ReportView, row: Row) -> RowOut:
    values = {column.key: value_of(column, row) for column in found.spec.columns}
    return RowOut(code=row.code, name=row.name, place=row.place, above=row.above, values=values)


async def loans(call: Call, name: str, query: LoansQuery) -> LoansBehindOut:
    """The loans behind a figure, the largest amount first, names masked; the look is noted."""
    opened = Opened(query.figure, query.level, query.code, query.day, query.after or "", query.limit)
    found = await report_loans.loans_behind(call.actor, name, opened, call.pack, call.on, call.now)
    items = [LoanBehindOut.model_validate(each) for each in found.items]
    return LoansBehindOut(
        name=found.name,
        figure=query.figure,
        day=found.day,
        figure_fen=found.figure_fen,
        loans=found.loans,
        amount_fen=found.amount_fen,
        agrees=found.agrees,
        items=items,
        next=items[-1].key if len(items) == query.limit else None,
    )
