"""What an officer sees first: sums of his part of the county, each of which can be opened as a list.

Sums of loans come from what the nights wrote down, those of deliveries from their counts; only applications
and disbursements are counted when asked, from an index alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from actions import delivery_counts, report_views, tasks
from actions.access import Actor
from actions.delivery_counts import Dashboard
from actions.listings import newest_day
from actions.report_views import Asked, ReportView
from actions.scopes import APPLICATIONS, BY_REGION, LOANS, condition
from bot.database import fetch
from policies import Pack
from rules.arrears_rates import share_bp
from rules.regions import level_of
from rules.routes import STATE_WORDS, State
from rules.tiles import Place, band_of, columns_for, laid_out

WEEKS = 8
AGES: tuple[tuple[str, int | None], ...] = (("2天内", 2), ("3到5天", 5), ("6到10天", 10), ("10天以上", None))
"""Words and last day of each age; None: no end."""
OPEN_STATES = (State.AWAITING_CONFIRMATION, State.IN_REVIEW, State.RETURNED, State.APPROVED)
_BODIES = ("bank_officer",)


@dataclass(frozen=True, slots=True)
class Standing:
    """Open applications at one stage (or, without one, in one state), by age."""

    state: str
    stage: str
    title: str
    by_age: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.by_age)


@dataclass(frozen=True, slots=True)
class Week:
    """One week from Monday; None: nothing is known of it."""

    begins_on: date
    ends_on: date
    disbursed_loans: int
    disbursed_fen: int
    due_fen: int | None = None
    repaid_fen: int | None = None
    overdue_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """One place of the map: its rate, how bad it is (rules.tiles.band_of)."""

    code: str
    name: str
    share_bp: int | None
    band: int
    loans: int
    above: bool


@dataclass(frozen=True)
class Overview:
    """What there is for one person; what is not his to see is None or empty."""

    applications: tuple[Standing, ...] | None
    weeks: tuple[Week, ...]
    books: ReportView | None
    tiles: tuple[Tile, ...]
    columns: int
    deliveries: Dashboard | None
    tasks: tuple[int, int]
    """Open tasks of one's own, and the late ones of them."""
    guaranteed: Guaranteed | None
    lent: int | None
    """Applications that came through one's bank and are loans by now."""


@dataclass(frozen=True)
class Guaranteed:
    """The loans that a guarantor stands for; `day` None: no night has looked at them yet."""

    loans: int
    balance_fen: int
    overdue_loans: int
    overdue_fen: int
    day: date | None


async def view(actor: Actor, pack: Pack, on: date, now: datetime) -> Overview:
    """The overview of the actor's part of the county. Clause: S12.5, S17.2."""
    books = await _books(actor, pack, on)
    tiles = await _tiles(books) if books else ()
    readers = any(post.role in delivery_counts.READERS for post in actor.posts)
    return Overview(
        applications=await _applications(actor, pack, now),
        weeks=await _weeks(actor, on),
        books=books,
        tiles=tiles,
        columns=columns_for(len(tiles)),
        deliveries=await delivery_counts.dashboard(actor, delivery_counts.WINDOWS[0]) if readers else None,
        tasks=await tasks.count(actor, now),
        guaranteed=await _guaranteed(actor, on),
        lent=await _lent(actor),
    )


async def _guaranteed(actor: Actor, on: date) -> Guaranteed | None:
    bodies = {role: column for role, column in LOANS.items() if role == "guarantor_officer"}
    if not any(post.role in bodies for post in actor.posts):
        return None
    day = await newest_day(actor.county, on)
    values: list[object] = [actor.county, day]
    seen = condition(actor, bodies, "l.village", values, prefix="l.")
    (row,) = await fetch(
        f"""SELECT count(*) AS loans, coalesce(sum(l.balance_fen), 0)::bigint AS balance,
                   count(a.loan_id) AS overdue_loans,
                   coalesce(sum(a.overdue_principal_fen + a.overdue_interest_fen), 0)::bigint AS overdue
            FROM loan l LEFT JOIN arrears_day a
              ON a.day = $2::date AND a.loan_id = l.id AND a.days_past_due > 0
            WHERE l.county = $1 AND l.state = 'active' AND {seen}""",  # noqa: S608 - every value is bound
        *values,
    )
    return Guaranteed(row["loans"], row["balance"], row["overdue_loans"], row["overdue"], day)


