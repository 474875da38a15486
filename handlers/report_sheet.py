"""A report as a spreadsheet: numbers are numbers, to be sorted and added up; trends are sparklines."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range_abs

from actions.report_kinds import Column, Row, value_of
from actions.report_views import ReportView, level_title

HEAD = 3
"""The row of the headings; above it title, day and line, and an empty row."""
_TRENDS = "走势数据"
_FIXED = ("名次", "是否超过目标线")
_FORMATS = {
    "count": "#,##0",
    "money": "#,##0.00",
    "percent": "0.00##%",
    "change": '"↑升"0.00;"↓降"0.00;"持平"',
}


def draw(found: ReportView) -> bytes:
    """The workbook. Amounts in 元; a name is always text, whatever it begins with. Clause: S12.5."""
    out = BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"title": found.spec.title})
    _Sheet(book, found).fill()
    book.close()
    return out.getvalue()


class _Sheet:
    """One report while it is written."""

    def __init__(self, book: Any, found: ReportView) -> None:
        self.found = found
        self.sheet = book.add_worksheet(f"{found.spec.title}"[:31])
        self.trends = book.add_worksheet(_TRENDS) if found.days else None
        self.title = book.add_format({"bold": True, "font_size": 16})
        self.soft = book.add_format({"font_color": "#5e5e5e"})
        self.head = book.add_format(
            {
                "bold": True,
                "text_wrap": True,
                "align": "center",
                "valign": "vcenter",
                "bg_color": "#e8eef5",
                "border": 1,
            }
        )
        self.above = book.add_format({"font_color": "#a11b16", "bg_color": "#fde3e1", "border": 1})
        self.text = book.add_format({"border": 1})
        self.formats = {
            kind: book.add_format({"num_format": form, "border": 1}) for kind, form in _FORMATS.items()
        }

    def fill(self) -> None:
        """Everything, in order."""
        found, sheet = self.found, self.sheet
        level = level_title(found.level)
        sheet.write_string(0, 0, f"{found.spec.title}（按{level}）", self.title)
        sheet.write_string(1, 0, self._about(), self.soft)
        titles = ["编码", level, *_FIXED, *(_in_yuan(column) for column in found.spec.columns)]
        for at, title in enumerate(titles):
            sheet.write_string(HEAD, at, title, self.head)
        for at, row in enumerate(found.rows):
            self._row(HEAD + 1 + at, row)
        last = HEAD + len(found.rows)
        if found.total:
            self._row(last + 1, found.total)
        for at, (term, words) in enumerate(found.spec.about):
            sheet.write_string(last + 3 + at, 0, f"{term}：{words}", self.soft)
        sheet.set_row(HEAD, 34)
        sheet.set_column(0, 0, 15)
        sheet.set_column(1, 1, 24)
        sheet.set_column(2, len(titles) - 1, 13)
        sheet.freeze_panes(HEAD + 1, 2)
        if found.rows:
            sheet.autofilter(HEAD, 0, last, len(titles) - 1)

    def _about(self) -> str:
        found = self.found
        if found.day is None:
            return "还没有数据：夜里算过一次就有了。"
        day = f"{found.day.year}年{found.day.month}月{found.day.day}日"
        line = "" if found.line_bp is None else f"，目标线 {found.line_bp / 100:g}%"
        return f"{day}的数；按{found.measured.title}排名，第1名最好{line}；金额单位：元。"

    def _row(self, at: int, row: Row) -> None:
        sheet = self.sheet
        sheet.write_string(at, 0, row.code, self.text)
        sheet.write_string(at, 1, row.name, self.text)
        if row.place is not None:
            sheet.write_number(at, 2, row.place, self.formats["count"])
        else:
            sheet.write_string(at, 2, "" if row is self.found.total else "不排名", self.text)
        words = {True: "超过", False: "没超过", None: "—"}[row.above]
        sheet.write_string(at, 3, words, self.above if row.above else self.text)
        for step, column in enumerate(self.found.spec.columns):
            self._cell(at, 2 + len(_FIXED) + step, column, row)

    def _cell(self, at: int, across: int, column: Column, row: Row) -> None:
        if column.kind == "trend":
            self._trend(at, across, row)
            return
        number = _number(column, row)
        if number is None:
            self.sheet.write_string(at, across, "—", self.text)
        else:
            self.sheet.write_number(at, across, number, self.formats[column.kind])

    def _trend(self, at: int, across: int, row: Row) -> None:
        """The days of a row on a sheet of their own, drawn as a small line beside the row."""
        trends = self.trends
        if trends is None:
            return
        if at == HEAD + 1 or not self.found.rows:
            for step, day in enumerate(self.found.days):
                trends.write_string(HEAD, 1 + step, day.isoformat(), self.head)
        trends.write_string(at, 0, row.name, self.text)
        for step, bp in enumerate(row.trend):
            if bp is not None:
                trends.write_number(at, 1 + step, Decimal(bp) / 10_000, self.formats["percent"])
        span = xl_range_abs(at, 1, at, len(self.found.days))
        self.sheet.add_sparkline(at, across, {"range": f"'{_TRENDS}'!{span}", "series_color": "#2f5d8a"})


def _in_yuan(column: Column) -> str:
    return column.title.replace("万元", "元") if column.kind == "money" else column.title


def _number(column: Column, row: Row) -> Decimal | None:
    """What is written: 元 with two decimals, a share of one, percentage points; None: there is nothing."""
    if column.kind == "percent":
        part, whole = (Decimal(int(row.figures[each])) for each in column.of)
        return (part / whole).quantize(Decimal("0.00000001")) if whole else None
    value = value_of(column, row)
    if value is None or isinstance(value, list):
        return None
    return Decimal(value) / 100 if column.kind in ("money", "change") else Decimal(value)
