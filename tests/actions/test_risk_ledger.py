"""The risk ledger: which loans stand in it, for whom, page by page, and what they come to."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest

from actions import risk_ledger
from actions.access import Actor
from actions.risk_ledger import LedgerLoan
from models.disposal import Disposal
from models.warnings import EarlyWarning
from rules.warnings import Level
from tests.actions.conftest import VILLAGE, County
from tests.actions.risk_world import TODAY, Line, bodies, borrower, lend

OTHER = "411082102201"
STANDINGS = [
    (VILLAGE, 3, "open"),
    (VILLAGE, 2, None),
    (OTHER, 0, "decided"),
    (OTHER, None, "open"),
    (VILLAGE, 1, "closed"),
    (VILLAGE, 0, None),
    (OTHER, 2, "decided"),
    (VILLAGE, 3, "settled"),
]
"""Village, level of the warning, state of the disposal; the last loan is paid back."""


@pytest.fixture
async def entered(county: County) -> list[int]:
    """The loans' ids, in the order of STANDINGS."""
    bank, guarantor = await bodies()
    found = []
    person = await borrower()
    for village, level, state in STANDINGS:
        loan = await lend([Line(40)], person=person, village=village)
        common = {
            "county": "411082", "loan_id": loan.id, "borrower_id": person.id, "village": village,
            "bank_id": bank, "guarantor_id": guarantor,
        }  # fmt: skip
        if level is not None:
            await EarlyWarning.create(**common, level=level, since_on=TODAY)
        if state == "settled":
            loan.state = "settled"
            await loan.save()
        elif state:
            await Disposal.create(
                **common, state=state, overdue_since=TODAY - timedelta(days=40), opened_on=TODAY
            )
        found.append(loan.id)
    return found


async def every_page(actor: Actor, level: Level | None, disposal: str | None) -> list[LedgerLoan]:
    found: list[LedgerLoan] = []
    while page := await risk_ledger.loans(
        actor, level=level, disposal=disposal, after=found[-1].id if found else 0, limit=2
    ):
        found += page
    return found


async def test_every_loan_in_danger_stands_in_the_ledger_once(county: County, entered: list[int]) -> None:
    """S12.1, S17.2: whatever is asked for; a cadre's village is a part of the county."""
    for person, villages in (("liu", {VILLAGE, OTHER}), ("wang", {VILLAGE})):
        actor = await county.actor(person)
        for level, disposal in product((None, *Level), (None, "open", "decided")):
            expected = [
                (loan, warned or 0, state if state in ("open", "decided") else "")
                for loan, (village, warned, state) in zip(entered, STANDINGS, strict=True)
                if village in villages
                and state != "settled"
                and (warned or state in ("open", "decided"))
                and level in (None, warned or 0)
                and disposal in (None, state)
            ]
            found = await every_page(actor, level, disposal)
            assert [(e.id, Level[e.level.upper()], e.disposal_state) for e in found] == expected


async def test_the_sums_are_those_of_the_loans(county: County, entered: list[int]) -> None:
    """S12.1"""
    clerk = await county.actor("liu")
    cells = await risk_ledger.summary(clerk, county.pack, TODAY)
    assert sum(cell.loans for cell in cells) == len(await every_page(clerk, None, None)) == 6
    assert sum(cell.balance_fen for cell in cells) == 6 * 3_000_000
    assert {cell.level: cell.loans for cell in cells} == {
        "at_risk": 1,
        "priority_watch": 2,
        "watch": 1,
        "none": 2,
    }
