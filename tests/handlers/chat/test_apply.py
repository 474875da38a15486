"""途径二 begins in the chat: filling in, leaving and coming back, pictures, handing in, and after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from api_world import NOW
from chat_kit import SERVICE, Phone

from actions import applications, claims, drafts, tasks
from actions.access import Actor, actor_for
from actions.subjects import claim_code
from bot import database, dialog
from bot.dialog import Choices
from bot.runtime import Runtime, business_date
from handlers.chat.apply import render
from handlers.chat.links import plain
from handlers.forms import form_context
from handlers.forms.loan_application import LOAN_APPLICATION
from models.sealing import one_time_code
from policies import Packs
from rules.routes import Decision

Phones = Callable[..., Phone]
pytestmark = pytest.mark.usefixtures("county")

ANSWERS = (
    ("我要贷款", "给谁申请"),
    ("给自己办", "哪一类"),
    ("普通农户", "哪个产业"),
    ("养羊", "多少钱"),
    ("30000元", "多长时间"),
    ("12个月", "具体做什么"),
    ("在村东头养五十只羊", "花在哪里"),
    ("买羊羔，盖羊圈", "靠什么还"),
    ("卖羊的钱", "怎么还"),
    ("到期一次还清本金和利息", "叫什么名字"),
    ("张守田", "身份证号"),
    ("411082198503122455", "手机号"),
    ("13800001111", "哪个村"),
    ("柳庄村", "户主"),
    ("是", "几口人"),
    ("5口人", "信用等级"),
    ("不知道", "别的贷款"),
    ("没有", "照片"),
)
PAPERS = ("同意", "同意", "同意")


async def fill(somebody: Phone, upto: int = len(ANSWERS), **instead: str) -> str:
    """Answer the first questions; `instead` maps an answer's place (a4) to another one."""
    words = ""
    for n, (said, asked) in enumerate(ANSWERS[:upto]):
        words = await somebody.say(instead.get(f"a{n}", said))
        assert asked in words, (said, words)
    return words


async def finish(somebody: Phone, *, for_himself: bool = True) -> str:
    """Pictures, two optional questions, the summary and the papers: nobody agrees to those for another."""
    assert "1张照片" in await somebody.picture(f"media-{somebody.openid}")
    assert "身份证正反面" in await somebody.say("好了")
    assert "位置" in await somebody.say("跳过")
    assert "填得对不对" in await somebody.say("跳过")
    if not for_himself:
        return await somebody.say("都对")
    assert "授权书" in await somebody.say("都对")
    for _ in PAPERS:
        words = await somebody.say("同意")
    return words


async def actor(runtime: Runtime, openid: str) -> Actor:
    now = runtime.now()
    return await actor_for(
        SERVICE.name, SERVICE.county, openid, on=business_date(now), now=now, channel="chat"
    )


async def one(sql: str) -> dict[str, Any]:
    found = await database.fetch(sql)
    assert len(found) == 1, [dict(row) for row in found]
    return dict(found[0])


async def test_a_farmer_applies_in_the_chat_s1_1_s1_2_s1_4(phone: Phones) -> None:
    """S1.1, S1.2, S1.3, S1.4: an application with the bank, a visit task, three consents, one picture."""
    somebody = phone("o-zhang")
    await fill(somebody)
    words = await finish(somebody)
    row = await one("SELECT * FROM loan_application")
    assert row["number"] in words
    assert "收单银行" in words
    assert (row["state"], row["amount_fen"], row["term_months"]) == ("in_review", 3_000_000, 12)
    assert row["channel"] == "chat"
    open_tasks = await database.fetch("SELECT kind, role FROM task ORDER BY kind")
    assert [tuple(task) for task in open_tasks] == [("review", "loan_officer"), ("visit", "cadre")]
    consents = await database.fetch("SELECT kind, openid FROM consent ORDER BY kind")
    assert [tuple(consent) for consent in consents] == [
        ("credit_query_consent", "o-zhang"), ("notice_of_terms", "o-zhang"), ("pledge", "o-zhang"),
    ]  # fmt: skip
    photo = await one("SELECT * FROM stored_file")
    assert (photo["application_id"], photo["media_id"]) == (row["id"], "media-o-zhang")
    assert (await one("SELECT state FROM draft"))["state"] == "submitted"
    shown = await somebody.say("我的申请")
    assert row["number"] in shown
    assert "3万元" in shown


