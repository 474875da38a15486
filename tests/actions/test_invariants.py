"""The invariants hold on an honest county and each one notices what breaks it."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from actions import invariants, loans
from bot import database
from models import sealing
from models.application import LoanApplication
from tests.actions.conftest import NOW, County, Submit
from tests.actions.test_applications import approved, disbursement


async def _played(county: County, apply: Submit) -> LoanApplication:
    application = await approved(county, apply)
    task = await county.task(application, "disbursement")
    await loans.disburse(await county.actor("zhao"), task.key, disbursement(), county.pack, NOW)
    return application


async def test_everything_holds_after_a_whole_story(county: County, apply: Submit) -> None:
    await _played(county, apply)
    broken = [finding.name for finding in await invariants.check_all(NOW) if not finding.holds]
    assert broken == []


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("I3", "DELETE FROM delivery WHERE rung = 0"),
        ("I5", "UPDATE delivery SET state = 'sending', lease_until = now() - interval '9 years'"),
        ("I6", "UPDATE loan SET balance_fen = balance_fen - 1"),
        ("I7", "UPDATE loan_application SET state = 'approved'"),
        ("I8", "UPDATE decision SET reviewer_id = (SELECT applicant_id FROM loan_application LIMIT 1)"),
        ("I8", "UPDATE decision SET decision = 'reject' WHERE stage = 'county_recommend'"),
        ("I11", """UPDATE notice SET facts = '{"x": "13800001111"}'"""),
    ],
)
async def test_damage_is_noticed(county: County, apply: Submit, name: str, damage: str) -> None:
    """I3, I5, I6, I7, I8, I11: break one row and the invariant says so."""
    await _played(county, apply)
    await database.execute(damage)
    broken = {finding.name.split()[0] for finding in await invariants.check_all(NOW) if not finding.holds}
    assert name in broken


async def test_a_push_that_nobody_works_on_is_noticed(db: str) -> None:
    """I2."""
    await database.execute(
        """INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, said_at, received_at, state,
             note) VALUES ('k', '411082', 'changge', 'o', 'event', '', $1, $1, 'pending', '')""",
        NOW - timedelta(minutes=11),
    )
    findings = {finding.name.split()[0]: finding for finding in await invariants.check_all(NOW)}
    assert findings["I2"].broken == 1


async def test_another_key_file_is_noticed(county: County, apply: Submit) -> None:
    """B1: after a restore beside the wrong copy of the keys, before anything is written with them."""
    await _played(county, apply)
    right = sealing.keyring()
    sealing.install(sealing.Keyring({1: secrets.token_bytes(32)}, 1, secrets.token_bytes(32)))
    try:
        findings = {finding.name.split()[0]: finding for finding in await invariants.check_all(NOW)}
    finally:
        sealing.install(right)
    assert findings["I16"].broken > 0
