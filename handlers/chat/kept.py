"""Pushes and replies as they are kept in the inbox: JSON, without what a later look does not need."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson

from bot.wechat.inbound import Incoming, Receipt, SubscribeChange
from bot.wechat.messages import Article, Image, News, Reply, Text

_LEFT_OUT = frozenset({"raw", "dedupe_key"})
_FIELDS = tuple(f.name for f in fields(Incoming) if f.name not in _LEFT_OUT)
_values = attrgetter(*_FIELDS)


def pack_incoming(incoming: Incoming) -> bytes:
    """The push as JSON, without what is empty."""
    pairs = zip(_FIELDS, _values(incoming), strict=True)
    return orjson.dumps({name: value for name, value in pairs if value or value is False or value == 0})


def unpack_incoming(body: bytes, dedupe_key: str) -> Incoming:
    """The push that `pack_incoming` kept. Raises ValueError on anything else."""
    found: Any = orjson.loads(body)
    try:
        found["created_at"] = datetime.fromisoformat(found["created_at"])
        if receipt := found.get("receipt"):
            found["receipt"] = Receipt(**receipt)
        found["subscriptions"] = tuple(SubscribeChange(**line) for line in found.get("subscriptions", ()))
        return Incoming(dedupe_key=bytes.fromhex(dedupe_key), **found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a kept push: {error}") from error


def pack_reply(reply: Reply) -> bytes | None:
    """The reply as JSON; None where there is nothing to say."""
    match reply:
        case None:
            return None
        case Text(text):
            return orjson.dumps({"text": text})
        case Image(media_id):
            return orjson.dumps({"image": media_id})
        case News(articles):
            return orjson.dumps({"news": articles})


def unpack_reply(kept: bytes | None) -> Reply:
    """The reply that `pack_reply` kept."""
    if kept is None:
        return None
    found: dict[str, Any] = orjson.loads(kept)
    if "text" in found:
        return Text(found["text"])
    if "image" in found:
        return Image(found["image"])
    return News(tuple(Article(**article) for article in found["news"]))
