"""Reports over HTTP: JSON, sheet and picture for programs, pages for people, nothing outside one's scope."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from PIL import Image
from python_calamine import CalamineWorkbook

from actions.reports import REPORTS
from handlers.report_sheet import HEAD
from tests.actions.report_kit import DAY, HOU, LIU, PO, SHI, XING, write_days
from tests.actions.test_reports import late
from tests.handlers.api_world import World
from tests.handlers.test_pages import browsers  # noqa: F401 - a fixture

RATES = "/api/v1/reports/overdue_rates"


async def test_one_row_of_reports_gives_list_json_sheet_picture_and_page(world: World) -> None:
    """S12.5: every report, for who may see it."""
    await write_days()
    clerk = await world.login("liu")
    status, listed = await clerk.get("/api/v1/reports")
    assert (status, [each["name"] for each in listed["items"]]) == (200, [spec.name for spec in REPORTS])
    for spec in REPORTS:
        path = f"/api/v1/reports/{spec.name}"
        status, body = await clerk.get(path)
        assert (status, [c["key"] for c in body["columns"]]) == (200, [c.key for c in spec.columns])
        status, sheet = await clerk.get(path, params={"format": "xlsx"})
        assert (status, sheet[:2]) == (200, b"PK")
        status, png = await clerk.get(path, params={"format": "png"})
        assert (status, png[:4]) in ((200, b"\x89PNG"), (503, png[:4]))


async def test_the_golden_json(world: World) -> None:
    """S12.5: fen, counts, basis points; places over the whole county; the sum beside."""
    await write_days()
    clerk = await world.login("liu")
    _, body = await clerk.get(RATES, params={"level": "village"})
    head = {
        name: body[name] for name in ("day", "compared_with", "ranked_by", "target_line_bp", "ranked", "next")
    }
    assert head == {
        "day": "2026-11-27", "compared_with": "2026-10-31", "ranked_by": "npl_rate", "target_line_bp": 300,
        "ranked": 2, "next": None,
    }  # fmt: skip
    assert [(row["code"], row["place"], row["above"]) for row in body["rows"]] == [
        (SHI, 2, True), (LIU, 1, False), (XING, None, True),
    ]  # fmt: skip
    assert body["rows"][1]["values"] == {
        "loans": 40, "balance_fen": 100_000_000, "overdue_fen": 1_200_000, "arrears_rate": 120,
        "par30_fen": 4_000_000, "par30_rate": 400, "npl_fen": 3_000_000, "npl_rate": 300, "as_if_rate": 500,
        "change": 150, "trend": [150, 300, 300, 300],
    }  # fmt: skip
    assert body["total"]["values"]["npl_fen"] == sum(row["values"]["npl_fen"] for row in body["rows"])


async def test_rows_are_paged_by_code_and_a_made_up_one_is_refused(world: World) -> None:
    """S12.5"""
    await write_days()
    clerk = await world.login("liu")
    seen, after = [], None
    while True:
        params = {"level": "village", "limit": "1", **({"after": after} if after else {})}
        _, body = await clerk.get(RATES, params=params)
        seen += [row["code"] for row in body["rows"]]
        after = body["next"]
        if after is None:
            break
    assert seen == [SHI, LIU, XING]
    assert (await clerk.get(RATES, params={"after": "411082109209"}))[0] == 400
    assert (await clerk.get(RATES, params={"format": "pdf"}))[0] == 400


async def test_the_sheet_holds_the_rows_that_one_sees_and_no_others(world: World) -> None:
    """S12.5, S17.2"""
    await write_days()
    town = await world.login("zhou")
    status, data = await town.get(RATES, params={"level": "village", "format": "xlsx"})
    table = CalamineWorkbook.from_filelike(BytesIO(data)).get_sheet_by_index(0).to_python()
    assert status == 200
    assert [row[0] for row in table[HEAD + 1 : HEAD + 4]] == [SHI, LIU, PO]


async def test_the_picture_is_for_who_sees_the_report(world: World) -> None:
    """S12.5"""
    await write_days()
    status, data = await (await world.login("wang")).get(RATES, params={"format": "png"})
    if status == 503:
        return  # a machine without a Chinese font says so; what is drawn is tested beside the drawing
    assert (status, Image.open(BytesIO(data)).format) == (200, "PNG")


async def test_out_of_scope_is_not_there_in_any_form(world: World) -> None:
    """S17.2: a farmer, another county's clerk, a wider level, another town; in JSON, sheet and picture."""
    await write_days()
    figure = {"figure": "npl_fen", "level": "village", "code": XING}
    for name, account, params in (
        ("zhang", "mini", {}),
        ("chen", "mini", {}),
        ("wang", "mini", {"level": "town"}),
        ("zhou", "mini", {"level": "village", "within": HOU}),
        ("zhao", "mini", {"level": "village"}),
    ):
        person = await world.login(name, account)
        for form in ("json", "xlsx", "png"):
            assert (await person.get(RATES, params={**params, "format": form}))[0] == 404, (name, form)
        assert (await person.get(f"{RATES}/loans", params=figure))[0] == 404, name
    far = await world.login("long", "far")
    _, body = await far.get(RATES, params={"level": "village"})
    assert [row["code"] for row in body["rows"]] == []
    assert (await far.get(f"{RATES}/loans", params=figure))[0] == 404
    assert (await far.get("/api/v1/reports/no_such"))[0] == 404


