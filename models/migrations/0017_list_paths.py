"""The ways of the lists: open tasks of a role by deadline, the tasks and disposals of a loan."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_INDEXES = {
    "task_in_order": "task (county, role, due_at, id) WHERE state = 'open'",
    "task_passed_up": "task (county, due_at, id) WHERE state = 'open' AND escalated_roles <> '[]'",
    "task_of_loan": "task (loan_id, kind) WHERE loan_id IS NOT NULL",
    "disposal_of_loan": "disposal (loan_id)",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0016_delivery_counts")]
    operations = [
        ops.RunSQL(
            ";\n".join(f"CREATE INDEX {name} ON {way}" for name, way in _INDEXES.items()),
            ";\n".join(f"DROP INDEX {name}" for name in _INDEXES),
        )
    ]
