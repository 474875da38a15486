"""途径二 played with clicks: everybody's phone on one desk, from the first word to the overdue card."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Browser, FrameLocator, ViewportSize, expect

from actions import invariants
from bot.demo import Demo
from tests.browser.desk import DESK, PATIENCE_MS, POCKET, Act, Desk, Photo, Place, Sample, Say, Tap, Voice
from tests.conftest import ROOT
from tests.flows.demos import running_demo

pytestmark = pytest.mark.browser

PICTURES = ROOT / "screenshots"
EVERYBODY = ("zhang", "chen", "wang", "liu", "zhao", "sun")
ID_NUMBER = "411082198503122455"
Acts = Mapping[str, Act | Sequence[Act]]

APPLICATION: Acts = {
    "都对就回复": Tap("都对"),
    "对吗": Tap("对"),
    "收到，现在有": Tap("好了"),
    "身份证正反面": Say("跳过"),
    "请拍项目现场": Sample("cattle"),
    "家的位置": Place("坡胡镇柳庄村"),
    "回复“同意”": Tap("同意"),
    "给谁申请": Tap("给自己办"),
    "借款的是哪一类": Tap("普通农户"),
    "哪个产业": Voice("想借三万养羊，一年还"),
    "具体做什么": Voice("在村东头扩建羊圈，再养二十只"),
    "花在哪里": Say("买羊羔两万，买饲料一万"),
    "靠什么还": Say("卖羊的收入，一年能挣四万"),
    "怎么还": Tap("按期付利息，到期还本金"),
    "叫什么名字": Say("张守田"),
    "身份证号是多少": Say(ID_NUMBER),
    "手机号是多少": Say("13800001111"),
    "哪个村": Voice("柳庄村"),
    "户主吗": Tap("是"),
    "几口人": Voice("五口人"),
    "信用等级吗": Tap("没评过或不知道"),
    "别的贷款": Tap("没有"),
}
APPROVAL: Acts = {"都对就回复": Tap("都对"), "决定是": Tap("通过")}
VISIT: Acts = {
    "都对就回复": Tap("都对"),
    "收到，现在有1张": Photo(),
    "收到，现在有": Tap("好了"),
    "发一下位置": Place("坡胡镇柳庄村"),
    "请拍现场照片": Photo(),
    "住在这里吗": Tap("住这里"),
    "项目是真的吗": Tap("是真的"),
    "看到哪些情况": Say("1、2"),
    "还有什么要说明": Voice("圈舍已经搭好一半，人很勤快"),
    "对吗": Tap("对"),
    "走访结果是": Tap("属实"),
}
DISBURSEMENT: Acts = {
    "都对就回复": Tap("都对"),
    "对吗": Tap("对"),
    "借据号": Say("CGHZ-2026-0001"),
    "放了多少钱": Say("30000"),
    "哪天放的款": Say("今天"),
    "打到哪个账号": Say("6222020012345678901"),
    "期限多长": Say("12个月"),
    "年利率是多少": Say("4.35"),
    "还款方式是": Tap("按期付利息，到期还本金"),
    "多久结一次息": Tap("每季"),
}


@pytest.fixture
async def demo(db_url: str, tmp_path: Path, browser: Browser) -> AsyncIterator[Demo]:
    async with running_demo(db_url, tmp_path) as running:
        yield running


@asynccontextmanager
async def sitting_at(
    demo: Demo, browser: Browser, size: ViewportSize, phones: Sequence[str]
) -> AsyncIterator[Desk]:
    """The phone page of a demo in a window of this size; nothing on it may complain."""
    PICTURES.mkdir(exist_ok=True)
    context = await browser.new_context(viewport=size, locale="zh-CN")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    desk = Desk(page, PICTURES)
    await desk.open(demo.url, phones)
    yield desk
    assert errors == []
    await context.close()


@pytest.fixture
async def desk(demo: Demo, browser: Browser) -> AsyncIterator[Desk]:
    """Everybody's phone, side by side."""
    async with sitting_at(demo, browser, DESK, EVERYBODY) as made:
        yield made


