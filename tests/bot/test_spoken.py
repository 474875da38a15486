"""Amounts, terms, numbers, yes and no as people say them (S18.1)."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from itertools import pairwise

import cn2an
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import spoken

DIGITS = "零一二三四五六七八九"
AMOUNTS = st.integers(1, 9_999_999)


def said(value: int) -> str:
    """The whole numeral as taught in school: 30500 -> 三万零五百. Written here, so that it is no echo."""
    if value >= 10_000:
        rest = value % 10_000
        gap = "零" if 0 < rest < 1_000 else ""
        return said(value // 10_000) + "万" + gap + (said(rest) if rest else "")
    parts, gap = "", False
    for size, unit in ((1_000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // size % 10
        if digit:
            parts += ("零" if gap else "") + DIGITS[digit] + unit
        gap = bool(parts) and not digit
    return parts


def short(value: int) -> str:
    """As people shorten it: 35000 -> 三万五, 1200 -> 一千二; the last unit is dropped after its neighbour."""
    text = said(value)
    for upper, lower in (("万", "千"), ("千", "百"), ("百", "十")):
        if text.endswith(lower) and len(text) >= 4 and text[-3] == upper:
            return text[:-1]
    return text


def two_as_people_say_it(text: str) -> str:
    return text.replace("二万", "两万").replace("二千", "两千") if text.startswith("二") else text


@settings(max_examples=600, deadline=None)
@given(AMOUNTS, st.sampled_from(["", "元", "块", "块钱", "元整"]))
def test_every_amount_said_in_full_is_read_back_s18_1(yuan: int, unit: str) -> None:
    heard = spoken.read_amount(said(yuan) + unit)
    assert heard is not None
    assert heard.value == yuan * 100
    assert not heard.plain


@settings(max_examples=600, deadline=None)
@given(AMOUNTS)
def test_every_amount_said_for_short_is_read_back_s18_1(yuan: int) -> None:
    heard = spoken.read_amount(two_as_people_say_it(short(yuan)))
    assert heard is not None
    assert heard.value == yuan * 100


@given(AMOUNTS)
def test_every_amount_in_figures_is_plain_s18_1(yuan: int) -> None:
    for text in (str(yuan), f"{yuan:,}元", f"{Decimal(yuan) / 10_000}万"):
        heard = spoken.read_amount(text)
        assert heard is not None, text
        assert (heard.value, heard.plain) == (yuan * 100, True)


@given(st.integers(1, 999), st.integers(1, 9))
def test_figures_with_units_in_the_middle_are_read_s18_1(big: int, small: int) -> None:
    for text in (f"{big}万{small}", f"{big}万{small}千", f"{big}万{small}000"):
        heard = spoken.read_amount(text)
        assert heard is not None
        assert heard.value == (big * 10_000 + small * 1_000) * 100
    assert not spoken.read_amount(f"{big}万{small}").plain  # type: ignore[union-attr]


@given(st.integers(0, 10**9))
def test_an_amount_shown_is_read_back_as_the_same_s18_1(fen: int) -> None:
    text = spoken.money_text(fen)
    heard = spoken.read_amount(text)
    assert heard is not None, text
    assert heard.value == fen


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("三万五", 35_000),
        ("两千块", 2_000),
        ("一万二", 12_000),
        ("三千五", 3_500),
        ("3.5万", 35_000),
        ("3万", 30_000),
        ("30000", 30_000),
        ("30,000元", 30_000),
        ("３００００", 30_000),
        ("三万元整", 30_000),
        ("叁万伍仟元整", 35_000),
        ("500", 500),
        ("三点五万", 35_000),
        ("3w", 30_000),
        ("30k", 30_000),
        ("¥30000", 30_000),
        ("万二", 12_000),
        ("俩万", 20_000),
        ("二百五", 250),
        ("一万零五百", 10_500),
        ("我想借三万左右", 30_000),
        ("那就借个五万块吧", 50_000),
        ("大概 3 万 5 ", 35_000),
        ("一百二十万", 1_200_000),
    ],
)
def test_people_name_an_amount_in_many_ways_s18_1(text: str, yuan: int) -> None:
    heard = spoken.read_amount(text)
    assert heard is not None
    assert heard.value == yuan * 100


@pytest.mark.parametrize(
    ("text", "fen"), [("一块五", 150), ("三块五毛", 350), ("3块5毛2分", 352), ("0.5元", 50), ("12.34", 1_234)]
)
def test_small_money_is_exact_s18_1(text: str, fen: int) -> None:
    heard = spoken.read_amount(text)
    assert heard is not None
    assert heard.value == fen


@pytest.mark.parametrize(
    "text",
    ["十来万", "三四万", "两三千", "几万", "好几万", "三万多", "2到3万", "3-4万", "五万以内", "不到五万"],
)
def test_a_vague_amount_is_not_guessed_s18_1(text: str) -> None:
    assert spoken.read_amount(text) is None
    assert spoken.is_vague(text)


@pytest.mark.parametrize(
    "text",
    ["", "很多", "-500", "万", "三万五万", "3万5万", "5千3万", "1.2.3", "三点", "三点五亿五", "一年", "3.141",
     "9" * 17, "三" * 40, "5毛", "养羊", "三百只羊"],
)  # fmt: skip
def test_what_is_no_amount_gives_none_s18_1(text: str) -> None:
    assert spoken.read_amount(text) is None


def test_a_very_long_row_of_figures_costs_nothing_s18_1() -> None:
    long = "9" * 100_000
    begun = time.perf_counter()
    assert spoken.read_amount(long) is None
    assert spoken.find_amounts(long) == []
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize(
    ("text", "yuan", "months"),
    [
        ("想借三万养羊，一年还", [30_000], [12]),
        ("三万一年还", [30_000], [12]),
        ("想借三万两年", [30_000], [24]),
        ("借3万1年", [30_000], [12]),
        ("五万十二个月", [50_000], [12]),
        ("三万半年还", [30_000], [6]),
        ("三万五养羊一年半", [35_000], [18]),
        ("借30000元，养了三百只羊，用18个月", [30_000], [18]),
        ("养一万二千只鸡想借五万", [50_000], []),
        ("我叫张三，电话13812345678", [], []),
        ("2026年要三万五", [35_000], []),
        ("想借三四万", [], []),
        ("万一不行就借两千块", [2_000], []),
        ("借一万或者两万", [10_000, 20_000], []),
        ("一年或者两年", [], [12, 24]),
        ("借一两年", [], []),
        ("家里5亩地，三百棵树，要1.5万", [15_000], []),
    ],
)
def test_amounts_and_terms_are_found_in_a_sentence_s18_2(
    text: str, yuan: list[int], months: list[int]
) -> None:
    assert [heard.value for heard in spoken.find_amounts(text)] == [value * 100 for value in yuan]
    assert [heard.value for heard in spoken.find_terms(text)] == months


@pytest.mark.parametrize(
    "text",
    [
        "一二百二",
        "两五百万一",
        "零十零",
        "五五千",
        "一千一万二",
        "三千五万",
        "一百千",
        "万万",
        "三万零",
    ],
)
def test_a_heap_of_numerals_is_no_number_s18_1(text: str) -> None:
    assert spoken.number(text) is None


@given(st.one_of(AMOUNTS, st.integers(1, 99_999_999)))
def test_well_formed_numerals_mean_what_cn2an_says_s18_1(value: int) -> None:
    for text in {said(value), short(value), cn2an.an2cn(value), cn2an.an2cn(value, "up")}:
        assert spoken.number(text) == cn2an.cn2an(text, "smart") == value


def test_small_money_is_found_in_a_sentence_s18_2() -> None:
    assert [heard.value for heard in spoken.find_amounts("要花一百块五，不多")] == [10_050]


@pytest.mark.parametrize(
    ("text", "months", "plain"),
    [
        ("半年", 6, False),
        ("一年半", 18, False),
        ("1年半", 18, False),
        ("两年", 24, False),
        ("18个月", 18, True),
        ("1年", 12, True),
        ("12", 12, True),
        ("36", 36, True),
        ("12月", 12, False),
        ("一年零三个月", 15, False),
        ("1.5年", 18, True),
        ("三个季度", 9, False),
        ("借一年", 12, False),
        ("一年还清就行", 12, False),
        ("24个月吧", 24, True),
    ],
)
def test_people_name_a_term_in_many_ways_s18_1(text: str, months: int, plain: bool) -> None:
    heard = spoken.read_term(text)
    assert heard is not None
    assert (heard.value, heard.plain) == (months, plain)


@pytest.mark.parametrize(
    "text",
    ["1", "3", "2026年", "一年多", "一两年", "三年级", "一个半月", "大半年", "0个月", "很久", "99999", ""],
)
def test_an_unclear_term_gives_none_s18_1(text: str) -> None:
    assert spoken.read_term(text) is None


@given(st.integers(1, 49), st.booleans())
def test_every_term_in_years_is_read_s18_1(years: int, and_half: bool) -> None:
    for name in (str(years), said(years)):
        heard = spoken.read_term(f"{name}年{'半' if and_half else ''}")
        assert heard is not None
        assert heard.value == years * 12 + 6 * and_half


@given(st.integers(4, 120))
def test_a_term_shown_is_read_back_as_the_same_s18_1(months: int) -> None:
    text = spoken.term_text(months)
    heard = spoken.read_term(text.partition("（")[0])
    assert heard is not None
    assert heard.value == months


@pytest.mark.parametrize(
    ("text", "value"),
    [("5", 5), ("五口人", 5), ("一家五口", 5), ("家里有6口人", 6), ("十二", 12), ("没有", 0), ("3户吧", 3)],
)
def test_whole_numbers_come_with_measure_words(text: str, value: int) -> None:
    heard = spoken.read_int(text)
    assert heard is not None
    assert heard.value == value


@pytest.mark.parametrize("text", ["5.5", "几口", "十来口", "人", ""])
def test_what_is_no_whole_number_gives_none(text: str) -> None:
    assert spoken.read_int(text) is None


@pytest.mark.parametrize(
    ("text", "bp"),
    [
        ("4.35", 435),
        ("4.35%", 435),
        ("百分之四点三五", 435),
        ("年利率4.35%", 435),
        ("四点三五", 435),
        ("5个点", 500),
        ("0", 0),
    ],
)
def test_a_rate_is_read_in_basis_points(text: str, bp: int) -> None:
    heard = spoken.read_rate(text)
    assert heard is not None
    assert heard.value == bp
    assert spoken.rate_text(435) == "4.35%"


@pytest.mark.parametrize("text", ["435", "4.355", "高", "", "-1"])
def test_an_impossible_rate_gives_none(text: str) -> None:
    assert spoken.read_rate(text) is None


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("138 1234 5678", "13812345678"),
        ("+86 138-1234-5678", "13812345678"),
        ("幺三八一二三四五六七八", "13812345678"),
        ("41102319850307123x", "41102319850307123X"),
    ],
)
def test_rows_of_digits_are_cleaned(text: str, digits: str) -> None:
    assert spoken.digits(text) == digits


@pytest.mark.parametrize(
    "text",
    [
        "是",
        "对头",
        "中",
        "行",
        "好",
        "可以",
        "要得",
        "嗯嗯",
        "没问题",
        "好的呀",
        "行吧",
        "OK",
        "👌",
        "[OK]",
        "对。",
    ],
)
def test_yes_in_the_words_of_many_counties_s18_1(text: str) -> None:
    assert spoken.yes_no(text) is True


@pytest.mark.parametrize("text", ["不", "不要", "算了", "不对", "没有", "莫得", "不行啊", "No", "不中"])
def test_no_in_the_words_of_many_counties_s18_1(text: str) -> None:
    assert spoken.yes_no(text) is False


@pytest.mark.parametrize("text", ["不是不行", "养羊", "三万", "", "也许吧"])
def test_neither_yes_nor_no_gives_none_s18_1(text: str) -> None:
    assert spoken.yes_no(text) is None


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("不对，是五万", "五万"),
        ("不是，应该是一年", "一年"),
        ("错了 六个月", "六个月"),
        ("不对", None),
        ("五万", None),
    ],
)
def test_a_correction_follows_a_no_s18_2(text: str, rest: str | None) -> None:
    assert spoken.after_no(text) == rest


@given(st.text(max_size=60))
def test_no_text_whatever_breaks_a_reader_s18_1(text: str) -> None:
    numbered = re.search(f"[0-9半没无{spoken.CHINESE}]", spoken.tidy(text)) is not None
    for reader in (spoken.read_amount, spoken.read_term, spoken.read_int, spoken.read_rate):
        heard = reader(text)
        assert heard is None or (numbered and type(heard.value) is int and heard.value >= 0)
    for find in (spoken.find_amounts, spoken.find_terms):
        found = find(text)
        assert all(one.value >= 0 and one.start < one.end for one in found)
        assert all(one.end <= after.start for one, after in pairwise(found))
    assert spoken.yes_no(text) in (True, False, None)
    spoken.after_no(text)


@given(st.text(alphabet="零一二两三十百千万亿点年个月半元块毛0123456789.,、到养羊想借", max_size=24))
def test_no_heap_of_numerals_breaks_a_reader_s18_1(text: str) -> None:
    for reader in (spoken.read_amount, spoken.read_term, spoken.read_int, spoken.read_rate):
        heard = reader(text)
        assert heard is None or isinstance(heard.value, int)
    for heard in spoken.find_amounts(text):
        assert heard.start < heard.end
