"""Withdrawn consents, credit queries, requests about one's own data, legal holds, the way of new keys."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.sealing import new_key


def _row():
    return [
        ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
        ("county", fields.CharField(max_length=6)),
    ]


def _keyed_row():
    return [*_row(), ("key", fields.CharField(max_length=22, unique=True, default=new_key))]


_UP = """
ALTER TABLE consent ALTER COLUMN channel SET DEFAULT '';
CREATE INDEX consent_person ON consent (person_id, id);
CREATE INDEX consent_application ON consent (application_id) WHERE application_id IS NOT NULL;
CREATE INDEX credit_query_application ON credit_query (application_id, id);
CREATE INDEX privacy_request_person ON privacy_request (person_id, id);
CREATE UNIQUE INDEX privacy_request_open ON privacy_request (person_id, kind) WHERE state = 'open';
CREATE UNIQUE INDEX privacy_request_task ON privacy_request (task_id);
CREATE UNIQUE INDEX legal_hold_standing ON legal_hold (person_id) WHERE lifted_at IS NULL
"""
_DOWN = """
DROP INDEX legal_hold_standing; DROP INDEX privacy_request_task; DROP INDEX privacy_request_open;
DROP INDEX privacy_request_person; DROP INDEX credit_query_application; DROP INDEX consent_application;
DROP INDEX consent_person
"""


class Migration(migrations.Migration):
    dependencies = [("models", "0019_watch")]
    operations = [
        ops.AddField("Consent", "channel", fields.CharField(max_length=12, default="", db_default="")),
        ops.AddField("Consent", "withdrawn_at", fields.DatetimeField(null=True)),
        ops.CreateModel(
            name="CreditQuery",
            fields=[
                *_keyed_row(),
                ("consent_id", fields.BigIntField()),
                ("person_id", fields.BigIntField()),
                ("application_id", fields.BigIntField()),
                ("actor_id", fields.BigIntField()),
                ("organisation_id", fields.BigIntField()),
                ("purpose", fields.CharField(max_length=20)),
                ("state", fields.CharField(max_length=10)),
                ("note", fields.CharField(max_length=40, default="")),
                ("asked_at", fields.DatetimeField()),
                ("answered_at", fields.DatetimeField(null=True)),
                ("expires_at", fields.DatetimeField(null=True)),
                ("result_sealed", fields.BinaryField(null=True)),
            ],
            options={"table": "credit_query", "app": "models", "pk_attr": "id"},
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="PrivacyRequest",
            fields=[
                *_keyed_row(),
                ("person_id", fields.BigIntField()),
                ("kind", fields.CharField(max_length=12)),
                ("words_sealed", fields.BinaryField(null=True)),
                ("state", fields.CharField(max_length=10, default="open")),
                ("task_id", fields.BigIntField()),
                ("asked_at", fields.DatetimeField()),
                ("due_on", fields.DateField()),
                ("decided_at", fields.DatetimeField(null=True)),
                ("decided_by_id", fields.BigIntField(null=True)),
                ("done", fields.CharField(max_length=300, default="")),
            ],
            options={"table": "privacy_request", "app": "models", "pk_attr": "id"},
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="LegalHold",
            fields=[
                *_row(),
                ("person_id", fields.BigIntField()),
                ("reason", fields.CharField(max_length=200)),
                ("placed_by_id", fields.BigIntField(null=True)),
                ("placed_at", fields.DatetimeField()),
                ("lifted_by_id", fields.BigIntField(null=True)),
                ("lifted_at", fields.DatetimeField(null=True)),
            ],
            options={"table": "legal_hold", "app": "models", "pk_attr": "id"},
            bases=["Row"],
        ),
        ops.CreateModel(
            name="ResealProgress",
            fields=[
                *_row(),
                ("place", fields.CharField(max_length=80)),
                ("kid", fields.IntField()),
                ("reached", fields.CharField(max_length=64, default="")),
                ("resealed", fields.BigIntField(default=0)),
                ("finished_at", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "reseal_progress",
                "app": "models",
                "unique_together": (("place", "kid"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(_UP, _DOWN),
    ]
