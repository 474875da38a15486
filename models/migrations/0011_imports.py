"""Files that a bank handed in, their content until they are worked off, and their row errors."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sealing import new_key

_ID = ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True))
_COUNTY = ("county", fields.CharField(max_length=6))
_COUNTS = (
    "ALTER TABLE import_batch ADD CONSTRAINT import_batch_counts"
    " CHECK (accepted >= 0 AND unchanged >= 0 AND refused >= 0"
    " AND rows_read = accepted + unchanged + refused)"
)


class Migration(migrations.Migration):
    dependencies = [("models", "0010_risk")]
    operations = [
        ops.CreateModel(
            name="ImportBatch",
            fields=[
                _ID,
                _COUNTY,
                ("key", fields.CharField(max_length=22, unique=True, default=new_key)),
                ("kind", fields.CharField(max_length=16)),
                ("bank_id", fields.BigIntField()),
                ("region", fields.CharField(max_length=12)),
                ("file_name", fields.CharField(max_length=200)),
                ("sha256", fields.BinaryField()),
                ("size", fields.BigIntField()),
                ("state", fields.CharField(max_length=8, default="waiting")),
                ("reason", fields.TextField(default="")),
                ("attempt", fields.IntField(default=1)),
                ("cursor", fields.IntField(default=0)),
                ("rows_read", fields.IntField(default=0)),
                ("bytes_read", fields.BigIntField(default=0)),
                ("bytes_total", fields.BigIntField(default=0)),
                ("accepted", fields.IntField(default=0)),
                ("unchanged", fields.IntField(default=0)),
                ("refused", fields.IntField(default=0)),
                ("given_by_id", fields.BigIntField(null=True)),
                ("created_at", fields.DatetimeField()),
                ("finished_at", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "import_batch",
                "app": "models",
                "unique_together": (("county", "kind", "bank_id", "region", "sha256"),),
                "indexes": [Index(fields=["county", "bank_id", "id"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="ImportPart",
            fields=[
                _ID,
                _COUNTY,
                ("batch_id", fields.BigIntField()),
                ("number", fields.IntField()),
                ("content_sealed", fields.BinaryField()),
            ],
            options={
                "table": "import_part",
                "app": "models",
                "unique_together": (("batch_id", "number"),),
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.CreateModel(
            name="ImportRowError",
            fields=[
                _ID,
                _COUNTY,
                ("batch_id", fields.BigIntField()),
                ("row_number", fields.IntField()),
                ("column_title", fields.CharField(max_length=40)),
                ("value", fields.CharField(max_length=80)),
                ("reason", fields.CharField(max_length=200)),
            ],
            options={
                "table": "import_error",
                "app": "models",
                "indexes": [Index(fields=["batch_id", "id"])],
                "pk_attr": "id",
            },
            bases=["Row"],
        ),
        ops.RunSQL(
            _COUNTS + "; ALTER TABLE import_part ALTER COLUMN content_sealed SET STORAGE EXTERNAL",
            "ALTER TABLE import_batch DROP CONSTRAINT import_batch_counts",
        ),
    ]
