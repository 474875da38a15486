"""Reading what a backend answers to a push, the way the platform does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from simulator.config import AccountConfig, Switches
from simulator.crypto import CryptoError, decrypt, signature
from simulator.wire import Fields, WireError, from_xml

TEXT_BYTES = 2048
ONE_ARTICLE = ("text", "image", "voice", "video", "shortvideo", "location", "link")


class BadReply(Exception):  # noqa: N818 - a verdict on somebody else's answer
    """An answer the platform cannot use; the text says why."""


@dataclass(frozen=True)
class Reply:
    """What the person gets to see; None in `shown` for success or an empty answer."""

    shown: dict[str, Any] | None
    clear: str


def read_reply(
    config: AccountConfig, status: int, body: bytes, pushed: Fields, openid: str, switches: Switches
) -> Reply:
    """Judge an answer. Raises BadReply."""
    if status != 200:
        raise BadReply(f"HTTP status {status}")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadReply("not UTF-8") from error
    if text.strip() in ("", "success"):
        return Reply(None, text)
    try:
        fields, clear = _opened(config, text)
    except (WireError, CryptoError) as error:
        raise BadReply(str(error)) from error
    if config.kind == "mini_program":
        return Reply(None, clear)
    return Reply(_shown(config, fields, pushed, openid, switches), clear)


def _opened(config: AccountConfig, text: str) -> tuple[Fields, str]:
    fields = _tree(config, text)
    if "Encrypt" in fields and config.push_mode != "plain":
        keys = ("TimeStamp", "Nonce", "Encrypt")
        expected = signature(config.token, *(str(fields.get(key, "")) for key in keys))
        if fields.get("MsgSignature") != expected:
            raise WireError("MsgSignature of the reply is wrong")
        clear = decrypt(config.aes_key, config.appid, str(fields["Encrypt"]))
        return _tree(config, clear), clear
    if config.push_mode == "safe":
        raise WireError("safe mode wants an encrypted reply")
    return fields, text


def _tree(config: AccountConfig, text: str) -> Fields:
    if config.push_format == "json" or (config.kind == "mini_program" and text.lstrip().startswith("{")):
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise WireError(f"not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise WireError("not a JSON object")
        return fields
    return from_xml(text)


def _shown(
    config: AccountConfig, fields: Fields, pushed: Fields, openid: str, switches: Switches
) -> dict[str, Any] | None:
    if fields.get("ToUserName") != openid or fields.get("FromUserName") != config.original_id:
        raise BadReply("ToUserName and FromUserName must be those of the push, swapped")
    if not str(fields.get("CreateTime", "")).strip().isdigit():
        raise BadReply("CreateTime is missing")
    match fields.get("MsgType"):
        case "text":
            return _text(fields, switches)
        case "image":
            return {"type": "image", "media_id": _inner(fields, "Image", "MediaId")}
        case "voice":
            return {"type": "voice", "media_id": _inner(fields, "Voice", "MediaId")}
        case "video":
            video = _group(fields, "Video")
            titles = {"title": video.get("Title", ""), "description": video.get("Description", "")}
            return {"type": "video", "media_id": _inner(fields, "Video", "MediaId"), **titles}
        case "music":
            music = _group(fields, "Music")
            url = music.get("MusicUrl", "")
            return {"type": "music", "title": music.get("Title", ""), "description": "", "url": url}
        case "news":
            return {"type": "news", "articles": _articles(fields, pushed)}
        case "transfer_customer_service":
            return None
    raise BadReply(f"MsgType {fields.get('MsgType')!r} is no reply")


def _text(fields: Fields, switches: Switches) -> dict[str, Any] | None:
    content = fields.get("Content")
    if not isinstance(content, str) or not content:
        raise BadReply("Content is missing or stands twice")
    raw = content.encode()
    if len(raw) <= TEXT_BYTES:
        return {"type": "text", "text": content}
    if switches.long_reply == "unavailable":
        raise BadReply(f"text of {len(raw)} bytes, {TEXT_BYTES} are allowed")
    if switches.long_reply == "drop":
        return None
    return {"type": "text", "text": raw[:TEXT_BYTES].decode(errors="ignore")}


def _group(fields: Fields, name: str) -> Fields:
    group = fields.get(name)
    if not isinstance(group, dict):
        raise BadReply(f"{name} is missing")
    return group


def _inner(fields: Fields, group: str, name: str) -> str:
    value = _group(fields, group).get(name)
    if not isinstance(value, str) or not value:
        raise BadReply(f"{group}/{name} is missing")
    return value


def _articles(fields: Fields, pushed: Fields) -> list[dict[str, str]]:
    """At most one article answers a message, at most eight an event; more are not shown."""
    items = _group(fields, "Articles").get("item")
    rows: list[Any] = items if isinstance(items, list) else [items]
    if not all(isinstance(row, dict) for row in rows):
        raise BadReply("Articles/item is missing")
    limit = 1 if pushed.get("MsgType") in ONE_ARTICLE else 8
    keys = {"title": "Title", "description": "Description", "picurl": "PicUrl", "url": "Url"}
    return [{k: str(row.get(name) or "") for k, name in keys.items()} for row in rows[:limit]]
