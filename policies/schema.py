"""The shape of a pack: every key that may stand in it, what it is for and which rule reads it.

The description of a field is `clause · function that reads it`; `tianxin policy explain` prints it and a
test imports the function. A key that is not here is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from policies import privacy, risk
from policies.privacy import Retention
from policies.values import Frozen, Role, Table, Value
from rules.application import ApplicantKind
from rules.notices import Anchor, Channel, NoticeClass
from rules.rates import DayCount
from rules.repayment import AllocateBy, Part, Remake
from rules.routes import Decision, ReturnTo
from rules.schedule import Cycle, LastLine, Method, RestDays
from rules.votes import PanelKind
from rules.words import LOCK_SCREEN_FACTS, PRIVATE_FACTS, check_field, check_phone, longest, placeholders

OrganisationKind = Literal[
    "village_station",
    "town_station",
    "county_centre",
    "acquiring_bank",
    "partner_bank",
    "guarantor",
    "finance_bureau",
]
Level = Literal["village", "town", "county"]
Fen = Annotated[int, Field(ge=0)]
Days = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]


def _phone(text: str) -> str:
    wrong = check_phone(text)
    if wrong:
        raise ValueError(wrong)
    return text


CentrePhone = Annotated[str, AfterValidator(_phone)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]


class Head(Frozen):
    """Who the pack is for and what it builds on."""

    name: str
    title: str
    code: str = Field(default="", pattern=r"^(\d{6})?$")
    inherits: str = ""
    centre: str = ""  # how people there call their 金融扶贫服务中心
    documents: tuple[str, ...] = ()


class Application(Frozen):
    """Drafts, the applicant and the term."""

    kinds: Value[tuple[ApplicantKind, ...]] = Field(description="S3.1 · rules.application.check_application")
    expiry_days: Value[Positive] = Field(description="S1.1 · rules.drafts.expires_at")
    reminder_hours: Value[tuple[Positive, ...]] = Field(description="S1.1 · rules.drafts.reminder_due")
    expiring_days: Value[tuple[Positive, ...]] = Field(description="S1.1 · rules.drafts.expiry_warning_due")
    age_min_years: Value[Positive] = Field(description="S1.6 · rules.application.check_age")
    age_max_years: Value[Positive] = Field(description="S1.6 · rules.application.check_age")
    amount_min_fen: Value[Fen] = Field(description="S3.3 · rules.application.check_amount")
    amount_multiple_fen: Value[Positive] = Field(description="S3.3 · rules.application.check_amount")
    term_min_months: Value[Positive] = Field(description="S3.4 · rules.application.check_term")
    term_max_months: Value[Positive] = Field(description="S3.4 · rules.application.check_term")
    three_haves: Value[bool] = Field(description="S3.2 · rules.application.check_three_haves")
    operator_tax_grades: Value[tuple[str, ...]] = Field(
        description="S3.3 · rules.application.check_tax_grade"
    )
    operator_agreement: Value[bool] = Field(description="S3.3 · rules.application.check_agreement")


class Identity(Frozen):
    """Codes by which a WeChat proves whose it is."""

    code_minutes: Value[Positive] = Field(description="S1.7 · rules.binding.code_ends_at")
    code_tries: Value[Positive] = Field(description="S1.7 · rules.binding.check_code_usable")
    codes_per_hour: Value[Positive] = Field(description="S1.7 · rules.binding.check_may_send")
    codes_per_day: Value[Positive] = Field(description="S1.7 · rules.binding.check_may_send")
    claims_per_day: Value[Positive] = Field(description="S1.7 · rules.binding.check_may_claim")
    check_working_days: Value[Positive] = Field(description="S1.7 · rules.tasks.deadline")


class Limits(Frozen):
    """How much one applicant may owe in all."""

    enterprise_fen: Value[Fen] = Field(description="S3.3 · rules.application.check_amount")
    cooperative_fen: Value[Fen] = Field(description="S3.3 · rules.application.check_amount")
    new_operator_fen: Value[Fen] = Field(description="S3.3 · rules.application.check_amount")
    line_by_grade_fen: Value[dict[str, Fen]] = Field(description="S3.7 · rules.application.check_amount")
    line_ungraded_fen: Value[Fen] = Field(description="S3.7 · rules.application.check_amount")
    line_years: Value[Positive] = Field(description="S3.7 · rules.application.line_valid_until")
    registered_poor_fen: Value[Fen] | None = Field(
        default=None, description="S3.5 · rules.application.check_amount"
    )
    registered_poor_subsidised_fen: Value[Fen] = Field(
        description="S3.5 · rules.application.subsidised_part_fen"
    )
    lent_per_poor_household_fen: Value[Positive] = Field(
        description="S3.5 · rules.application.poor_households_to_carry"
    )


class Rates(Frozen):
    """What a loan may cost a year, in basis points (435 is 4.35 %)."""

    farmer_cap_bp: Value[BasisPoints] = Field(description="S3.5 · rules.application.rate_cap_bp")
    benchmark_to_1_year_bp: Value[BasisPoints] = Field(description="S3.5 · rules.application.rate_cap_bp")
    benchmark_over_1_year_bp: Value[BasisPoints] = Field(description="S3.5 · rules.application.rate_cap_bp")
    operator_subsidy_bp: Value[BasisPoints] = Field(
        description="S3.5 · rules.application.operator_subsidy_bp"
    )
    guarantee_fee_bp: Value[BasisPoints] = Field(description="S3.5 · rules.application.guarantee_fee_fen")


class Subsidies(Frozen):
    """Interest subsidies, declared by the banks quarter by quarter."""

    due_day: Value[Annotated[int, Field(ge=1, le=28)]] = Field(description="S13.1 · rules.subsidy.due_on")
    extended: Value[bool] = Field(description="S13.2 · rules.subsidy.spells")


class Industry(Frozen):
    """One 主导产业: the code is stored, the name is shown."""

    code: str = Field(pattern=r"^[a-z_]+$")
    name: str


class Industries(Frozen):
    """What the county wants to grow."""

    leading: Value[tuple[Industry, ...]] = Field(description="S3.1 · rules.application.check_industry")


class Visit(Frozen):
    """The cadre's 走访确认 of an online application."""

    routes: Value[tuple[str, ...]] = Field(description="S1.3 · rules.routes.with_requirement")
    blocks_stage: Value[str] = Field(description="S1.3 · rules.routes.with_requirement")
    limit_working_days: Value[Positive] = Field(description="S1.3 · rules.tasks.deadline")
    photos_min: Value[int] = Field(description="S9.2 · rules.distance.visit_findings")
    distance_warn_m: Value[Positive] = Field(description="S9.2 · rules.distance.visit_findings")
    accuracy_warn_m: Value[Positive] = Field(description="S9.2 · rules.distance.visit_findings")
    speed_warn_kmh: Value[Positive] = Field(description="S18.9 · rules.distance.visit_findings")
    clock_warn_minutes: Value[Positive] = Field(description="S18.9 · rules.distance.visit_findings")


