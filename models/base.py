"""What every table has."""

from __future__ import annotations

from tortoise import fields
from tortoise.models import Model

from models.sealing import new_key


class Row(Model):
    """A row of one county. `county` is the first six digits of the division code."""

    id = fields.BigIntField(primary_key=True)
    county = fields.CharField(max_length=6)

    class Meta:
        abstract = True


class KeyedRow(Row):
    """A row that is named outside by a random key; the key also binds its sealed columns to it."""

    key = fields.CharField(max_length=22, unique=True, default=new_key)

    class Meta:
        abstract = True
