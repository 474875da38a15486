"""What a conversation is given and what it gives back.

A conversation is a function of one turn. A plain function is pure: it changes nothing, and the turns of
several people are stored together. Where a turn has consequences beyond dialog and draft, it is a coroutine
function, or a plain one that answers `Alone`: then it runs in a transaction of its own, and what it does
through actions, the dialog, the stored push and the reply are committed together or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from actions.access import Actor
from actions.inbox import KeptDraft
from actions.inbox_changes import Change
from bot.config import Account
from bot.dialog import Context
from bot.runtime import Runtime
from bot.wechat.inbound import Incoming
from bot.wechat.messages import Reply, Text
from policies import Pack

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Where(NamedTuple):
    """The conversation somebody is in, and what it remembers (JSON values only)."""

    conversation: str = ""
    data: Mapping[str, Any] = _NOTHING


IDLE = Where()


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message of one person, with all that is known before it is answered."""

    runtime: Runtime
    account: Account
    pack: Pack
    incoming: Incoming
    actor: Actor
    now: datetime
    on: date
    context: Context
    """What forms may know of the county today."""
    where: Where = IDLE
    where_at: datetime | None = None
    drafts: tuple[KeptDraft, ...] = ()
    open_application: str = ""
    """Number of the person's application that is under way, if there is one."""

    @property
    def said(self) -> str:
        """What the person said or tapped."""
        return self.incoming.text

    def page(self, path: str) -> str:
        """The address that opens one of our pages (/m/apply) as the person of this chat."""
        return f"{self.runtime.settings.base_url()}/m/login?account={self.account.name}&to={path}"

    def draft(self, form: str, subject: str = "") -> KeptDraft | None:
        """The person's open draft of that form and subject."""
        for kept in self.drafts:
            if kept.form == form and kept.subject == subject:
                return kept
        return None


@dataclass(frozen=True, slots=True)
class ChatOutcome:
    """What the person is told and what is kept.

    `where`: the conversation from now on (None: unchanged). `draft`: a draft with its new state; `closed` is
    one that is given up. `keep_body` False: the message must not be stored (S18.8).
    """

    reply: Reply = None
    where: Where | None = None
    draft: KeptDraft | None = None
    closed: KeptDraft | None = None
    keep_body: bool = True
    changes: tuple[Change, ...] = ()


def say(text: str, where: Where | None = None) -> ChatOutcome:
    """An outcome that says something."""
    return ChatOutcome(Text(text), where)


@dataclass(frozen=True, slots=True)
class Alone:
    """This turn has consequences: `work` is called with the turn, read again in a transaction of its own."""

    work: Callable[[ChatTurn], Awaitable[ChatOutcome]]


Pure = Callable[[ChatTurn], ChatOutcome | Alone]
Acting = Callable[[ChatTurn], Awaitable[ChatOutcome]]
Record = Callable[[Account, Incoming], tuple[Change, ...]]
"""What an event that nobody waits for changes: the push is stored and acknowledged."""


@dataclass(frozen=True, slots=True)
class ChatRoute:
    """One row of CHAT_ROUTES: what leads here, and the function that answers.

    Given any of `events` (with `scenes` as beginnings of the scanned code), a click on one of `keys`, a text
    that is one of `words`, or one in which `pattern` is found; where nobody is in a conversation, also what
    is of one of `kinds` (image). While the person is in the conversation of
    this name, what no row wants comes here too; one that `grabs` gets everything first, but for those
    `words` of others that hold `anywhere`. `roles`: only for who has one of these posts today. Exactly one of
    `pure`, `acting` and `record` is given.
    """

    name: str
    pure: Pure | None = None
    acting: Acting | None = None
    record: Record | None = None
    events: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    grabs: bool = False
    anywhere: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    roles: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.pure, self.acting, self.record)) != 1:
            raise ValueError(f"chat route {self.name}: give one of pure, acting, record")
        if not set(self.anywhere) <= set(self.words):
            raise ValueError(f"chat route {self.name}: anywhere holds what is not in words")

    def open_to(self, actor: Actor) -> bool:
        """Whether this row is for the actor."""
        return not self.roles or not self.roles.isdisjoint(actor.roles)
