"""Regions: prefixes and ranges."""

from __future__ import annotations

import pytest

from rules.regions import at_level, code_range, county_of, covers, level_of, scope_of

COUNTY, TOWN, VILLAGE = "411082000000", "411082100000", "411082100201"


def test_a_code_tells_its_level_and_scope() -> None:
    """S17.2"""
    assert [level_of(code) for code in (COUNTY, TOWN, VILLAGE)] == ["county", "town", "village"]
    assert [scope_of(code) for code in (COUNTY, TOWN, VILLAGE)] == ["411082", "411082100", VILLAGE]


@pytest.mark.parametrize("code", ["", "411082", "41108200000x", "4110820000000", "４１１０８２００００００"])
def test_a_malformed_code_is_refused(code: str) -> None:
    """S17.2"""
    with pytest.raises(ValueError, match="twelve digits"):
        level_of(code)


@pytest.mark.parametrize(
    ("scope", "code", "inside"),
    [
        (COUNTY, VILLAGE, True),
        (TOWN, VILLAGE, True),
        (TOWN, TOWN, True),
        (VILLAGE, TOWN, False),
        (TOWN, "411082101201", False),
        (COUNTY, "522301100201", False),
    ],
)
def test_a_region_covers_what_lies_in_it(scope: str, code: str, inside: bool) -> None:
    """S17.2"""
    assert covers(scope, code) is inside


def test_a_village_lies_in_its_town_and_county() -> None:
    """S17.2"""
    assert [at_level(VILLAGE, level) for level in ("county", "town", "village")] == [COUNTY, TOWN, VILLAGE]
    assert county_of(VILLAGE) == "411082"
    with pytest.raises(ValueError, match="wider"):
        at_level(COUNTY, "town")


def test_a_scope_is_a_range_of_codes() -> None:
    """S17.2"""
    assert code_range(TOWN) == ("411082100000", "411082100999")
    assert code_range(VILLAGE) == (VILLAGE, VILLAGE)
