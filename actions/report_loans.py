"""The loans behind a figure of a report: every sum can be opened down to its rows (S15.5 asks the same)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from actions import audit
from actions.access import Actor
from actions.report_kinds import Column, ReportSpec, bind, sum_of
from actions.report_views import figures_of, posts_for, report_for, sees
from bot.database import fetch
from bot.errors import NotFound
from models.sealing import open_text
from policies import Pack
from rules.arrears_rates import PAR_OVER_DAYS
from rules.identity import mask_name
from rules.regions import code_range, level_of

_PAGE = """
WITH page AS MATERIALIZED (
  SELECT loan_id, amount_fen, days FROM ({behind}) behind
  WHERE :last_loan::bigint IS NULL OR (amount_fen, -loan_id) < (:last_fen::bigint, -:last_loan::bigint)
  ORDER BY amount_fen DESC, loan_id LIMIT :limit)
SELECT l.key, l.number, r.name AS place, p.key AS person_key, p.name_sealed, page.amount_fen, page.days
FROM page JOIN loan l ON l.id = page.loan_id JOIN person p ON p.id = l.borrower_id
LEFT JOIN region r ON r.code = l.village
ORDER BY page.amount_fen DESC, page.loan_id"""
_PAGE_BY_LOAN = """
WITH page AS MATERIALIZED (
  SELECT loan_id, amount_fen, days FROM ({behind}) behind
  WHERE loan_id > coalesce(:last_loan::bigint, 0) ORDER BY loan_id LIMIT :limit)
SELECT l.key, l.number, r.name AS place, p.key AS person_key, p.name_sealed, page.amount_fen, page.days
FROM page JOIN loan l ON l.id = page.loan_id JOIN person p ON p.id = l.borrower_id
LEFT JOIN region r ON r.code = l.village
ORDER BY page.loan_id"""
_INSIDE = {"county": "true", "bank": "bank_id = :bank"}
"""Where a row's loans are, by its level; else in its villages."""
_NONE_LEFT: dict[str, object] = {"last_loan": 2**63 - 1, "last_fen": -1}
_LAST = """SELECT loan_id, amount_fen FROM ({behind}) behind
           WHERE loan_id = (SELECT id FROM loan WHERE key = :after)"""
_LAST_BY_LOAN = "SELECT id AS loan_id, NULL AS amount_fen FROM loan WHERE county = :county AND key = :after"
_SUM = "SELECT count(*) AS loans, coalesce(sum(amount_fen), 0)::bigint AS amount_fen FROM ({behind}) behind"


@dataclass(frozen=True, slots=True)
class LoanBehind:
    """One loan behind a figure, its borrower's name masked."""

    key: str
    number: str
    place: str
    borrower: str
    amount_fen: int
    days: int


@dataclass(frozen=True)
class LoansBehind:
    """A page of the loans behind a figure: `amount_fen` is the sum of all, `figure_fen` the report's.

    Loans and their sum are None where they are not counted (see `loans_behind`).
    """

    spec: ReportSpec
    column: Column
    level: str
    code: str
    name: str
    day: date
    figure_fen: int
    loans: int | None
    amount_fen: int | None
    items: tuple[LoanBehind, ...]

    @property
    def agrees(self) -> bool:
        """Do the rows add up to the figure?"""
        return self.amount_fen == self.figure_fen


@dataclass(frozen=True, slots=True)
class Opened:
    """Which figure is opened: the column's key, the level and code of the row, the day, and from where on."""

    figure: str
    level: str
    code: str
    day: date | None = None
    after: str = ""
    limit: int = 20


async def loans_behind(
    actor: Actor, name: str, opened: Opened, pack: Pack, on: date, now: datetime
) -> LoansBehind:
    """The loans behind a figure, the largest amount first; the look is noted.

    Of a whole county or bank, lines as they stand now are neither counted nor put in order of their amounts:
    the loans come as they were entered. A region's figures are opened by who sees the region, a bank's by who
    sees the bank. Raises NotFound. Clause: S12.5, S17.2.
    """
    spec, _ = report_for(actor, name)
    if opened.figure not in spec.opens or not _may_open(actor, spec, opened):
        raise NotFound("没有找到这个数。")
    row_level = "town" if opened.level == "county" else opened.level
    figures = await figures_of(spec, actor.county, row_level, opened.day or on, pack, on, trends=False)
    records = [r for r in figures.records if opened.level == "county" or r["code"] == opened.code]
    if figures.day is None or not records:
        raise NotFound("没有找到这个数。")
    values = _values(actor, opened, figures.day, pack, on)
    inside = _INSIDE.get(opened.level, "village BETWEEN :low AND :high")
    behind = spec.opens[opened.figure].format(inside=inside)
    counted = not (spec.opens_now and opened.level in _INSIDE)
    total = (await _fetch(_SUM.format(behind=behind), values))[0] if counted else {}
    page, last = (_PAGE, _LAST) if counted else (_PAGE_BY_LOAN, _LAST_BY_LOAN)
    rows = await _fetch(page.format(behind=behind), values | await _after(last.format(behind=behind), values))
    await audit.record(
        actor.county, actor.person_id, "open_figure", ("report", 0), now,
        report=name, figure=opened.figure, code=opened.code, day=figures.day.isoformat(),
    )  # fmt: skip
    return LoansBehind(
        spec=spec,
        column=spec.column(opened.figure),
        level=opened.level,
        code=opened.code,
        name=pack.title if opened.level == "county" else str(records[0]["name"]),
        day=figures.day,
        figure_fen=sum_of(records)[opened.figure],
        loans=total.get("loans"),
        amount_fen=total.get("amount_fen"),
        items=tuple(_loan(row) for row in rows),
    )


def _may_open(actor: Actor, spec: ReportSpec, opened: Opened) -> bool:
    if opened.level == "bank":
        return sees(posts_for(actor, spec, "bank"), "bank", opened.code)
    try:
        if level_of(opened.code) != opened.level:
            return False
    except ValueError:
        return False
    posts = [post for level in ("village", "town") for post in posts_for(actor, spec, level)]
    return sees(posts, opened.level, opened.code)


def _values(actor: Actor, opened: Opened, day: date, pack: Pack, on: date) -> dict[str, object]:
    region = f"{actor.county}000000" if opened.level == "bank" else opened.code
    low, high = code_range(region)
    return {
        "county": actor.county,
        "day": day,
        "low": low,
        "high": high,
        "bank": int(opened.code) if opened.level == "bank" else None,
        "par_over_days": PAR_OVER_DAYS,
        "npl_over_days": pack.contents.loan.npl_over_days.on(on),
        "after": opened.after,
        "limit": opened.limit,
    }


async def _after(question: str, values: Mapping[str, object]) -> dict[str, object]:
    """Where the page goes on: behind the last loan of the one before; nothing, if that is gone."""
    if not values["after"]:
        return {"last_loan": None, "last_fen": None}
    last = await _fetch(question, values)
    return {"last_loan": last[0]["loan_id"], "last_fen": last[0]["amount_fen"]} if last else _NONE_LEFT


async def _fetch(sql: str, values: Mapping[str, object]) -> list[Any]:
    statement, arguments = bind(sql, values)
    return list(await fetch(statement, *arguments))


def _loan(row: Any) -> LoanBehind:
    return LoanBehind(
        key=row["key"],
        number=row["number"],
        place=row["place"] or "",
        borrower=mask_name(open_text(row["name_sealed"], "person", "name", row["person_key"])),
        amount_fen=row["amount_fen"],
        days=row["days"] or 0,
    )