async def test_the_last_word_sent_twice_files_one_application_q1(phone: Phones, clients: list[Any]) -> None:
    """Q1: WeChat's attempts 1, 2 and 3 of the last 同意, to two processes at once."""
    somebody = phone("o-zhang")
    await fill(somebody)
    await somebody.picture("media")
    for words in ("好了", "跳过", "跳过", "都对", "同意", "同意"):
        await somebody.say(words)
    push = somebody.text("同意")
    answers = await asyncio.gather(*(somebody.push(push, clients[n % 2]) for n in range(6)))
    assert len({answer.text for answer in answers}) == 1
    assert (await one("SELECT number FROM loan_application"))["number"] in answers[0].text


async def test_taps_and_numbers_answer_like_words_s18_3(phone: Phones) -> None:
    somebody = phone("o-zhang")
    await somebody.say("我要贷款")
    assert "哪一类" in await somebody.say("1")
    assert "哪个产业" in await somebody.tap("普通农户")
    assert set(somebody.last.taps) >= {"养羊", "养猪"}
    assert "多少钱" in await somebody.tap("养羊")


async def test_a_voice_message_is_read_back_before_it_counts_s18_1(phone: Phones) -> None:
    somebody = phone("o-zhang")
    await fill(somebody, 4)
    assert "我记下了：金额 3.5万元" in await somebody.voice("三万五。")
    assert "多长时间" in await somebody.tap("对")


async def test_the_first_sentence_may_answer_several_questions_s18_2(phone: Phones) -> None:
    somebody = phone("o-zhang")
    words = await somebody.say("想借三万养羊，一年还")
    assert all(part in words for part in ("我记下了", "3万元", "养羊", "12个月"))
    assert "给谁申请" in await somebody.say("对")
    await somebody.say("给自己办")
    assert "具体做什么" in await somebody.say("普通农户")


async def test_a_draft_left_for_days_is_taken_up_with_what_was_said_s1_1(
    phone: Phones, runtime: Runtime
) -> None:
    """S1.1: after three days, in another process after a deploy."""
    somebody = phone("o-zhang")
    await fill(somebody, 6)
    assert "存好了" in await somebody.say("稍后")
    runtime.clock.move_to(runtime.now() + timedelta(days=3))
    assert "没填完的申请" in await somebody.say("你好")
    words = await somebody.say("继续")
    assert "填了5项" in words
    assert "具体做什么" in words


async def test_an_answer_that_comes_the_next_day_counts_and_says_where_we_are_s1_1(
    phone: Phones, runtime: Runtime
) -> None:
    somebody = phone("o-zhang")
    await fill(somebody, 5)
    runtime.clock.move_to(runtime.now() + timedelta(days=1))
    words = await somebody.say("12个月")
    assert "还没填完" in words
    assert "具体做什么" in words


async def test_what_was_begun_in_the_chat_is_there_in_the_mini_program_and_back_s1_1(
    phone: Phones, runtime: Runtime
) -> None:
    """S1.1: one draft, two ways in; the chat goes on from what the mini-program saved."""
    somebody = phone("o-zhang")
    await fill(somebody, 5)
    me = await actor(runtime, "o-zhang")
    draft = await drafts.current(me, "loan_application", "", runtime.now())
    assert draft is not None
    assert draft.state["a"]["amount"] == 3_000_000
    state = {**draft.state, "a": {**draft.state["a"], "term": 24}, "c": "project"}
    await drafts.save(me, draft.key, state, draft.version, runtime.now(), "mini_program")
    assert "花在哪里" in await somebody.say("在村东头养五十只羊")
    assert "24个月" in await somebody.say("看一看")


