"""S12.1, S6.2: a bank's files go in once, row by row, and say what did not go in."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import asyncpg
import pytest

from actions import import_run, imports
from actions.import_loans import LoanRows, Outcome
from actions.import_repayments import RepaymentRows
from actions.import_spool import Spool
from bot import database
from bot.errors import NotFound, RuleRefused
from models.loan import Instalment, Loan, Repayment
from models.people import Organisation, Person
from tests.actions.conftest import NOW, County
from tests.actions.import_kit import (
    LOAN,
    REPAYMENT,
    bring,
    csv_file,
    errors_of,
    hand_in,
    id_number,
    loan,
    xlsx_file,
)


async def counts() -> tuple[int, ...]:
    return tuple([await model.all().count() for model in (Person, Loan, Instalment, Repayment)])


async def test_loans_of_a_csv_file_come_with_people_and_schedules(county: County) -> None:
    """S12.1, S11.1: known people are found by their ID number, unknown ones made, sealed."""
    people = await Person.all().count()
    batch = await bring(county, "loans", csv_file([LOAN, loan(2), loan(3, 借据号="JJ0003")]))
    assert (batch.state, batch.accepted, batch.unchanged, batch.refused) == ("done", 3, 0, 0)
    made = await Loan.get(number="JJ0002")
    borrower = await Person.get(id=made.borrower_id)
    assert (borrower.name, borrower.id_number) == ("李明", id_number(2))
    assert "李明".encode() not in bytes(borrower.name_sealed or b"")
    lines = await Instalment.filter(loan_id=made.id).order_by("number")
    assert [line.kind for line in lines] == [
        "settlement",
        "settlement",
        "settlement",
        "settlement",
        "maturity",
    ]
    assert [line.due_on for line in lines][:2] == [date(2026, 3, 20), date(2026, 6, 22)]
    assert sum(line.principal_fen for line in lines) == made.balance_fen == 3_000_000
    assert made.terms["schedule"]["principal_fen"] == 3_000_000
    assert await Person.all().count() <= people + 3


async def test_an_xlsx_file_with_real_numbers_and_dates_goes_in_exactly(county: County) -> None:
    """S12.1"""
    row = {**loan(2), "贷款金额（元）": 30000.1, "放款日期": date(2026, 3, 5), "年利率（%）": 4.35}
    batch = await bring(county, "loans", xlsx_file([row]), "表.xlsx")
    made = await Loan.get(number="JJ0002")
    assert (batch.accepted, made.principal_fen, made.disbursed_on) == (1, 3_000_010, date(2026, 3, 5))


async def test_the_same_file_or_the_same_rows_again_change_nothing_and_it_is_said(county: County) -> None:
    """S6.2, S12.1"""
    data = csv_file([loan(2), loan(3)])
    await bring(county, "loans", data)
    before = await counts()
    again = await hand_in(county, "loans", data, "another name.csv")
    assert (again.state, again.repeated) == ("done", True)
    other = await bring(county, "loans", csv_file([loan(3), loan(2)]))
    assert (other.accepted, other.unchanged, other.refused) == (0, 2, 0)
    assert await counts() == before


async def test_a_bad_row_is_named_and_the_others_go_in(county: County) -> None:
    """S6.2, S12.1: row number, column, masked value, reason."""
    rows = [loan(2), loan(3, **{"贷款金额（元）": "-5"}), loan(4, 身份证号="411082198001010040"), loan(5)]
    batch = await bring(county, "loans", csv_file(rows))
    assert (batch.accepted, batch.refused) == (2, 2)
    first, second = await errors_of(batch)
    assert (first.row, first.column, first.value, first.reason) == (
        3,
        "贷款金额（元）",
        "-5",
        "金额不能是负数。",
    )
    assert (second.row, second.column, second.value) == (4, "身份证号", "411082********0040")
    assert await Loan.filter(number__in=["JJ0003", "JJ0004"]).count() == 0


WRONG_LOANS = (
    ({"放款日期": "2026-12-01"}, "放款日期"),
    ({"放款日期": "2026-02-30"}, "放款日期"),
    ({"期限（月）": "", "到期日期": "2026-03-05"}, "到期日期"),
    ({"到期日期": "2027-04-05"}, "到期日期"),
    ({"期限（月）": ""}, "到期日期或期限（月）"),
    ({"还款方式": "随便还"}, "还款方式"),
    ({"年利率（%）": "0.0435"}, "年利率（%）"),
    ({"年利率（%）": "435"}, "年利率（%）"),
    ({"贷款金额（元）": "1e5"}, "贷款金额（元）"),
    ({"贷款金额（元）": "99999999999"}, "贷款金额（元）"),
    ({"所在村": "没有这个村"}, "所在村"),
    ({"所在村": ""}, "所在村"),
    ({"放款银行": "别的银行"}, "放款银行"),
    ({"担保机构": "没有的公司"}, "担保机构"),
    ({"借款人姓名": "=cmd()"}, "借款人姓名"),
    ({"借据号": ""}, "借据号"),
)


async def test_a_loan_row_that_cannot_be_is_refused_and_says_which_column(county: County) -> None:
    """S12.1, S11.1, S3.4"""
    empty = {"到期日期": "", "放款银行": "", "担保机构": ""}
    rows = [{**loan(at), **empty, **changes} for at, (changes, _) in enumerate(WRONG_LOANS, start=100)]
    batch = await bring(county, "loans", csv_file([*rows, {**loan(2), **empty}]))
    found = [(error.row, error.column) for error in await errors_of(batch)]
    assert found == [(row, column) for row, (_, column) in enumerate(WRONG_LOANS, start=2)]
    assert [made.number for made in await Loan.all()] == ["JJ0002"]


async def test_wrong_columns_refuse_the_whole_file(county: County) -> None:
    """S12.1: with the list of what was expected."""
    batch = await bring(county, "loans", csv_file([{"借据号": "1", "钱": "5"}]))
    assert batch.state == "refused"
    assert "借款人姓名" in batch.reason
    assert "钱" in batch.reason
    assert await Loan.all().count() == 0


async def test_a_repayment_is_booked_as_by_hand(county: County) -> None:
    """S12.1, S11.1: interest first, the oldest line first."""
    await bring(county, "loans", csv_file([LOAN]))
    made = await Loan.get(number="JJ0001")
    due = (await Instalment.filter(loan_id=made.id).order_by("number"))[:2]
    owed = sum(line.interest_fen for line in due)
    row = {**REPAYMENT, "还款金额（元）": f"{owed // 100}.{owed % 100:02d}"}
    batch = await bring(county, "repayments", csv_file([row]))
    assert (batch.accepted, batch.refused) == (1, 0)
    paid = await Repayment.get(serial="LS0001")
    assert (paid.interest_fen, paid.principal_fen, paid.loan_id) == (owed, 0, made.id)
    lines = await Instalment.filter(loan_id=made.id).order_by("number")
    assert [line.paid_on for line in lines] == [date(2026, 6, 22)] * 2 + [None] * 3


async def test_early_payment_through_a_file_settles_the_loan_and_remakes_its_plan(county: County) -> None:
    """S12.1, S11.1"""
    await bring(county, "loans", csv_file([LOAN]))
    batch = await bring(county, "repayments", csv_file([{**REPAYMENT, "还款金额（元）": "10000"}]))
    assert batch.accepted == 1, await errors_of(batch)
    made = await Loan.get(number="JJ0001")
    paid = await Repayment.get(serial="LS0001")
    assert made.balance_fen == 3_000_000 - paid.principal_fen
    assert paid.undo is not None
    lines = await Instalment.filter(loan_id=made.id).order_by("number")
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    assert sum(line.principal_fen - line.paid_principal_fen for line in lines) == made.balance_fen


WRONG_REPAYMENTS = (
    ({"借据号": "JJ9999"}, "借据号"),
    ({"还款日期": "2026-03-04"}, "还款日期"),
    ({"还款日期": "2026-11-29"}, "还款日期"),
    ({"还款金额（元）": "40000"}, "还款金额（元）"),
    ({"还款金额（元）": "0"}, "还款金额（元）"),
    ({"还款金额（元）": "1,000.005"}, "还款金额（元）"),
    ({"流水号": ""}, "流水号"),
)


async def test_a_repayment_row_that_cannot_be_changes_nothing(county: County) -> None:
    """S12.1: unknown loan, dates out of order, more than is owed, absurd money."""
    await bring(county, "loans", csv_file([LOAN]))
    before = [dict(row) for row in await database.fetch("SELECT * FROM instalment ORDER BY id")]
    rows = [{**REPAYMENT, "流水号": f"L{at}", **said} for at, (said, _) in enumerate(WRONG_REPAYMENTS)]
    batch = await bring(county, "repayments", csv_file(rows))
    assert [error.column for error in await errors_of(batch)] == [column for _, column in WRONG_REPAYMENTS]
    assert await Repayment.all().count() == 0
    assert [dict(row) for row in await database.fetch("SELECT * FROM instalment ORDER BY id")] == before


async def test_a_loan_of_another_bank_looks_as_if_it_were_absent(county: County) -> None:
    """S17.2, S12.1"""
    await bring(county, "loans", csv_file([LOAN]))
    other = await Organisation.create(
        county="411082", kind="partner_bank", name="另一家银行", region="411082000000"
    )
    await Loan.filter(number="JJ0001").update(bank_id=other.id)
    batch = await bring(
        county, "repayments", csv_file([REPAYMENT, {**REPAYMENT, "流水号": "2", "借据号": "X"}])
    )
    said = {error.reason for error in await errors_of(batch)}
    assert (batch.accepted, batch.refused, len(said)) == (0, 2, 1)


async def test_a_known_serial_with_another_amount_is_refused(county: County) -> None:
    """S12.1: the bank's serial number is the key."""
    await bring(county, "loans", csv_file([LOAN]))
    await bring(county, "repayments", csv_file([REPAYMENT]))
    rows = [{**REPAYMENT, "还款金额（元）": "1.00"}, {**REPAYMENT, "流水号": "LS2", "还款金额（元）": "1"}]
    batch = await bring(county, "repayments", csv_file(rows))
    assert (batch.accepted, batch.unchanged, batch.refused) == (1, 0, 1)
    assert [error.row for error in await errors_of(batch)] == [2]
    again = await bring(county, "repayments", csv_file([REPAYMENT, REPAYMENT]))
    assert (again.accepted, again.unchanged, again.refused) == (0, 2, 0)


