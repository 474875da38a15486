"""The pages of loans in danger open for who has the task and do through the API what they say."""

from __future__ import annotations

from datetime import date, timedelta

from actions import filings, night, risk_night, visit_plans
from actions.routing import on_day
from bot.database import execute
from models.application import Task
from models.disposal import Disposal
from models.filings import Filing
from models.loan import Instalment, Loan
from models.people import Person
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_scope import objects_of
from tests.handlers.test_pages import Browser

TODAY = on_day(NOW)


async def in_danger(world: World) -> Loan:
    """The farmer's loan, forty days late, and everything that follows from it."""
    objects = await objects_of(world)
    await execute("DELETE FROM defaulter")
    await execute("DELETE FROM disposal")
    await execute("DELETE FROM filing")
    loan = await Loan.get(key=objects["loan"])
    await Loan.filter(id=loan.id).update(disbursed_on=date(2026, 9, 1))
    await Instalment.filter(loan_id=loan.id).update(due_on=TODAY - timedelta(days=40))
    pack = world.runtime.packs.by_county("411082")
    await night.run_town("411082", "411082101000", TODAY, pack, NOW)
    await risk_night.run_town("411082", "411082101000", TODAY, pack, NOW)
    await visit_plans.plan_visits("411082", TODAY, pack, NOW)
    await filings.draft("411082", TODAY, pack, NOW)
    return loan


async def test_an_officer_decides_and_files_and_a_cadre_looks(world: World) -> None:
    """S12.2, S5.1, S9.1: through the JSON that the pages use, and as the lists show it."""
    loan = await in_danger(world)
    banker, cadre, clerk = await world.login("zhao"), await world.login("wang"), await world.login("liu")
    _, inbox = await banker.get("/api/v1/tasks")
    kinds = {task["kind"] for task in inbox["items"]}
    assert {"disposal", "warning_measure", "filing"} <= kinds
    shown = next(task for task in inbox["items"] if task["kind"] == "disposal")
    assert shown["loan"]["overdue_since"] == (TODAY - timedelta(days=40)).isoformat()
    assert "张守田" not in str(shown)

    entry = await Disposal.get(loan_id=loan.id)
    _, choices = await banker.get(f"/api/v1/disposals/{entry.key}/choices")
    body = {
        "cause": "market", "ability": "partly", "willingness": "willing", "way": "extension",
        "responsible": choices["colleagues"][0]["key"], "by_on": choices["last_day"], "remark": "",
    }  # fmt: skip
    status, decided = await banker.post(f"/api/v1/disposals/{entry.key}/decision", body)
    assert (status, decided["state"], decided["way"]) == (200, "decided", "extension")

    status, listed = await clerk.get("/api/v1/risk-ledger/loans?level=priority_watch&disposal=decided")
    assert (status, [row["key"] for row in listed["items"]]) == (200, [loan.key])
    _, summed = await clerk.get("/api/v1/risk-ledger")
    assert [(cell["level"], cell["ability"], cell["loans"]) for cell in summed["items"]] == [
        ("priority_watch", "partly", 1)
    ]
    status, _ = await cadre.post(f"/api/v1/loans/{loan.key}/findings", {"findings": ["ill"], "remark": ""})
    assert status == 201
    watch = await Task.get(kind="village_watch")
    status, done = await cadre.post(f"/api/v1/tasks/{watch.key}/watch")
    assert (status, done["state"]) == (200, "done")

    filing = await Filing.get(kind="disbursements")
    _, read = await banker.get(f"/api/v1/filings/{filing.key}")
    status, filed = await banker.post(f"/api/v1/filings/{filing.key}/submission", {"sha256": read["sha256"]})
    assert (status, filed["state"]) == (200, "submitted")
    _, history = await banker.get(f"/api/v1/loans/{loan.key}/warning")
    assert history["title"] == "重点关注"
    assert await Person.filter(id=loan.borrower_id).exists()


async def test_every_page_opens_for_who_has_to_do_with_it(world: World) -> None:
    """S12.1, S12.2, S9.1, S5.1: the task leads to its page; others find nothing there."""
    loan = await in_danger(world)
    entry, filing = await Disposal.get(loan_id=loan.id), await Filing.get(kind="disbursements")
    watch = await Task.get(kind="village_watch")
    task = await Task.get(kind="disposal", loan_id=loan.id)
    pages = {
        "zhao": {
            f"/m/tasks/{task.key}": "摸清楚，定办法", f"/m/disposals/{entry.key}": "谁来办",
            "/m/filings": "放款备案", f"/m/filings/{filing.key}": "核对过了，提交", "/m/risk": "重点关注",
        },
        "wang": {f"/m/tasks/{watch.key}": "都看过了", f"/m/watch/{watch.key}": "报给镇里"},
    }  # fmt: skip
    for person, addresses in pages.items():
        browser = Browser(world, person)
        try:
            await browser.log_in()
            for address, words in addresses.items():
                status, text, headers = await browser.get(address)
                if status == 302:
                    status, text, headers = await browser.get(headers["Location"])
                assert (status, words in text) == (200, True), (person, address)
        finally:
            await browser.session.close()
    stranger = Browser(world, "li")
    try:
        await stranger.log_in()
        assert (await stranger.get(f"/m/disposals/{entry.key}"))[0] == 404
    finally:
        await stranger.session.close()
