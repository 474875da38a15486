"""Groups with members, and what their votes decide. S4.3, S17.1"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from actions import escalation, panels, tasks, votes
from actions.access import Actor, actor_for
from actions.applications import submit
from actions.shown import shown_application
from actions.votes import VoteResult
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Decision as DecisionRow
from models.application import LoanApplication, Task
from models.notice import Notice
from models.panel import Panel, Vote
from models.people import Organisation, Person, Post, WechatUser
from models.work import AuditEntry
from policies import Pack
from rules.routes import Decision
from tests.actions.conftest import ACCOUNT, NOW, County, submission

ON = date(2026, 11, 28)
YES, BACK, NO = Decision.APPROVE, Decision.RETURN, Decision.REJECT
NAMES = ("甲一", "乙二", "丙三", "丁四", "戊五")


def five_posts(pack: Pack) -> Pack:
    """A pack of which the online route has the 审议 of 001 in it."""
    route = pack.contents.routes["online"]
    steps = (("acquiring_bank_review",), ("deliberation",), ("disbursement",))
    routes = {**pack.contents.routes, "online": route.model_copy(update={"steps": steps})}
    return replace(pack, contents=pack.contents.model_copy(update={"routes": routes}))


async def officer(number: int, body: Organisation, role: str = "bank_officer") -> Person:
    """Somebody at work in a body, with a WeChat of his own."""
    person = Person(county="411082", created_at=NOW)
    person.name, person.phone = NAMES[number], f"1390000000{number}"
    await person.save()
    await Post.create(
        county="411082", person=person, organisation=body, role=role, region=body.region, from_on=ON
    )
    await WechatUser.create(county="411082", account=ACCOUNT, openid=f"openid-m{number}", person=person)
    return person


async def the_bank() -> Organisation:
    return await Organisation.get(county="411082", kind="partner_bank")


async def panel_of(county: County, members: int) -> tuple[str, list[Person]]:
    """The bank's 审议小组 with so many members."""
    jin, body = await county.actor("jin"), await the_bank()
    made = await panels.make(jin, "deliberation", body.key, "", NOW)
    people = [await officer(number, body) for number in range(members)]
    for person in people:
        await panels.seat(jin, made.key, person.key, ON, county.pack, NOW)
    return made.key, people


async def to_the_vote(county: County, **changes: Any) -> LoanApplication:
    """An application at the stage where the group votes."""
    made = await submit(await county.actor("zhang"), submission(**changes), five_posts(county.pack), NOW)
    review = await county.task(made, "acquiring_bank_review")
    shown = (await shown_application(made)).hash
    await tasks.decide(await county.actor("chen"), review.key, YES, county.pack, NOW, shown_hash=shown)
    return await LoanApplication.get(id=made.id)


async def member(number: int) -> Actor:
    return await actor_for(ACCOUNT, "411082", f"openid-m{number}", on=ON, now=NOW, channel="chat")


async def say(
    county: County, application: LoanApplication, number: int, choice: Decision, reason: str = "", **more: Any
) -> VoteResult:
    actor = await member(number)
    task = await Task.get(application_id=application.id, kind="vote", assignee_id=actor.person_id)
    shown = (await shown_application(application)).hash
    reason = reason or f"{NAMES[number]}的理由"
    return await votes.vote(
        actor, task.key, choice, county.pack, NOW, reason=reason, **{"shown_hash": shown, **more}
    )


async def refusal(work: Awaitable[Any], error: type[Exception] = RuleRefused) -> str:
    with pytest.raises(error) as refused:
        await work
    return str(getattr(refused.value, "code", ""))


