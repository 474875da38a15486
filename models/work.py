"""Job slots, counters and the audit trail."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.base import Row


class JobSlot(Model):
    """One run of a job for one slot: unique, so any number of clocks may tick.

    State: planned, running, done, failed.
    """

    id = fields.BigIntField(primary_key=True)
    county = fields.CharField(max_length=6)
    job = fields.CharField(max_length=40)
    slot = fields.DatetimeField()
    day = fields.DateField()
    """The business date the run is for."""
    state = fields.CharField(max_length=8, default="planned")
    attempts = fields.IntField(default=0)
    planned_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    result: Any = fields.JSONField(null=True)
    error = fields.CharField(max_length=300, default="")

    class Meta:
        table = "job_slot"
        unique_together = [("county", "job", "slot")]


class Counter(Model):
    """The last number given out under a name: application numbers per county and year."""

    name = fields.CharField(max_length=60, primary_key=True)
    county = fields.CharField(max_length=6)
    value = fields.BigIntField(default=0)

    class Meta:
        table = "counter"


class AuditEntry(Row):
    """Who did what to which row, when. Rows are only ever added; a trigger refuses the rest."""

    at = fields.DatetimeField()
    actor_id = fields.BigIntField(null=True)
    """The person; null: the program itself (a job)."""
    action = fields.CharField(max_length=40)
    subject_kind = fields.CharField(max_length=20)
    subject_id = fields.BigIntField()
    details: Any = fields.JSONField(default=dict)

    class Meta:
        table = "audit_entry"
        indexes = [("subject_kind", "subject_id"), ("actor_id",)]
