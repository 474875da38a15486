"""A map of equal tiles: places laid out on a small grid, roughly where they are. For showing, not for law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

MOST_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A place with its code; without a position it goes behind those that have one."""

    code: str
    latitude: float | None = None
    longitude: float | None = None


def columns_for(count: int) -> int:
    """How many tiles stand side by side: a little wider than high, ten at most. Clause: S12.5 (default)."""
    return max(1, min(MOST_COLUMNS, ceil(sqrt(count * 1.6))))


def laid_out(places: Sequence[Place]) -> list[str]:
    """The codes row by row: the north above, the west on the left; what has no position comes last by code.

    Clause: S12.5 (default).
    """
    known = [place for place in places if place.latitude is not None and place.longitude is not None]
    rest = sorted(place.code for place in places if place.latitude is None or place.longitude is None)
    known.sort(key=lambda place: (-(place.latitude or 0.0), place.code))
    wide = columns_for(len(places))
    rows = [known[at : at + wide] for at in range(0, len(known), wide)]
    ordered = [sorted(row, key=lambda place: (place.longitude or 0.0, place.code)) for row in rows]
    return [place.code for row in ordered for place in row] + rest


def band_of(share_bp: int | None, line_bp: int | None) -> int:
    """How bad a share is, for its colour: 0 unknown, 1 to half the line, 2 to it, 3 above, 4 above twice.

    Without a line three per cent is taken. Clause: S12.5 (default).
    """
    if share_bp is None:
        return 0
    line = 300 if line_bp is None else line_bp
    if share_bp > line:
        return 4 if share_bp > 2 * line else 3
    return 2 if 2 * share_bp > line else 1
