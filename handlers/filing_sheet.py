"""A monthly filing as a spreadsheet: what the bank reads before it submits, and the others keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal

import xlsxwriter

from actions.filings import FilingView, LineView
from handlers.forms.choices import METHOD_WORDS

HEAD = 4
"""The row of the headings; above it title, bank, standing and hash."""
_PLAIN = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
_FORMATS = {"text": {}, "money": {"num_format": "#,##0.00"}, "day": {"num_format": "yyyy-mm-dd"}}
Kind = Literal["text", "money", "day"]


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    kind: Kind
    of: Callable[[LineView], Any]


def _said(name: str) -> Callable[[LineView], str]:
    return lambda line: str(line.content[name])


def _day(name: str) -> Callable[[LineView], date]:
    return lambda line: date.fromisoformat(line.content[name])


_NUMBER = _Column("借据号", 24, "text", _said("number"))
_VILLAGE = _Column("村", 22, "text", lambda line: line.village_name)
_AMOUNT = _Column("放款金额（元）", 16, "money", lambda line: Decimal(line.content["principal_fen"]) / 100)
_PAID_OUT = _Column("放款日期", 13, "day", _day("disbursed_on"))
_COLUMNS: dict[str, tuple[_Column, ...]] = {
    "disbursements": (
        _NUMBER,
        _VILLAGE,
        _AMOUNT,
        _PAID_OUT,
        _Column("到期日期", 13, "day", _day("maturity_on")),
        _Column("年利率（%）", 11, "money", lambda line: Decimal(line.content["annual_rate_bp"]) / 100),
        _Column("还款方式", 26, "text", lambda line: METHOD_WORDS[line.content["method"]]),
        _Column("是否续贷", 10, "text", lambda line: "续贷" if line.content["renewal"] else ""),
    ),
    "releases": (
        _Column("通知书编号", 28, "text", lambda line: line.letter),
        _NUMBER,
        _VILLAGE,
        _AMOUNT,
        _PAID_OUT,
        _Column("结清日期", 13, "day", _day("settled_on")),
    ),
}


def draw(found: FilingView, lines: Sequence[LineView]) -> bytes:
    """The workbook: amounts in 元 that add up, days that sort; a text is text, whatever it begins with.

    Clause: S5.1, S5.2.
    """
    out = BytesIO()
    book = xlsxwriter.Workbook(out, _PLAIN)
    book.set_properties({"title": found.title})
    sheet, columns = book.add_worksheet("备案"), _COLUMNS[found.kind]
    _head(book, sheet, found, columns)
    formats = {kind: book.add_format({"border": 1, **form}) for kind, form in _FORMATS.items()}
    for at, line in enumerate(lines, HEAD + 1):
        sheet.write_number(at, 0, line.number, formats["text"])
        for across, column in enumerate(columns, 1):
            _write(sheet, at, across, column, column.of(line), formats[column.kind])
    last, money = HEAD + 1 + len(lines), 1 + columns.index(_AMOUNT)
    sheet.write_string(last, 0, "合计", formats["text"])
    total = sum(Decimal(line.content["principal_fen"]) for line in lines) / 100
    sheet.write_number(last, money, total, formats["money"])
    book.close()
    return out.getvalue()


def _head(book: Any, sheet: Any, found: FilingView, columns: Sequence[_Column]) -> None:
    soft = book.add_format({"font_color": "#5e5e5e"})
    title = book.add_format({"bold": True, "font_size": 16})
    cell = book.add_format({"bold": True, "bg_color": "#e8eef5", "border": 1, "align": "center"})
    sheet.write_string(0, 0, found.title, title)
    sheet.write_string(1, 0, found.bank, soft)
    standing = "已经提交" if found.state == "submitted" else f"还没有提交，期限{found.due_on.isoformat()}"
    sheet.write_string(2, 0, standing + ("，超过了期限" if found.late else ""), soft)
    sheet.write_string(3, 0, f"校验码 {found.sha256}", soft)
    sheet.write_string(HEAD, 0, "序号", cell)
    sheet.set_column(0, 0, 8)
    for across, column in enumerate(columns, 1):
        sheet.write_string(HEAD, across, column.title, cell)
        sheet.set_column(across, across, column.width)
    sheet.freeze_panes(HEAD + 1, 0)


def _write(sheet: Any, at: int, across: int, column: _Column, value: Any, form: Any) -> None:
    if column.kind == "day":
        sheet.write_datetime(at, across, value, form)
    elif column.kind == "money":
        sheet.write_number(at, across, value, form)
    else:
        sheet.write_string(at, across, value, form)
