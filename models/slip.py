"""What borrowers say of repayments: slips for the bank to confirm, and promises with a day."""

from __future__ import annotations

from tortoise import fields

from models.base import KeyedRow


class RepaymentSlip(KeyedRow):
    """还款清单: the borrower says that he has paid. State: waiting → confirmed | refused.

    `file_id` is the photo, null where he has none; what he does not remember is null too.
    """

    loan_id = fields.BigIntField()
    bank_id = fields.BigIntField()
    guarantor_id = fields.BigIntField(null=True)
    person_id = fields.BigIntField()
    village = fields.CharField(max_length=12)
    file_id = fields.BigIntField(null=True)
    amount_fen = fields.BigIntField(null=True)
    paid_on = fields.DateField(null=True)
    channel = fields.CharField(max_length=12)
    state = fields.CharField(max_length=10, default="waiting")
    task_id = fields.BigIntField(null=True)
    repayment_id = fields.BigIntField(null=True)
    """The repayment in the books that it was confirmed by."""
    reason = fields.CharField(max_length=300, default="")
    decided_by_id = fields.BigIntField(null=True)
    created_at = fields.DatetimeField()
    decided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "repayment_slip"
        indexes = [("loan_id",), ("task_id",), ("bank_id", "state"), ("guarantor_id", "state")]


class Promise(KeyedRow):
    """The borrower says by which day he will pay. State: open → kept | broken | replaced.

    `amount_fen` is what was owed and past due when he said so, else the next line.
    """

    loan_id = fields.BigIntField()
    person_id = fields.BigIntField()
    village = fields.CharField(max_length=12)
    given_on = fields.DateField()
    promised_on = fields.DateField()
    quiet_through = fields.DateField()
    """The last day without a collection notice because of it."""
    amount_fen = fields.BigIntField()
    said = fields.CharField(max_length=60, default="")
    channel = fields.CharField(max_length=12)
    state = fields.CharField(max_length=10, default="open")
    task_id = fields.BigIntField(null=True)
    """The task that was opened because it was broken."""
    created_at = fields.DatetimeField()
    settled_on = fields.DateField(null=True)
    """The business date on which it was found kept or broken."""

    class Meta:
        table = "promise"
        indexes = [("loan_id",), ("county", "state", "promised_on")]
