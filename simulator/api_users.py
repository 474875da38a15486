"""Followers, tags and QR codes."""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web

from simulator.errors import ApiError
from simulator.gate import SERVICE, Answer, Call, Endpoint, ok
from simulator.media import qr_picture
from simulator.people import User

PAGE = 10_000
TAGS_OF_ACCOUNT = 100
TAGS_OF_USER = 20
QR_DAYS_30 = 2_592_000


# Followers


def _info(user: User) -> dict[str, Any]:
    union = {"unionid": user.unionid} if user.unionid else {}
    if not user.following:
        return {"subscribe": 0, "openid": user.openid, **union}
    return {
        "subscribe": 1,
        "openid": user.openid,
        "nickname": "",
        "sex": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": user.followed_at,
        **union,
        "remark": user.remark,
        "groupid": user.tags[0] if user.tags else 0,
        "tagid_list": list(user.tags),
        "subscribe_scene": user.scene,
        "qr_scene": user.qr_scene,
        "qr_scene_str": user.qr_scene_str,
    }


def user_info(call: Call) -> Answer:
    return _info(call.user(call.query("openid")))


def batch_info(call: Call) -> Answer:
    rows = call.json.get("user_list")
    if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
        raise ApiError(40032)
    openids = [row.get("openid") if isinstance(row, dict) else None for row in rows]
    return {"user_info_list": [_info(call.user(openid)) for openid in openids]}


def user_get(call: Call) -> Answer:
    """Followers in the order they were met, ten thousand at a time."""
    openids = [user.openid for user in call.account.users.values() if user.following]
    start = 0
    after = call.query("next_openid")
    if after:
        if after not in call.account.users:
            raise ApiError(40003)
        start = openids.index(after) + 1 if after in openids else len(openids)
    page = openids[start : start + PAGE]
    answer: dict[str, Any] = {"total": len(openids), "count": len(page)}
    if page:
        answer["data"] = {"openid": page}
    return {**answer, "next_openid": page[-1] if page else ""}


def update_remark(call: Call) -> Answer:
    remark = call.json.get("remark")
    if not isinstance(remark, str) or len(remark) >= 30:
        raise ApiError(40035)
    call.user(call.json.get("openid")).remark = remark
    return ok()


# Tags


def _tag_name(call: Call, row: Any) -> str:
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise ApiError(40035)
    if len(name.encode()) > 30:
        raise ApiError(45158)
    if name in call.account.tags.values():
        raise ApiError(45157)
    return name


def _tag_id(call: Call, value: Any) -> int:
    if not str(value).isdigit() or int(value) not in call.account.tags:
        raise ApiError(45159, "invalid tag id")
    return int(value)


def create_tag(call: Call) -> Answer:
    name = _tag_name(call, call.json.get("tag"))
    if len(call.account.tags) > TAGS_OF_ACCOUNT:
        raise ApiError(45056)
    return {"tag": {"id": call.account.tag_id(name), "name": name}}


def get_tags(call: Call) -> Answer:
    counts: dict[int, int] = {}
    for user in call.account.users.values():
        for tag in user.tags:
            counts[tag] = counts.get(tag, 0) + 1
    return {
        "tags": [{"id": n, "name": name, "count": counts.get(n, 0)} for n, name in call.account.tags.items()]
    }


def update_tag(call: Call) -> Answer:
    row = call.json.get("tag")
    number = _tag_id(call, row.get("id") if isinstance(row, dict) else None)
    call.account.tags[number] = _tag_name(call, row)
    return ok()


def delete_tag(call: Call) -> Answer:
    row = call.json.get("tag")
    number = _tag_id(call, row.get("id") if isinstance(row, dict) else None)
    if number < 100:
        raise ApiError(45058, "can't modify sys tag")
    del call.account.tags[number]
    for user in call.account.users.values():
        if number in user.tags:
            user.tags.remove(number)
    return ok()


def _members(call: Call) -> tuple[int, list[User]]:
    openids = call.json.get("openid_list")
    number = _tag_id(call, call.json.get("tagid"))
    if not isinstance(openids, list) or not 1 <= len(openids) <= 50:
        raise ApiError(40032)
    users = [call.account.users.get(openid) for openid in openids if isinstance(openid, str)]
    found = [user for user in users if user is not None and user.following]
    if len(found) != len(openids):
        raise ApiError(40003)
    return number, found


def batch_tagging(call: Call) -> Answer:
    number, users = _members(call)
    if any(number not in user.tags and len(user.tags) >= TAGS_OF_USER for user in users):
        raise ApiError(45059)
    for user in users:
        if number in user.tags:
            user.tags.remove(number)
        user.tags.append(number)
    call.platform.chat.tell("menu", {"account": call.account.name})
    return ok()


