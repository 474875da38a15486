"""What a turn leaves behind, as values: the push with its reply, and what changes besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.errors import TianxinError

Who = tuple[str, str]
"""Account and openid."""


class Raced(TianxinError):  # noqa: N818 - not a fault: read again and do the turn again
    """Another process changed a row or stored the push in between: nothing of this was written."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One push as it is kept. `body` is sealed; None where it must not be kept (S18.8)."""

    dedupe_key: str
    county: str
    account: str
    openid: str
    kind: str
    event: str
    said_at: datetime
    received_at: datetime
    body: bytes | None = field(repr=False)

    @property
    def who(self) -> Who:
        return (self.account, self.openid)


@dataclass(frozen=True, slots=True)
class Answered:
    """One push and its reply (JSON; None: nothing to say). State: done or failed, with a word why.

    `by_message`: the platform takes no passive reply to this push, so the queue sends it. `kept`: the push
    was kept for later and is stored already.
    """

    event: Arrived
    reply: bytes | None = field(default=None, repr=False)
    state: str = "done"
    note: str = ""
    by_message: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class DialogChange:
    """Write the dialog of somebody whose dialog had `version` (0: none yet)."""

    county: str
    who: Who
    version: int
    state: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DraftChange:
    """Write a draft that had `version` (0: a new one). State: open, cancelled (then it keeps no answers)."""

    county: str
    person_id: int
    key: str
    form: str
    subject: str
    version: int
    expires_at: datetime
    answers: bytes = field(repr=False)
    state: str = "open"


@dataclass(frozen=True, slots=True)
class WindowChange:
    """Until when and how many service messages may be sent; `said_at` where the person said something."""

    who: Who
    until: datetime
    left: int
    said_at: datetime | None


@dataclass(frozen=True, slots=True)
class FollowChange:
    """The person follows or left, at WeChat's time; an older event changes nothing."""

    who: Who
    following: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptChange:
    """WeChat's later word on a message."""

    county: str
    who: Who
    msgid: str
    status: str


@dataclass(frozen=True, slots=True)
class GrantChange:
    """The person allowed one more message of a template, declined to, or turned the template off."""

    county: str
    who: Who
    template: str
    said: Literal["accept", "reject", "off"]
    at: datetime


Change = DialogChange | DraftChange | WindowChange | FollowChange | ReceiptChange | GrantChange
