"""Every product of a schedule against a second, independent calculation in exact fractions."""

from __future__ import annotations

from dataclasses import astuple, replace
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules.rates import RateChange
from rules.schedule import METHODS, BadTerms, LastLine, Terms, add_months, plan, settlement_dates
from rules.schedule_batch import forget, plan_many

HALF = Fraction(1, 2)


def half_up(exact: Fraction) -> int:
    return floor(exact + HALF)


def year_fraction(terms: Terms, start: date, end: date) -> Fraction:
    """Rate times time of a period, day by day: slow, and nothing like the code it checks."""
    if terms.day_count == "30/360":

        def ordinal(day: date) -> int:
            return 360 * day.year + 30 * day.month + min(day.day, 30)
    else:

        def ordinal(day: date) -> int:
            return day.toordinal()

    base = 365 if terms.day_count == "actual/365" else 360
    total, day = Fraction(0), start
    while day < end:
        rate = terms.rate_bp
        for change in terms.rate_changes:
            if change.first_day <= day:
                rate = change.rate_bp
        after = day + timedelta(days=1)
        total += Fraction(rate * (ordinal(after) - ordinal(day)), 10_000 * base)
        day = after
    return total


def in_fractions(terms: Terms) -> list[tuple[int, int]]:
    """(principal, interest) of each line, by exact fractions rounded half up once a line."""
    ends = [line.nominal_on for line in plan(replace(terms, method="interest_only"))]
    if terms.method == "bullet":
        ends = ends[-1:]
    starts = [terms.start_on, *ends[:-1]]
    factors = [year_fraction(terms, start, end) for start, end in zip(starts, ends, strict=True)]
    principal, count = terms.principal_fen, len(ends)
    if terms.method in ("interest_only", "bullet", "flat"):
        interest = [half_up(principal * factor) for factor in factors]
        gap = half_up(principal * sum(factors)) - sum(interest)
        at = count - 1
        while gap:
            given_or_taken = max(gap, -interest[at])
            interest[at] += given_or_taken
            gap -= given_or_taken
            at -= 1
        if terms.method != "flat":
            return [(principal if at == count - 1 else 0, each) for at, each in enumerate(interest)]
        part = max(1, half_up(Fraction(principal, count)))
        parts = [min(part, max(0, principal - part * at)) for at in range(count - 1)]
        parts.append(principal - sum(parts))
        return trimmed(list(zip(parts, interest, strict=True)))
    lines, left = [], principal
    level = Fraction(0)
    if terms.method == "equal_instalment":
        present, discount = Fraction(0), Fraction(1)
        for factor in factors:
            discount /= 1 + factor
            present += discount
        level = Fraction(max(1, half_up(principal / present)))
    if terms.method == "fixed":
        level = Fraction(terms.fixed_fen)
    part = max(1, half_up(Fraction(principal, count)))
    for at, factor in enumerate(factors):
        interest_now = half_up(left * factor)
        wanted = part if terms.method == "equal_principal" else max(0, int(level) - interest_now)
        paid = left if at == count - 1 else min(left, wanted)
        lines.append((paid, interest_now))
        left -= paid
    return trimmed(lines)


def trimmed(lines: list[tuple[int, int]]) -> list[tuple[int, int]]:
    while len(lines) > 1 and lines[-1] == (0, 0):
        lines.pop()
    return lines


@st.composite
def some_terms(draw: st.DrawFn) -> Terms:
    start = draw(st.dates(date(2019, 1, 1), date(2030, 12, 31)))
    months = draw(st.integers(1, 14))
    principal = draw(st.integers(1, 10**9) | st.integers(1, 400))
    changes = draw(st.lists(st.tuples(st.integers(1, 400), st.integers(0, 2_400)), max_size=2))
    days = sorted(dict(changes).items())
    method = draw(st.sampled_from(METHODS))
    return Terms(
        principal,
        draw(st.integers(0, 2_400)),
        start,
        add_months(start, months) + timedelta(days=draw(st.integers(0, 20))),
        method,
        draw(st.sampled_from(["monthly", "quarterly"])),
        draw(st.none() | st.integers(1, 31)),
        draw(st.sampled_from(["actual/360", "actual/365", "30/360"])),
        rate_changes=tuple(RateChange(start + timedelta(days=offset), rate) for offset, rate in days),
        fixed_fen=principal // 3 + 1 if method == "fixed" else 0,
        rest_days=draw(st.sampled_from(["keep", "next_workday"])),
    )


