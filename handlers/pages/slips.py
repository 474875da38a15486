"""Pages about repayment slips: the list for bank, guarantor and county."""

from __future__ import annotations

import re

from aiohttp import web

from actions import slips
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render

PAGE = 20
_KEY = re.compile(r"[A-Za-z0-9_-]{1,22}")
STATES = {"waiting": "等银行核对", "confirmed": "银行已核实", "refused": "银行没有查到"}


async def listed(viewer: Viewer) -> web.Response:
    """GET /m/slips: the slips of one's bank, guarantor or county, the newest first."""
    after, state = viewer.request.query.get("after"), viewer.request.query.get("state") or None
    if (after is not None and not _KEY.fullmatch(after)) or state not in (None, *STATES):
        raise HttpError(404)
    found = await slips.listed(viewer.actor, state=state, after=after, limit=PAGE)
    return render(
        viewer,
        "slips.html",
        slips=found,
        states=STATES,
        state=state,
        next=found[-1].key if len(found) == PAGE else None,
    )
