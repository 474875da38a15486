"""Imports beside a bare COPY of the same file: rows a second, their ratio, and the peak of memory.

    python -m bench.imports --rows 1000000 [--loans 50000] [--xlsx 200000] [--lines 12] [--embedded]

Loans come from CSV with their people (sealed) and schedules, at most `--loans` of them; the others are made
as copies. The first line of every loan is then paid from CSV, the second of at most `--xlsx` from xlsx.

A busy machine makes the rows a second worthless, but hardly the processor time a row: that of this process
and that of the server's backends stand beside them. Overlap is how many cores were at work: 1 when one side
always waits for the other. What the server does outside its backends (writing pages out) is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import hashlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
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
REPAYMENT_COLUMNS = 4
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


_COPIES = """
INSERT INTO loan (id, county, key, number, bank_id, borrower_id, village, principal_fen, balance_fen,
                  annual_rate_bp, day_count, method, settlement_cycle, disbursed_on, maturity_on, state,
                  terms, extended_count, created_at)
SELECT id + $1::bigint * $3::bigint, county, left(md5(id || '-' || $1), 22),
       'JJ' || lpad((right(number, 9)::bigint + $1::bigint * $2::bigint)::text, 9, '0'), bank_id,
       borrower_id, village, principal_fen, balance_fen, annual_rate_bp, day_count, method,
       settlement_cycle, disbursed_on, maturity_on, state, terms, extended_count, created_at
FROM loan WHERE right(number, 9)::bigint < least($2, $4::bigint - $1 * $2) ORDER BY id
"""
_LINES = """
INSERT INTO instalment (county, loan_id, number, kind, due_on, nominal_on, calendar_known, days,
                        principal_fen, interest_fen, paid_principal_fen, paid_interest_fen, paid_on)
SELECT i.county, l.id, i.number, i.kind, i.due_on, i.nominal_on, i.calendar_known, i.days,
       i.principal_fen, i.interest_fen, i.paid_principal_fen, i.paid_interest_fen, i.paid_on
