"""Subsidies and misuse over the API and as pages: declared, checked, paid; each office its own part."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from actions import subsidies
from bot.database import execute
from models.loan import Instalment, Loan
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_scope import objects_of
from tests.handlers.test_pages import browsers  # noqa: F401 - a fixture

QUARTER_END = date(2026, 9, 30)


async def declared(world: World) -> Loan:
    """The farmer's loan as that of a registered-poor household, one interest of it paid last quarter."""
    objects = await objects_of(world)
    loan = await Loan.get(key=objects["loan"])
    await execute("UPDATE loan_application SET applicant_kind = 'registered_poor'")
    await execute("UPDATE loan SET disbursed_on = '2026-06-21'")
    line = await Instalment.filter(loan_id=loan.id).order_by("number").first()
    await Instalment.filter(id=line.id).update(
        due_on=date(2026, 9, 21), nominal_on=date(2026, 9, 21), paid_on=QUARTER_END - timedelta(days=9),
        principal_fen=0, interest_fen=33_000, paid_interest_fen=33_000,
    )  # fmt: skip
    await subsidies.draft("411082", date(2026, 11, 28), world.runtime.packs.by_county("411082"), NOW)
    return loan


async def test_a_declaration_goes_from_office_to_office(world: World, browsers: Any) -> None:  # noqa: F811
    """S13.1: the bank declares, the county checks, finance pays; the page offers each its own step."""
    await declared(world)
    bank, clerk, finance = [await world.login(who) for who in ("zhao", "liu", "qian")]
    _, listed = await bank.get("/api/v1/subsidies")
    (it,) = listed["items"]
    assert (it["state"], it["total_fen"], it["lines"]) == ("drafted", 33_000, 1)
    key = it["key"]
    _, inbox = await bank.get("/api/v1/tasks")
    task = next(task for task in inbox["items"] if task["kind"] == "subsidy")
    zhao, liu, qian = [await browsers(who) for who in ("zhao", "liu", "qian")]
    assert "核对过了，申报" in (await zhao.get(f"/m/subsidies/{key}"))[1]
    assert "核对过了，申报" not in (await liu.get(f"/m/subsidies/{key}"))[1]
    assert "贴息申报" in (await qian.get("/m/"))[1]
    assert (await zhao.get(f"/m/tasks/{task['key']}"))[2]["Location"] == f"/m/subsidies/{key}"
    status, refused = await clerk.post(f"/api/v1/subsidies/{key}/submission", {"sha256": it["sha256"]})
    assert status == 404, refused
    status, said = await bank.post(f"/api/v1/subsidies/{key}/submission", {"sha256": it["sha256"]})
    assert (status, said["state"]) == (200, "submitted")
    assert "交给财政" in (await liu.get(f"/m/subsidies/{key}"))[1]
    status, said = await clerk.post(f"/api/v1/subsidies/{key}/check", {"correct": True})
    assert (status, said["state"]) == (200, "checked")
    assert "都拨到户了" in (await qian.get(f"/m/subsidies/{key}"))[1]
    status, said = await finance.post(f"/api/v1/subsidies/{key}/payment", {"paid_on": "2026-11-28"})
    assert (status, said["paid_on"]) == (200, "2026-11-28")
    _, lines = await finance.get(f"/api/v1/subsidies/{key}/lines")
    assert [line["fen"] for line in lines["items"]] == [33_000]
    assert "已拨付" in (await liu.get("/m/subsidies"))[1]
    farmer = await world.login("zhang")
    assert (await farmer.get(f"/api/v1/subsidies/{key}"))[0] == 404
    assert (await farmer.get("/api/v1/subsidies"))[0] == 403


async def test_misuse_is_reported_and_ended_on_its_page(world: World, browsers: Any) -> None:  # noqa: F811
    """S9.3"""
    loan = await declared(world)
    clerk, town = await world.login("liu"), await world.login("zhou")
    browser = await browsers("liu")
    assert "没有登记过" in (await browser.get(f"/m/misuse/{loan.key}"))[1]
    body = {"falsified": True, "pay_by_on": "2026-12-20", "remark": "羊没买，发票是假的"}
    status, case = await town.post(f"/api/v1/loans/{loan.key}/misuse", body)
    assert (status, case["state"]) == (201, "open")
    page = (await browser.get(f"/m/misuse/{loan.key}"))[1]
    assert "发票是假的" in page
    assert "了结" in page
    end = {"withdrawn": True, "reason": "查过了，发票是真的"}
    assert (await town.post(f"/api/v1/misuse/{case['key']}/end", end))[0] == 404
    status, ended = await clerk.post(f"/api/v1/misuse/{case['key']}/end", end)
    assert (status, ended["state"]) == (200, "withdrawn")
    _, cases = await clerk.get(f"/api/v1/loans/{loan.key}/misuse")
    assert [each["state"] for each in cases["items"]] == ["withdrawn"]
