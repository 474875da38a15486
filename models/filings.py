"""What a bank files each month (S5): last month's disbursements, and releases of the guarantee."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row


class Filing(KeyedRow):
    """One bank's filing of one month. Kind: disbursements, releases. State: drafted, submitted."""

    kind = fields.CharField(max_length=16)
    bank_id = fields.BigIntField()
    month = fields.DateField()
    """First day of the month it is about."""
    due_on = fields.DateField()
    approximate = fields.BooleanField(default=False)
    """The official calendar of that year is not known yet: the day was counted Monday to Friday."""
    state = fields.CharField(max_length=10, default="drafted")
    lines = fields.IntField(default=0)
    total_fen = fields.BigIntField(default=0)
    sha256 = fields.CharField(max_length=64, default="")
    late = fields.BooleanField(default=False)
    drafted_at = fields.DatetimeField()
    submitted_at = fields.DatetimeField(null=True)
    submitted_by_id = fields.BigIntField(null=True)

    class Meta:
        table = "filing"
        unique_together = [("bank_id", "kind", "month")]
        indexes = [("county", "month")]


class FilingLine(Row):
    """One loan in a filing, as it was when it was drafted; frozen once the filing is submitted."""

    filing_id = fields.BigIntField()
    kind = fields.CharField(max_length=16)
    number = fields.IntField()
    loan_id = fields.BigIntField()
    guarantor_id = fields.BigIntField(null=True)
    letter = fields.CharField(max_length=40, default="")
    """Number of the 解除担保责任通知书; given when the filing is submitted."""
    content: Any = fields.JSONField()

    class Meta:
        table = "filing_line"
        unique_together = [("filing_id", "loan_id")]
        indexes = [("loan_id", "kind")]
