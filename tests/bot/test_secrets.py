"""What is not kept because it looks like a password, a code or a card (S18.8)."""

from __future__ import annotations

import pytest

from bot.dialog_commands import looks_secret, tells_secret


@pytest.mark.parametrize(
    "words",
    [
        "我的密码是abc12345",
        "482913是验证码",
        "６２２２０２１２３４５６７８９０１２８",
        "卡号：6222 0212 3456 7890 128",
        "4111-1111-1111-1111",
    ],
)
def test_codes_and_cards_are_secret_wherever_they_are_said(words: str) -> None:
    """S18.8"""
    assert tells_secret(words)
    assert looks_secret(words, None)


@pytest.mark.parametrize(
    ("words", "lone"),
    [
        ("482913", True),
        ("abc12345", True),
        ("30000", False),
        ("411082198503122451", False),  # an ID number whose last digit is right for a card, too
        ("6222021234567890127", False),  # a slip of the pen: no card
        ("2026年11月28日还了500元", False),
        ("13800001111", False),
        ("我忘了密码", False),
    ],
)
def test_what_is_no_code_is_kept(words: str, lone: bool) -> None:
    """S18.8: a lone code is secret only where nobody asked for figures."""
    assert not tells_secret(words)
    assert looks_secret(words, None) is lone
