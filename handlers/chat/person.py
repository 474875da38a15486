"""One person while his messages are answered: what was read, and what is to be written."""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson

from actions.inbox import KeptDraft, Standing
from actions.inbox_changes import Change, DialogChange, DraftChange, FollowChange, Who, WindowChange
from bot.config import Account
from bot.dialog import Context
from bot.runtime import Runtime
from bot.wechat.inbound import Incoming
from handlers.chat.talk import IDLE, ChatOutcome, ChatTurn, Where

MESSAGE_WINDOW, MESSAGES = timedelta(hours=48), 5
TAP_WINDOW, TAP_MESSAGES = timedelta(minutes=1), 3
_WINDOW_GRAIN = timedelta(minutes=1)
_TAPS = frozenset({"click", "scan", "subscribe", "scancode_push", "scancode_waitmsg"})


class Person:
    """The state of one openid between reading and writing; each turn sees what the turn before it left."""

    def __init__(self, account: Account, openid: str, standing: Standing, now: datetime) -> None:
        self.account = account
        self.who: Who = (account.name, openid)
        self.standing = standing
        self.now = now
        self.where = _where(standing.dialog)
        self.where_at = standing.dialog_at
        self.drafts = {draft.key: draft for draft in standing.drafts}
        self._moved = False
        self._saved: set[str] = set()
        self._closed: dict[str, KeptDraft] = {}
        self._window: WindowChange | None = None
        self._more: list[Change] = []

    def turn(self, runtime: Runtime, incoming: Incoming, context: Context) -> ChatTurn:
        """What a conversation is given for this message."""
        return ChatTurn(
            runtime=runtime,
            account=self.account,
            pack=runtime.packs.by_county(self.account.county),
            incoming=incoming,
            actor=self.standing.actor,
            now=self.now,
            on=context.on,
            context=context,
            where=self.where,
            where_at=self.where_at,
            drafts=tuple(self.drafts.values()),
            open_application=self.standing.open_application,
        )

    def take(self, incoming: Incoming, outcome: ChatOutcome) -> None:
        """Remember what a turn has made of this message."""
        if outcome.where is not None and outcome.where != self.where:
            self.where, self.where_at, self._moved = outcome.where, self.now, True
        if outcome.draft is not None:
            self.drafts[outcome.draft.key] = outcome.draft
            self._saved.add(outcome.draft.key)
        if outcome.closed is not None:
            self.drafts.pop(outcome.closed.key, None)
            self._saved.discard(outcome.closed.key)
            if outcome.closed.version:
                self._closed[outcome.closed.key] = outcome.closed
        self._more += outcome.changes
        if incoming.event in ("subscribe", "unsubscribe"):
            self._more.append(FollowChange(self.who, incoming.event == "subscribe", incoming.created_at))
        window = self._window_after(incoming)
        if window and (self._window is None or self._window.until < window.until):
            self._window = window

    def _window_after(self, incoming: Incoming) -> WindowChange | None:
        """How the message opens the time in which service messages may be sent."""
        at = incoming.created_at
        tapped = bool(incoming.menu_id) or incoming.event in _TAPS
        if not tapped and incoming.kind == "event":
            return None
        if tapped:
            return WindowChange(self.who, at + TAP_WINDOW, TAP_MESSAGES, at)
        known = self.standing.window_until
        fresh = at + MESSAGE_WINDOW
        if known and known > fresh - _WINDOW_GRAIN and self.standing.window_left >= MESSAGES:
            return None  # written less than a minute ago: what is stored is true enough, and on the safe side
        return WindowChange(self.who, fresh, MESSAGES, at)

    def changes(self) -> list[Change]:
        """All that is to be written for this person."""
        actor, changes = self.standing.actor, list(self._more)
        if self._moved:
            state = orjson.dumps({"c": self.where.conversation, "d": dict(self.where.data)})
            changes.append(DialogChange(actor.county, self.who, self.standing.dialog_version, state))
        changes += [self._draft(self.drafts[key], "open") for key in self._saved]
        changes += [self._draft(draft, "cancelled") for draft in self._closed.values()]
        if self._window is not None:
            changes.append(self._window)
        return changes

    def _draft(self, draft: KeptDraft, state: str) -> DraftChange:
        actor = self.standing.actor
        return DraftChange(
            county=actor.county,
            person_id=actor.person_id,
            key=draft.key,
            form=draft.form,
            subject=draft.subject,
            version=draft.version,
            expires_at=draft.expires_at,
            answers=draft.state,
            state=state,
        )


def _where(dialog: bytes | None) -> Where:
    if dialog is None:
        return IDLE
    found = orjson.loads(dialog)
    return Where(found["c"], found["d"])
