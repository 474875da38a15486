"""How a person is reached who cannot be reached in the first way: rung after rung, and not at night."""

from __future__ import annotations

from typing import Any

from bot import database
from tests.flows.acts import APPROVAL, RETURN, Gateway, apply, at, broken, do_task, told
from tests.flows.phones import Phones


async def rungs(phones: Phones, kind: str) -> list[tuple[str, str]]:
    """Channel and end of every attempt to tell of something, in order."""
    rows = await database.fetch(
        """SELECT d.channel, d.state FROM delivery d JOIN notice n ON n.id = d.notice_id
           WHERE n.kind = $1 ORDER BY n.id, d.rung""",
        kind,
    )
    return [tuple(row) for row in rows]


async def texts(phones: Phones, person: str) -> list[str]:
    """The service messages that reached somebody's phone."""
    await phones.settle()
    found = [message for message in await phones.messages(person) if message["kind"] == "custom"]
    return [message["body"]["text"]["content"] for message in found]


async def short_messages(phones: Phones) -> list[dict[str, Any]]:
    """What the phone page shows of short messages."""
    runtime = phones.demo.runtime
    async with runtime.http.get(f"{runtime.settings.wechat_api}/admin/sms") as answer:
        found: list[dict[str, Any]] = (await answer.json())["sms"]
    return found


async def test_who_refused_the_template_is_told_in_the_conversation(phones: Phones) -> None:
    """S18.7, S11.7: template, subscribe message, service message; each after the end of the one before."""
    template = phones.demo.runtime.accounts["changge"].templates["progress"]
    await phones.change("zhang", refuse_template=[template])
    _ = await apply(phones)
    assert "退回补充" in await do_task(phones, "chen", RETURN, "记下了")
    assert await told(phones, "zhang") == []
    assert "还差一点东西" in (await texts(phones, "zhang"))[-1]
    assert await rungs(phones, "application_returned") == [
        ("template", "refused"),
        ("subscribe", "refused"),
        ("service_message", "sent"),
    ]
    assert await broken(phones.demo) == []


async def test_who_left_the_account_gets_a_short_message(phones: Phones) -> None:
    """S11.7, S18.5: no amount and no name beyond the surname in it; the demo shows it on the phone page."""
    _ = await apply(phones)
    await phones.change("zhang", unfollow=["changge"])
    assert "退回补充" in await do_task(phones, "chen", RETURN, "记下了")
    await phones.settle()
    (shown,) = await short_messages(phones)
    phone, words = shown["phone"], shown["text"]
    assert phone == "13800001111"
    assert words.startswith("张先生，您的申请还差一点东西")
    assert "守田" not in words
    found = await rungs(phones, "application_returned")
    assert [channel for channel, _ in found] == ["template", "subscribe", "service_message", "sms"]
    assert await broken(phones.demo) == []


async def test_who_cannot_be_reached_by_any_machine_is_visited(phones: Phones) -> None:
    """S11.7: the cadre of his village is asked to call or visit, and reads what to say and to whom."""
    _ = Gateway.of(phones.demo, refuses=True)
    _ = await apply(phones)
    await phones.change("zhang", unfollow=["changge"])
    assert "退回补充" in await do_task(phones, "chen", RETURN, "记下了")
    await phones.settle()
    assert (await rungs(phones, "application_returned"))[-2:] == [
        ("sms", "refused"),
        ("cadre_task", "delivered"),
    ]
    assert any("请上门或打电话" in text for text in await told(phones, "wang"))
    listed = await phones.say("wang", "待办")
    line = next(line for line in listed.split("\n") if "上门告知" in line)
    shown = await phones.say("wang", line.split(".")[0])
    assert "13800001111" in shown
    assert "张守田" in shown
    assert "羊圈请白天再拍一张" in shown
    assert "记下了" in await phones.say("wang", "已经告诉本人")
    assert "上门告知" not in await phones.say("wang", "待办")
    assert await broken(phones.demo) == []


async def test_nothing_is_sent_at_night_and_all_of_it_in_the_morning(phones: Phones) -> None:
    """S11.5: 22:00 to 08:00 is quiet; what happened then is told after eight, once."""
    _ = await apply(phones)
    await phones.clock(at("2026-11-28T22:30"))
    before = await told(phones, "zhang")
    tasks = await told(phones, "liu")
    assert "通过" in await do_task(phones, "chen", APPROVAL, "记下了")
    await phones.clock(at("2026-11-29T07:58"))
    assert await told(phones, "zhang") == before
    assert await told(phones, "liu") == tasks
    await phones.clock(at("2026-11-29T08:31"))
    morning = (await told(phones, "zhang"))[len(before) :]
    assert ["已通过" in text for text in morning] == [True]
    await phones.clock(at("2026-11-29T12:00"))
    assert len(await told(phones, "zhang")) == len(before) + 1
    assert await broken(phones.demo) == []


async def test_who_asks_for_a_person_leaves_a_number_and_is_called_under_it(phones: Phones) -> None:
    """S18.3: nobody can call a person whose number is not known; it is asked for once."""
    asked = await phones.say("li", "人工")
    assert "会有人联系您" in asked
    assert "请发过来" in asked
    assert "11位" in await phones.say("li", "1390000222")
    assert "会打这个电话" in await phones.say("li", "139 0000 2222")
    assert "请发过来" not in await phones.say("li", "人工")
    await phones.settle()
    _ = await phones.say("liu", "待办")
    shown = await phones.say("liu", "1")
    assert "想找工作人员" in shown
    assert "13900002222" in shown
    views = await database.fetch("SELECT count(*) AS n FROM audit_entry WHERE action = 'view_contact'")
    assert views[0]["n"] == 1
    assert await broken(phones.demo) == []