async def test_a_file_with_refused_rows_may_come_again_when_what_it_waited_for_is_there(
    county: County,
) -> None:
    """S12.1: repayments before their loans."""
    data = csv_file([REPAYMENT])
    first = await bring(county, "repayments", data)
    assert first.refused == 1
    await bring(county, "loans", csv_file([LOAN]))
    second = await bring(county, "repayments", data)
    assert (second.key, second.accepted, second.refused) == (first.key, 1, 0)
    assert await errors_of(second) == []


async def test_no_chunk_reads_all_that_a_table_has(county: County, monkeypatch: pytest.MonkeyPatch) -> None:
    """S12.1: a long file takes as long for each row as a short one, statistics or not."""
    scanned: list[int] = []
    scans = """SELECT sum(seq_scan)::int FROM pg_stat_xact_user_tables
               WHERE relname IN ('person', 'loan', 'instalment', 'repayment')"""

    def watched(rows: type[LoanRows] | type[RepaymentRows]) -> Any:
        class Watched(rows):  # type: ignore[misc, valid-type]  # one of two
            async def apply(self, connection: asyncpg.Connection, *prepared: Any) -> Outcome:
                before = await connection.fetchval(scans)
                outcome: Outcome = await super().apply(connection, *prepared)
                scanned.append(await connection.fetchval(scans) - before)
                return outcome

        return Watched

    for kind, rows in (("loans", LoanRows), ("repayments", RepaymentRows)):
        monkeypatch.setitem(import_run._APPLIERS, kind, watched(rows))
    assert (await bring(county, "loans", csv_file([loan(at) for at in range(40)]))).accepted == 40
    paid = [{**REPAYMENT, "流水号": f"LS{at}", "借据号": f"JJ{at:04d}"} for at in range(40)]
    paid.append({**REPAYMENT, "流水号": "LS40", "借据号": "JJ0001", "还款金额（元）": "10000"})
    assert (await bring(county, "repayments", csv_file(paid))).accepted == 41
    assert scanned == [0, 0]


