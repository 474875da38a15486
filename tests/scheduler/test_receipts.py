"""What WeChat says later about a message, early, late, twice or never."""

from __future__ import annotations

from datetime import timedelta

import pytest
from notice_world import COUNTY, World

from actions import outcomes
from actions.outcomes import Result
from bot import database
from models.application import Task
from models.notice import Notice, Receipt
from rules.delivery import Outcome
from scheduler.runner import tick
from scheduler.workers import drain


async def sent_once(world: World, **person: object) -> None:
    await world.overdue(await world.person(**person))  # type: ignore[arg-type]
    await world.deliver()


async def test_a_message_is_delivered_when_its_receipt_says_so(world: World) -> None:
    """S18.7: accepted is not delivered."""
    await sent_once(world)
    await world.receipt()
    assert await world.apply_receipts() == {"delivered": 1, "forgotten": 0}
    assert await world.states() == ["template delivered"]
    assert await world.notice_states() == ["delivered"]
    assert await world.apply_receipts() == {"forgotten": 0}


async def test_a_blocked_message_goes_another_way(world: World) -> None:
    """S11.7: the person blocks the account: the ladder goes on."""
    await sent_once(world)
    await world.receipt("user_block")
    await world.apply_receipts()
    await world.deliver()
    assert (await world.states())[0] == "template refused"
    assert await world.notice_states() == ["handed_over"]


@pytest.mark.parametrize(("status", "minutes"), [("system_failed", 15), ("freq_limit", 361)])
async def test_what_wechat_could_not_deliver_is_sent_again_later(
    world: World, status: str, minutes: int
) -> None:
    """S18.7: later than WeChat would take it for the same message."""
    await sent_once(world)
    await world.receipt(status)
    await world.apply_receipts()
    [row] = await world.deliveries()
    assert row["state"] == "planned"
    assert row["not_before"] >= world.now + timedelta(minutes=10)
    await world.pass_time(minutes=minutes)
    await world.deliver()
    assert len(await world.sent()) == 2


async def test_a_receipt_may_come_before_our_own_answer_is_stored(world: World) -> None:
    """Q2: it is kept until the message is known."""
    await world.overdue(await world.person())
    [attempt] = await world.prepare(await world.claim("me"), "me")
    await Receipt.create(
        county=COUNTY,
        account="county",
        msgid="77",
        openid=attempt.openid,
        status="success",
        received_at=world.now,
    )
    assert await world.apply_receipts() == {"forgotten": 0}
    await world.record(Result(attempt, Outcome.ACCEPTED, msgid="77"))
    assert (await world.apply_receipts())["delivered"] == 1
    assert await world.states() == ["template delivered"]


async def test_a_receipt_settles_what_was_uncertain(world: World) -> None:
    """W1: the repeat told the msgid but nothing more; the receipt decides."""
    await sent_once(world)
    await database.execute("UPDATE delivery SET state = 'uncertain'")
    await database.execute("UPDATE notice SET state = 'uncertain'")
    await world.receipt()
    await world.apply_receipts()
    assert await world.states() == ["template delivered"]
    assert await world.notice_states() == ["delivered"]


async def test_a_receipt_that_never_comes_is_marked_and_still_believed_later(world: World) -> None:
    """S18.7: after a day nobody waits for it; the row stays `sent` and says that no more is known."""
    await sent_once(world)
    await world.pass_time(hours=23)
    assert await outcomes.mark_unanswered(COUNTY, world.pack, world.now) == 0
    await world.pass_time(hours=2)
    assert await outcomes.mark_unanswered(COUNTY, world.pack, world.now) == 1
    assert await outcomes.mark_unanswered(COUNTY, world.pack, world.now) == 0
    assert await world.states() == ["template sent"]
    assert (await world.trail())[-1] == "receipt never_came"
    assert await world.notice_states() == ["uncertain"]
    await world.receipt()
    await world.apply_receipts()
    assert await world.notice_states() == ["delivered"]


async def test_a_receipt_for_somebody_elses_message_is_put_aside(world: World) -> None:
    """S18.7: other programs may use the account too; after three days nobody looks at it again."""
    await Receipt.create(
        county=COUNTY, account="county", msgid="1", openid="o", status="success", received_at=world.now
    )
    assert await world.apply_receipts() == {"forgotten": 0}
    await world.pass_time(days=4)
    assert await world.apply_receipts() == {"forgotten": 1}


async def test_a_late_success_calls_the_cadre_off(world: World) -> None:
    """S11.7: a debt of unknown fate was handed to a person; then WeChat says that it has arrived."""
    await sent_once(world)
    await database.execute("UPDATE delivery SET state = 'uncertain'")
    await database.execute("UPDATE notice SET state = 'handed_over'")
    notice = await Notice.get()
    await Task.create(
        county=COUNTY,
        kind="call_or_visit",
        role="cadre",
        region="411082101201",
        notice_id=notice.id,
        opened_at=world.now,
        due_at=world.now + timedelta(days=1),
    )
    await world.receipt()
    await world.apply_receipts()
    task = await Task.get(notice_id=notice.id)
    assert (task.state, task.outcome) == ("cancelled", "reached")


async def test_the_tick_sees_receipts_and_dead_workers(world: World) -> None:
    """S18.7: what waits is woken by the clock, without a slot."""
    await sent_once(world)
    await world.receipt()
    await world.overdue(await world.person())
    await world.claim("dead")
    await world.lose_leases()
    await tick(world.runtime)
    await drain(world.runtime)
    states = [state for state in await world.states() if state != "template suppressed"]
    assert states == ["template delivered", "template sent"]