@pytest.fixture
async def pocket(demo: Demo, browser: Browser) -> AsyncIterator[Desk]:
    """The same on a screen of a phone's size, one at a time."""
    async with sitting_at(demo, browser, POCKET, EVERYBODY) as made:
        yield made


async def open_task(desk: Desk, person: str) -> str:
    """Somebody taps his first task in the list."""
    listed = await desk.choose(person, "待办")
    first = next(line for line in listed.split("\n") if line.startswith("1."))
    return await desk.do(person, Tap(first.removeprefix("1. ")))


async def do_task(desk: Desk, person: str, acts: Acts, done: str) -> str:
    """Somebody does his first task."""
    return await desk.answer_all(person, await open_task(desk, person), acts, done)


async def broken(demo: Demo) -> list[str]:
    return [found.name for found in await invariants.check_all(demo.runtime.now()) if not found.holds]


async def test_the_whole_story_is_played_on_the_phones(desk: Desk, pocket: Desk, demo: Demo) -> None:
    """S1.1–S1.5, S4.7, S11.2, S18.1, S18.2, S18.5: all people of 途径二 on one desk, with real clicks."""
    await desk.picture("01-desk-before")
    first = await desk.choose("zhang", "我要贷款")
    await pocket.picture("02-farmer-first-question")
    asked = await desk.answer_all("zhang", first, APPLICATION, "请看看填得对不对")
    await pocket.picture("03-farmer-summary")
    done = await desk.answer_all("zhang", asked, APPLICATION, "申请编号")
    assert "411082-2026-00001" in done
    await pocket.picture("04-farmer-applied")

    await expect(desk.cards("chen", "收单金融机构审核")).to_be_visible()
    await expect(desk.cards("wang", "走访确认申请户")).to_be_visible()
    await desk.picture("05-desk-tasks")
    shown = await open_task(desk, "chen")
    await pocket.take_up("chen")
    await pocket.picture("06-bank-task")
    assert "通过" in await desk.answer_all("chen", shown, APPROVAL, "记下了")
    await expect(desk.cards("zhang", "已通过")).to_be_visible()

    assert "还没有走访确认" in await open_task(desk, "liu")
    assert "走访记好了" in await do_task(desk, "wang", VISIT, "走访记好了")
    await pocket.take_up("wang")
    await pocket.picture("07-cadre-visited")
    assert "通过" in await do_task(desk, "liu", APPROVAL, "记下了")
    for reviewer in ("zhao", "sun"):
        assert "通过" in await do_task(desk, reviewer, APPROVAL, "记下了")
    await expect(desk.cards("zhang", "已同意")).to_be_visible()
    await desk.picture("08-desk-agreed")
    assert "还款计划已经排好" in await do_task(desk, "zhao", DISBURSEMENT, "放款登记好了")
    await pocket.take_up("zhao")
    await pocket.picture("09-bank-disbursed")
    await expect(desk.cards("zhang", "已办结")).to_be_visible()
    assert "2026年12月21日前还79.75元" in await desk.choose("zhang", "我的", "我的贷款")

    await desk.move_clock("12月12日", "week", "week")
    await desk.move_clock("12月16日", "day", "day", "day", "day")
    await expect(desk.cards("zhang", "快到日子了")).to_have_count(1)
    await desk.move_clock("12月20日", "day", "day", "day", "day")
    await expect(desk.cards("zhang", "快到日子了")).to_have_count(2)
    await desk.move_clock("12月21日", "day")
    await expect(desk.cards("zhang", "快到日子了")).to_have_count(3)
    await desk.move_clock("12月22日", "day")
    await expect(desk.cards("zhang", "日子已过")).to_have_count(1)
    await desk.picture("10-desk-overdue")
    await pocket.take_up("zhang")
    await expect(pocket.cards("zhang", "日子已过")).to_be_visible()
    await pocket.picture("11-farmer-overdue")
    assert await broken(demo) == []


