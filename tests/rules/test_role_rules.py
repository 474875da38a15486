"""Which posts a body has, and that the three administrators are three people (S17.1)."""

from __future__ import annotations

import pytest

from rules.roles import AUDIT, SAFETY, STAFF_ROLES, SYSTEM, approver_of, check_role


@pytest.mark.parametrize(
    ("role", "body", "held", "code"),
    [
        ("cadre", "village_station", (), None),
        ("cadre", "county_centre", (), "role_not_here"),
        ("cadre", "no_such_body", (), "role_not_here"),
        ("county_clerk", "county_centre", ("case_officer",), None),
        (SYSTEM, "county_centre", (), None),
        (SYSTEM, "county_centre", (AUDIT,), "two_duties"),
        (AUDIT, "county_centre", ("county_clerk",), "two_duties"),
        ("county_clerk", "county_centre", (SAFETY,), "two_duties"),
        (SAFETY, "county_centre", (SAFETY,), None),
    ],
)
def test_a_body_has_its_posts_and_nobody_holds_two_of_the_three(
    role: str, body: str, held: tuple[str, ...], code: str | None
) -> None:
    """S17.1"""
    refusal = check_role(role, body, held)
    assert (refusal.code if refusal else None) == code


def test_no_administrator_makes_his_like() -> None:
    """S17.1"""
    found = {role: approver_of(role) for role in STAFF_ROLES}
    assert found[SYSTEM] == found[AUDIT] == SAFETY
    assert set(found.values()) == {SYSTEM, SAFETY}
    assert [role for role, by in found.items() if by == SAFETY] == [SYSTEM, AUDIT]
