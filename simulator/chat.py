"""Conversations as the phone shows them, and the stream that makes a page live."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.clock import iso

if TYPE_CHECKING:
    from simulator.journal import Sent
    from simulator.people import User

UNAVAILABLE = "该公众号暂时无法提供服务，请稍后再试"
Subscription = tuple[asyncio.Queue[tuple[str, int, dict[str, Any]]], str, str]


@dataclass(slots=True, eq=False)
class Entry:
    """One line of a conversation; `sent` entries are rendered when somebody looks."""

    id: int
    at: float
    user: User
    sender: str
    via: str
    data: dict[str, Any] | None
    sent: Sent | None = None

    def listed(self) -> dict[str, Any]:
        user = self.user
        shown = self.data if self.data is not None else card(self.sent)
        return {
            "id": self.id,
            "at": iso(self.at),
            "account": user.account.name,
            "openid": user.openid,
            "person": user.person.id,
            "from": self.sender,
            "via": self.via,
            **shown,
        }


def card(sent: Sent | None) -> dict[str, Any]:
    """A template message as the card the person sees; first and remark are dropped."""
    if sent is None:
        return {"type": "text", "text": ""}
    body = sent.body
    template = sent.account.config.templates.get(str(body.get("template_id", "")))
    labels = dict(template.keys or {}) if template else {}
    data = body.get("data") or {}
    order = [key for key in labels or data if key in data and key not in ("first", "remark")]
    return {
        "type": "template",
        "title": template.title if template else "",
        "template_id": body.get("template_id", ""),
        "rows": [{"key": k, "label": labels.get(k, k), "value": shown_value(k, data[k])} for k in order],
        "url": body.get("url") or "",
        "page": body.get("page") or "",
        "miniprogram": body.get("miniprogram"),
        "seq": sent.seq,
    }


def shown_value(key: str, entry: Any) -> str:
    """What stands behind a label; legacy keywords are cut at 20 characters."""
    value = str(entry.get("value", "")) if isinstance(entry, dict) else str(entry)
    return value[:20] if key.startswith("keyword") else value


class Chat:
    """All conversations, newest last; ids grow over all of them."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.last = 0
        self.entries: deque[Entry] = deque()
        self.listeners: list[Subscription] = []

    def add(
        self,
        user: User,
        at: float,
        sender: str,
        via: str,
        data: dict[str, Any] | None,
        sent: Sent | None = None,
    ) -> Entry:
        """Add a line at the end of a user's conversation."""
        self.last += 1
        entry = Entry(self.last, at, user, sender, via, data, sent)
        self.entries.append(entry)
        user.chat.append(entry)
        if len(self.entries) > self.keep:
            self.entries.popleft().user.chat.pop(0)
        if self.listeners:
            self.tell("chat", entry.listed(), entry.id)
        return entry

    def since(self, after: int) -> list[Entry]:
        """Entries with an id above `after`."""
        first = self.entries[0].id if self.entries else 0
        return [e for e in list(self.entries)[max(0, after + 1 - first) :] if e.id > after]

    def forget(self) -> None:
        self.entries.clear()

    # Stream

    def listen(self, account: str, openid: str) -> Subscription:
        """A queue of what happens from now on; empty strings mean everybody."""
        subscription: Subscription = (asyncio.Queue(), account, openid)
        self.listeners.append(subscription)
        return subscription

    def unlisten(self, subscription: Subscription) -> None:
        self.listeners.remove(subscription)

    def tell(self, event: str, data: dict[str, Any], number: int = 0) -> None:
        """Give an event to those listening for its account and person."""
        for queue, account, openid in self.listeners:
            if account and data.get("account", account) != account:
                continue
            if openid and data.get("openid", openid) != openid:
                continue
            queue.put_nowait((event, number, data))
