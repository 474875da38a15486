"""Events that come by themselves: following, leaving, receipts, permissions; each stored and acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from chat_kit import Phone

from bot import database

Phones = Callable[..., Phone]


async def one(sql: str) -> dict[str, Any]:
    found = await database.fetch(sql)
    assert len(found) == 1, [dict(row) for row in found]
    return dict(found[0])


async def test_whoever_follows_is_welcomed_and_known_as_a_follower(phone: Phones) -> None:
    somebody = phone()
    answer = await somebody.push(somebody.event("subscribe", EventKey=""))
    assert "不收任何费用" in answer.text
    assert "我要贷款" in answer.taps
    assert (await one("SELECT following FROM wechat_user"))["following"] is True
    assert (await somebody.push(somebody.event("unsubscribe", EventKey=""))).body == b"success"
    assert (await one("SELECT following FROM wechat_user"))["following"] is False


async def test_following_by_a_qr_code_for_applying_begins_at_once_and_counts_as_following(
    phone: Phones,
) -> None:
    somebody = phone()
    answer = await somebody.push(somebody.event("subscribe", EventKey="qrscene_apply", Ticket="t"))
    assert "给谁申请贷款" in answer.text
    assert (await one("SELECT following FROM wechat_user"))["following"] is True


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_follow_events_in_any_order_end_the_same_q2(phone: Phones, order: tuple[int, ...]) -> None:
    """Q2: follow, unfollow, follow again: WeChat's time decides, not the order of arrival."""
    somebody = phone()
    pushes = [somebody.event(("subscribe", "unsubscribe")[n % 2], EventKey="") for n in range(3)]
    for n, push in enumerate(pushes):
        push["CreateTime"] += n - 10
    for n in order:
        assert (await somebody.push(pushes[n])).status == 200
    assert (await one("SELECT following FROM wechat_user"))["following"] is True
    assert len(await database.fetch("SELECT * FROM inbox")) == 3


async def test_a_repeated_unfollow_is_one_push(phone: Phones) -> None:
    somebody = phone()
    push = somebody.event("unsubscribe", EventKey="")
    assert [(await somebody.push(push)).body for _ in range(3)] == [b"success"] * 3
    await one("SELECT * FROM inbox")


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ("success", "success"),
        ("failed:user block", "user_block"),
        ("failed: system failed", "system_failed"),
        ("failed:freq limit", "freq_limit"),
        ("failed: something new", "failed"),
    ],
)
async def test_a_receipt_of_a_template_message_is_kept_and_makes_nobody_a_person(
    phone: Phones, status: str, kept: str
) -> None:
    somebody = phone()
    push = somebody.event("TEMPLATESENDJOBFINISH", MsgID=200163836, Status=status)
    assert [(await somebody.push(push)).body for _ in range(2)] == [b"success"] * 2
    receipt = await one("SELECT * FROM receipt")
    assert (receipt["msgid"], receipt["status"], receipt["applied_at"]) == ("200163836", kept, None)
    assert await database.fetch("SELECT * FROM person") == []


async def test_a_storm_of_receipts_is_stored_whole(phone: Phones) -> None:
    """Facts §2.6: after a mass notice thousands come within minutes."""
    people = [phone(f"o-{n}") for n in range(150)]
    answers = await asyncio.gather(
        *(
            p.push(p.event("TEMPLATESENDJOBFINISH", MsgID=n, Status="success"))
            for n, p in enumerate(people, 1)
        )
    )
    assert {answer.body for answer in answers} == {b"success"}
    assert len(await database.fetch("SELECT * FROM receipt")) == 150
    assert len(await database.fetch("SELECT * FROM inbox")) == 150


def lines(somebody: Phone, event: str, *items: dict[str, Any]) -> dict[str, Any]:
    return somebody.event(event, **{event.replace("_", ""): {"List": list(items)}})


async def test_permissions_for_subscribe_messages_are_counted_by_template_s18_7(phone: Phones) -> None:
    """S18.7: the grant ledger; several lines in one push, and the same push twice counts once."""
    somebody = phone()
    allowed = {"SubscribeStatusString": "accept", "PopupScene": "1"}
    push = lines(
        somebody, "subscribe_msg_popup_event",
        {"TemplateId": "progress", **allowed}, {"TemplateId": "due", **allowed},
        {"TemplateId": "other", "SubscribeStatusString": "reject", "PopupScene": "1"},
    )  # fmt: skip
    assert [(await somebody.push(push)).body for _ in range(2)] == [b"success"] * 2
    rows = await database.fetch("SELECT template, granted, refused FROM subscribe_grant ORDER BY template")
    assert [tuple(row) for row in rows] == [("due", 1, False), ("other", 0, True), ("progress", 1, False)]
    off = lines(
        somebody, "subscribe_msg_change_event", {"TemplateId": "due", "SubscribeStatusString": "reject"}
    )
    await somebody.push(off)
    row = await one("SELECT granted, refused FROM subscribe_grant WHERE template = 'due'")
    assert row == {"granted": 0, "refused": True}


async def test_a_subscribe_message_that_failed_leaves_a_receipt_with_its_code(phone: Phones) -> None:
    somebody = phone()
    sent = {"TemplateId": "due", "MsgID": "1864323726461255680", "ErrorStatus": "x"}
    await somebody.push(lines(somebody, "subscribe_msg_sent_event", {**sent, "ErrorCode": "43101"}))
    receipt = await one("SELECT msgid, status FROM receipt")
    assert receipt == {"msgid": "1864323726461255680", "status": "failed:43101"}


@pytest.mark.parametrize(
    "event",
    [
        "VIEW",
        "view_miniprogram",
        "LOCATION",
        "MASSSENDJOBFINISH",
        "wxa_media_check",
        "scancode_push",
        "new_one",
    ],
)
async def test_other_events_are_kept_and_acknowledged(phone: Phones, event: str) -> None:
    somebody = phone()
    answer = await somebody.push(somebody.event(event, EventKey="https://x", Status="send success", MsgID=1))
    assert (answer.status, answer.body) == (200, b"success")
    row = await one("SELECT kind, event, state FROM inbox")
    assert row == {"kind": "event", "event": event.lower(), "state": "done"}
    assert await database.fetch("SELECT * FROM person") == []


async def test_two_events_of_one_second_are_two(phone: Phones) -> None:
    """Facts §2.4: the time of an event has a grain of one second."""
    somebody = phone()
    first, second = (somebody.event("CLICK", EventKey=key) for key in ("HELP", "LOANS"))
    second["CreateTime"] = first["CreateTime"]
    answers = [await somebody.push(push) for push in (first, second)]
    assert answers[0].text != answers[1].text
    assert len(await database.fetch("SELECT * FROM inbox")) == 2
