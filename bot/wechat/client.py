"""WeChat's API for one account: messages, logins, menus, people, pictures, pages.

Every method raises WeChatError and nothing else of its own; see `bot.wechat.errors` for what to do then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.message import Message
from hashlib import sha1
from typing import Any, Final, Literal, assert_never
from urllib.parse import urlencode

import aiohttp
from redis.asyncio import Redis

from bot.config import WECHAT_API, Account
from bot.wechat.answers import Login, Media, OAuthUser, Phone, Qr, UserInfo, Verdict, group, string, whole
from bot.wechat.caller import Caller
from bot.wechat.errors import NotSent, Uncertain, WeChatError
from bot.wechat.messages import Card, Image, MiniProgram, News, ServiceMessage, TapList, Text, cut
from bot.wechat.quota import SEND_BIZSUBSCRIBE, SEND_CUSTOM, SEND_SUBSCRIBE, SEND_TEMPLATE
from bot.wechat.tokens import Keeper
from bot.wechat.transport import MAX_MEDIA, Raw, understand

__all__ = [
    "SEND_BIZSUBSCRIBE",
    "SEND_CUSTOM",
    "SEND_SUBSCRIBE",
    "SEND_TEMPLATE",
    "NotSent",
    "Uncertain",
    "WeChat",
    "WeChatError",
]

MP_HOST: Final = "https://mp.weixin.qq.com"
OPEN_HOST: Final = "https://open.weixin.qq.com"
MAX_QR_SECONDS: Final = 30 * 86400
_TICKET_SECONDS: Final = 1800
"""WeChat always says 7200 for a ticket, however old it is, so it is asked for again long before that."""
_NO_MENU: Final = 46003
_ALREADY_TYPING: Final = 45081


def page_signature(ticket: str, nonce: str, timestamp: str, url: str) -> str:
    """The JS-SDK signature: SHA-1 hex over ticket, nonce, time and the page's address without its #part."""
    words = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url.partition('#')[0]}"
    return sha1(words.encode(), usedforsecurity=False).hexdigest()


