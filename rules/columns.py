"""The tables that banks hand in, as data: one definition for template, reader, row errors and documents.

A further table (households) is a further `Table`; what reads cells is chosen by the column's kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rules import cells
from rules.cells import Limits, Unreadable

Kind = Literal[
    "number", "words", "name", "id_number", "phone", "account", "money", "rate", "day", "months", "choice"
]
HEADER_ROWS = 5
"""Titles may stand above the header, in so many rows at most."""
VALUE_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `choices` pairs what may be written with what it means; a meaning's first is offered."""

    name: str
    title: str
    kind: Kind
    required: bool = False
    aliases: tuple[str, ...] = ()
    note: str = ""
    example: str = ""
    longest: int = 40
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def offered(self) -> list[str]:
        """What the drop-down of the template offers."""
        first: dict[str, str] = {}
        for said, meant in self.choices:
            first.setdefault(meant, said)
        return list(first.values())


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of file. Of each group in `either` at least one column must be there and filled."""

    kind: str
    title: str
    columns: tuple[Column, ...]
    either: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> Column:
        return next(each for each in self.columns if each.name == name)


_BANK = Column(
    "bank", "放款银行", "words", aliases=("银行", "银行名称", "贷款银行"), longest=80,
    note="只有一家银行时可以不填；银行自己导入时不用填。",
)  # fmt: skip
_NUMBER = Column(
    "number", "借据号", "number", required=True, aliases=("借据编号", "贷款借据号", "借据号码"),
    note="银行的借据号，一笔贷款一个号，不能重复。列设成文本。", example="JJ202600001",
)  # fmt: skip

LOANS = Table(
    "loans",
    "贷款",
    (
        _NUMBER,
        Column(
            "name", "借款人姓名", "name", required=True, aliases=("姓名", "借款人", "户名", "客户名称"),
            note="和身份证一致；经营主体填法定代表人。", example="张守田",
        ),
        Column(
            "id_number", "身份证号", "id_number", required=True,
            aliases=("身份证号码", "证件号码", "公民身份号码", "身份证"),
            note="18位。列设成文本，不然后几位会丢。", example="411082198503122455",
        ),
        Column(
            "phone", "手机号", "phone", aliases=("手机号码", "联系电话", "电话", "手机"),
            note="有就填，到期提醒要用。", example="13800001111",
        ),
        Column(
            "village", "所在村", "words", aliases=("村", "村代码", "行政村", "所属村"), longest=60,
            note="村的12位区划代码，或“镇名+村名”。系统里已有这个人的，可以不填。", example="411082101201",
        ),
        Column(
            "amount_fen", "贷款金额（元）", "money", required=True,
            aliases=("贷款金额", "借款金额", "放款金额", "本金"),
            note="放款时的本金，单位元，最多两位小数。", example="30000.00",
        ),
        Column(
            "rate_bp", "年利率（%）", "rate", required=True,
            aliases=("年利率", "利率", "执行利率", "合同利率"),
            note="写百分数，如 4.35。", example="4.35",
        ),
        Column(
            "disbursed_on", "放款日期", "day", required=True,
            aliases=("发放日期", "起息日", "借款日期", "放款日"), note="不能晚于今天。", example="2026-03-05",
        ),
        Column(
            "maturity_on", "到期日期", "day", aliases=("到期日", "合同到期日", "还款到期日"),
            note="到期日期和期限填一个就行。", example="2027-03-05",
        ),
        Column("months", "期限（月）", "months", aliases=("期限", "贷款期限", "期限月"), example="12"),
        Column(
            "method", "还款方式", "choice", required=True, aliases=("还款方法", "偿还方式"),
            note="从列表里选。", example="按期付息到期还本",
            choices=(
                ("按期付息到期还本", "interest_only"), ("按期付息、到期还本", "interest_only"),
                ("按期付息，到期还本", "interest_only"), ("先息后本", "interest_only"),
                ("按月付息到期还本", "interest_only"), ("按季付息到期还本", "interest_only"),
                ("一次性还本付息", "bullet"), ("到期一次还本付息", "bullet"), ("利随本清", "bullet"),
                ("等额本息", "equal_instalment"), ("等额本金", "equal_principal"),
                ("等本等息", "flat"),
            ),
        ),
        Column(
            "cycle", "结息周期", "choice", aliases=("付息周期", "结息方式", "付息频率"),
            note="不填就按县里的规定。", example="按季",
            choices=(
                ("按月", "monthly"), ("月", "monthly"), ("按月结息", "monthly"), ("每月", "monthly"),
                ("按季", "quarterly"), ("季", "quarterly"), ("按季结息", "quarterly"), ("每季", "quarterly"),
            ),
        ),
        Column(
            "account", "收款账号", "account", aliases=("账号", "放款账号", "入账账号", "银行账号"),
            note="有就填，加密保存。",
        ),
        Column(
            "guarantor", "担保机构", "words", aliases=("担保公司", "担保方"), longest=80,
            note="没有担保的不填。",
        ),
        _BANK,
    ),
    either=(("maturity_on", "months"),),
)  # fmt: skip

REPAYMENTS = Table(
    "repayments",
    "还款",
    (
        Column(
            "serial", "流水号", "number", required=True,
            aliases=("银行流水号", "交易流水号", "还款流水号", "交易流水"), longest=64,
            note="银行的流水号，一笔还款一个号，不能重复。列设成文本。", example="LS20261120000123",
        ),
        _NUMBER,
        Column(
            "received_on", "还款日期", "day", required=True,
            aliases=("还款日", "入账日期", "交易日期", "收款日期"),
            note="钱到银行的那天，不能晚于今天。", example="2026-11-20",
        ),
        Column(
            "amount_fen", "还款金额（元）", "money", required=True,
            aliases=("还款金额", "金额", "交易金额", "还款额"),
            note="单位元，本金利息合计，最多两位小数。", example="1087.50",
        ),
        _BANK,
    ),
)  # fmt: skip

TABLES: Mapping[str, Table] = {table.kind: table for table in (LOANS, REPAYMENTS)}


@dataclass(frozen=True, slots=True)
class Header:
    """Where a table's columns stand in a file, and the columns of the file that mean nothing to us."""

    places: Mapping[str, int]
    unused: tuple[str, ...]


