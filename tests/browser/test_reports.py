"""Reports in a real browser: cards on a phone, chart and table on a desk."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from handlers.pages.assets import FOLDER
from tests.actions.report_kit import write_days
from tests.browser.test_h5_pages import TARGETS, TOO_SMALL, OpenPhone, phone  # noqa: F401 - a fixture
from tests.handlers.api_world import World
from tests.handlers.conftest import packs, platform, runtime, world  # noqa: F401 - fixtures

pytestmark = pytest.mark.browser


async def test_a_phone_has_cards_and_fetches_no_library_a_desk_has_chart_and_table(
    phone: OpenPhone,  # noqa: F811
    world: World,  # noqa: F811
) -> None:
    """S12.5: nothing is cut off on a small phone with big type, and everything can be hit."""
    await write_days()
    small = await phone("liu", width=320, height=568)
    fetched: list[str] = []
    small.on("request", lambda request: fetched.append(request.url))
    for path in ("/m/reports", "/m/reports/overdue_rates?level=village", "/m/reports/collection_month"):
        await small.goto(path)
        await small.evaluate("document.documentElement.style.fontSize = '135%'")
        assert await small.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0, path
        targets = f"{TARGETS}, .levels a, .actions a"
        assert await small.locator(targets).evaluate_all(TOO_SMALL) == [], path
    await small.goto("/m/reports/overdue_rates?level=village")
    cards = small.locator(".place")
    await expect(cards).to_have_count(3)
    await expect(cards.first).to_contain_text("▲ 超过3%")
    await expect(small.locator("table")).to_be_hidden()
    await cards.first.locator("summary").click()
    await expect(cards.first.locator(".opens").first).to_be_visible()
    assert not [url for url in fetched if "echarts" in url]

    desk = await phone("liu", width=1280, height=860)
    await desk.goto("/m/reports/overdue_rates?level=village")
    await expect(desk.locator(".wide table")).to_be_visible()
    await expect(desk.locator(".place").first).to_be_hidden()
    if (FOLDER / "vendor" / "echarts.min.js").exists():
        await expect(desk.locator("#chart canvas")).to_be_visible()
    assert await desk.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0


async def test_the_county_goes_from_the_sum_to_the_town_and_to_its_villages(
    phone: OpenPhone,  # noqa: F811
    world: World,  # noqa: F811
) -> None:
    """S12.5: every total can be opened."""
    await write_days()
    page = await phone("liu")
    await page.goto("/m/")
    await page.locator("a.door", has_text="通报").click()
    await page.locator("a.door", has_text="逾期和不良").click()
    town = page.locator(".place", has_text="坡胡镇")
    await town.locator("summary").click()
    await town.locator("text=看这个镇的各村").click()
    await expect(page.locator(".place")).to_have_count(2)
    await expect(page.locator(".gist")).to_contain_text("坡胡镇合计")
