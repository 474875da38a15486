"""Which uses of personal data are counted, and when somebody looks at more of it than his work explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VIEWS = ("view", "view_contact", "view_file", "view_notices", "open_figure")
"""Actions of the audit trail by which somebody saw another person's data."""
EXPORTS = ("export",)
QUERIES = ("credit_query", "credit_query_refused")


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """The values of a pack: so many in an hour or a day are usual, one more is told."""

    views_per_hour: int
    views_per_day: int
    exports_per_day: int
    queries_per_day: int
    refused_queries_per_day: int


@dataclass(frozen=True, slots=True)
class Excess:
    """One measure that is above its limit."""

    measure: str
    count: int
    limit: int


def excesses(counts: Mapping[str, int], policy: WatchPolicy) -> tuple[Excess, ...]:
    """What is above its limit, of `counts` by the names of the limits; what is not counted is none.

    Clause: S17.2.
    """
    limits = {name: getattr(policy, name) for name in WatchPolicy.__dataclass_fields__}
    return tuple(
        Excess(measure, counts[measure], limit)
        for measure, limit in limits.items()
        if counts.get(measure, 0) > limit
    )
