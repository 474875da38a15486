"""The H5 pages in a real browser: applying, a visit without a signal, small phones and big type."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, Page, expect

from bot.database import fetch
from tests.handlers.api_world import World
from tests.handlers.conftest import packs, platform, runtime, world  # noqa: F401 - fixtures
from tests.handlers.test_api_review import apply

pytestmark = pytest.mark.browser
PLACE = {"latitude": 34.2057, "longitude": 113.7042, "accuracy": 15}
FARMER_ID = "411082198503122455"
TARGETS = (
    ".weui-btn, .pick, .tick, .chip, .tabs a, .top__back, .door, a.card, input.input, select.input, summary"
)
TOO_SMALL = """nodes => nodes.filter(node => node.offsetParent && node.getBoundingClientRect().height < 44)
  .map(node => node.className)"""
OpenPhone = Callable[..., Awaitable[Page]]


@pytest.fixture
async def phone(browser: Browser, world: World) -> AsyncIterator[OpenPhone]:  # noqa: F811
    """Opens somebody's phone; nothing on its pages may complain, the content policy least of all."""
    complaints: list[str] = []
    contexts = []

    async def open_phone(person: str, *, width: int = 390, height: int = 844) -> Page:
        people = [{"person": person, "follow": ["changge"], "quiet": True}]
        await world.platform.post("/admin/users", json=people)
        context = await browser.new_context(
            base_url=str(world.client.make_url("")),
            viewport={"width": width, "height": height},
            locale="zh-CN",
            geolocation=PLACE,  # type: ignore[arg-type]
            permissions=["geolocation"],
            has_touch=True,
        )
        contexts.append(context)
        host = world.client.make_url("").host or ""
        await context.add_cookies([{"name": "sim_user", "value": person, "domain": host, "path": "/"}])
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None
        )
        return page

    yield open_phone
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    found = []
    for turn in range(2):
        path = tmp_path / f"{turn}.jpg"
        Image.linear_gradient("L").rotate(90 * turn).resize((640, 480)).convert("RGB").save(path)
        found.append(str(path))
    return found


async def choose(page: Page, key: str, words: str) -> None:
    await page.locator(f'[data-key="{key}"] label', has_text=words).first.click()


async def write(page: Page, key: str, words: str) -> None:
    await page.fill(f"#in-{key}", words)
    await page.locator(f"#in-{key}").blur()


async def forward(page: Page, key: str) -> None:
    await page.locator(".pager .weui-btn_primary").click()
    await page.wait_for_selector(f'[data-key="{key}"]:not([hidden])')


async def test_a_farmer_fills_in_the_form_on_his_phone_and_hands_it_in(
    phone: OpenPhone, pictures: list[str]
) -> None:
    """S1.1, S1.4: a wrong answer is told at its question; what is half filled in survives a reload."""
    page = await phone("zhang")
    await page.goto("/m/apply")
    await choose(page, "applying_for", "给自己办")
    await choose(page, "kind", "普通农户")
    await choose(page, "industry", "养羊")
    await write(page, "amount", "九百万")
    await expect(page.locator('[data-key="amount"] .fault')).to_contain_text("最多")
    await write(page, "amount", "三万")
    await expect(page.locator('[data-key="amount"] .field__said')).to_have_text("记下了：3万元")
    await page.locator('[data-key="term"] .chip', has_text="12个月").click()
    await write(page, "project", "在村东头养50只羊")
    await page.locator(".kept", has_text="已保存").wait_for()
    await page.reload()
    await expect(page.locator("#in-project")).to_have_value("在村东头养50只羊")
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator('[data-key="purpose"] .fault')).to_contain_text("还没有填")
    await write(page, "purpose", "买羊羔2万，盖羊圈1万")
    await write(page, "repayment_source", "一年卖羊能挣4万")
    await choose(page, "repayment_method", "按期付利息")
    await forward(page, "name")
    await write(page, "name", "张守田")
    await write(page, "id_number", FARMER_ID)
    await write(page, "phone", "13800001111")
    await choose(page, "village", "柳庄")
    await choose(page, "household_head", "是")
    await write(page, "household_size", "4")
    await choose(page, "grade", "没评过")
    await forward(page, "other_loans")
    await choose(page, "other_loans", "没有")
    await forward(page, "photos")
    await page.locator('[data-key="photos"] input').set_input_files(pictures)
    await expect(page.locator('[data-key="photos"] .shot')).to_have_count(2)
    await page.locator('[data-key="home"] button').click()
    await expect(page.locator('[data-key="home"] .field__said')).to_contain_text("已记下位置")
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator(".answers")).to_contain_text("买羊羔2万")
    await expect(page.locator(".answers")).not_to_contain_text(FARMER_ID)
    await forward(page, "pledge")
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator('[data-key="pledge"] .fault')).to_be_visible()
    for key in ("query_authorisation", "notice_of_terms", "pledge"):
        await page.locator(f'[data-key="{key}"] input').check()
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator("#apply")).to_contain_text("交上去了")
    rows = await fetch("SELECT state, amount_fen FROM loan_application")
    assert [tuple(row) for row in rows] == [("in_review", 3_000_000)]
    assert len(await fetch("SELECT 1 FROM stored_file WHERE application_id IS NOT NULL")) == 2
    await page.locator("text=看进度").click()
    await expect(page.locator("main")).to_contain_text("收单银行办理")
    kept = await page.evaluate("JSON.stringify(localStorage)")
    assert FARMER_ID not in kept


