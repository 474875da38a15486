"""Codes by which the people of posts connect their WeChat."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

from models.sealing import new_key


class Migration(migrations.Migration):
    dependencies = [("models", "0025_authority")]
    operations = [
        ops.CreateModel(
            name="JoinCode",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("county", fields.CharField(max_length=6)),
                ("key", fields.CharField(max_length=22, unique=True, default=new_key)),
                ("token_sha256", fields.BinaryField()),
                (
                    "person",
                    fields.ForeignKeyField(
                        "models.Person",
                        source_field="person_id",
                        related_name="join_codes",
                        on_delete=fields.RESTRICT,
                        db_constraint=True,
                        to_field="id",
                    ),
                ),
                ("made_by_id", fields.BigIntField()),
                ("created_at", fields.DatetimeField()),
                ("expires_at", fields.DatetimeField()),
                ("used_at", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "join_code",
                "app": "models",
                "unique_together": (("token_sha256",),),
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.RunSQL("CREATE INDEX join_code_of ON join_code (person_id)", "DROP INDEX join_code_of"),
    ]
