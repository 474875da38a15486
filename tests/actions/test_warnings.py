"""Early warnings in the database: raised by causes, once; lowered after clean days; moved by people. S10."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, timedelta

import asyncpg
import pytest

from actions import bulk_tasks, easing, repayments, warnings
from actions.easing import Renewal
from actions.routing import on_day
from bot import database
from bot.errors import NotFound, RuleRefused
from models.application import Task
from models.arrears import ArrearsDay
from models.loan import Loan
from models.notice import Notice
from models.slip import Promise
from models.warnings import EarlyWarning, RiskFact, WarningEvent
from models.work import AuditEntry
from rules import warnings as rules
from rules.easing import Review
from rules.warnings import Level
from tests.actions import loan_kit
from tests.actions.conftest import NOW, VILLAGE, County
from tests.actions.risk_world import TODAY, Line, at, lend, pay, run_night


async def level(loan: Loan) -> Level:
    held = await EarlyWarning.get_or_none(loan_id=loan.id)
    return Level(held.level) if held else Level.NONE


async def test_days_overdue_raise_the_level_of_the_pack(county: County) -> None:
    """S10.1: the borders of the pack's rules."""
    expected = {0: 0, 1: 1, 30: 1, 31: 2, 90: 2, 91: 3}
    loans = {days: await lend([Line(days)]) for days in expected}
    await run_night(county)
    assert {days: int(await level(loan)) for days, loan in loans.items()} == expected


async def test_a_night_run_again_changes_nothing(county: County) -> None:
    """S10.1, S11.6: no second event, no second task, no second notice."""
    await lend([Line(95), Line(40)])
    first = await run_night(county)
    before = await _counts()
    second = await run_night(county)
    assert first["noted"] == 2
    assert {name: count for name, count in second.items() if count} == {}
    assert await _counts() == before


async def _counts() -> Mapping[str, int]:
    return {model.__name__: await model.all().count() for model in (WarningEvent, Task, Notice, EarlyWarning)}


async def test_each_warning_keeps_its_facts_and_the_version_of_the_rules(county: County) -> None:
    """S10.1"""
    loan = await lend([Line(45)])
    await run_night(county)
    event = await WarningEvent.get(loan_id=loan.id)
    assert event.cause == "late_over_30"
    assert event.facts == {"days_past_due": 45}
    assert event.rules_version == warnings.rules.version(warnings.rules_of(county.pack))
    with pytest.raises(asyncpg.RaiseError, match="only ever added"):
        await database.execute("UPDATE warning_event SET facts = '{}'")


async def test_one_cause_warns_once_however_many_nights_it_lasts(county: County) -> None:
    """S10.1"""
    loan = await lend([Line(45)])
    for days in range(4):
        await run_night(county, days)
    assert await WarningEvent.filter(loan_id=loan.id).count() == 1
    assert await Task.filter(loan_id=loan.id, kind="warning_measure").count() == 2  # bank and guarantor


async def test_a_level_goes_down_after_the_clean_days_and_not_before(county: County) -> None:
    """S10.1"""
    clean = county.pack.contents.warning.clean_days.on(TODAY)
    loan = await lend([Line(45)])
    await run_night(county)
    await pay(loan, days=1)
    for days in range(1, clean):
        await run_night(county, days)
        assert await level(loan) is Level.PRIORITY_WATCH, days
    await run_night(county, clean)
    assert await level(loan) is Level.NONE
    assert [e.cause for e in await WarningEvent.filter(loan_id=loan.id).order_by("id")] == [
        "late_over_30",
        "clean",
    ]
    assert not await Task.filter(loan_id=loan.id, kind="warning_measure", state="open").exists()


async def test_a_new_cause_within_the_clean_days_begins_them_again(county: County) -> None:
    """S10.1"""
    clean = county.pack.contents.warning.clean_days.on(TODAY)
    loan = await lend([Line(45), Line(-20)])
    await run_night(county)
    await pay(loan, days=1)
    for days in (1, 19):
        await run_night(county, days)
    await RiskFact.create(
        county="411082", kind="stopped", loan_id=loan.id, region=VILLAGE, from_on=TODAY + timedelta(days=20),
        until_on=TODAY + timedelta(days=22), entered_by_id=1, entered_at=NOW,
    )  # fmt: skip
    for days in (20, 22, 23, clean + 1):
        await run_night(county, days)
        assert await level(loan) is Level.PRIORITY_WATCH, days


