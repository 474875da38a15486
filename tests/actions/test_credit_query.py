"""S6.6: no query without an authorisation for its purpose; every one is written down, every refusal too."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from actions import applications, credit_query, own_data, retention
from actions.credit_query import BureauError, Question, Report
from bot.errors import NotFound, RuleRefused
from models.application import LoanApplication
from models.conversation import Consent
from models.people import Person
from models.privacy import CreditQuery
from models.work import AuditEntry
from rules.credit_query import Purpose
from tests.actions.conftest import NOW, County, Submit, papers


class Bureau:
    """A register that answers, or does not; it keeps what it was asked."""

    def __init__(self, error: str = "") -> None:
        self.error, self.asked = error, list[Question]()

    async def report(self, question: Question) -> Report:
        self.asked.append(question)
        if self.error:
            raise BureauError(self.error)
        return Report(loans=2, balance_fen=5_000_000, overdue_fen=0, bad_records=0)


@pytest.fixture
async def application(county: County, apply: Submit) -> LoanApplication:
    return await apply(consents=papers(county.pack))


async def test_a_query_by_authorisation_is_written_down_and_asked_once(
    county: County, application: LoanApplication
) -> None:
    """S6.6, S4.5: who asked, for what, by which text; the answer is sealed, held and then deleted."""
    chen, bureau = await county.actor("chen"), Bureau()
    given = await credit_query.authorisation_for(chen, application.key, NOW)
    consent = await Consent.get(id=given.consent_id)
    assert (consent.kind, consent.purpose) == ("credit_query_consent", "loan_review、after_loan")
    found = await credit_query.ask(chen, given, Purpose.LOAN_REVIEW, bureau, NOW)
    assert (found.state, found.bureau, found.own.loans) == ("answered", Report(2, 5_000_000, 0, 0), 0)
    (question,) = bureau.asked
    assert (question.name, question.text_sha256, question.purpose) == ("张守田", "c" * 64, "loan_review")
    again = await credit_query.ask(chen, given, Purpose.LOAN_REVIEW, bureau, NOW + timedelta(days=29))
    assert (again.key, len(bureau.asked)) == (found.key, 1)
    noted = await AuditEntry.filter(action="credit_query").order_by("id")
    assert [(each.actor_id, each.subject_id, each.details["again"]) for each in noted] == [
        (chen.person_id, application.id, False),
        (chen.person_id, application.id, True),
    ]
    row = await CreditQuery.get()
    assert b"5000000" not in bytes(row.result_sealed)
    zhang, late = await county.actor("zhang"), NOW + timedelta(days=400)
    (over,) = await credit_query.queries(zhang, application.key, NOW + timedelta(days=31))
    assert (over.key, over.bureau) == (found.key, None), "nobody reads it, deleted or not"
    key = (await Person.get(id=zhang.person_id)).key
    await own_data.hold(None, key, "法院要求", "411082", NOW)
    assert (await retention.clear("411082", county.pack, late))["query_results"] == 0
    await own_data.lift_hold(None, key, "411082", NOW)
    assert (await retention.clear("411082", county.pack, late))["query_results"] == 1
    (seen,) = await credit_query.queries(zhang, application.key, NOW)
    assert (seen.purpose, seen.bureau) == ("loan_review", None)
    (asked,) = await credit_query.queries(chen, application.key, NOW)
    assert asked.key == found.key
    assert await credit_query.queries(await county.actor("liu"), application.key, NOW) == []


async def test_a_register_that_does_not_answer_leaves_a_failed_query(
    county: County, application: LoanApplication
) -> None:
    """S4.5: our own books are told; the question may be asked again."""
    chen = await county.actor("chen")
    given = await credit_query.authorisation_for(chen, application.key, NOW)
    found = await credit_query.ask(chen, given, Purpose.LOAN_REVIEW, Bureau("no answer"), NOW)
    assert (found.state, found.bureau) == ("failed", None)
    again = await credit_query.ask(chen, given, Purpose.LOAN_REVIEW, None, NOW)
    assert (again.state, again.bureau, again.key == found.key) == ("answered", None, False)
    assert [row.note for row in await CreditQuery.all().order_by("id")] == ["no answer", ""]


async def test_without_authorisation_or_for_another_purpose_it_is_refused_and_noted(
    county: County, apply: Submit, application: LoanApplication
) -> None:
    """S6.6"""
    chen, bureau = await county.actor("chen"), Bureau()
    given = await credit_query.authorisation_for(chen, application.key, NOW)

    async def refused(code: str, purpose: Purpose = Purpose.LOAN_REVIEW) -> None:
        with pytest.raises(RuleRefused) as refusal:
            await credit_query.ask(chen, given, purpose, bureau, NOW)
        assert (refusal.value.rule, refusal.value.code) == ("S6.6", code)

    await refused("other_purpose", Purpose.AFTER_LOAN)
    await Consent.filter(id=given.consent_id).update(valid_until=date(2026, 11, 27))
    await refused("authorisation_over")
    await Consent.filter(id=given.consent_id).update(valid_until=None, withdrawn_at=NOW)
    await refused("authorisation_withdrawn")
    await Consent.filter(id=given.consent_id).update(withdrawn_at=None)
    await applications.withdraw(await county.actor("zhang"), application.key, county.pack, NOW)
    await refused("authorisation_over")
    await LoanApplication.filter(id=application.id).update(state="disbursed")
    await refused("authorisation_over")
    await Consent.filter(id=given.consent_id).delete()
    with pytest.raises(RuleRefused, match="没有签过"):
        await credit_query.authorisation_for(chen, application.key, NOW)
    noted = await AuditEntry.filter(action="credit_query_refused").order_by("id")
    assert [each.details["why"] for each in noted] == [
        "other_purpose", "authorisation_over", "authorisation_withdrawn", "authorisation_over",
        "authorisation_over", "no_authorisation",
    ]  # fmt: skip
    assert not bureau.asked
    assert not await CreditQuery.exists()


async def test_who_may_not_see_the_application_or_has_no_such_post_asks_nothing(
    county: County, application: LoanApplication
) -> None:
    """S6.6, S17.2"""
    for name in ("zhang", "wang"):
        with pytest.raises(RuleRefused):
            await credit_query.authorisation_for(await county.actor(name), application.key, NOW)
    zhao = await county.actor("zhao")
    await LoanApplication.filter(id=application.id).update(partner_bank_id=None)
    with pytest.raises(NotFound):
        await credit_query.authorisation_for(zhao, application.key, NOW)
    with pytest.raises(RuleRefused):
        await credit_query.queries(await county.actor("wang"), application.key, NOW)
