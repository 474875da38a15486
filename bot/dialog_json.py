"""The same form for programs: its description, and answers that come as JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from bot.dialog_checks import applies, bound, choices_of, paper_of
from bot.dialog_flow import drop_unfit, place, to
from bot.dialog_types import DONE, REVIEW, Answers, Context, Field, Form, State, Value
from bot.dialog_values import Fault, accept, settle


class Patch(NamedTuple):
    """What a change did: the state, a sentence for each refused field, the keys that had to go with it."""

    state: State
    errors: dict[str, str]
    dropped: tuple[str, ...]


def describe(form: Form, context: Context, answers: Answers | None = None) -> dict[str, Any]:
    """The form as JSON data: fields, kinds, pages, choices, limits, help and papers.

    With `answers`, `applies` says for each field whether it is to be shown now; the conditions are in `when`.
    """
    fields = [
        _field(field, context) for field in form.fields if not field.needs or field.needs in context.may
    ]
    if answers is not None:
        for found in fields:
            found["applies"] = applies(form.by_key[found["key"]], answers, context)
    return {"name": form.name, "version": form.version, "title": form.title, "fields": fields}


def _field(field: Field, context: Context) -> dict[str, Any]:
    found: dict[str, Any] = {
        "key": field.key,
        "kind": field.kind,
        "title": field.title,
        "ask": field.ask,
        "help": field.help,
        "example": field.example,
        "page": field.page,
        "unit": field.unit,
        "optional": field.optional,
        "sensitive": field.sensitive,
        "when": {key: list(allowed) for key, allowed in field.when.items()},
        "minimum": bound(field.minimum, context),
        "maximum": bound(field.maximum, context),
        "choices": [{"value": c.value, "label": c.label} for c in choices_of(field, context)],
    }
    if field.kind == "confirm":
        paper = paper_of(field, context)
        found["paper"] = {
            "kind": paper.kind,
            "version": paper.version,
            "title": paper.title,
            "text": paper.text,
            "sha256": paper.sha256,
        }
    return found


def check_answers(
    form: Form, answers: Mapping[str, Any], context: Context
) -> tuple[dict[str, Value], dict[str, str]]:
    """The answers that hold in their kept form, and a sentence for each that does not; the chat's own checks.

    A value may come in its kept form (fen, months, ISO date, list) or as a string, read like words in chat.
    """
    return settle(form, answers, context)


def patch(form: Form, state: State, changes: Mapping[str, Any], context: Context) -> Patch:
    """The draft after a program changed answers; None takes one back. The chat goes on from there."""
    answers = dict(state.answers)
    errors = {key: "没有这一项。" for key in changes if key not in form.by_key}
    changed: list[str] = []
    for field in form.fields:
        if field.key not in changes:
            continue
        raw = changes[field.key]
        if raw is None and not field.optional:
            if answers.pop(field.key, None) is not None:
                changed.append(field.key)
            continue
        if not applies(field, answers, context):
            errors[field.key] = "这一项现在不用填。"
            continue
        found = accept(field, raw, answers, context)
        if isinstance(found, Fault):
            errors[field.key] = found.text
        elif field.key not in answers or answers[field.key] != found.value:
            answers[field.key] = found.value
            changed.append(field.key)
    unneeded, unfit = drop_unfit(form, answers, changed, context)
    dropped = tuple(field.key for field in (*unneeded, *(field for field, _ in unfit)))
    return Patch(_after(form, state, answers, changed, context), errors, dropped)


def _after(
    form: Form, state: State, answers: dict[str, Value], changed: list[str], context: Context
) -> State:
    if not changed:
        return state
    trail = [key for key in state.trail if key in answers]
    trail += [key for key in changed if key in answers and key not in trail]
    reviewed = state.reviewed and all(form.by_key[key].kind == "confirm" for key in changed)
    found = replace(state, answers=answers, trail=tuple(trail), reviewed=reviewed)
    cursor = place(form, found, context)
    if cursor == DONE:  # submitting is a call of its own; the chat would show the last paper again
        cursor = REVIEW if form.review else next(f.key for f in reversed(form.fields) if f.key in answers)
    return to(found, cursor)
