"""Spreadsheets around imports: the template to fill in, the rows that did not go in, the monthly feedback."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, BinaryIO

import xlsxwriter

from actions.feedback import FeedbackRow
from rules.cells import harmless
from rules.columns import Column, RowError, Table

ERROR_TITLES = ("行号", "列", "内容", "原因")
_TEMPLATE_ROWS = 10_000
_MOST_ROWS = 1_048_000
_PLAIN_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def template(table: Table, offers: Mapping[str, Sequence[str]]) -> bytes:
    """A workbook to fill in: columns, notes and drop-downs from the one definition, an example beside it.

    `offers`: more drop-downs by column name (the county's banks, its guarantors). Clause: S12.1, S6.2.
    """
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data, {"in_memory": True, **_PLAIN_TEXT})
    sheet = book.add_worksheet(table.title)
    must = book.add_format({"bold": True, "bg_color": "#FFE699", "border": 1, "text_wrap": True})
    may = book.add_format({"bold": True, "bg_color": "#E7E6E6", "border": 1, "text_wrap": True})
    lists = book.add_worksheet("选项")
    for at, column in enumerate(table.columns):
        sheet.write_string(0, at, column.title, must if column.required else may)
        note = f"{'必填。' if column.required else '可不填。'}{column.note}"
        sheet.write_comment(0, at, note, {"x_scale": 2})
        sheet.set_column(at, at, max(12, 2 * len(column.title) + 4), book.add_format(_format(column)))
        offered = column.offered or list(offers.get(column.name, ()))
        if offered:
            _offer(sheet, lists, at, offered)
    sheet.freeze_panes(1, 0)
    lists.hide()
    _notes(book, table)
    book.close()
    return data.getvalue()


def _format(column: Column) -> dict[str, str]:
    if column.kind == "day":
        return {"num_format": "yyyy-mm-dd"}
    return {"num_format": {"money": "0.00", "rate": "0.00", "months": "0"}.get(column.kind, "@")}


def _offer(sheet: Any, lists: Any, at: int, offered: Sequence[str]) -> None:
    for row, said in enumerate(offered):
        lists.write_string(row, at, said)
    letter = xlsxwriter.utility.xl_col_to_name(at, col_abs=True)
    source = f"=选项!{letter}$1:{letter}${len(offered)}"
    sheet.data_validation(
        1, at, _TEMPLATE_ROWS, at,
        {"validate": "list", "source": source, "error_title": "请从列表里选", "error_type": "warning"},
    )  # fmt: skip


def _notes(book: Any, table: Table) -> None:
    notes = book.add_worksheet("填写说明")
    bold = book.add_format({"bold": True})
    for at, title in enumerate(("列", "要不要填", "说明", "例子", "也可以叫")):
        notes.write_string(0, at, title, bold)
    for row, column in enumerate(table.columns, start=1):
        needed = "必填" if column.required else "可不填"
        group = next((each for each in table.either if column.name in each), None)
        if group:
            needed = f"{'、'.join(table.column(name).title for name in group)}至少填一个"
        words = column.note if not column.choices else f"{column.note}可选：{'、'.join(column.offered)}。"
        cells = (column.title, needed, words, column.example, "、".join(column.aliases))
        for at, cell in enumerate(cells):
            notes.write_string(row, at, cell)
    notes.set_column(0, 1, 18)
    notes.set_column(2, 4, 46)


def error_lines(errors: Sequence[RowError], *, first: bool) -> bytes:
    """Row errors as lines of a CSV file that spreadsheet programs read as text. Clause: S12.1, S17.2."""
    text = io.StringIO()
    writer = csv.writer(text)
    if first:
        text.write("\ufeff")
        writer.writerow(ERROR_TITLES)
    for each in errors:
        writer.writerow((each.row, each.column, harmless(each.value), each.reason))
    return text.getvalue().encode()


# ───────────── monthly feedback ─────────────


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column of the feedback."""

    title: str
    value: Callable[[FeedbackRow], str | int | date]
    kind: str = "text"


_FEEDBACK = (
    _Shown("放款银行", lambda row: row.bank),
    _Shown("镇", lambda row: row.town),
    _Shown("村", lambda row: row.village),
    _Shown("借据号", lambda row: row.number),
    _Shown("借款人", lambda row: row.borrower),
    _Shown("放款日期", lambda row: row.disbursed_on, "day"),
    _Shown("到期日期", lambda row: row.maturity_on, "day"),
    _Shown("贷款金额", lambda row: row.principal_fen, "money"),
    _Shown("本月应还本金", lambda row: row.due_principal_fen, "money"),
    _Shown("本月应还利息", lambda row: row.due_interest_fen, "money"),
    _Shown("本月已还本金", lambda row: row.repaid_principal_fen, "money"),
    _Shown("本月已还利息", lambda row: row.repaid_interest_fen, "money"),
    _Shown("月末逾期金额", lambda row: row.overdue_fen, "money"),
    _Shown("逾期天数", lambda row: row.overdue_days, "count"),
    _Shown("月末贷款余额", lambda row: row.balance_fen, "money"),
)
_SUM_TITLES = ("放款银行", "镇", "笔数", "逾期笔数", "本月应还", "本月已还", "月末逾期", "月末余额")


async def feedback(rows: AsyncIterator[FeedbackRow], title: str) -> tuple[BinaryIO, int]:
    """The feedback as a workbook in a temporary file at its beginning, and how many loans are in it.

    Rows are written as they come; the sums by bank and town stand on the last sheet. Clause: S12.1.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who sends it
    book = xlsxwriter.Workbook(file, {"constant_memory": True, **_PLAIN_TEXT})
    formats = {
        "text": book.add_format(),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "money": book.add_format({"num_format": "#,##0.00"}),
        "count": book.add_format({"num_format": "0"}),
        "bold": book.add_format({"bold": True}),
    }
    sums: dict[tuple[str, str], list[int]] = {}
    sheets = _sheets(book, formats["bold"])
    sheet, at, count = next(sheets), 0, 0
    async for row in rows:
        if at == _MOST_ROWS:
            sheet, at = next(sheets), 0
        at, count = at + 1, count + 1
        for column, shown in enumerate(_FEEDBACK):
            _write(sheet, at, column, shown.value(row), shown.kind, formats)
        _add(sums, row)
    _summary(book, sums, title, formats)
    book.close()
    file.seek(0)
    return file, count


def _sheets(book: Any, bold: Any) -> Iterator[Any]:
    number = 0
    while True:
        number += 1
        sheet = book.add_worksheet("明细" if number == 1 else f"明细{number}")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(_FEEDBACK) - 1, 14)
        for column, shown in enumerate(_FEEDBACK):
            sheet.write_string(0, column, shown.title, bold)
        yield sheet


def _write(sheet: Any, row: int, column: int, value: Any, kind: str, formats: dict[str, Any]) -> None:
    if kind == "text":
        sheet.write_string(row, column, value)
    elif kind == "day":
        sheet.write_datetime(row, column, value, formats["day"])
    else:
        number = Decimal(value).scaleb(-2) if kind == "money" else value
        sheet.write_number(row, column, number, formats[kind])


def _add(sums: dict[tuple[str, str], list[int]], row: FeedbackRow) -> None:
    held = sums.setdefault((row.bank, row.town), [0] * 6)
    figures = (
        1,
        int(row.overdue_fen > 0),
        row.due_principal_fen + row.due_interest_fen,
        row.repaid_principal_fen + row.repaid_interest_fen,
        row.overdue_fen,
        row.balance_fen,
    )
    for at, figure in enumerate(figures):
        held[at] += figure


def _summary(book: Any, sums: dict[tuple[str, str], list[int]], title: str, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet("汇总")
    sheet.write_string(0, 0, title, formats["bold"])
    for column, name in enumerate(_SUM_TITLES):
        sheet.write_string(1, column, name, formats["bold"])
    total = [sum(each) for each in zip(*sums.values(), strict=True)] or [0] * 6
    lines = [*sorted(sums.items()), (("合计", ""), total)]
    for at, ((bank, town), figures) in enumerate(lines, start=2):
        sheet.write_string(at, 0, bank)
        sheet.write_string(at, 1, town)
        for column, figure in enumerate(figures, start=2):
            _write(sheet, at, column, figure, "count" if column < 4 else "money", formats)
    sheet.set_column(0, len(_SUM_TITLES) - 1, 16)
    sheet.activate()
