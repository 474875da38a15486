"""What of a table somebody sees, as a condition: the same as the doors of `access` say for one row."""

from __future__ import annotations

from collections.abc import Mapping

from actions.access import APPLICATION_READERS, LOAN_READERS, Actor
from rules.regions import code_range, level_of

BY_REGION = ""
"""A role that sees all of its region, whichever body a row belongs to."""
LOANS: Mapping[str, str] = {
    role: {"bank_officer": "bank_id", "guarantor_officer": "guarantor_id"}.get(role, BY_REGION)
    for role in LOAN_READERS
}
"""Role -> the column that must be his organisation (actions.access.access_loan)."""
APPLICATIONS: Mapping[str, str] = {
    role: {
        "loan_officer": "acquiring_bank_id",
        "bank_officer": "partner_bank_id",
        "guarantor_officer": "guarantor_id",
    }.get(role, BY_REGION)
    for role in APPLICATION_READERS
}
"""Role -> the column that must be his organisation (actions.access.access_application)."""


def condition(
    actor: Actor, bodies: Mapping[str, str], place: str, values: list[object], *, prefix: str = ""
) -> str:
    """The condition under which the actor sees a row; its values are added to `values`. Clause: S17.2.

    `bodies` are roles with the column of their organisation, `place` is the column of the region.
    """
    ways: list[str] = []
    for post in actor.posts:
        if post.role not in bodies:
            continue
        parts: list[str] = []
        if level_of(post.region) != "county":
            values += code_range(post.region)
            parts.append(f"{place} BETWEEN ${len(values) - 1} AND ${len(values)}")
        if column := bodies[post.role]:
            values.append(post.organisation_id)
            parts.append(f"{prefix}{column} = ${len(values)}::bigint")
        if not parts:
            return "true"
        ways.append(" AND ".join(parts))
    return f"({' OR '.join(f'({way})' for way in dict.fromkeys(ways))})" if ways else "false"
