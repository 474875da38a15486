"""Files of a bank for the tests: rows to bytes, and handing them in as its officer."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import xlsxwriter

from actions import import_run, imports
from actions.import_spool import Spool
from actions.imports import BatchView
from rules.columns import RowError
from rules.identity import check_digit
from tests.actions.conftest import NOW, County

LOAN = {
    "借据号": "JJ0001", "借款人姓名": "张守田", "身份证号": "411082198503122455", "所在村": "411082101201",
    "贷款金额（元）": "30000.00", "年利率（%）": "4.35", "放款日期": "2026-03-05", "期限（月）": "12",
    "还款方式": "按期付息到期还本", "结息周期": "按季",
}  # fmt: skip
REPAYMENT = {"流水号": "LS0001", "借据号": "JJ0001", "还款日期": "2026-06-22", "还款金额（元）": "388.25"}


def id_number(serial: int, born: date = date(1980, 1, 1)) -> str:
    body = f"411082{born:%Y%m%d}{serial:03d}"
    return body + check_digit(body)


def loan(serial: int, **changes: str) -> dict[str, str]:
    """A loan of a borrower of its own."""
    own = {"借据号": f"JJ{serial:04d}", "借款人姓名": "李明", "身份证号": id_number(serial)}
    return {**LOAN, **own, **changes}


def csv_file(rows: Sequence[Mapping[str, str]], encoding: str = "utf-8-sig") -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def xlsx_file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    data = io.BytesIO()
    book = xlsxwriter.Workbook(data, {"in_memory": True})
    sheet = book.add_worksheet()
    days = book.add_format({"num_format": "yyyy-mm-dd"})
    for column, title in enumerate(rows[0]):
        sheet.write_string(0, column, title)
        for at, row in enumerate(rows, start=1):
            value = row[title]
            if isinstance(value, date):
                sheet.write_datetime(at, column, value, days)
            elif isinstance(value, int | float):
                sheet.write_number(at, column, value)
            else:
                sheet.write_string(at, column, value)
    book.close()
    return data.getvalue()


async def hand_in(county: County, kind: str, data: bytes, name: str = "表.csv") -> BatchView:
    """As the officer of the bank: upload."""
    spool = Spool()
    spool.write(data)
    try:
        return await imports.hand_in(await county.actor("zhao"), kind, name, spool, NOW)
    finally:
        spool.close()


async def bring(county: County, kind: str, data: bytes, name: str = "表.csv") -> BatchView:
    """Upload and work off."""
    batch = await hand_in(county, kind, data, name)
    return await import_run.work(batch.key, county.pack, NOW)


async def errors_of(batch: BatchView) -> list[RowError]:
    return [error for _, error in await imports.row_errors(batch.key)]
