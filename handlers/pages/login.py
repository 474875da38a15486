"""Logging in to the H5 pages through WeChat, and who may come back from there.

`state` is random, bound to a cookie of the same browser, good for one return within five minutes. The code is
exchanged once and the browser goes on to a clean address, so a reload does not send it again.
"""

from __future__ import annotations

import re
import secrets
from typing import Any, NoReturn
from urllib.parse import quote

import orjson
from aiohttp import web
from redis.exceptions import RedisError

from actions import sessions
from actions.access import actor_for
from bot.config import Account
from bot.wechat.answers import OAuthUser
from bot.wechat.errors import WeChatError
from handlers.api.sessions import login_refused
from handlers.errors import HttpError
from handlers.keys import FLIGHTS, RUNTIME
from handlers.limits import LOGINS, client_address, count
from handlers.login import cookie_name, fingerprint, set_cookie
from handlers.pages.base import message

_OWN_PAGE = re.compile(r"/(?:m/|console/?)(?:[A-Za-z0-9_-]{1,64}/?){0,4}(?:\?[A-Za-z0-9_=&.-]{0,200})?")
_RANDOM = re.compile(r"[A-Za-z0-9_-]{22}")
_STATE_SECONDS = 300
_ACCOUNT_SECONDS = 365 * 86_400
_SESSION_SECONDS = 7 * 86_400


def _browser_cookie(request: web.Request) -> str:
    return cookie_name(request) + "-browser"


def _account_cookie(request: web.Request) -> str:
    return cookie_name(request) + "-account"


async def begin(request: web.Request) -> web.StreamResponse:
    """GET /m/login: on to WeChat, which asks who it is; several counties: first, which one."""
    runtime = request.app[RUNTIME]
    to = request.query.get("to", "/m/")
    to = to if _OWN_PAGE.fullmatch(to) else "/m/"
    services = {a.name: a for a in runtime.accounts.values() if a.kind == "service"}
    account = _chosen(request, services)
    if account is None:
        return _choose(request, list(services.values()), to)
    browser = request.cookies.get(_browser_cookie(request), "")
    browser = browser if _RANDOM.fullmatch(browser) else secrets.token_urlsafe(16)
    state = secrets.token_urlsafe(16)
    kept = orjson.dumps({"browser": fingerprint(browser), "account": account.name, "to": to})
    try:
        await runtime.redis.set(_state_key(state), kept, ex=_STATE_SECONDS)
    except RedisError as error:
        raise HttpError(503, headers={"Retry-After": "5"}) from error
    back = f"{runtime.settings.base_url()}/m/callback"
    response = _redirect(runtime.wechat[account.name].authorize_url(back, state))
    set_cookie(request, response, _browser_cookie(request), browser, _STATE_SECONDS)
    return response


def _chosen(request: web.Request, services: dict[str, Account]) -> Account | None:
    name = request.query.get("account") or request.cookies.get(_account_cookie(request), "")
    if name in services:
        return services[name]
    return next(iter(services.values())) if len(services) == 1 else None


def _choose(request: web.Request, services: list[Account], to: str) -> web.StreamResponse:
    packs = request.app[RUNTIME].packs
    choices = [
        (f"/m/login?account={quote(a.name)}&to={quote(to, safe='')}", packs.by_county(a.county).title)
        for a in services
    ]
    return message(request, "您在哪个县（市）？", "请点您所在的县（市）。", choices=choices)


async def finish(request: web.Request) -> web.StreamResponse:
    """GET /m/callback: WeChat sends the browser here with a code."""
    await count(request, LOGINS, client_address(request))
    runtime = request.app[RUNTIME]
    kept = await _take_state(request)
    account = runtime.accounts[kept["account"]]
    user = await _exchange(request, account)
    if user.snapshot:
        text = "现在是“快照页”，不能办事。请点页面下面的“使用完整服务”，再打开一次。"
        return message(request, "请用完整服务打开", text, status=403, link=kept["to"], label="再打开一次")
    now = runtime.now()
    actor = await actor_for(
        account.name, account.county, user.openid,
        on=runtime.today(), now=now, channel="page", unionid=user.unionid or None,
    )  # fmt: skip
    response = _redirect(kept["to"])
    old = request.cookies.get(cookie_name(request), "")
    # the same person's other open pages go on, unless he has just proved anew who he is
    if "fresh=1" in kept["to"] or not await sessions.keeps(old, actor, now):
        await sessions.end(old, now)
        token, _ = await sessions.create(actor, now)
        set_cookie(request, response, cookie_name(request), token, _SESSION_SECONDS)
    set_cookie(request, response, _account_cookie(request), account.name, _ACCOUNT_SECONDS)
    response.del_cookie(_browser_cookie(request), path="/")
    return response


async def _take_state(request: web.Request) -> dict[str, Any]:
    """What was kept for this state, once, for this browser only. Raises HttpError 400."""
    state = request.query.get("state", "")
    browser = request.cookies.get(_browser_cookie(request), "")
    if not _RANDOM.fullmatch(state) or not browser:
        _start_again()
    try:
        raw = await request.app[RUNTIME].redis.getdel(_state_key(state))
    except RedisError as error:
        raise HttpError(503, headers={"Retry-After": "5"}) from error
    kept: dict[str, Any] = orjson.loads(raw) if raw else {}
    if not kept or not secrets.compare_digest(kept["browser"], fingerprint(browser)):
        _start_again()
    return kept


def _start_again() -> NoReturn:
    raise HttpError(400, code="login_expired", message="登录已经过期，请回到微信重新打开。")


async def _exchange(request: web.Request, account: Account) -> OAuthUser:
    code = request.query.get("code", "")
    if not 0 < len(code) <= 128:
        raise HttpError(400, code="login_refused", message="没有登录成功。要办事，请同意登录。")
    client = request.app[RUNTIME].wechat[account.name]
    try:
        return await request.app[FLIGHTS].once(
            ("oauth", account.name, fingerprint(code)), lambda: client.oauth_access_token(code)
        )
    except WeChatError as error:
        raise login_refused(error) from error


def _redirect(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


def _state_key(state: str) -> str:
    return f"tianxin:oauth:{fingerprint(state)}"
