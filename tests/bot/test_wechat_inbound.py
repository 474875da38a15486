"""Pushes from WeChat: checked, decrypted, read; forged, old and broken ones named."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from wechat_pushes import (
    COUNTY,
    NOW,
    OPENID,
    STAMP,
    TO,
    as_json,
    cdata,
    envelope,
    fields,
    nodes,
    opened,
    query,
    sealed,
    xml,
)
from wechatpy.parser import parse_message

from bot.config import ConfigError
from bot.wechat.crypto import decrypt, encrypt, signature_of
from bot.wechat.inbound import Receipt, Rejected, SubscribeChange, open_push, verify_url

SAFE_VECTOR = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzaz"
    "hZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSq"
    "FIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)


def at(stamp: str) -> datetime:
    return datetime.fromtimestamp(int(stamp), UTC)


def reason_of(caught: pytest.ExceptionInfo[Rejected]) -> tuple[int, str]:
    return caught.value.status, caught.value.reason


# ---- the platform's own examples


def test_the_official_example_of_an_address_check_is_answered_with_its_echo_as_it_is() -> None:
    asked = {
        "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
        "echostr": "4375120948345356249",
        "timestamp": "1714036504",
        "nonce": "1514711492",
    }
    assert verify_url(COUNTY, asked, at("1714036504")) == "4375120948345356249"


def test_the_official_example_of_a_plain_push_is_believed() -> None:
    asked = {
        "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78",
        "timestamp": "1714037059",
        "nonce": "486452656",
    }
    body = xml(MsgType="text", Content="在吗", MsgId=1)
    assert open_push(COUNTY, asked, body, "text/xml", at("1714037059"), allow_plain=True).text == "在吗"


@pytest.mark.parametrize("outer", ["xml", "json"])
def test_the_official_example_of_a_sealed_push_is_opened(outer: str) -> None:
    asked = {
        "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
        "timestamp": "1714112445",
        "nonce": "415670741",
        "encrypt_type": "aes",
        "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
    }
    body = envelope(SAFE_VECTOR) if outer == "xml" else as_json(Encrypt=SAFE_VECTOR)
    account = replace(COUNTY, original_id="gh_97417a04a28d")
    incoming = open_push(account, asked, body, "", at("1714112445"), allow_plain=False)
    assert (incoming.event, incoming.json, incoming.encrypted) == ("debug_demo", True, True)
    assert incoming.openid == "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"
    assert incoming.raw["debug_str"] == "hello world"
    assert incoming.created_at == at("1714112445")


def test_the_official_example_of_a_sealed_reply_comes_out_byte_for_byte() -> None:
    text = encrypt(COUNTY.aes_key, b'{"demo_resp":"good luck"}', COUNTY.appid, b"707722b803182950")
    assert text == "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
    signature = signature_of(COUNTY.token, "1713424427", "415670741", text)
    assert signature == "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"


# ---- messages and events, one row each

MESSAGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"MsgType": "text", "Content": "我想借三万 ", "MsgId": 23456},
        {"kind": "text", "text": "我想借三万 ", "msg_id": "23456"},
    ),
    (
        {"MsgType": "text", "Content": "同意", "bizmsgmenuid": "101", "MsgId": 9223372036854775807},
        {"menu_id": "101", "text": "同意", "msg_id": "9223372036854775807"},
    ),
    (
        {"MsgType": "image", "PicUrl": "http://mmbiz.qpic.cn/x", "MediaId": "m-1", "MsgId": 2},
        {"kind": "image", "media_id": "m-1", "pic_url": "http://mmbiz.qpic.cn/x"},
    ),
    (
        {"MsgType": "voice", "MediaId": "m-2", "Format": "amr", "Recognition": "三万五。", "MsgId": 3},
        {"kind": "voice", "media_id": "m-2", "format": "amr", "text": "三万五。"},
    ),
    ({"MsgType": "voice", "MediaId": "m-2", "Format": "amr", "MsgId": 3}, {"kind": "voice", "text": ""}),
    (
        {"MsgType": "video", "MediaId": "m-3", "ThumbMediaId": "t-3", "MsgId": 4},
        {"kind": "video", "media_id": "m-3", "thumb_media_id": "t-3"},
    ),
    ({"MsgType": "shortvideo", "MediaId": "m-4", "ThumbMediaId": "t", "MsgId": 5}, {"kind": "shortvideo"}),
    (
        {
            "MsgType": "location",
            "Location_X": "34.134521",
            "Location_Y": "113.358803",
            "Scale": "20",
            "Label": "石固镇",
            "MsgId": 6,
        },
        {"kind": "location", "latitude": 34.134521, "longitude": 113.358803, "label": "石固镇"},
    ),
    (
        {"MsgType": "location", "Location_X": "91", "Location_Y": "1e5", "MsgId": 6},
        {"kind": "location", "latitude": None, "longitude": None},
    ),
    (
        {
            "MsgType": "link",
            "Title": "羊价",
            "Description": "",
            "Url": "https://example.com/a?b=1&c=2",
            "MsgId": 7,
        },
        {"kind": "link", "title": "羊价", "url": "https://example.com/a?b=1&c=2"},
    ),
    ({"MsgType": "hologram", "MsgId": 8}, {"kind": "unknown", "event": ""}),
    (
        {"MsgType": "event", "Event": "subscribe", "EventKey": ""},
        {"kind": "event", "event": "subscribe", "scene": ""},
    ),
    (
        {"MsgType": "event", "Event": "subscribe", "EventKey": "qrscene_v411082", "Ticket": "T"},
        {"event": "subscribe", "scene": "v411082", "ticket": "T", "event_key": "qrscene_v411082"},
    ),
    ({"MsgType": "event", "Event": "unsubscribe"}, {"event": "unsubscribe"}),
    (
        {"MsgType": "event", "Event": "SCAN", "EventKey": "v123", "Ticket": "T"},
        {"event": "scan", "scene": "v123", "ticket": "T"},
    ),
    (
        {
            "MsgType": "event",
            "Event": "LOCATION",
            "Latitude": "23.137466",
            "Longitude": "-113.352425",
            "Precision": "119.385040",
        },
        {"event": "location", "latitude": 23.137466, "longitude": -113.352425},
    ),
    (
        {"MsgType": "event", "Event": "CLICK", "EventKey": "MY_LOANS"},
        {"event": "click", "text": "MY_LOANS", "event_key": "MY_LOANS"},
    ),
    ({"MsgType": "event", "Event": "click", "EventKey": "A"}, {"event": "click", "text": "A"}),
    (
        {"MsgType": "event", "Event": "VIEW", "EventKey": "https://example.com/m", "MenuId": "12"},
        {"event": "view", "url": "https://example.com/m", "text": ""},
    ),
    (
        {"MsgType": "event", "Event": "view_miniprogram", "EventKey": "pages/home", "MenuId": "12"},
        {"event": "view_miniprogram", "event_key": "pages/home"},
    ),
    *(
        (
            {
                "MsgType": "event",
                "Event": event,
                "EventKey": "K",
                "ScanCodeInfo": {"ScanType": "qrcode", "ScanResult": "411082"},
            },
            {"event": event, "text": "411082", "event_key": "K"},
        )
        for event in ("scancode_push", "scancode_waitmsg")
    ),
    *(
        (
            {
                "MsgType": "event",
                "Event": event,
                "EventKey": "K",
                "SendPicsInfo": {"Count": 2, "PicList": {"item": [{"PicMd5Sum": "a"}, {"PicMd5Sum": "b"}]}},
            },
            {"event": event, "event_key": "K"},
        )
        for event in ("pic_sysphoto", "pic_photo_or_album", "pic_weixin")
    ),
    (
        {
            "MsgType": "event",
            "Event": "location_select",
            "EventKey": "K",
            "SendLocationInfo": {
                "Location_X": "23",
                "Location_Y": "113.5",
                "Scale": "15",
                "Label": "村口",
                "Poiname": "",
            },
        },
        {"event": "location_select", "latitude": 23.0, "longitude": 113.5, "label": "村口"},
    ),
    (
        {
            "MsgType": "event",
            "Event": "wxa_media_check",
            "trace_id": "t-9",
            "result": {"suggest": "risky", "label": 20002},
        },
        {"event": "wxa_media_check", "trace_id": "t-9"},
    ),
    (
        {
            "MsgType": "event",
            "Event": "user_authorization_revoke",
            "OpenID": "oTHE_PERSON",
            "RevokeInfo": "301",
        },
        {"event": "user_authorization_revoke", "openid": "oTHE_PERSON"},
    ),
    ({"MsgType": "event", "Event": "user_info_modified", "OpenID": "oTHE_PERSON"}, {"openid": "oTHE_PERSON"}),
    (
        {"MsgType": "event", "Event": "user_enter_tempsession", "SessionFrom": "x"},
        {"event": "user_enter_tempsession"},
    ),
]


@pytest.mark.parametrize("make", [xml, as_json], ids=["xml", "json"])
@pytest.mark.parametrize(
    ("sent", "expected"), MESSAGES, ids=lambda v: str(v.get("Event") or v.get("MsgType") or "")
)
def test_every_kind_of_message_and_event_is_read(
    make: Any, sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    incoming = opened(make(**sent))
    assert {name: getattr(incoming, name) for name in expected} == expected
    assert (incoming.account, incoming.to, incoming.json) == ("county", TO, make is as_json)
    assert incoming.created_at == at(str(int(STAMP) - 3))
    assert len(incoming.dedupe_key) == 20


@pytest.mark.parametrize(
    ("event", "written", "status"),
    [
        ("TEMPLATESENDJOBFINISH", "success", "success"),
        ("TEMPLATESENDJOBFINISH", "failed:user block", "user_block"),
        ("TEMPLATESENDJOBFINISH", "failed: system failed", "system_failed"),
        ("TEMPLATESENDJOBFINISH", "failed:system failed", "system_failed"),
        ("TEMPLATESENDJOBFINISH", "Failed :  freq  limit", "freq_limit"),
        ("TEMPLATESENDJOBFINISH", "failed:something new", "failed"),
        ("MASSSENDJOBFINISH", "send success", "success"),
        ("MASSSENDJOBFINISH", "err(10001)", "failed"),
    ],
)
def test_a_receipt_has_one_of_five_results_however_it_is_written(
    event: str, written: str, status: str
) -> None:
    incoming = opened(xml(MsgType="event", Event=event, MsgID=200163836, Status=written))
    assert incoming.receipt == Receipt("200163836", status, " ".join(written.lower().split()))


POPUP = {"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "1"}
SENT = {"TemplateId": "T2", "MsgID": "1700827132819554304", "ErrorCode": "0", "ErrorStatus": "success"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            xml(
                MsgType="event",
                Event="subscribe_msg_popup_event",
                SubscribeMsgPopupEvent={"List": [POPUP] * 3},
            ),
            (SubscribeChange("T1", "accept", popup_scene="1"),) * 3,
        ),
        (
            xml(MsgType="event", Event="subscribe_msg_popup_event", SubscribeMsgPopupEvent={"List": POPUP}),
            (SubscribeChange("T1", "accept", popup_scene="1"),),
        ),
        (
            as_json(MsgType="event", Event="subscribe_msg_popup_event", List=POPUP),
            (SubscribeChange("T1", "accept", popup_scene="1"),),
        ),
        (
            as_json(
                MsgType="event",
                Event="subscribe_msg_popup_event",
                List=[POPUP, POPUP | {"SubscribeStatusString": "reject"}],
            ),
            (
                SubscribeChange("T1", "accept", popup_scene="1"),
                SubscribeChange("T1", "reject", popup_scene="1"),
            ),
        ),
        (
            xml(
                MsgType="event",
                Event="subscribe_msg_change_event",
                SubscribeMsgChangeEvent={"List": {"TemplateId": "T3", "SubscribeStatusString": "reject"}},
            ),
            (SubscribeChange("T3", "reject"),),
        ),
        (
            xml(MsgType="event", Event="subscribe_msg_sent_event", SubscribeMsgSentEvent={"List": SENT}),
            (SubscribeChange("T2", "success", "1700827132819554304", "0"),),
        ),
        (
            as_json(MsgType="event", Event="subscribe_msg_sent_event", List=[SENT | {"ErrorCode": 43101}]),
            (SubscribeChange("T2", "failed", "1700827132819554304", "43101"),),
        ),
        (xml(MsgType="event", Event="subscribe_msg_popup_event"), ()),
    ],
)
def test_subscribe_events_are_a_list_whether_one_line_or_many_came(
    body: bytes, expected: tuple[SubscribeChange, ...]
) -> None:
    assert opened(body).subscriptions == expected


# ---- the key that tells repeats from news


def key_of(**more: Any) -> bytes:
    return opened(xml(**more)).dedupe_key


def test_the_same_message_has_the_same_key_whatever_mode_it_comes_in() -> None:
    message = xml(MsgType="text", Content="在吗", MsgId=77)
    asked, text = sealed(message)
    safe = open_push(COUNTY, asked, envelope(text), "text/xml", NOW, allow_plain=False)
    assert safe.dedupe_key == opened(message).dedupe_key
    assert safe.dedupe_key == key_of(MsgType="text", Content="a forged other text", MsgId=77)


def test_two_people_or_two_accounts_with_one_msg_id_are_two_messages() -> None:
    base = xml(MsgType="text", Content="1", MsgId=77)
    keys = {
        opened(base).dedupe_key,
        opened(base.replace(OPENID.encode(), b"oSomebodyElse")).dedupe_key,
        opened(base, replace(COUNTY, appid="wxother")).dedupe_key,
    }
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Event": "CLICK", "EventKey": "A"}, {"Event": "CLICK", "EventKey": "B"}),
        ({"Event": "CLICK", "EventKey": "A"}, {"Event": "VIEW", "EventKey": "A"}),
        (
            {"Event": "TEMPLATESENDJOBFINISH", "MsgID": 1, "Status": "success"},
            {"Event": "TEMPLATESENDJOBFINISH", "MsgID": 2, "Status": "success"},
        ),
        ({"Event": "wxa_media_check", "trace_id": "a"}, {"Event": "wxa_media_check", "trace_id": "b"}),
        ({"Event": "user_info_modified", "OpenID": "a"}, {"Event": "user_info_modified", "OpenID": "b"}),
        (
            {"Event": "subscribe_msg_popup_event", "SubscribeMsgPopupEvent": {"List": POPUP}},
            {
                "Event": "subscribe_msg_popup_event",
                "SubscribeMsgPopupEvent": {"List": POPUP | {"TemplateId": "T9"}},
            },
        ),
    ],
)
def test_different_events_of_one_second_have_different_keys(one: Any, other: Any) -> None:
    assert key_of(MsgType="event", **one) != key_of(MsgType="event", **other)
    assert key_of(MsgType="event", **one) == key_of(MsgType="event", **one)


def test_messages_without_an_id_are_told_apart_by_what_they_say() -> None:
    assert key_of(MsgType="text", Content="a") != key_of(MsgType="text", Content="b")


# ---- what is refused


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signature": "0" * 40}, "signature"),
        ({"signature": "X" * 40}, "query"),
        ({"signature": ""}, "query"),
        ({"timestamp": "17140370590"}, "query"),
        ({"timestamp": "１７１４０３７０５９"}, "query"),
        ({"nonce": ""}, "query"),
        ({"nonce": "a-b"}, "query"),
        ({"nonce": "1" * 33}, "query"),
        ({"encrypt_type": "des"}, "query"),
        ({"encrypt_type": "aes"}, "query"),
    ],
)
def test_a_wrong_query_is_refused(change: dict[str, str], reason: str) -> None:
    body = (
        envelope("QUJD") if change.get("encrypt_type") == "aes" else xml(MsgType="text", Content="1", MsgId=1)
    )
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, query() | change, body, "text/xml", NOW, allow_plain=True)
    assert reason_of(caught) == (403, reason)
    assert caught.value.body == b""


def test_a_parameter_given_twice_is_refused() -> None:
    asked = MultiDict(query())
    asked.add("nonce", "2")
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, asked, xml(MsgType="text", Content="1", MsgId=1), "", NOW, allow_plain=True)
    assert reason_of(caught) == (403, "query")


def test_moving_digits_between_time_and_nonce_does_not_make_a_second_valid_request() -> None:
    """F6: the parts are joined without a border, so one signature fits several splits."""
    asked = query(nonce="5" + "123456")
    moved = asked | {"timestamp": asked["timestamp"][1:] + "5", "nonce": "123456"}
    for forged in (moved, asked | {"timestamp": asked["timestamp"] + "5", "nonce": "123456"}):
        with pytest.raises(Rejected):
            open_push(COUNTY, forged, xml(MsgType="text", MsgId=1), "", NOW, allow_plain=True)


@pytest.mark.parametrize(
    ("minutes", "reason"), [(10, ""), (10.1, "too_old"), (1440, "too_old"), (-5, ""), (-5.1, "too_new")]
)
def test_a_push_older_than_ten_minutes_or_from_the_future_is_refused(minutes: float, reason: str) -> None:
    body, now = xml(MsgType="text", Content="1", MsgId=1), NOW + timedelta(minutes=minutes)
    if not reason:
        assert open_push(COUNTY, query(), body, "", now, allow_plain=True).text == "1"
        return
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, query(), body, "", now, allow_plain=True)
    assert reason_of(caught) == (403, reason)


def test_the_age_allowed_is_a_parameter() -> None:
    with pytest.raises(Rejected, match="too_old"):
        opened(
            xml(MsgType="text", Content="1", MsgId=1),
            max_age=timedelta(seconds=-1),
            max_ahead=timedelta(hours=1),
        )


def test_plain_pushes_are_refused_where_they_are_not_allowed() -> None:
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, query(), xml(MsgType="text", Content="1", MsgId=1), "", NOW, allow_plain=False)
    assert reason_of(caught) == (403, "plain_refused")


def test_a_body_over_64_kb_is_refused_before_it_is_read() -> None:
    with pytest.raises(Rejected) as caught:
        opened(b"<" * (64 * 1024 + 1))
    assert reason_of(caught) == (413, "too_large")


@pytest.mark.parametrize("asked", [{"echostr": ""}, {"echostr": "<script>"}, {"signature": "0" * 40}, {}])
def test_an_address_check_that_is_forged_or_echoes_markup_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        verify_url(COUNTY, query() | asked, NOW)


def test_a_wrong_key_in_the_accounts_file_is_named_and_not_taken_for_a_forged_push() -> None:
    with pytest.raises(ConfigError, match="aes_key"):
        decrypt("!" * 43, "A" * 43 + "=")


# ---- safe and compatible mode


def test_in_safe_mode_the_signature_without_the_message_signature_is_not_enough() -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1))
    del asked["msg_signature"]
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=True)
    assert reason_of(caught) == (403, "query")


def test_a_changed_ciphertext_is_refused() -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1))
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, asked, envelope("A" + text[1:]), "", NOW, allow_plain=True)
    assert reason_of(caught) == (403, "signature")


def test_in_compatible_mode_only_the_sealed_part_is_believed() -> None:
    asked, text = sealed(xml(MsgType="text", Content="真的", MsgId=1))
    body = envelope(text, FromUserName="oForged", MsgType="text", Content="假的")
    incoming = open_push(COUNTY, asked, body, "text/xml", NOW, allow_plain=False)
    assert (incoming.openid, incoming.text, incoming.encrypted) == (OPENID, "真的", True)


def test_the_previous_key_still_opens_pushes() -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1), key="B" * 43)
    assert open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=False).previous_key
    with pytest.raises(Rejected) as caught:
        open_push(replace(COUNTY, previous_aes_key=""), asked, envelope(text), "", NOW, allow_plain=False)
    assert reason_of(caught) == (403, "sealed_with_another_key")


def test_a_push_sealed_for_another_app_is_refused() -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1), appid="wx0000000000000000")
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=False)
    assert reason_of(caught) == (403, "wrong_app")


@pytest.mark.parametrize(
    "body", [b"", b"<xml><ToUserName>x</ToUserName></xml>", b"<xml>", b"{}", b"\xff\xfe"]
)
def test_a_push_that_says_sealed_and_is_not_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, query(encrypt_type="aes"), body, "", NOW, allow_plain=True)
    assert reason_of(caught) == (403, "not_sealed")


def test_an_envelope_with_blanks_between_its_parts_is_opened_too() -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1))
    body = f"<xml>\n <ToUserName>{TO}</ToUserName>\n <Encrypt> {text} </Encrypt>\n</xml>\n".encode()
    assert open_push(COUNTY, asked, body, "", NOW, allow_plain=False).text == "1"


@pytest.mark.parametrize(
    "text",
    [
        "QUJD",  # no whole block
        "AA==" * 11,  # base64 that goes on after its end
        "A" * 43 + "=",  # one block of noise
        "é",
    ],
)
def test_signed_rubbish_is_no_message(text: str) -> None:
    assert decrypt(COUNTY.aes_key, text) is None


def test_padding_and_length_inside_the_seal_are_checked() -> None:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    def seal(clear: bytes) -> str:
        import base64

        key = base64.b64decode("A" * 43 + "=")
        sealer = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        return base64.b64encode(sealer.update(clear) + sealer.finalize()).decode()

    good = b"r" * 16 + (3).to_bytes(4, "big") + b"abc" + b"wxapp"
    assert decrypt(COUNTY.aes_key, seal(good + bytes([4]) * 4)) == (b"abc", b"wxapp")
    assert decrypt(COUNTY.aes_key, seal(good + bytes([4]) * 3 + b"\x05")) is None
    assert decrypt(COUNTY.aes_key, seal(good + b"\0" * 4)) is None
    assert decrypt(COUNTY.aes_key, seal(good + bytes([36]) * 36)) is None
    assert (
        decrypt(COUNTY.aes_key, seal(b"r" * 16 + (300).to_bytes(4, "big") + b"a" * 8 + bytes([4]) * 4))
        is None
    )


# ---- malformed: answered with success and counted


def broken(name: str, **change: Any) -> bytes:
    made = fields(MsgType="text", Content="1", MsgId=1) | change
    if name:
        del made[name]
    return f"<xml>{nodes(made)}</xml>".encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"hello", "format"),
        (b"<xml>", "format"),
        (b"<html><body/></html>", "format"),
        (b"<xml/>", "format"),
        (b"<xml>words</xml>", "format"),
        (b"{", "format"),
        (b"{}", "no_type"),
        (b'{"MsgType": "text", "msgtype": "event"}', "twice"),
        (b'{"MsgType": ["text"]}', "field_type"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
        (b"<xml>" + b"<a>" * 20 + b"</a>" * 20 + b"</xml>", "too_deep"),
        (b'<!DOCTYPE xml [<!ENTITY a "b">]><xml><MsgType>&a;</MsgType></xml>', "declaration"),
        (b'<!DOCTYPE xml SYSTEM "http://127.0.0.1/x"><xml/>', "declaration"),
        (b"<xml><!-- --><MsgType>text</MsgType></xml>", "declaration"),
        (b"<xml><MsgType>&unknown;</MsgType></xml>", "format"),
        (b"<xml><MsgType>&#1;</MsgType></xml>", "format"),
        (broken("MsgType"), "no_type"),
        (broken("FromUserName"), "no_sender"),
        (broken("ToUserName"), "no_receiver"),
        (broken("CreateTime"), "no_time"),
        (broken("", CreateTime="yesterday"), "no_time"),
        (broken("", MsgId="1 OR 1=1"), "msg_id"),
        (broken("", FromUserName=["oA", "oB"]), "field_type"),
        (broken("", FromUserName="o]]>x"), "field_type"),
        (broken("", Content={"a": "b"}), "field_type"),
        (broken("", MsgType="event"), "no_event"),
        (broken("", MsgType="event", Event={"x": "y"}), "field_type"),
        (broken("", MsgType="event", Event="location_select", SendLocationInfo="x"), "field_type"),
        (broken("", MsgType="event", Event="subscribe_msg_sent_event", List="x"), "field_type"),
    ],
)
def test_a_signed_but_broken_push_is_named_and_answered_with_success(body: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        opened(body)
    assert reason_of(caught) == (200, reason)
    assert caught.value.body == b"success"


def test_a_push_for_another_account_is_refused() -> None:
    body = xml(MsgType="text", Content="1", MsgId=1).replace(TO.encode(), b"gh_other")
    with pytest.raises(Rejected) as caught:
        opened(body)
    assert reason_of(caught) == (403, "wrong_account")
    assert opened(body, replace(COUNTY, original_id="")).to == "gh_other"


def test_another_charset_is_not_guessed_at() -> None:
    body = xml(MsgType="text", Content="1", MsgId=1)
    for kind in (
        "text/xml",
        "text/xml; charset=utf-8",
        "text/xml;charset=UTF8",
        "application/octet-stream",
        "",
    ):
        assert open_push(COUNTY, query(), body, kind, NOW, allow_plain=True).text == "1"
    with pytest.raises(Rejected) as caught:
        open_push(COUNTY, query(), body, "text/xml; charset=gbk", NOW, allow_plain=True)
    assert reason_of(caught) == (200, "charset")


# ---- what people type


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a\x1db\x00c", "abc"),
        ("行\t1\n行2", "行\t1\n行2"),
        ("<!DOCTYPE html> & <b>", "<!DOCTYPE html> & <b>"),
        ("a]]>b", "a]]>b"),
        ("羊🐑👨‍👩‍👧", "羊🐑👨‍👩‍👧"),
    ],
)
def test_control_characters_are_dropped_and_everything_else_is_kept(typed: str, read: str) -> None:
    body = f"<xml>{nodes(fields(MsgType='text', MsgId=1))}<Content>{cdata(typed)}</Content></xml>".encode()
    assert opened(body).text == read
    assert opened(as_json(MsgType="text", Content=typed, MsgId=1)).text == read


def test_a_byte_order_mark_an_xml_line_and_broken_utf8_do_no_harm() -> None:
    body = xml(MsgType="text", Content="羊", MsgId=1)
    assert opened(b"\xef\xbb\xbf" + body).text == "羊"
    assert opened(b'<?xml version="1.0" encoding="GBK"?>\n' + body).text == "羊"
    assert opened(body.replace("羊".encode(), b"\xe7\xbe")).text == "\N{REPLACEMENT CHARACTER}"


def test_json_leaves_of_other_types_become_text() -> None:
    body = as_json(
        MsgType="location",
        MsgId=5,
        Location_X=34.5,
        Location_Y=113,
        Label=None,
        extra=True,
        more=[False, {"A": 1}],
    )
    incoming = opened(body)
    assert (incoming.latitude, incoming.longitude, incoming.label) == (34.5, 113.0, "")
    assert (incoming.raw["extra"], incoming.raw["more"]) == ("true", ["false", {"a": "1"}])


def test_what_a_person_said_and_where_is_not_in_the_printed_value() -> None:
    incoming = opened(xml(MsgType="text", Content="身份证411082199001011234", MsgId=1))
    assert "411082" not in repr(incoming)


# ---- for any input

TYPED = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp"), exclude_characters="\ufffe\uffff"),
    max_size=300,
)


def test_signs_that_turn_what_stands_beside_them_do_not_come_in() -> None:
    """S18.8: a message reads as it is stored; what joins an emoji stays."""
    typed = "张\u202e守田\u200b\u2066 👨\u200d🌾\u2028"
    for message in (
        xml(MsgType="text", Content=typed, MsgId=1),
        as_json(MsgType="text", Content=typed, MsgId=1),
    ):
        assert opened(message).text == "张守田 👨\u200d🌾"


@settings(deadline=None)  # the machine may be busy
@given(TYPED)
def test_any_text_survives_the_way_in(typed: str) -> None:
    message = xml(MsgType="text", Content=typed, MsgId=1)
    asked, text = sealed(message)
    for incoming in (
        opened(message),
        open_push(COUNTY, asked, envelope(text), "text/xml", NOW, allow_plain=False),
        opened(as_json(MsgType="text", Content=typed, MsgId=1)),
    ):
        assert incoming.text == typed


@settings(deadline=None)  # the machine may be busy
@given(
    TYPED,
    st.sampled_from([sent for sent, _ in MESSAGES if sent["MsgType"] != "hologram"]),
    st.integers(1, 2**63),
)
def test_wechatpys_parser_and_ours_agree(typed: str, sent: dict[str, Any], msg_id: int) -> None:
    made = dict(sent)
    if "Content" in made:
        made["Content"] = typed
    if "MsgId" in made:
        made["MsgId"] = msg_id
    body = xml(**made)
    ours, theirs = opened(body), parse_message(body)
    named = {"user_authorization_revoke", "user_info_modified"}
    assert ours.event in named or ours.openid == theirs.source
    assert (ours.to, ours.created_at) == (theirs.target, theirs.create_time.astimezone(UTC))
    assert (ours.msg_id or "0") == str(theirs.id)
    for here, there in (
        *(("text", "content"), ("text", "recognition"), ("media_id", "media_id"), ("pic_url", "image")),
        *(
            ("thumb_media_id", "thumb_media_id"),
            ("scene", "scene_id"),
            ("ticket", "ticket"),
            ("event_key", "key"),
        ),
        *(("text", "scan_result"), ("url", "url"), ("title", "title"), ("format", "format")),
    ):
        if theirs.type not in ("unknown",) and hasattr(theirs, there):
            assert getattr(ours, here).strip() == (getattr(theirs, there) or "").strip(), (here, there)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=400))
def test_no_bytes_cause_anything_but_rejected(body: bytes) -> None:
    for wrapped in (body, b"<xml>" + body + b"</xml>", b'{"MsgType":' + body + b"}"):
        with pytest.raises(Rejected):
            opened(wrapped)
        with pytest.raises(Rejected):
            open_push(COUNTY, query(encrypt_type="aes"), wrapped, "", NOW, allow_plain=True)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=200), st.sampled_from(["A" * 43, "B" * 43]))
def test_no_signed_ciphertext_causes_anything_but_rejected(message: bytes, key: str) -> None:
    asked, text = sealed(message, key=key)
    with pytest.raises(Rejected):
        open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=False)


@settings(deadline=None)  # the machine may be busy
@given(
    st.text(max_size=200),
    st.dictionaries(st.sampled_from([*query(), "encrypt_type", "echostr"]), st.text(max_size=50)),
)
def test_no_query_causes_anything_but_rejected(text: str, asked: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        open_push(COUNTY, asked, text.encode(errors="ignore"), text, NOW, allow_plain=True)
    with pytest.raises(Rejected):
        verify_url(COUNTY, asked, NOW)


LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=9)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(deadline=None)  # the machine may be busy
@given(
    st.dictionaries(st.sampled_from([*fields(), "MsgType", "Event", "List", "MsgID", "Status", "x"]), VALUES)
)
def test_no_json_fields_cause_anything_but_rejected_or_a_value(more: dict[str, Any]) -> None:
    with contextlib.suppress(Rejected):
        incoming = opened(as_json(**{"MsgType": "event", "Event": "subscribe_msg_popup_event"} | more))
        assert isinstance(incoming.text, str)
        assert all(isinstance(line.template_id, str) for line in incoming.subscriptions)
