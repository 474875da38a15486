"""What was due in a month and what has come of it, day by day, for towns and banks."""

from __future__ import annotations

from tortoise import fields

from models.base import Row


class CollectionDay(Row):
    """Amounts that fell due from the first of the month to a day, as they stood at the end of it (S12.5).

    `level`: town, county or bank; `code`: division code, or the bank's organisation id as text.
    """

    day = fields.DateField()
    level = fields.CharField(max_length=8)
    code = fields.CharField(max_length=20)
    loans = fields.IntField()
    """Loans with something due in the month."""
    due_fen = fields.BigIntField()
    repaid_fen = fields.BigIntField()
    overdue_loans = fields.IntField()
    overdue_fen = fields.BigIntField()

    class Meta:
        table = "collection_day"
        unique_together = [("county", "level", "day", "code")]