class Escalation(Frozen):
    """Where a task goes that nobody did in time."""

    levels: Value[tuple[Role, ...]] = Field(description="S9.1 · rules.tasks.next_role")
    first_level: Value[dict[Role, Role]] = Field(description="S9.1 · rules.tasks.next_role")
    due_soon_hours: Value[Positive] = Field(description="S1.2 · rules.tasks.due_soon_at")
    again_working_days: Value[Positive] = Field(description="S9.1 · rules.tasks.escalates_on")
    delegation_max_days: Value[Positive] = Field(description="S1.2 · rules.tasks.check_delegation")
    handover_working_days: Value[Positive] = Field(description="S18.3 · rules.tasks.deadline")


class QuietDay(Frozen):
    """Days on which a village is left in peace: market, festival, mourning. An empty region is the county."""

    region: str = Field(default="", pattern=r"^(\d{12})?$")
    first_day: date = Field(alias="from")
    last_day: date = Field(alias="to")
    reason: str


class Contact(Frozen):
    """When and how often a person may be contacted, and where he calls back."""

    phone: Value[CentrePhone] = Field(description="S11.2 · rules.words.check_phone")
    quiet_from: Value[time] = Field(description="S11.5 · rules.gates.gate")
    quiet_to: Value[time] = Field(description="S11.5 · rules.gates.gate")
    collection_cap_per_day: Value[Positive] = Field(description="S11.5 · rules.gates.gate")
    release_spread_minutes: Value[Positive] = Field(description="S11.5 · rules.gates.spread")
    conversation_pause_minutes: Value[Positive] = Field(description="S18.6 · rules.gates.gate")
    quiet_days: Value[tuple[QuietDay, ...]] = Field(description="S18.6 · rules.gates.gate")


