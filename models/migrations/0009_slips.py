"""What borrowers say of repayments: slips that the bank confirms, promises that are kept or broken."""

from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.sealing import new_key


def _keyed() -> list[tuple[str, fields.Field]]:
    return [
        ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
        ("county", fields.CharField(max_length=6)),
        ("key", fields.CharField(default=new_key, unique=True, max_length=22)),
        ("loan_id", fields.BigIntField()),
        ("person_id", fields.BigIntField()),
        ("village", fields.CharField(max_length=12)),
        ("channel", fields.CharField(max_length=12)),
        ("task_id", fields.BigIntField(null=True)),
        ("created_at", fields.DatetimeField()),
    ]


_UP = [
    # the same photo is one slip; without a photo there is one that waits
    "CREATE UNIQUE INDEX one_slip_per_file ON repayment_slip (loan_id, file_id) WHERE file_id IS NOT NULL",
    """CREATE UNIQUE INDEX one_slip_without_photo ON repayment_slip (loan_id)
       WHERE file_id IS NULL AND state = 'waiting'""",
    """CREATE UNIQUE INDEX one_slip_per_repayment ON repayment_slip (repayment_id)
       WHERE repayment_id IS NOT NULL""",
    "CREATE UNIQUE INDEX one_open_promise ON promise (loan_id) WHERE state = 'open'",
    "CREATE INDEX slip_of_file ON repayment_slip (file_id) WHERE file_id IS NOT NULL",
    """CREATE INDEX slip_pictures ON stored_file (phash)
       WHERE purpose = 'repayment_slip' AND phash IS NOT NULL""",
    "ALTER TABLE repayment_slip ADD CONSTRAINT slip_state CHECK (state IN ('waiting', 'confirmed', 'refused')"
    " AND (amount_fen IS NULL OR amount_fen > 0) AND (state <> 'confirmed' OR repayment_id IS NOT NULL))",
    "ALTER TABLE promise ADD CONSTRAINT promise_state CHECK (state IN ('open', 'kept', 'broken', 'replaced')"
    " AND amount_fen > 0 AND promised_on >= given_on AND quiet_through <= promised_on)",
]
_DOWN = [
    "ALTER TABLE promise DROP CONSTRAINT promise_state",
    "ALTER TABLE repayment_slip DROP CONSTRAINT slip_state",
    *(
        f"DROP INDEX {name}"
        for name in (
            "slip_pictures",
            "slip_of_file",
            "one_open_promise",
            "one_slip_per_repayment",
            "one_slip_without_photo",
            "one_slip_per_file",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0008_identity")]
    operations = [
        ops.CreateModel(
            name="RepaymentSlip",
            fields=[
                *_keyed(),
                ("bank_id", fields.BigIntField()),
                ("guarantor_id", fields.BigIntField(null=True)),
                ("file_id", fields.BigIntField(null=True)),
                ("amount_fen", fields.BigIntField(null=True)),
                ("paid_on", fields.DateField(null=True)),
                ("state", fields.CharField(default="waiting", max_length=10)),
                ("repayment_id", fields.BigIntField(null=True)),
                ("reason", fields.CharField(default="", max_length=300)),
                ("decided_by_id", fields.BigIntField(null=True)),
                ("decided_at", fields.DatetimeField(null=True)),
            ],
            options={
                "table": "repayment_slip",
                "app": "models",
                "indexes": [
                    Index(fields=["loan_id"]),
                    Index(fields=["task_id"]),
                    Index(fields=["bank_id", "state"]),
                    Index(fields=["guarantor_id", "state"]),
                ],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.CreateModel(
            name="Promise",
            fields=[
                *_keyed(),
                ("given_on", fields.DateField()),
                ("promised_on", fields.DateField()),
                ("quiet_through", fields.DateField()),
                ("amount_fen", fields.BigIntField()),
                ("said", fields.CharField(default="", max_length=60)),
                ("state", fields.CharField(default="open", max_length=10)),
                ("settled_on", fields.DateField(null=True)),
            ],
            options={
                "table": "promise",
                "app": "models",
                "indexes": [Index(fields=["loan_id"]), Index(fields=["county", "state", "promised_on"])],
                "pk_attr": "id",
            },
            bases=["KeyedRow"],
        ),
        ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN)),
    ]
