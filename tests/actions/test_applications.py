"""From submission to disbursement: what each person does, what is refused, what the farmer sees."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from actions import (
    applications,
    confirmations,
    delegations,
    escalation,
    loans,
    repayments,
    status,
    tasks,
    visits,
)
from actions.visits import VisitReport
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Decision as DecisionRow
from models.application import LoanApplication, Task, Visit
from models.conversation import Consent, StoredFile
from models.loan import Instalment, Loan
from models.notice import Notice
from models.people import Household, Person
from models.sealing import one_time_code
from models.work import AuditEntry
from policies import load_packs
from rules.routes import Decision
from tests.actions.conftest import FARMER_ID, NOW, County, Submit, papers, submission

DAY = timedelta(days=1)


async def decide(
    county: County,
    application: LoanApplication,
    person: str,
    stage: str,
    decision: Decision = Decision.APPROVE,
    **more: Any,
) -> tasks.DecisionResult:
    """What a reviewer does: open the task, look at it, decide."""
    actor = await county.actor(person)
    task = await county.task(application, stage)
    shown = await tasks.view_task(actor, task.key, NOW)
    return await tasks.decide(
        actor, task.key, decision, county.pack, NOW, shown_hash=shown.shown_hash, **more
    )


async def photo_of(county: County, person: str, number: int = 1, purpose: str = "visit") -> str:
    actor = await county.actor(person)
    made = await StoredFile.create(
        county="411082",
        owner_id=actor.person_id,
        purpose=purpose,
        state="stored",
        sha256=f"{number:064d}",
        created_at=NOW,
    )
    return made.key


async def visit(county: County, application: LoanApplication, **changes: Any) -> Visit:
    actor = await county.actor("wang")
    report = {
        "client_id": "phone-1",
        "device_at": NOW,
        "result": "confirmed",
        "latitude": 34.2057,
        "longitude": 113.7042,
        "accuracy_m": 20,
        "photos": [await photo_of(county, "wang"), await photo_of(county, "wang", 2)],
    } | changes
    task = await county.task(application, "visit")
    return await visits.record(actor, task.key, VisitReport(**report), county.pack, NOW)


async def approved(county: County, apply: Submit) -> LoanApplication:
    application = await apply()
    await decide(county, application, "chen", "acquiring_bank_review")
    await visit(county, application)
    await decide(county, application, "liu", "county_recommend")
    await decide(county, application, "zhao", "bank_opinion")
    await decide(county, application, "sun", "guarantor_opinion")
    return await LoanApplication.get(id=application.id)


def disbursement(**changes: Any) -> loans.Disbursement:
    return loans.Disbursement(
        **{
            "number": "CGHZ-2026-0001",
            "amount_fen": 3_000_000,
            "disbursed_on": date(2026, 11, 28),
            "account": "6222020012345678901",
            "annual_rate_bp": 435,
            "term_months": 12,
            "method": "interest_only",
            "settlement_cycle": "quarterly",
        }
        | changes
    )


async def test_an_online_application_goes_its_whole_way(county: County, apply: Submit) -> None:
    """S1.2, S1.3, S4.7: acquiring bank, visit, county centre, bank beside guarantor, disbursement."""
    application = await approved(county, apply)
    assert application.state == "approved"
    task = await county.task(application, "disbursement")
    loan = await loans.disburse(await county.actor("zhao"), task.key, disbursement(), county.pack, NOW)
    lines = await Instalment.filter(loan_id=loan.id).order_by("number")
    assert (await LoanApplication.get(id=application.id)).state == "disbursed"
    assert [line.due_on for line in lines] == [
        date(2026, 12, 21), date(2027, 3, 20), date(2027, 6, 20), date(2027, 9, 20), date(2027, 11, 28),
    ]  # fmt: skip
    assert sum(line.principal_fen for line in lines) == loan.principal_fen
    assert await AuditEntry.filter(action="disburse", subject_id=loan.id).exists()


async def test_submitting_opens_the_bank_task_and_the_visit_and_tells_everybody(
    county: County, apply: Submit
) -> None:
    """S1.2, S1.3, S1.5."""
    application = await apply()
    opened = await Task.filter(application_id=application.id).order_by("id")
    assert [(t.kind, t.role) for t in opened] == [("review", "loan_officer"), ("visit", "cadre")]
    told = await Notice.all().order_by("id")
    assert sorted(n.kind for n in told) == ["application_submitted", "task_assigned", "visit_task"]


async def test_consents_keep_version_hash_time_and_openid(county: County, apply: Submit) -> None:
    """S1.4."""
    application = await apply()
    kept = await Consent.get(application_id=application.id)
    assert (kept.kind, kept.version, kept.text_sha256, kept.openid, kept.agreed_at) == (
        "pledge", "2017-10-26", "a" * 64, "openid-zhang", NOW,
    )  # fmt: skip


async def test_a_second_application_of_the_household_names_the_first(county: County, apply: Submit) -> None:
    """S1.6."""
    first = await apply()
    with pytest.raises(RuleRefused, match=first.number) as refused:
        await apply()
    assert refused.value.rule == "S1.6"


async def test_two_applications_of_a_household_at_once_leave_one(county: County, apply: Submit) -> None:
    """S1.6."""
    outcomes = await asyncio.gather(apply(), apply(), apply(), return_exceptions=True)
    assert sum(isinstance(outcome, LoanApplication) for outcome in outcomes) == 1
    assert await LoanApplication.all().count() == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"id_number": "411082198503122456"}, "S1.6"),
        ({"amount_fen": 100}, "S3.3"),
        ({"term_months": 37}, "S3.4"),
        ({"industry": "mining"}, "S3.1"),
    ],
)
async def test_what_a_rule_refuses_leaves_nothing_behind(
    county: County, apply: Submit, changes: dict[str, Any], rule: str
) -> None:
    """S1.6, S3.1, S3.3, S3.4, S1.8: the reason is told and no row is kept."""
    with pytest.raises(RuleRefused) as refused:
        await apply(**changes)
    assert (refused.value.rule, await LoanApplication.all().count()) == (rule, 0)


async def test_numbers_have_no_gaps_even_after_a_refusal(county: County, apply: Submit) -> None:
    with pytest.raises(RuleRefused):
        await apply(term_months=37)
    first = await apply()
    assert first.number == "411082-2026-00001"


async def test_personal_data_is_nowhere_in_the_dump(county: County, apply: Submit) -> None:
    """Issue 2 part 2: a canary in every personal field, none of them in any row as text."""
    await apply(answers={"name": "张守田", "id_number": FARMER_ID, "phone": "13800001111"})
    from bot import database

    dump = ""
    for row in await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        rows = await database.fetch(f'SELECT t::text AS line FROM "{row["tablename"]}" t')  # noqa: S608
        dump += "\n".join(each["line"] for each in rows)
    for canary in ("张守田", FARMER_ID, "13800001111"):
        assert canary not in dump
        assert canary.encode().hex() not in dump


async def test_the_county_must_wait_for_the_visit(county: County, apply: Submit) -> None:
    """S1.3: Changge's pack blocks the county stage until the cadre has been there."""
    application = await apply()
    await decide(county, application, "chen", "acquiring_bank_review")
    with pytest.raises(RuleRefused) as refused:
        await decide(county, application, "liu", "county_recommend")
    assert refused.value.rule == "S1.3"
    await visit(county, application)
    result = await decide(county, application, "liu", "county_recommend")
    assert result.open_stages == ("bank_opinion", "guarantor_opinion")