class WeChat(Caller):
    """One account's side of WeChat's API."""

    def __init__(
        self,
        account: Account,
        session: aiohttp.ClientSession,
        base_url: str,
        redis: Redis,
        now: Callable[[], datetime],
        **options: Any,
    ) -> None:
        super().__init__(account, session, base_url, redis, now, **options)
        name = f"ticket:{account.appid}"
        self._tickets = Keeper(name, account.secret, redis, now, self._fetch_ticket)
        real = self._base == WECHAT_API
        self._mp, self._open = (MP_HOST, OPEN_HOST) if real else (self._base, self._base)

    async def close(self) -> None:
        """Stop what runs in the background and put the counts away. The session is the caller's to close."""
        await self._tickets.close()
        await super().close()

    # ---- messages

    async def send_template(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        url: str = "",
        mini_program: MiniProgram | None = None,
        client_msg_id: str = "",
    ) -> str:
        """The msgid of an accepted template message; whether it arrives, a receipt tells later.

        The same `client_msg_id` (at most 32 ASCII characters) within ten minutes is sent once.
        """
        if len(client_msg_id) > 32 or not client_msg_id.isascii():
            raise ValueError("client_msg_id must be at most 32 ASCII characters")
        body = _notice(openid, template_id, data)
        if url:
            body["url"] = url
        if mini_program:
            body["miniprogram"] = {"appid": mini_program.appid, "pagepath": mini_program.page}
        if client_msg_id:
            body["client_msg_id"] = client_msg_id
        return string(SEND_TEMPLATE, await self._call(SEND_TEMPLATE, body), "msgid")

    async def send_subscribe(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        page: str = "",
        state: Literal["formal", "trial", "developer"] = "formal",
    ) -> str:
        """The msgid ("" when none is told) of an accepted mini-program subscribe message."""
        body = _notice(openid, template_id, data) | {"miniprogram_state": state, "lang": "zh_CN"}
        if page:
            body["page"] = page
        return string(SEND_SUBSCRIBE, await self._call(SEND_SUBSCRIBE, body), "msgid", "")

    async def send_bizsubscribe(
        self,
        openid: str,
        template_id: str,
        data: Mapping[str, str],
        *,
        page: str = "",
        mini_program: MiniProgram | None = None,
    ) -> str:
        """The msgid ("" when none is told) of an accepted subscribe notice of a service account."""
        body = _notice(openid, template_id, data)
        if page:
            body["page"] = page
        if mini_program:
            body["miniprogram"] = {"appid": mini_program.appid, "pagepath": mini_program.page}
        return string(SEND_BIZSUBSCRIBE, await self._call(SEND_BIZSUBSCRIBE, body), "msgid", "")

    async def send_custom(self, openid: str, message: ServiceMessage) -> None:
        """Send a service message; it needs something the person did in the last 48 hours or minute."""
        await self._call(SEND_CUSTOM, {"touser": openid, **_service_message(message)})

    async def typing(self, openid: str, *, on: bool = True) -> None:
        """Show or hide "the other side is typing"."""
        command = "Typing" if on else "CancelTyping"
        try:
            await self._call("cgi-bin/message/custom/typing", {"touser": openid, "command": command})
        except WeChatError as error:
            if error.errcode != _ALREADY_TYPING:
                raise

    # ---- who somebody is

    async def code2session(self, code: str) -> Login:
        """Whom a mini-program's login code belongs to. A code works once; never repeat it after a timeout."""
        api = "sns/jscode2session"
        query = {"secret": self.account.secret, "js_code": code, "grant_type": "authorization_code"}
        answer = await self._sns(api, "openid", query)
        return Login(
            string(api, answer, "openid"),
            string(api, answer, "unionid", ""),
            string(api, answer, "session_key", ""),
        )

    async def phone_number(self, code: str, openid: str = "") -> Phone:
        """The phone number behind a mini-program's phone code. Every call is billed."""
        api = "wxa/business/getuserphonenumber"
        body = {"code": code} | ({"openid": openid} if openid else {})
        found = group(api, await self._call(api, body), "phone_info")
        watermark = found.get("watermark")
        if not isinstance(watermark, dict) or watermark.get("appid") != self.account.appid:
            raise WeChatError(api, None, "the number was given to another app", "bad_code")
        return Phone(string(api, found, "purePhoneNumber"), string(api, found, "countryCode", "86"))

    def authorize_url(
        self, redirect_url: str, state: str, scope: Literal["snsapi_base", "snsapi_userinfo"] = "snsapi_base"
    ) -> str:
        """Where to send a browser inside WeChat, so that it comes back with a code and the state."""
        query = urlencode(
            {
                "appid": self.account.appid,
                "redirect_uri": redirect_url,
                "response_type": "code",
                "scope": scope,
                "state": state,
            }
        )
        return f"{self._open}/connect/oauth2/authorize?{query}#wechat_redirect"

    async def oauth_access_token(self, code: str) -> OAuthUser:
        """Who opened the page. A code works once; never repeat it after a timeout."""
        api = "sns/oauth2/access_token"
        query = {"secret": self.account.secret, "code": code, "grant_type": "authorization_code"}
        answer = await self._sns(api, "openid", query)
        return OAuthUser(
            string(api, answer, "openid"),
            string(api, answer, "unionid", ""),
            string(api, answer, "scope", ""),
            answer.get("is_snapshotuser") == 1,
            string(api, answer, "access_token", ""),
        )

    async def user_info(self, openid: str) -> UserInfo:
        """What the account knows of a person; the platform gives no names or pictures."""
        api = "cgi-bin/user/info"
        found = await self._call(
            api, query=urlencode({"openid": openid, "lang": "zh_CN"}), expect="subscribe"
        )
        tags = found.get("tagid_list")
        followed_at = found.get("subscribe_time")
        return UserInfo(
            string(api, found, "openid"),
            found["subscribe"] == 1,
            string(api, found, "unionid", ""),
            datetime.fromtimestamp(followed_at, UTC) if type(followed_at) is int else None,
            tuple(tag for tag in tags if type(tag) is int) if isinstance(tags, list) else (),
            string(api, found, "subscribe_scene", ""),
            string(api, found, "qr_scene_str", "") or string(api, found, "qr_scene", ""),
        )

    # ---- menus and tags

    async def create_menu(self, buttons: Sequence[Mapping[str, Any]]) -> None:
        """Replace the menu everybody sees who has no menu of his own."""
        await self._call("cgi-bin/menu/create", {"button": buttons})

    async def get_menu(self) -> dict[str, Any]:
        """The menus as the platform keeps them; empty when there is none."""
        try:
            return await self._call("cgi-bin/menu/get", expect="menu")
        except WeChatError as error:
            if error.errcode != _NO_MENU:
                raise
        return {}

    async def delete_menu(self) -> None:
        """Take away all menus, also those for tags."""
        await self._call("cgi-bin/menu/delete")

    async def add_conditional_menu(self, buttons: Sequence[Mapping[str, Any]], tag_id: int) -> str:
        """A menu for the people with a tag; its id. The default menu must exist."""
        api = "cgi-bin/menu/addconditional"
        body = {"button": buttons, "matchrule": {"tag_id": str(tag_id)}}
        return string(api, await self._call(api, body, expect="menuid"), "menuid")

    async def create_tag(self, name: str) -> int:
        """A new tag; its id."""
        api = "cgi-bin/tags/create"
        return whole(
            api, group(api, await self._call(api, {"tag": {"name": name}}, expect="tag"), "tag"), "id"
        )

    async def tags(self) -> dict[str, int]:
        """The account's tags: name -> id."""
        api = "cgi-bin/tags/get"
        found = (await self._call(api, expect="tags"))["tags"]
        if not isinstance(found, list) or not all(isinstance(tag, dict) for tag in found):
            raise Uncertain(api, "no usable tags in the answer")
        return {string(api, tag, "name"): whole(api, tag, "id") for tag in found}

    async def tag_people(self, tag_id: int, openids: Iterable[str], *, take_off: bool = False) -> None:
        """Put a tag on people, at most 50 at once, or take it off. The last tag put on decides the menu."""
        api = f"cgi-bin/tags/members/{'batchuntagging' if take_off else 'batchtagging'}"
        await self._call(api, {"openid_list": list(openids), "tagid": tag_id})

    # ---- pictures and pages

    async def create_qr(self, scene: str, expire_seconds: int | None = MAX_QR_SECONDS) -> Qr:
        """A QR code that tells us its scene when scanned; None: for ever (an account has 100,000)."""
        api = "cgi-bin/qrcode/create"
        kind = "QR_LIMIT_STR_SCENE" if expire_seconds is None else "QR_STR_SCENE"
        body: dict[str, Any] = {"action_name": kind, "action_info": {"scene": {"scene_str": scene}}}
        if expire_seconds is not None:
            body["expire_seconds"] = expire_seconds
        answer = await self._call(api, body, expect="ticket")
        ticket = string(api, answer, "ticket")
        image = f"{self._mp}/cgi-bin/showqrcode?{urlencode({'ticket': ticket})}"
        return Qr(ticket, string(api, answer, "url", ""), image)

    async def upload_media(
        self,
        kind: Literal["image", "voice", "video", "thumb"],
        content: bytes,
        file_name: str,
        content_type: str,
    ) -> str:
        """The media_id of an uploaded file; it lives for three days."""
        api = "cgi-bin/media/upload"

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData()
            data.add_field("media", content, filename=file_name, content_type=content_type)
            return data

        expect = "type"
        answer = await self._call(api, form=form, query=urlencode({"type": kind}), expect=expect)
        return string(api, answer, "media_id" if "media_id" in answer else "thumb_media_id")

    async def get_media(self, media_id: str) -> Media:
        """A picture or voice somebody sent us, at most 20 MB."""
        api = "cgi-bin/media/get"
        query = urlencode({"media_id": media_id})
        return await self._with_token(api, query, None, lambda raw: self._media(api, raw), MAX_MEDIA)

    def _media(self, api: str, raw: Raw) -> Media:
        kind = raw.content_type.partition(";")[0].strip().lower()
        if kind in (
            "application/json",
            "text/plain",
            "text/json",
            "",
        ):  # a refusal, or the address of a video
            answer = self._success(api, understand(api, raw), "video_url")
            return Media(b"", kind, "", string(api, answer, "video_url"))
        if raw.status != 200 or kind == "text/html" or not raw.body:
            raise Uncertain(api, f"HTTP {raw.status}, {kind}, {len(raw.body)} bytes")
        header = Message()
        header["Content-Disposition"] = raw.disposition
        return Media(raw.body, kind, header.get_filename("") if raw.disposition else "")

    async def jsapi_ticket(self) -> str:
        """The ticket that signs pages."""
        return await self._tickets.get()

    async def jsapi_signature(self, url: str, nonce: str) -> dict[str, str | int]:
        """What a page hands to `wx.config`, for the address it was opened at."""
        timestamp = int(self._now().timestamp())
        signature = page_signature(await self.jsapi_ticket(), nonce, str(timestamp), url)
        return {
            "appId": self.account.appid,
            "timestamp": timestamp,
            "nonceStr": nonce,
            "signature": signature,
        }

    async def _fetch_ticket(self) -> tuple[str, int]:
        api = "cgi-bin/ticket/getticket"
        answer = await self._call(api, query="type=jsapi", expect="ticket")
        return string(api, answer, "ticket"), min(whole(api, answer, "expires_in"), _TICKET_SECONDS)

    # ---- the rest

    async def clear_quota(self) -> None:
        """Set all of the day's counters to nought: ten times a month, by an operator."""
        await self._call("cgi-bin/clear_quota", {"appid": self.account.appid})
        await self._quota.clear()

    async def msg_sec_check(self, openid: str, content: str, scene: Literal[1, 2, 3, 4] = 2) -> Verdict:
        """WeChat's opinion of a text (scene 1 profile, 2 comment, 3 forum, 4 log); ok does not mean clean.

        The person must have opened the mini-program in the last two hours (else window_closed).
        """
        api = "wxa/msg_sec_check"
        body = {"version": 2, "scene": scene, "openid": openid, "content": content}
        answer = await self._call(api, body)
        result = group(api, answer, "result")
        return Verdict(
            string(api, result, "suggest"), whole(api, result, "label"), string(api, answer, "trace_id", "")
        )


def _notice(openid: str, template_id: str, data: Mapping[str, str]) -> dict[str, Any]:
    values = {key: {"value": value} for key, value in data.items()}
    return {"touser": openid, "template_id": template_id, "data": values}


def _service_message(message: ServiceMessage) -> dict[str, Any]:
    match message:
        case Text(text):
            return {"msgtype": "text", "text": {"content": cut(text)}}
        case Image(media_id):
            return {"msgtype": "image", "image": {"media_id": media_id}}
        case News(articles):
            first = [
                {"title": a.title, "description": a.description, "url": a.url, "picurl": a.picture_url}
                for a in articles[:1]  # more than one is refused (45008)
            ]
            return {"msgtype": "news", "news": {"articles": first}}
        case TapList(head, items, tail):
            lines = [{"id": item_id, "content": words} for item_id, words in items]
            return {
                "msgtype": "msgmenu",
                "msgmenu": {"head_content": head, "list": lines, "tail_content": tail},
            }
        case Card(title, appid, page, thumb):
            card = {"title": title, "appid": appid, "pagepath": page, "thumb_media_id": thumb}
            return {"msgtype": "miniprogrampage", "miniprogrampage": card}
        case _:
            assert_never(message)
