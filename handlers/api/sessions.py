"""Logging in from the mini-program with the code of `wx.login`, and logging out."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from actions import sessions
from actions.access import Actor, actor_for
from bot.config import Account
from bot.wechat.answers import Login
from bot.wechat.errors import WeChatError
from handlers.endpoint import Call, In, Out
from handlers.errors import HttpError
from handlers.keys import FLIGHTS
from handlers.limits import LOGINS, client_address, count
from handlers.login import fingerprint, session_token


class NewSession(In):
    """Who wants in: the mini-program's name in accounts.toml and a fresh code of `wx.login`."""

    account: str = Field(min_length=1, max_length=40)
    code: str = Field(min_length=1, max_length=128)


class SessionOut(Out):
    """The bearer token, told only this once."""

    token: str
    expires_at: datetime
    staff: bool
    roles: list[str]


async def create(call: Call, body: NewSession) -> SessionOut:
    """Log in. The code works once and for five minutes; asked again at the same time it is exchanged once."""
    await count(call.request, LOGINS, client_address(call.request))
    account = call.runtime.accounts.get(body.account)
    if account is None or account.kind != "mini_program":
        raise HttpError(400, message="没有这个小程序，请检查名称。", field="account")
    flights = call.request.app[FLIGHTS]
    login = await flights.once(
        (account.name, fingerprint(body.code)), lambda: _exchange(call, account, body.code)
    )
    actor = await actor_for(
        account.name, account.county, login.openid,
        on=call.on, now=call.now, channel="mini_program", unionid=login.unionid or None,
    )  # fmt: skip
    return await _open(call, actor)


async def _open(call: Call, actor: Actor) -> SessionOut:
    token, session = await sessions.create(actor, call.now)
    return SessionOut(
        token=token, expires_at=session.expires_at, staff=session.staff, roles=sorted(actor.roles)
    )


async def _exchange(call: Call, account: Account, code: str) -> Login:
    try:
        return await call.runtime.wechat[account.name].code2session(code)
    except WeChatError as error:
        raise login_refused(error) from error


def login_refused(error: WeChatError) -> HttpError:
    """How a login is answered that WeChat did not confirm."""
    if error.action == "bad_code":
        words = "登录没有成功，请重新打开再试。"
        return HttpError(401, code="login_code_invalid", message=words, field="code")
    if error.action in ("refused", "bad_recipient"):
        words = "微信没有同意这次登录，请换个时间再试，或者联系村干部。"
        return HttpError(403, code="login_refused", message=words)
    if error.action in ("quota_minute", "too_frequent"):
        return HttpError(429, headers={"Retry-After": "60"})
    return HttpError(503, message="微信暂时没有回应，请过几分钟再试。", headers={"Retry-After": "10"})


async def end(call: Call) -> None:
    """Log out: this token is worth nothing from now on."""
    token, _ = session_token(call.request)
    await sessions.end(token, call.now)


async def end_all(call: Call) -> None:
    """Log out everywhere: every session of this person ends, this one too."""
    await sessions.end_all(call.actor.person_id, call.actor.county, call.now, by=call.actor.person_id)
