"""The first page of the console: sums with a way into each of them, and charts that keep themselves fresh."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from aiohttp import web

from actions import delivery_counts, overview, tasks
from actions.overview import AGES, Overview
from handlers import rights
from handlers.console.base import Desk, render
from handlers.pages.farmer import last_day
from rules.arrears_rates import share_words

TASKS = 5


async def show(viewer: Desk) -> web.Response:
    """GET /console: where things stand, in the part of the county one sees."""
    found = await overview.view(viewer.actor, viewer.pack, viewer.on, viewer.now)
    first = await tasks.inbox(viewer.actor, viewer.now, limit=TASKS)
    return render(viewer, "overview.html", first=first, last_day=last_day, **_shown(viewer, found))


async def live(viewer: Desk) -> web.Response:
    """GET /console/live: the part of the overview that changes, for the open page."""
    found = await overview.view(viewer.actor, viewer.pack, viewer.on, viewer.now)
    return render(viewer, "overview_live.html", **_shown(viewer, found))


def _shown(viewer: Desk, found: Overview) -> dict[str, Any]:
    sees_loans = rights.DESK_LOANS.admits(viewer.actor)
    standing = found.applications or ()
    return {
        "it": found,
        "most_tasks": tasks.MOST_COUNTED,
        "ages": [words for words, _ in AGES],
        "open_total": sum(each.total for each in standing),
        "oldest_total": sum(each.by_age[-1] for each in standing),
        "whole": found.books.total or next(iter(found.books.rows), None) if found.books else None,
        "rate_words": share_words,
        "sees_loans": sees_loans,
        "standings": delivery_counts.STANDINGS,
        "stage_address": _stage_address,
        "week_address": _week_address,
        "overdue_address": lambda week: f"/console/overdue?{urlencode({'day': week.ends_on.isoformat()})}",
        "tile_address": lambda code: f"/console/overdue?{urlencode({'place': code})}",
        "charts": {"stages": _stages(found), "weeks": _weeks(found), "due": _due(found)},
        "npl_over_days": viewer.pack.contents.loan.npl_over_days.on(viewer.on) + 1,
    }


def _stage_address(state: str, stage: str, age: int | None = None) -> str:
    """The list behind a number: applications in a state, at a stage, of an age."""
    asked = {"state": state, "stage": stage, "age": "" if age is None else str(age)}
    return f"/console/applications?{urlencode({name: value for name, value in asked.items() if value})}"


def _week_address(week: overview.Week) -> str:
    asked = {"since": week.begins_on.isoformat(), "until": week.ends_on.isoformat()}
    return f"/console/loans?{urlencode(asked)}"


def _stages(found: Overview) -> str:
    rows = found.applications or ()
    return orjson.dumps(
        {
            "kind": "stacked",
            "names": [row.title for row in rows],
            "links": [_stage_address(row.state, row.stage) for row in rows],
            "series": [
                {"name": words, "values": [row.by_age[at] for row in rows]}
                for at, (words, _) in enumerate(AGES)
            ],
        }
    ).decode()


def _weeks(found: Overview) -> str:
    return orjson.dumps(
        {
            "kind": "bars",
            "unit": "万元",
            "names": [f"{week.begins_on:%m-%d}" for week in found.weeks],
            "links": [_week_address(week) for week in found.weeks],
            "series": [{"name": "放款", "values": [week.disbursed_fen / 1_000_000 for week in found.weeks]}],
        }
    ).decode()


def _due(found: Overview) -> str:
    def wan(fen: int | None) -> float | None:
        return None if fen is None else fen / 1_000_000

    return orjson.dumps(
        {
            "kind": "bars",
            "unit": "万元",
            "names": [f"{week.begins_on:%m-%d}" for week in found.weeks],
            "links": [
                f"/console/reports/collection_month/{week.ends_on.isoformat()}" for week in found.weeks
            ],
            "series": [
                {"name": "应还", "values": [wan(week.due_fen) for week in found.weeks]},
                {"name": "已还", "values": [wan(week.repaid_fen) for week in found.weeks]},
                {"name": "周末逾期", "line": True, "values": [wan(week.overdue_fen) for week in found.weeks]},
            ],
        }
    ).decode()
