"""走访确认 from the phone, also when it is uploaded long after."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from actions import visits
from handlers.endpoint import Call, In, Out

Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Words = Annotated[str, Field(max_length=300)]
Finding = bool | Annotated[int, Field(ge=-(10**9), le=10**9)] | Words | list[Words] | None


class VisitIn(In):
    """A visit as the phone recorded it. `client_id` is made there: sent twice it counts once."""

    task: Key
    client_id: Key
    device_at: AwareDatetime = Field(description="By the phone's clock, with an offset.")
    result: Literal["confirmed", "not_confirmed", "normal", "abnormal"] = Field(
        description="Before the loan confirmed or not; after it normal or abnormal."
    )
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    accuracy_m: int | None = Field(None, ge=0, le=1_000_000)
    findings: dict[Annotated[str, Field(max_length=40)], Finding] = Field(default_factory=dict, max_length=40)
    remark: str = Field("", max_length=500)
    photos: list[Key] = Field(default_factory=list, max_length=20)


class VisitOut(Out):
    """A visit as it was kept. `distance_m` is from the registered place; doubts are for the town to see."""

    key: str
    client_id: str
    result: str
    distance_m: int | None
    device_at: AwareDatetime
    received_at: AwareDatetime
    photos: list[str]
    doubts: list[dict[str, Any]]


async def record(call: Call, body: VisitIn) -> VisitOut:
    """Keep a visit. The photos are uploaded before; the phone's time and ours are both kept."""
    given = body.model_dump(exclude={"task"})
    made = await visits.record(call.actor, body.task, visits.VisitReport(**given), call.pack, call.now)
    return VisitOut.model_validate(made)
