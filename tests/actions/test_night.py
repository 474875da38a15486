"""The night: who is late by how much, what is said about it, and what villages, towns and banks add up to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions import arrears, invariants, night, night_figures, slots
from bot import database
from models.arrears import ArrearsDay, RegionDay
from models.loan import Instalment, Loan, Repayment
from models.notice import Delivery, Notice
from policies import Pack, load_packs
from rules.arrears import ON_TIME, Line, Standing, standing
from tests.actions.conftest import NOW

COUNTY = "411082"
TOWN = "411082101000"
VILLAGE = "411082101201"
TODAY = date(2026, 11, 28)
AT_NIGHT = NOW - timedelta(hours=8, minutes=30)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


async def a_loan(*lines: Line, village: str = VILLAGE, bank: int = 1, **columns: Any) -> Loan:
    """A running loan with these lines; its balance is what is unpaid of their principal."""
    principal = sum(line.principal_fen for line in lines) or 1
    repaid = sum(line.paid_principal_fen for line in lines)
    loan = await Loan.create(
        **{
            "county": COUNTY, "number": f"J-{await Loan.all().count()}", "bank_id": bank, "borrower_id": 1,
            "village": village, "principal_fen": principal, "balance_fen": principal - repaid,
            "annual_rate_bp": 435, "day_count": "actual/360", "method": "interest_only",
            "disbursed_on": date(2024, 1, 1), "maturity_on": max(line.due_on for line in lines),
            "created_at": NOW - timedelta(days=700), **columns,
        }
    )  # fmt: skip
    await Instalment.bulk_create(
        [
            Instalment(
                county=COUNTY, loan=loan, number=number, kind=line.kind, due_on=line.due_on, days=30,
                principal_fen=line.principal_fen, interest_fen=line.interest_fen,
                paid_principal_fen=line.paid_principal_fen, paid_interest_fen=line.paid_interest_fen,
                paid_on=line.paid_on,
            )
            for number, line in enumerate(lines, 1)
        ]
    )  # fmt: skip
    return loan


def interest(due: int, paid_on: date | None = None, paid: int = 0) -> Line:
    """A settlement of 100 yuan that was due so many days ago."""
    return Line("settlement", days_ago(due), 0, 10_000, 0, 10_000 if paid_on else paid, paid_on)


def principal(due: int, paid_on: date | None = None) -> Line:
    """10 000 yuan with their interest, due so many days ago."""
    paid = (1_000_000, 10_000) if paid_on else (0, 0)
    return Line("maturity", days_ago(due), 1_000_000, 10_000, *paid, paid_on)


async def run_night(on: date = TODAY, now: datetime = AT_NIGHT, town: str = TOWN) -> dict[str, int]:
    pack = load_packs()["changge"]
    row = await slots.ensure(slots.Slot(COUNTY, "night", now, on), now)
    found = await night.run_town(COUNTY, town, on, pack, now)
    await slots.finish(row, now, found)
    return found


async def standing_of(loan: Loan, day: date = TODAY) -> Standing | None:
    row = await ArrearsDay.get_or_none(loan_id=loan.id, day=day)
    return row and Standing(
        row.days_past_due, row.missed_settlements, row.overdue_principal_fen, row.overdue_interest_fen
    )


async def test_a_late_loan_gets_a_row_a_loan_in_order_none(db: str) -> None:
    """S11.3, S12.1: days of the oldest line not paid in full, missed settlements, what is overdue."""
    late = await a_loan(interest(40), interest(10, paid=4_000), principal(-200))
    due_today = await a_loan(interest(0), principal(-200))
    paid = await a_loan(interest(40, days_ago(40)), principal(-200))
    found = await run_night()
    assert (found["loans"], found["late"], found["cured"]) == (3, 1, 0)
    assert await standing_of(late) == Standing(40, 2, 0, 16_000)
    assert await standing_of(due_today) is None
    assert await standing_of(paid) is None


async def test_principal_past_its_day_is_overdue_and_no_settlement(db: str) -> None:
    """S11.3."""
    loan = await a_loan(principal(3))
    await run_night()
    assert await standing_of(loan) == Standing(3, 0, 1_000_000, 10_000)


async def test_on_the_day_it_is_cured_a_loan_gets_one_row_with_nothing(db: str) -> None:
    """S11.3: and no row on the days after."""
    loan = await a_loan(interest(10), principal(-200))
    await run_night(days_ago(2), AT_NIGHT - timedelta(days=2))
    await Instalment.filter(loan_id=loan.id, number=1).update(paid_on=days_ago(2), paid_interest_fen=10_000)
    assert (await run_night(days_ago(1), AT_NIGHT - timedelta(days=1)))["cured"] == 1
    assert (await run_night())["cured"] == 0
    rows = await ArrearsDay.filter(loan_id=loan.id).order_by("day")
    assert [(row.day, row.days_past_due) for row in rows] == [(days_ago(2), 8), (days_ago(1), 0)]


async def test_a_loan_that_is_settled_is_cured(db: str) -> None:
    """S12.1: it is no longer among the running ones."""
    loan = await a_loan(principal(5))
    await run_night(days_ago(1), AT_NIGHT - timedelta(days=1))
    await Instalment.filter(loan_id=loan.id).update(
        paid_on=days_ago(1), paid_principal_fen=1_000_000, paid_interest_fen=10_000
    )
    await Loan.filter(id=loan.id).update(state="settled", settled_on=days_ago(1), balance_fen=0)
    assert (await run_night())["cured"] == 1
    assert await standing_of(loan) == ON_TIME


async def test_a_night_run_twice_changes_nothing(db: str) -> None:
    """S11.6."""
    await a_loan(interest(7), principal(-200))
    await a_loan(principal(-7))
    first = await run_night()
    assert (first["overdue"], first["maturity_due"]) == (1, 1)
    before = [await table.all().order_by("id").values() for table in (ArrearsDay, Notice, Delivery)]
    second = await run_night()
    assert (second["overdue"], second["maturity_due"], second["late"]) == (0, 0, 1)
    assert [await table.all().order_by("id").values() for table in (ArrearsDay, Notice, Delivery)] == before


async def test_missed_nights_are_made_good_in_order_and_as_they_were(db: str) -> None:
    """S11.6: a line paid on the third day was late on the second, and nobody is dunned for it now."""
    loan = await a_loan(interest(4, days_ago(1)), principal(-200))
    for day in (3, 2, 1, 0):
        await run_night(days_ago(day))
    rows = await ArrearsDay.filter(loan_id=loan.id).order_by("day")
    assert [(row.day, row.days_past_due) for row in rows] == [
        (days_ago(3), 1), (days_ago(2), 2), (days_ago(1), 0),
    ]  # fmt: skip
    assert await Notice.all().count() == 0


async def test_a_loan_settled_since_is_in_the_books_of_a_day_that_was_missed(db: str) -> None:
    """S11.6, S12.5: with the balance it had then."""
    loan = await a_loan(
        principal(4, days_ago(1)), state="settled", settled_on=days_ago(1), balance_fen=0, number="J-x"
    )
    await Loan.filter(id=loan.id).update(balance_fen=0)
    await Repayment.create(
        county=COUNTY, loan_id=loan.id, bank_id=1, serial="s", received_on=days_ago(1), amount_fen=1_010_000,
        principal_fen=1_000_000, interest_fen=10_000, recorded_at=NOW,
    )  # fmt: skip
    await run_night(days_ago(2))
    row = await ArrearsDay.get(loan_id=loan.id)
    assert (row.days_past_due, row.overdue_principal_fen, row.balance_fen) == (2, 1_000_000, 1_000_000)


async def test_a_town_looks_at_its_own_loans_alone(db: str) -> None:
    """S11.6."""
    await a_loan(principal(1))
    await a_loan(principal(1), village="411082102201")
    assert (await run_night())["loans"] == 1
    assert await night.towns(COUNTY) == [TOWN, "411082102000"]
    assert await night.towns("522301") == []


async def test_a_kind_that_a_pack_counts_from_a_line_is_planned_whatever_its_name(
    db: str, pack: Pack
) -> None:
    """S11.2: kinds and days are the pack's; other notices are no matter of the night."""
    kinds = {policy.kind for policy in night.planned_by_night(pack)}
    assert {"settlement_due", "instalment_due", "maturity_due", "overdue"} <= kinds
    assert not kinds & {"application_submitted", "credit_line_expiring"}
    window = pack.notices["extension_window"]
    await a_loan(principal(window.steps.days[0]))
    assert (await run_night())["extension_window"] == 1


