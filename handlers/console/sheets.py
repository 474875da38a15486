"""Lists as workbooks: asked for, watched while they are made, fetched."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

from aiohttp import web

from actions import exports, listings
from actions.exports import ExportView
from handlers.console.base import Desk, back_to, render
from handlers.console.lists import asked_of
from handlers.errors import HttpError
from handlers.limits import Limit, count
from handlers.login import form_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ASKED = Limit("export", 30, 3600)
_LONGEST = 1_000


async def listed(viewer: Desk) -> web.StreamResponse:
    """GET /console/exports: one's own workbooks, with what is still being made."""
    found = await exports.listed(viewer.actor, viewer.now)
    template = "exports_rows.html" if viewer.partial else "exports.html"
    return render(viewer, template, rows=[(each, _about(each)) for each in found])


async def ask(viewer: Desk) -> web.StreamResponse:
    """POST /console/exports: have the list made that is open, with its filters."""
    given = await form_of(viewer.request)
    name, wanted = str(given.get("list", "")), str(given.get("asked", ""))
    if len(wanted) > _LONGEST:
        raise HttpError(413)
    query = dict(parse_qsl(wanted))
    if any("\x00" in value for value in query.values()):
        raise HttpError(400)
    await count(viewer.request, ASKED, str(viewer.actor.person_id))
    asked = asked_of(query)
    await exports.ask(viewer.actor, name, asked, viewer.pack, viewer.on, viewer.now)
    return back_to(viewer, "/console/exports", "asked")


async def progress(viewer: Desk) -> web.StreamResponse:
    """GET /console/exports/{key}: how far one is."""
    found = await exports.view(viewer.actor, viewer.key, viewer.now)
    return render(viewer, "exports_rows.html", rows=[(found, _about(found))])


async def fetch(viewer: Desk) -> web.StreamResponse:
    """GET /console/exports/{key}/file"""
    name, size, pieces = await exports.pieces(viewer.actor, viewer.key, viewer.now)
    response = web.StreamResponse(
        headers={
            "Content-Type": XLSX,
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(viewer.request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _about(found: ExportView) -> tuple[str, str]:
    """The conditions in words, and the address of the list with them."""
    titles = {each.key: each for each in listings.BY_NAME[found.name].filters}
    words = [
        f"{titles[key].title}：{titles[key].choices.get(value, value)}"
        for key, value in found.asked.items()
        if key in titles and key != "q"
    ]
    if "q" in found.asked:
        words.append("按姓名或编号查的")
    return "，".join(words) or "全部", f"/console/{found.name}?{urlencode(dict(found.asked))}"
