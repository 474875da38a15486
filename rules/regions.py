"""The official 12-digit division codes: county 6 digits, town 9, village 12; a scope is a prefix."""

from __future__ import annotations

from typing import Literal

Level = Literal["village", "town", "county"]
CODE_DIGITS = 12
_SIGNIFICANT: dict[Level, int] = {"county": 6, "town": 9, "village": 12}


def level_of(code: str) -> Level:
    """The level a code stands for, by its trailing noughts. Raises ValueError on a malformed code.

    Clause: S17.2.
    """
    if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
        raise ValueError(f"a region code has twelve digits: {code!r}")
    if code.endswith("000000"):
        return "county"
    return "town" if code.endswith("000") else "village"


def scope_of(code: str) -> str:
    """The significant digits: whoever has this scope sees every code that begins with it. Clause: S17.2."""
    return code[: _SIGNIFICANT[level_of(code)]]


def covers(scope_code: str, code: str) -> bool:
    """Does the region of the first code contain that of the second, or equal it? Clause: S17.2."""
    level_of(code)
    return code.startswith(scope_of(scope_code))


def at_level(code: str, level: Level) -> str:
    """The region of that level around a code. Raises ValueError when the code is wider than the level.

    Clause: S17.2.
    """
    digits = _SIGNIFICANT[level]
    if len(scope_of(code)) < digits:
        raise ValueError(f"{code} is wider than a {level}")
    return code[:digits].ljust(CODE_DIGITS, "0")


def county_of(code: str) -> str:
    """The six digits of the county, as kept in every `county` column. Clause: S17.2."""
    level_of(code)
    return code[:6]


def code_range(code: str) -> tuple[str, str]:
    """First and last code inside a region, for an index range. Clause: S17.2."""
    scope = scope_of(code)
    return scope.ljust(CODE_DIGITS, "0"), scope.ljust(CODE_DIGITS, "9")
