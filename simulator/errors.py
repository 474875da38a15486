"""Business errors of the platform and their texts."""

from __future__ import annotations

import secrets
from typing import Any

TEXTS: dict[int, str] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest, could get access_token by "
    "getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40004: "invalid media type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40006: "invalid meida size",
    40013: "invalid appid",
    40014: "invalid access_token",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40019: "invalid button key size",
    40020: "invalid button url size",
    40023: "invalid sub button size",
    40024: "invalid sub button type",
    40025: "invalid sub button name size",
    40026: "invalid sub button key size",
    40027: "invalid sub button url size",
    40029: "invalid code",
    40030: "invalid refresh_token",
    40031: "invalid openid list",
    40032: "invalid openid list size",
    40033: "invalid charset. please check your request, if include \\uxxxx will create fail!",
    40035: "invalid param",
    40036: "invalid template_id size",
    40037: "invalid template_id",
    40039: "invalid url size",
    40048: "invalid url domain",
    40052: "invalid action name",
    40053: "invalid action info, please check document",
    40055: "invalid url",
    40065: "invalid menuid",
    40066: "invalid url",
    40125: "invalid appsecret",
    40129: "invalid scene",
    40130: "invalid openid list size, at least two openid",
    40163: "code been used",
    40166: "invalid weapp appid",
    40226: "code blocked",
    40243: "AppSecret is frozen",
    41001: "access_token missing",
    41002: "appid missing",
    41003: "refresh_token missing",
    41004: "appsecret missing",
    41005: "media data missing",
    41008: "missing code",
    41009: "missing openid",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43019: "user is in the blacklist",
    43101: "user refuse to accept the msg",
    43117: "Sending messages to this openid too frequently,please try later",
    44002: "empty post data",
    44004: "empty content",
    45002: "content size out of limit",
    45008: "article size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit mustslower retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45028: "has no masssend quota",
    45047: "out of response count limit",
    45056: "too many tag now, please set less tag",
    45059: "the number of tag of this user is out of limit",
    45065: "clientmsgid exist",
    45067: "clientmsgid is too long",
    45072: "invalid command",
    45080: "no interaction within 30 seconds",
    45081: "already in typing state",
    45103: "This API has been unsupported",
    45157: "invalid tag name",
    45158: "tag name too long",
    46003: "menu no exist",
    46004: "user no exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
    48002: "user block receive message",
    48006: "forbid to clear quota because of reaching the limit",
    49003: "openid does not match appid",
    50004: "forbid to use token interface",
    50007: "account is frozen",
    61010: "code is expired or user did not visit within two hours",
    65301: "no conditional menu",
    65303: "there is no selfmenu, please create selfmenu first",
    65304: "match rule empty",
    76001: "rid not exist",
    76021: "cgi_path not found",
    87009: "invalid signature",
    87014: "risky content",
}


class ApiError(Exception):
    """A refusal: HTTP 200 with errcode, errmsg and whatever else the real answer carries."""

    def __init__(self, code: int, text: str | None = None, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.text = TEXTS.get(code, "unknown error") if text is None else text
        self.more = more


class AdminError(Exception):
    """A wrong admin call; `status` is the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def whole(value: Any, name: str, default: int = 0) -> int:
    """A whole number an admin gave, as number or text. Raises AdminError."""
    if value is None or value == "":
        return default
    if type(value) is not int and not (isinstance(value, str) and value.isdigit()):
        raise AdminError(f"{name} must be a whole number")
    return int(value)


def names(value: Any, key: str) -> list[str]:
    """A list of names an admin gave; a single one may stand alone. Raises AdminError."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise AdminError(f"{key} must be a list of names")
    return list(value)


def request_id(at: float) -> str:
    """Three groups of eight hex digits; the first is the unix time."""
    return f"{int(at) & 0xFFFFFFFF:08x}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
