"""Jobs and queue of a county, and notices for a person to see to: shown, tried again, given away, closed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import orjson
import pytest

from actions import demo_data, held_notices, work_queue
from actions.access import Actor, HeldPost
from bot import database
from bot.errors import NotFound, RuleRefused
from bot.queue import Job, enqueue
from models.notice import Delivery, Notice
from models.people import Person
from models.work import AuditEntry, JobSlot
from policies import load_packs

PACK = load_packs()["changge"]
COUNTY = "411082"
NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)


def actor(role: str = "administrator", region: str = "411082000000") -> Actor:
    return Actor(1, COUNTY, "changge", "o", "console", (HeldPost(1, role, 1, region),))


async def failed_slot() -> JobSlot:
    return await JobSlot.create(
        county=COUNTY, job="tidy", slot=NOW, day=date(2026, 11, 28), state="failed", attempts=5,
        planned_at=NOW, finished_at=NOW, error="OSError: away", result={"parts": []},
    )  # fmt: skip


async def held(county: str = COUNTY) -> int:
    async with database.transaction() as connection:
        await enqueue(connection, [Job("deliver", {"county": county})])
        row = await connection.fetchrow(
            "UPDATE pgqueuer SET status = 'failed', attempts = 5 WHERE status = 'queued' RETURNING id"
        )
    return int(row["id"])


async def test_a_failed_run_is_tried_again_once(db: str) -> None:
    """S11.6, S17.1"""
    slot, job, foreign = await failed_slot(), await held(), await held("522301")
    found = await work_queue.standing(actor("county_clerk"))
    assert [each.id for each in found.failed] == [slot.id]
    assert [each.id for each in found.held] == [job]
    assert [(each.entrypoint, each.held, each.waiting) for each in found.queue] == [("deliver", 1, 0)]
    assert [each.job for each in found.slots] == ["tidy"]
    assert await work_queue.run_slot_again(actor(), slot.id, NOW) is True
    assert await work_queue.run_slot_again(actor(), slot.id, NOW) is False
    again = await JobSlot.get(id=slot.id)
    assert (again.state, again.attempts, again.result) == ("planned", 0, None)
    assert await work_queue.release(actor(), [job, foreign], NOW) == 1
    assert await work_queue.release(actor(), [job], NOW) == 0
    rows = await database.fetch(
        "SELECT id, status::text FROM pgqueuer WHERE entrypoint = 'deliver' ORDER BY id"
    )
    assert [row["status"] for row in rows] == ["queued", "failed"]
    assert await AuditEntry.filter(action="run_again").count() == 2


async def test_who_may_look_and_who_may_run_again(db: str) -> None:
    """S17.1"""
    slot = await failed_slot()
    with pytest.raises(RuleRefused):
        await work_queue.standing(actor("bank_officer"))
    with pytest.raises(RuleRefused):
        await work_queue.run_slot_again(actor("county_clerk"), slot.id, NOW)
    with pytest.raises(NotFound):
        await work_queue.run_slot_again(actor(), slot.id + 1, NOW)
    with pytest.raises(RuleRefused, match="请选"):
        await work_queue.release(actor(), [], NOW)


async def undelivered(
    state: str = "given_up", kind: str = "overdue", village: str = "411082101201"
) -> Notice:
    """A notice whose last way has failed."""
    if not await Person.filter(county=COUNTY).exists():
        await demo_data.make_county(demo_data.CHANGGE, {}, NOW)
    person = await Person.create(county=COUNTY, created_at=NOW, village=village)
    notice = await Notice.create(
        county=COUNTY, person_id=person.id, kind=kind, subject_kind="loan", subject_id=person.id,
        due_on=date(2026, 11, 20), step="7", facts={}, priority=50, state=state, created_at=NOW,
        expires_at=NOW + timedelta(days=3),
    )  # fmt: skip
    await Delivery.create(
        county=COUNTY, notice=notice, rung=0, channel="template", priority=50, state="refused",
        not_before=NOW, attempts=1, final_at=NOW, trail=[{"at": NOW.isoformat(), "outcome": "user_block"}],
    )  # fmt: skip
    return notice


async def test_a_notice_that_was_not_delivered_is_sent_again_once(db: str) -> None:
    """S18.7"""
    clerk, notice = actor("county_clerk"), await undelivered()
    assert await held_notices.retry(clerk, notice.id, PACK, NOW) is True
    assert await held_notices.retry(clerk, notice.id, PACK, NOW) is False
    sent = await Delivery.get(notice_id=notice.id)
    assert (sent.state, sent.attempts, sent.trail[-1]["outcome"]) == ("planned", 0, "planned_again")
    assert (await Notice.get(id=notice.id)).state == "open"
    queued = await database.fetch("SELECT payload FROM pgqueuer")
    assert orjson.loads(queued[0]["payload"])["county"] == COUNTY


async def test_what_may_have_arrived_or_is_stale_is_not_sent_again(db: str) -> None:
    """S11.5: a collection notice is never said twice."""
    clerk = actor("county_clerk")
    kind = next(name for name, policy in PACK.notices.items() if policy.notice_class == "collection")
    maybe = await undelivered("uncertain", kind)
    with pytest.raises(RuleRefused, match="可能已经送到"):
        await held_notices.retry(clerk, maybe.id, PACK, NOW)
    with pytest.raises(RuleRefused, match="过时"):
        await held_notices.retry(clerk, (await undelivered(kind=kind)).id, PACK, NOW + timedelta(days=4))
    with pytest.raises(NotFound):
        await held_notices.retry(actor("county_clerk", "411082102000"), maybe.id, PACK, NOW)
    with pytest.raises(RuleRefused):
        await held_notices.retry(actor("bank_officer"), maybe.id, PACK, NOW)
    with pytest.raises(NotFound):
        await held_notices.close(clerk, maybe.id + 10_000, "打过电话了", NOW)


async def test_a_cadre_is_asked_once_and_a_reason_closes_it(db: str) -> None:
    """S11.7, S18.7"""
    clerk, notice = actor("county_clerk"), await undelivered()
    assert await held_notices.give_to_cadre(clerk, notice.id, PACK, NOW) is True
    assert await held_notices.give_to_cadre(clerk, notice.id, PACK, NOW) is False
    assert await Delivery.filter(notice_id=notice.id, channel="cadre_task", state="planned").count() == 1
    await Notice.filter(id=notice.id).update(state="given_up")
    with pytest.raises(RuleRefused, match="已经请过村干部"):
        await held_notices.give_to_cadre(clerk, notice.id, PACK, NOW)
    for reason, words in (("打", "写明"), ("打过 13800001111 了", "手机号")):
        with pytest.raises(RuleRefused, match=words):
            await held_notices.close(clerk, notice.id, reason, NOW)
    assert await held_notices.close(clerk, notice.id, "打过电话，本人知道了", NOW) is True
    assert await held_notices.close(clerk, notice.id, "打过电话，本人知道了", NOW) is False
    entry = await AuditEntry.get(action="close_notice")
    assert entry.details == {"reason": "打过电话，本人知道了"}
