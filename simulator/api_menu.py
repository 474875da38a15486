"""Menus: the default one, conditional ones by tag, and which of them a person sees."""

from __future__ import annotations

import re
from typing import Any

from simulator.accounts import Account, Conditional
from simulator.errors import ApiError
from simulator.gate import SERVICE, Answer, Call, Endpoint, ok
from simulator.people import openid_of
from simulator.validators import check_menu

ESCAPED = re.compile(rb"\\u[0-9a-fA-F]{4}")
FIRST_MENUID = 400_000_000


def _buttons(call: Call) -> list[dict[str, Any]]:
    if ESCAPED.search(call.raw):
        raise ApiError(40033)
    buttons = call.json.get("button")
    check_menu(buttons)
    return list(buttons or [])


def _next_id(account: Account) -> int:
    return max([FIRST_MENUID, account.menuid, *(menu.menuid for menu in account.conditionals)]) + 1


def _changed(call: Call) -> None:
    call.platform.chat.tell("menu", {"account": call.account.name})


def create(call: Call) -> Answer:
    buttons = _buttons(call)
    call.account.menuid = _next_id(call.account)
    call.account.menu = buttons
    _changed(call)
    return ok()


def get(call: Call) -> Answer:
    account = call.account
    if account.menu is None:
        raise ApiError(46003)
    answer: dict[str, Any] = {"menu": {"button": _listed(account.menu), "menuid": account.menuid}}
    if account.conditionals:
        answer["conditionalmenu"] = [
            {"button": _listed(menu.button), "matchrule": menu.rule, "menuid": menu.menuid}
            for menu in reversed(account.conditionals)
        ]
    return answer


def _listed(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**button, "sub_button": button.get("sub_button") or []} for button in buttons]


def current(call: Call) -> Answer:
    """The menu in use, open or not."""
    if call.account.menu is None:
        return {"is_menu_open": 0}
    rows = []
    for button in call.account.menu:
        children = button.get("sub_button") or []
        rows.append({**button, "sub_button": {"list": children}} if children else button)
    return {"is_menu_open": 1, "selfmenu_info": {"button": rows}}


def delete(call: Call) -> Answer:
    """Delete the default menu, and all conditional ones with it."""
    call.account.menu = None
    call.account.menuid = 0
    call.account.conditionals.clear()
    _changed(call)
    return ok()


def add_conditional(call: Call) -> Answer:
    buttons = _buttons(call)
    if call.account.menu is None:
        raise ApiError(65303)
    rule = call.json.get("matchrule")
    if not isinstance(rule, dict) or not any(rule.values()):
        raise ApiError(65304)
    tag = str(rule.get("tag_id") or rule.get("group_id") or "")
    if tag and (not tag.isdigit() or int(tag) not in call.account.tags):
        raise ApiError(65305, "invalid tag_id in matchrule")
    menu = Conditional(_next_id(call.account), buttons, rule)
    call.account.conditionals.append(menu)
    _changed(call)
    return {"menuid": str(menu.menuid)}


def delete_conditional(call: Call) -> Answer:
    number = str(call.json.get("menuid") or "")
    kept = [menu for menu in call.account.conditionals if str(menu.menuid) != number]
    if len(kept) == len(call.account.conditionals):
        raise ApiError(65301)
    call.account.conditionals = kept
    _changed(call)
    return ok()


def try_match(call: Call) -> Answer:
    """The buttons a user (openid, or the person as WeChat id) sees."""
    wanted = str(call.json.get("user_id") or "")
    user = call.account.users.get(wanted) or call.account.users.get(openid_of(call.account.appid, wanted))
    if user is None:
        raise ApiError(46004)
    _, buttons = call.account.menu_for(user)
    if not buttons:
        raise ApiError(65303)
    return {"button": _listed(buttons)}


ENDPOINTS = (
    Endpoint("/cgi-bin/menu/create", "POST", create, SERVICE),
    Endpoint("/cgi-bin/menu/get", "GET", get, SERVICE),
    Endpoint("/cgi-bin/get_current_selfmenu_info", "GET", current, SERVICE),
    Endpoint("/cgi-bin/menu/delete", "GET", delete, SERVICE),
    Endpoint("/cgi-bin/menu/addconditional", "POST", add_conditional, SERVICE),
    Endpoint("/cgi-bin/menu/delconditional", "POST", delete_conditional, SERVICE),
    Endpoint("/cgi-bin/menu/trymatch", "POST", try_match, SERVICE),
)
