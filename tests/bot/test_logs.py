"""No name, phone, ID number or credential reaches a log line (I11)."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from bot import logs


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the program logs in production, as it is written."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    before = logging.getLogger().handlers[:]
    logs.configure(demo=False)
    yield out
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("id 411082198503122455 here", "id <id> here"),
        ("41108219850312245X", "<id>"),
        ("call 13800001111 now", "call <phone> now"),
        ("card 6222020012345678901", "card <number>"),
        ("GET /x?access_token=abc&y=1", "GET /x?access_token=<cut>&y=1"),
        ("notice 12345 of 2026-11-28", "notice 12345 of 2026-11-28"),
    ],
)
def test_what_looks_personal_is_taken_out(text: str, scrubbed: str) -> None:
    assert logs.scrub(text) == scrubbed


def test_a_careless_log_call_leaks_nothing(lines: io.StringIO) -> None:
    structlog.get_logger().info(
        "oops", name="张守田", note="phone 13800001111", raw=b"secret bytes", notice_id=7
    )
    line = json.loads(lines.getvalue())
    assert (line["name"], line["note"], line["raw"], line["notice_id"]) == (
        "<cut>", "phone <phone>", "<12 bytes>", 7,
    )  # fmt: skip


def test_an_error_that_quotes_a_value_is_scrubbed(lines: io.StringIO) -> None:
    try:
        raise ValueError("duplicate key: 411082198503122455")
    except ValueError:
        structlog.get_logger().exception("insert_failed")
    logging.getLogger("library").error("refused for 13800001111")
    assert "411082198503122455" not in lines.getvalue()
    assert "13800001111" not in lines.getvalue()


def test_what_is_nested_is_scrubbed_too(lines: io.StringIO) -> None:
    structlog.get_logger().info("oops", row={"phone": "13800001111", "notes": ["411082198503122455", 7]})
    assert json.loads(lines.getvalue())["row"] == {"phone": "<cut>", "notes": ["<id>", 7]}
