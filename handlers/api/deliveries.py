"""How the county's notices reach people: counts by town and channel, for staff."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from actions import delivery_counts
from handlers.endpoint import Call, Out, Query


class Window(Query):
    """How far back: a day or a week."""

    hours: Literal["24", "168"] = "24"


class TownCountOut(Out):
    """One town. Standings: delivered, accepted, waiting, uncertain, refused, dropped."""

    town: str = Field(description="12-digit division code; empty: the person's village is not known.")
    name: str
    total: int
    by_standing: dict[str, int]
    by_channel: dict[str, dict[str, int]]


class DashboardOut(Out):
    """The deliveries of the last hours in one's region, counted every few minutes."""

    hours: int
    counted_at: datetime | None
    total: int
    by_standing: dict[str, int]
    by_channel: dict[str, dict[str, int]]
    towns: list[TownCountOut]


async def dashboard(call: Call, query: Window) -> DashboardOut:
    """How many messages were sent, delivered, refused, uncertain, waiting, by town and channel."""
    return DashboardOut.model_validate(await delivery_counts.dashboard(call.actor, int(query.hours)))
