"""Who may apply, for how much, how long, at what price: the borders exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from policies import load_packs
from rules.application import (
    NO_GRADE,
    ApplicantKind,
    Application,
    Terms,
    check_application,
    check_id_number,
    check_one_open,
    guarantee_fee_fen,
    limit_fen,
    line_valid_until,
    operator_subsidy_bp,
    percent,
    poor_households_to_carry,
    rate_cap_bp,
    subsidised_part_fen,
    yuan,
)
from rules.identity import check_digit

ON = date(2026, 11, 28)
CHANGGE = load_packs()["changge"].terms(ON)
XINGYI = load_packs()["xingyi"].terms(ON)
YUAN = 100
KINDS = ApplicantKind


def id_born(birth: date) -> str:
    body = f"411082{birth:%Y%m%d}001"
    return body + check_digit(body)


FARMER = Application(
    kind=KINDS.FARMER,
    id_number=id_born(date(1980, 5, 1)),
    amount_fen=30_000 * YUAN,
    term_months=12,
    industry="sheep",
)
POOR = replace(
    FARMER, kind=KINDS.REGISTERED_POOR, willing=True, skilled=True, able_to_repay=True, lacks_funds=True
)
COOPERATIVE = replace(FARMER, kind=KINDS.COOPERATIVE, amount_fen=3_000_000 * YUAN, poor_households_carried=15)


def codes(application: Application, terms: Terms = CHANGGE, on: date = ON) -> list[str]:
    return [refusal.code for refusal in check_application(application, terms, on)]


@pytest.mark.parametrize("application", [FARMER, POOR, COOPERATIVE])
def test_a_sound_application_is_not_refused(application: Application) -> None:
    """S3.1, S3.2, S3.3"""
    assert codes(application) == []


@pytest.mark.parametrize(
    ("born", "expected"),
    [
        (date(2008, 11, 28), []),
        (date(2008, 11, 29), ["too_young"]),
        (date(1960, 11, 29), []),
        (date(1960, 11, 28), ["too_old"]),
    ],
)
def test_applicants_are_18_to_65_both_included(born: date, expected: list[str]) -> None:
    """S1.6"""
    assert codes(replace(FARMER, id_number=id_born(born))) == expected


def test_a_wrong_id_number_is_refused_on_its_field() -> None:
    """S1.6"""
    refusal = check_id_number("411082198005010010", CHANGGE, ON)
    assert refusal is not None
    assert (refusal.rule, refusal.field, refusal.code) == ("S1.6", "id_number", "id_number_checksum")


def test_a_project_outside_the_leading_industries_is_refused_and_they_are_named() -> None:
    """S3.1"""
    (refusal,) = check_application(replace(FARMER, industry="casino"), CHANGGE, ON)
    assert refusal.code == "industry_not_led"
    assert "养蜂和蜂产品、蔬菜种植" in refusal.message


@pytest.mark.parametrize(
    ("grade", "expected"),
    [(None, []), ("A", []), ("AAA+", []), ("B", ["grade_too_low", "amount_over_limit"])],
)
def test_a_rated_household_needs_grade_a(grade: str | None, expected: list[str]) -> None:
    """S3.1"""
    assert codes(replace(FARMER, grade=grade)) == expected


def test_a_household_without_grade_after_rating_has_no_line() -> None:
    """S3.1, S3.7"""
    assert limit_fen(replace(FARMER, grade=NO_GRADE), CHANGGE) == 0


def test_operators_are_not_asked_for_a_household_grade() -> None:
    """S3.3"""
    assert codes(replace(COOPERATIVE, grade="B")) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tax_grade": "A", "agreement": True}, []),
        ({"tax_grade": None, "agreement": None}, []),
        ({"tax_grade": "B"}, ["tax_grade_too_low"]),
        ({"agreement": False}, ["agreement_missing"]),
    ],
)
def test_an_operator_needs_tax_grade_a_and_an_agreement(
    given: dict[str, object], expected: list[str]
) -> None:
    """S3.3"""
    assert codes(replace(COOPERATIVE, **given)) == expected
    assert codes(replace(FARMER, **given)) == []


def test_a_county_may_do_without_an_agreement() -> None:
    """S3.3"""
    assert codes(replace(COOPERATIVE, agreement=False), replace(CHANGGE, operator_agreement=False)) == []


@pytest.mark.parametrize(
    ("kind", "limit_yuan"),
    [(KINDS.ENTERPRISE, 10_000_000), (KINDS.COOPERATIVE, 3_000_000), (KINDS.NEW_OPERATOR, 3_000_000)],
)
def test_operators_may_owe_up_to_their_limit_inclusive(kind: KINDS, limit_yuan: int) -> None:
    """S3.3"""
    owed = 1_000_000 * YUAN
    full = replace(
        COOPERATIVE, kind=kind, owed_fen=owed, amount_fen=limit_yuan * YUAN - owed, poor_households_carried=99
    )
    assert codes(full) == []
    assert codes(replace(full, amount_fen=full.amount_fen + 100 * YUAN)) == ["amount_over_limit"]


@pytest.mark.parametrize(
    ("grade", "line_yuan"),
    [("AAA+", 100_000), ("AAA", 80_000), ("AA", 50_000), ("A", 30_000), (None, 50_000)],
)
def test_a_household_may_owe_up_to_the_line_of_its_grade(grade: str | None, line_yuan: int) -> None:
    """S3.7"""
    full = replace(FARMER, grade=grade, amount_fen=line_yuan * YUAN)
    assert codes(full) == []
    assert codes(replace(full, amount_fen=line_yuan * YUAN + 100 * YUAN)) == ["amount_over_limit"]
    assert codes(replace(full, owed_fen=1)) == ["amount_over_limit"]


def test_who_already_owes_is_told_what_is_left() -> None:
    """S3.7, S1.8"""
    (refusal,) = check_application(replace(FARMER, owed_fen=35_000 * YUAN), CHANGGE, ON)
    assert refusal.message == "总额最多5万元，还有3.5万元没还，这次最多再借1.5万元。"
    (refusal,) = check_application(replace(FARMER, owed_fen=60_000 * YUAN), CHANGGE, ON)
    assert refusal.message.endswith("这次最多再借0元。")
    assert refusal.rule == "S3.7"
    (refusal,) = check_application(replace(FARMER, amount_fen=50_100 * YUAN), CHANGGE, ON)
    assert refusal.message == "最多可以借5万元，请把金额改小。"
    (refusal,) = check_application(replace(COOPERATIVE, owed_fen=1), CHANGGE, ON)
    assert (refusal.rule, refusal.message[:7]) == ("S3.3", "总额最多300")


def test_a_registered_poor_household_of_xingyi_stops_at_50_000() -> None:
    """S3.5"""
    rich = replace(POOR, grade="AAA+", amount_fen=50_000 * YUAN, industry="cattle")
    assert codes(rich, XINGYI) == []
    assert codes(replace(rich, amount_fen=50_100 * YUAN), XINGYI) == ["amount_over_limit"]
    assert codes(replace(rich, amount_fen=50_100 * YUAN, industry="sheep"), CHANGGE) == []


def test_xingyi_lends_to_registered_poor_households_only() -> None:
    """S3.1"""
    assert codes(replace(FARMER, industry="cattle"), XINGYI) == ["kind_not_served"]


@pytest.mark.parametrize(
    ("amount_yuan", "expected"),
    [(0, ["amount_too_small"]), (999, ["amount_too_small"]), (1_000, []), (1_050, ["amount_not_round"])],
)
def test_an_amount_is_at_least_1000_yuan_in_hundreds(amount_yuan: int, expected: list[str]) -> None:
    """S3.3"""
    assert codes(replace(FARMER, amount_fen=amount_yuan * YUAN)) == expected


@pytest.mark.parametrize(
    ("months", "expected"), [(0, ["term_out_of_range"]), (1, []), (36, []), (37, ["term_out_of_range"])]
)
def test_the_term_is_1_to_36_months(months: int, expected: list[str]) -> None:
    """S3.4"""
    assert codes(replace(FARMER, term_months=months)) == expected


@pytest.mark.parametrize(
    ("rate_bp", "expected"),
    [(None, []), (0, []), (435, []), (436, ["rate_over_cap"]), (-1, ["rate_over_cap"])],
)
def test_a_credit_farmer_pays_at_most_4_35_percent(rate_bp: int | None, expected: list[str]) -> None:
    """S3.5"""
    assert codes(replace(FARMER, rate_bp=rate_bp)) == expected


@pytest.mark.parametrize(
    "kind", [KINDS.REGISTERED_POOR, KINDS.ENTERPRISE, KINDS.COOPERATIVE, KINDS.NEW_OPERATOR]
)
@pytest.mark.parametrize(("months", "cap"), [(12, 435), (13, 475)])
def test_the_others_pay_at_most_the_benchmark_of_the_term(kind: KINDS, months: int, cap: int) -> None:
    """S3.5"""
    assert rate_cap_bp(kind, months, CHANGGE) == cap


@pytest.mark.parametrize("field", ["willing", "skilled", "able_to_repay", "lacks_funds"])
@pytest.mark.parametrize("answer", [False, None])
def test_a_registered_poor_household_has_three_and_lacks_one(field: str, answer: bool | None) -> None:
    """S3.2"""
    (refusal,) = check_application(replace(POOR, **{field: answer}), CHANGGE, ON)
    assert (refusal.code, refusal.field) == ("three_haves_missing", field)


def test_a_county_may_do_without_the_three_haves() -> None:
    """S3.2"""
    assert codes(replace(POOR, willing=None), replace(CHANGGE, three_haves=False)) == []


@pytest.mark.parametrize(
    ("amount_yuan", "households"), [(1_000, 1), (200_000, 1), (200_100, 2), (3_000_000, 15)]
)
def test_an_operator_carries_a_poor_household_per_started_200_000(amount_yuan: int, households: int) -> None:
    """S3.5"""
    assert poor_households_to_carry(amount_yuan * YUAN, CHANGGE) == households
    asking = replace(COOPERATIVE, amount_fen=amount_yuan * YUAN, poor_households_carried=households)
    assert codes(asking) == []
    assert codes(replace(asking, poor_households_carried=households - 1)) == ["too_few_households"]
    assert codes(replace(asking, poor_households_carried=None)) == []


def test_a_second_application_is_told_the_number_of_the_first() -> None:
    """S1.6"""
    assert check_one_open(None) is None
    refusal = check_one_open("411082202611280001")
    assert refusal is not None
    assert "411082202611280001" in refusal.message


@pytest.mark.parametrize(
    ("kind", "amount_yuan", "subsidised_yuan"),
    [
        (KINDS.REGISTERED_POOR, 50_000, 50_000),
        (KINDS.REGISTERED_POOR, 80_000, 50_000),
        (KINDS.REGISTERED_POOR, 1_000, 1_000),
        (KINDS.FARMER, 50_000, 0),
        (KINDS.ENTERPRISE, 50_000, 0),
    ],
)
def test_interest_is_subsidised_in_full_up_to_50_000(
    kind: KINDS, amount_yuan: int, subsidised_yuan: int
) -> None:
    """S3.5"""
    assert subsidised_part_fen(kind, amount_yuan * YUAN, CHANGGE) == subsidised_yuan * YUAN


def test_operators_get_two_percent_and_pay_one_percent_for_a_guarantee() -> None:
    """S3.5"""
    assert [operator_subsidy_bp(kind, CHANGGE) for kind in (KINDS.ENTERPRISE, KINDS.FARMER)] == [200, 0]
    assert guarantee_fee_fen(30_000 * YUAN, CHANGGE) == 300 * YUAN
    assert [guarantee_fee_fen(fen, CHANGGE) for fen in (49, 50)] == [0, 1]
    assert [guarantee_fee_fen(fen, replace(CHANGGE, guarantee_fee_bp=1)) for fen in (4_999, 5_000)] == [0, 1]


def test_a_line_is_good_for_three_years() -> None:
    """S3.7"""
    assert line_valid_until(date(2024, 2, 29), CHANGGE) == date(2027, 2, 28)


def test_every_fault_is_told_at_once_with_clause_words_and_field() -> None:
    """S1.8"""
    bad = replace(
        POOR, id_number="1", industry="x", amount_fen=1, term_months=99, rate_bp=9_999, willing=False
    )
    refusals = check_application(bad, CHANGGE, ON)
    fields = ["id_number", "industry", "amount", "term", "rate", "willing"]
    assert [refusal.field for refusal in refusals] == fields
    for refusal in refusals:
        assert refusal.rule.startswith("S")
        assert refusal.message.endswith("。")


def test_terms_survive_being_stored_with_the_application() -> None:
    """S19.2"""
    for terms in (CHANGGE, XINGYI):
        assert Terms.from_json(json.loads(json.dumps(terms.as_json()))) == terms


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (3_500_000, "3.5万元"),
        (5_000_000, "5万元"),
        (1_000_000, "1万元"),
        (999_900, "9999元"),
        (1_000_100, "10001元"),
        (1_010_000, "1.01万元"),
        (1_000_000_000, "1000万元"),
        (1_234_567, "12345.67元"),
        (120_000, "1200元"),
        (5, "0.05元"),
        (0, "0元"),
        (-150, "-1.50元"),
    ],
)
def test_amounts_are_said_as_people_say_them(fen: int, words: str) -> None:
    assert yuan(fen) == words


def test_rates_are_said_in_percent() -> None:
    assert [percent(435), percent(400), percent(5)] == ["4.35%", "4%", "0.05%"]
