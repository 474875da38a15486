"""Every kind of notice that a pack knows can be said, about real subjects, on every rung it has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from actions import loans, wording
from actions.notices import plan
from actions.subjects import Asked, Sealed, about
from actions.wording import Facts, Told
from bot import database
from models.application import Task
from models.conversation import Draft
from models.loan import Instalment, Loan, Repayment
from models.notice import Notice
from models.people import Person
from models.slip import RepaymentSlip
from models.warnings import CreditEvent
from policies import Pack, load_packs
from rules.notices import Channel
from rules.words import PRIVATE_FACTS, placeholders
from tests.actions.conftest import NOW, VILLAGE, County, Submit
from tests.actions.test_applications import approved, disbursement

KINDS = sorted({kind for pack in load_packs() for kind in pack.notices})
SUBJECT_OF: Mapping[str, str] = {
    **dict.fromkeys(("early_repayment_asked", "line_suspended"), "credit_event"),
    **dict.fromkeys(("filing_late", "filing_overdue", "filing_received"), "filing"),
    "task_digest": "digest",
    **dict.fromkeys(
        ("settlement_due", "instalment_due", "maturity_due", "overdue", "extension_window"), "instalment"
    ),
    **dict.fromkeys(("slip_confirmed", "slip_refused", "slip_for_guarantor"), "slip"),
    **dict.fromkeys(("repayment_reversed", "reversal_for_guarantor"), "repayment"),
    "subsidy_paid": "subsidy",
    "grade_changed": "grade",
    "credit_line_expiring": "credit_line",
    **dict.fromkeys(("task_assigned", "task_due_soon", "task_escalated", "visit_task"), "task"),
    **dict.fromkeys(("handover_task", "call_or_visit"), "errand"),
    **dict.fromkeys(("draft_reminder", "draft_expiring"), "draft"),
    "late_reply": "inbox",
    "misuse_found": "loan",
}
FILED = {"task": "每月备案", "place": "长葛市", "due_on": "2026年12月10日", "count": 3}
PLANNED_FACTS: Mapping[str, Mapping[str, Any]] = {
    "early_repayment_asked": {"count": "2"},
    "line_suspended": {"reason": "有一笔贷款逾期超过70天", "due_on": "2026年11月28日"},
    "misuse_found": {"due_on": "2026年12月20日"},
    "task_digest": FILED,
    "filing_late": FILED,
    "filing_overdue": FILED,
    "filing_received": FILED,
    "late_reply": {"reply": "您的申请正在审核。"},
    "draft_expiring": {"days": 3},
    "subsidy_paid": {"amount_fen": 54_375},
    "grade_changed": {"old_grade": "A", "grade": "AA", "reason": "按时还清"},
    "credit_line_expiring": {"amount_fen": 5_000_000},
}


@pytest.fixture
async def subjects(county: County, apply: Submit) -> dict[str, int]:
    """One real row of each kind that a notice may be about."""
    application = await approved(county, apply)
    task = await county.task(application, "disbursement")
    await loans.disburse(await county.actor("zhao"), task.key, disbursement(), county.pack, NOW)
    loan = await Loan.get(application_id=application.id)
    errand = await Task.create(
        county="411082",
        kind="call_or_visit",
        role="cadre",
        region=VILLAGE,
        person_id=application.applicant_id,
        opened_at=NOW,
        due_at=NOW + timedelta(days=2),
    )
    draft = await Draft.create(
        county="411082",
        person_id=application.applicant_id,
        form="loan_application",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + timedelta(days=30),
    )
    repayment = await Repayment.create(
        county="411082",
        loan_id=loan.id,
        bank_id=loan.bank_id,
        serial="B-1",
        received_on=NOW.date(),
        amount_fen=500,
        principal_fen=0,
        interest_fen=500,
        recorded_at=NOW,
        reversed_at=NOW,
        reversal_reason="登记错了户头",
    )
    slip = await RepaymentSlip.create(
        county="411082",
        loan_id=loan.id,
        bank_id=loan.bank_id,
        person_id=application.applicant_id,
        village=VILLAGE,
        channel="chat",
        state="confirmed",
        reason="请带回单来柜台查",
        repayment_id=repayment.id,
        created_at=NOW,
    )
    event = await CreditEvent.create(
        county="411082", person_id=application.applicant_id, loan_id=loan.id, kind="over_days",
        episode_on=NOW.date(), since_on=NOW.date(), facts={}, recorded_at=NOW,
    )  # fmt: skip
    return {
        "credit_event": event.id,
        "loan": loan.id,
        "filing": 1,
        "digest": 1,
        "application": application.id,
        "task": (await county.task(application, "county_recommend")).id,
        "errand": errand.id,
        "instalment": (await Instalment.filter(loan_id=loan.id).order_by("number").first()).id,
        "draft": draft.id,
        "slip": slip.id,
        "repayment": repayment.id,
        **dict.fromkeys(("subsidy", "grade", "credit_line"), 1),
        "inbox": 1,
        "person": application.applicant_id,
    }


async def facts_of(kind: str, subjects: Mapping[str, int], pack: Pack) -> Facts:
    subject = SUBJECT_OF.get(kind, "application")
    person = await Person.get(id=subjects["person"])
    asked = Asked(
        1,
        person.id,
        kind,
        "task" if subject == "errand" else subject,
        subjects[subject],
        NOW.date(),
        NOW,
    )
    async with database.transaction() as connection:
        found = await about(connection, [asked], NOW.date())
    sealed = Sealed(person.key, person.name_sealed, person.id_number_sealed)
    told = Told(kind, "r1", NOW.date(), NOW, PLANNED_FACTS.get(kind, {}), sealed, found[1])
    return Facts(told, pack)


async def test_every_kind_can_be_said_on_every_rung(subjects: dict[str, int], pack: Pack) -> None:
    """S11.2, S18.5: each wording is filled from the database alone, and the neutral ones stay neutral."""
    for kind, policy in pack.notices.items():
        facts = await facts_of(kind, subjects, pack)
        fields = wording.fields_of(policy, facts)
        said = [
            *fields.values(),
            wording.text_of(policy, facts, detailed=False),
            wording.opened(policy, facts),
        ]
        if Channel.SMS in policy.ladder:
            said.append(wording.sms_of(policy, facts))
        if Channel.CADRE_TASK in policy.ladder:
            said.append(wording.errand_of(policy, facts))
        assert all(words and "{" not in words for words in said), kind
        neutral = " ".join([*fields.values(), wording.text_of(policy, facts, detailed=False)])
        assert "张守田" not in neutral, kind
        assert "万元" not in neutral, kind


async def test_what_is_read_after_opening_names_the_amounts(subjects: dict[str, int], pack: Pack) -> None:
    """S18.5: read live from the schedule, so that it is never out of date."""
    facts = await facts_of("settlement_due", subjects, pack)
    line = await Instalment.get(id=subjects["instalment"])
    assert f"{line.interest_fen // 100}" in wording.opened(pack.notices["settlement_due"], facts)


async def test_whoever_is_reminded_reads_a_number_that_he_can_call(
    subjects: dict[str, int], pack: Pack
) -> None:
    """S11.2: the pack's number; no pack is without one."""
    facts = await facts_of("overdue", subjects, pack)
    assert facts["phone"] == pack.phone(NOW.date())
    assert f"打{facts['phone']}" in wording.sms_of(pack.notices["overdue"], facts)


