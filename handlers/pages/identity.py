"""Pages about who acts: 认领 for who was registered by others, 更正 for the county centre, a desk's picture,
and 代办 while somebody is away."""

from __future__ import annotations

import re

from aiohttp import web

from actions import bindings, claims, drafts, profile, scan_logins
from actions import delegations as lent
from handlers.errors import HttpError
from handlers.pages.base import Viewer, render
from rules.roles import THREE

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


async def delegations(viewer: Viewer) -> web.Response:
    """GET /m/delegations: let a colleague do the tasks of one's post for some days, and take it back. S1.2"""
    me = await profile.me(viewer.actor)
    return render(
        viewer,
        "delegations.html",
        posts=[post for post in me.posts if not post.delegated],
        colleagues=[
            each for each in await profile.colleagues(viewer.actor, viewer.on) if each.role not in THREE
        ],
        delegations=await lent.listed(viewer.actor, viewer.on),
        on=viewer.on,
    )
