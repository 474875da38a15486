"""Visits after the loan is paid out: planned once a period, done, missed, reported. S9.1, S9.2."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions import escalation, visit_plans, visits
from actions.access import Actor
from bot.errors import NotFound, RuleRefused
from models.application import LoanApplication, Task, Visit
from models.conversation import StoredFile
from models.warnings import EarlyWarning, RiskFact
from rules.visit_plans import needs_visit, period_of
from tests.actions.conftest import NOW, VILLAGE, County, Submit
from tests.actions.risk_world import TODAY, at, lend, run_night

QUARTER = period_of(TODAY, "quarter")


async def operator_loan(apply: Submit, **changes):  # type: ignore[no-untyped-def]
    """A running loan of an enterprise."""
    application = await apply()
    await LoanApplication.filter(id=application.id).update(applicant_kind="enterprise")
    return await lend([], application_id=application.id, **changes)


async def photos(actor: Actor, count: int = 2) -> list[str]:
    """Stored pictures of the actor's own."""
    return [
        (
            await StoredFile.create(
                county="411082", owner_id=actor.person_id, kind="image/jpeg", purpose="visit_photo", size=1,
                sha256=f"{actor.person_id}-{number}", state="stored", created_at=NOW,
            )
        ).key
        for number in range(count)
    ]  # fmt: skip


async def test_a_village_is_watched_monthly_and_an_operator_visited_quarterly(
    county: County, apply: Submit
) -> None:
    """S9.1: by village; by bank, county and town; planned again it changes nothing."""
    farmer, operator = await lend([]), await operator_loan(apply)
    made = await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    assert made == {"cadre": 1, "bank_officer": 1, "county_clerk": 1, "town_clerk": 1}
    assert sum((await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)).values()) == 0
    watch = await Task.get(kind="village_watch")
    assert (watch.role, watch.region, watch.stage, watch.loan_id) == ("cadre", VILLAGE, "2026-11", None)
    visits_of = await Task.filter(kind="post_loan_visit")
    assert {task.loan_id for task in visits_of} == {operator.id} != {farmer.id}
    assert {task.stage for task in visits_of} == {QUARTER.name}
    later = await visit_plans.plan_visits("411082", TODAY + timedelta(days=35), county.pack, at(35))
    assert later == {"cadre": 1, "bank_officer": 1, "county_clerk": 1, "town_clerk": 1}


async def test_a_loan_paid_out_in_the_period_is_not_visited_in_it(county: County, apply: Submit) -> None:
    """S9.1: the statement and the rule agree on the border."""
    loan = await operator_loan(apply, disbursed_on=QUARTER.first_on)
    await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    assert not needs_visit(loan.disbursed_on, QUARTER)
    assert not await Task.filter(kind="post_loan_visit").exists()
    loan.disbursed_on = QUARTER.first_on - timedelta(days=1)
    await loan.save()
    await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    assert needs_visit(loan.disbursed_on, QUARTER)
    assert await Task.filter(kind="post_loan_visit").count() == 3


async def test_a_missed_visit_goes_up_to_the_town_and_then_the_county(county: County) -> None:
    """S9.1"""
    await lend([])
    await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    for days, role in ((5, "town_clerk"), (8, "county_clerk")):
        await escalation.escalate_due("411082", county.pack, at(days))
        assert (await Task.get(kind="village_watch")).escalated_role == role
    (row,) = await visit_plans.progress(await county.actor("liu"), TODAY, at(8))
    assert (row.planned, row.done, row.missed) == (1, 0, 1)


async def test_what_a_visit_finds_becomes_facts_that_warn(county: County, apply: Submit) -> None:
    """S9.1, S9.2, S10.1: kept once, with place and both times; the same upload again is the same visit."""
    loan = await operator_loan(apply)
    await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    officer = await county.actor("zhao")
    task = await Task.get(kind="post_loan_visit", role="bank_officer")
    report = visits.VisitReport(
        client_id="c1", device_at=NOW, result="abnormal", latitude=34.2057, longitude=113.7042, accuracy_m=10,
        findings={"seen": ["stopped"]}, remark="羊圈空了", photos=await photos(officer),
    )  # fmt: skip
    first = await visits.record(officer, task.key, report, county.pack, NOW)
    assert (await visits.record(officer, task.key, report, county.pack, NOW)).id == first.id
    assert (first.loan_id, first.application_id, first.distance_m) == (loan.id, None, 0)
    assert (await Task.get(id=task.id)).outcome == "abnormal"
    fact = await RiskFact.get(loan_id=loan.id)
    assert (fact.kind, fact.visit_id) == ("stopped", first.id)
    await run_night(county)
    assert (await EarlyWarning.get(loan_id=loan.id)).level == 2
    assert await Visit.all().count() == 1


async def test_a_visit_that_does_not_fit_is_refused(county: County, apply: Submit) -> None:
    """S9.2: findings and result belong together; photos are needed and are used once."""
    await operator_loan(apply)
    await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    officer = await county.actor("zhao")
    task = await Task.get(kind="post_loan_visit", role="bank_officer")
    pictures = await photos(officer)
    for changes in (
        {"result": "abnormal"},
        {"result": "confirmed"},
        {"findings": {"seen": ["stopped"]}},
        {"findings": {"seen": ["flood"]}, "result": "abnormal"},
        {"photos": ()},
    ):
        given = {"client_id": "c1", "device_at": NOW, "result": "normal", "photos": pictures, **changes}
        with pytest.raises(RuleRefused):
            await visits.record(officer, task.key, visits.VisitReport(**given), county.pack, NOW)  # type: ignore[arg-type]
    assert not await Visit.all().exists()


async def test_the_town_hears_at_once_of_what_the_village_reports(county: County) -> None:
    """S9.1: one task while it is open; the watch ends with what was reported."""
    loan = await lend([])
    await visit_plans.plan_visits("411082", TODAY, county.pack, NOW)
    cadre = await county.actor("wang")
    await visit_plans.report(cadre, loan.key, ["ill"], "住院了", county.pack, NOW)
    await visit_plans.report(cadre, loan.key, ["ill", "sold_up"], "", county.pack, NOW)
    assert await RiskFact.filter(loan_id=loan.id).count() == 2
    (task,) = await Task.filter(kind="abnormal")
    assert (task.role, task.state) == ("town_clerk", "open")
    assert "重病" in task.note
    assert "在卖" in task.note
    watch = await Task.get(kind="village_watch")
    assert (await visit_plans.finish_watch(cadre, watch.key, NOW)).outcome == "abnormal"
    with pytest.raises(NotFound):
        await visit_plans.report(await county.actor("song"), loan.key, ["ill"], "", county.pack, NOW)
    with pytest.raises(RuleRefused):
        await visit_plans.report(cadre, loan.key, ["weather"], "", county.pack, NOW)


async def test_news_of_a_region_are_entered_by_who_looks_after_it(county: County) -> None:
    """S10.1, S17.2"""
    given = visit_plans.RegionReport("disaster", VILLAGE, "sheep", TODAY, None)
    made = await visit_plans.report_region(await county.actor("zhou"), given, county.pack, NOW)
    assert (made.kind, made.region, made.industry) == ("disaster", VILLAGE, "sheep")
    for person, region in (("he", VILLAGE), ("zhou", "411082000000"), ("wang", VILLAGE)):
        wrong = visit_plans.RegionReport("disaster", region, "", TODAY, None)
        with pytest.raises(RuleRefused):
            await visit_plans.report_region(await county.actor(person), wrong, county.pack, NOW)
