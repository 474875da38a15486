"""Changes of staff: asked for by a body, carried out by an administrator."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.sealing import new_key


class Migration(migrations.Migration):
    dependencies = [("models", "0023_subsidies")]
    operations = [
        ops.CreateModel(
            name="StaffChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(max_length=22, unique=True, default=new_key)),
                ("kind", fields.CharField(max_length=8)),
                ("organisation_id", fields.BigIntField()),
                ("person_id", fields.BigIntField(null=True)),
                ("post_id", fields.BigIntField(null=True)),
                ("name_sealed", fields.BinaryField(null=True)),
                ("phone_sealed", fields.BinaryField(null=True)),
                ("role", fields.CharField(max_length=24, default="")),
                ("region", fields.CharField(max_length=12, default="")),
                ("effective_on", fields.DateField()),
                ("reason", fields.CharField(max_length=200)),
                ("asked_by_id", fields.BigIntField()),
                ("asked_at", fields.DatetimeField()),
                ("due_at", fields.DatetimeField()),
                ("state", fields.CharField(max_length=8, default="waiting")),
                ("done_by_id", fields.BigIntField(null=True)),
                ("done_at", fields.DatetimeField(null=True)),
                ("task_id", fields.BigIntField(null=True)),
            ],
            options={"table": "staff_change", "app": "models", "pk_attr": "id"},
            bases=["KeyedRow"],
        ),
        ops.RunSQL(
            "CREATE INDEX staff_change_of_county ON staff_change (county, id);"
            "CREATE INDEX staff_change_of_task ON staff_change (task_id);"
            "CREATE INDEX post_ends ON post (county, to_on) WHERE to_on IS NOT NULL",
            "DROP INDEX post_ends; DROP INDEX staff_change_of_task; DROP INDEX staff_change_of_county",
        ),
    ]
