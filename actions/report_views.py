"""A report as somebody sees it: the rows of his region or bank, the sum beside them, places and marks.

Places are given among all rows of the county, so that a place is the same whoever looks. What is out of
scope looks as if it were absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from actions.access import Actor, HeldPost
from actions.report_kinds import LEVEL_TITLES, Column, Level, ReportSpec, Row, bind, row_of, sum_of
from actions.reports import BY_NAME, REPORTS
from bot.database import fetch
from bot.errors import NotFound
from policies import Pack
from rules.arrears_rates import is_above, is_ranked, last_month_end, ranks
from rules.regions import at_level, covers, level_of

_BANK_ROLES = frozenset({"bank_officer"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for: level (empty: his first), day (none: the newest), a region inside his."""

    level: str = ""
    day: date | None = None
    within: str = ""
    best_first: bool = False


@dataclass(frozen=True)
class ReportView:
    """One report for one person. `day` is None while nothing is worked out; `days` are those of trends."""

    spec: ReportSpec
    level: Level
    levels: tuple[Level, ...]
    within: str
    place_name: str
    day: date | None
    before: date | None
    days: tuple[date, ...]
    measured: Column
    line_bp: int | None
    ranked: int
    rows: tuple[Row, ...]
    total: Row | None

    @property
    def above(self) -> int:
        """How many of the rows that have a place are above the line."""
        return sum(bool(row.above and row.place) for row in self.rows)


@dataclass(frozen=True)
class Figures:
    """All records of a county's report at one level and day."""

    day: date | None
    before: date | None
    records: Sequence[Mapping[str, Any]]
    days: tuple[date, ...]


def reports_of(actor: Actor) -> list[tuple[ReportSpec, tuple[Level, ...]]]:
    """The reports somebody may see, each with its levels. Clause: S12.5, S17.2."""
    found = [(spec, levels_of(actor, spec)) for spec in REPORTS]
    return [(spec, levels) for spec, levels in found if levels]


def report_for(actor: Actor, name: str) -> tuple[ReportSpec, tuple[Level, ...]]:
    """A report with the levels somebody sees. Raises NotFound. Clause: S12.5, S17.2."""
    spec = BY_NAME.get(name)
    levels = levels_of(actor, spec) if spec else ()
    if spec is None or not levels:
        raise NotFound("没有找到这张表。")
    return spec, levels


def levels_of(actor: Actor, spec: ReportSpec) -> tuple[Level, ...]:
    """The levels at which somebody sees a report, the first one first. Clause: S17.2."""
    return tuple(
        dict.fromkeys(
            level
            for role in spec.seen_by
            for level in spec.seen_by[role]
            if posts_for(actor, spec, level, role)
        )
    )


def posts_for(actor: Actor, spec: ReportSpec, level: str, role: str = "") -> list[HeldPost]:
    """The posts by which somebody sees a level; a bank's figures are the whole county's. Clause: S17.2."""
    return [
        post
        for post in actor.posts
        if role in ("", post.role)
        and level in spec.seen_by.get(post.role, ())
        and (level != "bank" or level_of(post.region) == "county")
    ]


def sees(posts: Sequence[HeldPost], level: str, code: str) -> bool:
    """Whether one of the posts covers the region or is of the bank with this code. Clause: S17.2."""
    if level == "bank":
        return any(post.role not in _BANK_ROLES or str(post.organisation_id) == code for post in posts)
    return any(covers(post.region, code) for post in posts)


async def view(actor: Actor, name: str, asked: Asked, pack: Pack, on: date) -> ReportView:
    """A report for the actor. Raises NotFound for a report, level or region that is not his to see.

    Clause: S12.5, S17.2.
    """
    spec, levels = report_for(actor, name)
    level = next((each for each in levels if each == (asked.level or levels[0])), None)
    if level is None:
        raise NotFound("没有找到这张表。")
    posts = posts_for(actor, spec, level)
    if asked.within and (level == "bank" or not _may_look_into(posts, asked.within)):
        raise NotFound("没有找到这个地方。")
    figures = await figures_of(spec, actor.county, level, asked.day or on, pack, on)
    measured = spec.column(spec.ranked_by(pack, on))
    rows = ranked_rows(spec, figures, measured, pack, on)
    seen = [row for row in rows if sees(posts, level, row.code) and _inside(asked.within, row.code)]
    beside = asked.within or _beside(posts, level)
    place_name = await _name_of(beside) if beside else ""
    return ReportView(
        spec=spec,
        level=level,
        levels=levels,
        within=asked.within,
        place_name=place_name,
        day=figures.day,
        before=figures.before,
        days=figures.days,
        measured=measured,
        line_bp=spec.line_bp(pack, on),
        ranked=sum(row.place is not None for row in rows),
        rows=tuple(in_order(seen, best_first=asked.best_first)),
        total=_total(spec, figures, measured, level, beside, place_name, pack, on),
    )


