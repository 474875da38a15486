"""已经还了, 过两天还, 家里有事: what is said back to a reminder. Clause: S11.4, S18.4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from api_world import NOW
from chat_kit import SERVICE, Phone
from test_loans import lend, owe

from bot import database
from models.application import Task
from models.conversation import StoredFile
from models.loan import Loan
from models.people import WechatUser
from models.slip import Promise, RepaymentSlip

Phones = Callable[..., Phone]
pytestmark = pytest.mark.usefixtures("county")


@pytest.fixture
async def loan(phone: Phones) -> Loan:
    """zhang's loan: 288.80 yuan were due on 20 November, 108.75 are on 20 December."""
    made = await lend("o-zhang", "2026-001")
    await owe(made, 1, date(2026, 11, 20), 28_880)
    await owe(made, 2, date(2026, 12, 20), 10_875)
    return made


async def remind(openid: str = "o-zhang") -> None:
    user = await WechatUser.get(openid=openid, account=SERVICE.name)
    await database.execute(
        """INSERT INTO notice (county, person_id, kind, subject_kind, subject_id, due_on, step, facts,
             priority, state, created_at, expires_at)
           SELECT '411082', $1, 'overdue', 'instalment', 1, '2026-11-20', '7', '{}', 1, 'delivered',
             $2, $2""",
        user.person_id,
        NOW,
    )


async def test_a_repayment_is_reported_with_a_photo_and_read_back(phone: Phones, loan: Loan) -> None:
    """S11.4, S18.1: photo, amount, day; after 对 the bank has a task, before it nothing."""
    zhang = phone("o-zhang")
    assert "单据拍张照片" in await zhang.say("我还了")
    assert "还了多少钱" in await zhang.picture("media-1")
    assert "哪天还的" in await zhang.say("五百块")
    words = await zhang.tap("昨天")
    assert "2026-001，11月27日，还了500元，有单据照片。对吗" in words
    assert await RepaymentSlip.all().count() == 0
    assert "已经请银行核对，最晚12月1日" in await zhang.tap("对")
    slip = await RepaymentSlip.get()
    photo = await StoredFile.get(id=slip.file_id)
    assert (slip.amount_fen, slip.paid_on, photo.media_id) == (50_000, date(2026, 11, 27), "media-1")
    assert (photo.purpose, (await Task.get(kind="slip")).organisation_id) == ("repayment_slip", loan.bank_id)


async def test_a_sentence_that_says_all_is_only_asked_for_the_photo(phone: Phones, loan: Loan) -> None:
    """S18.2: 昨天还了五千; what is owed is offered otherwise."""
    zhang = phone("o-zhang")
    await zhang.say("我昨天还了五千块")
    words = await zhang.tap("没有单据")
    assert "11月27日，还了5000元，没有单据。对吗" in words
    assert "重新来" in await zhang.tap("不对")
    assert "288.80元" in zhang.last.taps
    await zhang.tap("288.80元")
    await zhang.tap("不记得")
    await zhang.tap("对")
    slip = await RepaymentSlip.get()
    assert (slip.amount_fen, slip.paid_on, slip.file_id) == (28_880, None, None)


async def test_said_again_it_is_the_same_slip(phone: Phones, loan: Loan) -> None:
    """S11.4: no second task; he is told that it is being looked at."""
    zhang = phone("o-zhang")
    for expected in ("已经请银行核对", "不用再发"):
        await zhang.say("我今天还了500元")
        await zhang.tap("没有单据")
        assert expected in await zhang.tap("对")
    assert await Task.filter(kind="slip").count() == 1


async def test_a_photo_after_a_reminder_is_a_slip(phone: Phones, loan: Loan) -> None:
    """S11.4: he has paid and sends the photo without a word; without a reminder it is just a photo."""
    zhang = phone("o-zhang")
    assert "现在不用发照片" in await zhang.picture("media-1")
    await remind()
    assert "照片收到了" in await zhang.picture("media-2")
    await zhang.say("500")
    await zhang.tap("今天")
    await zhang.tap("对")
    slip = await RepaymentSlip.get()
    assert (await StoredFile.get(id=slip.file_id)).media_id == "media-2"


async def test_of_several_loans_he_says_which(phone: Phones, loan: Loan) -> None:
    """S11.4: the one that is past its day first."""
    await lend("o-zhang", "2026-002")
    zhang = phone("o-zhang")
    words = await zhang.click("PAID")
    assert words.index("2026-001") < words.index("2026-002")
    assert "单据拍张照片" in await zhang.say("2")
    await zhang.tap("没有单据")
    await zhang.say("100")
    await zhang.tap("今天")
    assert "2026-002" in zhang.last.text
    await zhang.tap("对")
    assert (await RepaymentSlip.get()).loan_id == (await Loan.get(number="2026-002")).id


async def test_what_is_settled_needs_nothing(phone: Phones) -> None:
    """S11.4"""
    await lend("o-zhang", "2025-001", state="settled", balance_fen=0)
    assert "都还清了" in await phone("o-zhang").say("已经还了")


async def test_who_has_no_loan_here_is_helped_by_a_person(phone: Phones) -> None:
    """S18.3, S18.4: the loan may be under another name."""
    assert "请工作人员帮您核对" in await phone("o-li").say("已经还了")
    assert (await Task.get(kind="handover")).note == "说已经还了，请和银行核对"