@settings(max_examples=250, deadline=None)
@given(some_terms())
def test_every_product_equals_the_exact_fractions_to_the_fen(terms: Terms) -> None:
    """S11.1"""
    try:
        lines = plan(terms)
    except BadTerms as problem:
        assert problem.field == "fixed_fen"  # noqa: PT017 - the one thing that may be wrong with these
        assume(False)
    first_period_too_long = terms.method == "equal_instalment" and lines[0].principal_fen == 0
    assume(not first_period_too_long or len(lines) == 1)
    assert [(line.principal_fen, line.interest_fen) for line in lines] == in_fractions(terms)


@settings(max_examples=250, deadline=None)
@given(some_terms(), st.sampled_from([1, 100, 10_000]), st.integers(0, 3), st.booleans(), st.integers(0, 200))
def test_parts_equal_the_whole_whatever_the_terms(
    terms: Terms, multiple: int, grace: int, even: bool, first_due_in: int
) -> None:
    """S11.1: no fen is lost, none is negative, no line is charged for another's days."""
    asked = replace(
        terms, multiple_fen=multiple, grace_lines=grace, even_last=even,
        first_due_from=terms.start_on + timedelta(days=first_due_in),
    )  # fmt: skip
    try:
        lines = plan(asked)
    except BadTerms as problem:
        assert problem.field in ("fixed_fen", "grace_lines")  # noqa: PT017 - nothing else may be wrong
        return
    assert sum(line.principal_fen for line in lines) == terms.principal_fen
    assert min(min(line.principal_fen, line.interest_fen) for line in lines) >= 0
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    days = [line.nominal_on for line in lines]
    assert days == sorted(set(days))
    assert terms.start_on < days[0]
    assert days[-1] <= terms.maturity_on
    assert all(line.nominal_on <= line.due_on for line in lines)
    assert [line.kind for line in lines].count("maturity") == 1
    assert lines[-1].kind == "maturity"
    if terms.method not in ("interest_only", "bullet"):
        assert all(line.principal_fen == 0 for line in lines[:grace])


def test_instalments_are_whole_multiples_and_the_last_takes_the_rest() -> None:
    """S11.1: 3 万 in twelve lines of whole yuan."""
    terms = Terms(3_000_000, 435, date(2026, 1, 8), date(2027, 1, 8), "equal_instalment", multiple_fen=100)
    lines = plan(terms)
    assert {line.total_fen % 100 for line in lines[:-1]} == {0}
    assert len({line.total_fen for line in lines[:-1]}) == 1
    assert sum(line.principal_fen for line in lines) == 3_000_000


def test_rounding_up_may_end_a_loan_a_line_early() -> None:
    """S11.1: 1 000 yuan in 36 parts of whole hundreds are ten."""
    terms = Terms(
        100_000, 435, date(2026, 1, 8), date(2029, 1, 8), "equal_principal", multiple_fen=10_000,
        rest_days="keep",
    )  # fmt: skip
    lines = plan(terms)
    assert [line.principal_fen for line in lines] == [10_000] * 10
    assert (lines[-1].kind, lines[-1].due_on) == ("maturity", date(2026, 11, 8))


def test_grace_lines_carry_interest_alone() -> None:
    """S11.1"""
    terms = Terms(1_200_000, 600, date(2026, 1, 8), date(2026, 7, 8), "equal_principal", day_count="30/360")
    lines = plan(replace(terms, grace_lines=2))
    assert [line.principal_fen for line in lines] == [0, 0, 300_000, 300_000, 300_000, 300_000]
    assert [line.kind for line in lines[:3]] == ["settlement", "settlement", "instalment"]
    assert [line.interest_fen for line in lines] == [6_000, 6_000, 6_000, 4_500, 3_000, 1_500]


def test_nothing_is_due_before_the_harvest_and_its_interest_is_not_lost() -> None:
    """S11.1: the first line bears the interest of all the months before it."""
    terms = Terms(
        1_000_000, 435, date(2026, 3, 1), date(2027, 3, 1), "interest_only", due_day=20,
        first_due_from=date(2026, 10, 1), rest_days="keep",
    )  # fmt: skip
    lines = plan(terms)
    assert [line.due_on for line in lines][:2] == [date(2026, 10, 20), date(2026, 11, 20)]
    assert lines[0].days == 233
    whole = plan(replace(terms, first_due_from=None))
    assert sum(line.interest_fen for line in lines) == sum(line.interest_fen for line in whole)


