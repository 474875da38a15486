"""The schema can be made, made again, and holds what the models cannot say."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.migrations.api import migrate

from bot import database
from models import sealing
from models.people import Household, Person
from models.work import AuditEntry

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
OLD_ROWS = (
    """INSERT INTO loan (county, key, number, bank_id, borrower_id, village, principal_fen, balance_fen,
         annual_rate_bp, day_count, method, settlement_cycle, disbursed_on, maturity_on, state, created_at)
       VALUES ('411082', 'k', 'J-1', 1, 1, '411082101201', 100, 100, 435, 'actual/360', 'bullet', '',
               '2026-01-01', '2027-01-01', 'active', now())""",
    """INSERT INTO instalment (county, loan_id, number, kind, due_on, days, principal_fen, interest_fen,
         paid_principal_fen, paid_interest_fen)
       VALUES ('411082', 1, 1, 'maturity', '2027-01-01', 365, 100, 4, 0, 0)""",
    """INSERT INTO repayment (county, loan_id, bank_id, serial, received_on, amount_fen, principal_fen,
         interest_fen, recorded_at) VALUES ('411082', 1, 1, 'S', '2026-02-01', 1, 1, 0, now())""",
    """INSERT INTO task (county, key, kind, round, stage, role, region, state, outcome, note,
         opened_at, due_at, escalation, escalated_role)
       VALUES ('411082', 't', 'visit', 1, '', 'cadre', '411082101201', 'open', '', '', now(), now(), 1,
               'town_clerk')""",
    """INSERT INTO audit_entry (county, at, action, subject_kind, subject_id, details)
       VALUES ('411082', now(), 'submit', 'application', 1, '{}')""",
)


async def test_migrating_twice_changes_nothing(db_url: str) -> None:
    await database.migrate(db_url)
    await database.connect(db_url)
    try:
        tables = {row["tablename"] for row in await database.fetch("SELECT tablename FROM pg_tables")}
    finally:
        await database.disconnect()
    assert {"loan_application", "delivery", "pgqueuer"} <= tables


async def test_a_county_that_is_at_work_is_brought_up_to_date(server_url: str) -> None:
    """Rows of before get what new columns ask for."""
    name = f"tianxin_old_{secrets.token_hex(4)}"
    url = await database.create_database(server_url, name)
    try:
        await migrate(
            config=database.tortoise_config(url), target="models.0006_room_for_updates", direction="forward"
        )
        await Tortoise.close_connections()
        old = await asyncpg.connect(url)
        for statement in OLD_ROWS:
            await old.execute(statement)
        await old.close()
        await database.migrate(url)
        new = await asyncpg.connect(url)
        assert await new.fetchval("SELECT terms::text FROM loan") == "{}"
        assert await new.fetchval("SELECT escalated_roles::text FROM task") == '["town_clerk"]'
        assert await new.fetchval("SELECT kind FROM repayment") == "payment"
        assert await new.fetchval("SELECT penalty_fen FROM instalment") == 0
        await new.close()
    finally:
        await database.drop_database(server_url, name)


async def test_every_table_of_ours_carries_the_county(db: str) -> None:
    rows = await database.fetch(
        """SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'pgqueuer%'
           AND tablename NOT LIKE 'tortoise%' AND tablename NOT IN (
             SELECT table_name FROM information_schema.columns WHERE column_name = 'county')"""
    )
    assert [row["tablename"] for row in rows] == []


async def test_an_audit_entry_can_be_neither_changed_nor_removed(db: str) -> None:
    entry = await AuditEntry.create(
        county="411082", at=NOW, action="submit", subject_kind="application", subject_id=1
    )
    for statement in (
        "UPDATE audit_entry SET action = 'x'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ):
        with pytest.raises(asyncpg.RaiseError, match="only ever added"):
            await database.execute(statement)
    assert await AuditEntry.filter(id=entry.id).count() == 1


async def test_personal_data_is_sealed_and_found_by_its_blind_index(db: str) -> None:
    """Issue 2 part 2: encrypted at rest, bound to the row, equality by keyed index."""
    household = await Household.create(county="411082", village="411082101201")
    person = Person(county="411082", household=household, created_at=NOW)
    person.name, person.id_number, person.phone = "张三丰", "41108219800101001X", "13800001234"
    await person.save()
    raw = await database.fetch("SELECT * FROM person")
    assert "张三丰".encode() not in bytes(raw[0]["name_sealed"])
    found = await Person.get(
        county="411082", id_number_index=sealing.blind_index("id_number", "41108219800101001x")
    )
    assert (found.name, found.id_number, found.phone) == ("张三丰", "41108219800101001X", "13800001234")


async def test_a_value_moved_to_another_row_does_not_open(db: str) -> None:
    first, second = Person(county="411082", created_at=NOW), Person(county="411082", created_at=NOW)
    first.name = "张三"
    second.name_sealed = first.name_sealed
    with pytest.raises(sealing.SealBrokenError):
        _ = second.name
