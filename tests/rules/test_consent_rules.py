"""What follows from taking a consent back is told before it is done (S6.6, S1.4)."""

from __future__ import annotations

import pytest

from rules.consents import stops_application, withdrawal
from rules.credit_query import Standing
from rules.refusal import Refusal


@pytest.mark.parametrize(
    ("standing", "words", "stops"),
    [
        (Standing.REVIEW, "停办", True),
        (Standing.LOAN, "不受影响", False),
        (Standing.OVER, "别的没有影响", False),
    ],
)
def test_an_authorisation_can_always_be_taken_back(standing: Standing, words: str, stops: bool) -> None:
    """S6.6"""
    meant = withdrawal("credit_query_consent", standing)
    assert isinstance(meant, str)
    assert words in meant
    assert stops_application("credit_query_consent", standing) is stops


def test_a_pledge_is_no_consent() -> None:
    """S1.4: it ends with the application or with the loan."""
    for kind in ("pledge", "notice_of_terms"):
        meant = withdrawal(kind, Standing.REVIEW)
        assert isinstance(meant, Refusal)
        assert meant.code == "not_withdrawable"
        assert not stops_application(kind, Standing.REVIEW)
