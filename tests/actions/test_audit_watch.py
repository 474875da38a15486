"""S17.2: the log cannot be changed, views stand in it, unusual volumes are told, the auditor reads it."""

from __future__ import annotations

import ast
import secrets
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest

from actions import audit, audit_chain, audit_trail, audit_watch, tasks
from actions.access import Actor
from actions.audit_trail import Wanted
from bot import database
from bot.errors import RuleRefused
from models.audit import AuditAlert
from models.notice import Notice
from models.people import Person, Post
from models.work import AuditEntry
from tests.actions.conftest import NOW, County, Submit

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def auditor(county: County) -> Actor:
    return await county.actor("shen")


async def looked(actor_id: int, times: int, action: str = "view", minutes_ago: int = 5) -> None:
    await database.execute(
        """INSERT INTO audit_entry (county, at, actor_id, action, subject_kind, subject_id, details)
           SELECT '411082', $1, $2, $3, 'application', n, '{}' FROM generate_series(1, $4) n""",
        NOW - timedelta(minutes=minutes_ago), actor_id, action, times,
    )  # fmt: skip


async def test_what_the_program_serves_with_may_add_entries_and_nothing_else(county: County) -> None:
    """S17.2: by grants, where the server's role is not the owner; not even the trigger can be taken off."""
    role = f"tianxin_app_{secrets.token_hex(4)}"
    await audit.record("411082", None, "view", ("person", 1), NOW)
    await database.execute(f"CREATE ROLE {role}")
    try:
        await database.grant_serving(role)
        for statement, refused in (
            ("INSERT INTO audit_entry (county, at, action, subject_kind, subject_id, details)"
             " VALUES ('411082', now(), 'view', 'person', 1, '{}')", False),
            ("UPDATE person SET village = village", False),
            ("UPDATE audit_entry SET action = 'x'", True),
            ("DELETE FROM audit_entry", True),
            ("TRUNCATE audit_entry", True),
            ("DELETE FROM audit_link", True),
            ("ALTER TABLE audit_entry DISABLE TRIGGER USER", True),
            ("SET session_replication_role = 'replica'", True),
        ):  # fmt: skip
            async with database.pool().acquire() as connection, connection.transaction():
                await connection.execute(f"SET LOCAL ROLE {role}")
                if refused:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        async with connection.transaction():
                            await connection.execute(statement)
                else:
                    await connection.execute(statement)
    finally:
        await database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_role_whose_name_is_no_name_gets_nothing(db: str) -> None:
    with pytest.raises(database.DatabaseError, match="no role"):
        await database.grant_serving("nobody_of_that_name")


async def test_usual_work_is_told_to_nobody(county: County) -> None:
    """S17.2"""
    chen = await county.actor("chen")
    await looked(chen.person_id, 60)
    assert await audit_watch.look("411082", county.pack, NOW) == 0


UNUSUAL = {
    "chen": ("view", 61, ["views_per_hour"], "收单银行"),
    "zhao": ("view_file", 201, ["views_per_day", "views_per_hour"], "合作银行"),
    "zhou": ("export", 5, ["exports_per_day"], "镇金融扶贫服务站"),
    "sun": ("credit_query_refused", 3, ["refused_queries_per_day"], "担保公司"),
    "wang": ("credit_query", 31, ["queries_per_day"], "村干部"),
}
"""Who did what how often, and what is told of it."""


async def test_unusual_volumes_are_told_once_to_safety_administrator_and_clerk(county: County) -> None:
    """S17.2"""
    liu, safety = await county.actor("liu"), await county.actor("an")
    ids = {name: (await county.actor(name)).person_id for name in UNUSUAL}
    for name, (action, times, _, _) in UNUSUAL.items():
        await looked(ids[name], times, action)
    assert await audit_watch.look("411082", county.pack, NOW) == 6
    assert await audit_watch.look("411082", county.pack, NOW + timedelta(minutes=10)) == 0
    inboxes = [await tasks.inbox(who, NOW, limit=50) for who in (safety, liu)]
    for name, (_, times, measures, role) in UNUSUAL.items():
        alerts = await AuditAlert.filter(actor_id=ids[name]).order_by("measure")
        assert [(each.measure, each.count) for each in alerts] == [(each, times) for each in measures]
        for found in inboxes:
            notes = [
                task.note for task in found if f"了{times}次" in task.note or f"有{times}次" in task.note
            ]
            assert len(notes) == len(measures), name
            assert f"（{role}）" in notes[0]
    told = await Notice.filter(kind="office_task").values_list("person_id", flat=True)
    assert set(told) == {safety.person_id, liu.person_id}
    closed = await tasks.close(liu, inboxes[1][0].key, "explained", county.pack, NOW)
    assert closed.state == "done"


async def test_what_was_long_ago_counts_for_the_day_and_not_for_the_hour(county: County) -> None:
    """S17.2: 09:00 in Changge; 61 looks two hours ago are no hurry, and yesterday's do not count."""
    chen = await county.actor("chen")
    await looked(chen.person_id, 61, minutes_ago=120)
    await looked(chen.person_id, 190, minutes_ago=10 * 60)
    assert await audit_watch.look("411082", county.pack, NOW) == 0


