"""A map of tiles: the north above, the west on the left, nobody left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.tiles import MOST_COLUMNS, Place, band_of, columns_for, laid_out

DEGREES = st.one_of(st.none(), st.floats(20, 50, allow_nan=False))


def test_the_north_is_above_and_the_west_on_the_left() -> None:
    """S12.5"""
    places = [
        Place("south-east", 34.0, 113.9),
        Place("north-west", 34.4, 113.1),
        Place("north-east", 34.3, 113.8),
        Place("south-west", 34.1, 113.2),
        Place("nowhere"),
        Place("half", 34.0, None),
    ]
    assert columns_for(4) == 3
    assert laid_out(places[:4]) == ["north-west", "south-west", "north-east", "south-east"]
    assert laid_out(places)[-2:] == ["half", "nowhere"]


@given(st.lists(st.tuples(DEGREES, DEGREES), max_size=120))
def test_every_place_has_one_tile(positions: list[tuple[float | None, float | None]]) -> None:
    """S12.5"""
    places = [Place(str(at), *position) for at, position in enumerate(positions)]
    assert sorted(laid_out(places)) == sorted(place.code for place in places)
    assert 1 <= columns_for(len(places)) <= MOST_COLUMNS


@pytest.mark.parametrize(
    ("share_bp", "line_bp", "band"),
    [(None, 300, 0), (0, 300, 1), (150, 300, 1), (151, 300, 2), (300, 300, 2), (301, 300, 3), (601, 300, 4),
     (301, None, 3), (100, None, 1)],
)  # fmt: skip
def test_the_colour_says_how_the_rate_stands_to_the_line(
    share_bp: int | None, line_bp: int | None, band: int
) -> None:
    """S12.5: in doubt three per cent is the line."""
    assert band_of(share_bp, line_bp) == band
