"""What a camera wrote into a picture, its perceptual hash, and one row per media id of WeChat."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0002_constraints")]
    operations = [
        ops.AddField("StoredFile", "taken_at", fields.DatetimeField(null=True)),
        ops.AddField("StoredFile", "latitude", fields.FloatField(null=True)),
        ops.AddField("StoredFile", "longitude", fields.FloatField(null=True)),
        ops.AddField("StoredFile", "phash", fields.BigIntField(null=True)),
        ops.RunSQL(
            """CREATE UNIQUE INDEX one_file_per_media ON stored_file (account, media_id) WHERE media_id <> '';
               CREATE INDEX stored_file_owner ON stored_file (owner_id, created_at)""",
            "DROP INDEX stored_file_owner; DROP INDEX one_file_per_media",
        ),
    ]
