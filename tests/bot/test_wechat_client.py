"""The API client against the simulated platform: each call does what its name says."""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from wechat_platform import COUNTY, MINI, Peer, platform

from bot.config import WECHAT_API
from bot.wechat.client import SEND_TEMPLATE, WeChat, WeChatError, page_signature
from bot.wechat.messages import Article, Card, Image, MiniProgram, News, TapList, Text

DATA = {"thing1": "养羊\x00贷款", "amount2": "30000元", "time3": "2026年12月1日"}


async def test_a_template_message_arrives_as_it_was_meant() -> None:
    async with platform() as peer:
        openid = await peer.person()
        msg_id = await peer.client().send_template(
            openid, "TPL-due", DATA, url="https://example.com/m", client_msg_id="d-1"
        )
        (sent,) = await peer.sent()
        assert (sent["kind"], sent["touser"], sent["msgid"]) == ("template", openid, msg_id)
        assert sent["client_msg_id"] == "d-1"
        assert sent["body"]["data"]["thing1"] == {"value": "养羊贷款"}
        assert sent["body"]["url"] == "https://example.com/m"


async def test_the_same_client_msg_id_goes_out_once() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        ids = {await wechat.send_template(openid, "TPL-due", DATA, client_msg_id="d-1") for _ in range(2)}
        assert len(ids) == 1
        assert [sent["repeats"] for sent in await peer.sent()] == [1]


async def test_a_client_msg_id_the_platform_might_cut_is_not_sent() -> None:
    async with platform() as peer:
        for wrong in ("x" * 33, "号"):
            with pytest.raises(ValueError, match="client_msg_id"):
                await peer.client().send_template("o", "TPL-due", DATA, client_msg_id=wrong)
        assert peer.seen == []


async def test_a_template_message_may_open_a_mini_program() -> None:
    async with platform() as peer:
        openid = await peer.person()
        target = MiniProgram("wx2", "pages/loan/loan")
        await peer.client().send_template(openid, "TPL-due", DATA, mini_program=target)
        assert (await peer.sent())[0]["body"]["miniprogram"] == {
            "appid": "wx2",
            "pagepath": "pages/loan/loan",
        }


async def test_subscribe_messages_use_up_a_grant_and_are_refused_without_one() -> None:
    async with platform() as peer:
        await peer.admin("users", {"person": "wang", "meet": ["mini"], "grant": {"SUB-2": 1}})
        listed = (await peer.admin("users", person="wang"))["users"][0]
        openid, wechat = listed["accounts"]["mini"]["openid"], peer.client(MINI)
        assert (await wechat.send_subscribe(openid, "SUB-2", {"thing1": "已受理"}, page="pages/a")).isdigit()
        with pytest.raises(WeChatError) as caught:
            await wechat.send_subscribe(openid, "SUB-2", {"thing1": "已受理"})
        assert (caught.value.errcode, caught.value.action) == (43101, "refused")
        assert [sent["kind"] for sent in await peer.sent()] == ["subscribe"]


async def test_subscribe_notices_of_the_service_account_go_out() -> None:
    async with platform() as peer:
        openid = await peer.person(grant={"SUB-1": 2})
        wechat = peer.client()
        await wechat.send_bizsubscribe(openid, "SUB-1", {"thing1": "已受理"}, page="https://example.com/")
        await wechat.send_bizsubscribe(
            openid, "SUB-1", {"thing1": "已受理"}, mini_program=MiniProgram("wx2", "p")
        )
        assert [sent["kind"] for sent in await peer.sent()] == ["bizsend", "bizsend"]


