"""Rows of a CSV or xlsx file, one after the other, in the same few megabytes whatever the file's size.

Every cell comes as text: numbers of xlsx as a spreadsheet program shows them (fifteen digits), dates as
2026-11-28, per cents with their sign. Nothing passes through a float. What is hostile or broken is a
SheetError with words for the person who handed the file in.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from bot.errors import TianxinError

CHUNK_BYTES = 256 * 1024
_SNIFF_BYTES = 64 * 1024
LONGEST_CELL = 32_767
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


class SheetError(TianxinError):
    """The file cannot be read; the message is for the person who handed it in."""


class Sheet(Protocol):
    """An open table. `rows` gives row number (as a spreadsheet program shows it) and cells."""

    bytes_total: int

    @property
    def bytes_read(self) -> int: ...

    def rows(self) -> Iterator[tuple[int, list[str]]]: ...


def open_sheet(file: BinaryIO) -> Sheet:
    """The first sheet of an xlsx file, or a CSV file in UTF-8 or GB 18030. Raises SheetError."""
    head = file.read(4)
    file.seek(0)
    if head == _ZIP:
        from bot.sheets_xlsx import XlsxSheet

        return XlsxSheet(file)
    if head == _OLE:
        raise SheetError("这是旧的 xls 文件，或者加了密码。请另存为不加密码的 xlsx 或 CSV 再导入。")
    if not head:
        raise SheetError("文件是空的。")
    return CsvSheet(file)


class CsvSheet:
    """A CSV file: commas, semicolons or tabs."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.bytes_total = file.seek(0, io.SEEK_END)
        file.seek(0)
        sample = file.read(_SNIFF_BYTES)
        file.seek(0)
        self.encoding = _encoding(sample)
        first_line = sample.decode(self.encoding, "replace").split("\n", 1)[0]
        self.delimiter = max(",\t;", key=first_line.count)

    @property
    def bytes_read(self) -> int:
        return self._file.tell()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        # what cannot be decoded becomes a sign of its own: its row is refused, the others go in
        text = io.TextIOWrapper(self._file, self.encoding, "replace", newline="")
        try:
            lines = csv.reader(text, delimiter=self.delimiter)
            number = 0
            try:
                for number, row in enumerate(lines, start=1):
                    yield number, row
            except csv.Error as error:
                raise SheetError(f"第{number + 1}行读不出来，可能是引号没有成对，请改好再导入。") from error
        finally:
            text.detach()


def _encoding(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return min(("utf-8-sig", "gb18030"), key=lambda encoding: _unreadable(sample, encoding))


def _unreadable(sample: bytes, encoding: str) -> int:
    """How many signs of the sample, which may end within one, that encoding cannot read."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(sample).count("\ufffd")
