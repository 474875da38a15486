"""Pages of interest subsidies: the declarations, one of them to declare, check or pay; misuse of a loan."""

from __future__ import annotations

from aiohttp import web

from actions import misuse, subsidies
from handlers.pages.base import Viewer, render
from handlers.pages.risk import PAGE, after_of


async def quarters(viewer: Viewer) -> web.Response:
    """GET /m/subsidies: what was declared and is to be declared."""
    rows = await subsidies.listed(viewer.actor, after=after_of(viewer) or None, limit=PAGE)
    following = rows[-1][0] if len(rows) == PAGE else None
    return render(viewer, "subsidies.html", rows=[row for _, row in rows], next=following)


_NEXT = {"drafted": "bank_officer", "submitted": "county_clerk", "checked": "finance_officer"}
"""Whose turn it is."""


async def quarter(viewer: Viewer) -> web.Response:
    """GET /m/subsidies/{key}: one declaration with its lines; whoever's turn it is acts here."""
    found = await subsidies.show(viewer.actor, viewer.key)
    lines = await subsidies.lines(viewer.actor, viewer.key, after=after_of(viewer), limit=PAGE)
    return render(
        viewer, "subsidy.html", it=found, lines=lines, today=viewer.on,
        turn=found.state if _NEXT.get(found.state) in viewer.actor.roles else "",
        next=lines[-1].id if len(lines) == PAGE else None,
    )  # fmt: skip


async def used(viewer: Viewer) -> web.Response:
    """GET /m/misuse/{key}: what was reported of a loan's use, and the form to report it."""
    cases = await misuse.of_loan(viewer.actor, viewer.key, viewer.now)
    return render(
        viewer, "misuse.html", loan=viewer.key, cases=cases, today=viewer.on,
        is_open=any(case.state == "open" for case in cases), may_end="county_clerk" in viewer.actor.roles,
    )  # fmt: skip
