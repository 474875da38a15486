"""Getting in at a desk and out again: password with authenticator, a scan by WeChat, one-time links.

Before somebody is logged in, forms are bound to a cookie of the browser instead of a session: another site
can neither log somebody in nor show him a picture to scan.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any

import segno
from aiohttp import web

from actions import console_sessions, passwords, scan_logins, sessions
from bot.errors import RuleRefused
from handlers.errors import HttpError, json_response
from handlers.keys import RUNTIME
from handlers.limits import LOGINS, Limit, client_address, count
from handlers.login import (
    CSRF_HEADER,
    check_csrf,
    check_origin,
    console_actor,
    console_cookie_name,
    cookie_name,
    csrf_token,
    form_of,
    set_cookie,
)
from handlers.pages.base import Viewer, shown

POLLS = Limit("scan_poll", 1200, 60)
_OWN_PAGE = re.compile(
    r"/console/(?:[A-Za-z0-9_-]{1,64}/){0,5}[A-Za-z0-9_-]{0,64}(?:\?[A-Za-z0-9_=&.%-]{0,300})?"
)
"""One way to read each address: what could be split in many would take a guessed one for ever."""
_RANDOM = re.compile(r"[A-Za-z0-9_-]{22}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")
_FORM_BYTES = 8 * 1024
_BROWSER_SECONDS = 86_400
_OUT = "/console/login?out=1"


def _code_time() -> datetime:
    """Authenticators count by the real time, also where the demo's clock stands elsewhere."""
    return datetime.now(UTC)


def _browser(request: web.Request) -> str:
    found = request.cookies.get(cookie_name(request) + "-desk", "")
    return found if _RANDOM.fullmatch(found) else ""


def _public(
    request: web.Request, template: str, status: int = 200, *, browser: str = "", **values: Any
) -> web.Response:
    """A page for somebody who is not logged in, with the token that its form must bring back."""
    browser = browser or _browser(request) or secrets.token_urlsafe(16)
    context = {"viewer": None, "csrf": csrf_token(browser), "problem": "", "field": "", **values}
    response = shown(request, template, context, status)
    _set(request, response, cookie_name(request) + "-desk", browser, _BROWSER_SECONDS)
    return response


def _set(request: web.Request, response: web.StreamResponse, name: str, value: str, age: int) -> None:
    set_cookie(request, response, name, value, age, samesite="Strict")