async def test_three_times_not_understood_calls_a_person(phone: Phones, loan: Loan) -> None:
    """S18.3: never the same words three times."""
    zhang = phone("o-zhang")
    await zhang.say("我还了")
    answers = [await zhang.say("呃那个什么") for _ in range(3)]
    assert len(set(answers)) == 3
    assert "请工作人员帮您核对" in answers[-1]
    assert await Task.filter(kind="handover").count() == 1


async def test_it_can_be_left_and_other_ways_stay_open(phone: Phones, loan: Loan) -> None:
    """S18.4"""
    zhang = phone("o-zhang")
    await zhang.say("我还了")
    assert "还欠本金3万元" in await zhang.say("我的贷款")
    await zhang.say("我还了")
    assert "没有报" in await zhang.say("取消")
    assert await RepaymentSlip.all().count() == 0


# ---- promises


async def test_a_day_is_read_back_before_it_counts(phone: Phones, loan: Loan) -> None:
    """S18.4: 下周一还, for what is past its day."""
    zhang = phone("o-zhang")
    words = await zhang.say("下周一还")
    assert "11月30日（星期一）前还288.80元，对吗" in words
    assert await Promise.all().count() == 0
    assert "先不催您" in await zhang.tap("对")
    made = await Promise.get()
    assert (made.promised_on, made.amount_fen, made.said) == (date(2026, 11, 30), 28_880, "下周一还")


@pytest.mark.parametrize("said", ["过几天还", "卖了羊就还", "等卖了猪再还"])
async def test_without_a_day_he_is_asked_for_one(phone: Phones, loan: Loan, said: str) -> None:
    """S18.4"""
    zhang = phone("o-zhang")
    assert "大概哪天能还" in await zhang.say(said)
    assert "12月5日（星期六）" in await zhang.say("12月5号")
    await zhang.tap("对")
    assert (await Promise.get()).said == said


async def test_too_far_is_asked_again_and_in_the_end_a_person_calls(phone: Phones, loan: Loan) -> None:
    """S18.3, S18.4: the pack's limit is named."""
    zhang = phone("o-zhang")
    words = await zhang.say("明年秋收后还")
    assert "2027年10月31日太远了" in words
    assert "最晚可以说到12月28日" in words
    await zhang.say("后年吧")
    assert "请工作人员跟您商量" in await zhang.say("再说吧")
    assert await Promise.all().count() == 0
    assert await Task.filter(kind="handover").count() == 1


async def test_a_corrected_day_is_read_back_again(phone: Phones, loan: Loan) -> None:
    """S18.1"""
    zhang = phone("o-zhang")
    await zhang.say("明天还")
    assert "12月1日（星期二）" in await zhang.say("不对，是12月1号")
    assert "大概哪天能还" in await zhang.say("不对")
    await zhang.say("三天后")
    await zhang.tap("对")
    assert (await Promise.get()).promised_on == date(2026, 12, 1)


async def test_one_word_is_for_every_loan_that_is_late(phone: Phones, loan: Loan) -> None:
    """S18.4, S18.5: one reminder spoke of both, one answer is enough."""
    other = await lend("o-zhang", "2026-002")
    await owe(other, 1, date(2026, 11, 20), 10_000)
    zhang = phone("o-zhang")
    assert "388.80元" in await zhang.say("后天还")
    await zhang.tap("对")
    assert {row.loan_id for row in await Promise.all()} == {loan.id, other.id}


async def test_nothing_owed_nothing_promised(phone: Phones) -> None:
    """S18.4"""
    assert "没有要还的" in await phone("o-li").say("过两天还")


@pytest.mark.parametrize("said", ["家里有事", "我家里出了点事", "老伴住院了"])
async def test_trouble_at_home_brings_a_person(phone: Phones, loan: Loan, said: str) -> None:
    """S18.4: a task, no pressing."""
    await phone("o-zhang").say(said)
    assert (await Task.get(kind="handover")).note == "说家里有事，还款要商量"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("什么时候还", "2026-001"),
        ("想借三万养羊，一年还", "金额 3万元"),
        ("还不上", "工作人员"),
        ("怎么还款", "2026-001"),
    ],
)
async def test_what_sounds_alike_leads_where_it_did(
    phone: Phones, loan: Loan, said: str, answer: str
) -> None:
    """S18.4: a question is no promise."""
    assert answer in await phone("o-zhang").say(said)
    assert await Promise.all().count() == 0


async def test_a_code_or_a_card_is_not_kept_in_the_middle_of_a_conversation(
    phone: Phones, loan: Loan
) -> None:
    """S18.8: the warning comes, and the conversation goes on where it was."""
    zhang = phone("o-zhang")
    await zhang.say("我还了")
    for words in ("从6222 0212 3456 7890 128还的", "短信验证码是 482913"):
        assert "请不要发密码" in await zhang.say(words)
    assert "还了多少钱" in await zhang.picture("media-1")
    await zhang.say("人工")
    assert "请不要发密码" in await zhang.say("482913")
    kept = await database.fetch("SELECT body_sealed IS NULL AS gone, note FROM inbox WHERE note <> ''")
    assert [(row["gone"], row["note"]) for row in kept] == [(True, "not_kept")] * 3
