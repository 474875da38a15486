"""One case at a time: the whole file of an application, a loan with its book, a task to be done."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from actions import case_files, loans, tasks, warnings
from bot.errors import NotFound, RuleRefused
from handlers.console.base import Desk, query_with, render
from handlers.county import county_context
from handlers.errors import HttpError
from handlers.forms.choices import METHOD_WORDS
from handlers.pages.farmer import last_day
from handlers.pages.rows import photos_of, rows_of
from handlers.pages.staff import ASKED_ABOVE, ELSEWHERE, VISITS, task_key, to_do
from rules.warnings import NAMES

PAGE = 20
PURPOSES = {
    "project": "项目照片",
    "photo": "照片",
    "photos": "项目照片",
    "id_photo": "证件照片",
    "id_photos": "证件照片",
    "visit": "走访照片",
    "slip": "还款单据",
    "pledge": "承诺书",
    "signature": "签字",
}
MEANS = {"wechat": "本人在微信里", "code": "本人凭短信码", "signature": "本人签字"}


async def application(viewer: Desk) -> web.StreamResponse:
    """GET /console/applications/{key}: all there is of one, and the decision where it is one's own."""
    found = await case_files.show(viewer.actor, viewer.key, viewer.pack, viewer.on, viewer.now)
    context = await county_context(viewer.runtime, viewer.actor.county)
    mine = next((each for each in found.tasks if each.mine), None)
    task: dict[str, Any] | None = None
    if mine is not None:
        view = await tasks.view_task(viewer.actor, mine.key, viewer.now)
        if view.kind not in VISITS and view.kind not in ELSEWHERE:
            task = await to_do(viewer, view)
    shown_photos = photos_of(found.shown.answers)
    stages = viewer.pack.contents.stages
    return render(
        viewer,
        "case.html",
        crumbs=[("", found.view.number)],
        it=found,
        rows=rows_of(found.shown.answers, context, skip=ASKED_ABOVE),
        papers=[each for each in found.papers if each.key not in shown_photos],
        photos=[each for each in found.papers if each.key in shown_photos],
        purposes=PURPOSES,
        means=MEANS,
        stage_titles={name: stage.title for name, stage in stages.items()},
        mine=mine,
        task=task,
        last_day=last_day,
    )


async def loan(viewer: Desk) -> web.StreamResponse:
    """GET /console/loans/{key}: a loan with its book and its warning."""
    found = await loans.view_loan(viewer.actor, viewer.key, viewer.on)
    try:
        warning = await warnings.of_loan(viewer.actor, viewer.key, viewer.pack, viewer.now)
    except (NotFound, RuleRefused):
        warning = None
    return render(
        viewer, "loan.html", crumbs=[("", found.number)], it=found, methods=METHOD_WORDS, warning=warning,
        levels={each.name.lower(): name for each, name in NAMES.items()},
    )  # fmt: skip


async def inbox(viewer: Desk) -> web.StreamResponse:
    """GET /console/tasks: what is one's own to do, the most urgent first."""
    after = viewer.request.query.get("after")
    if after is not None and not task_key(after):
        raise HttpError(404)
    found = await tasks.inbox(viewer.actor, viewer.now, after=after, limit=PAGE)
    following = query_with({}, after=found[-1].key) if len(found) == PAGE else None
    return render(viewer, "tasks.html", rows=found, last_day=last_day, next=following, first=after is None)


async def task(viewer: Desk) -> web.StreamResponse:
    """GET /console/tasks/{key}: one task; that of an application is done in its file."""
    found = await tasks.view_task(viewer.actor, viewer.key, viewer.now)
    if found.state == "open" and found.kind in ELSEWHERE:
        raise web.HTTPFound(f"/console{await ELSEWHERE[found.kind](viewer, found.key)}")
    if found.application is not None and found.kind not in VISITS:
        raise web.HTTPFound(f"/console/applications/{found.application.key}")
    return render(
        viewer, "task.html", crumbs=[("", found.title)], visits=VISITS, **await to_do(viewer, found)
    )