async def _lent(actor: Actor) -> int | None:
    bodies = {role: column for role, column in APPLICATIONS.items() if role == "loan_officer"}
    if not any(post.role in bodies for post in actor.posts):
        return None
    values: list[object] = [actor.county, State.DISBURSED.value]
    seen = condition(actor, bodies, "village", values)
    (row,) = await fetch(
        f"SELECT count(*) AS n FROM loan_application WHERE county = $1 AND state = $2 AND {seen}",  # noqa: S608
        *values,
    )
    found: int = row["n"]
    return found


async def _applications(actor: Actor, pack: Pack, now: datetime) -> tuple[Standing, ...] | None:
    if not any(post.role in APPLICATIONS for post in actor.posts):
        return None
    ends = [days for _, days in AGES if days is not None]
    values: list[object] = [actor.county, [state.value for state in OPEN_STATES], now]
    seen = condition(actor, APPLICATIONS, "village", values)
    ages = " ".join(
        f"WHEN step_entered_at > $3::timestamptz - interval '{days + 1} days' THEN {at}"
        for at, days in enumerate(ends)
    )
    rows = await fetch(
        # put together from parts of ours, every value is bound
        f"""SELECT state, stage, CASE {ages} ELSE {len(ends)} END AS age, count(*) AS n
            FROM loan_application WHERE county = $1 AND state = ANY($2::text[]) AND {seen}
            GROUP BY state, stage, age""",  # noqa: S608
        *values,
    )
    found: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        stage = row["stage"] if row["state"] in (State.IN_REVIEW, State.APPROVED) else ""
        found.setdefault((row["state"], stage), [0] * len(AGES))[row["age"]] += row["n"]
    order = {state.value: at for at, state in enumerate(OPEN_STATES)}
    return tuple(
        Standing(state, stage, stage_title(pack, state, stage), tuple(found[state, stage]))
        for state, stage in sorted(found, key=lambda each: (order[each[0]], each[1]))
    )


def stage_title(pack: Pack, state: str, stage: str) -> str:
    """What one calls where an application stands: its open stages, else its state."""
    names = [name for name in stage.split(",") if name]
    known = pack.contents.stages
    if state not in (State.IN_REVIEW, State.APPROVED) or not names:
        return STATE_WORDS[State(state)]
    return "、".join(known[name].title if name in known else name for name in names)


async def _weeks(actor: Actor, on: date) -> tuple[Week, ...]:
    """The last weeks with what was paid out, fell due and stands overdue."""
    if not any(post.role in LOANS for post in actor.posts):
        return ()
    monday = on - timedelta(days=on.weekday())
    begins = [monday - timedelta(weeks=back) for back in reversed(range(WEEKS))]
    values: list[object] = [actor.county, begins[0], on]
    seen = condition(actor, LOANS, "village", values)
    rows = await fetch(
        f"""SELECT date_trunc('week', disbursed_on)::date AS week, count(*) AS loans,
                   sum(principal_fen)::bigint AS fen
            FROM loan WHERE county = $1 AND disbursed_on BETWEEN $2 AND $3 AND {seen}
            GROUP BY week""",  # noqa: S608 - put together from parts of ours, every value is bound
        *values,
    )
    paid_out = {row["week"]: (row["loans"], row["fen"]) for row in rows}
    due, overdue = await _kept_days(actor, begins[0], on)
    return tuple(
        Week(
            begins_on=begin,
            ends_on=min(begin + timedelta(days=6), on),
            disbursed_loans=paid_out.get(begin, (0, 0))[0],
            disbursed_fen=paid_out.get(begin, (0, 0))[1],
            due_fen=_between(due, begin, 0),
            repaid_fen=_between(due, begin, 1),
            overdue_fen=_last_of(overdue, begin),
        )
        for begin in begins
    )


