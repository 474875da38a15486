"""The forms as data: every pack, every kind of applicant, the rules' own judgement (S1 to S4.7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.dialog import (
    Context,
    Form,
    Input,
    State,
    Submit,
    Turn,
    check_answers,
    describe,
    render_chat,
    start,
    submission,
    turn,
)
from handlers.forms import FORMS, filled, form_context
from handlers.forms.choices import (
    BANK_METHODS,
    METHOD_MEANINGS,
    METHOD_WORDS,
    industry_choices,
    kind_choices,
    village_choices,
)
from handlers.forms.decision import DECISION, QUESTIONS, decision_choices
from handlers.forms.disbursement import DISBURSEMENT
from handlers.forms.loan_application import LOAN_APPLICATION
from handlers.forms.papers import papers_of
from handlers.forms.visit import VISIT
from policies import Pack, load_packs
from rules.application import OPERATORS, ApplicantKind, check_application
from rules.schedule import METHODS

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
ON = date(2026, 11, 28)
PACKS = {pack.name: pack for pack in load_packs()}
CHANGGE = PACKS["changge"]
VILLAGES = village_choices([("411082101201", "坡胡镇柳庄村"), ("411082101202", "坡胡镇石桥村")])
ID_NUMBER = "41102319850307123X"
CREDIT_CODE = "91350100M000100Y43"


IN_DEBT = {"other_loans": True, "other_loans_where": "信用社"}


def here(pack: Pack = CHANGGE, **more: Any) -> Context:
    return form_context(pack, NOW, ON, options={"villages": VILLAGES, **more.pop("options", {})}, **more)


FARMER: Mapping[str, Any] = {
    "applying_for": "self",
    "kind": "farmer",
    "industry": "sheep",
    "amount": 3_000_000,
    "term": 12,
    "project": "在村东头养50只羊",
    "purpose": "买羊羔2万，盖羊圈1万",
    "repayment_source": "一年卖羊能挣4万",
    "repayment_method": "interest_only",
    "name": "张三",
    "id_number": ID_NUMBER,
    "phone": "13812345678",
    "village": "411082101201",
    "household_head": True,
    "household_size": 5,
    "grade": "unknown",
    "other_loans": False,
    "photos": ["p1"],
    "id_photos": None,
    "home": None,
}
POOR = {
    **FARMER, "kind": "registered_poor",
    "willing": True, "skilled": True, "able_to_repay": True, "lacks_funds": True,
}  # fmt: skip
HOUSE_ONLY = ("household_head", "household_size", "grade")
COOPERATIVE = {
    **{key: value for key, value in FARMER.items() if key not in HOUSE_ONLY},
    "kind": "cooperative",
    "amount": 100_000_000,
    "operator_name": "柳庄养羊专业合作社",
    "credit_code": CREDIT_CODE,
    "scale": "存栏800只，社员36户",
    "revenue": 200_000_000,
    "agreement": True,
    "poor_households_carried": 5,
}
ENTERPRISE = {**COOPERATIVE, "kind": "enterprise", "tax_grade": "A"}
FARM = {**{k: v for k, v in COOPERATIVE.items() if k != "credit_code"}, "kind": "new_operator"}
APPLICANTS = {
    "farmer": FARMER,
    "poor": POOR,
    "cooperative": COOPERATIVE,
    "enterprise": ENTERPRISE,
    "farm": FARM,
}


def agreed(context: Context) -> dict[str, str]:
    return {
        f.key: context.papers[str(f.paper)].sha256 for f in LOAN_APPLICATION.fields if f.kind == "confirm"
    }


class Talk:
    """A conversation over one of the forms."""

    def __init__(self, form: Form, context: Context, known: Mapping[str, Any] | None = None) -> None:
        self.form, self.context = form, context
        self.last: Turn = start(form, context, known or {})

    def say(self, *words: str | Input) -> Talk:
        for word in words:
            given = word if isinstance(word, Input) else Input.said(word)
            self.last = turn(self.form, State.from_json(self.last.state.to_json()), given, self.context)
        return self

    @property
    def state(self) -> State:
        return self.last.state

    @property
    def text(self) -> str:
        return render_chat(self.last.effects).text

    @property
    def submitted(self) -> Submit:
        return next(effect for effect in self.last.effects if isinstance(effect, Submit))


# ---- all forms ----


@pytest.mark.parametrize("pack", PACKS.values(), ids=list(PACKS))
@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_every_form_is_described_in_every_county_s1_1(pack: Pack, form: Form) -> None:
    found = describe(form, here(pack))
    assert {field["key"] for field in found["fields"]} == {field.key for field in form.fields}
    assert all(field["page"] and field["ask"] for field in found["fields"])


@pytest.mark.parametrize("pack", PACKS.values(), ids=list(PACKS))
@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_every_question_and_paper_fits_one_message_s1_4(pack: Pack, form: Form) -> None:
    """Half of a reply is left for tappable links, which cost many bytes."""
    context = here(pack)
    for field in form.fields:
        question = field.ask
        if field.kind == "confirm":
            paper = context.papers[str(field.paper)]
            question += paper.title + paper.text
        assert len(question.encode()) <= 1_400, field.key
        assert len(field.ask) <= 40, field.key


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_every_short_name_leads_to_one_field_s18_2(form: Form) -> None:
    names = [name for field in form.fields for name in (field.title, *field.names)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_no_form_asks_for_a_password_or_a_code_s18_8(form: Form) -> None:
    words = "".join(field.ask + field.help + field.example for field in form.fields)
    assert not any(word in words for word in ("密码", "验证码", "口令"))


def test_personal_numbers_are_marked_sensitive_s17_2() -> None:
    for key in ("id_number", "head_id_number", "phone"):
        assert LOAN_APPLICATION.by_key[key].sensitive
    assert DISBURSEMENT.by_key["account"].sensitive


# ---- the loan application ----


@pytest.mark.parametrize("answers", APPLICANTS.values(), ids=list(APPLICANTS))
def test_every_kind_of_applicant_can_hand_in_and_the_rules_agree_s2_2(answers: Mapping[str, Any]) -> None:
    context = here()
    ready, faults = submission(LOAN_APPLICATION, {**answers, **agreed(context)}, context)
    assert faults == {}
    assert ready is not None
    assert ready.answers == answers
    given = filled.submission(ready.answers, ready.consents)
    assert check_application(given.rules, CHANGGE.terms(ON), ON) == []
    assert [consent.kind for consent in given.consents] == [
        "credit_query_consent",
        "notice_of_terms",
        "pledge",
    ]


def test_a_farmer_fills_in_the_whole_form_by_chat_s1_1() -> None:
    talk = Talk(LOAN_APPLICATION, here()).say("想借三万养羊一年还", "对", "自己", "我是普通农户")
    talk.say("在村东头养50只羊", "改造羊圈1万，买羊羔2万", "一年卖羊能挣4万", "1", "我叫张三", ID_NUMBER)
    talk.say("13812345678", "柳庄", "是", "五口人", "不知道", "没有", Input.photo("p1"), "好了", "跳过")
    talk.say(Input.place(34.2057, 113.7042, "柳庄"), "都对", "同意", "同意", "同意")
    assert talk.submitted.answers == {
        **FARMER,
        "purpose": "改造羊圈1万，买羊羔2万",
        "home": {"latitude": 34.2057, "longitude": 113.7042, "label": "柳庄"},
    }


def test_what_the_county_lends_to_and_for_comes_from_its_pack_s3_1() -> None:
    context = here(PACKS["xingyi"])
    kinds = [choice.value for choice in context.options["kinds"]]
    assert kinds == [k for k in ("registered_poor", "farmer", "enterprise", "cooperative", "new_operator")
                     if k in PACKS["xingyi"].terms(ON).kinds]  # fmt: skip
    _, faults = check_answers(LOAN_APPLICATION, {"kind": "farmer", "industry": "bees"}, context)
    assert "industry" in faults
    assert [choice.value for choice in kind_choices(["farmer"])] == ["farmer"]


def test_a_poor_household_must_meet_the_four_conditions_s3_2() -> None:
    for key in ("willing", "skilled", "able_to_repay", "lacks_funds"):
        clean, faults = check_answers(LOAN_APPLICATION, {**POOR, key: False}, here())
        assert set(faults) == {key}
        assert "才能申请" in faults[key]
    clean, faults = check_answers(LOAN_APPLICATION, {**FARMER, "willing": False}, here())
    assert faults == {}
    assert "willing" not in clean


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"amount": 5_000_000}, None, ""),
        ({"amount": 5_010_000}, "amount", "最多可以借5万元"),
        ({"amount": 90_000}, "amount", "不能少于1,000元"),
        ({"amount": 1_005_050}, "amount", "整数倍"),
        ({"grade": "A", "amount": 3_000_000}, None, ""),
        ({"grade": "A", "amount": 3_010_000}, "amount", "最多可以借3万元"),
        ({"grade": "none"}, "grade", "A级"),
        ({**IN_DEBT, "other_loans_amount": 2_500_000}, "amount", "这次最多再借2.5万元"),
        ({"term": 36}, None, ""),
        ({"term": 37}, "term", "1到36个月"),
        ({"id_number": "411023198503071230"}, "id_number", "有一位写错"),
        ({"id_number": "11010519491231002X"}, "id_number", "不能超过65周岁"),
        ({"name": "3万"}, "name", "身份证上的姓名"),
        ({"name": "买买提·艾山"}, None, ""),
        ({"household_size": 0}, "household_size", "不能少于1口人"),
        ({"household_head": False}, None, ""),
        ({"household_head": False, "head_id_number": "411023"}, "head_id_number", "18位"),
    ],
)  # fmt: skip
def test_the_form_judges_a_household_as_the_rules_do_s3_7(
    changes: Mapping[str, Any], field: str | None, words: str
) -> None:
    _, faults = check_answers(LOAN_APPLICATION, {**FARMER, **changes}, here())
    assert set(faults) == ({field} if field else set())
    assert words in "".join(faults.values())


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"amount": 300_000_000, "poor_households_carried": 15}, None, ""),
        ({"amount": 300_010_000, "poor_households_carried": 99}, "amount", "最多可以借300万元"),
        ({"poor_households_carried": 4}, "poor_households_carried", "至少要带动5户"),
        ({"agreement": False}, "agreement", "带贫协议"),
        ({"tax_grade": "B"}, "tax_grade", "A级"),
        ({"credit_code": "91350100M000100Y44"}, "credit_code", "有一位写错"),
        ({"credit_code": "9135 0100 m000 100y 43"}, None, ""),
    ],
)
def test_the_form_judges_an_operator_as_the_rules_do_s3_3(
    changes: Mapping[str, Any], field: str | None, words: str
) -> None:
    answers = {**(ENTERPRISE if "tax_grade" in changes else COOPERATIVE), **changes}
    _, faults = check_answers(LOAN_APPLICATION, answers, here())
    assert set(faults) == ({field} if field else set())
    assert words in "".join(faults.values())


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(list(APPLICANTS.values())),
    st.integers(0, 1_200_000_000),
    st.integers(0, 60),
    st.sampled_from(["AAA+", "A", "none", "unknown"]),
    st.integers(0, 70),
    st.sampled_from(["A", "B"]),
    st.booleans(),
)
def test_what_the_form_accepts_the_rules_accept_s3_5(
    base: Mapping[str, Any], fen: int, months: int, grade: str, carried: int, tax: str, yes: bool
) -> None:
    changed = {
        "amount": fen // 10_000 * 10_000, "term": months, "grade": grade, "poor_households_carried": carried,
        "tax_grade": tax, "agreement": yes, "willing": yes,
    }  # fmt: skip
    answers = {**base, **{key: value for key, value in changed.items() if key in base}}
    _, faults = check_answers(LOAN_APPLICATION, answers, here())
    refusals = check_application(filled.submission(answers).rules, CHANGGE.terms(ON), ON)
    assert bool(faults) == bool(refusals)
    assert {refusal.field for refusal in refusals} >= set(faults) - {"amount"}


def test_a_grade_that_lowers_the_line_reopens_the_amount_and_says_why_s3_7() -> None:
    known = {key: value for key, value in {**FARMER, "amount": 5_000_000}.items() if key != "grade"}
    talk = Talk(LOAN_APPLICATION, here(), known).say("A级")
    assert "“金额”要重新填：最多可以借3万元" in talk.text
    assert talk.state.cursor == "amount"


def test_a_farmer_of_the_best_grade_may_ask_for_his_whole_line_before_his_grade_is_known_s3_7() -> None:
    terms = CHANGGE.terms(ON)
    best = max(terms.line_by_grade_fen, key=lambda grade: terms.line_by_grade_fen[grade])
    most = terms.line_by_grade_fen[best]
    assert most > terms.line_ungraded_fen
    known = {key: value for key, value in FARMER.items() if key not in ("amount", "grade")}
    talk = Talk(LOAN_APPLICATION, here(), known).say(f"{most // 100}")
    assert talk.state.answers["amount"] == most
    assert "amount" in talk.say(f"{best}级").state.answers
    _, faults = check_answers(LOAN_APPLICATION, {**FARMER, "amount": most, "grade": "unknown"}, here())
    assert list(faults) == ["amount"]
    beyond = Talk(LOAN_APPLICATION, here(), known).say(f"{most // 100 + 100}")
    assert "amount" not in beyond.state.answers


def test_an_operator_is_asked_other_questions_than_a_household_s2_2() -> None:
    asked = [field.key for field in LOAN_APPLICATION.fields if "kind" in field.when]
    for kind in ApplicantKind:
        own = [key for key in asked if kind in LOAN_APPLICATION.by_key[key].when["kind"]]
        assert ("operator_name" in own) == (kind in OPERATORS)
        assert ("household_size" in own) == (kind not in OPERATORS)


def test_who_fills_in_for_somebody_else_says_who_he_is_s1_7() -> None:
    talk = Talk(LOAN_APPLICATION, here()).say("帮家里人")
    assert talk.state.cursor == "helper_relation"
    assert talk.say("儿子").state.answers["helper_relation"] == "family"
    assert not filled.submission({**FARMER, "applying_for": "other"}).own
    assert Talk(LOAN_APPLICATION, here(may=())).state.cursor == "kind"


@pytest.mark.parametrize("text", ["我叫张三", "姓名：张三", "张 三", "我的名字叫张三。", "叫张三"])
def test_a_name_is_taken_out_of_what_people_say_around_it(text: str) -> None:
    clean, faults = check_answers(LOAN_APPLICATION, {"name": text}, here())
    assert (clean, faults) == ({"name": "张三"}, {})


@pytest.mark.parametrize("text", ["张", "想借三万", "zhangsan", "张三李四王五赵六", "三万元"])
def test_what_is_no_name_is_refused(text: str) -> None:
    assert "name" in check_answers(LOAN_APPLICATION, {"name": text}, here())[1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("柳庄", "411082101201"),
        ("柳庄村", "411082101201"),
        ("坡胡镇石桥村", "411082101202"),
        ("石桥", "411082101202"),
    ],
)
def test_a_village_is_named_as_people_name_it(text: str, code: str) -> None:
    assert check_answers(LOAN_APPLICATION, {"village": text}, here())[0] == {"village": code}


def test_the_short_names_of_a_village_leave_out_town_and_village() -> None:
    (choice,) = village_choices([("411082001203", "建设路街道八七社区居委会")])
    assert choice.keywords == ("八七社区居委会", "八七")


def test_every_leading_industry_of_every_county_can_be_chosen_by_its_name_s3_1() -> None:
    for pack in PACKS.values():
        choices = industry_choices(pack.terms(ON).industries)
        assert all(choices.words[choice.label] is choice for choice in choices)
        words = [word for choice in choices for word in choice.keywords]
        assert len(set(words)) == len(words)


# ---- papers ----


def test_the_notice_has_the_six_points_of_the_county_word_for_word_s1_4() -> None:
    paper = papers_of(CHANGGE)["notice_of_terms"]
    assert paper.title == "贷款告知书"
    assert paper.text.split("\n") == [
        "各贷户:",
        "根据长葛市金融扶贫工作和各金融机构相关规定,特向你(你企业)告知:",
        "1.金融扶贫贷款是商业性贷款,必须按时付息还本,违约将追究相关责任;",
        "2.贷款须用于发展符合市主导的产业项目;",
        "3.授信额度生效后,在授信期限内可循环使用,随借随还;",
        "4.金融扶贫工作有守信激励和失信惩戒措施;",
        "5.超过授信额度的资金需求可向主办金融机构另行申请办理;",
        "6.贷款不得转借,一经发现必严惩。",
    ]


def test_the_pledge_has_the_words_of_the_county_s1_4() -> None:
    paper = papers_of(CHANGGE)["pledge"]
    assert paper.title == "贷款承诺书"
    assert paper.text == (
        "本人(企业)已知悉长葛市金融扶贫工作的守信激励和失信惩戒措施以及贷款告知书的内容,并自觉遵守;"
        "若失信或违反金融扶贫工作相关规定,自愿接受惩戒。"
    )


def test_the_query_authorisation_names_purpose_and_period_s6_6() -> None:
    for pack in PACKS.values():
        text = papers_of(pack)["credit_query_consent"].text
        assert "只用于" in text
        assert "结清为止" in text


def test_another_county_has_its_own_papers_s19_1() -> None:
    ours, theirs = papers_of(CHANGGE)["notice_of_terms"], papers_of(PACKS["xingyi"])["notice_of_terms"]
    assert "长葛" not in theirs.text
    assert ours.sha256 != theirs.sha256


# ---- the visit ----


def test_a_cadre_records_a_visit_by_chat_s1_3() -> None:
    talk = Talk(VISIT, here()).say(Input.place(34.2057, 113.7042), Input.photo("p1"), "好了")
    assert "还差1张" in talk.text
    talk.say(Input.photo("p2"), "好了", "住这里", "是真的", "1、3", "跳过", "属实", "都对")
    report = filled.visit_report(talk.submitted.answers, "c1", NOW)
    assert (report.result, report.latitude, report.photos) == ("confirmed", 34.2057, ("p1", "p2"))
    assert report.findings == {
        "lives_there": True,
        "project_real": True,
        "seen": ["place_ready", "has_skill"],
    }


@pytest.mark.parametrize("fact", ["lives_there", "project_real"])
def test_a_visit_that_found_it_untrue_cannot_end_as_true_s1_3(fact: str) -> None:
    answers = {"lives_there": True, "project_real": True, "result": "confirmed", fact: False}
    assert set(check_answers(VISIT, answers, here())[1]) == {"result"}
    assert check_answers(VISIT, {**answers, "result": "not_confirmed"}, here())[1] == {}


# ---- the decision ----


def test_an_approval_needs_no_reason_s1_2() -> None:
    talk = Talk(DECISION, here()).say("通过", "都对")
    assert talk.submitted.answers == {"decision": "approve"}


def test_a_return_names_the_questions_and_the_reason_s1_5() -> None:
    talk = Talk(DECISION, here()).say("退回", "用途、照片", "照片看不清，请白天再拍", "都对")
    assert talk.submitted.answers == {
        "decision": "return",
        "return_fields": ["purpose", "photos"],
        "reason": "照片看不清，请白天再拍",
    }


def test_a_rejection_without_a_reason_is_not_accepted_s1_8() -> None:
    _, faults = submission(DECISION, {"decision": "reject"}, here())
    assert set(faults) == {"reason"}
    assert (
        "至少写4个字"
        in check_answers(DECISION, {"decision": "reject", "reason": "不行"}, here())[1]["reason"]
    )


def test_only_what_the_stage_allows_can_be_decided_s1_2() -> None:
    context = here(options={"decisions": decision_choices(["approve", "reject"])})
    assert "decision" in check_answers(DECISION, {"decision": "return"}, context)[1]


def test_every_question_but_the_papers_can_be_asked_again_s1_5() -> None:
    keys = {choice.value for choice in QUESTIONS}
    assert {"photos", "purpose", "amount", "poor_households_carried"} <= keys
    assert not keys & {"pledge", "notice_of_terms", "applying_for"}


# ---- the disbursement ----


PAID = {
    "number": "JJ2026110001",
    "amount": 3_000_000,
    "disbursed_on": "2026-11-28",
    "account": "6228480000001234",
    "rate": 435,
    "term": 12,
    "method": "interest_only",
    "settlement_cycle": "monthly",
}


def paying(**changes: Any) -> dict[str, str]:
    limits = {"applied_fen": 3_000_000, "rate_cap_bp": 435}
    context = here(limits=limits, facts={"filed_on": date(2026, 11, 20)})
    return check_answers(DISBURSEMENT, {**PAID, **changes}, context)[1]


def test_a_disbursement_within_its_limits_holds_s4_7() -> None:
    assert paying() == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 3_000_001}, "amount"),
        ({"rate": 436}, "rate"),
        ({"term": 37}, "term"),
        ({"disbursed_on": "2026-11-29"}, "disbursed_on"),
        ({"disbursed_on": "2026-11-19"}, "disbursed_on"),
        ({"account": "6228 abc"}, "account"),
        ({"account": "123"}, "account"),
        ({"method": "usury"}, "method"),
        ({"method": "fixed", "fixed_amount": 3_000_001}, "fixed_amount"),
        ({"number": ""}, "number"),
    ],
)
def test_a_disbursement_outside_its_limits_is_refused_s3_5(changes: Mapping[str, Any], field: str) -> None:
    assert set(paying(**changes)) == {field}


def test_a_bank_officer_records_a_disbursement_by_chat_s4_7() -> None:
    talk = Talk(DISBURSEMENT, here()).say(
        "jj 2026110001", "30000", "昨天", "对", "6228 4800 0000 1234", "4.35"
    )
    talk.say("12个月", "按期付息", "按月", "都对")
    given = filled.disbursement(talk.submitted.answers)
    assert (given.number, given.amount_fen, given.disbursed_on) == (
        "JJ2026110001",
        3_000_000,
        date(2026, 11, 27),
    )
    assert (given.account, given.annual_rate_bp, given.settlement_cycle) == (
        "6228480000001234",
        435,
        "monthly",
    )


def test_every_method_of_the_schedules_can_be_chosen_and_says_what_it_means_s11_1() -> None:
    choosable = {choice.value for choice in BANK_METHODS}
    assert choosable == set(METHODS) == set(METHOD_MEANINGS) == set(METHOD_WORDS)
    assert len(set(METHOD_MEANINGS.values())) == len(METHODS)
    asked = Talk(DISBURSEMENT, here(), {**PAID, "method": None}).say("改还款方式")
    assert "随便" not in asked.text
    told = asked.say("随便")
    for meaning in METHOD_MEANINGS.values():
        assert meaning in told.text


def test_a_fixed_amount_is_asked_for_with_its_method_only_s11_1() -> None:
    assert paying(method="fixed", fixed_amount=260_000) == {}
    talk = Talk(DISBURSEMENT, here()).say("JJ2", "30000", "昨天", "对", "6228480000001234", "4.35", "12个月")
    assert "每期还多少钱" in talk.say("固定金额").text
    given = filled.disbursement({**PAID, "method": "fixed", "fixed_amount": 260_000})
    assert (given.method, given.fixed_fen) == ("fixed", 260_000)


def test_the_account_is_masked_where_it_is_shown_s17_2() -> None:
    talk = Talk(DISBURSEMENT, here(), {"number": "J1", "account": "6228480000001234"}).say("看一看")
    assert "6228********1234" in talk.text
    assert "6228480000001234" not in talk.text
