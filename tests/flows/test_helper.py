"""代办: what somebody fills in for another counts only when that one has said so himself (S1.7)."""

from __future__ import annotations

import io
import re

from PIL import Image

from bot import database
from models.sealing import one_time_code
from tests.flows.acts import LI, Gateway, apply, apply_for, broken, told
from tests.flows.phones import Phones


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


async def states(phones: Phones) -> list[tuple[str, str]]:
    rows = await database.fetch("SELECT state, confirmed_by FROM loan_application ORDER BY id")
    return [(row["state"], row["confirmed_by"]) for row in rows]


async def test_who_was_here_before_confirms_in_her_own_wechat(phones: Phones) -> None:
    """S1.7, S1.5: until then nobody reviews it, and she may also say that it is not hers."""
    _ = await apply(phones, "li", LI)
    _ = await phones.say("li", "我的申请")
    _ = await phones.say("li", "撤回申请")
    assert "已经撤回" in await phones.say("li", "是")
    assert "本人确认" in await apply_for(phones, "wang", LI)
    await phones.settle()
    assert ["等您确认" in text for text in await told(phones, "li")][-1:] == [True]
    assert "现在没有要办的事" in await phones.say("song", "待办")
    _ = await phones.say("li", "我的申请")
    assert "在等本人确认" in await phones.say("li", "1")
    assert "授权书" in await phones.say("li", "确认申请")
    assert "告知书" in await phones.say("li", "同意")
    assert "承诺书" in await phones.say("li", "同意")
    assert "开始办理" in await phones.say("li", "同意")
    await phones.settle()
    assert await states(phones) == [("withdrawn", "own"), ("in_review", "wechat")]
    assert "走访确认" in await phones.say("song", "待办")
    assert await broken(phones.demo) == []


async def test_who_did_not_want_it_stops_it(phones: Phones) -> None:
    """S1.7"""
    _ = await apply(phones, "li", LI)
    _ = await phones.say("li", "我的申请")
    _ = await phones.say("li", "撤回申请")
    _ = await phones.say("li", "是")
    _ = await apply_for(phones, "wang", LI)
    _ = await phones.say("li", "我的申请")
    _ = await phones.say("li", "1")
    asked = await phones.say("li", "不是我要的")
    stopped = await phones.say("li", "是") if "吗" in asked else asked
    assert "撤回" in stopped
    await phones.settle()
    assert (await states(phones))[-1][0] == "withdrawn"
    assert "已撤回" in (await told(phones, "wang"))[-1]
    assert await broken(phones.demo) == []


async def test_who_has_no_wechat_tells_the_code_from_the_short_message(phones: Phones) -> None:
    """S1.7, S18.7: the code goes to the farmer's phone alone; a wrong one is refused, and counted."""
    gateway = Gateway.of(phones.demo)
    _ = await apply_for(phones, "wang", LI)
    await phones.settle()
    ((phone, words),) = gateway.sent
    assert phone == "13900002222"
    (code,) = re.findall(r"\d{6}", words)
    assert "才把码告诉" in words
    assert "文书念给您听" in words
    mini = await phones.login("wang")
    (application,) = (await mini.get("applications"))["items"]
    assert code == one_time_code(f"confirm:{application['key']}")
    path = f"applications/{application['key']}/confirm"
    wrong = str((int(code) + 1) % 1_000_000).zfill(6)
    read = await mini.papers()
    assert (await mini.ask("POST", path, {"code": code}))[1]["error"]["code"] == "papers_missing"
    assert (await mini.ask("POST", path, {"code": wrong, "consents": read}))[0] == 422
    assert await states(phones) == [("awaiting_confirmation", "")]
    assert (await mini.post(path, {"code": code, "consents": read}))["state"] == "in_review"
    await phones.settle()
    assert await states(phones) == [("in_review", "code")]
    assert any("走访确认申请户" in text for text in await told(phones, "song"))
    sent = (await phones.get("sent?limit=1000"))["sent"]
    assert not any(code in str(message["body"]) for message in sent)
    assert await broken(phones.demo) == []


async def test_a_photo_of_the_signature_confirms_it_on_the_spot(phones: Phones) -> None:
    """S1.7, S9.2"""
    _ = await apply_for(phones, "wang", LI)
    mini = await phones.login("wang")
    (application,) = (await mini.get("applications"))["items"]
    path = f"applications/{application['key']}/confirm"
    other = await mini.upload("photo", picture())
    read = await mini.papers()
    assert (await mini.ask("POST", path, {"signature_file": other, "consents": read}))[0] == 422
    signature = await mini.upload("signature", picture())
    given = {"signature_file": signature, "consents": read}
    assert (await mini.post(path, given))["state"] == "in_review"
    await phones.settle()
    assert await states(phones) == [("in_review", "signature")]
    assert await broken(phones.demo) == []
