"""Pages: what somebody was told and why; how deliveries go, town by town."""

from __future__ import annotations

from aiohttp import web

from actions import delivery_counts, my_notices, trails
from actions.my_notices import NoticeView
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render

PAGE = 20


async def mine(viewer: Viewer) -> web.Response:
    """GET /m/notices: 我们发给您什么、为什么."""
    base = viewer.runtime.settings.base_url()
    after = _after(viewer)
    found = await my_notices.my_notices(viewer.actor, viewer.pack, base, viewer.on, after=after, limit=PAGE)
    return _told(viewer, found, "我们发给您什么")


async def of_person(viewer: Viewer) -> web.Response:
    """GET /m/people/{key}/notices: the same about somebody, for the county's clerk and the auditor."""
    base = viewer.runtime.settings.base_url()
    found = await my_notices.notices_of(
        viewer.actor,
        viewer.key,
        viewer.pack,
        base,
        viewer.on,
        viewer.now,
        after=_after(viewer),
        limit=PAGE,
    )
    return _told(viewer, found, "发给借款人什么")


def _told(viewer: Viewer, found: list[NoticeView], title: str) -> web.Response:
    older = found[-1].id if len(found) == PAGE else None
    return render(viewer, "notices.html", title=title, notices=found, older=older)


def _after(viewer: Viewer) -> int | None:
    after = viewer.request.query.get("after")
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise HttpError(404)
    return int(after)


async def dashboard(viewer: Viewer) -> web.Response:
    """GET /m/delivery: how deliveries go, town by town, as a chart and a table."""
    hours = viewer.request.query.get("hours", "24")
    if hours not in {str(window) for window in delivery_counts.WINDOWS}:
        raise HttpError(404)
    found = await delivery_counts.dashboard(viewer.actor, int(hours))
    return render(
        viewer, "delivery.html", it=found, standings=delivery_counts.STANDINGS, ways=trails.WAY_WORDS
    )
