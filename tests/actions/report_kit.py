"""Figures of regions on a day, as the night writes them, small enough to add up by hand."""

from __future__ import annotations

from datetime import date, timedelta

from bot import database
from models.arrears import RegionDay
from models.people import Organisation

COUNTY = "411082"
DAY = date(2026, 11, 27)
OCTOBER = date(2026, 10, 31)
LIU, SHI, XING = "411082101201", "411082101202", "411082102201"
"""柳庄村 and 石桥村 of 坡胡镇, 杏园村 of 后河镇."""
PO, HOU = "411082101000", "411082102000"
YUAN = 100


def figures(
    loans: int, balance: int, overdue: int = 0, par30: int = 0, npl: int = 0, as_if: int | None = None
) -> dict[str, int]:
    """The figures of a region; money in yuan."""
    return {
        "loans": loans,
        "balance_fen": balance * YUAN,
        "overdue_loans": int(overdue > 0),
        "overdue_fen": overdue * YUAN,
        "par30_fen": par30 * YUAN,
        "npl_loans": int(npl > 0),
        "npl_fen": npl * YUAN,
        "eased_fen": 0,
        "npl_as_if_fen": (npl if as_if is None else as_if) * YUAN,
    }


VILLAGES = {
    LIU: figures(40, 1_000_000, overdue=12_000, par30=40_000, npl=30_000, as_if=50_000),  # 3.00 %
    SHI: figures(20, 1_000_000, overdue=20_000, par30=60_000, npl=30_100),  # 3.01 %
    XING: figures(9, 90_000, overdue=9_000, par30=9_000, npl=9_000),  # too few to be ranked
}


def _sum(*parts: dict[str, int]) -> dict[str, int]:
    return {name: sum(part[name] for part in parts) for name in parts[0]}


TOWNS = {PO: _sum(VILLAGES[LIU], VILLAGES[SHI]), HOU: VILLAGES[XING]}
WHOLE = _sum(*VILLAGES.values())


async def bank(name: str = "长葛合作银行") -> str:
    return str((await Organisation.get(county=COUNTY, kind="partner_bank", name=name)).id)


async def write_day(day: date = DAY) -> None:
    """The demo county's figures of a day: two banks, two towns, three villages."""
    other, _ = await Organisation.get_or_create(
        county=COUNTY, kind="partner_bank", name="长葛农商行", defaults={"region": "411082000000"}
    )
    rows = [("village", code, VILLAGES[code]) for code in VILLAGES]
    rows += [("town", code, TOWNS[code]) for code in TOWNS]
    rows += [("county", "411082000000", WHOLE)]
    rows += [("bank", await bank(), TOWNS[PO]), ("bank", str(other.id), TOWNS[HOU])]
    await RegionDay.bulk_create(
        [RegionDay(county=COUNTY, day=day, level=level, code=code, **row) for level, code, row in rows]
    )


async def write_days(count: int = 3) -> None:
    """Some days up to `DAY`, the last of October with half of what is late, and another county beside."""
    for back in range(count):
        await write_day(DAY - timedelta(days=back))
    await write_day(OCTOBER)
    await database.execute(
        "UPDATE region_day SET npl_fen = npl_fen / 2, overdue_fen = overdue_fen / 2 WHERE day = $1", OCTOBER
    )
    await RegionDay.create(
        county="522301", day=DAY, level="village", code="522301101201", **figures(50, 500_000, npl=50_000)
    )
