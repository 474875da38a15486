"""Dates as people say them (S18.1)."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.spoken import tidy
from bot.spoken_dates import (
    SPRING_FESTIVAL,
    Seasons,
    date_text,
    find_date,
    month_end,
    months_until,
    read_date,
)

ON = date(2026, 11, 28)
DAYS = st.dates(date(2024, 3, 1), date(2040, 12, 31))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("秋收后", "2027-10-31"),
        ("秋后还", "2027-10-31"),
        ("收了玉米", "2027-10-31"),
        ("卖了粮", "2027-10-31"),
        ("明年秋收后", "2027-10-31"),
        ("麦收后", "2027-06-30"),
        ("过年前", "2027-02-05"),
        ("年前", "2027-02-05"),
        ("过完年", "2027-02-20"),
        ("正月十五", "2027-02-20"),
        ("年底", "2026-12-31"),
        ("明年年底", "2027-12-31"),
        ("明年开春", "2027-03-31"),
        ("国庆", "2027-10-01"),
        ("下个月", "2026-12-31"),
        ("下个月5号", "2026-12-05"),
        ("月底", "2026-11-30"),
        ("15号", "2026-12-15"),
        ("30号", "2026-11-30"),
        ("31号", "2026-12-31"),
        ("五月一号", "2027-05-01"),
        ("明年的五月", "2027-05-31"),
        ("11.20", "2027-11-20"),
        ("2026-11-20", "2026-11-20"),
        ("20261120", "2026-11-20"),
        ("2026年11月20日", "2026-11-20"),
        ("今天", "2026-11-28"),
        ("大后天", "2026-12-01"),
        ("三天后", "2026-12-01"),
        ("两个星期后", "2026-12-12"),
        ("过两个月", "2027-01-28"),
        ("半个月后", "2026-12-13"),
        ("半年后", "2027-05-28"),
        ("两年后", "2028-11-28"),
        ("2月29日", "2028-02-29"),
        ("10月底还清。", "2027-10-31"),
    ],
)
def test_the_coming_day_is_meant_s18_1(text: str, day: str) -> None:
    heard = read_date(text, ON)
    assert heard is not None
    assert heard.value.isoformat() == day


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("11月20日", "2026-11-20"),
        ("昨天", "2026-11-27"),
        ("15号", "2026-11-15"),
        ("31号", "2026-10-31"),
        ("上个月5号", "2026-10-05"),
        ("2月29日", "2024-02-29"),
        ("去年10月1号", "2025-10-01"),
    ],
)
def test_the_last_day_is_meant_when_looking_back(text: str, day: str) -> None:
    heard = read_date(text, ON, toward="past")
    assert heard is not None
    assert heard.value.isoformat() == day


@pytest.mark.parametrize(
    "text",
    ["", "2026年2月30日", "2月30日", "13月1日", "年", "后", "腊月", "99999999", "以后再说", "40号", "0号",
     "半天后", "500个月后", "9999天后", "三月四十号", "五点号"],
)  # fmt: skip
def test_what_names_no_day_gives_none_s18_1(text: str) -> None:
    assert read_date(text, ON) is None


def test_a_county_says_when_its_harvest_is_over_s18_1() -> None:
    heard = read_date("秋收后", ON, Seasons(harvest_month=11))
    assert heard is not None
    assert heard.value == date(2026, 11, 30)


def test_before_new_year_counts_to_the_next_one_even_on_the_eve_s18_1() -> None:
    eve = SPRING_FESTIVAL[2027] - timedelta(1)
    assert read_date("过年前", eve).value == eve  # type: ignore[union-attr]
    assert read_date("过年前", eve + timedelta(1)).value == SPRING_FESTIVAL[2028] - timedelta(1)  # type: ignore[union-attr]


def test_beyond_the_table_of_lunar_years_no_day_is_invented() -> None:
    assert read_date("过年前", date(2050, 6, 1)) is None


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_the_table_of_lunar_years_agrees_with_the_official_holidays(year: int) -> None:
    on_holiday, name = chinese_calendar.get_holiday_detail(SPRING_FESTIVAL[year])
    assert on_holiday
    assert name == chinese_calendar.Holiday.spring_festival.value


def test_lunar_years_have_twelve_or_thirteen_moons() -> None:
    firsts = sorted(SPRING_FESTIVAL.values())
    lengths = {(later - earlier).days for earlier, later in pairwise(firsts)}
    assert lengths <= {353, 354, 355, 383, 384, 385}
    assert all(date(day.year, 1, 21) <= day <= date(day.year, 2, 20) for day in firsts)


@given(DAYS, DAYS)
def test_a_written_day_is_that_day_from_anywhere(day: date, on: date) -> None:
    for text in (day.isoformat(), date_text(day), f"{day:%Y%m%d}"):
        heard = read_date(text, on)
        assert heard is not None
        assert (heard.value, heard.plain) == (day, True)


@given(DAYS, DAYS)
def test_a_day_without_a_year_is_the_next_or_the_last_one(day: date, on: date) -> None:
    text = f"{day.month}月{day.day}日"
    coming, gone = read_date(text, on), read_date(text, on, toward="past")
    assert coming is not None
    assert gone is not None
    assert gone.value <= on <= coming.value
    assert {(d.value.month, d.value.day) for d in (coming, gone)} == {(day.month, day.day)}


@given(DAYS, st.integers(1, 60))
def test_months_until_a_day_reach_it_and_one_less_does_not(on: date, days: int) -> None:
    day = on + timedelta(days * 17)
    months = months_until(day, on)
    reached, before = (month_end(on.year, on.month + count) for count in (months, months - 1))
    assert months >= 1
    assert day <= reached
    assert months == 1 or before.replace(day=min(on.day, before.day)) < day


@given(st.text(max_size=30), DAYS)
def test_no_text_whatever_breaks_the_reader(text: str, on: date) -> None:
    heard = read_date(text, on)
    if heard is None or heard.plain:  # a date in figures is whatever year it names
        return
    assert (heard.start, heard.end) == (0, len(tidy(text).strip("。.,!?~")))
    assert on - timedelta(days=2 * 366) <= heard.value <= on + timedelta(days=61 * 366)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("下周一", "2026-11-30"),
        ("下周一还", "2026-11-30"),
        ("下下个星期五", "2026-12-11"),
        ("这周五", "2026-11-27"),
        ("周五", "2026-12-04"),
        ("礼拜天", "2026-11-29"),
        ("周末", "2026-11-29"),
        ("星期六", "2026-11-28"),
        ("下周3", "2026-12-02"),
    ],
)
def test_a_day_of_the_week_is_the_nearest_unless_the_week_is_named(text: str, day: str) -> None:
    """S18.1, S18.4: 28 November 2026 is a Saturday."""
    heard = read_date(text, ON)
    assert heard is not None
    assert (heard.value, heard.plain) == (date.fromisoformat(day), False)


@pytest.mark.parametrize(
    ("text", "day"), [("周五", "2026-11-27"), ("上周五", "2026-11-20"), ("周日", "2026-11-22")]
)
def test_a_day_of_the_week_that_is_over(text: str, day: str) -> None:
    """S18.1"""
    heard = read_date(text, ON, toward="past")
    assert heard is not None
    assert heard.value == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("等下周一发了工资就还", "2026-11-30"),
        ("我大概12月5号能还", "2026-12-05"),
        ("再过三天一定还", "2026-12-01"),
        ("卖了羊就还", None),
        ("过几天还", None),
        ("还了5000", None),
        ("", None),
    ],
)
def test_a_sentence_is_searched_for_the_day_in_it(text: str, day: str | None) -> None:
    """S18.1, S18.4: the longest part that names a day; bare figures name none."""
    assert find_date(text, ON) == (date.fromisoformat(day) if day else None)


def test_a_day_that_is_over_is_found_in_a_sentence() -> None:
    """S11.4"""
    assert find_date("我昨天还了五千", ON, toward="past") == date(2026, 11, 27)


@given(st.text(max_size=40))
def test_no_sentence_breaks_the_search_for_a_day(text: str) -> None:
    """S18.1"""
    assert find_date(text, ON) is None or isinstance(find_date(text, ON), date)
