"""A report as a picture to be passed on in WeChat: bars from worst to best, the target line, the sum on top.

Drawn with Pillow, which is here already: a plotting library would bring fifty megabytes for forty rectangles,
and a headless browser a second process. Whoever cannot tell red from green reads the word beside the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from actions.report_kinds import Row, words_of
from actions.report_views import ReportView, level_title
from rules.arrears_rates import change_words, share_bp, share_words

WIDTH = 1080
MOST_ROWS = 25
"""More bars than a phone's screen can hold are not read; the page and the sheet have all of them."""
MARGIN = 56
ROW = 62
_HEAD = 424
_FOOT = 150
_NAME_WIDTH = 330
_WORDS_WIDTH = 190
_IN_SIGHT = 4
_FONTS = (
    "NotoSansCJK-{weight}.ttc",
    "NotoSansCJKsc-{weight}.otf",
    "NotoSansSC-{weight}.otf",
    "NotoSansSC-{weight}.ttf",
    "SourceHanSansSC-{weight}.otf",
    "SourceHanSansCN-{weight}.otf",
    "NotoSansSC[wght].ttf",
    "NotoSansCJK-VF.otf.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Medium.ttc",
    "msyh.ttc",
    "simhei.ttf",
)
"""Fonts with Chinese characters as Linux, macOS and Windows name their files; the first one found is used."""
_INK, _SOFT, _GRID = "#1a1a1a", "#5e5e5e", "#e4e4e4"
_GOOD, _BAD, _PLAIN, _LINE = "#2f6f9f", "#c2362f", "#2f6f9f", "#8a4b00"
_PAPER = "#ffffff"
Font = ImageFont.FreeTypeFont


class NoFont(RuntimeError):  # noqa: N818 - says what is the case
    """No font with Chinese characters is installed on this machine."""


@lru_cache(maxsize=32)
def font(size: int, weight: str = "Regular") -> Font:
    """A font of that size that has Chinese characters, the simplified forms where it has several.

    Raises NoFont.
    """
    for name in _FONTS:
        try:
            found = ImageFont.truetype(name.format(weight=weight), size)
        except OSError:
            continue
        return _simplified(found, size)
    raise NoFont("install a font with Chinese characters, for example fonts-noto-cjk")


def _simplified(found: Font, size: int) -> Font:
    """A collection holds one face a country: the one whose name ends in SC, else the first."""
    for index in range(10):
        try:
            face = ImageFont.truetype(found.path, size, index=index)
        except OSError:
            break
        if (face.getname()[0] or "").endswith(" SC"):
            return face
    return found


@dataclass(frozen=True, slots=True)
class _Scale:
    """Basis points to pixels; what is far above everything else is cut off and marked."""

    left: int
    right: int
    most_bp: int

    def x(self, bp: int) -> int:
        return self.left + (self.right - self.left) * min(bp, self.most_bp) // self.most_bp