async def test_after_thirty_days_a_draft_is_gone_and_a_new_one_begins_s1_1(
    phone: Phones, runtime: Runtime
) -> None:
    somebody = phone("o-zhang")
    await fill(somebody, 6)
    runtime.clock.move_to(runtime.now() + timedelta(days=30))
    assert "已经交上去或者取消" in await somebody.say("在村东头养五十只羊")
    assert "给谁申请" in await somebody.say("我要贷款")


async def test_giving_up_deletes_what_was_said_s1_1(phone: Phones) -> None:
    somebody = phone("o-zhang")
    await fill(somebody, 6)
    assert "确定取消" in await somebody.say("取消")
    assert "已经取消" in await somebody.say("是")
    row = await one("SELECT state, state_sealed FROM draft")
    assert row == {"state": "cancelled", "state_sealed": None}
    assert "没看明白" in await somebody.say("12个月")


async def test_a_picture_nobody_asked_for_is_not_fetched(phone: Phones) -> None:
    somebody = phone("o-zhang")
    assert "不用发照片" in await somebody.picture("media-1")
    await fill(somebody, 4)
    await somebody.picture("media-2")
    photo = await one("SELECT media_id FROM stored_file")
    assert photo["media_id"] == "media-2", "the only question for pictures takes it already"


async def test_the_same_picture_pushed_three_times_is_one_picture(phone: Phones) -> None:
    somebody = phone("o-zhang")
    await fill(somebody)
    push = somebody.fields(MsgType="image", MediaId="m", PicUrl="x", MsgId=77)
    texts = {(await somebody.push(push)).text for _ in range(3)}
    assert len(texts) == 1
    await one("SELECT * FROM stored_file")


async def test_a_second_application_of_the_household_is_refused_naming_the_first_s1_6(
    phone: Phones,
) -> None:
    somebody = phone("o-zhang")
    await fill(somebody)
    await finish(somebody)
    number = (await one("SELECT number FROM loan_application"))["number"]
    assert number in await somebody.say("我要贷款")
    assert "我的申请" in somebody.last.taps
    assert await database.fetch("SELECT * FROM draft WHERE state = 'open'") == []


async def test_what_a_rule_refuses_at_the_end_is_asked_again_and_the_rest_kept_s1_8(phone: Phones) -> None:
    """S1.8: somebody else's ID number: said plainly, the question is open again, nothing is filed."""
    first, second = phone("o-zhang"), phone("o-li")
    await fill(first)
    await finish(first)
    await fill(second)
    words = await finish(second)
    assert "已经登记过" in words
    assert "身份证号" in words
    await one("SELECT * FROM loan_application")
    state = (await one("SELECT state FROM draft WHERE state = 'open'"))["state"]
    assert state == "open"


async def test_a_person_is_called_after_three_wrong_answers_and_the_answers_stay_s18_3(
    phone: Phones,
) -> None:
    somebody = phone("o-zhang")
    await fill(somebody, 4)
    replies = [await somebody.say(words) for words in ("好多好多", "看着给吧", "不知道咋说")]
    assert len(set(replies)) == 3
    assert "工作人员" in replies[2]
    task = await one("SELECT kind, role, region, note FROM task")
    assert (task["kind"], task["role"]) == ("handover", "county_clerk")
    assert "金额" in task["note"]
    assert "多长时间" in await somebody.say("30000元")


async def test_taking_back_needs_a_yes_and_frees_the_household_s1_5(phone: Phones) -> None:
    somebody = phone("o-zhang")
    await fill(somebody)
    await finish(somebody)
    await somebody.say("我的申请")
    assert "确定要撤回" in await somebody.tap("撤回申请")
    assert "没有动" in await somebody.say("不")
    await somebody.say("我的申请")
    await somebody.tap("撤回申请")
    assert "已经撤回" in await somebody.tap("是")
    assert (await one("SELECT state FROM loan_application"))["state"] == "withdrawn"
    assert "给谁申请" in await somebody.say("我要贷款")


