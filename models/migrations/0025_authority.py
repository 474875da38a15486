"""What a body may lend itself."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0024_staff_changes")]
    operations = [
        ops.AddField("Organisation", "authority", fields.JSONField(null=True)),
    ]