class Product(Table):
    """A kind of loan: who gets it and how it is paid back.

    `day_counts` are those of single methods where they differ from `loan.day_count`. With `own_day` a method
    falls due on the day of the month on which the loan was paid out, else on `loan.settlement_day`.
    """

    USED_BY: ClassVar[str] = "S11.1 · rules.schedule.plan"

    title: str
    kinds: tuple[ApplicantKind, ...]
    methods: tuple[Method, ...] = Field(min_length=1)
    settlement_cycle: Cycle
    day_counts: dict[Method, DayCount] = Field(default_factory=dict)
    own_day: tuple[Method, ...] = ()
    multiple_fen: Positive = 1
    grace_lines: Days = 0


class Loan(Frozen):
    """Interest and arrears."""

    day_count: Value[DayCount] = Field(description="S11.1 · rules.rates.days_between")
    settlement_day: Value[Annotated[int, Field(ge=1, le=31)]] = Field(
        description="S11.1 · rules.schedule.contract_days"
    )
    last_line: Value[LastLine] = Field(description="S11.1 · rules.schedule.plan")
    rest_days: Value[RestDays] = Field(description="S11.1 · rules.schedule.due_day_of")
    npl_over_days: Value[Positive] = Field(description="S12.5 · rules.arrears.is_npl")
    allocation: Value[Annotated[tuple[Part, ...], Field(min_length=3, max_length=3)]] = Field(
        description="S11.1 · rules.repayment.apply"
    )
    allocate_by: Value[AllocateBy] = Field(description="S11.1 · rules.repayment.apply")
    penalty_percent: Value[Annotated[int, Field(ge=0, le=300)]] = Field(
        description="S11.1 · rules.repayment.with_penalties"
    )
    ahead_days: Value[Days] = Field(description="S11.1 · rules.repayment.apply")
    early_remake: Value[Remake] = Field(description="S11.1 · rules.repayment.apply")


class Easing(Frozen):
    """展期 and 续贷: how often, how long, why."""

    extensions_max: Value[Days] = Field(description="S12.3 · rules.easing.refusals")
    renewals_max: Value[Days] = Field(description="S12.3 · rules.easing.refusals")
    short_term_months: Value[Positive] = Field(description="S12.3 · rules.easing.latest_maturity")
    short_extension_percent: Value[Days] = Field(description="S12.3 · rules.easing.latest_maturity")
    medium_extension_percent: Value[Days] = Field(description="S12.3 · rules.easing.latest_maturity")
    renewal_months_max: Value[Positive] = Field(description="S12.3 · rules.easing.refusals")
    after_maturity: Value[bool] = Field(description="S12.3 · rules.easing.refusals")
    causes: Value[dict[str, str]] = Field(description="S12.3 · rules.easing.refusals")


