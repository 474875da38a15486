"""What was due in a month and what came of it; the days of a county's regions by level."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_UP = [
    "ALTER TABLE collection_day ADD CONSTRAINT collection_day_money CHECK (due_fen >= 0"
    " AND repaid_fen BETWEEN 0 AND due_fen AND overdue_fen BETWEEN 0 AND due_fen)",
    # a report reads one county, one level and some days of it
    "CREATE INDEX region_day_of_county ON region_day (county, level, day)",
]
_DOWN = [
    "DROP INDEX region_day_of_county",
    "ALTER TABLE collection_day DROP CONSTRAINT collection_day_money",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0011_imports")]
    operations = [
        ops.CreateModel(
            name="CollectionDay",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("day", fields.DateField()),
                ("level", fields.CharField(max_length=8)),
                ("code", fields.CharField(max_length=20)),
                ("loans", fields.IntField()),
                ("due_fen", fields.BigIntField()),
                ("repaid_fen", fields.BigIntField()),
                ("overdue_loans", fields.IntField()),
                ("overdue_fen", fields.BigIntField()),
            ],
            options={
                "table": "collection_day",
                "app": "models",
                "unique_together": (("county", "level", "day", "code"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN)),
    ]
