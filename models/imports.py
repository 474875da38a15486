"""Files that a bank handed in: the batch, its sealed content until it is worked off, and its row errors."""

from __future__ import annotations

from tortoise import fields

from models.base import KeyedRow, Row


class ImportBatch(KeyedRow):
    """One file of one bank. The same content again is the same batch.

    State: waiting, running, done, refused (wrong columns: nothing went in), failed (it broke off; `reason`).
    `cursor` is the number of the last row that is in or among the errors: whoever goes on begins behind it.
    """

    kind = fields.CharField(max_length=16)
    bank_id = fields.BigIntField()
    """0: each row names its bank (the county's own import)."""
    region = fields.CharField(max_length=12)
    """Only loans in this region may be touched: the region of the officer's post."""
    file_name = fields.CharField(max_length=200)
    sha256 = fields.BinaryField()
    size = fields.BigIntField()
    state = fields.CharField(max_length=8, default="waiting")
    reason = fields.TextField(default="")
    attempt = fields.IntField(default=1)
    """Counts up when a file with refused rows is handed in again."""
    cursor = fields.IntField(default=0)
    rows_read = fields.IntField(default=0)
    bytes_read = fields.BigIntField(default=0)
    bytes_total = fields.BigIntField(default=0)
    accepted = fields.IntField(default=0)
    unchanged = fields.IntField(default=0)
    refused = fields.IntField(default=0)
    given_by_id = fields.BigIntField(null=True)
    created_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "import_batch"
        unique_together = [("county", "kind", "bank_id", "region", "sha256")]
        indexes = [("county", "bank_id", "id")]


class ImportPart(Row):
    """A piece of a file that waits to be read, sealed. It is deleted when the file is worked off."""

    batch_id = fields.BigIntField()
    number = fields.IntField()
    content_sealed = fields.BinaryField()

    class Meta:
        table = "import_part"
        unique_together = [("batch_id", "number")]


class ImportRowError(Row):
    """Why a row did not go in. `value` is masked where it is personal."""

    batch_id = fields.BigIntField()
    row_number = fields.IntField()
    column_title = fields.CharField(max_length=40)
    value = fields.CharField(max_length=80)
    reason = fields.CharField(max_length=200)

    class Meta:
        table = "import_error"
        indexes = [("batch_id", "id")]
