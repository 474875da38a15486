"""What holds a notice back at the moment it would be sent, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from notice_world import COUNTY, SEND_TEMPLATE, TODAY, World

from actions.notices import NewNotice
from bot import database
from bot.config import SHANGHAI
from models.application import Task
from models.loan import Instalment
from models.notice import ContactCount, OptOut, QuotaUse
from models.people import WechatUser
from policies import Packs, load_packs
from scheduler.runner import run_slot

HOURS = 3600


@pytest.fixture
def tight(world: World, tmp_path: Path) -> Callable[[str], World]:
    """The same world under a county pack with some values of its own."""

    def under(values: str) -> World:
        head = (
            '[pack]\nname = "tight"\ntitle = "长葛市"\ncode = "411082"\ninherits = "base"\ncentre = "中心"\n'
        )
        (tmp_path / "tight.toml").write_text(head + values, encoding="utf-8")
        pack = load_packs(tmp_path)["tight"]
        world.runtime.packs = Packs.of([pack])
        return replace(world, pack=pack)

    return under


async def test_a_notice_that_falls_into_the_night_waits_until_morning(world: World) -> None:
    """S11.5: quiet from 22:00 to 08:00; who waited is spread over half an hour."""
    person = await world.person()
    await world.pass_time(hours=14)  # 23:00
    await world.overdue(person, days=1)
    await world.pass_time(hours=8, minutes=59)  # 07:59
    assert (await world.deliver())["looked_at"] == 0
    await world.pass_time(minutes=31)
    assert (await world.deliver())["accepted"] == 1


async def test_the_gate_holds_what_was_planned_by_day_and_claimed_at_night(world: World) -> None:
    """S11.5: the hour counts when it is sent, not when it is planned."""
    await world.overdue(await world.person(), days=2, step="1")
    await world.pass_time(hours=13, minutes=1)  # 22:01
    assert await world.deliver() == {"looked_at": 1}
    [row] = await world.deliveries()
    assert row["state"] == "planned"
    assert 8 <= row["not_before"].astimezone(SHANGHAI).hour < 9
    assert await world.trail() == ["gate quiet_hours"]
    assert await world.sent() == []


async def test_a_person_is_reminded_of_debts_at_most_three_times_a_day(world: World) -> None:
    """S11.5: the cap counts all of a person's loans together; the rest waits for the next morning."""
    person = await world.person()
    for _ in range(5):
        await world.dunned(person)
    assert (await world.deliver())["accepted"] == 3
    assert (await world.states()).count("template planned") == 2
    assert (await world.trail()).count("gate cap") == 2
    assert (await ContactCount.get(person_id=person.id)).contacts == 3
    await world.pass_time(hours=24)
    assert (await world.deliver())["accepted"] == 2
    assert len(await world.sent()) == 5


async def test_several_loans_of_a_person_are_one_message_a_day(world: World) -> None:
    """S18.5: it leads to the list; the trail of the others says so, and the cap counts one contact."""
    person = await world.person()
    for _ in range(4):
        await world.instalment(person, TODAY, kind="settlement")
    await world.instalment(await world.person(), TODAY, kind="settlement")
    await run_slot(world.runtime, "night", COUNTY, TODAY)
    await world.deliver()
    assert len(await world.sent()) == 2
    assert (await world.trail()).count("gate digest") == 3
    assert (await ContactCount.get(person_id=person.id)).contacts == 1
    await world.overdue(person)  # another kind is another message
    await world.instalment(person, TODAY, kind="settlement")  # one more of the same is not
    await run_slot(world.runtime, "night", COUNTY, TODAY)
    await world.deliver()
    assert [message["person"] for message in await world.sent()].count(f"p{person.id}") == 2


async def test_the_one_message_leads_to_the_list_of_loans(world: World) -> None:
    """S18.5: prepared together, it opens what it speaks of."""
    person = await world.person()
    lines = [await world.instalment(person, TODAY - timedelta(days=1)) for _ in range(3)]
    await world.plan(
        *(NewNotice(person.id, "overdue", "instalment", line.id, {}, line.due_on, "1") for line in lines)
    )
    [attempt] = await world.prepare(await world.claim("me"), "me")
    assert attempt.url.endswith("/m/loans")


