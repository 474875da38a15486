"""REPORTS: what is reported, as data. From one row come page, JSON, xlsx, picture and the monthly push."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from actions.report_kinds import Column, Level, ReportSpec
from policies import Pack

_STAFF: Mapping[str, tuple[Level, ...]] = {
    "cadre": ("village",),
    "town_clerk": ("village", "town"),
    "county_clerk": ("town", "village", "bank"),
    "bank_officer": ("bank",),
}
_NEWEST_FIGURES = (
    "SELECT max(day) AS day FROM region_day WHERE county = :county AND level = 'county' AND day <= :day"
)

_RATES = """
WITH day AS (
  SELECT * FROM region_day WHERE county = :county AND level = :level AND day = :day
), before AS (
  SELECT code, balance_fen AS whole_before,
         CASE :part::text WHEN 'npl_fen' THEN npl_fen WHEN 'par30_fen' THEN par30_fen ELSE overdue_fen END
           AS part_before
  FROM region_day WHERE county = :county AND level = :level AND day = :before
), trend AS (
  SELECT code, array_agg(day ORDER BY day) AS trend_days,
         array_agg(balance_fen ORDER BY day) AS whole_trend,
         array_agg(CASE :part::text WHEN 'npl_fen' THEN npl_fen WHEN 'par30_fen' THEN par30_fen
                   ELSE overdue_fen END ORDER BY day) AS part_trend
  FROM region_day
  WHERE county = :county AND level = :level AND day > :day::date - :trend_days::int AND day <= :day
  GROUP BY code
)
SELECT day.code, coalesce(r.name, o.name, day.code) AS name, day.loans, day.balance_fen, day.overdue_loans,
       day.overdue_fen, day.par30_fen, day.npl_loans, day.npl_fen, day.eased_fen, day.npl_as_if_fen,
       before.part_before, before.whole_before, trend.trend_days, trend.part_trend, trend.whole_trend
FROM day LEFT JOIN before USING (code) LEFT JOIN trend USING (code)
LEFT JOIN region r ON :level <> 'bank' AND r.code = day.code
LEFT JOIN organisation o ON :level = 'bank' AND o.county = :county AND o.id::text = day.code
ORDER BY day.code"""

_LATE_LOANS = """
SELECT loan_id, {amount} AS amount_fen, days_past_due AS days FROM arrears_day
WHERE county = :county AND day = :day AND {{inside}} AND days_past_due > {more_than}"""

_COLLECTION = """
SELECT day.code, coalesce(r.name, o.name, day.code) AS name, day.loans, day.due_fen, day.repaid_fen,
       day.overdue_loans, day.overdue_fen, before.repaid_fen AS part_before, before.due_fen AS whole_before
FROM collection_day day
LEFT JOIN collection_day before
  ON before.county = :county AND before.level = :level AND before.day = :before AND before.code = day.code
LEFT JOIN region r ON :level <> 'bank' AND r.code = day.code
LEFT JOIN organisation o ON :level = 'bank' AND o.county = :county AND o.id::text = day.code
WHERE day.county = :county AND day.level = :level AND day.day = :day
ORDER BY day.code"""

_MONTHS_LINES = """
SELECT l.id AS loan_id, month.amount_fen, month.days
FROM loan l CROSS JOIN LATERAL (
  SELECT sum({amount})::bigint AS amount_fen,
         greatest(0, max(:day::date - i.due_on) FILTER (
           WHERE i.paid_principal_fen + i.paid_interest_fen < i.principal_fen + i.interest_fen)) AS days
  FROM instalment i
  WHERE i.loan_id = l.id AND i.due_on BETWEEN date_trunc('month', :day::date)::date AND :day::date) month
