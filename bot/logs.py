"""structlog with redaction: constant event names, ids as fields; no name, phone, ID number or account."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_PATTERNS = (
    (re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)"), "<id>"),
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"), "<phone>"),
    (re.compile(r"(?<!\d)\d{16,19}(?!\d)"), "<number>"),
    (re.compile(r"(access_token|secret|code|signature|openid)=[^&\s'\"]+"), r"\1=<cut>"),
)
_SECRET_FIELDS = frozenset(
    {"name", "phone", "id_number", "account_number", "answers", "text", "content", "body", "token", "secret"}
)


def scrub(text: str) -> str:
    """Take out whatever looks like an ID number, phone, card or credential."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop fields that hold personal data and scrub the rest: the second net below disciplined calls."""
    for key, value in event.items():
        event[key] = _cut(key, value)
    return event


def _cut(key: str, value: Any) -> Any:
    if key in _SECRET_FIELDS:
        return "<cut>"
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {inner: _cut(str(inner), each) for inner, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_cut("", each) for each in value]
    return value


def configure(*, demo: bool, level: int = logging.INFO) -> None:
    """Set up structlog and the standard logging below it; JSON lines in production, colours in the demo."""
    renderer: Any = structlog.dev.ConsoleRenderer() if demo else structlog.processors.JSONRenderer()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, redact, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
