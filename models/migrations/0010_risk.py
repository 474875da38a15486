"""Early warnings, the disposal list, events of conduct and monthly filings; visits after the loan is paid out."""

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.data import JSON_DUMPS
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sealing import new_key

_UP = [
    "CREATE UNIQUE INDEX one_open_disposal ON disposal (loan_id) WHERE state <> 'closed'",
    "ALTER TABLE warning ADD CONSTRAINT warning_level CHECK (level BETWEEN 0 AND 3)",
    # a loan has each of these tasks once at a time and role
    """CREATE UNIQUE INDEX one_open_risk_task ON task (loan_id, kind, stage, role)
       WHERE state = 'open' AND kind IN ('warning_measure', 'early_repayment', 'disposal', 'hand_to_law')""",
    # a visit of a period is asked of each role once
    """CREATE UNIQUE INDEX one_visit_per_period
       ON task (kind, stage, role, region, (coalesce(loan_id, 0)), (coalesce(organisation_id, 0)))
       WHERE kind IN ('post_loan_visit', 'village_watch')""",
    """CREATE UNIQUE INDEX one_task_per_filing ON task (organisation_id, stage) WHERE kind = 'filing'""",
    """CREATE FUNCTION warning_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'warning events are only ever added'; END $$""",
    """CREATE TRIGGER warning_event_append_only BEFORE UPDATE OR DELETE ON warning_event
       FOR EACH STATEMENT EXECUTE FUNCTION warning_event_is_append_only()""",
    """CREATE FUNCTION filing_line_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF EXISTS (SELECT 1 FROM filing WHERE id = OLD.filing_id AND state = 'submitted') THEN
           RAISE EXCEPTION 'a submitted filing does not change';
         END IF;
         RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
       END $$""",
    """CREATE TRIGGER filing_line_frozen BEFORE UPDATE OR DELETE ON filing_line
       FOR EACH ROW EXECUTE FUNCTION filing_line_is_frozen()""",
]
_DOWN = [
    "DROP TRIGGER filing_line_frozen ON filing_line",
    "DROP FUNCTION filing_line_is_frozen()",
    "DROP TRIGGER warning_event_append_only ON warning_event",
    "DROP FUNCTION warning_event_is_append_only()",
    "DROP INDEX one_task_per_filing",
    "DROP INDEX one_visit_per_period",
    "DROP INDEX one_open_risk_task",
    "ALTER TABLE warning DROP CONSTRAINT warning_level",
    "DROP INDEX one_open_disposal",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0009_slips")]
    operations = [
        ops.CreateModel(
            name="EarlyWarning",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("loan_id", fields.BigIntField(unique=True)),
                ("borrower_id", fields.BigIntField()),
                ("village", fields.CharField(max_length=12)),
                ("bank_id", fields.BigIntField()),
                ("guarantor_id", fields.BigIntField(null=True)),
                ("level", fields.SmallIntField()),
                ("since_on", fields.DateField()),
                ("held_by_person", fields.BooleanField(default=False)),
                ("clean_since", fields.DateField(null=True)),
            ],
            options={
                "table": "warning",
                "app": "models",
                "indexes": [Index(fields=["county", "village", "level"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="WarningEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("loan_id", fields.BigIntField()),
                ("day", fields.DateField()),
                ("cause", fields.CharField(max_length=40)),
                ("cause_key", fields.CharField(max_length=80)),
                ("level", fields.SmallIntField()),
                ("level_before", fields.SmallIntField()),
                ("level_after", fields.SmallIntField()),
                ("facts", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("rules_version", fields.CharField(max_length=16)),
                ("actor_id", fields.BigIntField(null=True)),
                ("reason", fields.CharField(default="", max_length=300)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "warning_event",
                "app": "models",
                "unique_together": (("loan_id", "cause_key"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="RiskFact",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("kind", fields.CharField(max_length=24)),
                ("loan_id", fields.BigIntField(null=True)),
                ("region", fields.CharField(max_length=12)),
                ("industry", fields.CharField(default="", max_length=40)),
                ("from_on", fields.DateField()),
                ("until_on", fields.DateField(null=True)),
                ("visit_id", fields.BigIntField(null=True)),
                ("remark_sealed", fields.BinaryField(null=True)),
                ("entered_by_id", fields.BigIntField()),
                ("entered_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("withdrawn_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "risk_fact",
                "app": "models",
                "indexes": [Index(fields=["loan_id"]), Index(fields=["county", "region"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="CreditEvent",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("person_id", fields.BigIntField()),
                ("loan_id", fields.BigIntField()),
                ("kind", fields.CharField(max_length=20)),
                ("episode_on", fields.DateField()),
                ("since_on", fields.DateField()),
                ("cured_on", fields.DateField(null=True)),
                ("facts", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "credit_event",
                "app": "models",
                "unique_together": (("loan_id", "kind", "episode_on"),),
                "indexes": [Index(fields=["person_id", "kind"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="Disposal",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("loan_id", fields.BigIntField()),
                ("borrower_id", fields.BigIntField()),
                ("village", fields.CharField(max_length=12)),
                ("bank_id", fields.BigIntField()),
                ("guarantor_id", fields.BigIntField(null=True)),
                ("overdue_since", fields.DateField()),
                ("opened_on", fields.DateField()),
                ("state", fields.CharField(default="open", max_length=8)),
                ("round", fields.IntField(default=1)),
                ("cause", fields.CharField(default="", max_length=24)),
                ("ability", fields.CharField(default="", max_length=12)),
                ("willingness", fields.CharField(default="", max_length=12)),
                ("way", fields.CharField(default="", max_length=12)),
                ("responsible_id", fields.BigIntField(null=True)),
                ("by_on", fields.DateField(null=True)),
                ("remark_sealed", fields.BinaryField(null=True)),
                ("decided_by_id", fields.BigIntField(null=True)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("closed_on", fields.DateField(null=True)),
                ("version", fields.IntField(default=1)),
            ],
            options={
                "table": "disposal",
                "app": "models",
                "indexes": [Index(fields=["county", "village", "state"]), Index(fields=["loan_id"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="Defaulter",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("loan_id", fields.BigIntField()),
                ("person_id", fields.BigIntField()),
                ("disposal_id", fields.BigIntField(unique=True)),
                ("village", fields.CharField(max_length=12)),
                ("bank_id", fields.BigIntField()),
                ("listed_on", fields.DateField()),
                ("listed_by_id", fields.BigIntField()),
                ("evidence", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("evidence_sha256", fields.CharField(max_length=64)),
                ("removed_on", fields.DateField(null=True)),
                ("removed_reason", fields.CharField(default="", max_length=300)),
            ],
            options={
                "table": "defaulter",
                "app": "models",
                "indexes": [Index(fields=["person_id"]), Index(fields=["county", "village"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="Filing",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("kind", fields.CharField(max_length=16)),
                ("bank_id", fields.BigIntField()),
                ("month", fields.DateField()),
                ("due_on", fields.DateField()),
                ("approximate", fields.BooleanField(default=False)),
                ("state", fields.CharField(default="drafted", max_length=10)),
                ("lines", fields.IntField(default=0)),
                ("total_fen", fields.BigIntField(default=0)),
                ("sha256", fields.CharField(default="", max_length=64)),
                ("late", fields.BooleanField(default=False)),
                ("drafted_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("submitted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("submitted_by_id", fields.BigIntField(null=True)),
            ],
            options={
                "table": "filing",
                "app": "models",
                "unique_together": (("bank_id", "kind", "month"),),
                "indexes": [Index(fields=["county", "month"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="FilingLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("filing_id", fields.BigIntField()),
                ("kind", fields.CharField(max_length=16)),
                ("number", fields.IntField()),
                ("loan_id", fields.BigIntField()),
                ("guarantor_id", fields.BigIntField(null=True)),
                ("letter", fields.CharField(default="", max_length=40)),
                ("content", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
            ],
            options={
                "table": "filing_line",
                "app": "models",
                "unique_together": (("filing_id", "loan_id"),),
                "indexes": [Index(fields=["loan_id", "kind"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.AlterField("Visit", "application_id", fields.BigIntField(null=True)),
        ops.AddField("Visit", "loan_id", fields.BigIntField(null=True)),
        ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN)),
    ]
