"""Whose hands may do what: confirming, supplementing, becoming somebody, one's own and the family's case."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from actions import applications, confirmations, delegations, escalation, loans, repayments, status, tasks
from actions.access import actor_for
from actions.invariants import check_all
from actions.routing import on_day
from bot.errors import Conflict, RuleRefused
from models.application import LoanApplication, Task
from models.conversation import Consent, Draft, StoredFile
from models.loan import Instalment, Loan, Repayment
from models.notice import Notice
from models.people import Organisation, Person, Post, WechatUser
from models.work import AuditEntry
from rules.application import ApplicantKind
from rules.routes import Decision
from tests.actions.conftest import ACCOUNT, FARMER_ID, NOW, County, Submit, papers, submission
from tests.actions.test_applications import approved, decide, disbursement, visit

OTHER_ID = "41108219750101451X"


async def signature_of(county: County, person: str, **changes: object) -> str:
    row = {
        "county": "411082", "owner_id": (await county.actor(person)).person_id, "purpose": "signature",
        "state": "stored", "sha256": "5" * 64, "created_at": NOW,
    } | changes  # fmt: skip
    return (await StoredFile.create(**row)).key


@pytest.mark.parametrize("stranger", ["chen", "zhou", "liu"])
async def test_whoever_only_reviews_cannot_confirm_for_the_farmer(
    county: County, apply: Submit, stranger: str
) -> None:
    """S1.7: seeing an application is not having filled it in."""
    application = await apply("wang", own=False)
    photo = await signature_of(county, stranger)
    with pytest.raises(RuleRefused) as refused:
        await confirmations.confirm(
            await county.actor(stranger),
            application.key,
            county.pack,
            NOW,
            consents=papers(county.pack),
            signature_file=photo,
        )
    assert (refused.value.rule, refused.value.code) == ("S1.7", "not_yours")


@pytest.mark.parametrize(
    ("owner", "changes"),
    [
        ("wang", {"purpose": "visit"}),
        ("wang", {"state": "pending"}),
        ("song", {}),
    ],
)
async def test_only_a_stored_photo_of_ones_own_is_a_signature(
    county: County, apply: Submit, owner: str, changes: dict[str, object]
) -> None:
    """S1.7: any other key, and any words, are refused."""
    application = await apply("wang", own=False)
    wang = await county.actor("wang")
    for key in (await signature_of(county, owner, **changes), "no-such-photo"):
        with pytest.raises(RuleRefused) as refused:
            await confirmations.confirm(
                wang, application.key, county.pack, NOW, consents=papers(county.pack), signature_file=key
            )
        assert refused.value.code == "signature_missing"


async def test_a_signature_confirms_one_application_only(county: County, apply: Submit) -> None:
    """S1.7: the photo becomes part of the application, so it cannot be used for the next."""
    first = await apply("wang", own=False)
    wang = await county.actor("wang")
    photo = await signature_of(county, "wang")
    await confirmations.confirm(
        wang, first.key, county.pack, NOW, consents=papers(county.pack), signature_file=photo
    )
    assert (await StoredFile.get(key=photo)).application_id == first.id
    second = await apply("wang", own=False, id_number=OTHER_ID, name="郭大山", phone="13800002222")
    with pytest.raises(RuleRefused) as refused:
        await confirmations.confirm(
            wang, second.key, county.pack, NOW, consents=papers(county.pack), signature_file=photo
        )
    assert refused.value.code == "signature_missing"


async def returned(county: County, apply: Submit, **changes: object) -> LoanApplication:
    application = await apply(**changes)
    await decide(county, application, "chen", "acquiring_bank_review", Decision.RETURN, reason="金额请核对")
    return application


async def test_whoever_only_reviews_cannot_answer_a_return(county: County, apply: Submit) -> None:
    """S1.5: the bank returns, and cannot write the farmer's answer itself."""
    application = await returned(county, apply)
    for reviewer in ("chen", "liu", "wang"):
        with pytest.raises(RuleRefused) as refused:
            await applications.supplement(
                await county.actor(reviewer), application.key, submission(), county.pack, NOW
            )
        assert refused.value.code == "not_yours"


async def test_a_return_cannot_be_answered_as_somebody_else(county: County, apply: Submit) -> None:
    """S1.6: another ID number would pass by the check of one open application a household."""
    application = await returned(county, apply)
    with pytest.raises(RuleRefused) as refused:
        await applications.supplement(
            await county.actor("zhang"), application.key, submission(id_number=OTHER_ID), county.pack, NOW
        )
    assert (refused.value.rule, refused.value.field) == ("S1.6", "id_number")