async def test_the_page_shows_bars_marks_and_words(world: World, browsers: Any) -> None:  # noqa: F811
    """S12.5: rates by name, places, the line, what is above it by word too."""
    await write_days()
    clerk = await browsers("liu")
    status, page, _ = await clerk.get("/m/reports/overdue_rates?level=village")
    assert status == 200
    for words in (
        "坡胡镇石桥村",
        "第2名",
        "3.01%",
        "▲ 超过3%",
        "贷款太少，不排名",
        "逾期超30天占比",
        "↑升1.50",
    ):
        assert words in page, words
    assert page.count("<polyline") >= 3
    assert 'href="/m/reports/overdue_rates/loans?figure=npl_fen&amp;level=village' in page
    assert "style=" not in page
    status, page, _ = await clerk.get(f"/m/reports/overdue_rates/{DAY}")
    assert (status, "后河镇" in page) == (200, True)
    status, page, _ = await clerk.get("/m/reports/overdue_rates?level=village&within=" + PO)
    assert ("柳庄村" in page, "杏园村" in page) == (True, False)
    status, page, _ = await clerk.get("/m/reports/collection_month")
    assert (status, "还没有数据" in page) == (200, True)
    status, page, _ = await clerk.get("/m/reports")
    assert re.findall(r'href="/m/reports/(\w+)"', page) == [spec.name for spec in REPORTS]
    assert "逾期和不良通报" in (await clerk.get("/m/"))[1]
    for path in ("?level=nonsense", "?level=village&after=1", "/loans", "/2026-13-01"):
        assert (await clerk.get(f"/m/reports/overdue_rates{path}"))[0] in (400, 404), path


async def test_the_loans_behind_a_figure_say_whether_they_add_up(world: World, browsers: Any) -> None:  # noqa: F811
    """S12.5, S15.5, S17.2: names masked, paged by key, each leading to its loan; page and JSON agree."""
    await write_days(1)
    await late(SHI, (91, 500_000, 2_000_000))
    query = {"figure": "npl_fen", "level": "village", "code": SHI}
    clerk, town = await world.login("zhou"), await browsers("zhou")
    address = f"/m/reports/overdue_rates/loans?figure=npl_fen&level=village&code={SHI}"
    _, body = await clerk.get(f"{RATES}/loans", params=query)
    assert (body["figure_fen"], body["amount_fen"], body["agrees"]) == (3_010_000, 2_000_000, False)
    assert "对不上" in (await town.get(address))[1]
    await late(SHI, (120, 1_000_000, 1_010_000))
    _, body = await clerk.get(f"{RATES}/loans", params={**query, "limit": "1"})
    (first,) = body["items"]
    assert (body["agrees"], first["borrower"], first["amount_fen"]) == (True, "赵*", 2_000_000)
    _, body = await clerk.get(f"{RATES}/loans", params={**query, "after": body["next"]})
    assert ([each["amount_fen"] for each in body["items"]], body["next"]) == ([1_010_000], None)
    status, page, _ = await town.get(address)
    assert (status, "加起来正好是这个数" in page, "赵大山" in page) == (200, True, False)
    assert (await town.get(f"/m/loans/{first['key']}"))[0] == 200


async def test_the_pages_of_reports_are_not_there_for_a_farmer(world: World, browsers: Any) -> None:  # noqa: F811
    """S17.2"""
    await write_days()
    farmer = await browsers("zhang")
    for path in ("/m/reports", "/m/reports/overdue_rates", "/m/reports/overdue_rates/loans?figure=npl_fen"):
        assert (await farmer.get(path))[0] == (403 if path == "/m/reports" else 404), path
    assert "通报" not in (await farmer.get("/m/"))[1]
