"""The chain over the audit trail: what shows that an entry was changed, removed, slipped in or moved."""

from __future__ import annotations

from tortoise import fields

from models.base import Row


class AuditLink(Row):
    """One entry's place in its county's chain. `content` is the hash of what the entry says, `digest` that of
    the digest before it, the entry's id and `content`. Rows are only ever added; a trigger refuses the rest.
    """

    number = fields.BigIntField()
    entry_id = fields.BigIntField(unique=True)
    content = fields.BinaryField()
    digest = fields.BinaryField()
    linked_at = fields.DatetimeField()

    class Meta:
        table = "audit_link"
        unique_together = [("county", "number")]


class AuditAlert(Row):
    """Somebody did more with personal data than is usual: told once a person, measure and day."""

    actor_id = fields.BigIntField()
    measure = fields.CharField(max_length=30)
    day = fields.DateField()
    count = fields.IntField()
    allowed = fields.IntField()
    at = fields.DatetimeField()

    class Meta:
        table = "audit_alert"
        unique_together = [("county", "actor_id", "measure", "day")]
