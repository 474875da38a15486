"""The first sheet of an xlsx file, read as a stream.

The libraries there are hold the whole sheet in memory (a million rows of fourteen columns: 1.1 GB), and the
fastest of them ends the process on a small file that claims a cell in the last corner. Here memory is the
shared texts of the file, kept as bytes, and no claim of the file reserves anything.
"""

from __future__ import annotations

import re
import zipfile
from array import array
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import BinaryIO
from xml.parsers import expat

from bot.sheets import CHUNK_BYTES, LONGEST_CELL, SheetError

_SMALL_PART_BYTES = 16 * 1024 * 1024
_TEXTS_BYTES = 512 * 1024 * 1024
_TEXTS = 16 * 1024 * 1024
_TOKEN_BYTES = 4 * 1024 * 1024
_SHEET_BYTES = 8 * 1024 * 1024 * 1024
_ENTRIES = 2_000
_COLUMNS = 256
_ROWS = 1_048_576
_BROKEN = "这个 xlsx 文件坏了，读不出来。请用表格软件打开，另存一份再导入。"
_TOO_LARGE = "这个 xlsx 文件展开后太大了，请分成几个文件再导入。"
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_PERCENT_FORMATS = frozenset({9, 10})
Attributes = dict[str, str]


class XlsxSheet:
    """An xlsx file's first sheet."""

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise SheetError(_BROKEN) from error
        if len(self._zip.infolist()) > _ENTRIES:
            raise SheetError(_BROKEN)
        self._names = {name.lower(): name for name in self._zip.namelist()}
        sheet, self._epoch = self._first_sheet()
        self._sheet = self._info(sheet)
        self._read = 0
        self.bytes_total = self._sheet.file_size
        self._formats = self._cell_formats()
        self._texts = self._shared_texts()

    @property
    def bytes_read(self) -> int:
        return min(self._read, self.bytes_total)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        reading = _Rows(self._texts, self._formats, self._epoch)
        for data in self._content(self._sheet, _SHEET_BYTES):
            self._read += len(data)
            reading.parse(data)
            yield from reading.taken()
        reading.parse(b"", final=True)
        yield from reading.taken()

    def _info(self, name: str) -> zipfile.ZipInfo:
        found = self._names.get(name.lower())
        if found is None:
            raise SheetError(_BROKEN)
        info = self._zip.getinfo(found)
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SheetError(_BROKEN)
        return info

    def _content(self, info: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
        """What a part really unfolds to, whatever it claims, in pieces of a bounded size."""
        size = 0
        try:
            with self._zip.open(info) as part:
                while data := part.read(CHUNK_BYTES):
                    size += len(data)
                    if size > most:
                        raise SheetError(_TOO_LARGE)
                    yield data
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
            raise SheetError(_BROKEN) from error
        except Exception as error:  # zlib.error has no common base with the others
            if isinstance(error, SheetError) or type(error).__module__ != "zlib":
                raise
            raise SheetError(_BROKEN) from error

    def _walk(self, name: str, most: int, start: Callable[[str, Attributes], None]) -> None:
        reading = _Reading()
        reading.parser.StartElementHandler = lambda tag, attributes: start(_bare(tag), attributes)
        for data in self._content(self._info(name), most):
            reading.parse(data)
        reading.parse(b"", final=True)

    def _first_sheet(self) -> tuple[str, date]:
        links: dict[str, str] = {}
        first: list[str] = []
        epoch = [date(1899, 12, 30)]

        def relation(tag: str, attributes: Attributes) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                links[attributes.get("Id", "")] = attributes.get("Target", "")

        def workbook(tag: str, attributes: Attributes) -> None:
            if tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
                epoch[0] = date(1904, 1, 1)
            if tag == "sheet" and attributes.get("state", "visible") == "visible" and not first:
                link = next((value for key, value in attributes.items() if _bare(key) == "id"), "")
                first.append(links.get(link, ""))

        self._walk("xl/_rels/workbook.xml.rels", _SMALL_PART_BYTES, relation)
        self._walk("xl/workbook.xml", _SMALL_PART_BYTES, workbook)
        if not first or not first[0]:
            raise SheetError("这个 xlsx 文件里没有工作表。")
        target = first[0]
        return (target.removeprefix("/") if target.startswith("/") else f"xl/{target}"), epoch[0]

    def _cell_formats(self) -> list[str]:
        """For each cell style: "date", "percent" or "" (a plain number)."""
        if "xl/styles.xml" not in self._names:
            return []
        own: dict[int, str] = {}
        kinds: list[str] = []
        inside: list[bool] = [False]

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "numFmt" and attributes.get("numFmtId", "").isdigit():
                own[int(attributes["numFmtId"])] = _format_kind(attributes.get("formatCode", ""))
            elif tag in ("cellXfs", "cellStyleXfs", "dxfs", "cellStyles"):
                inside[0] = tag == "cellXfs"
            elif tag == "xf" and inside[0]:
                number = int(attributes.get("numFmtId", "0") or "0")
                kinds.append(own.get(number, _known_format(number)))

        self._walk("xl/styles.xml", _SMALL_PART_BYTES, start)
        return kinds

    def _shared_texts(self) -> _Texts:
        texts = _Texts()
        if "xl/sharedstrings.xml" in self._names:
            reading = _TextParts(texts)
            for data in self._content(self._info("xl/sharedStrings.xml"), _TEXTS_BYTES):
                reading.parse(data)
            reading.parse(b"", final=True)
        return texts


class _Reading:
    """An XML parser that is fed piece by piece and keeps no more of it than one piece of bounded size."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.buffer_size = 64 * 1024
        # entities that unfold to gigabytes live there
        self.parser.StartDoctypeDeclHandler = _no_doctype
        self._fed = 0

    def parse(self, data: bytes, *, final: bool = False) -> None:
        self._fed += len(data)
        try:
            self.parser.Parse(data, final)
        except (expat.ExpatError, ValueError) as error:
            raise SheetError(_BROKEN) from error
        if not final and self._fed - self.parser.CurrentByteIndex > _TOKEN_BYTES:
            raise SheetError(_BROKEN)


class _Texts:
    """Shared texts as one piece of bytes: a tenth of what as many strings would take."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def add(self, text: str) -> None:
        if len(self._ends) > _TEXTS:
            raise SheetError(_TOO_LARGE)
        self._bytes += text.encode("utf-8", "replace")
        self._ends.append(len(self._bytes))

    def get(self, at: int) -> str:
        if not 0 <= at < len(self._ends) - 1:
            raise SheetError(_BROKEN)
        return self._bytes[self._ends[at] : self._ends[at + 1]].decode()


class _TextParts(_Reading):
    """Reads sharedStrings.xml: one text per si, its runs joined, phonetic hints left out."""

    def __init__(self, texts: _Texts) -> None:
        super().__init__()
        self._texts = texts
        self._parts: list[str] = []
        self._hint = False
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def parse(self, data: bytes, *, final: bool = False) -> None:
        super().parse(data, final=final)
        if sum(map(len, self._parts)) > _TOKEN_BYTES:
            raise SheetError(_BROKEN)

    def _start(self, tag: str, _attributes: Attributes) -> None:
        bare = _bare(tag)
        if bare == "si":
            self._parts = []
        elif bare == "rPh":
            self._hint = True
        elif bare == "t" and not self._hint:
            self.parser.CharacterDataHandler = self._parts.append

    def _end(self, tag: str) -> None:
        bare = _bare(tag)
        if bare == "t":
            self.parser.CharacterDataHandler = None
        elif bare == "rPh":
            self._hint = False
        elif bare == "si":
            self._texts.add("".join(self._parts)[:LONGEST_CELL])


class _Rows(_Reading):
    """Reads a sheet's XML: rows of text as they come."""

    def __init__(self, texts: _Texts, formats: list[str], epoch: date) -> None:
        super().__init__()
        self._texts, self._formats, self._epoch = texts, formats, epoch
        self._done: list[tuple[int, list[str]]] = []
        self._row: list[str] = []
        self._number = 0
        self._column = -1
        self._type = self._format = ""
        self._value: list[str] = []
        self._formula: list[str] = []
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def parse(self, data: bytes, *, final: bool = False) -> None:
        super().parse(data, final=final)
        if sum(map(len, self._value)) > _TOKEN_BYTES:
            raise SheetError(_BROKEN)

    def taken(self) -> list[tuple[int, list[str]]]:
        done, self._done = self._done, []
        return done

    def _start(self, tag: str, attributes: Attributes) -> None:
        if ":" in tag:
            tag = _bare(tag)
        if tag == "c":
            self._begin_cell(attributes)
        elif tag in ("v", "t"):
            self.parser.CharacterDataHandler = self._value.append
        elif tag == "f":
            self.parser.CharacterDataHandler = self._formula.append
        elif tag == "row":
            given = attributes.get("r")
            self._number = int(given) if given and given.isdigit() else self._number + 1
            if self._number > _ROWS:
                raise SheetError(_BROKEN)
            self._row = []
            self._column = -1

    def _begin_cell(self, attributes: Attributes) -> None:
        place = attributes.get("r")
        self._column = _column_of(place.rstrip("0123456789")) if place else self._column + 1
        if self._column >= _COLUMNS:
            raise SheetError(f"这个文件有{_COLUMNS}列以上，请只留需要的列再导入。")
        self._type = attributes.get("t", "n")
        style = attributes.get("s")
        at = int(style) if style and style.isdigit() else 0
        self._format = self._formats[at] if at < len(self._formats) else ""
        self._value = []
        self._formula = []

    def _end(self, tag: str) -> None:
        if ":" in tag:
            tag = _bare(tag)
        if tag in ("v", "t", "f"):
            self.parser.CharacterDataHandler = None
        elif tag == "c":
            text = self._text()
            if text:
                row = self._row
                while len(row) < self._column:
                    row.append("")
                row.append(text[:LONGEST_CELL])
        elif tag == "row":
            self._done.append((self._number, self._row))

    def _text(self) -> str:
        value = "".join(self._value)
        if not value:
            return f"={''.join(self._formula)}" if self._formula else ""
        kind = self._type
        if kind == "n":
            return _shown_number(value, self._format, self._epoch)
        if kind == "s":
            return self._texts.get(int(value) if value.isdigit() else -1)
        if kind == "b":
            return "是" if value == "1" else "否"
        return value


def _shown_number(value: str, kind: str, epoch: date) -> str:
    if not kind and len(value) <= 15 and value.isdigit():
        return value
    return _number_text(value, kind, epoch)


@lru_cache(maxsize=8_192)
def _number_text(value: str, kind: str, epoch: date) -> str:
    """A number as it is shown: fifteen digits, per cent with its sign, a date as a date."""
    try:
        number = Decimal(value.strip())
        if not number.is_finite():
            return value
        number = Decimal(f"{number:.15g}")
        if kind == "date":
            return _date_text(number, epoch)
        if kind == "percent":
            return f"{(number * 100).normalize():f}%"
        return f"{number.normalize():f}" if abs(number) < Decimal(10) ** 15 else f"{number:.15g}"
    except (ArithmeticError, ValueError, OverflowError):
        return value


def _date_text(number: Decimal, epoch: date) -> str:
    days, rest = int(number), number - int(number)
    if epoch.year == 1899 and days < 60:
        days += 1  # spreadsheet programs believe in 29 February 1900
    on = (epoch + timedelta(days=days)).isoformat()
    if not rest:
        return on
    minutes = int(rest * 1440)
    return f"{on} {minutes // 60:02d}:{minutes % 60:02d}"


def _known_format(number: int) -> str:
    if number in _PERCENT_FORMATS:
        return "percent"
    return "date" if number in _DATE_FORMATS else ""


def _format_kind(code: str) -> str:
    if _ELAPSED.search(code):
        return "date"
    plain = _LITERAL.sub("", code.split(";", 1)[0]).lower()
    if "%" in plain:
        return "percent"
    return "date" if any(sign in plain for sign in "ymdhs") and "general" not in plain else ""


@lru_cache(maxsize=1_024)
def _column_of(letters: str) -> int:
    """A is 0, B is 1, AA is 26."""
    if not 1 <= len(letters) <= 3 or not (letters.isascii() and letters.isalpha()):
        raise SheetError(_BROKEN)
    at = 0
    for letter in letters.upper():
        at = at * 26 + ord(letter) - 64
    return at - 1


def _bare(tag: str) -> str:
    return tag.rpartition(":")[2]


def _no_doctype(*_: object) -> None:
    raise SheetError(_BROKEN)