async def test_who_is_told_once_a_day_is_not_told_by_two_workers(world: World) -> None:
    """S18.5: whoever comes second waits for the first and then knows."""
    people = [await world.person() for _ in range(3)]
    for person in people:
        for _ in range(6):
            await world.overdue(person)
    await asyncio.gather(*(world.deliver(most=2, concurrency=1) for _ in range(3)))
    assert len(await world.sent()) == 3


async def test_what_never_reached_the_person_does_not_count_against_the_cap(world: World) -> None:
    """S11.5: a refusal by the platform gives the contact back."""
    person = await world.person()
    await world.admin("users", {"person": f"p{person.id}", "refuse_template": ["TPL-date"]})
    await world.overdue(person)
    await world.deliver()
    [count] = await ContactCount.all()
    rungs = [row["channel"] for row in await world.deliveries() if row["state"] != "refused"]
    assert rungs == ["cadre_task"]
    assert count.contacts == 1  # the cadre's call, and nothing else


async def test_the_days_quota_keeps_the_rest_for_tomorrow(world: World) -> None:
    """S18.7: after 45009 nobody calls again that day; what is left is kept, unsent and not failed."""
    account = {"name": "county", "appid": "wx-county", "secret": "s1"}
    await world.admin("accounts", {**account, "quotas": {SEND_TEMPLATE: 5}})
    for _ in range(20):
        await world.overdue(await world.person())
    assert (await world.deliver(concurrency=3))["accepted"] == 5
    answer = await world.platform.get("/admin/accounts")
    usage = next(a for a in (await answer.json())["accounts"] if a["name"] == "county")["usage"]
    assert usage[SEND_TEMPLATE] <= 5 + 3
    assert (await world.states()).count("template planned") == 15
    assert (await QuotaUse.get(api="template")).exhausted
    await world.overdue(await world.person())
    assert (await world.deliver())["accepted"] == 0  # asked no more today
    await world.admin("accounts", {**account, "quotas": {SEND_TEMPLATE: 100}})
    await world.pass_time(hours=24)
    assert (await world.deliver())["accepted"] == 16
    assert len(await world.sent()) == 21


async def test_our_own_ledger_stops_before_the_platform_does(tight: Callable[[str], World]) -> None:
    """S18.7: the pack's quota is reserved for a chunk at once and never overdrawn."""
    world = tight('[channels.daily_quota]\nvalue = { template = 4 }\nsource = "default"\nnote = "试"\n')
    for _ in range(6):
        await world.overdue(await world.person())
    assert (await world.deliver(most=3))["accepted"] == 4
    use = await QuotaUse.get(api="template")
    assert (use.used, use.exhausted) == (4, False)
    assert (await world.trail()).count("gate quota") == 2


async def test_the_urgent_always_finds_room_in_the_quota(tight: Callable[[str], World]) -> None:
    """S18.7: what is less urgent may use only a part of the day's quota."""
    world = tight('[channels.daily_quota]\nvalue = { template = 10 }\nsource = "default"\nnote = "试"\n')
    people = [await world.person() for _ in range(12)]
    for person in people:
        line = await world.instalment(person, TODAY, kind="settlement")
        await world.plan(NewNotice(person.id, "settlement_due", "instalment", line.id, {}, TODAY, "0"))
    assert (await world.deliver())["accepted"] == 9  # priority 2: 95 of 100
    await world.overdue(people[0])
    assert (await world.deliver())["accepted"] == 1  # priority 1 takes the last one