async def test_the_systems_administrator_makes_groups_and_seats_people(county: County) -> None:
    """S17.1"""
    jin, liu, body = await county.actor("jin"), await county.actor("liu"), await the_bank()
    centre = await Organisation.get(county="411082", kind="county_centre")
    village = "411082101201"
    assert await refusal(panels.make(liu, "risk_panel", centre.key, "", NOW)) == "not_allowed"
    assert await refusal(panels.make(jin, "club", centre.key, "", NOW)) == "kind"
    assert await refusal(panels.make(jin, "risk_panel", centre.key, "522301101201", NOW)) == "region"
    assert await refusal(panels.make(jin, "risk_panel", "nobody", "", NOW), NotFound) == "not_found"
    five = await panels.make(jin, "village_panel", centre.key, village, NOW)
    assert (five.title, five.region, five.members) == ("村五人小组", village, ())
    code = await refusal(panels.make(jin, "village_panel", centre.key, village, NOW), Conflict)
    assert code == "there_already"
    key, people = await panel_of(county, 1)
    wang = await Person.get(id=(await county.actor("wang")).person_id)
    farmer = await Person.get(id=(await county.actor("zhang")).person_id)
    shen = await Person.get(id=(await county.actor("shen")).person_id)
    for panel, person, on, code in (
        (key, wang, ON, "other_body"),
        (five.key, farmer, ON, "no_post"),
        (five.key, shen, ON, "two_duties"),
        (five.key, wang, ON - timedelta(days=1), "past"),
    ):
        assert await refusal(panels.seat(jin, panel, person.key, on, county.pack, NOW)) == code
    assert await refusal(panels.seat(liu, key, wang.key, ON, county.pack, NOW)) == "not_allowed"
    again = panels.seat(jin, key, people[0].key, ON, county.pack, NOW)
    assert await refusal(again, Conflict) == "there_already"
    gone = panels.seat(jin, key, "nobody", ON, county.pack, NOW)
    assert await refusal(gone, NotFound) == "not_found"
    seated = await panels.seat(jin, five.key, wang.key, ON, county.pack, NOW)
    assert [each.name for each in seated.members] == ["王*"]
    ended = await panels.unseat(jin, five.key, wang.key, ON - timedelta(days=1), county.pack, NOW)
    assert ended.members == ()
    twice = panels.unseat(jin, five.key, wang.key, ON, county.pack, NOW)
    assert await refusal(twice, NotFound) == "not_found"
    assert {each.key for each in await panels.listed(liu, ON)} == {five.key, key}
    assert await AuditEntry.filter(action="seat_member").count() == 2
    assert await AuditEntry.filter(action="unseat_member").count() == 1
    assert body.id == (await Panel.get(key=key)).organisation_id


async def test_every_member_gets_a_task_and_the_last_vote_that_is_needed_decides(county: County) -> None:
    """S4.3: how somebody voted is seen once it is decided, and by staff alone."""
    await panel_of(county, 5)
    application = await to_the_vote(county)
    inbox = [await tasks.inbox(await member(number), NOW) for number in range(5)]
    assert [[task.title for task in each] for each in inbox] == [["贷款审议小组审议"]] * 5
    assert await Notice.filter(kind="task_assigned", subject_id__in=[
        task.id for task in await Task.filter(kind="vote")
    ]).count() == 5  # fmt: skip
    assert await tasks.inbox(await county.actor("zhao"), NOW) == []
    zhao = await county.actor("zhao")
    assert await refusal(tasks.view_task(zhao, inbox[0][0].key, NOW), NotFound) == "not_found"
    for number in range(3):
        result = await say(county, application, number, YES)
        assert (result.state, result.ballot.decision) == ("in_review", "")
    seen = (await tasks.view_task(await member(4), inbox[4][0].key, NOW)).ballot
    assert seen is not None
    assert [(seat.voted, seat.choice, seat.reason) for seat in seen.seats] == [
        *[(True, "", "")] * 3, *[(False, "", "")] * 2
    ]  # fmt: skip
    liu = await county.actor("liu")
    assert await votes.of_application(liu, application.key) == []
    result = await say(county, application, 3, NO)
    assert (result.state, result.ballot.decision) == ("approved", "approve")
    (ballot,) = await votes.of_application(liu, application.key)
    assert [seat.choice for seat in ballot.seats] == ["approve", "approve", "approve", "reject", ""]
    zhang = await county.actor("zhang")
    assert await refusal(votes.of_application(zhang, application.key), NotFound) == "not_found"
    assert (await Task.get(kind="vote", assignee_id=(await member(4)).person_id)).outcome == "decided"
    row = await DecisionRow.get(application_id=application.id, stage="deliberation")
    assert (row.reviewer_id, row.decision, row.reason) == (None, "approve", "")
    entry = await AuditEntry.get(action="ballot")
    assert entry.details["votes"] == {"approve": 3, "return": 0, "reject": 1}
    assert await AuditEntry.filter(action="vote").count() == 4
    late = say(county, application, 4, NO)
    assert await refusal(late, Conflict) == "already_decided"