async def test_a_visit_that_found_it_untrue_does_not_count_as_confirmed(
    county: County, apply: Submit
) -> None:
    """S1.3."""
    application = await apply()
    await decide(county, application, "chen", "acquiring_bank_review")
    await visit(county, application, result="not_confirmed")
    with pytest.raises(RuleRefused) as refused:
        await decide(county, application, "liu", "county_recommend")
    assert refused.value.code == "requirement_denied"
    shown = await tasks.view_task(
        await county.actor("liu"), (await county.task(application, "county_recommend")).key, NOW
    )
    assert (shown.missing, shown.decisions) == ((), (Decision.RETURN, Decision.REJECT))
    await decide(county, application, "liu", "county_recommend", Decision.RETURN, reason="请和村干部再看一次")
    zhang = await county.actor("zhang")
    await applications.supplement(zhang, application.key, submission(), county.pack, NOW)
    again = await county.task(application, "visit")
    assert (again.round, again.state) == (2, "open")


async def test_the_same_visit_sent_again_is_one_visit(county: County, apply: Submit) -> None:
    """S9.2: client-made id; a replay changes nothing."""
    application = await apply()
    first = await visit(county, application)
    again = await visit(county, application)
    assert (first.id, await Visit.all().count()) == (again.id, 1)


async def test_a_photo_that_comes_after_its_visit_is_compared_like_the_others(
    county: County, apply: Submit
) -> None:
    """S9.2, S18.9: the phone had no signal; bytes, look and camera time count when they are there."""
    application = await apply()
    late = [await photo_of(county, "wang", number) for number in (7, 8, 9)]
    await StoredFile.filter(key__in=late).update(state="pending", sha256="")
    made = await visit(county, application, photos=late)
    assert made.doubts == []

    async def arrives(key: str, **facts: Any) -> list[dict[str, Any]]:
        await StoredFile.filter(key=key).update(state="stored", **facts)
        for _ in range(2):  # the job may run twice
            await visits.photo_arrived(key, load_packs(), NOW + timedelta(hours=1))
        return list((await Visit.get(id=made.id)).doubts)

    await photo_of(county, "wang", 70)  # sent after it, with a signal, by the same phone
    assert [each["code"] for each in await arrives(late[0], sha256=f"{70:064d}")] == ["reused_photo"]
    seen = await StoredFile.get(key=await photo_of(county, "wang", 80))
    await StoredFile.filter(id=seen.id).update(phash=0b1111)
    doubts = await arrives(late[1], sha256="b" * 64, phash=0b1101, taken_at=NOW - timedelta(days=9))
    assert {each["code"]: each["message"][0] for each in doubts} == {"reused_photo": "2", "photo_time": "1"}
    assert await arrives(late[2], sha256="c" * 64, phash=-1) == doubts
    assert await AuditEntry.filter(action="visit_judged_again", subject_id=made.id).count() == 2
    assert await visits.photo_arrived("gone", load_packs(), NOW) == 0


