"""`tianxin demo-data`: a county of any size, the same from the same seed, whose money adds up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from actions import big_county, invariants
from bot import database
from policies import Pack, load_packs
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
    assert told == [0, 700, 0, 700]
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


async def test_a_county_with_other_loans_is_left_alone(db: str, pack: Pack) -> None:
    await big_county.make(pack, 10, 1, NOW, lambda _: None)
    before = await _print(pack)
    for loans, seed, now in ((10, 2, NOW), (10, 1, NOW + timedelta(days=1)), (9, 1, NOW)):
        with pytest.raises(ValueError, match="has other loans already"):
            await big_county.make(pack, loans, seed, now, lambda _: None)
    assert await _print(pack) == before


async def test_what_was_broken_off_goes_on_and_done_again_changes_nothing(
    db: str, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    await big_county.make(pack, 100, 7, NOW, lambda _: None)
    whole = await _print(pack)
    await database.execute("TRUNCATE loan, instalment, person CASCADE")
    monkeypatch.setattr(big_county, "BATCH", 30)

    def break_off(written: int) -> None:
        if written == 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await big_county.make(pack, 100, 7, NOW, break_off)
    told: list[int] = []
    await big_county.make(pack, 100, 7, NOW, told.append)
    assert told == [60, 90, 100]
    assert await _print(pack) == whole
    await big_county.make(pack, 100, 7, NOW, told.append)
    assert told == [60, 90, 100, 100]
    assert await _print(pack) == whole


async def test_two_counties_filled_at_once_get_ids_of_their_own(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both take ids from the same sequences in turn; none is given out twice."""
    monkeypatch.setattr(big_county, "BATCH", 10)
    both = [*load_packs()][:2]
    await asyncio.gather(*(big_county.make(each, 300, 1, NOW, lambda _: None) for each in both))
    rows = await database.fetch(
        """SELECT l.county, count(*) AS loans, count(DISTINCT p.id) AS people,
             bool_and(p.county = l.county AND EXISTS (SELECT FROM instalment WHERE loan_id = l.id)) AS whole
           FROM loan l JOIN person p ON p.id = l.borrower_id GROUP BY l.county"""
    )
    assert {tuple(row) for row in rows} == {(each.county, 300, 300, True) for each in both}


async def test_a_county_is_filled_by_one_at_a_time(db: str, pack: Pack) -> None:
    async with database.pool().acquire() as other:
        await other.execute("SELECT pg_advisory_lock(hashtext($1))", f"fill {pack.county}")
        with pytest.raises(ValueError, match="is being filled just now"):
            await big_county.make(pack, 10, 1, NOW, lambda _: None)
    await big_county.make(pack, 10, 1, NOW, lambda _: None)
    assert len(await _print(pack)) > 10
