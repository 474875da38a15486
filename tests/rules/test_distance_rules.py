"""Visits: distance, speed, and doubt that is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load_packs
from rules.distance import Finding, Place, Visit, distance_m, same_picture, speed_kmh, visit_findings

POLICY = load_packs()["changge"].visits(date(2026, 11, 28))
HOME = Place(34.2190, 113.7680)
NEAR = Place(34.2200, 113.7680)  # 111 m north
FAR = Place(34.2240, 113.7680)  # 556 m north
NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
GOOD = Visit(taken_at=NOW, received_at=NOW, place=NEAR, accuracy_m=30, photo_times=(NOW, None))


def codes(visit: Visit, **more: object) -> list[str]:
    return [finding.code for finding in visit_findings(visit, HOME, POLICY, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        (HOME, HOME, 0),
        (HOME, NEAR, 111),
        (Place(0, 0), Place(0, 1), 111_195),
        (Place(0, 179.9), Place(0, -179.9), 22_239),
        (Place(90, 0), Place(-90, 0), 20_015_087),
    ],
)
def test_distance_is_that_of_the_great_circle(one: Place, other: Place, metres: int) -> None:
    """S9.2"""
    assert distance_m(one, other) == metres


points = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))


@given(points, points, points)
def test_distance_is_the_same_both_ways_and_no_detour_is_shorter(
    one: Place, other: Place, via: Place
) -> None:
    """S9.2"""
    assert distance_m(one, other) == distance_m(other, one)
    assert distance_m(one, other) <= distance_m(one, via) + distance_m(via, other) + 2


def test_a_good_visit_still_shows_its_distance() -> None:
    """S9.2"""
    assert visit_findings(GOOD, HOME, POLICY) == [
        Finding("distance", "走访地点离登记住址111米。", 111, doubtful=False)
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"place": FAR}, "far_from_home"),
        ({"place": None}, "no_place"),
        ({"accuracy_m": 201}, "weak_place"),
        ({"photo_times": (NOW,)}, "few_photos"),
        ({"photo_times": (NOW, NOW - timedelta(minutes=31))}, "photo_time"),
        ({"received_at": NOW + timedelta(minutes=31)}, "clock_off"),
        ({"received_at": NOW - timedelta(minutes=31)}, "clock_off"),
        ({"received_at": NOW - timedelta(minutes=31), "late": True}, "clock_off"),
    ],
)
def test_what_is_doubtful_is_shown(change: dict[str, object], code: str) -> None:
    """S9.2, S18.9"""
    found = visit_findings(replace(GOOD, **change), HOME, POLICY)
    doubtful = [finding for finding in found if finding.doubtful]
    assert [finding.code for finding in doubtful] == [code]
    assert doubtful[0].message.endswith("。")


@pytest.mark.parametrize(
    "change",
    [
        {"accuracy_m": 200},
        {"accuracy_m": None},
        {"photo_times": (NOW, NOW - timedelta(minutes=30))},
        {"received_at": NOW + timedelta(minutes=30)},
        {"received_at": NOW + timedelta(days=3), "late": True},
    ],
)
def test_what_is_within_its_limit_is_no_doubt(change: dict[str, object]) -> None:
    """S9.2: a visit uploaded days later for want of a signal is no doubt either."""
    assert codes(replace(GOOD, **change)) == ["distance"]


def test_without_a_registered_place_that_is_said() -> None:
    """S9.2"""
    (finding,) = visit_findings(GOOD, None, POLICY)
    assert (finding.code, finding.doubtful) == ("no_registered_place", False)


def test_pictures_used_before_are_shown() -> None:
    """S18.9"""
    assert codes(GOOD, reused_photos=2) == ["distance", "reused_photo"]


@pytest.mark.parametrize(
    ("minutes", "doubt"), [(60, []), (10, ["impossible_travel"]), (0, ["impossible_travel"])]
)
def test_nobody_drives_as_fast_as_that(minutes: int, doubt: list[str]) -> None:
    """S18.9: 50 km from the visit before."""
    before = replace(GOOD, place=Place(34.6690, 113.7680), taken_at=NOW - timedelta(minutes=minutes))
    assert codes(GOOD, previous=before) == ["distance", *doubt]


@pytest.mark.parametrize(("limit", "code"), [(111, "distance"), (110, "far_from_home")])
def test_the_limit_itself_is_not_far(limit: int, code: str) -> None:
    """S9.2"""
    (finding,) = visit_findings(GOOD, HOME, replace(POLICY, distance_warn_m=limit))
    assert finding.code == code


@pytest.mark.parametrize(("limit", "doubt"), [(300, []), (299, ["impossible_travel"])])
def test_the_speed_limit_itself_is_not_too_fast(limit: int, doubt: list[str]) -> None:
    """S18.9"""
    before = replace(GOOD, place=Place(34.6700, 113.7680), taken_at=NOW - timedelta(minutes=10))
    found = visit_findings(GOOD, HOME, replace(POLICY, speed_warn_kmh=limit), before)
    assert [finding.code for finding in found if finding.doubtful] == doubt


def test_an_impossible_journey_tells_its_speed_or_that_it_took_no_time() -> None:
    """S18.9"""
    before = replace(GOOD, place=Place(34.6700, 113.7680), taken_at=NOW - timedelta(minutes=10))
    fast, at_once = (
        visit_findings(GOOD, HOME, POLICY, each)[-1] for each in (before, replace(before, taken_at=NOW))
    )
    assert (fast.value, fast.message) == (300, "从上一次走访赶来要每小时300公里。")
    assert (at_once.value, at_once.message) == (None, "和上一次走访同一时间，却不在同一个地方。")


def test_pictures_out_of_time_are_counted() -> None:
    """S18.9"""
    visit = replace(GOOD, photo_times=(NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW))
    finding = visit_findings(visit, HOME, POLICY)[-1]
    assert (finding.value, finding.message) == (2, "2张照片的拍摄时间和走访时间对不上。")


def test_two_visits_at_one_place_or_without_a_place_tell_nothing_of_speed() -> None:
    """S18.9"""
    assert codes(GOOD, previous=GOOD) == ["distance"]
    assert codes(GOOD, previous=replace(GOOD, place=None)) == ["distance"]
    assert codes(replace(GOOD, place=None), previous=GOOD) == ["no_place"]


def test_speed_is_in_whole_kilometres_an_hour() -> None:
    """S18.9"""
    assert speed_kmh(50_000, timedelta(minutes=30)) == 100
    assert speed_kmh(50_000, timedelta(minutes=-30)) == 100
    assert speed_kmh(0, timedelta()) == 0
    assert speed_kmh(1, timedelta()) is None


def test_pictures_are_the_same_when_few_bits_differ() -> None:
    """S18.9"""
    assert same_picture(0b1011, 0b1000, 2)
    assert not same_picture(0b1011, 0b0100, 3)
