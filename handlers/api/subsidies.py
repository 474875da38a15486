"""Interest subsidies: what banks declare, the county checks and finance pays; money that was misused."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from actions import misuse, subsidies
from actions.misuse import Found
from handlers.api.paging import Listed, number
from handlers.endpoint import Call, In, Out, Page


class DeclarationOut(Out):
    """《贴息申报表》 without its lines. `extra_fen`: cost of declaring late, the bank's."""

    key: str
    title: str
    bank: str
    quarter: date
    due_on: date
    approximate: bool
    state: str
    late: bool
    lines: int
    total_fen: int
    extra_fen: int
    sha256: str
    returned_reason: str
    paid_on: date | None


class SubsidyOut(Out):
    """One period of interest of a loan; `fen` below nought is taken back."""

    id: int
    loan_number: str
    village: str
    end_on: date
    paid_on: date | None
    interest_fen: int
    days: int
    clean_days: int
    fen: int
    days_late: int
    extra_fen: int


class DeclarationIn(In):
    """The declaration as it was read: its hash."""

    sha256: str = Field(min_length=64, max_length=64, pattern=r"^[0-9a-f]+$")


class CheckIn(In):
    """Correct, or sent back with a reason."""

    correct: bool
    reason: str = Field("", max_length=300)


class PaymentIn(In):
    """The day on which finance paid."""

    paid_on: date


class MisuseIn(In):
    """What was found out; `pay_by_on` is when the money is to be back."""

    falsified: bool
    pay_by_on: date
    remark: str = Field(min_length=1, max_length=500)


class MisuseEndIn(In):
    """Why a case ends; `withdrawn`: it was not so."""

    withdrawn: bool
    reason: str = Field(min_length=1, max_length=300)


class MisuseOut(Out):
    """One case of a loan."""

    key: str
    loan_key: str
    found_on: date
    falsified: bool
    pay_by_on: date
    state: str
    remark: str
    ended_on: date | None
    ended_reason: str


class Cases(Out):
    """The cases of a loan, newest first."""

    items: list[MisuseOut]


async def listed(call: Call, query: Page) -> Listed[DeclarationOut]:
    """The declarations one may see, the newest first."""
    rows = await subsidies.listed(call.actor, after=number(query.after), limit=query.limit)
    items = [DeclarationOut.model_validate(view) for _, view in rows]
    return Listed[DeclarationOut](items=items, next=str(rows[-1][0]) if len(rows) == query.limit else None)


async def show(call: Call, key: str) -> DeclarationOut:
    """One declaration."""
    return DeclarationOut.model_validate(await subsidies.show(call.actor, key))


async def lines(call: Call, key: str, query: Page) -> Listed[SubsidyOut]:
    """The lines of a declaration in order."""
    rows = await subsidies.lines(call.actor, key, after=number(query.after) or 0, limit=query.limit)
    items = [SubsidyOut.model_validate(row) for row in rows]
    return Listed[SubsidyOut](items=items, next=str(rows[-1].id) if len(rows) == query.limit else None)


async def submit(call: Call, key: str, body: DeclarationIn) -> DeclarationOut:
    """Declare as it was read. Changed since: 409, read it again."""
    found = await subsidies.submit(call.actor, key, body.sha256, call.pack, call.now)
    return DeclarationOut.model_validate(found)


async def check(call: Call, key: str, body: CheckIn) -> DeclarationOut:
    """The county finds it correct, or sends it back."""
    found = await subsidies.check(
        call.actor, key, correct=body.correct, reason=body.reason, pack=call.pack, now=call.now
    )
    return DeclarationOut.model_validate(found)


async def pay(call: Call, key: str, body: PaymentIn) -> DeclarationOut:
    """Finance has paid everybody's part to his account."""
    return DeclarationOut.model_validate(
        await subsidies.pay(call.actor, key, body.paid_on, call.pack, call.now)
    )


async def misused(call: Call, key: str, body: MisuseIn) -> MisuseOut:
    """Report that a loan's money went elsewhere."""
    found = Found(body.falsified, body.pay_by_on, body.remark)
    return MisuseOut.model_validate(await misuse.report(call.actor, key, found, call.pack, call.now))


async def cases(call: Call, key: str) -> Cases:
    """What was reported of a loan's use."""
    found = await misuse.of_loan(call.actor, key, call.now)
    return Cases(items=[MisuseOut.model_validate(case) for case in found])


async def end_misuse(call: Call, key: str, body: MisuseEndIn) -> MisuseOut:
    """The money is back, or it was not so."""
    ended = await misuse.end(call.actor, key, withdrawn=body.withdrawn, reason=body.reason, now=call.now)
    return MisuseOut.model_validate(ended)
