"""What comes in at /wechat/{account}: forged, broken, too big, repeated – and never a 500."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from chat_kit import SERVICE, Phone, sign, webhook_app

from bot import database
from bot.runtime import Runtime

Phones = Callable[..., Phone]
Clients = list[TestClient[Any, Any]]


async def rows(sql: str = "SELECT * FROM inbox") -> list[Any]:
    return list(await database.fetch(sql))


async def test_the_console_gets_its_echo_raw(clients: Clients, runtime: Runtime) -> None:
    stamp = str(int(runtime.now().timestamp()))
    query = {"timestamp": stamp, "nonce": "n1", "echostr": "4375120948345356249"}
    query["signature"] = sign(SERVICE.token, stamp, "n1")
    answer = await clients[0].get(f"/wechat/{SERVICE.name}", params=query)
    assert (answer.status, await answer.read()) == (200, b"4375120948345356249")
    query["signature"] = sign("another token", stamp, "n1")
    assert (await clients[0].get(f"/wechat/{SERVICE.name}", params=query)).status == 403


async def test_an_account_that_is_not_ours_is_not_found(phone: Phones) -> None:
    somebody = phone()
    somebody.account = replace(SERVICE, name="nobody")
    assert (await somebody.push(somebody.text("你好"))).status == 404


@pytest.mark.parametrize("safe", [True, False], ids=["safe", "plain"])
async def test_a_forged_push_is_refused_and_leaves_nothing(phone: Phones, safe: bool) -> None:
    somebody = phone(safe=safe)
    somebody.account = replace(SERVICE, token="guessed")
    assert (await somebody.push(somebody.text("你好"))).status == 403
    assert await rows() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"not xml",
        b"{}",
        b'"success"',
        b"<xml><FromUserName>x</FromUserName></xml>",
        b"\xff\xfe",
    ],
)
async def test_a_signed_but_broken_push_is_acknowledged_and_leaves_nothing(
    phone: Phones, clients: Clients, body: bytes
) -> None:
    query, _ = phone(safe=False).request({"ToUserName": "gh"})
    answer = await clients[0].post(f"/wechat/{SERVICE.name}", params=query, data=body)
    assert (answer.status, await answer.read()) == (200, b"success")
    assert await rows() == []


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_size(
    phone: Phones, clients: Clients
) -> None:
    query, _ = phone(safe=False).request({"ToUserName": "gh"})

    async def parts() -> Any:
        for _ in range(70):
            yield b"x" * 1024

    for data in (b"x" * 70_000, parts()):
        answer = await clients[0].post(f"/wechat/{SERVICE.name}", params=query, data=data)
        assert answer.status == 413


async def test_a_push_that_trickles_in_is_sent_away_to_come_again(
    phone: Phones, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.webhook._READ_WITHIN", 0.2)
    somebody = phone(safe=False)
    push = somebody.text("你好")
    query, body = somebody.request(push)
    server = clients[0].server
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        f"POST /wechat/{SERVICE.name}?{urlencode(query)} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
    )
    writer.write(head.encode() + b"\r\n\r\n" + body[:20])
    assert (await reader.readline()).split()[1] == b"503"
    writer.close()
    assert (await somebody.push(push)).status == 200
    assert len(await rows()) == 1


async def test_production_takes_no_plain_push(runtime: Runtime) -> None:
    runtime.settings = replace(runtime.settings, env="production")
    async with TestClient(TestServer(webhook_app(runtime))) as client:
        plain, safe = (Phone(client, SERVICE, runtime.clock, "o-farmer", safe=safe) for safe in (False, True))
        assert (await plain.push(plain.text("你好"))).status == 403
        assert (await safe.push(safe.text("你好"))).status == 200


async def test_control_characters_and_markup_in_words_do_no_harm(phone: Phones) -> None:
    """Facts §5 16 and 17: what a person types neither breaks the XML nor gets into a reply as markup."""
    somebody = phone(safe=False)
    await somebody.say("我要贷款")
    for words in ("给\x1d自己\x08办", "]]><Content>x</Content>", '<a href="http://evil">点我</a>', "😀" * 50):
        answer = await somebody.push(somebody.text(words))
        assert answer.status == 200
        assert b'href="http://evil' not in answer.body


async def test_a_message_of_another_kind_gets_a_way_on(phone: Phones) -> None:
    somebody = phone()
    for kind in ("video", "shortvideo", "link", "file", "brand_new_kind"):
        answer = await somebody.push(somebody.fields(MsgType=kind, MsgId=hash(kind) % 10**9))
        assert "我要贷款" in answer.taps
    assert "没听清" in await somebody.voice("")


async def test_a_repeat_gets_the_stored_reply_and_does_nothing_q1(phone: Phones) -> None:
    """Q1: the same push three times, each with a new signature."""
    somebody = phone()
    await somebody.say("我要贷款")
    push = somebody.text("给自己办")
    answers = [await somebody.push(push) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    assert "哪一类" in answers[0].text
    assert (await rows("SELECT version FROM draft"))[0]["version"] == 2
    assert len(await rows()) == 2


async def test_fifty_at_once_to_two_processes_are_one_q1(phone: Phones, clients: Clients) -> None:
    """Q1: the same push fifty times in parallel to two processes: one effect, one reply."""
    somebody = phone()
    await somebody.say("我要贷款")
    push = somebody.text("给自己办")
    answers = await asyncio.gather(*(somebody.push(push, clients[n % 2]) for n in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert "哪一类" in answers[0].text
    assert (await rows("SELECT version FROM draft"))[0]["version"] == 2
    assert len(await rows()) == 2


async def test_the_same_message_with_other_words_is_the_same_message_q1(phone: Phones) -> None:
    """Q1: MsgId decides, not the body: what was answered first stands."""
    somebody = phone()
    await somebody.say("我要贷款")
    push = somebody.text("给自己办")
    first = await somebody.push(push)
    second = await somebody.push({**push, "Content": "帮别人办"})
    assert first.text == second.text


async def test_a_turn_with_consequences_has_them_once_q1(phone: Phones, clients: Clients) -> None:
    """Q1: 人工 twenty times in parallel to two processes: one task for the cadre, one reply."""
    somebody = phone()
    push = somebody.text("人工")
    answers = await asyncio.gather(*(somebody.push(push, clients[n % 2]) for n in range(20)))
    assert len({answer.text for answer in answers}) == 1
    assert "已经告诉工作人员" in answers[0].text
    assert len(await rows("SELECT * FROM task WHERE kind = 'handover'")) == 1
    assert len(await rows()) == 1


@pytest.mark.parametrize(
    "words",
    [
        "我的密码是abc12345",
        "验证码 482913",
        "482913",
        "6222 0212 3456 7890 128",
        "我的卡 6222021234567890128",
    ],
)
async def test_a_password_is_not_kept_and_answered_with_a_warning_s18_8(phone: Phones, words: str) -> None:
    """S18.8: outside a form and inside one."""
    somebody = phone()
    assert "请不要发密码" in await somebody.say(words)
    await somebody.say("我要贷款")
    assert "请不要发密码" in await somebody.say(words)
    kept = await rows("SELECT body_sealed, note FROM inbox ORDER BY received_at")
    assert [(row["body_sealed"] is None, row["note"]) for row in kept] == [
        (True, "not_kept"), (False, ""), (True, "not_kept"),
    ]  # fmt: skip


async def test_a_reply_fits_into_2048_bytes_and_is_not_cut_in_a_character(phone: Phones) -> None:
    somebody = phone(safe=False)
    await somebody.say("我要贷款")
    for words in ("给自己办", "普通农户", "养羊", "30000元", "12个月"):
        await somebody.say(words)
    for _ in range(3):
        await somebody.say("羊" * 199)
    shown = await somebody.say("看一看")
    raw = somebody.last.body.decode()  # a cut character would not decode
    content = raw.split("<Content><![CDATA[")[1].split("]]></Content>")[0]
    assert 1500 < len(content.encode()) <= 2048
    assert shown.count("羊") > 300


async def test_the_window_for_service_messages_opens_with_what_a_person_does(phone: Phones) -> None:
    """Facts §1.5: a message opens 48 hours for five, a click one minute for three."""
    somebody = phone()
    await somebody.click("HELP")
    user = (await rows("SELECT * FROM wechat_user"))[0]
    assert user["window_left"] == 3
    assert 50 < (user["window_until"] - user["last_said_at"]).total_seconds() <= 60
    await somebody.say("你好")
    user = (await rows("SELECT * FROM wechat_user"))[0]
    assert user["window_left"] == 5
    assert (user["window_until"] - user["last_said_at"]).total_seconds() == 48 * 3600
