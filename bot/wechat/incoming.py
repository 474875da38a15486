"""One message or event of WeChat as a value, and how its fields are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any, Final, Literal, get_args

from bot.config import Account
from bot.wechat.documents import Malformed, Tree

Kind = Literal["text", "image", "voice", "video", "shortvideo", "location", "link", "event", "unknown"]
_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a template or mass message.

    Status: success, user_block, system_failed, freq_limit or failed; `detail` is what WeChat wrote.
    """

    msg_id: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SubscribeChange:
    """One line of a subscribe event. Status: accept or reject (popup, change), success or failed (sent)."""

    template_id: str
    status: str
    msg_id: str = ""
    error_code: str = ""
    popup_scene: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message or event, with every field checked for its type. Absent text is "".

    `text` is what the person said: the content, the recognised speech, the key of a clicked menu item or
    the scanned code. `menu_id` is the id of a tapped line of a service message. `openid` is the person
    meant, also where the platform speaks about a person. `previous_key`: sealed with the key before the
    current one, and so is the reply. `raw` has all fields, names in lower case.
    """

    account: str
    openid: str
    to: str
    kind: Kind
    created_at: datetime
    dedupe_key: bytes = field(repr=False)
    encrypted: bool
    json: bool
    previous_key: bool = False
    event: str = ""
    text: str = field(default="", repr=False)
    menu_id: str = ""
    msg_id: str = ""
    media_id: str = ""
    thumb_media_id: str = ""
    format: str = ""
    pic_url: str = ""
    title: str = ""
    url: str = ""
    latitude: float | None = field(default=None, repr=False)
    longitude: float | None = field(default=None, repr=False)
    label: str = field(default="", repr=False)
    event_key: str = ""
    scene: str = ""
    ticket: str = ""
    trace_id: str = ""
    receipt: Receipt | None = None
    subscriptions: tuple[SubscribeChange, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


_ID = re.compile(r"[0-9A-Za-z_@.-]{1,64}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_SECONDS = re.compile(r"[0-9]{1,10}")
_DEGREES = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,20})?")


def incoming_from(
    account: Account, fields: Tree, *, json: bool, encrypted: bool, previous_key: bool = False
) -> Incoming:
    """The value for the fields of a push. Raises Malformed where one is missing or of the wrong type."""
    kind_name = _word(fields, "msgtype", "no_type").lower()
    sender = _word(fields, "fromusername", "no_sender")
    created = word(fields, "createtime")
    if not _SECONDS.fullmatch(created):
        raise Malformed("no_time")
    msg_id = word(fields, "msgid")
    if msg_id and not _DIGITS.fullmatch(msg_id):
        raise Malformed("msg_id")
    kind = _KINDS.get(kind_name, "unknown")
    more = _event(fields, msg_id) if kind == "event" else _message(kind, fields)
    identity = _identity(more, msg_id)
    key = "\x1f".join((account.appid, sender, created, kind_name, *identity))
    return Incoming(
        account=account.name,
        openid=more.pop("openid", "") or sender,
        to=_word(fields, "tousername", "no_receiver"),
        kind=kind,
        created_at=datetime.fromtimestamp(int(created), UTC),
        dedupe_key=sha1(key.encode(), usedforsecurity=False).digest(),
        encrypted=encrypted,
        json=json,
        previous_key=previous_key,
        msg_id=msg_id,
        raw=fields,
        **more,
    )


def _identity(more: dict[str, Any], msg_id: str) -> tuple[str, ...]:
    # An event has no MsgId of its own, and a second holds many events: what it is about must tell them apart.
    if "event" not in more:
        return (msg_id,) if msg_id else (more.get("text", ""), more.get("media_id", ""))
    about = [f"{c.template_id}|{c.status}|{c.msg_id}" for c in more.get("subscriptions", ())]
    return (
        *(more["event"], more["event_key"], msg_id, more.get("trace_id", "")),
        *(more.get("openid", ""), more.get("text", "")),
        *about,
    )


def text(fields: Tree, name: str) -> str:
    """A field as it was written, "" when absent. Raises Malformed when it is a group or stands twice."""
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Malformed("field_type")
    return value


def word(fields: Tree, name: str) -> str:
    """A field without the blanks around it."""
    return text(fields, name).strip()


def _word(fields: Tree, name: str, missing: str) -> str:
    found = word(fields, name)
    if not found:
        raise Malformed(missing)
    if not _ID.fullmatch(found):
        raise Malformed("field_type")
    return found


def _group(fields: Tree, name: str) -> Tree:
    value = fields.get(name) or {}
    if not isinstance(value, dict):
        raise Malformed("field_type")
    return value


def _groups(fields: Tree, name: str) -> list[Tree]:
    # One entry comes as an object, several as an array.
    value = fields.get(name) or []
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) for entry in found):
        raise Malformed("field_type")
    return found


def _degrees(written: str, limit: int) -> float | None:
    value = float(written) if _DEGREES.fullmatch(written) else None
    return value if value is not None and -limit <= value <= limit else None


def _place(fields: Tree, latitude: str, longitude: str) -> dict[str, Any]:
    return {
        "latitude": _degrees(word(fields, latitude), 90),
        "longitude": _degrees(word(fields, longitude), 180),
        "label": word(fields, "label"),
    }


def _message(kind: Kind, fields: Tree) -> dict[str, Any]:
    match kind:
        case "text":
            return {"text": text(fields, "content"), "menu_id": word(fields, "bizmsgmenuid")}
        case "image":
            return {"media_id": word(fields, "mediaid"), "pic_url": word(fields, "picurl")}
        case "voice":
            return {
                "media_id": word(fields, "mediaid"),
                "format": word(fields, "format"),
                "text": text(fields, "recognition"),
            }
        case "video" | "shortvideo":
            return {"media_id": word(fields, "mediaid"), "thumb_media_id": word(fields, "thumbmediaid")}
        case "location":
            return _place(fields, "location_x", "location_y")
        case "link":
            return {"title": word(fields, "title"), "url": word(fields, "url")}
    return {}


def _event(fields: Tree, msg_id: str) -> dict[str, Any]:
    event = _word(fields, "event", "no_event").lower()
    key = word(fields, "eventkey")
    known: dict[str, Any] = {"event": event, "event_key": key, "ticket": word(fields, "ticket")}
    match event:
        case "subscribe" if key.startswith("qrscene_"):
            known["scene"] = key.removeprefix("qrscene_")
        case "scan":
            known["scene"] = key
        case "click":
            known["text"] = key
        case "view":
            known["url"] = key
        case "location":
            known |= _place(fields, "latitude", "longitude")
        case "location_select":
            known |= _place(_group(fields, "sendlocationinfo"), "location_x", "location_y")
        case "scancode_push" | "scancode_waitmsg":
            known["text"] = text(_group(fields, "scancodeinfo"), "scanresult")
        case "templatesendjobfinish" | "masssendjobfinish":
            known["receipt"] = _receipt(msg_id, text(fields, "status"))
        case "subscribe_msg_popup_event" | "subscribe_msg_change_event" | "subscribe_msg_sent_event":
            known["subscriptions"] = _subscriptions(fields, event)
        case "wxa_media_check":
            known["trace_id"] = word(fields, "trace_id")
        case "user_authorization_revoke" | "user_info_modified":
            # The sender is the platform; the person is named inside.
            known["openid"] = word(fields, "openid")
    return known


_FAILURES: Final = frozenset({"user_block", "system_failed", "freq_limit"})


def _receipt(msg_id: str, status: str) -> Receipt:
    detail = " ".join(status.lower().split())
    if detail in ("success", "send success"):
        return Receipt(msg_id, "success", detail)
    failure = detail.removeprefix("failed").lstrip(": ").replace(" ", "_")
    return Receipt(msg_id, failure if failure in _FAILURES else "failed", detail)


def _subscriptions(fields: Tree, event: str) -> tuple[SubscribeChange, ...]:
    # XML puts the lines into a group named like the event; JSON mostly puts them beside it.
    holder = _group(fields, event.replace("_", "")) or fields
    return tuple(_subscription(line) for line in _groups(holder, "list"))


def _subscription(line: Tree) -> SubscribeChange:
    code = word(line, "errorcode")
    return SubscribeChange(
        template_id=word(line, "templateid"),
        status=word(line, "subscribestatusstring").lower() or ("success" if code == "0" else "failed"),
        msg_id=word(line, "msgid"),
        error_code=code,
        popup_scene=word(line, "popupscene"),
    )
