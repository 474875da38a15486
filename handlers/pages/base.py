"""What every H5 page has: the person behind the cookie, templates that escape, a strict content policy.

Pages only show; whatever a person does on them goes through `/api/v1` with the page's CSRF token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp_jinja2
import jinja2
from aiohttp import web

import pages
from actions import console_sessions, sessions
from bot.config import SHANGHAI
from handlers.endpoint import Call
from handlers.keys import ERROR_PAGE, RUNTIME
from handlers.login import check_query, cookie_name, csrf_token
from handlers.pages import assets
from handlers.rights import Right, governed
from rules.application import percent, yuan

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {"Content-Security-Policy": _POLICY, "Permissions-Policy": "geolocation=(self), camera=(self)"}


@dataclass(frozen=True, slots=True)
class Viewer(Call):
    """Somebody who looks at a page; its forms carry `csrf`."""

    csrf: str

    @property
    def key(self) -> str:
        """The key in the page's address."""
        return self.request.match_info["key"]

    @property
    def root(self) -> str:
        """Where the pages of this viewer are."""
        return "/m"

    @property
    def api(self) -> str:
        """Where the JSON of this session is: below /console for that of the desk."""
        return "/console" if self.actor.channel == console_sessions.CHANNEL else ""

    def clock_ahead_ms(self) -> int:
        """How far the demo's clock is ahead of the real one, in which the phones of the demo live."""
        return round((self.now - datetime.now(UTC)).total_seconds() * 1000)


Work = Callable[[Viewer], Awaitable[web.StreamResponse]]


def page(work: Work, right: Right) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A page for those whom the right names; who is not logged in is sent to log in and comes back to it."""

    async def serve(request: web.Request) -> web.StreamResponse:
        runtime = request.app[RUNTIME]
        token = request.cookies.get(cookie_name(request), "")
        try:
            actor = await sessions.actor_for_token(token, runtime.now(), runtime.today(), "page")
        except sessions.NotLoggedIn:
            raise web.HTTPFound(f"/m/login?to={quote(request.path_qs, safe='')}") from None
        right.check(actor)
        check_query(request)
        return await work(Viewer(request, runtime, actor, runtime.now(), csrf_token(token)))

    serve.__doc__ = work.__doc__
    return governed(serve, right)


def render(viewer: Viewer, template: str, **values: Any) -> web.Response:
    """The page made from a template; `viewer` and the name of the county's centre are always there."""
    context = {"viewer": viewer, "centre": viewer.pack.centre, **values}
    return shown(viewer.request, template, context, 200)


def message(
    request: web.Request,
    title: str,
    text: str,
    *,
    status: int = 200,
    link: str = "",
    label: str = "",
    choices: Sequence[tuple[str, str]] = (),
) -> web.Response:
    """A page that only says something, with one way on or several (address, words)."""
    ways = list(choices) or ([(link, label)] if link else [])
    values = {"viewer": None, "title": title, "text": text, "ways": ways, "good": status < 400}
    return shown(request, "message.html", values, status)


def shown(request: web.Request, template: str, values: Mapping[str, Any], status: int = 200) -> web.Response:
    """A template as an answer that stays in no cache; for pages without a viewer as well."""
    response = aiohttp_jinja2.render_template(template, request, dict(values), status=status)
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-store"
    return response


async def error_page(request: web.Request, status: int, sentence: str) -> web.StreamResponse:
    """What a person sees instead of an error."""
    title = "没有找到" if status == 404 else "没有办成"
    return message(request, title, sentence, status=status, link="/m/", label="回到首页")


def set_up(app: web.Application) -> None:
    """Templates and the error page for an application."""
    folder = Path(pages.__file__).parent / "templates"
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(yuan=yuan, percent=percent, day=_day, moment=_moment)
    environment.globals["asset"] = assets.url
    app[ERROR_PAGE] = error_page


def _day(value: date | datetime) -> str:
    """2026年12月3日"""
    on = value.astimezone(SHANGHAI).date() if isinstance(value, datetime) else value
    return f"{on.year}年{on.month}月{on.day}日"


def _moment(value: datetime) -> str:
    """12月3日 15:01"""
    local = value.astimezone(SHANGHAI)
    return f"{local.month}月{local.day}日 {local:%H:%M}"
