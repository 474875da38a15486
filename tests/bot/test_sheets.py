"""S12.1, S6.2: rows of CSV and xlsx files, whatever they claim; calamine is the second opinion."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import pytest
import python_calamine
import xlsxwriter

from bot.sheets import SheetError, open_sheet


def rows_of(data: bytes) -> list[tuple[int, list[str]]]:
    return list(open_sheet(io.BytesIO(data)).rows())


def workbook(cells: dict[tuple[int, int], object], options: dict[str, object] | None = None) -> bytes:
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data, {"in_memory": True, **(options or {})})
    sheet = book.add_worksheet()
    day, share = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "0.00%"})
    for (row, column), value in cells.items():
        if isinstance(value, date):
            sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001 - a day
        elif isinstance(value, tuple):
            sheet.write_number(row, column, value[0], share)
        elif isinstance(value, str) and value.startswith("="):
            sheet.write_formula(row, column, value, None, "")
        else:
            sheet.write(row, column, value)
    book.close()
    return data.getvalue()


def packed(parts: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An xlsx file with these parts instead of its own."""
    data, new = io.BytesIO(workbook({(0, 0): "a", (0, 1): "b"})), io.BytesIO()
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(new, "w", method) as made:
        for name in old.namelist():
            made.writestr(name, parts.get(name, old.read(name)))
    return new.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("comma", [",", "\t", ";"])
def test_a_csv_file_is_read_in_every_usual_encoding(encoding: str, comma: str) -> None:
    data = f'借据号{comma}姓名\r\n1{comma}"张{comma}三"\r\n'.encode(encoding)
    assert rows_of(data) == [(1, ["借据号", "姓名"]), (2, ["1", f"张{comma}三"])]


def test_what_cannot_be_decoded_is_a_sign_of_its_own() -> None:
    assert rows_of("借据号\n张".encode() + b"\xff\n")[1] == (2, ["张\ufffd"])


def test_numbers_days_and_shares_are_read_as_they_are_shown() -> None:
    data = workbook(
        {
            (0, 0): "x", (0, 1): 30000.1, (0, 2): date(2026, 3, 5), (0, 3): (0.0435,), (0, 4): 100000,
            (0, 5): 0.1 + 0.2, (0, 6): True, (0, 8): "=A1",
        }
    )  # fmt: skip
    assert rows_of(data) == [(1, ["x", "30000.1", "2026-03-05", "4.35%", "100000", "0.3", "是", "", "=A1"])]


@pytest.mark.parametrize("options", [{}, {"constant_memory": True, "in_memory": False}, {"date_1904": True}])
def test_calamine_reads_the_same(options: dict[str, object]) -> None:
    cells: dict[tuple[int, int], object] = {}
    for row in range(40):
        cells[row, 0] = f"<行>&\n{row}" if row % 7 else ""
        cells[row, 2] = date(2024 + row % 5, 1 + row % 12, 1 + row % 28)
        cells[row, 3] = row * 1_000
    data = workbook(cells, options)
    sheet = python_calamine.load_workbook(io.BytesIO(data)).get_sheet_by_index(0)
    theirs = [
        [f"{cell:.0f}" if isinstance(cell, float) else str(cell) for cell in row] for row in sheet.to_python()
    ]
    ours = [row for _, row in rows_of(data)]
    assert [[cell.replace("\r\n", "\n") for cell in row] for row in ours] == theirs


def test_a_cell_in_the_last_corner_reserves_nothing() -> None:
    with pytest.raises(SheetError, match="列"):
        rows_of(workbook({(0, 0): "a", (1_048_575, 16_383): "b"}))
    assert rows_of(workbook({(0, 0): "a", (1_048_575, 0): "b"})) == [(1, ["a"]), (1_048_576, ["b"])]


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
PART = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + SHEET.format("<row><c t='str'><v>&a;</v></c></row>"),
        SHEET.format('<row><c r="A1" t="s"><v>99</v></c></row>'),
        SHEET.format('<row r="99999999"><c><v>1</v></c></row>'),
        SHEET.format('<row><c r="1A"><v>1</v></c></row>'),
        "<worksheet><sheetData><row>",
        SHEET.format(f'<row><c t="str" x="{"y" * 9_000_000}"><v>1</v></c></row>'),
        SHEET.format(f'<row><c t="str"><v>{"y" * 9_000_000}</v></c></row>'),
    ],
    ids=["entities", "no such text", "far row", "bad place", "cut off", "long attribute", "long cell"],
)
def test_a_hostile_sheet_is_refused_in_words(content: str) -> None:
    with pytest.raises(SheetError, match="坏了"):
        rows_of(packed({PART: content}))


def test_sheets_of_other_programs_are_read() -> None:
    """Prefixed names, inline texts with runs, no places."""
    content = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData><x:row>'
        '<x:c t="inlineStr"><x:is><x:r><x:t>张</x:t></x:r><x:r><x:t>三</x:t></x:r></x:is></x:c>'
        "<x:c><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>"
    )
    assert rows_of(packed({PART: content})) == [(1, ["张三", "5"])]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "空"), (b"\xd0\xcf\x11\xe0....", "xls"), (b"PK\x03\x04 no zip at all", "坏了")],
)
def test_other_files_are_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(SheetError, match=words):
        rows_of(data)


def test_other_ways_of_packing_that_cannot_be_bounded_are_refused() -> None:
    with pytest.raises(SheetError):
        rows_of(packed({}, zipfile.ZIP_BZIP2))
