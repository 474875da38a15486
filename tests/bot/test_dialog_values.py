"""Answers of every kind: read from words, accepted from JSON, judged once, shown again (S1.6, S18.1)."""

from __future__ import annotations

from typing import Any

import pytest
from dialog_kit import FORM, ID_NUMBER, NOTICE, NOW, PLEDGE, VILLAGES, context
from hypothesis import given
from hypothesis import strategies as st

from bot.dialog import Choice, Choices, Field, Form, Paper
from bot.dialog_checks import choices_of, masked, paper_of, show, wrong
from bot.dialog_values import Fault, Read, accept, find, pick, read

HERE = context()


def field(key: str) -> Field:
    return FORM.by_key[key]


def understood(key: str, text: str) -> Any:
    found = read(field(key), text, {}, HERE)
    assert isinstance(found, Read), found
    return found.value


def refused(key: str, text: str) -> str:
    found = read(field(key), text, {}, HERE)
    assert isinstance(found, Fault), found
    return found.text


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("name", "张三", "张三"),
        ("name", "  张 ", "张"),
        ("amount", "三万五", 3_500_000),
        ("amount", "999999999999", None),
        ("amount", "500", None),
        ("term", "一年半", 18),
        ("term", "过年前", 3),
        ("term", "十年", None),
        ("term", "很久", None),
        ("category", "羊羔", "sheep"),
        ("category", "养鱼", None),
        ("category", "9", None),
        ("workers", "12个", 12),
        ("workers", "0", None),
        ("workers", "501", None),
        ("workers", "几个", None),
        ("debts", "有", True),
        ("debts", "没有别的了", False),
        ("debts", "有的，欠信用社两万", True),
        ("debts", "2", False),
        ("debts", "也许", None),
        ("needs", "1 3", ["a", "c"]),
        ("needs", "31", ["a", "c"]),
        ("needs", "兽药和羊羔子", ["a", "c"]),
        ("needs", "羊羔子、饲料、羊羔子", ["a", "b"]),
        ("needs", "都要", ["a", "b", "c"]),
        ("needs", "都没有", []),
        ("needs", "饲料、拖拉机", None),
        ("rate", "4.35%", 435),
        ("rate", "10.01", None),
        ("rate", "便宜点", None),
        ("begins", "下个月", "2026-12-31"),
        ("begins", "昨天", None),
        ("begins", "随时", None),
        ("phone", "138-1234-5678", "13812345678"),
        ("phone", "12345", None),
        ("id_number", ID_NUMBER.lower(), ID_NUMBER),
        ("photos", "照片", None),
        ("home", "村东头", None),
        ("notice", "随便", None),
        ("notice", "不同意", None),
    ],
)
def test_words_become_a_checked_value_or_a_fault(key: str, text: str, value: Any) -> None:
    if value is None:
        assert refused(key, text)
    else:
        assert understood(key, text) == value


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("4110231985030712", "18位"),
        ("411023198503071230", "有一位写错了"),
        ("41102319850230123X", "有一位写错了"),
        ("411023198513011235", "出生日期不对"),
        ("411023201503071237", "年龄要在18到65周岁之间，这个身份证是11岁"),
        ("411023194503071233", "这个身份证是81岁"),
        ("411023202703071236", "出生日期不对"),
    ],
)
def test_an_id_number_must_be_genuine_and_of_the_right_age_s1_6(number: str, said: str) -> None:
    if len(number) == 18 and "有一位" not in said:
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        total = sum(int(digit) * weight for digit, weight in zip(number[:17], weights, strict=True))
        number = number[:17] + "10X98765432"[total % 11]
    assert said in refused("id_number", number)


@pytest.mark.parametrize(
    ("birth", "good"), [("20081128", True), ("20081129", False), ("19611128", True), ("19601127", False)]
)
def test_the_ages_at_both_borders_are_inside_s1_6(birth: str, good: bool) -> None:
    body = f"411023{birth}123"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
    assert isinstance(read(field("id_number"), body + "10X98765432"[total % 11], {}, HERE), Read) is good


