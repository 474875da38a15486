"""Recorded conversations, said again: every answer must be the same, as with `tianxin shell --replay`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo import Demo
from bot.shell import Terminal, play, transcript

FOLDER = Path(__file__).parent / "transcripts"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def spoken(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text("utf-8")


async def terminal(demo: Demo) -> Terminal:
    made = Terminal(demo, "changge", "zhang")
    await made.begin()
    return made


@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_conversation_goes_as_it_went(demo: Demo, name: str) -> None:
    """S1.1, S1.5, S1.7, S1.8, S18.1, S18.2, S18.3, S18.8"""
    assert await play(await terminal(demo), spoken(name)) == []


async def test_an_answer_that_differs_is_shown_with_what_was_said(demo: Demo) -> None:
    wrong = "> 你好\n< 您要干什么？\n> :wait 2h\n> 帮助\n* 一条没有来的消息\n"
    first, second = await play(await terminal(demo), wrong)
    assert first.startswith("> 你好\n- < 您要干什么？\n+ < 您可以点下面的字")
    assert "- * 一条没有来的消息" in second


async def test_what_cannot_be_done_is_told(demo: Demo) -> None:
    at = await terminal(demo)
    _ = await at.do("我要贷款")
    with pytest.raises(ValueError, match="there are 给自己办, 帮别人办"):
        await at.do(":tap 五十万")
    with pytest.raises(ValueError, match="no time to wait"):
        await at.do(":wait ages")
    with pytest.raises(ValueError, match="no command :dance"):
        await at.do(":dance")


def test_the_transcripts_are_there_and_whole() -> None:
    assert len(NAMES) >= 6
    for name in NAMES:
        steps = list(transcript(spoken(name)))
        assert spoken(name).startswith("# "), name
        assert len(steps) > 5, name
        assert not any("系统刚才没有办好" in line for _, lines in steps for line in lines), name
