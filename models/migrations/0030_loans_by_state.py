"""The way of the list of loans in one state: where few are settled, the newest of all would be walked through."""

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0029_panels")]
    operations = [
        ops.RunSQL(
            "CREATE INDEX loan_by_state ON loan (county, state, disbursed_on, id)",
            "DROP INDEX loan_by_state",
        )
    ]
