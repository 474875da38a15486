"""`tianxin demo-data`: a county of any size, the same from the same seed, whose money adds up."""

from __future__ import annotations

import pytest

from actions import big_county, invariants
from bot import database
from policies import Pack
from tests.actions.conftest import NOW


async def _print(pack: Pack) -> list[tuple[object, ...]]:
    rows = await database.fetch(
        "SELECT l.number, l.principal_fen, l.disbursed_on, i.due_on, i.interest_fen, i.paid_on FROM loan l"
        " JOIN instalment i ON i.loan_id = l.id ORDER BY l.number, i.number"
    )
    return [tuple(row) for row in rows]


async def test_the_same_seed_makes_the_same_county(db: str, pack: Pack) -> None:
    told: list[int] = []
    await big_county.make(pack, 700, 7, NOW, told.append)
    first = await _print(pack)
    await database.execute("TRUNCATE loan, instalment, person CASCADE")
    await big_county.make(pack, 700, 7, NOW, told.append)
    assert told == [700, 700]
    assert await _print(pack) == first


async def test_the_money_adds_up_and_some_are_late(db: str, pack: Pack) -> None:
    await big_county.make(pack, 500, 1, NOW, lambda _: None)
    wrong = await database.fetch(
        """SELECT 1 FROM loan l WHERE l.principal_fen <>
             (SELECT sum(principal_fen) FROM instalment WHERE loan_id = l.id)"""
    )
    late = await database.fetch(
        "SELECT count(*) FROM instalment WHERE paid_on IS NULL AND due_on < $1", NOW.date()
    )
    assert list(wrong) == []
    assert 10 < late[0][0] < 300
    assert all(finding.holds for finding in await invariants.check_all(NOW))


async def test_a_county_with_loans_is_left_alone(db: str, pack: Pack) -> None:
    await big_county.make(pack, 10, 1, NOW, lambda _: None)
    with pytest.raises(ValueError, match="has loans already"):
        await big_county.make(pack, 10, 1, NOW, lambda _: None)
