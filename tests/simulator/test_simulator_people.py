"""Persons: what they do, what the backend is told, users, tags, menus, QR codes, media, identity."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import segno
from PIL import Image, ImageOps
from simulator_kit import Backend, Sim, Start, mini, service

from simulator import SimulatorConfig
from simulator.media import sample_photo

MENU = {"button": [{"type": "click", "name": "申请贷款", "key": "APPLY"}]}
SECRET = {"appid": "wx-service", "secret": "s1"}
MINI = {"appid": "wx-mini", "secret": "s2"}


# What a person does


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"say": "你好\x1d"}, {"MsgType": "text", "Content": "你好\x1d"}),
        ({"menu": {"id": "101", "content": "同意"}},
         {"MsgType": "text", "Content": "同意", "bizmsgmenuid": "101"}),
        ({"voice": "我要贷五万"}, {"MsgType": "voice", "Format": "amr", "Recognition": "我要贷五万"}),
        ({"location": {"lat": 34.2, "lng": 113.7, "label": "石固镇"}},
         {"MsgType": "location", "Location_X": 34.2, "Location_Y": 113.7, "Scale": 16, "Label": "石固镇"}),
        ({"link": {"title": "政策", "url": "https://e.org"}},
         {"MsgType": "link", "Title": "政策", "Description": "", "Url": "https://e.org"}),
        ({"click": "APPLY"}, {"MsgType": "event", "Event": "CLICK", "EventKey": "APPLY"}),
        ({"view": "https://e.org"},
         {"MsgType": "event", "Event": "VIEW", "EventKey": "https://e.org", "MenuId": 0}),
        ({"scan": {"scene": "v1"}}, {"MsgType": "event", "Event": "SCAN", "EventKey": "v1", "Ticket": ""}),
        ({"scan": "v1"}, {"MsgType": "event", "Event": "SCAN", "EventKey": "v1", "Ticket": ""}),
        ({"unfollow": True}, {"MsgType": "event", "Event": "unsubscribe", "EventKey": ""}),
        ({"event": {"Event": "LOCATION", "Latitude": "34.2"}},
         {"MsgType": "event", "Event": "LOCATION", "Latitude": "34.2"}),
        ({"say": "晚", "fields": {"CreateTime": 1, "MsgId": 7}},
         {"Content": "晚", "CreateTime": 1, "MsgId": 7}),
    ],
)  # fmt: skip
async def test_an_action_becomes_its_push(sim: Sim, action: dict[str, Any], expected: dict[str, Any]) -> None:
    await sim.person()
    answer = await sim.push(**action)
    assert {key: answer["fields"][key] for key in expected} == expected
    assert ("MsgId" in answer["fields"]) == (answer["fields"]["MsgType"] != "event")
    if "voice" in action:
        await sim.switch(voice_recognition=False)
        assert "Recognition" not in (await sim.push(**action))["fields"]


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"say": "a", "click": "b"},
        {"say": 1},
        {"say": "x" * 20_001},
        {"menu": "1"},
        {"photo": "not base64!"},
        {"photo": ""},
        {"photo": 5},
        {"location": {"lat": 1}},
        {"location": {"lat": 100, "lng": 1}},
        {"link": {}},
        {"scan": {}},
        {"scan": {"ticket": "none"}},
        {"event": {"EventKey": "x"}},
        {"say": "x", "fields": 1},
        {"say": "x", "repeat": "often"},
    ],
)
async def test_an_action_that_makes_no_sense_is_refused(sim: Sim, action: dict[str, Any]) -> None:
    await sim.person()
    assert "error" in await sim.push(**action)


async def test_a_stranger_cannot_speak_to_a_service_account(sim: Sim) -> None:
    response = await sim.client.post("/admin/push", json={"account": "county", "person": "li", "say": "你好"})
    assert response.status == 409
    assert (await sim.push("li", "mini", say="你好"))["result"] == "not_pushed"


async def test_following_and_leaving_are_pushed_unless_quiet(pushing: Sim, backend: Backend) -> None:
    answer = await pushing.post("/admin/users", {"person": "wang", "follow": ["county"]})
    assert [push["fields"]["Event"] for push in answer["pushes"]] == ["subscribe"]
    await pushing.post("/admin/users", {"person": "wang", "unfollow": "county", "quiet": True})
    await pushing.push(follow=True)
    await pushing.push(unfollow=True)
    await pushing.push(scan={"scene": "v9"})
    assert backend.events == ["subscribe", "subscribe", "unsubscribe", "subscribe"]
    assert backend.got[-1]["EventKey"] == "qrscene_v9"
    again = await pushing.post("/admin/users", {"person": "wang", "follow": ["county"]})
    assert again["pushes"] == []


async def test_a_photo_can_be_fetched_under_its_address_and_its_media_id(sim: Sim) -> None:
    openid = await sim.person()
    photo = base64.b64encode(sample_photo("田")).decode()
    pushed = await sim.push(photo="data:image/jpeg;base64," + photo)
    async with aiohttp.ClientSession() as phone, phone.get(pushed["fields"]["PicUrl"]) as response:
        assert await response.read() == base64.b64decode(photo)
    token = await sim.token()
    params = {"access_token": token, "media_id": pushed["fields"]["MediaId"]}
    response = await sim.client.get("/cgi-bin/media/get", params=params)
    assert await response.read() == base64.b64decode(photo)
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    assert (await sim.chat(openid))[-1]["url"].startswith("media/file/")
    await sim.advance(3 * 86_400 + 1)
    sim.tokens.clear()
    assert (await sim.api("/cgi-bin/media/get", media_id=params["media_id"]))["errcode"] == 40007
    assert (await sim.client.get("/media/file/none.jpg")).status == 404


async def test_a_video_answers_with_its_address(sim: Sim) -> None:
    await sim.person()
    fields = (await sim.push(video="sample"))["fields"]
    url = (await sim.api("/cgi-bin/media/get", media_id=fields["MediaId"]))["video_url"]
    async with aiohttp.ClientSession() as phone, phone.get(url) as response:
        assert (await response.read())[4:8] == b"ftyp"
    thumb = await sim.api("/cgi-bin/media/get", media_id="none")
    assert thumb["errcode"] == 40007
    assert fields["ThumbMediaId"]


async def upload(sim: Sim, kind: str, data: bytes, name: str = "media") -> Any:
    form = aiohttp.FormData()
    form.add_field(name, data, filename="a.jpg", content_type="image/jpeg")
    params = {"access_token": await sim.token(), "type": kind}
    return await (await sim.client.post("/cgi-bin/media/upload", data=form, params=params)).json()


async def test_an_upload_can_be_downloaded_again(sim: Sim) -> None:
    answer = await upload(sim, "image", sample_photo())
    assert set(answer) == {"type", "media_id", "created_at"}
    params = {"access_token": await sim.token(), "media_id": answer["media_id"]}
    response = await sim.client.get("/cgi-bin/media/get", params=params)
    assert await response.read() == sample_photo()
    assert "thumb_media_id" in await upload(sim, "thumb", sample_photo())
    await sim.switch(thumb_key="media_id")
    assert "media_id" in await upload(sim, "thumb", sample_photo())


@pytest.mark.parametrize(
    ("kind", "data", "name", "code"),
    [
        ("poem", b"x", "media", 40004),
        ("image", b"x", "file", 41005),
        ("image", b"", "media", 44001),
        ("image", b"MZ executable", "media", 40005),
        ("thumb", sample_photo() + bytes(64 * 1024), "media", 40006),
    ],
)
async def test_an_upload_that_is_refused(sim: Sim, kind: str, data: bytes, name: str, code: int) -> None:
    assert (await upload(sim, kind, data, name))["errcode"] == code


async def test_the_size_of_images_is_a_switch_and_a_form_is_needed(sim: Sim) -> None:
    await sim.switch(image_max_bytes=1000)
    assert (await upload(sim, "image", sample_photo()))["errcode"] == 40009
    assert (await sim.api("/cgi-bin/media/upload", {"media": "x"}, type="image"))["errcode"] == 41005


# Users and tags


async def test_openids_differ_by_account_and_stay_the_same(start: Start) -> None:
    sim = await start(
        SimulatorConfig(accounts=[service(), mini(), service(name="b", appid="wx-b", open_platform="")])
    )
    await sim.person()
    await sim.person(account="b")
    await sim.person(account="mini")
    accounts = (await sim.get("/admin/users", person="wang"))["users"][0]["accounts"]
    assert len({accounts[name]["openid"] for name in ("county", "b", "mini")}) == 3
    assert all(len(accounts[name]["openid"]) == 28 for name in accounts)
    assert accounts["county"]["unionid"] == accounts["mini"]["unionid"]
    assert accounts["b"]["unionid"] is None
    again = await start()
    assert await again.person() == accounts["county"]["openid"]


async def test_user_info_of_followers_and_others(sim: Sim) -> None:
    openid = await sim.person()
    info = await sim.api("/cgi-bin/user/info", openid=openid)
    assert (info["subscribe"], info["openid"], info["subscribe_scene"]) == (1, openid, "ADD_SCENE_SEARCH")
    assert "errcode" not in info
    await sim.person(follow=[], unfollow=["county"])
    assert set(await sim.api("/cgi-bin/user/info", openid=openid)) == {"subscribe", "openid", "unionid"}
    assert (await sim.api("/cgi-bin/user/info", openid="oNobody"))["errcode"] == 40003
    rows = {"user_list": [{"openid": openid}]}
    assert (await sim.api("/cgi-bin/user/info/batchget", rows))["user_info_list"][0]["subscribe"] == 0
    assert (await sim.api("/cgi-bin/user/info/batchget", {"user_list": []}))["errcode"] == 40032
    await sim.push(scan={"scene": "12"})
    assert (await sim.api("/cgi-bin/user/info", openid=openid))["qr_scene"] == 12
    assert (await sim.api("/cgi-bin/user/info/updateremark", {"openid": openid, "remark": "组长"}))[
        "errcode"
    ] == 0
    assert (await sim.api("/cgi-bin/user/info", openid=openid))["remark"] == "组长"
    assert (await sim.api("/cgi-bin/user/info/updateremark", {"openid": openid}))["errcode"] == 40035


async def test_followers_come_ten_thousand_at_a_time(sim: Sim) -> None:
    made = await sim.post("/admin/users", {"range": {"prefix": "f", "count": 10_005}, "follow": ["county"]})
    assert made == {"made": 10_005}
    first = await sim.api("/cgi-bin/user/get")
    assert (first["total"], first["count"]) == (10_005, 10_000)
    rest = await sim.api("/cgi-bin/user/get", next_openid=first["next_openid"])
    assert rest["count"] == 5
    end = await sim.api("/cgi-bin/user/get", next_openid=rest["next_openid"])
    assert (end["count"], "data" in end) == (0, False)
    assert (await sim.api("/cgi-bin/user/get", next_openid="oNobody"))["errcode"] == 40003


async def test_tags_and_their_members(sim: Sim) -> None:
    one, two = await sim.person("wang"), await sim.person("li")
    tag = (await sim.api("/cgi-bin/tags/create", {"tag": {"name": "村干部"}}))["tag"]
    assert (await sim.api("/cgi-bin/tags/create", {"tag": {"name": "村干部"}}))["errcode"] == 45157
    assert (await sim.api("/cgi-bin/tags/create", {"tag": {"name": "长" * 11}}))["errcode"] == 45158
    assert (await sim.api("/cgi-bin/tags/create", {"tag": {}}))["errcode"] == 40035
    members = {"openid_list": [one, two], "tagid": tag["id"]}
    assert (await sim.api("/cgi-bin/tags/members/batchtagging", members))["errcode"] == 0
    assert (await sim.api("/cgi-bin/tags/get"))["tags"][-1] == {**tag, "count": 2}
    assert (await sim.api("/cgi-bin/tags/getidlist", {"openid": one}))["tagid_list"] == [tag["id"]]
    found = await sim.api("/cgi-bin/user/tag/get", {"tagid": tag["id"]})
    assert found["data"]["openid"] == [one, two]
    assert (await sim.api("/cgi-bin/user/tag/get", {"tagid": tag["id"], "next_openid": two}))["count"] == 0
    update = {"tag": {"id": tag["id"], "name": "干部"}}
    assert (await sim.api("/cgi-bin/tags/update", update))["errcode"] == 0
    assert (await sim.api("/cgi-bin/tags/members/batchuntagging", {**members, "openid_list": [two]}))[
        "errcode"
    ] == 0
    assert (await sim.get("/admin/users", person="li"))["users"][0]["accounts"]["county"]["tags"] == []
    assert (await sim.api("/cgi-bin/tags/delete", {"tag": {"id": tag["id"]}}))["errcode"] == 0
    assert (await sim.api("/cgi-bin/tags/getidlist", {"openid": one}))["tagid_list"] == []
    for changes, code in (
        ({"tagid": 999}, 45159),
        ({"openid_list": []}, 40032),
        ({"openid_list": ["oNobody"]}, 40003),
    ):
        row = {**members, "tagid": 2, **changes}
        assert (await sim.api("/cgi-bin/tags/members/batchtagging", row))["errcode"] == code
    assert (await sim.api("/cgi-bin/tags/delete", {"tag": {"id": 2}}))["errcode"] == 45058


async def test_a_user_has_at_most_twenty_tags_and_an_account_a_hundred(sim: Sim) -> None:
    openid = await sim.person(tags={"county": [f"t{n}" for n in range(20)]})
    new = (await sim.api("/cgi-bin/tags/create", {"tag": {"name": "x"}}))["tag"]["id"]
    row = {"openid_list": [openid], "tagid": new}
    assert (await sim.api("/cgi-bin/tags/members/batchtagging", row))["errcode"] == 45059
    for number in range(100):
        last = await sim.api("/cgi-bin/tags/create", {"tag": {"name": f"y{number}"}})
    assert last["errcode"] == 45056


# Menus


async def test_the_menu_can_be_made_read_and_deleted(sim: Sim) -> None:
    assert (await sim.api("/cgi-bin/menu/get"))["errcode"] == 46003
    assert (await sim.api("/cgi-bin/get_current_selfmenu_info")) == {"is_menu_open": 0}
    sub = {"name": "更多", "sub_button": [{"type": "view", "name": "政策", "url": "https://e.org"}]}
    assert (await sim.api("/cgi-bin/menu/create", {"button": [*MENU["button"], sub]}))["errcode"] == 0
    menu = await sim.api("/cgi-bin/menu/get")
    assert [button["name"] for button in menu["menu"]["button"]] == ["申请贷款", "更多"]
    assert "errcode" not in menu
    current = await sim.api("/cgi-bin/get_current_selfmenu_info")
    assert current["selfmenu_info"]["button"][1]["sub_button"]["list"][0]["name"] == "政策"
    assert (await sim.get("/admin/menu", account="county"))["button"][0]["key"] == "APPLY"
    assert (await sim.api("/cgi-bin/menu/delete"))["errcode"] == 0
    assert (await sim.api("/cgi-bin/menu/get"))["errcode"] == 46003


async def test_escaped_characters_in_a_menu_are_refused(sim: Sim) -> None:
    data = b'{"button":[{"type":"click","name":"\\u7533","key":"A"}]}'
    params = {"access_token": await sim.token()}
    response = await sim.client.post("/cgi-bin/menu/create", data=data, params=params)
    assert (await response.json())["errcode"] == 40033


async def test_the_last_tag_decides_the_menu_newest_first(sim: Sim) -> None:
    openid = await sim.person(tags={"county": ["cadre", "officer"]})
    tags = sim.platform.account("county").users[openid].tags

    def menu(name: str) -> dict[str, Any]:
        return {"button": [{"type": "click", "name": name, "key": name}]}

    async def seen() -> str:
        return str((await sim.api("/cgi-bin/menu/trymatch", {"user_id": openid}))["button"][0]["name"])

    rule = {"tag_id": str(tags[0])}
    path = "/cgi-bin/menu/addconditional"
    assert (await sim.api(path, {**menu("a"), "matchrule": rule}))["errcode"] == 65303
    assert (await sim.api("/cgi-bin/menu/trymatch", {"user_id": openid}))["errcode"] == 65303
    await sim.api("/cgi-bin/menu/create", menu("all"))
    assert await seen() == "all"
    for number, name in ((0, "cadre"), (1, "old"), (1, "officer")):
        last = await sim.api(path, {**menu(name), "matchrule": {"tag_id": str(tags[number])}})
    assert await seen() == "officer"
    listed = await sim.api("/cgi-bin/menu/get")
    assert [m["button"][0]["name"] for m in listed["conditionalmenu"]] == ["officer", "old", "cadre"]
    assert (await sim.api("/cgi-bin/menu/delconditional", {"menuid": last["menuid"]}))["errcode"] == 0
    assert await seen() == "old"
    row = {"openid_list": [openid], "tagid": tags[0]}
    await sim.api("/cgi-bin/tags/members/batchtagging", row)  # put on again: now the last one
    assert await seen() == "cadre"
    assert (await sim.get("/admin/menu", account="county", openid=openid))["button"][0]["name"] == "cadre"
    assert (await sim.api("/cgi-bin/menu/delconditional", {"menuid": 1}))["errcode"] == 65301
    assert (await sim.api("/cgi-bin/menu/trymatch", {"user_id": "nobody"}))["errcode"] == 46004
    for rule, code in (({}, 65304), ({"tag_id": "999"}, 65305)):
        assert (await sim.api(path, {**menu("x"), "matchrule": rule}))["errcode"] == code
    await sim.api("/cgi-bin/menu/delete")
    await sim.api("/cgi-bin/menu/create", menu("all"))
    assert await seen() == "all"


# QR codes


def modules(picture: Image.Image) -> list[list[bool]]:
    """The modules of a QR picture as a camera finds them: from the marks in its corners."""
    grey = picture.convert("L").point(lambda shade: 255 * (shade > 127))
    left, top, right, _ = ImageOps.invert(grey.crop((0, 0, grey.width, grey.height - 30))).getbbox()
    mark = next(x for x in range(left, right) if grey.getpixel((x, top)) > 127) - left
    size = round((right - left) * 7 / mark)
    step = (right - left) / size
    return [
        [
            grey.getpixel((int(left + (x + 0.5) * step), int(top + (y + 0.5) * step))) < 128
            for x in range(size)
        ]
        for y in range(size)
    ]


async def test_a_qr_code_carries_its_scene_until_it_is_over(pushing: Sim, backend: Backend) -> None:
    await pushing.person(follow=[], meet=["county"])
    body = {
        "action_name": "QR_STR_SCENE",
        "expire_seconds": 600,
        "action_info": {"scene": {"scene_str": "village-12"}},
    }
    code = await pushing.api("/cgi-bin/qrcode/create", body)
    assert code["expire_seconds"] == 600
    response = await pushing.client.get("/cgi-bin/showqrcode", params={"ticket": code["ticket"]})
    picture = Image.open(io.BytesIO(await response.read()))
    assert picture.format == "JPEG"
    assert modules(picture) == [
        [bool(dark) for dark in row] for row in segno.make(code["url"], error="m").matrix
    ]
    await pushing.push(scan={"ticket": code["ticket"]})
    await pushing.push(scan={"scene": "village-12"})
    assert [(f["Event"], f["EventKey"], f["Ticket"]) for f in backend.got] == [
        ("subscribe", "qrscene_village-12", code["ticket"]),
        ("SCAN", "village-12", code["ticket"]),
    ]
    info = await pushing.api("/cgi-bin/user/info", openid=backend.got[0]["FromUserName"])
    assert (info["subscribe_scene"], info["qr_scene_str"]) == ("ADD_SCENE_QR_CODE", "village-12")
    await pushing.advance(601)
    assert "over" in (await pushing.push(scan={"ticket": code["ticket"]}))["error"]
    assert (await pushing.client.get("/cgi-bin/showqrcode", params={"ticket": code["ticket"]})).status == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_000}}}, None),
        ({"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 7}}}, 60),
        ({"action_name": "QR_SCENE", "expire_seconds": 9_999_999, "action_info": {"scene": {"scene_id": 7}}},
         2_592_000),
        ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}}, 40053),
        ({"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "x" * 65}}}, 40053),
        ({"action_name": "QR_SCENE"}, 40053),
        ({"action_name": "QR"}, 40052),
    ],
)  # fmt: skip
async def test_what_a_qr_code_may_carry(sim: Sim, body: dict[str, Any], expected: int | None) -> None:
    answer = await sim.api("/cgi-bin/qrcode/create", body)
    assert answer.get("errcode", answer.get("expire_seconds")) == expected


# Identity


async def login(sim: Sim, person: str = "wang") -> Any:
    code = (await sim.get("/admin/login_code", account="mini", person=person))["code"]
    query = {**MINI, "js_code": code, "grant_type": "authorization_code"}
    return code, await sim.get("/sns/jscode2session", **query)


async def test_a_login_code_works_once_and_for_five_minutes(sim: Sim) -> None:
    code, answer = await login(sim)
    openid = await sim.person("wang", "mini")
    assert set(answer) == {"openid", "session_key", "unionid"}
    assert answer["openid"] == openid
    assert len(base64.b64decode(answer["session_key"])) == 16
    query = {**MINI, "js_code": code, "grant_type": "authorization_code"}
    assert (await sim.get("/sns/jscode2session", **query))["errcode"] == 40163
    assert (await sim.get("/sns/jscode2session", **{**query, "js_code": "x"}))["errcode"] == 40029
    assert (await sim.get("/sns/jscode2session", **{**query, "js_code": ""}))["errcode"] == 41008
    assert (await sim.get("/sns/jscode2session", **{**query, "grant_type": "x"}))["errcode"] == 40002
    late = (await sim.get("/admin/login_code", account="mini", person="wang"))["code"]
    await sim.advance(301)
    assert (await sim.get("/sns/jscode2session", **{**query, "js_code": late}))["errcode"] == 40029


async def test_each_login_replaces_the_session_key(sim: Sim) -> None:
    _, first = await login(sim)
    _, second = await login(sim)
    openid = first["openid"]

    async def check(key: str, path: str = "/wxa/checksession") -> Any:
        made = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
        query = {"openid": openid, "signature": made, "sig_method": "hmac_sha256"}
        return await sim.api(path, account="mini", **query)

    assert (await check(first["session_key"]))["errcode"] == 87009
    assert (await check(second["session_key"]))["errcode"] == 0
    reset = await check(second["session_key"], "/wxa/resetusersessionkey")
    assert (await check(reset["session_key"]))["errcode"] == 0
    assert (await check(second["session_key"]))["errcode"] == 87009


async def test_risky_and_hasty_logins(sim: Sim) -> None:
    await sim.post("/admin/clock", {"at": "2030-01-01T08:00"})
    await sim.post("/admin/users", {"person": "thief", "high_risk": True})
    assert (await login(sim, "thief"))[1]["errcode"] == 40226
    answers = [(await login(sim))[1] for _ in range(101)]
    assert "openid" in answers[99]
    assert answers[100]["errcode"] == 45011


async def test_the_phone_number_comes_by_its_own_code(sim: Sim) -> None:
    openid = await sim.person("wang", "mini", phone="13800000001")
    other = await sim.person("li", "mini")
    path = "/wxa/business/getuserphonenumber"
    code = (await sim.get("/admin/phone_code", account="mini", person="wang"))["code"]
    assert (await sim.api(path, {"code": code, "openid": other}, "mini"))["errcode"] == 40029
    answer = await sim.api(path, {"code": code, "openid": openid}, "mini")
    assert (answer["errcode"], answer["phone_info"]["purePhoneNumber"]) == (0, "13800000001")
    assert answer["phone_info"]["watermark"]["appid"] == "wx-mini"
    assert (await sim.api(path, {"code": code}, "mini"))["errcode"] == 40163
    login_code = (await sim.get("/admin/login_code", account="mini", person="wang"))["code"]
    assert (await sim.api(path, {"code": login_code}, "mini"))["errcode"] == 40029


async def test_errcode_0_of_the_content_check_does_not_mean_clean(sim: Sim) -> None:
    openid = await sim.person("wang", "mini")
    path = "/wxa/msg_sec_check"
    body = {"version": 2, "scene": 2, "content": "买两头牛", "openid": openid}
    assert (await sim.api(path, body, "mini"))["errcode"] == 61010
    await login(sim)
    clean = await sim.api(path, body, "mini")
    assert (clean["errcode"], clean["result"]) == (0, {"suggest": "pass", "label": 100})
    risky = await sim.api(path, {**body, "content": "借钱去赌博"}, "mini")
    assert (risky["errcode"], risky["result"]["suggest"]) == (0, "risky")
    for changes, code in (
        ({"scene": 9}, 40129),
        ({"openid": "oNobody"}, 40003),
        ({"content": ""}, 44002),
        ({"content": "x" * 2501}, 45002),
        ({"version": 1, "content": "赌博"}, 87014),
        ({"version": 1}, 0),
    ):
        assert (await sim.api(path, {**body, **changes}, "mini"))["errcode"] == code
    await sim.advance(7201)
    sim.tokens.clear()
    assert (await sim.api(path, body, "mini"))["errcode"] == 61010
    await sim.switch(sec_needs_visit=False, sec_words=["牛"])
    assert (await sim.api(path, body, "mini"))["result"]["suggest"] == "risky"


OAUTH = {
    "appid": "wx-service",
    "redirect_uri": "http://h5.example/m/login?next=1#top",
    "response_type": "code",
    "scope": "snsapi_userinfo",
    "state": "s t",
}


async def authorize(sim: Sim, **changes: str) -> Any:
    query = {**OAUTH, **changes}
    return await sim.client.get("/connect/oauth2/authorize", params=query, allow_redirects=False)


async def exchange(sim: Sim, code: str) -> Any:
    query = {**SECRET, "code": code, "grant_type": "authorization_code"}
    return await sim.get("/sns/oauth2/access_token", **query)


async def test_oauth_from_the_redirect_to_the_name(sim: Sim) -> None:
    openid = await sim.person(name="王秀英")
    response = await authorize(sim, sim_user="wang")
    target = urlsplit(response.headers["Location"])
    query = parse_qs(target.query)
    assert (response.status, target.fragment, query["next"], query["state"]) == (302, "top", ["1"], ["s t"])
    answer = await exchange(sim, query["code"][0])
    assert (answer["openid"], answer["scope"]) == (openid, "snsapi_userinfo")
    assert "errcode" not in answer
    assert (await exchange(sim, query["code"][0]))["errcode"] == 40163
    access = {"access_token": answer["access_token"], "openid": openid}
    info = await sim.get("/sns/userinfo", **access)
    assert (info["nickname"], info["unionid"]) == ("王秀英", answer["unionid"])
    assert (await sim.get("/sns/auth", **access))["errcode"] == 0
    assert (await sim.get("/sns/userinfo", **{**access, "openid": "oNobody"}))["errcode"] == 40003
    refresh = {"appid": "wx-service", "grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert (await sim.get("/sns/oauth2/refresh_token", **refresh))["openid"] == openid
    for changes, code in (
        ({"grant_type": "x"}, 40002),
        ({"appid": "wx-nobody"}, 40013),
        ({"refresh_token": "x"}, 40030),
    ):
        assert (await sim.get("/sns/oauth2/refresh_token", **{**refresh, **changes}))["errcode"] == code
    await sim.advance(7201)
    assert (await sim.get("/sns/auth", **access))["errcode"] == 42001
    assert (await sim.get("/sns/auth", access_token="x"))["errcode"] == 40001


async def test_the_person_of_oauth_is_remembered_in_a_cookie_or_asked_for(sim: Sim) -> None:
    assert "POST /admin/users" in await (await authorize(sim)).text()
    await sim.person(name="<王>")
    page = await (await authorize(sim)).text()
    assert "&lt;王&gt;" in page
    assert "sim_user=wang" in page
    opened = await sim.client.get(
        "/admin/open", params={"person": "wang", "url": "http://h5.example/m"}, allow_redirects=False
    )
    assert (opened.status, opened.headers["Location"]) == (302, "http://h5.example/m")
    assert (await authorize(sim)).status == 302
    for params in ({"person": "wang", "url": "javascript:alert(1)"}, {"url": "http://h5.example/m"}):
        assert (await sim.client.get("/admin/open", params=params, allow_redirects=False)).status == 400


async def test_what_oauth_refuses(start: Start) -> None:
    sim = await start(SimulatorConfig(accounts=[service(oauth_domains=["h5.example"]), mini()]))
    for changes in (
        {"appid": "wx-nobody"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://other.example/"},
        {"scope": "all"},
    ):
        assert (await authorize(sim, sim_user="wang", **changes)).status == 400
    for changes, code in (({"grant_type": "x"}, 40002), ({"code": ""}, 41008), ({"secret": "x"}, 40125)):
        query = {**SECRET, "code": "x", "grant_type": "authorization_code", **changes}
        assert (await sim.get("/sns/oauth2/access_token", **query))["errcode"] == code


async def test_the_base_scope_gives_no_profile_and_a_snapshot_no_openid(sim: Sim) -> None:
    await sim.person("li", follow=[], meet=["county"])
    code = (await sim.get("/admin/oauth_code", account="county", person="li"))["code"]
    answer = await exchange(sim, code)
    assert "unionid" not in answer
    query = {"access_token": answer["access_token"], "openid": answer["openid"]}
    assert (await sim.get("/sns/userinfo", **query))["errcode"] == 48001
    real = await sim.person("ghost", snapshot=True)
    code = (await sim.get("/admin/oauth_code", account="county", person="ghost"))["code"]
    fake = await exchange(sim, code)
    assert fake["is_snapshotuser"] == 1
    assert fake["openid"] != real


async def test_codes_fit_the_kind_of_account(sim: Sim) -> None:
    assert "error" in await sim.get("/admin/login_code", account="county", person="wang")
    assert "error" in await sim.get("/admin/oauth_code", account="mini", person="wang")
