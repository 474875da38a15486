"""Early warnings, what people report, events of conduct, the risk ledger."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from actions import conduct, risk_ledger, visit_plans, warnings
from handlers.api.paging import Listed, next_of, number
from handlers.endpoint import Call, In, Out, Page
from rules.warnings import Level

LevelName = Literal["none", "watch", "priority_watch", "at_risk"]
Code = Field(min_length=1, max_length=24, pattern=r"^[a-z_]+$")


class MovedOut(Out):
    """One thing that moved a warning, or would have; with the facts and the version of the rules."""

    day: date
    cause: str
    title: str
    level: LevelName
    before: LevelName
    after: LevelName
    facts: dict[str, Any]
    reason: str
    rules_version: str


class WarningOut(Out):
    """A loan's warning: none, watch (关注), priority_watch (重点关注), at_risk (风险)."""

    loan_key: str
    level: LevelName
    title: str
    since_on: date | None
    held_by_person: bool = Field(description="A person raised it: only a person lowers it.")
    clean_since: date | None
    history: list[MovedOut]


class MoveIn(In):
    """Raise or lower by hand."""

    level: LevelName
    reason: str = Field(min_length=1, max_length=300)


class EventOut(Out):
    """An event the borrower's credit is judged by."""

    kind: str
    reason: str
    since_on: date
    cured_on: date | None
    facts: dict[str, Any]


class EventsOut(Out):
    """Events, the newest first."""

    items: list[EventOut]


class FindingsIn(In):
    """What is abnormal about a loan; codes as `choices` of the visit form name them."""

    findings: list[str] = Field(min_length=1, max_length=10)
    remark: str = Field("", max_length=500)


class FactOut(Out):
    """A fact as it was kept."""

    key: str
    kind: str
    from_on: date
    until_on: date | None


class FactsOut(Out):
    """Facts that are new."""

    items: list[FactOut]


class RegionReportIn(In):
    """A price or disaster notice. Without an industry it is about every loan of the region."""

    kind: str = Code
    region: str = Field(pattern=r"^[0-9]{12}$")
    industry: str = Field("", max_length=40)
    from_on: date
    until_on: date | None = None
    remark: str = Field("", max_length=500)


class CellOut(Out):
    """Loans alike in days to maturity (from here on; null: passed), level, ability and willingness."""

    from_days: int | None
    level: LevelName
    ability: str
    willingness: str
    loans: int
    balance_fen: int


class LedgerOut(Out):
    """The risk ledger summed up."""

    items: list[CellOut]


class LedgerLoanOut(Out):
    """One loan of the ledger."""

    key: str
    number: str
    village: str
    balance_fen: int
    maturity_on: date
    level: LevelName
    since_on: date | None
    disposal_key: str
    disposal_state: str
    overdue_since: date | None
    cause: str
    ability: str
    willingness: str
    way: str
    by_on: date | None


class LedgerPage(Page):
    """Which loans of the ledger."""

    level: LevelName | None = None
    disposal: Literal["open", "decided"] | None = None


async def show(call: Call, key: str) -> WarningOut:
    """A loan's warning and why. Staff only."""
    return WarningOut.model_validate(await warnings.of_loan(call.actor, key, call.pack, call.now))


async def move(call: Call, key: str, body: MoveIn) -> WarningOut:
    """Raise or lower a warning by hand, with a reason."""
    await warnings.move(call.actor, key, Level[body.level.upper()], body.reason, call.pack, call.now)
    return await show(call, key)


async def events(call: Call, key: str) -> EventsOut:
    """What a borrower's credit is judged by; he reads his own, staff those of the loan."""
    found = await conduct.of_borrower(call.actor, key, call.pack, call.now)
    return EventsOut(items=[EventOut.model_validate(each) for each in found])


async def report(call: Call, key: str, body: FindingsIn) -> FactsOut:
    """Say at once what is abnormal about a loan; the town gets a task."""
    made = await visit_plans.report(call.actor, key, body.findings, body.remark, call.pack, call.now)
    return FactsOut(items=[FactOut.model_validate(each) for each in made])


async def report_region(call: Call, body: RegionReportIn) -> FactOut:
    """Enter a price or disaster notice for a place; the next night warns by it."""
    given = visit_plans.RegionReport(**body.model_dump())
    return FactOut.model_validate(await visit_plans.report_region(call.actor, given, call.pack, call.now))


async def ledger(call: Call) -> LedgerOut:
    """The risk ledger by maturity, level, ability and willingness."""
    found = await risk_ledger.summary(call.actor, call.pack, call.on)
    return LedgerOut(items=[CellOut.model_validate(each) for each in found])


async def ledger_loans(call: Call, query: LedgerPage) -> Listed[LedgerLoanOut]:
    """The loans behind the sums."""
    rows = await risk_ledger.loans(
        call.actor,
        level=Level[query.level.upper()] if query.level else None,
        disposal=query.disposal,
        after=number(query.after) or 0,
        limit=query.limit,
    )
    items = [LedgerLoanOut.model_validate(row) for row in rows]
    return Listed[LedgerLoanOut](items=items, next=next_of(rows, query.limit, "id"))
