"""Persons and what an account knows of them: follow state, grants, windows for customer messages."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.accounts import Account
    from simulator.chat import Entry
    from simulator.config import Switches

DAY = 86_400
HOURS_48 = 48 * 3600
MINUTE = 60
UNLIMITED = 1 << 60


def _digest(*parts: str, length: int) -> str:
    raw = hmac.digest(parts[0].encode(), "\0".join(parts[1:]).encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(raw).decode()[:length]


def openid_of(appid: str, person: str) -> str:
    """The openid of a person at an account: always the same, different at each account."""
    return "o" + _digest(appid, length=5) + _digest(appid, person, length=22)


def unionid_of(open_platform: str, person: str) -> str | None:
    """The unionid, or None for an account that is bound to no open-platform account."""
    return "o6_" + _digest("platform " + open_platform, person, length=25) if open_platform else None


@dataclass
class Person:
    """Somebody with a phone."""

    id: str
    name: str = ""
    phone: str = ""
    about: str = ""
    home: dict[str, Any] | None = None
    high_risk: bool = False
    snapshot: bool = False


@dataclass(slots=True)
class Window:
    """A right to send customer messages: so many until an instant."""

    limit: int
    until: float
    used: int = 0

    def open(self, now: float) -> bool:
        return now < self.until

    @property
    def left(self) -> int:
        return self.limit - self.used


@dataclass(slots=True, eq=False)
class User:
    """A person as one account sees them."""

    account: Account
    person: Person
    openid: str
    following: bool = False
    followed_at: int = 0
    scene: str = "ADD_SCENE_SEARCH"
    qr_scene: int = 0
    qr_scene_str: str = ""
    remark: str = ""
    tags: list[int] = field(default_factory=list)
    refused: frozenset[str] = frozenset()
    turned_off: frozenset[str] = frozenset()
    grants: dict[str, int] = field(default_factory=dict)
    windows: dict[str, Window] = field(default_factory=dict)
    blocked: bool = False
    blacklisted: bool = False
    receiving: bool = True
    last_action: float = 0.0
    last_login: float = 0.0
    typing_until: float = 0.0
    session_key: str = ""
    templates_today: tuple[int, int] = (0, 0)
    masses: tuple[str, int] = ("", 0)
    chat: list[Entry] = field(default_factory=list)

    @property
    def unionid(self) -> str | None:
        return unionid_of(self.account.config.open_platform, self.person.id)

    def acted(self, kind: str, now: float, switches: Switches) -> None:
        """The person did something that lets the account write: message, menu, follow, scan, enter or pay."""
        limit, seconds = {
            "message": (switches.custom_after_message, HOURS_48),
            "menu": (3, MINUTE),
            "follow": (3, MINUTE),
            "scan": (3, MINUTE),
            "enter": (2, MINUTE),
            "pay": (UNLIMITED, HOURS_48),
        }[kind]
        self.windows[kind] = Window(limit, now + seconds)
        self.last_action = now

    def take_custom(self, now: float, adds_up: bool) -> bool | None:
        """Use one customer message: True, False when the count is used up, None when no window is open."""
        opened = [w for w in self.windows.values() if w.open(now)]
        if not opened:
            return None
        free = sorted((w for w in opened if w.left > 0), key=lambda w: w.until)
        if not free:
            return False
        for window in free[:1] if adds_up else opened:
            window.used += 1
        return True

    def listed(self) -> dict[str, Any]:
        names = self.account.tags
        return {
            "appid": self.account.appid,
            "openid": self.openid,
            "unionid": self.unionid,
            "following": self.following,
            "tags": [names[tag] for tag in self.tags if tag in names],
            "refused": sorted(self.refused),
            "turned_off": sorted(self.turned_off),
            "grants": dict(self.grants),
            "blocked": self.blocked,
            "blacklisted": self.blacklisted,
            "receiving": self.receiving,
        }