class Imports(Frozen):
    """What a bank's file may say at most: beyond it a slip of the pen is likelier than the truth."""

    amount_max_fen: Value[Positive] = Field(description="S12.1 · rules.cells.money_fen")
    rate_max_bp: Value[BasisPoints] = Field(description="S12.1 · rules.cells.rate_within")
    term_max_months: Value[Positive] = Field(description="S12.1 · rules.cells.months")


class Reports(Frozen):
    """The 通报 of late money: what is measured, where the line is, who is ranked, when it goes out."""

    measured_by: Value[Literal["arrears_rate", "par30_rate", "npl_rate"]] = Field(
        description="S12.5 · rules.arrears_rates.ranks"
    )
    target_line_bp: Value[BasisPoints] = Field(description="S12.5 · rules.arrears_rates.is_above")
    ranked_from_loans: Value[Positive] = Field(description="S12.5 · rules.arrears_rates.is_ranked")
    trend_days: Value[Annotated[int, Field(ge=2, le=366)]] = Field(
        description="S12.5 · rules.arrears_rates.share_bp"
    )
    push_day: Value[Annotated[int, Field(ge=1, le=28)]] = Field(
        description="S12.5 · rules.arrears_rates.told_from"
    )


class Slips(Frozen):
    """还款清单: what a borrower reports for the bank to confirm."""

    limit_working_days: Value[Positive] = Field(description="S11.4 · rules.tasks.deadline")
    waiting_max: Value[Positive] = Field(description="S11.4 · rules.slips.check_waiting")
    oldest_days: Value[Positive] = Field(description="S11.4 · rules.slips.check_slip")
    after_reminder_days: Value[Positive] = Field(description="S11.4 · rules.slips.answers_a_photo")
    reason_min: Value[Positive] = Field(description="S11.4 · rules.slips.check_reason")


class Promises(Frozen):
    """A borrower says by which day he will pay."""

    longest_days: Value[Positive] = Field(description="S18.4 · rules.promises.check_promise")
    quiet_days: Value[Positive] = Field(description="S18.4 · rules.promises.quiet_through")
    grace_days: Value[Days] = Field(description="S18.4 · rules.promises.verdict")
    broken_max: Value[Positive] = Field(description="S18.4 · rules.promises.check_promise")
    limit_working_days: Value[Positive] = Field(description="S18.4 · rules.tasks.deadline")


class Channels(Frozen):
    """The limits of the ways to a person."""

    daily_quota: Value[dict[Channel, Positive]] = Field(description="S18.7 · rules.gates.quota_left")
    quota_percent_by_priority: Value[dict[str, Annotated[int, Field(ge=1, le=100)]]] = Field(
        description="S18.7 · rules.gates.quota_left"
    )
    receipt_wait_hours: Value[Positive] = Field(description="S18.7 · rules.delivery.receipt_overdue")
    attempts_max: Value[Positive] = Field(description="S18.7 · rules.delivery.after_attempt")
    retry_minutes: Value[tuple[Positive, ...]] = Field(description="S18.7 · rules.delivery.after_attempt")
    throttled_hours: Value[Positive] = Field(description="S18.7 · rules.delivery.after_attempt")


Share = tuple[Positive, Positive]
"""So many of so many: [2, 3] is two thirds."""


class Votes(Frozen):
    """How a group decides together: 审议."""

    quorum: Value[Share] = Field(description="S4.3 · rules.votes.votes_needed")
    majority: Value[Share] = Field(description="S4.3 · rules.votes.count")
    least: Value[Positive] = Field(description="S4.3 · rules.votes.votes_needed")
    tie: Value[Literal[Decision.RETURN, Decision.REJECT]] = Field(
        description="S4.3 · rules.votes.decision_of"
    )


class StageTable(Table):
    """One decision in a route."""

    USED_BY: ClassVar[str] = "S1.2 · rules.routes.check_decision"

    title: str
    role: Role
    organisation: OrganisationKind
    level: Level
    decisions: tuple[Decision, ...] = Field(min_length=1)
    requires: tuple[str, ...] = ()
    panel: Literal[""] | PanelKind = ""
    limit_working_days: Positive