def batch_untagging(call: Call) -> Answer:
    number, users = _members(call)
    for user in users:
        if number in user.tags:
            user.tags.remove(number)
    call.platform.chat.tell("menu", {"account": call.account.name})
    return ok()


def tags_of_user(call: Call) -> Answer:
    return {"tagid_list": list(call.user(call.json.get("openid")).tags)}


def users_of_tag(call: Call) -> Answer:
    number = _tag_id(call, call.json.get("tagid"))
    openids = [user.openid for user in call.account.users.values() if number in user.tags]
    after = call.json.get("next_openid")
    start = openids.index(after) + 1 if after in openids else 0
    page = openids[start : start + PAGE]
    if not page:
        return {"count": 0}
    return {"count": len(page), "data": {"openid": page}, "next_openid": page[-1]}


# QR codes


def _scene(call: Call, action: str) -> str:
    info = call.json.get("action_info")
    scene = info.get("scene") if isinstance(info, dict) else None
    if not isinstance(scene, dict):
        raise ApiError(40053)
    if action.endswith("STR_SCENE"):
        text = scene.get("scene_str")
        if not isinstance(text, str) or not 1 <= len(text) <= 64:
            raise ApiError(40053)
        return text
    number = scene.get("scene_id")
    highest = 100_000 if action == "QR_LIMIT_SCENE" else 2**32 - 1
    if type(number) is not int or not 1 <= number <= highest:
        raise ApiError(40053)
    return str(number)


def create_qr(call: Call) -> Answer:
    """A ticket for a code that carries a scene."""
    action = str(call.json.get("action_name") or "")
    if action not in ("QR_SCENE", "QR_STR_SCENE", "QR_LIMIT_SCENE", "QR_LIMIT_STR_SCENE"):
        raise ApiError(40052)
    scene = _scene(call, action)
    seconds: int | None = None
    if not action.startswith("QR_LIMIT"):
        given = call.json.get("expire_seconds") or call.platform.switches.qr_default_seconds
        seconds = min(int(given), QR_DAYS_30) if str(given).isdigit() else QR_DAYS_30
    ticket = "gQ" + secrets.token_urlsafe(64)
    url = "http://weixin.qq.com/q/" + secrets.token_urlsafe(18)
    call.platform.qr_codes[ticket] = {
        "account": call.account.appid,
        "scene": scene,
        "string": action.endswith("STR_SCENE"),
        "expires": call.now + seconds if seconds else None,
        "url": url,
    }
    return {"ticket": ticket, **({"expire_seconds": seconds} if seconds else {}), "url": url}


async def show_qr(call: Call) -> Answer:
    """The picture of a ticket; 404 when the ticket is wrong or over."""
    code = call.platform.qr_codes.get(call.query("ticket"))
    if code is None or (code["expires"] is not None and code["expires"] <= call.now):
        return web.Response(status=404, text="<html><title>404</title></html>", content_type="text/html")
    return web.Response(body=qr_picture(code["url"]), content_type="image/jpg")


ENDPOINTS = (
    Endpoint("/cgi-bin/user/info", "GET", user_info, SERVICE),
    Endpoint("/cgi-bin/user/info/batchget", "POST", batch_info, SERVICE),
    Endpoint("/cgi-bin/user/get", "GET", user_get, SERVICE),
    Endpoint("/cgi-bin/user/info/updateremark", "POST", update_remark, SERVICE),
    Endpoint("/cgi-bin/tags/create", "POST", create_tag, SERVICE),
    Endpoint("/cgi-bin/tags/get", "GET", get_tags, SERVICE),
    Endpoint("/cgi-bin/tags/update", "POST", update_tag, SERVICE),
    Endpoint("/cgi-bin/tags/delete", "POST", delete_tag, SERVICE),
    Endpoint("/cgi-bin/tags/members/batchtagging", "POST", batch_tagging, SERVICE),
    Endpoint("/cgi-bin/tags/members/batchuntagging", "POST", batch_untagging, SERVICE),
    Endpoint("/cgi-bin/tags/getidlist", "POST", tags_of_user, SERVICE),
    Endpoint("/cgi-bin/user/tag/get", "POST", users_of_tag, SERVICE),
    Endpoint("/cgi-bin/qrcode/create", "POST", create_qr, SERVICE),
    Endpoint("/cgi-bin/showqrcode", "GET", show_qr, token=False),
)