async def test_a_visit_keeps_both_clocks_and_shows_its_distance_and_doubts(
    county: County, apply: Submit
) -> None:
    """S9.2, S18.9: uploaded a day later, seven kilometres away."""
    application = await apply()
    made = await visit(county, application, device_at=NOW - DAY, latitude=34.2693)
    assert (made.device_at, made.received_at) == (NOW - DAY, NOW)
    assert made.distance_m is not None
    assert 6_500 < made.distance_m < 7_500
    assert "far_from_home" in [doubt["code"] for doubt in made.doubts]


async def test_two_reviewers_at_once_one_wins_and_the_other_is_told(county: County, apply: Submit) -> None:
    """S1.2, C2: exactly one decision; the loser hears what it was."""
    application = await apply()
    task = await county.task(application, "acquiring_bank_review")
    chen = await county.actor("chen")
    shown = await tasks.view_task(chen, task.key, NOW)
    from models.people import Organisation, Post

    bank = await Organisation.get(kind="acquiring_bank", county="411082")
    second = await county.actor("second-officer")
    await Post.create(
        county="411082", person_id=second.person_id, organisation=bank, role="loan_officer",
        region="411082000000", from_on=date(2026, 1, 1),
    )  # fmt: skip
    second = await county.actor("second-officer")
    outcomes = await asyncio.gather(
        *(
            tasks.decide(
                actor, task.key, decision, county.pack, NOW, reason="资料不清楚", shown_hash=shown.shown_hash
            )
            for actor, decision in ((chen, Decision.APPROVE), (second, Decision.REJECT)) * 3
        ),
        return_exceptions=True,
    )
    rows = await DecisionRow.filter(application_id=application.id)
    assert len(rows) == 1
    assert sum(isinstance(each, tasks.DecisionResult) and not each.repeated for each in outcomes) == 1
    assert all(isinstance(each, tasks.DecisionResult | Conflict) for each in outcomes), outcomes


