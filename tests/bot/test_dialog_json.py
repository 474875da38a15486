"""The same form for programs, and the one reply of a turn (S1.1)."""

from __future__ import annotations

import json
from typing import Any

import orjson
from dialog_kit import FORM, GOOD, NOTICE, VILLAGES, Chat, context
from hypothesis import given
from hypothesis import strategies as st

from bot.dialog import (
    Ask,
    Choice,
    Field,
    Form,
    OpenMiniProgram,
    Say,
    State,
    Submit,
    Warn,
    check_answers,
    describe,
    patch,
    render_chat,
    submission,
    tap_id,
)
from bot.dialog_render import cut

HERE = context()
AGREED = {"notice": NOTICE.sha256, "pledge": HERE.papers["pledge"].sha256}


def described(key: str, **changes: Any) -> dict[str, Any]:
    found = describe(FORM, context(**changes))
    return next(field for field in found["fields"] if field["key"] == key)


def test_the_description_is_json_and_tells_all_a_page_needs_s1_1() -> None:
    found = describe(FORM, HERE)
    assert json.loads(orjson.dumps(found)) == found
    assert (found["name"], found["version"]) == ("kit", 2)
    assert described("amount")["maximum"] == 5_000_000
    assert described("debt")["when"] == {"debts": [True]}
    assert described("village")["choices"][0] == {"value": VILLAGES[0].value, "label": "坡胡镇柳庄村"}
    assert described("notice")["paper"]["sha256"] == NOTICE.sha256


def test_the_description_leaves_out_what_the_person_may_not_and_says_what_applies() -> None:
    assert "helper" not in [field["key"] for field in describe(FORM, HERE)["fields"]]
    assert described("helper", may=frozenset({"help"}))["key"] == "helper"
    found = {f["key"]: f["applies"] for f in describe(FORM, HERE, {"debts": True})["fields"]}
    assert found["debt"] is True
    assert found["workers"] is False


def test_good_answers_come_back_clean_and_bad_ones_with_a_sentence_s1_1() -> None:
    clean, errors = check_answers(FORM, {**GOOD, "amount": "三万", "term": 99, "hobby": "下棋"}, HERE)
    assert clean["amount"] == 3_000_000
    assert set(errors) == {"term", "hobby"}
    assert "不能超过36个月" in errors["term"]


def test_an_answer_that_does_not_apply_is_left_out_without_a_fault() -> None:
    clean, errors = check_answers(FORM, {"debts": False, "debt": 5_000, "name": None}, HERE)
    assert clean == {"debts": False}
    assert errors == {}


def test_a_check_sees_answers_that_stand_further_down() -> None:
    clean, errors = check_answers(FORM, {"amount": 3_000_000, "category": "firm", "workers": 1}, HERE)
    assert "amount" not in clean
    assert "最多借2万" in errors["amount"]


def test_a_draft_begun_in_chat_is_changed_by_a_program_and_finished_in_chat_s1_1() -> None:
    chat = Chat().say("张三", "三万")
    found = patch(FORM, chat.state, {"amount": 2_000_000, "category": "养羊", "term": 12}, HERE)
    assert found.errors == {}
    assert found.state.pending is None
    assert found.state.cursor == "village"
    assert found.state.trail == ("name", "amount", "category", "term")
    chat.last = type(chat.last)(found.state, ())
    assert chat.say("石固东").state.cursor == "debts"


def test_a_change_by_a_program_refuses_what_the_chat_refuses_s1_1() -> None:
    found = patch(FORM, Chat().state, {"amount": 1, "debt": 100, "hobby": 1, "name": "张三"}, HERE)
    assert set(found.errors) == {"amount", "debt", "hobby"}
    assert found.state.answers == {"name": "张三"}


def test_a_change_by_a_program_names_what_it_drops() -> None:
    state = Chat(known={**GOOD, "category": "firm", "workers": 5}).state
    assert patch(FORM, state, {"category": "sheep"}, HERE).dropped == ("workers",)
    assert patch(FORM, state, {"workers": 1}, HERE).dropped == ("amount",)


def test_none_takes_an_answer_back_and_skips_an_optional_one() -> None:
    state = Chat(known=GOOD).state
    assert patch(FORM, state, {"amount": None}, HERE).state.cursor == "amount"
    assert patch(FORM, state, {"home": None}, HERE).state.answers["home"] is None
    assert patch(FORM, state, {"amount": GOOD["amount"], "debt": None}, HERE).state is state


def test_a_program_that_agrees_to_the_papers_can_submit_and_the_chat_shows_the_summary_s1_4() -> None:
    found = patch(FORM, Chat(known=GOOD).state, AGREED, HERE)
    assert found.errors == {}
    assert found.state.cursor == "~review"
    ready, faults = submission(FORM, found.state.answers, HERE)
    assert faults == {}
    assert isinstance(ready, Submit)
    assert [consent.sha256 for consent in ready.consents] == list(AGREED.values())


def test_a_full_form_without_summary_stays_open_in_the_chat_until_it_is_submitted() -> None:
    form = Form("f", 1, "表", (Field("a", "int", "数", "几？"),), review=False)
    assert patch(form, Chat(form).state, {"a": 5}, HERE).state.cursor == "a"


# ---- one reply ----


def test_a_reply_has_what_is_said_the_question_and_numbered_choices() -> None:
    ask = Ask("做什么？", (Choice("sheep", "养羊"), Choice("pigs", "养猪")), "category", "choice")
    reply = render_chat((Say("好。"), ask, OpenMiniProgram("category")))
    assert reply.text == "好。\n做什么？\n1. 养羊\n2. 养猪"
    assert reply.choices == ((tap_id("category", "sheep"), "养羊"), (tap_id("category", "pigs"), "养猪"))
    assert reply.open_field == "category"


def test_suggestions_and_ways_out_have_no_number() -> None:
    ask = Ask(
        "多少？", (Choice("", "1万"),), "amount", "money", numbered=False, extra=(Choice("human", "人工"),)
    )
    reply = render_chat((Warn("小心。"), ask))
    assert reply.text == "小心。\n多少？"
    assert [label for _, label in reply.choices] == ["1万", "人工"]
    assert render_chat((Say("好。"),)).choices == ()


@given(st.text(max_size=900), st.text(max_size=900), st.integers(0, 2_100))
def test_a_reply_never_takes_more_bytes_than_there_are_s18_7(said: str, asked: str, room: int) -> None:
    reply = render_chat((Say(said), Ask(asked)), room)
    assert len(reply.text.encode(errors="replace")) <= room


def test_the_question_is_kept_before_what_is_said_ahead_of_it() -> None:
    reply = render_chat((Say("话" * 900), Ask("想借多少钱？")))
    assert reply.text.endswith("…\n想借多少钱？")
    assert len(reply.text.encode()) <= 2048


@given(st.text(max_size=60), st.integers(-1, 200))
def test_a_cut_never_breaks_a_character(text: str, room: int) -> None:
    short = cut(text, room)
    assert short == text or (short == "" and room < 3) or short.endswith("…")


def test_a_state_written_by_the_draft_table_is_read() -> None:
    empty = State.from_json(b'{"f": "kit", "v": 2, "a": {}, "c": ""}')
    assert empty == State("kit", 2, {}, "")
