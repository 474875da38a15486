"""What recalculation, reversal, extension and renewal need: the terms of a loan, its chain, and how to undo."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

_COLUMNS = """
ALTER TABLE loan ALTER COLUMN terms SET DEFAULT '{}', ALTER COLUMN extended_count SET DEFAULT 0;
ALTER TABLE instalment ALTER COLUMN calendar_known SET DEFAULT true, ALTER COLUMN penalty_fen SET DEFAULT 0,
  ALTER COLUMN paid_penalty_fen SET DEFAULT 0;
ALTER TABLE repayment ALTER COLUMN kind SET DEFAULT 'payment', ALTER COLUMN penalty_fen SET DEFAULT 0,
  ALTER COLUMN reversal_reason SET DEFAULT ''
"""
_UP = [
    # a loan is renewed once; the chain has no branches
    "CREATE UNIQUE INDEX one_renewal_per_loan ON loan (renewed_from_id) WHERE renewed_from_id IS NOT NULL",
    "CREATE INDEX instalment_calendar ON instalment (county, due_on) WHERE NOT calendar_known",
    "ALTER TABLE repayment DROP CONSTRAINT repayment_money",
    "ALTER TABLE repayment ADD CONSTRAINT repayment_money CHECK (amount_fen > 0 AND principal_fen >= 0"
    " AND interest_fen >= 0 AND penalty_fen >= 0"
    " AND principal_fen + interest_fen + penalty_fen = amount_fen)",
    "ALTER TABLE instalment ADD CONSTRAINT instalment_penalty CHECK (paid_penalty_fen BETWEEN 0 AND penalty_fen)",
]
_DOWN = [
    "ALTER TABLE instalment DROP CONSTRAINT instalment_penalty",
    "ALTER TABLE repayment DROP CONSTRAINT repayment_money",
    "ALTER TABLE repayment ADD CONSTRAINT repayment_money CHECK (amount_fen > 0"
    " AND principal_fen >= 0 AND interest_fen >= 0 AND principal_fen + interest_fen = amount_fen)",
    "DROP INDEX instalment_calendar",
    "DROP INDEX one_renewal_per_loan",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0012_collection")]
    operations = [
        ops.CreateModel(
            name="PlanChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("loan_id", fields.BigIntField()),
                ("kind", fields.CharField(max_length=12)),
                ("on_day", fields.DateField()),
                ("recorded_by_id", fields.BigIntField(null=True)),
                ("recorded_at", fields.DatetimeField()),
                ("facts", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "plan_change",
                "app": "models",
                "indexes": [Index(fields=["loan_id"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.AddField("Loan", "terms", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
        ops.RunSQL("UPDATE loan SET terms = '{}'", "SELECT 1"),
        ops.AlterField("Loan", "terms", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
        ops.AddField("Loan", "renewed_from_id", fields.BigIntField(null=True)),
        ops.AddField("Loan", "extended_count", fields.IntField(default=0, db_default=0)),
        ops.AddField("Loan", "extended_on", fields.DateField(null=True)),
        ops.AddField("Loan", "as_if_due_on", fields.DateField(null=True)),
        ops.AddField("Instalment", "nominal_on", fields.DateField(null=True)),
        ops.AddField("Instalment", "calendar_known", fields.BooleanField(default=True, db_default=True)),
        ops.AddField("Instalment", "penalty_fen", fields.BigIntField(default=0, db_default=0)),
        ops.AddField("Instalment", "paid_penalty_fen", fields.BigIntField(default=0, db_default=0)),
        ops.AddField("Instalment", "penalty_through", fields.DateField(null=True)),
        ops.AddField("Repayment", "kind", fields.CharField(default="payment", db_default="payment", max_length=10)),
        ops.AddField("Repayment", "penalty_fen", fields.BigIntField(default=0, db_default=0)),
        ops.AddField("Repayment", "undo", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
        ops.AddField("Repayment", "reversed_at", fields.DatetimeField(null=True)),
        ops.AddField("Repayment", "reversed_by_id", fields.BigIntField(null=True)),
        ops.AddField("Repayment", "reversal_reason", fields.CharField(default="", db_default="", max_length=200)),
        ops.RunSQL(_COLUMNS, "SELECT 1"),  # rows that are copied in as SQL do not name them
        ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN)),
    ]
