"""How often and how long a code by short message may be used (S1.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rules.binding import CodePolicy, check_code_usable, check_may_claim, check_may_send

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
POLICY = CodePolicy(code_minutes=5, code_tries=5, codes_per_hour=3, codes_per_day=5, claims_per_day=2)


def ago(*minutes: int) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("sent", "refused"),
    [
        ((), False),
        ((1, 2), False),
        ((1, 2, 59), True),
        ((1, 2, 60), False),
        ((1, 70, 80, 90), False),
        ((61, 70, 80, 90, 1439), True),
        ((61, 70, 80, 90, 1440), False),
    ],
)
def test_a_phone_gets_only_so_many_codes(sent: tuple[int, ...], refused: bool) -> None:
    """S1.7"""
    refusal = check_may_send(ago(*sent), POLICY, NOW)
    assert (refusal.code if refusal else None) == ("too_many_codes" if refused else None)


@pytest.mark.parametrize(
    ("claims", "refused"), [((), False), ((5,), False), ((5, 6), True), ((5, 1440), False)]
)
def test_a_wechat_may_not_try_one_id_number_after_the_other(claims: tuple[int, ...], refused: bool) -> None:
    """S1.7"""
    assert (check_may_claim(ago(*claims), POLICY, NOW) is not None) == refused


@pytest.mark.parametrize(
    ("age_seconds", "tries", "code"),
    [(0, 0, None), (299, 4, None), (300, 0, "code_expired"), (10, 5, "too_many_tries")],
)
def test_a_code_holds_five_minutes_and_five_tries(age_seconds: int, tries: int, code: str | None) -> None:
    """S1.7"""
    refusal = check_code_usable(NOW - timedelta(seconds=age_seconds), tries, POLICY, NOW)
    assert (refusal.code if refusal else None) == code
