"""Loans in danger in a real browser on a small phone: ledger, disposal, village, filing, payoff."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from bot.sheets import open_sheet
from models.application import Task
from models.disposal import Disposal
from models.filings import Filing
from models.warnings import RiskFact
from tests.browser.test_h5_pages import (  # noqa: F401 - fixtures
    OpenPhone,
    packs,
    phone,
    platform,
    runtime,
    world,
)
from tests.browser.test_repay_pages import fits
from tests.handlers.api_world import World
from tests.handlers.test_risk_pages import TODAY, in_danger

pytestmark = pytest.mark.browser


async def test_an_overdue_loan_is_followed_through_all_its_pages(phone: OpenPhone, world: World) -> None:  # noqa: F811
    """S12.1, S12.2, S9.1, S5.1, S11.4: in the order in which people meet them, each where his work begins."""
    loan = await in_danger(world)
    officer = await phone("zhao")
    await _decided(officer, await Disposal.get(loan_id=loan.id))
    await _in_the_ledger(officer, loan.number)
    await _filed(officer, await Filing.get(kind="disbursements"))
    await _looked_after(await phone("wang", width=360, height=740))
    assert await RiskFact.filter(loan_id=loan.id).count() == 1
    await _settled_on_another_day(await phone("zhang", width=360, height=740), loan.key)


async def _decided(page: Page, entry: Disposal) -> None:
    await page.goto(f"/m/disposals/{entry.key}")
    await fits(page)
    await page.click("#disposal [type=submit]")
    await expect(page.locator("#disposal .fault")).to_contain_text("请选为什么没还")
    for name in ("cause", "ability", "willingness", "way"):
        await page.locator(f'[name="{name}"]').first.locator("xpath=..").click()
    await page.fill('#disposal [name="by_on"]', (TODAY + timedelta(days=5)).isoformat())
    await page.click("#disposal [type=submit]")
    await page.wait_for_url("**/m/tasks")
    assert (await Disposal.get(id=entry.id)).state == "decided"


async def _in_the_ledger(page: Page, number: str) -> None:
    await page.goto("/m/risk")
    await expect(page.locator(".row", has_text=number)).to_contain_text("重点关注")
    await fits(page)
    await page.click("text=看处置")
    await expect(page.locator("main")).to_contain_text("现在的办法")


async def _filed(page: Page, filing: Filing) -> None:
    await page.goto("/m/filings")
    await fits(page)
    await page.locator("a.card", has_text="放款备案").click()
    await fits(page)
    async with page.expect_download() as download:
        await page.click("text=下载表格")
    rows = open_sheet(io.BytesIO((await (await download.value).path()).read_bytes())).rows()
    assert any("合计" in cells for _, cells in rows)
    await page.click("#filing [type=submit]")
    await page.locator(".dialog .weui-btn_primary").click()
    await page.wait_for_url("**/m/filings")
    await expect(page.locator("a.card", has_text="放款备案")).to_contain_text("已提交")
    assert (await Filing.get(id=filing.id)).state == "submitted"


async def _looked_after(page: Page) -> None:
    task = await Task.get(kind="village_watch")
    await page.goto(f"/m/watch/{task.key}")
    await page.click("summary")
    await fits(page)
    await page.click("text=报给镇里")
    await expect(page.locator(".finding .fault")).to_contain_text("请先勾")
    await page.locator(".tick").first.click()
    await page.click("text=报给镇里")
    await expect(page.locator(".finding")).to_be_hidden()
    await page.click("#watch [type=submit]")
    await page.wait_for_url("**/m/tasks")
    assert (await Task.get(id=task.id)).state == "done"


async def _settled_on_another_day(page: Page, key: str) -> None:
    await page.goto(f"/m/loans/{key}")
    await expect(page.locator("#payoff h2")).to_contain_text("今天全部还清")
    day = TODAY + timedelta(days=30)
    await page.fill("#payoff [name=on]", day.isoformat())
    await page.click("#payoff [type=submit]")
    await expect(page.locator("#payoff h2")).to_contain_text(f"{day.year}年{day.month}月{day.day}日全部还清")
    await fits(page)
    await page.goto(f"/m/loans/{key}?on=2001-01-01")
    await expect(page.locator("#payoff .fault")).to_contain_text("已经过了")
    await page.goto(f"/m/loans/{key}?on=soon")
    await expect(page.locator("#payoff .fault")).to_contain_text("没看懂是哪天")
