"""The packs that come with the program: sources, words, and what 004 and 003 say."""

from __future__ import annotations

import importlib
import json
from datetime import date

import pytest

from policies import Pack, PolicyError, load_packs
from policies.pack import used_by
from policies.schema import SECTIONS, TABLES
from policies.values import SOURCE
from rules.notices import Channel, NoticeClass
from rules.words import LONGEST, check_field, fill, fill_fields, placeholders

ON = date(2026, 11, 28)
PACKS = load_packs()
CHANGGE, XINGYI = PACKS["changge"], PACKS["xingyi"]
EVERY_PACK = pytest.mark.parametrize("pack", list(PACKS), ids=lambda pack: pack.name)
KINDS = {
    "application_submitted",
    "application_returned",
    "application_approved_stage",
    "application_recommended",
    "application_rejected",
    "application_approved",
    "application_withdrawn",
    "application_disbursed",
    "confirm_filled_by_helper",
    "confirm_changed_by_helper",
    "application_expired",
    "identity_code",
    "identity_check_task",
    "identity_bound",
    "identity_warning",
    "identity_refused",
    "binding_removed",
    "binding_check_task",
    "vacancy_task",
    "office_task",
    "draft_reminder",
    "draft_expiring",
    "task_assigned",
    "task_due_soon",
    "task_escalated",
    "visit_task",
    "extension_window",
    "subsidy_paid",
    "grade_changed",
    "credit_line_expiring",
    "slip_confirmed",
    "slip_refused",
    "slip_for_guarantor",
    "repayment_reversed",
    "reversal_for_guarantor",
    "settlement_due",
    "instalment_due",
    "maturity_due",
    "overdue",
    "late_reply",
    "handover_task",
    "report_ready",
    "task_digest",
    "early_repayment_asked",
    "line_suspended",
    "misuse_found",
    "filing_late",
    "filing_overdue",
    "filing_received",
    "call_or_visit",
}


def every_key(pack: Pack) -> list[str]:
    return pack.keys()


@EVERY_PACK
def test_every_value_has_a_source_and_every_default_a_reason(pack: Pack) -> None:
    """S19.1"""
    for key in every_key(pack):
        explained = pack.explain(key, ON)
        assert SOURCE.fullmatch(explained.source), key
        assert explained.note if explained.source == "default" else True, key
        assert explained.text if explained.source[0].isdigit() else True, key
        assert explained.origin in (pack.name, "base"), key


@EVERY_PACK
def test_what_a_county_does_not_say_comes_from_base_and_cites_no_other_county(pack: Pack) -> None:
    """S19.1"""
    for key in every_key(pack):
        explained = pack.explain(key, ON)
        if explained.origin == "base":
            assert not explained.source[0].isdigit(), key


@pytest.mark.parametrize(("pack", "document"), [(CHANGGE, "004"), (XINGYI, "003")], ids=["changge", "xingyi"])
def test_a_county_cites_its_own_document_only(pack: Pack, document: str) -> None:
    """S19.1"""
    cited = {source[:3] for key in every_key(pack) if (source := pack.explain(key, ON).source)[0].isdigit()}
    assert cited == {document}


def test_every_value_names_a_clause_and_a_function_that_exists() -> None:
    """S19.1"""
    for key in every_key(CHANGGE):
        clause, _, path = used_by(key).partition(" · ")
        assert clause.startswith("S"), key
        parts = path.split(".")
        found = importlib.import_module(".".join(parts[:2]))
        for name in parts[2:]:
            found = getattr(found, name)
        assert callable(found), key


