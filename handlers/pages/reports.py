"""Pages of reports: which there are, one with bars, trends and table, and the loans behind a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web
from pydantic import ValidationError

from actions import report_loans, report_views
from actions.report_kinds import LEVEL_TITLES, Column, Row, words_of
from actions.report_loans import Opened
from actions.report_views import ReportView
from handlers.api.reports import LoansQuery, ReportQuery, as_file, rows_after
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render
from handlers.report_picture import most_bp
from rules.arrears_rates import change_words, share_bp, share_words

ROWS = 50
LOANS = 20
_BAR = 1000
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 32
_CHART_ROWS = 40


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table: its words, and where its loans are listed, if they are."""

    column: Column
    words: str
    link: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row as the page draws it; `bar` and `spark` are in the units of their drawings."""

    row: Row
    words: str
    change: str
    bar: int
    cut: bool
    spark: str
    inside: str
    cells: tuple[Cell, ...]


async def listed(viewer: Viewer) -> web.Response:
    """GET /m/reports: the reports one may see."""
    found = report_views.reports_of(viewer.actor)
    if not found:
        raise HttpError(404)
    rows = [(spec, [LEVEL_TITLES[level] for level in levels]) for spec, levels in found]
    return render(viewer, "reports.html", reports=rows)


async def report(viewer: Viewer) -> web.StreamResponse:
    """GET /m/reports/{key}: places, bars with the target line, trends; with ?format= a sheet or picture."""
    query = _query(ReportQuery, viewer, day=viewer.request.match_info.get("day"))
    name = viewer.key
    found = await report_views.view(viewer.actor, name, query.asked(), viewer.pack, viewer.on)
    if query.format != "json":
        return await as_file(found, query.format)
    rows, next_code = rows_after(found, query.after, ROWS)
    scale = most_bp([share_bp(row.measured) for row in found.rows], found.line_bp)
    lines = [_line(viewer, found, row, scale) for row in rows]
    return render(
        viewer,
        "report.html",
        it=found,
        lines=lines,
        total=_line(viewer, found, found.total, scale) if found.total else None,
        columns=found.spec.columns,
        tabs=[
            (LEVEL_TITLES[level], _address(viewer, found, level=level), level == found.level)
            for level in found.levels
        ],
        target=_BAR * found.line_bp // scale if found.line_bp else None,
        line_words=share_words_of(found.line_bp),
        judged={True: "▲ 超过", False: "✓ 没超过", None: ""},
        other_order=_address(
            viewer, found, order="worst" if query.order == "best" else "best", within=found.within
        ),
        best_first=query.order == "best",
        sheet=_address(viewer, found, within=found.within, format="xlsx"),
        picture=_address(viewer, found, within=found.within, format="png"),
        next=_address(viewer, found, within=found.within, order=query.order, after=next_code)
        if next_code
        else "",
        chart=_chart(found, rows[:_CHART_ROWS]),
    )


def share_words_of(line_bp: int | None) -> str:
    """3% for 300."""
    return "" if line_bp is None else f"{line_bp / 100:g}%"


def _query(kind: type[Any], viewer: Viewer, **more: Any) -> Any:
    given = {**viewer.request.query, **{name: value for name, value in more.items() if value is not None}}
    try:
        return kind.model_validate(given)
    except ValidationError:
        raise HttpError(404) from None


def _address(viewer: Viewer, found: ReportView, *, level: str = "", **more: str) -> str:
    """The address of this report on this day, with what differs; the newest day needs no name."""
    parts = {"level": level or found.level, **({"day": found.day.isoformat()} if found.day else {}), **more}
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"{viewer.root}/reports/{found.spec.name}?{query}"


def _line(viewer: Viewer, found: ReportView, row: Row, scale: int) -> Line:
    bp = share_bp(row.measured)
    inside = ""
    if found.level == "town" and row is not found.total and "village" in found.levels:
        inside = _address(viewer, found, level="village", within=row.code)
    return Line(
        row=row,
        words=share_words(row.measured, found.line_bp),
        change=change_words(bp, share_bp(row.before)),
        bar=_BAR * min(bp or 0, scale) // scale,
        cut=(bp or 0) > scale,
        spark=spark(row.trend),
        inside=inside,
        cells=tuple(_cell(viewer, found, row, column) for column in found.spec.columns),
    )


def _cell(viewer: Viewer, found: ReportView, row: Row, column: Column) -> Cell:
    link = ""
    if column.key in found.spec.opens and row.figures[column.key] and found.day:
        level = found.level
        if row is found.total:
            level_of_total = "county" if row.code.endswith("000000") else "town"
            link = _loans_address(viewer, found, column.key, level_of_total, row.code, found.day)
        else:
            link = _loans_address(viewer, found, column.key, level, row.code, found.day)
    return Cell(column, words_of(column, row, found.line_bp), link)


def _loans_address(viewer: Viewer, found: ReportView, figure: str, level: str, code: str, day: date) -> str:
    query = urlencode({"figure": figure, "level": level, "code": code, "day": day.isoformat()})
    return f"{viewer.root}/reports/{found.spec.name}/loans?{query}"


def spark(trend: Sequence[int | None]) -> str:
    """The points of a small line; empty where there are not two days to join."""
    known = [(step, bp) for step, bp in enumerate(trend) if bp is not None]
    if len(known) < 2:
        return ""
    low, high = min(bp for _, bp in known), max(bp for _, bp in known)
    across, up = _SPARK_WIDTH - 6, _SPARK_HEIGHT - 6
    return " ".join(
        f"{3 + across * step // (len(trend) - 1)},{3 + up - up * (bp - low) // max(1, high - low)}"
        for step, bp in known
    )


def _chart(found: ReportView, rows: Sequence[Row]) -> str:
    """What the chart of the desk page needs, as JSON."""
    bars = [
        {"name": row.name, "percent": (share_bp(row.measured) or 0) / 100, "above": bool(row.above)}
        for row in rows
    ]
    line = None if found.line_bp is None else found.line_bp / 100
    return orjson.dumps({"title": found.measured.title, "line": line, "bars": bars}).decode()


async def loans(viewer: Viewer) -> web.Response:
    """GET /m/reports/{key}/loans: the loans behind a figure, and whether they add up to it."""
    query = _query(LoansQuery, viewer)
    opened = Opened(query.figure, query.level, query.code, query.day, query.after or "", LOANS)
    found = await report_loans.loans_behind(
        viewer.actor, viewer.key, opened, viewer.pack, viewer.on, viewer.now
    )
    more = ""
    if len(found.items) == LOANS:
        more = f"{viewer.request.path}?{urlencode({**viewer.request.query, 'after': found.items[-1].key})}"
    back = f"{viewer.root}/reports/{found.spec.name}"
    if query.level != "county":
        back += f"?{urlencode({'level': query.level, 'day': found.day.isoformat()})}"
    return render(viewer, "report_loans.html", it=found, next=more, back=back)
