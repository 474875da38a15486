"""Reports made without a database: rows with chosen rates."""

from __future__ import annotations

from datetime import date, timedelta

from actions.report_views import Figures, ReportView, in_order, ranked_rows
from actions.reports import BY_NAME
from policies import load_packs

PACK = load_packs()["changge"]
DAY = date(2026, 11, 27)
DAYS = tuple(DAY - timedelta(days=29 - back) for back in range(30))
BALANCE = 100_000_000
NO_TREND: list[int] = []


def made(
    shares: list[int], *, loans: int = 40, names: list[str] | None = None, trend: bool = True
) -> ReportView:
    """A report of villages whose NPL rates are these, in parts of a million."""
    spec = BY_NAME["overdue_rates"]
    records = [
        {
            "code": f"411082101{201 + at}", "name": names[at] if names else f"第{at + 1}村", "loans": loans,
            "balance_fen": BALANCE, "overdue_loans": 1, "overdue_fen": share * 50, "par30_fen": share * 100,
            "npl_loans": 1, "npl_fen": share * 100, "eased_fen": 0, "npl_as_if_fen": share * 120,
            "part_before": share * 90, "whole_before": BALANCE,
            "trend_days": list(DAYS) if trend else NO_TREND,
            "whole_trend": [BALANCE] * 30 if trend else NO_TREND,
            "part_trend": [share * (70 + step) for step in range(30)] if trend else NO_TREND,
        }
        for at, share in enumerate(shares)
    ]  # fmt: skip
    figures = Figures(DAY if shares else None, date(2026, 10, 31), records, DAYS if trend else ())
    measured = spec.column("npl_rate")
    rows = ranked_rows(spec, figures, measured, PACK, DAY)
    return ReportView(
        spec=spec,
        level="village",
        levels=("village", "town"),
        within="",
        place_name="坡胡镇",
        day=figures.day,
        before=figures.before,
        days=figures.days,
        measured=measured,
        line_bp=300,
        ranked=sum(row.place is not None for row in rows),
        rows=tuple(in_order(rows, best_first=False)),
        total=None,
    )
