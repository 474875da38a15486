"""Passive replies: what stands in the answer to a push."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Final, assert_never

from bot.config import Account
from bot.wechat.crypto import encrypt, signature_of
from bot.wechat.incoming import Incoming
from bot.wechat.messages import TEXT_BYTES, Article, Image, News, Reply, Text, cut, printable

SUCCESS: Final = b"success"
"""Received. Without quotes, as it is, also in safe mode."""

_ARTICLES: Final = {"event": 8}  # a reply to a message takes one


def takes_reply(account: Account, incoming: Incoming) -> bool:
    """Whether the platform shows a passive reply to this push; where not, use a service message."""
    return account.kind == "service" and not incoming.json


def render_reply(
    account: Account,
    incoming: Incoming,
    reply: Reply,
    now: datetime,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """The body that answers a push: XML, encrypted when the push was, or `success`.

    Text is cut at 2048 bytes on a character border; nothing in it can end its CDATA section. `success` where
    there is nothing to say or the push takes no passive reply (see `takes_reply`).
    """
    content = _content(reply, _ARTICLES.get(incoming.kind, 1)) if takes_reply(account, incoming) else ""
    if not content:
        return SUCCESS
    at = int(now.timestamp())
    message = (
        f"<xml><ToUserName><![CDATA[{incoming.openid}]]></ToUserName>"
        f"<FromUserName><![CDATA[{incoming.to}]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime>{content}</xml>"
    ).encode()
    if not incoming.encrypted:
        return message
    key = account.previous_aes_key if incoming.previous_key else account.aes_key
    return seal(account, key, message, at, entropy)


def seal(account: Account, aes_key: str, message: bytes, at: int, entropy: Callable[[int], bytes]) -> bytes:
    """The encrypted and signed envelope around a reply."""
    nonce = str(int.from_bytes(entropy(4), "big"))
    encrypted = encrypt(aes_key, message, account.appid, entropy(16))
    signature = signature_of(account.token, str(at), nonce, encrypted)
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        f"<MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{at}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    ).encode()


def _content(reply: Reply, articles: int) -> str:
    match reply:
        case None:
            return ""
        case Text(text):
            text = _safe(text)
            return f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>" if text else ""
        case Image(media_id):
            picture = f"<Image><MediaId><![CDATA[{_safe(media_id)}]]></MediaId></Image>"
            return f"<MsgType><![CDATA[image]]></MsgType>{picture}"
        case News(found):
            items = "".join(map(_article, found[:articles]))
            count = min(len(found), articles)
            if not count:
                return ""
            return (
                f"<MsgType><![CDATA[news]]></MsgType><ArticleCount>{count}</ArticleCount>"
                f"<Articles>{items}</Articles>"
            )
        case _:
            assert_never(reply)


def _article(article: Article) -> str:
    return (
        f"<item><Title><![CDATA[{_safe(article.title)}]]></Title>"
        f"<Description><![CDATA[{_safe(article.description)}]]></Description>"
        f"<PicUrl><![CDATA[{_safe(article.picture_url)}]]></PicUrl>"
        f"<Url><![CDATA[{_safe(article.url)}]]></Url></item>"
    )


def _safe(text: str) -> str:
    # Splitting "]]>" over two CDATA sections is good XML, but whether WeChat joins them is not known:
    # a full-width bracket cannot go wrong with any reader.
    return cut(printable(text).replace("]]>", "]]＞"), TEXT_BYTES)