async def test_a_visit_is_written_down_without_a_signal_and_sent_once_when_it_is_back(
    phone: OpenPhone,
    world: World,  # noqa: F811
    pictures: list[str],
) -> None:
    """S1.3, S9.2"""
    await apply(world)
    page = await phone("wang")
    await page.goto("/m/tasks")
    await page.locator("a.card", has_text="走访").click()
    await page.wait_for_selector("#visit .field")
    await page.context.set_offline(True)
    await page.locator('[data-key="place"] button').click()
    await page.locator('[data-key="photos"] input').set_input_files(pictures)
    await choose(page, "lives_there", "住这里")
    await choose(page, "project_real", "不是真的")
    await choose(page, "result", "属实")
    await page.locator("text=交走访记录").click()
    await expect(page.locator('[data-key="result"] .fault')).to_contain_text("不能选")
    await choose(page, "project_real", "是真的")
    await page.locator("text=交走访记录").click()
    await expect(page.locator("#visit")).to_contain_text("记在手机里了")
    assert await fetch("SELECT 1 FROM visit") == []

    sent = 0

    async def lose_the_first_answer(route: Any) -> None:
        nonlocal sent
        sent += 1
        if sent > 1:
            await route.continue_()
            return
        await route.fetch()  # it arrives, its answer does not
        await route.abort()

    await page.route("**/api/v1/visits", lose_the_first_answer)
    await page.context.set_offline(False)
    await page.wait_for_timeout(500)
    await page.evaluate("tx.visits.flush()")
    await page.evaluate("tx.visits.flush()")
    assert await page.evaluate("tx.visits.all()") == []
    assert sent == 2
    rows = await fetch(
        "SELECT result, cardinality(ARRAY(SELECT jsonb_array_elements(photos))) AS photos FROM visit"
    )
    assert [tuple(row) for row in rows] == [("confirmed", 2)]
    assert len(await fetch("SELECT 1 FROM stored_file WHERE purpose = 'visit_photo'")) == 2
    await page.goto("/m/tasks")
    await expect(page.locator("main")).to_contain_text("现在没有要办的事")


async def test_answers_given_without_a_signal_are_kept_when_it_is_back(phone: OpenPhone) -> None:
    page = await phone("zhang")
    await page.goto("/m/apply")
    await page.wait_for_selector(".pager")
    await page.context.set_offline(True)
    await choose(page, "kind", "普通农户")
    await write(page, "project", "在村东头养50只羊")
    await expect(page.locator("#strip")).to_contain_text("没有信号")
    await page.context.set_offline(False)
    await expect(page.locator(".kept")).to_have_text("已保存", timeout=15_000)
    await page.reload()
    await expect(page.locator("#in-project")).to_have_value("在村东头养50只羊")


async def test_a_reviewer_returns_an_application_and_the_farmer_answers_only_that(
    phone: OpenPhone,
    world: World,  # noqa: F811
) -> None:
    """S1.2, S1.5, S1.8"""
    await apply(world)
    page = await phone("chen")
    await page.goto("/m/tasks")
    await page.locator("a.card").first.click()
    await page.locator("#decide label", has_text="退回补充").click()
    await page.locator("#decide [type=submit]").click()
    await expect(page.locator("#decide .fault")).to_contain_text("原因")
    await page.fill("[name=reason]", "用途请写清楚买多少只")
    await page.locator("#again label", has_text="用途").click()
    await page.locator("#decide [type=submit]").click()
    await page.wait_for_url("**/m/tasks")
    farmer = await phone("zhang")
    await farmer.goto("/m/")
    await farmer.locator("a.door", has_text="退回来了").click()
    await farmer.locator("a.card").first.click()
    await expect(farmer.locator("main")).to_contain_text("用途请写清楚买多少只")
    await farmer.locator("text=去补充").click()
    await farmer.wait_for_selector('[data-key="purpose"]')
    asked = await farmer.locator(".field").evaluate_all("nodes => nodes.map(node => node.dataset.key)")
    assert asked == ["purpose"]


@pytest.mark.parametrize("type_size", ["112.5%", "135%"])
async def test_pages_fit_a_small_phone_with_big_type_and_big_targets(
    type_size: str,
    phone: OpenPhone,
    world: World,  # noqa: F811
) -> None:
    """Type a fifth larger than ours, on a phone 320 wide: nothing is cut off, everything can be hit."""
    application = await apply(world)
    tasks = {}
    for person, kind in (("chen", "review"), ("wang", "visit")):
        items = (await (await world.login(person)).get("/api/v1/tasks"))[1]["items"]
        tasks[kind] = next(task["key"] for task in items if task["kind"] == kind)
    views = {
        "zhang": ["/m/", "/m/apply", "/m/applications", f"/m/applications/{application.key}", "/m/loans"],
        "chen": ["/m/", "/m/tasks", f"/m/tasks/{tasks['review']}"],
        "wang": [f"/m/visit/{tasks['visit']}"],
    }
    for person, paths in views.items():
        page = await phone(person, width=320, height=568)
        for path in paths:
            await page.goto(path)
            if path == "/m/apply" or "/visit/" in path:
                await page.wait_for_selector(".pager")
            await page.evaluate("size => { document.documentElement.style.fontSize = size; }", type_size)
            wide = await page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide"
            assert await page.locator(TARGETS).evaluate_all(TOO_SMALL) == [], path


async def test_the_place_of_the_phone_is_told_as_maps_in_china_use_it(phone: OpenPhone) -> None:
    """WGS-84 in, GCJ-02 out: some 500 m apart in Henan, nothing outside China."""
    page = await phone("zhang")
    await page.goto("/m/apply")
    await page.wait_for_selector(".pager")
    latitude, longitude = await page.evaluate("tx.fields.toMap(34.2193, 113.8134)")
    assert (latitude - 34.2193, longitude - 113.8134) == pytest.approx((-0.00130, 0.00595), abs=0.0004)
    assert await page.evaluate("tx.fields.toMap(48.8566, 2.3522)") == [48.8566, 2.3522]
