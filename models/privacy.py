"""Credit queries, requests about one's own data, legal holds, and how far a new key has come."""

from __future__ import annotations

from tortoise import fields

from models.base import KeyedRow, Row
from models.sealing import open_json, open_text, seal_json, seal_text


class CreditQuery(KeyedRow):
    """One query under one authorisation (`consent_id`). State: asking, answered, failed.

    What came back may be read until `expires_at`, and for `purpose` alone; then it is deleted.
    """

    consent_id = fields.BigIntField()
    person_id = fields.BigIntField()
    application_id = fields.BigIntField()
    actor_id = fields.BigIntField()
    organisation_id = fields.BigIntField()
    purpose = fields.CharField(max_length=20)
    state = fields.CharField(max_length=10)
    note = fields.CharField(max_length=40, default="")
    asked_at = fields.DatetimeField()
    answered_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    result_sealed = fields.BinaryField(null=True)

    class Meta:
        table = "credit_query"

    @property
    def result(self) -> dict[str, int] | None:
        found: dict[str, int] | None = open_json(self.result_sealed, "credit_query", "result", self.key)
        return found

    def seal_result(self, result: dict[str, int]) -> None:
        self.result_sealed = seal_json(result, "credit_query", "result", self.key)


class PrivacyRequest(KeyedRow):
    """Somebody asks that his data be corrected or deleted. State: open, granted, refused."""

    person_id = fields.BigIntField()
    kind = fields.CharField(max_length=12)
    words_sealed = fields.BinaryField(null=True)
    state = fields.CharField(max_length=10, default="open")
    task_id = fields.BigIntField()
    asked_at = fields.DatetimeField()
    due_on = fields.DateField()
    decided_at = fields.DatetimeField(null=True)
    decided_by_id = fields.BigIntField(null=True)
    done = fields.CharField(max_length=300, default="")
    """What came of it, for the person."""

    class Meta:
        table = "privacy_request"

    @property
    def words(self) -> str:
        return open_text(self.words_sealed, "privacy_request", "words", self.key)

    @words.setter
    def words(self, value: str) -> None:
        self.words_sealed = seal_text(value, "privacy_request", "words", self.key)


class LegalHold(Row):
    """Nothing of this person is deleted while it stands: a court or a dispute needs it."""

    person_id = fields.BigIntField()
    reason = fields.CharField(max_length=200)
    placed_by_id = fields.BigIntField(null=True)
    placed_at = fields.DatetimeField()
    lifted_by_id = fields.BigIntField(null=True)
    lifted_at = fields.DatetimeField(null=True)

    class Meta:
        table = "legal_hold"


class ResealProgress(Row):
    """How far the values of one column have been sealed anew under key `kid`. `county` is empty."""

    place = fields.CharField(max_length=80)
    kid = fields.IntField()
    reached = fields.CharField(max_length=64, default="")
    resealed = fields.BigIntField(default=0)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "reseal_progress"
        unique_together = [("place", "kid")]
