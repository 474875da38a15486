"""What the console lists by: the open stage of an application, names by blind index, sheets made in the background."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

_STAGES = """
UPDATE loan_application a SET stage = coalesce((
  SELECT left(string_agg(t.stage ->> 'name', ',' ORDER BY t.place), 90)
  FROM jsonb_array_elements(a.resolved_route -> 'steps' -> (a.progress ->> 'step')::int)
    WITH ORDINALITY AS t(stage, place)
  WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(a.progress -> 'decided') d
                    WHERE d ->> 0 = t.stage ->> 'name')), '')
WHERE a.state IN ('in_review', 'approved')"""
_WAYS = {
    # counts by state, stage and age, for any scope, from the index alone
    "application_standing": "loan_application (county, state, stage, step_entered_at, village)"
    " INCLUDE (acquiring_bank_id, partner_bank_id, guarantor_id)",
    "application_newest": "loan_application (county, submitted_at, id)",
    "application_newest_of_state": "loan_application (county, state, submitted_at, id)",
    "application_by_number": 'loan_application (county, number COLLATE "C", id)',
    # newest loans, and what was paid out week by week from the index alone
    "loan_newest": "loan (county, disbursed_on, id) INCLUDE (village, bank_id, guarantor_id, principal_fen)",
    "loan_by_maturity": "loan (county, maturity_on, id)",
    "loan_by_number": 'loan (county, number COLLATE "C", id)',
    "person_by_name": "person (county, name_index) WHERE name_index IS NOT NULL",
    "person_unnamed": "person (county, id) WHERE name_index IS NULL AND name_sealed IS NOT NULL",
    "notice_in_order": "notice (county, state, id) WHERE state IN ('given_up', 'uncertain', 'closed')",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0021_night_keys")]
    operations = [
        ops.AddField("Person", "name_index", fields.BinaryField(null=True)),
        ops.AddField("LoanApplication", "stage", fields.CharField(max_length=90, default="", db_default="")),
        ops.RunSQL(_STAGES, "SELECT 1"),
        ops.CreateModel(
            name="Export",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(max_length=22, unique=True)),
                ("name", fields.CharField(max_length=24)),
                ("asked", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("person_id", fields.BigIntField()),
                ("state", fields.CharField(max_length=8, default="waiting")),
                ("reason", fields.CharField(max_length=200, default="")),
                ("rows_done", fields.IntField(default=0)),
                ("rows_total", fields.IntField(default=0)),
                ("size", fields.BigIntField(default=0)),
                ("created_at", fields.DatetimeField()),
                ("finished_at", fields.DatetimeField(null=True)),
                ("expires_at", fields.DatetimeField()),
            ],
            options={
                "table": "export",
                "app": "models",
                "indexes": [Index(fields=["person_id", "id"]), Index(fields=["expires_at"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="ExportPart",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("batch_id", fields.BigIntField()),
                ("number", fields.IntField()),
                ("content_sealed", fields.BinaryField()),
            ],
            options={
                "table": "export_part",
                "app": "models",
                "unique_together": (("batch_id", "number"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(
            ";\n".join(f"CREATE INDEX {name} ON {way}" for name, way in _WAYS.items()),
            ";\n".join(f"DROP INDEX {name}" for name in _WAYS),
        ),
    ]
