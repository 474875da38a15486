"""Passive replies: what the platform reads out of our answers, with wechatpy and expat as the readers."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wechat_pushes import COUNTY, NOW, OPENID, STAMP, TO, as_json, envelope, opened, sealed, sign, xml
from wechatpy.crypto import WeChatCrypto

from bot.wechat.inbound import SUCCESS, open_push, render_reply, takes_reply
from bot.wechat.messages import Article, Image, News, Reply, Text, cut, without_links

SAID = opened(xml(MsgType="text", Content="在吗", MsgId=1))
CLICKED = opened(xml(MsgType="event", Event="CLICK", EventKey="A"))


def read(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314 - our own output


def texts(reply: Reply) -> list[str]:
    return [node.text or "" for node in read(render_reply(COUNTY, SAID, reply, NOW)).findall("Content")]


def test_a_text_reply_goes_back_to_the_sender() -> None:
    tree = read(render_reply(COUNTY, SAID, Text("您想贷多少钱？\n例如：三万"), NOW))
    assert {node.tag: node.text for node in tree} == {
        "ToUserName": OPENID,
        "FromUserName": TO,
        "CreateTime": STAMP,
        "MsgType": "text",
        "Content": "您想贷多少钱？\n例如：三万",
    }


@pytest.mark.parametrize("reply", [None, Text(""), Text("\x00\x1d"), News(())])
def test_where_there_is_nothing_to_say_the_answer_is_success_also_in_safe_mode(reply: Reply) -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1))
    safe = open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=False)
    assert render_reply(COUNTY, SAID, reply, NOW) == SUCCESS == b"success"
    assert render_reply(COUNTY, safe, reply, NOW) == SUCCESS


@pytest.mark.parametrize("key", [COUNTY.aes_key, COUNTY.previous_aes_key])
def test_a_sealed_push_gets_a_sealed_reply_with_the_key_it_came_with(key: str) -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1), key=key)
    safe = open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=False)
    outer = {node.tag: node.text or "" for node in read(render_reply(COUNTY, safe, Text("好"), NOW))}
    assert outer["TimeStamp"] == STAMP
    assert outer["MsgSignature"] == sign(COUNTY.token, STAMP, outer["Nonce"], outer["Encrypt"])
    reader = WeChatCrypto(COUNTY.token, key, COUNTY.appid)
    clear = reader.decrypt_message(outer, outer["MsgSignature"], outer["TimeStamp"], outer["Nonce"])
    assert read(clear.encode()).findtext("Content") == "好"


def test_no_two_sealed_replies_look_alike_unless_chance_is_given() -> None:
    asked, text = sealed(xml(MsgType="text", Content="1", MsgId=1))
    safe = open_push(COUNTY, asked, envelope(text), "", NOW, allow_plain=False)
    assert len({render_reply(COUNTY, safe, Text("好"), NOW) for _ in range(5)}) == 5
    fixed = {render_reply(COUNTY, safe, Text("好"), NOW, lambda size: b"7" * size) for _ in range(5)}
    assert len(fixed) == 1


def test_a_long_text_is_cut_at_2048_bytes_between_characters() -> None:
    assert texts(Text("贷" * 700)) == ["贷" * 682]
    assert texts(Text("a" + "贷" * 700)) == ["a" + "贷" * 682]
    assert texts(Text("🐑" * 512)) == ["🐑" * 512]
    assert texts(Text("x" * 3000)) == ["x" * 2048]


def test_text_that_would_end_the_cdata_section_stays_one_text() -> None:
    assert texts(Text("hi]]></Content><Content><![CDATA[evil")) == ["hi]]＞</Content><Content><![CDATA[evil"]


def test_one_article_answers_a_message_and_eight_an_event() -> None:
    reply = News(
        tuple(
            Article(f"第{n}条", "说明", f"https://example.com/{n}", "https://example.com/p") for n in range(9)
        )
    )
    for incoming, count in ((SAID, 1), (CLICKED, 8)):
        tree = read(render_reply(COUNTY, incoming, reply, NOW))
        assert (tree.findtext("MsgType"), tree.findtext("ArticleCount")) == ("news", str(count))
        items = tree.findall("Articles/item")
        assert [item.findtext("Title") for item in items] == [f"第{n}条" for n in range(count)]
        assert [child.tag for child in items[0]] == ["Title", "Description", "PicUrl", "Url"]
        assert items[0].findtext("Url") == "https://example.com/0"


def test_a_picture_is_named_by_its_media_id() -> None:
    tree = read(render_reply(COUNTY, SAID, Image("m-1]]>"), NOW))
    assert (tree.findtext("MsgType"), tree.findtext("Image/MediaId")) == ("image", "m-1]]＞")


def test_mini_programs_take_no_passive_reply() -> None:
    mini = replace(COUNTY, kind="mini_program")
    assert not takes_reply(mini, SAID)
    assert not takes_reply(COUNTY, opened(as_json(MsgType="text", Content="1", MsgId=1)))
    assert takes_reply(COUNTY, SAID)
    assert render_reply(mini, SAID, Text("好"), NOW) == b"success"


def test_a_persons_words_inside_ours_make_no_link() -> None:
    assert (
        without_links('<a href="https://evil.example">点</a>') == '＜a href="https://evil.example"＞点＜/a＞'
    )


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=3000), st.integers(0, 4000))
def test_a_cut_text_is_a_beginning_that_fits_and_could_not_be_longer(text: str, limit: int) -> None:
    text = text.encode(errors="ignore").decode()
    short = cut(text, limit)
    assert text.startswith(short)
    assert len(short.encode()) <= limit
    assert short == text or len((short + text[len(short)]).encode()) > limit


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=2500))
def test_any_text_makes_a_reply_that_reads_as_one_text_of_at_most_2048_bytes(text: str) -> None:
    body = render_reply(COUNTY, SAID, Text(text), NOW)
    if body == SUCCESS:
        return
    contents = [node.text or "" for node in read(body).findall("Content")]
    assert len(contents) == 1
    assert len(contents[0].encode()) <= 2048
    plain = "".join(c for c in text if c.isprintable()).replace("]]>", "]]＞")
    if len(plain.encode()) <= 2048:
        assert "".join(c for c in contents[0] if c.isprintable()) == plain