def test_explain_tells_value_passage_and_origin() -> None:
    """S19.1"""
    term = CHANGGE.explain("application.term_max_months", ON)
    assert (term.value, term.origin, term.source) == (36, "changge", "004 金融扶贫贷款管理办法 三")
    assert term.text == "贷款期限最长不超过3年,按照管理流程随贷随还。"
    limit = CHANGGE.explain("stages.county_recommend.limit_working_days", ON)
    assert (limit.value, limit.origin, limit.source) == (3, "base", "default")
    role = XINGYI.explain("stages.bank_opinion.limit_working_days", ON)
    assert (role.value, role.origin, role.source) == (3, "xingyi", "default")
    assert XINGYI.explain("stages.bank_opinion.title", ON).source == "003 第二段"
    assert CHANGGE.explain("notices.overdue.too_late_days", ON).source == "default"
    assert CHANGGE.explain("notices.overdue.steps", ON).source == "requirement S11.2"


def test_a_misspelt_key_gets_a_hint() -> None:
    """S19.1"""
    with pytest.raises(PolicyError, match=r"near: .*application\.expiry_days"):
        CHANGGE.value("application.expiry_day", ON)
    with pytest.raises(PolicyError, match="no value 'zzz'"):
        CHANGGE.explain("zzz", ON)


def test_changge_says_what_004_says() -> None:
    """S3.3, S3.4, S3.5, S3.7"""
    said = {
        "limits.enterprise_fen": 1_000_000_000,
        "limits.cooperative_fen": 300_000_000,
        "limits.new_operator_fen": 300_000_000,
        "limits.registered_poor_subsidised_fen": 5_000_000,
        "limits.lent_per_poor_household_fen": 20_000_000,
        "limits.line_years": 3,
        "application.term_max_months": 36,
        "rates.farmer_cap_bp": 435,
        "rates.operator_subsidy_bp": 200,
        "rates.guarantee_fee_bp": 100,
    }
    assert {key: CHANGGE.value(key, ON) for key in said} == said
    assert {CHANGGE.explain(key, ON).source[:3] for key in said} == {"004"}


@EVERY_PACK
def test_the_figures_of_the_requirements_hold_everywhere(pack: Pack) -> None:
    """S1.1, S1.6, S11.2, S11.5"""
    said = {
        "application.expiry_days": 30,
        "application.age_min_years": 18,
        "application.age_max_years": 65,
        "contact.quiet_from": "22:00:00",
        "contact.quiet_to": "08:00:00",
        "contact.collection_cap_per_day": 3,
        "notices.maturity_due.steps": [-30, -7, -3, -1, 0],
        "notices.overdue.steps": [1, 3, 7, 15, 30],
        "notices.overdue.repeat_every_days": 30,
        "loan.day_count": "actual/360",
        "loan.npl_over_days": 90,
    }
    assert {key: pack.value(key, ON) for key in said} == said


def test_the_terms_and_texts_of_changge_are_those_of_the_annexes() -> None:
    """S1.4"""
    terms = CHANGGE.document("notice_of_terms")
    assert len(terms.points) == 6
    assert terms.points[0].startswith("金融扶贫贷款是商业性贷款")
    assert "长葛市金融扶贫工作" in CHANGGE.document("pledge").points[0]
    assert "长葛" not in "".join(XINGYI.document("pledge").points)
    with pytest.raises(PolicyError, match="no document"):
        CHANGGE.document("recipe")


def test_xingyi_has_its_own_route_and_inherits_the_rest() -> None:
    """S19.1"""
    stages = [stage.name for stage in XINGYI.route("online", ON).stages()]
    assert stages == ["village_review", "county_recommend", "bank_opinion", "disbursement"]
    assert XINGYI.route("paper", ON).stage("county_recommend").requires == ("visit",)
    assert XINGYI.route("online", ON).stage("bank_opinion").role == "bank_officer"
    with pytest.raises(PolicyError, match="no route"):
        XINGYI.route("boat", ON)


@EVERY_PACK
def test_every_route_ends_in_a_payout_by_the_bank(pack: Pack) -> None:
    """S1.2, S4.7"""
    for name in pack.contents.routes:
        last = pack.route(name, ON).steps[-1].stages
        assert [stage.name for stage in last] == ["disbursement"]


