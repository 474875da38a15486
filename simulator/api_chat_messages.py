"""Customer-service messages and mass messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.api_messages import check_busy
from simulator.clock import iso
from simulator.errors import ApiError
from simulator.gate import SERVICE, Answer, Call, Endpoint, ok


def custom_send(call: Call) -> Answer:
    """A customer-service message, as long as the person's last action allows."""
    body, now = call.json, call.now
    check_busy(call)
    user = call.user(body.get("touser"))
    shown = _custom_shown(call, body)
    if call.account.config.kind == "service" and not user.following:
        raise ApiError(45015)
    if user.blocked or user.blacklisted:
        raise ApiError(43019)
    allowed = user.take_custom(now, call.platform.switches.custom_quota_adds_up)
    if allowed is None:
        raise ApiError(45015)
    if not allowed:
        raise ApiError(45047)
    sent = call.platform.journal.accept(call.account, "custom", user.openid, call.raw, now)
    call.platform.journal.finish(sent, "success")
    call.platform.chat.add(user, now, "account", "custom", shown)
    user.typing_until = 0.0
    return ok()


def _custom_shown(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    """The message as the phone shows it. Raises what is wrong with it."""
    kind = body.get("msgtype")
    part = body.get(kind) if isinstance(kind, str) else None
    if kind not in SHOWN or (call.account.config.kind == "mini_program" and kind not in MINI_CUSTOM):
        raise ApiError(40008)
    if not isinstance(part, dict):
        raise ApiError(47001)
    return {"type": kind, **SHOWN[kind](call, part)}


def _text(_call: Call, part: dict[str, Any]) -> dict[str, Any]:
    content = part.get("content")
    if not isinstance(content, str) or not content:
        raise ApiError(44004)
    if len(content.encode()) > 2048:
        raise ApiError(45002)
    return {"text": content}


def _media(call: Call, part: dict[str, Any], key: str = "media_id") -> dict[str, Any]:
    media = call.platform.media.get(call.account.appid, str(part.get(key) or ""), call.now)
    if media is None:
        raise ApiError(40007)
    return {"media_id": media.id, "url": media.link}


def _video(call: Call, part: dict[str, Any]) -> dict[str, Any]:
    return {
        **_media(call, part),
        "title": part.get("title") or "",
        "description": part.get("description") or "",
    }


def _music(_call: Call, part: dict[str, Any]) -> dict[str, Any]:
    titles = {"title": part.get("title") or "", "description": part.get("description") or ""}
    return {**titles, "url": part.get("musicurl") or ""}


def _news(_call: Call, part: dict[str, Any]) -> dict[str, Any]:
    articles = part.get("articles")
    if not isinstance(articles, list) or not articles or not all(isinstance(a, dict) for a in articles):
        raise ApiError(47001)
    if len(articles) > 1:
        raise ApiError(45008)
    keys = ("title", "description", "picurl", "url")
    return {"articles": [{key: str(article.get(key) or "") for key in keys} for article in articles]}


def _msgmenu(_call: Call, part: dict[str, Any]) -> dict[str, Any]:
    rows = part.get("list")
    if not isinstance(rows, list) or not rows or not all(isinstance(r, dict) and r.get("id") for r in rows):
        raise ApiError(45098, "invalid msgmenu list")
    items = [{"id": str(row["id"]), "content": str(row.get("content") or "")} for row in rows]
    return {"head": part.get("head_content") or "", "items": items, "tail": part.get("tail_content") or ""}


def _page(call: Call, part: dict[str, Any]) -> dict[str, Any]:
    if call.account.config.kind == "service" and not part.get("appid"):
        raise ApiError(40013)
    if not part.get("pagepath"):
        raise ApiError(40165, "invalid weapp pagepath")
    picture = _media(call, part, "thumb_media_id")
    names = ("title", "appid", "pagepath")
    return {**{name: part.get(name) or "" for name in names}, **picture}


def _link(_call: Call, part: dict[str, Any]) -> dict[str, Any]:
    return {key: part.get(key) or "" for key in ("title", "description", "url", "thumb_url")}


SHOWN: dict[str, Callable[[Call, dict[str, Any]], dict[str, Any]]] = {
    "text": _text,
    "image": _media,
    "voice": _media,
    "video": _video,
    "music": _music,
    "news": _news,
    "msgmenu": _msgmenu,
    "miniprogrampage": _page,
    "link": _link,
}
MINI_CUSTOM = ("text", "image", "link", "miniprogrampage")


def typing(call: Call) -> Answer:
    """Show or hide "the other side is typing"."""
    user = call.user(call.json.get("touser"))
    command = call.json.get("command")
    if command not in ("Typing", "CancelTyping"):
        raise ApiError(45072)
    if call.now - user.last_action > 30:
        raise ApiError(45080)
    if command == "Typing" and user.typing_until > call.now:
        raise ApiError(45081)
    user.typing_until = call.now + 15 if command == "Typing" else 0.0
    row = {"account": call.account.name, "openid": user.openid, "person": user.person.id}
    call.platform.chat.tell("typing", {**row, "type": "typing", "on": command == "Typing"})
    return ok()


# Mass messages

MASS_MONTHLY = 4


def mass_send(call: Call) -> Answer:
    """A message to 2–10,000 openids; each person takes four a month."""
    body = call.json
    openids = body.get("touser")
    if not isinstance(openids, list) or not all(isinstance(o, str) for o in openids):
        raise ApiError(40031)
    if len(openids) < 2:
        raise ApiError(40130)
    if len(openids) > 10_000:
        raise ApiError(40032)
    client_id = body.get("clientmsgid") or ""
    _check_mass_id(call, client_id)
    shown = _mass_shown(call, body)
    sent = call.platform.journal.accept(call.account, "mass", openids, call.raw, call.now, client_id)
    if client_id:
        call.account.mass_ids[client_id] = (call.now, sent.msgid)
    call.platform.clock.at(call.now + 1, lambda: _mass_arrives(call, sent.seq, openids, shown))
    text = "send job submission success"
    return {"errcode": 0, "errmsg": text, "msg_id": sent.msgid, "msg_data_id": sent.msgid + 1}


def _check_mass_id(call: Call, client_id: str) -> None:
    if len(str(client_id).encode()) > 32:
        raise ApiError(45067)
    seen = call.account.mass_ids.get(client_id)
    if client_id and seen and call.now - seen[0] < 86_400:
        raise ApiError(45065, msg_id=seen[1])


def _mass_shown(call: Call, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("msgtype") == "image":
        ids = (body.get("images") or {}).get("media_ids") or []
        return {"type": "image", **_media(call, {"media_id": ids[0] if ids else ""})}
    return _custom_shown(call, body)


def _mass_arrives(call: Call, seq: int, openids: list[str], shown: dict[str, Any]) -> None:
    platform, month, reached = call.platform, iso(call.now)[:7], 0
    users = [u for u in (call.account.users.get(openid) for openid in openids) if u and u.following]
    for user in users:
        last, count = user.masses
        count = count if last == month else 0
        if count < MASS_MONTHLY and not user.blocked:
            user.masses = (month, count + 1)
            platform.chat.add(user, platform.clock.now(), "account", "mass", shown)
            reached += 1
    sent = platform.journal.by_seq(seq)
    if sent is None:
        return
    platform.journal.finish(sent, "success" if reached else "send fail")
    if users and platform.switches.receipts != "never":
        platform.pusher.later(users[0], _mass_event(sent.msgid, len(openids), len(users), reached))


def _mass_event(msgid: int, total: int, filtered: int, reached: int) -> dict[str, Any]:
    return {
        "MsgType": "event",
        "Event": "MASSSENDJOBFINISH",
        "MsgID": msgid,
        "Status": "send success" if reached else "send fail",
        "TotalCount": total,
        "FilterCount": filtered,
        "SentCount": reached,
        "ErrorCount": filtered - reached,
    }


ENDPOINTS = (
    Endpoint("/cgi-bin/message/custom/send", "POST", custom_send),
    Endpoint("/cgi-bin/message/custom/typing", "POST", typing),
    Endpoint("/cgi-bin/message/mass/send", "POST", mass_send, SERVICE),
)