class RouteTable(Table):
    """Ordered steps; the names in one step run side by side."""

    USED_BY: ClassVar[str] = "S1.2 · rules.routes.after_decision"

    title: str
    steps: tuple[tuple[str, ...], ...] = Field(min_length=1)
    return_to: ReturnTo


class Document(Table):
    """A text that a person reads or signs before submitting."""

    USED_BY: ClassVar[str] = "S1.4 · policies.pack.Pack.document"

    title: str
    version: str
    points: tuple[str, ...] = Field(min_length=1)


class TemplateTable(Table):
    """A message template as it is registered at the platform: its typed keys with what they hold."""

    USED_BY: ClassVar[str] = "S18.7 · rules.words.fill_fields"

    title: str
    keys: dict[str, str] = Field(min_length=2, max_length=5)


class NoticeTable(Table):
    """One kind of notice: when, to whom by which ways, in which words."""

    USED_BY: ClassVar[str] = "S11.2 · rules.notices.step_on"

    title: str
    notice_class: NoticeClass = Field(alias="class")
    priority: int = Field(ge=1, le=5)
    ladder: tuple[Channel, ...] = Field(min_length=1)
    counts_from: tuple[Anchor, ...] = ()
    steps: tuple[int, ...] = (0,)
    repeat_every_days: Positive | None = None
    too_late_days: Days = 0
    too_late_hours: Positive | None = None
    obeys_quiet_hours: bool = True
    reminder: bool = False
    template: str
    fields: dict[str, str]
    message: str
    sms: str = ""
    task: str = ""
    detail: str = ""

    @model_validator(mode="after")
    def _fit_to_send(self) -> NoticeTable:
        problem = self._problem()
        if problem:
            raise ValueError(problem)
        return self

    def _problem(self) -> str | None:
        shown = [*self.fields.values(), self.message, self.sms]
        private = sorted({each for words in shown for each in placeholders(words)} - LOCK_SCREEN_FACTS)
        unknown = sorted(set(placeholders(self.detail + self.task)) - LOCK_SCREEN_FACTS - PRIVATE_FACTS)
        unfit = [
            problem for key, words in self.fields.items() if (problem := check_field(key, longest(words)))
        ]
        if private:
            return f"{{{private[0]}}} may not be seen on a lock screen (S18.5); it may stand in `detail`"
        if unknown:
            return f"{{{unknown[0]}}} is not a fact that notices know"
        if unfit:
            return unfit[0]
        if any("code" in placeholders(words) for words in (*self.fields.values(), self.message, self.detail)):
            return "{code} goes to the person's own phone and nowhere else: it may stand in `sms` only (S1.7)"
        if self.notice_class is NoticeClass.COLLECTION and not self.obeys_quiet_hours:
            return "a collection notice must obey quiet hours (S11.5)"
        if list(self.steps) != sorted(set(self.steps)):
            return "steps must rise"
        if (Channel.SMS in self.ladder) != bool(self.sms):
            return "an sms rung and `sms` words go together"
        if (Channel.CADRE_TASK in self.ladder) != bool(self.task):
            return "a cadre_task rung and `task` words go together"
        return None


