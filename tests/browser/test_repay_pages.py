"""Reporting a repayment, deciding on it, and how notices go, in a real browser on a small phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from actions import delivery_counts
from bot import database
from models.loan import Repayment
from models.people import Person, Region
from models.slip import RepaymentSlip
from tests.browser.test_h5_pages import (  # noqa: F401 - fixtures
    TARGETS,
    TOO_SMALL,
    OpenPhone,
    packs,
    phone,
    pictures,
    platform,
    runtime,
    world,
)
from tests.handlers.api_world import NOW, World
from tests.handlers.test_api_slips import lend, person_of, tell

pytestmark = pytest.mark.browser


async def fits(page: Page) -> None:
    """Nothing sticks out sideways, and whatever is tapped is large enough."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.eval_on_selector_all(TARGETS, TOO_SMALL) == []


async def test_a_repayment_is_reported_with_a_photo_and_confirmed(
    phone: OpenPhone,  # noqa: F811
    world: World,  # noqa: F811
    pictures: list[str],  # noqa: F811
) -> None:
    """S11.4: the borrower on his loan's page, the officer on the task's."""
    await world.login("zhang")
    loan = await lend()
    page = await phone("zhang", width=360, height=740)
    await page.goto(f"/m/loans/{loan.key}")
    await page.set_input_files("#slip input[type=file]", pictures[0])
    await page.wait_for_selector("#slip-shots img")
    await page.fill("#slip [name=amount]", "288.8")
    await fits(page)
    await page.click("#slip [type=submit]")
    await expect(page.locator(".timeline")).to_contain_text("银行正在核对", timeout=10_000)
    slip = await RepaymentSlip.get()
    assert (slip.amount_fen, slip.file_id is not None) == (28_880, True)

    officer = await phone("zhao")
    await officer.goto("/m/tasks")
    await officer.click("a.card")
    await expect(officer.locator(".photos img")).to_be_visible()
    await officer.locator(".pick", has_text="到账了").click()
    await fits(officer)
    await officer.fill("#slip-check [name=serial]", "B-1")
    await officer.fill("#slip-check [name=amount]", "288.80")
    await officer.click("#slip-check [type=submit]")
    await officer.locator(".dialog .weui-btn_primary").click()
    await officer.wait_for_url("**/m/tasks")
    assert (await Repayment.get()).amount_fen == 28_880
    await page.reload()
    await expect(page.locator(".timeline")).to_contain_text("银行查到了")

    keeper = await phone("sun")
    await keeper.goto("/m/slips")
    await expect(keeper.locator("a.card")).to_contain_text("银行已核实")
    await fits(keeper)


async def test_the_person_and_the_clerk_read_the_trail(phone: OpenPhone, world: World) -> None:  # noqa: F811
    """S18.7: from the page of the loan the clerk gets to what its borrower was told."""
    await world.login("zhang")
    loan = await lend()
    await tell(world, await person_of("zhang"), loan)
    page = await phone("zhang", width=360)
    await page.goto("/m/notices")
    await page.click("summary")
    await expect(page.locator(".timeline")).to_contain_text("没有关注公众号")
    await fits(page)
    clerk = await phone("liu")
    await clerk.goto(f"/m/loans/{loan.key}")
    await clerk.click("text=发给借款人的通知")
    await expect(clerk.locator(".told")).to_contain_text("逾期提醒")


async def many_towns(world: World) -> None:  # noqa: F811
    """Deliveries of a week in twelve towns, in every standing."""
    loan, zhang = await lend(), await person_of("zhang")
    await tell(world, zhang, loan)
    names = (
        "坡胡",
        "后河",
        "石固",
        "老城",
        "南席",
        "大周",
        "董村",
        "和尚桥",
        "增福",
        "佛耳湖",
        "官亭",
        "古桥",
    )
    states = ("delivered", "sent", "planned", "uncertain", "refused", "suppressed")
    for number, name in enumerate(names):
        town = f"4110821{number + 20:02d}000"
        await Region.create(code=town, county="411082", name=f"{name}镇")
        someone = await Person.create(county="411082", village=f"{town[:9]}201", created_at=NOW)
        await database.execute(
            """WITH told AS (
                 INSERT INTO notice (county, person_id, kind, subject_kind, subject_id, due_on, step, facts,
                   priority, state, created_at, expires_at)
                 SELECT '411082', $1, 'overdue', 'loan', n, '2026-11-28', '1', '{}', 1, 'open', $2, $2
                 FROM generate_series(1, $3::int) AS n RETURNING id, subject_id)
               INSERT INTO delivery (county, notice_id, rung, channel, priority, state, not_before,
                 lease_owner, attempts, account, openid, msgid, trail, first_attempt_at)
               SELECT '411082', id, 0, (ARRAY['template', 'sms', 'cadre_task'])[subject_id % 3 + 1], 1,
                 ($4::text[])[least(subject_id % 11, 5) + 1], $2, '', 1, '', '', '', '[]', $2 FROM told""",
            someone.id,
            NOW,
            140 - number * 9,
            list(states),
        )
    await delivery_counts.count("411082", NOW)


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_dashboard_shows_a_chart_and_its_figures(
    phone: OpenPhone,  # noqa: F811
    world: World,  # noqa: F811
    width: int,
) -> None:
    """S18.7: every town a bar, the same figures below."""
    await world.login("zhang")
    await many_towns(world)
    page = await phone("liu", width=width, height=900)
    await page.goto("/m/delivery")
    await page.wait_for_selector("#towns svg")
    rows: Any = page.locator(".counts").first.locator("tbody tr")
    assert await rows.count() == 13
    await expect(rows.first).to_contain_text("坡胡镇")
    await expect(page.locator("#towns svg")).to_contain_text("坡胡镇")
    await fits(page)
