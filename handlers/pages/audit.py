"""The auditor's page: who saw and did what, what was unusual, whether the trail is whole."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlencode

from aiohttp import web

from actions import audit_trail
from actions.audit_trail import Wanted
from bot.errors import NotFound, RuleRefused
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render

PAGE = 50
_KEY = re.compile(r"[A-Za-z0-9_-]{1,22}")
_KIND = re.compile(r"[a-z][a-z_]{0,39}")
_SUBJECT = re.compile(r"(?P<kind>[a-z][a-z_]{0,19}):(?P<id>\d{1,18})")
MEASURE_WORDS = {
    "views_per_hour": "一小时里看资料",
    "views_per_day": "一天里看资料",
    "exports_per_day": "一天里导出名单",
    "queries_per_day": "一天里查信用信息",
    "refused_queries_per_day": "一天里没有授权的信用查询",
}


async def trail(viewer: Viewer) -> web.Response:
    """GET /m/audit: the audit trail, for the auditor alone. Clause: S17.2."""
    asked = {name: value for name, value in viewer.request.query.items() if value}
    wanted, after = _wanted(asked), asked.pop("after", None)
    if after is not None and not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise HttpError(404)
    try:
        chain = await audit_trail.chain(viewer.actor)
    except RuleRefused as refused:  # for everybody else there is no such page
        raise NotFound from refused
    found = await audit_trail.page(
        viewer.actor, wanted, viewer.now, after=int(after) if after else None, limit=PAGE
    )
    older = urlencode({**asked, "after": found[-1].id}) if len(found) == PAGE else ""
    return render(
        viewer,
        "audit.html",
        entries=found,
        chain=chain,
        watched=[] if asked or after else await audit_trail.watched(viewer.actor),
        measures=MEASURE_WORDS,
        staff=await audit_trail.staff(viewer.actor),
        actions=audit_trail.ACTION_WORDS,
        asked=asked,
        older=older,
    )


def _wanted(asked: dict[str, str]) -> Wanted:
    """The filter of the address. Raises HttpError 404 for what no link of ours holds."""
    person, action = asked.get("person"), asked.get("action")
    subject = _SUBJECT.fullmatch(asked["subject"]) if "subject" in asked else None
    try:
        day = date.fromisoformat(asked["day"]) if "day" in asked else None
    except ValueError:
        raise HttpError(404) from None
    if (
        (person is not None and not _KEY.fullmatch(person))
        or (action is not None and not _KIND.fullmatch(action))
        or ("subject" in asked and subject is None)
        or not set(asked) <= {"person", "action", "subject", "day", "after"}
    ):
        raise HttpError(404)
    return Wanted(person, (subject["kind"], int(subject["id"])) if subject else None, action, day)
