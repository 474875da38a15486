"""Promises to pay by a day: taken, respected, kept or broken by the bank's books. Clause: S18.4."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta

import pytest

from actions import promises, repayments
from bot import database
from bot.config import SHANGHAI
from bot.errors import NotFound, RuleRefused
from models.application import Task
from models.loan import Instalment, Loan, Repayment
from models.notice import Notice
from models.slip import Promise
from rules.promises import PromiseState, verdict
from tests.actions.conftest import NOW, County
from tests.actions.test_slips import TODAY, lend


@pytest.fixture
async def loan(county: County) -> Loan:
    """A loan of zhang's whose only line was due a week ago."""
    made = await lend(county)
    await Instalment.filter(loan_id=made.id).update(due_on=TODAY - timedelta(days=7))
    return made


async def give(
    county: County, loan: Loan, days: int, *, now: datetime = NOW, person: str = "zhang"
) -> promises.PromiseView:
    actor = await county.actor(person, now)
    on = now.astimezone(SHANGHAI).date() + timedelta(days=days)
    return await promises.give(actor, loan.key, on, "卖了羊就还", county.pack, now)


async def settle(county: County, on: date) -> dict[str, int]:
    now = datetime(on.year, on.month, on.day, 1, tzinfo=SHANGHAI)
    return await promises.settle("411082", on, county.pack, now)


async def pay(county: County, loan: Loan, serial: str, fen: int, on: date) -> Repayment:
    now = datetime(on.year, on.month, on.day, 12, tzinfo=SHANGHAI)
    return await repayments.record_repayment(await county.actor("zhao", now), loan.key, serial, fen, on, now)


async def test_a_promise_is_for_what_is_past_its_day(county: County, loan: Loan) -> None:
    """S18.4: the whole that is overdue, by the day he said."""
    made = await give(county, loan, 5)
    assert (made.amount_fen, made.promised_on, made.state) == (3_116_000, TODAY + timedelta(days=5), "open")
    assert [each.key for each in await promises.of_loan(await county.actor("zhao"), loan.key)] == [made.key]


async def test_said_again_it_is_one_and_a_new_day_replaces_it(county: County, loan: Loan) -> None:
    """S18.4: and saying a later day again and again buys no more time without reminders."""
    first = await give(county, loan, 5)
    assert (await give(county, loan, 5)).repeated
    later = NOW + timedelta(days=5)
    second = await give(county, loan, 29, now=later)
    assert [row.state for row in await Promise.all().order_by("id")] == ["replaced", "open"]
    kept_quiet = (await Promise.get(key=second.key)).quiet_through
    assert kept_quiet == first.given_on + timedelta(days=county.pack.promises(TODAY).quiet_days)


@pytest.mark.parametrize(("days", "code"), [(-1, "promised_on"), (31, "too_far")])
async def test_a_day_that_is_over_or_too_far_is_not_taken(
    county: County, loan: Loan, days: int, code: str
) -> None:
    """S18.4."""
    with pytest.raises(RuleRefused) as refused:
        await give(county, loan, days)
    assert refused.value.code == code
    assert await Promise.all().count() == 0


async def test_only_the_borrower_promises_and_only_what_is_owed(county: County, loan: Loan) -> None:
    """S18.4, S17.2."""
    with pytest.raises(NotFound):
        await give(county, loan, 3, person="li")
    with pytest.raises(RuleRefused) as staff:
        await give(county, loan, 3, person="zhao")
    assert staff.value.code == "not_the_borrower"
    await Loan.filter(id=loan.id).update(state="settled")
    with pytest.raises(RuleRefused) as settled:
        await give(county, loan, 3)
    assert settled.value.code == "nothing_owed"


async def test_kept_when_the_whole_came_by_the_day(county: County, loan: Loan) -> None:
    """S18.4: two payments make it, the second on the last day."""
    await give(county, loan, 5)
    await pay(county, loan, "B-1", 1_000_000, TODAY + timedelta(days=2))
    assert (await settle(county, TODAY + timedelta(days=3)))["kept"] == 0
    await pay(county, loan, "B-2", 2_116_000, TODAY + timedelta(days=5))
    assert (await settle(county, TODAY + timedelta(days=6)))["kept"] == 1
    assert (await Promise.get(loan_id=loan.id)).state == "kept"
    assert await Task.filter(kind="promise").count() == 0


async def test_broken_opens_one_task_after_the_days_of_grace(county: County, loan: Loan) -> None:
    """S18.4: with whoever looks after the village; run again, nothing changes."""
    made = await give(county, loan, 5)
    await pay(county, loan, "B-1", 100_000, TODAY + timedelta(days=1))
    grace = county.pack.promises(TODAY).grace_days
    last = made.promised_on + timedelta(days=grace)
    assert (await settle(county, last))["broken"] == 0
    assert (await settle(county, last + timedelta(days=1)))["broken"] == 1
    assert (await settle(county, last + timedelta(days=1)))["broken"] == 0
    task = await Task.get(kind="promise")
    assert (task.role, task.loan_id, task.state) == ("cadre", loan.id, "open")
    assert "说好12月3日还" in task.note
    cadre = await county.actor("wang")
    assert [each.person_id for each in await Notice.filter(kind="task_assigned", subject_id=task.id)] == [
        cadre.person_id
    ]
    assert (await Promise.get(loan_id=loan.id)).task_id == task.id