def test_a_text_is_cleaned_of_what_cannot_be_shown() -> None:
    assert understood("purpose", "买羊\x00羔\n和 饲料\t") == "买羊羔 和 饲料"
    assert "太长" in refused("purpose", "羊" * 201)
    assert "请说短一点" in refused("purpose", "羊" * 1_001)
    short = Field("a", "text", "甲", "甲？", minimum=3)
    assert "至少写3个字" in str(wrong(short, "羊", {}, HERE))


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("name", 5), ("name", ""), ("amount", 3.5), ("amount", True), ("amount", -1), ("term", "x"),
        ("category", 7), ("category", "nothing"), ("debts", 1), ("needs", "没有的"), ("needs", ["a", "z"]),
        ("needs", ["a", "a"]), ("needs", [["a"]]), ("begins", "2026-13-01"), ("begins", 20261201),
        ("phone", 13812345678), ("id_number", None), ("photos", []), ("photos", ["p1"]),
        ("photos", ["p1", "p2", "p3", "p4"]), ("photos", ["p1", 2]), ("photos", ["p1", "x" * 201]),
        ("home", {"latitude": 91, "longitude": 0}), ("home", {"latitude": 1}), ("home", [1, 2]),
        ("home", {"latitude": True, "longitude": 0}), ("home", {"latitude": 1, "longitude": 2, "extra": 3}),
        ("home", {"latitude": float("nan"), "longitude": 0}), ("notice", True), ("notice", "同意"),
        ("home", {"latitude": 1, "longitude": 2, "label": 3}), ("notice", {"version": "2026-01"}),
        ("notice", {"version": "2026-01", "sha256": "0" * 64}), ("notice", {"sha256": 5, "agreed_at": 7}),
    ],
)  # fmt: skip
def test_json_of_the_wrong_shape_is_a_fault_and_never_an_error(key: str, raw: Any) -> None:
    found = accept(field(key), raw, {}, HERE)
    assert isinstance(found, Fault)
    assert found.text


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("amount", 3_000_000, 3_000_000),
        ("amount", "三万", 3_000_000),
        ("term", "一年", 12),
        ("category", "sheep", "sheep"),
        ("category", "养羊", "sheep"),
        ("debts", False, False),
        ("needs", ["c", "a"], ["a", "c"]),
        ("begins", "2026-12-01", "2026-12-01"),
        ("remark", None, None),
        ("home", {"latitude": 34, "longitude": 113.5}, {"latitude": 34, "longitude": 113.5}),
    ],
)
def test_json_in_its_kept_form_or_in_words_is_accepted(key: str, raw: Any, value: Any) -> None:
    assert accept(field(key), raw, {}, HERE) == Read(value, accept(field(key), raw, {}, HERE).plain)  # type: ignore[union-attr]


def test_a_paper_is_agreed_to_by_its_hash_s1_4() -> None:
    agreed = {"version": "2026-01", "sha256": NOTICE.sha256, "agreed_at": NOW.isoformat()}
    for raw in (NOTICE.sha256, {"version": "2026-01", "sha256": NOTICE.sha256}, agreed):
        found = accept(field("notice"), raw, {}, HERE)
        assert isinstance(found, Read)
        assert found.value == agreed


def test_the_hash_of_a_paper_changes_with_every_character_s1_4() -> None:
    one = Paper("k", "1", "题", "文").sha256
    assert len({one, Paper("k", "1", "题", "文。").sha256, Paper("k", "1", "题目", "文").sha256}) == 3
    assert Paper("k", "2", "题", "文").sha256 == one


def test_a_list_or_a_paper_that_the_host_forgot_is_named() -> None:
    with pytest.raises(LookupError, match="villages"):
        choices_of(field("village"), context(options={}))
    with pytest.raises(LookupError, match="pledge"):
        paper_of(field("pledge"), context(papers={}))
    assert paper_of(field("pledge"), HERE) is PLEDGE


