"""展期 and 续贷: every condition refuses by itself, the limits hold to the day, and nothing is hidden."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from policies import load_packs
from rules.easing import Loan, Review, as_if_due_on, latest_maturity, refusals

ON = date(2026, 12, 1)
POLICY = load_packs()["changge"].easing(ON)
LOAN = Loan(date(2026, 1, 8), date(2027, 1, 8), extended_count=0, renewed_count=0)
REVIEW = Review(
    date(2026, 11, 20), still_qualified=True, own_wish=True, guarantee_in_place=True, subsidy_in_place=True,
    able_to_repay=True, cause="disaster",
)  # fmt: skip


def test_a_loan_that_meets_every_condition_may_be_eased() -> None:
    """S12.3"""
    assert refusals("extension", LOAN, REVIEW, POLICY, ON) == []
    assert refusals("renewal", LOAN, replace(REVIEW, cause=""), POLICY, ON) == []
    assert refusals("extension", LOAN, REVIEW, POLICY, LOAN.maturity_on) == []


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("extension", {"still_qualified": False}, {}, "not_qualified"),
    ("renewal", {"own_wish": False}, {}, "no_wish"),
    ("renewal", {"guarantee_in_place": False}, {}, "no_guarantee"),
    ("extension", {"subsidy_in_place": False}, {}, "no_subsidy"),
    ("renewal", {"able_to_repay": False}, {}, "not_able"),
    ("extension", {"cause": ""}, {}, "cause"),
    ("extension", {"cause": "gambling"}, {}, "cause"),
    ("renewal", {"reviewed_on": date(2026, 12, 2)}, {}, "reviewed_on"),
    ("renewal", {"reviewed_on": date(2026, 1, 7)}, {}, "reviewed_on"),
    ("extension", {}, {"maturity_on": date(2026, 11, 19)}, "reviewed_late"),
    ("extension", {}, {"maturity_on": date(2026, 11, 30)}, "after_maturity"),
    ("extension", {}, {"extended_count": 1}, "too_often"),
    ("renewal", {}, {"renewed_count": 1}, "too_often"),
]


@pytest.mark.parametrize(("kind", "review", "loan", "code"), REFUSED)
def test_every_condition_refuses_by_itself(
    kind: Any, review: dict[str, Any], loan: dict[str, Any], code: str
) -> None:
    """S12.3"""
    found = refusals(kind, replace(LOAN, **loan), replace(REVIEW, **review), POLICY, ON)
    assert code in {each.code for each in found}
    assert all(each.rule == "S12.3" and each.message for each in found)


def test_a_county_may_ease_what_is_past_its_maturity_if_it_was_reviewed_before() -> None:
    """S12.3"""
    late = replace(LOAN, maturity_on=date(2026, 11, 30))
    assert refusals("extension", late, REVIEW, replace(POLICY, after_maturity=True), ON) == []


@pytest.mark.parametrize(
    ("maturity", "latest"),
    [
        (date(2027, 1, 8), date(2028, 1, 8)),  # a year: as long again
        (date(2027, 2, 8), date(2027, 8, 8)),  # thirteen months: half of it
        (date(2029, 1, 8), date(2030, 7, 8)),
        (date(2026, 1, 20), date(2026, 1, 20)),  # less than a month: no month more
    ],
)
def test_extensions_together_are_no_longer_than_the_general_rules_allow(maturity: date, latest: date) -> None:
    """S12.3"""
    assert latest_maturity(date(2026, 1, 8), maturity, POLICY) == latest


def test_the_chain_keeps_the_earliest_day_from_which_it_would_be_overdue() -> None:
    """S12.3"""
    end = date(2027, 1, 8)
    assert as_if_due_on(None, None, end) == end
    assert as_if_due_on(None, date(2026, 10, 8), end) == date(2026, 10, 8)
    assert as_if_due_on(date(2026, 5, 8), date(2026, 10, 8), end) == date(2026, 5, 8)