def draw(found: ReportView) -> bytes:
    """The picture as PNG. Raises NoFont. Clause: S12.5."""
    rows = found.rows[:MOST_ROWS]
    height = _HEAD + ROW * max(2, len(rows)) + _FOOT
    image = Image.new("RGB", (WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(image)
    _head(pen, found)
    if rows:
        _bars(pen, found, rows)
    else:
        pen.text((MARGIN, _HEAD), "还没有数据：夜里算过一次就有了。", _SOFT, font(34))
    _foot(pen, found, height)
    out = BytesIO()
    image.save(out, "PNG", optimize=False, compress_level=6)
    return out.getvalue()


def _head(pen: ImageDraw.ImageDraw, found: ReportView) -> None:
    pen.rectangle((0, 0, WIDTH, 148), fill="#173f5f")
    place = found.place_name or (found.rows[0].name if found.rows else "")
    pen.text(
        (MARGIN, 26),
        f"{place}{found.spec.title}",
        "#ffffff",
        _fitting(f"{place}{found.spec.title}", 52, WIDTH - 2 * MARGIN),
    )
    day = f"{found.day.year}年{found.day.month}月{found.day.day}日" if found.day else "还没有数据"
    pen.text(
        (MARGIN, 96), f"{day} · 按{level_title(found.level)} · 看{found.measured.title}", "#d5e3ee", font(30)
    )
    if found.total is None:
        return
    words = words_of(found.measured, found.total, found.line_bp)
    colour = _BAD if found.total.above else _GOOD
    pen.text((MARGIN, 172), found.total.name, _SOFT, font(30))
    pen.text((MARGIN, 208), words, colour, font(76, "Bold"))
    across = MARGIN + pen.textlength(words, font(76, "Bold")) + 30
    pen.text((across, 222), _judged(found.total.above), colour, font(32, "Bold"))
    moved = change_words(share_bp(found.total.measured), share_bp(found.total.before))
    pen.text((across, 264), f"比上月底 {moved}", _SOFT, font(30))
    if found.line_bp is not None:
        unit = "家" if found.level == "bank" else "个"
        of = sum(row.place is not None for row in found.rows)
        pen.text((MARGIN, 308), f"{of}{unit}参加排名，{found.above}{unit}超过目标线", _INK, font(32))
    _trend(pen, found.total, (WIDTH - MARGIN - 300, 190, WIDTH - MARGIN, 288))


def _judged(above: bool | None) -> str:
    return {True: "▲ 超过目标线", False: "✓ 没超过目标线"}.get(above, "") if above is not None else ""


def _trend(pen: ImageDraw.ImageDraw, row: Row, box: tuple[int, int, int, int]) -> None:
    """The days of the sum as a line, with its first and last point named."""
    known = [(step, bp) for step, bp in enumerate(row.trend) if bp is not None]
    if len(known) < 2:
        return
    left, top, right, bottom = box
    low, high = min(bp for _, bp in known), max(bp for _, bp in known)
    points = [
        (
            left + (right - left) * step // (len(row.trend) - 1),
            bottom - (bottom - top) * (bp - low) // max(1, high - low),
        )
        for step, bp in known
    ]
    pen.line((left, bottom, right, bottom), _GRID, 2)
    pen.line(points, _GOOD, 4, joint="curve")
    x, y = points[-1]
    pen.ellipse((x - 7, y - 7, x + 7, y + 7), fill=_GOOD)
    first, last = (f"{bp // 100}.{bp % 100:02d}%" for bp in (known[0][1], known[-1][1]))
    pen.text((left, bottom + 12), f"走势 {first} → {last}", _SOFT, font(26))


def _bars(pen: ImageDraw.ImageDraw, found: ReportView, rows: Sequence[Row]) -> None:
    left, right = MARGIN + _NAME_WIDTH, WIDTH - MARGIN - _WORDS_WIDTH
    scale = _Scale(left, right, most_bp([share_bp(row.measured) for row in rows], found.line_bp))
    top, bottom = _HEAD, _HEAD + ROW * len(rows)
    pen.line((left, top - 6, left, bottom), _GRID, 2)
    for at, row in enumerate(rows):
        _bar(pen, found, row, scale, top + ROW * at)
    if found.line_bp is not None:
        _target(pen, scale.x(found.line_bp), top - 6, bottom, f"目标线 {found.line_bp / 100:g}%")


def most_bp(shares: Sequence[int | None], line_bp: int | None) -> int:
    """Where the scale ends: at the largest share that leaves the target line in sight."""
    known = [bp for bp in shares if bp is not None]
    if line_bp is None:
        return max([1, *known])
    return max([1, line_bp * 2, *(bp for bp in known if bp <= line_bp * _IN_SIGHT)])


def _bar(pen: ImageDraw.ImageDraw, found: ReportView, row: Row, scale: _Scale, y: int) -> None:
    place = f"{row.place}" if row.place is not None else "—"
    pen.text((MARGIN + 44, y + 12), place, _SOFT, font(28), anchor="ra")
    room = _NAME_WIDTH - 80
    pen.text((MARGIN + 64, y + 10), _cut(pen, row.name, room), _INK, font(30))
    bp = share_bp(row.measured)
    words = share_words(row.measured, found.line_bp)
    colour = _BAD if row.above else _GOOD if row.above is not None else _PLAIN
    if bp:
        end = max(scale.left + 3, scale.x(bp))
        pen.rectangle((scale.left, y + 10, end, y + 46), fill=colour)
        if row.above:
            _hatch(pen, scale.left, y + 10, end, y + 46)
        if bp > scale.most_bp:  # cut off: a gap in the bar says that it goes on
            pen.polygon(
                [(end - 34, y + 46), (end - 22, y + 10), (end - 12, y + 10), (end - 24, y + 46)], fill=_PAPER
            )
    mark = " ▲" if row.above else ""
    pen.text(
        (WIDTH - MARGIN, y + 10),
        f"{words}{mark}",
        colour,
        font(30, "Bold" if row.above else "Regular"),
        anchor="ra",
    )


def _hatch(pen: ImageDraw.ImageDraw, left: int, top: int, right: int, bottom: int) -> None:
    """Strokes over a bar that is above the line: it differs without its colour too."""
    height = bottom - top
    for x in range(left + 14, right - height // 2, 22):
        pen.line((x, bottom, x + height // 2, top), "#d9736d", 4)


def _target(pen: ImageDraw.ImageDraw, x: int, top: int, bottom: int, words: str) -> None:
    for y in range(top, bottom, 18):
        pen.line((x, y, x, min(y + 10, bottom)), _LINE, 4)
    pen.text((x, top - 6), words, _LINE, font(26, "Bold"), anchor="mb")


def _foot(pen: ImageDraw.ImageDraw, found: ReportView, height: int) -> None:
    y = height - _FOOT + 24
    pen.line((MARGIN, y - 12, WIDTH - MARGIN, y - 12), _GRID, 2)
    left_out = len(found.rows) - MOST_ROWS
    more = f"只画了前{MOST_ROWS}个，另有{left_out}个在表里。" if left_out > 0 else ""
    few = "“—”是贷款太少，不排名。" if any(row.place is None for row in found.rows) else ""
    note = f"左边是名次，第1名最好。{few}{more}"
    pen.text((MARGIN, y), note, _SOFT, _fitting(note, 26, WIDTH - 2 * MARGIN))
    about = next((words for term, words in found.spec.about if term == found.measured.title), "")
    line = f"{found.measured.title}：{about}"
    pen.text((MARGIN, y + 40), line, _SOFT, _fitting(line, 26, WIDTH - 2 * MARGIN))


def _fitting(words: str, size: int, room: int) -> Font:
    """The largest font up to `size` in which the words fit into the room."""
    while size > 18 and font(size).getlength(words) > room:
        size -= 2
    return font(size)


def _cut(pen: ImageDraw.ImageDraw, name: str, room: int) -> str:
    if pen.textlength(name, font(30)) <= room:
        return name
    while pen.textlength(f"{name}…", font(30)) > room:
        name = name[:-1]
    return f"{name}…"