def _may_look_into(posts: Sequence[HeldPost], region: str) -> bool:
    try:
        return any(covers(post.region, region) for post in posts)
    except ValueError:
        return False


def _inside(region: str, code: str) -> bool:
    return not region or covers(region, code)


def _beside(posts: Sequence[HeldPost], level: Level) -> str:
    """The region whose sum stands beside: a village's town, a town's county; none for a bank alone."""
    regional = [post.region for post in posts if post.role not in _BANK_ROLES]
    if not regional:
        return ""
    county = at_level(regional[0], "county")
    towns = {at_level(each, "town") for each in regional if level_of(each) != "county"}
    whole = level != "village" or len(towns) != 1 or any(level_of(each) == "county" for each in regional)
    return county if whole else towns.pop()


async def _name_of(region: str) -> str:
    rows = await fetch("SELECT name FROM region WHERE code = $1", region)
    return str(rows[0]["name"]) if rows else region


async def figures_of(
    spec: ReportSpec, county: str, level: str, until: date, pack: Pack, on: date, *, trends: bool = True
) -> Figures:
    """What a report's query says for the newest day up to `until`. Clause: S12.5."""
    day = await _newest(spec, county, until)
    if day is None:
        return Figures(None, None, (), ())
    before = await _newest(spec, county, last_month_end(day))
    measured = spec.column(spec.ranked_by(pack, on))
    values = {
        "county": county,
        "level": level,
        "day": day,
        "before": before or day - timedelta(days=36_500),
        "trend_days": pack.contents.reports.trend_days.on(on) if trends else 0,
        "part": measured.of[0],
    }
    sql, arguments = bind(spec.query, values)
    records = [dict(record) for record in await fetch(sql, *arguments)]
    days = sorted({each for record in records for each in record.get("trend_days") or ()})
    return Figures(day, before, records, tuple(days))


async def _newest(spec: ReportSpec, county: str, until: date) -> date | None:
    if not spec.days:
        return until
    sql, arguments = bind(spec.days, {"county": county, "day": until})
    rows = await fetch(sql, *arguments)
    day: date | None = rows[0]["day"] if rows else None
    return day


def ranked_rows(spec: ReportSpec, figures: Figures, measured: Column, pack: Pack, on: date) -> list[Row]:
    """Every row of the county with its place, if it has loans enough, and its mark. Clause: S12.5."""
    from_loans = pack.contents.reports.ranked_from_loans.on(on)
    line_bp = spec.line_bp(pack, on)
    rows = [row_of(r["code"], r["name"], r, measured, figures.days) for r in figures.records]
    placed = ranks(
        [row.measured if is_ranked(row.figures["loans"], from_loans) else None for row in rows],
        low_is_good=spec.low_is_good,
    )
    return [
        replace(row, place=place, above=None if line_bp is None else is_above(row.measured, line_bp))
        for row, place in zip(rows, placed, strict=True)
    ]


def in_order(rows: Sequence[Row], *, best_first: bool) -> list[Row]:
    """By place, who needs looking at first unless asked otherwise; those without a place at the end.

    Clause: S12.5.
    """
    sign = 1 if best_first else -1
    return sorted(rows, key=lambda row: (row.place is None, sign * (row.place or 0), row.code))


def _total(
    spec: ReportSpec,
    figures: Figures,
    measured: Column,
    level: str,
    beside: str,
    name: str,
    pack: Pack,
    on: date,
) -> Row | None:
    inside = [r for r in figures.records if level == "bank" or covers(beside, r["code"])] if beside else []
    if not inside:
        return None
    row = row_of(beside, f"{name}合计", sum_of(inside), measured, figures.days)
    line_bp = spec.line_bp(pack, on)
    return replace(row, above=None if line_bp is None else is_above(row.measured, line_bp))


def level_title(level: str) -> str:
    """村, 镇 or 银行."""
    return LEVEL_TITLES[level]
