"""代办: the farmer reads, agrees and says so himself; what a helper changes is asked again (S1.4, S1.7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions import applications, confirmations, status
from actions.applications import GivenConsent
from actions.subjects import confirmation_code
from bot.errors import RuleRefused
from models.application import LoanApplication, Task
from models.conversation import Consent
from models.notice import Notice
from models.people import WechatUser
from models.sealing import one_time_code
from rules.routes import Decision
from tests.actions.conftest import NOW, County, Submit, papers, submission
from tests.actions.test_applications import decide

LATER = NOW + timedelta(hours=3)


def code_of(application: LoanApplication) -> str:
    return one_time_code(confirmation_code(application.key, application.round))


async def agreed(application: LoanApplication) -> set[tuple[int, str, str]]:
    rows = await Consent.filter(application_id=application.id)
    return {(row.person_id, row.kind, row.means) for row in rows}


async def test_a_helper_agrees_to_nothing_for_another(county: County, apply: Submit) -> None:
    """S1.4: what he ticked while he filled in is nobody's consent."""
    application = await apply("wang", own=False)
    assert await agreed(application) == set()


@pytest.mark.parametrize("left_out", ["credit_query_consent", "notice_of_terms", "pledge"])
async def test_without_every_paper_nothing_is_confirmed(county: County, apply: Submit, left_out: str) -> None:
    """S1.4: and the try does not count against the code."""
    application = await apply("wang", own=False)
    some = [paper for paper in papers(county.pack) if paper.kind != left_out]
    old = GivenConsent(left_out, "1999-01", "d" * 64)
    for given in (some, [*some, old]):
        with pytest.raises(RuleRefused) as refused:
            await confirmations.confirm(
                await county.actor("wang"), application.key, county.pack, NOW, consents=given,
                code=code_of(application),
            )  # fmt: skip
        assert (refused.value.rule, refused.value.code) == ("S1.4", "papers_missing")
    assert (await LoanApplication.get(id=application.id)).confirm_tries == 0


async def test_his_consents_are_kept_under_his_name_with_the_means(county: County, apply: Submit) -> None:
    """S1.4, S1.7: version, hash, time, the WeChat it came through, and how."""
    application = await apply("wang", own=False)
    wang = await county.actor("wang")
    await confirmations.confirm(
        wang, application.key, county.pack, LATER, consents=papers(county.pack), code=code_of(application)
    )
    assert await agreed(application) == {
        (application.applicant_id, kind, "code")
        for kind in ("credit_query_consent", "notice_of_terms", "pledge")
    }
    row = await Consent.filter(application_id=application.id, kind="pledge").get()
    assert (row.version, row.text_sha256, row.agreed_at, row.openid) == (
        county.pack.document("pledge").version, "c" * 64, LATER, wang.openid,
    )  # fmt: skip


async def returned(county: County, apply: Submit) -> LoanApplication:
    application = await apply("wang", own=False)
    await confirmations.confirm(
        await county.actor("wang"), application.key, county.pack, NOW, consents=papers(county.pack),
        code=code_of(application),
    )  # fmt: skip
    await decide(county, application, "chen", "acquiring_bank_review", Decision.RETURN, reason="请核对一下")
    return await LoanApplication.get(id=application.id)


@pytest.mark.parametrize("changed", [{"amount": 4_000_000}, {"term": 24}, {"purpose": "买牛"}])
async def test_what_a_helper_changes_of_the_farmers_will_waits_for_the_farmer(
    county: County, apply: Submit, changed: dict[str, object]
) -> None:
    """S1.7: nobody reviews it before; the old code is worth nothing; afterwards the stage looks again."""
    application = await returned(county, apply)
    old = code_of(await LoanApplication.get(id=application.id))
    wang = await county.actor("wang")
    again = submission(own=False, answers={**application.answers, **changed})
    made = await applications.supplement(wang, application.key, again, county.pack, LATER)
    assert (made.state, made.confirmed_by, made.round) == ("awaiting_confirmation", "", 2)
    assert not await Task.filter(application_id=made.id, state="open", kind="review").exists()
    told = await Notice.filter(kind="confirm_changed_by_helper")
    assert [notice.person_id for notice in told] == [made.applicant_id]
    with pytest.raises(RuleRefused) as refused:
        await confirmations.confirm(
            wang, made.key, county.pack, LATER, consents=papers(county.pack), code=old
        )
    assert refused.value.code == "wrong_code"
    sure = await confirmations.confirm(
        wang, made.key, county.pack, LATER, consents=papers(county.pack), code=code_of(made)
    )
    assert (sure.state, sure.submitted_at) == ("in_review", NOW)
    open_now = await Task.filter(application_id=made.id, state="open", kind="review")
    assert [(task.stage, task.round) for task in open_now] == [("acquiring_bank_review", 2)]
    assert await Task.filter(application_id=made.id, kind="visit").count() == 1


async def test_other_changes_of_a_helper_go_on_at_once(county: County, apply: Submit) -> None:
    """S1.5, S1.7: a photo or a better description is no new will."""
    application = await returned(county, apply)
    again = submission(own=False, answers={**application.answers, "repayment_source": "卖羊"})
    made = await applications.supplement(
        await county.actor("wang"), application.key, again, county.pack, LATER
    )
    assert (made.state, made.confirmed_by) == ("in_review", "code")


async def test_the_farmers_own_change_needs_no_second_word(county: County, apply: Submit) -> None:
    """S1.5, S1.7"""
    application = await returned(county, apply)
    zhang = await county.actor("zhang")
    await WechatUser.filter(person_id=zhang.person_id).update(person_id=application.applicant_id)
    again = submission(own=False, answers={**application.answers, "amount": 2_000_000})
    made = await applications.supplement(
        await county.actor("zhang"), application.key, again, county.pack, LATER
    )
    assert made.state == "in_review"


async def test_what_waits_again_has_its_full_time_again_and_its_end_is_told(
    county: County, apply: Submit
) -> None:
    """S1.1, S1.7: thirty days from the change, not from the first day."""
    application = await returned(county, apply)
    changed = NOW + timedelta(days=20)
    again = submission(own=False, answers={**application.answers, "term": 24})
    await applications.supplement(await county.actor("wang"), application.key, again, county.pack, changed)
    assert await confirmations.expire_unconfirmed("411082", county.pack, NOW + timedelta(days=31)) == 0
    ends = changed + timedelta(days=30)
    assert await confirmations.expire_unconfirmed("411082", county.pack, ends) == 1
    seen = await status.view(await county.actor("wang"), application.key, ends)
    assert (seen.state, seen.may_confirm) == ("expired", False)
    told = {notice.person_id for notice in await Notice.filter(kind="application_expired")}
    assert told == {application.applicant_id, application.filled_by_id}
