"""Workbooks written row by row: what a spreadsheet program reads is what was given, and never a formula."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from python_calamine import CalamineWorkbook

from bot import sheets_write
from bot.sheets_write import SheetWriter, plain


def written(rows: list[list[sheets_write.Cell]]) -> list[list[object]]:
    """What another program reads from a workbook of these rows."""
    out = io.BytesIO()
    writer = SheetWriter(
        out, "贷款[1]/2", [("编号", "text"), ("金额", "number"), ("天", "count")], [10, 12, 8]
    )
    writer.write(rows[:1])
    writer.write(rows[1:])
    writer.close()
    book = CalamineWorkbook.from_filelike(io.BytesIO(out.getvalue()))
    assert book.sheet_names == ["贷款 1  2"]
    return book.get_sheet_by_index(0).to_python()


@pytest.mark.parametrize("text", ["=1+1", "＝1+1", "＋86", "－1", "＠SUM(A1)", "\n=1+1", "\x00=1+1"])
def test_no_text_is_taken_for_a_formula(text: str) -> None:
    """S17.2: also not by a spreadsheet program with Chinese settings."""
    assert plain(text).startswith("'")


def test_another_program_reads_what_was_written() -> None:
    found = written(
        [["甲 <&> 乙", Decimal("1234.50"), 3], ["\x00二\ufffe", None, None], ["", Decimal("-1"), 0]]
    )
    assert found[0] == ["编号", "金额", "天"]
    assert found[1] == ["甲 <&> 乙", 1234.5, 3.0]
    assert found[2][:2] == ["二", ""]
    assert found[3][1:] == [-1.0, 0.0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    assert plain(text) == f"'{text}"
    assert written([[text, None, None]])[1][0] == f"'{text}".replace("\r", "\n")


def test_a_full_sheet_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets_write, "MOST_ROWS", 2)
    with pytest.raises(ValueError, match="holds 2 rows"):
        written([["a", None, None], ["b", None, None]])
