"""S12.1, S3.5, S11.1: what a cell of a bank's table says, or why it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import cells, columns
from rules.cells import Limits, Unreadable
from rules.columns import LOANS, REPAYMENTS, TABLES, Header, RowError, RowReader, find_header

LIMITS = Limits(date(2026, 11, 28), 1_000_000_000, 2_400, 360)


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("30000", 3_000_000), ("30000.5", 3_000_050), ("30,000.00", 3_000_000), ("３０，０００", 3_000_000),
        ("¥1,087.50", 108_750), ("100元", 10_000), ("0.01", 1), ("１２３．４５", 12_345), ("5.1000", 510),
    ],
)  # fmt: skip
def test_money_is_understood_to_the_fen(text: str, fen: int) -> None:
    """S11.1"""
    assert cells.money_fen(text, LIMITS) == fen


@pytest.mark.parametrize(
    "text",
    [
        "1e5", "1E5", "1,000.005", "-5", "(5)", "0", "0.00", "", "3万", "1,00", "1_000", "٣", "NaN", "inf",
        "=A1",
        "1.2.3", "99999999999", "1 000", "five", "0x10", "#VALUE!",
    ],
)  # fmt: skip
def test_money_that_could_be_meant_in_two_ways_is_refused(text: str) -> None:
    """S12.1"""
    with pytest.raises(Unreadable, match=r"。$"):
        cells.money_fen(text, LIMITS)


@given(st.integers(1, 1_000_000_000))
def test_every_amount_is_read_as_it_is_written(fen: int) -> None:
    """S11.1"""
    yuan, cents = divmod(fen, 100)
    assert cells.money_fen(f"{yuan}.{cents:02d}", LIMITS) == fen
    assert cells.money_fen(f"¥{yuan:,}.{cents:02d}元", LIMITS) == fen


@given(st.text(max_size=12))
def test_no_text_breaks_a_reader(text: str) -> None:
    """S12.1: a cell is read or refused in words."""
    for column in (*LOANS.columns, *REPAYMENTS.columns):
        found = RowReader(columns.Table("x", "x", (column,)), Header({column.name: 0}, ()), LIMITS).read(
            2, [text]
        )
        assert isinstance(found, RowError) or len(found) == 1


@pytest.mark.parametrize(
    "text", ["2026-03-05", "2026/3/5", "2026.3.5", "2026年3月5日", "20260305", "2026-03-05 00:00:00"]
)
def test_a_day_is_read_in_every_usual_form(text: str) -> None:
    """S11.1"""
    assert cells.day(text) == date(2026, 3, 5)


@pytest.mark.parametrize(
    "text", ["2026-02-30", "46086", "3月5日", "2026-3", "05/03/2026", "明天", "2026-03/05"]
)
def test_a_day_that_is_none_is_refused(text: str) -> None:
    """S11.1"""
    with pytest.raises(Unreadable):
        cells.day(text)


@pytest.mark.parametrize(
    ("text", "bp"), [("4.35", 435), ("4.35%", 435), ("４．３５％", 435), ("0", 0), ("0.2", 20)]
)
def test_a_rate_is_a_per_cent(text: str, bp: int) -> None:
    """S3.5"""
    assert cells.rate_within(text, LIMITS) == bp


@pytest.mark.parametrize("text", ["0.0435", "-1", "4.355", "25", "四", "4.35‰"])
def test_a_rate_that_may_be_a_slip_is_refused(text: str) -> None:
    """S3.5"""
    with pytest.raises(Unreadable):
        cells.rate_within(text, LIMITS)


def test_an_id_number_that_lost_its_end_says_how_that_came() -> None:
    """S1.6"""
    for text in ("4.11082198503122E+17", "411082198503122000"):
        with pytest.raises(Unreadable, match="设成文本"):
            cells.id_number(text, LIMITS)
    assert cells.id_number("４１１０８２１９８５０３１２２４５５", LIMITS) == "411082198503122455"


def test_personal_values_are_masked_in_errors() -> None:
    """S17.2"""
    assert cells.shown("id_number", "411082198503122456", 80) == "411082********2456"
    assert cells.shown("name", "张守田", 80) == "张*"
    assert cells.shown("account", "6228480000000001234", 80).startswith("****")
    assert cells.shown("words", "a\nb" + "x" * 100, 10) == "a□bxxxxxx…"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM", "\tx"])
def test_no_cell_of_a_result_is_a_formula(text: str) -> None:
    """S12.1"""
    assert cells.harmless(text) == f"'{text}"


def test_a_header_is_found_by_other_names_in_any_order() -> None:
    """S12.1, S6.2"""
    found = find_header(REPAYMENTS, ["*金额(元)", " 备注", "交易日期：", "借据编号", "交易流水号"])
    assert found == Header({"amount_fen": 0, "received_on": 2, "number": 3, "serial": 4}, ("备注",))


def test_wrong_columns_say_what_is_missing_and_what_was_found() -> None:
    """S12.1"""
    found = find_header(LOANS, ["借据号", "钱"])
    assert isinstance(found, str)
    for words in ("借款人姓名", "到期日期或期限（月）", "文件里是：借据号、钱"):
        assert words in found
    assert "两次" in str(find_header(REPAYMENTS, ["流水号", "银行流水号"]))


@pytest.mark.parametrize("table", TABLES.values(), ids=str)
def test_the_examples_of_a_table_are_a_row_that_can_be_read(table: columns.Table) -> None:
    """S12.1: the template's own example goes in."""
    titles = [column.title for column in table.columns]
    header = find_header(table, titles)
    assert isinstance(header, Header)
    row = RowReader(table, header, LIMITS).read(2, [column.example for column in table.columns])
    assert isinstance(row, list)


def test_no_two_columns_of_a_table_answer_to_one_title() -> None:
    """S12.1"""
    for table in TABLES.values():
        words = [word for column in table.columns for word in (column.title, *column.aliases)]
        assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (lambda text: cells.months(text, LIMITS), "一年", "期限写月数"),
        (lambda text: cells.months(text, LIMITS), "0", "期限要在 1 到 360 个月之间"),
        (lambda text: cells.months(text, LIMITS), "361个月", "期限要在 1 到 360 个月之间"),
        (lambda text: cells.number(text, 40), "1.23E+15", "科学计数法"),
        (lambda text: cells.number(text, 40), "=A1", "公式"),
        (lambda text: cells.number(text, 40), "借据 \u0001", "认不出"),
        (lambda text: cells.number(text, 4), "JJ-20261128", "最多 4 个字"),
        (cells.account, "6.2E+18", "科学计数法"),
        (cells.account, "1234567", "8到32位"),
        (lambda text: cells.words(text, 4), "很长的一句话", "最多 4 个字"),
        (cells.check_signs, "张\ufffd田", "乱码"),
        (cells.check_signs, "张\u202e田", "乱码"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(
    read: Callable[[str], object], text: str, words: str
) -> None:
    """S12.1"""
    with pytest.raises(Unreadable, match=words):
        read(text)


def test_what_can_be_read_comes_back_clean() -> None:
    """S12.1, S3.4"""
    assert cells.months("36个月", LIMITS) == 36
    assert cells.number("ＪＪ－1", 40) == "JJ-1"
    assert cells.account("6222 0000-1234") == "622200001234"
    assert cells.words("买羊", 4) == "买羊"
    cells.check_signs("张守田")
