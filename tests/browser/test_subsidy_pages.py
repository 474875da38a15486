"""A quarter of interest subsidies in the browser: declared, checked, paid, seen; money that was misused."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from models.subsidy import Misuse, SubsidyDeclaration
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
from tests.handlers.test_subsidies import declared

pytestmark = pytest.mark.browser


async def test_a_quarter_is_declared_checked_and_paid_by_hand(phone: OpenPhone, world: World) -> None:  # noqa: F811
    """S13.1, S9.3: in the order in which people meet the pages, each where his work begins."""
    loan = await declared(world)
    key = (await SubsidyDeclaration.all().get()).key
    await _declare(await phone("zhao"), key)
    clerk = await phone("liu")
    await _check(clerk, key)
    await _pay(await phone("qian"), key)
    farmer = await phone("zhang", width=360, height=740)
    await farmer.goto(f"/m/loans/{loan.key}")
    await expect(farmer.locator(".card", has_text="政府贴息")).to_contain_text("330元")
    await _misused(clerk, loan.key)
    assert (await Misuse.get(loan_id=loan.id)).falsified


async def _declare(page: Page, key: str) -> None:
    await page.goto("/m/subsidies")
    await expect(page.locator("a.card")).to_contain_text("待银行申报")
    await fits(page)
    await page.click("a.card")
    await fits(page)
    await page.click("#subsidy [type=submit]")
    await page.locator(".dialog .weui-btn_primary").click()
    await page.wait_for_url("**/m/subsidies")
    assert (await SubsidyDeclaration.get(key=key)).state == "submitted"


async def _check(page: Page, key: str) -> None:
    await page.goto(f"/m/subsidies/{key}")
    await page.click("#subsidy-check [type=submit]")
    await expect(page.locator("#subsidy-check .fault")).to_contain_text("请先选")
    await page.click("text=不对，退回银行")
    await page.click("#subsidy-check [type=submit]")
    await expect(page.locator("#subsidy-check .fault")).to_contain_text("退回的原因")
    await fits(page)
    await page.click("text=都对，交给财政")
    await page.click("#subsidy-check [type=submit]")
    await page.wait_for_url("**/m/subsidies")
    assert (await SubsidyDeclaration.get(key=key)).state == "checked"


async def _pay(page: Page, key: str) -> None:
    await page.goto(f"/m/subsidies/{key}")
    await fits(page)
    await page.click("#subsidy-pay [type=submit]")
    await page.locator(".dialog .weui-btn_primary").click()
    await page.wait_for_url("**/m/subsidies")
    await expect(page.locator("a.card")).to_contain_text("已拨付")
    assert (await SubsidyDeclaration.get(key=key)).state == "paid"


async def _misused(page: Page, loan: str) -> None:
    await page.goto(f"/m/misuse/{loan}")
    await page.click("#misuse [type=submit]")
    await expect(page.locator("#misuse .fault")).to_contain_text("哪天前还上")
    await page.fill('#misuse [name="pay_by_on"]', "2026-12-20")
    await page.fill('#misuse [name="remark"]', "羊没买，发票是假的")
    await page.click("text=有，材料是假的")
    await fits(page)
    await page.click("#misuse [type=submit]")
    await page.locator(".dialog .weui-btn_primary").click()
    await expect(page.locator("main")).to_contain_text("12月20日")
    await fits(page)
