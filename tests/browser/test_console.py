"""The console in a real browser, on a desk and on a phone: nothing is cut off, nothing complains."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.actions.report_kit import write_days
from tests.browser.test_h5_pages import OpenPhone, phone  # noqa: F401 - a fixture
from tests.handlers.api_world import World
from tests.handlers.conftest import packs, platform, runtime, world  # noqa: F401 - fixtures
from tests.handlers.test_api_review import apply
from tests.handlers.test_api_scope import objects_of

pytestmark = pytest.mark.browser


async def look(page: Page, address: str, folder: Path, name: str) -> None:
    """Open a page, see that nothing is cut off, keep a picture."""
    await page.goto(address)
    await expect(page.locator("h1").first).to_be_visible()
    assert await page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0, (name, address)
    await page.screenshot(path=folder / f"{name}.png", full_page=True, animations="disabled")


async def seat(phone: OpenPhone, person: str, **size: int) -> Page:  # noqa: F811
    """Somebody's browser, logged in by WeChat."""
    page = await phone(person, **size)
    await page.goto("/m/")
    return page


async def test_the_overview_on_a_desk_and_on_a_phone(
    phone: OpenPhone,  # noqa: F811
    world: World,  # noqa: F811
    tmp_path: Path,
) -> None:
    """S12.5, S16.1"""
    await objects_of(world)
    await write_days()
    desk = await seat(phone, "liu", width=1280, height=860)
    await look(desk, "/console", tmp_path, "overview-desk")
    await expect(desk.locator(".tile")).to_have_count(2)
    await expect(desk.locator(".sums li", has_text="在办申请")).to_be_visible()
    small = await seat(phone, "liu")
    await look(small, "/console", tmp_path, "overview-phone")


async def test_lists_and_a_file_and_a_decision_on_a_desk(
    phone: OpenPhone,  # noqa: F811
    world: World,  # noqa: F811
    tmp_path: Path,
) -> None:
    """S1.2: somebody finds an application by its number and decides it where he reads it."""
    application = await apply(world)
    desk = await seat(phone, "chen", width=1280, height=860)
    await desk.goto("/console")
    await desk.fill("#find", application.number)
    await desk.keyboard.press("Enter")
    await desk.locator("a", has_text=application.number).click()
    await expect(desk.locator(".stage_now")).to_be_visible()
    await look(desk, f"/console/applications/{application.key}", tmp_path, "case-desk")
    await desk.locator(".pick", has_text="退回").click()
    await desk.locator("#again label").first.click()
    await desk.fill("#why textarea", "照片看不清，请白天再拍两张")
    await desk.locator("#decide [type=submit]").click()
    await desk.wait_for_url("**/console/tasks")
    await expect(desk.locator(".empty")).to_contain_text("没有等您办的事")
    small = await seat(phone, "chen")
    await look(small, f"/console/applications/{application.key}", tmp_path, "case-phone")
    for name in ("applications", "tasks", "exports"):
        await look(desk, f"/console/{name}", tmp_path, f"{name}-desk")
        await look(small, f"/console/{name}", tmp_path, f"{name}-phone")