async def test_an_answer_to_a_return_keeps_kind_phone_and_new_consents(county: County, apply: Submit) -> None:
    """S1.4, S1.5: the sum is judged by the kind that is kept, and the phone is the one to call."""
    application = await returned(county, apply)
    again = submission(
        kind=ApplicantKind.NEW_OPERATOR,
        amount_fen=30_000_000,
        poor_households_carried=2,
        phone="13900003333",
        consents=(applications.GivenConsent("pledge", "2027-01-01", "b" * 64),),
    )
    made = await applications.supplement(
        await county.actor("zhang"), application.key, again, county.pack, NOW
    )
    assert (made.applicant_kind, made.amount_fen) == ("new_operator", 30_000_000)
    assert (await Person.get(id=made.applicant_id)).phone == "13900003333"
    assert await Consent.filter(application_id=made.id, version="2027-01-01").exists()


async def test_a_return_beside_an_open_stage_leaves_no_task_that_cannot_be_done(
    county: County, apply: Submit
) -> None:
    """S1.2: the bank returns while the guarantor has not spoken; then each has one task, of the new round."""
    application = await apply()
    await decide(county, application, "chen", "acquiring_bank_review")
    await visit(county, application)
    await decide(county, application, "liu", "county_recommend")
    await decide(county, application, "zhao", "bank_opinion", Decision.RETURN, reason="用途写清楚")
    await applications.supplement(
        await county.actor("zhang"), application.key, submission(), county.pack, NOW
    )
    open_now = await Task.filter(application_id=application.id, state="open").order_by("stage")
    assert [(task.stage, task.round) for task in open_now] == [("bank_opinion", 2), ("guarantor_opinion", 2)]
    await decide(county, application, "sun", "guarantor_opinion")
    result = await decide(county, application, "zhao", "bank_opinion")
    assert result.state == "approved"


@pytest.mark.parametrize(
    ("known", "code"),
    [
        ({}, "prove_identity"),
        ({"phone": "13999999999"}, "prove_identity"),
        ({"name": "赵六"}, "identity_taken"),
    ],
)
async def test_knowing_an_id_number_is_not_being_that_person(
    county: County, apply: Submit, known: dict[str, str], code: str
) -> None:
    """S1.6, S1.7: name, number and phone are known to whoever filled in the form; the phone itself is not."""
    await apply("wang", own=False)
    with pytest.raises(RuleRefused) as refused:
        await apply("zhang", **known)
    assert refused.value.code == code


async def test_nobody_becomes_staff_by_knowing_an_officers_numbers(county: County, apply: Submit) -> None:
    """S1.7, S17.1: an officer who was registered before he uses WeChat is not taken over, post and all."""
    officer = await Person.get(id=(await county.actor("chen")).person_id)
    officer.id_number, officer.name, officer.phone = FARMER_ID, "张守田", "13800001111"
    await officer.save()
    await WechatUser.filter(person_id=officer.id).delete()
    with pytest.raises(RuleRefused) as refused:
        await apply("zhang")
    assert refused.value.code == "identity_taken"
    assert not (await county.actor("zhang")).staff


async def test_a_draft_submitted_twice_at_once_is_its_own_application(county: County, apply: Submit) -> None:
    """S1.1: the answer to the second click is what this draft became, not the newest application."""
    wang = await county.actor("wang")
    drafts = [
        await Draft.create(
            county="411082", person_id=wang.person_id, form="loan_application", subject=str(number),
            created_at=NOW, updated_at=NOW, expires_at=NOW + timedelta(days=30),
        )
        for number in range(2)
    ]  # fmt: skip
    first = await apply("wang", own=False, draft_key=drafts[0].key)
    await apply(
        "wang", own=False, draft_key=drafts[1].key, id_number=OTHER_ID, name="郭大山", phone="13800002222"
    )
    assert (await apply("wang", own=False, draft_key=drafts[0].key)).id == first.id


