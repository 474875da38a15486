"""Tokens, quotas, tickets and request ids."""

from __future__ import annotations

import secrets

from simulator.accounts import DAILY, Account
from simulator.errors import ApiError
from simulator.gate import Answer, Call, Endpoint, ok

TICKET_SECONDS = 7200


def _check_ip(call: Call, account: Account) -> None:
    allowed, ip = account.config.ip_whitelist, call.request.remote or ""
    if account.config.kind == "service" and allowed and ip not in allowed:
        raise ApiError(40164, f"invalid ip {ip} ipv6 ::ffff:{ip}, not in whitelist")


def _check_token_right(account: Account) -> None:
    if account.config.frozen:
        raise ApiError(50007)


def token(call: Call) -> Answer:
    """A new token; the one before works on for five minutes."""
    if call.query("grant_type") != "client_credential":
        raise ApiError(40002)
    account = call.known_account(call.query("appid"), call.query("secret"))
    _check_ip(call, account)
    _check_token_right(account)
    account.count(call.path, call.now)
    text, seconds = call.platform.tokens.fetch(account, call.now)
    return {"access_token": text, "expires_in": seconds}


def stable_token(call: Call) -> Answer:
    """The token in force, or a new one when forced or nearly over."""
    if call.json.get("grant_type") != "client_credential":
        raise ApiError(40002)
    account = call.known_account(str(call.json.get("appid") or ""), str(call.json.get("secret") or ""))
    _check_ip(call, account)
    _check_token_right(account)
    account.count(call.path, call.now)
    text, seconds = call.platform.tokens.fetch_stable(
        account, call.json.get("force_refresh") is True, call.now
    )
    return {"access_token": text, "expires_in": seconds}


def clear_quota(call: Call) -> Answer:
    if call.json.get("appid") != call.account.appid:
        raise ApiError(40013)
    call.account.clear_quota(call.now, call.platform.switches)
    return ok()


def clear_quota_v2(call: Call) -> Answer:
    """The same with appid and secret, for when the token quota itself is used up."""
    account = call.known_account(str(call.json.get("appid") or ""), str(call.json.get("appsecret") or ""))
    account.clear_quota(call.now, call.platform.switches)
    return ok()


def _quota_path(call: Call) -> str:
    path = call.json.get("cgi_path")
    if not isinstance(path, str) or path not in {**DAILY, **call.account.config.quotas}:
        raise ApiError(76021)
    return path


def quota_get(call: Call) -> Answer:
    path = _quota_path(call)
    limit = call.account.daily_limit(path) or 0
    used = call.account.used_today(path, call.now)
    return ok(quota={"daily_limit": limit, "used": used, "remain": max(0, limit - used)})


def quota_clear(call: Call) -> Answer:
    call.account.clear_path(_quota_path(call), call.now, call.platform.switches)
    return ok()


def rid_get(call: Call) -> Answer:
    """What was asked and answered under a request id."""
    found = call.platform.rids.get(str(call.json.get("rid")))
    if found is None or call.now - int(found["invoke_time"]) > 7 * 86_400:
        raise ApiError(76001)
    return ok(request=found)


def getticket(call: Call) -> Answer:
    """The ticket of the JS-SDK; asked again, the same one."""
    kind = call.query("type") or "jsapi"
    if kind not in ("jsapi", "wx_card"):
        raise ApiError(40097, "invalid args")
    ticket, expires = call.account.tickets.get(kind, ("", 0.0))
    if call.now >= expires:
        ticket, expires = secrets.token_urlsafe(64)[:86], call.now + TICKET_SECONDS
        call.account.tickets[kind] = (ticket, expires)
    fresh = call.platform.switches.ticket_fresh_expiry
    return ok(ticket=ticket, expires_in=int(expires - call.now) if fresh else TICKET_SECONDS)


ENDPOINTS = (
    Endpoint("/cgi-bin/token", "GET", token, token=False),
    Endpoint("/cgi-bin/stable_token", "POST", stable_token, token=False),
    Endpoint("/cgi-bin/clear_quota", "POST", clear_quota),
    Endpoint("/cgi-bin/clear_quota/v2", "POST", clear_quota_v2, token=False),
    Endpoint("/cgi-bin/openapi/quota/get", "POST", quota_get),
    Endpoint("/cgi-bin/openapi/quota/clear", "POST", quota_clear),
    Endpoint("/cgi-bin/openapi/rid/get", "POST", rid_get),
    Endpoint("/cgi-bin/ticket/getticket", "GET", getticket),
)
