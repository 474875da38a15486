"""A query needs an authorisation for its purpose, in its period (S6.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from rules.credit_query import Authorisation, Purpose, Standing, check_query

GIVEN = Authorisation(
    consent_id=1,
    person_id=2,
    application_id=3,
    kind="credit_query_consent",
    version="2026-01",
    text_sha256="a" * 64,
    agreed_on=date(2026, 11, 1),
    until=date(2026, 12, 31),
    withdrawn_on=None,
    standing=Standing.REVIEW,
)


@pytest.mark.parametrize(
    ("change", "purpose", "on", "code"),
    [
        ({}, Purpose.LOAN_REVIEW, date(2026, 11, 1), None),
        ({}, Purpose.LOAN_REVIEW, date(2026, 12, 31), None),
        ({"until": None}, Purpose.LOAN_REVIEW, date(2028, 1, 1), None),
        ({}, Purpose.LOAN_REVIEW, date(2027, 1, 1), "authorisation_over"),
        ({}, Purpose.LOAN_REVIEW, date(2026, 10, 31), "authorisation_over"),
        ({"standing": Standing.OVER}, Purpose.LOAN_REVIEW, date(2026, 11, 2), "authorisation_over"),
        (
            {"withdrawn_on": date(2026, 11, 2)},
            Purpose.LOAN_REVIEW,
            date(2026, 11, 2),
            "authorisation_withdrawn",
        ),
        ({"withdrawn_on": date(2026, 11, 3)}, Purpose.LOAN_REVIEW, date(2026, 11, 2), None),
        ({}, Purpose.AFTER_LOAN, date(2026, 11, 2), "other_purpose"),
        ({"standing": Standing.LOAN}, Purpose.LOAN_REVIEW, date(2026, 11, 2), "other_purpose"),
        ({"standing": Standing.LOAN}, Purpose.AFTER_LOAN, date(2026, 11, 2), None),
        ({"kind": "pledge"}, Purpose.LOAN_REVIEW, date(2026, 11, 2), "other_purpose"),
    ],
)
def test_a_query_is_covered_by_purpose_and_period(
    change: dict[str, object], purpose: Purpose, on: date, code: str | None
) -> None:
    """S6.6"""
    refusal = check_query(replace(GIVEN, **change), purpose, on)
    assert (refusal.code if refusal else None) == code
    assert refusal is None or refusal.rule == "S6.6"
