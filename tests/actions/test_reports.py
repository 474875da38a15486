"""Reports: golden rows, who sees which of them, and that every sum can be opened down to its loans."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from actions.access import Actor, HeldPost
from actions.report_kinds import value_of, words_of
from actions.report_loans import Opened, loans_behind
from actions.report_push import STEP
from actions.report_views import Asked, ReportView, reports_of, view
from actions.reports import BY_NAME, REPORTS
from bot import database
from bot.errors import NotFound
from models.arrears import ArrearsDay, RegionDay
from models.loan import Loan
from models.people import Organisation, Person
from tests.actions.conftest import NOW, County
from tests.actions.report_kit import (
    COUNTY,
    DAY,
    HOU,
    LIU,
    OCTOBER,
    PO,
    SHI,
    VILLAGES,
    XING,
    bank,
    figures,
    write_day,
    write_days,
)

ON = date(2026, 11, 28)


async def report(county: County, person: str, name: str = "overdue_rates", **asked: Any) -> ReportView:
    return await view(await county.actor(person), name, Asked(**asked), county.pack, ON)


def shown(found: ReportView, row: int = 0) -> dict[str, str]:
    return {c.key: words_of(c, found.rows[row], found.line_bp) for c in found.spec.columns}


async def test_the_golden_rows_of_villages(county: County) -> None:
    """S12.5: three rates by their own names, place, mark, change to last month; the worst comes first."""
    await write_days()
    found = await report(county, "liu", level="village")
    assert [(row.name, row.place, row.above) for row in found.rows] == [
        ("坡胡镇石桥村", 2, True),
        ("坡胡镇柳庄村", 1, False),
        ("后河镇杏园村", None, True),
    ]
    assert (found.day, found.before, found.ranked, found.above, found.line_bp) == (DAY, OCTOBER, 2, 1, 300)
    assert shown(found, 1) == {
        "loans": "40",
        "balance_fen": "100.00",
        "overdue_fen": "1.20",
        "arrears_rate": "1.20%",
        "par30_fen": "4.00",
        "par30_rate": "4.00%",
        "npl_fen": "3.00",
        "npl_rate": "3.00%",
        "as_if_rate": "5.00%",
        "change": "↑升1.50",
        "trend": "",
    }
    trend = found.spec.column("trend")
    assert value_of(trend, found.rows[0]) == [151, 301, 301, 301]
    assert found.days == (OCTOBER, *(DAY - timedelta(days=back) for back in (2, 1, 0)))


async def test_the_sum_beside_the_rows_is_the_sum_of_the_rows(county: County) -> None:
    """S12.5: of every level, and it is what the night wrote for the county."""
    await write_days()
    whole = await RegionDay.get(level="county", county=COUNTY, day=DAY)
    for level in ("village", "town", "bank"):
        found = await report(county, "liu", level=level)
        assert found.total is not None
        assert found.total.name == "长葛市合计"
        for key in VILLAGES[LIU]:
            assert found.total.figures[key] == getattr(whole, key) == sum(r.figures[key] for r in found.rows)
        assert value_of(found.spec.column("trend"), found.total) == [165, 331, 331, 331]


async def test_a_county_chooses_its_rate_and_its_line(county: County) -> None:
    """S12.5: Xingyi measures the arrears rate (003), Changge the NPL rate (004)."""
    await write_days()
    pack = county.pack
    reports = pack.contents.reports
    other = replace_reports(pack, measured_by="arrears_rate", target_line_bp=150)
    found = await view(await county.actor("liu"), "overdue_rates", Asked("village"), other, ON)
    assert reports.measured_by.on(ON) == "npl_rate"
    assert found.measured.title == "逾期率"
    assert [(row.code, row.place, row.above) for row in found.rows] == [
        (SHI, 2, True),
        (LIU, 1, False),
        (XING, None, True),
    ]


def replace_reports(pack: Any, **values: Any) -> Any:
    held = {
        name: getattr(pack.contents.reports, name).model_copy(update={"value": value, "dated": ()})
        for name, value in values.items()
    }
    reports = pack.contents.reports.model_copy(update=held)
    return replace(pack, contents=pack.contents.model_copy(update={"reports": reports}))


async def test_everybody_sees_the_rows_of_his_region_beside_the_next_wider_one(county: County) -> None:
    """S12.5, S17.2"""
    await write_days()
    for person, level, codes, beside in (
        ("wang", "village", [LIU], "坡胡镇合计"),
        ("guo", "village", [XING], "后河镇合计"),
        ("zhou", "village", [SHI, LIU], "坡胡镇合计"),
        ("zhou", "town", [PO], "长葛市合计"),
        ("liu", "town", [PO, HOU], "长葛市合计"),
        ("liu", "village", [SHI, LIU, XING], "长葛市合计"),
    ):
        found = await report(county, person, level=level)
        assert [row.code for row in found.rows] == codes, (person, level)
        assert found.total is not None
        assert found.total.name == beside, (person, level)


async def test_a_place_is_the_same_whoever_looks(county: County) -> None:
    """S12.5: a cadre who sees one row reads the place it has in the whole county."""
    await write_days()
    assert (await report(county, "song")).rows[0].place == 2


async def test_a_bank_sees_its_own_row_and_no_sum_that_would_tell_of_others(county: County) -> None:
    """S12.5, S17.2"""
    await write_days()
    found = await report(county, "zhao")
    assert [(row.code, row.name) for row in found.rows] == [(await bank(), "长葛合作银行")]
    assert (found.level, found.total, found.levels) == ("bank", None, ("bank",))


async def test_a_branch_in_a_town_does_not_see_what_the_bank_has_in_the_county(county: County) -> None:
    """S17.2"""
    await write_days()
    officer = await county.actor("zhao")
    (post,) = officer.posts
    branch = replace(officer, posts=(replace(post, region=PO),))
    with pytest.raises(NotFound):
        await view(branch, "overdue_rates", Asked(), county.pack, ON)


async def test_what_is_out_of_scope_is_not_there(county: County) -> None:
    """S17.2"""
    await write_days()
    for person, name, asked in (
        ("zhang", "overdue_rates", {}),
        ("chen", "overdue_rates", {}),
        ("sun", "overdue_rates", {}),
        ("wang", "overdue_rates", {"level": "town"}),
        ("wang", "overdue_rates", {"within": PO}),
        ("wang", "collection_month", {}),
        ("zhou", "overdue_rates", {"level": "bank"}),
        ("zhou", "overdue_rates", {"level": "village", "within": HOU}),
        ("zhao", "overdue_rates", {"level": "village"}),
        ("zhao", "overdue_rates", {"within": PO}),
        ("liu", "overdue_rates", {"level": "village", "within": "12"}),
        ("liu", "overdue_rates", {"level": "county"}),
        ("liu", "no_such_report", {}),
    ):
        with pytest.raises(NotFound):
            await report(county, person, name, **asked)


async def test_the_county_opens_a_town_into_its_villages(county: County) -> None:
    """S12.5"""
    await write_days()
    found = await report(county, "liu", level="village", within=PO)
    assert [row.code for row in found.rows] == [SHI, LIU]
    assert found.total is not None
    towns = await report(county, "liu", level="town")
    assert found.total.figures["npl_fen"] == towns.rows[0].figures["npl_fen"]


async def test_the_best_come_first_when_asked_for(county: County) -> None:
    """S12.5"""
    await write_days()
    found = await report(county, "liu", level="village", best_first=True)
    assert [row.code for row in found.rows] == [LIU, SHI, XING]


async def test_an_earlier_day_is_the_newest_one_up_to_it(county: County) -> None:
    """S12.5"""
    await write_days()
    found = await report(county, "liu", day=date(2026, 11, 10))
    assert (found.day, found.before) == (OCTOBER, None)
    assert words_of(found.spec.column("change"), found.rows[0], 300) == "—"


async def test_a_county_without_figures_has_an_empty_report(county: County) -> None:
    """S12.5"""
    for each in REPORTS:
        found = await report(county, "liu", each.name)
        assert (found.day, found.rows, found.total, found.ranked) == (None, (), None, 0)


async def test_a_village_without_a_balance_has_no_rate_and_no_place(county: County) -> None:
    """S12.5"""
    await RegionDay.create(county=COUNTY, day=DAY, level="village", code=LIU, **figures(12, 0))
    await RegionDay.create(county=COUNTY, day=DAY, level="county", code="411082000000", **figures(12, 0))
    (row,) = (await report(county, "wang")).rows
    assert (row.place, row.above) == (None, None)


async def test_the_list_of_reports_names_those_one_may_see(county: County) -> None:
    """S12.5, S17.2"""
    for person, expected in (
        ("wang", {"overdue_rates": ("village",)}),
        ("zhou", {"overdue_rates": ("village", "town"), "collection_month": ("town",)}),
        ("liu", {"overdue_rates": ("town", "village", "bank"), "collection_month": ("town", "bank")}),
        ("zhao", {"overdue_rates": ("bank",), "collection_month": ("bank",)}),
        ("zhang", {}),
    ):
        found = {spec.name: levels for spec, levels in reports_of(await county.actor(person))}
        assert found == expected, person


async def test_a_cadre_of_two_villages_sees_both(county: County) -> None:
    """S17.2: his own and one that was delegated to him, in two towns: the sum beside is the county's."""
    await write_days()
    cadre = await county.actor("wang")
    second = HeldPost(99, "cadre", 0, XING, for_person_id=1)
    both = replace(cadre, posts=(*cadre.posts, second))
    found = await view(both, "overdue_rates", Asked(), county.pack, ON)
    assert [row.code for row in found.rows] == [LIU, XING]
    assert found.total is not None
    assert found.total.code == "411082000000"


