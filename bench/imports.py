"""Imports beside a bare COPY of the same file: rows a second, their ratio, and the peak of memory.

    python -m bench.imports --rows 100000 [--lines 12] [--embedded]

Loans come from CSV with their people (sealed) and schedules; repayments from CSV, the next ones from xlsx.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import hashlib
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import uvloop
import xlsxwriter

from actions import import_run, imports
from bot import database, logs
from models import sealing
from policies import Pack, load_packs
from rules.identity import check_digit

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
TARGETS = {"repayments csv": 20_000, "repayments xlsx": 10_000}
LOAN_TITLES = (
    "借据号", "借款人姓名", "身份证号", "手机号", "所在村", "贷款金额（元）", "年利率（%）", "放款日期",
    "期限（月）", "还款方式", "结息周期",
)  # fmt: skip
REPAYMENT_TITLES = ("流水号", "借据号", "还款日期", "还款金额（元）")
VILLAGES = 200


def id_number(at: int) -> str:
    born = date(1962, 1, 1) + timedelta(days=at * 9 % 14_000)
    body = f"411082{born:%Y%m%d}{at // 14_000 % 1000:03d}"
    return body + check_digit(body)


def loans(rows: int, lines: int) -> Iterator[tuple[str, ...]]:
    """Loans of so many monthly lines, of many amounts and days, as a bank's book has them."""
    for at in range(rows):
        out = date(2026, 1, 1) + timedelta(days=at % 180)
        amount = 10_000 + at % 41 * 1_000
        yield (
            f"JJ{at:09d}", "李明", id_number(at), f"139{at:08d}", f"411082{500 + at % VILLAGES // 20:03d}"
            f"{201 + at % 20:03d}", f"{amount}.00", "4.35", out.isoformat(), str(lines),
            "按期付息到期还本", "按月",
        )  # fmt: skip


async def repayments(connection: asyncpg.Connection, line: int) -> list[tuple[str, str, date, int]]:
    """What is due on the so-manyth line of every loan, paid on its day."""
    rows = await connection.fetch(
        """SELECT l.number, i.id, i.due_on, i.principal_fen + i.interest_fen AS fen
           FROM instalment i JOIN loan l ON l.id = i.loan_id WHERE i.number = $1 AND i.due_on <= $2
           ORDER BY l.id""",
        line,
        date(2026, 11, 28),
    )
    return [(f"LS{row['id']:012d}", row["number"], row["due_on"], row["fen"]) for row in rows if row["fen"]]


def write_csv(path: Path, titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(titles)
        writer.writerows(rows)


def write_xlsx(path: Path, rows: list[tuple[str, str, date, int]]) -> None:
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet, days = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
    for at, title in enumerate(REPAYMENT_TITLES):
        sheet.write_string(0, at, title)
    for at, (serial, number, on, fen) in enumerate(rows, start=1):
        sheet.write_string(at, 0, serial)
        sheet.write_string(at, 1, number)
        sheet.write_datetime(at, 2, datetime(on.year, on.month, on.day), days)  # noqa: DTZ001 - a day
        sheet.write_number(at, 3, fen / 100)
    book.close()


async def bare_copy(connection: asyncpg.Connection, path: Path, columns: int) -> float:
    """Seconds to COPY the lines of a CSV file into a table of texts: nothing read, nothing checked."""
    names = ", ".join(f"c{at} text" for at in range(columns))
    await connection.execute(f"CREATE TABLE bare ({names})")
    began = time.perf_counter()
    await connection.copy_to_table("bare", source=path, format="csv", header=True)
    seconds = time.perf_counter() - began
    await connection.execute("DROP TABLE bare")
    return seconds


async def bring(pack: Pack, kind: str, path: Path) -> float:
    """Seconds to import a file; all its rows must go in."""
    with path.open("rb") as file:
        digest, size = hashlib.file_digest(file, "sha256").digest(), file.tell()
        file.seek(0)
        began = time.perf_counter()
        batch = await imports.hand_in_local(pack, kind, "", path.name, digest, size, NOW)
        batch = await import_run.run(batch.key, file, pack, NOW)
        seconds = time.perf_counter() - began
    if batch.refused or not batch.accepted:
        raise RuntimeError(f"{batch.reason} {(await imports.row_errors(batch.key))[:3]}")
    return seconds


def peak_mib() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


async def measure(options: argparse.Namespace, url: str, folder: Path) -> int:
    sealing.install(
        sealing.Keyring({1: secrets.token_bytes(32)}, current=1, index_key=secrets.token_bytes(32))
    )
    pack = load_packs()["changge"]
    await database.migrate(url)
    await database.connect(url)
    connection = await asyncpg.connect(url)
    await connection.executemany(
        "INSERT INTO region (code, county, name) VALUES ($1, '411082', $1)",
        [(f"411082{500 + v // 20:03d}{201 + v % 20:03d}",) for v in range(VILLAGES)],
    )
    await connection.execute(
        "INSERT INTO organisation (county, key, kind, name, region)"
        " VALUES ('411082', 'bank', 'partner_bank', '测算银行', '411082000000')"
    )
    failed = 0

    async def show(name: str, kind: str, path: Path, bare: float, rows: int) -> None:
        nonlocal failed
        rate = rows / await bring(pack, kind, path)
        target = TARGETS.get(name, 0)
        failed |= rate < target
        wanted = f" (target {target:,})" if target else ""
        print(
            f"{name:16} {rate:9,.0f} rows/s{wanted}; bare COPY {rows / bare:9,.0f} rows/s;"
            f" ratio {rate * bare / rows:.3f}; peak {peak_mib()} MB",
            flush=True,
        )

    path = folder / "loans.csv"
    write_csv(path, LOAN_TITLES, loans(options.rows, options.lines))
    bare = await bare_copy(connection, path, len(LOAN_TITLES))
    await show(f"loans csv {options.lines}", "loans", path, bare, options.rows)
    for table in ("person", "loan", "instalment"):
        await connection.execute(f"ANALYZE {table}")
    plain: Callable[[tuple[str, str, date, int]], tuple[str, ...]] = lambda row: (  # noqa: E731
        row[0], row[1], row[2].isoformat(), f"{row[3] // 100}.{row[3] % 100:02d}",
    )  # fmt: skip
    for line, ending in ((1, "csv"), (2, "xlsx")):
        rows = await repayments(connection, line)
        path = folder / f"repayments{line}.csv"
        write_csv(path, REPAYMENT_TITLES, map(plain, rows))
        bare = await bare_copy(connection, path, len(REPAYMENT_TITLES))
        if ending == "xlsx":
            path = folder / "repayments.xlsx"
            write_xlsx(path, rows)
        count = len(rows)
        del rows
        await show(f"repayments {ending}", "repayments", path, bare, count)
    await connection.close()
    await database.disconnect()
    return int(failed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.imports")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=12)
    return parser.parse_args()


async def main(options: argparse.Namespace) -> int:
    logs.configure(demo=False)
    with tempfile.TemporaryDirectory() as folder:
        server, embedded = options.database, None
        if options.embedded:
            server, embedded = await asyncio.to_thread(database.start_embedded, Path(folder))
        name = f"tianxin_bench_{secrets.token_hex(4)}"
        url = await database.create_database(server, name)
        try:
            return await measure(options, url, Path(folder))
        finally:
            await database.drop_database(server, name)
            if embedded is not None:
                embedded.cleanup()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(arguments())))
