"""Events of conduct: the statements of the night against the rules, on plans made at random. S7.3, S11.3."""

from __future__ import annotations

import random
from datetime import date, timedelta

from actions import conduct
from actions.subjects import Asked, about
from bot.database import transaction
from models.application import Task
from models.arrears import ArrearsDay
from models.loan import Instalment, Loan
from models.notice import Notice
from models.warnings import CreditEvent
from rules import conduct as rules
from tests.actions.conftest import NOW, County
from tests.actions.risk_world import TODAY, Line, borrower, lend, pay, run_night

MISSED = "missed_settlements"


async def kinds(loan: Loan) -> list[str]:
    return sorted(event.kind for event in await CreditEvent.filter(loan_id=loan.id))


async def test_seventy_days_are_not_too_long_and_seventy_one_are(county: County) -> None:
    """S7.3: more than 70 days; the event begins on day 71 and says why."""
    loan = await lend([Line(70)])
    await run_night(county)
    assert "over_days" not in await kinds(loan)
    await run_night(county, 1)
    event = await CreditEvent.get(loan_id=loan.id, kind="over_days")
    assert event.since_on == TODAY + timedelta(days=1)
    assert event.person_id == loan.borrower_id


async def test_the_third_time_over_thirty_days_counts_on_its_day_thirty_one(county: County) -> None:
    """S7.3: three times, on two loans of one person; 30 days in between do not count."""
    person = await borrower()
    first = await lend([Line(300, 260), Line(200, 170)], person=person)  # 40 days, and exactly 30
    second = await lend([Line(150, 110), Line(30)], person=person)
    await run_night(county)
    assert not await CreditEvent.filter(kind="repeated_overdue").exists()
    await run_night(county, 1)
    event = await CreditEvent.get(kind="repeated_overdue")
    assert (event.person_id, event.loan_id, event.since_on) == (
        person.id,
        second.id,
        TODAY + timedelta(days=1),
    )
    assert event.facts["times"] == 3
    await run_night(county, 2)
    assert await CreditEvent.filter(kind="repeated_overdue").count() == 1
    assert first.id != second.id


async def test_an_unbroken_time_of_arrears_counts_once(county: County) -> None:
    """S7.3 (default): three lines late one after another without a break are one time."""
    loan = await lend([Line(150, 100), Line(120, 70), Line(90, 40), Line(60, 20), Line(31)])
    await run_night(county)
    assert "repeated_overdue" not in await kinds(loan)


async def test_two_missed_settlements_lower_the_credit_and_ask_for_early_repayment(county: County) -> None:
    """S11.3: an event, a task, and a message to the borrower; one is not enough."""
    one, two = await lend([Line(20)]), await lend([Line(50), Line(20)])
    await run_night(county)
    assert await kinds(one) == []
    event = await CreditEvent.get(loan_id=two.id)
    assert (event.kind, event.facts) == ("missed_settlements", {"missed_settlements": 2})
    asked = await Task.filter(loan_id=two.id, kind="warning_measure", stage="priority_watch", state="open")
    assert any("提前" in task.note and "两次没按时付息" in task.note for task in asked)
    notice = await Notice.get(kind="early_repayment_asked")
    assert (notice.person_id, notice.facts) == (two.borrower_id, {"count": "2"})
    await run_night(county)
    assert await Notice.filter(kind="early_repayment_asked").count() == 1


async def test_without_a_warning_that_asks_for_it_the_bank_gets_a_task_of_its_own(county: County) -> None:
    """S11.3: somebody lowered the warning, then two more settlements are missed."""
    loan = await lend([Line(50), Line(20)])
    await run_night(county)
    await Task.filter(loan_id=loan.id, kind="warning_measure").update(state="done")
    await pay(loan, days=1)
    await run_night(county, 1)
    for number, days in ((11, 10), (12, 40)):
        await Instalment.create(
            county="411082", loan_id=loan.id, number=number, kind="settlement",
            due_on=TODAY + timedelta(days=days), days=30, principal_fen=0, interest_fen=1,
        )  # fmt: skip
    await Task.filter(loan_id=loan.id, kind="warning_measure").update(state="done")
    await run_night(county, 41)
    assert await CreditEvent.filter(loan_id=loan.id, kind="missed_settlements").count() == 2
    tasks = await Task.filter(loan_id=loan.id, kind="early_repayment", state="open")
    assert [task.role for task in tasks] == ["bank_officer"]


