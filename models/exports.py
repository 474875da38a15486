"""Sheets that somebody asked for: made by a worker, sealed, gone after a day."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row


class Export(KeyedRow):
    """One list as a workbook, for whoever asked. State: waiting, running, done, failed (`reason`)."""

    name = fields.CharField(max_length=24)
    """The list: a name of actions.listings.LISTS."""
    asked: Any = fields.JSONField()
    """Its filters and order, as they stood in the address."""
    person_id = fields.BigIntField()
    state = fields.CharField(max_length=8, default="waiting")
    reason = fields.CharField(max_length=200, default="")
    rows_done = fields.IntField(default=0)
    rows_total = fields.IntField(default=0)
    """What the planner thinks there are: for the progress bar alone."""
    size = fields.BigIntField(default=0)
    posts = fields.TextField(default="", db_default="")
    """The posts whose scope is in it (role:region:organisation, by commas)."""
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField()

    class Meta:
        table = "export"
        indexes = [("person_id", "id"), ("expires_at",)]


class ExportPart(Row):
    """A piece of a workbook, sealed. It goes when the workbook expires."""

    batch_id = fields.BigIntField()
    number = fields.IntField()
    content_sealed = fields.BinaryField()

    class Meta:
        table = "export_part"
        unique_together = [("batch_id", "number")]
