"""One reply for the chat out of the effects of a turn: a text that fits, and the choices to tap. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bot.dialog_types import Ask, Choice, Effect, OpenMiniProgram, Say, Warn, tap_id

REPLY_BYTES = 2048
"""What a passive text reply holds (UTF-8)."""


class ChatReply(NamedTuple):
    """The reply: its text, the tappable choices as (id, words), and the field whose page is offered."""

    text: str
    choices: tuple[tuple[str, str], ...] = ()
    open_field: str | None = None


def render_chat(effects: Iterable[Effect], room: int = REPLY_BYTES) -> ChatReply:
    """The one reply of a turn, at most `room` bytes; the question goes before what is said ahead of it.

    `open_field` is None when no page is offered, "" when the page of the whole form is.
    """
    said: list[str] = []
    question: Ask | None = None
    open_field: str | None = None
    for effect in effects:
        if isinstance(effect, (Say, Warn)):
            said.append(effect.text)
        elif isinstance(effect, Ask):
            question = effect
        elif isinstance(effect, OpenMiniProgram):
            open_field = effect.field
    asked = _question_text(question) if question else ""
    left = room - len(asked.encode()) - 1
    text = "\n".join(part for part in (cut("\n".join(said), left), asked) if part)
    return ChatReply(cut(text, room), _taps(question) if question else (), open_field)


def _question_text(question: Ask) -> str:
    if not question.numbered or not question.choices:
        return question.text
    lines = [f"{number}. {choice.label}" for number, choice in enumerate(question.choices, 1)]
    return "\n".join((question.text, *lines))


def _taps(question: Ask) -> tuple[tuple[str, str], ...]:
    choices: tuple[Choice, ...] = (*question.choices, *question.extra)
    return tuple((tap_id(question.field, choice.value or choice.label), choice.label) for choice in choices)


def cut(text: str, room: int) -> str:
    """The text within `room` bytes, cut between characters, with "…" where something was left out."""
    raw = text.encode()
    if len(raw) <= room:
        return text
    mark = "…"
    return (
        raw[: room - len(mark.encode())].decode(errors="ignore") + mark if room >= len(mark.encode()) else ""
    )