async def test_service_messages_of_every_kind_go_out_while_the_window_is_open() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.admin("push", {"account": "county", "person": "wang", "say": "在吗"})
        media_id = await wechat.upload_media("image", b"\xff\xd8\xff\xe0" + b"j" * 99, "a.jpg", "image/jpeg")
        for message in (
            Text("您好"),
            Image(media_id),
            News((Article("标题", "说明", "https://example.com/", "https://example.com/p.jpg"),)),
            TapList("同意吗？", (("101", "同意"), ("102", "不同意")), "点一下就行"),
            Card("我的贷款", "wx2", "pages/loan", media_id),
        ):
            await wechat.send_custom(openid, message)
        bodies = [sent["body"] for sent in await peer.sent()]
        assert [body["msgtype"] for body in bodies] == ["text", "image", "news", "msgmenu", "miniprogrampage"]
        assert bodies[3]["msgmenu"]["list"][0] == {"id": "101", "content": "同意"}
        with pytest.raises(WeChatError) as caught:
            await wechat.send_custom(openid, Text("第六条"))
        assert caught.value.action == "window_closed"


async def test_typing_is_shown_and_a_second_time_is_no_error() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.admin("push", {"account": "county", "person": "wang", "say": "在吗"})
        await wechat.typing(openid)
        await wechat.typing(openid)
        await wechat.typing(openid, on=False)
        with pytest.raises(WeChatError) as caught:
            await wechat.typing("nobody")
        assert caught.value.user_gone


async def test_a_mini_program_login_tells_who_it_is_once() -> None:
    async with platform() as peer:
        code = (await peer.admin("login_code", account="mini", person="wang"))["code"]
        wechat = peer.client(MINI)
        login = await wechat.code2session(code)
        assert login.openid
        assert login.unionid
        assert login.session_key not in repr(login)
        with pytest.raises(WeChatError) as caught:
            await wechat.code2session(code)
        assert caught.value.action == "bad_code"
        assert peer.calls("cgi-bin/stable_token") == 0, "logins need no token"


async def test_a_phone_number_is_read_and_kept_out_of_print() -> None:
    async with platform() as peer:
        await peer.admin("users", {"person": "wang", "phone": "13800000001", "meet": ["mini"]})
        code = (await peer.admin("phone_code", account="mini", person="wang"))["code"]
        phone = await peer.client(MINI).phone_number(code)
        assert (phone.number, phone.country_code) == ("13800000001", "86")
        assert "138" not in repr(phone)
        with pytest.raises(WeChatError):
            await peer.client(MINI).phone_number(code, openid="o-other")


async def test_oauth_goes_from_the_address_to_the_person() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        address = wechat.authorize_url("http://127.0.0.1:1/m?a=1&b=2", "state-1")
        assert address.endswith("#wechat_redirect")
        async with peer.session.get(
            address.partition("#")[0] + "&sim_user=wang", allow_redirects=False
        ) as answer:
            back = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert (back["state"], back["a"], back["b"]) == (["state-1"], ["1"], ["2"])
        user = await wechat.oauth_access_token(back["code"][0])
        assert (user.openid, user.scope, user.snapshot) == (openid, "snsapi_base", False)
        assert user.access_token not in repr(user)


async def test_a_virtual_visitor_is_marked() -> None:
    async with platform() as peer:
        await peer.person(snapshot=True)
        code = (await peer.admin("oauth_code", account="county", person="wang", scope="snsapi_userinfo"))[
            "code"
        ]
        assert (await peer.client().oauth_access_token(code)).snapshot


async def test_user_info_tells_followers_from_others() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(tags={"county": ["cadre"]}), peer.client()
        info = await wechat.user_info(openid)
        assert (info.following, info.openid, len(info.tag_ids)) == (True, openid, 1)
        assert info.followed_at is not None
        await peer.admin("users", {"person": "wang", "unfollow": ["county"]})
        gone = await wechat.user_info(openid)
        assert (gone.following, gone.followed_at) == (False, None)


