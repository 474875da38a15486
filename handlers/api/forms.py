"""The forms as data, for programs that draw them: fields, conditions, choices, limits, papers."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field, JsonValue

from bot.dialog import describe
from handlers.county import county_context
from handlers.endpoint import Call, Out
from handlers.errors import HttpError
from handlers.forms import FORMS


class ChoiceOut(Out):
    """One answer to choose."""

    value: str
    label: str


class PaperOut(Out):
    """A text to read and agree to; agreeing is answering with its hash."""

    kind: str
    version: str
    title: str
    text: str
    sha256: str


class FieldOut(Out):
    """One question. It is asked when for every key of `when` the answer is one of the values given there."""

    key: str
    kind: str
    title: str
    ask: str
    help: str
    example: str
    page: str
    unit: str
    optional: bool
    sensitive: bool
    when: dict[str, list[JsonValue]]
    minimum: int | None
    maximum: int | None
    choices: list[ChoiceOut]
    paper: PaperOut | None = Field(None, description="For kind confirm only.")


class FormOut(Out):
    """A form: its questions in order."""

    name: str
    version: int
    title: str
    fields: list[FieldOut]


class FormNameOut(Out):
    """A form by its name."""

    name: str
    version: int
    title: str


class FormsOut(Out):
    """The forms there are."""

    items: list[FormNameOut]
    on: date


async def listed(call: Call) -> FormsOut:
    """The forms there are, by name."""
    items = [FormNameOut(name=f.name, version=f.version, title=f.title) for f in FORMS.values()]
    return FormsOut(items=items, on=call.on)


async def show(call: Call, name: str) -> FormOut:
    """A form with the lists, limits and papers of one's county."""
    if name not in FORMS:
        raise HttpError(404)
    found: dict[str, Any] = describe(FORMS[name], await county_context(call.runtime, call.actor.county))
    return FormOut.model_validate(found)
