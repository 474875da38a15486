"""The part of a pack's shape that is about loans in danger: warnings, conduct, disposal, visits, filings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policies.values import Frozen, Role, Table, Value
from rules.application import ApplicantKind
from rules.disposal import Ability, Way, Willingness
from rules.warnings import Fact

Positive = Annotated[int, Field(gt=0)]
Days = Annotated[int, Field(ge=0)]
Code = Annotated[str, Field(pattern=r"^[a-z_]{2,24}$")]
LevelName = Literal["watch", "priority_watch", "at_risk"]


class Coded(Frozen):
    """One choice: the code is stored, the name is shown."""

    code: Code
    name: str


class Cause(Coded):
    """Why a loan is not paid. `own_fault`: the borrower could have done otherwise."""

    own_fault: bool


class Warnings(Frozen):
    """Three-level early warning."""

    clean_days: Value[Positive] = Field(description="S10.1 · rules.warnings.is_lowered")
    findings: Value[tuple[Coded, ...]] = Field(description="S10.1 · rules.warnings.fired")
    reports: Value[tuple[Coded, ...]] = Field(description="S10.1 · rules.warnings.fired")
    report_days: Value[Positive] = Field(description="S10.1 · rules.warnings.holds_until")


class Conduct(Frozen):
    """Facts by which a borrower's credit is judged."""

    missed_settlements: Value[Positive] = Field(description="S11.3 · rules.conduct.is_credit_lowered")
    over_days: Value[Positive] = Field(description="S7.3 · rules.conduct.over_days_since")
    repeated_over_days: Value[Positive] = Field(description="S7.3 · rules.conduct.repeated_since")
    repeated_times: Value[Positive] = Field(description="S7.3 · rules.conduct.repeated_since")
    ask_working_days: Value[Positive] = Field(description="S11.3 · rules.tasks.deadline")


class Misuse(Frozen):
    """Money that went elsewhere than it was lent for."""

    pay_within_days: Value[Positive] = Field(description="S9.3 · actions.misuse.report")
    roles: Value[tuple[Role, ...]] = Field(description="S9.3 · actions.misuse.report")


class Disposals(Frozen):
    """The list of overdue loans and what is done about each."""

    open_over_days: Value[Days] = Field(description="S12.2 · rules.disposal.is_listed")
    decide_working_days: Value[Positive] = Field(description="S12.2 · rules.tasks.deadline")
    by_max_days: Value[Positive] = Field(description="S12.2 · rules.disposal.check_disposal")
    causes: Value[tuple[Cause, ...]] = Field(description="S12.2 · rules.disposal.check_disposal")
    abilities: Value[dict[Ability, str]] = Field(description="S12.2 · rules.disposal.check_disposal")
    willingnesses: Value[dict[Willingness, str]] = Field(description="S12.2 · rules.disposal.check_disposal")
    ways: Value[dict[Way, str]] = Field(description="S12.2 · rules.disposal.check_disposal")
    maturity_days: Value[tuple[int, ...]] = Field(description="S12.1 · actions.risk_ledger.summary")
    law_role: Value[Role] = Field(description="S12.4 · rules.disposal.is_defaulter")
    law_working_days: Value[Positive] = Field(description="S12.4 · rules.tasks.deadline")


class Round(Frozen):
    """Who visits whom how often. `each`: one visit to every loan, or one look at the whole village."""

    role: Role
    each: Literal["loan", "village"]
    kinds: tuple[ApplicantKind, ...] = Field(min_length=1)
    every: Literal["month", "quarter"]


class VisitPlan(Frozen):
    """Post-loan visits."""

    rounds: Value[tuple[Round, ...]] = Field(description="S9.1 · rules.visit_plans.period_of")
    abnormal_working_days: Value[Positive] = Field(description="S9.1 · rules.tasks.deadline")


class Filings(Frozen):
    """What banks file each month."""

    due_day: Value[Annotated[int, Field(ge=1, le=28)]] = Field(description="S5.3 · rules.filings.due_on")


class WarningRule(Table):
    """One reason to warn: when a fact reaches a number, or a finding or report has one of these codes."""

    USED_BY: ClassVar[str] = "S10.1 · rules.warnings.fired"

    title: str
    fact: Fact
    at_least: Positive = 1
    codes: tuple[Code, ...] = ()
    level: LevelName


class Measure(Table):
    """What is done at a level of warning, by whom, until when."""

    USED_BY: ClassVar[str] = "S10.2 · rules.tasks.deadline"

    title: str
    words: str
    roles: tuple[Role, ...] = Field(min_length=1)
    limit_working_days: Positive
