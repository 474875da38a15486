"""Where nobody is there: the centre hears of it at once, and `tianxin doctor` names it (S1.2, S17.1)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from actions import delegations, escalation, staffing, tasks
from actions.access import Actor
from bot.errors import NotFound, RuleRefused
from models.application import Task
from models.notice import Notice
from models.people import Organisation, Person, Post, Region
from models.work import AuditEntry
from tests.actions.conftest import NOW, County, Submit

TODAY = date(2026, 11, 28)


async def test_a_stage_without_anybody_alerts_the_county_clerk_at_once(county: County, apply: Submit) -> None:
    """S1.2: one task in plain words, told once; the application's own task waits for whoever comes."""
    chen = await county.actor("chen")
    await Post.filter(person_id=chen.person_id).update(to_on=TODAY - timedelta(days=1))
    await apply()
    liu = await county.actor("liu")
    (vacancy,) = [task for task in await tasks.inbox(liu, NOW) if task.kind == "vacancy"]
    assert "收单金融机构审核" in vacancy.note
    assert "没有人在岗" in vacancy.note
    told = await Notice.filter(kind="vacancy_task")
    assert [notice.person_id for notice in told] == [liu.person_id]
    assert any("loan_officer" in line and "nobody may do" in line for line in await staffing.gaps(TODAY))
    await tasks.close(liu, vacancy.key, "filled", county.pack, NOW)
    assert not await Task.filter(kind="vacancy", state="open").exists()


async def test_a_region_without_a_bank_of_its_own_is_told(county: County, apply: Submit) -> None:
    """S1.2"""
    bank = await Organisation.get(kind="acquiring_bank", county="411082")
    await Organisation.filter(id=bank.id).update(region="411082102000")
    await apply()
    (vacancy,) = await Task.filter(kind="vacancy")
    assert "还没有登记管这个地方的机构" in vacancy.note
    assert any("acquiring_bank" in line and "柳庄村" in line for line in await staffing.gaps(TODAY))


async def test_a_county_with_everybody_in_it_has_no_gap_and_a_new_village_has_one(county: County) -> None:
    """S17.1"""
    assert await staffing.gaps(TODAY) == []
    await Region.create(code="411082103000", county="411082", name="古桥镇")
    await Region.create(code="411082103201", county="411082", name="古桥镇陈村")
    assert await staffing.gaps(TODAY) == [
        "古桥镇 (411082103000) has no town_clerk",
        "古桥镇陈村 (411082103201) has no cadre",
    ]


async def test_who_had_an_escalated_task_keeps_sight_of_it(county: County, apply: Submit) -> None:
    """S9.1: village, town and county see it after the second escalation, and each may do it."""
    await apply()
    visit = await Task.get(kind="visit")
    for days in (5, 12):
        assert await escalation.escalate_due("411082", county.pack, NOW + timedelta(days=days)) >= 1
    visit = await Task.get(id=visit.id)
    assert visit.escalated_roles == ["town_clerk", "county_clerk"]
    for who in ("wang", "zhou", "liu"):
        actor = await county.actor(who, NOW + timedelta(days=12))
        assert (await tasks.view_task(actor, visit.key, NOW)).kind == "visit"
        assert visit.key in [task.key for task in await tasks.inbox(actor, NOW)]


async def with_two_posts(county: County) -> tuple[Actor, Post, Person]:
    """陈明 reviews for the bank and sits in the centre, too; a colleague of the centre stands by."""
    chen = await Person.get(id=(await county.actor("chen")).person_id)
    centre = await Organisation.get(kind="county_centre", county="411082")
    common = {"county": "411082", "organisation": centre, "role": "county_clerk", "from_on": date(2026, 1, 1)}
    second = await Post.create(**common, person=chen, region="411082000000")
    colleague = await Person.get(id=(await county.actor("ma")).person_id)
    await Post.create(**common, person=colleague, region="411082103000")
    return await county.actor("chen"), second, colleague


async def test_any_of_several_posts_is_delegated_for_a_part_and_taken_back(county: County) -> None:
    """S1.2: which post, for which town, until when; revoked, it ends at that moment; all of it is logged."""
    chen, second, colleague = await with_two_posts(county)
    days = (TODAY, TODAY + timedelta(days=2), "去县里开会", county.pack, NOW)
    with pytest.raises(RuleRefused) as refused:
        await delegations.delegate(chen, colleague.key, *days)
    assert refused.value.code == "post_missing"
    with pytest.raises(RuleRefused) as refused:
        await delegations.delegate(chen, colleague.key, *days, post_id=second.id, region="522301000000")
    assert refused.value.code == "other_region"
    made = await delegations.delegate(chen, colleague.key, *days, post_id=second.id, region="411082101000")
    held = [post for post in (await county.actor("ma")).posts if post.for_person_id is not None]
    assert [(post.post_id, post.region) for post in held] == [(second.id, "411082101000")]
    with pytest.raises(NotFound):
        await delegations.revoke(await county.actor("liu"), made.id, NOW)
    for _ in range(2):
        seen = await delegations.revoke(chen, made.id, NOW)
        assert (seen.revoked, seen.active) == (True, False)
    assert all(post.for_person_id is None for post in (await county.actor("ma")).posts)
    actions = [row.action for row in await AuditEntry.filter(subject_kind="delegation").order_by("id")]
    assert actions == ["delegate", "revoke_delegation"]
