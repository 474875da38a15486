"""Template, subscribe, customer-service and mass messages."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from simulator_kit import SEND, Backend, Sim, Start, due, mini, service

from simulator import SimulatorConfig, Template

SUBSCRIBE = "/cgi-bin/message/subscribe/send"
BIZ = "/cgi-bin/message/subscribe/bizsend"
CUSTOM = "/cgi-bin/message/custom/send"
MASS = "/cgi-bin/message/mass/send"
HOUR = 3600
THING: dict[str, Any] = {"thing1": {"value": "审核通过"}}


def text(openid: str, content: str = "您好") -> dict[str, Any]:
    return {"touser": openid, "msgtype": "text", "text": {"content": content}}


# Template messages


async def test_a_template_message_is_accepted_then_delivered(sim: Sim) -> None:
    await sim.switch(receipt_delay_seconds=[10, 10])
    openid = await sim.person()
    answer = await sim.template(openid, url="https://example.org/loan")
    assert answer == {"errcode": 0, "errmsg": "ok", "msgid": answer["msgid"]}
    (sent,) = await sim.sent()
    assert sent["msgid"] == str(answer["msgid"])
    assert (sent["kind"], sent["touser"], sent["person"]) == ("template", openid, "wang")
    assert (sent["delivered"], sent["status"]) == (False, None)
    await sim.advance(11)
    (sent,) = await sim.sent()
    assert (sent["delivered"], sent["status"]) == (True, "success")
    card = (await sim.chat(openid))[-1]
    assert (card["type"], card["title"], card["via"]) == ("template", "还款提醒", "template")
    assert card["rows"][1] == {"key": "amount2", "label": "金额", "value": "500.00元"}


async def test_who_cannot_get_a_template_message(sim: Sim) -> None:
    openid = await sim.person()
    assert (await sim.template("oNobody"))["errcode"] == 40003
    mini_openid = await sim.person("wang", "mini")
    assert (await sim.template(mini_openid))["errcode"] == 40003
    for row, code in (
        ({"refuse_template": ["TPL-due"]}, 43101),
        ({"accept_template": ["TPL-due"]}, 0),
        ({"blacklist": ["county"]}, 43019),
        ({"blacklist": {"county": False}}, 0),
        ({"receiving": {"county": False}}, 48002),
        ({"receiving": {"county": True}}, 0),
        ({"unfollow": ["county"]}, 43004),
    ):
        await sim.post("/admin/users", {"person": "wang", "quiet": True, **row})
        assert (await sim.template(openid))["errcode"] == code, row


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"template_id": "TPL-other"}, 40037),
        ({"template_id": None}, 40037),
        ({"url": "https://example.org/" + "x" * 2048}, 40039),
        ({"miniprogram": {"appid": "wx-stranger", "pagepath": "p"}}, 40166),
        ({"miniprogram": {"appid": "wx-mini", "pagepath": "p"}}, 0),
        ({"data": json.dumps(due())}, 47003),
        ({"data": due(thing1="")}, 47003),
        ({"data": due(amount2="五百")}, 47003),
        ({"client_msg_id": 7}, 40008),
    ],
)
async def test_what_is_wrong_with_a_template_message(
    start: Start, changes: dict[str, Any], code: int
) -> None:
    sim = await start(SimulatorConfig(accounts=[service(linked_mini_programs=["wx-mini"])]))
    answer = await sim.template(await sim.person(), **changes)
    assert answer["errcode"] == code


async def test_47003_names_the_field(sim: Sim) -> None:
    openid = await sim.person()
    empty = await sim.template(openid, data={"thing1": {"value": "养牛"}})
    assert empty["errmsg"].startswith("argument invalid! data.amount2.value is empty rid: ")
    wrong = await sim.template(openid, data=due(time3="tomorrow"))
    assert wrong["errmsg"].startswith("argument invalid! data.time3.value is invalid rid: ")


async def test_unknown_templates_and_keys_follow_their_switches(sim: Sim) -> None:
    openid = await sim.person()
    assert (await sim.template(openid, data={**due(), "thing9": {"value": "x"}}))["errcode"] == 0
    await sim.switch(unknown_data_keys="refuse", unknown_template="accept")
    assert (await sim.template(openid, data={**due(), "thing9": {"value": "x"}}))["errcode"] == 47003
    assert (await sim.template(openid, template_id="TPL-new", data=due()))["errcode"] == 0
    assert (await sim.template(openid, template_id="TPL-new", data={"phrase1": {"value": "太长的短语呀"}}))[
        "errcode"
    ] == 47003


async def test_the_same_client_msg_id_goes_out_once_in_ten_minutes(sim: Sim) -> None:
    first_openid, other_openid = await sim.person(), await sim.person("li")
    first = await sim.template(first_openid, client_msg_id="d-1")
    again = await sim.template(first_openid, client_msg_id="d-1")
    other = await sim.template(other_openid, client_msg_id="d-1")
    assert again == first
    assert other["msgid"] != first["msgid"]
    assert [row["repeats"] for row in await sim.sent()] == [1, 0]
    await sim.advance(599)
    assert (await sim.template(first_openid, client_msg_id="d-1"))["msgid"] == first["msgid"]
    await sim.advance(2)
    assert (await sim.template(first_openid, client_msg_id="d-1"))["msgid"] != first["msgid"]
    assert [row["client_msg_id"] for row in await sim.sent()] == ["d-1"] * 3


async def test_a_repeat_answers_as_its_switch_says(sim: Sim) -> None:
    openid = await sim.person()
    first = await sim.template(openid, client_msg_id="d-1")
    await sim.switch(client_msg_id_duplicate="new")
    new = await sim.template(openid, client_msg_id="d-1")
    assert new["errcode"] == 0
    assert new["msgid"] != first["msgid"]
    await sim.switch(client_msg_id_duplicate="45065", client_msg_id_max=4)
    assert (await sim.template(openid, client_msg_id="d-1"))["errcode"] == 45065
    assert (await sim.template(openid, client_msg_id="d-123"))["errcode"] == 40008
    assert len(await sim.sent()) == 1


async def test_a_user_takes_only_so_many_templates_a_day(sim: Sim) -> None:
    await sim.post("/admin/clock", {"at": "2030-01-01T12:00"})
    await sim.switch(template_per_user_day=2)
    openid = await sim.person()
    assert [(await sim.template(openid))["errcode"] for _ in range(3)] == [0, 0, 43117]
    await sim.advance(86_400)
    sim.tokens.clear()
    assert (await sim.template(openid))["errcode"] == 0


async def test_busy_platform(sim: Sim) -> None:
    await sim.switch(system_busy_probability=1.0)
    assert (await sim.template(await sim.person()))["errcode"] == -1


async def test_a_receipt_comes_when_the_clock_has_passed(pushing: Sim, backend: Backend) -> None:
    await pushing.switch(receipt_delay_seconds=[3600, 3600])
    openid = await pushing.person()
    msgid = (await pushing.template(openid))["msgid"]
    await pushing.advance(3590)
    assert backend.got == []
    await pushing.advance(20)
    assert [f["Event"] for f in backend.got] == ["TEMPLATESENDJOBFINISH"]
    assert (backend.got[0]["MsgID"], backend.got[0]["Status"]) == (str(msgid), "success")
    assert (backend.got[0]["FromUserName"], backend.got[0]["ToUserName"]) == (openid, "gh_county")
    assert "MsgId" not in backend.got[0]


async def test_receipts_twice_never_and_failed(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person()
    await pushing.switch(receipts="twice")
    await pushing.template(openid)
    await pushing.advance(1)
    assert [f["MsgID"] for f in backend.got] == [backend.got[0]["MsgID"]] * 2
    await pushing.switch(receipts="never")
    await pushing.template(openid)
    await pushing.advance(1)
    assert len(backend.got) == 2
    assert (await pushing.sent())[1]["delivered"] is True
    await pushing.switch(receipts="once", receipt_failure_probability=1.0)
    await pushing.template(openid)
    await pushing.advance(1)
    assert backend.got[-1]["Status"] == "failed: system failed"
    assert (await pushing.sent())[2]["status"] == "failed: system failed"


async def test_somebody_who_blocks_or_leaves_gets_nothing(pushing: Sim, backend: Backend) -> None:
    await pushing.switch(receipt_delay_seconds=[60, 60])
    openid = await pushing.person(block=["county"])
    await pushing.template(openid)
    leaver = await pushing.person("li")
    await pushing.template(leaver)
    await pushing.person("li", unfollow=["county"], follow=[])
    await pushing.advance(61)
    assert [f["Status"] for f in backend.got] == ["failed:user block"] * 2
    assert not any(row["delivered"] for row in await pushing.sent())
    assert all(entry["type"] != "template" for entry in await pushing.chat(openid))


async def test_templates_can_be_listed_and_deleted(sim: Sim) -> None:
    listed = await sim.api("/cgi-bin/template/get_all_private_template")
    assert listed["template_list"][0] == {
        "template_id": "TPL-due",
        "title": "还款提醒",
        "content": "项目：{{thing1.DATA}}\n金额：{{amount2.DATA}}\n到期日：{{time3.DATA}}",
    }
    assert (await sim.api("/cgi-bin/template/del_private_template", {"template_id": "TPL-due"}))[
        "errcode"
    ] == 0
    assert (await sim.template(await sim.person()))["errcode"] == 40037


async def test_legacy_keywords_are_cut_and_first_is_dropped(start: Start) -> None:
    legacy = Template("OLD", "旧模板", {"first": "", "keyword1": "姓名", "remark": ""})
    sim = await start(SimulatorConfig(accounts=[service(templates={"OLD": legacy})]))
    await sim.switch(receipt_delay_seconds=[0, 0])
    openid = await sim.person()
    data = {"first": {"value": "您好"}, "keyword1": {"value": "长" * 30}}
    assert (await sim.template(openid, template_id="OLD", data=data))["errcode"] == 0
    await sim.advance(1)
    card = (await sim.chat(openid))[-1]
    assert [row["value"] for row in card["rows"] if row["key"] == "keyword1"] == ["长" * 20]
    assert all(row["key"] not in ("first", "remark") for row in card["rows"])


# Subscribe messages


async def test_each_accept_pays_for_one_subscribe_message(sim: Sim) -> None:
    openid = await sim.person("wang", "mini")
    body = {"touser": openid, "template_id": "SUB-1", "data": THING, "page": "pages/home/home?id=1"}
    assert (await sim.api(SUBSCRIBE, body, "mini"))["errcode"] == 43101
    await sim.post("/admin/users", {"person": "wang", "grant": {"SUB-1": 2}})
    codes = [(await sim.api(SUBSCRIBE, body, "mini"))["errcode"] for _ in range(3)]
    assert codes == [0, 0, 43101]


async def test_a_long_term_grant_is_not_used_up_until_turned_off(sim: Sim) -> None:
    openid = await sim.person("wang", "mini", grant={"LONG": 1})
    body = {"touser": openid, "template_id": "LONG", "data": THING}
    assert [(await sim.api(SUBSCRIBE, body, "mini"))["errcode"] for _ in range(3)] == [0, 0, 0]
    await sim.post("/admin/users", {"person": "wang", "turn_off": ["LONG"]})
    assert (await sim.api(SUBSCRIBE, body, "mini"))["errcode"] == 43101


async def test_a_refused_message_leaves_the_grant_unless_switched(sim: Sim) -> None:
    openid = await sim.person("wang", "mini", grant={"SUB-1": 1})
    bad = {"touser": openid, "template_id": "SUB-1", "data": {"thing1": {"value": ""}}}
    assert (await sim.api(SUBSCRIBE, bad, "mini"))["errcode"] == 47003
    assert sim.platform.account("mini").users[openid].grants == {"SUB-1": 1}
    await sim.switch(grant_used_on_refusal=True)
    assert (await sim.api(SUBSCRIBE, bad, "mini"))["errcode"] == 47003
    assert (await sim.api(SUBSCRIBE, {**bad, "data": THING}, "mini"))["errcode"] == 43101


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"page": "pages/none"}, 41030),
        ({"page": "pages/new/new"}, 41030),
        ({"page": "pages/new/new", "miniprogram_state": "trial"}, 0),
        ({"miniprogram_state": "x"}, 47003),
        ({"template_id": "SUB-9"}, 40037),
        ({"touser": "oNobody"}, 40003),
    ],
)
async def test_what_is_wrong_with_a_subscribe_message(sim: Sim, changes: dict[str, Any], code: int) -> None:
    openid = await sim.person("wang", "mini", grant={"SUB-1": 1})
    body = {"touser": openid, "template_id": "SUB-1", "data": THING, **changes}
    assert (await sim.api(SUBSCRIBE, body, "mini"))["errcode"] == code


async def test_a_service_notice_reaches_people_who_do_not_follow(pushing: Sim, backend: Backend) -> None:
    openid = await pushing.person(follow=[], meet=["county"], grant={"BIZ-1": 1})
    body = {"touser": openid, "template_id": "BIZ-1", "data": THING}
    assert (await pushing.api(BIZ, body, "mini"))["errcode"] == 45103
    answer = await pushing.api(BIZ, body)
    assert answer["errcode"] == 0
    await pushing.advance(1)
    row = backend.got[0]["SubscribeMsgSentEvent"]["List"]
    assert (row["MsgID"], row["ErrorCode"], row["ErrorStatus"]) == (str(answer["msgid"]), "0", "success")
    assert (await pushing.chat(openid))[-1]["via"] == "bizsend"


async def test_a_popup_grants_and_is_pushed(pushing: Sim, backend: Backend) -> None:
    await pushing.person()
    row = {"account": "county", "person": "wang", "scene": 1}
    answer = await pushing.post("/admin/popup", {**row, "choices": {"BIZ-1": "accept", "TPL-due": "reject"}})
    assert answer["result"] == {"BIZ-1": "accept", "TPL-due": "reject"}
    assert answer["grants"] == {"BIZ-1": 1}
    assert backend.events == ["subscribe_msg_popup_event"]
    rows = backend.got[0]["SubscribeMsgPopupEvent"]["List"]
    assert [r["SubscribeStatusString"] for r in rows] == ["accept", "reject"]
    assert rows[0]["PopupScene"] == "1"
    for bad in (
        {"choices": {}},
        {"accept": ["a", "b", "c", "d"]},
        {"choices": {"BIZ-1": "maybe"}},
    ):
        assert "error" in await pushing.post("/admin/popup", {**row, **bad})
    banned = await pushing.post("/admin/popup", {**row, "accept": ["NONE"]})
    assert banned["result"] == {"NONE": "ban"}
    assert banned["push"] is None


async def test_one_time_and_long_term_cannot_be_asked_together(sim: Sim) -> None:
    await sim.person("wang", "mini")
    row = {"account": "mini", "person": "wang", "accept": ["SUB-1", "LONG"]}
    assert "together" in (await sim.post("/admin/popup", row))["error"]


async def test_turning_off_is_pushed_as_a_change(pushing: Sim, backend: Backend) -> None:
    await pushing.person()
    answer = await pushing.post("/admin/users", {"person": "wang", "turn_off": ["BIZ-1"]})
    assert answer["pushes"][0]["result"] == "accepted"
    assert backend.got[0]["SubscribeMsgChangeEvent"]["List"]["SubscribeStatusString"] == "reject"


# Customer-service messages


async def test_five_messages_in_48_hours_after_a_user_message(sim: Sim) -> None:
    await sim.post("/admin/clock", {"at": "2030-01-01T12:00"})
    openid = await sim.person()
    await sim.advance(61)  # the minute after following
    assert (await sim.api(CUSTOM, text(openid)))["errcode"] == 45015
    await sim.push(say="你好")
    codes = [(await sim.api(CUSTOM, text(openid)))["errcode"] for _ in range(6)]
    assert codes == [0] * 5 + [45047]
    await sim.push(say="还在吗")
    await sim.advance(48 * HOUR - 1)
    sim.tokens.clear()
    assert (await sim.api(CUSTOM, text(openid)))["errcode"] == 0
    await sim.advance(2)
    assert (await sim.api(CUSTOM, text(openid)))["errcode"] == 45015


@pytest.mark.parametrize(
    "action", [{"click": "K"}, {"follow": True}, {"scan": {"scene": "v1"}}, {"menu": {"id": "1"}}]
)
async def test_three_messages_in_a_minute_after_a_click_follow_or_scan(
    sim: Sim, action: dict[str, Any]
) -> None:
    openid = await sim.person()
    await sim.push(**action)
    codes = [(await sim.api(CUSTOM, text(openid)))["errcode"] for _ in range(4)]
    assert codes == [0, 0, 0, 45047]
    await sim.push(**action)
    await sim.advance(61)
    assert (await sim.api(CUSTOM, text(openid)))["errcode"] == 45015


async def test_whether_quotas_add_up_is_a_switch(sim: Sim) -> None:
    async def count() -> int:
        openid = await sim.person()
        await sim.push(say="你好")
        await sim.push(click="K")
        codes = [(await sim.api(CUSTOM, text(openid)))["errcode"] for _ in range(9)]
        return codes.count(0)

    assert await count() == 5
    await sim.switch(custom_quota_adds_up=True)
    assert await count() == 8
    await sim.switch(custom_after_message=20, custom_quota_adds_up=False)
    assert await count() == 9


async def test_paying_opens_48_hours_without_count(sim: Sim) -> None:
    openid = await sim.person()
    await sim.push(pay=True)
    assert [(await sim.api(CUSTOM, text(openid)))["errcode"] for _ in range(9)] == [0] * 9


async def test_a_mini_program_session_gives_two_messages(sim: Sim) -> None:
    openid = await sim.person("wang", "mini")
    await sim.push("wang", "mini", enter=True)
    codes = [(await sim.api(CUSTOM, text(openid), "mini"))["errcode"] for _ in range(3)]
    assert codes == [0, 0, 45047]


async def test_after_unfollowing_the_window_is_closed(sim: Sim) -> None:
    openid = await sim.person()
    await sim.push(say="你好")
    await sim.push(unfollow=True)
    assert (await sim.api(CUSTOM, text(openid)))["errcode"] == 45015


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "田" * 683}}, 45002),
        ({"msgtype": "text"}, 47001),
        ({"msgtype": "wxcard", "wxcard": {}}, 40008),
        ({}, 40008),
        ({"msgtype": "image", "image": {"media_id": "none"}}, 40007),
        ({"msgtype": "news", "news": {"articles": [{}, {}]}}, 45008),
        ({"msgtype": "news", "news": {"articles": []}}, 47001),
        ({"msgtype": "msgmenu", "msgmenu": {"list": []}}, 45098),
        ({"msgtype": "miniprogrampage", "miniprogrampage": {"pagepath": "p"}}, 40013),
        ({"msgtype": "miniprogrampage", "miniprogrampage": {"appid": "wx-mini"}}, 40165),
    ],
)
async def test_what_is_wrong_with_a_customer_message(sim: Sim, body: dict[str, Any], code: int) -> None:
    openid = await sim.person()
    await sim.push(say="你好")
    assert (await sim.api(CUSTOM, {"touser": openid, **body}))["errcode"] == code


async def test_customer_messages_are_shown_on_the_phone(sim: Sim) -> None:
    openid = await sim.person()
    await sim.push(photo="sample")
    photo = (await sim.chat(openid))[-1]["media_id"]
    await sim.switch(custom_after_message=20)
    await sim.push(say="你好")
    page = {"title": "进度", "appid": "wx-mini", "pagepath": "pages/home/home", "thumb_media_id": photo}
    for kind, part in (
        ("text", {"content": "<a href='https://example.org'>看</a>"}),
        ("image", {"media_id": photo}),
        ("video", {"media_id": photo, "title": "片"}),
        ("music", {"title": "歌", "musicurl": "https://example.org/a.mp3"}),
        ("news", {"articles": [{"title": "政策", "url": "https://example.org"}]}),
        (
            "msgmenu",
            {"head_content": "请选", "list": [{"id": "1", "content": "同意"}], "tail_content": "谢谢"},
        ),
        ("miniprogrampage", page),
        ("link", {"title": "链接", "url": "https://example.org"}),
    ):
        answer = await sim.api(CUSTOM, {"touser": openid, "msgtype": kind, kind: part})
        assert answer == {"errcode": 0, "errmsg": "ok"}
    shown = [entry for entry in await sim.chat(openid) if entry["via"] == "custom"]
    assert [entry["type"] for entry in shown] == [
        "text", "image", "video", "music", "news", "msgmenu", "miniprogrampage", "link",
    ]  # fmt: skip
    assert shown[5]["items"] == [{"id": "1", "content": "同意"}]
    assert (await sim.client.get("/" + shown[1]["url"])).content_type == "image/jpeg"
    assert all(row["delivered"] for row in await sim.sent(kind="custom"))


async def test_typing(sim: Sim) -> None:
    openid = await sim.person()
    path = "/cgi-bin/message/custom/typing"
    assert (await sim.api(path, {"touser": openid, "command": "Dance"}))["errcode"] == 45072
    await sim.advance(40)
    assert (await sim.api(path, {"touser": openid, "command": "Typing"}))["errcode"] == 45080
    await sim.push(say="你好")
    assert (await sim.api(path, {"touser": openid, "command": "Typing"}))["errcode"] == 0
    assert (await sim.api(path, {"touser": openid, "command": "Typing"}))["errcode"] == 45081
    assert (await sim.api(path, {"touser": openid, "command": "CancelTyping"}))["errcode"] == 0


# Mass messages


async def test_mass_messages(pushing: Sim, backend: Backend) -> None:
    one, two = await pushing.person("wang"), await pushing.person("li")
    body = {"touser": [one, two], "msgtype": "text", "text": {"content": "放假通知"}, "clientmsgid": "m-1"}
    answer = await pushing.api(MASS, body)
    assert (answer["errcode"], answer["errmsg"]) == (0, "send job submission success")
    again = await pushing.api(MASS, body)
    assert (again["errcode"], again["msg_id"]) == (45065, answer["msg_id"])
    await pushing.advance(2)
    assert backend.events == ["MASSSENDJOBFINISH"]
    assert (backend.got[0]["MsgID"], backend.got[0]["SentCount"]) == (str(answer["msg_id"]), "2")
    assert (await pushing.chat(two))[-1]["text"] == "放假通知"
    (row,) = await pushing.sent(openid=two)
    assert (row["kind"], row["touser"], row["delivered"]) == ("mass", [one, two], True)


async def test_a_user_gets_four_mass_messages_a_month(pushing: Sim, backend: Backend) -> None:
    await pushing.post("/admin/clock", {"at": "2030-01-02T12:00"})
    openids = [await pushing.person("wang"), await pushing.person("li")]
    for _ in range(5):
        await pushing.api(MASS, {"touser": openids, "msgtype": "text", "text": {"content": "通知"}})
        await pushing.advance(2)
    assert backend.got[-1]["Status"] == "send fail"
    assert len([e for e in await pushing.chat(openids[0]) if e["via"] == "mass"]) == 4


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"touser": "all"}, 40031),
        ({"touser": ["o1"]}, 40130),
        ({"touser": ["o1"] * 10_001}, 40032),
        ({"clientmsgid": "x" * 33}, 45067),
        ({"msgtype": "image", "images": {"media_ids": ["none"]}}, 40007),
    ],
)
async def test_what_is_wrong_with_a_mass_message(sim: Sim, changes: dict[str, Any], code: int) -> None:
    body = {"touser": ["o1", "o2"], "msgtype": "text", "text": {"content": "x"}, **changes}
    assert (await sim.api(MASS, body))["errcode"] == code


# The journal


async def test_the_journal_is_written_before_the_answer_and_read_at_the_next_start(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "log" / "sent.jsonl"
    config = SimulatorConfig(accounts=[service(), mini()], log_path=str(path), switches={"fsync": True})
    sim = await start(config)
    await sim.switch(receipt_delay_seconds=[0, 0])
    openid = await sim.person()
    answer = await sim.template(openid, client_msg_id="d-1")
    row = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert (row["seq"], row["msgid"], row["body"]["data"]) == (1, answer["msgid"], due())
    await sim.advance(1)
    await sim.client.close()
    with path.open("a") as file:
        file.write('{"seq": 2, "cut off')
    again = await start(config)
    (sent,) = await again.sent()
    assert (sent["seq"], sent["client_msg_id"], sent["status"]) == (1, "d-1", "success")
    await again.template(await again.person())
    assert [r["seq"] for r in await again.sent()] == [1, 2]
    await again.post("/admin/reset", {})
    await again.client.close()
    assert await (await start(config)).sent() == []


async def test_what_could_not_be_written_is_not_answered_as_accepted(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    sim = await start(SimulatorConfig(accounts=[service()], log_path=str(path)))
    openid, token = await sim.person(), await sim.token()
    sim.platform.journal._file = os.open(path, os.O_RDONLY)  # as if the disk refused
    body = {"touser": openid, "template_id": "TPL-due", "data": due()}
    response = await sim.client.post(SEND, json=body, params={"access_token": token})
    assert response.status == 500


async def test_a_pretty_body_is_one_line_in_the_journal(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    sim = await start(SimulatorConfig(accounts=[service()], log_path=str(path)))
    body = {"touser": await sim.person(), "template_id": "TPL-due", "data": due()}
    params = {"access_token": await sim.token()}
    response = await sim.client.post(SEND, params=params, data=json.dumps(body, indent=2).encode())
    assert (await response.json())["errcode"] == 0
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0])["body"] == body