async def test_menus_are_made_by_tag_and_taken_away() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        assert await wechat.get_menu() == {}
        await wechat.create_menu([{"type": "click", "name": "我要贷款", "key": "APPLY"}])
        tag_id = await wechat.create_tag("cadre")
        assert (await wechat.tags())["cadre"] == tag_id
        menu_id = await wechat.add_conditional_menu(
            [{"type": "click", "name": "待办", "key": "TASKS"}], tag_id
        )
        assert menu_id.isdigit()
        assert "conditionalmenu" in await wechat.get_menu()
        for take_off, key in ((False, "TASKS"), (True, "APPLY")):
            await wechat.tag_people(tag_id, [openid], take_off=take_off)
            seen = await peer.admin("menu", account="county", openid=openid)
            assert seen["button"][0]["key"] == key
        await wechat.delete_menu()
        assert await wechat.get_menu() == {}


async def test_a_refused_menu_says_why() -> None:
    async with platform() as peer:
        with pytest.raises(WeChatError) as caught:
            await peer.client().create_menu([{"type": "click", "name": "x" * 200, "key": "A"}])
        assert (caught.value.errcode, caught.value.action) == (40018, "bad_request")
        await peer.fault("cgi-bin/menu/get", "errcode", errcode=-1)
        with pytest.raises(WeChatError) as caught:
            await peer.client().get_menu()
        assert caught.value.retryable


@pytest.mark.parametrize("expire_seconds", [None, 600])
async def test_a_qr_code_brings_its_scene_back(expire_seconds: int | None) -> None:
    async with platform() as peer:
        qr = await peer.client().create_qr("v411082", expire_seconds)
        async with peer.session.get(qr.image_url) as picture:
            assert (picture.status, picture.content_type.partition("/")[0]) == (200, "image")
        pushed = await peer.admin(
            "push", {"account": "county", "person": "wang", "scan": {"ticket": qr.ticket}}
        )
        assert pushed["fields"]["EventKey"] == "qrscene_v411082"


async def test_media_comes_back_as_it_went_up() -> None:
    async with platform() as peer:
        wechat, picture = peer.client(), b"\xff\xd8\xff\xe0" + bytes(range(256)) * 5
        media = await wechat.get_media(await wechat.upload_media("image", picture, "羊.jpg", "image/jpeg"))
        assert (media.content, media.content_type) == (picture, "image/jpeg")
        assert media.file_name
        with pytest.raises(WeChatError) as caught:
            await wechat.get_media("nothing")
        assert (caught.value.errcode, caught.value.action) == (40007, "bad_request")


async def test_a_file_goes_up_whole_also_when_the_token_died() -> None:
    async with platform() as peer:
        wechat, picture = peer.client(), b"\xff\xd8\xff\xe0" + b"p" * 500
        await wechat.ready()
        await peer.move(minutes=1)
        await rival_takes_the_token(peer)
        media = await wechat.get_media(await wechat.upload_media("image", picture, "a.jpg", "image/jpeg"))
        assert media.content == picture


async def rival_takes_the_token(peer: Peer) -> None:
    """Another system of the same account asks for a new token by force: ours is dead at once."""
    body = {"grant_type": "client_credential", "appid": "wx1", "secret": "s1", "force_refresh": True}
    async with peer.session.post(f"{peer.url}/cgi-bin/stable_token", json=body) as answer:
        assert (await answer.json())["access_token"]


async def test_a_video_is_told_as_an_address() -> None:
    async with platform() as peer:
        wechat = peer.client()
        media_id = await wechat.upload_media("video", b"\0\0\0\x18ftypmp42" + b"v" * 50, "a.mp4", "video/mp4")
        media = await wechat.get_media(media_id)
        assert media.content == b""
        assert media.video_url.startswith("http")
        thumb = await wechat.upload_media("thumb", b"\xff\xd8\xff\xe0" + b"t" * 50, "t.jpg", "image/jpeg")
        assert thumb


