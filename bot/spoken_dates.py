"""Dates as people say them: 明天, 下个月5号, 年底, 过年前, 秋收后, 明年开春. Pure: `on` is an argument."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal, NamedTuple

from bot.spoken import CHINESE, Heard, number, tidy

# First day of the lunar year; the calendar follows the moon, so it is a table and not a formula.
_FIRST_DAYS = (
    "2024-02-10 2025-01-29 2026-02-17 2027-02-06 2028-01-26 2029-02-13 2030-02-03 2031-01-23 2032-02-11"
    " 2033-01-31 2034-02-19 2035-02-08 2036-01-28 2037-02-15 2038-02-04 2039-01-24 2040-02-12 2041-02-01"
    " 2042-01-22 2043-02-10 2044-01-30 2045-02-17 2046-02-06 2047-01-26 2048-02-14 2049-02-02 2050-01-23"
)
SPRING_FESTIVAL = {day.year: day for day in map(date.fromisoformat, _FIRST_DAYS.split())}


class Seasons(NamedTuple):
    """The month at whose end each farming season is over, as the county's pack says."""

    harvest_month: int = 10
    wheat_month: int = 6
    spring_month: int = 3


Toward = Literal["future", "past"]
Yearly = Callable[[int], date | None]
"""A day that comes once a year: the year -> the day, None where there is none (2月30日, end of the table)."""

DEFAULT_SEASONS = Seasons()
_N = rf"(?:\d+|[{CHINESE}]+)"
_SENTENCE = 24
"""Longer sentences are not searched for a day beyond so many characters."""
_DAYS = {
    "前天": -2,
    "昨天": -1,
    "昨日": -1,
    "今天": 0,
    "今日": 0,
    "明天": 1,
    "明日": 1,
    "后天": 2,
    "大后天": 3,
}
_YEARS = {"今年": 0, "本年": 0, "明年": 1, "来年": 1, "后年": 2, "去年": -1}
_TAIL = re.compile(
    r"(?:左右|之前|以前|前|之后|以后|后|再还|还清|还完|还上|来还|还|的时候|吧|的|就行|就|一定)+$"
)
_AUTUMN = re.compile(
    r"秋收?|收秋|收(?:了|完)?(?:玉米|苞谷|稻子|水稻|庄稼|粮食|秋)|卖(?:了|完)?(?:粮食?|玉米)"
)
_WHEAT = re.compile(r"麦收?|收麦子?|夏收|收(?:了|完)麦子?|卖(?:了|完)?麦子?")
_SPRING = re.compile(r"开了?春|春天|打春|春耕")
_EVE = re.compile(r"(?:过年|年|春节|大年)(?:之|以)?前|(?:大年)?三十|年三十|除夕|过年|春节")
_AFTER_EVE = re.compile(r"(?:过完?年|春节|年)(?:之|以)?后|过[完了]年|正月(?:十五)?|元宵节?")
_FESTIVAL = {
    "元旦": (1, 1),
    "五一": (5, 1),
    "劳动节": (5, 1),
    "国庆": (10, 1),
    "国庆节": (10, 1),
    "十一": (10, 1),
}
_AHEAD = re.compile(rf"(?:再过|过|等)?(?P<n>{_N}|半)(?P<unit>天|日|个?星期|周|个月|年)(?:之|以)?(?:后|再还)?")
_FULL = re.compile(r"(?P<y>\d{4})[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})[日号]?|(?P<all>\d{8})")
_MONTH_DAY = re.compile(
    rf"(?P<m>{_N})月(?:份)?(?:(?P<d>{_N})[日号]?|底|末)?|(?P<m2>\d{{1,2}})[-/.](?P<d2>\d{{1,2}})"
)
_THIS_MONTH = re.compile(
    rf"(?P<shift>下下个?月|下个?月|这个?月|本月|上个?月)?的?(?:(?P<d>{_N})[日号]|月?[底末])?"
)
_SHIFT = {"下下": 2, "下": 1, "上": -1}
_WEEK_DAY = re.compile(r"(?P<shift>下下|下|这|本|上)?个?(?:周|星期|礼拜)(?P<day>[一二三四五六日天末1-6])")
_WEEK_DAYS = {**dict(zip("一二三四五六", range(6), strict=True)), **{str(n + 1): n for n in range(6)}}


