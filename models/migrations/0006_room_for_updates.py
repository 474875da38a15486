"""Rows that change with every message keep room beside them: an update then touches no index."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_TABLES = ("draft", "dialog", "wechat_user")


class Migration(migrations.Migration):
    dependencies = [("models", "0005_channel_names")]
    operations = [
        ops.RunSQL(
            ";\n".join(f"ALTER TABLE {table} SET (fillfactor = 60)" for table in _TABLES),
            ";\n".join(f"ALTER TABLE {table} RESET (fillfactor)" for table in _TABLES),
        )
    ]