# ---- the figures of the day


async def test_every_level_adds_up_and_the_names_mean_what_they_say(db: str, pack: Pack) -> None:
    """S12.5: NPL is the balance of loans more than 90 days late, PAR30 of those more than 30, arrears what is
    past its day."""
    await a_loan(interest(91), principal(-200))
    await a_loan(interest(90), principal(-200), village="411082101202", bank=2)
    await a_loan(interest(30), principal(-200), village="411082102201")
    await a_loan(principal(-200), village="411082102201", bank=2)
    for town in await night.towns(COUNTY):
        await run_night(town=town)
    assert await night_figures.write(COUNTY, TODAY, pack, AT_NIGHT) == {"figures": 8}
    county = await RegionDay.get(level="county")
    assert (county.code, county.loans, county.balance_fen, county.overdue_loans) == (
        "411082000000",
        4,
        4_000_000,
        3,
    )
    assert (county.npl_loans, county.npl_fen, county.par30_fen) == (1, 1_000_000, 2_000_000)
    assert (county.overdue_fen, county.eased_fen, county.npl_as_if_fen) == (30_000, 0, 1_000_000)
    for level in ("village", "town", "bank"):
        rows = await RegionDay.filter(level=level)
        for field in ("loans", "balance_fen", "overdue_loans", "overdue_fen", "par30_fen", "npl_fen"):
            assert sum(getattr(row, field) for row in rows) == getattr(county, field), (level, field)
    assert await night_figures.write(COUNTY, TODAY, pack, AT_NIGHT) == {"figures": 0}


