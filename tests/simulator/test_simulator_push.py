"""Pushes: three modes, tries, MarkFail, what answers are taken, what the person sees."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from aiohttp import web
from simulator_kit import KEY, Backend, Sim, Start, mini, service, text_reply
from wechatpy.crypto import WeChatCrypto

from simulator import SimulatorConfig
from simulator.chat import UNAVAILABLE
from simulator.crypto import decrypt, signature
from simulator.wire import WireError, from_xml, to_xml


async def pushing_in(start: Start, backend: Backend, mode: str, **switches: Any) -> Sim:
    account = service(push_url=backend.url, push_mode=mode)
    sim = await start(SimulatorConfig(accounts=[account], switches={"push_timeout_seconds": 0.2, **switches}))
    await sim.person()
    return sim


def encrypted(reply: str) -> str:
    return str(WeChatCrypto("push-token", KEY, "wx-service").encrypt_message(reply, "n1", "1700000000"))


async def hang(_fields: dict[str, Any]) -> web.Response:
    await asyncio.sleep(5)
    return web.Response(text="success")


async def test_plain_mode_is_signed_and_answered_in_the_clear(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person()
    backend.answer = lambda fields: web.Response(text=text_reply(fields, "您想贷多少钱？"))
    answer = await pushing.push(say="我要贷款")
    query = backend.queries[0]
    assert query["signature"] == signature("push-token", query["timestamp"], query["nonce"])
    assert query["openid"] == openid
    assert "encrypt_type" not in query
    assert {k: backend.got[0][k] for k in ("ToUserName", "FromUserName", "MsgType", "Content")} == {
        "ToUserName": "gh_county", "FromUserName": openid, "MsgType": "text", "Content": "我要贷款",
    }  # fmt: skip
    assert backend.got[0]["MsgId"].isdigit()
    assert (answer["result"], answer["tries"]) == ("replied", 1)
    assert answer["reply"] == {"type": "text", "text": "您想贷多少钱？"}
    shown = [(e["from"], e["via"], e["text"]) for e in (await pushing.chat(openid))[1:]]
    assert shown == [("user", "message", "我要贷款"), ("account", "reply", "您想贷多少钱？")]


async def test_safe_mode_can_be_read_by_another_library_and_wants_an_encrypted_reply(
    start: Start, backend: Backend
) -> None:
    sim = await pushing_in(start, backend, "safe")
    backend.answer = lambda fields: web.Response(text=encrypted(text_reply(fields, "好的")))
    answer = await sim.push(say="我要贷款")
    assert backend.got[0]["Content"] == "我要贷款"
    assert set(from_xml(backend.bodies[0])) == {"ToUserName", "Encrypt"}
    assert backend.queries[0]["encrypt_type"] == "aes"
    assert (answer["result"], answer["reply"]["text"]) == ("replied", "好的")
    assert "<Encrypt>" in answer["raw"]
    assert "好的" in answer["clear"]
    backend.answer = lambda fields: web.Response(text=text_reply(fields, "好的"))
    assert (await sim.push(say="再来"))["error"] == "safe mode wants an encrypted reply"
    backend.answer = lambda _fields: web.Response(text="success")
    assert (await sim.push(say="再来"))["result"] == "accepted"


async def test_a_reply_with_a_wrong_signature_or_key_is_not_taken(start: Start, backend: Backend) -> None:
    sim = await pushing_in(start, backend, "safe")
    backend.answer = lambda fields: web.Response(
        text=encrypted(text_reply(fields, "好的")).replace("1700000000", "1700000001")
    )
    assert (await sim.push(say="1"))["error"] == "MsgSignature of the reply is wrong"
    other = WeChatCrypto("push-token", KEY, "wx-other")
    backend.answer = lambda fields: web.Response(
        text=other.encrypt_message(text_reply(fields, "好的"), "n", "1")
    )
    assert (await sim.push(say="2"))["error"] == "meant for another appid"


@pytest.mark.parametrize("clear", [True, False])
async def test_compatible_mode_has_both_and_takes_both(start: Start, backend: Backend, clear: bool) -> None:
    sim = await pushing_in(start, backend, "compatible")

    def answer(fields: dict[str, Any]) -> web.Response:
        reply = text_reply(fields, "好的")
        return web.Response(text=reply if clear else encrypted(reply))

    backend.answer = answer
    pushed = await sim.push(say="我要贷款")
    fields = from_xml(backend.bodies[0])
    assert fields["Content"] == "我要贷款"
    assert from_xml(decrypt(KEY, "wx-service", fields["Encrypt"]))["Content"] == "我要贷款"
    assert pushed["reply"]["text"] == "好的"


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
async def test_a_mini_program_can_be_pushed_json(start: Start, backend: Backend, mode: str) -> None:
    account = mini(push_url=backend.url, push_mode=mode, push_format="json")
    sim = await start(SimulatorConfig(accounts=[account]))
    openid = await sim.person("wang", "mini")
    answer = await sim.push("wang", "mini", say="你好")
    assert answer["result"] == "accepted"
    body = json.loads(backend.bodies[0])
    if mode != "plain":
        query, text = backend.queries[0], body["Encrypt"]
        assert query["msg_signature"] == signature("push-token", query["timestamp"], query["nonce"], text)
        assert ("Content" in body) == (mode == "compatible")
        body = json.loads(decrypt(KEY, "wx-mini", text))
    assert (body["FromUserName"], body["Content"], type(body["MsgId"])) == (openid, "你好", int)


async def test_lists_in_json_events_have_the_shape_of_their_switch(start: Start, backend: Backend) -> None:
    account = mini(push_url=backend.url, push_mode="plain", push_format="json")
    sim = await start(SimulatorConfig(accounts=[account]))
    row = {"account": "mini", "person": "wang"}
    await sim.post("/admin/popup", {**row, "accept": ["SUB-1"]})
    await sim.post("/admin/popup", {**row, "accept": ["SUB-1", "SUB-2"]})
    await sim.switch(json_lists="official")
    await sim.post("/admin/popup", {**row, "accept": ["SUB-1"]})
    single, several, official = (json.loads(body) for body in backend.bodies)
    assert single["List"]["TemplateId"] == "SUB-1"
    assert [r["TemplateId"] for r in several["List"]] == ["SUB-1", "SUB-2"]
    assert official["SubscribeMsgPopupEvent"]["List"][0]["TemplateId"] == "SUB-1"


@pytest.mark.parametrize("reply", ["{", '{"demo_resp":"good luck"}', "[1]"])
async def test_replies_of_a_mini_program(start: Start, backend: Backend, reply: str) -> None:
    sim = await start(
        SimulatorConfig(accounts=[mini(push_url=backend.url, push_mode="plain", push_format="json")])
    )
    backend.answer = lambda _fields: web.Response(text=reply)
    answer = await sim.push("wang", "mini", say="你好")
    assert answer["result"] == ("accepted" if reply.startswith('{"') else "unavailable")


async def test_silence_is_tried_three_times_then_the_person_is_told(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person()
    backend.answer = hang
    begun = time.monotonic()
    answer = await pushing.push(say="在吗")
    assert 0.55 < time.monotonic() - begun < 2
    assert (answer["result"], answer["tries"], answer["error"]) == ("unavailable", 3, "timeout")
    assert len(set(backend.bodies)) == 1
    assert len({query["nonce"] for query in backend.queries}) == 1
    last = (await pushing.chat(openid))[-1]
    assert (last["from"], last["type"], last["text"]) == ("system", "notice", UNAVAILABLE)


async def test_a_retry_can_have_a_new_nonce_and_the_second_answer_counts(
    pushing: Sim, backend: Backend
) -> None:
    await pushing.person()
    await pushing.switch(push_retry_renews=True)

    async def second(fields: dict[str, Any]) -> web.Response:
        if len(backend.got) == 1:
            return await hang(fields)
        return web.Response(text=text_reply(fields, "好的"))

    backend.answer = second
    answer = await pushing.push(say="在吗")
    assert (answer["result"], answer["tries"]) == ("replied", 2)
    assert [attempt["error"] for attempt in answer["attempts"]] == ["timeout", None]
    assert backend.queries[0]["nonce"] != backend.queries[1]["nonce"]
    assert backend.got[0]["MsgId"] == backend.got[1]["MsgId"]


BAD_ANSWERS = [
    '"success"',
    "\ufeffsuccess",
    "<html><body>502</body></html>",
    "{}",
    "<xml></xml>",
    "<xml><a>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]><xml><a>&a;</a></xml>",
]


@pytest.mark.parametrize("text", BAD_ANSWERS)
async def test_an_answer_that_is_no_reply(pushing: Sim, backend: Backend, text: str) -> None:
    openid = await pushing.person()
    backend.answer = lambda _fields: web.Response(text=text)
    answer = await pushing.push(say="在吗")
    assert (answer["result"], answer["tries"], answer["raw"]) == ("unavailable", 1, text)
    assert (await pushing.chat(openid))[-1]["text"] == UNAVAILABLE


async def test_a_status_other_than_200_and_broken_bytes_are_no_reply(pushing: Sim, backend: Backend) -> None:
    await pushing.person()
    backend.answer = lambda _fields: web.Response(text="success", status=500)
    assert (await pushing.push(say="在吗"))["error"] == "HTTP status 500"
    backend.answer = lambda _fields: web.Response(body=b"\xff\xfe")
    assert (await pushing.push(say="在吗"))["error"] == "not UTF-8"
    await pushing.switch(push_retry_bad_answer=True)
    assert (await pushing.push(say="在吗"))["tries"] == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<ToUserName><![CDATA[o", "<ToUserName><![CDATA[x"),
        ("<CreateTime>1700000000</CreateTime>", ""),
        ("<MsgType><![CDATA[text]]>", "<MsgType><![CDATA[poem]]>"),
        ("<Content><![CDATA[好的]]></Content>", ""),
        ("<Content>", "<Content>1</Content><Content>"),
        ("gh_county", "gh_other"),
    ],
)
async def test_a_reply_with_a_wrong_part(pushing: Sim, backend: Backend, old: str, new: str) -> None:
    await pushing.person()
    backend.answer = lambda fields: web.Response(text=text_reply(fields, "好的").replace(old, new))
    assert (await pushing.push(say="在吗"))["result"] == "unavailable"


@pytest.mark.parametrize(
    ("how", "result", "shown"),
    [("unavailable", "unavailable", None), ("truncate", "replied", 682), ("drop", "accepted", None)],
)
async def test_a_text_over_2048_bytes(
    pushing: Sim, backend: Backend, how: str, result: str, shown: int | None
) -> None:
    await pushing.person()
    backend.answer = lambda fields: web.Response(text=text_reply(fields, "田" * 682 + "ab"))
    assert (await pushing.push(say="在吗"))["reply"]["text"] == "田" * 682 + "ab"
    backend.answer = lambda fields: web.Response(text=text_reply(fields, "田" * 683))
    await pushing.switch(long_reply=how)
    answer = await pushing.push(say="在吗")
    assert answer["result"] == result
    assert (answer["reply"] or {}).get("text", "") == "田" * (shown or 0)


def reply_of(fields: dict[str, Any], kind: str, **more: Any) -> str:
    head = {
        "ToUserName": fields["FromUserName"],
        "FromUserName": fields["ToUserName"],
        "CreateTime": 1700000000,
    }
    return to_xml({**head, "MsgType": kind, **more})


ARTICLE = {"Title": "政策", "Description": "说明", "PicUrl": "https://e.org/p.jpg", "Url": "https://e.org"}


@pytest.mark.parametrize(
    ("kind", "more", "shown"),
    [
        ("image", {"Image": {"MediaId": "M"}}, {"type": "image", "media_id": "M"}),
        ("voice", {"Voice": {"MediaId": "M"}}, {"type": "voice", "media_id": "M"}),
        ("video", {"Video": {"MediaId": "M", "Title": "片"}},
         {"type": "video", "media_id": "M", "title": "片", "description": ""}),
        ("music", {"Music": {"Title": "歌", "MusicUrl": "https://e.org/a"}},
         {"type": "music", "title": "歌", "description": "", "url": "https://e.org/a"}),
        ("transfer_customer_service", {}, None),
        ("image", {"Image": {"Title": "x"}}, "Image/MediaId is missing"),
        ("image", {}, "Image is missing"),
        ("news", {"ArticleCount": 1, "Articles": {"item": "x"}}, "Articles/item is missing"),
    ],
)  # fmt: skip
async def test_other_kinds_of_reply(pushing: Sim, backend: Backend, kind: str, more: Any, shown: Any) -> None:
    await pushing.person()
    backend.answer = lambda fields: web.Response(text=reply_of(fields, kind, **more))
    answer = await pushing.push(say="在吗")
    assert (answer["error"] if isinstance(shown, str) else answer["reply"]) == shown


async def test_one_article_answers_a_message_and_eight_a_click(pushing: Sim, backend: Backend) -> None:
    await pushing.person()
    news = {"ArticleCount": 9, "Articles": {"item": [ARTICLE] * 9}}
    backend.answer = lambda fields: web.Response(text=reply_of(fields, "news", **news))
    assert len((await pushing.push(say="政策"))["reply"]["articles"]) == 1
    answer = await pushing.push(click="POLICY")
    assert len(answer["reply"]["articles"]) == 8
    assert answer["reply"]["articles"][0]["picurl"] == "https://e.org/p.jpg"


async def test_a_reply_picture_can_be_fetched_by_the_phone(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person()
    await pushing.push(photo="sample")
    media = backend.got[0]["MediaId"]
    backend.answer = lambda fields: web.Response(text=reply_of(fields, "image", Image={"MediaId": media}))
    await pushing.push(say="图")
    url = (await pushing.chat(openid))[-1]["url"]
    assert (await pushing.client.get("/" + url)).status == 200


async def test_markfail_silences_an_account_for_a_minute(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person()
    await pushing.switch(markfail_after=3, push_tries=1)
    backend.answer = lambda _fields: web.Response(status=502)
    results = [(await pushing.push(say="在吗"))["result"] for _ in range(4)]
    assert results == ["unavailable"] * 3 + ["lost"]
    assert len(backend.got) == 3
    assert (await pushing.chat(openid))[-1]["text"] == UNAVAILABLE
    account = (await pushing.get("/admin/accounts"))["accounts"][0]
    assert account["marked_failed_until"] is not None
    assert [alarm["type"] for alarm in account["alarms"]] == ["response"] * 3 + ["MarkFail"]
    backend.answer = lambda _fields: web.Response(text="success")
    await pushing.advance(61)
    assert (await pushing.push(say="在吗"))["result"] == "accepted"
    assert (await pushing.get("/admin/accounts"))["accounts"][0]["marked_failed_until"] is None


async def test_a_good_answer_ends_the_count_towards_markfail(pushing: Sim, backend: Backend) -> None:
    await pushing.person()
    await pushing.switch(markfail_after=2)
    for status in (502, 200, 502, 200):
        backend.answer = lambda _fields, status=status: web.Response(text="success", status=status)  # type: ignore[misc]
        await pushing.push(say="在吗")
    assert (await pushing.push(say="在吗"))["result"] == "accepted"


async def test_pushes_during_markfail_can_be_queued(pushing: Sim, backend: Backend) -> None:
    await pushing.person()
    await pushing.switch(markfail_after=1, markfail_pushes="queued")
    backend.answer = lambda _fields: web.Response(status=502)
    await pushing.push(say="一")
    assert (await pushing.push(say="二"))["result"] == "queued"
    backend.answer = lambda _fields: web.Response(text="success")
    await pushing.advance(61)
    assert [fields["Content"] for fields in backend.got] == ["一", "二"]


async def test_a_server_that_is_not_there(start: Start) -> None:
    account = service(push_url="http://127.0.0.1:9/", push_mode="plain")
    sim = await start(SimulatorConfig(accounts=[account, mini()]))
    await sim.person()
    answer = await sim.push(say="在吗")
    assert (answer["result"], answer["tries"]) == ("unavailable", 3)
    assert answer["error"].startswith("connection: ")
    assert (await sim.get("/admin/accounts"))["accounts"][0]["alarms"][0]["type"] == "connection"
    verified = await sim.post("/admin/accounts", {"appid": "wx-service", "verify": True})
    assert verified["accounts"][0]["verified"]["ok"] is False
    await sim.person("wang", "mini")
    assert (await sim.push("wang", "mini", say="在吗"))["result"] == "not_pushed"


async def test_duplicates_and_repeats_are_the_same_message(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person()
    await pushing.switch(push_duplicates=2)
    backend.answer = lambda fields: web.Response(text=text_reply(fields, "好的"))
    await pushing.push(say="你好", repeat=1)
    assert [fields["MsgId"] for fields in backend.got] == [backend.got[0]["MsgId"]] * 4
    assert [entry["from"] for entry in await pushing.chat(openid)] == ["user", "user", "account"]
    assert [row["repeat"] for row in (await pushing.get("/admin/replies"))["replies"]] == [
        False,
        True,
        True,
        True,
    ]


async def test_platform_events_can_come_out_of_order(pushing: Sim, backend: Backend) -> None:
    await pushing.switch(receipt_concurrency=1, push_out_of_order=True, receipt_delay_seconds=[5, 5])
    openid = await pushing.person()
    msgids = [str((await pushing.template(openid))["msgid"]) for _ in range(4)]
    await pushing.advance(6)
    assert [fields["MsgID"] for fields in backend.got] == msgids[::-1]


async def test_a_pause_before_each_push(pushing: Sim) -> None:
    await pushing.person()
    await pushing.switch(push_delay_seconds=0.05)
    begun = time.monotonic()
    assert (await pushing.push(say="你好"))["ms"] < 50
    assert time.monotonic() - begun >= 0.05


async def test_the_address_is_verified_like_in_the_console(pushing: Sim, backend: Backend) -> None:
    answer = await pushing.post("/admin/accounts", {"appid": "wx-service", "verify": True})
    verified = answer["accounts"][0]["verified"]
    query = backend.queries[0]
    assert verified == {"ok": True, "status": 200, "answer": query["echostr"]}
    assert query["signature"] == signature("push-token", query["timestamp"], query["nonce"])


async def test_replies_are_listed_in_order(pushing: Sim) -> None:
    await pushing.person()
    await pushing.push(say="一")
    await pushing.push(say="二")
    first = await pushing.get("/admin/replies", limit=1)
    assert [row["fields"]["Content"] for row in first["replies"]] == ["一"]
    rest = await pushing.get("/admin/replies", after=first["last"], account="county")
    assert [row["fields"]["Content"] for row in rest["replies"]] == ["二"]
    assert (await pushing.get("/admin/replies", account="mini"))["replies"] == []


def test_text_with_the_end_of_cdata_survives_the_xml() -> None:
    fields = {"Content": "a]]></Content><Content>b", "CreateTime": 1, "List": [{"A": "1"}, {"A": "2"}]}
    again = from_xml(to_xml(fields))
    assert again["Content"] == fields["Content"]
    assert [row["A"] for row in again["List"]] == ["1", "2"]


@pytest.mark.parametrize("text", ["", "plain", "<a/>", "<xml>only text</xml>"])
def test_what_is_not_a_tree_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        from_xml(text)