async def test_a_settled_loan_warns_no_more(county: County) -> None:
    """S10.1"""
    loan = await lend([Line(45)])
    await run_night(county)
    await pay(loan, days=1)
    await Loan.filter(id=loan.id).update(state="settled", balance_fen=0, settled_on=TODAY + timedelta(days=1))
    await run_night(county, 1)
    assert await level(loan) is Level.NONE


async def test_a_report_on_an_industry_of_a_village_reaches_its_loans_only(county: County, apply) -> None:  # type: ignore[no-untyped-def]
    """S10.1: price and disaster notices are entered for an industry and a place."""
    application = await apply()
    hit = await lend([], application_id=application.id)
    other_industry = await lend([])
    other_village = await lend([], village="411082101202")
    await RiskFact.create(
        county="411082", kind="disaster", region=VILLAGE, industry="sheep", from_on=TODAY, entered_by_id=1,
        entered_at=NOW,
    )  # fmt: skip
    await run_night(county)
    assert [await level(loan) for loan in (hit, other_industry, other_village)] == [
        Level.WATCH, Level.NONE, Level.NONE,
    ]  # fmt: skip


async def test_broken_promises_raise_a_level(county: County) -> None:
    """S10.1, S18.4"""
    loan = await lend([])
    for _ in range(3):
        await Promise.create(
            county="411082", loan_id=loan.id, person_id=loan.borrower_id, village=VILLAGE, given_on=TODAY,
            promised_on=TODAY, quiet_through=TODAY, amount_fen=1, channel="chat",
            state="broken", created_at=NOW, settled_on=TODAY,
        )  # fmt: skip
    await run_night(county)
    event = await WarningEvent.get(loan_id=loan.id)
    assert (event.cause, event.facts) == ("promises_broken", {"broken_promises": 3})
    assert await level(loan) is Level.PRIORITY_WATCH


async def test_each_level_has_its_measures_with_a_deadline(county: County) -> None:
    """S10.2: advice; a plan or more guarantee; joint collection. Nobody stands in for a guarantor."""
    both = {"bank_officer", "guarantor_officer"}
    for days, stage, roles, guaranteed, words in (
        (5, "watch", {"bank_officer"}, True, "提出意见"),
        (45, "priority_watch", both, True, "提前做出还款计划"),
        (100, "at_risk", both, True, "一起催收"),
        (100, "at_risk", {"bank_officer"}, False, "一起催收"),
    ):
        loan = await lend([Line(days)], guaranteed=guaranteed)
        await run_night(county)
        tasks = await Task.filter(loan_id=loan.id, kind="warning_measure")
        assert {task.role for task in tasks} == roles
        assert all(task.stage == stage and words in task.note and task.due_at > NOW for task in tasks)
        assert all(task.organisation_id for task in tasks)


async def test_a_higher_level_ends_the_measures_of_the_lower_one(county: County) -> None:
    """S10.2"""
    loan = await lend([Line(29)])
    await run_night(county)
    await run_night(county, 2)
    states = {t.stage: t.state for t in await Task.filter(loan_id=loan.id, kind="warning_measure")}
    assert states == {"watch": "cancelled", "priority_watch": "open"}


async def test_a_person_raises_with_a_reason_and_only_a_person_lowers(county: County) -> None:
    """S10.1"""
    loan = await lend([])
    officer = await county.actor("zhao")
    with pytest.raises(RuleRefused, match="原因"):
        await warnings.move(officer, loan.key, Level.AT_RISK, " ", county.pack, NOW)
    await warnings.move(officer, loan.key, Level.AT_RISK, "法院来函，已被执行", county.pack, NOW)
    assert await AuditEntry.filter(action="move_warning", actor_id=officer.person_id).exists()
    for days in (0, 40, 80):
        await run_night(county, days)
    assert await level(loan) is Level.AT_RISK
    later = await county.actor("liu", at(80))
    await warnings.move(later, loan.key, Level.NONE, "案子已经撤了", county.pack, at(80))
    assert await level(loan) is Level.NONE


async def test_what_a_person_lowered_does_not_rise_by_the_same_cause(county: County) -> None:
    """S10.1: no double warning for one cause."""
    loan = await lend([Line(45)])
    await run_night(county)
    await warnings.move(await county.actor("zhao"), loan.key, Level.WATCH, "货款明天到账", county.pack, NOW)
    await run_night(county, 1)
    assert await level(loan) is Level.WATCH
    await run_night(county, 46)
    assert await level(loan) is Level.AT_RISK  # 91 days: a new cause


