"""Groups with members and votes; a task may be one person's alone; what a group decides has no reviewer."""

from json import loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from models.sealing import new_key


def _id() -> tuple[str, fields.BigIntField]:
    return ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True))


def _options(table: str, *unique: str) -> dict[str, object]:
    options: dict[str, object] = {"table": table, "app": "models", "pk_attr": "id"}
    return options | ({"unique_together": (unique,)} if unique else {})


class Migration(migrations.Migration):
    dependencies = [("models", "0028_export_scope")]
    operations = [
        ops.CreateModel(
            name="Panel",
            fields=[
                _id(),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(max_length=22, unique=True, default=new_key)),
                ("kind", fields.CharField(max_length=16)),
                ("organisation_id", fields.BigIntField()),
                ("region", fields.CharField(max_length=12)),
                ("name", fields.CharField(max_length=60)),
                ("made_at", fields.DatetimeField()),
            ],
            options=_options("panel", "organisation_id", "kind", "region"),
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="PanelMember",
            fields=[
                _id(),
                ("county", fields.CharField(max_length=6)),
                ("panel_id", fields.BigIntField()),
                ("person_id", fields.BigIntField()),
                ("from_on", fields.DateField()),
                ("to_on", fields.DateField(null=True)),
            ],
            options=_options("panel_member"),
            bases=["Row"],
        ),
        ops.CreateModel(
            name="Vote",
            fields=[
                _id(),
                ("county", fields.CharField(max_length=6)),
                ("application_id", fields.BigIntField()),
                ("round", fields.IntField()),
                ("stage", fields.CharField(max_length=40)),
                ("member_id", fields.BigIntField()),
                ("choice", fields.CharField(max_length=10)),
                ("reason", fields.CharField(max_length=300)),
                ("return_fields", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("shown_hash", fields.CharField(max_length=64)),
                ("channel", fields.CharField(max_length=12)),
                ("voted_at", fields.DatetimeField()),
            ],
            options=_options("vote", "application_id", "round", "stage", "member_id"),
            bases=["Row"],
        ),
        ops.AddField("Task", "assignee_id", fields.BigIntField(null=True)),
        ops.AlterField(
            "Decision",
            "reviewer",
            fields.ForeignKeyField(
                "models.Person",
                source_field="reviewer_id",
                related_name="decisions",
                null=True,
                on_delete=OnDelete.RESTRICT,
                db_constraint=True,
                to_field="id",
            ),
        ),
        ops.RunSQL(
            "CREATE INDEX panel_member_of ON panel_member (panel_id);"
            "CREATE INDEX panel_seats ON panel_member (person_id);"
            "CREATE INDEX task_of_member ON task (assignee_id, due_at, id)"
            " WHERE state = 'open' AND assignee_id IS NOT NULL;"
            "CREATE UNIQUE INDEX one_decision_of_a_panel ON decision (application_id, round, stage)"
            " WHERE reviewer_id IS NULL;"
            "DROP INDEX one_task_per_stage;"
            "CREATE UNIQUE INDEX one_task_per_stage ON task"
            " (application_id, kind, round, stage, coalesce(assignee_id, 0)) WHERE application_id IS NOT NULL",
            "DROP INDEX one_task_per_stage;"
            "CREATE UNIQUE INDEX one_task_per_stage ON task (application_id, kind, round, stage)"
            " WHERE application_id IS NOT NULL;"
            "DROP INDEX one_decision_of_a_panel; DROP INDEX task_of_member; DROP INDEX panel_seats;"
            "DROP INDEX panel_member_of",
        ),
    ]
