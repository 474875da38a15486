"""Ways through the audit trail, and what was told of unusual volumes."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0018_credentials")]
    operations = [
        ops.CreateModel(
            name="AuditAlert",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("actor_id", fields.BigIntField()),
                ("measure", fields.CharField(max_length=30)),
                ("day", fields.DateField()),
                ("count", fields.IntField()),
                ("allowed", fields.IntField()),
                ("at", fields.DatetimeField()),
            ],
            options={
                "table": "audit_alert",
                "app": "models",
                "unique_together": (("county", "actor_id", "measure", "day"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(
            """CREATE INDEX audit_entry_at ON audit_entry (county, at, id);
               CREATE INDEX audit_entry_actor ON audit_entry (county, actor_id, at, id);
               REVOKE UPDATE, DELETE, TRUNCATE ON audit_entry, audit_link FROM PUBLIC""",
            "DROP INDEX audit_entry_actor; DROP INDEX audit_entry_at",
        ),
    ]
