"""What may become of an application: returned, refused, taken back; and two who decide at once."""

from __future__ import annotations

import asyncio

from bot import database
from tests.flows.acts import (
    APPLICATION,
    APPROVAL,
    REJECTION,
    RETURN,
    apply,
    broken,
    do_task,
    open_task,
    told,
)
from tests.flows.phones import Phones


async def test_a_return_is_answered_in_the_chat_and_seen_again_by_who_returned_it(phones: Phones) -> None:
    """S1.5, S1.2: only what was asked for is answered; the same stage looks again in a second round."""
    _ = await apply(phones)
    assert "退回补充" in await do_task(phones, "chen", RETURN, "记下了")
    await phones.settle()
    assert "等您补充" in (await told(phones, "zhang"))[-1]
    shown = await phones.say("zhang", "我的申请")
    assert "羊圈请白天再拍一张" in shown
    answers = {**APPLICATION, "花在哪里": "羊羔二十只两万，盖圈一万"}
    done = await phones.answer_all(
        "zhang", await phones.say("zhang", "补充材料"), answers, "补充好了", most=6
    )
    assert "重新交上去" in done
    rows = await database.fetch("SELECT state, round FROM loan_application")
    assert [tuple(row) for row in rows] == [("in_review", 2)]
    again = await open_task(phones, "chen")
    assert "羊羔二十只两万" in again
    assert "羊圈请白天再拍一张" in again
    assert "通过" in await phones.answer_all("chen", again, APPROVAL, "记下了")
    assert await broken(phones.demo) == []


async def test_a_refusal_tells_its_reason_and_what_can_be_done(phones: Phones) -> None:
    """S1.8, S18.5: the reason stands in his own chat, not on a lock screen; he may apply again."""
    _ = await apply(phones)
    assert "不通过" in await do_task(phones, "chen", REJECTION, "记下了")
    await phones.settle()
    card = (await told(phones, "zhang"))[-1]
    assert "有结果了" in card
    assert "贷款还没还清" not in card
    shown = await phones.say("zhang", "我的申请")
    assert "别处的贷款还没还清，还清以后再来申请" in shown
    assert "就可以再申请" in shown
    assert "现在没有要办的事" in await phones.say("wang", "待办")
    assert "00002" in await apply(phones)
    assert await broken(phones.demo) == []


async def test_who_takes_his_application_back_leaves_nobody_with_work(phones: Phones) -> None:
    """S1.5: whoever has it open just then is told."""
    _ = await apply(phones)
    asked = await open_task(phones, "chen")
    assert "决定是" in asked
    assert "撤回申请" in await phones.say("zhang", "我的申请")
    assert "确定要撤回" in await phones.say("zhang", "撤回申请")
    assert "没有动" in await phones.say("zhang", "不")
    _ = await phones.say("zhang", "我的申请")
    _ = await phones.say("zhang", "撤回申请")
    assert "已经撤回" in await phones.say("zhang", "是")
    late = await phones.answer_all("chen", asked, APPROVAL, "撤回")
    assert "已经撤回或结束" in late
    for person in ("chen", "wang"):
        assert "现在没有要办的事" in await phones.say(person, "待办")
    assert await broken(phones.demo) == []


async def second_officer(phones: Phones, person: str, beside: str) -> None:
    """Give somebody the same post as a colleague."""
    _ = await phones.say(person, "你好")
    openids = []
    for name in (person, beside):
        (user,) = (await phones.get(f"users?person={name}"))["users"]
        openids.append(user["accounts"][phones.account]["openid"])
    await database.execute(
        """INSERT INTO post (county, person_id, organisation_id, role, region, from_on)
           SELECT p.county, new.person_id, p.organisation_id, p.role, p.region, p.from_on
           FROM post p JOIN wechat_user old ON old.person_id = p.person_id AND old.openid = $2,
                wechat_user new WHERE new.openid = $1""",
        *openids,
    )


async def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(phones: Phones) -> None:
    """S1.2: on two phones, in the same moment."""
    await second_officer(phones, "li", "chen")
    _ = await apply(phones)
    for person in ("chen", "li"):
        asked = await open_task(phones, person)
        assert "都对就回复" in await phones.answer_all(person, asked, {"决定是": "通过"}, "都对就回复")
    answers = await asyncio.gather(phones.say("chen", "都对"), phones.say("li", "都对"))
    won = [answer for answer in answers if "记下了" in answer]
    lost = [answer for answer in answers if "由同事办完了" in answer]
    assert (len(won), len(lost)) == (1, 1), answers
    await phones.settle()
    assert (await database.fetch("SELECT count(*) AS n FROM decision"))[0]["n"] == 1
    assert ["已通过" in text for text in await told(phones, "zhang")].count(True) == 1
    assert await broken(phones.demo) == []
