"""From what a rule says to the error that stops an action."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import RuleRefused
from rules.refusal import Refusal


def refuse(refusals: Sequence[Refusal | None]) -> None:
    """Raise RuleRefused for the first refusal, if there is one."""
    for refusal in refusals:
        if refusal is not None:
            raise RuleRefused(refusal.rule, refusal.message, code=refusal.code, field=refusal.field)
