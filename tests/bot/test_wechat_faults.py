"""Calls that go wrong: surely not sent, uncertain, or refused by WeChat; none of them counts as sent."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from wechat_platform import answering, platform

from bot.wechat.client import SEND_TEMPLATE, NotSent, Uncertain, WeChat, WeChatError
from bot.wechat.errors import ACTIONS, RETRYABLE, error_from
from bot.wechat.messages import Text
from bot.wechat.transport import MAX_ANSWER, Raw, dumps, understand

DATA = {"thing1": "养羊", "amount2": "30000元", "time3": "2026年12月1日"}
QUICK = aiohttp.ClientTimeout(total=0.8, connect=0.6)


async def failure(wechat: WeChat, openid: str = "o") -> WeChatError:
    with pytest.raises(WeChatError) as caught:
        await wechat.send_template(openid, "TPL-due", DATA, client_msg_id="d-1")
    return caught.value


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        ("hang", False),
        ("hang_after_accept", True),
        ("drop_before", False),
        ("drop_after_accept", True),
        ("drip", True),
        ("garbage", True),
        ("truncated", True),
        ("empty", True),
        ("big_body", True),
        ("wrong_types", True),
        ("http_status", False),
    ],
)
async def test_an_answer_that_does_not_come_or_makes_no_sense_is_uncertain(kind: str, accepted: bool) -> None:
    """W1, W2, W5: whether it was accepted cannot be seen from here; it is never an accepted message."""
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client(timeout=QUICK)
        await wechat.ready()
        await peer.fault(SEND_TEMPLATE, kind, count=1)
        begun = asyncio.get_running_loop().time()
        error = await failure(wechat, openid)
        assert isinstance(error, Uncertain)
        assert (error.action, error.retryable, error.user_gone) == ("uncertain", False, False)
        assert asyncio.get_running_loop().time() - begun < 3
        assert len(await peer.sent()) == accepted
        await wechat.send_template(openid, "TPL-due", DATA, client_msg_id="d-1")
        assert len(await peer.sent()) == 1, "the same id is safe to repeat within ten minutes"
        assert peer.seen[-2:] == [(SEND_TEMPLATE, "uncertain"), (SEND_TEMPLATE, "ok")]


@pytest.mark.parametrize("kind", ["slow", "bom"])
async def test_a_slow_answer_and_one_behind_a_byte_order_mark_are_answers(kind: str) -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.fault(SEND_TEMPLATE, kind, seconds=0.2)
        assert await wechat.send_template(openid, "TPL-due", DATA)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 200),
        (b"null", 200),
        (b'"ok"', 200),
        (b"{}", 200),
        (b'{"errcode":0}', 200),
        (b'{"errcode":0,"msgid":null}', 200),
        (b'{"errcode":0,"msgid":1.5}', 200),
        (b'{"errcode":false,"msgid":1}', 200),
        (b'{"errcode":"0","msgid":1}', 200),
        (b'{"errcode":0.0,"msgid":1}', 200),
        (b'{"errcode":NaN,"msgid":1}', 200),
        (b'{"errcode":40001,"errcode":0,"msgid":1}', 200),
        (b'{"errcode":0,"errcode":0,"msgid":1}', 200),
        (b'{"errcode":0,"msgid":1} trailing', 200),
        (b'{"errcode":0,"errmsg":"ok","msgid":1}', 500),
        (b'{"errcode":0,"errmsg":"ok","msgid":1}', 302),
        (b"\xff\xfe\x00", 200),
    ],
)
async def test_shapes_that_nobody_knows_are_uncertain_and_never_sent(body: bytes, status: int) -> None:
    """W5"""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"Location": "/elsewhere"})

    async with answering(answer) as peer:
        error = await failure(peer.client())
        assert isinstance(error, Uncertain)
        assert peer.calls(SEND_TEMPLATE) == 1, "no second try, no redirect followed"


async def test_an_errcode_deep_inside_an_answer_does_not_make_it_doubtful() -> None:
    body = b'{"errcode":0,"detail":[{"errcode":0},{"errcode":0}]}'
    assert understand("api", Raw(200, "", "", body))["errcode"] == 0
    deep = b'{"errcode":0,"a":' + b"[" * 900 + b'{"errcode":1,"errcode":2}' + b"]" * 900 + b"}"
    with pytest.raises(Uncertain):
        understand("api", Raw(200, "", "", deep))


async def test_the_code_is_read_whatever_the_status() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"errcode": 43004, "errmsg": "require subscribe"}, status=500)

    async with answering(answer) as peer:
        assert (await failure(peer.client())).action == "not_following"


async def test_a_body_without_a_length_is_cut_off_at_one_megabyte() -> None:
    """W2"""
    written = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(1000):
                await response.write(b" " * 65536)
                written += 65536
        except ConnectionError:
            pass
        return response

    async with answering(answer) as peer:
        error = await failure(peer.client())
        assert isinstance(error, Uncertain)
        assert str(MAX_ANSWER) in error.errmsg
        assert written < 20 * MAX_ANSWER


async def test_a_small_body_that_unfolds_to_a_large_one_is_cut_off_too() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        bomb = gzip.compress(b" " * (20 * MAX_ANSWER))
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with answering(answer) as peer:
        assert isinstance(await failure(peer.client()), Uncertain)


async def test_a_body_in_pieces_is_put_together() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"errcode":0,', b'"msgid":', b"77}"):
            await response.write(piece)
            await asyncio.sleep(0)
        return response

    async with answering(answer) as peer:
        assert await peer.client().send_template("o", "T", DATA) == "77"


async def test_a_word_before_the_answer_is_not_the_answer() -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        return web.json_response({"errcode": 0, "msgid": 78})

    async with answering(answer) as peer:
        assert await peer.client().send_template("o", "T", DATA) == "78"


async def test_an_answer_that_comes_too_late_is_never_that_of_the_next_call() -> None:
    """W1"""
    release, called = asyncio.Event(), 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal called
        called += 1
        number = called
        if number == 1:
            await release.wait()
        return web.json_response({"errcode": 0, "msgid": number})

    async with answering(answer) as peer:
        wechat = peer.client(timeout=aiohttp.ClientTimeout(total=0.2))
        await wechat.ready()
        assert isinstance(await failure(wechat), Uncertain)
        release.set()
        for number in (2, 3):
            assert await wechat.send_template("o", "T", DATA) == str(number)


async def test_calls_share_the_connections_of_the_session() -> None:
    ports: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.json_response({"errcode": 0, "msgid": 1, "menu": {}})

    async with answering(answer) as peer:
        wechat = peer.client()
        await wechat.send_template("o", "T", DATA)
        await wechat.get_menu()  # a GET goes through the session itself
        await wechat.send_template("o", "T", DATA)
        assert len(ports) == 3
        assert len(set(ports)) == 1


async def test_a_refused_connection_means_not_sent() -> None:
    async with platform() as peer:
        await peer.client().ready()
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        wechat = WeChat(peer.clients[0].account, peer.session, url, peer.redis, peer.now)
        error = await failure(wechat)
        assert isinstance(error, NotSent)
        assert (error.action, error.retryable, error.errcode) == ("retry_later", True, None)
        await wechat.close()


async def test_waiting_in_vain_for_a_free_connection_means_not_sent() -> None:
    release = asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        await release.wait()
        return web.json_response({"errcode": 0, "msgid": 1})

    one_line = aiohttp.TCPConnector(limit=1)
    async with answering(answer) as peer, aiohttp.ClientSession(connector=one_line) as narrow:
        patience = aiohttp.ClientTimeout(total=5, connect=0.2)
        wechat = WeChat(peer.client().account, narrow, peer.url, peer.redis, peer.now, timeout=patience)
        await wechat.ready()
        first = asyncio.create_task(wechat.send_template("o", "T", DATA))
        await asyncio.sleep(0.05)
        assert isinstance(await failure(wechat), NotSent)
        release.set()
        assert await first == "1"
        await wechat.close()


async def test_a_closed_session_means_not_sent() -> None:
    async with platform() as peer:
        wechat = peer.client()
        await wechat.ready()
        await peer.session.close()
        assert isinstance(await failure(wechat), NotSent)


async def test_a_cut_line_in_the_middle_of_an_answer_is_uncertain() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"errcode":0')
        assert request.transport is not None
        request.transport.close()
        return response

    async with answering(answer) as peer:
        assert isinstance(await failure(peer.client()), Uncertain)


async def test_no_error_shows_a_token_a_secret_or_an_address(caplog: pytest.LogCaptureFixture) -> None:
    async with platform() as peer:
        wechat = peer.client(timeout=QUICK)
        await wechat.ready()
        token = await wechat._tokens.get()
        for kind in ("hang", "drop_before", "garbage"):
            await peer.admin("faults", {"clear": True})
            await peer.fault(SEND_TEMPLATE, kind)
            error = await failure(wechat)
            shown = f"{error} {error!r} {error.__cause__} {error.__context__}"
            assert token not in shown
            assert "http://" not in shown
        with caplog.at_level(logging.DEBUG):
            assert token not in caplog.text


# ---- what WeChat's refusals mean


@pytest.mark.parametrize(
    ("errcode", "action", "retryable", "gone"),
    [
        (-1, "retry_later", True, False),
        (43004, "not_following", False, True),
        (43101, "refused", False, False),
        (48002, "refused", False, False),
        (43019, "refused", False, False),
        (43117, "too_frequent", True, False),
        (40003, "bad_recipient", False, True),
        (46004, "bad_recipient", False, True),
        (47003, "bad_request", False, False),
        (40037, "bad_request", False, False),
        (41030, "bad_request", False, False),
        (48001, "unauthorised", False, False),
        (40164, "unauthorised", False, False),
        (45009, "quota_day", True, False),
        (45011, "quota_minute", True, False),
        (45015, "window_closed", False, False),
        (45047, "window_closed", False, False),
        (99999, "unknown", False, False),
    ],
)
async def test_each_code_says_what_to_do(errcode: int, action: str, retryable: bool, gone: bool) -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.fault(SEND_TEMPLATE, "errcode", errcode=errcode)
        error = await failure(wechat, openid)
        assert (error.errcode, error.action) == (errcode, action)
        assert (error.retryable, error.user_gone) == (retryable, gone)
        assert await peer.sent() == []
        assert (SEND_TEMPLATE, action) in peer.seen


def test_no_code_has_two_actions_and_every_retryable_action_says_that_nothing_happened() -> None:
    from bot.wechat import errors

    assert len(ACTIONS) == sum(len(codes) for codes in errors._CODES.values())
    assert "uncertain" not in RETRYABLE


@pytest.mark.parametrize(
    ("errmsg", "shown", "rid"),
    [
        (
            "require subscribe rid: 5f3ded7d-1a2b3c4d-5e6f7081",
            "require subscribe",
            "5f3ded7d-1a2b3c4d-5e6f7081",
        ),
        ("invalid openid hint: [oABCDEFGHIJKLMNOPQRSTUVWXYZ0]", "invalid openid", ""),
        ("data format error hints: [ req_id: abc ]", "data format error", ""),
        ("bad touser oABCDEFGHIJKLMNOPQRSTUVWXYZ0!", "bad touser …!", ""),
        (
            "argument invalid! data.thing1.value 王秀英 13800000001 is empty",
            "argument invalid! data.thing1.value … … is empty",
            "",
        ),
        ("invalid ip 1.2.3.4, not in whitelist", "invalid ip 1.2.3.4, not in whitelist", ""),
        (None, "", ""),
        ({"a": 1}, "", ""),
        ("x y" * 200, ("x y" * 200)[:160], ""),
    ],
)
def test_the_words_of_an_error_hold_no_personal_data(errmsg: Any, shown: str, rid: str) -> None:
    error = error_from("api", 47003, errmsg)
    assert (error.errmsg, error.rid) == (shown, rid)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=300), st.integers(100, 599))
def test_no_body_is_understood_as_anything_but_an_object_or_uncertain(body: bytes, status: int) -> None:
    for whole in (body, b'{"errcode":' + body + b"}", b'{"errcode":0,' + body + b"}"):
        try:
            answer = understand("api", Raw(status, "", "", whole))
        except Uncertain:
            continue
        assert isinstance(answer, dict)
        assert type(answer.get("errcode", 0)) is int


@settings(deadline=None)  # the machine may be busy
@given(
    st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.just("k"), inner))
)
def test_any_words_make_a_body_without_escapes_wechat_refuses(payload: Any) -> None:
    body = dumps({"payload": payload, "pair": ("a", 1)})
    body.decode()
    assert b"\\u00" not in body.replace(b"\\\\", b"")


async def test_text_with_a_lone_surrogate_is_sent_without_it() -> None:
    async with platform() as peer:
        openid, wechat = await peer.person(), peer.client()
        await peer.admin("push", {"account": "county", "person": "wang", "say": "1"})
        await wechat.send_custom(openid, Text("好\ud83d的\x01"))
        assert (await peer.sent())[0]["body"]["text"]["content"] == "好的"


# ---- answers of single calls that cannot be used


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda w: w.code2session("c"), {"openid": ["o"]}),
        (lambda w: w.code2session("c"), {"session_key": "k"}),
        (lambda w: w.phone_number("c"), {"errcode": 0, "phone_info": "138"}),
        (lambda w: w.tags(), {"tags": "x"}),
        (lambda w: w.tags(), {"tags": [{"name": "a", "id": "1"}]}),
        (lambda w: w.create_tag("a"), {"tag": {"id": True}}),
        (lambda w: w.user_info("o"), {"openid": "o"}),
        (lambda w: w.create_qr("s"), {"url": "x"}),
        (lambda w: w.upload_media("image", b"x", "a", "image/jpeg"), {"type": "image"}),
        (lambda w: w.get_media("m"), {"errcode": 0}),
        (lambda w: w.msg_sec_check("o", "t"), {"errcode": 0, "result": {"suggest": "pass"}}),
    ],
)
async def test_an_answer_without_what_was_asked_for_is_uncertain(call: Any, answer: dict[str, Any]) -> None:
    async def reply(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with answering(reply) as peer:
        with pytest.raises(Uncertain):
            await call(peer.client())


async def test_a_phone_number_of_another_app_is_refused() -> None:
    async def reply(_request: web.Request) -> web.Response:
        info = {"purePhoneNumber": "13800000001", "watermark": {"appid": "wx-other"}}
        return web.json_response({"errcode": 0, "phone_info": info})

    async with answering(reply) as peer:
        with pytest.raises(WeChatError) as caught:
            await peer.client().phone_number("c")
        assert caught.value.action == "bad_code"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"<html>", "text/html", 200),
        (b"", "image/jpeg", 200),
        (b"x", "image/jpeg", 502),
        (b"x" * 99, "", 200),
    ],
)
async def test_what_comes_in_place_of_a_picture_is_not_kept_as_one(
    body: bytes, kind: str, status: int
) -> None:
    async def reply(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"Content-Type": kind})

    async with answering(reply) as peer:
        with pytest.raises(Uncertain):
            await peer.client().get_media("m")


async def test_a_picture_without_a_name_is_still_a_picture() -> None:
    async def reply(_request: web.Request) -> web.Response:
        return web.Response(body=b"\xff\xd8", content_type="image/jpeg")

    async with answering(reply) as peer:
        media = await peer.client().get_media("m")
        assert (media.content, media.file_name) == (b"\xff\xd8", "")


async def test_a_programming_error_is_not_dressed_up_as_wechats(monkeypatch: pytest.MonkeyPatch) -> None:
    async with platform() as peer:
        wechat = peer.client()
        await wechat.ready()

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr(peer.session.connector, "connect", broken)
        with pytest.raises(RuntimeError, match="mistake"):
            await wechat.send_template("o", "T", DATA)
        assert peer.seen[-1] == (SEND_TEMPLATE, "interrupted")
        monkeypatch.undo()