def test_the_official_example_of_a_page_signature_comes_out() -> None:
    ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    expected = "0f9de62fce790f9a083d5c99e95740ceb90c27ed"
    for address in ("http://mp.weixin.qq.com?params=value", "http://mp.weixin.qq.com?params=value#part"):
        assert page_signature(ticket, "Wm3WZYTPz0wzccnW", "1414587457", address) == expected


async def test_a_page_is_signed_with_one_ticket_for_half_an_hour() -> None:
    async with platform() as peer:
        wechat = peer.client()
        config = await wechat.jsapi_signature("https://example.com/m#top", "nonce")
        words = (
            f"jsapi_ticket={await wechat.jsapi_ticket()}&noncestr=nonce"
            f"&timestamp={config['timestamp']}&url=https://example.com/m"
        )
        assert config["signature"] == hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()
        assert (config["appId"], config["nonceStr"]) == ("wx1", "nonce")
        assert peer.calls("cgi-bin/ticket/getticket") == 1
        await peer.move(minutes=31)
        await wechat.jsapi_ticket()
        assert peer.calls("cgi-bin/ticket/getticket") == 2


async def test_a_risky_text_is_found_and_ok_is_not_taken_for_clean() -> None:
    async with platform() as peer:
        code = (await peer.admin("login_code", account="mini", person="wang"))["code"]
        wechat = peer.client(MINI)
        openid = (await wechat.code2session(code)).openid
        assert (await wechat.msg_sec_check(openid, "想养羊")).suggest == "pass"
        risky = await wechat.msg_sec_check(openid, "教你套现")
        assert (risky.suggest, risky.label) == ("risky", 20006)
        await peer.move(hours=3)
        with pytest.raises(WeChatError) as caught:
            await wechat.msg_sec_check(openid, "想养羊")
        assert caught.value.action == "window_closed"


async def test_a_used_up_day_is_open_again_after_the_counters_were_cleared() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.admin("accounts", {"name": "county", "appid": "wx1", "quotas": {f"/{SEND_TEMPLATE}": 1}})
        await wechat.send_template(openid, "TPL-due", DATA)
        with pytest.raises(WeChatError) as caught:
            await wechat.send_template(openid, "TPL-due", DATA)
        assert caught.value.action == "quota_day"
        assert await wechat.quota_left(SEND_TEMPLATE) == 0
        await wechat.clear_quota()
        assert await wechat.quota_left(SEND_TEMPLATE) == 100_000
        await wechat.send_template(openid, "TPL-due", DATA)


async def test_people_who_left_or_refused_are_told_apart() -> None:
    """W6"""
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        outcomes = {}
        await peer.admin("users", {"person": "wang", "refuse_template": ["TPL-due"]})
        outcomes["refused"] = await refusal(wechat, openid)
        await peer.admin("users", {"person": "wang", "unfollow": ["county"]})
        outcomes["left"] = await refusal(wechat, openid)
        outcomes["unknown"] = await refusal(wechat, "o-nobody")
        assert outcomes == {
            "refused": (43101, "refused", False, False),
            "left": (43004, "not_following", True, False),
            "unknown": (40003, "bad_recipient", True, False),
        }


async def refusal(wechat: WeChat, openid: str) -> tuple[int | None, str, bool, bool]:
    with pytest.raises(WeChatError) as caught:
        await wechat.send_template(openid, "TPL-due", DATA)
    error = caught.value
    assert error.rid
    assert error.rid not in str(error)
    assert openid not in str(error)
    return error.errcode, error.action, error.user_gone, error.retryable


async def test_pictures_and_pages_of_the_real_platform_have_their_own_hosts() -> None:
    async with platform() as peer:
        wechat = WeChat(COUNTY, peer.session, WECHAT_API, peer.redis, peer.now)
        address = wechat.authorize_url("https://a.example/m", "s")
        assert address.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&")
        assert parse_qs(urlsplit(address).query)["redirect_uri"] == ["https://a.example/m"]
        await wechat.close()
