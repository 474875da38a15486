"""What WeChat pushes to us: checked, decrypted and read into one value. Pure; nothing here waits or writes.

`open_push` raises nothing but `Rejected`, whatever the bytes are. Replies are rendered in `replies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal

from bot.config import Account
from bot.errors import TianxinError
from bot.wechat.crypto import decrypt, same, signature_of
from bot.wechat.documents import Malformed, read
from bot.wechat.incoming import Incoming, Receipt, SubscribeChange, incoming_from, word
from bot.wechat.replies import SUCCESS, render_reply, takes_reply

__all__ = [
    "SUCCESS",
    "Incoming",
    "Receipt",
    "Rejected",
    "SubscribeChange",
    "open_push",
    "render_reply",
    "takes_reply",
    "verify_url",
]

MAX_BODY: Final = 64 * 1024
MAX_AGE: Final = timedelta(minutes=10)
MAX_AHEAD: Final = timedelta(minutes=5)


class Rejected(TianxinError):  # noqa: N818 - the answer to a forged or broken push, not a fault
    """This push is not taken. `reason` is a word for counting.

    `status` is 403 for what may be forged or is too old, 413 for what is too big, and 200 for what is signed
    but broken: the platform gets `success`, because sending it again would not mend it.
    """

    def __init__(self, status: Literal[200, 403, 413], reason: str) -> None:
        super().__init__(f"push rejected: {reason}")
        self.status: Literal[200, 403, 413] = status
        self.reason = reason

    @property
    def body(self) -> bytes:
        """What to answer."""
        return SUCCESS if self.status == 200 else b""


_TIMESTAMP = re.compile(r"[0-9]{10}")
_NONCE = re.compile(r"[0-9A-Za-z]{1,32}")
_SIGNATURE = re.compile(r"[0-9a-f]{40}")
_ECHO = re.compile(r"[0-9A-Za-z_+/=.-]{1,256}")


def verify_url(
    account: Account,
    query: Mapping[str, str],
    now: datetime,
    *,
    max_age: timedelta = MAX_AGE,
    max_ahead: timedelta = MAX_AHEAD,
) -> str:
    """The echostr to answer with, raw, when the console checks our address. Raises Rejected."""
    timestamp, nonce = _stamp(query, now, max_age, max_ahead)
    _check(query, "signature", account.token, timestamp, nonce)
    echo = query.get("echostr", "")
    if not _ECHO.fullmatch(echo):
        raise Rejected(403, "query")
    return echo


def open_push(
    account: Account,
    query: Mapping[str, str],
    body: bytes,
    content_type: str,
    now: datetime,
    *,
    allow_plain: bool,
    max_age: timedelta = MAX_AGE,
    max_ahead: timedelta = MAX_AHEAD,
) -> Incoming:
    """Check, decrypt and read one push. Raises Rejected and nothing else.

    Safe and compatible mode (`encrypt_type=aes`) are believed by `msg_signature` alone, which covers the
    sealed text; the clear fields beside it are not read. Plain mode only where `allow_plain`.
    """
    if len(body) > MAX_BODY:
        raise Rejected(413, "too_large")
    timestamp, nonce = _stamp(query, now, max_age, max_ahead)
    mode = query.get("encrypt_type", "raw")
    if mode not in ("aes", "raw"):
        raise Rejected(403, "query")
    previous = False
    if mode == "aes":
        body, previous = _unseal(account, query, timestamp, nonce, body)
    elif not allow_plain:
        raise Rejected(403, "plain_refused")
    else:
        _check(query, "signature", account.token, timestamp, nonce)
    try:
        if "charset" in content_type and "utf" not in content_type.lower():
            raise Malformed("charset")
        fields, is_json = read(body)
        incoming = incoming_from(
            account, fields, json=is_json, encrypted=mode == "aes", previous_key=previous
        )
    except Malformed as error:
        raise Rejected(200, error.reason) from None
    if account.original_id and incoming.to != account.original_id:
        raise Rejected(403, "wrong_account")
    return incoming


def _stamp(
    query: Mapping[str, str], now: datetime, max_age: timedelta, max_ahead: timedelta
) -> tuple[str, str]:
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    # Sorted parts are joined without a border: only strict forms, each once, leave one reading.
    if len(set(query)) != len(query) or not _TIMESTAMP.fullmatch(timestamp) or not _NONCE.fullmatch(nonce):
        raise Rejected(403, "query")
    age = now.timestamp() - int(timestamp)
    if age > max_age.total_seconds():
        raise Rejected(403, "too_old")
    if -age > max_ahead.total_seconds():
        raise Rejected(403, "too_new")
    return timestamp, nonce


def _check(query: Mapping[str, str], name: str, *parts: str) -> None:
    given = query.get(name, "")
    if not _SIGNATURE.fullmatch(given):
        raise Rejected(403, "query")
    if not same(given, signature_of(*parts)):
        raise Rejected(403, "signature")


_SEALED = re.compile(rb"<Encrypt><!\[CDATA\[([0-9A-Za-z+/=]+)\]\]></Encrypt>")


def _unseal(
    account: Account, query: Mapping[str, str], timestamp: str, nonce: str, body: bytes
) -> tuple[bytes, bool]:
    """The clear push, and whether the previous key opened it."""
    # What is found here is believed only when msg_signature covers it, so the quick way is also the safe way.
    found = _SEALED.search(body)
    if found:
        encrypted = found[1].decode()
    else:
        try:
            encrypted = word(read(body)[0], "encrypt")
        except Malformed:
            encrypted = ""
    if not encrypted:
        raise Rejected(403, "not_sealed")
    _check(query, "msg_signature", account.token, timestamp, nonce, encrypted)
    reason = "sealed_with_another_key"
    for key in (account.aes_key, account.previous_aes_key):
        opened = decrypt(key, encrypted) if key else None
        if opened is None:
            continue
        if opened[1] == account.appid.encode():
            return opened[0], key is not account.aes_key
        reason = "wrong_app"
    raise Rejected(403, reason)
