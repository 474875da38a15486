"""Pushes made the way WeChat makes them, with wechatpy as the other side's cryptography."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from wechatpy.crypto import PrpCrypto, WeChatCrypto

from bot.config import Account
from bot.wechat.inbound import Incoming, open_push

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
OPENID = "oABCD_efgh-ijklMNOPQRSTUVW12"
TO = "gh_0123456789ab"
COUNTY = Account(
    name="county",
    kind="service",
    county="411082",
    appid="wxba5fad812f8e6fb9",
    secret="secret",
    token="AAAAA",
    aes_key="A" * 43,
    previous_aes_key="B" * 43,
    original_id=TO,
)


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def query(
    stamp: str = STAMP, nonce: str = "486452656", token: str = COUNTY.token, **more: str
) -> dict[str, str]:
    return {"signature": sign(token, stamp, nonce), "timestamp": stamp, "nonce": nonce, **more}


def cdata(value: str) -> str:
    return "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def nodes(fields: dict[str, Any]) -> str:
    """Fields as XML; a dict is a group, a list the same element several times."""
    out = []
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            inner = nodes(one) if isinstance(one, dict) else str(one) if isinstance(one, int) else cdata(one)
            out.append(f"<{escape(name)}>{inner}</{escape(name)}>")
    return "".join(out)


def fields(**more: Any) -> dict[str, Any]:
    return {"ToUserName": TO, "FromUserName": OPENID, "CreateTime": int(STAMP) - 3, **more}


def xml(**more: Any) -> bytes:
    return f"<xml>{nodes(fields(**more))}</xml>".encode()


def as_json(**more: Any) -> bytes:
    return json.dumps(fields(**more), ensure_ascii=False).encode()


def sealed(
    message: bytes, *, key: str = COUNTY.aes_key, appid: str = COUNTY.appid, token: str = COUNTY.token
) -> tuple[dict[str, str], str]:
    """Query and Encrypt field of a push in safe mode."""
    text = PrpCrypto(WeChatCrypto(token, key, appid).key).encrypt(message, appid).decode()
    made = query(token=token, encrypt_type="aes", openid=OPENID)
    made["msg_signature"] = sign(token, made["timestamp"], made["nonce"], text)
    return made, text


def envelope(text: str, **clear: Any) -> bytes:
    return f"<xml>{nodes({'ToUserName': TO, **clear})}<Encrypt>{cdata(text)}</Encrypt></xml>".encode()


def opened(body: bytes, account: Account = COUNTY, **more: Any) -> Incoming:
    """What a plain push is read as."""
    return open_push(account, query(), body, "text/xml", NOW, allow_plain=True, **more)