async def test_who_may_not_see_a_loan_may_not_move_its_warning(county: County) -> None:
    """S17.2"""
    loan = await lend([], village="411082102201")
    for somebody in ("zhou", "chen", "zhang"):  # another town, another bank, a farmer
        with pytest.raises(NotFound):
            await warnings.move(
                await county.actor(somebody), loan.key, Level.WATCH, "随便看看", county.pack, NOW
            )


async def test_the_history_names_causes_in_words(county: County) -> None:
    """S10.1"""
    loan = await lend([Line(45)])
    await run_night(county)
    view = await warnings.of_loan(await county.actor("zhao"), loan.key, county.pack, NOW)
    assert (view.level, view.title) == ("priority_watch", "重点关注")
    assert [moved.title for moved in view.history] == ["逾期超过30天"]


async def test_one_message_a_day_tells_how_many_tasks_there_are(county: County) -> None:
    """S10.2, S11.6"""
    for _ in range(3):
        await lend([Line(100)])
    await run_night(county)
    await bulk_tasks.tell("411082", TODAY, county.pack, NOW)
    officer = await county.actor("zhao")
    told = await Notice.filter(kind="task_digest", person_id=officer.person_id, step="warning_meas")
    assert [notice.facts["count"] for notice in told] == [3]
    assert await bulk_tasks.tell("411082", TODAY, county.pack, NOW) == 0
    chen = await county.actor("chen")  # an officer of another bank
    assert not await Notice.filter(kind="task_digest", person_id=chen.person_id).exists()


async def renewed(county: County, loan: Loan) -> Loan:
    """The loan, renewed on the next day: interest is paid, the principal goes on."""
    review = Review(
        TODAY, still_qualified=True, own_wish=True, guarantee_in_place=True, subsidy_in_place=True,
        able_to_repay=True, cause="",
    )  # fmt: skip
    given = Renewal(f"X{loan.number}", 435, 12, "bullet")
    zhao = await county.actor("zhao")
    owed = await repayments.payoff(zhao, loan.key, on_day(at(1)), county.pack, TODAY)
    await repayments.record_repayment(zhao, loan.key, loan.number, owed.interest_fen, owed.on, at(1))
    return await easing.renew(zhao, loan.key, given, review, county.pack, at(1))


async def test_a_renewal_washes_no_warning_away(county: County) -> None:
    """S10.1, S12.3: level, history and the open measure with its deadline go on with the debt."""
    loan = await loan_kit.lend(county.pack, number="W-1")
    await RiskFact.create(
        county="411082", kind="stopped", loan_id=loan.id, region=VILLAGE, from_on=TODAY,
        entered_by_id=1, entered_at=NOW,
    )  # fmt: skip
    await run_night(county)
    before = await EarlyWarning.get(loan_id=loan.id)
    measures = await Task.filter(loan_id=loan.id, kind="warning_measure", state="open").order_by("id")
    assert before.level
    assert measures
    new = await renewed(county, loan)
    held = await EarlyWarning.get(loan_id=new.id)
    assert (held.level, held.since_on, held.clean_since) == (before.level, TODAY, None)
    assert await level(loan) is Level.NONE
    moved = await Task.filter(loan_id=new.id, state="open").order_by("id")
    assert [(task.key, task.due_at) for task in moved] == [(task.key, task.due_at) for task in measures]
    shown = await warnings.of_loan(await county.actor("zhao"), new.key, county.pack, at(1))
    assert [each.cause for each in shown.history] == ["renewal", "weaker"]
    assert shown.history[0].title == "续贷，预警从原借据带过来"
    clean = county.pack.contents.warning.clean_days.on(TODAY)
    report_days = county.pack.contents.warning.report_days.on(TODAY)
    for days in (1, clean + 1, report_days - 1):
        found = await run_night(county, days)
        assert (found["noted"], found["raised"], found["lowered"]) == (0, 0, 0), days
    for days in (report_days, report_days + clean - 1):
        assert await level(new) is Level(before.level)
        await run_night(county, days)
    assert await level(new) is Level.NONE


async def test_broken_promises_count_over_a_renewal(county: County) -> None:
    """S10.1, S12.3, S18.4: two were broken before, one after."""
    loan = await loan_kit.lend(county.pack, number="W-2")

    async def break_one(of: Loan, days: int) -> None:
        await Promise.create(
            county="411082", loan_id=of.id, person_id=of.borrower_id, village=VILLAGE, given_on=TODAY,
            promised_on=TODAY, quiet_through=TODAY, amount_fen=1, channel="chat",
            state="broken", created_at=NOW, settled_on=TODAY + timedelta(days=days),
        )  # fmt: skip

    await break_one(loan, 0)
    await run_night(county)
    assert await level(loan) is Level.WATCH
    new = await renewed(county, loan)
    for days in (2, 3):
        await break_one(new, days)
    await run_night(county, 3)
    event = await WarningEvent.filter(loan_id=new.id).order_by("-id").first()
    assert (event.cause, event.facts) == ("promises_broken", {"broken_promises": 3})
    assert await level(new) is Level.PRIORITY_WATCH


