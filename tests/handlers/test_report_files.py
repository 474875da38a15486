"""A report as a sheet and as a picture: what is drawn is what was worked out."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageFont
from python_calamine import CalamineWorkbook

from actions.report_kinds import value_of
from actions.report_views import ReportView
from handlers import report_picture, report_sheet
from handlers.report_picture import MOST_ROWS, ROW, WIDTH, most_bp
from tests.handlers.report_kit import DAYS, made

SHARES = [30_000, 30_040, 10_000, 0]
"""3.00 %, 3.004 %, 1 % and nothing."""


def opened(found: ReportView, sheet: int = 0) -> list[list[Any]]:
    return (
        CalamineWorkbook.from_filelike(BytesIO(report_sheet.draw(found)))
        .get_sheet_by_index(sheet)
        .to_python()
    )


def test_the_sheet_opened_again_holds_every_figure_as_a_number() -> None:
    """S12.5"""
    found = made(SHARES)
    table = opened(found)
    assert table[0][0] == "逾期和不良通报（按村）"
    assert "按不良率排名，第1名最好，目标线 3%" in table[1][0]
    heads = table[report_sheet.HEAD]
    assert heads[:6] == ["编码", "村", "名次", "是否超过目标线", "贷款（笔）", "没还本金（元）"]
    for row, cells in zip(found.rows, table[report_sheet.HEAD + 1 :], strict=False):
        assert cells[:4] == [row.code, row.name, row.place, "超过" if row.above else "没超过"]
        by_title = dict(zip(heads, cells, strict=True))
        for column in found.spec.columns:
            value = value_of(column, row)
            cell = by_title[column.title.replace("万元", "元")]
            if column.kind == "count":
                assert cell == value
            elif column.kind in ("money", "change"):
                assert round(cell * 100) == value
            elif column.kind == "percent":
                assert cell == row.figures[column.of[0]] / row.figures[column.of[1]]


def test_the_days_of_a_trend_stand_on_a_sheet_of_their_own() -> None:
    """S12.5"""
    found = made(SHARES)
    days = opened(found, 1)
    assert days[0][1:] == [day.isoformat() for day in DAYS]
    assert [round(cell * 10_000) for cell in days[1][1:]] == list(found.rows[0].trend)


def test_a_name_is_never_a_formula() -> None:
    """A village could be named so that a spreadsheet runs it."""
    evil = '=HYPERLINK("http://evil.example","点我")'
    table = opened(made([10_000], names=[evil]))
    assert table[report_sheet.HEAD + 1][1] == evil


def test_the_sum_stands_below_the_rows() -> None:
    """S12.5"""
    found = made([10_000, 20_000])
    table = opened(replace(found, total=replace(found.rows[0], name="坡胡镇合计", place=None)))
    assert table[report_sheet.HEAD + 3][1:3] == ["坡胡镇合计", ""]


def test_an_empty_report_is_a_sheet_and_a_picture_too() -> None:
    """S12.5"""
    found = replace(made([]), days=())
    assert "还没有数据" in opened(found)[1][0]
    assert picture(found).size[0] == WIDTH


def test_a_village_without_a_balance_has_a_dash() -> None:
    """S12.5"""
    found = made([10_000], trend=False)
    row = found.rows[0]
    empty = {
        **row.figures,
        "balance_fen": 0,
        "npl_fen": 0,
        "overdue_fen": 0,
        "par30_fen": 0,
        "npl_as_if_fen": 0,
    }
    nothing = replace(row, figures=empty, measured=replace(row.measured, whole_fen=0), place=None, above=None)
    table = opened(replace(found, rows=(nothing,)))
    cells = dict(zip(table[report_sheet.HEAD], table[report_sheet.HEAD + 1], strict=True))
    assert (cells["名次"], cells["是否超过目标线"], cells["不良率"], cells["比上月底（百分点）"]) == (
        "不排名", "—", "—", "—",
    )  # fmt: skip


def picture(found: ReportView) -> Image.Image:
    data = report_picture.draw(found)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return Image.open(BytesIO(data))


def needs_font() -> None:
    try:
        report_picture.font(20)
    except report_picture.NoFont:
        pytest.skip("no font with Chinese characters is installed")


def test_the_picture_has_the_size_its_rows_need_and_says_what_they_say() -> None:
    """S12.5: another rate is another picture, the same rates are the same one."""
    needs_font()
    few, more = picture(made(SHARES)), picture(made([*SHARES, 20_000]))
    assert (few.width, more.width, more.height - few.height) == (WIDTH, WIDTH, ROW)
    same, other = picture(made(SHARES)), picture(made([30_000, 30_040, 10_000, 25_000]))
    assert ImageChops.difference(few, same).getbbox() is None
    assert ImageChops.difference(few, other).getbbox() is not None


def test_what_is_above_the_line_differs_by_more_than_its_colour() -> None:
    """S12.5: in grey, a bar above the line is hatched and its figure marked."""
    needs_font()
    on, above = picture(made([30_000])).convert("L"), picture(made([30_100])).convert("L")
    band = (report_picture.MARGIN + 335, 434, report_picture.MARGIN + 500, 470)
    assert len(on.crop(band).getcolors() or ()) < len(above.crop(band).getcolors() or ())


def test_many_rows_are_cut_and_the_picture_says_so() -> None:
    """S12.5"""
    needs_font()
    rows = [1_000 * step for step in range(MOST_ROWS + 12)]
    assert picture(made(rows)).height == picture(made(rows[:MOST_ROWS])).height


def test_long_names_and_a_report_without_trend_are_drawn() -> None:
    """S12.5"""
    needs_font()
    assert (
        picture(made([400_000, 30_000], names=["一个名字特别长的村民委员会某某某村"] * 2, trend=False)).width
        == WIDTH
    )


@pytest.mark.parametrize(
    ("shares", "line", "expected"),
    [
        ([100, 200], 300, 600),
        ([100, 1_100], 300, 1_100),
        ([100, 9_000], 300, 600),
        ([None], 300, 600),
        ([100, 9_000], None, 9_000),
        ([], None, 1),
        ([0], 0, 1),
    ],
)
def test_the_scale_keeps_the_target_line_in_sight(
    shares: list[int | None], line: int | None, expected: int
) -> None:
    """S12.5"""
    assert most_bp(shares, line) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own folders are always searched")
def test_without_a_font_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Chinese characters must not draw empty boxes."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    report_picture.font.cache_clear()
    with pytest.raises(report_picture.NoFont, match="fonts-noto-cjk"):
        report_picture.draw(made(SHARES))
    report_picture.font.cache_clear()


def test_the_simplified_face_of_a_collection_is_taken() -> None:
    needs_font()
    face = report_picture.font(30)
    assert isinstance(face, ImageFont.FreeTypeFont)
    if "CJK" in (face.getname()[0] or ""):
        assert (face.getname()[0] or "").endswith("SC")
