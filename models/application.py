"""Applications, decisions, tasks and visits."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from models.base import KeyedRow, Row
from models.people import Household, Organisation, Person
from models.sealing import open_json, seal_json


class LoanApplication(KeyedRow):
    """One application on its route. The resolved route and terms are kept with it (S19.2).

    State: awaiting_confirmation, in_review, returned, approved, disbursed, rejected, withdrawn, expired.
    """

    number = fields.CharField(max_length=24, unique=True)
    state = fields.CharField(max_length=24)
    stage = fields.CharField(max_length=90, default="", db_default="")
    """Names of the stages that may decide now, with commas: written with `progress`."""
    applicant: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="applications", on_delete=fields.RESTRICT
    )
    applicant_id: int
    filled_by: fields.ForeignKeyRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="filled_in", on_delete=fields.RESTRICT
    )
    filled_by_id: int
    household: fields.ForeignKeyRelation[Household] = fields.ForeignKeyField(
        "models.Household", related_name="applications", on_delete=fields.RESTRICT
    )
    household_id: int
    village = fields.CharField(max_length=12)
    applicant_kind = fields.CharField(max_length=20)
    industry = fields.CharField(max_length=40)
    amount_fen = fields.BigIntField()
    term_months = fields.IntField()
    form_version = fields.IntField()
    answers_sealed = fields.BinaryField()
    answers_hash = fields.CharField(max_length=64)
    route = fields.CharField(max_length=20)
    resolved_route: Any = fields.JSONField()
    terms: Any = fields.JSONField()
    progress: Any = fields.JSONField()
    """Where it stands on the route: rules.routes.Progress as JSON."""
    round = fields.IntField(default=1)
    version = fields.IntField(default=1)
    acquiring_bank: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", related_name="received", null=True, on_delete=fields.RESTRICT
    )
    acquiring_bank_id: int | None
    partner_bank: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", related_name="recommended", null=True, on_delete=fields.RESTRICT
    )
    partner_bank_id: int | None
    guarantor: fields.ForeignKeyNullableRelation[Organisation] = fields.ForeignKeyField(
        "models.Organisation", related_name="guaranteed", null=True, on_delete=fields.RESTRICT
    )
    guarantor_id: int | None
    confirm_tries = fields.IntField(default=0)
    confirmed_by = fields.CharField(max_length=12, default="")
    """How the farmer confirmed what a helper filled in: wechat, code, signature; own: filled in himself."""
    closed_reason = fields.CharField(max_length=300, default="")
    return_fields: Any = fields.JSONField(default=list)
    channel = fields.CharField(max_length=12)
    submitted_at = fields.DatetimeField()
    step_entered_at = fields.DatetimeField()
    expected_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "loan_application"
        indexes = [("county", "village", "state"), ("applicant_id",), ("household_id",)]

    @property
    def answers(self) -> dict[str, Any]:
        answers: dict[str, Any] = open_json(self.answers_sealed, "loan_application", "answers", self.key)
        return answers

    def seal_answers(self, answers: dict[str, Any]) -> None:
        self.answers_sealed = seal_json(answers, "loan_application", "answers", self.key)


class Decision(Row):
    """What a reviewer decided, once per round and stage, and the hash of what he was shown."""

    application: fields.ForeignKeyRelation[LoanApplication] = fields.ForeignKeyField(
        "models.LoanApplication", related_name="decisions", on_delete=fields.RESTRICT
    )
    application_id: int
    round = fields.IntField()
    stage = fields.CharField(max_length=40)
    reviewer: fields.ForeignKeyNullableRelation[Person] = fields.ForeignKeyField(
        "models.Person", related_name="decisions", null=True, on_delete=fields.RESTRICT
    )
    reviewer_id: int | None
    """Null: a group decided; who said what stands in its votes."""
    organisation_id = fields.BigIntField(null=True)
    decision = fields.CharField(max_length=10)
    reason = fields.CharField(max_length=300, default="")
    return_fields: Any = fields.JSONField(default=list)
    shown_hash = fields.CharField(max_length=64)
    channel = fields.CharField(max_length=12)
    decided_at = fields.DatetimeField()

    class Meta:
        table = "decision"
        unique_together = [("application_id", "round", "stage", "reviewer_id")]


class Task(KeyedRow):
    """Something a person of a role must do by a time. State: open, done, cancelled.

    A task goes to everybody who holds `role` for a region that covers `region` (and in `organisation`,
    where set); the first who does it wins.
    """

    kind = fields.CharField(max_length=20)
    application: fields.ForeignKeyNullableRelation[LoanApplication] = fields.ForeignKeyField(
        "models.LoanApplication", related_name="tasks", null=True, on_delete=fields.RESTRICT
    )
    application_id: int | None
    loan_id = fields.BigIntField(null=True)
    notice_id = fields.BigIntField(null=True)
    person_id = fields.BigIntField(null=True)
    """Whom the task is about, where it is about a person (call_or_visit, handover)."""
    assignee_id = fields.BigIntField(null=True)
    """Whose task it is alone, where it is not a role's: a member's vote."""
    round = fields.IntField(default=1)
    stage = fields.CharField(max_length=40, default="")
    role = fields.CharField(max_length=24)
    organisation_id = fields.BigIntField(null=True)
    region = fields.CharField(max_length=12)
    state = fields.CharField(max_length=10, default="open")
    outcome = fields.CharField(max_length=20, default="")
    note = fields.CharField(max_length=300, default="")
    opened_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    done_at = fields.DatetimeField(null=True)
    done_by_id = fields.BigIntField(null=True)
    escalation = fields.IntField(default=0)
    escalated_role = fields.CharField(max_length=24, default="")
    escalated_roles: Any = fields.JSONField(default=list)
    """Every level that it was given to, the newest last: who had it before keeps sight of it."""
    escalated_at = fields.DatetimeField(null=True)

    class Meta:
        table = "task"
        indexes = [("county", "state", "role", "region"), ("application_id",), ("state", "due_at")]


class Visit(KeyedRow):
    """走访确认: what was seen, where and when (by the device's clock and by ours).

    `client_id` is made on the phone: the same visit sent twice is one visit.
    """

    client_id = fields.CharField(max_length=64)
    task_id = fields.BigIntField()
    application_id: int | None = fields.BigIntField(null=True)
    """Null for a visit after the loan was paid out."""
    loan_id: int | None = fields.BigIntField(null=True)
    visitor_id = fields.BigIntField()
    latitude = fields.FloatField(null=True)
    longitude = fields.FloatField(null=True)
    accuracy_m = fields.IntField(null=True)
    distance_m = fields.IntField(null=True)
    device_at = fields.DatetimeField()
    received_at = fields.DatetimeField()
    findings: Any = fields.JSONField()
    remark_sealed = fields.BinaryField(null=True)
    photos: Any = fields.JSONField()
    result = fields.CharField(max_length=16)
    doubts: Any = fields.JSONField(default=list)

    class Meta:
        table = "visit"
        unique_together = [("visitor_id", "client_id")]
        indexes = [("application_id",)]