async def test_what_is_paid_cures_the_event_and_is_not_told_any_more(county: County) -> None:
    """S7.3, S11.6"""
    loan = await lend([Line(80), Line(50)])
    await run_night(county)
    notices = await Notice.filter(subject_kind="credit_event")
    assert {notice.kind for notice in notices} == {"line_suspended", "early_repayment_asked"}
    asked = [
        Asked(n.id, n.person_id, n.kind, n.subject_kind, n.subject_id, n.due_on, n.created_at)
        for n in notices
    ]
    async with transaction() as connection:
        assert all(each.still_true for each in (await about(connection, asked, TODAY)).values())
    await pay(loan, days=1)
    await run_night(county, 1)
    cured = {event.cured_on for event in await CreditEvent.filter(loan_id=loan.id)}
    assert cured == {TODAY + timedelta(days=1)}
    async with transaction() as connection:
        assert not any(each.still_true for each in (await about(connection, asked, TODAY)).values())


async def test_the_borrower_reads_why_in_plain_words(county: County) -> None:
    """S7.3"""
    loan = await lend([Line(71)])
    await run_night(county)
    officer = await county.actor("zhao")
    events = await conduct.of_borrower(officer, loan.key, county.pack, NOW)
    assert [event.reason for event in events if event.kind == "over_days"] == ["有一笔贷款逾期超过70天"]


async def test_rule_and_statement_agree_on_random_plans(county: County) -> None:
    """S7.3, S11.3: thirty borrowers with up to two loans of up to eight lines, paid early, late or not."""
    chance = random.Random(20261128)
    plans: dict[int, list[Loan]] = {}
    for _ in range(30):
        person = await borrower()
        plans[person.id] = [await lend(_lines(chance), person=person) for _ in range(chance.randint(1, 2))]
    held = county.pack.contents.conduct
    ever: dict[int, set[tuple[str, int, date]]] = {person_id: set() for person_id in plans}
    seen = {"over_days": 0, "repeated_overdue": 0, "missed_settlements": 0}
    for days in (0, 1, 2, 9, 30):
        on = TODAY + timedelta(days=days)
        await run_night(county, days)
        for person_id, loans in plans.items():
            lines = {loan.id: await Instalment.filter(loan_id=loan.id) for loan in loans}
            said = await _said(person_id, on)
            wanted = _wanted(lines, on, held)
            assert {e for e in wanted if e[0] == MISSED} == {e for e in said if e[0] == MISSED}
            ever[person_id] |= {e for e in wanted if e[0] != MISSED}
            assert {e for e in said if e[0] != MISSED} == ever[person_id], (person_id, on)
            for kind, *_ in wanted:
                seen[kind] += 1
    assert all(seen.values()), seen


def _lines(chance: random.Random) -> list[Line]:
    due = sorted(chance.sample(range(5, 330), chance.randint(1, 8)), reverse=True)
    return [Line(day, chance.choice((None, max(0, day - chance.randint(-3, 75))))) for day in due]


async def _said(person_id: int, on: date) -> set[tuple[str, int, date]]:
    """The events that stand: of missed settlements those of loans that miss them on that day."""
    found: set[tuple[str, int, date]] = set()
    for event in await CreditEvent.filter(person_id=person_id):
        if event.kind != MISSED:
            found.add((event.kind, 0 if event.kind == "repeated_overdue" else event.loan_id, event.since_on))
        elif await ArrearsDay.filter(loan_id=event.loan_id, day=on, missed_settlements__gte=2).exists():
            found.add((MISSED, event.loan_id, on))
    return found


def _wanted(lines: dict[int, list[Instalment]], on: date, held) -> set[tuple[str, int, date]]:  # type: ignore[no-untyped-def]
    """What the rules say of one borrower on a day."""
    found: set[tuple[str, int, date]] = set()
    every = [rules.Line(loan, row.due_on, row.paid_on) for loan, rows in lines.items() for row in rows]
    for loan, rows in lines.items():
        open_ones = [r for r in rows if r.due_on < on and (r.paid_on is None or r.paid_on > on)]
        if not open_ones:
            continue
        since = rules.over_days_since(min(r.due_on for r in open_ones), on, held.over_days.on(on))
        if since is not None:
            found.add(("over_days", loan, since))
        if rules.is_credit_lowered(len(open_ones), held.missed_settlements.on(on)):
            found.add(("missed_settlements", loan, on))
    limit = held.repeated_over_days.on(on)
    now_over = any(
        (on - r.due_on).days > limit and (r.paid_on is None or r.paid_on > on)
        for rows in lines.values()
        for r in rows
    )
    since = rules.repeated_since(every, on, limit, held.repeated_times.on(on))
    if since is not None and now_over:
        found.add(("repeated_overdue", 0, since))
    return found