def test_every_report_holds_together() -> None:
    """S12.5: names are unique, what is opened, ranked and pushed is there."""
    assert len(BY_NAME) == len(REPORTS) == len({name[:STEP] for name in BY_NAME})
    for spec in REPORTS:
        assert set(spec.opens) <= {column.key for column in spec.columns if column.kind == "money"}
        assert all(column.of[0] for column in spec.columns if column.kind == "percent")
        assert set(spec.pushed_to) <= set(spec.seen_by)
        with pytest.raises(KeyError):
            spec.column("no_such_column")


async def late(village: str, *loans: tuple[int, int, int], bank_id: int | None = None) -> None:
    """Loans of a village as the night found them: days late, overdue fen, balance fen."""
    lender = bank_id or int(await bank())
    for days, overdue, balance in loans:
        person = Person(county=COUNTY, created_at=NOW)
        person.name = "赵大山"
        await person.save()
        loan = await Loan.create(
            county=COUNTY, number=f"D{person.id}", bank_id=lender, borrower_id=person.id, village=village,
            principal_fen=balance, balance_fen=balance, annual_rate_bp=435, day_count="actual/360",
            method="bullet", disbursed_on=date(2025, 1, 1), maturity_on=date(2026, 12, 1), created_at=NOW,
        )  # fmt: skip
        await ArrearsDay.create(
            county=COUNTY, day=DAY, loan_id=loan.id, village=village, bank_id=lender, days_past_due=days,
            missed_settlements=0, overdue_principal_fen=overdue, overdue_interest_fen=0, balance_fen=balance,
        )  # fmt: skip


