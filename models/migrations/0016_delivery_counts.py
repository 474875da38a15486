"""How deliveries went, counted every few minutes for the dashboard, and the way to those of the last days."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_UP = (
    "CREATE INDEX delivery_begun ON delivery USING brin (first_attempt_at) WITH (autosummarize = on);"
    "CREATE INDEX delivery_ended ON delivery USING brin (final_at) WITH (autosummarize = on)"
)


class Migration(migrations.Migration):
    dependencies = [("models", "0015_audit_chain")]
    operations = [
        ops.CreateModel(
            name="DeliveryCount",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("hours", fields.IntField()),
                ("town", fields.CharField(max_length=12)),
                ("channel", fields.CharField(max_length=16)),
                ("standing", fields.CharField(max_length=10)),
                ("deliveries", fields.IntField()),
                ("counted_at", fields.DatetimeField()),
            ],
            options={
                "table": "delivery_count",
                "app": "models",
                "unique_together": (("county", "hours", "town", "channel", "standing"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(_UP, "DROP INDEX delivery_ended; DROP INDEX delivery_begun"),
    ]
