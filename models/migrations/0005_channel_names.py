"""The names of channels need sixteen characters: service_message."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0004_delivery_clock")]
    operations = [ops.AlterField("Delivery", "channel", fields.CharField(max_length=16))]