async def opened(county: County, person: str, figure: str, level: str, code: str, **more: Any) -> Any:
    asked = Opened(figure, level, code, **more)
    return await loans_behind(await county.actor(person), "overdue_rates", asked, county.pack, ON, NOW)


async def test_a_figure_opens_into_the_loans_that_add_up_to_it(county: County) -> None:
    """S12.5, S15.5: exactly 90 days is not yet non-performing; names are masked and the look is noted."""
    await write_day()
    await late(SHI, (91, 500_000, 2_000_000), (120, 1_000_000, 1_010_000), (90, 400_000, 2_990_000))
    await late(SHI, (0, 0, 777), (12, 100_000, 5_000_000))
    npl = await opened(county, "zhou", "npl_fen", "village", SHI)
    assert [(each.amount_fen, each.days, each.borrower) for each in npl.items] == [
        (2_000_000, 91, "赵*"),
        (1_010_000, 120, "赵*"),
    ]
    assert (npl.figure_fen, npl.amount_fen, npl.loans, npl.agrees) == (3_010_000, 3_010_000, 2, True)
    par30 = await opened(county, "song", "par30_fen", "village", SHI)
    assert (par30.loans, par30.amount_fen, par30.agrees) == (3, 6_000_000, True)
    overdue = await opened(county, "liu", "overdue_fen", "village", SHI)
    assert (overdue.loans, overdue.amount_fen, overdue.agrees) == (4, 2_000_000, True)
    rows = await database.fetch("SELECT count(*) AS looks FROM audit_entry WHERE action = 'open_figure'")
    assert rows[0]["looks"] == 3


