"""Files of a bank at the desk: hand one in, see it worked off, read what did not go in and why."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from actions import imports
from actions.imports import BatchView
from handlers.console.base import Desk, query_with, render
from handlers.errors import HttpError
from rules.columns import TABLES

PAGE = 20
ROWS = 100
STATES = {
    "waiting": "等着处理",
    "running": "正在处理",
    "done": "处理完了",
    "refused": "没有导入",
    "failed": "中断了",
}
_LONGEST_KEY = 22


async def listed(viewer: Desk) -> web.StreamResponse:
    """GET /console/imports: the bank's files, the newest first, and the way to hand one in."""
    after = viewer.request.query.get("after") or None
    if after is not None and len(after) > _LONGEST_KEY:
        raise HttpError(404)
    rows, more = await imports.listed(viewer.actor, after, PAGE)
    return render(
        viewer,
        "imports_rows.html" if viewer.partial else "imports.html",
        rows=rows,
        next=query_with({}, after=rows[-1].key) if more else None,
        first=after is None,
        **_words(),
    )


async def show(viewer: Desk) -> web.StreamResponse:
    """GET /console/imports/{key}: how far a file is, and the first of the rows that did not go in."""
    found = await imports.view(viewer.actor, viewer.key)
    errors = [error for _, error in await imports.row_errors(viewer.key, limit=ROWS)]
    return render(
        viewer,
        "import_live.html" if viewer.partial else "import.html",
        crumbs=[("", found.file_name)],
        it=found,
        errors=errors,
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {"tables": TABLES, "states": STATES, "busy": _busy}


def _busy(batch: BatchView) -> bool:
    return batch.state in ("waiting", "running")