async def _form(request: web.Request, *names: str) -> dict[str, str]:
    """The fields of a form that our own page sent from this browser. Raises HttpError 403, 413, 415."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise HttpError(415)
    if (request.content_length or 0) > _FORM_BYTES:
        raise HttpError(413)
    check_origin(request)
    given = await form_of(request)
    _check_browser(request, str(given.get("csrf", "")))
    return {name: str(given.get(name, ""))[:200].replace("\x00", "") for name in names}


def _check_browser(request: web.Request, given: str) -> str:
    browser = _browser(request)
    check_csrf(browser or secrets.token_urlsafe(16), given)
    return browser


def _to(request: web.Request, given: str) -> str:
    return given if _OWN_PAGE.fullmatch(given) else "/console/"


def _note(request: web.Request) -> str:
    if "changed" in request.query:
        return "密码改好了，请用新密码登录。"
    return "已经退出登录。" if "out" in request.query else ""


async def show(request: web.Request) -> web.StreamResponse:
    """GET /console/login"""
    to = _to(request, request.query.get("to", ""))
    try:
        await console_actor(request)
    except sessions.NotLoggedIn:
        return _public(request, "console/login.html", to=to, note=_note(request), name="")
    raise web.HTTPSeeOther(to)


async def log_in(request: web.Request) -> web.StreamResponse:
    """POST /console/login: staff number or phone, password, code. One sentence whatever was wrong."""
    address = client_address(request)
    await count(request, LOGINS, address)
    given = await _form(request, "name", "password", "code", "to")
    to = _to(request, given["to"])
    now = request.app[RUNTIME].now()
    try:
        token, _ = await passwords.log_in(
            given["name"], given["password"], given["code"], address, now, _code_time()
        )
    except RuleRefused as no:
        status = 429 if no.code == "too_many_tries" else 422
        return _public(
            request, "console/login.html", status, to=to, note="", name=given["name"], problem=no.message
        )
    return await _let_in(request, token, web.Response(status=303, headers={"Location": to}))


async def _let_in(request: web.Request, token: str, response: web.Response) -> web.Response:
    """The cookie of the new session; the one before it in this browser ends."""
    old = request.cookies.get(console_cookie_name(request), "")
    await console_sessions.end(old, request.app[RUNTIME].now())
    age = int(console_sessions.LIFE.total_seconds())
    _set(request, response, console_cookie_name(request), token, age)
    response.headers["Cache-Control"] = "no-store"
    return response


async def log_out(viewer: Viewer) -> web.StreamResponse:
    """POST /console/logout"""
    request = viewer.request
    await console_sessions.end(request.cookies[console_cookie_name(request)], viewer.now)
    response = web.Response(status=303, headers={"Location": _OUT})
    response.del_cookie(console_cookie_name(request), path="/")
    return response


async def show_link(request: web.Request) -> web.StreamResponse:
    """GET /console/setup/{token}: set password and authenticator, once."""
    return await _link_page(request, 200)


async def _link_page(request: web.Request, status: int, no: RuleRefused | None = None) -> web.Response:
    token = request.match_info["token"]
    try:
        it = await passwords.invitation(token if _TOKEN.fullmatch(token) else "", request.app[RUNTIME].now())
    except RuleRefused as void:
        return _public(request, "console/void.html", 410, words=void.message)
    picture = segno.make(it.totp_uri, error="m").svg_data_uri(scale=5, border=2)
    spaced = " ".join(it.totp_secret[at : at + 4] for at in range(0, len(it.totp_secret), 4))
    return _public(
        request,
        "console/setup.html",
        status,
        it=it,
        picture=picture,
        secret=spaced,
        problem=no.message if no else "",
        field=(no.field or "") if no else "",
    )


async def set_up(request: web.Request) -> web.StreamResponse:
    """POST /console/setup/{token}: the recovery codes, shown this once."""
    await count(request, LOGINS, client_address(request))
    given = await _form(request, "password", "again", "code")
    token = request.match_info["token"]
    if given["password"] != given["again"]:
        return await _link_page(request, 422, _differ())
    try:
        codes = await passwords.set_up(
            token if _TOKEN.fullmatch(token) else "",
            given["password"], given["code"], request.app[RUNTIME].now(), _code_time(),
        )  # fmt: skip
    except RuleRefused as no:
        return await _link_page(request, 422, no)
    return _public(request, "console/recovery.html", codes=codes)


def _differ() -> RuleRefused:
    return RuleRefused("S17.2", "两次输入的密码不一样，请再输一次。", code="differ", field="password")


async def password(viewer: Viewer) -> web.StreamResponse:
    """GET /console/password"""
    return _password_page(viewer, 200)


def _password_page(viewer: Viewer, status: int, no: RuleRefused | None = None) -> web.Response:
    context = {
        "viewer": viewer,
        "csrf": viewer.csrf,
        "problem": no.message if no else "",
        "field": (no.field or "") if no else "",
    }
    return shown(viewer.request, "console/password.html", context, status)


async def change_password(viewer: Viewer) -> web.StreamResponse:
    """POST /console/password: another password; everybody who is logged in as this person is out."""
    given = await form_of(viewer.request)
    old, new, again = (str(given.get(name, ""))[:200] for name in ("old", "password", "again"))
    address = client_address(viewer.request)
    try:
        if new != again:
            raise _differ()
        await passwords.change_password(viewer.actor, old, new, address, viewer.now)
    except RuleRefused as no:
        return _password_page(viewer, 422, no)
    response = web.Response(status=303, headers={"Location": "/console/login?changed=1"})
    response.del_cookie(console_cookie_name(viewer.request), path="/")
    return response


async def begin_scan(request: web.Request) -> web.StreamResponse:
    """POST /console/scan: a picture for a phone to scan, bound to this browser."""
    await count(request, LOGINS, client_address(request))
    check_origin(request)
    browser = _check_browser(request, request.headers.get(CSRF_HEADER, ""))
    runtime = request.app[RUNTIME]
    made = await scan_logins.begin(browser, runtime.now())
    address = f"{runtime.settings.base_url()}/m/desk/{made.key}"
    picture = segno.make(address, error="m").svg_data_uri(scale=6, border=2)
    seconds = round((made.expires_at - runtime.now()).total_seconds())
    body = {"key": made.key, "shown": made.shown, "picture": picture, "seconds": seconds}
    if runtime.settings.demo:  # its phones have no camera
        body["address"] = address
    return json_response(body)


async def poll_scan(request: web.Request) -> web.StreamResponse:
    """POST /console/scan/{key}: has a phone confirmed it? Then this browser is in."""
    await count(request, POLLS, client_address(request))
    check_origin(request)
    browser = _check_browser(request, request.headers.get(CSRF_HEADER, ""))
    key = request.match_info["key"]
    if not _KEY.fullmatch(key):
        raise HttpError(404)
    now = request.app[RUNTIME].now()
    state, token = await scan_logins.poll(browser, key, client_address(request), now)
    response = json_response({"state": state})
    return await _let_in(request, token, response) if token else response