def test_a_limit_nobody_set_bounds_nothing() -> None:
    assert wrong(field("amount"), 10**12, {}, context(limits={})) is None


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("amount", 3_500_000, "3.5万元"),
        ("amount", 1_234_050, "12,340.50元"),
        ("term", 18, "18个月（一年半）"),
        ("rate", 435, "4.35%"),
        ("workers", 12, "12个"),
        ("category", "sheep", "养羊"),
        ("category", "gone", "gone"),
        ("needs", ["a", "b"], "羊羔子、饲料"),
        ("needs", [], "没有"),
        ("debts", True, "有"),
        ("begins", "2026-12-01", "2026年12月1日"),
        ("phone", "13812345678", "138****5678"),
        ("id_number", ID_NUMBER, "4110**********123X"),
        ("photos", ["a", "b"], "2张"),
        ("home", {"latitude": 1, "longitude": 2}, "已发位置"),
        ("home", {"latitude": 1, "longitude": 2, "label": "柳庄"}, "柳庄"),
        ("notice", {}, "已同意"),
        ("remark", None, "没有"),
        ("name", "张三", "张三"),
    ],
)
def test_every_kind_is_shown_in_words(key: str, value: Any, text: str) -> None:
    assert show(field(key), value, HERE) == text


@given(st.text(alphabet="0123456789X", min_size=1, max_size=24))
def test_a_masked_number_keeps_its_length_and_hides_four_signs_at_least(number: str) -> None:
    hidden = masked(number)
    assert len(hidden) == len(number)
    assert hidden.count("*") >= min(4, len(number))


def test_part_of_a_name_that_fits_several_gives_them_all() -> None:
    found = pick(VILLAGES, "柳庄")
    assert isinstance(found, Fault)
    assert [choice.label[:2] for choice in found.choices] == ["坡胡", "后河", "石固"]
    assert pick(VILLAGES, "坡胡镇石桥村") == (VILLAGES[1], True)
    assert isinstance(pick(VILLAGES, "哪都不是"), Fault)
    assert isinstance(pick(VILLAGES, "x"), Fault)


def test_a_word_of_two_choices_names_neither() -> None:
    choices = Choices((Choice("1", "东村", ("村",)), Choice("2", "西村", ("村",))))
    assert choices.words["村"] is None


def test_a_longer_word_wins_over_the_shorter_one_inside_it() -> None:
    choices = Choices(
        (Choice("cow", "养牛"), Choice("milk", "养奶牛", ("奶牛",)), Choice("sheep", "奶山羊", ("山羊",)))
    )
    question = Field("a", "choice", "甲", "甲？", choices=choices)
    assert [hit.value for hit in find(question, "我想买几头奶牛", {}, HERE)] == ["milk"]
    assert [hit.value for hit in find(question, "养奶牛和奶山羊", {}, HERE)] == ["milk", "sheep"]


def test_a_form_that_cannot_work_is_refused_when_it_is_written() -> None:
    number = Field("a", "int", "甲", "甲？")
    paper = Field("p", "confirm", "纸", "同意？", paper=NOTICE)
    for fields, words in (
        ((number, number), "two fields"),
        ((Field("b", "int", "乙", "乙？", when={"a": (1,)}), number), "not before it"),
        ((paper, number), "after a confirm"),
        ((Field("p", "confirm", "纸", "同意？"),), "needs a paper"),
        ((Field("a", "int", "甲", "甲？", paper=NOTICE),), "needs a paper"),
    ):
        with pytest.raises(ValueError, match=words):
            Form("f", 1, "表", fields)


@given(st.sampled_from([f.key for f in FORM.fields]), st.text(max_size=40))
def test_no_text_whatever_breaks_a_field(key: str, text: str) -> None:
    found = read(field(key), text, {}, HERE)
    assert isinstance(found, Read) or found.text
    find(field(key), text, {}, HERE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=6,
)


@given(st.sampled_from([f.key for f in FORM.fields]), JSON)
def test_no_json_whatever_breaks_a_field(key: str, raw: Any) -> None:
    found = accept(field(key), raw, {}, HERE)
    assert isinstance(found, Read) or found.text
    if isinstance(found, Read):
        assert wrong(field(key), found.value, {}, HERE) is None
        assert show(field(key), found.value, HERE)
