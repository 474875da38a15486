"""What could not be said in five seconds is said by a service message, once; the simulator is WeChat here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from chat_kit import SERVICE, webhook_app

from bot import database
from bot.runtime import Runtime
from bot.wechat.errors import WeChatError
from handlers.chat.late import late_reply, late_turn

Client = TestClient[Any, Any]


@pytest.fixture
async def backend(runtime: Runtime, platform: Client) -> AsyncIterator[Client]:
    """A process that acknowledges after half a second; the platform pushes to it, zhang follows."""
    async with TestClient(TestServer(webhook_app(runtime, answer_within=0.5))) as client:
        account = {
            "appid": SERVICE.appid,
            "push_url": str(client.make_url(f"/wechat/{SERVICE.name}")),
            "original_id": SERVICE.original_id or "gh_test",
        }
        assert (await platform.post("/admin/accounts", json=account)).status == 200
        body = {"person": "zhang", "follow": [SERVICE.name], "quiet": True}
        assert (await platform.post("/admin/users", json=body)).status == 200
        yield client


async def say(platform: Client, words: str) -> dict[str, Any]:
    body = {"account": SERVICE.name, "person": "zhang", "say": words}
    answer = await platform.post("/admin/push", json=body)
    found: dict[str, Any] = await answer.json()
    return found


async def sent(platform: Client) -> list[dict[str, Any]]:
    found = await (await platform.get("/admin/sent")).json()
    rows: list[dict[str, Any]] = found["sent"] if isinstance(found, dict) else found
    return rows


async def held_up(runtime: Runtime) -> asyncpg.Connection:
    """Somebody else holds what zhang's call for a human being needs."""
    person = (await database.fetch("SELECT person_id FROM wechat_user"))[0]["person_id"]
    holder = await asyncpg.connect(runtime.database_url)
    await holder.execute("SELECT pg_advisory_lock(hashtextextended('handover', $1))", person)
    return holder


async def late_job(entrypoint: str) -> dict[str, Any]:
    for _ in range(100):
        found = await database.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1", entrypoint)
        if found:
            payload: dict[str, Any] = orjson.loads(found[0]["payload"])
            return payload
        await asyncio.sleep(0.05)
    raise AssertionError(f"no {entrypoint} job")


async def slow_call(runtime: Runtime, platform: Client) -> dict[str, Any]:
    """zhang asks for a human being, is acknowledged, and the turn ends after that; the job of the answer."""
    assert (await say(platform, "你好"))["result"] == "replied"
    holder = await held_up(runtime)
    assert (await say(platform, "人工"))["result"] == "accepted"
    await holder.close()
    return await late_job("late_reply")


async def test_a_late_answer_reaches_the_person_once(
    backend: Client, runtime: Runtime, platform: Client
) -> None:
    payload = await slow_call(runtime, platform)
    await asyncio.gather(*(late_reply(runtime, payload) for _ in range(3)))
    (message,) = await sent(platform)
    assert "已经告诉工作人员" in orjson.dumps(message).decode()
    user = (await database.fetch("SELECT window_left FROM wechat_user"))[0]
    assert user["window_left"] == 4, "one of the five is used"


async def test_a_late_answer_that_did_not_go_out_is_tried_again(
    backend: Client, runtime: Runtime, platform: Client
) -> None:
    payload = await slow_call(runtime, platform)
    fault = {"endpoint": "/cgi-bin/message/custom/send", "kind": "errcode", "errcode": -1, "count": 10}
    answer = await platform.post("/admin/faults", json=fault)
    assert answer.status == 200, await answer.text()
    with pytest.raises(WeChatError):
        await late_reply(runtime, payload)
    assert await sent(platform) == []
    await platform.delete("/admin/faults")
    await late_reply(runtime, payload)
    assert len(await sent(platform)) == 1


async def test_whoever_has_left_gets_no_late_answer_and_the_row_says_why(
    backend: Client, runtime: Runtime, platform: Client
) -> None:
    payload = await slow_call(runtime, platform)
    await platform.post("/admin/users", json={"person": "zhang", "unfollow": [SERVICE.name], "quiet": True})
    await late_reply(runtime, payload)
    await late_reply(runtime, payload)
    assert await sent(platform) == []
    rows = await database.fetch("SELECT note FROM inbox WHERE note <> ''")
    assert [row["note"] for row in rows] == ["late_window_closed"]


async def test_a_job_for_a_push_that_is_not_there_does_nothing(runtime: Runtime, platform: Client) -> None:
    await late_reply(runtime, {"dedupe_key": "0" * 40})
    await late_turn(runtime, {"dedupe_key": "0" * 40})
    assert await sent(platform) == []
    assert await database.fetch("SELECT 1 FROM inbox UNION ALL SELECT 1 FROM notice") == []


async def test_a_kept_push_whose_words_were_not_kept_is_given_up(
    backend: Client, runtime: Runtime, platform: Client
) -> None:
    """S18.8: what looked like a password cannot be worked on later, and is not there to be read."""
    await say(platform, "你好")
    holder = await held_up(runtime)
    await database.execute("UPDATE inbox SET state = 'pending', body_sealed = NULL")
    key = (await database.fetch("SELECT dedupe_key FROM inbox"))[0]["dedupe_key"]
    await late_turn(runtime, {"dedupe_key": key})
    await holder.close()
    row = (await database.fetch("SELECT state, note FROM inbox"))[0]
    assert tuple(row) == ("failed", "its words were not kept")
