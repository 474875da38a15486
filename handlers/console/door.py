"""The door of the console: who is at the desk, and that what a page sends was sent by that page.

    web.get("/console/tasks", desk_page(tasks.inbox, rights.TASKS)),
    web.post("/console/tasks/{key}", desk_page(tasks.decide, rights.TASK_OF_POST)),
    web.get("/console/audit", desk_page(audit.listed, rights.AUDIT)),

`/api/v1` is served below /console as well, with the desk's session: `/console/api/v1/tasks`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from actions import sessions
from handlers.errors import HttpError
from handlers.keys import RUNTIME
from handlers.login import (
    CSRF_HEADER,
    check_csrf,
    check_origin,
    check_query,
    console_actor,
    console_cookie_name,
    csrf_token,
    form_of,
)
from handlers.pages.base import Viewer, Work
from handlers.rights import Right, governed

CSRF_FIELD = "csrf"
LOGIN = "/console/login"
_FORM_BYTES = 64 * 1024


def desk_page(work: Work, right: Right) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A page or a form of the console for an officer who is logged in and whom the right names.

    Anybody else is sent to log in and comes back; what a script asks for (htmx, fetch) is answered 401. What
    changes something must carry the session's CSRF token, as a header or as the field `csrf` of its form.
    """

    async def serve(request: web.Request) -> web.StreamResponse:
        runtime = request.app[RUNTIME]
        try:
            actor = await console_actor(request)
        except sessions.NotLoggedIn:
            raise _to_login(request) from None
        check_query(request)
        token = request.cookies[console_cookie_name(request)]
        if request.method not in ("GET", "HEAD"):
            check_origin(request)
            check_csrf(token, request.headers.get(CSRF_HEADER) or await _csrf_field(request))
        right.check(actor)
        return await work(Viewer(request, runtime, actor, runtime.now(), csrf_token(token)))

    serve.__doc__ = work.__doc__
    return governed(serve, right)


def _to_login(request: web.Request) -> Exception:
    to = request.path_qs if request.method in ("GET", "HEAD") else "/console/"
    where = f"{LOGIN}?to={quote(to, safe='')}"
    if request.headers.get("HX-Request") == "true":  # htmx turns the whole page
        return HttpError(401, headers={"HX-Redirect": where})
    navigates = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if request.method not in ("GET", "HEAD") or not navigates or "json" in request.headers.get("Accept", ""):
        return HttpError(401)
    return web.HTTPSeeOther(where)


async def _csrf_field(request: web.Request) -> str:
    if request.content_type != "application/x-www-form-urlencoded":  # an upload sends the header
        return ""
    if (request.content_length or 0) > _FORM_BYTES:
        raise HttpError(413)
    found = (await form_of(request)).get(CSRF_FIELD, "")
    return found if isinstance(found, str) else ""
