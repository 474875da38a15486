"""Repayment slips and promises: what the borrower says of his payments, and the bank's word on it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from actions import promises, slip_checks, slips
from handlers.api.paging import Listed, next_of
from handlers.endpoint import Call, In, Out, Page

Key = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")


class SlipIn(In):
    """A repayment as the borrower reports it; null is what he does not know or have."""

    amount_fen: int | None = Field(None, gt=0, le=10**13)
    paid_on: date | None = None
    photo: str | None = Field(
        None, min_length=1, max_length=64, description="Key of an own file of purpose repayment_slip."
    )


class SlipOut(Out):
    """A slip. State: waiting, confirmed, refused. `received_*` and `serial` are what the bank's books say."""

    key: str
    loan_key: str
    loan_number: str
    state: str
    amount_fen: int | None
    paid_on: date | None
    photo: str | None
    created_at: datetime
    decided_at: datetime | None
    reason: str
    serial: str
    received_fen: int | None
    received_on: date | None
    reversed_on: date | None = Field(description="The day the bank took that payment back.")
    reversal_reason: str
    repeated: bool = Field(description="It had been reported or decided so before; nothing was changed.")


class SlipsOut(Out):
    """The slips of one loan."""

    items: list[SlipOut]


class SlipPage(Page):
    """Which slips of one's bank, guarantor or county."""

    state: Literal["waiting", "confirmed", "refused"] | None = None


class BookedOut(Out):
    """A repayment in the books that no slip was confirmed by yet."""

    serial: str
    amount_fen: int
    received_on: date


class SlipCheckOut(Out):
    """A slip to decide: doubts are shown, never hidden; `booked` are payments that it may be."""

    slip: SlipOut
    doubts: list[str]
    booked: list[BookedOut]


class CheckedIn(In):
    """The bank's word: found (serial, amount_fen, received_on), booked (serial) or not_found (reason)."""

    outcome: Literal["found", "booked", "not_found"]
    serial: str = Field("", max_length=64)
    amount_fen: int | None = Field(None, gt=0, le=10**13)
    received_on: date | None = None
    reason: str = Field("", max_length=300)


class PromiseIn(In):
    """By which day the borrower will pay."""

    promised_on: date
    said: str = Field("", max_length=60)


class PromiseOut(Out):
    """A promise. State: open, kept, broken, replaced."""

    key: str
    loan_key: str
    loan_number: str
    given_on: date
    promised_on: date
    amount_fen: int
    state: str
    repeated: bool


class PromisesOut(Out):
    """The promises about one loan."""

    items: list[PromiseOut]


async def report(call: Call, key: str, body: SlipIn) -> SlipOut:
    """Report a repayment of one's own loan; the bank is asked. The same photo again is the same slip."""
    made = await slips.report(
        call.actor, key,
        amount_fen=body.amount_fen, paid_on=body.paid_on, photo=body.photo, pack=call.pack, now=call.now,
    )  # fmt: skip
    return SlipOut.model_validate(made)


async def of_loan(call: Call, key: str) -> SlipsOut:
    """The slips of a loan, the newest first; the guarantor sees what the bank has confirmed."""
    return SlipsOut(items=[SlipOut.model_validate(row) for row in await slips.of_loan(call.actor, key)])


async def show(call: Call, key: str, slip: str) -> SlipOut:
    """One slip."""
    return SlipOut.model_validate(await slips.view(call.actor, key, slip))


async def listed(call: Call, query: SlipPage) -> Listed[SlipOut]:
    """The slips of one's bank, guarantor or county, the newest first."""
    rows = await slips.listed(call.actor, state=query.state, after=query.after, limit=query.limit)
    items = [SlipOut.model_validate(row) for row in rows]
    return Listed[SlipOut](items=items, next=next_of(rows, query.limit, "key"))


async def check(call: Call, key: str) -> SlipCheckOut:
    """The slip that a task is about, with doubts and the payments it may be."""
    return SlipCheckOut.model_validate(await slip_checks.check_of(call.actor, key, call.pack, call.on))


async def decide(call: Call, key: str, body: CheckedIn) -> SlipOut:
    """Confirm, link or refuse. Of two officers at once one wins, the other gets 409 with the standing."""
    said = slip_checks.Checked(**body.model_dump())
    return SlipOut.model_validate(await slip_checks.decide(call.actor, key, said, call.pack, call.now))


async def promise(call: Call, key: str, body: PromiseIn) -> PromiseOut:
    """Say by which day one will pay; until then no collection notice comes, as long as the pack allows."""
    made = await promises.give(call.actor, key, body.promised_on, body.said, call.pack, call.now)
    return PromiseOut.model_validate(made)


async def promised(call: Call, key: str) -> PromisesOut:
    """The promises about a loan, the newest first."""
    rows = await promises.of_loan(call.actor, key)
    return PromisesOut(items=[PromiseOut.model_validate(row) for row in rows])