async def test_what_a_person_lowered_stays_lowered_over_a_renewal(county: County) -> None:
    """S10.1, S12.3: the same report does not warn again because the loan has another number."""
    loan = await loan_kit.lend(county.pack, number="W-3")
    await RiskFact.create(
        county="411082", kind="stopped", loan_id=loan.id, region=VILLAGE, from_on=TODAY,
        entered_by_id=1, entered_at=NOW,
    )  # fmt: skip
    await run_night(county)
    await warnings.move(await county.actor("zhao"), loan.key, Level.NONE, "已经恢复生产", county.pack, NOW)
    new = await renewed(county, loan)
    await run_night(county, 1)
    assert await level(new) is Level.NONE


async def test_an_extension_begins_the_clean_days_anew(county: County) -> None:
    """S10.1, S12.3: more time is no good conduct."""
    clean = county.pack.contents.warning.clean_days.on(TODAY)
    loan = await lend([Line(45), Line(-300, principal_fen=3_000_000)])
    await run_night(county)
    await pay(loan, days=1)
    await run_night(county, 1)
    assert (await EarlyWarning.get(loan_id=loan.id)).clean_since is not None
    await warnings.hold(loan)
    for days in range(10, clean + 9, 5):
        await run_night(county, days)
        assert await level(loan) is Level.PRIORITY_WATCH, days
    await run_night(county, clean + 9)
    assert await level(loan) is Level.NONE


async def test_rule_and_statement_agree_on_random_loans(county: County) -> None:
    """S10.1: twenty loans with lines, broken promises and reports at random, on two nights."""
    chance = random.Random(7)
    kinds = [each.code for each in county.pack.contents.warning.findings.on(TODAY)]
    loans = [
        await lend([Line(chance.randint(1, 120)) for _ in range(chance.randint(0, 4))]) for _ in range(20)
    ]
    for loan in chance.sample(loans, 8):
        await RiskFact.create(
            county="411082", kind=chance.choice(kinds), loan_id=loan.id, region=VILLAGE,
            from_on=TODAY - timedelta(days=chance.choice((0, 5, 89, 90))), entered_by_id=1, entered_at=NOW,
        )  # fmt: skip
    for loan in chance.sample(loans, 8):
        for _ in range(chance.randint(1, 4)):
            await Promise.create(
                county="411082", loan_id=loan.id, person_id=loan.borrower_id, village=VILLAGE,
                given_on=TODAY, promised_on=TODAY, quiet_through=TODAY, amount_fen=1, channel="chat",
                state="broken", created_at=NOW, settled_on=TODAY - timedelta(days=chance.choice((0, 89, 90))),
            )  # fmt: skip
    wanted: dict[int, set[tuple[str, int]]] = {loan.id: set() for loan in loans}
    for days in (0, 9):
        await run_night(county, days)
        for loan in loans:
            found = await _fired(county, loan, TODAY + timedelta(days=days))
            wanted[loan.id] |= {(cause.key, int(cause.level)) for cause in found}
            events = await WarningEvent.filter(loan_id=loan.id)
            assert {(event.cause_key, event.level) for event in events} == wanted[loan.id]
            assert await level(loan) is Level(max((each[1] for each in wanted[loan.id]), default=0))
    assert len({cause for found in wanted.values() for cause, _ in found}) > 10


async def _fired(county: County, loan: Loan, on: date) -> list[rules.Cause]:
    """What the pure rules say of a loan on a day."""
    days = county.pack.contents.warning.report_days.on(on)
    late = await ArrearsDay.get_or_none(loan_id=loan.id, day=on)
    broken = [p for p in await Promise.filter(loan_id=loan.id) if on <= rules.holds_until(p.settled_on, days)]
    reports = [f for f in await RiskFact.filter(loan_id=loan.id) if on <= rules.holds_until(f.from_on, days)]
    facts = rules.LoanFacts(
        days_past_due=late.days_past_due if late else 0,
        missed_settlements=late.missed_settlements if late else 0,
        broken_promises=len(broken),
        last_promise=max((p.id for p in broken), default=0),
        reports=tuple(rules.Report(f.id, f.kind) for f in reports),
    )
    return rules.fired(facts, warnings.rules_of(county.pack), on)
