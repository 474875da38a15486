"""Whatever dies at whatever moment: nothing lost, nothing doubled, and WeChat is the judge."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest
from notice_world import COUNTY, SEND_TEMPLATE, TODAY, Crash, World, failing_at

from actions import outcomes
from actions.chunk import LeaseLost
from actions.notices import NewNotice
from actions.outcomes import Result
from models.application import Task
from models.notice import Delivery
from rules.delivery import Outcome
from scheduler.sending import Sender

GAPS = [
    ("claimed", 1),
    ("intended", 1),
    ("calling", 1),
    ("calling", 4),
    ("called", 1),
    ("called", 5),
    ("recording", 1),
    ("recorded", 1),
]


async def crash(world: World, gap: str, nth: int) -> None:
    """A worker dies at this gap; thirty seconds later its leases are taken back."""
    with pytest.raises(ExceptionGroup) as died:
        await world.deliver(failpoint=failing_at(gap, nth), concurrency=3, most=7)
    assert died.group_contains(Crash)
    await world.lose_leases()
    await world.sweep()


def times_sent(sent: list[dict[str, object]]) -> Counter[object]:
    return Counter(message["client_msg_id"] for message in sent)


@pytest.mark.parametrize(("gap", "nth"), GAPS)
async def test_a_crash_between_two_steps_loses_and_doubles_nothing(world: World, gap: str, nth: int) -> None:
    """K1, W1, I4, I5: lost 0, doubled 0, nothing left in hand; WeChat swallows what is repeated."""
    for _ in range(10):
        await world.overdue(await world.person())
    await crash(world, gap, nth)
    await world.deliver()
    assert sorted(times_sent(await world.sent()).values()) == [1] * 10
    assert await world.states() == ["template sent"] * 10


async def test_twenty_kills_over_two_hundred_notices(world: World) -> None:
    """K1: a worker that dies again and again still gets everything out exactly once."""
    await world.crowd(200)
    chance = random.Random(20261128)
    for _ in range(20):
        gap, nth = chance.choice(GAPS)
        await crash(world, gap, nth)
    await world.deliver()
    assert sorted(times_sent(await world.sent()).values()) == [1] * 200
    assert set(await world.states()) == {"template sent"}


async def test_a_worker_that_is_cancelled_in_the_middle_of_its_calls(world: World) -> None:
    """K1: killed while calls hang, of which WeChat took some."""
    for _ in range(6):
        await world.overdue(await world.person())
    await world.admin(
        "faults", {"endpoint": SEND_TEMPLATE, "kind": "hang_after_accept", "seconds": 30, "count": 3}
    )
    working = asyncio.create_task(Sender(world.runtime, COUNTY, concurrency=6).run())
    await world.until_sent(6)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await world.admin("faults", {"clear": True})
    await world.lose_leases()
    await world.sweep()
    await world.deliver()
    assert sorted(times_sent(await world.sent()).values()) == [1] * 6
    assert await world.states() == ["template sent"] * 6


async def test_two_workers_at_once_share_the_work(world: World) -> None:
    """K1: each delivery is claimed by one of them."""
    for _ in range(30):
        await world.overdue(await world.person())
    one, other = await asyncio.gather(world.deliver(most=4), world.deliver(most=4))
    assert one["accepted"] + other["accepted"] == 30
    assert len(await world.sent()) == 30
    assert all(message["repeats"] == 0 for message in await world.sent())


async def test_an_accepted_message_whose_answer_was_lost_is_asked_for_again_in_time(world: World) -> None:
    """W1: the same client_msg_id within ten minutes: WeChat tells the first msgid and sends nothing."""
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "drop_after_accept", "count": 1})
    await world.overdue(await world.person())
    await world.deliver()
    assert await world.states() == ["template planned"]
    await world.pass_time(minutes=1)
    await world.deliver()
    [message] = await world.sent()
    [row] = await world.deliveries()
    assert message["repeats"] == 1
    assert (row["state"], row["msgid"], row["attempts"]) == ("sent", message["msgid"], 2)


async def test_a_debt_is_not_repeated_once_wechat_would_send_twice(world: World) -> None:
    """W1: after ten minutes it stays uncertain, and a human is asked to call."""
    await world.staff("cadre")
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "drop_after_accept", "count": 1})
    await world.overdue(await world.person())
    await world.deliver()
    await world.pass_time(minutes=11)
    await world.deliver()
    assert [m["body"]["template_id"] for m in await world.sent()] == ["TPL-date", "TPL-task"]
    assert (await world.states())[:2] == ["template uncertain", "cadre_task delivered"]
    assert await Task.filter(kind="call_or_visit").count() == 1


async def test_a_service_notice_of_unknown_fate_stays_uncertain_and_visible(world: World) -> None:
    """W1: neither repeated nor called sent."""
    person = await world.person()
    line = await world.instalment(person, TODAY, kind="settlement")
    await world.plan(NewNotice(person.id, "settlement_due", "instalment", line.id, {}, TODAY, "0"))
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "garbage", "count": 1})
    await world.deliver()
    await world.pass_time(minutes=11)
    await world.deliver()
    assert await world.states() == ["template uncertain"]
    assert await world.notice_states() == ["uncertain"]


async def test_a_staff_task_is_told_at_least_once(world: World) -> None:
    """W1: one too few is worse than two."""
    cadre = await world.staff("cadre")
    task = await Task.create(
        county=COUNTY,
        kind="handover",
        role="cadre",
        region="411082101201",
        person_id=cadre.id,
        opened_at=world.now,
        due_at=world.now + timedelta(days=1),
    )
    await world.plan(NewNotice(cadre.id, "handover_task", "task", task.id, {}, TODAY))
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "drop_before", "count": 1})
    await world.deliver()
    await world.pass_time(minutes=30)
    await world.deliver()
    assert await world.states() == ["template sent"]
    assert len(await world.sent()) == 1


async def test_what_goes_on_being_uncertain_is_not_tried_for_ever(world: World) -> None:
    """W2, W5: a bounded number of tries, whatever the answer looks like."""
    for kind in ("garbage", "truncated", "empty", "wrong_types"):
        await world.admin("faults", {"clear": True})
        await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": kind})
        await world.overdue(await world.person())
        for _ in range(8):
            await world.deliver()
            await world.pass_time(minutes=1)
    rows = [row for row in await world.deliveries() if row["channel"] == "template"]
    assert {row["state"] for row in rows} == {"uncertain"}
    assert max(row["attempts"] for row in rows) <= 5
    assert sorted(times_sent(await world.sent()).values()) == [1] * 4


async def test_a_late_answer_still_counts(world: World) -> None:
    """K1: given up for lost while the call was only slow: its answer is taken, and no second call is made."""
    await world.overdue(await world.person())
    [attempt] = await world.prepare(await world.claim("slow"), "slow")
    await world.lose_leases()
    await world.sweep()
    assert await world.states() == ["template planned"]
    await world.record(Result(attempt, Outcome.ACCEPTED, msgid="4"))
    assert await world.states() == ["template sent"]
    assert (await world.deliver())["looked_at"] == 0


async def test_an_answer_to_an_attempt_that_was_repeated_changes_nothing(world: World) -> None:
    """K1: the second attempt has its own answer."""
    await world.overdue(await world.person())
    [attempt] = await world.prepare(await world.claim("slow"), "slow")
    await world.lose_leases()
    await world.sweep()
    await world.deliver()
    changed = await world.record(Result(attempt, Outcome.UNREACHABLE, action="not_following"))
    assert changed == 0
    assert await world.states() == ["template sent"]


async def test_who_has_lost_his_lease_sends_nothing(world: World) -> None:
    """K1: the chunk is given up as a whole; whoever has the lease now does it."""
    await world.overdue(await world.person())
    await world.overdue(await world.person())
    ids = await world.claim("slow")
    await Delivery.filter(id=ids[0]).update(lease_owner="other")
    attempts = await world.prepare(ids, "slow")
    assert [attempt.delivery_id for attempt in attempts] == [ids[1]]


async def test_a_lease_that_is_kept_alive_is_not_taken_back(world: World) -> None:
    """K1: slow is not dead."""
    await world.overdue(await world.person())
    await world.claim("slow")
    assert await world.sweep() == {"leased": 0, "lost": 0}
    await world.lose_leases()
    assert await world.sweep() == {"leased": 1, "lost": 0}


async def test_being_told_to_stop_finishes_the_calls_and_puts_the_rest_back(world: World) -> None:
    """G1: nothing stays in hand; what was not called has not been tried."""
    for _ in range(10):
        await world.overdue(await world.person())
    await world.admin("faults", {"endpoint": SEND_TEMPLATE, "kind": "slow", "seconds": 0.2})
    stop = asyncio.Event()
    working = asyncio.create_task(Sender(world.runtime, COUNTY, stop, concurrency=2).run())
    await world.until_sent(1)
    stop.set()
    await asyncio.wait_for(working, 5)
    rows = await world.deliveries()
    sent = [row for row in rows if row["state"] == "sent"]
    assert 0 < len(sent) <= 4
    assert {(row["state"], row["attempts"]) for row in rows if row not in sent} == {("planned", 0)}
    await world.admin("faults", {"clear": True})
    await world.deliver()
    assert sorted(times_sent(await world.sent()).values()) == [1] * 10


async def test_the_database_going_away_for_a_moment_loses_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1: what WeChat said is written as soon as it can be."""
    monkeypatch.setattr("scheduler.sending.RECORD_AGAIN_SECONDS", 0.01)
    failures = [OSError("connection lost"), OSError("connection lost")]
    record = outcomes.record

    async def unreliable(*arguments: object) -> int:
        if failures:
            raise failures.pop()
        return await record(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(outcomes, "record", unreliable)
    await world.overdue(await world.person())
    await world.deliver()
    assert await world.states() == ["template sent"]


def test_lease_lost_is_an_answer_and_no_fault() -> None:
    assert issubclass(LeaseLost, RuntimeError)
