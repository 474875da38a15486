"""The parts of a pack about personal data: unusual volumes, requests of people, how long data is kept."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from policies.values import Frozen, Table, Value

Positive = Annotated[int, Field(gt=0)]


class Retention(Table):
    """How many days a class of data is kept."""

    USED_BY: ClassVar[str] = "S17.2 · actions.retention.clear"

    days: Positive


class Privacy(Frozen):
    """What people may ask about their own data."""

    answer_working_days: Value[Positive] = Field(description="S17.2 · rules.tasks.deadline")


class AuditWatch(Frozen):
    """How much use of personal data a person's work explains."""

    views_per_hour: Value[Positive] = Field(description="S17.2 · rules.watching.excesses")
    views_per_day: Value[Positive] = Field(description="S17.2 · rules.watching.excesses")
    exports_per_day: Value[Positive] = Field(description="S17.2 · rules.watching.excesses")
    queries_per_day: Value[Positive] = Field(description="S17.2 · rules.watching.excesses")
    refused_queries_per_day: Value[Positive] = Field(description="S17.2 · rules.watching.excesses")
    answer_working_days: Value[Positive] = Field(description="S17.2 · rules.tasks.deadline")