def test_a_broken_first_period_is_charged_for_its_days() -> None:
    """S11.1: paid out on the 8th, due on the 20th."""
    terms = Terms(
        1_200_000, 360, date(2026, 1, 8), date(2026, 6, 20), "equal_instalment", due_day=20,
        day_count="30/360", rest_days="keep",
    )  # fmt: skip
    lines = plan(terms)
    assert [line.days for line in lines] == [12, 30, 30, 30, 30, 30]
    assert lines[0].interest_fen == 1_440
    assert len({line.total_fen for line in lines[:-1]}) == 1


def test_a_very_long_first_period_is_paid_off_before_the_principal_is() -> None:
    """S11.1: interest of the wait exceeds the instalment; the rest is level all the same."""
    terms = Terms(
        100_000_000, 2_400, date(2026, 1, 8), date(2034, 1, 8), "equal_instalment", "quarterly",
        first_due_from=date(2030, 1, 1), rest_days="keep",
    )  # fmt: skip
    lines = plan(terms)
    assert (lines[0].principal_fen, lines[0].kind) == (0, "settlement")
    assert lines[0].interest_fen > lines[1].total_fen
    assert max(line.total_fen for line in lines[1:-1]) == min(line.total_fen for line in lines[1:-1])


def test_the_last_line_can_be_brought_nearer_to_the_others() -> None:
    """S11.1: a gap of many fen is spread when that makes it smaller."""
    terms = Terms(10_000, 2_400, date(2026, 1, 1), date(2029, 1, 1), "equal_instalment", day_count="30/360")
    plain, even = plan(terms), plan(replace(terms, even_last=True))

    def gap(lines: list[Any]) -> int:
        return abs(lines[-1].total_fen - lines[0].total_fen)

    assert gap(even) <= gap(plain)
    assert sum(line.principal_fen for line in even) == 10_000


def test_a_rate_change_in_the_middle_splits_the_period() -> None:
    """S11.1, S3.5: ten days at 4.35 %, twenty-one at 3.45 %, one rounding."""
    terms = Terms(
        10_000_000, 435, date(2026, 1, 1), date(2026, 2, 1), "bullet", rest_days="keep",
        rate_changes=(RateChange(date(2026, 1, 11), 345),),
    )  # fmt: skip
    (line,) = plan(terms)
    assert line.interest_fen == half_up(Fraction(10_000_000 * (435 * 10 + 345 * 21), 10_000 * 360))


def test_a_day_of_rest_moves_to_the_next_working_day_and_interest_does_not() -> None:
    """S11.1, S5.3: 2026-12-20 is a Sunday, on Saturday 2026-02-14 people work, the feast ends on the 23rd."""
    terms = Terms(1_000_000, 435, date(2026, 1, 14), date(2026, 12, 20), "interest_only", due_day=14)
    lines = plan(terms)
    assert (lines[0].nominal_on, lines[0].due_on) == (date(2026, 2, 14), date(2026, 2, 14))
    assert (lines[-1].nominal_on, lines[-1].due_on) == (date(2026, 12, 20), date(2026, 12, 21))
    feast = plan(replace(terms, due_day=16))
    assert (feast[1].nominal_on, feast[1].due_on) == (date(2026, 2, 16), date(2026, 2, 24))
    kept = plan(replace(terms, rest_days="keep"))
    assert [line.interest_fen for line in kept] == [line.interest_fen for line in lines]
    assert [line.nominal_on for line in kept] == [line.due_on for line in kept]


def test_a_year_without_a_calendar_is_said_and_not_guessed() -> None:
    """S11.1, S5.3: nobody knows yet which days of 2040 are days of rest."""
    terms = Terms(1_000_000, 435, date(2040, 1, 7), date(2040, 4, 7), "interest_only", due_day=7)
    lines = plan(terms)
    assert [line.calendar_known for line in lines] == [False] * 3
    assert [line.due_on for line in lines] == [line.nominal_on for line in lines]
    assert all(line.calendar_known for line in plan(replace(terms, rest_days="keep")))


