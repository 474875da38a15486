"""What the night reads and writes by: lines with their amounts, and no more keys of a late loan than are used."""

from tortoise import migrations
from tortoise.migrations import operations as ops

_UP = [
    # the amounts ride along: a town reads the index of its loans' unpaid lines and never the lines themselves
    "DROP INDEX instalment_owed",
    "CREATE INDEX instalment_owed ON instalment (loan_id, due_on) INCLUDE (kind, id, principal_fen, interest_fen,"
    " paid_principal_fen, paid_interest_fen) WHERE paid_on IS NULL",
    # nobody asks for a row by its number: day and loan are its key
    "ALTER TABLE arrears_day DROP CONSTRAINT arrears_day_pkey, DROP CONSTRAINT uid_arrears_day_day_5561d9,"
    " ADD CONSTRAINT arrears_day_pkey PRIMARY KEY (day, loan_id)",
]
_DOWN = [
    "ALTER TABLE arrears_day DROP CONSTRAINT arrears_day_pkey, ADD CONSTRAINT arrears_day_pkey PRIMARY KEY (id),"
    " ADD CONSTRAINT uid_arrears_day_day_5561d9 UNIQUE (day, loan_id)",
    "DROP INDEX instalment_owed",
    "CREATE INDEX instalment_owed ON instalment (loan_id, due_on) INCLUDE (kind, id) WHERE paid_on IS NULL",
]


class Migration(migrations.Migration):
    dependencies = [("models", "0020_privacy")]
    operations = [ops.RunSQL(";\n".join(_UP), ";\n".join(_DOWN))]