async def _kept_days(
    actor: Actor, since: date, on: date
) -> tuple[Mapping[date, Sequence[int]], Mapping[date, int]]:
    """By day: what fell due and was repaid since the first of its month; what stood overdue."""
    level, codes = _whole(actor)
    if not codes:
        return {}, {}
    # the day before tells how the month stood when the week began
    due = await fetch(
        """SELECT day, sum(due_fen)::bigint AS due, sum(repaid_fen)::bigint AS repaid FROM collection_day
           WHERE county = $1 AND level = $2 AND code = ANY($3::text[])
             AND day BETWEEN $4 AND $5 GROUP BY day""",
        actor.county, level, codes, since - timedelta(days=1), on,
    )  # fmt: skip
    overdue = await fetch(
        """SELECT day, sum(overdue_fen)::bigint AS fen FROM region_day
           WHERE county = $1 AND level = $2 AND code = ANY($3::text[])
             AND day BETWEEN $4 AND $5 GROUP BY day""",
        actor.county, level, codes, since, on,
    )  # fmt: skip
    return {row["day"]: (row["due"], row["repaid"]) for row in due}, {
        row["day"]: row["fen"] for row in overdue
    }


def _whole(actor: Actor) -> tuple[str, list[str]]:
    """Level and codes whose kept days add up to what the actor sees: county, towns or banks."""
    regional = [post for post in actor.posts if LOANS.get(post.role) == BY_REGION]
    if any(level_of(post.region) == "county" for post in regional):
        return "county", [f"{actor.county}000000"]
    towns = {post.region for post in regional if level_of(post.region) == "town"}
    if towns:
        return "town", sorted(towns)
    banks = {
        post.organisation_id
        for post in actor.posts
        if post.role in _BODIES and level_of(post.region) == "county"
    }
    return "bank", sorted(str(bank) for bank in banks)


def _between(days: Mapping[date, Sequence[int]], begin: date, which: int) -> int | None:
    """What a week added to a sum that begins anew every month; None when nobody knows.

    A day without a row added nothing; before the first row of all, nothing was kept.
    """
    found, known = 0, False
    for day in (begin + timedelta(days=step) for step in range(7)):
        earlier = [each for each in days if each < day]
        if day not in days or not (earlier or day.day == 1):
            continue
        same_month = [each for each in earlier if each.month == day.month]
        found += days[day][which] - (days[max(same_month)][which] if same_month else 0)
        known = True
    return max(0, found) if known else None


def _last_of(days: Mapping[date, int], begin: date) -> int | None:
    known = [day for day in (begin + timedelta(days=step) for step in range(7)) if day in days]
    return days[known[-1]] if known else None


async def _books(actor: Actor, pack: Pack, on: date) -> ReportView | None:
    """The report of rates: towns for the county, villages for a town, a bank for itself."""
    levels = {spec.name: levels for spec, levels in report_views.reports_of(actor)}.get("overdue_rates", ())
    if not levels:
        return None
    level = "town" if _whole(actor)[0] == "county" and "town" in levels else levels[0]
    return await report_views.view(actor, "overdue_rates", Asked(level=level), pack, on)


async def _tiles(books: ReportView) -> tuple[Tile, ...]:
    if books.level == "bank" or not books.rows:
        return ()
    rows = {row.code: row for row in books.rows}
    places = await fetch(
        "SELECT code, latitude, longitude FROM region WHERE code = ANY($1::text[])", list(rows)
    )
    known = {row["code"]: Place(row["code"], row["latitude"], row["longitude"]) for row in places}
    order = laid_out([known.get(code, Place(code)) for code in rows])
    return tuple(
        Tile(
            code=code,
            name=rows[code].name,
            share_bp=share_bp(rows[code].measured),
            band=band_of(share_bp(rows[code].measured), books.line_bp),
            loans=rows[code].figures["loans"],
            above=bool(rows[code].above),
        )
        for code in order
    )
