"""What the models cannot say: partial unique indexes, the hot index of deliveries, an append-only audit."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_UP = [
    # S1.6: one open application per household
    """CREATE UNIQUE INDEX one_open_application_per_household ON loan_application (household_id)
       WHERE state IN ('awaiting_confirmation', 'in_review', 'returned', 'approved')""",
    "CREATE UNIQUE INDEX one_open_draft ON draft (person_id, form, subject) WHERE state = 'open'",
    # a stage asks each role once a round; a visit once an application and round
    """CREATE UNIQUE INDEX one_task_per_stage ON task (application_id, kind, round, stage)
       WHERE application_id IS NOT NULL""",
    "CREATE UNIQUE INDEX one_task_per_notice ON task (notice_id, kind) WHERE notice_id IS NOT NULL",
    "CREATE INDEX delivery_ready ON delivery (priority, not_before) WHERE state = 'planned'",
    "CREATE INDEX delivery_in_hand ON delivery (lease_until) WHERE state IN ('leased', 'sending')",
    "CREATE INDEX delivery_msgid ON delivery (account, msgid) WHERE msgid <> ''",
    "CREATE INDEX inbox_pending ON inbox (received_at) WHERE state = 'pending'",
    "CREATE INDEX instalment_unpaid ON instalment (due_on, loan_id) WHERE paid_on IS NULL",
    "CREATE INDEX receipt_waiting ON receipt (received_at) WHERE applied_at IS NULL",
    "ALTER TABLE instalment ADD CONSTRAINT instalment_money CHECK (principal_fen >= 0 AND interest_fen >= 0"
    " AND paid_principal_fen BETWEEN 0 AND principal_fen AND paid_interest_fen BETWEEN 0 AND interest_fen)",
    "ALTER TABLE loan ADD CONSTRAINT loan_money CHECK (principal_fen > 0"
    " AND balance_fen BETWEEN 0 AND principal_fen AND annual_rate_bp >= 0)",
    "ALTER TABLE repayment ADD CONSTRAINT repayment_money CHECK (amount_fen > 0"
    " AND principal_fen >= 0 AND interest_fen >= 0 AND principal_fen + interest_fen = amount_fen)",
    """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'audit entries are only ever added'; END $$""",
    """CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
       FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
]
_DOWN = [
    "DROP TRIGGER audit_append_only ON audit_entry",
    "DROP FUNCTION audit_is_append_only()",
    "ALTER TABLE repayment DROP CONSTRAINT repayment_money",
    "ALTER TABLE loan DROP CONSTRAINT loan_money",
    "ALTER TABLE instalment DROP CONSTRAINT instalment_money",
    *(
        f"DROP INDEX {name}"
        for name in (
            "receipt_waiting",
            "instalment_unpaid",
            "inbox_pending",
            "delivery_msgid",
            "delivery_in_hand",
            "delivery_ready",
            "one_task_per_notice",
            "one_task_per_stage",
            "one_open_draft",
            "one_open_application_per_household",
        )
    ),
]


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]
    operations = [ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN))]
