"""S12.1, S6.2, S17.2: an officer's upload, its progress and result; template and monthly feedback."""

from __future__ import annotations

import csv
import io

import aiohttp
import python_calamine

from handlers.jobs import ENTRYPOINTS
from scheduler.workers import drain
from tests.actions.import_kit import LOAN, REPAYMENT, csv_file, loan, xlsx_file
from tests.handlers.api_world import Person, World

PATH = "/api/v1/imports"


async def upload(
    officer: Person, kind: str, data: bytes, key: str, name: str = "表.xlsx"
) -> tuple[int, dict]:
    form = aiohttp.FormData()
    form.add_field("file", data, filename=name, content_type="application/octet-stream")
    answer = await officer.world.client.post(
        PATH, params={"kind": kind}, data=form, headers=officer.headers(**{"Idempotency-Key": key})
    )
    return answer.status, await answer.json()


def sheets_of(data: bytes) -> dict[str, list[list[object]]]:
    book = python_calamine.load_workbook(io.BytesIO(data))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


async def test_an_officers_file_is_worked_off_by_a_worker_and_can_be_followed(world: World) -> None:
    """S12.1, S17.2: from upload to result file, and nobody else sees it."""
    officer = await world.login("zhao")
    rows = [LOAN, loan(2), loan(3, **{"贷款金额（元）": "1e5"}), loan(4, 借款人姓名="=HYPERLINK(1)")]
    data = xlsx_file(rows)
    status, made = await upload(officer, "loans", data, "first")
    assert (status, made["state"], made["file_name"]) == (201, "waiting", "表.xlsx")
    assert (await upload(officer, "loans", data, "first"))[1]["key"] == made["key"]
    assert await drain(world.runtime, ENTRYPOINTS) >= 1
    status, seen = await officer.get(f"{PATH}/{made['key']}")
    counts = (seen["rows_read"], seen["accepted"], seen["refused"])
    assert (status, seen["state"], seen["percent"], *counts) == (200, "done", 100, 4, 2, 2)
    status, listed = await officer.get(PATH)
    assert [each["key"] for each in listed["items"]] == [made["key"]]

    status, data = await officer.get(f"{PATH}/{made['key']}/result")
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert (status, lines[0], len(lines)) == (200, ["行号", "列", "内容", "原因"], 3)
    assert lines[1][:3] == ["4", "贷款金额（元）", "1e5"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)

    for person in ("zhang", "chen", "sun"):
        other = await world.login(person)
        assert (await other.get(f"{PATH}/{made['key']}"))[0] == 404
        assert (await upload(other, "loans", b"x", f"of-{person}"))[0] == 403
    stranger = await world.login("tao", "far")
    assert (await stranger.get(f"{PATH}/{made['key']}"))[0] == 404

    status, again = await upload(officer, "repayments", csv_file([{"借据号": "1"}]), "wrong", "x.csv")
    await drain(world.runtime, ENTRYPOINTS)
    status, wrong = await officer.get(f"{PATH}/{again['key']}")
    assert (wrong["state"], wrong["rows_read"]) == ("refused", 0)
    assert "流水号" in wrong["reason"]

    # S12.1: what was due, repaid and overdue comes back
    await upload(officer, "repayments", csv_file([REPAYMENT]), "paid", "y.csv")
    await drain(world.runtime, ENTRYPOINTS)
    status, data = await officer.get("/api/v1/feedback", params={"month": "2026-06"})
    sheets = sheets_of(data)
    assert status == 200
    found = {str(row[3]): row for row in sheets["明细"][1:]}
    due = float(str(found["JJ0001"][9]))
    assert (found["JJ0001"][4], found["JJ0001"][11], found["JJ0001"][12]) == ("张*", 388.25, 0.0)
    assert due > 0
    assert float(str(found["JJ0002"][12])) > 0, "nothing was paid: it is overdue"
    assert float(str(found["JJ0002"][13])) > 80, "since the settlement of March"
    assert sheets["汇总"][-1][0] == "合计"
    clerk = await world.login("zhang")
    assert (await clerk.get("/api/v1/feedback", params={"month": "2026-06"}))[0] == 403
    assert (await officer.get("/api/v1/feedback", params={"month": "2026-13"}))[0] == 422


async def test_the_template_is_made_of_the_columns_and_goes_in_as_it_is(world: World) -> None:
    """S12.1, S6.2"""
    officer = await world.login("zhao")
    status, data = await officer.get("/api/v1/import-templates/loans")
    sheets = sheets_of(data)
    assert status == 200
    assert next(iter(sheets)) == "贷款"
    assert "借据号" in sheets["贷款"][0]
    assert [row[0] for row in sheets["填写说明"][1:4]] == ["借据号", "借款人姓名", "身份证号"]
    assert any("长葛合作银行" in row for row in sheets["选项"])
    assert (await officer.get("/api/v1/import-templates/cows"))[0] == 404
    status, made = await upload(officer, "loans", data, "empty")
    await drain(world.runtime, ENTRYPOINTS)
    status, seen = await officer.get(f"{PATH}/{made['key']}")
    assert (seen["state"], seen["rows_read"]) == ("done", 0)