WHERE l.county = :county AND {{inside}} AND month.amount_fen > 0"""
_DUE = "(i.principal_fen + i.interest_fen)"
_REPAID = "(i.paid_principal_fen + i.paid_interest_fen)"


def _measured(pack: Pack, on: date) -> str:
    return pack.contents.reports.measured_by.on(on)


def _target(pack: Pack, on: date) -> int | None:
    return pack.contents.reports.target_line_bp.on(on)


REPORTS: tuple[ReportSpec, ...] = (
    ReportSpec(
        name="overdue_rates",
        title="逾期和不良通报",
        about=(
            ("逾期率", "到了日子没还的钱，占全部没还本金的多少。"),
            ("逾期超30天占比", "拖了30天以上的贷款，没还的本金占多少（PAR30）。"),
            ("不良率", "拖到算不良的贷款，没还的本金占多少。"),
            ("还原不良率", "续贷、展期的都当作没办，不良率会是多少。"),
        ),
        seen_by=_STAFF,
        columns=(
            Column("loans", "贷款（笔）", "count", phone=True),
            Column("balance_fen", "没还本金（万元）", "money", phone=True),
            Column("overdue_fen", "逾期金额（万元）", "money", phone=True),
            Column("arrears_rate", "逾期率", "percent", of=("overdue_fen", "balance_fen"), phone=True),
            Column("par30_fen", "逾期超30天本金（万元）", "money"),
            Column("par30_rate", "逾期超30天占比", "percent", of=("par30_fen", "balance_fen"), phone=True),
            Column("npl_fen", "不良本金（万元）", "money", phone=True),
            Column("npl_rate", "不良率", "percent", of=("npl_fen", "balance_fen"), phone=True),
            Column("as_if_rate", "还原不良率", "percent", of=("npl_as_if_fen", "balance_fen"), phone=True),
            Column("change", "比上月底（百分点）", "change", phone=True),
            Column("trend", "走势", "trend", phone=True),
        ),
        query=_RATES,
        ranked_by=_measured,
        line_bp=_target,
        days=_NEWEST_FIGURES,
        opens={
            "overdue_fen": _LATE_LOANS.format(
                amount="overdue_principal_fen + overdue_interest_fen", more_than="0"
            ),
            "par30_fen": _LATE_LOANS.format(amount="balance_fen", more_than=":par_over_days"),
            "npl_fen": _LATE_LOANS.format(amount="balance_fen", more_than=":npl_over_days"),
        },
        pushed_to=("town_clerk", "county_clerk"),
    ),
    ReportSpec(
        name="collection_month",
        title="本月应还已还",
        about=(
            ("本月应还", "这个月1号到这一天，该还的本金和利息。"),
            ("已还", "其中已经还了的。"),
            ("逾期", "其中到这一天结束还没还的。"),
            ("还款率", "已还占应还的多少，越高越好。"),
        ),
        seen_by={
            "town_clerk": ("town",),
            "county_clerk": ("town", "bank"),
            "bank_officer": ("bank",),
        },
        columns=(
            Column("loans", "有应还的贷款（笔）", "count"),
            Column("due_fen", "本月应还（万元）", "money", phone=True),
            Column("repaid_fen", "已还（万元）", "money", phone=True),
            Column("overdue_loans", "逾期（笔）", "count", phone=True),
            Column("overdue_fen", "逾期（万元）", "money", phone=True),
            Column("repaid_rate", "还款率", "percent", of=("repaid_fen", "due_fen"), phone=True),
            Column("change", "比上月底（百分点）", "change", phone=True),
        ),
        query=_COLLECTION,
        ranked_by=lambda _pack, _on: "repaid_rate",
        low_is_good=False,
        days="SELECT max(day) AS day FROM collection_day WHERE county = :county AND day <= :day",
        opens={
            "due_fen": _MONTHS_LINES.format(amount=_DUE),
            "repaid_fen": _MONTHS_LINES.format(amount=_REPAID),
            "overdue_fen": _MONTHS_LINES.format(amount=f"{_DUE} - {_REPAID}"),
        },
        opens_now=True,
        pushed_to=("town_clerk", "county_clerk"),
    ),
)
BY_NAME: Mapping[str, ReportSpec] = {report.name: report for report in REPORTS}
