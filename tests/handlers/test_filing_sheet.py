"""A monthly filing as a spreadsheet. Clause: S5.1, S5.2."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

from actions.filings import FilingView, LineView
from bot.sheets import open_sheet
from handlers import filing_sheet
from handlers.forms.choices import METHOD_WORDS

EVIL = '=HYPERLINK("http://x","点我")'


def filing(kind: str, **changes: Any) -> FilingView:
    values: dict[str, Any] = {
        "key": "k", "kind": kind, "title": "2026年10月放款备案", "bank": "长葛农商银行",
        "month": date(2026, 10, 1), "due_on": date(2026, 11, 10),
        "approximate": False, "state": "drafted", "late": False, "lines": 2,
        "total_fen": 4_000_050, "sha256": "a" * 64, "submitted_at": None,
    }  # fmt: skip
    return FilingView(**(values | changes))


def line(at: int, fen: int, **content: Any) -> LineView:
    values = {
        "number": f"JJ-{at}", "village": "411082101201", "principal_fen": fen,
        "disbursed_on": "2026-10-08", "maturity_on": "2027-10-08", "annual_rate_bp": 435,
        "method": "bullet", "renewal": False,
        "settled_on": "2026-10-20",
    }  # fmt: skip
    return LineView(at, f"411082-JC1-2026-{at:05d}", values | content, "柳庄村")


def cells(data: bytes) -> list[list[str]]:
    return [row for _, row in open_sheet(io.BytesIO(data)).rows()]


def test_a_filing_of_disbursements_adds_up_and_a_formula_is_text() -> None:
    rows = [line(1, 3_000_000), line(2, 1_000_050, number=EVIL, renewal=True, method="fixed")]
    data = filing_sheet.draw(filing("disbursements"), rows)
    found = cells(data)
    assert found[2] == ["还没有提交，期限2026-11-10"]
    assert found[5] == [
        "1", "JJ-1", "柳庄村", "30000", "2026-10-08", "2027-10-08", "4.35", METHOD_WORDS["bullet"],
    ]  # fmt: skip
    assert (found[6][1], found[6][3], found[6][7:]) == (EVIL, "10000.5", [METHOD_WORDS["fixed"], "续贷"])
    assert (found[7][0], found[7][3]) == ("合计", "40000.5")
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet.lower()


def test_a_filing_of_releases_names_each_letter_and_its_standing() -> None:
    found = cells(
        filing_sheet.draw(
            filing("releases", state="submitted", late=True, submitted_at=datetime(2026, 11, 12, tzinfo=UTC)),
            [line(1, 3_000_000)],
        )
    )
    assert found[2] == ["已经提交，超过了期限"]
    assert found[4] == ["序号", "通知书编号", "借据号", "村", "放款金额（元）", "放款日期", "结清日期"]
    assert found[5][1:3] == ["411082-JC1-2026-00001", "JJ-1"]
    assert found[5][-1] == "2026-10-20"


def test_an_empty_month_is_a_sheet_too() -> None:
    found = cells(filing_sheet.draw(filing("disbursements", lines=0), []))
    assert (found[5][0], found[5][3]) == ("合计", "0")