async def test_two_returns_of_one_day_are_both_told_and_both_read(county: County, apply: Submit) -> None:
    """S1.5, S1.8: bank and guarantor each want something else."""
    application = await apply()
    await decide(county, application, "chen", "acquiring_bank_review")
    await visit(county, application)
    await decide(county, application, "liu", "county_recommend")
    await decide(county, application, "zhao", "bank_opinion", Decision.RETURN, reason="用途写清楚")
    await decide(county, application, "sun", "guarantor_opinion", Decision.RETURN, reason="补拍羊圈")
    seen = await status.view(await county.actor("zhang"), application.key, NOW)
    assert seen.reason == "用途写清楚；补拍羊圈"
    told = await Notice.filter(kind="application_returned").order_by("id")
    assert [notice.facts["reason"] for notice in told] == ["用途写清楚", "用途写清楚；补拍羊圈"]


async def test_nobody_decides_an_application_at_two_stages(county: County, apply: Submit) -> None:
    """S4.3: whoever holds two posts speaks once."""
    application = await apply()
    await decide(county, application, "chen", "acquiring_bank_review")
    await visit(county, application)
    chen = await Person.get(id=(await county.actor("chen")).person_id)
    centre = await Organisation.get(kind="county_centre", county="411082")
    await Post.create(
        county="411082", person=chen, organisation=centre, role="county_clerk", region="411082000000",
        from_on=date(2026, 1, 1),
    )  # fmt: skip
    with pytest.raises(RuleRefused) as refused:
        await decide(county, application, "chen", "county_recommend")
    assert (refused.value.rule, refused.value.code) == ("S4.3", "decided_before")


async def test_the_village_clerk_who_enters_the_paper_reviews_it_first(county: County, apply: Submit) -> None:
    """S2.1, S4.3: a village has one clerk; what he fills in online he does not review."""
    application = await apply("wang", own=False, route="paper")
    photo = await signature_of(county, "wang")
    wang = await county.actor("wang")
    await confirmations.confirm(
        wang, application.key, county.pack, NOW, consents=papers(county.pack), signature_file=photo
    )
    result = await decide(county, application, "wang", "village_review")
    assert result.open_stages == ("town_review",)


async def in_the_family(county: County, person: str, application: LoanApplication) -> None:
    actor = await county.actor(person)
    await Person.filter(id=actor.person_id).update(household_id=application.household_id)


async def test_the_family_neither_visits_nor_pays_out(county: County, apply: Submit) -> None:
    """S4.3: the cadre's own household, the bank officer's own household."""
    application = await apply()
    await in_the_family(county, "wang", application)
    with pytest.raises(RuleRefused) as refused:
        await visit(county, application)
    assert refused.value.code == "own_case"
    await Person.filter(id=(await county.actor("wang")).person_id).update(household_id=None)
    application = await approve_the_rest(county, application)
    await in_the_family(county, "zhao", application)
    task = await county.task(application, "disbursement")
    with pytest.raises(RuleRefused) as refused:
        await loans.disburse(await county.actor("zhao"), task.key, disbursement(), county.pack, NOW)
    assert refused.value.code == "own_case"


async def approve_the_rest(county: County, application: LoanApplication) -> LoanApplication:
    await decide(county, application, "chen", "acquiring_bank_review")
    await visit(county, application)
    await decide(county, application, "liu", "county_recommend")
    await decide(county, application, "zhao", "bank_opinion")
    await decide(county, application, "sun", "guarantor_opinion")
    return await LoanApplication.get(id=application.id)


async def paid_out(county: County, apply: Submit, **changes: object) -> Loan:
    application = await approved(county, apply)
    task = await county.task(application, "disbursement")
    return await loans.disburse(
        await county.actor("zhao"), task.key, disbursement(**changes), county.pack, NOW
    )


async def test_only_the_bank_that_lent_records_repayments_and_nobody_his_own(
    county: County, apply: Submit
) -> None:
    """S4.3, S17.1: an officer of another bank who is the borrower here sees his loan and cannot repay it."""
    loan = await paid_out(county, apply)
    other = await Organisation.create(
        county="411082", kind="partner_bank", name="另一家银行", region="411082000000"
    )
    post = {"county": "411082", "role": "bank_officer", "region": "411082000000", "from_on": date(2026, 1, 1)}
    zhang = await Person.get(id=loan.borrower_id)
    await Post.create(**post, person=zhang, organisation=other)
    day = date(2026, 11, 28)
    with pytest.raises(RuleRefused) as refused:
        await repayments.record_repayment(await county.actor("zhang"), loan.key, "SN1", 100, day, NOW)
    assert refused.value.code == "not_allowed"
    await Post.create(**post, person=zhang, organisation=await Organisation.get(id=loan.bank_id))
    with pytest.raises(RuleRefused) as refused:
        await repayments.record_repayment(await county.actor("zhang"), loan.key, "SN1", 100, day, NOW)
    assert refused.value.code == "own_case"


