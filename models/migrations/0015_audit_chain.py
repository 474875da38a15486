"""The chain over the audit trail."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0014_night_paths")]
    operations = [
        ops.CreateModel(
            name="AuditLink",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("number", fields.BigIntField()),
                ("entry_id", fields.BigIntField(unique=True)),
                ("content", fields.BinaryField()),
                ("digest", fields.BinaryField()),
                ("linked_at", fields.DatetimeField()),
            ],
            options={
                "table": "audit_link",
                "app": "models",
                "unique_together": (("county", "number"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(
            """CREATE TRIGGER audit_link_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_link
               FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
               CREATE INDEX audit_entry_county ON audit_entry (county, id)""",
            "DROP INDEX audit_entry_county; DROP TRIGGER audit_link_append_only ON audit_link",
        ),
    ]
