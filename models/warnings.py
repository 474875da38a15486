"""Early warnings (S10): the level of a loan, every cause that moved it, and facts that people enter."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row


class EarlyWarning(KeyedRow):
    """The standing warning of a loan. Level: 0 none, 1 关注, 2 重点关注, 3 风险."""

    loan_id = fields.BigIntField(unique=True)
    borrower_id = fields.BigIntField()
    village = fields.CharField(max_length=12)
    bank_id = fields.BigIntField()
    guarantor_id = fields.BigIntField(null=True)
    level = fields.SmallIntField()
    since_on = fields.DateField()
    """The day the level was last changed."""
    held_by_person = fields.BooleanField(default=False)
    """Somebody raised it: only somebody lowers it again."""
    clean_since = fields.DateField(null=True)
    """The first day on which less was found than the level says; null: the reasons still hold."""

    class Meta:
        table = "warning"
        indexes = [("county", "village", "level")]


class WarningEvent(Row):
    """One cause that moved a warning, with the facts and the version of the rules. Only ever added.

    `cause`: a rule of the pack, `person`, `clean` or `settled`. One cause warns once: its key is unique.
    """

    loan_id = fields.BigIntField()
    day = fields.DateField()
    cause = fields.CharField(max_length=40)
    cause_key = fields.CharField(max_length=80)
    level = fields.SmallIntField()
    """What the cause itself calls for."""
    level_before = fields.SmallIntField()
    level_after = fields.SmallIntField()
    facts: Any = fields.JSONField()
    rules_version = fields.CharField(max_length=16)
    actor_id = fields.BigIntField(null=True)
    reason = fields.CharField(max_length=300, default="")
    at = fields.DatetimeField()

    class Meta:
        table = "warning_event"
        unique_together = [("loan_id", "cause_key")]


class RiskFact(KeyedRow):
    """What a person saw or learned: about one loan, or about an industry in a region.

    Kind: a code of the pack's `warning.findings` or `warning.reports`.
    """

    kind = fields.CharField(max_length=24)
    loan_id = fields.BigIntField(null=True)
    region = fields.CharField(max_length=12)
    industry = fields.CharField(max_length=40, default="")
    from_on = fields.DateField()
    until_on = fields.DateField(null=True)
    visit_id = fields.BigIntField(null=True)
    remark_sealed = fields.BinaryField(null=True)
    entered_by_id = fields.BigIntField()
    entered_at = fields.DatetimeField()
    withdrawn_at = fields.DatetimeField(null=True)

    class Meta:
        table = "risk_fact"
        indexes = [("loan_id",), ("county", "region")]


class CreditEvent(Row):
    """Something a borrower did that his credit will be judged by (S7, S11.3).

    Kind: missed_settlements (S11.3), over_days and repeated_overdue (S7.3: the line is suspended), defaulter
    (S12.4), misused and falsified (S9.3). `episode_on` is the due date, or the day, that makes it one case.
    """

    person_id = fields.BigIntField()
    loan_id = fields.BigIntField()
    kind = fields.CharField(max_length=20)
    episode_on = fields.DateField()
    since_on = fields.DateField()
    """The first day on which it was so."""
    cured_on = fields.DateField(null=True)
    facts: Any = fields.JSONField()
    recorded_at = fields.DatetimeField()

    class Meta:
        table = "credit_event"
        unique_together = [("loan_id", "kind", "episode_on")]
        indexes = [("person_id", "kind")]
