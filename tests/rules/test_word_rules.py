"""Words: what fits the platform's typed keys, and templates without power."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.words import (
    KEY_TYPES,
    LOCK_SCREEN_FACTS,
    LONGEST,
    PRIVATE_FACTS,
    check_field,
    check_phone,
    fill,
    fill_fields,
    fit_field,
    key_type,
    longest,
    placeholders,
)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("thing1", "一二三四五六七八九十一二三四五六七八九十"),
        ("phrase2", "等您补充了"),
        ("time3", "2026年12月3日 15:01"),
        ("time3", "15:01"),
        ("time3", "2026年12月3日 15:01~2026年12月4日 16:01"),
        ("date4", "2026年12月3日"),
        ("date4", "2026-12-03 08:00"),
        ("amount5", "¥1234567890.12元"),
        ("number6", "-12.5"),
        ("character_string7", "411082-0001"),
        ("letter8", "ABCxyz"),
        ("symbol9", "+-*"),
        ("phone_number10", "0374-12345678"),
        ("car_number11", "豫K12345"),
        ("name12", "欧阳小红"),
        ("name12", "Li Si"),
        ("const13", "已办结"),
        ("enum14", "已办结"),
    ],
)
def test_what_fits_a_key_is_let_through(key: str, text: str) -> None:
    """S18.7"""
    assert check_field(key, text) is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("thing1", "一二三四五六七八九十一二三四五六七八九十一"),
        ("thing1", ""),
        ("thing1", "两\n行"),
        ("phrase2", "等您补充材料"),
        ("phrase2", "ok"),
        ("time3", "明天"),
        ("date4", "15:01"),
        ("amount5", "12345678901元"),
        ("number6", "1" * 33),
        ("character_string7", "汉字"),
        ("letter8", "A1"),
        ("symbol9", "abc"),
        ("phone_number10", "1" * 18),
        ("car_number11", "豫K12345678"),
        ("name12", "一二三四五六七八九十一"),
        ("const13", " "),
    ],
)
def test_what_does_not_fit_is_named_with_its_key(key: str, text: str) -> None:
    """S18.7"""
    problem = check_field(key, text)
    assert problem is not None
    assert problem.startswith(f"{key} wants")


@pytest.mark.parametrize("key", ["thing", "first", "remark1", "1", ""])
def test_keys_the_platform_does_not_have_are_refused(key: str) -> None:
    """S18.7"""
    with pytest.raises(KeyError):
        key_type(key)
    assert "no typed template key" in str(check_field(key, "x"))


def test_too_long_words_are_cut_where_that_is_safe() -> None:
    """S18.7"""
    assert fit_field("thing1", "很" * 25) == "很" * 19 + "…"
    assert fit_field("thing1", "很" * 20) == "很" * 20
    assert fit_field("name4", "很" * 12) == "很" * 10
    assert fit_field("character_string5", "9" * 40) == "9" * 32
    assert fit_field("thing1", " 一行\n 两行 ") == "一行 两行"
    assert fit_field("phrase2", "等您补充材料") == "等您补充材"
    assert fit_field("date3", "2026年12月3日") == "2026年12月3日"


@given(st.text(min_size=1, max_size=60))
def test_any_text_can_be_made_to_fit_a_thing(text: str) -> None:
    """S18.7: whatever people wrote, the message goes out."""
    fitted = fit_field("thing1", text)
    assert not fitted or check_field("thing1", fitted) is None


def test_words_are_filled_with_facts() -> None:
    """S11.2"""
    assert (
        fill("{surname}{honorific}，还有{days}天", {"surname": "张", "honorific": "先生", "days": 7})
        == "张先生，还有7天"
    )
    assert placeholders("{a}x{b}{a}") == ["a", "b", "a"]
    with pytest.raises(KeyError, match="days"):
        fill("{days}", {})


def test_a_template_has_no_way_into_the_program() -> None:
    """S18.7: braces name facts and nothing else."""
    with pytest.raises(KeyError):
        fill("{surname.__class__}", {"surname": "张"})
    assert fill("{surname!r:>10}", {"surname": "张"}) == "张"


def test_fields_are_filled_fitted_and_checked() -> None:
    """S18.7"""
    fields = {"thing1": "{place}", "date2": "{due_on}"}
    facts = {"place": "很" * 30, "due_on": "2026年12月3日"}
    assert fill_fields(fields, facts) == {"thing1": "很" * 19 + "…", "date2": "2026年12月3日"}
    with pytest.raises(ValueError, match="date2 wants"):
        fill_fields(fields, {**facts, "due_on": "很快"})


def test_every_lock_screen_fact_has_a_longest_filling() -> None:
    """S18.5"""
    assert set(LONGEST) == LOCK_SCREEN_FACTS
    assert not LOCK_SCREEN_FACTS & PRIVATE_FACTS
    assert longest("{surname}{honorific}{amount}") == "欧阳先生"
    assert set(KEY_TYPES) >= {"thing", "phrase", "date", "time", "amount"}


@pytest.mark.parametrize(
    ("phone", "good"),
    [
        ("12345", True), ("0374-6189999", True), ("010-12345678", True), ("13800001111", True),
        ("400-123-4567", True), ("", False), ("村干部", False), ("0374 6189999", False), ("110", False),
        ("1234567", False), ("１２３４５", False),
    ],
)  # fmt: skip
def test_a_number_to_call_is_one_that_can_be_dialled(phone: str, good: bool) -> None:
    """S11.2"""
    assert (check_phone(phone) is None) is good
