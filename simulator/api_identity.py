"""Who somebody is: mini-program login, phone number, OAuth of pages, and the content check."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web

from simulator.accounts import Account
from simulator.errors import ApiError
from simulator.gate import MINI, Answer, Call, Endpoint, ok
from simulator.people import User

LOGINS_A_MINUTE = 100
REFRESH_SECONDS = 30 * 86_400
COOKIE = "sim_user"
PLUS_CODE = "86"


def _app(call: Call) -> Account:
    return call.known_account(call.query("appid"), call.query("secret"))


def _union(user: User) -> dict[str, str]:
    return {"unionid": user.unionid} if user.unionid else {}


# Mini-program


def jscode2session(call: Call) -> Answer:
    """A login code becomes openid and a new session_key."""
    account = _app(call)
    if call.query("grant_type") != "authorization_code":
        raise ApiError(40002)
    if not call.query("js_code"):
        raise ApiError(41008)
    code = call.platform.codes.get(call.query("js_code"))
    if code is not None and code.purpose == "login" and code.user.account is account:
        account.count_for(code.user, call.path, LOGINS_A_MINUTE, call.now)
    user = call.platform.use_code(account, call.query("js_code"), "login").user
    if user.person.high_risk:
        raise ApiError(40226)
    user.session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    user.last_login = call.now
    return {"session_key": user.session_key, "openid": user.openid, **_union(user)}


def _check_session(call: Call) -> User:
    user = call.user(call.query("openid"))
    expected = hmac.new(user.session_key.encode(), b"", hashlib.sha256).hexdigest()
    if not user.session_key or call.query("signature") != expected:
        raise ApiError(87009)
    return user


def check_session(call: Call) -> Answer:
    _check_session(call)
    return ok()


def reset_session(call: Call) -> Answer:
    user = _check_session(call)
    user.session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    return ok(openid=user.openid, session_key=user.session_key)


def phone_number(call: Call) -> Answer:
    """The number behind a code of the phone number button."""
    code = call.platform.codes.get(str(call.json.get("code") or ""))
    openid = call.json.get("openid")
    if openid and code is not None and code.user.openid != openid:
        raise ApiError(40029)
    user = call.platform.use_code(call.account, str(call.json.get("code") or ""), "phone").user
    number = user.person.phone
    mark = {"timestamp": int(call.now), "appid": call.account.appid}
    numbers = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": PLUS_CODE}
    return ok(phone_info={**numbers, "watermark": mark})


def msg_sec_check(call: Call) -> Answer:
    """errcode 0 does not mean clean: the verdict stands in result.suggest."""
    body, words = call.json, call.platform.switches.sec_words
    content = body.get("content")
    if not isinstance(content, str) or not content:
        raise ApiError(44002)
    if len(content) > 2500:
        raise ApiError(45002)
    found = next((word for word in words if word in content), None)
    if str(body.get("version")) != "2":
        if found:
            raise ApiError(87014)
        return ok()
    if body.get("scene") not in (1, 2, 3, 4):
        raise ApiError(40129)
    user = call.user(body.get("openid"))
    if call.platform.switches.sec_needs_visit and call.now - user.last_login > 7200:
        raise ApiError(61010)
    suggest, label = ("risky", 20006) if found else ("pass", 100)
    row: dict[str, Any] = {
        "strategy": "content_model",
        "errcode": 0,
        "suggest": suggest,
        "label": label,
        "prob": 90,
    }
    if found:
        row |= {"strategy": "keyword", "keyword": found, "level": 90}
    return ok(result={"suggest": suggest, "label": label}, detail=[row], trace_id=secrets.token_hex(12))


# OAuth of pages


def authorize(call: Call) -> Answer:
    """Send the browser back with a code, as the person of ?sim_user= or the cookie; else ask who it is."""
    account = call.platform.accounts.get(call.query("appid"))
    target = call.query("redirect_uri")
    if account is None or urlsplit(target).scheme not in ("http", "https"):
        return _page("链接无法访问", "appid 或 redirect_uri 参数错误", 400)
    if account.config.oauth_domains and urlsplit(target).hostname not in account.config.oauth_domains:
        return _page("链接无法访问", "redirect_uri 域名与后台配置不一致，错误码：10003", 400)
    scope = call.query("scope")
    if call.query("response_type") != "code" or scope not in ("snsapi_base", "snsapi_userinfo"):
        return _page("链接无法访问", "Scope 参数错误或没有 Scope 权限，错误码：10005", 400)
    person = call.query(COOKIE) or call.request.cookies.get(COOKIE, "")
    if not person:
        return _choices(call)
    code = call.platform.new_code(account.meet(call.platform.person(person)), "oauth", scope)
    head, mark, tail = target.partition("#")
    joint = "&" if "?" in head else "?"
    address = f"{head}{joint}code={code}&state={quote(call.query('state'))}{mark}{tail}"
    response = web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})
    if call.query(COOKIE):
        response.set_cookie(COOKIE, person)
    return response


def _choices(call: Call) -> web.Response:
    here = html.escape(call.request.query_string, quote=True)
    rows = []
    for person in call.platform.persons.values():
        link = f"?{here}&amp;{COOKIE}={quote(person.id)}"
        rows.append(f'<li><a href="{link}">{html.escape(person.name or person.id)}</a></li>')
    return _page(
        "您是谁？",
        f"<ul>{''.join(rows[:500])}</ul>" if rows else "还没有人：请先用 POST /admin/users 建一个。",
    )


def _page(title: str, body: str, status: int = 200) -> web.Response:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f"<!doctype html><html lang=zh-CN>{head}<title>{title}</title><h2>{title}</h2>{body}</html>"
    return web.Response(text=text, status=status, content_type="text/html")


def oauth_token(call: Call) -> Answer:
    """A code becomes a user-level token; a snapshot visitor gets a made-up openid."""
    account = _app(call)
    if call.query("grant_type") != "authorization_code":
        raise ApiError(40002)
    if not call.query("code"):
        raise ApiError(41008)
    account.count(call.path, call.now)
    code = call.platform.use_code(account, call.query("code"), "oauth")
    return _web_token(call, code.user, code.scope)


def _web_token(call: Call, user: User, scope: str) -> dict[str, Any]:
    access, refresh = secrets.token_urlsafe(66), secrets.token_urlsafe(66)
    tokens = call.platform.web_tokens
    tokens[access] = (user, scope, call.now + 7200)
    tokens["refresh " + refresh] = (user, scope, call.now + REFRESH_SECONDS)
    union = _union(user) if scope == "snsapi_userinfo" or user.following else {}
    answer = {"access_token": access, "expires_in": 7200, "refresh_token": refresh, "openid": user.openid}
    if user.person.snapshot:
        fake = "o" + secrets.token_urlsafe(24)[:27]
        return {**answer, "openid": fake, "scope": scope, "is_snapshotuser": 1}
    return {**answer, "scope": scope, **union}


def oauth_refresh(call: Call) -> Answer:
    if call.query("grant_type") != "refresh_token":
        raise ApiError(40002)
    if call.query("appid") not in call.platform.accounts:
        raise ApiError(40013)
    found = call.platform.web_tokens.get("refresh " + call.query("refresh_token"))
    if found is None or found[2] <= call.now or found[0].account.appid != call.query("appid"):
        raise ApiError(40030)
    return _web_token(call, found[0], found[1])


def _web_user(call: Call) -> tuple[User, str]:
    """The user of a page's token. Raises 40001, 42001 or 40003."""
    found = call.platform.web_tokens.get(call.query("access_token"))
    if found is None:
        raise ApiError(40001)
    user, scope, expires = found
    if expires <= call.now:
        raise ApiError(42001)
    if call.query("openid") != user.openid:
        raise ApiError(40003)
    return user, scope