async def test_nobody_looks_into_himself(county: County) -> None:
    """S17.2: what the clerk does goes to the safety administrator, and the other way round."""
    liu, safety = await county.actor("liu"), await county.actor("an")
    await looked(liu.person_id, 4, "export")
    await looked(safety.person_id, 4, "export")
    await audit_watch.look("411082", county.pack, NOW)
    notes = {
        who.person_id: [t.note for t in await tasks.inbox(who, NOW) if t.kind == "audit_alert"]
        for who in (liu, safety)
    }
    assert [note[:2] for note in notes[safety.person_id]] == ["刘*"]
    assert [note[:2] for note in notes[liu.person_id]] == ["安*"]


async def test_the_only_one_who_is_there_is_still_written_down(county: County) -> None:
    """S17.2: without a safety administrator, the clerk's excess waits for one."""
    liu, safety = await county.actor("liu"), await county.actor("an")
    await Post.filter(person_id=safety.person_id).update(to_on=date(2026, 11, 1))
    await looked(liu.person_id, 4, "export")
    assert await audit_watch.look("411082", county.pack, NOW) == 1
    assert not [task for task in await tasks.inbox(liu, NOW) if task.kind == "audit_alert"]
    assert await AuditAlert.filter(actor_id=liu.person_id).exists()


async def test_the_auditor_filters_pages_and_is_audited_himself(
    county: County, auditor: Actor, apply: Submit
) -> None:
    """S17.2"""
    application = await apply()
    chen = await county.actor("chen")
    await looked(chen.person_id, 7)
    everything = await audit_trail.page(auditor, Wanted(), NOW, limit=100)
    assert [each.id for each in everything] == [
        row.id for row in await AuditEntry.filter(county="411082").order_by("-at", "-id")
    ]
    pages, after = [], None
    while found := await audit_trail.page(auditor, Wanted(), NOW, after=after, limit=3):
        pages += found
        after = found[-1].id
    assert [each.id for each in pages] == [each.id for each in everything]
    key = (await Person.get(id=chen.person_id)).key
    by_chen = await audit_trail.page(auditor, Wanted(person=key), NOW)
    assert {each.actor for each in by_chen} == {"陈*（收单银行）"}
    about = await audit_trail.page(auditor, Wanted(subject=("application", application.id)), NOW)
    assert {"提交申请"} <= {each.action_words for each in about}
    assert f"申请 {application.number}" in {each.subject for each in about}
    views = await audit_trail.page(auditor, Wanted(action="view"), NOW)
    assert len(views) == 7
    assert await audit_trail.page(auditor, Wanted(action="view"), NOW + timedelta(days=40)) == []
    assert await audit_trail.page(auditor, Wanted(day=date(2026, 11, 27)), NOW) == []
    assert len(await audit_trail.page(auditor, Wanted(day=date(2026, 11, 28), action="view"), NOW)) == 7
    assert await AuditEntry.filter(action="view_audit", actor_id=auditor.person_id).exists()
    assert (key, "陈*（收单银行）") in await audit_trail.staff(auditor)


async def test_nobody_but_the_auditor_reads_it(county: County) -> None:
    """S17.2"""
    for name in ("zhang", "liu", "chen"):
        actor = await county.actor(name)
        for read in (
            audit_trail.page(actor, Wanted(), NOW),
            audit_trail.chain(actor),
            audit_trail.watched(actor),
            audit_trail.staff(actor),
        ):
            with pytest.raises(RuleRefused):
                await read


async def test_the_state_of_the_chain_is_shown(county: County, auditor: Actor, apply: Submit) -> None:
    """S17.2"""
    await apply()
    waiting = await AuditEntry.filter(county="411082").count()
    before = await audit_trail.chain(auditor)
    assert (before.links, before.waiting, before.problems) == (0, waiting, None)
    await audit_chain.link("411082", NOW)
    await database.execute(
        """INSERT INTO job_slot (county, job, slot, day, state, attempts, planned_at, finished_at, result,
                                 error)
           VALUES ('411082', 'audit_verify', $1, '2026-11-28', 'done', 1, $1, $1, '{"problems": 2}', '')""",
        NOW,
    )
    after = await audit_trail.chain(auditor)
    assert (after.links, after.waiting, after.problems, after.checked_at) == (waiting, 0, 2, NOW)
    chen = await county.actor("chen")
    await looked(chen.person_id, 61)
    await audit_watch.look("411082", county.pack, NOW)
    (watched,) = await audit_trail.watched(auditor)
    assert (watched.actor, watched.measure, watched.count, watched.allowed) == (
        "陈*（收单银行）", "views_per_hour", 61, 60,
    )  # fmt: skip


def test_every_act_has_words_for_the_auditor() -> None:
    """S17.2: what actions record under a name written out is called something."""
    named = set()
    for path in (ROOT / "actions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "record"
                and len(node.args) > 2
                and isinstance(node.args[2], ast.Constant)
                and isinstance(node.args[2].value, str)
            ):
                named.add(node.args[2].value)
    assert named - set(audit_trail.ACTION_WORDS) == set()
