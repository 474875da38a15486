"""The rules of loans in danger: warnings, conduct, disposal, visits, filings."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from rules import conduct, disposal, filings, visit_plans, warnings
from rules.disposal import Ability, Choice, Way, Willingness
from rules.warnings import Fact, Level, LoanFacts, Report, Rule

ON = date(2026, 11, 28)
RULES = (
    Rule("late", Fact.DAYS_PAST_DUE, Level.WATCH, 1),
    Rule("late_over_30", Fact.DAYS_PAST_DUE, Level.PRIORITY_WATCH, 31),
    Rule("missed_two", Fact.MISSED_SETTLEMENTS, Level.PRIORITY_WATCH, 2),
    Rule("promise_broken", Fact.BROKEN_PROMISES, Level.WATCH, 1),
    Rule("weaker", Fact.REPORTED, Level.PRIORITY_WATCH, codes=frozenset({"stopped", "lawsuit"})),
)


def test_of_each_count_the_highest_rule_fires_and_of_reports_every_one() -> None:
    """S10.1"""
    facts = LoanFacts(40, 2, 1, 7, (Report(5, "stopped"), Report(6, "price"), Report(8, "lawsuit")))
    found = warnings.fired(facts, RULES, ON)
    assert [cause.key for cause in found] == [
        "late_over_30:2026-10-19", "missed_two:2026-10-19", "promise_broken:p7", "weaker:r5", "weaker:r8",
    ]  # fmt: skip
    assert warnings.highest(found) is Level.PRIORITY_WATCH
    assert warnings.fired(LoanFacts(), RULES, ON) == []
    assert warnings.highest([]) is Level.NONE


def test_a_cause_has_the_same_key_on_the_next_day() -> None:
    """S10.1: no double warning for one cause."""
    today = warnings.fired(LoanFacts(days_past_due=40), RULES, ON)
    tomorrow = warnings.fired(LoanFacts(days_past_due=41), RULES, ON + timedelta(days=1))
    assert [cause.key for cause in today] == [cause.key for cause in tomorrow]


def test_a_level_only_rises_by_new_causes() -> None:
    """S10.1"""
    watch = warnings.fired(LoanFacts(days_past_due=1), RULES, ON)
    assert warnings.after_new(Level.AT_RISK, watch) is Level.AT_RISK
    assert warnings.after_new(Level.NONE, watch) is Level.WATCH


@pytest.mark.parametrize(("clean_days", "lowered"), [(None, False), (29, False), (30, True), (31, True)])
def test_a_level_goes_down_with_the_last_of_the_clean_days(clean_days: int | None, lowered: bool) -> None:
    """S10.1: thirty days, the first and the last included."""
    since = None if clean_days is None else ON - timedelta(days=clean_days - 1)
    assert warnings.is_lowered(since, ON, 30) is lowered


def test_a_report_holds_for_the_days_of_the_pack() -> None:
    """S10.1"""
    assert warnings.holds_until(ON, 1) == ON
    assert warnings.holds_until(ON, 90) == ON + timedelta(days=89)


def test_another_rule_is_another_version() -> None:
    """S10.1: which rules warned is kept."""
    assert warnings.version(RULES) == warnings.version(tuple(reversed(RULES)))
    assert warnings.version(RULES) != warnings.version(RULES[1:])


@pytest.mark.parametrize(("days", "since"), [(70, None), (71, ON), (72, ON - timedelta(days=1))])
def test_seventy_days_are_not_more_than_seventy(days: int, since: date | None) -> None:
    """S7.3"""
    assert conduct.over_days_since(ON - timedelta(days=days), ON, 70) == since


def line(due: int, paid: int | None, loan: int = 1) -> conduct.Line:
    """Due and paid so many days before the day."""
    return conduct.Line(loan, ON - timedelta(days=due), None if paid is None else ON - timedelta(days=paid))


def test_paid_on_day_thirty_one_is_not_over_thirty_at_the_end_of_a_day() -> None:
    """S7.3 (default): what counts is how things stand at the end of a day."""
    assert [s.over_on for s in conduct.spells([line(100, 69)], ON, 30)] == [None]
    assert [s.over_on for s in conduct.spells([line(100, 68)], ON, 30)] == [ON - timedelta(days=69)]


def test_a_line_paid_in_time_or_the_day_after_makes_no_spell() -> None:
    """S7.3 (default)"""
    assert conduct.spells([line(100, 100), line(50, 49), line(20, 25)], ON, 30) == []


def test_lines_that_overlap_are_one_spell_and_a_gap_makes_two() -> None:
    """S7.3 (default)"""
    assert len(conduct.spells([line(100, 60), line(70, 30), line(40, None)], ON, 30)) == 1
    assert len(conduct.spells([line(100, 60), line(60, 20)], ON, 30)) == 2
    assert len(conduct.spells([line(100, 60), line(90, 50, loan=2)], ON, 30)) == 2


def test_the_third_time_counts_and_the_second_does_not() -> None:
    """S7.3: the day on which the third time was over thirty days."""
    lines = [line(300, 250), line(200, 150), line(31, None, loan=2)]
    assert conduct.repeated_since(lines, ON, 30, 3) == ON
    assert conduct.repeated_since(lines, ON - timedelta(days=1), 30, 3) is None
    assert conduct.repeated_since(lines[:2], ON, 30, 3) is None


def test_two_missed_settlements_lower_the_credit() -> None:
    """S11.3"""
    assert [conduct.is_credit_lowered(missed, 2) for missed in (1, 2, 3)] == [False, True, True]


def choice(**changes: object) -> Choice:
    base = {
        "cause": "market", "own_fault": False, "ability": Ability.PARTLY, "willingness": Willingness.WILLING,
        "way": Way.COLLECTION, "by_on": ON,
    }  # fmt: skip
    return Choice(**{**base, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, None),
        ({"cause": "weather"}, "cause"),
        ({"by_on": ON - timedelta(days=1)}, "by_on"),
        ({"by_on": ON + timedelta(days=90)}, None),
        ({"by_on": ON + timedelta(days=91)}, "by_on"),
        ({"way": Way.RENEWAL}, None),
        ({"way": Way.RENEWAL, "ability": Ability.UNABLE}, "way"),
        ({"way": Way.EXTENSION}, None),
        ({"way": Way.EXTENSION, "own_fault": True}, "way"),
        ({"way": Way.COMPENSATION, "ability": Ability.UNABLE}, None),
        ({"way": Way.COMPENSATION, "ability": Ability.ABLE}, "way"),
        ({"willingness": Willingness.UNWILLING}, None),
        ({"willingness": Willingness.UNWILLING, "way": Way.RENEWAL}, "way"),
    ],
)
def test_a_way_must_fit_the_borrower(changes: dict[str, object], field: str | None) -> None:
    """S12.2"""
    refusal = disposal.check_disposal(choice(**changes), {"market"}, ON, 90)
    assert (refusal.field if refusal else None) == field


def test_the_list_begins_beyond_the_day_of_the_pack() -> None:
    """S12.2"""
    assert [disposal.is_listed(days, 7) for days in (7, 8)] == [False, True]


def test_only_the_able_and_unwilling_are_defaulters() -> None:
    """S12.4"""
    found = [(a, w) for a in Ability for w in Willingness if disposal.is_defaulter(a, w)]
    assert found == [(Ability.ABLE, Willingness.UNWILLING)]


@pytest.mark.parametrize(
    ("on", "every", "name", "first", "last"),
    [
        (date(2026, 12, 31), "month", "2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        (date(2028, 2, 29), "month", "2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 1, 1), "quarter", "2026Q1", date(2026, 1, 1), date(2026, 3, 31)),
        (date(2026, 12, 31), "quarter", "2026Q4", date(2026, 10, 1), date(2026, 12, 31)),
    ],
)
def test_a_day_lies_in_its_month_and_quarter(
    on: date, every: visit_plans.Every, name: str, first: date, last: date
) -> None:
    """S9.1"""
    assert visit_plans.period_of(on, every) == visit_plans.Period(name, first, last)


def test_who_was_paid_out_in_the_period_is_not_visited_in_it() -> None:
    """S9.1"""
    period = visit_plans.period_of(ON, "quarter")
    assert not visit_plans.needs_visit(period.first_on, period)
    assert visit_plans.needs_visit(period.first_on - timedelta(days=1), period)


@pytest.mark.parametrize(
    ("month", "due"),
    [
        (date(2025, 12, 1), date(2026, 1, 12)),  # 10 January is a Saturday
        (date(2025, 9, 1), date(2025, 10, 10)),  # a working day after the holidays
        (date(2026, 9, 1), date(2026, 10, 10)),  # a Saturday that is worked for 调休
    ],
)
def test_the_tenth_moves_to_the_next_working_day(month: date, due: date) -> None:
    """S5.1, S5.3: by the official calendar, 调休 included."""
    assert filings.due_on(month, 10).on == due


def test_a_filing_is_about_the_month_before() -> None:
    """S5.1, S5.2"""
    assert filings.month_to_file(date(2026, 1, 31)) == date(2025, 12, 1)
    assert filings.month_after(date(2025, 12, 1)) == date(2026, 1, 1)
    assert filings.letter_number("411082", 2026, 8, 12) == "411082-JC8-2026-00012"


def test_late_is_after_its_day_filed_or_not() -> None:
    """S5.1"""
    due = date(2026, 1, 12)
    assert not filings.is_late(due, due, date(2026, 2, 1))
    assert filings.is_late(due, date(2026, 1, 13), date(2026, 1, 13))
    assert [filings.is_late(due, None, day) for day in (due, date(2026, 1, 13))] == [False, True]
