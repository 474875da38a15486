"""Disbursed loans, their instalments and repayments. Money is integer fen."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row


class Loan(KeyedRow):
    """借据. `balance_fen` is the unpaid principal. State: active, settled, or renewed (by another loan).

    A loan was eased when it is a renewal or was extended. `as_if_due_on` is the day from which it would be
    overdue had nothing in its chain been renewed or extended. `terms` are those of its schedule (S19.2).
    """

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
    terms: Any = fields.JSONField(default=dict)
    renewed_from_id = fields.BigIntField(null=True)
    extended_count = fields.IntField(default=0)
    extended_on = fields.DateField(null=True)
    as_if_due_on = fields.DateField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "loan"
        unique_together = [("bank_id", "number")]
        indexes = [("county", "village", "state"), ("borrower_id",)]


class Instalment(Row):
    """One line of the schedule. Kind: settlement (interest only), instalment, maturity (with principal).

    Interest runs to `nominal_on`, the contract's day (null: `due_on`). Penalty is what has been charged
    through `penalty_through`; what came since is worked out for a day.
    """

    loan: fields.ForeignKeyRelation[Loan] = fields.ForeignKeyField(
        "models.Loan", related_name="instalments", on_delete=fields.RESTRICT
    )
    loan_id: int
    number = fields.IntField()
    kind = fields.CharField(max_length=12)
    due_on = fields.DateField()
    nominal_on = fields.DateField(null=True)
    calendar_known = fields.BooleanField(default=True)
    days = fields.IntField()
    principal_fen = fields.BigIntField()
    interest_fen = fields.BigIntField()
    paid_principal_fen = fields.BigIntField(default=0)
    paid_interest_fen = fields.BigIntField(default=0)
    penalty_fen = fields.BigIntField(default=0)
    paid_penalty_fen = fields.BigIntField(default=0)
    penalty_through = fields.DateField(null=True)
    paid_on = fields.DateField(null=True)

    class Meta:
        table = "instalment"
        unique_together = [("loan_id", "number")]


class Repayment(Row):
    """A payment the bank reported, once per bank serial number. Kind: payment, or renewal (no money moved).

    `undo` is what its lines were before it (null: written by an import). A reversed one no longer counts.
    """

    loan_id = fields.BigIntField()
    bank_id = fields.BigIntField()
    serial = fields.CharField(max_length=64)
    kind = fields.CharField(max_length=10, default="payment")
    received_on = fields.DateField()
    amount_fen = fields.BigIntField()
    principal_fen = fields.BigIntField()
    interest_fen = fields.BigIntField()
    penalty_fen = fields.BigIntField(default=0)
    undo: Any = fields.JSONField(null=True)
    recorded_by_id = fields.BigIntField(null=True)
    recorded_at = fields.DatetimeField()
    reversed_at = fields.DatetimeField(null=True)
    reversed_by_id = fields.BigIntField(null=True)
    reversal_reason = fields.CharField(max_length=200, default="")

    class Meta:
        table = "repayment"
        unique_together = [("bank_id", "serial")]
        indexes = [("loan_id",)]


class PlanChange(Row):
    """A schedule was remade. Kind: early, extension, renewal, reversal; `facts` say why and from what."""

    loan_id = fields.BigIntField()
    kind = fields.CharField(max_length=12)
    on_day = fields.DateField()
    recorded_by_id = fields.BigIntField(null=True)
    recorded_at = fields.DatetimeField()
    facts: Any = fields.JSONField()

    class Meta:
        table = "plan_change"
        indexes = [("loan_id",)]