async def test_the_person_is_addressed_by_surname_and_sex(subjects: dict[str, int], pack: Pack) -> None:
    """S18.5: 张先生 from the ID number; 老乡 for somebody we do not know yet."""
    facts = await facts_of("application_disbursed", subjects, pack)
    assert (facts["surname"], facts["honorific"]) == ("张", "先生")
    stranger = await Person.create(county="411082", created_at=NOW)
    told = Told("late_reply", "", NOW.date(), NOW, {}, Sealed(stranger.key, None, None), facts.told.about)
    unknown = Facts(
        Told(told.kind, "", told.due_on, NOW, {}, told.person, type(told.about)(still_true=True)), pack
    )
    assert (unknown["surname"], unknown["honorific"]) == ("", "老乡")


async def test_what_an_action_plans_is_known_to_the_pack_and_private_facts_stay_out(
    subjects: dict[str, int],
) -> None:
    """S18.5, I11: a whole story plans its notices without a name, an ID number or a phone in them."""
    notices = await Notice.all()
    assert {notice.kind for notice in notices} <= set(KINDS)
    assert {"application_submitted", "task_assigned", "visit_task", "application_disbursed"} <= {
        notice.kind for notice in notices
    }
    stored = " ".join(str(notice.facts) for notice in notices)
    for private in ("张守田", "13800001111", "411082198503122455"):
        assert private not in stored


async def test_a_helper_reads_the_name_of_whom_it_is_about(subjects: dict[str, int], pack: Pack) -> None:
    """S1.7: whoever filled it in is told about the applicant's application, not about his own."""
    facts = await facts_of("application_disbursed", subjects, pack)
    helper = Person(county="411082", created_at=NOW)
    helper.name = "李秀英"
    await helper.save()
    told = Told("", "", NOW.date(), NOW, {}, Sealed(helper.key, helper.name_sealed, None), facts.told.about)
    assert Facts(told, pack)["surname"] == "张"


async def test_a_fact_that_nobody_knows_is_an_error(subjects: dict[str, int], pack: Pack) -> None:
    facts = await facts_of("draft_reminder", subjects, pack)
    with pytest.raises(KeyError):
        _ = facts["days"]
    with pytest.raises(KeyError):
        _ = facts["weather"]


@pytest.mark.parametrize("kind", KINDS)
def test_details_are_the_only_place_for_private_facts(kind: str, pack: Pack) -> None:
    """S18.5."""
    words = pack.notices[kind].words
    shown = " ".join([*words.fields.values(), words.text, words.sms])
    assert not set(placeholders(shown)) & PRIVATE_FACTS


async def test_a_kind_that_the_pack_does_not_know_cannot_be_planned(county: County) -> None:
    from actions.notices import NewNotice

    async with database.transaction() as connection:
        with pytest.raises(KeyError):
            await plan(connection, "411082", [NewNotice(1, "gone", "x", 1, {}, NOW.date())], county.pack, NOW)
