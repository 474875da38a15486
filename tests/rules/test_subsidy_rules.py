"""Which part of an interest comes back, for which days, and what a late declaration costs the bank."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules import subsidy
from rules.application import ApplicantKind
from rules.subsidy import PaidInterest, SubsidyPolicy

POLICY = SubsidyPolicy(full_part_fen=5_000_000, cap_bp=435, operator_bp=200)
POOR, FARMER, COOPERATIVE = ApplicantKind.REGISTERED_POOR, ApplicantKind.FARMER, ApplicantKind.COOPERATIVE
FIRST, END = date(2026, 9, 21), date(2026, 12, 21)
"""Ninety-one days."""


@pytest.mark.parametrize(
    ("on", "declared"),
    [
        (date(2026, 1, 1), date(2025, 10, 1)),
        (date(2026, 3, 31), date(2025, 10, 1)),
        (date(2026, 4, 1), date(2026, 1, 1)),
        (date(2026, 12, 31), date(2026, 7, 1)),
    ],
)
def test_what_is_declared_is_the_quarter_that_is_over(on: date, declared: date) -> None:
    """S13.1"""
    assert subsidy.quarter_to_declare(on) == declared
    assert subsidy.quarter_after(declared) == subsidy.quarter_of(on)


def test_a_quarter_is_declared_by_the_tenth_or_the_next_working_day() -> None:
    """S13.1: 10 January 2026 is a Saturday, 10 October 2026 a working Saturday."""
    assert subsidy.due_on(date(2025, 10, 1), 10).on == date(2026, 1, 12)
    assert subsidy.due_on(date(2026, 1, 1), 10).on == date(2026, 4, 10)


@pytest.mark.parametrize(
    ("kind", "principal_fen", "rate_bp", "part"),
    [
        (POOR, 5_000_000, 435, Fraction(1)),
        (POOR, 5_000_001, 435, Fraction(5_000_000, 5_000_001)),
        (POOR, 3_000_000, 436, Fraction(435, 436)),
        (POOR, 10_000_000, 870, Fraction(1, 4)),
        (COOPERATIVE, 100_000_000, 435, Fraction(200, 435)),
        (COOPERATIVE, 100_000_000, 150, Fraction(1)),
        (FARMER, 3_000_000, 435, Fraction(0)),
        (POOR, 3_000_000, 0, Fraction(0)),
        (POOR, 0, 435, Fraction(0)),
    ],
)
def test_the_part_that_is_paid_stays_under_cap_and_limit(
    kind: ApplicantKind, principal_fen: int, rate_bp: int, part: Fraction
) -> None:
    """S13.2, S3.5: 50,000 yuan and 4.35 % are inside, a fen or a point more is not paid."""
    assert subsidy.share(kind, principal_fen, rate_bp, POLICY) == part


@pytest.mark.parametrize(
    ("spells", "clean"),
    [
        ([], 91),
        ([(FIRST, date(2026, 10, 1))], 81),
        ([(date(2026, 6, 21), date(2026, 10, 1)), (FIRST, date(2026, 9, 25))], 81),
        ([(date(2026, 12, 20), date.max)], 90),
        ([(END, date.max)], 91),
        ([(date(2026, 1, 1), date.max)], 0),
        ([(date(2026, 10, 1), date(2026, 10, 2)), (date(2026, 11, 1), date(2026, 11, 3))], 88),
    ],
)
def test_days_in_arrears_or_after_misuse_earn_nothing(spells: list[tuple[date, date]], clean: int) -> None:
    """S13.2, S9.3"""
    assert subsidy.clean_days(FIRST, END, spells) == clean


def test_misuse_and_an_unsubsidised_extension_end_it_for_good() -> None:
    """S9.3, S13.2"""
    arrears = [(date(2026, 1, 1), date(2026, 1, 5))]
    assert subsidy.spells(arrears) == arrears
    found = subsidy.spells(arrears, date(2026, 10, 1), date(2026, 11, 1))
    assert found == [*arrears, (date(2026, 10, 1), date.max), (date(2026, 11, 1), date.max)]


@pytest.mark.parametrize(
    ("interest_fen", "clean", "part", "fen"),
    [
        (33_000, 91, Fraction(1), 33_000),
        (33_000, 81, Fraction(1), 29_374),  # 29,373.63
        (33_000, 0, Fraction(1), 0),
        (1, 91, Fraction(1, 2), 1),
        (1, 45, Fraction(1), 0),
    ],
)
def test_a_subsidy_is_the_part_for_the_clean_days_to_the_fen(
    interest_fen: int, clean: int, part: Fraction, fen: int
) -> None:
    """S13.1"""
    assert subsidy.subsidy_fen(PaidInterest(interest_fen, FIRST, END), clean, part) == fen


def test_a_period_without_days_earns_nothing() -> None:
    """S13.1"""
    assert subsidy.subsidy_fen(PaidInterest(33_000, END, END), 0, Fraction(1)) == 0


@pytest.mark.parametrize(
    ("fen", "days_late", "extra"), [(33_000, 0, 0), (33_000, 30, 120), (-33_000, 30, 0), (33_000, 1, 4)]
)
def test_what_comes_late_costs_the_bank_interest(fen: int, days_late: int, extra: int) -> None:
    """S13.1: 330 yuan for 30 days at 4.35 % are 1.19625 yuan."""
    assert subsidy.extra_interest_fen(fen, 435, days_late) == extra


@given(st.integers(0, 10**9), st.integers(0, 91), st.integers(1, 2000), st.integers(1, 10**9))
def test_never_more_than_the_interest_comes_back(
    interest_fen: int, clean: int, rate_bp: int, principal_fen: int
) -> None:
    """S13.2"""
    for kind in ApplicantKind:
        part = subsidy.share(kind, principal_fen, rate_bp, POLICY)
        assert 0 <= subsidy.subsidy_fen(PaidInterest(interest_fen, FIRST, END), clean, part) <= interest_fen
