"""Errors that cross rooms: each has a code for the machine and a sentence for the person."""

from __future__ import annotations


class TianxinError(Exception):
    """Root of our own errors."""


class RuleRefused(TianxinError):  # noqa: N818 - a refusal is an answer, not a fault
    """A rule says no. `rule` is the clause ID, `message` the Chinese sentence shown to the person.

    `field` names the answer that caused it (a key of the form), where there is one. `code` is a word for
    programs; handlers map the whole to HTTP 422 or to a chat reply.
    """

    def __init__(self, rule: str, message: str, *, code: str = "refused", field: str | None = None) -> None:
        super().__init__(f"{rule} {code}: {message}")
        self.rule = rule
        self.message = message
        self.code = code
        self.field = field


class NotFound(RuleRefused):
    """There is no such thing, or it is not yours to see: the two look the same from outside (HTTP 404)."""

    def __init__(self, message: str = "没有找到，请检查后再试。", *, rule: str = "S17.2") -> None:
        super().__init__(rule, message, code="not_found")


class Conflict(RuleRefused):
    """Somebody else was first, or the data changed since it was shown (HTTP 409)."""

    def __init__(self, rule: str, message: str, *, code: str = "conflict", field: str | None = None) -> None:
        super().__init__(rule, message, code=code, field=field)
