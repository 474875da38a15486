"""What a report is made of: a row of REPORTS, its columns, and what stands in a cell.

A report's query gives one record a region or bank: `code`, `name`, the figures that its columns name, and
for the rate it is ranked by also `part_before`, `whole_before` (at the end of last month) and `trend_days`,
`part_trend`, `whole_trend` (day by day). Amounts are fen. In the query `:county`, `:level`, `:day`,
`:before`, `:trend_days` and `:part` (the figure that the ranking rate is a share of) stand for values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from policies import Pack
from rules.arrears_rates import Share, change_words, share_bp, share_words

Level = Literal["village", "town", "bank"]
Kind = Literal["count", "money", "percent", "change", "trend"]
LEVEL_TITLES: Mapping[str, str] = {"village": "村", "town": "镇", "bank": "银行"}
_NAMED = re.compile(r"(?<!:):([a-z_]+)")
_WAN_FEN = 1_000_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `of`: part and whole of a percent; `phone`: shown on a small screen too."""

    key: str
    title: str
    kind: Kind
    of: tuple[str, str] = ("", "")
    phone: bool = False


@dataclass(frozen=True)
class ReportSpec:
    """One report: everything that page, JSON, xlsx, picture and push need to know.

    `seen_by`: role -> the levels it sees, the first one first; only rows of the post's region or bank.
    `days`: a query for the newest day with figures up to `:day`; empty: figures of this moment.
    `ranked_by`: the percent column that decides the place; `line_bp`: the target line, if there is one.
    `opens`: figure -> query for the loans behind it (`loan_id, amount_fen, days`), where `{inside}` stands
    for a condition on `village` or `bank_id`. `opens_now`: those are as they stand now, which may be after
    the day of the report.
    """

    name: str
    title: str
    about: tuple[tuple[str, str], ...]
    seen_by: Mapping[str, tuple[Level, ...]]
    columns: tuple[Column, ...]
    query: str
    ranked_by: Callable[[Pack, date], str]
    line_bp: Callable[[Pack, date], int | None] = lambda _pack, _on: None
    low_is_good: bool = True
    days: str = ""
    opens: Mapping[str, str] = field(default_factory=dict)
    opens_now: bool = False
    pushed_to: tuple[str, ...] = ()

    def column(self, key: str) -> Column:
        """The column of that key. Raises KeyError."""
        for column in self.columns:
            if column.key == key:
                return column
        raise KeyError(f"report {self.name} has no column {key!r}")


def bind(sql: str, values: Mapping[str, object]) -> tuple[str, list[object]]:
    """A statement with names made into one with numbers, and its values in that order."""
    names = list(dict.fromkeys(_NAMED.findall(sql)))
    return _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", sql), [values[name] for name in names]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a report. `place` is None where it is not ranked; `above`: over the target line."""

    code: str
    name: str
    figures: Mapping[str, Any]
    measured: Share
    before: Share
    days: Sequence[date]
    place: int | None = None
    above: bool | None = None

    @property
    def trend(self) -> list[int | None]:
        """The rate in basis points on each of the days; None on a day without figures."""
        shares = zip(*(self.figures.get(f"{name}_trend") or () for name in ("part", "whole")), strict=True)
        found = dict(
            zip(
                self.figures.get("trend_days") or (), (share_bp(Share(*each)) for each in shares), strict=True
            )
        )
        return [found.get(day) for day in self.days]


def row_of(code: str, name: str, figures: Mapping[str, Any], measured: Column, days: Sequence[date]) -> Row:
    """A line from the figures of a query."""
    part, whole = measured.of
    before = Share(figures.get("part_before") or 0, figures.get("whole_before") or 0)
    return Row(code, name, figures, Share(figures[part], figures[whole]), before, days)


def sum_of(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of several records together: amounts and counts added up, trends day by day."""
    total: dict[str, Any] = {}
    by_day: dict[date, list[int]] = {}
    for record in records:
        for key, value in record.items():
            if isinstance(value, int):
                total[key] = total.get(key, 0) + value
        for day, part, whole in zip(
            *(record.get(name) or () for name in ("trend_days", "part_trend", "whole_trend")), strict=True
        ):
            held = by_day.setdefault(day, [0, 0])
            held[0] += part
            held[1] += whole
    days = sorted(by_day)
    return total | {
        "trend_days": days,
        "part_trend": [by_day[day][0] for day in days],
        "whole_trend": [by_day[day][1] for day in days],
    }


def value_of(column: Column, row: Row) -> int | list[int | None] | None:
    """What a program reads in a cell: fen, a count, basis points, or the basis points of each day."""
    if column.kind == "trend":
        return list(row.trend)
    if column.kind == "change":
        now, before = share_bp(row.measured), share_bp(row.before)
        return None if now is None or before is None else now - before
    if column.kind == "percent":
        return share_bp(_share(column, row))
    return int(row.figures[column.key])


def words_of(column: Column, row: Row, line_bp: int | None) -> str:
    """What a person reads in a cell; a trend has no words."""
    if column.kind == "percent":
        return share_words(_share(column, row), line_bp)
    if column.kind == "change":
        return change_words(share_bp(row.measured), share_bp(row.before))
    if column.kind == "money":
        return wan(int(row.figures[column.key]))
    return "" if column.kind == "trend" else str(row.figures[column.key])


def _share(column: Column, row: Row) -> Share:
    part, whole = column.of
    return Share(int(row.figures[part]), int(row.figures[whole]))


def wan(fen: int) -> str:
    """An amount in 万元 with two decimals, for columns of amounts: 1,234.56."""
    if 0 < fen < _WAN_FEN // 200:
        return "不到0.01"
    cents = (fen * 100 + _WAN_FEN // 2) // _WAN_FEN
    return f"{cents // 100:,}.{cents % 100:02d}"
