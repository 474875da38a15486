"""What the night found: every late loan on every day, and each region's figures on every day."""

from __future__ import annotations

from tortoise import fields

from models.base import Row


class ArrearsDay(Row):
    """A loan that was late at the end of a day, or one row with 0 days when it is cured. Only ever added."""

    day = fields.DateField()
    loan_id = fields.BigIntField()
    village = fields.CharField(max_length=12)
    bank_id = fields.BigIntField()
    days_past_due = fields.IntField()
    missed_settlements = fields.IntField()
    """Settlements past their day and not paid in full, whatever else is owed (S11.3)."""
    overdue_principal_fen = fields.BigIntField()
    overdue_interest_fen = fields.BigIntField()
    balance_fen = fields.BigIntField()

    class Meta:
        table = "arrears_day"
        unique_together = [("day", "loan_id")]


class RegionDay(Row):
    """The figures of a village, town, county or bank at the end of a day (S12.5).

    `level`: village, town, county, bank; `code`: division code, or the bank's organisation id as text.
    """

    day = fields.DateField()
    level = fields.CharField(max_length=8)
    code = fields.CharField(max_length=20)
    loans = fields.IntField()
    balance_fen = fields.BigIntField()
    overdue_loans = fields.IntField()
    overdue_fen = fields.BigIntField()
    """Arrears: unpaid amounts past their day, not the whole balance."""
    par30_fen = fields.BigIntField()
    """Unpaid principal of loans more than 30 days late."""
    npl_loans = fields.IntField()
    npl_fen = fields.BigIntField()
    """Unpaid principal of non-performing loans."""
    eased_fen = fields.BigIntField()
    """Unpaid principal of loans that were renewed or extended."""
    npl_as_if_fen = fields.BigIntField()
    """Unpaid principal that would be non-performing had nothing been renewed or extended."""

    class Meta:
        table = "region_day"
        unique_together = [("day", "level", "code")]
