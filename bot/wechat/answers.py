"""What WeChat's API answers, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.wechat.errors import Uncertain
from bot.wechat.transport import Answer


@dataclass(frozen=True, slots=True)
class Login:
    """A mini-program login. The session key stays on the server and is best not stored at all."""

    openid: str
    unionid: str = ""
    session_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class OAuthUser:
    """Who opened a page inside WeChat. `snapshot`: a virtual visitor with a made-up openid; never bind it."""

    openid: str
    unionid: str = ""
    scope: str = ""
    snapshot: bool = False
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Phone:
    number: str = field(repr=False)
    country_code: str = "86"


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A person as an account knows them; only `following` and `unionid` mean something for one who left."""

    openid: str
    following: bool
    unionid: str = ""
    followed_at: datetime | None = None
    tag_ids: tuple[int, ...] = ()
    came_by: str = ""
    scene: str = ""


@dataclass(frozen=True, slots=True)
class Qr:
    ticket: str
    url: str
    image_url: str


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a voice as bytes; a video is only told as an address."""

    content: bytes = field(repr=False)
    content_type: str = ""
    file_name: str = ""
    video_url: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A checked text. `suggest`: pass, review or risky."""

    suggest: str
    label: int
    trace_id: str


def string(api: str, answer: Answer, name: str, default: str | None = None) -> str:
    """A text or a number of the answer as str. Raises Uncertain when it is something else, or missing."""
    value: Any = answer.get(name, default)
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    raise Uncertain(api, f"no usable {name} in the answer")


def whole(api: str, answer: Answer, name: str) -> int:
    """A whole number of the answer. Raises Uncertain when it is something else, or missing."""
    value: Any = answer.get(name)
    if type(value) is int:
        return value
    raise Uncertain(api, f"no usable {name} in the answer")


def group(api: str, answer: Answer, name: str) -> Answer:
    """An object of the answer. Raises Uncertain when it is something else, or missing."""
    value: Any = answer.get(name)
    if isinstance(value, dict):
        return value
    raise Uncertain(api, f"no usable {name} in the answer")
