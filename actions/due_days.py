"""Lines that fall on a day of which nobody knew yet whether people work: moved once the calendar is out."""

from __future__ import annotations

from datetime import date

from bot import database
from policies import Pack
from rules.schedule import due_day_of

_DAYS = """
SELECT DISTINCT coalesce(nominal_on, due_on) AS nominal_on FROM instalment
WHERE county = $1 AND NOT calendar_known AND paid_on IS NULL ORDER BY 1"""
_MOVE = """
UPDATE instalment i SET due_on = g.due_on, calendar_known = true
FROM unnest($2::date[], $3::date[]) AS g(nominal_on, due_on)
WHERE i.county = $1 AND NOT i.calendar_known AND i.paid_on IS NULL
  AND coalesce(i.nominal_on, i.due_on) = g.nominal_on"""


async def settle(county: str, pack: Pack, on: date) -> dict[str, int]:
    """Move what the calendar now knows; how many lines were settled and how many days are still unknown.

    Run again, nothing changes. Clause: S11.1, S5.3.
    """
    rest_days = pack.contents.loan.rest_days.on(on)
    days = [row["nominal_on"] for row in await database.fetch(_DAYS, county)]
    found = {day: due_day_of(day, rest_days) for day in days}
    known = {day: due_on for day, (due_on, is_known) in found.items() if is_known}
    if not known:
        return {"settled": 0, "unknown_days": len(days)}
    settled = await database.execute(_MOVE, county, list(known), list(known.values()))
    return {"settled": settled, "unknown_days": len(days) - len(known)}