FROM instalment i JOIN loan l ON l.id = i.loan_id + $1::bigint * $2::bigint
WHERE i.loan_id <= $3 ORDER BY i.loan_id, i.number
"""
_WAYS = """
SELECT format('ALTER TABLE instalment DROP CONSTRAINT %I', conname) AS off,
       format('ALTER TABLE instalment ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS back
FROM pg_constraint WHERE conrelid = 'instalment'::regclass AND contype IN ('f', 'p', 'u')
UNION ALL
SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid = 'instalment'::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
"""Indexes and references of the lines: built once at the end they take a fraction of the time."""


async def multiply(connection: asyncpg.Connection, made: int, wanted: int) -> None:
    """Copies of the loans that are there, with their lines, until there are as many as wanted."""
    least, most = await connection.fetchrow("SELECT min(id), max(id) FROM loan")
    span = most - least + 1
    ways = await connection.fetch(_WAYS)
    for way in ways:
        await connection.execute(way["off"])
    for copy in range(1, -(-wanted // made)):
        await connection.execute(_COPIES, copy, made, span, wanted)
        await connection.execute(_LINES, copy, span, most)
    for way in ways:
        await connection.execute(way["back"])
    await connection.execute("SELECT setval(pg_get_serial_sequence('loan', 'id'), max(id)) FROM loan")
    for table in ("person", "loan", "instalment"):
        await connection.execute(f"VACUUM ANALYZE {table}")
    await connection.execute("CHECKPOINT")


_DUE = """
SELECT 'LS' || lpad(i.id::text, 12, '0') AS "流水号", l.number AS "借据号", i.due_on AS "还款日期",
       round((i.principal_fen + i.interest_fen) / 100.0, 2) AS "还款金额（元）"
FROM instalment i JOIN loan l ON l.id = i.loan_id
WHERE i.number = $1 AND i.due_on <= $2 AND i.principal_fen + i.interest_fen > 0 ORDER BY l.id LIMIT $3
"""


async def write_due(connection: asyncpg.Connection, path: Path, line: int, most: int) -> int:
    """What is due on the so-manyth line of the loans, paid on its day, as a CSV file; its rows."""
    copied = await connection.copy_from_query(
        _DUE, line, date(2026, 11, 28), most, output=path, format="csv", header=True
    )
    return int(copied.split()[-1])


def write_csv(path: Path, titles: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(titles)
        writer.writerows(rows)


def write_xlsx(path: Path, source: Path) -> None:
    """A CSV file of repayments as a workbook, with days and amounts as a spreadsheet program keeps them."""
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    sheet, days = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
    with source.open(newline="", encoding="utf-8") as file:
        for at, (serial, number, on, yuan) in enumerate(csv.reader(file)):
            sheet.write_string(at, 0, serial)
            sheet.write_string(at, 1, number)
            if at:
                sheet.write_datetime(at, 2, datetime.fromisoformat(on), days)
                sheet.write_number(at, 3, float(yuan))
            else:
                sheet.write_string(at, 2, on)
                sheet.write_string(at, 3, yuan)
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


@dataclass(frozen=True)
class Cost:
    """What an import took: seconds by the clock, and of processor time here and in the server's backends."""

    seconds: float
    ours: float
    server: float
    wal_bytes: int
    peak_mib: int


async def bring(connection: asyncpg.Connection, pack: Pack, kind: str, path: Path) -> Cost:
    """Import a file; all its rows must go in."""
    forget_peak()
    with path.open("rb") as file:
        digest, size = hashlib.file_digest(file, "sha256").digest(), file.tell()
        file.seek(0)
        wal = await connection.fetchval("SELECT pg_current_wal_insert_lsn()")
        ours, server = time.process_time(), await backend_seconds(connection)
        began = time.perf_counter()
        batch = await imports.hand_in_local(pack, kind, "", path.name, digest, size, NOW)
        batch = await import_run.run(batch.key, file, pack, NOW)
        seconds, ours = time.perf_counter() - began, time.process_time() - ours
        server = await backend_seconds(connection) - server
        written = await connection.fetchval("SELECT pg_current_wal_insert_lsn() - $1::pg_lsn", wal)
    if batch.refused or not batch.accepted:
        raise RuntimeError(f"{batch.reason} {(await imports.row_errors(batch.key))[:3]}")
    return Cost(seconds, ours, server, int(written), peak_mib())


async def backend_seconds(connection: asyncpg.Connection) -> float:
    """Processor time that the backends of this database have taken; 0 for a server on another machine."""
    rows = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    return sum(_processor_seconds(Path(f"/proc/{row['pid']}/stat")) for row in rows)


def _processor_seconds(stat: Path) -> float:
    if not stat.exists():
        return 0.0
    name, _, rest = stat.read_text().rpartition(")")
    user, system = rest.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") if "(postgres" in name else 0.0


def forget_peak() -> None:
    """From now on the peak of memory counts anew, where the system can do that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mib() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def show(name: str, rows: int, cost: Cost, bare: float) -> bool:
    """Print what an import took; is its target missed?"""
    rate, target = rows / cost.seconds, TARGETS.get(name, 0)
    wanted = f" (target {target:,})" if target else ""
    print(
        f"{name:16} {rows:,} rows, {rate:,.0f} rows/s{wanted};"
        f" ratio to a bare COPY {bare / cost.seconds:.3f}\n"
        f"{'':16} processor time a row: ours {cost.ours / rows * 1e6:.1f} µs, server"
        f" {cost.server / rows * 1e6:.1f} µs; overlap {(cost.ours + cost.server) / cost.seconds:.2f};"
        f" {cost.wal_bytes / rows:,.0f} bytes of WAL a row; peak {cost.peak_mib} MB",
        flush=True,
    )
    return rate < target


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
    path, made = folder / "loans.csv", min(options.loans, options.rows)
    write_csv(path, LOAN_TITLES, loans(made, options.lines))
    bare = await bare_copy(connection, path, len(LOAN_TITLES))
    missed = show(f"loans csv {options.lines}", made, await bring(connection, pack, "loans", path), bare)
    began = time.perf_counter()
    await multiply(connection, made, options.rows)
    print(f"{'':16} {options.rows:,} loans there after {time.perf_counter() - began:.0f} s more", flush=True)
    for line, ending, most in ((1, "csv", options.rows), (2, "xlsx", options.xlsx)):
        path = folder / "repayments.csv"
        rows = await write_due(connection, path, line, most)
        bare = await bare_copy(connection, path, REPAYMENT_COLUMNS)
        if ending == "xlsx":
            path, source = folder / "repayments.xlsx", path
            await asyncio.to_thread(write_xlsx, path, source)
        cost = await bring(connection, pack, "repayments", path)
        missed |= show(f"repayments {ending}", rows, cost, bare)
    await connection.close()
    await database.disconnect()
    return int(missed)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.imports")
    parser.add_argument("--database", default="postgresql://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--loans", type=int, default=50_000)
    parser.add_argument("--xlsx", type=int, default=200_000)
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
