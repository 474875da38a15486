"""What may be said to be paid."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from policies import load_packs
from rules.slips import answers_a_photo, check_reason, check_slip, check_waiting

ON = date(2026, 11, 28)
LENT = date(2026, 10, 1)
POLICY = load_packs()["changge"].slips(ON)


@pytest.mark.parametrize(
    ("amount_fen", "paid_on", "code"),
    [
        (None, None, None),
        (50_000, ON, None),
        (50_000, LENT, None),
        (0, ON, "amount"),
        (-1, None, "amount"),
        (1, ON + timedelta(days=1), "paid_on"),
        (1, LENT - timedelta(days=1), "paid_on"),
    ],
)
def test_what_was_paid_lies_between_the_loan_and_today(
    amount_fen: int | None, paid_on: date | None, code: str | None
) -> None:
    """S11.4: amount and day may be unknown, not impossible."""
    refused = check_slip(amount_fen, paid_on, LENT, ON, POLICY)
    assert (refused.code if refused else None) == code


def test_what_is_long_ago_is_settled_at_the_counter() -> None:
    """S11.4"""
    lent = ON - timedelta(days=400)
    oldest = ON - timedelta(days=POLICY.oldest_days)
    assert check_slip(1, oldest, lent, ON, POLICY) is None
    refused = check_slip(1, oldest - timedelta(days=1), lent, ON, POLICY)
    assert refused is not None
    assert "带上单据找银行" in refused.message


def test_a_few_may_wait_and_no_more() -> None:
    """S11.4"""
    assert check_waiting(POLICY.waiting_max - 1, POLICY) is None
    assert check_waiting(POLICY.waiting_max, POLICY) is not None


@pytest.mark.parametrize(("days", "answer"), [(None, False), (0, True), (15, True), (16, False)])
def test_a_photo_answers_a_reminder_of_these_days(days: int | None, answer: bool) -> None:
    """S11.4, S18.4"""
    assert answers_a_photo(days, POLICY) is answer


def test_a_reason_is_a_sentence() -> None:
    """S11.4"""
    assert check_reason(" 没有 ", POLICY) is not None
    assert check_reason("没有查到", POLICY) is None