async def test_a_crash_in_the_middle_goes_on_without_doubling(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12.1: the cursor and the rows of a chunk are one transaction."""
    monkeypatch.setattr(import_run, "CHUNK", 3)
    batch = await hand_in(county, "loans", csv_file([loan(each) for each in range(1, 11)]))
    put, done = import_run._put_once, []

    async def crashing(*arguments: object) -> bool:
        if len(done) == 2:
            raise RuntimeError("the power is gone")
        done.append(await put(*arguments))  # type: ignore[arg-type]
        return True

    monkeypatch.setattr(import_run, "_put_once", crashing)
    with pytest.raises(RuntimeError):
        await import_run.work(batch.key, county.pack, NOW)
    assert await Loan.all().count() == 6
    monkeypatch.setattr(import_run, "_put_once", put)
    after = await import_run.work(batch.key, county.pack, NOW)
    assert (after.state, after.accepted, after.unchanged, after.rows_read) == ("done", 10, 0, 10)
    assert await Loan.all().count() == 10


async def test_two_workers_at_one_file_have_one_effect(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12.1"""
    monkeypatch.setattr(import_run, "CHUNK", 4)
    batch = await hand_in(county, "loans", csv_file([loan(each) for each in range(1, 30)]))
    views = await asyncio.gather(*(import_run.work(batch.key, county.pack, NOW) for _ in range(3)))
    assert {(view.state, view.accepted, view.rows_read) for view in views} == {("done", 29, 29)}
    assert await Loan.all().count() == 29


async def test_two_files_with_the_same_rows_at_once_have_one_effect(
    county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12.1"""
    monkeypatch.setattr(import_run, "CHUNK", 4)
    rows = [loan(each) for each in range(1, 20)]
    first = await hand_in(county, "loans", csv_file(rows))
    second = await hand_in(county, "loans", csv_file(rows[::-1]))
    views = await asyncio.gather(*(import_run.work(each.key, county.pack, NOW) for each in (first, second)))
    assert sum(view.accepted for view in views) == 19
    assert sum(view.unchanged for view in views) == 19
    assert await Loan.all().count() == 19


async def test_only_a_bank_officer_hands_files_in_and_they_wait_sealed(county: County) -> None:
    """S17.1, S17.2"""
    batch = await hand_in(county, "loans", csv_file([loan(2)]))
    parts = await database.fetch("SELECT content_sealed FROM import_part")
    assert [id_number(2).encode() in bytes(part["content_sealed"]) for part in parts] == [False]
    with pytest.raises(NotFound):
        await imports.view(await county.actor("zhang"), batch.key)
    spool = Spool()
    spool.write(b"x")
    with pytest.raises(RuleRefused):
        await imports.hand_in(await county.actor("chen"), "loans", "x.csv", spool, NOW)
    spool.close()
    with pytest.raises(NotFound):
        await imports.view(await county.actor("zhao"), "nothing")
    await import_run.work(batch.key, county.pack, NOW)
    assert await database.fetch("SELECT 1 FROM import_part") == []
