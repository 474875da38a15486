"""Unified social credit codes, held against codes that companies publish."""

from __future__ import annotations

import pytest

from rules.credit_code import check_credit_code, check_sign

GOOD = "9144030071526726XG"


@pytest.mark.parametrize("code", [GOOD, "91330100799655058B", " 91110000-802100433b "])
def test_a_published_code_is_good(code: str) -> None:
    """S2.2"""
    assert check_credit_code(code) is None


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", "credit_code_shape"),
        (GOOD[:-1], "credit_code_shape"),
        (GOOD.replace("X", "I"), "credit_code_shape"),
        ("9144030071526726XH", "credit_code_checksum"),
    ],
)
def test_a_wrong_code_is_refused_with_its_reason(code: str, why: str) -> None:
    """S2.2"""
    refusal = check_credit_code(code)
    assert refusal is not None
    assert (refusal.rule, refusal.code, refusal.field) == ("S2.2", why, "credit_code")


@pytest.mark.parametrize("place", range(2, 8))
def test_every_single_wrong_digit_of_the_region_is_noticed(place: int) -> None:
    """S2.2"""
    for shift in range(1, 10):
        wrong = GOOD[:place] + str((int(GOOD[place]) + shift) % 10) + GOOD[place + 1 :]
        assert check_sign(wrong[:17]) != wrong[17]
