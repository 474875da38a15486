"""WeChat in trouble: nothing is lost and nothing comes twice, whatever the platform answers."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from bot import database
from tests.flows.acts import APPROVAL, Gateway, apply, broken, do_task, told
from tests.flows.phones import Phones

SEND = "/cgi-bin/message/template/send"


async def judge(phones: Phones, *also: str) -> None:
    """What was meant for a phone and is still true has appeared there, and nothing has appeared twice."""
    await later(phones, 1)
    sent = [m for m in (await phones.get("sent?limit=1000"))["sent"] if m["delivered"]]
    seen = Counter((m["person"], str(m["body"].get("data") or m["body"].get("text"))) for m in sent)
    assert [words for words, count in seen.items() if count > 1] == []
    rows = await database.fetch("SELECT state, count(*) AS n FROM notice GROUP BY 1")
    ends = {row["state"]: row["n"] for row in rows}
    assert ends.keys() <= {"delivered", "suppressed", *also}, ends
    assert ends["delivered"] == len(sent), ends
    settled = await database.fetch("SELECT DISTINCT kind FROM notice WHERE state = 'suppressed'")
    assert {row["kind"] for row in settled} <= {"task_assigned"}, "only what was done already is not told"
    assert await broken(phones.demo) == []


async def later(phones: Phones, minutes: int) -> None:
    """Let some time go by."""
    await phones.clock(phones.demo.runtime.now() + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "errcode", "errcode": -1},
        {"kind": "errcode", "errcode": 40001},
        {"kind": "http_status", "status": 502},
        {"kind": "drop_before"},
        {"kind": "drop_after_accept"},
        {"kind": "garbage"},
        {"kind": "truncated"},
    ],
    ids=lambda fault: f"{fault['kind']}{fault.get('errcode', '')}",
)
async def test_one_bad_answer_costs_no_message_and_makes_none_twice(
    phones: Phones, fault: dict[str, Any]
) -> None:
    """S18.7, S11.6: busy, a dead token, a gateway's page, a line cut before or after it was taken."""
    _ = await phones.post("faults", endpoint=SEND, count=1, **fault)
    _ = await apply(phones)
    for minutes in (1, 2, 4, 8):
        await later(phones, minutes)
    assert "通过" in await do_task(phones, "chen", APPROVAL, "记下了")
    (struck,) = (await phones.get("faults"))["faults"]
    assert struck["fired"] == 1
    await judge(phones)
    assert any("已通过" in text for text in await told(phones, "zhang"))


async def test_a_used_up_quota_sends_the_message_another_way_or_later(phones: Phones) -> None:
    """S18.7: 45009 all day; nobody is told twice, and what could not be told is not called told."""
    _ = await phones.post("faults", endpoint=SEND, kind="errcode", errcode=45009)
    _ = await apply(phones)
    await phones.settle()
    await later(phones, 30)
    assert await told(phones, "chen") == []
    assert "收单金融机构审核" in await phones.say("chen", "待办"), "the task itself is there"
    _ = await phones.post("faults", clear=True)
    await later(phones, 24 * 60)
    assert ["收单金融机构审核" in text for text in await told(phones, "chen")] == [True]
    await judge(phones, "expired")
    gone = await database.fetch("SELECT kind FROM notice WHERE state = 'expired'")
    assert [row["kind"] for row in gone] == ["application_submitted"], "a day later it is no news"


async def test_messages_that_wechat_pushes_three_times_count_once(phones: Phones) -> None:
    """S1.6: every push comes three times; there is one application, and one answer to each message."""
    _ = await phones.post("switches", push_duplicates=2)
    assert "411082-2026-00001" in await apply(phones)
    assert "通过" in await do_task(phones, "chen", APPROVAL, "记下了")
    for table, count in (("loan_application", 1), ("decision", 1)):
        assert (await database.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"] == count  # noqa: S608
    await judge(phones)


async def test_a_platform_that_is_gone_for_some_minutes_is_made_up_for(phones: Phones) -> None:
    """S11.6, S18.7: nobody knows what became of a call that ended in 503; WeChat knows a repeat of it."""
    _ = await phones.post("faults", endpoint="/cgi-bin/*", kind="http_status", status=503)
    _ = await apply(phones)
    await phones.settle()
    await later(phones, 2)
    assert await told(phones, "zhang") == []
    _ = await phones.post("faults", clear=True)
    for minutes in (2, 2, 2):
        await later(phones, minutes)
    await judge(phones)
    assert len(await told(phones, "zhang")) == 1


async def test_after_an_hour_tasks_have_been_told_another_way_and_news_are_called_uncertain(
    phones: Phones,
) -> None:
    """S18.7: a task is never lost; what may have arrived an hour ago is not sent a second time."""
    gateway = Gateway.of(phones.demo)
    _ = await phones.post("faults", endpoint="/cgi-bin/*", kind="http_status", status=503)
    _ = await apply(phones)
    for minutes in (1, 2, 3, 4, 20, 30):
        await later(phones, minutes)
    _ = await phones.post("faults", clear=True)
    await later(phones, 60)
    words = sorted(text for _, text in gateway.sent)
    assert ["收单金融机构审核" in text or "走访" in text for text in words] == [True, True]
    rows = await database.fetch("SELECT kind, state FROM notice ORDER BY kind")
    assert [tuple(row) for row in rows] == [
        ("application_submitted", "uncertain"),
        ("task_assigned", "delivered"),
        ("visit_task", "delivered"),
    ]
    for person in ("zhang", "chen", "wang"):
        assert await told(phones, person) == []
    assert await broken(phones.demo) == []
