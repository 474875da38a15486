"""What a body may lend itself (S4.4)."""

from __future__ import annotations

import pytest

from rules.authority import check_authority, may_decide

TOWN = {"farmer": 5_000_000, "registered_poor": 5_000_000}


@pytest.mark.parametrize(
    ("authority", "kind", "amount_fen", "own"),
    [
        (None, "enterprise", 900_000_000, True),
        (TOWN, "farmer", 5_000_000, True),
        (TOWN, "farmer", 5_000_001, False),
        (TOWN, "enterprise", 1, False),
        ({}, "farmer", 1, False),
    ],
)
def test_a_body_lends_the_kinds_it_has_up_to_its_limits(
    authority: dict[str, int] | None, kind: str, amount_fen: int, own: bool
) -> None:
    """S4.4"""
    assert may_decide(authority, kind, amount_fen) is own


@pytest.mark.parametrize(
    ("authority", "code"), [(TOWN, None), ({}, None), ({"pig": 1}, "unknown_kind"), ({"farmer": 0}, "limit")]
)
def test_limits_name_kinds_that_exist_and_are_more_than_nothing(
    authority: dict[str, int], code: str | None
) -> None:
    """S4.4"""
    refusal = check_authority(authority, frozenset({"farmer", "registered_poor"}))
    assert (refusal.code if refusal else None) == code