async def test_a_decision_on_changed_data_must_look_again(county: County, apply: Submit) -> None:
    """The hash of what was shown differs from what is there now."""
    application = await apply()
    task = await county.task(application, "acquiring_bank_review")
    chen = await county.actor("chen")
    shown = await tasks.view_task(chen, task.key, NOW)
    await visit(county, application)
    with pytest.raises(Conflict) as refused:
        await tasks.decide(chen, task.key, Decision.APPROVE, county.pack, NOW, shown_hash=shown.shown_hash)
    assert refused.value.code == "stale"


async def test_a_return_opens_a_new_round_at_the_stage_that_returned(county: County, apply: Submit) -> None:
    """S1.2, S1.5: the farmer reads the reason and answers; only that stage looks again."""
    application = await apply()
    await decide(
        county,
        application,
        "chen",
        "acquiring_bank_review",
        Decision.RETURN,
        reason="金额请核对",
        return_fields=["amount"],
    )
    zhang = await county.actor("zhang")
    seen = await status.view(zhang, application.key, NOW)
    assert (seen.state, seen.reason, seen.return_fields, seen.may_supplement) == (
        "returned", "金额请核对", ("amount",), True,
    )  # fmt: skip
    again = await applications.supplement(
        zhang,
        application.key,
        submission(amount_fen=2_000_000, answers={"amount": 2_000_000}),
        county.pack,
        NOW,
    )
    assert (again.state, again.round, again.amount_fen) == ("in_review", 2, 2_000_000)
    assert (await county.task(again, "acquiring_bank_review")).round == 2


async def test_a_refusal_needs_a_reason_and_tells_what_to_do(county: County, apply: Submit) -> None:
    """S1.8."""
    application = await apply()
    with pytest.raises(RuleRefused) as refused:
        await decide(county, application, "chen", "acquiring_bank_review", Decision.REJECT)
    assert (refused.value.rule, refused.value.field) == ("S1.8", "reason")
    await decide(county, application, "chen", "acquiring_bank_review", Decision.REJECT, reason="材料不真实")
    notice = await Notice.get(kind="application_rejected")
    assert notice.facts["reason"] == "材料不真实"
    assert "可以再申请" in notice.facts["advice"]
    assert await Task.filter(application_id=application.id, state="open").count() == 0


async def test_the_farmer_may_withdraw_before_approval_only(county: County, apply: Submit) -> None:
    """S1.5."""
    application = await approved(county, apply)
    with pytest.raises(RuleRefused):
        await applications.withdraw(await county.actor("zhang"), application.key, county.pack, NOW)


async def test_withdrawing_closes_the_tasks_and_frees_the_household(county: County, apply: Submit) -> None:
    """S1.5, S1.6."""
    application = await apply()
    zhang = await county.actor("zhang")
    await applications.withdraw(zhang, application.key, county.pack, NOW)
    assert await Task.filter(application_id=application.id, state="open").count() == 0
    assert (await apply()).number.endswith("00002")


async def test_the_farmer_sees_stage_since_role_and_expected_day(county: County, apply: Submit) -> None:
    """S1.5: which stage, since when, who by role, expected by when."""
    application = await apply()
    (seen,) = await status.my_applications(await county.actor("zhang"), NOW)
    assert seen.number == application.number
    assert seen.now_with == ("收单银行",)
    assert seen.since == NOW
    assert seen.expected_at is not None
    assert seen.expected_at > NOW
    assert "陈明" not in str(seen)


async def test_a_helper_fills_in_and_the_farmer_confirms_by_code(county: County, apply: Submit) -> None:
    """S1.7: nothing counts before the farmer's word; who filled in is recorded."""
    application = await apply("wang", own=False)
    assert application.state == "awaiting_confirmation"
    assert await Task.filter(application_id=application.id).count() == 0
    wang = await county.actor("wang")
    with pytest.raises(RuleRefused) as refused:
        await confirmations.confirm(
            wang, application.key, county.pack, NOW, consents=papers(county.pack), code="000000x"
        )
    assert refused.value.field == "code"
    code = one_time_code(f"confirm:{application.key}")
    confirmed = await confirmations.confirm(
        wang, application.key, county.pack, NOW, consents=papers(county.pack), code=code
    )
    assert (confirmed.state, confirmed.confirmed_by) == ("in_review", "code")
    assert confirmed.filled_by_id == wang.person_id != confirmed.applicant_id


