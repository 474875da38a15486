"""What the night writes down: late loans and the figures of regions and banks, day by day."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_MONEY = (
    "ALTER TABLE arrears_day ADD CONSTRAINT arrears_day_money CHECK (days_past_due >= 0"
    " AND missed_settlements >= 0 AND overdue_principal_fen >= 0 AND overdue_interest_fen >= 0"
    " AND balance_fen >= 0)"
)


class Migration(migrations.Migration):
    dependencies = [("models", "0006_room_for_updates")]
    operations = [
        ops.CreateModel(
            name="ArrearsDay",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("day", fields.DateField()),
                ("loan_id", fields.BigIntField()),
                ("village", fields.CharField(max_length=12)),
                ("bank_id", fields.BigIntField()),
                ("days_past_due", fields.IntField()),
                ("missed_settlements", fields.IntField()),
                ("overdue_principal_fen", fields.BigIntField()),
                ("overdue_interest_fen", fields.BigIntField()),
                ("balance_fen", fields.BigIntField()),
            ],
            options={
                "table": "arrears_day",
                "app": "models",
                "unique_together": (("day", "loan_id"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="RegionDay",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("day", fields.DateField()),
                ("level", fields.CharField(max_length=8)),
                ("code", fields.CharField(max_length=20)),
                ("loans", fields.IntField()),
                ("balance_fen", fields.BigIntField()),
                ("overdue_loans", fields.IntField()),
                ("overdue_fen", fields.BigIntField()),
                ("par30_fen", fields.BigIntField()),
                ("npl_loans", fields.IntField()),
                ("npl_fen", fields.BigIntField()),
                ("eased_fen", fields.BigIntField()),
                ("npl_as_if_fen", fields.BigIntField()),
            ],
            options={
                "table": "region_day",
                "app": "models",
                "unique_together": (("day", "level", "code"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(_MONEY, "ALTER TABLE arrears_day DROP CONSTRAINT arrears_day_money"),
    ]
