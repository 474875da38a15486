"""Tappable words in a text: WeChat sends them back as if the person had typed them, with an id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bot.wechat.messages import TEXT_BYTES, cut

Choice = tuple[str, str]
"""(id, words) of something to tap."""

_HAS_MARKUP: Final = re.compile("[<>\"'&]")
_MARKUP: Final = str.maketrans({"<": "＜", ">": "＞", '"': "”", "'": "’", "&": "＆"})


def plain(text: str) -> str:
    """The text with nothing in it that could become a link: for words that somebody typed."""
    return text.translate(_MARKUP) if _HAS_MARKUP.search(text) else text


def link(words: str, ref: str = "") -> str:
    """The words as a link that sends them; `ref` comes back as the id of the tapped line."""
    shown = plain(words)
    return f'<a href="weixin://bizmsgmenu?msgmenucontent={shown}&msgmenuid={ref or 0}">{shown}</a>'


def page_link(words: str, address: str) -> str:
    """The words as a link that opens one of our pages inside WeChat."""
    return f'<a href="{address}">{plain(words)}</a>'


def cost(choices: Sequence[Choice]) -> int:
    """How many bytes the links of these choices need at most."""
    return sum(len(link(words, ref).encode()) + 6 for ref, words in choices)


def with_links(text: str, choices: Sequence[Choice]) -> str:
    """The text with its choices to tap: numbered lines become links, the others stand on a line at the end.

    Where the links do not fit, the text stays as it is: its numbers can be typed.
    """
    lines = plain(text).split("\n")
    rest: list[str] = []
    for number, (ref, words) in enumerate(choices, 1):
        line = f"{number}. {plain(words)}"
        at = len(lines) - 1 - lines[::-1].index(line) if line in lines else None
        if at is None:
            rest.append(link(words, ref))
        else:
            lines[at] = f"{number}. {link(words, ref)}"
    linked = "\n".join((*lines, "　".join(rest)) if rest else lines)
    return linked if len(linked.encode()) <= TEXT_BYTES else cut(plain(text))
