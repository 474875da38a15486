"""Money that went elsewhere: the alert, the day to repay, who collects, and what stops. S9.3."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from actions import conduct, misuse
from actions.loans import disburse
from actions.misuse import Found
from actions.routing import on_day
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import LoanApplication, Task
from models.loan import Loan
from models.notice import Notice
from models.subsidy import Misuse
from models.warnings import CreditEvent, EarlyWarning, RiskFact
from rules.tasks import end_of_day
from tests.actions.conftest import NOW, County, Submit
from tests.actions.risk_world import TODAY, Line, lend, run_night
from tests.actions.test_applications import approved, disbursement

FOUND = Found(falsified=False, pay_by_on=TODAY + timedelta(days=30), remark="羊没买，钱借给了亲戚")


async def report(county: County, loan: Loan, found: Found = FOUND, who: str = "zhou") -> misuse.MisuseView:
    return await misuse.report(await county.actor(who), loan.key, found, county.pack, NOW)


async def test_misuse_alerts_sets_a_day_and_gives_everybody_work(county: County) -> None:
    """S9.3: county, town, village and bank collect together; the borrower hears what to do; said twice it is
    one case; the night raises a warning."""
    loan = await lend([Line(-30)])
    case = await report(county, loan)
    assert await report(county, loan) == case
    assert (case.state, case.remark, case.found_on) == ("open", "羊没买，钱借给了亲戚", TODAY)
    tasks = await Task.filter(kind="misuse", state="open").order_by("role")
    assert [task.role for task in tasks] == ["bank_officer", "cadre", "county_clerk", "town_clerk"]
    assert {task.due_at for task in tasks} == {end_of_day(FOUND.pay_by_on)}
    (notice,) = await Notice.filter(kind="misuse_found")
    assert notice.person_id == loan.borrower_id
    assert await RiskFact.filter(loan_id=loan.id, kind="misused").count() == 1
    await run_night(county)
    assert (await EarlyWarning.get(loan_id=loan.id)).level > 0
    liu = await county.actor("liu")
    (event,) = await conduct.of_borrower(liu, loan.key, county.pack, NOW)
    assert (event.kind, event.reason) == ("misused", "贷款没用在申请的项目上")


async def test_what_was_taken_back_and_is_found_again_the_same_day_counts(county: County) -> None:
    """S9.3: two reports at once are one case; one that follows a withdrawn one is as grave as the first."""
    loan = await lend([Line(-30)])
    first, same = await asyncio.gather(report(county, loan), report(county, loan))
    assert first == same
    liu = await county.actor("liu")
    ends = [misuse.end(liu, first.key, withdrawn=True, reason="看错了", now=NOW) for _ in range(2)]
    done = await asyncio.gather(*ends, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Conflict", "MisuseView"]
    assert (await CreditEvent.get(loan_id=loan.id)).cured_on == TODAY
    await report(county, loan)
    assert (await CreditEvent.get(loan_id=loan.id)).cured_on is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pay_by_on": TODAY - timedelta(days=1)}, "90天之内"),
        ({"pay_by_on": TODAY + timedelta(days=91)}, "90天之内"),
        ({"remark": " 是 "}, "用到哪里去了"),
        ({"remark": "钱" * 501}, "用到哪里去了"),
    ],
)
async def test_what_is_reported_must_be_usable(county: County, change: dict[str, object], words: str) -> None:
    """S9.3: nothing is changed by a report that is refused."""
    loan = await lend([Line(-30)])
    with pytest.raises(RuleRefused, match=words):
        await report(county, loan, Found(**{**FOUND.__dict__, **change}))  # type: ignore[arg-type]
    assert not await Misuse.exists()
    assert not await Task.exists()


async def test_the_last_day_that_may_be_set_is_the_ninetieth(county: County) -> None:
    """S9.3"""
    loan = await lend([Line(-30)])
    last = TODAY + timedelta(days=90)
    assert (await report(county, loan, Found(True, last, "发票是假的"))).pay_by_on == last


async def test_only_staff_of_the_place_report_and_only_running_loans(county: County) -> None:
    """S9.3, S17.2, S4.3"""
    loan = await lend([Line(-30)])
    for who, refused in (("he", NotFound), ("zhang", NotFound), ("wang", RuleRefused)):
        with pytest.raises(refused):
            await report(county, loan, who=who)
    zhou = await county.actor("zhou")
    await Loan.filter(id=loan.id).update(borrower_id=zhou.person_id)
    with pytest.raises(RuleRefused, match="本人"):
        await report(county, await Loan.get(id=loan.id))
    done = await lend([])
    await Loan.filter(id=done.id).update(state="settled")
    with pytest.raises(RuleRefused, match="结清"):
        await report(county, done)


async def test_the_county_ends_a_case_and_not_who_reported_it(county: County) -> None:
    """S9.3: one decision, with its reason; work and credit event end with it."""
    loan = await lend([Line(-30)])
    case = await report(county, loan, who="liu")
    with pytest.raises(RuleRefused, match="另一位"):
        await misuse.end(await county.actor("liu"), case.key, withdrawn=True, reason="弄错了", now=NOW)
    await Misuse.all().update(reported_by_id=(await county.actor("zhou")).person_id)
    for who, refused in (("zhou", RuleRefused), ("he", NotFound), ("zhang", NotFound)):
        with pytest.raises(refused):
            await misuse.end(await county.actor(who), case.key, withdrawn=True, reason="弄错了", now=NOW)
    liu = await county.actor("liu")
    with pytest.raises(RuleRefused, match="写明原因"):
        await misuse.end(liu, case.key, withdrawn=True, reason=" ", now=NOW)
    ended = await misuse.end(liu, case.key, withdrawn=True, reason="弄错了", now=NOW)
    assert (ended.state, ended.ended_reason) == ("withdrawn", "弄错了")
    with pytest.raises(Conflict, match="已经了结"):
        await misuse.end(liu, case.key, withdrawn=False, reason="还了", now=NOW)
    assert not await Task.filter(kind="misuse", state="open").exists()
    assert (await CreditEvent.get(loan_id=loan.id)).cured_on == on_day(NOW)
    assert await misuse.of_loan(liu, loan.key, NOW) == [ended]
    with pytest.raises(NotFound):
        await misuse.of_loan(await county.actor("zhang"), loan.key, NOW)


@pytest.mark.parametrize(
    ("falsified", "state", "stopped"),
    [
        (False, "open", True),
        (False, "closed", False),
        (True, "closed", True),
        (True, "withdrawn", False),
    ],
)
async def test_nothing_is_paid_out_while_money_is_misused(
    county: County, apply: Submit, *, falsified: bool, state: str, stopped: bool
) -> None:
    """S9.3: falsified papers bar for good, unless it was withdrawn."""
    application = await approved(county, apply)
    who = (await LoanApplication.get(id=application.id)).applicant_id
    await Misuse.create(
        county="411082", loan_id=1, person_id=who, village=application.village, found_on=TODAY,
        falsified=falsified, pay_by_on=TODAY, state=state, reported_by_id=1, reported_at=NOW,
    )  # fmt: skip
    task = await Task.get(application_id=application.id, kind="disburse", state="open")
    zhao = await county.actor("zhao")
    if stopped:
        with pytest.raises(RuleRefused, match="不能再放款"):
            await disburse(zhao, task.key, disbursement(), county.pack, NOW)
        assert not await Loan.filter(application_id=application.id).exists()
    else:
        assert (
            await disburse(zhao, task.key, disbursement(), county.pack, NOW)
        ).application_id == application.id
