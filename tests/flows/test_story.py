"""途径二 from the first word to the overdue notice, through the signed and encrypted webhook."""

from __future__ import annotations

from tests.flows.acts import APPROVAL, DISBURSEMENT, VISIT, apply, at, broken, do_task, open_task, told
from tests.flows.phones import Phones


async def test_a_farmer_applies_and_is_reminded_until_it_is_overdue(phones: Phones) -> None:
    """S1.1–S1.5, S4.7, S11.1, S11.2, S18.5: the whole of 途径二 with its people."""
    assert "411082-2026-00001" in await apply(phones)
    assert "收单银行" in await phones.say("zhang", "我的申请")
    await phones.clock(at("2026-11-28T09:05"))
    assert ["收单金融机构审核" in text for text in await told(phones, "chen")] == [True]
    assert ["走访确认申请户" in text for text in await told(phones, "wang")] == [True]

    assert "通过" in await do_task(phones, "chen", APPROVAL, "记下了")
    assert "还没有走访确认" in await open_task(phones, "liu")
    assert "照片以前用过" in await do_task(phones, "wang", VISIT, "走访记好了")
    for reviewer in ("liu", "zhao", "sun"):
        assert "通过" in await do_task(phones, reviewer, APPROVAL, "记下了")
    assert "还款计划已经排好" in await do_task(phones, "zhao", DISBURSEMENT, "放款登记好了")
    assert "2026年12月21日前还79.75元" in await phones.say("zhang", "我的贷款")

    for day in (
        "2026-12-16T09:00",
        "2026-12-20T09:00",
        "2026-12-21T09:00",
        "2026-12-22T09:00",
        "2026-12-23T09:00",
    ):
        await phones.clock(at(day))
    about = [text for text in await told(phones, "zhang") if "约定事项" in text]
    assert [text.split("2026年")[1] for text in about] == [
        "12月21日 快到日子了，请点开查看",
        "12月21日 快到日子了，请点开查看",
        "12月21日 快到日子了，请点开查看",
        "12月21日 日子已过，请点开查看",
    ]
    assert not any("元" in text or "张守田" in text for text in about)
    assert await broken(phones.demo) == []


async def test_a_late_look_at_the_past_tells_nothing_twice(phones: Phones) -> None:
    """S11.6: the clock goes back an hour, and a day is scanned again; no message comes twice."""
    await test_a_farmer_applies_and_is_reminded_until_it_is_overdue(phones)
    before = len(await phones.messages("zhang"))
    await phones.clock(at("2026-12-23T08:30"))
    await phones.clock(at("2026-12-23T09:30"))
    assert len(await phones.messages("zhang")) == before
