"""Many turns at once: in order, once, in time – with a slow turn, a hung or lost database, two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import asyncpg
import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from chat_kit import SERVICE, Phone, webhook_app
from slow_database import Wire, wire_to

from bot import database
from bot.runtime import Runtime
from handlers.chat import late

Phones = Callable[..., Phone]
Client = TestClient[Any, Any]
OPENING = ("我要贷款", "给自己办", "普通农户")


async def rows(sql: str) -> list[Any]:
    return list(await database.fetch(sql))


async def inbox() -> list[tuple[str, str]]:
    return [tuple(row) for row in await rows("SELECT state, note FROM inbox ORDER BY received_at")]


async def jobs(entrypoint: str) -> list[dict[str, Any]]:
    sql = f"SELECT payload FROM pgqueuer WHERE entrypoint = '{entrypoint}'"  # noqa: S608
    return [orjson.loads(row["payload"]) for row in await rows(sql)]


# ---- order ----


async def test_three_quick_messages_of_one_person_are_answered_in_order(phone: Phones) -> None:
    somebody = phone()
    for words in OPENING:
        await somebody.say(words)
    pushes = []
    for words in ("养羊", "30000元", "12个月"):
        pushes.append(asyncio.create_task(somebody.push(somebody.text(words))))
        await asyncio.sleep(0.005)
    answers = [answer.text for answer in await asyncio.gather(*pushes)]
    for asked, answer in zip(("多少钱", "多长时间", "具体做什么"), answers, strict=True):
        assert asked in answer


async def test_a_turn_with_consequences_keeps_its_place_between_two_others(phone: Phones) -> None:
    """人工 runs in a transaction of its own; what was said before and after is answered so."""
    somebody = phone()
    for words in OPENING:
        await somebody.say(words)
    pushes = []
    for words in ("养羊", "人工", "30000元"):
        pushes.append(asyncio.create_task(somebody.push(somebody.text(words))))
        await asyncio.sleep(0.005)
    answers = [answer.text for answer in await asyncio.gather(*pushes)]
    assert "多少钱" in answers[0]
    assert "通知工作人员" in answers[1]
    assert "多长时间" in answers[2]
    assert len(await rows("SELECT * FROM task WHERE kind = 'handover'")) == 1


async def test_many_people_at_once_each_get_their_own_answer(phone: Phones) -> None:
    people = [phone(f"o-{n}") for n in range(40)]
    await asyncio.gather(*(somebody.say("我要贷款") for somebody in people))
    for words, asked in (("给自己办", "哪一类"), ("普通农户", "产业"), ("养羊", "多少钱")):
        assert all(asked in answer for answer in await asyncio.gather(*(p.say(words) for p in people)))
    amounts = await asyncio.gather(*(p.say(f"{n + 10}000元") for n, p in enumerate(people)))
    assert all(f"{(n + 10) / 10:g}万元" in answer for n, answer in enumerate(amounts))
    assert len(await rows("SELECT DISTINCT person_id FROM draft")) == 40


async def test_two_processes_with_two_messages_of_one_person_lose_neither(
    phone: Phones, clients: list[Client]
) -> None:
    """Whoever is second at the draft does his turn again on what the first left."""
    somebody = phone()
    for words in (*OPENING, "养羊", "30000元", "12个月", "养五十只羊", "买羊羔，盖羊圈", "卖羊的钱"):
        await somebody.say(words)
    before = (await rows("SELECT version FROM draft"))[0]["version"]
    for words in (("改金额", "20000元"), ("改金额", "15000元"), ("改期限", "24个月"), ("改期限", "18个月")):
        answers = await asyncio.gather(
            *(somebody.push(somebody.text(said), clients[n]) for n, said in enumerate(words))
        )
        assert {answer.status for answer in answers} == {200}
        assert all(answer.text for answer in answers)
    assert (await rows("SELECT version FROM draft"))[0]["version"] == before + 8
    assert len(await rows("SELECT * FROM inbox")) == 9 + 8


# ---- a turn that breaks ----


async def test_a_turn_that_breaks_is_answered_kept_and_marked_and_hurts_nobody_else(phone: Phones) -> None:
    """A dialog that cannot be read: an apology for him, answers for the others, a row that says why."""
    broken, fine = phone("o-broken"), phone("o-fine")
    await broken.say("我要贷款")
    draft = (await rows("SELECT key FROM draft"))[0]["key"]
    from models.sealing import keyring

    sealed = keyring().seal(b"no json", f"draft:state:{draft}")
    await database.execute("UPDATE draft SET state_sealed = $1", sealed)
    answers = await asyncio.gather(broken.say("给自己办"), fine.say("你好"))
    assert "没有办好" in answers[0]
    assert "我要贷款" in answers[1]
    assert sorted(await inbox()) == [("done", ""), ("done", ""), ("failed", "JSONDecodeError")]


async def test_an_action_that_breaks_is_answered_kept_and_marked_and_has_done_nothing(phone: Phones) -> None:
    somebody = phone()
    await somebody.say("你好")
    await database.execute("ALTER TABLE task RENAME TO task_gone")
    assert "没有办好" in await somebody.say("人工")
    await database.execute("ALTER TABLE task_gone RENAME TO task")
    assert await inbox() == [("done", ""), ("failed", "OperationalError")]
    assert "已经告诉工作人员" in await somebody.say("人工")


async def test_a_turn_with_consequences_that_was_overtaken_is_done_again_on_what_holds_now(
    phone: Phones, clients: list[Client], runtime: Runtime, county: None
) -> None:
    """While 是 waits to take the application back, the person goes elsewhere: 是 means nothing then."""
    somebody = phone("o-zhang")
    from test_apply import fill, finish

    await fill(somebody)
    await finish(somebody)
    await somebody.say("我的申请")
    await somebody.say("撤回申请")
    holder = await asyncpg.connect(runtime.database_url)
    async with holder.transaction():
        await holder.execute("SELECT * FROM loan_application FOR UPDATE")
        waiting = asyncio.create_task(somebody.push(somebody.text("是")))
        await asyncio.sleep(0.3)
        other = await somebody.push(somebody.text("我要贷款"), clients[1])
        assert "已经有一份申请" in other.text
    answer = await waiting
    await holder.close()
    assert "没看明白" in answer.text
    assert (await rows("SELECT state FROM loan_application"))[0]["state"] == "in_review"


# ---- too slow ----


@pytest.fixture
async def hurried(runtime: Runtime) -> AsyncIterator[Client]:
    """A process that acknowledges after half a second what is not done by then."""
    async with TestClient(TestServer(webhook_app(runtime, answer_within=0.5))) as client:
        yield client


async def _held_up(runtime: Runtime, somebody: Phone) -> asyncpg.Connection:
    """Somebody else holds what 人工 needs for this person."""
    await somebody.say("你好")
    person = (await rows("SELECT person_id FROM wechat_user"))[0]["person_id"]
    holder = await asyncpg.connect(runtime.database_url)
    await holder.execute("SELECT pg_advisory_lock(hashtextextended('handover', $1))", person)
    return holder


async def test_a_slow_turn_is_acknowledged_in_time_and_answered_by_the_queue(
    hurried: Client, runtime: Runtime
) -> None:
    somebody = Phone(hurried, SERVICE, runtime.clock, "o-slow")
    holder = await _held_up(runtime, somebody)
    push = somebody.text("人工")
    began = monotonic()
    answer = await somebody.push(push)
    assert (answer.status, answer.body) == (200, b"success")
    assert monotonic() - began < 1.5
    assert (await inbox())[1] == ("pending", ""), "acknowledged, so it is stored"
    repeat = await somebody.push(push)
    assert (repeat.status, repeat.body) == (200, b"success")
    await holder.close()
    for _ in range(100):
        if (await inbox())[1] == ("done", "late"):
            break
        await asyncio.sleep(0.05)
    assert len(await jobs("late_reply")) == 1
    assert len(await rows("SELECT * FROM task WHERE kind = 'handover'")) == 1
    assert "已经告诉工作人员" in (await somebody.push(push)).text


async def test_the_late_turn_of_a_process_that_died_is_done_by_the_queue(
    hurried: Client, runtime: Runtime
) -> None:
    somebody = Phone(hurried, SERVICE, runtime.clock, "o-slow")
    holder = await _held_up(runtime, somebody)
    await somebody.push(somebody.text("人工"))
    payload = (await jobs("late_turn"))[0]
    await holder.close()
    await asyncio.gather(*(late.late_turn(runtime, payload) for _ in range(3)))
    assert (await inbox())[1] == ("done", "late")
    assert len(await rows("SELECT * FROM task WHERE kind = 'handover'")) == 1
    assert len(await jobs("late_reply")) == 1


# ---- the database is slow or gone ----


@pytest.fixture
async def wired(runtime: Runtime) -> AsyncIterator[tuple[Client, Wire]]:
    """A process whose turns reach the database over a wire that can be held."""
    async with wire_to(runtime.database_url) as wire:
        far = replace(runtime, database_url=wire.url)
        async with TestClient(TestServer(webhook_app(far, answer_within=0.5))) as client:
            yield client, wire


async def test_a_hung_database_is_answered_with_503_in_time_and_nothing_is_lost(
    wired: tuple[Client, Wire], runtime: Runtime
) -> None:
    """D3: not acknowledged, because not stored; WeChat's next try gets the answer."""
    client, wire = wired
    somebody = Phone(client, SERVICE, runtime.clock, "o-farmer")
    await somebody.say("我要贷款")
    wire.hold()
    push = somebody.text("给自己办")
    began = monotonic()
    assert (await somebody.push(push)).status == 503
    assert monotonic() - began < 1.5
    wire.let_go()
    answer = await somebody.push(push)
    assert answer.status == 200
    assert "哪一类" in answer.text
    assert len(await inbox()) == 2


