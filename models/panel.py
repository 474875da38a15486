"""Groups with members, and how they voted."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row


class Panel(KeyedRow):
    """村五人小组, 三员, 风控小组, 审议小组: a group of a body for a region."""

    kind = fields.CharField(max_length=16)
    organisation_id = fields.BigIntField()
    region = fields.CharField(max_length=12)
    name = fields.CharField(max_length=60)
    made_at = fields.DatetimeField()

    class Meta:
        table = "panel"
        unique_together = [("organisation_id", "kind", "region")]


class PanelMember(Row):
    """Somebody's seat in a group, from a day to a day (open end: null)."""

    panel_id = fields.BigIntField()
    person_id = fields.BigIntField()
    from_on = fields.DateField()
    to_on = fields.DateField(null=True)

    class Meta:
        table = "panel_member"
        indexes = [("panel_id",), ("person_id",)]


class Vote(Row):
    """What a member said, once per round and stage, and the hash of what he was shown."""

    application_id = fields.BigIntField()
    round = fields.IntField()
    stage = fields.CharField(max_length=40)
    member_id = fields.BigIntField()
    choice = fields.CharField(max_length=10)
    reason = fields.CharField(max_length=300)
    return_fields: Any = fields.JSONField(default=list)
    shown_hash = fields.CharField(max_length=64)
    channel = fields.CharField(max_length=12)
    voted_at = fields.DatetimeField()

    class Meta:
        table = "vote"
        unique_together = [("application_id", "round", "stage", "member_id")]