def month_end(year: int, month: int) -> date:
    """The last day of a month; a month outside 1 to 12 runs over into the years beside."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, calendar.monthrange(year, month)[1])


def months_until(day: date, on: date) -> int:
    """The term in whole months for "I repay on that day": rounded up, at least 1."""
    months = (day.year - on.year) * 12 + day.month - on.month
    return max(1, months + (day.day > on.day))


def read_date(
    text: str, on: date, seasons: Seasons = DEFAULT_SEASONS, toward: Toward = "future"
) -> Heard[date] | None:
    """The day the whole answer names, seen from `on`; a day without a year is the next one, or the last one.

    A season, or a month without a day, stands for its last day. None when no day is named. Clause: S18.1.
    """
    said = tidy(text).strip("。.,!?~")
    full = _FULL.fullmatch(said)
    if full:
        numbers = re.findall(r"\d+", said)
        if full["all"]:
            numbers = [said[:4], said[4:6], said[6:]]
        day = _real(*map(int, numbers))
        return Heard(day, True, 0, len(said)) if day else None
    for form in dict.fromkeys((said, _TAIL.sub("", said))):
        found = _spoken_day(form, on, seasons, toward) if form else None
        if found:
            return Heard(found, False, 0, len(said))
    return None


def _spoken_day(said: str, on: date, seasons: Seasons, toward: Toward) -> date | None:
    if said in _DAYS:
        return on + timedelta(_DAYS[said])
    ahead = _ahead(said, on) or _in_month(said, on, toward) or _in_week(said, on, toward)
    if ahead:
        return ahead
    year = next((shift for word, shift in _YEARS.items() if said.startswith(word)), None)
    rest = said if year is None else said[2:].removeprefix("的")
    yearly = _yearly(rest, seasons)
    if yearly is None:
        return None
    if year is not None:
        return yearly(on.year + year)
    return _nearest(yearly, on, toward)


def _nearest(yearly: Yearly, on: date, toward: Toward) -> date | None:
    # Nine years reach the next 29 February from anywhere.
    if toward == "future":
        return next((d for y in range(on.year, on.year + 9) if (d := yearly(y)) and d >= on), None)
    return next((d for y in range(on.year, on.year - 9, -1) if (d := yearly(y)) and d <= on), None)


def _yearly(said: str, seasons: Seasons) -> Yearly | None:
    """The day of every year that a season, a festival or a month stands for."""
    for pattern, month in zip((_AUTUMN, _WHEAT, _SPRING), seasons, strict=True):
        if pattern.fullmatch(said):
            return lambda year, month=month: month_end(year, month)  # type: ignore[misc]
    if said in ("底", "年底", "年末"):
        return lambda year: date(year, 12, 31)
    if _EVE.fullmatch(said):
        return lambda year: _from_festival(year, -1)
    if _AFTER_EVE.fullmatch(said):
        return lambda year: _from_festival(year, 14)
    if said in _FESTIVAL:
        month, day = _FESTIVAL[said]
        return lambda year: date(year, month, day)
    return _month_day(said)


def _from_festival(year: int, days: int) -> date | None:
    first = SPRING_FESTIVAL.get(year)
    return first + timedelta(days) if first else None


def _month_day(said: str) -> Yearly | None:
    match = _MONTH_DAY.fullmatch(said)
    if match is None:
        return None
    month, day = _count(match["m"] or match["m2"]), _count(match["d"] or match["d2"])
    if month is None or not 1 <= month <= 12 or ((match["d"] or match["d2"]) and day is None):
        return None
    return lambda year: month_end(year, month) if day is None else _real(year, month, day)


def _in_month(said: str, on: date, toward: Toward) -> date | None:
    """下个月, 下个月5号, 月底, 15号."""
    match = _THIS_MONTH.fullmatch(said)
    if match is None or not said:
        return None
    word = (match["shift"] or "").removesuffix("月").removesuffix("个")
    first = month_end(on.year, on.month + _SHIFT.get(word, 0)).replace(day=1)
    if not match["d"]:
        return month_end(first.year, first.month)
    day = _count(match["d"])
    if day is None:
        return None
    found = _real(first.year, first.month, day)
    if word or (found and (found >= on if toward == "future" else found <= on)):
        return found
    beside = month_end(on.year, on.month + (1 if toward == "future" else -1))
    return _real(beside.year, beside.month, day)


def _in_week(said: str, on: date, toward: Toward) -> date | None:
    """下周一, 这个星期五, 周末: weeks begin on Monday; without 上, 这 or 下 the nearest one."""
    match = _WEEK_DAY.fullmatch(said)
    if match is None:
        return None
    shift = match["shift"]
    monday = on - timedelta(on.weekday()) + timedelta(7 * _SHIFT.get(shift or "", 0))
    day = monday + timedelta(_WEEK_DAYS.get(match["day"], 6))
    if shift or (day >= on if toward == "future" else day <= on):
        return day
    return day + timedelta(7 if toward == "future" else -7)


def find_date(
    text: str, on: date, seasons: Seasons = DEFAULT_SEASONS, toward: Toward = "future"
) -> date | None:
    """The day that the longest part of a sentence names (等下周一发了工资就还); None when none does.

    Clause: S18.1.
    """
    said = tidy(text)[:_SENTENCE]
    for length in range(len(said), 1, -1):
        for start in range(len(said) - length + 1):
            part = said[start : start + length]
            if part.isdecimal():
                continue
            heard = read_date(part, on, seasons, toward)
            if heard is not None:
                return heard.value
    return None


def _ahead(said: str, on: date) -> date | None:
    """三天后, 过两个月, 半年后."""
    match = _AHEAD.fullmatch(said)
    if match is None:
        return None
    unit = match["unit"]
    if match["n"] == "半":
        return {"年": _later(on, 6), "个月": on + timedelta(15)}.get(unit)
    count = _count(match["n"])
    if count is None or not 1 <= count <= (366 if unit in ("天", "日") else 60):
        return None
    if unit in ("个月", "年"):
        return _later(on, count * (12 if unit == "年" else 1))
    return on + timedelta(count * (1 if unit in ("天", "日") else 7))


def _later(on: date, months: int) -> date:
    end = month_end(on.year, on.month + months)
    return end.replace(day=min(on.day, end.day))


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _count(text: str | None) -> int | None:
    value = number(text) if text else None
    return int(value) if value is not None and value == int(value) else None


def date_text(day: date) -> str:
    """A day for reading: 2026年10月31日."""
    return f"{day.year}年{day.month}月{day.day}日"