async def test_nobody_is_interrupted_while_talking(world: World) -> None:
    """S18.6: a reminder waits until the person has said nothing for ten minutes."""
    person = await world.person()
    await WechatUser.filter(person_id=person.id).update(last_said_at=world.now - timedelta(minutes=4))
    await world.overdue(person)
    await world.deliver()
    [row] = await world.deliveries()
    assert row["not_before"] == world.now + timedelta(minutes=6)
    assert await world.trail() == ["gate conversation"]
    await world.pass_time(minutes=6)
    assert (await world.deliver())["accepted"] == 1


async def test_a_village_in_mourning_is_left_in_peace(tight: Callable[[str], World]) -> None:
    """S18.6: quiet days are data of the pack; other villages are not concerned."""
    world = tight(
        "[contact.quiet_days]\n"
        'value = [{ region = "411082101201", from = 2026-11-27, to = 2026-11-29, reason = "丧事" }]\n'
        'source = "default"\nnote = "试"\n'
    )
    await world.overdue(await world.person())
    await world.overdue(await world.person(village="411082101202"))
    assert (await world.deliver())["accepted"] == 1
    assert "gate quiet_day" in await world.trail()
    await world.pass_time(days=2)
    assert (await world.deliver())["accepted"] == 1


async def test_what_is_no_longer_true_is_not_said(world: World) -> None:
    """S11.6: paid in the meantime, so nothing is sent and the notice says why."""
    person = await world.person()
    await world.overdue(person)
    await Instalment.all().update(paid_on=TODAY)
    await world.deliver()
    assert await world.states() == ["template suppressed"]
    assert await world.notice_states() == ["suppressed"]
    assert await world.trail() == ["gate settled"]


async def test_of_two_steps_that_are_both_ready_only_the_newer_is_sent(world: World) -> None:
    """S11.6: days that were missed are made good by one notice."""
    person = await world.person()
    line = await world.instalment(person, TODAY - timedelta(days=3))
    for step in ("1", "3"):
        await world.plan(NewNotice(person.id, "overdue", "instalment", line.id, {}, line.due_on, step))
    assert (await world.deliver())["accepted"] == 1
    assert await world.states() == ["template suppressed", "template sent"]


async def test_a_task_that_is_done_is_not_announced(world: World) -> None:
    """S1.2: task notices hold only while the task is open."""
    person = await world.person()
    for state in ("open", "done"):
        task = await Task.create(
            county=COUNTY,
            kind="handover",
            role="cadre",
            region="411082101201",
            state=state,
            person_id=person.id,
            opened_at=world.now,
            due_at=world.now + timedelta(days=1),
        )
        await world.plan(NewNotice(person.id, "handover_task", "task", task.id, {}, TODAY))
    assert (await world.deliver())["accepted"] == 1
    assert await world.states() == ["template sent", "template suppressed"]


async def test_what_comes_too_late_is_not_sent(world: World) -> None:
    """S11.6: each kind has a limit after which it is of no use."""
    await world.overdue(await world.person(), days=7, step="1")  # a T+1 notice is good for five days more
    await world.deliver()
    assert await world.states() == ["template expired"]
    assert await world.notice_states() == ["expired"]


async def test_a_service_notice_may_be_declined_and_a_debt_goes_to_a_person(world: World) -> None:
    """S18.7: opting out ends a service notice; a collection notice is then told by a human."""
    person = await world.person()
    for notice_class in ("service", "collection"):
        await OptOut.create(county=COUNTY, person_id=person.id, notice_class=notice_class, since=world.now)
    line = await world.instalment(person, TODAY, kind="settlement")
    await world.plan(NewNotice(person.id, "settlement_due", "instalment", line.id, {}, TODAY, "0"))
    await world.overdue(person)
    await world.deliver()
    assert await world.sent() == []
    assert await world.notice_states() == ["suppressed", "handed_over"]


async def test_a_notice_of_a_kind_that_the_pack_no_longer_knows_is_given_up_aloud(world: World) -> None:
    """S18.7: never a silent drop."""
    await world.overdue(await world.person())
    await database.execute("UPDATE notice SET kind = 'gone'")
    await world.deliver()
    assert await world.states() == ["template given_up"]
    assert await world.notice_states() == ["given_up"]
