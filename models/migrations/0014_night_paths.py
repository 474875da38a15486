"""The ways of the night: a loan's unpaid lines, the late loans of a place on a day."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_UP = [
    # a town reads the lines of its own loans, not the county's lines for each town; in the index alone
    "DROP INDEX instalment_unpaid",
    "CREATE INDEX instalment_owed ON instalment (loan_id, due_on) INCLUDE (kind, id) WHERE paid_on IS NULL",
    "CREATE INDEX arrears_day_place ON arrears_day (county, day, village)",
]
_DOWN = [
    "DROP INDEX arrears_day_place",
    "DROP INDEX instalment_owed",
    "CREATE INDEX instalment_unpaid ON instalment (due_on, loan_id) WHERE paid_on IS NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0013_ledger")]
    operations = [ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN))]
