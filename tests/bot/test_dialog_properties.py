"""What must hold for every conversation, whatever is said in whatever order (S1.1, S18.2, S18.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialog_kit import FORM, GOOD, ID_NUMBER, VILLAGES, Chat, context
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.dialog import Field, Input, Patch, State, Turn, check_answers, patch, render_chat, turn
from bot.dialog_commands import KEEP, SKIP, command_of, looks_secret

HERE = context()
TYPED: Mapping[str, str] = {
    "name": "张三",
    "amount": "30000",
    "category": "养羊",
    "term": "12",
    "village": "坡胡镇柳庄村",
    "debts": "没有",
    "needs": "1、3",
    "rate": "4.35",
    "begins": "2026-12-01",
    "phone": "13812345678",
    "id_number": ID_NUMBER,
    "purpose": "买羊羔",
    "remark": "跳过",
    "account": "6228480000001234",
}
"""What one types for each answer of GOOD; pictures and the place are sent."""

WORDED = tuple(field for field in FORM.fields if field.key in TYPED)
REMARKS = st.sampled_from(
    [
        *TYPED.values(), "三万", "三万五", "十来万", "一年半", "秋收后", "1", "2", "9", "养猪", "种菜",
        "办厂", "有", "没有", "是", "不", "对", "不对", "不对，是五万", "算了", "取消", "返回", "重来",
        "帮助", "人工", "看一看", "稍后", "继续", "好了", "改金额", "改项目", "改欠多少", "改金额五万",
        "改造羊圈", "都对", "同意", "不同意", "482913", "密码是abc123", "柳庄", "想借三万养羊，一年还",
        "办厂借五万两年", "5", "几个", "", "？", "不改", "重拍", "跳过",
    ]
)  # fmt: skip
MESSAGES = st.one_of(
    REMARKS.map(Input.said),
    REMARKS.map(Input.voice),
    st.text(max_size=20).map(Input.said),
    st.sampled_from(["p1", "p2", "p3", "p4"]).map(Input.photo),
    st.builds(Input.place, st.floats(-90, 90), st.floats(-180, 180)),
    st.just(Input.other()),
    st.integers(0, 2**32).map(lambda number: Input.tap(str(number))),
)


def answer(chat: Chat, key: str) -> Chat:
    """Give the answer of GOOD to the open question."""
    assert chat.state.cursor == key
    if key == "photos":
        for ref in GOOD["photos"]:
            chat.give(Input.photo(ref))
        return chat.say("好了")
    if key == "home":
        return chat.give(Input.place(34.2, 113.7, "柳庄"))
    return chat.say(TYPED[key])


@settings(max_examples=80, deadline=None)
@given(st.permutations(list(GOOD)), st.lists(st.booleans(), min_size=len(GOOD), max_size=len(GOOD)))
def test_any_order_of_answers_by_chat_or_program_ends_in_the_same_record_s1_1(
    order: list[str], by_program: list[bool]
) -> None:
    chat = Chat()
    for key, program in zip(order, by_program, strict=True):
        if key in chat.state.answers:
            continue
        if program:
            found: Patch = patch(FORM, chat.state, {key: GOOD[key]}, HERE)
            assert found.errors == {}
            chat.last = Turn(found.state, ())
        else:
            if chat.state.cursor != key:
                chat.say(f"改{FORM.by_key[key].title}")
            answer(chat, key)
    assert chat.state.answers == GOOD
    assert chat.state.cursor == "~review"
    assert set(chat.state.trail) == set(GOOD)


@given(st.sampled_from(list(GOOD)))
def test_back_after_an_answer_is_the_question_before_it_and_the_same_answer_leads_on_again_s18_2(
    key: str,
) -> None:
    before = Chat.at(key).state
    after = answer(Chat.at(key), key).state
    chat = answer(Chat.at(key), key).say("返回")
    back = chat.state
    assert back.cursor == before.cursor
    assert {k: v for k, v in back.answers.items() if k != key} == before.answers
    assert [k for k in back.trail if k != key] == list(before.trail)
    assert (back.attempts, back.pending) == (before.attempts, before.pending)
    again = chat.say("好了" if key == "photos" else "不改").state
    assert again == after


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(WORDED), st.one_of(REMARKS, st.text(min_size=1, max_size=20)))
def test_chat_and_json_accept_and_refuse_the_same_words_s1_1(field: Field, text: str) -> None:
    assume(text.strip() and not looks_secret(text, field))
    assume(command_of(FORM, text) is None and text not in KEEP | SKIP)
    chat = Chat.at(field.key).say(text)
    known = Chat.at(field.key).state.answers
    clean, errors = check_answers(FORM, {**known, field.key: text}, HERE)
    heard = {**chat.state.answers, **(chat.state.pending or {})}
    if field.key in errors:
        # The chat may find the answer inside the sentence, but then it reads it back and judges it alike.
        assert field.key not in chat.state.answers
        if field.key in heard:
            assert field.key not in check_answers(FORM, heard, HERE)[1]
    else:
        assert heard[field.key] == clean[field.key]


@settings(max_examples=150, deadline=None)
@given(st.lists(MESSAGES, max_size=40))
def test_no_conversation_breaks_anything_s18_3(messages: list[Input]) -> None:
    """Nothing raises; what is kept always holds; the state survives JSON; every reply fits one message."""
    chat = Chat(may=frozenset({"help"}))
    for message in messages:
        chat.give(message)
        state = chat.state
        assert turn_is_repeatable(chat, state, message)
        held = {key: value for key, value in state.answers.items() if key != "photos"}
        assert check_answers(FORM, held, chat.context) == (held, {})
        assert len(render_chat(chat.effects).text.encode()) <= 2048
        if chat.state.cursor == "~done":
            break


def turn_is_repeatable(chat: Chat, state: State, message: Input) -> bool:
    """The same message to the same state gives the same turn: nothing is hidden anywhere."""
    kept = State.from_json(state.to_json())
    assert kept == state
    return turn(FORM, kept, message, chat.context) == turn(FORM, state, message, chat.context)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WORDED), st.lists(st.text(max_size=12), min_size=6, max_size=10))
def test_no_reply_to_wrong_answers_comes_three_times_s18_3(field: Field, texts: list[str]) -> None:
    chat = Chat.at(field.key)
    replies: list[str] = []
    for text in texts:
        chat.say(text)
        if chat.state.cursor != field.key or chat.state.pending:
            break
        replies.append(chat.text)
    assert all(replies.count(reply) < 3 for reply in replies)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "debt", "workers"]), st.sampled_from([*GOOD.values(), "三万", 5, [], {}])
    )
)
def test_a_patch_holds_what_a_check_holds_s1_1(changes: dict[str, Any]) -> None:
    found = patch(FORM, Chat().state, changes, HERE)
    clean, errors = check_answers(FORM, changes, HERE)
    assert found.state.answers == clean
    assert {key for key in found.errors if key not in errors} <= {"debt", "workers"}


def test_villages_of_one_name_stay_apart() -> None:
    assert len({choice.label for choice in VILLAGES}) == len(VILLAGES) == 15