async def test_a_second_vote_changes_nothing_and_a_vote_says_why(county: County) -> None:
    """S4.3"""
    await panel_of(county, 3)
    application = await to_the_vote(county)
    assert await refusal(say(county, application, 0, YES, " ")) == "reason_missing"
    assert await refusal(say(county, application, 0, YES, shown_hash="b" * 64), Conflict) == "stale"
    await say(county, application, 0, YES)
    again = await say(county, application, 0, NO, "改主意了")
    assert again.repeated
    assert [vote.choice for vote in await Vote.all()] == ["approve"]
    other = await Task.get(application_id=application.id, kind="visit")
    wang = await county.actor("wang")
    wrong = votes.vote(wang, other.key, YES, county.pack, NOW, reason="可以", shown_hash="a" * 64)
    assert await refusal(wrong) == "not_a_vote"


async def test_two_last_votes_at_once_decide_once(county: County) -> None:
    """S4.3"""
    await panel_of(county, 4)
    application = await to_the_vote(county)
    await say(county, application, 0, YES)
    await say(county, application, 1, YES)
    both = await asyncio.gather(
        say(county, application, 2, YES), say(county, application, 3, YES), return_exceptions=True
    )
    assert sum(isinstance(each, VoteResult) for each in both) >= 1
    assert all(isinstance(each, VoteResult | Conflict) for each in both)
    assert await DecisionRow.filter(application_id=application.id, stage="deliberation").count() == 1
    assert await Task.filter(application_id=application.id, kind="disburse").count() == 1


async def test_who_is_involved_abstains_and_the_rest_decides(county: County) -> None:
    """S4.3: the applicant's family, and who holds another of the five posts."""
    _, people = await panel_of(county, 5)
    zhang = await Person.get(id=(await county.actor("zhang")).person_id)
    first = await to_the_vote(county)
    assert await Task.filter(application_id=first.id, kind="vote").count() == 5
    await LoanApplication.filter(id=first.id).update(state="rejected")
    await Person.filter(id=people[0].id).update(household_id=first.household_id)
    await Post.create(
        county="411082", person_id=people[1].id, region="411082000000", from_on=ON, role="loan_officer",
        organisation=await Organisation.get(county="411082", kind="acquiring_bank"),
    )  # fmt: skip
    made = await votes_after_review_by(county, 1)
    seats = await Task.filter(application_id=made.id, kind="vote").values_list("assignee_id", flat=True)
    assert set(seats) == {person.id for person in people[2:]}
    assert zhang.id not in seats


async def votes_after_review_by(county: County, number: int) -> LoanApplication:
    made = await submit(await county.actor("zhang"), submission(), five_posts(county.pack), NOW)
    review = await county.task(made, "acquiring_bank_review")
    shown = (await shown_application(made)).hash
    await tasks.decide(await member(number), review.key, YES, county.pack, NOW, shown_hash=shown)
    return made


@pytest.mark.parametrize(
    ("said", "state", "reason"),
    [
        ((BACK, BACK, BACK), "returned", "甲一的理由；乙二的理由；丙三的理由"),
        ((NO, NO, YES), "rejected", "甲一的理由；乙二的理由"),
        ((NO, BACK, YES), "rejected", votes.TIE_WORDS),
    ],
)
async def test_the_farmer_reads_why_and_never_who(
    said: tuple[Decision, ...], state: str, reason: str, county: County
) -> None:
    """S4.3, S1.8: a tie is no approval, and says so."""
    await panel_of(county, 3)
    application = await to_the_vote(county)
    for number, choice in enumerate(said):
        await say(county, application, number, choice, return_fields=["purpose"])
    after = await LoanApplication.get(id=application.id)
    assert (after.state, after.closed_reason) == (state, reason)
    assert after.return_fields == (["purpose"] if state == "returned" else [])
    assert (await AuditEntry.get(action="ballot")).details["outcome"] == (
        "tie" if reason == votes.TIE_WORDS else state
    )


