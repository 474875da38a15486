"""Since when an attempt's outcome is unknown, and the indexes that the sender and the clock live by."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

_UP = [
    "DROP INDEX delivery_ready",
    "CREATE INDEX delivery_ready ON delivery (county, priority, not_before) WHERE state = 'planned'",
    "CREATE INDEX delivery_unanswered ON delivery (county, first_attempt_at)"
    " WHERE state = 'sent' AND final_at IS NULL",
    "CREATE INDEX job_slot_open ON job_slot (county, job, slot) WHERE state IN ('planned', 'running')",
]
_DOWN = [
    "DROP INDEX job_slot_open",
    "DROP INDEX delivery_unanswered",
    "DROP INDEX delivery_ready",
    "CREATE INDEX delivery_ready ON delivery (priority, not_before) WHERE state = 'planned'",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0003_file_facts")]
    operations = [
        ops.AddField("Delivery", "unsure_since", fields.DatetimeField(null=True)),
        ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN)),
    ]
