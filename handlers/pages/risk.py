"""Pages for loans in danger: one to decide, a village to look at, a month to file, the ledger."""

from __future__ import annotations

import re

from aiohttp import web

from actions import disposal, filings, risk_ledger, tasks, visit_plans, watch
from handlers.api.filings import as_sheet
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render
from handlers.pages.farmer import last_day
from rules.warnings import NAMES, Level

PAGE = 20
_NUMBER = re.compile(r"[0-9]{1,18}")


async def decide(viewer: Viewer) -> web.Response:
    """GET /m/disposals/{key}: one overdue loan, and what to find out and decide."""
    found = await disposal.show(viewer.actor, viewer.key, viewer.now)
    choices = await disposal.choices(viewer.actor, viewer.key, viewer.pack, viewer.now)
    return render(viewer, "disposal.html", it=found, choices=choices)


async def look(viewer: Viewer) -> web.Response:
    """GET /m/watch/{key}: the loans of a village, to say which is abnormal."""
    task = await tasks.view_task(viewer.actor, viewer.key, viewer.now)
    if task.kind != "village_watch" or task.state != "open":
        raise web.HTTPFound(f"{viewer.root}/tasks/{task.key}")
    after = after_of(viewer)
    rows = await watch.loans_of(viewer.actor, viewer.key, viewer.now, after=after, limit=PAGE)
    return render(
        viewer, "watch.html", it=task, due=last_day(task.due_at), rows=rows,
        findings=visit_plans.finding_names(viewer.pack, viewer.on),
        next=rows[-1].id if len(rows) == PAGE else None,
    )  # fmt: skip


async def months(viewer: Viewer) -> web.Response:
    """GET /m/filings: what was filed and is to be filed."""
    after = after_of(viewer)
    rows = await filings.listed(viewer.actor, after=after or None, limit=PAGE)
    following = rows[-1][0] if len(rows) == PAGE else None
    return render(viewer, "filings.html", rows=[row for _, row in rows], next=following)


async def month(viewer: Viewer) -> web.Response:
    """GET /m/filings/{key}: one filing with its lines; the bank submits it here. ?format=xlsx: as a sheet."""
    if viewer.request.query.get("format") == "xlsx":
        return await as_sheet(viewer.actor, viewer.key, viewer.now)
    found = await filings.show(viewer.actor, viewer.key)
    lines = await filings.lines(viewer.actor, viewer.key, after=after_of(viewer), limit=PAGE)
    return render(
        viewer, "filing.html", it=found, lines=lines,
        may_submit=found.state == "drafted" and "bank_officer" in viewer.actor.roles,
        next=lines[-1].number if len(lines) == PAGE else None,
    )  # fmt: skip


async def ledger(viewer: Viewer) -> web.Response:
    """GET /m/risk: the risk ledger loan by loan; with ?sum=1 summed up, which looks at all of it."""
    level = viewer.request.query.get("level", "")
    if level and level.upper() not in Level.__members__:
        raise HttpError(404)
    held = viewer.pack.contents.disposal
    rows: list[risk_ledger.LedgerLoan] = []
    cells = None
    if viewer.request.query.get("sum") == "1":
        cells = await risk_ledger.summary(viewer.actor, viewer.pack, viewer.on)
    else:
        rows = await risk_ledger.loans(
            viewer.actor,
            level=Level[level.upper()] if level else None,
            after=after_of(viewer),
            limit=PAGE,
        )
    words = {
        **{each.name.lower(): name for each, name in NAMES.items()},
        **{code.value: name for code, name in held.abilities.on(viewer.on).items()},
        **{code.value: name for code, name in held.willingnesses.on(viewer.on).items()},
        **{code.value: name for code, name in held.ways.on(viewer.on).items()},
        "": "还没摸清",
    }
    return render(
        viewer, "risk.html", cells=cells, rows=rows, words=words, level=level,
        next=rows[-1].id if len(rows) == PAGE else None,
    )  # fmt: skip


def after_of(viewer: Viewer) -> int:
    """The number behind which a page of a list begins. Raises HttpError 404."""
    after = viewer.request.query.get("after", "0")
    if not _NUMBER.fullmatch(after):
        raise HttpError(404)
    return int(after)