def userinfo(call: Call) -> Answer:
    user, scope = _web_user(call)
    if scope != "snsapi_userinfo":
        raise ApiError(48001)
    empty = {
        "sex": 0,
        "language": "",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "privilege": [],
    }
    return {"openid": user.openid, "nickname": user.person.name, **empty, **_union(user)}


def oauth_check(call: Call) -> Answer:
    _web_user(call)
    return ok()


ENDPOINTS = (
    Endpoint("/sns/jscode2session", "GET", jscode2session, token=False),
    Endpoint("/wxa/checksession", "GET", check_session, MINI),
    Endpoint("/wxa/resetusersessionkey", "GET", reset_session, MINI),
    Endpoint("/wxa/business/getuserphonenumber", "POST", phone_number, MINI),
    Endpoint("/wxa/msg_sec_check", "POST", msg_sec_check, MINI),
    Endpoint("/connect/oauth2/authorize", "GET", authorize, token=False),
    Endpoint("/sns/oauth2/access_token", "GET", oauth_token, token=False),
    Endpoint("/sns/oauth2/refresh_token", "GET", oauth_refresh, token=False),
    Endpoint("/sns/userinfo", "GET", userinfo, token=False),
    Endpoint("/sns/auth", "GET", oauth_check, token=False),
)
