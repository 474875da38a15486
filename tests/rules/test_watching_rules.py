"""Unusual volumes (S17.2)."""

from __future__ import annotations

import pytest

from rules.watching import Excess, WatchPolicy, excesses

POLICY = WatchPolicy(
    views_per_hour=60, views_per_day=200, exports_per_day=3, queries_per_day=30, refused_queries_per_day=2
)


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({}, ()),
        ({"views_per_hour": 60, "views_per_day": 200, "exports_per_day": 3}, ()),
        ({"views_per_hour": 61}, (Excess("views_per_hour", 61, 60),)),
        (
            {"views_per_day": 201, "exports_per_day": 4, "refused_queries_per_day": 3},
            (
                Excess("views_per_day", 201, 200),
                Excess("exports_per_day", 4, 3),
                Excess("refused_queries_per_day", 3, 2),
            ),
        ),
    ],
)
def test_the_limit_itself_is_usual_and_one_more_is_told(
    counts: dict[str, int], found: tuple[Excess, ...]
) -> None:
    """S17.2"""
    assert excesses(counts, POLICY) == found
