"""Loans with plans of their own choice, for what the night makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from actions import night, risk_night
from actions.routing import on_day
from models.loan import Instalment, Loan
from models.people import Household, Organisation, Person
from tests.actions.conftest import NOW, VILLAGE, County

TOWN = "411082101000"
TODAY = on_day(NOW)


@dataclass(frozen=True)
class Line:
    """Due so many days before today (below nought: after), paid so many days before today or not at all."""

    due_days_ago: int
    paid_days_ago: int | None = None
    principal_fen: int = 0
    interest_fen: int = 10_000


async def bodies() -> tuple[int, int]:
    """Ids of the county's bank and guarantor."""
    bank = await Organisation.get(kind="partner_bank")
    guarantor = await Organisation.get(kind="guarantor")
    return bank.id, guarantor.id


async def borrower(village: str = VILLAGE) -> Person:
    """A farmer with a household of his own."""
    household = await Household.create(county="411082", village=village)
    person = Person(county="411082", household=household, village=village, created_at=NOW)
    person.name = "马大有"
    await person.save()
    return person


async def lend(
    lines: Sequence[Line],
    *,
    person: Person | None = None,
    village: str = VILLAGE,
    guaranteed: bool = True,
    disbursed_on: date = TODAY - timedelta(days=400),
    application_id: int | None = None,
    today: date = TODAY,
) -> Loan:
    """A running loan with these lines."""
    bank, guarantor = await bodies()
    who = person or await borrower(village)
    loan = await Loan.create(
        county="411082", number=f"JJ{await Loan.all().count():05d}", bank_id=bank,
        guarantor_id=guarantor if guaranteed else None, application_id=application_id, borrower_id=who.id,
        household_id=who.household_id, village=village, principal_fen=3_000_000, balance_fen=3_000_000,
        annual_rate_bp=435, day_count="actual/360", method="interest_only", settlement_cycle="monthly",
        disbursed_on=disbursed_on, maturity_on=today + timedelta(days=300), created_at=NOW,
    )  # fmt: skip
    for number, line in enumerate(sorted(lines, key=lambda line: -line.due_days_ago), 1):
        paid = None if line.paid_days_ago is None else today - timedelta(days=line.paid_days_ago)
        await Instalment.create(
            county="411082", loan_id=loan.id, number=number,
            kind="maturity" if line.principal_fen else "settlement",
            due_on=today - timedelta(days=line.due_days_ago), days=30, principal_fen=line.principal_fen,
            interest_fen=line.interest_fen,
            paid_principal_fen=line.principal_fen if paid else 0,
            paid_interest_fen=line.interest_fen if paid else 0, paid_on=paid,
        )  # fmt: skip
    return loan


def at(days: int) -> datetime:
    """Nine o'clock so many days after today."""
    return NOW + timedelta(days=days)


async def run_night(county: County, days: int = 0, town: str = TOWN) -> dict[str, int]:
    """The night of a town so many days after today: arrears, then what follows from them."""
    now = at(days)
    await night.run_town("411082", town, on_day(now), county.pack, now)
    return await risk_night.run_town("411082", town, on_day(now), county.pack, now)


async def pay(loan: Loan, days: int = 0) -> None:
    """Everything that was due is paid so many days after today."""
    on = TODAY + timedelta(days=days)
    for line in await Instalment.filter(loan_id=loan.id, due_on__lte=on, paid_on=None):
        line.paid_on = on
        line.paid_principal_fen, line.paid_interest_fen = line.principal_fen, line.interest_fen
        await line.save()
