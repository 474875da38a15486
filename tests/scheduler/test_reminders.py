"""Reminders of half-filled forms and of tasks, and the end of forms nobody goes on with."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from notice_world import COUNTY, NOW, VILLAGE, World

from actions import reminders
from bot import database
from models.application import Task
from models.conversation import Draft
from models.people import WechatUser
from scheduler.runner import run_slot


async def draft(world: World, touched_at: datetime, **columns: object) -> Draft:
    values: dict[str, object] = {"form": "loan_application", "expires_at": touched_at + timedelta(days=30)}
    return await Draft.create(
        county=COUNTY,
        person_id=(await world.person()).id,
        created_at=touched_at,
        updated_at=touched_at,
        **{**values, **columns},
    )


async def planned() -> list[tuple[str, str]]:
    rows = await database.fetch("SELECT kind, step FROM notice ORDER BY id")
    return [(row["kind"], row["step"]) for row in rows]


@pytest.mark.parametrize(
    ("hours", "wanted"),
    [
        (23, []),
        (24, [("draft_reminder", "h24")]),
        (71, [("draft_reminder", "h24")]),
        (72, [("draft_reminder", "h72")]),
        (27 * 24, [("draft_expiring", "d3")]),
        (29 * 24, [("draft_expiring", "d1")]),
        (30 * 24, []),
    ],
)
async def test_a_half_filled_form_is_reminded_of_on_time(
    world: World, hours: int, wanted: list[tuple[str, str]]
) -> None:
    """S1.1: after a day, after three days, three days and one day before it ends; once each."""
    await draft(world, NOW - timedelta(hours=hours))
    for _ in range(2):
        await run_slot(world.runtime, "draft_reminders", COUNTY)
    assert await planned() == wanted


async def test_who_went_on_needs_no_reminder(world: World) -> None:
    """S1.1: going on between planning and sending is enough."""
    one = await draft(world, NOW - timedelta(hours=25))
    await reminders.remind_drafts(COUNTY, world.pack, world.now)
    await Draft.filter(id=one.id).update(updated_at=NOW + timedelta(seconds=5))
    await world.deliver()
    assert await world.states() == ["service_message suppressed"]


async def test_the_reminder_says_how_to_go_on(world: World) -> None:
    """S1.1: and how to end it."""
    one = await draft(world, NOW - timedelta(hours=25))
    who = f"p{one.person_id}"
    await world.platform.post("/admin/push", json={"account": "county", "person": who, "say": "你好"})
    await WechatUser.filter(person_id=one.person_id).update(
        window_until=NOW + timedelta(hours=1), window_left=3
    )
    await reminders.remind_drafts(COUNTY, world.pack, world.now)
    await world.deliver()
    [message] = await world.sent()
    assert "回复“继续”接着填，不用重来" in message["body"]["text"]["content"]


async def test_forms_of_the_staff_are_not_reminded_of(world: World) -> None:
    await draft(world, NOW - timedelta(hours=25), form="decision")
    assert await reminders.remind_drafts(COUNTY, world.pack, world.now) == 0


async def test_a_form_ends_after_thirty_days(world: World) -> None:
    """S1.1."""
    old = await draft(world, NOW - timedelta(days=30))
    await draft(world, NOW - timedelta(days=29))
    assert await run_slot(world.runtime, "expire_drafts", COUNTY) == {"expired": 1, "unconfirmed": 0}
    assert await run_slot(world.runtime, "expire_drafts", COUNTY) == {"expired": 0, "unconfirmed": 0}
    assert (await Draft.get(id=old.id)).state == "expired"


async def test_a_task_is_reminded_of_before_its_time_is_over_and_passed_up_after_it(world: World) -> None:
    """S1.2, S9.1: the cadre the day before, the town when nothing was done."""
    cadre = await world.staff("cadre")
    clerk = await world.staff("town_clerk", "411082101000")
    await Task.create(
        county=COUNTY,
        kind="handover",
        role="cadre",
        region=VILLAGE,
        person_id=cadre.id,
        opened_at=NOW - timedelta(days=3),
        due_at=NOW + timedelta(hours=15),
    )
    assert await run_slot(world.runtime, "escalate", COUNTY) == {"closed": 0, "reminded": 1, "escalated": 0}
    assert await run_slot(world.runtime, "escalate", COUNTY) == {"closed": 0, "reminded": 0, "escalated": 0}
    await world.pass_time(days=1)
    assert (await run_slot(world.runtime, "escalate", COUNTY))["escalated"] == 1
    assert (await run_slot(world.runtime, "escalate", COUNTY))["escalated"] == 0
    rows = await database.fetch("SELECT person_id, kind FROM notice ORDER BY id")
    told = [(row["person_id"], row["kind"]) for row in rows]
    assert told[0] == (cadre.id, "task_due_soon")
    assert (clerk.id, "task_escalated") in told


async def test_nobody_is_called_about_what_he_has_paid(world: World) -> None:
    """S11.7: the errand goes away when its reason does, and stays while it is there."""
    for _ in range(2):
        await world.overdue(await world.person(following=False))
    await world.deliver()
    first, _ = await Task.filter(kind="call_or_visit").order_by("id")
    await run_slot(world.runtime, "escalate", COUNTY)
    assert await Task.filter(state="open").count() == 2
    await database.execute(
        """UPDATE instalment SET paid_on = due_on WHERE id =
             (SELECT subject_id FROM notice WHERE id = $1)""",
        first.notice_id,
    )
    assert (await run_slot(world.runtime, "escalate", COUNTY))["closed"] == 1
    states = await Task.filter(kind="call_or_visit").order_by("id").values_list("state", "outcome")
    assert states == [("cancelled", "settled"), ("open", "")]
