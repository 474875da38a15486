"""Credit queries of an application's applicant, by his authorisation."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from actions import credit_query
from handlers.bureau import bureau_of
from handlers.endpoint import Call, In, Out
from rules.credit_query import Purpose


class NewQuery(In):
    """What the answer is for. It must be what the applicant's authorisation says."""

    purpose: Purpose = Field(strict=False, description="loan_review until it is paid out, then after_loan.")


class ReportOut(Out):
    """Open loans, what is owed and overdue on them, bad records."""

    loans: int
    balance_fen: int
    overdue_fen: int
    bad_records: int


class QueryOut(Out):
    """A query. `state` failed: the register gave no answer; `own` is what our own books say."""

    key: str
    purpose: str
    state: str
    asked_at: datetime
    expires_at: datetime | None
    own: ReportOut
    bureau: ReportOut | None


class QueriesOut(Out):
    """The queries of an application, the newest first."""

    items: list[QueryOut]


async def ask(call: Call, key: str, body: NewQuery) -> QueryOut:
    """Query what is known of the applicant; refused, and noted, without his authorisation for the purpose."""
    authorisation = await credit_query.authorisation_for(call.actor, key, call.now)
    found = await credit_query.ask(call.actor, authorisation, body.purpose, bureau_of(call.runtime), call.now)
    return QueryOut.model_validate(found)


async def listed(call: Call, key: str) -> QueriesOut:
    """What was queried: the applicant sees all of it, staff what their own body asked."""
    found = await credit_query.queries(call.actor, key, call.now)
    return QueriesOut(items=[QueryOut.model_validate(each) for each in found])
