"""Answers of a form as rows for reading: what was asked and what was said, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.dialog import Context, Form
from bot.dialog_checks import show
from handlers.forms import FORMS

FORM: Form = FORMS["loan_application"]
_PICTURES = frozenset({"photos", "id_photos"})


def rows_of(answers: Mapping[str, Any], context: Context, *, skip: frozenset[str]) -> list[tuple[str, str]]:
    """Title and words of every answer of the loan application that is worth reading, in the form's order."""
    found = []
    for field in FORM.fields:
        value = answers.get(field.key)
        if value is None or field.key in skip | _PICTURES or field.kind == "confirm":
            continue
        try:
            found.append((field.title, show(field, value, context)))
        except (LookupError, TypeError, ValueError, AttributeError):  # an answer to an older form
            found.append((field.title, str(value)))
    return found


def photos_of(answers: Mapping[str, Any]) -> list[str]:
    """Keys of the pictures of the project; those of papers are for the bank alone."""
    return [key for key in answers.get("photos") or () if isinstance(key, str)]
