"""Days of rest that nobody knew of when the loan was paid out."""

from __future__ import annotations

from datetime import date

from actions import due_days
from models.loan import Instalment
from rules.schedule import Terms

from .conftest import County
from .loan_kit import lend

SUNDAY = date(2026, 12, 20)


async def test_a_line_moves_once_the_calendar_is_out_and_only_then(county: County) -> None:
    """S11.1, S5.3: of two lines one year is known by now; run again, nothing changes."""
    terms = Terms(3_000_000, 435, date(2026, 1, 20), SUNDAY, "interest_only", due_day=20)
    loan = await lend(county.pack, terms)
    later = await lend(county.pack, Terms(1_000, 435, date(2040, 1, 1), date(2040, 3, 3), "bullet"), "JJ-2")
    await Instalment.filter(loan_id=loan.id, nominal_on=SUNDAY).update(due_on=SUNDAY, calendar_known=False)
    on = date(2026, 11, 28)
    assert await due_days.settle("411082", county.pack, on) == {"settled": 1, "unknown_days": 1}
    moved = await Instalment.get(loan_id=loan.id, nominal_on=SUNDAY)
    assert (moved.due_on, moved.calendar_known) == (date(2026, 12, 21), True)
    waits = await Instalment.get(loan_id=later.id)
    assert (waits.due_on, waits.calendar_known) == (date(2040, 3, 3), False)
    assert await due_days.settle("411082", county.pack, on) == {"settled": 0, "unknown_days": 1}
