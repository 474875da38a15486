"""A process dies where a fault test says, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot import failpoints


def test_words_name_gaps_and_how_often_they_are_passed() -> None:
    assert failpoints.read("called:5,recorded") == {"called": 5, "recorded": 1}
    assert failpoints.read("") == {}


@pytest.mark.parametrize("words", ["called:0", "called:x", ":3", "a b:1"])
def test_words_that_name_nothing_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        failpoints.read(words)


def test_without_words_nothing_ever_happens() -> None:
    assert failpoints.deadly("") is failpoints.none
    failpoints.none("called")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_process_is_killed_the_nth_time_and_says_nothing() -> None:
    program = (
        "from bot.failpoints import deadly\n"
        "reach = deadly('called:3')\n"
        "for n in range(9):\n print(n, flush=True); reach('other'); reach('called')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (-9, ["0", "1", "2"], "")
