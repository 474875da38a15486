"""The disposal list (S12.2) and the list of those who could pay and will not (S12.4)."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow


class Disposal(KeyedRow):
    """One overdue spell of a loan and what is done about it.

    State: open (nobody has decided yet, or the day has passed), decided, closed (nothing is overdue now).
    """

    loan_id = fields.BigIntField()
    borrower_id = fields.BigIntField()
    village = fields.CharField(max_length=12)
    bank_id = fields.BigIntField()
    guarantor_id = fields.BigIntField(null=True)
    overdue_since = fields.DateField()
    """Due date of what was the oldest unpaid line when the entry was made."""
    opened_on = fields.DateField()
    state = fields.CharField(max_length=8, default="open")
    round = fields.IntField(default=1)
    cause = fields.CharField(max_length=24, default="")
    ability = fields.CharField(max_length=12, default="")
    willingness = fields.CharField(max_length=12, default="")
    way = fields.CharField(max_length=12, default="")
    responsible_id = fields.BigIntField(null=True)
    by_on = fields.DateField(null=True)
    remark_sealed = fields.BinaryField(null=True)
    decided_by_id = fields.BigIntField(null=True)
    decided_at = fields.DatetimeField(null=True)
    closed_on = fields.DateField(null=True)
    version = fields.IntField(default=1)

    class Meta:
        table = "disposal"
        indexes = [("county", "village", "state"), ("loan_id",)]


class Defaulter(KeyedRow):
    """失信: able to pay and unwilling, with the evidence as it was on the day of listing."""

    loan_id = fields.BigIntField()
    person_id = fields.BigIntField()
    disposal_id = fields.BigIntField(unique=True)
    village = fields.CharField(max_length=12)
    bank_id = fields.BigIntField()
    listed_on = fields.DateField()
    listed_by_id = fields.BigIntField()
    evidence: Any = fields.JSONField()
    evidence_sha256 = fields.CharField(max_length=64)
    removed_on = fields.DateField(null=True)
    removed_reason = fields.CharField(max_length=300, default="")

    class Meta:
        table = "defaulter"
        indexes = [("person_id",), ("county", "village")]