async def test_a_return_is_answered_in_the_chat_and_opens_a_new_round_s1_2_s1_5(
    phone: Phones, runtime: Runtime
) -> None:
    """S1.2, S1.5: the reviewer asks for another use; only that is asked, the papers are not asked again."""
    somebody = phone("o-zhang")
    await fill(somebody)
    await finish(somebody)
    officer = await actor(runtime, "o-chen")
    task = (await tasks.inbox(officer, runtime.now()))[0]
    await tasks.decide(
        officer, task.key, Decision.RETURN, runtime.packs["changge"], runtime.now(),
        reason="用途请写详细", return_fields=["purpose"], shown_hash=task.shown_hash,
    )  # fmt: skip
    shown = await somebody.say("我的申请")
    assert "用途请写详细" in shown
    words = await somebody.tap("补充材料")
    assert "用途请写详细" in words
    assert "花在哪里" in words
    assert "填得对不对" in await somebody.say("买羊羔两万，盖羊圈一万，都是自己用")
    assert "补充好了" in await somebody.say("都对")
    row = await one("SELECT state, round FROM loan_application")
    assert row == {"state": "in_review", "round": 2}
    assert await database.fetch("SELECT * FROM draft WHERE state = 'open'") == []


async def test_what_a_helper_filled_in_waits_for_the_farmers_own_yes_s1_7(
    phone: Phones, runtime: Runtime
) -> None:
    """S1.7: the cadre fills in for zhang, who is known and confirms in his own WeChat."""
    farmer, helper = phone("o-zhang"), phone("o-wang")
    await fill(farmer)
    await finish(farmer)
    await farmer.say("我的申请")
    await farmer.tap("撤回申请")
    await farmer.tap("是")
    assert "什么人" in await helper.say("替人申请")
    assert "哪一类" in await helper.say("村干部或驻村队员")
    for said, asked in ANSWERS[2:]:
        assert asked in await helper.say(said)
    assert "本人确认才算数" in await finish(helper, for_himself=False)
    waiting = await one("SELECT * FROM loan_application WHERE state = 'awaiting_confirmation'")
    me = await actor(runtime, "o-zhang")
    assert waiting["applicant_id"] == me.person_id
    assert waiting["filled_by_id"] == (await actor(runtime, "o-wang")).person_id
    await helper.say("我的申请")
    assert "确认申请" not in helper.last.taps
    shown = await farmer.say("我的申请")
    assert "1. " in shown
    await farmer.say("1")
    assert "授权书" in await farmer.tap("确认申请")
    assert "告知书" in await farmer.say("同意")
    assert "承诺书" in await farmer.say("同意")
    assert "确认好了" in await farmer.say("同意")
    agreed = await database.fetch(
        "SELECT person_id, means, openid FROM consent WHERE application_id = $1", waiting["id"]
    )
    assert [tuple(row) for row in agreed] == [(me.person_id, "wechat", "o-zhang")] * 3
    confirmed = await one(f"SELECT state, confirmed_by FROM loan_application WHERE id = {waiting['id']}")  # noqa: S608
    assert confirmed == {"state": "in_review", "confirmed_by": "wechat"}


async def test_filling_in_for_another_leaves_ones_own_form_alone_s1_7(phone: Phones) -> None:
    """S1.1, S1.7: both forms stand beside each other, and each is taken up by its own word."""
    somebody = phone("o-zhang")
    await somebody.say("我要贷款")
    await somebody.say("给自己办")
    await somebody.say("普通农户")
    await somebody.say("稍后")
    assert "什么人" in await somebody.say("替人申请")
    await somebody.say("家里人")
    await somebody.say("稍后")
    assert "哪个产业" in await somebody.say("我要贷款")
    await somebody.say("稍后")
    assert "哪一类" in await somebody.say("替人申请")
    drafts = await database.fetch("SELECT subject FROM draft WHERE state = 'open' ORDER BY subject")
    assert [row["subject"] for row in drafts] == ["", "other"]


