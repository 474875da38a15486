"""Words to tap: what they look like to WeChat, and that nobody's words become a link."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.wechat.messages import TEXT_BYTES
from handlers.chat.links import link, plain, with_links


def test_a_link_sends_its_words_and_its_id() -> None:
    assert link("养羊", "77") == '<a href="weixin://bizmsgmenu?msgmenucontent=养羊&msgmenuid=77">养羊</a>'


def test_numbered_lines_become_links_and_keep_their_numbers() -> None:
    text = with_links("选一个：\n1. 是\n2. 不", [("5", "是"), ("6", "不"), ("7", "人工")])
    assert text.split("\n") == [
        "选一个：",
        f"1. {link('是', '5')}",
        f"2. {link('不', '6')}",
        link("人工", "7"),
    ]


def test_the_last_of_two_equal_lines_is_the_choice() -> None:
    """A summary may hold the same line as the choices below it."""
    assert with_links("1. 是\n对吗？\n1. 是", [("5", "是")]) == f"1. 是\n对吗？\n1. {link('是', '5')}"


def test_links_that_do_not_fit_leave_the_text_as_it_is() -> None:
    text = "羊" * 660 + "\n1. 是"
    assert with_links(text, [("5", "是")]) == text
    assert len(with_links("羊" * 900, []).encode()) <= TEXT_BYTES


@given(st.text(max_size=200), st.lists(st.tuples(st.text("0123456789", max_size=10), st.text(max_size=20))))
def test_whatever_people_write_nothing_of_it_becomes_markup(
    text: str, choices: list[tuple[str, str]]
) -> None:
    """Facts §5 17."""
    out = with_links(text, choices)
    links = out.count("<a href=") if choices else 0
    assert out.count("<") == out.count(">") == 2 * links
    assert len(out.encode()) <= TEXT_BYTES
    assert "<" not in plain(text)
