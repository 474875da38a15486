"""Pages about whose WeChat this is: 认领 for who was registered by others, 更正 for the county centre."""

from __future__ import annotations

import re

from aiohttp import web

from actions import bindings, claims, drafts, profile, scan_logins
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render

_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


async def claim(viewer: Viewer) -> web.Response:
    """GET /m/identity: prove that one is somebody whom a helper registered. Clause: S1.7, S18.8."""
    me = await profile.me(viewer.actor)
    draft = await drafts.current(viewer.actor, "loan_application", "", viewer.now)
    return render(
        viewer,
        "identity.html",
        known=bool(me.id_number),
        name=me.name,
        it=await claims.current(viewer.actor, viewer.pack),
        minutes=viewer.pack.codes(viewer.on).code_minutes,
        draft=draft is not None,
    )


async def changes(viewer: Viewer) -> web.Response:
    """GET /m/bindings: take a WeChat from a person or give it to another, with a second person's word."""
    return render(viewer, "bindings.html", changes=await bindings.listed(viewer.actor))


async def desk(viewer: Viewer) -> web.Response:
    """GET /m/desk/{key}: whoever scanned a desk's picture says whether it is his. S17.1, S18.8"""
    if not _KEY.fullmatch(viewer.key):
        raise HttpError(404)
    it = await scan_logins.seen(viewer.actor, viewer.key, viewer.now)
    me = await profile.me(viewer.actor)
    return render(viewer, "desk.html", it=it, name=me.name)