async def test_the_code_cannot_be_guessed_for_ever(county: County, apply: Submit) -> None:
    """S1.7."""
    application = await apply("wang", own=False)
    wang = await county.actor("wang")
    for _ in range(confirmations.CONFIRM_TRIES):
        with pytest.raises(RuleRefused):
            await confirmations.confirm(
                wang, application.key, county.pack, NOW, consents=papers(county.pack), code="x"
            )
    right = one_time_code(f"confirm:{application.key}")
    with pytest.raises(RuleRefused) as refused:
        await confirmations.confirm(
            wang, application.key, county.pack, NOW, consents=papers(county.pack), code=right
        )
    assert refused.value.code == "too_many_tries"


async def test_an_operator_applies_by_the_same_route(county: County, apply: Submit) -> None:
    """S2.2, S3.3: a cooperative up to 3,000,000 yuan inclusive."""
    from rules.application import ApplicantKind

    limit = 300_000_000
    with pytest.raises(RuleRefused):
        await apply(kind=ApplicantKind.COOPERATIVE, amount_fen=limit + 10_000, poor_households_carried=16)
    application = await apply(kind=ApplicantKind.COOPERATIVE, amount_fen=limit, poor_households_carried=15)
    assert application.route == "online"


async def test_the_paper_route_goes_village_town_county(county: County, apply: Submit) -> None:
    """S2.1: the same engine, another route of the pack."""
    with pytest.raises(RuleRefused, match="本村"):
        await apply("guo", own=False, route="paper")  # the clerk of another village
    application = await apply("wang", own=False, route="paper")
    signature = await photo_of(county, "wang", purpose="signature")
    await confirmations.confirm(
        await county.actor("wang"),
        application.key,
        county.pack,
        NOW,
        consents=papers(county.pack),
        signature_file=signature,
    )
    await decide(county, application, "wang", "village_review")
    await decide(county, application, "zhou", "town_review")
    result = await decide(county, application, "liu", "county_recommend")
    assert result.open_stages == ("bank_opinion", "guarantor_opinion")


async def test_nobody_reviews_his_own_application(county: County, apply: Submit) -> None:
    """S4.3: the loan officer applies himself and may not decide."""
    application = await apply("chen")
    with pytest.raises(RuleRefused) as refused:
        await decide(county, application, "chen", "acquiring_bank_review")
    assert refused.value.rule == "S4.3"


async def test_what_is_not_yours_looks_as_if_it_were_not_there(county: County, apply: Submit) -> None:
    """S17.2."""
    application = await apply()
    task = await county.task(application, "acquiring_bank_review")
    for stranger in ("li", "song", "zhou"):
        with pytest.raises(NotFound):
            await tasks.view_task(await county.actor(stranger), task.key, NOW)
    with pytest.raises(NotFound):
        await status.view(await county.actor("li"), application.key, NOW)


async def test_an_overdue_task_goes_up_a_level_once(county: County, apply: Submit) -> None:
    """S1.2, S9.1: a visit nobody makes goes to the town; run twice, nothing more happens."""
    application = await apply()
    later = (await county.task(application, "visit")).due_at + timedelta(hours=1)
    assert await escalation.escalate_due("411082", county.pack, later) >= 1
    assert await escalation.escalate_due("411082", county.pack, later) == 0
    task = await county.task(application, "visit")
    assert (task.escalation, task.escalated_role) == (1, "town_clerk")
    assert task.key in [each.key for each in await tasks.inbox(await county.actor("zhou", later), later)]