async def test_a_loan_without_interest_can_be_repaid(county: County, apply: Submit) -> None:
    """S3.5, S11.1: fully subsidised at the source, so every settlement line is nought and paid already."""
    loan = await paid_out(county, apply, annual_rate_bp=0)
    zhao = await county.actor("zhao")
    shown = await loans.view_loan(zhao, loan.key, date(2027, 1, 10))
    assert (shown.overdue_fen, shown.next.due_on if shown.next else None) == (0, date(2027, 11, 28))
    made = await repayments.record_repayment(zhao, loan.key, "SN1", 3_000_000, date(2026, 11, 28), NOW)
    assert (made.principal_fen, (await Loan.get(id=loan.id)).state) == (3_000_000, "settled")


async def test_one_serial_for_two_loans_at_once_pays_one(county: County, apply: Submit) -> None:
    """S11.1: the loser hears that the serial is used; nothing of his payment stays."""
    loan = await paid_out(county, apply)
    twin = await Loan.create(
        **{
            name: getattr(loan, name)
            for name in loan._meta.db_fields
            if name not in ("id", "key", "number", "application_id")
        },
        number="CGHZ-2",
    )
    await Instalment.create(
        county="411082", loan_id=twin.id, number=1, kind="maturity", due_on=twin.maturity_on, days=365,
        principal_fen=twin.principal_fen, interest_fen=0,
    )  # fmt: skip
    zhao = await county.actor("zhao")
    day = date(2026, 11, 28)
    outcomes = await asyncio.gather(
        *(repayments.record_repayment(zhao, each.key, "SN9", 1_000, day, NOW) for each in (loan, twin) * 2),
        return_exceptions=True,
    )
    assert all(isinstance(each, Repayment | Conflict) for each in outcomes), outcomes
    assert await Repayment.all().count() == 1
    paid = await Instalment.filter(loan_id__in=[loan.id, twin.id])
    assert sum(line.paid_principal_fen + line.paid_interest_fen for line in paid) == 1_000


async def test_a_loan_is_not_dated_before_it_was_approved(county: County, apply: Submit) -> None:
    """S4.7: by the day in Changge, whatever the server's zone."""
    application = await approved(county, apply)
    await LoanApplication.filter(id=application.id).update(step_entered_at=NOW - timedelta(hours=9))
    task = await county.task(application, "disbursement")
    zhao = await county.actor("zhao")
    with pytest.raises(RuleRefused) as refused:
        await loans.disburse(zhao, task.key, disbursement(disbursed_on=date(2026, 11, 27)), county.pack, NOW)
    assert refused.value.field == "disbursed_on"
    loan = await loans.disburse(zhao, task.key, disbursement(), county.pack, NOW)
    with pytest.raises(Conflict):
        await loans.disburse(zhao, task.key, disbursement(amount_fen=2_000_000), county.pack, NOW)
    again = await loans.disburse(zhao, task.key, disbursement(number=" CGHZ-2026-0001 "), county.pack, NOW)
    assert again.id == loan.id


async def test_tasks_are_not_delegated_to_somebody_whose_post_has_ended(
    county: County, apply: Submit
) -> None:
    """S1.2, S17.1."""
    gone = await Person.get(id=(await county.actor("former")).person_id)
    bank = await Organisation.get(kind="acquiring_bank", county="411082")
    await Post.create(
        county="411082", person=gone, organisation=bank, role="loan_officer", region="411082000000",
        from_on=date(2020, 1, 1), to_on=date(2026, 11, 27),
    )  # fmt: skip
    with pytest.raises(RuleRefused) as refused:
        await delegations.delegate(
            await county.actor("chen"), gone.key, date(2026, 11, 28), date(2026, 11, 30), "出差",
            county.pack, NOW,
        )  # fmt: skip
    assert refused.value.code == "other_organisation"


async def test_what_the_farmer_never_confirms_ends_and_frees_his_household(
    county: County, apply: Submit
) -> None:
    """S1.1, S1.6, S1.7: a helper cannot block a household for ever; run twice, nothing more happens."""
    waiting = await apply("wang", own=False)
    assert await confirmations.expire_unconfirmed("411082", county.pack, NOW + timedelta(days=29)) == 0
    later = NOW + timedelta(days=30)
    assert await confirmations.expire_unconfirmed("411082", county.pack, later) == 1
    assert await confirmations.expire_unconfirmed("411082", county.pack, later) == 0
    assert (await LoanApplication.get(id=waiting.id)).state == "expired"
    assert (await apply("wang", own=False, now=later)).number != waiting.number


