"""How long somebody waits after wrong tries to log in: the more tries, the longer."""

from __future__ import annotations

from datetime import timedelta

TRIES_OF_A_PERSON = 5
TRIES_OF_AN_ADDRESS = 30
"""A whole office is behind one address."""
FORGOTTEN_AFTER = timedelta(days=1)
_FIRST = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)


def wait_after(failures: int, free: int) -> timedelta:
    """How long to wait after so many wrong tries in a row; nothing below `free` of them.

    One minute first, then twice as long each time, one hour at most. Nobody is shut out for ever: else
    anybody could shut an officer out. Clause: S17.2 (default).
    """
    if failures < free:
        return timedelta(0)
    return min(_LONGEST, _FIRST * (1 << min(failures - free, 10)))


def words_for(wait: timedelta) -> str:
    """What is said to who must wait, in minutes rounded up. Clause: S17.2 (default)."""
    minutes = max(1, -(-wait // timedelta(minutes=1)))
    return f"试错的次数太多，请{minutes}分钟后再试。忘记密码的，请找安全管理员重新设置。"
