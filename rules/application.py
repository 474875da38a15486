"""Who may apply, for how much, for how long and at what price: each check answers with its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from rules.identity import IdNumber, age_on, parse_id_number
from rules.refusal import Refusal
from rules.schedule import add_months

PAPERS = ("credit_query_consent", "notice_of_terms", "pledge")
"""授权书, 告知书, 承诺书: what a farmer reads and agrees to before his application counts (S1.4)."""


class ApplicantKind(StrEnum):
    """The categories of 004 一."""

    REGISTERED_POOR = "registered_poor"  # 建档立卡贫困户
    FARMER = "farmer"  # 信用农户
    ENTERPRISE = "enterprise"  # 带贫企业
    COOPERATIVE = "cooperative"  # 农民合作社
    NEW_OPERATOR = "new_operator"  # 其他新型农业经营主体：家庭农场、种养大户


HOUSEHOLDS = frozenset({ApplicantKind.REGISTERED_POOR, ApplicantKind.FARMER})
OPERATORS = frozenset({ApplicantKind.ENTERPRISE, ApplicantKind.COOPERATIVE, ApplicantKind.NEW_OPERATOR})
NO_GRADE = "none"


@dataclass(frozen=True, slots=True)
class Terms:
    """The values of a pack that decide an application, as they were on one day (S19.2)."""

    kinds: tuple[str, ...]
    age_min_years: int
    age_max_years: int
    amount_min_fen: int
    amount_multiple_fen: int
    term_min_months: int
    term_max_months: int
    three_haves: bool
    operator_tax_grades: tuple[str, ...]
    operator_agreement: bool
    enterprise_fen: int
    cooperative_fen: int
    new_operator_fen: int
    line_by_grade_fen: Mapping[str, int]
    line_ungraded_fen: int
    line_years: int
    registered_poor_fen: int | None
    registered_poor_subsidised_fen: int
    lent_per_poor_household_fen: int
    farmer_cap_bp: int
    benchmark_to_1_year_bp: int
    benchmark_over_1_year_bp: int
    operator_subsidy_bp: int
    guarantee_fee_bp: int
    industries: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain values, as stored with the application."""
        return {
            **asdict(self),
            "kinds": list(self.kinds),
            "operator_tax_grades": list(self.operator_tax_grades),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Terms:
        """The terms that `as_json` wrote."""
        lists = {name: tuple(stored[name]) for name in ("kinds", "operator_tax_grades")}
        return cls(**{**stored, **lists})


@dataclass(frozen=True, slots=True)
class Application:
    """The answers that rules look at.

    None means not known yet: the rate, the grade and what an operator brings may still come from a reviewer,
    while the four points of 三有一缺 must be answered with yes.
    """

    kind: ApplicantKind
    id_number: str
    amount_fen: int
    term_months: int
    industry: str
    grade: str | None = None
    rate_bp: int | None = None
    owed_fen: int = 0
    willing: bool | None = None
    skilled: bool | None = None
    able_to_repay: bool | None = None
    lacks_funds: bool | None = None
    poor_households_carried: int | None = None
    tax_grade: str | None = None
    agreement: bool | None = None


def check_application(application: Application, terms: Terms, on: date) -> list[Refusal]:
    """Every reason why this application may not be submitted on that day, in the order of the questions.

    Clause: S1.6, S3.1, S3.2, S3.3, S3.4, S3.5, S3.7.
    """
    checks = (
        check_kind(application.kind, terms),
        check_id_number(application.id_number, terms, on),
        check_industry(application.industry, terms),
        check_grade(application, terms),
        check_amount(application, terms),
        check_term(application.term_months, terms),
        check_rate(application, terms),
        check_three_haves(application, terms),
        check_tax_grade(application, terms),
        check_agreement(application, terms),
        check_poor_households(application, terms),
    )
    return [refusal for refusal in checks if refusal is not None]


def check_kind(kind: ApplicantKind, terms: Terms) -> Refusal | None:
    """Does this county lend to this kind of applicant? Clause: S3.1, S3.3."""
    if kind.value in terms.kinds:
        return None
    return Refusal("S3.1", "本县现在不受理这一类申请，请换一类或咨询村干部。", "kind_not_served", "kind")


def check_id_number(text: str, terms: Terms, on: date) -> Refusal | None:
    """A genuine ID number of a person of the right age. Clause: S1.6."""
    number = parse_id_number(text, on)
    return check_age(number, terms, on) if isinstance(number, IdNumber) else number


def check_age(number: IdNumber, terms: Terms, on: date) -> Refusal | None:
    """Is the person old enough and not too old? Both borders are inside. Clause: S1.6 (default)."""
    age = age_on(number.birth_on, on)
    if age < terms.age_min_years:
        words = f"申请人要年满{terms.age_min_years}周岁，现在是{age}周岁。可以请家里的成年人来申请。"
        return Refusal("S1.6", words, "too_young", "id_number")
    if age > terms.age_max_years:
        words = f"申请人不能超过{terms.age_max_years}周岁，现在是{age}周岁。可以请家里的子女来申请。"
        return Refusal("S1.6", words, "too_old", "id_number")
    return None


def check_industry(industry: str, terms: Terms) -> Refusal | None:
    """Is the project one of the county's 主导产业? Clause: S3.1, S3.3."""
    if industry in terms.industries:
        return None
    names = "、".join(terms.industries.values())
    return Refusal("S3.1", f"贷款要用在本地主导产业上：{names}。请选一个。", "industry_not_led", "industry")


def check_grade(application: Application, terms: Terms) -> Refusal | None:
    """A rated household needs one of the grades that carry a line; an unrated one may apply. Clause: S3.1."""
    if application.kind not in HOUSEHOLDS or application.grade is None:
        return None
    if application.grade in terms.line_by_grade_fen:
        return None
    words = "信用等级要达到A级才能申请。请找村金融扶贫服务部补充信用信息后再评。"
    return Refusal("S3.1", words, "grade_too_low", "grade")


def check_amount(application: Application, terms: Terms) -> Refusal | None:
    """Amount against the least sum and the most this applicant may owe. Clause: S3.3, S3.5, S3.7."""
    amount = application.amount_fen
    if amount < terms.amount_min_fen:
        return _amount_refusal(
            "S3.3", f"最少借{yuan(terms.amount_min_fen)}，请改大一点。", "amount_too_small"
        )
    if amount % terms.amount_multiple_fen:
        words = f"金额要是{yuan(terms.amount_multiple_fen)}的整数倍，请改一下。"
        return _amount_refusal("S3.3", words, "amount_not_round")
    limit = limit_fen(application, terms)
    if application.owed_fen + amount <= limit:
        return None
    rule = "S3.3" if application.kind in OPERATORS else "S3.7"
    return _amount_refusal(rule, _over_limit_words(application.owed_fen, limit), "amount_over_limit")


def _over_limit_words(owed_fen: int, limit: int) -> str:
    if owed_fen == 0:
        return f"最多可以借{yuan(limit)}，请把金额改小。"
    left = max(0, limit - owed_fen)
    return f"总额最多{yuan(limit)}，还有{yuan(owed_fen)}没还，这次最多再借{yuan(left)}。"


def _amount_refusal(rule: str, words: str, code: str) -> Refusal:
    return Refusal(rule, words, code, "amount")


def limit_fen(application: Application, terms: Terms) -> int:
    """The most this applicant may owe in all, in fen. Clause: S3.3, S3.5, S3.7."""
    if application.kind is ApplicantKind.ENTERPRISE:
        return terms.enterprise_fen
    if application.kind is ApplicantKind.COOPERATIVE:
        return terms.cooperative_fen
    if application.kind is ApplicantKind.NEW_OPERATOR:
        return terms.new_operator_fen
    line = terms.line_ungraded_fen
    if application.grade is not None:
        line = terms.line_by_grade_fen.get(application.grade, 0)
    if application.kind is ApplicantKind.REGISTERED_POOR and terms.registered_poor_fen is not None:
        return min(line, terms.registered_poor_fen)
    return line


def check_term(term_months: int, terms: Terms) -> Refusal | None:
    """Term in months; both borders are inside. Clause: S3.4."""
    if terms.term_min_months <= term_months <= terms.term_max_months:
        return None
    words = f"期限可以是{terms.term_min_months}到{terms.term_max_months}个月，请改一下。"
    return Refusal("S3.4", words, "term_out_of_range", "term")


def rate_cap_bp(kind: ApplicantKind, term_months: int, terms: Terms) -> int:
    """The highest yearly rate in basis points: the dated cap for credit farmers, else the benchmark.

    Clause: S3.5.
    """
    if kind is ApplicantKind.FARMER:
        return terms.farmer_cap_bp
    return terms.benchmark_to_1_year_bp if term_months <= 12 else terms.benchmark_over_1_year_bp


def check_rate(application: Application, terms: Terms) -> Refusal | None:
    """A yearly rate, once it is known, may touch its cap but not pass it. Clause: S3.5."""
    if application.rate_bp is None:
        return None
    cap = rate_cap_bp(application.kind, application.term_months, terms)
    if 0 <= application.rate_bp <= cap:
        return None
    words = f"年利率不能超过{percent(cap)}，现在填的是{percent(application.rate_bp)}，请改低。"
    return Refusal("S3.5", words, "rate_over_cap", "rate")


def check_three_haves(application: Application, terms: Terms) -> Refusal | None:
    """三有一缺 of a 建档立卡 household: willing, skilled, able to repay, short of funds. Clause: S3.2."""
    if application.kind is not ApplicantKind.REGISTERED_POOR or not terms.three_haves:
        return None
    wanted = (
        (application.willing, "willing", "要本人愿意贷款"),
        (application.skilled, "skilled", "要有发展产业的打算和本事"),
        (application.able_to_repay, "able_to_repay", "要有还款的来源"),
        (application.lacks_funds, "lacks_funds", "要确实缺发展产业的钱"),
    )
    for answer, field, words in wanted:
        if answer is not True:
            return Refusal("S3.2", f"{words}，才能申请。有疑问请找村干部。", "three_haves_missing", field)
    return None


def poor_households_to_carry(amount_fen: int, terms: Terms) -> int:
    """Poor households an operator must carry for this amount: one per started share. Clause: S3.5."""
    return -(-amount_fen // terms.lent_per_poor_household_fen)


def check_poor_households(application: Application, terms: Terms) -> Refusal | None:
    """An operator carries enough poor households, once their number is known. Clause: S3.5."""
    if application.kind not in OPERATORS or application.poor_households_carried is None:
        return None
    needed = poor_households_to_carry(application.amount_fen, terms)
    if application.poor_households_carried >= needed:
        return None
    carried = application.poor_households_carried
    words = f"借{yuan(application.amount_fen)}至少要带动{needed}户贫困户，现在是{carried}户。"
    return Refusal("S3.5", words, "too_few_households", "poor_households_carried")


def check_tax_grade(application: Application, terms: Terms) -> Refusal | None:
    """An operator has one of the tax-credit grades of the pack, once its grade is known. Clause: S3.3."""
    if application.kind not in OPERATORS or application.tax_grade in (None, *terms.operator_tax_grades):
        return None
    words = "纳税信用等级要达到A级才能申请。有疑问请咨询县金融扶贫服务中心。"
    return Refusal("S3.3", words, "tax_grade_too_low", "tax_grade")


def check_agreement(application: Application, terms: Terms) -> Refusal | None:
    """An operator has signed the 带贫协议 with the government, once that is known. Clause: S3.3."""
    if (
        application.kind not in OPERATORS
        or not terms.operator_agreement
        or application.agreement is not False
    ):
        return None
    words = "要先和当地政府签带贫协议才能申请。请联系镇政府办理。"
    return Refusal("S3.3", words, "agreement_missing", "agreement")


def check_one_open(open_number: str | None) -> Refusal | None:
    """One open application per household; `open_number` is the one that stands in the way. Clause: S1.6."""
    if open_number is None:
        return None
    words = f"您家已有一笔申请（编号{open_number}）正在办，办完或撤回后才能再申请。"
    return Refusal("S1.6", words, "household_has_open_application")


def subsidised_part_fen(kind: ApplicantKind, amount_fen: int, terms: Terms) -> int:
    """The part of the principal whose interest is paid by finance in full, in fen. Clause: S3.5."""
    if kind is not ApplicantKind.REGISTERED_POOR:
        return 0
    return min(amount_fen, terms.registered_poor_subsidised_fen)


def operator_subsidy_bp(kind: ApplicantKind, terms: Terms) -> int:
    """Yearly interest subsidy of an operator in basis points, 0 for households. Clause: S3.5."""
    return terms.operator_subsidy_bp if kind in OPERATORS else 0


def guarantee_fee_fen(amount_fen: int, terms: Terms) -> int:
    """Fee of a policy guarantee, in fen, rounded half up. Clause: S3.5."""
    return (amount_fen * terms.guarantee_fee_bp + 5_000) // 10_000


def line_valid_until(granted_on: date, terms: Terms) -> date:
    """Last day of a credit line: granted once, good for the years of the pack. Clause: S3.7."""
    return add_months(granted_on, 12 * terms.line_years)


def yuan(fen: int) -> str:
    """An amount in fen as people say it: 5万元, 3.5万元, 1200元, 288.80元. Clause: S1.8."""
    if fen >= 1_000_000 and fen % 10_000 == 0:
        return f"{_decimal(fen, 1_000_000)}万元"
    whole, cents = divmod(abs(fen), 100)
    sign = "-" if fen < 0 else ""
    return f"{sign}{whole}.{cents:02d}元" if cents else f"{sign}{whole}元"


def percent(bp: int) -> str:
    """A rate in basis points as people read it: 4.35%. Clause: S1.8."""
    return f"{_decimal(bp, 100)}%"


def _decimal(count: int, unit: int) -> str:
    whole, rest = divmod(abs(count), unit)
    digits = str(rest).zfill(len(str(unit)) - 1).rstrip("0")
    sign = "-" if count < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