async def pick(page: FrameLocator, key: str, words: str) -> None:
    await page.locator(f'[data-key="{key}"] label', has_text=words).first.click()


async def write(page: FrameLocator, key: str, words: str) -> None:
    await page.locator(f"#in-{key}").fill(words)
    await page.locator(f"#in-{key}").blur()


async def forward(page: FrameLocator, key: str) -> None:
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator(f'[data-key="{key}"]')).to_be_visible()


async def test_what_is_begun_in_the_chat_is_finished_on_the_page(
    pocket: Desk, demo: Demo, tmp_path: Path
) -> None:
    """S1.1, S1.4, S1.5, S18.3: one draft, two ways in; the officer decides where his card leads him."""
    first = await pocket.choose("zhang", "我要贷款")
    _ = await pocket.answer_all("zhang", first, APPLICATION, "具体做什么")
    page = pocket.web("zhang")
    await pocket.open_page("zhang", "我的", "网页办理")
    await expect(page.locator("main")).to_contain_text("接着填申请")
    await pocket.picture("20-page-home")
    await page.locator("a.door", has_text="接着填申请").click()
    await expect(page.locator("#in-amount")).to_have_value("3万元")
    await expect(
        page.locator('[data-key="industry"] label', has_text="养羊").locator("input")
    ).to_be_checked()
    await pocket.picture("21-page-project")
    await write(page, "project", "在村东头扩建羊圈，再养二十只")
    await write(page, "purpose", "买羊羔两万，买饲料一万")
    await write(page, "repayment_source", "卖羊的收入，一年能挣四万")
    await pick(page, "repayment_method", "按期付利息")
    await forward(page, "name")
    for key, words in {"name": "张守田", "id_number": ID_NUMBER, "phone": "13800001111"}.items():
        await write(page, key, words)
    await pick(page, "village", "柳庄村")
    await pick(page, "household_head", "是")
    await write(page, "household_size", "5")
    await pick(page, "grade", "没评过")
    await pocket.picture("22-page-person")
    await forward(page, "other_loans")
    await pick(page, "other_loans", "没有")
    await forward(page, "photos")
    picture = tmp_path / "sheep.jpg"
    Image.linear_gradient("L").resize((800, 600)).convert("RGB").save(picture)
    await page.locator('[data-key="photos"] input').set_input_files(picture)
    await expect(page.locator('[data-key="photos"] .shot')).to_have_count(1)
    await page.locator('[data-key="home"] button').click()
    await expect(page.locator('[data-key="home"] .field__said')).to_contain_text("已记下位置")
    await pocket.picture("23-page-photos")
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator(".answers")).to_contain_text("买羊羔两万")
    await pocket.picture("24-page-summary")
    await forward(page, "pledge")
    for key in ("query_authorisation", "notice_of_terms", "pledge"):
        await page.locator(f'[data-key="{key}"] input').check()
    await pocket.picture("25-page-papers")
    await page.locator(".pager .weui-btn_primary").click()
    await expect(page.locator("#apply")).to_contain_text("交上去了")
    await pocket.picture("26-page-handed-in")
    await page.locator("text=看进度").click()
    await expect(page.locator("main")).to_contain_text("收单银行办理")
    await pocket.picture("27-page-standing")
    await pocket.test("webview-close-zhang").click()
    assert "411082-2026-00001" in await pocket.do("zhang", Say("我要贷款"))

    await pocket.take_up("chen")
    await pocket.cards("chen", "收单金融机构审核").locator('[data-test="card-detail"]').click()
    task = pocket.web("chen")
    await task.locator(".pick", has_text="通过").first.click()
    await pocket.picture("28-page-task")
    await task.locator("#decide [type=submit]").click()
    await expect(task.locator("main")).to_contain_text("现在没有要办的事")
    await pocket.picture("29-page-no-tasks")
    await pocket.take_up("zhang")
    await expect(pocket.cards("zhang", "已通过")).to_be_visible()
    assert await broken(demo) == []
