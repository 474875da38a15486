"""The admin interface: accounts, persons, lists, clock, switches, stream, reset, pages, command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from simulator_kit import KEY, Backend, Sim, Start, mini, service, until

from simulator import SIMULATOR, ConfigError, SimulatorConfig, create_simulator
from simulator.__main__ import main, parser, read_config
from simulator.clock import Clock, parse_instant
from simulator.config import Switches, load_accounts, switches_about

ACCOUNTS = f"""
[[account]]
name = "county"
kind = "service"
county = "411082"
appid = "wx1"
secret = "s"
token = "t"
aes_key = "{KEY}"
previous_aes_key = ""
push_url = "http://127.0.0.1:1/"
templates = {{ due = "TPL-1" }}

[[account.template]]
id = "TPL-2"
title = "还款提醒"
keys = {{ thing1 = "项目" }}
"""


# Accounts


def test_a_backends_own_accounts_file_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS, encoding="utf-8")
    (account,) = load_accounts(file)
    assert (account.name, account.original_id[:3], account.push_mode) == ("county", "gh_", "safe")
    assert account.templates["TPL-1"].keys is None
    assert account.templates["TPL-2"].keys == {"thing1": "项目"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "service"', 'kind = "shop"', "kind must be one of"),
        ('secret = "s"', "", "secret is missing"),
        (KEY, "short", "43 characters"),
        ('token = "t"', "token = 5", "token must be a str"),
        ('token = "t"', 'colour = "red"', "unknown key 'colour'"),
        ('id = "TPL-2"', 'number = "TPL-2"', "template"),
        ('push_url = "', 'push_format = "json"\npush_url = "', "only a mini_program"),
        ("[[account]]", "[[account", "accounts file"),
    ],
)
def test_a_wrong_accounts_file_is_explained(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        load_accounts(file)


async def test_accounts_are_added_and_changed_while_running(sim: Sim) -> None:
    row = {"name": "new", "appid": "wx9", "secret": "s9", "template": [{"id": "T9", "title": "通知"}]}
    assert (await sim.post("/admin/accounts", row))["accounts"][0]["templates"][0]["id"] == "T9"
    changed = await sim.post("/admin/accounts", [{"appid": "wx9", "quotas": {"/cgi-bin/token": 1}}])
    assert changed["accounts"][0]["name"] == "new"
    query = {"grant_type": "client_credential", "appid": "wx9", "secret": "s9"}
    assert "access_token" in await sim.get("/cgi-bin/token", **query)
    assert (await sim.get("/cgi-bin/token", **query))["errcode"] == 45009
    listed = (await sim.get("/admin/accounts"))["accounts"]
    assert [account["name"] for account in listed] == ["county", "mini", "new"]
    assert listed[2]["usage"] == {"/cgi-bin/token": 1}
    assert "s9" not in orjson.dumps(listed).decode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 400),
        ({"name": "county", "appid": "wx-other", "secret": "s"}, 409),
        ([1], 400),
        ({"appid": "wx-service", "push_mode": "loud"}, 400),
        ({"appid": "wx-service", "name": "mini"}, 409),
    ],
)
async def test_a_wrong_account_is_refused(sim: Sim, body: Any, status: int) -> None:
    response = await sim.client.post("/admin/accounts", json=body)
    assert response.status == status
    assert "error" in await response.json()


# Persons


async def test_persons_are_made_and_listed(sim: Sim) -> None:
    rows = [{"person": "wang", "name": "王秀英", "follow": ["county"], "quiet": True}, {"person": "li"}]
    answer = await sim.post("/admin/users", rows)
    assert [user["person"] for user in answer["users"]] == ["wang", "li"]
    openid = answer["users"][0]["accounts"]["county"]["openid"]
    by_openid = await sim.post("/admin/users", {"account": "county", "openid": openid, "tags": ["cadre"]})
    assert by_openid["users"][0]["accounts"]["county"]["tags"] == ["cadre"]
    assert [u["person"] for u in (await sim.get("/admin/users", account="county"))["users"]] == ["wang"]
    assert len((await sim.get("/admin/users", limit=1))["users"]) == 1
    assert (await sim.get("/admin/users", person="nobody"))["users"] == []


async def test_many_persons_with_grants(sim: Sim) -> None:
    body = {"range": {"prefix": "f", "count": 3, "start": 5}, "follow": ["county"], "grant": {"SUB-1": 2}}
    assert await sim.post("/admin/users", body) == {"made": 3}
    user = (await sim.get("/admin/users", person="f7"))["users"][0]
    assert user["accounts"]["mini"]["grants"] == {"SUB-1": 2}
    assert user["accounts"]["county"]["following"] is True


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([1], 400),
        ({"person": "w", "shoe": 42}, 400),
        ({"person": "w", "name": 1}, 400),
        ({"person": "w", "follow": ["nowhere"]}, 404),
        ({"person": "w", "follow": 1}, 400),
        ({"person": "w", "tags": {"county": 5}}, 400),
        ({"person": "w", "refuse_template": {"TPL-due": 1}}, 400),
        ({"person": "w", "follow": ["mini"]}, 400),
        ({"person": "w", "grant": {"NONE": 1}}, 404),
        ({"person": "w", "grant": {"SUB-1": "x"}}, 400),
        ({"range": {"prefix": "f"}}, 400),
        ({"account": "county", "openid": "oNobody"}, 404),
    ],
)
async def test_a_wrong_person_is_refused(sim: Sim, body: Any, status: int) -> None:
    assert (await sim.client.post("/admin/users", json=body)).status == status


# Lists


async def test_sent_can_be_read_in_parts(sim: Sim) -> None:
    openid, other = await sim.person(), await sim.person("li")
    for target in (openid, other, openid):
        await sim.template(target)
    page = await sim.get("/admin/sent", limit=2)
    assert ([row["seq"] for row in page["sent"]], page["last"], page["more"]) == ([1, 2], 2, True)
    page = await sim.get("/admin/sent", after=2)
    assert ([row["seq"] for row in page["sent"]], page["last"], page["more"]) == ([3], 3, False)
    assert await sim.get("/admin/sent", after=3) == {"sent": [], "last": 3, "more": False}
    assert [row["seq"] for row in await sim.sent(openid=openid)] == [1, 3]
    assert await sim.sent(kind="custom") == []
    assert await sim.sent(account="mini") == []
    assert (await sim.client.get("/admin/sent", params={"after": "x"})).status == 400
    assert (await sim.client.get("/admin/sent", params={"account": "x"})).status == 404


async def test_only_so_much_of_the_chat_is_kept(start: Start) -> None:
    sim = await start(SimulatorConfig(accounts=[service()], keep=3))
    openid = await sim.person()
    for word in "一二三四":
        await sim.push(say=word)
    assert [entry["text"] for entry in await sim.chat(openid)] == ["二", "三", "四"]
    assert [entry.id for entry in sim.platform.chat.since(3)] == [4, 5]
    after = await sim.get("/admin/chat", account="county", person="wang", after=4)
    assert [entry["text"] for entry in after["chat"]] == ["四"]


async def test_bodies_that_are_not_json_are_refused(sim: Sim) -> None:
    assert (await sim.client.post("/admin/users", data=b"{")).status == 400
    assert (await sim.client.post("/admin/clock", data=b"[]")).status == 400


# The stream


async def read_events(sim: Sim, count: int, headers: dict[str, str] | None = None, **query: str) -> list[Any]:
    """The first events of a stream as (event, data), without comments."""
    events: list[Any] = []
    async with sim.client.get("/admin/stream", params=query, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        name = ""
        while len(events) < count:
            line = (await response.content.readline()).decode().strip()
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: "):
                events.append((name, orjson.loads(line.removeprefix("data: "))))
    return events


async def test_the_stream_tells_what_happens_to_one_person(pushing: Sim) -> None:
    openid = await pushing.person()
    await pushing.person("li")
    await pushing.switch(receipt_delay_seconds=[30, 30], receipts="never")
    reading = asyncio.create_task(read_events(pushing, 5, account="county", person="wang"))
    await until(lambda: pushing.platform.chat.listeners)
    await pushing.push("li", say="别人")
    await pushing.push(say="你好")
    await pushing.template(openid)
    await pushing.advance(31)
    await pushing.api("/cgi-bin/menu/create", {"button": [{"type": "click", "name": "申", "key": "A"}]})
    events = await asyncio.wait_for(reading, 5)
    assert [name for name, _ in events] == ["chat", "push", "chat", "clock", "menu"]
    assert events[0][1]["text"] == "你好"
    assert events[2][1]["type"] == "template"
    assert events[4][1] == {"account": "county"}


async def test_a_page_that_comes_back_gets_what_it_missed(sim: Sim) -> None:
    openid = await sim.person()
    await sim.person("li")
    for person, word in (("wang", "一"), ("li", "别人"), ("wang", "二"), ("wang", "三")):
        await sim.push(person, say=word)
    first = (await sim.chat(openid))[1]["id"]
    events = await asyncio.wait_for(
        read_events(sim, 2, {"Last-Event-ID": str(first)}, account="county", openid=openid), 5
    )
    assert [data["text"] for _, data in events] == ["二", "三"]
    events = await asyncio.wait_for(read_events(sim, 3, after=str(first)), 5)
    assert [data["text"] for _, data in events] == ["别人", "二", "三"]
    for _ in range(100):
        if not sim.platform.chat.listeners:
            break
        await sim.push(say="again")
        await asyncio.sleep(0.01)
    assert sim.platform.chat.listeners == []


async def test_typing_is_told_in_the_stream_alone(sim: Sim) -> None:
    openid = await sim.person()
    await sim.push(say="你好")
    reading = asyncio.create_task(read_events(sim, 1))
    await until(lambda: sim.platform.chat.listeners)
    await sim.api("/cgi-bin/message/custom/typing", {"touser": openid, "command": "Typing"})
    ((name, data),) = await asyncio.wait_for(reading, 5)
    assert (name, data["on"], data["openid"]) == ("typing", True, openid)


# Clock, switches, reset


async def test_the_clock_moves_forward_and_back_only_when_asked(sim: Sim) -> None:
    moved = await sim.post("/admin/clock", {"at": "2030-01-01T09:00"})
    assert moved["now"].startswith("2030-01-01T09:00:0")
    assert moved["now"].endswith("+08:00")
    assert (await sim.post("/admin/clock", {"advance": "25h"}))["now"].startswith("2030-01-02T10:00:0")
    assert (await sim.client.post("/admin/clock", json={"at": "2029-01-01T09:00"})).status == 409
    back = await sim.post("/admin/clock", {"at": "2029-01-01T09:00+00:00", "back": True})
    assert back["now"].startswith("2029-01-01T17:00:0")
    assert (await sim.get("/admin/clock"))["now"].startswith("2029-01-01T17:00:0")
    for body in ({}, {"at": "soon"}, {"advance": "25x"}, {"advance_seconds": "many"}):
        assert (await sim.client.post("/admin/clock", json=body)).status == 400


async def test_a_program_around_it_is_told_of_the_clock_first(start: Start) -> None:
    told: list[float] = []

    async def follow(at: float) -> None:
        told.append(at)

    sim = await start(SimulatorConfig(accounts=[service()], on_clock=follow))
    sim.platform.clock.at(sim.platform.clock.now() + 60, lambda: told.append(0.0))
    await sim.post("/admin/clock", {"at": "2030-01-01T09:00"})
    assert told == [pytest.approx(parse_instant("2030-01-01T09:00"), abs=1), 0.0]


async def test_due_work_runs_in_order_and_by_itself() -> None:
    clock, ran = Clock("2030-01-01T09:00"), list[int]()
    assert clock.now() == pytest.approx(parse_instant("2030-01-01T09:00+08:00"), abs=1)
    running = asyncio.create_task(clock.run())
    await asyncio.sleep(0)
    for number, delay in ((2, 0.06), (1, 0.03), (3, 3600.0)):
        clock.at(clock.now() + delay, lambda number=number: ran.append(number))  # type: ignore[misc]
    await asyncio.sleep(0.15)
    assert ran == [1, 2]
    clock.advance(3600)
    await asyncio.sleep(0.01)
    assert (ran, clock.pending) == ([1, 2, 3], 0)
    for number in range(500):
        clock.at(clock.now(), lambda number=number: ran.append(number))  # type: ignore[misc]
    await asyncio.sleep(0.05)
    assert len(ran) == 503
    running.cancel()


@pytest.mark.parametrize(
    "values",
    [
        {"unknown": 1},
        {"push_tries": "three"},
        {"push_tries": True},
        {"receipts": "sometimes"},
        {"receipt_delay_seconds": [2, 1]},
        {"client_msg_id_duplicate": "perhaps"},
    ],
)
async def test_a_wrong_switch_changes_nothing(sim: Sim, values: dict[str, Any]) -> None:
    response = await sim.client.post("/admin/switches", json={"push_duplicates": 7, **values})
    assert response.status == 400
    assert (await sim.get("/admin/switches"))["switches"]["push_duplicates"] == 0


async def test_every_switch_is_explained(sim: Sim) -> None:
    answer = await sim.get("/admin/switches")
    assert set(answer["about"]) == set(answer["switches"]) == set(switches_about())
    assert all(answer["about"].values())
    assert answer["switches"] == Switches().listed()


async def test_reset_forgets_everything_but_the_accounts(start: Start, backend: Backend) -> None:
    accounts = [service(push_url=backend.url, push_mode="plain"), mini()]
    sim = await start(SimulatorConfig(accounts=accounts, at="2030-01-01T09:00", switches={"push_tries": 2}))
    openid = await sim.person(tags={"county": ["x"]})
    await sim.push(photo="sample")
    await sim.template(openid)
    await sim.post("/admin/accounts", {"name": "new", "appid": "wx9", "secret": "s9"})
    await sim.post("/admin/faults", {"endpoint": "*", "kind": "errcode"})
    await sim.switch(push_tries=1)
    await sim.advance(5000)
    old = await sim.token()
    assert (await sim.post("/admin/reset", {}))["now"].startswith("2030-01-01T09:00:0")
    assert (await sim.get("/admin/users"))["users"] == []
    assert await sim.sent() == []
    assert (await sim.get("/admin/faults"))["faults"] == []
    assert (await sim.get("/admin/replies"))["replies"] == []
    assert (await sim.get("/admin/switches"))["switches"]["push_tries"] == 2
    assert (await sim.get("/cgi-bin/menu/get", access_token=old))["errcode"] == 40001
    assert len((await sim.get("/admin/accounts"))["accounts"]) == 3
    await sim.post("/admin/reset", {"accounts": True})
    assert len((await sim.get("/admin/accounts"))["accounts"]) == 2


# Mounted, pages, command line


async def test_mounted_under_a_path_it_names_addresses_under_it(tmp_path: Path) -> None:
    (tmp_path / "weui.css").write_text("body{}")
    inner = create_simulator(SimulatorConfig(accounts=[service()], assets_dir=str(tmp_path)))
    outer = web.Application()
    outer.add_subapp("/sim/platform", inner)
    async with TestServer(outer, host="127.0.0.1") as server, ClientSession() as client:
        base = str(server.make_url("/sim/platform"))
        await client.post(f"{base}/admin/users", json={"person": "wang", "follow": ["county"]})
        body = {"account": "county", "person": "wang", "photo": "sample"}
        fields = (await (await client.post(f"{base}/admin/push", json=body)).json())["fields"]
        assert fields["PicUrl"].startswith(f"{base}/media/file/")
        assert (await client.get(fields["PicUrl"])).status == 200
        assert (await client.get(f"{base}/sim/vendor/weui.css")).status == 200
        index = await client.get(f"{base}/sim")
        assert index.url.path == "/sim/platform/sim/"
        assert inner[SIMULATOR].account("county").name == "county"


async def test_a_hanging_call_and_an_open_stream_do_not_hold_up_the_end(start: Start) -> None:
    sim = await start()
    await sim.post("/admin/faults", {"endpoint": "/cgi-bin/token", "kind": "hang"})
    calls = [
        asyncio.create_task(sim.client.get("/cgi-bin/token")),
        asyncio.create_task(read_events(sim, 1)),
    ]
    await until(lambda: sim.platform.chat.listeners)
    begun = asyncio.get_running_loop().time()
    await sim.client.close()
    assert asyncio.get_running_loop().time() - begun < 3
    await asyncio.gather(*calls, return_exceptions=True)


def test_the_command_line_makes_a_config(tmp_path: Path) -> None:
    config = read_config(parser().parse_args([]))
    assert [account.name for account in config.accounts] == ["demo", "demo_mini"]
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS, encoding="utf-8")
    config = read_config(
        parser().parse_args(["--accounts", str(file), "--fsync", "--at", "2030-01-01T09:00"])
    )
    assert ([account.name for account in config.accounts], config.switches) == (["county"], {"fsync": True})


def test_the_command_line_explains_mistakes_and_switches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--at", "soon"]) == 2
    assert "--at must look like" in capsys.readouterr().err
    assert main(["--accounts", "/nowhere.toml"]) == 2
    assert main(["--switches"]) == 0
    assert "markfail_seconds = 60" in capsys.readouterr().out


async def test_it_runs_alone_and_stops_when_told(tmp_path: Path) -> None:
    log = tmp_path / "sent.jsonl"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", "--port", "0", "--log", str(log),
        stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        address = line.split()[2]
        async with ClientSession() as client:
            accounts = (await (await client.get(f"{address}admin/accounts")).json())["accounts"]
        assert [account["name"] for account in accounts] == ["demo", "demo_mini"]
    finally:
        process.terminate()
        code = await asyncio.wait_for(process.wait(), 10)
    assert code == 0
    assert log.exists()


async def test_a_short_message_is_shown_once_with_its_owner(sim: Sim) -> None:
    await sim.person(phone="13800000001")
    path, words = "/admin/sms", "验证码 308042"
    for key in ("d-1", "d-1", "d-2"):
        made = await sim.client.post(path, json={"phone": "13800000001", "text": words, "key": key})
        assert made.status == 200
    other = await sim.client.post(path, json={"phone": "13900000000", "text": "别的"})
    assert (await other.json())["person"] is None
    rows = (await (await sim.client.get(path, params={"newest": 3})).json())["sms"]
    assert [(row["id"], row["key"], row["text"]) for row in rows] == [
        (1, "d-1", words), (2, "d-2", words), (3, "", "别的"),
    ]  # fmt: skip
    assert rows[0]["person"] is not None
    assert len((await (await sim.client.get(path, params={"after": 2})).json())["sms"]) == 1
    assert (await sim.client.post(path, json={"phone": "13800000001"})).status == 400
    await sim.client.post("/admin/reset", json={})
    assert (await (await sim.client.get(path)).json())["sms"] == []
