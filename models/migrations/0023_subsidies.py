"""Interest subsidies that banks declare, and loans whose money went elsewhere."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sealing import new_key

_UP = [
    "CREATE UNIQUE INDEX one_open_misuse ON misuse (loan_id) WHERE state = 'open'",
    """CREATE UNIQUE INDEX one_open_task_per_declaration ON task (organisation_id, stage, role)
       WHERE kind = 'subsidy' AND state = 'open'""",
    """CREATE FUNCTION subsidy_is_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF EXISTS (SELECT 1 FROM subsidy_declaration WHERE id = OLD.declaration_id AND state <> 'drafted') THEN
           RAISE EXCEPTION 'a submitted declaration does not change';
         END IF;
         RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
       END $$""",
    """CREATE TRIGGER subsidy_frozen BEFORE UPDATE OR DELETE ON subsidy
       FOR EACH ROW EXECUTE FUNCTION subsidy_is_frozen()""",
]
_DOWN = [
    "DROP TRIGGER subsidy_frozen ON subsidy",
    "DROP FUNCTION subsidy_is_frozen()",
    "DROP INDEX one_open_task_per_declaration",
    "DROP INDEX one_open_misuse",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0022_console")]
    operations = [
        ops.CreateModel(
            name="SubsidyDeclaration",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("bank_id", fields.BigIntField()),
                ("quarter", fields.DateField()),
                ("due_on", fields.DateField()),
                ("approximate", fields.BooleanField(default=False)),
                ("state", fields.CharField(default="drafted", max_length=10)),
                ("lines", fields.IntField(default=0)),
                ("total_fen", fields.BigIntField(default=0)),
                ("extra_fen", fields.BigIntField(default=0)),
                ("sha256", fields.CharField(default="", max_length=64)),
                ("late", fields.BooleanField(default=False)),
                ("drafted_at", fields.DatetimeField()),
                ("submitted_at", fields.DatetimeField(null=True)),
                ("submitted_by_id", fields.BigIntField(null=True)),
                ("returned_reason", fields.CharField(default="", max_length=300)),
                ("checked_at", fields.DatetimeField(null=True)),
                ("checked_by_id", fields.BigIntField(null=True)),
                ("paid_on", fields.DateField(null=True)),
                ("paid_by_id", fields.BigIntField(null=True)),
            ],
            options={
                "table": "subsidy_declaration",
                "app": "models",
                "unique_together": (("bank_id", "quarter"),),
                "indexes": [Index(fields=["county", "quarter"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="Subsidy",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("declaration_id", fields.BigIntField()),
                ("loan_id", fields.BigIntField()),
                ("person_id", fields.BigIntField()),
                ("end_on", fields.DateField()),
                ("paid_on", fields.DateField(null=True)),
                ("interest_fen", fields.BigIntField()),
                ("days", fields.IntField()),
                ("clean_days", fields.IntField()),
                ("fen", fields.BigIntField()),
                ("days_late", fields.IntField(default=0)),
                ("extra_fen", fields.BigIntField(default=0)),
            ],
            options={
                "table": "subsidy",
                "app": "models",
                "unique_together": (("declaration_id", "loan_id", "end_on"),),
                "indexes": [Index(fields=["loan_id", "end_on"]), Index(fields=["person_id"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="Misuse",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
                ("loan_id", fields.BigIntField()),
                ("person_id", fields.BigIntField()),
                ("village", fields.CharField(max_length=12)),
                ("found_on", fields.DateField()),
                ("falsified", fields.BooleanField()),
                ("pay_by_on", fields.DateField()),
                ("remark_sealed", fields.BinaryField(null=True)),
                ("state", fields.CharField(default="open", max_length=10)),
                ("reported_by_id", fields.BigIntField()),
                ("reported_at", fields.DatetimeField()),
                ("ended_on", fields.DateField(null=True)),
                ("ended_by_id", fields.BigIntField(null=True)),
                ("ended_reason", fields.CharField(default="", max_length=300)),
            ],
            options={
                "table": "misuse",
                "app": "models",
                "indexes": [Index(fields=["loan_id"]), Index(fields=["person_id"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN)),
    ]
