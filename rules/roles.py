"""The roles of people at work, once: packs, posts and tests read them here.

三员: the system administrator makes bodies, posts and links; the safety administrator unlocks, resets and
confirms; the audit administrator reads the trail. Nobody holds two of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from rules.refusal import Refusal

StaffRole = Literal[
    "cadre",
    "town_clerk",
    "county_clerk",
    "loan_officer",
    "bank_officer",
    "guarantor_officer",
    "case_officer",
    "finance_officer",
    "administrator",
    "system_administrator",
    "safety_administrator",
    "audit_administrator",
]
STAFF_ROLES: tuple[str, ...] = get_args(StaffRole)
SYSTEM, SAFETY, AUDIT = "system_administrator", "safety_administrator", "audit_administrator"
THREE = (SYSTEM, SAFETY, AUDIT)
ROLES_OF: dict[str, tuple[str, ...]] = {
    "village_station": ("cadre",),
    "town_station": ("town_clerk", "case_officer"),
    "county_centre": ("county_clerk", "case_officer", "administrator", *THREE),
    "acquiring_bank": ("loan_officer",),
    "partner_bank": ("bank_officer",),
    "guarantor": ("guarantor_officer", "case_officer"),
    "finance_bureau": ("finance_officer",),
}
"""What posts a kind of body has."""


def check_role(role: str, body_kind: str, held: Iterable[str]) -> Refusal | None:
    """May somebody with the roles `held` get this one in a body of that kind? Clause: S17.1 (default)."""
    if role not in ROLES_OF.get(body_kind, ()):
        return Refusal("S17.1", "这个单位没有这种岗位，请重选。", "role_not_here", "role")
    return check_duties(role, held)


def check_duties(role: str, held: Iterable[str]) -> Refusal | None:
    """May somebody with the roles `held` do this one as well? One of the three does nothing else. S17.1

    Clause: S17.1 (default).
    """
    others = set(held) - {role}
    if role in THREE and others:
        words = "系统、安全、审计三员要由三个人担任，也不能兼别的岗位。请换一个人。"
        return Refusal("S17.1", words, "two_duties", "role")
    if others & set(THREE):
        return Refusal("S17.1", "他是三员之一，不能兼别的岗位。请换一个人。", "two_duties", "role")
    return None


def approver_of(role: str) -> str:
    """Who carries out a change of staff: for the three the safety administrator, else the system's.

    Nobody makes himself or his like an administrator; the safety administrator is changed by the system's.
    Clause: S17.1 (default).
    """
    return SAFETY if role in THREE and role != SAFETY else SYSTEM
