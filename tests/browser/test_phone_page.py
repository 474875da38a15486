"""The phone page of the simulator, driven in a browser, with a tiny backend behind it (issue 2, part 10)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Locator, Page, expect

from simulator import SIMULATOR, AccountConfig, SimulatorConfig, Template, create_simulator
from simulator.platform import Platform

pytestmark = pytest.mark.browser

AMOUNTS = (
    "您想贷多少？\n"
    '<a href="weixin://bizmsgmenu?msgmenucontent=3万元&msgmenuid=amount-3">3万元</a>\n'
    '<a href="weixin://bizmsgmenu?msgmenucontent=5万元&msgmenuid=amount-5">5万元</a>'
)
DUE = Template("TPL-due", "还款提醒", {"thing1": "贷款项目", "amount2": "应还金额"})
HOME = {"lat": 34.1907, "lng": 113.7013, "label": "石固村 3 组"}
H5 = """<title>我的贷款</title><p id=who>{person}</p>
<button id=where>定位</button><button id=shut>关闭</button>
<script>
document.getElementById("where").onclick = () => navigator.geolocation.getCurrentPosition((at) => {
  document.getElementById("where").textContent = at.coords.latitude;
});
document.getElementById("shut").onclick = () => WeixinJSBridge.call("closeWindow");
</script>"""
PEOPLE = {"zhang": "张守田", "wang": "王建国", "chen": "陈晓燕"}
MENU = {
    "button": [
        {"name": "办贷款", "sub_button": [{"type": "click", "name": "我要贷款", "key": "APPLY"}]},
        {"type": "view", "name": "网页", "url": ""},
    ]
}


@dataclass
class Receiver:
    """The backend: keeps what is pushed to it and answers a word to it."""

    got: list[dict[str, str]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    server: TestServer | None = None
    wait: Callable[[], Awaitable[object]] | None = None

    @property
    def hook(self) -> str:
        assert self.server is not None
        return str(self.server.make_url("/hook"))

    async def take(self, request: web.Request) -> web.Response:
        fields = {node.tag: node.text or "" for node in ET.fromstring(await request.read())}  # noqa: S314
        self.got.append(fields)
        if self.wait is not None:
            await self.wait()
        said = fields.get("Content") or fields.get("Recognition") or fields.get("EventKey") or ""
        answer = self.words.get(said) or f"收到 {fields['MsgType']} {said}".strip()
        if fields.get("Event") in ("VIEW", "unsubscribe", "TEMPLATESENDJOBFINISH"):
            return web.Response(text="success")
        return web.Response(
            text=f"<xml><ToUserName><![CDATA[{fields['FromUserName']}]]></ToUserName>"
            f"<FromUserName><![CDATA[{fields['ToUserName']}]]></FromUserName><CreateTime>1</CreateTime>"
            f"<MsgType>text</MsgType><Content><![CDATA[{answer}]]></Content></xml>"
        )

    async def page(self, request: web.Request) -> web.Response:
        """An H5 page that says who is logged in; the cookie is its session."""
        person = request.cookies.get("session") or request.cookies.get("sim_user", "")
        self.pages.append(person if "session" in request.cookies else f"{person} logs in")
        response = web.Response(text=H5.replace("{person}", person), content_type="text/html")
        response.set_cookie("session", person, path="/", httponly=True)
        return response

    def last(self, kind: str) -> dict[str, str]:
        return next(fields for fields in reversed(self.got) if fields["MsgType"] == kind)


@dataclass
class Stage:
    """A simulator with three followers, the backend, and a browser page to open."""

    page: Page
    base: str
    platform: Platform
    server: TestServer
    receiver: Receiver
    http: ClientSession
    errors: list[str] = field(default_factory=list)

    async def open(self, query: str = "phones=zhang,wang&account=county") -> None:
        await self.page.goto(f"{self.base}sim/?{query}")
        await self.page.wait_for_selector("html[data-ready]")
        await expect(self.test("link")).to_have_attribute("data-state", re.compile("live|polling"))

    def test(self, name: str) -> Locator:
        return self.page.locator(f'[data-test="{name}"]')

    def phone(self, person: str, name: str) -> Locator:
        return self.test(f"phone-{person}").locator(f'[data-test="{name}"]')

    def web(self, person: str, selector: str) -> Locator:
        """Something in the web page that is open in a phone."""
        return self.page.frame_locator(f'[data-test="webview-frame-{person}"]').locator(selector)

    def bubbles(self, person: str, sender: str, kind: str = "text") -> Locator:
        within = f'[data-test="bubble"][data-from="{sender}"][data-kind="{kind}"]'
        return self.test(f"phone-{person}").locator(within)

    async def say(self, person: str, words: str) -> None:
        await self.test(f"say-{person}").fill(words)
        await self.test(f"say-{person}").press("Enter")

    async def post(self, path: str, body: Any) -> Any:
        async with self.http.post(self.base + path, data=orjson.dumps(body)) as answer:
            return await answer.json(content_type=None)

    async def get(self, path: str) -> Any:
        async with self.http.get(self.base + path) as answer:
            return await answer.json(content_type=None)

    async def api(self, path: str, body: Any) -> Any:
        token = await self.get("cgi-bin/token?grant_type=client_credential&appid=wx1&secret=s")
        return await self.post(f"cgi-bin/{path}?access_token={token['access_token']}", body)

    async def template(self, person: str, url: str = "") -> Any:
        data = {"thing1": {"value": "养牛"}, "amount2": {"value": "50000元"}}
        body = {"touser": self.openid(person), "template_id": "TPL-due", "url": url, "data": data}
        return await self.api("message/template/send", body)

    def openid(self, person: str) -> str:
        return self.platform.account("county").meet(self.platform.person(person)).openid


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    made.server = TestServer(app, host="127.0.0.1")
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
async def stage(browser: Browser, receiver: Receiver) -> AsyncIterator[Stage]:
    account = AccountConfig(
        name="county",
        appid="wx1",
        secret="s",
        title="长葛金融服务",
        push_url=receiver.hook,
        push_mode="plain",
        templates={DUE.id: DUE},
    )
    switches = {"receipt_delay_seconds": [0, 0]}
    todo = Template("SUB-todo", "待办提醒", {"thing1": "事项"})
    mini = AccountConfig(
        name="mini", appid="wx2", secret="s", kind="mini_program", title="田信", templates={todo.id: todo}
    )
    app = create_simulator(
        SimulatorConfig(accounts=[account, mini], switches=switches, at="2026-11-28T08:00")
    )
    app.router.add_get("/m/loans", receiver.page)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    context = await browser.new_context(viewport={"width": 1600, "height": 950}, locale="zh-CN")
    page = await context.new_page()
    async with ClientSession() as http:
        made = Stage(page, str(server.make_url("/")), app[SIMULATOR], server, receiver, http)
        page.on("pageerror", lambda error: made.errors.append(str(error)))
        everybody = {"follow": ["county"], "quiet": True, "home": HOME}
        rows = [{"person": person, "name": name, **everybody} for person, name in PEOPLE.items()]
        await made.post("admin/users", rows)
        yield made
        assert made.errors == []
    await context.close()
    await server.close()


# Talking


async def test_what_a_person_types_is_pushed_and_the_answer_stands_below(stage: Stage) -> None:
    await stage.open()
    await stage.say("zhang", "你好")
    await expect(stage.bubbles("zhang", "me")).to_have_text("你好")
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 text 你好")
    assert stage.receiver.last("text")["Content"] == "你好"
    await expect(stage.test("speed-zhang")).to_have_text(re.compile(r"^[\d.]+ ms$"))
    await expect(stage.bubbles("wang", "account")).to_have_count(0)
    await expect(stage.test("title-zhang")).to_have_text("长葛金融服务")


async def test_while_the_backend_thinks_the_phone_says_so(stage: Stage) -> None:
    let_go = asyncio.Event()
    stage.receiver.wait = let_go.wait
    await stage.open()
    await stage.say("zhang", "想一想")
    await expect(stage.test("typing-zhang")).to_be_visible()
    await expect(stage.test("title-zhang")).to_have_text("对方正在输入…")
    let_go.set()
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 text 想一想")
    await expect(stage.test("typing-zhang")).to_have_count(0)
    await expect(stage.test("title-zhang")).to_have_text("长葛金融服务")


async def test_a_backend_that_fails_is_shown_as_wechat_shows_it(stage: Stage) -> None:
    stage.receiver.words["坏了"] = "\x00"
    await stage.open()
    await stage.say("zhang", "坏了")
    await expect(stage.bubbles("zhang", "account", "notice")).to_contain_text("暂时无法提供服务")
    await expect(stage.test("speed-zhang")).to_contain_text("没有回答")


async def test_who_reads_back_is_not_pulled_to_the_end_by_a_new_message(stage: Stage) -> None:
    await stage.open()
    for number in range(12):
        await stage.post("admin/push", {"account": "county", "person": "zhang", "say": f"第 {number} 句"})
    log = stage.test("log-zhang")
    await expect(stage.bubbles("zhang", "account").last).to_be_in_viewport()
    await log.evaluate("log => { log.scrollTop = 0; }")
    await stage.page.wait_for_timeout(100)
    await stage.template("zhang")
    await expect(stage.bubbles("zhang", "account", "template")).to_have_count(1)
    await expect(stage.bubbles("zhang", "account", "template")).not_to_be_in_viewport()
    await stage.say("zhang", "现在看新的")
    await expect(stage.bubbles("zhang", "account").last).to_be_in_viewport()


async def test_the_send_button_stands_where_the_plus_was_once_something_is_typed(stage: Stage) -> None:
    await stage.open()
    await expect(stage.test("send-zhang")).to_be_hidden()
    await stage.test("say-zhang").fill("我要贷款")
    await stage.test("send-zhang").click()
    await expect(stage.bubbles("zhang", "me")).to_have_text("我要贷款")
    await expect(stage.test("say-zhang")).to_have_value("")
    await expect(stage.test("plus-zhang")).to_be_visible()


async def test_a_tapped_choice_in_a_text_comes_back_with_its_id(stage: Stage) -> None:
    stage.receiver.words["我要贷款"] = AMOUNTS
    await stage.open()
    await stage.say("zhang", "我要贷款")
    await stage.phone("zhang", "choice").filter(has_text="5万元").click()
    await expect(stage.bubbles("zhang", "me").last).to_have_text("5万元")
    assert stage.receiver.last("text")["bizmsgmenuid"] == "amount-5"


async def test_a_tapped_line_of_a_msgmenu_comes_back_with_its_id(stage: Stage) -> None:
    await stage.open()
    await stage.say("wang", "任务")
    menu = {
        "head_content": "去看过了吗？",
        "list": [{"id": "v1", "content": "属实"}, {"id": "v2", "content": "不符"}],
    }
    sent = await stage.api(
        "message/custom/send",
        {
            "touser": stage.openid("wang"),
            "msgtype": "msgmenu",
            "msgmenu": {**menu, "tail_content": "请选一个"},
        },
    )
    assert sent["errcode"] == 0
    await stage.bubbles("wang", "account", "msgmenu").locator('[data-test="choice"]').nth(1).click()
    await expect(stage.bubbles("wang", "me").last).to_have_text("不符")
    assert stage.receiver.last("text")["bizmsgmenuid"] == "v2"


async def test_words_of_others_never_become_markup(stage: Stage) -> None:
    hostile = (
        "<img src=x onerror=document.title='x'><a href=\"javascript:document.title='x'\">点</a><b>粗</b>"
    )
    stage.receiver.words["坏"] = hostile
    await stage.open()
    await stage.say("zhang", "坏")
    answer = stage.bubbles("zhang", "account")
    await expect(answer).to_contain_text("<b>粗</b>")
    await expect(answer.locator("img, a, b, button")).to_have_count(0)
    assert await stage.page.title() == "微信模拟台"


async def test_somebody_else_typing_into_the_platform_is_seen_at_once(stage: Stage) -> None:
    await stage.open()
    await stage.post("admin/push", {"account": "county", "person": "zhang", "say": "从别处说的"})
    await expect(stage.bubbles("zhang", "me")).to_have_text("从别处说的")


async def test_without_a_stream_the_page_asks_again_and_again(stage: Stage) -> None:
    await stage.page.route("**/admin/stream*", lambda route: route.fulfill(status=500, body=""))
    await stage.open()
    await expect(stage.test("link")).to_have_attribute("data-state", "polling")
    await stage.post("admin/push", {"account": "county", "person": "zhang", "say": "还能看到"})
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 text 还能看到")


async def test_a_platform_that_was_started_anew_is_found_again(stage: Stage) -> None:
    await stage.open()
    for words in ("一", "二", "三"):
        await stage.say("zhang", words)
        await expect(stage.bubbles("zhang", "me").last).to_have_text(words)
    port = stage.server.port
    await stage.server.close()
    await expect(stage.test("link")).to_have_attribute("data-state", "lost")
    fresh = TestServer(create_simulator(stage.platform.config), host="127.0.0.1", port=port)
    await fresh.start_server()
    try:
        await stage.post("admin/users", {"person": "zhang", "name": "张守田", "follow": ["county"]})
        await expect(stage.test("link")).to_have_attribute("data-state", "live")
        await expect(stage.bubbles("zhang", "me", "text")).to_have_count(0)
        await stage.say("zhang", "又见面了")
        await expect(stage.bubbles("zhang", "me")).to_have_text("又见面了")
    finally:
        await fresh.close()


# More than words


async def test_a_photo_arrives_as_a_jpeg_the_backend_can_fetch(stage: Stage) -> None:
    await stage.open()
    await stage.test("plus-wang").click()
    await stage.test("photo-wang").click()
    await stage.phone("wang", "photo-sample").first.click()
    await expect(stage.bubbles("wang", "account")).to_have_text("收到 image")
    await expect(stage.bubbles("wang", "me", "image").locator("img")).to_have_js_property("naturalWidth", 800)
    async with stage.http.get(stage.receiver.last("image")["PicUrl"]) as answer:
        assert (await answer.read())[:3] == b"\xff\xd8\xff"


async def test_the_camera_never_takes_the_same_picture_twice(stage: Stage) -> None:
    await stage.open()
    pictures = set()
    for number in (1, 2):
        await stage.test("plus-wang").click()
        await stage.test("camera-wang").click()
        await expect(stage.bubbles("wang", "account")).to_have_count(number)
        async with stage.http.get(stage.receiver.last("image")["PicUrl"]) as answer:
            pictures.add(await answer.read())
    assert len(pictures) == 2


async def test_a_picture_of_the_computer_can_be_sent(stage: Stage) -> None:
    await stage.open()
    picture = await stage.page.screenshot(type="png", clip={"x": 0, "y": 0, "width": 90, "height": 60})
    await stage.test("plus-zhang").click()
    await stage.test("photo-zhang").click()
    file: Any = {"name": "cow.png", "mimeType": "image/png", "buffer": picture}
    await stage.test("photo-file-zhang").set_input_files(file)
    await expect(stage.bubbles("zhang", "me", "image").locator("img")).to_have_js_property("naturalWidth", 90)


async def test_a_place_is_sent_as_it_stands_in_the_form(stage: Stage) -> None:
    await stage.open()
    await stage.test("plus-wang").click()
    await stage.test("location-wang").click()
    await expect(stage.test("location-label")).to_have_value(str(HOME["label"]))
    await stage.test("location-lat").fill("34.20001")
    await stage.test("location-label").fill("石固村村委会")
    await stage.test("location-send").click()
    await expect(stage.bubbles("wang", "me", "location")).to_contain_text("石固村村委会")
    await expect(stage.bubbles("wang", "account")).to_have_text("收到 location")
    got = stage.receiver.last("location")
    assert (float(got["Location_X"]), got["Label"]) == (34.20001, "石固村村委会")


async def test_a_voice_carries_what_the_recogniser_hears(stage: Stage) -> None:
    await stage.open()
    await stage.test("speak-zhang").click()
    await stage.test("voice-text").fill("我要贷五万")
    await stage.test("voice-send").click()
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 voice 我要贷五万")


async def test_a_scanned_code_carries_its_scene(stage: Stage) -> None:
    await stage.open()
    await stage.test("plus-zhang").click()
    await stage.test("scan-zhang").click()
    await stage.test("scan-scene").fill("village-7")
    await stage.test("scan-send").click()
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 event village-7")
    assert stage.receiver.last("event")["Event"] == "SCAN"


# The menu, notices, web pages


async def _set_menu(stage: Stage) -> None:
    MENU["button"][1]["url"] = f"{stage.base}m/loans"
    assert (await stage.api("menu/create", MENU))["errcode"] == 0


async def test_a_menu_made_while_the_page_is_open_appears_and_its_items_click(stage: Stage) -> None:
    await stage.open()
    await expect(stage.test("menu-zhang")).to_be_hidden()
    await _set_menu(stage)
    await stage.phone("zhang", "menu-button").filter(has_text="办贷款").click()
    await stage.phone("zhang", "menu-item").filter(has_text="我要贷款").click()
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 event APPLY")
    await expect(stage.bubbles("zhang", "me", "event").last).to_have_text("点了菜单「我要贷款」")
    assert stage.receiver.last("event")["Event"] == "CLICK"


async def test_the_first_tap_on_a_phone_at_the_edge_of_the_desk_counts(stage: Stage) -> None:
    """The desk moves a phone into sight that is taken up, but not under the finger."""
    await _set_menu(stage)
    await stage.open("phones=zhang,wang,chen&account=county")
    await stage.page.set_viewport_size({"width": 900, "height": 900})
    await stage.page.locator("#desk").evaluate("desk => { desk.scrollLeft = 0; }")
    box = await stage.phone("chen", "menu-button").filter(has_text="办贷款").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] / 2 < 900
    await stage.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(stage.phone("chen", "menu-item")).to_be_visible()


async def test_a_page_opens_in_the_phone_as_its_owner(stage: Stage) -> None:
    await _set_menu(stage)
    await stage.open()
    await stage.phone("zhang", "menu-button").filter(has_text="网页").click()
    await expect(stage.web("zhang", "#who")).to_have_text("zhang")
    await expect(stage.test("webview-zhang")).to_contain_text("我的贷款")
    assert stage.receiver.last("event")["Event"] == "VIEW"
    await stage.test("webview-close-zhang").click()
    await expect(stage.test("webview-zhang")).to_have_count(0)
    await expect(stage.test("say-zhang")).to_be_visible()


async def test_the_page_of_a_phone_learns_where_the_phone_is_and_may_close_itself(stage: Stage) -> None:
    await _set_menu(stage)
    await stage.open()
    await stage.phone("zhang", "menu-button").filter(has_text="网页").click()
    await expect(stage.test("webview-zhang")).to_contain_text("我的贷款")
    await stage.web("zhang", "#where").click()
    await expect(stage.web("zhang", "#where")).to_have_text(str(HOME["lat"]))
    await stage.web("zhang", "#shut").click()
    await expect(stage.test("webview-zhang")).to_have_count(0)


async def test_two_phones_never_share_a_login(stage: Stage) -> None:
    await _set_menu(stage)
    await stage.open()
    for person in ("zhang", "wang"):
        await stage.phone(person, "menu-button").filter(has_text="网页").click()
        await expect(stage.web(person, "#who")).to_have_text(person)
    await expect(stage.test("webview-resume-wang")).to_be_hidden()
    await stage.test("webview-resume-zhang").click()
    await expect(stage.test("webview-resume-zhang")).to_be_hidden()
    await expect(stage.test("webview-resume-wang")).to_be_visible()
    await expect(stage.web("zhang", "#who")).to_have_text("zhang")
    assert stage.receiver.pages == ["zhang logs in", "wang logs in", "zhang"]


async def test_a_notice_shows_its_rows_and_the_drawer_says_that_it_has_arrived(stage: Stage) -> None:
    await stage.open()
    assert (await stage.template("zhang", f"{stage.base}m/loans"))["errcode"] == 0
    card = stage.bubbles("zhang", "account", "template")
    await expect(card).to_contain_text("还款提醒")
    await expect(card.locator("dt")).to_have_text(["贷款项目", "应还金额"])
    await expect(card.locator("dd")).to_have_text(["养牛", "50000元"])
    await card.locator('[data-test="card-detail"]').click()
    await expect(stage.web("zhang", "#who")).to_be_visible()
    await stage.test("sent-open").click()
    await expect(stage.test("sent-row")).to_have_attribute("data-state", "delivered")
    await stage.page.keyboard.press("Escape")
    await expect(stage.test("sent")).to_have_count(0)


async def test_somebody_not_on_the_desk_has_a_badge_until_their_phone_is_brought(stage: Stage) -> None:
    await stage.open()
    await stage.template("chen")
    await expect(stage.test("avatar-chen").locator('[data-test="unread"]')).to_have_text("1")
    await stage.test("avatar-chen").click()
    await expect(stage.bubbles("chen", "account", "template")).to_be_visible()
    await expect(stage.test("unread")).to_have_count(0)


# People


async def test_a_refused_notice_is_refused_by_the_platform(stage: Stage) -> None:
    await stage.open()
    await stage.test("person-zhang").click()
    await stage.phone("zhang", "accept-TPL-due").click()
    await expect(stage.phone("zhang", "accept-TPL-due")).not_to_be_checked()
    users = (await stage.get("admin/users?person=zhang"))["users"]
    assert users[0]["accounts"]["county"]["refused"] == ["TPL-due"]
    assert (await stage.template("zhang"))["errcode"] == 43101


async def test_a_subscription_is_given_and_taken_back_in_the_persons_sheet(stage: Stage) -> None:
    await stage.open()
    await stage.test("person-wang").click()
    for times in (1, 2):
        await stage.phone("wang", "grant-SUB-todo").click()
        await expect(stage.test("person-sheet")).to_contain_text(f"还能收 {times} 次")
    users = (await stage.get("admin/users?person=wang"))["users"]
    assert users[0]["accounts"]["mini"]["grants"] == {"SUB-todo": 2}
    await stage.phone("wang", "off-SUB-todo").click()
    await expect(stage.test("person-sheet")).to_contain_text("已关")


async def test_the_list_of_conversations_leads_to_another_account_and_back(stage: Stage) -> None:
    await stage.open()
    await stage.say("zhang", "你好")
    await stage.test("chats-zhang").click()
    await expect(stage.phone("zhang", "chat-row").first).to_contain_text("收到 text 你好")
    await stage.phone("zhang", "chat-row").filter(has_text="田信").click()
    await expect(stage.test("title-zhang")).to_have_text("田信")
    await expect(stage.bubbles("zhang", "me")).to_have_count(0)
    await stage.test("chats-zhang").click()
    await stage.phone("zhang", "chat-row").filter(has_text="长葛金融服务").click()
    await expect(stage.bubbles("zhang", "me")).to_have_text("你好")


async def test_who_stops_following_can_only_follow_again(stage: Stage) -> None:
    await stage.open()
    await stage.test("person-zhang").click()
    await stage.phone("zhang", "follow-switch-county").click()
    await stage.page.keyboard.press("Escape")
    await expect(stage.test("say-zhang")).to_have_count(0)
    await stage.test("follow-zhang").click()
    await expect(stage.test("say-zhang")).to_be_visible()
    assert [fields["Event"] for fields in stage.receiver.got] == ["unsubscribe", "subscribe"]


async def test_a_phone_named_in_the_address_appears_once_its_owner_exists(stage: Stage) -> None:
    await stage.open("phones=zhang,liu&account=county")
    await expect(stage.page.locator("section.phone")).to_have_count(1)
    await stage.post("admin/users", {"person": "liu", "name": "刘明", "follow": ["county"]})
    await expect(stage.test("phone-liu")).to_contain_text("刘明")
    await expect(stage.bubbles("liu", "account")).to_have_text("收到 event")


async def test_a_new_person_gets_a_phone(stage: Stage) -> None:
    await stage.open()
    await stage.test("person-add").click()
    await stage.test("new-name").fill("李秀兰")
    await stage.test("new-save").click()
    await expect(stage.page.locator("section.phone").filter(has_text="李秀兰")).to_be_visible()
    users = (await stage.get("admin/users"))["users"]
    assert users[-1]["name"] == "李秀兰"
    assert users[-1]["accounts"]["county"]["following"]


# Clock and faults


@pytest.mark.parametrize(
    ("button", "day", "time"),
    [
        ("clock-hour", "2026-11-28", "09:00"),
        ("clock-day", "2026-11-29", "08:00"),
        ("clock-week", "2026-12-05", "08:00"),
        ("clock-nine", "2026-11-28", "09:00"),
    ],
)
async def test_the_buttons_move_the_clock_of_the_platform(
    stage: Stage, button: str, day: str, time: str
) -> None:
    await stage.open()
    await stage.test(button).click()
    await expect(stage.test("toast")).to_contain_text("现在是")
    await expect(stage.test("clock")).to_contain_text(f"{time}:")
    assert (await stage.get("admin/clock"))["now"][:16] == f"{day}T{time}"


async def test_the_clock_goes_to_a_day_that_is_typed_in(stage: Stage) -> None:
    await stage.open()
    await stage.test("clock-face").click()
    await stage.test("clock-at").fill("2027-03-01T10:30")
    await stage.test("clock-go").click()
    await expect(stage.test("clock")).to_contain_text("10:30:")
    assert (await stage.get("admin/clock"))["now"][:16] == "2027-03-01T10:30"


async def test_a_clock_moved_elsewhere_moves_here_too(stage: Stage) -> None:
    await stage.open()
    await stage.say("zhang", "昨天说的")
    await stage.post("admin/clock", {"advance_seconds": 86_400})
    await expect(stage.test("phone-zhang").locator(".stamp").first).to_contain_text("昨天")


async def test_a_preset_fault_strikes_the_next_message_and_is_then_used_up(stage: Stage) -> None:
    await stage.open()
    await stage.test("faults-open").click()
    await stage.test("fault-preset-token").click()
    await expect(stage.test("fault-row")).to_contain_text("还有 1 次")
    assert (await stage.template("zhang"))["errcode"] == 40001
    await expect(stage.test("fault-row")).to_contain_text("已用完")
    assert (await stage.template("zhang"))["errcode"] == 0
    await stage.test("faults-clear").click()
    await expect(stage.test("fault-row")).to_have_count(0)


async def test_a_fault_can_be_put_together_by_hand(stage: Stage) -> None:
    await stage.open()
    await stage.test("faults-open").click()
    await stage.test("fault-endpoint").fill("/cgi-bin/stable_token")
    await stage.test("fault-kind").select_option("http_status")
    await stage.test("fault-value").fill("503")
    await stage.test("fault-count").fill("2")
    await stage.test("fault-probability").fill("50")
    await stage.test("fault-add").click()
    await expect(stage.test("fault-row")).to_contain_text("回 HTTP 错误 503")
    (fault,) = (await stage.get("admin/faults"))["faults"]
    assert (fault["endpoint"], fault["status"], fault["count"], fault["probability"]) == (
        "/cgi-bin/stable_token",
        503,
        2,
        0.5,
    )
    await stage.test(f"fault-clear-{fault['id']}").click()
    await expect(stage.test("fault-row")).to_have_count(0)


async def test_a_switch_for_repeated_pushes_is_thrown(stage: Stage) -> None:
    await stage.open()
    await stage.test("faults-open").click()
    await stage.test("switch-push_duplicates-1").click()
    await expect(stage.test("switch-push_duplicates-1")).to_be_checked()
    await stage.page.keyboard.press("Escape")
    await stage.say("zhang", "两次")
    await expect(stage.bubbles("zhang", "account")).to_have_text("收到 text 两次")
    await stage.test("sent-open").click()
    await stage.test("tab-pushes").click()
    await expect(stage.test("push-row").filter(has_text="两次")).to_have_count(2)
    assert [fields.get("Content") for fields in stage.receiver.got] == ["两次", "两次"]


async def test_a_short_message_is_read_on_the_page(stage: Stage) -> None:
    """S1.7: no network carries it here, so a code in it is read below and in the drawer."""
    await stage.post("admin/users", {"person": "zhang", "phone": "13800001111", "quiet": True})
    await stage.open()
    await stage.post(
        "admin/sms", {"phone": "13800001111", "text": "验证码308042，五分钟内有效。", "key": "d-1"}
    )
    await expect(stage.page.locator("#toast")).to_have_text("短信 张守田：验证码308042，五分钟内有效。")
    await stage.test("sent-open").click()
    await stage.test("tab-sms").click()
    await expect(stage.test("sms-row")).to_contain_text("发到 13800001111（张守田）")
    assert len((await stage.get("admin/sms"))["sms"]) == 1


async def test_a_reset_asks_first_and_then_forgets_everybody(stage: Stage) -> None:
    await stage.open()
    await stage.test("reset").click()
    await stage.test("reset-confirm-cancel").click()
    assert len((await stage.get("admin/users"))["users"]) == len(PEOPLE)
    await stage.test("reset").click()
    await stage.test("reset-confirm-yes").click()
    await expect(stage.page.locator("section.phone")).to_have_count(0)
    assert (await stage.get("admin/users"))["users"] == []


# A narrow screen


async def test_on_a_real_phone_one_phone_fills_the_page_and_faces_switch(stage: Stage) -> None:
    await stage.page.set_viewport_size({"width": 390, "height": 844})
    await stage.open()
    await expect(stage.test("phone-zhang")).to_be_visible()
    await expect(stage.test("phone-wang")).to_be_hidden()
    await stage.post("admin/push", {"account": "county", "person": "wang", "say": "在吗"})
    await expect(stage.test("avatar-wang").locator('[data-test="unread"]')).to_have_text("1")
    await stage.test("avatar-wang").click()
    await expect(stage.test("phone-wang")).to_be_visible()
    await expect(stage.test("phone-zhang")).to_be_hidden()
    await expect(stage.test("unread")).to_have_count(0)
    wide = await stage.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
