"""What people of the stories say, tap and send, question by question; and what a story is judged by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from actions import invariants
from bot.config import SHANGHAI
from bot.demo import Demo
from bot.sms import SmsRefused
from tests.flows.phones import Phones

ID_NUMBER = "411082198503122455"
APPLICATION: dict[str, Any] = {
    "都对就回复": "都对",
    "对吗": "对",
    "收到，现在有": "好了",
    "发完回复": {"photo": "sample"},
    "方便的话": "跳过",
    "回复“同意”": "同意",
    "给谁申请": "给自己办",
    "您是他的什么人": "村干部",
    "哪一类": "普通农户",
    "借多少": "3万",
    "多长时间": "一年",
    "哪个产业": "养羊",
    "具体做什么": "扩建羊圈，再养二十只",
    "花在哪里": "买羊羔和饲料",
    "靠什么还": "卖羊的收入",
    "怎么还": "按期付利息，到期还本金",
    "叫什么名字": "张守田",
    "身份证号是多少": ID_NUMBER,
    "手机号是多少": "13800001111",
    "哪个村": "柳庄村",
    "户主吗": "是",
    "几口人": "5口人",
    "信用等级吗": "没评过或不知道",
    "别的贷款": "没有",
}
"""Words of a question -> what the farmer says, sends or taps."""

LI: dict[str, Any] = {
    **APPLICATION,
    "借多少": "2万",
    "哪个产业": "粮食种植",
    "叫什么名字": "李秀英",
    "身份证号是多少": "411082197805203125",
    "手机号是多少": "13900002222",
    "哪个村": "石桥村",
}
APPROVAL: dict[str, Any] = {"都对就回复": "都对", "决定是": "通过"}
RETURN: dict[str, Any] = {
    "都对就回复": "都对",
    "决定是": "退回补充",
    "补哪几项": "用途、项目照片",
    "原因是什么": "写清楚买什么、花多少；羊圈请白天再拍一张",
}
REJECTION: dict[str, Any] = {
    "都对就回复": "都对",
    "决定是": "拒绝",
    "原因是什么": "别处的贷款还没还清，还清以后再来申请",
}
VISIT: dict[str, Any] = {
    "都对就回复": "都对",
    "现在有1张": {"photo": "sample"},
    "现在有2张": "好了",
    "发完回复": {"photo": "sample"},
    "发一下位置": {"location": {"lat": 34.2057, "lng": 113.7042, "label": "柳庄村"}},
    "住在这里吗": "住这里",
    "项目是真的吗": "是真的",
    "看到哪些情况": "1、2",
    "还有什么要说明": "跳过",
    "走访结果是": "属实",
}
DISBURSEMENT: dict[str, Any] = {
    "对吗": "对",
    "都对就回复": "都对",
    "借据号": "CGHZ-2026-0001",
    "放了多少钱": "30000",
    "哪天放的款": "今天",
    "打到哪个账号": "6222020012345678901",
    "期限多长": "12个月",
    "年利率是多少": "4.35",
    "还款方式": "按期付利息，到期还本金",
    "多久结一次息": "每季",
}


async def apply(phones: Phones, person: str = "zhang", answers: dict[str, Any] | None = None) -> str:
    """Somebody applies for himself; the last answer, with the number."""
    first = await phones.say(person, "我要贷款")
    return await phones.answer_all(person, first, answers or APPLICATION, "申请编号")


async def apply_for(phones: Phones, helper: str, answers: dict[str, Any]) -> str:
    """Somebody fills in for another."""
    first = await phones.say(helper, "替人申请")
    return await phones.answer_all(helper, first, answers, "还要本人确认")


async def open_task(phones: Phones, person: str) -> str:
    """Somebody opens his first task; the first question of its form."""
    listed = await phones.say(person, "待办")
    assert "1." in listed, listed
    return await phones.say(person, "1")


async def do_task(phones: Phones, person: str, answers: dict[str, Any], done: str) -> str:
    """Somebody does his first task."""
    return await phones.answer_all(person, await open_task(phones, person), answers, done)


async def told(phones: Phones, person: str) -> list[str]:
    """What the template messages on somebody's phone say, field by field, in the order they came."""
    await phones.settle()
    return [
        " ".join(field["value"] for field in message["body"]["data"].values())
        for message in await phones.messages(person)
        if message["kind"] == "template" and message["delivered"]
    ]


def at(text: str) -> datetime:
    """An instant as people write it: 2026-12-15T09:00 in Changge."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


async def broken(demo: Demo) -> list[str]:
    """The invariants that do not hold."""
    return [found.name for found in await invariants.check_all(demo.runtime.now()) if not found.holds]


@dataclass
class Gateway:
    """A provider of short messages that keeps what it was given; or refuses every number."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    refuses: bool = False

    @classmethod
    def of(cls, demo: Demo, *, refuses: bool = False) -> Gateway:
        """The provider of this demo from now on."""
        made = cls(refuses=refuses)
        demo.runtime.extras["sms"] = made
        return made

    async def send(self, phone: str, text: str, key: str) -> str:
        """As bot.sms.SmsGateway."""
        if self.refuses:
            raise SmsRefused("no such number", again=False)
        self.sent.append((phone, text))
        return f"sms-{key}"