async def test_a_delegate_does_the_tasks_of_an_absent_colleague(county: County, apply: Submit) -> None:
    """S1.2: dated, inside one organisation, logged; the decision is the delegate's own."""
    from models.people import Organisation, Post

    bank = await Organisation.get(kind="acquiring_bank", county="411082")
    stand_in = await county.actor("stand-in")
    await Post.create(
        county="411082", person_id=stand_in.person_id, organisation=bank, role="teller",
        region="411082000000", from_on=date(2026, 1, 1),
    )  # fmt: skip
    key = (await Person.get(id=stand_in.person_id)).key
    on = date(2026, 11, 28)
    await delegations.delegate(await county.actor("chen"), key, on, on, "出差", county.pack, NOW)
    application = await apply()
    await decide(county, application, "stand-in", "acquiring_bank_review")
    row = await DecisionRow.get(application_id=application.id)
    assert row.reviewer_id == stand_in.person_id
    assert await AuditEntry.filter(action="delegate").count() == 1


async def test_recording_the_same_disbursement_twice_makes_one_loan(county: County, apply: Submit) -> None:
    """S4.7."""
    application = await approved(county, apply)
    task = await county.task(application, "disbursement")
    zhao = await county.actor("zhao")
    first = await loans.disburse(zhao, task.key, disbursement(), county.pack, NOW)
    again = await loans.disburse(zhao, task.key, disbursement(), county.pack, NOW)
    assert (first.id, await Loan.all().count()) == (again.id, 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"annual_rate_bp": 436}, "rate"),
        ({"amount_fen": 3_010_000}, "amount"),
        ({"term_months": 37}, "term"),
        ({"disbursed_on": date(2026, 11, 29)}, "disbursed_on"),
        ({"account": "12-34"}, "account"),
    ],
)
async def test_a_wrong_disbursement_is_refused(
    county: County, apply: Submit, changes: dict[str, Any], field: str
) -> None:
    """S3.4, S3.5, S4.7: the cap of 4.35 %, not above what was asked, not in the future."""
    application = await approved(county, apply)
    task = await county.task(application, "disbursement")
    with pytest.raises(RuleRefused) as refused:
        await loans.disburse(await county.actor("zhao"), task.key, disbursement(**changes), county.pack, NOW)
    assert refused.value.field == field
    assert await Loan.all().count() == 0


async def test_a_repayment_is_booked_once_per_bank_serial(county: County, apply: Submit) -> None:
    """S11.1: interest before principal, the oldest line first; parts sum to the whole."""
    application = await approved(county, apply)
    task = await county.task(application, "disbursement")
    zhao = await county.actor("zhao")
    loan = await loans.disburse(zhao, task.key, disbursement(), county.pack, NOW)
    later = NOW + 400 * DAY
    zhao = await county.actor("zhao", later)
    view = await loans.view_loan(zhao, loan.key, date(2028, 1, 2))
    owed = sum(line.owed_fen for line in view.instalments)
    for _ in range(2):
        await repayments.record_repayment(zhao, loan.key, "T1", owed - 1, date(2027, 12, 1), later)
    row = await Loan.get(id=loan.id)
    assert (row.balance_fen, row.state) == (1, "active")
    with pytest.raises(RuleRefused):
        await repayments.record_repayment(zhao, loan.key, "T2", 2, date(2027, 12, 1), later)
    await repayments.record_repayment(zhao, loan.key, "T2", 1, date(2027, 12, 1), later)
    row = await Loan.get(id=loan.id)
    assert (row.balance_fen, row.state, row.settled_on) == (0, "settled", date(2027, 12, 1))


async def test_an_id_number_bound_to_one_wechat_is_not_taken_over_by_another(
    county: County, apply: Submit
) -> None:
    """S1.6, S1.7."""
    application = await apply()
    await applications.withdraw(await county.actor("zhang"), application.key, county.pack, NOW)
    with pytest.raises(RuleRefused) as refused:
        await apply("li")
    assert refused.value.code == "identity_taken"


async def test_family_members_share_one_household(county: County, apply: Submit) -> None:
    """S1.6: the son names his father as head; the father's open application stands in his way."""
    first = await apply()
    with pytest.raises(RuleRefused, match=first.number):
        await apply("li", id_number="411082200001011237", head_id_number=FARMER_ID)
    assert await Household.filter(village="411082101201").count() >= 1
