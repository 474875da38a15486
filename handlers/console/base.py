"""What every page of the console has: who is at the desk, what he may open, where he is, and how it says no.

The console is for people with a post. Pages show; what somebody does is a form with the session's token, or
goes through `/api/v1` as on the phone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

import aiohttp_jinja2
from aiohttp import web

from actions import console_sessions, profile
from handlers import rights
from handlers.console.door import CSRF_FIELD, desk_page
from handlers.keys import ERROR_PAGE
from handlers.login import check_csrf, check_origin, console_cookie_name, cookie_name, form_of
from handlers.pages.base import HEADERS, Viewer, error_page, page
from handlers.pages.base import Work as PageWork
from handlers.rights import Right, governed


@dataclass(frozen=True, slots=True)
class Area:
    """One entry of the navigation: its address, its name, and the right to open it."""

    path: str
    title: str
    right: Right
    group: str = ""
    of_phone: bool = False
    """Drawn as on the phone, with a way back."""


AREAS: tuple[Area, ...] = (
    Area("/console", "总览", rights.DESK),
    Area("/console/tasks", "我的任务", rights.DESK_TASKS),
    Area("/console/applications", "贷款申请", rights.DESK_APPLICATIONS, "业务"),
    Area("/console/loans", "贷款", rights.DESK_LOANS, "业务"),
    Area("/console/overdue", "逾期", rights.DESK_LOANS, "业务"),
    Area("/console/work", "辖区任务", rights.DESK_WORK, "业务"),
    Area("/console/risk", "风险台账", rights.RISK, "业务", of_phone=True),
    Area("/console/filings", "每月备案", rights.FILINGS, "业务", of_phone=True),
    Area("/console/subsidies", "贴息申报", rights.SUBSIDIES, "业务", of_phone=True),
    Area("/console/slips", "还款单据", rights.SLIPS, "业务", of_phone=True),
    Area("/console/imports", "导入", rights.IMPORTS, "表格"),
    Area("/console/reports", "通报报表", rights.REPORTS, "表格", of_phone=True),
    Area("/console/exports", "导出的表格", rights.DESK, "表格"),
    Area("/console/delivery", "通知送达情况", rights.DELIVERIES, "管理", of_phone=True),
    Area("/console/notices", "没送到的通知", rights.DESK_CENTRE, "管理"),
    Area("/console/people", "人员", rights.DESK_PEOPLE, "管理"),
    Area("/console/organisations", "机构", rights.DESK_BODIES, "管理"),
    Area("/console/staff-changes", "人员变动", rights.DESK_CHANGES, "管理"),
    Area("/console/bindings", "更正微信登记", rights.BINDINGS, "管理", of_phone=True),
    Area("/console/delegations", "请同事代办", rights.DESK_DELEGATIONS, "管理", of_phone=True),
    Area("/console/policy", "政策数值", rights.DESK, "管理"),
    Area("/console/jobs", "作业和队列", rights.DESK_JOBS, "管理"),
    Area("/console/audit", "操作记录", rights.AUDIT, "管理", of_phone=True),
)
SAID: Mapping[str, str] = {
    "asked": "正在做，做好后在这里下载。",
    "retried": "已经重新安排发送。",
    "given": "已经交给村干部上门或打电话告诉。",
    "closed": "已经关闭，原因记下了。",
    "again": "已经放回队列，马上再跑一次。",
    "unlocked": "可以再登录了，之前输错的次数不算了。",
    "not_locked": "他没有被锁住，可以直接登录。",
    "change_asked": "提上去了，管理员会在两个工作日内办。",
    "body_made": "单位登记好了。",
    "authority_set": "审批权限改好了。",
    "nothing": "已经有人处理过了，不用再办。",
}
"""What a page says after something was done; the address carries only the word."""
BY_PATH = {area.path: area for area in AREAS}


@dataclass(frozen=True, slots=True)
class Desk(Viewer):
    """Somebody at the console."""

    name: str = ""
    posts: str = ""
    area: Area = AREAS[0]
    areas: tuple[Area, ...] = field(default=())
    until: datetime | None = None
    """When the session of the desk ends; None for that of WeChat's pages, which ends elsewhere."""

    @property
    def partial(self) -> bool:
        """Whether only a part of the page is asked for."""
        return is_partial(self.request)

    @property
    def root(self) -> str:
        """Where the pages of this viewer are."""
        return "/console"


Work = Callable[[Desk], Awaitable[web.StreamResponse]]


def is_partial(request: web.Request) -> bool:
    """Whether the request comes from within a page (htmx)."""
    return request.headers.get("HX-Request") == "true"


