"""What a password must be, and how long one waits after wrong tries (S17.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rules.lockout import TRIES_OF_A_PERSON, wait_after, words_for
from rules.passwords import check_password


@pytest.mark.parametrize(
    ("failures", "minutes"), [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (5000, 60)]
)
def test_every_further_wrong_try_costs_twice_the_time_but_never_more_than_an_hour(
    failures: int, minutes: int
) -> None:
    """S17.2"""
    assert wait_after(failures, TRIES_OF_A_PERSON) == timedelta(minutes=minutes)


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (1, 1), (60, 1), (61, 2), (3600, 60)])
def test_who_must_wait_is_told_whole_minutes(seconds: int, minutes: int) -> None:
    """S17.2"""
    assert f"请{minutes}分钟后" in words_for(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("Tian-9876x", ""),
        ("a" * 5 + "Bb1-xyzw", ""),
        ("thisisalongphrase", ""),
        ("麦子黄了就收割再种玉米和大豆呀", "三种"),
        ("麦子黄了就收割再种玉米和大豆呀一二", ""),
        ("Short-1", "10到128"),
        ("x" * 129, "10到128"),
        ("abcdefghij", "三种"),
        ("abcdef1234", "三种"),
        ("Aa1-Aa1-Aa1-", "重复"),
        ("Aa-4110820001", "工号"),
        ("Aa-13800001234", "工号"),
    ],
)
def test_a_password_is_long_mixed_and_not_what_everybody_knows(password: str, words: str) -> None:
    """S17.2"""
    refusal = check_password(password, ("4110820001", "13800001234", ""))
    assert (words in refusal.message) if refusal and words else (refusal is None and not words)