async def test_a_figure_that_does_not_add_up_says_so(county: County) -> None:
    """S15.5"""
    await write_day()
    await late(SHI, (91, 500_000, 2_000_000))
    found = await opened(county, "liu", "npl_fen", "village", SHI)
    assert (found.figure_fen, found.amount_fen, found.agrees) == (3_010_000, 2_000_000, False)


async def test_the_loans_behind_a_figure_are_paged_without_a_gap_or_a_repeat(county: County) -> None:
    """S12.5: equal amounts too."""
    await write_day()
    await late(SHI, *[(91, 1, amount) for amount in (5, 5, 5, 7, 3, 5, 1)])
    seen: list[str] = []
    after = ""
    while page := (await opened(county, "liu", "npl_fen", "village", SHI, after=after, limit=2)).items:
        seen += [each.key for each in page]
        after = page[-1].key
    assert len(seen) == len(set(seen)) == 7


async def test_the_sums_of_county_town_and_bank_open_too(county: County) -> None:
    """S12.5, S15.5"""
    await write_day()
    other = await Organisation.get(name="长葛农商行")
    await late(LIU, (91, 1, 3_000_000))
    await late(SHI, (91, 1, 3_010_000))
    await late(XING, (91, 1, 900_000), bank_id=other.id)
    for person, level, code, expected in (
        ("liu", "county", "411082000000", 6_910_000),
        ("liu", "town", PO, 6_010_000),
        ("zhou", "town", PO, 6_010_000),
        ("liu", "bank", str(other.id), 900_000),
        ("zhao", "bank", await bank(), 6_010_000),
    ):
        found = await opened(county, person, "npl_fen", level, code)
        assert (found.amount_fen, found.agrees) == (expected, True), (person, level)


async def test_figures_out_of_scope_do_not_open(county: County) -> None:
    """S17.2"""
    await write_days()
    for person, figure, level, code in (
        ("song", "npl_fen", "village", LIU),
        ("song", "npl_fen", "town", PO),
        ("zhou", "npl_fen", "village", XING),
        ("zhou", "npl_fen", "county", "411082000000"),
        ("zhao", "npl_fen", "village", SHI),
        ("zhao", "npl_fen", "bank", "999999"),
        ("liu", "npl_fen", "bank", "no number"),
        ("liu", "npl_fen", "village", PO),
        ("liu", "npl_fen", "village", "411082109209"),
        ("liu", "npl_fen", "village", "x"),
        ("liu", "npl_fen", "village", "522301101201"),
        ("liu", "loans", "village", SHI),
        ("zhang", "npl_fen", "village", SHI),
    ):
        with pytest.raises(NotFound):
            await opened(county, person, figure, level, code)


async def test_before_the_first_night_no_figure_opens(county: County) -> None:
    """S12.5"""
    with pytest.raises(NotFound):
        await opened(county, "liu", "npl_fen", "village", SHI)


def test_an_actor_without_posts_sees_no_report() -> None:
    """S17.2"""
    assert reports_of(Actor(1, COUNTY, "changge", "o", "page")) == []
