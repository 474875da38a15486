"""Officers at the desk: first links, unlocking, resets, codes to join by; bodies; changes of staff."""

from __future__ import annotations

from datetime import date

import segno
from aiohttp import web

from actions import joining, organisations, staff_changes, staff_logins
from actions.routing import ROLE_TITLES
from actions.staff_changes import KINDS, Asked
from bot.errors import Conflict, RuleRefused
from bot.wechat.errors import WeChatError
from handlers.console.base import Desk, back_to, render
from handlers.errors import HttpError
from handlers.login import form_of
from rules.application import ApplicantKind

PEOPLE, BODIES, CHANGES = "/console/people", "/console/organisations", "/console/staff-changes"
KIND_WORDS = {
    ApplicantKind.REGISTERED_POOR: "脱贫户",
    ApplicantKind.FARMER: "农户",
    ApplicantKind.ENTERPRISE: "带贫企业",
    ApplicantKind.COOPERATIVE: "合作社",
    ApplicantKind.NEW_OPERATOR: "家庭农场、种养大户",
}
_DIGITS = 12


async def invite(viewer: Desk) -> web.StreamResponse:
    """POST /console/people/{key}/invitation: the link to a first login, shown this once."""
    return _link(viewer, await staff_logins.invite(viewer.actor, viewer.key, viewer.now), "第一次登录的链接")


async def reset(viewer: Desk) -> web.StreamResponse:
    """POST /console/people/{key}/reset: what he logged in with is void; a new link, shown this once."""
    return _link(viewer, await staff_logins.reset(viewer.actor, viewer.key, viewer.now), "重新设置登录的链接")


def _link(viewer: Desk, invited: staff_logins.Invited, title: str) -> web.Response:
    link = f"{viewer.runtime.settings.base_url()}/console/setup/{invited.token}"
    return render(
        viewer, "told_once.html", crumbs=[("", title)], title=title, link=link,
        number=invited.staff_number, picture="",
    )  # fmt: skip


async def unlock(viewer: Desk) -> web.StreamResponse:
    """POST /console/people/{key}/unlock"""
    waited = await staff_logins.unlock(viewer.actor, viewer.key, viewer.now)
    return back_to(viewer, PEOPLE, "unlocked" if waited else "not_locked")


async def join_code(viewer: Desk) -> web.StreamResponse:
    """POST /console/people/{key}/join-code: a picture to scan in WeChat, shown this once."""
    accounts = viewer.runtime.county_accounts(viewer.actor.county)
    if not accounts:
        raise HttpError(503, message="本县还没有公众号，不能生成二维码。")
    scene = await joining.make_code(viewer.actor, viewer.key, viewer.now)
    try:
        made = await viewer.runtime.wechat[accounts[0].name].create_qr(
            scene, int(joining.LIFE.total_seconds())
        )
    except WeChatError as error:
        raise HttpError(503, message="微信暂时没有回应，请过几分钟再试。") from error
    # drawn here: the platform's own picture would come from another site
    picture = segno.make(made.url or made.image_url, error="m").svg_data_uri(scale=6, border=2)
    return render(
        viewer, "told_once.html", crumbs=[("", "绑定微信的二维码")], title="绑定微信的二维码", link="",
        number="", picture=picture,
    )  # fmt: skip


async def make_body(viewer: Desk) -> web.StreamResponse:
    """POST /console/organisations"""
    given = await _given(viewer, "kind", "name", "region")
    await organisations.make(
        viewer.actor, given["kind"], given["name"][:80], given["region"] or f"{viewer.actor.county}000000",
        viewer.now,
    )  # fmt: skip
    return back_to(viewer, BODIES, "body_made")


async def set_authority(viewer: Desk) -> web.StreamResponse:
    """POST /console/organisations/{key}/authority: yuan by kind of applicant; all empty: no limit."""
    given = await _given(viewer, *(kind.value for kind in ApplicantKind))
    limits: dict[str, int] = {}
    for kind, words in given.items():
        if not words:
            continue
        if not (words.isascii() and words.isdigit() and len(words) <= _DIGITS):
            raise RuleRefused("S4.4", "权限请写整数的元，比如 500000。", code="limit", field=kind)
        limits[kind] = int(words) * 100
    await organisations.set_authority(viewer.actor, viewer.key, limits or None, viewer.now)
    return back_to(viewer, BODIES, "authority_set")


async def changes(viewer: Desk) -> web.StreamResponse:
    """GET /console/staff-changes: how changes of staff stand, and the way to ask for one."""
    return await _changes_page(viewer, {"post": viewer.request.query.get("post", "")})


async def ask_change(viewer: Desk) -> web.StreamResponse:
    """POST /console/staff-changes"""
    given = await _given(
        viewer, "kind", "effective_on", "reason", "organisation", "role", "region", "name", "phone", "post"
    )
    typed = dict(given)
    try:
        if given["kind"] == "end":  # of the post, nothing else
            given |= {"organisation": "", "role": "", "region": ""}
        day, post = _day(given.pop("effective_on")), _number(given.pop("post"))
        asked = Asked(**given, effective_on=day, post=post)
        await staff_changes.ask(viewer.actor, asked, viewer.pack, viewer.now)
    except (RuleRefused, Conflict) as refused:
        return await _changes_page(viewer, typed, refused.message)
    return back_to(viewer, CHANGES, "change_asked")


async def _changes_page(viewer: Desk, given: dict[str, str], fault: str = "") -> web.StreamResponse:
    number = _number(given.get("post", ""))
    return render(
        viewer,
        "changes.html",
        status=422 if fault else 200,
        rows=await staff_changes.listed(viewer.actor, viewer.now),
        posts=await staff_changes.posts_of_mine(viewer.actor, viewer.on, post=number),
        bodies=await staff_changes.bodies_of_mine(viewer.actor),
        kinds=KINDS,
        roles=ROLE_TITLES,
        given={"kind": "end" if number else "start", "effective_on": viewer.on.isoformat(), **given},
        fault=fault,
    )


async def _given(viewer: Desk, *names: str) -> dict[str, str]:
    form = await form_of(viewer.request)
    return {name: str(form.get(name, "")).replace("\x00", "").strip()[:200] for name in names}


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise HttpError(404)
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleRefused("S17.1", "请选从哪一天起。", code="day", field="effective_on") from None
