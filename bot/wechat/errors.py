"""What WeChat's refusals mean: error code -> action (facts §1.0, §5 item 23)."""

from __future__ import annotations

import re
from typing import Final, Literal

from bot.errors import TianxinError

Action = Literal[
    "retry_later",
    "token",
    "too_frequent",
    "quota_day",
    "quota_minute",
    "quota_month",
    "not_following",
    "refused",
    "bad_recipient",
    "window_closed",
    "bad_request",
    "bad_code",
    "unauthorised",
    "unknown",
    "uncertain",
]
"""What the caller does next.

- retry_later, token: the call did not happen; try again after a pause
- too_frequent: this person got too many; hours later
- quota_day, quota_minute, quota_month: nobody can call this for that long
- not_following, refused, bad_recipient, window_closed: this person, this channel: no; take the next channel
- bad_request, unauthorised, unknown: our fault or our account's: park it and raise an alarm, no retry
- bad_code: the login, phone or OAuth code is wrong, used or too old; the person starts again
- uncertain: it may or may not have happened
"""

RETRYABLE: Final[frozenset[Action]] = frozenset(
    {"retry_later", "token", "too_frequent", "quota_day", "quota_minute", "quota_month"}
)
USER_GONE: Final[frozenset[Action]] = frozenset({"not_following", "bad_recipient"})

TOKEN_CODES: Final = frozenset({40001, 40014, 42001})
"""The access token is bad: forget it if it is still the one that failed, and try once more."""

_CODES: Final[dict[Action, tuple[int, ...]]] = {
    "retry_later": (-1,),
    "token": tuple(TOKEN_CODES),
    "too_frequent": (43117,),
    "quota_day": (45009, 45028),
    "quota_minute": (45011,),
    "quota_month": (48006,),
    "not_following": (43004,),
    "refused": (43019, 43101, 48002, 50002, 70000, 40226),
    "bad_recipient": (40003, 46004),
    "window_closed": (45015, 45047, 45080, 61010),
    "bad_code": (40029, 40163),
    "unauthorised": (
        *(40013, 40125, 40164, 40243, 41002, 41004, 43104, 45103, 48001, 48004, 50001, 50004, 50007),
        *(61007, 89503, 89506, 89507),
    ),
    "bad_request": (
        *(40002, 40004, 40005, 40007, 40008, 40009, 40016, 40017, 40018, 40019, 40020, 40022, 40023, 40024),
        *(40025, 40026, 40027, 40033, 40036, 40037, 40039, 40052, 40053, 40054, 40055, 40129, 40165, 40166),
        *(40249, 41001, 41030, 43001, 43002, 43003, 43116, 43302, 44002, 45002, 45008, 45072, 45081, 45086),
        *(45098, 47001, 47003, 65303, 65304, 65316, 65317, 87014),
    ),
}
ACTIONS: Final[dict[int, Action]] = {code: action for action, codes in _CODES.items() for code in codes}


class WeChatError(TianxinError):
    """WeChat said no, or could not be asked. `action` says what to do; the words hold no personal data."""

    def __init__(self, api: str, errcode: int | None, errmsg: str, action: Action, *, rid: str = "") -> None:
        super().__init__(f"{api}: {action} ({errmsg if errcode is None else f'{errcode} {errmsg}'})")
        self.api = api
        self.errcode = errcode
        self.errmsg = errmsg
        self.action: Action = action
        self.rid = rid

    @property
    def retryable(self) -> bool:
        """The same call may succeed later; it certainly did not happen now."""
        return self.action in RETRYABLE

    @property
    def user_gone(self) -> bool:
        """This openid cannot be reached through this account any more."""
        return self.action in USER_GONE


class NotSent(WeChatError):  # noqa: N818 - says what happened
    """The request never left: no connection could be made. Safe to repeat."""

    def __init__(self, api: str, reason: str) -> None:
        super().__init__(api, None, reason, "retry_later")


class Uncertain(WeChatError):  # noqa: N818 - says what happened
    """The request left and no answer that we understand came back: it may have been carried out."""

    def __init__(self, api: str, reason: str, *, errcode: int | None = None) -> None:
        super().__init__(api, errcode, reason, "uncertain")


_TAIL = re.compile(r"\s*(?:hints?: ?\[.*|rid: ?([0-9A-Fa-f-]{1,64}).*)$", re.DOTALL)
_PRIVATE = re.compile(r"[0-9A-Za-z_-]{20,}|\d{7,}|[^\x20-\x7e]+")


def error_from(api: str, errcode: int, errmsg: object) -> WeChatError:
    """The error for an answer with a code other than 0. Its words are stripped of ids and personal data."""
    words = errmsg if isinstance(errmsg, str) else ""
    tail = _TAIL.search(words)
    rid = (tail.group(1) or "") if tail else ""
    plain = _PRIVATE.sub("…", words[: tail.start()] if tail else words)[:160]
    return WeChatError(api, errcode, plain, ACTIONS.get(errcode, "unknown"), rid=rid)