@EVERY_PACK
def test_every_kind_of_notice_is_there(pack: Pack) -> None:
    """S11.2"""
    assert set(pack.notices) == KINDS


@EVERY_PACK
def test_every_notice_fits_the_platform_with_long_facts(pack: Pack) -> None:
    """S18.7"""
    for policy in pack.notices.values():
        sent = fill_fields(policy.words.fields, LONGEST)
        assert sent.keys() == pack.contents.templates[policy.words.template].keys.keys()
        for key, words in policy.words.fields.items():
            assert check_field(key, fill(words, LONGEST)) is None, (policy.kind, key)  # nothing had to be cut


@EVERY_PACK
def test_lock_screens_show_neither_amounts_nor_names_nor_debts(pack: Pack) -> None:
    """S18.5"""
    for policy in pack.notices.values():
        words = policy.words
        for shown in (*words.fields.values(), words.text, words.sms):
            assert set(placeholders(shown)) <= LONGEST.keys(), policy.kind
            for telling in ("逾期", "欠", "拖", "催", "罚", "贷款到期", "还款", "元"):
                assert telling not in shown, (policy.kind, shown)


@EVERY_PACK
def test_collection_notices_obey_quiet_hours_and_end_with_a_person(pack: Pack) -> None:
    """S11.5, S11.7"""
    collection = [each for each in pack.notices.values() if each.notice_class is NoticeClass.COLLECTION]
    assert {each.kind for each in collection} == {"overdue", "early_repayment_asked"}
    for policy in collection:
        assert policy.obeys_quiet_hours
        assert policy.ladder[-1] is Channel.CADRE_TASK


@EVERY_PACK
def test_tasks_of_staff_never_end_in_a_task_for_the_cadre(pack: Pack) -> None:
    """S11.7"""
    for policy in pack.notices.values():
        if policy.notice_class is NoticeClass.TASK:
            assert Channel.CADRE_TASK not in policy.ladder


@EVERY_PACK
def test_route_and_terms_can_be_kept_with_an_application(pack: Pack) -> None:
    """S19.2"""
    kept = pack.resolved("online", ON)
    assert json.loads(json.dumps(kept, ensure_ascii=False)) == kept
    assert (kept["pack"], kept["on"]) == (pack.name, "2026-11-28")
    assert kept["digest"] == pack.digest(ON)


def test_packs_are_found_by_county_and_by_name() -> None:
    """S19.1"""
    assert PACKS.by_county("411082") is CHANGGE
    assert PACKS.by_county("522301100201") is XINGYI
    with pytest.raises(PolicyError, match="no pack for county 999999"):
        PACKS.by_county("999999")
    with pytest.raises(PolicyError, match="no pack 'atlantis'"):
        PACKS["atlantis"]
    assert {pack.county for pack in PACKS} == {"411082", "522301"}
    assert (CHANGGE.title, CHANGGE.centre) == ("长葛市", "市金融扶贫服务中心")


def test_the_schema_has_a_reader_for_every_key() -> None:
    """S19.1"""
    for section in SECTIONS.values():
        assert all(field.description for field in section.model_fields.values()), section
    assert all(table.USED_BY for table in TABLES.values())


def test_the_days_of_s11_2_stand_in_every_pack() -> None:
    """S11.2: maturity, overdue and the four that count from a line of the plan or of credit."""
    for pack in PACKS:
        kinds = pack.notices
        assert kinds["maturity_due"].steps.days == (-30, -7, -3, -1, 0), pack.name
        overdue = kinds["overdue"].steps
        assert (overdue.days, overdue.repeat_every) == ((1, 3, 7, 15, 30), 30), pack.name
        by_day = {kind for kind, policy in kinds.items() if policy.counts_from}
        assert {
            "settlement_due", "instalment_due", "maturity_due", "overdue", "extension_window",
            "credit_line_expiring",
        } <= by_day  # fmt: skip
        for kind in by_day:
            assert kinds[kind].too_late_hours is None, kind
            assert kinds[kind].steps.days, kind