async def test_the_deadline_decides_by_those_who_voted(county: County) -> None:
    """S4.3"""
    await panel_of(county, 4)
    application = await to_the_vote(county)
    for number, choice in enumerate((YES, YES, NO)):
        await say(county, application, number, choice)
    task = await Task.filter(application_id=application.id, kind="vote", state="open").get()
    assert await votes.close_due("411082", county.pack, NOW) == 0
    assert await votes.close_due("411082", county.pack, task.due_at) == 1
    assert (await LoanApplication.get(id=application.id)).state == "approved"
    assert await votes.close_due("411082", county.pack, task.due_at) == 0


async def test_without_a_quorum_nothing_is_decided_and_the_centre_hears_of_it(county: County) -> None:
    """S4.3"""
    await panel_of(county, 4)
    application = await to_the_vote(county)
    await say(county, application, 0, YES)
    due = (await Task.filter(application_id=application.id, kind="vote", state="open").first()).due_at
    await escalation.remind_tasks("411082", county.pack, due - timedelta(hours=2))
    assert await Notice.filter(kind="task_due_soon", person_id=(await member(1)).person_id).exists()
    assert await escalation.escalate_due("411082", county.pack, due + timedelta(days=1)) >= 0
    await votes.close_due("411082", county.pack, due)
    vacancy = await Task.get(kind="vacancy")
    assert "要3人表决，现在只有1人表决" in vacancy.note
    later = await Task.filter(application_id=application.id, kind="vote", state="open").order_by("id")
    assert [task.due_at > due for task in later] == [True] * 3
    assert [task.escalation for task in later] == [0] * 3
    assert (await LoanApplication.get(id=application.id)).state == "in_review"
    await say(county, application, 1, YES)
    await say(county, application, 2, YES)
    assert (await LoanApplication.get(id=application.id)).state == "approved"


async def test_a_vote_waits_for_a_group_and_begins_with_its_third_member(county: County) -> None:
    """S4.3, S17.1"""
    application = await to_the_vote(county)
    assert "还没有登记审议的小组" in (await Task.get(kind="vacancy")).note
    jin = await county.actor("jin")
    key, people = await panel_of(county, 2)
    assert await Task.filter(application_id=application.id, kind="vote").count() == 0
    assert "能表决的只有2人，至少要3人" in (await Task.filter(kind="vacancy").order_by("-id").first()).note
    third = await officer(2, await the_bank())
    await panels.seat(jin, key, third.key, ON, county.pack, NOW)
    assert await Task.filter(application_id=application.id, kind="vote").count() == 3
    fourth = await officer(3, await the_bank())
    await panels.seat(jin, key, fourth.key, ON, county.pack, NOW)
    assert await Task.filter(application_id=application.id, kind="vote").count() == 3
    yesterday = ON - timedelta(days=1)
    await panels.unseat(jin, key, people[0].key, yesterday, county.pack, NOW)
    left = await Task.get(application_id=application.id, assignee_id=people[0].id)
    assert (left.state, left.outcome) == ("cancelled", "left")
    fifth = await officer(4, await the_bank())
    await panels.seat(jin, key, fifth.key, ON, county.pack, NOW)  # who is left is too few: newcomers sit in
    waiting = await Task.filter(application_id=application.id, kind="vote", state="open")
    assert {task.assignee_id for task in waiting} == {people[1].id, third.id, fourth.id, fifth.id}
    for number in (1, 2, 3):
        await say(county, application, number, YES)
    assert (await LoanApplication.get(id=application.id)).state == "approved"
