"""The form interpreter in conversation (S1.1, S18.1, S18.2, S18.3, S18.8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dialog_kit import FORM, GOOD, ID_NUMBER, NOTICE, NOW, PLEDGE, VILLAGES, Chat, context

from bot.dialog import (
    Ask,
    Cancelled,
    Choice,
    Consent,
    Field,
    Form,
    Handover,
    Input,
    OpenMiniProgram,
    Paper,
    Save,
    State,
    Submit,
    Warn,
    render_chat,
    reopen,
    start,
    submission,
    tap_id,
    turn,
)


def at_review() -> Chat:
    return Chat(known=GOOD)


def submitted(chat: Chat) -> Submit:
    return next(effect for effect in chat.effects if isinstance(effect, Submit))


# ---- the way through ----


def test_the_whole_form_is_filled_in_by_chat_and_submitted_s1_1() -> None:
    chat = Chat()
    chat.say("张三", "30000", "养羊", "12", "坡胡镇柳庄村", "没有", "1、3", "4.35", "2026-12-01")
    chat.say("13812345678", ID_NUMBER, "买羊羔", "跳过", "6228480000001234")
    chat.give(Input.photo("p1")).give(Input.photo("p2")).say("好了")
    chat.give(Input.place(34.2, 113.7, "柳庄"))
    assert chat.state.cursor == "~review"
    chat.say("都对", "同意", "同意")
    done = submitted(chat)
    assert {**done.answers, "begins": str(done.answers["begins"])} == GOOD
    assert done.consents == (
        Consent("notice", "2026-01", NOTICE.sha256, NOW.isoformat()),
        Consent("pledge", "2026-01", PLEDGE.sha256, NOW.isoformat()),
    )


def test_what_is_known_already_is_not_asked() -> None:
    chat = Chat(known={"name": "张三", "amount": 3_000_000, "category": "nonsense"})
    assert chat.state.cursor == "category"


def test_a_question_that_does_not_apply_is_not_asked() -> None:
    assert Chat.at("debts").say("没有").state.cursor == "needs"
    assert Chat.at("debts").say("有").state.cursor == "debt"


def test_a_question_for_those_who_may_is_asked_only_then() -> None:
    assert Chat.at("photos").state.cursor == "photos"
    known = {key: value for key, value in GOOD.items() if key not in ("photos", "home")}
    assert Chat(known=known, may=frozenset({"help"})).state.cursor == "helper"


def test_after_submitting_nothing_happens_twice() -> None:
    chat = at_review().say("都对", "同意", "同意")
    again = chat.say("同意")
    assert not again.has(Submit)
    assert "办完了" in again.text
    assert "办完了" in chat.resume().text


def test_a_state_is_small_and_survives_json() -> None:
    state = at_review().state
    assert State.from_json(state.to_json()) == replace(
        state, answers=dict(state.answers), trail=tuple(state.trail)
    )
    assert len(state.to_json()) < 800


@pytest.mark.parametrize("data", [b"[]", b"{}", b'{"f":"kit"}', b"nonsense"])
def test_what_is_no_state_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - orjson raises a subclass
        State.from_json(data)


# ---- understanding and reading back ----


def test_figures_typed_to_the_question_count_at_once_s18_1() -> None:
    assert Chat.at("amount").say("30000").state.answers["amount"] == 3_000_000


@pytest.mark.parametrize("text", ["三万", "3万5", "我想借三万吧"])
def test_an_amount_in_words_is_read_back_before_it_counts_s18_1(text: str) -> None:
    chat = Chat.at("amount").say(text)
    assert "amount" not in chat.state.answers
    assert chat.text.startswith("我记下了：金额 3")
    assert chat.say("对").state.answers["amount"] in (3_000_000, 3_500_000)
    assert chat.state.cursor == "category"


def test_a_term_until_a_season_is_read_back_in_months_s18_1() -> None:
    chat = Chat.at("term").say("秋收后")
    assert "12个月" in chat.text
    assert chat.say("中").state.answers["term"] == 12


@pytest.mark.parametrize(("key", "words"), [("amount", "30000"), ("category", "养羊。"), ("name", "张三。")])
def test_whatever_was_spoken_is_read_back_s18_1(key: str, words: str) -> None:
    chat = Chat.at(key).speak(words)
    assert key not in chat.state.answers
    assert "对吗" in chat.text
    assert key in chat.speak("对头。").state.answers


def test_a_spoken_yes_to_a_yes_or_no_question_needs_no_second_one_s18_1() -> None:
    assert Chat.at("debts").speak("没有。").state.answers["debts"] is False


def test_one_sentence_fills_several_questions_after_a_yes_s18_2() -> None:
    chat = Chat().say("想借三万养羊，一年还")
    assert chat.text.startswith("我记下了：金额 3万元，项目 养羊，期限 12个月（一年）。对吗？")
    assert chat.state.answers == {}
    chat.say("要得")
    assert chat.state.answers == {"amount": 3_000_000, "category": "sheep", "term": 12}
    assert chat.state.cursor == "name"


@pytest.mark.parametrize("asked", ["category", "amount", "term"])
def test_a_sentence_that_answers_the_question_asked_answers_the_others_too_s18_2(asked: str) -> None:
    chat = Chat.at("amount")
    chat.last = replace(chat.last, state=replace(chat.state, cursor=asked))
    chat.speak("想借三万养羊，一年还").speak("对")
    assert {key: chat.state.answers[key] for key in ("amount", "category", "term")} == {
        "amount": 3_000_000,
        "category": "sheep",
        "term": 12,
    }


def test_what_was_read_back_is_read_back_again_after_a_pause_s1_1() -> None:
    chat = Chat.at("amount").say("三万，一年还").say("稍后").resume()
    assert chat.text.endswith("我记下了：金额 3万元，期限 12个月（一年）。对吗？\n1. 对\n2. 不对")
    assert chat.say("对").state.answers["amount"] == 3_000_000


def test_a_text_answer_is_changed_by_its_name_and_a_gap_s18_2() -> None:
    chat = at_review().say("改用途 买羊羔三万，盖羊圈两万")
    assert "用途 买羊羔三万，盖羊圈两万" in chat.text
    assert chat.say("对").state.answers["purpose"] == "买羊羔三万，盖羊圈两万"


def test_speech_without_a_comma_fills_the_same_questions_s18_2() -> None:
    chat = Chat().speak("想借三万五养羊一年半还").speak("对")
    assert chat.state.answers == {"amount": 3_500_000, "category": "sheep", "term": 18}


def test_two_amounts_in_a_sentence_are_none_s18_2() -> None:
    chat = Chat().say("养羊借一万或者两万")
    assert chat.state.pending == {"category": "sheep"}


def test_a_value_that_would_not_hold_is_not_taken_from_a_sentence_s18_2() -> None:
    assert Chat().say("养羊，借九十万").state.pending == {"category": "sheep"}


def test_a_no_to_the_reading_back_counts_nothing_and_asks_again_s18_2() -> None:
    chat = Chat.at("amount").say("三万").say("不对")
    assert "amount" not in chat.state.answers
    assert "想借多少钱" in chat.text


@pytest.mark.parametrize("words", ["不对，是五万", "五万", "不是，应该是五万"])
def test_a_correction_of_the_reading_back_is_read_back_once_more_s18_2(words: str) -> None:
    chat = Chat().say("想借三万养羊，一年还").say(words)
    assert "金额 5万元" in chat.text
    assert chat.say("对").state.answers == {"amount": 5_000_000, "category": "sheep", "term": 12}


def test_a_name_can_be_corrected_at_its_reading_back_s18_2() -> None:
    chat = Chat.at("name").speak("张山").say("张三")
    assert "张三" in chat.text
    assert chat.say("1").state.answers["name"] == "张三"


def test_a_change_at_the_reading_back_keeps_what_was_right_s18_2() -> None:
    chat = Chat().say("想借三万养羊，一年还").say("改金额")
    assert chat.state.answers == {"category": "sheep", "term": 12}
    assert chat.state.cursor == "amount"
    chat = Chat().say("想借三万养羊，一年还").say("改金额五万").say("对")
    assert chat.state.answers == {"amount": 5_000_000, "category": "sheep", "term": 12}


def test_neither_yes_nor_no_at_the_reading_back_climbs_the_ladder_s18_3() -> None:
    chat = Chat.at("amount").say("三万")
    replies = [chat.say("那个那个").text for _ in range(4)]
    assert len(set(replies)) == 4
    assert chat.state.pending == {"amount": 3_000_000}


def test_a_long_text_may_hold_other_answers_too_s18_2() -> None:
    known = {key: GOOD[key] for key in ("name", "category", "village", "debts", "needs", "rate", "begins")}
    chat = Chat(known={**known, "amount": 3_000_000, "phone": "13812345678", "id_number": ID_NUMBER})
    assert chat.state.cursor == "term"
    chat.say("改用途", "买羊羔和饲料，一年半还")
    assert chat.state.pending == {"purpose": "买羊羔和饲料，一年半还", "term": 18}
    assert chat.say("对").state.answers["term"] == 18


def test_phone_and_id_number_in_one_message_are_both_understood_s18_2() -> None:
    chat = Chat().say(f"身份证{ID_NUMBER}，电话13812345678").say("对")
    assert chat.state.answers == {"phone": "13812345678", "id_number": ID_NUMBER}


# ---- commands ----


@pytest.mark.parametrize(
    "text", ["改造羊圈", "改用途地的围栏", "取消旧合同后重建", "看一看有没有好羊再买", "返回老家养羊"]
)
def test_an_answer_that_begins_like_a_command_is_an_answer(text: str) -> None:
    assert Chat.at("purpose").say(text).state.answers["purpose"] == text


def test_a_choice_that_reads_like_a_command_is_a_choice() -> None:
    form = Form(
        "f",
        1,
        "表",
        (Field("a", "choice", "下一步", "怎么办？", choices=(Choice("x", "取消"), Choice("y", "继续"))),),
    )
    assert Chat(form).say("取消").state.answers == {"a": "x"}


def test_back_goes_to_the_question_before_and_keeps_its_answer() -> None:
    chat = Chat().say("张三", "30000").say("返回")
    assert chat.state.cursor == "amount"
    assert chat.state.answers["amount"] == 3_000_000
    assert "现在记的是：3万元" in chat.text
    assert chat.say("上一步").state.cursor == "name"
    assert "已经是第一题了" in chat.say("返回").text
    assert chat.say("不改").state.cursor == "category"


def test_back_out_of_a_reading_back_and_out_of_are_you_sure() -> None:
    assert Chat.at("amount").say("三万").say("返回").state.pending is None
    chat = Chat.at("amount").say("取消").say("返回")
    assert chat.state.cursor == "amount"


def test_back_passes_over_what_no_longer_applies() -> None:
    chat = Chat.at("debts").say("有", "500", "改欠债", "没有")
    assert chat.state.cursor == "needs"
    assert chat.say("返回").state.cursor == "debts"


def test_back_from_the_first_paper_leads_to_the_summary_and_from_the_second_to_the_first() -> None:
    chat = at_review().say("都对")
    assert chat.say("返回").state.cursor == "~review"
    assert chat.say("都对", "同意", "返回").state.cursor == "notice"


def test_change_reopens_one_answer_and_keeps_the_rest_s18_2() -> None:
    chat = at_review().say("改金额")
    assert chat.state.cursor == "amount"
    assert chat.say("20000").state.answers == {**GOOD, "amount": 2_000_000}
    assert chat.state.cursor == "~review"


@pytest.mark.parametrize(
    "text", ["改金额五万", "金额改成五万", "把金额改成5万", "改一下金额为50000", "修改钱数：5万"]
)
def test_change_with_the_new_answer_is_read_back_s18_2(text: str) -> None:
    chat = at_review().say(text)
    assert chat.text.startswith("我记下了：金额 5万元")
    assert chat.say("对").state.answers["amount"] == 5_000_000


@pytest.mark.parametrize("text", ["金额不对", "金额填错了", "我要改金额", "改钱数"])
def test_people_ask_for_a_change_in_many_ways_s18_2(text: str) -> None:
    assert at_review().say(text).state.cursor == "amount"


def test_change_with_an_answer_that_does_not_hold_says_so_and_asks_s18_2() -> None:
    chat = at_review().say("改金额九十万")
    assert chat.state.cursor == "amount"
    assert "不能超过5万元" in chat.text
    assert chat.say("算了").state.answers == GOOD


def test_change_of_what_is_not_asked_says_so() -> None:
    chat = at_review().say("改欠多少")
    assert "现在不用填" in chat.text
    assert chat.state.cursor == "~review"


def test_a_change_drops_and_names_what_no_longer_applies_s18_2() -> None:
    known = {**GOOD, "category": "firm", "workers": 5}
    chat = Chat(known=known).say("改项目", "养羊")
    assert "“工人”不用填了" in chat.text
    assert "workers" not in chat.state.answers


def test_a_change_drops_and_names_what_no_longer_holds_s18_2() -> None:
    chat = Chat(known={**GOOD, "category": "firm", "workers": 5}).say("改工人", "1")
    assert "“金额”要重新填" in chat.text
    assert chat.state.cursor == "amount"
    assert "1个工人最多借2万" in chat.say("30000").text


def test_dropping_goes_on_down_the_chain_s18_2() -> None:
    chat = Chat(known={**GOOD, "category": "firm", "workers": 1, "amount": 1_500_000})
    assert chat.say("改工人", "3").state.answers["amount"] == 1_500_000


def test_cancel_asks_first_and_deletes_only_after_a_clear_yes() -> None:
    chat = Chat.at("category").say("取消")
    assert not chat.has(Cancelled)
    assert chat.say("好了").state.cursor == "category"
    assert chat.say("不借了", "不").state.cursor == "category"
    assert chat.say("取消", "是").has(Cancelled)


def test_cancel_said_twice_is_a_clear_yes() -> None:
    assert Chat.at("category").say("取消", "取消").has(Cancelled)


def test_giving_up_at_a_question_that_is_no_yes_or_no_asks_whether_to_cancel() -> None:
    assert Chat.at("amount").say("算了").state.cursor == "~cancel"


def test_cancel_and_restart_do_not_get_into_each_other() -> None:
    chat = Chat.at("category").say("取消", "重来")
    assert chat.state.cursor == "~restart"
    assert chat.say("不").state.cursor == "category"


def test_a_picture_or_nothing_at_are_you_sure_goes_back_to_the_question() -> None:
    chat = Chat.at("category").say("取消").give(Input.other())
    assert chat.state.cursor == "category"
    assert chat.say("取消").give(Input.photo("p1")).state.cursor == "category"
    assert chat.say("取消").give(Input.place(1, 2)).state.cursor == "category"


def test_restart_keeps_only_what_was_known_before() -> None:
    chat = Chat(known={"name": "张三"}).say("30000", "养羊", "重来")
    assert chat.state.answers != {"name": "张三"}
    assert chat.say("是").state.answers == {"name": "张三"}
    assert chat.state.cursor == "amount"


def test_help_explains_and_asks_again_without_counting_an_answer() -> None:
    chat = Chat.at("amount").say("帮助")
    assert "说个准数" in chat.text
    assert chat.say("30000").state.answers["amount"] == 3_000_000
    assert "改金额" in Chat.at("category").say("？").text


def test_a_human_is_called_and_the_question_stays() -> None:
    chat = Chat.at("amount").say("人工")
    assert chat.effects[-1] == Handover("asked", "amount")
    assert chat.state.cursor == "amount"
    assert at_review().say("找人").effects[-1] == Handover("asked", "")


def test_later_saves_and_go_on_asks_again() -> None:
    chat = Chat.at("amount").say("稍后")
    assert chat.has(Save)
    assert "想借多少钱" in chat.say("继续").text
    assert Chat.at("amount").say("取消", "先存着").state.cursor == "amount"
    assert Chat().say("张三", "返回", "继续").state.cursor == "amount"


def test_look_shows_all_answers_masked_and_asks_again() -> None:
    chat = Chat.at("purpose").say("看一看")
    assert "1. 姓名：张三" in chat.text
    assert ID_NUMBER not in chat.text
    assert "钱打算怎么用" in chat.text
    assert "还没有填" in Chat().say("看看").text


def test_look_does_not_lose_a_reading_back() -> None:
    assert Chat.at("amount").say("三万", "看看").state.pending == {"amount": 3_000_000}


# ---- the summary ----


@pytest.mark.parametrize("text", ["2", "改2", "第2项", "金额", "改第2个"])
def test_at_the_summary_a_number_or_a_name_reopens_its_answer(text: str) -> None:
    assert at_review().say(text).state.cursor == "amount"


def test_at_the_summary_a_no_asks_which_and_nonsense_is_not_a_yes() -> None:
    chat = at_review().say("有不对的")
    assert "哪一项不对" in chat.text
    assert chat.say("随便吧").state.cursor == "~review"
    assert chat.say("99").state.cursor == "~review"
    assert chat.say("没问题").state.cursor == "notice"


def test_a_change_after_the_summary_shows_the_summary_again() -> None:
    chat = at_review().say("都对", "同意", "改金额", "20000")
    assert chat.state.cursor == "~review"
    assert chat.say("都对").state.cursor == "pledge"


def test_a_paper_is_shown_whole_and_a_no_does_not_submit_s1_4() -> None:
    chat = at_review().say("都对")
    assert NOTICE.text in chat.text
    chat.say("不同意")
    assert chat.state.cursor == "notice"
    assert "不同意《告知书》就不能往下办" in chat.text
    assert chat.say("我同意").state.cursor == "pledge"


def test_a_paper_that_changed_before_submitting_is_shown_again_s1_4() -> None:
    chat = at_review().say("都对", "同意")
    chat.context = context(
        papers={"pledge": PLEDGE, "notice": Paper("notice", "2026-02", "告知书", "三条。")}
    )
    chat.say("同意")
    assert not chat.has(Submit)
    assert "有了新的内容" in chat.text
    assert chat.state.cursor == "notice"
    assert submitted(chat.say("同意")).consents[0].version == "2026-02"


def test_what_no_longer_holds_at_submitting_is_asked_again_s19_2() -> None:
    chat = at_review().say("都对", "同意")
    limits = {**chat.context.limits, "max_amount_fen": 2_000_000}
    chat.context = context(limits=limits)
    chat.say("同意")
    assert not chat.has(Submit)
    assert "“金额”要重新填" in chat.text
    assert chat.say("20000", "都对").has(Submit)


def test_a_form_without_a_summary_submits_after_the_last_answer() -> None:
    form = Form("f", 1, "表", (Field("a", "int", "数", "几？"),), review=False)
    assert submitted(Chat(form).say("5")).answers == {"a": 5}


# ---- the ladder ----


def test_wrong_answers_get_an_example_then_choices_and_a_page_then_a_person_s18_3() -> None:
    chat = Chat.at("amount").say("很多很多")
    assert "没看懂是多少钱" in chat.text
    assert "比如：3万、5000元" in chat.text
    chat.say("多多的")
    assert [label for _, label in chat.reply.choices] == ["1万", "3万", "人工", "稍后"]
    assert chat.reply.open_field == "amount"
    assert chat.has(OpenMiniProgram)
    chat.say("多")
    assert chat.effects[-1] == Handover("stuck", "amount")


@pytest.mark.parametrize("key", [field.key for field in FORM.fields if field.key in GOOD])
def test_no_reply_comes_three_times_at_any_question_s18_3(key: str) -> None:
    chat = Chat.at(key)
    replies = [chat.give(Input.other()).text for _ in range(8)]
    assert all(replies)
    assert max(replies.count(reply) for reply in replies) <= 2
    assert chat.state.answers.keys() == Chat.at(key).state.answers.keys()


def test_a_person_is_called_once_not_at_every_further_wrong_answer_s18_3() -> None:
    chat = Chat.at("amount")
    called = [chat.say("嗯哼").has(Handover) for _ in range(6)]
    assert called == [False, False, True, False, False, False]


def test_a_right_answer_after_a_person_was_called_still_counts_s18_3() -> None:
    chat = Chat.at("amount").say("啥", "啥呀", "咋填", "30000")
    assert chat.state.cursor == "category"
    assert chat.state.attempts == 0


def test_a_vague_amount_asks_for_an_exact_one_s18_1() -> None:
    assert "请说一个准数" in Chat.at("amount").say("十来万").text


def test_a_bare_one_is_a_year_or_a_month_s18_1() -> None:
    chat = Chat.at("term").say("1")
    assert "是1年还是1个月" in chat.text
    assert chat.say("1年").state.answers["term"] == 12


# ---- lists ----


def test_a_long_list_is_answered_by_name_and_narrowed_by_number() -> None:
    chat = Chat.at("village")
    assert chat.asked.choices == ()
    chat.say("柳庄")
    assert "有几个都像" in chat.text
    assert [choice.label for choice in chat.asked.choices] == ["坡胡镇柳庄村", "后河镇柳庄村", "石固镇柳庄村"]
    assert chat.say("2").state.answers["village"] == VILLAGES[5].value


def test_a_part_of_one_name_is_enough() -> None:
    assert Chat.at("village").say("石固东").state.answers["village"] == VILLAGES[13].value


@pytest.mark.parametrize("text", ["1", "第一个", "选1", "养羊", "我选养羊", "羊圈", "sheep"])
def test_a_choice_is_made_by_number_label_keyword_or_value(text: str) -> None:
    assert Chat.at("category").say(text).state.answers["category"] == "sheep"


def test_a_choice_inside_a_longer_sentence_is_read_back() -> None:
    chat = Chat.at("category").say("我想先在家里种点大棚什么的")
    assert chat.state.pending == {"category": "vegetables"}
    assert Chat.at("category").say("不养羊").state.pending == {"category": "sheep"}


# ---- taps ----


def test_a_tap_answers_by_its_id() -> None:
    chat = Chat.at("category")
    ref, label = chat.reply.choices[1]
    assert label == "养猪"
    assert ref.isdecimal()
    assert chat.give(Input.tap(ref)).state.answers["category"] == "pigs"


def test_a_tap_on_a_suggestion_a_reading_back_and_a_way_out_is_understood() -> None:
    chat = Chat.at("amount").say("啥", "啥啥")
    assert chat.give(Input.tap(tap_id("amount", "3万"))).state.answers["amount"] == 3_000_000
    chat = Chat.at("amount").say("三万")
    assert chat.give(Input.tap(chat.reply.choices[0][0])).state.answers["amount"] == 3_000_000
    chat = Chat.at("amount").say("啥", "啥啥")
    assert chat.give(Input.tap(chat.reply.choices[-2][0])).effects[-1] == Handover("asked", "amount")


def test_an_old_tap_of_another_question_changes_nothing() -> None:
    chat = Chat.at("term")
    chat.give(Input.tap(tap_id("category", "pigs"), "养猪"))
    assert chat.state.answers["category"] == "sheep"
    assert "改项目" in chat.text
    assert chat.state.cursor == "term"


def test_a_tap_of_unknown_id_is_read_by_its_words() -> None:
    assert Chat.at("category").give(Input.tap("7", "养猪")).state.answers["category"] == "pigs"
    assert "没看明白" in Chat.at("category").give(Input.tap("7")).text


# ---- pictures and places ----


def test_pictures_are_collected_until_done() -> None:
    chat = Chat.at("photos").give(Input.photo("p1"))
    assert "还差1张" in chat.say("好了").text
    chat.give(Input.photo("p2")).give(Input.photo("p2")).give(Input.photo("p3"))
    assert "现在有3张" in chat.text
    assert "最多3张" in chat.give(Input.photo("p4")).text
    chat.say("好了")
    assert chat.state.answers["photos"] == ["p1", "p2", "p3"]
    assert chat.state.cursor == "home"


def test_words_at_a_picture_question_explain_it_and_taking_again_clears() -> None:
    chat = Chat.at("photos").give(Input.photo("p1")).say("这是羊圈")
    assert "请发照片" in chat.text
    chat.say("重拍")
    assert "photos" not in chat.state.answers
    assert "请发照片" in chat.text


def test_a_picture_sent_early_is_kept_for_its_question() -> None:
    chat = Chat.at("amount").give(Input.photo("p1"))
    assert "放到“照片”里了（第1张）" in chat.text
    assert chat.state.cursor == "amount"
    assert "放到" in chat.give(Input.photo("p2")).text


def test_too_few_early_pictures_leave_the_question_open() -> None:
    known = {key: value for key, value in GOOD.items() if key != "photos"}
    chat = Chat(known=known).give(Input.photo("p1")).say("看一看")
    assert chat.state.cursor == "photos"
    assert "现在有1张" in chat.text


def test_a_picture_nobody_wants_is_said_so() -> None:
    form = Form("f", 1, "表", (Field("a", "int", "数", "几？"),))
    assert "现在不用发照片" in Chat(form).give(Input.photo("p1")).text
    assert "现在不用发位置" in Chat(form).give(Input.place(1, 2)).text


def test_an_early_picture_goes_to_the_question_that_must_be_answered() -> None:
    number, needed = Field("a", "int", "数", "几？"), Field("b", "photo", "甲", "甲？")
    form = Form("f", 1, "表", (number, needed, Field("c", "photo", "乙", "乙？", optional=True)))
    assert Chat(form).give(Input.photo("p1")).state.answers == {"b": ["p1"]}


def test_a_place_is_kept_now_or_for_later_and_an_impossible_one_is_not() -> None:
    chat = Chat.at("home").give(Input.place(34.2, 113.7, "柳庄"))
    assert chat.state.answers["home"] == {"latitude": 34.2, "longitude": 113.7, "label": "柳庄"}
    early = Chat.at("amount").give(Input.place(34.2, 113.7))
    assert "放到“位置”里了" in early.text
    assert early.state.cursor == "amount"
    assert "home" not in Chat.at("home").give(Input.place(134.2, 113.7)).state.answers


def test_words_at_a_place_question_explain_how_to_send_one() -> None:
    assert "“＋”" in Chat.at("home").say("在村东头").text


# ---- passwords and codes ----


@pytest.mark.parametrize(
    "text",
    [
        "我的密码是abc123",
        "验证码 482913",
        "【银行】482913是您的验证码，请勿泄露",
        "482913",
        "zhang1990",
        "1357",
    ],
)
def test_what_looks_like_a_password_or_a_code_is_not_kept_s18_8(text: str) -> None:
    chat = Chat.at("category").say(text)
    assert chat.has(Warn)
    assert not chat.last.keep_input
    assert text not in chat.state.to_json().decode()
    assert "没有保存" in chat.text
    assert chat.state.cursor == "category"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("amount", "482913"),
        ("phone", "482913"),
        ("account", "482913"),
        ("account", "abc12345"),
        ("category", "30000"),
        ("purpose", "买A4纸和饲料"),
        ("category", "3w"),
        ("begins", "20261201"),
    ],
)
def test_figures_where_figures_are_asked_are_no_code_s18_8(key: str, text: str) -> None:
    chat = Chat.at(key).say(text)
    assert not chat.has(Warn)
    assert chat.last.keep_input


def test_a_password_is_warned_of_even_where_figures_are_asked_s18_8() -> None:
    assert Chat.at("account").say("取款密码482913").has(Warn)


def test_codes_sent_again_and_again_bring_other_words_and_a_person_s18_8() -> None:
    chat = Chat.at("category")
    replies = [chat.say("482913").text for _ in range(5)]
    assert len(set(replies)) == 5
    assert chat.has(Handover)


# ---- drafts ----


def test_resume_gives_two_lines_and_the_question_s1_1() -> None:
    chat = Chat.at("village").resume()
    lines = chat.text.split("\n")
    assert lines[0] == "您的测试表还没填完：填了4项，还有14项。"
    assert lines[1].startswith("已记下：姓名张三，金额3万元")
    assert lines[2] == "您住哪个村？"
    assert "还没有" in Chat().resume().text


def test_resume_keeps_the_open_question_and_what_was_read_back_s1_1() -> None:
    chat = Chat.at("amount").say("三万").resume()
    assert chat.state.cursor == "amount"
    assert chat.state.pending == {"amount": 3_000_000}
    assert at_review().say("改金额").resume().state.cursor == "amount"
    assert Chat.at("amount").say("取消").resume().state.cursor == "amount"
    assert at_review().resume().state.cursor == "~review"


def test_resume_forgets_a_reading_back_that_no_longer_holds_s1_1() -> None:
    chat = Chat.at("amount").say("三万")
    chat.context = context(limits={"max_amount_fen": 2_000_000, "max_term_months": 36})
    chat.resume()
    assert chat.state.pending is None
    assert "想借多少钱" in chat.text


def test_a_draft_of_another_version_keeps_its_answers_by_key_s1_1() -> None:
    fields = tuple(
        replace(field, maximum=2_000_000) if field.key == "amount" else field
        for field in reversed_questions()
        if field.key != "remark"
    )
    newer = Form("kit", 3, "测试表", (*fields[:2], Field("extra", "int", "新题", "新题？"), *fields[2:]))
    chat = Chat.at("purpose")
    chat.form = newer
    chat.say("买羊羔")
    assert "表格有变化，“金额”要重新填" in chat.text
    assert chat.state.version == 3
    assert chat.state.answers["name"] == "张三"
    assert "amount" not in chat.state.answers


def reversed_questions() -> tuple[Field, ...]:
    """The same questions, the first two exchanged."""
    first, second, *rest = FORM.fields
    return (second, first, *rest)


def test_a_draft_of_another_version_at_the_summary_shows_it_again_s1_1() -> None:
    chat = at_review().say("都对").resume(Form("kit", 3, "测试表", FORM.fields))
    assert chat.state.cursor == "~review"


def test_pictures_fewer_than_asked_survive_a_resume() -> None:
    chat = Chat.at("photos").give(Input.photo("p1")).resume()
    assert chat.state.answers["photos"] == ["p1"]
    assert chat.state.cursor == "photos"


def test_a_cursor_nobody_knows_is_put_right() -> None:
    chat = Chat.at("amount")
    lost = replace(chat.state, cursor="gone")
    assert turn(FORM, lost, Input.said("看看"), chat.context).state.cursor == "amount"


def test_an_answer_that_an_action_refused_is_asked_again_with_the_reason() -> None:
    chat = at_review().say("都对", "同意", "同意")
    again = reopen(FORM, chat.state, "amount", chat.context, "最多可以借2万元。")
    assert again.state.cursor == "amount"
    assert render_chat(again.effects).text.startswith("最多可以借2万元。\n想借多少钱？")
    with pytest.raises(KeyError):
        reopen(FORM, chat.state, "nothing", chat.context)


def test_submission_names_everything_that_is_missing_or_wrong() -> None:
    found, faults = submission(FORM, {"name": "张三", "amount": 1}, context())
    assert found is None
    assert "不能少于1,000元" in faults["amount"]
    assert faults["term"] == "还没有填：期限。"
    assert "debt" not in faults


def test_other_messages_are_refused_with_words() -> None:
    assert "这种消息我看不了" in Chat.at("amount").give(Input.other()).text
    assert "这种消息我看不了" in Chat.at("amount").say("   ").text


def test_start_at_the_summary_when_all_is_known() -> None:
    begun = start(FORM, context(), GOOD)
    assert begun.state.cursor == "~review"
    assert [type(effect) for effect in begun.effects] == [Ask]