def desk(
    work: Work, area: str, right: Right | None = None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A page or act of an area, for those whom its right names (`right`, where it is not the area's own).

    There are two ways in: a session of the desk, and that of WeChat's pages in the same browser. He acts by
    none but the posts that the right names: a cadre who is also of a bank sees here what his bank sees.
    """
    place = BY_PATH[area]
    needed = right or place.right

    async def seated(viewer: Viewer) -> web.StreamResponse:
        return await work(await _seat(viewer, place, needed))

    by_desk, by_phone = desk_page(seated, needed), page(_of_this_page(seated), needed)

    async def serve(request: web.Request) -> web.StreamResponse:
        by_wechat = cookie_name(request) in request.cookies
        if by_wechat and console_cookie_name(request) not in request.cookies:
            return await by_phone(request)
        return await by_desk(request)

    serve.__doc__ = work.__doc__
    return governed(serve, needed)


async def _seat(viewer: Viewer, place: Area, right: Right) -> Desk:
    actor = viewer.actor
    me = await profile.me(actor)
    return Desk(
        viewer.request,
        viewer.runtime,
        right.narrowed(actor),
        viewer.now,
        viewer.csrf,
        name=me.name,
        posts="、".join(dict.fromkeys(_post_words(post) for post in me.posts)),
        area=place,
        areas=tuple(each for each in AREAS if each.right.admits(actor)),
        until=await console_sessions.ends_at(viewer.request.cookies[console_cookie_name(viewer.request)])
        if actor.channel == console_sessions.CHANNEL
        else None,
    )


def _post_words(post: profile.PostView) -> str:
    """Where somebody works, and as what where the body's name does not tell."""
    what = post.title if post.title.endswith(("员", "干部")) else ""
    return f"{post.organisation}{what}{'（代）' if post.delegated else ''}"


def _of_this_page(work: Callable[[Viewer], Awaitable[web.StreamResponse]]) -> PageWork:
    async def checked(viewer: Viewer) -> web.StreamResponse:
        if viewer.request.method not in ("GET", "HEAD"):
            check_origin(viewer.request)
            token = viewer.request.cookies[cookie_name(viewer.request)]
            check_csrf(token, str((await form_of(viewer.request)).get(CSRF_FIELD, "")))
        return await work(viewer)

    return checked


def render(
    viewer: Desk, template: str, *, crumbs: Sequence[tuple[str, str]] = (), status: int = 200, **values: Any
) -> web.Response:
    """A page of the console. `crumbs`: address and words of the way to it behind its area."""
    context = {"viewer": viewer, "crumbs": crumbs, "centre": viewer.pack.centre, **values}
    response = aiohttp_jinja2.render_template(f"console/{template}", viewer.request, context, status=status)
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "HX-Request"
    return response


async def refusal(request: web.Request, status: int, sentence: str) -> web.StreamResponse:
    """A no: within a page as one line at its top, else as a page of its own."""
    if is_partial(request):
        return web.Response(
            text=f'<p class="fault" role="alert">{escape(sentence)}</p>',
            content_type="text/html",
            status=status,
            headers={"HX-Retarget": "#said", "HX-Reswap": "innerHTML", "Cache-Control": "no-store"},
        )
    titles = {403: "这里不能进", 404: "没有找到", 409: "刚刚有变化"}
    context = {"title": titles.get(status, "没有办成"), "text": sentence, "viewer": None, "crumbs": ()}
    response = aiohttp_jinja2.render_template("console/message.html", request, context, status=status)
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-store"
    return response


async def error_anywhere(request: web.Request, status: int, sentence: str) -> web.StreamResponse:
    """The page somebody sees instead of an error, on the phone or at the desk."""
    at_desk = request.path == "/console" or request.path.startswith("/console/")
    return await (refusal if at_desk else error_page)(request, status, sentence)


def back_to(viewer: Desk, path: str, said: str = "") -> web.Response:
    """After something was done: the page again, with a line that says what."""
    address = f"{path}{'&' if '?' in path else '?'}{urlencode({'said': said})}" if said else path
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def set_up(app: web.Application) -> None:
    """What templates of the console use, and one page for errors at the desk and on the phone."""
    aiohttp_jinja2.get_env(app).globals["SAID"] = SAID
    app[ERROR_PAGE] = error_anywhere


def query_with(query: Mapping[str, str], **changes: str | None) -> str:
    """The part of an address behind the question mark with some of it changed; None or empty: left out."""
    kept = {**query, **changes}
    return urlencode({name: value for name, value in kept.items() if value})
