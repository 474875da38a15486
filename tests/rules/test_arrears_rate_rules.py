"""Rates of late money: exact borders, places, words."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.arrears_rates import (
    Share,
    change_words,
    is_above,
    is_ranked,
    last_month_end,
    month_end,
    ranks,
    share_bp,
    share_words,
    told_from,
)

LINE_BP = 300
WHOLE = 100_000_000
FEN = st.integers(min_value=0, max_value=10**15)


@pytest.mark.parametrize(
    ("part", "above", "words"),
    [
        (2_999_999, False, "3.00%"),
        (3_000_000, False, "3.00%"),
        (3_000_001, True, "3.000001%"),
        (3_000_400, True, "3.0004%"),
        (3_004_999, True, "3.005%"),
        (3_010_000, True, "3.01%"),
        (0, False, "0.00%"),
        (WHOLE, True, "100.00%"),
    ],
)
def test_on_the_line_is_not_above_it_and_what_is_above_never_looks_like_the_line(
    part: int, above: bool, words: str
) -> None:
    """S12.5: 3.00 % is on the line, 3.01 % above it."""
    share = Share(part, WHOLE)
    assert is_above(share, LINE_BP) is above
    assert share_words(share, LINE_BP) == words


def test_without_a_balance_there_is_no_rate() -> None:
    """S12.5"""
    nothing = Share(0, 0)
    assert (share_bp(nothing), is_above(nothing, LINE_BP), share_words(nothing)) == (None, None, "—")
    assert change_words(None, 300) == change_words(300, None) == "—"


@pytest.mark.parametrize(("part", "bp"), [(1_004_999, 100), (1_005_000, 101), (1, 0), (99_995_000, 10_000)])
def test_a_rate_is_rounded_half_up_to_a_basis_point(part: int, bp: int) -> None:
    """S12.5"""
    assert share_bp(Share(part, WHOLE)) == bp


@given(FEN, FEN)
def test_words_and_basis_points_tell_the_same(part: int, whole: int) -> None:
    """S12.5: without a line to keep away from, the words are the basis points."""
    share = Share(part, whole)
    bp = share_bp(share)
    assert share_words(share) == ("—" if bp is None else f"{bp // 100}.{bp % 100:02d}%")


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(335, 300, "↑升0.35"), (290, 300, "↓降0.10"), (300, 300, "持平"), (1300, 0, "↑升13.00")],
)
def test_a_change_is_told_with_arrow_and_word(now: int, before: int, words: str) -> None:
    """S12.5"""
    assert change_words(now, before) == words


def test_equal_rates_share_a_place_and_the_next_place_is_left_out() -> None:
    """S12.5: exact fractions are compared, so 1/3 and 2/6 are the same place."""
    shares = [Share(1, 3), Share(0, 9), Share(2, 6), None, Share(5, 6), Share(0, 0)]
    assert ranks(shares) == [2, 1, 2, None, 4, None]
    assert ranks(shares, low_is_good=False) == [2, 4, 2, None, 1, None]


@given(st.lists(st.builds(Share, FEN, FEN.filter(bool)), max_size=30))
def test_a_lower_rate_never_has_a_worse_place(shares: list[Share]) -> None:
    """S12.5"""
    placed = list(zip(shares, ranks(shares), strict=True))
    for share, place in placed:
        better = sum(other.part_fen * share.whole_fen < share.part_fen * other.whole_fen for other in shares)
        assert place == better + 1


@pytest.mark.parametrize(("loans", "ranked"), [(9, False), (10, True)])
def test_few_loans_are_not_ranked(loans: int, ranked: bool) -> None:
    """S12.5"""
    assert is_ranked(loans, 10) is ranked


def test_the_report_of_last_month_goes_out_on_a_working_day() -> None:
    """S12.5, S5.3: 5 December 2026 is a Saturday."""
    assert last_month_end(date(2026, 12, 5)) == date(2026, 11, 30)
    assert last_month_end(date(2027, 1, 31)) == date(2026, 12, 31)
    assert month_end(2026, 12) == date(2026, 12, 31)
    assert month_end(2028, 2) == date(2028, 2, 29)
    assert told_from(date(2026, 12, 1), 5).on == date(2026, 12, 7)
    assert told_from(date(2026, 11, 21), 5).on == date(2026, 11, 5)


def test_what_is_above_by_next_to_nothing_is_shown_with_six_decimals() -> None:
    """S12.5"""
    assert share_words(Share(300_000_000_001, 10_000_000_000_000), LINE_BP) == "3.000000%"