async def test_what_was_eased_is_shown_beside_what_it_would_be(db: str, pack: Pack) -> None:
    """S12.3, S12.5: a renewal or an extension never hides an overdue."""
    await a_loan(principal(-200), renewed_from_id=77, as_if_due_on=days_ago(91))
    await a_loan(principal(-200), extended_count=1, extended_on=days_ago(20), as_if_due_on=days_ago(90))
    await a_loan(principal(-200))
    await run_night()
    await night_figures.write(COUNTY, TODAY, pack, AT_NIGHT)
    county = await RegionDay.get(level="county")
    assert (county.eased_fen, county.npl_fen, county.npl_as_if_fen) == (2_000_000, 0, 1_000_000)


async def test_there_are_no_figures_of_a_night_that_was_not_run(db: str, pack: Pack) -> None:
    """I13: said aloud, not written as if nobody were late."""
    await a_loan(principal(5))
    with pytest.raises(night_figures.NightNotDone, match="tianxin job run night --on 2026-11-28"):
        await night_figures.write(COUNTY, TODAY, pack, AT_NIGHT)
    assert await RegionDay.all().count() == 0


# ---- the doctor


async def test_the_doctor_finds_a_row_that_is_not_what_the_rule_says(db: str) -> None:
    """S11.3: worked out again from the lines."""
    loan = await a_loan(interest(40), principal(-200))
    await a_loan(principal(-200))
    await run_night()
    assert await arrears.disagreements(COUNTY, 1) == []
    await ArrearsDay.filter(loan_id=loan.id).update(missed_settlements=0)
    assert await arrears.disagreements(COUNTY, 1) == [loan.id]
    findings = {finding.name: finding.broken for finding in await invariants.check_all(NOW)}
    assert findings["I15 the night agrees with the rule"] == 1


async def test_the_doctor_finds_a_late_loan_that_the_night_forgot(db: str) -> None:
    """S11.6."""
    loan = await a_loan(interest(40), principal(-200))
    await run_night()
    await ArrearsDay.all().delete()
    assert await arrears.disagreements(COUNTY, 1) == [loan.id]


async def test_a_payment_after_the_night_is_no_disagreement(db: str) -> None:
    """S11.6: the night could not know."""
    loan = await a_loan(interest(40), principal(-200))
    await run_night()
    await Instalment.filter(loan_id=loan.id, number=1).update(paid_on=TODAY, paid_interest_fen=10_000)
    await Repayment.create(
        county=COUNTY, loan_id=loan.id, bank_id=1, serial="s", received_on=TODAY, amount_fen=10_000,
        principal_fen=0, interest_fen=10_000, recorded_at=NOW,
    )  # fmt: skip
    assert await arrears.disagreements(COUNTY, 1) == []


# ---- the rule and the statement agree on anything


_AMOUNT = st.integers(0, 5_000)
_WIPE = """WITH a AS (DELETE FROM delivery), b AS (DELETE FROM notice), c AS (DELETE FROM arrears_day),
           d AS (DELETE FROM instalment), e AS (DELETE FROM job_slot) DELETE FROM loan"""


@st.composite
def any_line(draw: st.DrawFn) -> Line:
    owed = (draw(_AMOUNT), draw(_AMOUNT))
    state = draw(st.sampled_from(("open", "partly", "paid")))
    paid = (0, 0) if state == "open" else owed
    if state == "partly":
        paid = (draw(st.integers(0, owed[0])), draw(st.integers(0, owed[1])))
    return Line(
        draw(st.sampled_from(("settlement", "instalment", "maturity"))),
        TODAY + timedelta(days=draw(st.integers(-400, 40))),
        *owed,
        *paid,
        TODAY + timedelta(days=draw(st.integers(-60, 0))) if state == "paid" else None,
    )


@pytest.fixture
def loop_of_its_own(db_url: str) -> Iterator[asyncio.Runner]:
    """Hypothesis calls a plain function again and again: one loop, one connection for all its runs."""
    with asyncio.Runner() as runner:
        runner.run(database.connect(db_url))
        yield runner
        runner.run(database.disconnect())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    loans=st.lists(st.lists(any_line(), min_size=1, max_size=8), min_size=1, max_size=6),
    back=st.integers(0, 90),
)
def test_rule_and_statement_agree_on_anything(
    loop_of_its_own: asyncio.Runner, loans: list[list[Line]], back: int
) -> None:
    """S11.3, S11.6, S7.3: on the day itself and on a day that was missed."""
    on = TODAY - timedelta(days=back)

    async def both() -> list[tuple[Standing | None, Standing]]:
        await database.execute(_WIPE)
        made = [await a_loan(*lines) for lines in loans]
        await run_night(on)
        return [
            (await standing_of(loan, on), standing(lines, on))
            for loan, lines in zip(made, loans, strict=True)
        ]

    for written, wanted in loop_of_its_own.run(both()):
        assert (written or ON_TIME) == wanted
