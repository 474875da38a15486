"""Schedules: the published cases, the month ends, and every fen accounted for."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.rates import DayCount, days_between, interest_fen
from rules.schedule import (
    Cycle,
    Instalment,
    LastLine,
    Terms,
    add_months,
    monthly_dates,
    plan,
    settlement_dates,
)


def interest_only(
    principal_fen: int,
    rate_bp: int,
    start_on: date,
    maturity_on: date,
    cycle: Cycle = "monthly",
    due_day: int | None = 20,
    *,
    day_count: DayCount = "actual/360",
    last_line: LastLine = "rest",
) -> list[Instalment]:
    return plan(
        Terms(
            principal_fen, rate_bp, start_on, maturity_on, "interest_only", cycle, due_day, day_count,
            last_line, rest_days="keep",
        )
    )  # fmt: skip


def bullet(principal_fen: int, rate_bp: int, start_on: date, maturity_on: date) -> list[Instalment]:
    return plan(Terms(principal_fen, rate_bp, start_on, maturity_on, "bullet", rest_days="keep"))


def test_d01_interest_only_over_31_31_and_30_days() -> None:
    """S11.1: case D01."""
    lines = interest_only(100_000_000, 630, date(2026, 7, 20), date(2026, 10, 20), "monthly", 20)
    assert [line.due_on for line in lines] == [date(2026, 8, 20), date(2026, 9, 20), date(2026, 10, 20)]
    assert [line.days for line in lines] == [31, 31, 30]
    assert [line.interest_fen for line in lines] == [542_500, 542_500, 525_000]
    assert [line.total_fen for line in lines] == [542_500, 542_500, 100_525_000]


def test_d02_bullet_over_365_days() -> None:
    """S11.1: case D02."""
    (line,) = bullet(100_000_000, 630, date(2026, 1, 1), date(2027, 1, 1))
    assert (line.number, line.days, line.due_on) == (1, 365, date(2027, 1, 1))
    assert (line.interest_fen, line.principal_fen) == (6_387_500, 100_000_000)


def test_d03_a_daily_rate_is_never_cut() -> None:
    """S11.1: case D03, the exact values and not those of a rate of six decimals."""
    assert [interest_fen(1_000_000, 1_200, days) for days in (45, 30, 17)] == [15_000, 10_000, 5_667]


def test_e01_and_e02_days_of_360_and_365() -> None:
    """S11.1: cases E01 and E02."""
    assert [
        interest_fen(500_000, 1_200, 1, "actual/365"),
        interest_fen(100_000, 1_200, 31, "actual/365"),
    ] == [
        164,
        1_019,
    ]
    assert [interest_fen(100_000, 1_000, days) for days in (28, 31)] == [778, 861]
    assert [interest_fen(100_000, 1_000, days, "actual/365") for days in (30, 31)] == [822, 849]


K04 = {
    "actual/360": ([34_979, 44_083, 43_604, 43_125, 9_104], 174_895, 174_896),
    "actual/365": ([34_500, 43_479, 43_007, 42_534, 8_979], 172_499, 172_500),
}


@pytest.mark.parametrize("day_count", ["actual/360", "actual/365"])
def test_k04_quarterly_settlement_on_the_20th(day_count: DayCount) -> None:
    """S11.1: case K04; each line for its own days, then the last line taking the rest."""
    lines, parts, whole = K04[day_count]
    start, end = date(2024, 4, 8), date(2025, 4, 8)
    own = interest_only(
        5_000_000, 345, start, end, "quarterly", 20, day_count=day_count, last_line="own_days"
    )
    rest = interest_only(5_000_000, 345, start, end, "quarterly", 20, day_count=day_count)
    cuts = [date(2024, 6, 20), date(2024, 9, 20), date(2024, 12, 20), date(2025, 3, 20), end]
    assert [line.due_on for line in own] == cuts
    assert [line.days for line in own] == [73, 92, 91, 90, 19]
    assert [line.interest_fen for line in own] == lines
    assert sum(lines) == parts
    assert [line.interest_fen for line in rest] == [*lines[:-1], lines[-1] + whole - parts]
    assert sum(line.interest_fen for line in rest) == whole == interest_fen(5_000_000, 345, 365, day_count)


def test_h01_monthly_dates_keep_the_first_day_and_clip() -> None:
    """S11.1: case H01."""
    from_31 = monthly_dates(date(2023, 1, 31), 13)
    assert from_31[:3] == [date(2023, 2, 28), date(2023, 3, 31), date(2023, 4, 30)]
    assert from_31[-1] == date(2024, 2, 29)
    assert monthly_dates(date(2023, 1, 30), 2) == [date(2023, 2, 28), date(2023, 3, 30)]
    assert monthly_dates(date(2023, 1, 28), 2) == [date(2023, 2, 28), date(2023, 3, 28)]
    assert monthly_dates(date(2023, 11, 30), 2, 3) == [date(2024, 2, 29), date(2024, 5, 30)]


def test_a_settlement_day_of_31_is_clipped_too() -> None:
    """S11.1"""
    days = settlement_dates(date(2024, 1, 15), date(2024, 4, 10), "monthly", 31)
    assert days == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 10)]


def test_a_loan_paid_out_on_a_settlement_day_first_settles_a_period_later() -> None:
    """S11.1"""
    assert settlement_dates(date(2026, 3, 20), date(2026, 5, 20), "monthly", 20) == [
        date(2026, 4, 20),
        date(2026, 5, 20),
    ]


def test_a_short_loan_settles_once_at_maturity() -> None:
    """S11.1"""
    assert settlement_dates(date(2026, 3, 21), date(2026, 4, 19), "monthly", 20) == [date(2026, 4, 19)]


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (date(2026, 1, 31), date(2026, 2, 28), 28),
        (date(2026, 1, 30), date(2026, 1, 31), 0),
        (date(2026, 1, 15), date(2027, 1, 15), 360),
    ],
)
def test_30_360_counts_every_month_as_thirty(start: date, end: date, days: int) -> None:
    """S11.1"""
    assert days_between(start, end, "30/360") == days


@pytest.mark.parametrize(("principal", "rate", "days"), [(-1, 435, 1), (1, -1, 1), (1, 435, -1)])
def test_nothing_negative_bears_interest(principal: int, rate: int, days: int) -> None:
    """S11.1"""
    with pytest.raises(ValueError, match="negative"):
        interest_fen(principal, rate, days)


def test_a_loan_needs_a_principal_and_time() -> None:
    """S11.1"""
    day = date(2026, 1, 1)
    assert bullet(1, 435, day, date(2027, 1, 1))[0].total_fen == 1
    assert interest_only(1, 435, day, date(2026, 2, 1))[0].due_on == date(2026, 1, 20)
    with pytest.raises(ValueError, match="principal"):
        interest_only(0, 435, day, date(2027, 1, 1))
    with pytest.raises(ValueError, match="after the start"):
        interest_only(1, 435, day, day)
    with pytest.raises(ValueError, match="principal"):
        bullet(0, 435, day, date(2027, 1, 1))
    with pytest.raises(ValueError, match="after the start"):
        bullet(1, 435, day, day)


def test_half_a_fen_is_rounded_up() -> None:
    """S11.1: 7 200 yuan at 0.01 % for ten days is 2 fen, half of it 1 fen."""
    assert [interest_fen(3_600_000, 1, days) for days in (4, 5, 6)] == [4, 5, 6]
    assert [interest_fen(1_800_000, 1, days) for days in (1, 2, 3)] == [1, 1, 2]


principals = st.integers(1, 10**12)
rates = st.integers(0, 3_600)
starts = st.dates(date(2017, 1, 1), date(2040, 12, 31))
lengths = st.integers(1, 1_200)
day_counts = st.sampled_from(["actual/360", "actual/365", "30/360"])


@given(principals, rates, st.integers(0, 4_000), day_counts)
def test_interest_is_the_exact_fraction_rounded_half_up(
    principal: int, rate: int, days: int, count: DayCount
) -> None:
    """S11.1: held against fractions."""
    exact = Fraction(principal * rate * days, 10_000 * (365 if count == "actual/365" else 360))
    assert interest_fen(principal, rate, days, count) == (exact + Fraction(1, 2)).__floor__()


@given(
    principals,
    rates,
    starts,
    lengths,
    st.sampled_from(["monthly", "quarterly"]),
    st.integers(1, 31),
    day_counts,
)
def test_parts_equal_the_whole_and_none_is_negative(
    principal: int, rate: int, start: date, length: int, cycle: str, day: int, count: DayCount
) -> None:
    """S11.1: principal and interest to the fen, dates rise, the last line is maturity."""
    end = start + timedelta(days=length)
    lines = interest_only(principal, rate, start, end, cycle, day, day_count=count)  # type: ignore[arg-type]
    whole = interest_fen(principal, rate, days_between(start, end, count), count)
    assert sum(line.principal_fen for line in lines) == principal
    assert sum(line.interest_fen for line in lines) == whole
    assert sum(line.days for line in lines) == days_between(start, end, count)
    assert min(line.interest_fen for line in lines) >= 0
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    days = [line.due_on for line in lines]
    assert days == sorted(set(days))
    assert start < days[0]
    assert days[-1] == end


def test_a_gap_larger_than_the_last_line_is_borne_by_those_before() -> None:
    """S11.1: one yuan, every line rounded up, a last line of one day."""
    lines = interest_only(60_000, 10, date(2026, 1, 20), date(2029, 1, 19), "monthly", 20)
    assert min(line.interest_fen for line in lines) >= 0
    assert sum(line.interest_fen for line in lines) == interest_fen(60_000, 10, 1_095)


@given(starts, st.integers(0, 120))
def test_months_are_counted_from_the_first_date(start: date, months: int) -> None:
    """S11.1"""
    later = add_months(start, months)
    assert (later.year * 12 + later.month) - (start.year * 12 + start.month) == months
    assert later.day == start.day or (later.day < start.day and (later + timedelta(days=1)).day == 1)