BAD: list[tuple[dict[str, Any], str]] = [
    ({"principal_fen": 0}, "principal_fen"),
    ({"principal_fen": -1}, "principal_fen"),
    ({"rate_bp": -1}, "rate_bp"),
    ({"maturity_on": date(2026, 1, 8)}, "maturity_on"),
    ({"maturity_on": date(2025, 1, 8)}, "maturity_on"),
    ({"maturity_on": date(9999, 1, 8)}, "maturity_on"),
    ({"due_day": 0}, "due_day"),
    ({"due_day": 32}, "due_day"),
    ({"multiple_fen": 0}, "multiple_fen"),
    ({"method": "fixed"}, "fixed_fen"),
    ({"method": "fixed", "fixed_fen": 10}, "fixed_fen"),
    ({"method": "usury"}, "method"),
    ({"grace_lines": -1}, "grace_lines"),
    ({"grace_lines": 12}, "grace_lines"),
    ({"dates": (date(2026, 5, 8), date(2026, 3, 8))}, "dates"),
    ({"dates": (date(2026, 5, 8), date(2026, 6, 8))}, "dates"),
    ({"dates": (date(2026, 1, 8), date(2027, 1, 8))}, "dates"),
    ({"rate_changes": (RateChange(date(2026, 5, 1), -1),)}, "rate_bp"),
    ({"rate_changes": (RateChange(date(2026, 5, 1), 1), RateChange(date(2026, 5, 1), 2))}, "rate_changes"),
]


@pytest.mark.parametrize(("changes", "field"), BAD)
def test_terms_that_make_no_sense_are_refused_by_field(changes: dict[str, Any], field: str) -> None:
    """S11.1"""
    terms = Terms(1_000_000, 435, date(2026, 1, 8), date(2027, 1, 8), "equal_instalment")
    with pytest.raises(BadTerms) as refused:
        plan(replace(terms, **changes))
    assert refused.value.field == field


@settings(max_examples=300, deadline=None)
@given(
    some_terms(), st.sampled_from([1, 1, 1, 100]), st.integers(0, 3), st.booleans(),
    st.sampled_from(["rest", "own_days"]),
)  # fmt: skip
def test_many_at_once_are_the_same_lines_to_the_fen(
    terms: Terms, multiple: int, grace: int, even: bool, last_line: LastLine
) -> None:
    """S11.1: the quick way and the exact rule, or the same refusal."""
    asked = replace(terms, multiple_fen=multiple, grace_lines=grace, even_last=even, last_line=last_line)
    try:
        exact = [astuple(line) for line in plan(asked)]
    except BadTerms as problem:
        with pytest.raises(BadTerms) as refused:
            list(plan_many([asked]))
        assert refused.value.field == problem.field  # noqa: PT017 - compared with the other refusal
        return
    twice = list(plan_many([asked, replace(asked, principal_fen=asked.principal_fen + 1), asked]))
    assert [tuple(row) for row in twice[0]] == exact
    assert twice[2] == twice[0]


def test_a_long_period_that_eats_the_instalment_is_left_to_the_exact_rule() -> None:
    """S11.1: fourteen years of interest in one line; the principal waits, from a cold start as well."""
    days = (date(2026, 2, 8), date(2040, 2, 8), date(2040, 3, 8))
    terms = Terms(
        1_200_000, 2400, date(2026, 1, 8), days[-1], "equal_instalment", day_count="30/360",
        rest_days="keep", dates=days,
    )  # fmt: skip
    forget()
    (quick,) = plan_many([terms])
    assert [tuple(row) for row in quick] == [astuple(line) for line in plan(terms)]
    assert [line.principal_fen for line in plan(terms)] == [817_689, 0, 382_311]


def test_a_loan_that_ends_before_it_begins_has_no_settlement_days() -> None:
    """S11.1"""
    with pytest.raises(BadTerms, match="after the start"):
        settlement_dates(date(2026, 1, 8), date(2026, 1, 8), "monthly", 20)


def test_a_loan_of_a_few_fen_ends_when_it_is_paid() -> None:
    """S11.1: no empty lines after the last fen."""
    terms = Terms(
        5, 0, date(2026, 1, 8), date(2027, 1, 8), "equal_instalment", day_count="30/360", rest_days="keep"
    )
    (quick,) = plan_many([terms])
    assert [tuple(row) for row in quick] == [astuple(line) for line in plan(terms)]
    assert [line.principal_fen for line in plan(terms)] == [1, 1, 1, 1, 1]


def test_lines_of_grace_carry_no_principal_however_many_loans_there_are() -> None:
    """S11.1"""
    terms = Terms(
        1_200_000, 435, date(2026, 1, 8), date(2027, 1, 8), "equal_instalment", day_count="30/360",
        rest_days="keep", grace_lines=2,
    )  # fmt: skip
    (quick,) = plan_many([terms])
    assert [tuple(row) for row in quick] == [astuple(line) for line in plan(terms)]
    assert [line.principal_fen for line in plan(terms)][:2] == [0, 0]
