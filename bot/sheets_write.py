"""An xlsx workbook of one sheet, written row by row into whatever takes bytes, in a few megabytes.

Text is always text: what a spreadsheet program would read as a formula, also after it was saved as CSV, gets
an apostrophe before it.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol
from xml.sax.saxutils import escape, quoteattr

MOST_ROWS = 1_048_576
"""What a sheet holds, the heading included."""
Kind = Literal["text", "number", "count"]
Cell = str | int | Decimal | None
_FORMULA = re.compile("[=+\\-@＝＋－＠\t\r\n]")
"""Also at full width: a spreadsheet program with Chinese settings takes ＝ for =."""
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = {
    "[Content_Types].xml": f"""{_HEAD}<Types xmlns="{_PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>
<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>
</Types>""",  # noqa: E501 - names of a standard
    "_rels/.rels": f"""{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/_rels/workbook.xml.rels": f"""{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">
<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>""",
    "xl/styles.xml": f"""{_HEAD}<styleSheet xmlns="{_MAIN}">
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>
<xf numFmtId="4" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
<xf numFmtId="3" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>
</styleSheet>""",  # noqa: E501 - names of a standard
}  # fmt: skip
_STYLES: dict[Kind, int] = {"text": 0, "number": 2, "count": 3}


class Sink(Protocol):
    """What takes the bytes of the workbook, in order."""

    def write(self, data: bytes, /) -> object: ...


class _OneWay:
    """A sink as zipfile wants it: it cannot go back, so sizes are written behind each part."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass


class SheetWriter:
    """Open it with the headings, give it rows, close it. Widths are in characters."""

    def __init__(
        self, sink: Sink, title: str, columns: Sequence[tuple[str, Kind]], widths: Sequence[int]
    ) -> None:
        out: Any = _OneWay(sink)  # all that zipfile asks of a stream that cannot go back
        self._zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        for name, content in _PARTS.items():
            self._zip.writestr(name, content)
        sheet = quoteattr(re.sub(r"[\[\]:*?/\\]", " ", title)[:31])
        self._zip.writestr(
            "xl/workbook.xml",
            f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
            f'<sheet name={sheet} sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        self._kinds = [kind for _, kind in columns]
        self._file = self._zip.open("xl/worksheets/sheet1.xml", "w", force_zip64=True)
        self.rows = 1
        cols = "".join(
            f'<col min="{at}" max="{at}" width="{w}" customWidth="1"/>' for at, w in enumerate(widths, 1)
        )
        head = "".join(_text(name, 1) for name, _ in columns)
        self._put(
            f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            "</sheetView></sheetViews>"
            f"<cols>{cols}</cols><sheetData><row>{head}</row>"
        )

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows. Raises ValueError when the sheet is full."""
        out: list[str] = []
        for row in rows:
            out.append("<row>")
            for kind, value in zip(self._kinds, row, strict=True):
                if value is None or value == "":
                    out.append("<c/>")
                elif isinstance(value, str):
                    out.append(_text(value, 0))
                else:
                    out.append(f'<c s="{_STYLES[kind]}"><v>{value}</v></c>')
            out.append("</row>")
            self.rows += 1
        if self.rows > MOST_ROWS:
            raise ValueError(f"a sheet holds {MOST_ROWS} rows")
        self._put("".join(out))

    def close(self) -> None:
        """Finish the workbook; the sink has all of it."""
        self._put("</sheetData></worksheet>")
        self._file.close()
        self._zip.close()

    def _put(self, text: str) -> None:
        self._file.write(text.encode())


def plain(text: str) -> str:
    """Text that no spreadsheet program takes for a formula, without signs that XML cannot hold."""
    text = _NOT_XML.sub("", text)
    return f"'{text}" if _FORMULA.match(text) else text


def _text(value: str, style: int) -> str:
    safe = escape(plain(value))
    look = f' s="{style}"' if style else ""
    return f'<c{look} t="inlineStr"><is><t xml:space="preserve">{safe}</t></is></c>'