class Contents(Frozen):
    """A whole pack with all that it inherits."""

    pack: Head
    application: Application
    identity: Identity
    limits: Limits
    rates: Rates
    industries: Industries
    visit: Visit
    escalation: Escalation
    contact: Contact
    loan: Loan
    easing: Easing
    imports: Imports
    reports: Reports
    slips: Slips
    promises: Promises
    warning: risk.Warnings
    conduct: risk.Conduct
    disposal: risk.Disposals
    visit_plan: risk.VisitPlan
    filing: risk.Filings
    audit_watch: privacy.AuditWatch
    subsidy: Subsidies
    misuse: risk.Misuse
    privacy: privacy.Privacy
    votes: Votes
    channels: Channels
    products: dict[str, Product]
    stages: dict[str, StageTable]
    routes: dict[str, RouteTable]
    documents: dict[str, Document]
    templates: dict[str, TemplateTable]
    notices: dict[str, NoticeTable]
    warning_rules: dict[str, risk.WarningRule]
    retention: dict[str, Retention]
    measures: dict[risk.LevelName, risk.Measure]

    @model_validator(mode="after")
    def _hang_together(self) -> Contents:
        problem = next(self._loose_ends(), None)
        if problem:
            raise ValueError(problem)
        return self

    def _loose_ends(self) -> Iterator[str]:
        for name, route in self.routes.items():
            yield from _route_problems(name, route, self.stages)
        for name, stage in self.stages.items():
            if stage.panel and not set(self.votes.tie.ever()) <= set(stage.decisions):
                yield f"stages.{name}.decisions lacks what votes.tie says"
        for part, whole in (*self.votes.quorum.ever(), *self.votes.majority.ever()):
            if part > whole:
                yield f"votes: {part} of {whole} is more than everybody"
        for name, notice in self.notices.items():
            yield from _notice_problems(name, notice, self.templates)
        for blocked in self.visit.blocks_stage.ever():
            if blocked and blocked not in self.stages:
                yield f"visit.blocks_stage names {blocked!r}, there is no such stage"
        for name in (each for routes in self.visit.routes.ever() for each in routes):
            if name not in self.routes:
                yield f"visit.routes names {name!r}, there is no such route"


def _route_problems(name: str, route: RouteTable, stages: Mapping[str, StageTable]) -> Iterator[str]:
    named = [stage for step in route.steps for stage in step]
    for stage in named:
        if stage not in stages:
            yield f"routes.{name}.steps names {stage!r}, there is no such stage"
    if len(set(named)) < len(named):
        yield f"routes.{name}.steps names a stage twice"
    if any(not step for step in route.steps):
        yield f"routes.{name}.steps holds an empty step"
    for stage in route.steps[-1]:
        if stage in stages and stages[stage].panel:
            yield f"routes.{name}.steps ends with a vote: its last step pays out, which one person does"


def _notice_problems(name: str, notice: NoticeTable, templates: Mapping[str, TemplateTable]) -> Iterator[str]:
    if notice.template not in templates:
        yield f"notices.{name}.template names {notice.template!r}, there is no such template"
    elif set(notice.fields) != set(templates[notice.template].keys):
        wanted = ", ".join(templates[notice.template].keys)
        yield f"notices.{name}.fields must be exactly those of the template {notice.template}: {wanted}"


TABLES: Mapping[str, type[Table]] = {
    "products": Product,
    "stages": StageTable,
    "routes": RouteTable,
    "documents": Document,
    "templates": TemplateTable,
    "notices": NoticeTable,
    "warning_rules": risk.WarningRule,
    "retention": Retention,
    "measures": risk.Measure,
}
"""Sections of named tables: a county may change single fields of one."""
SECTIONS: Mapping[str, type[Frozen]] = {
    "application": Application,
    "identity": Identity,
    "limits": Limits,
    "rates": Rates,
    "industries": Industries,
    "visit": Visit,
    "escalation": Escalation,
    "contact": Contact,
    "loan": Loan,
    "easing": Easing,
    "imports": Imports,
    "reports": Reports,
    "slips": Slips,
    "promises": Promises,
    "warning": risk.Warnings,
    "conduct": risk.Conduct,
    "disposal": risk.Disposals,
    "visit_plan": risk.VisitPlan,
    "filing": risk.Filings,
    "audit_watch": privacy.AuditWatch,
    "subsidy": Subsidies,
    "misuse": risk.Misuse,
    "privacy": privacy.Privacy,
    "votes": Votes,
    "channels": Channels,
}
"""Sections of single values: a county replaces a value together with its source."""
