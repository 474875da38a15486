"""A rule's "no" as a value: rules raise nothing about loans, actions turn these into errors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something may not be done.

    `rule` is the clause ID, `message` the Chinese sentence for the person (what is wrong and what to do),
    `code` a word for programs, `field` the form answer that caused it.
    """

    rule: str
    message: str
    code: str = "refused"
    field: str | None = None