async def test_lost_connections_cost_a_moment_and_no_answer(
    wired: tuple[Client, Wire], runtime: Runtime
) -> None:
    """D1: every connection is cut between two messages and in the middle of one."""
    client, wire = wired
    somebody = Phone(client, SERVICE, runtime.clock, "o-farmer")
    await somebody.say("我要贷款")
    wire.cut()
    assert "哪一类" in await somebody.say("给自己办")
    wire.hold()
    push = somebody.text("普通农户")
    waiting = asyncio.create_task(somebody.push(push))
    await asyncio.sleep(0.1)
    wire.cut()
    wire.let_go()
    answer = await waiting
    if answer.status == 503:
        answer = await somebody.push(push)
    assert "产业" in answer.text
    assert len(await inbox()) == 3
    assert (await rows("SELECT version FROM draft"))[0]["version"] == 3


async def test_a_server_that_ends_our_session_costs_no_answer(phone: Phones) -> None:
    """D1: pg_terminate_backend of the turns' own connection."""
    somebody = phone()
    await somebody.say("我要贷款")
    ended = await rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'tianxin-turns' AND datname = current_database()"
    )
    assert len(ended) == 1
    assert "哪一类" in await somebody.say("给自己办")


async def test_more_than_can_be_held_is_sent_away_at_once(
    wired: tuple[Client, Wire], runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L3: refused fast, and everything that was answered is stored."""
    monkeypatch.setattr("handlers.chat.turns.MAX_WAITING", 20)
    client, wire = wired
    await Phone(client, SERVICE, runtime.clock, "o-first").say("你好")
    wire.hold()
    people = [Phone(client, SERVICE, runtime.clock, f"o-{n}") for n in range(40)]
    pushes = [asyncio.create_task(p.push(p.text("你好"))) for p in people]
    await asyncio.sleep(0.2)
    refused = [push.result().status for push in pushes if push.done()]
    assert refused == [503] * 20
    wire.let_go()
    answered = [answer.status for answer in await asyncio.gather(*pushes)].count(200)
    assert len(await inbox()) >= answered + 1
