"""The ways of the pages: the risk ledger by loan, lines of filings and declarations in their order."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_INDEXES = {
    # what decides who sees a row rides along: whoever sees little finds his rows in the index alone
    "warning_at_risk": "warning (county, loan_id) INCLUDE (level, village, bank_id, guarantor_id) WHERE level > 0",
    "disposal_standing": "disposal (county, loan_id) INCLUDE (state, village, bank_id, guarantor_id)"
    " WHERE state <> 'closed'",
    "filing_line_in_order": "filing_line (filing_id, number) INCLUDE (guarantor_id)",
    "subsidy_in_order": "subsidy (declaration_id, id)",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0026_joining")]
    operations = [
        ops.RunSQL(
            ";\n".join(f"CREATE INDEX {name} ON {way}" for name, way in _INDEXES.items()),
            ";\n".join(f"DROP INDEX {name}" for name in _INDEXES),
        )
    ]
