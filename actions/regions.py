"""The places of a county by their names."""

from __future__ import annotations

from dataclasses import dataclass

from bot.database import fetch


@dataclass(frozen=True, slots=True)
class Village:
    """A village: its 12-digit code, its name, and the name of its town."""

    code: str
    name: str
    town: str


async def villages(county: str) -> list[Village]:
    """The villages of a county (six digits) in the order of their codes."""
    rows = await fetch(
        """SELECT v.code, v.name, coalesce(t.name, '') AS town
           FROM region v LEFT JOIN region t ON t.code = left(v.code, 9) || '000'
           WHERE v.county = $1 AND right(v.code, 3) <> '000' ORDER BY v.code""",
        county,
    )
    return [Village(row["code"], row["name"], row["town"]) for row in rows]