async def test_a_payment_booked_late_makes_it_kept_after_all(county: County, loan: Loan) -> None:
    """S18.4: the bank's file came two days late; nobody need ask any more."""
    await give(county, loan, 2)
    await settle(county, TODAY + timedelta(days=4))
    assert (await Promise.get(loan_id=loan.id)).state == "broken"
    late = datetime(2026, 12, 4, 12, tzinfo=SHANGHAI)
    paid_on = TODAY + timedelta(days=2)
    zhao = await county.actor("zhao", late)
    await repayments.record_repayment(zhao, loan.key, "B-1", 3_116_000, paid_on, late)
    assert (await settle(county, TODAY + timedelta(days=7)))["kept"] == 1
    assert (await Task.get(kind="promise")).state == "cancelled"


async def test_after_too_many_broken_ones_a_word_is_not_enough(county: County, loan: Loan) -> None:
    """S18.4: somebody must talk to him."""
    now = NOW
    for _ in range(county.pack.promises(TODAY).broken_max):
        await give(county, loan, 1, now=now)
        now += timedelta(days=4)
        await settle(county, now.astimezone(SHANGHAI).date())
    with pytest.raises(RuleRefused) as refused:
        await give(county, loan, 1, now=now)
    assert refused.value.code == "broken_before"


async def test_an_extension_frees_him_from_his_word(county: County, loan: Loan) -> None:
    """S12.3, S18.4: the plan is another one."""
    await give(county, loan, 2)
    await Loan.filter(id=loan.id).update(extended_on=TODAY + timedelta(days=1), extended_count=1)
    counts = await settle(county, TODAY + timedelta(days=9))
    assert (counts["replaced"], counts["broken"]) == (1, 0)


async def test_the_rule_and_the_set_agree_on_random_books(county: County) -> None:
    """S18.4: what the statement says of five hundred promises is what the rule says of each."""
    dice = random.Random(20261128)
    zhao, zhang = await county.actor("zhao"), await county.actor("zhang")
    policy = county.pack.promises(TODAY)
    loan_rows = [
        Loan(
            county="411082", number=f"R-{n}", bank_id=zhao.posts[0].organisation_id, principal_fen=100_000,
            borrower_id=zhang.person_id, village="411082101201", balance_fen=100_000, annual_rate_bp=435,
            day_count="actual/360", method="bullet", disbursed_on=TODAY - timedelta(days=300),
            maturity_on=TODAY, created_at=NOW,
        )
        for n in range(500)
    ]  # fmt: skip
    await Loan.bulk_create(loan_rows)
    ids = [loan.id for loan in await Loan.all().order_by("id")]
    given, paid = [], []
    for n, loan_id in enumerate(ids):
        day = TODAY - timedelta(days=dice.randrange(0, 9))
        promised = day + timedelta(days=dice.randrange(0, 9))
        given.append(
            Promise(
                county="411082", loan_id=loan_id, person_id=zhang.person_id, village="411082101201",
                given_on=day, promised_on=promised, quiet_through=day, amount_fen=dice.choice((500, 900)),
                channel="chat", created_at=datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI),
            )
        )  # fmt: skip
        for k in range(dice.randrange(0, 4)):
            received = day + timedelta(days=dice.randrange(-2, 11))
            fen = dice.choice((250, 450, 500))
            paid.append(
                Repayment(
                    county="411082", loan_id=loan_id, bank_id=zhao.posts[0].organisation_id,
                    serial=f"S-{n}-{k}", received_on=received, amount_fen=fen, principal_fen=fen,
                    interest_fen=0, recorded_at=NOW + timedelta(days=1),
                    reversed_at=dice.choice((None, None, NOW)),
                )
            )  # fmt: skip
    await Promise.bulk_create(given)
    await Repayment.bulk_create(paid)
    await settle(county, TODAY)
    states = {row.loan_id: row.state for row in await Promise.all()}
    for promise in given:
        by_then = sum(
            each.amount_fen
            for each in paid
            if each.loan_id == promise.loan_id
            and promise.given_on <= each.received_on <= promise.promised_on
            and each.reversed_at is None
        )
        said = verdict(promise.promised_on, promise.amount_fen, by_then, TODAY, policy)
        assert states[promise.loan_id] == said, (promise.given_on, promise.promised_on, by_then)
    assert set(states.values()) == {PromiseState.OPEN, PromiseState.KEPT, PromiseState.BROKEN}
    tasks = await database.fetch("SELECT count(*) AS n FROM task WHERE kind = 'promise'")
    assert tasks[0]["n"] <= sum(state == "broken" for state in states.values())
