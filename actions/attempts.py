"""One call that may be made, as its intent was committed, and the lines of a delivery's trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from rules.notices import Channel, NoticeClass

LEASE_SECONDS = 30.0
SAME_MESSAGE = timedelta(minutes=9, seconds=30)
"""WeChat sends a template message with the same client_msg_id once within ten minutes."""


@dataclass(slots=True)
class Attempt:
    """One call that may be made: its intent is committed. `number` counts the attempts of this rung."""

    delivery_id: int
    notice_id: int
    person_id: int
    kind: str
    notice_class: NoticeClass
    rung: int
    channel: Channel
    priority: int
    number: int
    started_at: datetime
    expires_at: datetime
    unsure_since: datetime | None = None
    account: str = ""
    openid: str = ""
    template_id: str = ""
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    text: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    url: str = ""


def trail(at: datetime, what: str, outcome: str, **more: object) -> str:
    """One line of a delivery's trail, as JSON to be appended."""
    line = {"at": at.isoformat(timespec="seconds"), "what": what, "outcome": outcome, **more}
    return orjson.dumps([line]).decode()
