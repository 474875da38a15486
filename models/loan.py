"""Disbursed loans, their instalments and repayments. Money is integer fen."""

from __future__ import annotations

from tortoise import fields

from models.base import KeyedRow, Row


class Loan(KeyedRow):
    """借据. `balance_fen` is the unpaid principal; `closed_through` the last day whose night work is done."""

    number = fields.CharField(max_length=40)
    bank_id = fields.BigIntField()
    guarantor_id = fields.BigIntField(null=True)
    application_id = fields.BigIntField(null=True, unique=True)
    borrower_id = fields.BigIntField()
    household_id = fields.BigIntField(null=True)
    village = fields.CharField(max_length=12)
    principal_fen = fields.BigIntField()
    balance_fen = fields.BigIntField()
    annual_rate_bp = fields.IntField()
    day_count = fields.CharField(max_length=12)
    method = fields.CharField(max_length=20)
    settlement_cycle = fields.CharField(max_length=12, default="")
    disbursed_on = fields.DateField()
    maturity_on = fields.DateField()
    account_sealed = fields.BinaryField(null=True)
    state = fields.CharField(max_length=10, default="active")
    settled_on = fields.DateField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "loan"
        unique_together = [("bank_id", "number")]
        indexes = [("county", "village", "state"), ("borrower_id",)]


class Instalment(Row):
    """One line of the schedule. Kind: settlement (interest only), instalment, maturity (with principal)."""

    loan: fields.ForeignKeyRelation[Loan] = fields.ForeignKeyField(
        "models.Loan", related_name="instalments", on_delete=fields.RESTRICT
    )
    loan_id: int
    number = fields.IntField()
    kind = fields.CharField(max_length=12)
    due_on = fields.DateField()
    days = fields.IntField()
    principal_fen = fields.BigIntField()
    interest_fen = fields.BigIntField()
    paid_principal_fen = fields.BigIntField(default=0)
    paid_interest_fen = fields.BigIntField(default=0)
    paid_on = fields.DateField(null=True)

    class Meta:
        table = "instalment"
        unique_together = [("loan_id", "number")]


class Repayment(Row):
    """A payment the bank reported, once per bank serial number."""

    loan_id = fields.BigIntField()
    bank_id = fields.BigIntField()
    serial = fields.CharField(max_length=64)
    received_on = fields.DateField()
    amount_fen = fields.BigIntField()
    principal_fen = fields.BigIntField()
    interest_fen = fields.BigIntField()
    recorded_by_id = fields.BigIntField(null=True)
    recorded_at = fields.DatetimeField()

    class Meta:
        table = "repayment"
        unique_together = [("bank_id", "serial")]
        indexes = [("loan_id",)]
