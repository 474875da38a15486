"""Template and subscribe messages."""

from __future__ import annotations

from typing import Any

from simulator.clock import beijing_day
from simulator.config import Template
from simulator.errors import ApiError
from simulator.gate import MINI, SERVICE, Answer, Call, Endpoint, ok
from simulator.people import User
from simulator.validators import check_data

URL_BYTES = 2048
REMEMBERED = 200_000


def _template(call: Call) -> Template:
    template_id = call.json.get("template_id")
    known = call.account.config.templates.get(template_id) if isinstance(template_id, str) else None
    if known is None:
        if call.platform.switches.unknown_template == "refuse" or not template_id:
            raise ApiError(40037)
        return Template(str(template_id))
    return known


def check_busy(call: Call) -> None:
    """Raise -1 as often as the switch says."""
    chance = call.platform.switches.system_busy_probability
    if chance and call.platform.random.random() < chance:
        raise ApiError(-1)


def template_send(call: Call) -> Answer:
    """Take a template message for a follower; its outcome comes later as an event."""
    body, platform = call.json, call.platform
    check_busy(call)
    user = call.user(body.get("touser"))
    template = _template(call)
    client_msg_id = body.get("client_msg_id") or ""
    if client_msg_id:
        answer = _repeated(call, user, client_msg_id)
        if answer is not None:
            return answer
    _check_links(call, body)
    check_data(body.get("data"), template, platform.switches)
    _check_takes_templates(call, user, template.id)
    sent = platform.accept(call.account, "template", user, call.raw, call.now, client_msg_id)
    if client_msg_id:
        _remember(call, user, client_msg_id, sent.msgid, sent.seq)
    return {"errcode": 0, "errmsg": "ok", "msgid": sent.msgid}


def _check_links(call: Call, body: dict[str, Any]) -> None:
    url, mini = body.get("url"), body.get("miniprogram")
    if url and (not isinstance(url, str) or len(url.encode()) > URL_BYTES):
        raise ApiError(40039)
    linked = call.account.config.linked_mini_programs
    if mini and (not isinstance(mini, dict) or (linked and mini.get("appid") not in linked)):
        raise ApiError(40166)


def _check_takes_templates(call: Call, user: User, template_id: str) -> None:
    if not user.following:
        raise ApiError(43004)
    if user.blacklisted:
        raise ApiError(43019)
    if not user.receiving:
        raise ApiError(48002)
    if template_id in user.refused:
        raise ApiError(43101)
    limit = call.platform.switches.template_per_user_day
    if limit:
        today = beijing_day(call.now)
        day, count = user.templates_today
        count = count if day == today else 0
        if count >= limit:
            raise ApiError(43117)
        user.templates_today = (today, count + 1)


def _repeated(call: Call, user: User, client_msg_id: Any) -> Answer | None:
    """The answer to a client_msg_id seen in the last ten minutes, None for a new one."""
    switches = call.platform.switches
    limit = switches.client_msg_id_max
    if not isinstance(client_msg_id, str) or (limit and len(client_msg_id) > limit):
        raise ApiError(40008, "invalid client_msg_id size")
    seen = call.account.client_ids.get((user.openid, client_msg_id))
    if seen is None or call.now - seen[0] >= switches.client_msg_id_seconds:
        return None
    original = call.platform.journal.by_seq(seen[2])
    if original is not None:
        original.repeats += 1
    how = switches.client_msg_id_duplicate
    if how.isdigit():
        raise ApiError(int(how), "duplicate client_msg_id", msgid=seen[1])
    return ok(msgid=seen[1] if how == "same" else call.platform.journal.spare_msgid())


def _remember(call: Call, user: User, client_msg_id: str, msgid: int, seq: int) -> None:
    ids = call.account.client_ids
    ids[user.openid, client_msg_id] = (call.now, msgid, seq)
    if len(ids) > REMEMBERED:
        horizon = call.now - call.platform.switches.client_msg_id_seconds
        while ids and next(iter(ids.values()))[0] < horizon:
            del ids[next(iter(ids))]


# Subscribe messages


def _page_exists(call: Call) -> None:
    config, page = call.account.config, str(call.json.get("page") or "")
    state = call.json.get("miniprogram_state") or "formal"
    if state not in ("developer", "trial", "formal"):
        raise ApiError(47003, "argument invalid! miniprogram_state")
    if not config.pages or not page:
        return
    known = config.pages if state == "formal" else [*config.pages, *config.trial_pages]
    if page.split("?", 1)[0].lstrip("/") not in known:
        raise ApiError(41030)


def _granted(call: Call, user: User, template: Template) -> None:
    """Check the grant and the data; the grant is used up when the message is taken."""
    if template.id in user.turned_off or user.grants.get(template.id, 0) < 1:
        raise ApiError(43101)
    try:
        check_data(call.json.get("data"), template, call.platform.switches)
    except ApiError:
        if call.platform.switches.grant_used_on_refusal and not template.long_term:
            user.grants[template.id] -= 1
        raise
    if not template.long_term:
        user.grants[template.id] -= 1


def _subscribe(call: Call, kind: str) -> Answer:
    check_busy(call)
    user = call.user(call.json.get("touser"))
    template = _template(call)
    if kind == "subscribe":
        _page_exists(call)
    _granted(call, user, template)
    sent = call.platform.accept(call.account, kind, user, call.raw, call.now)
    return ok(msgid=sent.msgid)


def subscribe_send(call: Call) -> Answer:
    """A mini-program's subscribe message; each accept of the person pays for one."""
    return _subscribe(call, "subscribe")


def bizsend(call: Call) -> Answer:
    """A service account's subscribe message; people who do not follow get it too."""
    if call.account.config.kind != "service":
        raise ApiError(45103)
    return _subscribe(call, "bizsend")


# Templates of the account


def list_templates(call: Call) -> Answer:
    rows = []
    for template in call.account.config.templates.values():
        lines = [f"{label}：{{{{{key}.DATA}}}}" for key, label in (template.keys or {}).items()]
        rows.append({"template_id": template.id, "title": template.title, "content": "\n".join(lines)})
    return {"template_list": rows}


def delete_template(call: Call) -> Answer:
    _template(call)
    call.account.config.templates.pop(str(call.json["template_id"]), None)
    return ok()


ENDPOINTS = (
    Endpoint("/cgi-bin/message/template/send", "POST", template_send, SERVICE),
    Endpoint("/cgi-bin/message/subscribe/send", "POST", subscribe_send, MINI),
    Endpoint("/cgi-bin/message/subscribe/bizsend", "POST", bizsend),
    Endpoint("/cgi-bin/template/get_all_private_template", "GET", list_templates, SERVICE),
    Endpoint("/cgi-bin/template/del_private_template", "POST", delete_template, SERVICE),
)
