"""What a person can do with the phone, and what the backend is told of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from simulator.errors import AdminError, whole
from simulator.media import SAMPLE_VIDEO, SAMPLE_VOICE, sample_photo
from simulator.people import User
from simulator.platform import Platform
from simulator.push import Push
from simulator.wire import Fields

MAX_TEXT = 20_000
ACTIONS = (
    "say",
    "menu",
    "click",
    "view",
    "scan",
    "photo",
    "voice",
    "video",
    "location",
    "link",
    "follow",
    "unfollow",
    "enter",
    "event",
)
OPEN_TO_STRANGERS = ("scan", "follow", "unfollow", "event")
WINDOW_EVENTS = {"CLICK": "menu", "scancode_push": "menu", "scancode_waitmsg": "menu"}


class Actor:
    """Lets persons act at accounts."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    async def act(self, user: User, row: Mapping[str, Any], base: str) -> Push:
        """Do the one action a row names and push it. Raises AdminError."""
        chosen = [name for name in ACTIONS if name in row]
        if len(chosen) != 1:
            raise AdminError(f"name exactly one of {', '.join(ACTIONS)}")
        action, value = chosen[0], row[chosen[0]]
        service = user.account.config.kind == "service"
        if service and not user.following and action not in OPEN_TO_STRANGERS:
            raise AdminError(f"{user.person.id} does not follow {user.account.name}", 409)
        fields = self._fields(user, action, value, base)
        extra = row.get("fields") or {}
        if not isinstance(extra, dict):
            raise AdminError("fields must be an object")
        return await self.platform.pusher.send(
            user, {**fields, **extra}, repeat=whole(row.get("repeat"), "repeat")
        )

    def _fields(self, user: User, action: str, value: Any, base: str) -> Fields:
        match action:
            case "say":
                return self._text(user, _text(value, "say"))
            case "menu":
                return self._menu_choice(user, value)
            case "photo" | "voice" | "video":
                return self._media(user, action, value, base)
            case "location":
                return self._location(user, value)
            case "link":
                return self._link(user, value)
            case "scan":
                return self._scan(user, value)
            case "follow":
                return self.follow(user)
            case "unfollow":
                return self.unfollow(user)
        return self._event(user, action, value)

    # Messages

    def _acted(self, user: User, kind: str) -> None:
        user.acted(kind, self.platform.clock.now(), self.platform.switches)

    def _show(self, user: User, via: str, **data: Any) -> None:
        self.platform.chat.add(user, self.platform.clock.now(), "user", via, data)

    def _text(self, user: User, content: str) -> Fields:
        self._acted(user, "message")
        self._show(user, "message", type="text", text=content)
        return {"MsgType": "text", "Content": content}

    def _menu_choice(self, user: User, value: Any) -> Fields:
        """A tap on an item of a msgmenu counts as a menu click."""
        if not isinstance(value, dict) or not value.get("id"):
            raise AdminError('menu must be {"id": …, "content": …}')
        content = _text(value.get("content") or "", "menu.content")
        self._acted(user, "menu")
        self._show(user, "message", type="text", text=content, menu_id=str(value["id"]))
        return {"MsgType": "text", "Content": content, "bizmsgmenuid": str(value["id"])}

    def _media(self, user: User, action: str, value: Any, base: str) -> Fields:
        kind = "image" if action == "photo" else action
        data = SAMPLE_VOICE if kind == "voice" else _bytes(action, value)
        media = self.platform.media.keep(user.account.appid, kind, data, self.platform.clock.now())
        said = {"text": _text(value, "voice")} if kind == "voice" else {}
        self._acted(user, "message")
        self._show(user, "message", type=kind, media_id=media.id, url=media.link, **said)
        fields: Fields = {"MsgType": kind}
        if kind == "image":
            return {**fields, "PicUrl": f"{base}/{media.link}", "MediaId": media.id}
        if kind == "video":
            return {**fields, "MediaId": media.id, "ThumbMediaId": self._thumb(user)}
        heard = {"Recognition": said["text"]} if self.platform.switches.voice_recognition else {}
        return {**fields, "MediaId": media.id, "Format": "amr", **heard}

    def _thumb(self, user: User) -> str:
        now = self.platform.clock.now()
        return self.platform.media.keep(user.account.appid, "thumb", sample_photo(), now).id

    def _location(self, user: User, value: Any) -> Fields:
        try:
            lat, lng = float(value["lat"]), float(value["lng"])
        except (TypeError, KeyError, ValueError) as error:
            raise AdminError('location must be {"lat": …, "lng": …, "label": …}') from error
        if not (-90 <= lat <= 90 and -180 <= lng <= 180):
            raise AdminError("location: lat is -90 to 90, lng is -180 to 180")
        label = str(value.get("label") or "")
        self._acted(user, "message")
        self._show(user, "message", type="location", lat=lat, lng=lng, label=label)
        scale = whole(value.get("scale"), "scale", 16)
        return {"MsgType": "location", "Location_X": lat, "Location_Y": lng, "Scale": scale, "Label": label}

    def _link(self, user: User, value: Any) -> Fields:
        if not isinstance(value, dict) or not value.get("url"):
            raise AdminError('link must be {"title": …, "description": …, "url": …}')
        shown = {key: str(value.get(key) or "") for key in ("title", "description", "url")}
        self._acted(user, "message")
        self._show(user, "message", type="link", **shown)
        return {"MsgType": "link", **{key.title(): text for key, text in shown.items()}}

    # Events

    def _event(self, user: User, action: str, value: Any) -> Fields:
        match action:
            case "click":
                fields: Fields = {"Event": "CLICK", "EventKey": _text(value, "click")}
            case "view":
                fields = {
                    "Event": "VIEW",
                    "EventKey": _text(value, "view"),
                    "MenuId": user.account.menu_for(user)[0],
                }
            case "enter":
                fields = {
                    "Event": "user_enter_tempsession",
                    "SessionFrom": value if isinstance(value, str) else "",
                }
                self._acted(user, "enter")
            case _:
                if not isinstance(value, dict) or not value.get("Event"):
                    raise AdminError('event must be an object of raw fields with "Event"')
                fields = dict(value)
        if fields["Event"] in WINDOW_EVENTS:
            self._acted(user, WINDOW_EVENTS[fields["Event"]])
        self._show_event(user, fields)
        return {"MsgType": "event", **fields}

    def _show_event(self, user: User, fields: Fields) -> None:
        self._show(user, "event", type="event", event=fields["Event"], key=str(fields.get("EventKey", "")))

    def pay(self, user: User) -> None:
        """The person paid: customer messages without limit for 48 hours. Nothing is pushed."""
        self._acted(user, "pay")

    def _scan(self, user: User, value: Any) -> Fields:
        """SCAN for a follower; somebody else follows by scanning."""
        row = {"scene": value} if isinstance(value, str) else value
        if not isinstance(row, dict) or not (row.get("scene") or row.get("ticket")):
            raise AdminError('scan must be {"scene": …} or {"ticket": …}')
        scene, ticket, is_text = self._scene(user, row)
        self._acted(user, "scan")
        if user.following:
            self._show_event(user, {"Event": "SCAN", "EventKey": scene})
            return {"MsgType": "event", "Event": "SCAN", "EventKey": scene, "Ticket": ticket}
        fields = self.follow(user, "ADD_SCENE_QR_CODE")
        user.qr_scene, user.qr_scene_str = (0, scene) if is_text or not scene.isdigit() else (int(scene), "")
        return {**fields, "EventKey": f"qrscene_{scene}", "Ticket": ticket}

    def _scene(self, user: User, row: Mapping[str, Any]) -> tuple[str, str, bool]:
        """Scene and ticket of a code of this account. Raises AdminError when it is over or another's."""
        codes, now = self.platform.qr_codes, self.platform.clock.now()
        if not row.get("ticket"):
            scene = str(row["scene"])
            mine = [t for t, c in codes.items() if c["account"] == user.account.appid and c["scene"] == scene]
            return scene, mine[-1] if mine else "", not scene.isdigit()
        code = codes.get(str(row["ticket"]))
        if code is None or code["account"] != user.account.appid:
            raise AdminError("no such QR ticket at this account", 404)
        if code["expires"] is not None and code["expires"] <= now:
            raise AdminError("this QR code is over", 409)
        return str(code["scene"]), str(row["ticket"]), bool(code["string"])

    def follow(self, user: User, scene: str = "ADD_SCENE_SEARCH") -> Fields:
        """The person follows; the fields of the event."""
        now = self.platform.clock.now()
        user.following, user.followed_at, user.scene = True, int(now), scene
        user.qr_scene, user.qr_scene_str = 0, ""
        self._acted(user, "follow")
        self._show_event(user, {"Event": "subscribe"})
        return {"MsgType": "event", "Event": "subscribe", "EventKey": ""}

    def unfollow(self, user: User) -> Fields:
        """The person leaves: tags, remark and windows are gone."""
        user.following = False
        user.tags.clear()
        user.windows.clear()
        user.remark = ""
        self._show_event(user, {"Event": "unsubscribe"})
        return {"MsgType": "event", "Event": "unsubscribe", "EventKey": ""}

    # Subscribe messages

    def popup(self, user: User, choices: Mapping[str, str], scene: int) -> tuple[dict[str, str], Fields]:
        """The person answers the popup: what the page is told, and the event. Raises AdminError."""
        templates = user.account.config.templates
        if not 1 <= len(choices) <= 3:
            raise AdminError("a popup asks for one to three templates")
        wrong = [choice for choice in choices.values() if choice not in ("accept", "reject")]
        if wrong:
            raise AdminError(f"a choice is accept or reject, not {wrong[0]!r}")
        if len({templates[tid].long_term for tid in choices if tid in templates}) > 1:
            raise AdminError("one-time and long-term templates cannot be asked for together")
        result = {tid: choice if tid in templates else "ban" for tid, choice in choices.items()}
        rows = []
        for tid, choice in result.items():
            if choice == "accept":
                user.grants[tid] = user.grants.get(tid, 0) + 1
                user.turned_off -= {tid}
            if choice != "ban":
                rows.append({"TemplateId": tid, "SubscribeStatusString": choice, "PopupScene": str(scene)})
        return result, {
            "MsgType": "event",
            "Event": "subscribe_msg_popup_event",
            "SubscribeMsgPopupEvent": {"List": rows},
        }

    def turn_off(self, user: User, template_ids: list[str]) -> Fields:
        """The person rejects templates in the settings; the fields of the event."""
        for template_id in template_ids:
            user.grants.pop(template_id, None)
            user.turned_off |= {template_id}
        rows = [{"TemplateId": tid, "SubscribeStatusString": "reject"} for tid in template_ids]
        event = {"Event": "subscribe_msg_change_event", "SubscribeMsgChangeEvent": {"List": rows}}
        return {"MsgType": "event", **event}


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise AdminError(f"{name} must be a text")
    return value


def _bytes(action: str, value: Any) -> bytes:
    if value == "sample":
        return SAMPLE_VIDEO if action == "video" else sample_photo()
    if not isinstance(value, str):
        raise AdminError(f"{action} must be base64 or sample")
    try:
        data = base64.b64decode(value.split(",", 1)[-1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise AdminError(f"{action} is not base64") from error
    if not data:
        raise AdminError(f"{action} is empty")
    return data