def find_header(table: Table, titles: Sequence[str]) -> Header | str:
    """Read a row as the header: the places of the columns, or the sentence that says what is wrong.

    Clause: S12.1.
    """
    known = {_bare(word): column.name for column in table.columns for word in (column.title, *column.aliases)}
    places: dict[str, int] = {}
    unused = []
    for at, title in enumerate(titles):
        name = known.get(_bare(title))
        if name is None:
            unused.extend([title.strip()] if title.strip() else [])
        elif name in places:
            return f"“{table.column(name).title}”这一列出现了两次，请只留一列。"
        else:
            places[name] = at
    missing = [column.title for column in table.columns if column.required and column.name not in places]
    missing += [
        "或".join(table.column(name).title for name in group)
        for group in table.either
        if not any(name in places for name in group)
    ]
    if missing:
        return _wrong_columns(table, missing, titles)
    return Header(places, tuple(unused))


def _bare(title: str) -> str:
    """A title without blanks, stars and what stands in brackets."""
    return re.sub(r"[（(\[【].*?[）)\]】]|[\s*＊:：]", "", title)


def _wrong_columns(table: Table, missing: Sequence[str], titles: Sequence[str]) -> str:
    needed = "、".join(column.title for column in table.columns if column.required)
    free = "、".join(column.title for column in table.columns if not column.required)
    found = "、".join(title.strip()[:20] for title in titles[:40] if title.strip()) or "（空）"
    return (
        f"表头不对，整个文件没有导入。缺少：{'、'.join(missing)}。"
        f"{table.title}表必须有：{needed}；可以有：{free}。文件里是：{found}。"
    )


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row does not go in. `row` is the row number in the file, as a spreadsheet program shows it."""

    row: int
    column: str
    value: str
    reason: str


Reader = Callable[[str], Any]


def _choice(column: Column) -> Reader:
    meanings = dict(column.choices)
    offered = "、".join(column.offered)

    def read(text: str) -> str:
        found = meanings.get(text) or meanings.get(re.sub(r"\s", "", text))
        if found is None:
            raise Unreadable(f"请从这些里面选：{offered}。")
        return found

    return read


def _reader(column: Column, limits: Limits) -> Reader:
    readers: dict[Kind, Reader] = {
        "number": partial(cells.number, longest=column.longest),
        "words": partial(cells.words, longest=column.longest),
        "name": cells.name,
        "id_number": partial(cells.id_number, limits=limits),
        "phone": cells.phone,
        "account": cells.account,
        "money": partial(cells.money_fen, limits=limits),
        "rate": partial(cells.rate_within, limits=limits),
        "day": cells.day,
        "months": partial(cells.months, limits=limits),
        "choice": _choice(column),
    }
    return readers[column.kind]


class RowReader:
    """Reads the rows of one file: values in the order of the table's columns, None where nothing stands."""

    def __init__(self, table: Table, header: Header, limits: Limits) -> None:
        self.table = table
        self._plan = [
            (column, header.places.get(column.name, -1), _reader(column, limits)) for column in table.columns
        ]
        names = [column.name for column in table.columns]
        self._either = [[names.index(name) for name in group] for group in table.either]

    def read(self, number: int, row: Sequence[str]) -> list[Any] | RowError:
        """The values of a row, or the first thing that is wrong with it. Clause: S12.1."""
        values: list[Any] = []
        width = len(row)
        for column, place, reader in self._plan:
            text = row[place].strip() if 0 <= place < width else ""
            if not text:
                if column.required:
                    return RowError(number, column.title, "", "这一格不能空着。")
                values.append(None)
                continue
            try:
                if not text.isprintable() or "\ufffd" in text:
                    cells.check_signs(text)
                values.append(reader(text))
            except Unreadable as why:
                return self.error(number, column.name, text, str(why))
        for group in self._either:
            if all(values[at] is None for at in group):
                titles = "或".join(self.table.columns[at].title for at in group)
                return RowError(number, titles, "", "这两格至少要填一格。")
        return values

    def error(self, number: int, name: str, text: str, reason: str) -> RowError:
        """A row error of a column with its value as it may be shown."""
        column = self.table.column(name)
        return RowError(number, column.title, cells.shown(column.kind, text, VALUE_LONGEST), reason)
