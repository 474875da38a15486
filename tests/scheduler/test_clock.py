"""Which runs the clock makes happen: each slot once, in order, whatever the clock does."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta

import pytest
from notice_world import COUNTY, NOW, TODAY, World

from actions import drafts, night, slots
from actions.notices import NewNotice
from bot import database
from bot.config import SHANGHAI
from models.work import JobSlot
from scheduler import cron, runner, workers
from scheduler.jobs import JOBS, named
from scheduler.runner import run_slot, tick


async def slots_of(job: str) -> list[JobSlot]:
    return await JobSlot.filter(job=job).order_by("slot")


def shanghai(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=SHANGHAI)


def test_a_schedule_is_read_in_shanghai_time() -> None:
    """T2: whatever time zone the server is in."""
    assert cron.slots_between("30 0 * * *", shanghai(26, 0, 30), shanghai(28, 0, 30)) == [
        shanghai(27, 0, 30),
        shanghai(28, 0, 30),
    ]
    assert cron.next_slot("5 * * * *", shanghai(28, 9, 5)) == shanghai(28, 10, 5)


@pytest.mark.parametrize(
    ("schedule", "wanted"), [("30 0 * * *", (0, 30)), ("5 * * * *", (23, 5)), ("0 3 1 * *", (0, 0))]
)
def test_a_day_stands_for_its_last_slot(schedule: str, wanted: tuple[int, int]) -> None:
    assert cron.slot_on(schedule, date(2026, 11, 28)) == shanghai(28, *wanted)


def test_of_a_very_long_pause_the_newest_slots_are_made_good() -> None:
    found = cron.slots_between("0 * * * *", shanghai(1, 0) - timedelta(days=60), shanghai(28, 0))
    assert (len(found), found[-1]) == (cron.MOST_SLOTS, shanghai(28, 0))


def test_every_schedule_can_be_read() -> None:
    for job in JOBS:
        assert cron.next_slot(job.schedule, NOW) > NOW


async def test_the_first_tick_plans_the_last_slot_of_each_job_and_the_second_nothing(world: World) -> None:
    """S11.6: run twice, nothing changes."""
    kept = [job for job in JOBS if job.catch_up != "none"]
    assert await tick(world.runtime) == len(kept)
    assert await tick(world.runtime) == 0
    [slot] = await slots_of("night")
    assert (slot.slot, slot.day) == (shanghai(28, 0, 30), TODAY)


async def test_who_starts_between_the_night_and_its_figures_waits_for_the_night_of_today(
    world: World,
) -> None:
    """C1, I13: of yesterday there was no night, so there are no figures that could be written."""
    world.runtime.clock.move_to(shanghai(28, 0, 35))
    await tick(world.runtime)
    assert [slot.day for slot in await slots_of("night")] == [TODAY]
    assert await slots_of("night_figures") == []
    world.runtime.clock.move_to(shanghai(28, 0, 41))
    await tick(world.runtime)
    assert [slot.day for slot in await slots_of("night_figures")] == [TODAY]


async def test_two_schedulers_at_once_plan_every_slot_once(world: World) -> None:
    """C1: the unique row decides; between them every slot is planned exactly once."""
    planned = await asyncio.gather(*(tick(world.runtime) for _ in range(4)))
    kept = [job for job in JOBS if job.catch_up != "none"]
    assert sum(planned) == len(kept)
    assert await JobSlot.all().count() == len(kept)
    rows = await database.fetch("SELECT count(*) AS n FROM pgqueuer WHERE entrypoint = 'run_slot'")
    assert rows[0]["n"] == len(kept)


async def test_after_three_days_down_each_business_day_is_run_in_order(world: World) -> None:
    """K3, I13: the missed nights one after the other, and of hourly jobs only the last."""
    await tick(world.runtime)
    await workers.drain(world.runtime)
    person = await world.person()
    await world.instalment(person, TODAY + timedelta(days=3))
    await world.pass_time(days=3)
    await tick(world.runtime)
    await workers.drain(world.runtime)
    nights = await slots_of("night")
    assert [each.day for each in nights] == [TODAY + timedelta(days=n) for n in range(4)]
    assert [each.state for each in nights] == ["done"] * 4
    assert [each.id for each in sorted(nights, key=lambda n: (n.finished_at, n.id))] == [n.id for n in nights]
    assert len(await slots_of("escalate")) == 2
    steps = await database.fetch("SELECT step FROM notice ORDER BY id")
    assert [row["step"] for row in steps] == ["-3", "-1", "0"]


async def test_an_hour_backwards_plans_nothing_twice(world: World) -> None:
    """T1: and what is ready is still sent."""
    await tick(world.runtime)
    await workers.drain(world.runtime)
    before = await JobSlot.all().count()
    await world.overdue(await world.person())
    world.runtime.clock.move_to(world.now - timedelta(minutes=50))
    await database.execute("UPDATE delivery SET not_before = $1", world.now)
    await database.execute("DELETE FROM pgqueuer")
    assert await tick(world.runtime) == 0
    await workers.drain(world.runtime)
    world.runtime.clock.move_to(NOW)
    assert await tick(world.runtime) == 0
    assert await JobSlot.all().count() == before
    assert len(await world.sent()) == 1


async def test_a_slot_run_by_hand_twice_changes_nothing(world: World) -> None:
    """S11.6: the same door as the clock."""
    await world.instalment(await world.person(), TODAY - timedelta(days=1))
    assert (await run_slot(world.runtime, "night", COUNTY, TODAY))["overdue"] == 1
    assert (await run_slot(world.runtime, "night", COUNTY, TODAY))["overdue"] == 0
    [slot] = await slots_of("night")
    assert (slot.state, slot.attempts) == ("done", 2)
    await tick(world.runtime)
    assert len(await slots_of("night")) == 1


async def test_a_job_that_looks_only_leaves_no_slot(world: World) -> None:
    await world.overdue(await world.person())
    assert (await run_slot(world.runtime, "deliver", COUNTY))["accepted"] == 1
    assert await JobSlot.all().count() == 0


async def test_a_job_that_does_not_exist_is_named(world: World) -> None:
    with pytest.raises(KeyError, match=r"no job 'due'; there are .*night, "):
        await run_slot(world.runtime, "due", COUNTY)


async def test_a_lost_wake_up_is_made_good_by_the_next_tick(world: World) -> None:
    """K3: the row is what counts, the queue only carries it."""
    await tick(world.runtime)
    await database.execute("DELETE FROM pgqueuer")
    await tick(world.runtime)
    await workers.drain(world.runtime)
    assert {slot.state for slot in await JobSlot.all()} == {"done"}


async def test_the_scheduler_ticks_until_it_is_told_to_stop(world: World) -> None:
    """G1."""
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run(world.runtime, stop))
    async with asyncio.timeout(10):
        while not await slots_of("night"):  # noqa: ASYNC110 - the clock has no event of ours
            await asyncio.sleep(0.05)
    assert not running.done()
    stop.set()
    await asyncio.wait_for(running, 5)
    assert running.exception() is None
    first = (await slots_of("night"))[-1]
    assert (first.county, first.day) == (COUNTY, TODAY)


async def test_a_tick_that_fails_does_not_stop_the_clock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = []

    async def failing(_runtime: object) -> int:
        ticks.append(1)
        raise OSError("the database is away")

    monkeypatch.setattr(runner, "tick", failing)
    monkeypatch.setattr(runner, "TICK_SECONDS", 0.05)
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run(world.runtime, stop))
    await asyncio.sleep(0.4)
    stop.set()
    await asyncio.wait_for(running, 5)
    assert len(ticks) >= 2


# ---- the night's scan


async def kinds_and_steps(world: World) -> list[tuple[str, str]]:
    rows = await database.fetch("SELECT kind, step FROM notice ORDER BY kind, step::int")
    return [(row["kind"], row["step"]) for row in rows]


@pytest.mark.parametrize(
    ("kind", "days", "wanted"),
    [
        ("maturity", 30, [("maturity_due", "-30")]),
        ("maturity", 29, [("maturity_due", "-30")]),  # good for three days more
        ("maturity", 20, []),
        ("maturity", 7, [("maturity_due", "-7")]),
        ("maturity", 0, [("maturity_due", "0")]),
        ("maturity", -1, [("maturity_due", "0"), ("overdue", "1")]),
        ("settlement", 5, [("settlement_due", "-5")]),
        ("settlement", 0, [("settlement_due", "0")]),
        ("instalment", 3, [("instalment_due", "-3")]),
        ("settlement", -15, [("overdue", "15")]),
        ("settlement", -60, [("overdue", "60")]),
        ("settlement", -90, [("overdue", "90")]),
        ("settlement", -99, []),
    ],
)
async def test_each_line_is_spoken_of_on_the_days_of_the_pack(
    world: World, kind: str, days: int, wanted: list[tuple[str, str]]
) -> None:
    """S11.2: T-30, T-7, T-3, T-1, T; T+1, +3, +7, +15, +30, then each 30."""
    await world.instalment(await world.person(), TODAY + timedelta(days=days), kind=kind)
    await run_slot(world.runtime, "night", COUNTY, TODAY)
    assert await kinds_and_steps(world) == wanted


async def test_what_is_paid_or_settled_is_not_spoken_of(world: World) -> None:
    """S11.6."""
    person = await world.person()
    paid = await world.instalment(person, TODAY)
    settled = await world.instalment(person, TODAY)
    await database.execute("UPDATE instalment SET paid_on = due_on WHERE id = $1", paid.id)
    await database.execute("UPDATE loan SET state = 'settled' WHERE id = $1", settled.loan_id)
    await run_slot(world.runtime, "night", COUNTY, TODAY)
    assert await kinds_and_steps(world) == []


async def test_what_the_night_finds_waits_for_the_morning(world: World) -> None:
    """S11.5, S11.6: planned at 00:30, sent from 08:00 on, spread over half an hour."""
    for _ in range(6):
        await world.instalment(await world.person(), TODAY)
    world.runtime.clock.move_to(shanghai(28, 0, 30))
    await run_slot(world.runtime, "night", COUNTY, TODAY)
    times = {row["not_before"] for row in await world.deliveries()}
    assert len(times) > 1
    assert min(times) >= shanghai(28, 8)
    assert max(times) < shanghai(28, 8, 30)


async def test_each_town_is_a_job_of_its_own(world: World) -> None:
    """S11.6: spread over the workers; the night is done when the last town has reported."""
    for village in ("411082101201", "411082102201", "411082103205"):
        await world.instalment(await world.person(), TODAY, village=village)
    await tick(world.runtime)
    assert await night.towns(COUNTY) == ["411082101000", "411082102000", "411082103000"]
    await workers.drain(world.runtime)
    [slot] = await slots_of("night")
    assert slot.state == "done"
    assert {town: said["maturity_due"] for town, said in slot.result["done"].items()} == {
        "411082101000": 1,
        "411082102000": 1,
        "411082103000": 1,
    }


async def test_a_town_that_fails_is_named_and_does_not_hold_up_the_next_night(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I13: a slot is done, or listed as failed with its reason; repaired, it is run again."""
    for village in ("411082101201", "411082102201"):
        await world.instalment(await world.person(), TODAY + timedelta(days=1), village=village)
    run_town = night.run_town
    broken = True

    async def unreliable(county: str, town: str, *rest: object) -> dict[str, int]:
        if broken and town == "411082102000":
            raise ValueError("a row nobody can read")
        return await run_town(county, town, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(night, "run_town", unreliable)
    await tick(world.runtime)
    await world.pass_time(days=1)
    await tick(world.runtime)
    for _ in range(12):
        await database.execute(
            "UPDATE pgqueuer SET execute_after = now() - interval '1 s' WHERE status = 'queued'"
        )
        if await workers.drain(world.runtime) == 0:
            break
    nights = await slots_of("night")
    assert [each.state for each in nights] == ["failed", "failed"]
    assert nights[0].error == "failed: 411082102000"
    assert len(await kinds_and_steps(world)) == 2  # the other town's: the day before and the day itself
    broken = False
    await run_slot(world.runtime, "night", COUNTY, TODAY + timedelta(days=1))
    assert (await slots_of("night"))[1].state == "done"
    assert len(await kinds_and_steps(world)) == 3


async def test_old_slots_and_counters_are_tidied_away(world: World) -> None:
    """Only what served the running of things goes; what was said to whom stays."""
    for days in (500, 2):
        await slots.ensure(slots.Slot(COUNTY, "tidy", NOW - timedelta(days=days), TODAY), NOW)
    await JobSlot.all().update(state="done")
    await world.overdue(await world.person())
    await world.deliver()
    await database.execute("UPDATE contact_count SET day = day - 40")
    removed = await slots.tidy(COUNTY, world.now)
    assert (removed["slots"], removed["contacts"], removed["quotas"]) == (1, 1, 0)
    assert len(await world.deliveries()) == 1


async def test_planning_the_same_notice_again_is_nothing_new(world: World) -> None:
    """S11.6: person, kind, subject, due date and step are its natural key."""
    person = await world.person()
    notice = NewNotice(person.id, "late_reply", "inbox", 1, {"reply": "好的"}, TODAY)
    assert await world.plan(notice, notice) == 1
    assert await world.plan(notice) == 0
    assert named("night").catch_up == "all"


async def test_a_job_that_keeps_failing_is_listed_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I13: tried five times, then failed; the next slot is run all the same."""

    async def broken(_county: str, _now: datetime) -> int:
        raise ValueError("no good")

    monkeypatch.setattr(drafts, "expire_due", broken)
    await tick(world.runtime)
    for _ in range(8):
        await workers.drain(world.runtime)
        await database.execute("UPDATE pgqueuer SET execute_after = now() - interval '1 s'")
    [slot] = await slots_of("expire_drafts")
    assert (slot.state, slot.error, slot.attempts) == ("failed", "ValueError: no good", 5)
    rows = await database.fetch("SELECT count(*) AS n FROM pgqueuer")
    assert rows[0]["n"] == 0
