"""Failpoints: named gaps between two durable steps, at which a test lets a process die without a word."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping

Failpoint = Callable[[str], None]


def none(_gap: str) -> None:
    """Nothing happens: what every process has outside of fault tests."""


def read(words: str) -> Mapping[str, int]:
    """`called:5,recorded:1` as gap -> at which time it is reached. Raises ValueError."""
    found = {}
    for word in words.split(",") if words else ():
        gap, _, nth = word.strip().partition(":")
        found[gap] = int(nth or "1")
        if not gap.isidentifier() or found[gap] < 1:
            raise ValueError(word)
    return found


def deadly(words: str) -> Failpoint:
    """A failpoint that kills this process, as `kill -9` does, when one of the gaps is reached that often."""
    wanted = read(words)
    if not wanted:
        return none
    seen: Counter[str] = Counter()

    def reach(gap: str) -> None:
        seen[gap] += 1
        if wanted.get(gap) == seen[gap]:
            if sys.platform == "win32":
                os._exit(137)
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
