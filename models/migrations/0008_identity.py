"""Claims and corrections of whose WeChat is whose; by what means a text was agreed to; part delegations; every
level that a task was given to."""

from orjson import dumps, loads
from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_INDEXES = """
CREATE INDEX identity_claim_person ON identity_claim (person_id, created_at);
CREATE INDEX identity_claim_wechat ON identity_claim (account, openid, created_at);
CREATE INDEX binding_change_person ON binding_change (from_person_id);
CREATE INDEX binding_change_task ON binding_change (task_id)
"""
_NO_INDEXES = """
DROP INDEX identity_claim_person; DROP INDEX identity_claim_wechat;
DROP INDEX binding_change_person; DROP INDEX binding_change_task
"""
_DEFAULTS = """
ALTER TABLE task ALTER COLUMN escalated_roles SET DEFAULT '[]';
ALTER TABLE consent ALTER COLUMN means SET DEFAULT 'wechat';
ALTER TABLE delegation ALTER COLUMN region SET DEFAULT ''
"""
_LEVELS = "UPDATE task SET escalated_roles = jsonb_build_array(escalated_role) WHERE escalated_role <> ''"


class Migration(migrations.Migration):
    dependencies = [("models", "0007_arrears")]
    operations = [
        ops.CreateModel(
            name="IdentityClaim",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(unique=True, max_length=22)),
                ("person_id", fields.BigIntField()),
                ("claimer_id", fields.BigIntField()),
                ("account", fields.CharField(max_length=40)),
                ("openid", fields.CharField(max_length=64)),
                ("means", fields.CharField(default="", max_length=8)),
                ("state", fields.CharField(default="open", max_length=10)),
                ("sent", fields.IntField(default=0)),
                ("sent_at", fields.DatetimeField(null=True)),
                ("tries", fields.IntField(default=0)),
                ("task_id", fields.BigIntField(null=True)),
                ("created_at", fields.DatetimeField()),
                ("ended_at", fields.DatetimeField(null=True)),
            ],
            options={"table": "identity_claim", "app": "models", "pk_attr": "id"},
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="BindingChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(unique=True, max_length=22)),
                ("from_person_id", fields.BigIntField()),
                ("to_person_id", fields.BigIntField(null=True)),
                ("reason", fields.CharField(max_length=200)),
                ("asked_by_id", fields.BigIntField()),
                ("asked_at", fields.DatetimeField()),
                ("decided_by_id", fields.BigIntField(null=True)),
                ("decided_at", fields.DatetimeField(null=True)),
                ("state", fields.CharField(default="waiting", max_length=8)),
                ("task_id", fields.BigIntField(null=True)),
            ],
            options={"table": "binding_change", "app": "models", "pk_attr": "id"},
            bases=["KeyedRow"],
        ),
        ops.RunSQL(_INDEXES, _NO_INDEXES),
        ops.AddField("Consent", "means", fields.CharField(default="wechat", db_default="wechat", max_length=10)),
        ops.AddField("Delegation", "region", fields.CharField(default="", db_default="", max_length=12)),
        ops.AddField("Delegation", "revoked_at", fields.DatetimeField(null=True)),
        ops.AddField("Task", "escalated_roles", fields.JSONField(null=True, encoder=dumps, decoder=loads)),
        ops.RunSQL("UPDATE task SET escalated_roles = '[]'", "SELECT 1"),
        ops.AlterField("Task", "escalated_roles", fields.JSONField(default=list, encoder=dumps, decoder=loads)),
        ops.RunSQL(_LEVELS, "SELECT 1"),
        ops.RunSQL(_DEFAULTS, "SELECT 1"),  # rows that are written out as SQL do not name them
    ]
