"""What we say: the messages a reply or a service message can carry, as plain values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

TEXT_BYTES: Final = 2048
"""WeChat's limit for one text, in UTF-8 bytes."""

# Controls other than tab and line breaks, lone surrogates and non-characters, which XML and WeChat's JSON
# cannot carry; and what nobody sees but what turns or hides what stands beside it: signs of direction, zero
# width, tags. Joiners stay (emoji need them), private and new characters too: rare names are written so.
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """The text as people see it: without characters that cannot be carried or cannot be seen."""
    return _UNPRINTABLE.sub("", text) if _UNPRINTABLE.search(text) else text


def cut(text: str, limit: int = TEXT_BYTES) -> str:
    """The longest beginning of the text that fits the limit in UTF-8 bytes, never half a character."""
    if len(text) * 4 <= limit:
        return text
    return text.encode()[:limit].decode(errors="ignore")


def without_links(text: str) -> str:
    """Somebody's words for use inside a text of ours: a tag in them can make no link of it."""
    return text.replace("<", "＜").replace(">", "＞")


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    media_id: str


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    description: str
    url: str
    picture_url: str = ""


@dataclass(frozen=True, slots=True)
class News:
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class TapList:
    """Tappable lines (msgmenu). A tap comes back as a text with the choice's id in `Incoming.menu_id`."""

    head: str
    items: tuple[tuple[str, str], ...]
    """(id, words) of each line."""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A mini-program card."""

    title: str
    appid: str
    page: str
    thumb_media_id: str


@dataclass(frozen=True, slots=True)
class MiniProgram:
    """Where a tap on a notice leads to."""

    appid: str
    page: str


Reply = Text | Image | News | None
"""A passive reply; None means: received, nothing to say."""

ServiceMessage = Text | Image | News | TapList | Card
