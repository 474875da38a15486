"""Interest subsidies (贴息): what a bank declares of a quarter, line by line, until finance has paid it."""

from __future__ import annotations

from tortoise import fields

from models.base import KeyedRow, Row


class SubsidyDeclaration(KeyedRow):
    """《贴息申报表》: one bank's declaration of one quarter.

    State: drafted (also after it was sent back), submitted, checked by the county, paid by finance.
    """

    bank_id = fields.BigIntField()
    quarter = fields.DateField()
    """First day of the quarter."""
    due_on = fields.DateField()
    approximate = fields.BooleanField(default=False)
    """The official calendar of that year is not known yet: the day was counted Monday to Friday."""
    state = fields.CharField(max_length=10, default="drafted")
    lines = fields.IntField(default=0)
    total_fen = fields.BigIntField(default=0)
    extra_fen = fields.BigIntField(default=0)
    """Interest that came of declaring late; the bank bears it."""
    sha256 = fields.CharField(max_length=64, default="")
    late = fields.BooleanField(default=False)
    drafted_at = fields.DatetimeField()
    submitted_at = fields.DatetimeField(null=True)
    submitted_by_id = fields.BigIntField(null=True)
    returned_reason = fields.CharField(max_length=300, default="")
    checked_at = fields.DatetimeField(null=True)
    checked_by_id = fields.BigIntField(null=True)
    paid_on = fields.DateField(null=True)
    paid_by_id = fields.BigIntField(null=True)

    class Meta:
        table = "subsidy_declaration"
        unique_together = [("bank_id", "quarter")]
        indexes = [("county", "quarter")]


class Subsidy(Row):
    """What a declaration says of one period of interest of a loan; below nought: taken back."""

    declaration_id = fields.BigIntField()
    loan_id = fields.BigIntField()
    person_id = fields.BigIntField()
    end_on = fields.DateField()
    """The contract's day on which the period ends: with the loan it names the period."""
    paid_on = fields.DateField(null=True)
    """When its interest was collected; null: it is not any more."""
    interest_fen = fields.BigIntField()
    days = fields.IntField()
    clean_days = fields.IntField()
    """Days that count: neither overdue nor after misuse was found."""
    fen = fields.BigIntField()
    days_late = fields.IntField(default=0)
    extra_fen = fields.BigIntField(default=0)

    class Meta:
        table = "subsidy"
        unique_together = [("declaration_id", "loan_id", "end_on")]
        indexes = [("loan_id", "end_on"), ("person_id",)]


class Misuse(KeyedRow):
    """A loan whose money went elsewhere (S9.3). State: open, closed (repaid), withdrawn (it was not so)."""

    loan_id = fields.BigIntField()
    person_id = fields.BigIntField()
    village = fields.CharField(max_length=12)
    found_on = fields.DateField()
    falsified = fields.BooleanField()
    """Papers or facts were made up: all of the subsidy is taken back, the person is barred from more."""
    pay_by_on = fields.DateField()
    remark_sealed = fields.BinaryField(null=True)
    state = fields.CharField(max_length=10, default="open")
    reported_by_id = fields.BigIntField()
    reported_at = fields.DatetimeField()
    ended_on = fields.DateField(null=True)
    ended_by_id = fields.BigIntField(null=True)
    ended_reason = fields.CharField(max_length=300, default="")

    class Meta:
        table = "misuse"
        indexes = [("loan_id",), ("person_id",)]