async def test_a_village_clerk_enters_a_paper_in_the_chat_s2_1(phone: Phones) -> None:
    """S2.1, S1.7: by the paper route, for his own village alone, beside what he fills in for a neighbour."""
    clerk = phone("o-wang")
    await clerk.say("帮助")
    assert "录入纸质申请" in clerk.last.taps
    await clerk.say("替人申请")
    await clerk.say("稍后")
    assert "哪一类" in await clerk.say("录入纸质申请")
    for said, asked in ANSWERS[2:13]:
        assert asked in await clerk.say(said)
    assert "户主" in await clerk.say("石桥村")
    for said, asked in ANSWERS[14:]:
        assert asked in await clerk.say(said)
    refused = await finish(clerk, for_himself=False)
    assert "只有本村" in refused
    assert "哪个村" in refused
    assert "填得对不对" in await clerk.say("柳庄村")
    assert "本人确认才算数" in await clerk.say("都对")
    filed = await one("SELECT route, state, filled_by_id IS NOT NULL AS helped FROM loan_application")
    assert filed == {"route": "paper", "state": "awaiting_confirmation", "helped": True}
    drafts = await database.fetch("SELECT subject FROM draft WHERE state = 'open'")
    assert [row["subject"] for row in drafts] == ["other"]


async def test_who_is_no_clerk_enters_no_paper_s2_1(phone: Phones) -> None:
    words = await phone("o-zhang").say("录入纸质申请")
    assert "村金融扶贫服务部" in words
    assert await database.fetch("SELECT 1 FROM draft") == []


async def test_who_was_registered_by_others_proves_it_on_the_page_and_hands_in_then_s1_7(
    phone: Phones, runtime: Runtime
) -> None:
    """S1.7, S18.8: the chat asks for no code; what was filled in is not lost."""
    helper, farmer = phone("o-wang"), phone("o-zhang")
    await helper.say("替人申请")
    await helper.say("村干部或驻村队员")
    for said, asked in ANSWERS[2:]:
        assert asked in await helper.say(said)
    await finish(helper, for_himself=False)
    await helper.say("我的申请")
    await helper.tap("撤回申请")
    await helper.say("是")
    assert "认领我的登记" in await farmer.say("我的申请")
    await fill(farmer)
    words = await finish(farmer)
    assert "证明是您本人" in words
    assert "认领我的登记" in words
    me, now = await actor(runtime, "o-zhang"), runtime.now()
    pack = runtime.packs.by_county("411082")
    claim = await claims.begin(me, "张守田", "411082198503122455", pack, now)
    await claims.send_code(me, claim.key, pack, now)
    code = one_time_code(claim_code(claim.key, 1))
    assert "从来不问" in await farmer.say(f"验证码{code}")
    await claims.enter_code(me, claim.key, code, pack, now)
    assert "申请编号" in await farmer.say("同意")


async def test_what_a_program_decided_meanwhile_is_told_not_overwritten_s1_5(
    phone: Phones, runtime: Runtime
) -> None:
    """The application was withdrawn on a page while the chat still offers to take it back."""
    somebody = phone("o-zhang")
    await fill(somebody)
    await finish(somebody)
    await somebody.say("我的申请")
    row = await one("SELECT id, key FROM loan_application")
    await database.execute("UPDATE loan_application SET state = 'approved' WHERE id = $1", row["id"])
    await database.execute(
        """UPDATE loan_application SET progress = jsonb_set(progress::jsonb, '{state}', '"approved"')"""
    )
    await somebody.say("撤回申请")
    words = await somebody.say("是")
    assert "不能" in words or "撤回" in words
    assert (await one("SELECT state FROM loan_application"))["state"] == "approved"
    assert applications.OPEN_STATES


def test_no_paper_of_any_county_is_cut_in_the_chat_s1_4(packs: Packs) -> None:
    """S1.4: what somebody agrees to stands whole in the message he answers."""
    for pack in packs:
        context = form_context(pack, NOW, NOW.date(), options={"villages": Choices()})
        for field in LOAN_APPLICATION.fields:
            if field.kind != "confirm":
                continue
            paper = context.papers[str(field.paper)]
            ask = dialog.Ask(f"《{paper.title}》\n{paper.text}\n\n{field.ask}", field=field.key)
            assert plain(paper.text) in render([ask], "https://county.example/m/apply"), (
                pack.name,
                field.key,
            )
