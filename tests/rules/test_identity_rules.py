"""Identity: ID numbers, ages, masks."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from id_validator import validator

from rules.identity import (
    IdNumber,
    age_on,
    check_digit,
    check_free_text,
    honorific,
    mask_card,
    mask_id,
    mask_name,
    mask_phone,
    parse_id_number,
    surname,
)
from rules.refusal import Refusal

ON = date(2026, 11, 28)
GOOD = "11010519491231002X"


def number_of(region: str, birth: date, order: int) -> str:
    body = f"{region}{birth:%Y%m%d}{order:03}"
    return body + check_digit(body)


def code(text: str, on: date = ON) -> str:
    answer = parse_id_number(text, on)
    return answer.code if isinstance(answer, Refusal) else "good"


def test_a_good_number_tells_birth_sex_and_region() -> None:
    """S1.6"""
    assert parse_id_number(GOOD, ON) == IdNumber(GOOD, "110105", date(1949, 12, 31), "female")


def test_an_odd_order_number_is_a_man() -> None:
    """S1.6"""
    parsed = parse_id_number(number_of("411082", date(1990, 3, 7), 1), ON)
    assert isinstance(parsed, IdNumber)
    assert parsed.sex == "male"


@pytest.mark.parametrize(
    "text",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105-19491231-002×",
    ],
)
def test_blanks_small_and_wide_characters_are_forgiven(text: str) -> None:
    """S1.6"""
    assert code(text) == "good"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "id_number_shape"),
        ("110105491231002", "id_number_shape"),
        ("11010519491231002", "id_number_shape"),
        ("11010519491231002XX", "id_number_shape"),
        ("1101051949123100XX", "id_number_shape"),
        ("我的身份证", "id_number_shape"),
        ("110105194912310021", "id_number_checksum"),
        (number_of("991105", date(1990, 1, 1), 2), "id_number_content"),
        ("110105194902300021", "id_number_content"),
        ("110105194913010021", "id_number_content"),
    ],
)
def test_a_number_that_cannot_be_is_refused_with_its_reason(text: str, why: str) -> None:
    """S1.6"""
    assert code(text) == why


def test_a_birth_in_the_future_is_refused() -> None:
    """S1.6"""
    born = number_of("411082", date(2026, 11, 29), 2)
    assert code(born, date(2026, 11, 28)) == "id_number_content"
    assert code(born, date(2026, 11, 29)) == "good"


@given(
    st.dates(date(1930, 1, 1), date(2020, 12, 31)), st.integers(1, 999), st.integers(0, 16), st.integers(1, 9)
)
def test_every_single_wrong_digit_is_noticed(birth: date, order: int, place: int, shift: int) -> None:
    """S1.6: GB 11643 finds any one wrong digit."""
    good = number_of("411082", birth, order)
    wrong = good[:place] + str((int(good[place]) + shift) % 10) + good[place + 1 :]
    assert code(good) == "good"
    assert code(wrong) != "good"


@settings(max_examples=30)  # the other implementation reads its tables anew for each number
@given(st.dates(date(1950, 1, 1), date(2015, 12, 31)), st.integers(1, 999), st.sampled_from("0123456789X"))
def test_another_implementation_agrees(birth: date, order: int, last: str) -> None:
    """S1.6: held against id-validator."""
    text = f"411082{birth:%Y%m%d}{order:03}{last}"
    assert (code(text) == "good") == validator.is_valid(text)


def test_the_number_stays_out_of_the_representation() -> None:
    parsed = parse_id_number(GOOD, ON)
    assert repr(parsed) == "IdNumber(110105********002X)"


@pytest.mark.parametrize(
    ("born", "on", "age"),
    [
        (date(2008, 11, 28), date(2026, 11, 27), 17),
        (date(2008, 11, 28), date(2026, 11, 28), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(1961, 1, 1), date(2026, 12, 31), 65),
    ],
)
def test_age_counts_full_years_and_the_birthday_itself(born: date, on: date, age: int) -> None:
    """S1.6"""
    assert age_on(born, on) == age


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("张三", "张"),
        ("欧阳小红", "欧阳"),
        ("欧阳修", "欧阳"),
        ("欧阳", "欧"),
        (" 李四 ", "李"),
        ("", ""),
        ("Tom", "T"),
    ],
)
def test_the_family_name_is_found(name: str, family: str) -> None:
    """S18.5"""
    assert surname(name) == family
    assert mask_name(name) == (f"{family}*" if name else "")


def test_people_are_addressed_by_sex_or_as_fellow_villagers() -> None:
    """S18.5"""
    assert [honorific("male"), honorific("female"), honorific(None)] == ["先生", "女士", "老乡"]


def test_numbers_are_masked_but_can_be_told_apart() -> None:
    """S17.2"""
    assert mask_phone("13800005678") == "138****5678"
    assert mask_id(GOOD) == "110105********002X"
    assert mask_card("6222 0000 0000 1234") == "************1234"


@given(st.text(max_size=30))
def test_a_mask_never_shows_the_whole(text: str) -> None:
    """S17.2"""
    for mask in (mask_phone(text), mask_id(text)):
        assert len(mask) == len(text)
        assert not text.strip("*") or mask != text


@pytest.mark.parametrize(
    "text", ["找他13800001111", "证号11010519491231002x。", "1380000111113800001111", "借3万元养羊"]
)
def test_free_words_hold_no_number_of_a_person(text: str) -> None:
    """S17.2"""
    refused = check_free_text(text, "reason")
    assert (refused is not None) == (text[:1] in "找证")
    if refused is not None:
        assert (refused.code, refused.field) == ("personal_data", "reason")
