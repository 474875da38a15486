"""Once a month the staff of towns and county are told that last month's reports are there, with the page."""

from __future__ import annotations

from datetime import date, datetime

from actions.notices import NewNotice, plan
from actions.report_kinds import ReportSpec, bind
from actions.reports import REPORTS
from bot.database import fetch, transaction
from policies import Pack
from rules.arrears_rates import last_month_end, told_from

KIND = "report_ready"
STEP = 12
"""How much of a name a step holds: reports differ in it, so each is told by itself."""
_HOLDERS = """
WITH held AS (
  SELECT id, person_id FROM post
  WHERE county = $1 AND role = ANY($2::text[]) AND from_on <= $3 AND (to_on IS NULL OR to_on >= $3)
)
SELECT person_id FROM held
UNION SELECT d.delegate_id FROM held JOIN delegation d ON d.post_id = held.id
WHERE d.from_on <= $3 AND d.to_on >= $3
ORDER BY 1"""


async def tell(county: str, pack: Pack, on: date, now: datetime) -> int:
    """Plan the notices of last month's reports from the pack's day on; how many were new.

    From that day on as long as the notice is of use, so that a day that was missed is made good; told once.
    A report without figures for last month is not announced. Clause: S12.5, S5.3.
    """
    first = told_from(on, pack.contents.reports.push_day.on(on)).on
    if not 0 <= (on - first).days <= pack.notices[KIND].steps.too_late_days:
        return 0
    month = last_month_end(on)
    told = [
        NewNotice(
            person_id=row["person_id"],
            kind=KIND,
            subject_kind="report",
            subject_id=month.year * 100 + month.month,
            facts={"task": f"{month.month}月{spec.title}", "report": spec.name},
            due_on=first,
            step=spec.name[:STEP],
        )
        for spec in REPORTS
        if spec.pushed_to and await _has_figures(spec, county, month)
        for row in await fetch(_HOLDERS, county, list(spec.pushed_to), on)
    ]
    async with transaction() as connection:
        return await plan(connection, county, told, pack, now)


async def _has_figures(spec: ReportSpec, county: str, month: date) -> bool:
    """Was anything worked out in that month? A report of this moment always has figures."""
    if not spec.days:
        return True
    sql, arguments = bind(spec.days, {"county": county, "day": month})
    day = (await fetch(sql, *arguments))[0]["day"]
    return day is not None and day >= month.replace(day=1)