async def test_everything_at_once_leaves_one_truth(county: County, apply: Submit) -> None:
    """C2, I8: deciding, visiting, withdrawing and escalating in the same moment; nobody waits for ever."""
    for number in range(4):
        application = await apply()
        task = await county.task(application, "acquiring_bank_review")
        chen, zhang = await county.actor("chen"), await county.actor("zhang")
        shown = await tasks.view_task(chen, task.key, NOW)
        late = task.due_at + timedelta(hours=1)
        outcomes = await asyncio.gather(
            tasks.decide(chen, task.key, Decision.APPROVE, county.pack, NOW, shown_hash=shown.shown_hash),
            tasks.decide(
                chen,
                task.key,
                Decision.RETURN,
                county.pack,
                NOW,
                reason="补照片",
                shown_hash=shown.shown_hash,
            ),
            applications.withdraw(zhang, application.key, county.pack, NOW),
            visit(county, application, client_id=f"phone-{number}"),
            escalation.escalate_due("411082", county.pack, late),
            applications.supplement(zhang, application.key, submission(), county.pack, NOW),
            return_exceptions=True,
        )
        assert not [
            each for each in outcomes if isinstance(each, BaseException) and not isinstance(each, RuleRefused)
        ]
        now = await LoanApplication.get(id=application.id)
        if now.state != "withdrawn":
            await applications.withdraw(zhang, application.key, county.pack, NOW)
        assert not await Task.filter(application_id=application.id, state="open").exists()
    broken = [found for found in await check_all(NOW) if found.broken and not found.name.startswith("I2")]
    assert broken == []


@pytest.mark.parametrize("device_at", [datetime.min.replace(tzinfo=UTC), NOW + timedelta(days=400)])
async def test_a_visit_from_a_phone_without_a_clock_is_refused(
    county: County, apply: Submit, device_at: datetime
) -> None:
    """S9.2."""
    application = await apply()
    with pytest.raises(RuleRefused) as refused:
        await visit(county, application, device_at=device_at)
    assert refused.value.field == "device_at"


async def test_who_came_by_chat_is_the_same_person_in_the_mini_program(county: County) -> None:
    """S1.1: the chat knows no unionid, the page's login brings it, the mini-program finds him by it."""
    chat = await county.actor("li")
    more = {"on": on_day(NOW), "now": NOW, "unionid": "union-li"}
    page = await actor_for(ACCOUNT, "411082", "openid-li", channel="page", **more)
    mini = await actor_for("changge-mini", "411082", "mini-li", channel="mini_program", **more)
    assert chat.person_id == page.person_id == mini.person_id


async def test_a_helper_cannot_have_the_code_sent_to_himself(county: County, apply: Submit) -> None:
    """S1.7: the farmer's phone is not the helper's, or the confirmation would be the helper's own."""
    helper = await Person.get(id=(await county.actor("wang")).person_id)
    with pytest.raises(RuleRefused) as refused:
        await apply("wang", own=False, phone=helper.phone)
    assert (refused.value.rule, refused.value.field) == ("S1.7", "phone")


async def test_a_reason_may_hold_no_id_number_and_no_phone(county: County, apply: Submit) -> None:
    """S17.2: reasons are kept and sent as they are."""
    application = await apply()
    for words in ("请打13800001111", "身份证411082198503122455不清楚"):
        with pytest.raises(RuleRefused) as refused:
            await decide(county, application, "chen", "acquiring_bank_review", Decision.REJECT, reason=words)
        assert refused.value.code == "personal_data"


async def test_a_look_at_somebody_elses_application_is_audited_once_a_day(
    county: County, apply: Submit
) -> None:
    """S17.2: every view of personal data is logged; one's own is not a view by others."""
    application = await apply()
    task = await county.task(application, "acquiring_bank_review")
    chen = await county.actor("chen")
    for hours in (0, 1, 25):
        _ = await tasks.view_task(chen, task.key, NOW + timedelta(hours=hours))
    _ = await status.view(await county.actor("zhang"), application.key, NOW)
    looks = await AuditEntry.filter(action="view").order_by("at")
    assert [look.actor_id for look in looks] == [chen.person_id, chen.person_id]
