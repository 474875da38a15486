"""The posts by which a workbook was made: who has lost one of them gets it no more."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0027_page_paths")]
    operations = [
        ops.AddField("Export", "posts", fields.TextField(default="", db_default="")),
    ]
