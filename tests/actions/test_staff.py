"""Who begins, moves and leaves, by whose hand, in what time; what administrators do about logins. S17.1"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyotp
import pytest

from actions import console_sessions, escalation, passwords, sessions, staff_changes, staff_logins, tasks
from actions.access import Actor, posts_held
from actions.staff_changes import Asked
from bot.errors import RuleRefused
from models.application import Task
from models.credential import Credential, StaffChange
from models.notice import Notice
from models.people import Delegation, Organisation, Person, Post
from models.work import AuditEntry
from tests.actions.conftest import NOW, County, Submit

ON = date(2026, 11, 28)
MONDAY = date(2026, 11, 30)
CLERK = {"kind": "start", "effective_on": MONDAY, "reason": "新招录", "role": "county_clerk"}
PASSWORD = "Maizi-2026-huang"


async def refusal(work: Awaitable[Any]) -> str:
    with pytest.raises(RuleRefused) as refused:
        await work
    return refused.value.code


async def body(kind: str = "county_centre", region: str = "411082000000") -> Organisation:
    return await Organisation.get(county="411082", kind=kind, region=region)


async def asked(county: County, who: str = "liu", **changes: Any) -> Task:
    """A change that somebody asks for, as the task of who carries it out."""
    wanted = {
        **CLERK,
        "organisation": (await body()).key,
        "name": "马晓燕",
        "phone": "13811112222",
        **changes,
    }
    await staff_changes.ask(await county.actor(who), Asked(**wanted), county.pack, NOW)
    return await Task.filter(kind="staff_change").order_by("-id").first()


async def done(county: County, task: Task, who: str = "jin", outcome: str = "done") -> None:
    await tasks.close(await county.actor(who), task.key, outcome, county.pack, NOW)


async def test_of_two_changes_of_a_post_at_once_one_counts(county: County) -> None:
    """S17.1: asked at once and done at once."""
    jin = await county.actor("jin")
    post = await Post.get(role="loan_officer", county="411082")
    wanted = Asked(kind="end", effective_on=ON, reason="调走了", post=post.id)
    asks = [staff_changes.ask(jin, wanted, county.pack, NOW) for _ in range(3)]
    found = await asyncio.gather(*asks, return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Conflict", "Conflict", "StaffChangeView"]
    task = await Task.get(kind="staff_change")
    await StaffChange.all().update(asked_by_id=0)  # else it is not his to do
    done_by = [done(county, task), done(county, task, outcome="refused")]
    ended = await asyncio.gather(*done_by, return_exceptions=True)
    assert ended.count(None) == 1


async def test_a_phone_number_is_written_in_our_digits(county: County) -> None:
    """S17.1: else it is found by nobody."""
    assert await refusal(asked(county, phone="１３８１１１１２２２２")) == "newcomer"


async def test_a_newcomer_begins_when_the_systems_administrator_has_done_it(county: County) -> None:
    """S17.1"""
    task = await asked(county)
    assert (task.role, task.due_at) == ("system_administrator", datetime(2026, 12, 1, 16, tzinfo=UTC))
    assert "马晓燕" not in task.note
    assert "13811112222" not in task.note
    jin = await Person.get(posts__role="system_administrator", county="411082")
    assert await Notice.filter(kind="office_task", person_id=jin.id).exists()
    for who in ("liu", "shen"):
        assert await refusal(done(county, task, who)) == "not_found"
    assert await refusal(done(county, task, outcome="perhaps")) == "outcome"
    await done(county, task)
    ma = await Person.get(posts__role="county_clerk", posts__from_on=MONDAY)
    assert (ma.name, ma.phone) == ("马晓燕", "13811112222")
    assert await posts_held(ma.id, ON) == ()
    assert [post.role for post in await posts_held(ma.id, MONDAY)] == ["county_clerk"]
    (view,) = await staff_changes.listed(await county.actor("liu"), NOW)
    assert (view.state, view.person, view.late, view.title) == ("done", "马*", False, "到岗")
    entry = await AuditEntry.get(action="staff_change_done")
    assert entry.actor_id == jin.id


async def test_what_nobody_does_in_two_working_days_goes_up(county: County) -> None:
    """S17.1, S9.1"""
    task = await asked(county)
    late = NOW + timedelta(days=5)
    assert await escalation.escalate_due("411082", county.pack, late) == 1
    assert (await Task.get(id=task.id)).escalated_role == "safety_administrator"
    (view,) = await staff_changes.listed(await county.actor("jin"), late)
    assert view.late
    assert await staff_changes.listed(await county.actor("zhao"), late) == []


async def test_a_refused_change_changes_nothing(county: County) -> None:
    """S17.1"""
    before = await Post.all().count()
    await done(county, await asked(county), outcome="refused")
    assert await Post.all().count() == before


async def test_what_cannot_be_asked_for(county: County) -> None:
    """S17.1"""
    cases: list[tuple[dict[str, Any], str]] = [
        ({"kind": "holiday"}, "kind"),
        ({"reason": " "}, "reason_missing"),
        ({"reason": "电话13811112222"}, "personal_data"),
        ({"organisation": "made-up"}, "not_found"),
        ({"role": "cadre"}, "role_not_here"),
        ({"region": "522301000000"}, "other_region"),
        ({"phone": "1"}, "newcomer"),
        ({"person": "made-up"}, "not_found"),
        ({"kind": "end", "post": 987654}, "not_found"),
        ({"kind": "end"}, "not_found"),
    ]
    for changes, code in cases:
        assert await refusal(asked(county, **changes)) == code


async def test_a_body_speaks_for_itself_and_the_centre_for_its_stations(county: County) -> None:
    """S17.1"""
    station = await body("village_station", "411082101201")
    bank = await body("partner_bank")
    cadre = {"organisation": station.key, "role": "cadre"}
    assert await refusal(asked(county, "zhao", **cadre)) == "not_found"
    assert await refusal(asked(county, organisation=bank.key, role="bank_officer")) == "not_found"
    assert await refusal(asked(county, "zhang")) == "not_allowed"
    for who, wanted in (
        ("liu", cadre),
        ("wang", cadre),
        ("zhao", {"organisation": bank.key, "role": "bank_officer"}),
        ("jin", {"organisation": bank.key, "role": "bank_officer"}),
    ):
        assert (await asked(county, who, **wanted)).role == "system_administrator"


async def test_who_leaves_is_out_at_once_and_his_tasks_go_on(county: County, apply: Submit) -> None:
    """S17.1"""
    application = await apply()
    chen = await county.actor("chen")
    post = await Post.get(person_id=chen.person_id)
    colleague = await Person.create(county="411082", created_at=NOW)
    await Post.create(
        county="411082", person=colleague, organisation_id=post.organisation_id, role="loan_officer",
        region=post.region, from_on=ON,
    )  # fmt: skip
    lent = await Delegation.create(
        county="411082",
        post=post,
        delegate=colleague,
        from_on=ON,
        to_on=MONDAY,
        reason="出差",
        created_at=NOW,
    )
    token = await console_sessions.open_session(await Person.get(id=chen.person_id), "scan", NOW)
    phone, _ = await sessions.create(chen, NOW)
    change = {"kind": "end", "post": post.id, "organisation": "", "effective_on": ON - timedelta(days=1)}
    task = await asked(county, "chen", **change)
    assert await refusal(asked(county, "chen", **change)) == "change_waiting"
    await done(county, task)
    assert await posts_held(chen.person_id, ON) == ()
    for work in (
        console_sessions.actor_for_token(token, NOW, ON),
        sessions.actor_for_token(phone, NOW, ON, "page"),
    ):
        with pytest.raises(sessions.NotLoggedIn):
            await work
    assert (await Delegation.get(id=lent.id)).revoked_at == NOW
    review = await county.task(application, "acquiring_bank_review")
    told = await Notice.filter(kind="task_assigned", subject_id=review.id, step=f"post{post.id}")
    assert [notice.person_id for notice in told] == [colleague.id]


async def test_a_post_that_ends_later_ends_with_its_last_day(county: County, apply: Submit) -> None:
    """S17.1: where nobody is left, the county centre hears of it."""
    await apply()
    chen = await county.actor("chen")
    post = await Post.get(person_id=chen.person_id)
    task = await asked(county, "chen", kind="end", post=post.id, organisation="", effective_on=ON)
    phone, _ = await sessions.create(chen, NOW)
    await done(county, task)
    assert await sessions.actor_for_token(phone, NOW, ON, "page")
    tomorrow, next_day = NOW + timedelta(days=1), ON + timedelta(days=1)
    assert await staff_changes.end_of_posts("411082", ON, county.pack, NOW) == 0
    for _ in range(2):
        assert await staff_changes.end_of_posts("411082", next_day, county.pack, tomorrow) == 1
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(phone, tomorrow, next_day, "page")
    assert await Task.filter(kind="vacancy", role="county_clerk").count() == 1


async def test_a_post_moves_with_its_person(county: County) -> None:
    """S17.1"""
    wang = await county.actor("wang")
    post = await Post.get(person_id=wang.person_id)
    stone = await body("village_station", "411082101202")
    task = await asked(
        county, kind="move", post=post.id, organisation=stone.key, role="cadre", effective_on=MONDAY
    )
    await done(county, task)
    (old,) = await posts_held(wang.person_id, MONDAY - timedelta(days=1))
    (new,) = await posts_held(wang.person_id, MONDAY)
    assert (old.region, new.region, new.organisation_id) == ("411082101201", "411082101202", stone.id)


async def test_nobody_holds_two_of_the_three_and_none_makes_his_like(county: County) -> None:
    """S17.1, S4.3"""
    shen = await Person.get(posts__role="audit_administrator", county="411082")
    assert await refusal(asked(county, role="county_clerk", person=shen.key)) == "two_duties"
    liu = await Person.get(posts__role="county_clerk", county="411082")
    assert await refusal(asked(county, role="system_administrator", person=liu.key)) == "two_duties"
    assert await refusal(asked(county, role="county_clerk", person=liu.key)) == "held_already"
    second = await asked(county, "jin", role="system_administrator")
    assert second.role == "safety_administrator"
    assert await refusal(done(county, second, "jin")) == "not_found"
    await done(county, second, "an")
    own = await asked(county, "jin", kind="end", post=(await posts_of("jin", county)).id, organisation="")
    assert own.role == "safety_administrator"
    clerk = await asked(county, "jin")
    assert await refusal(done(county, clerk, "jin")) == "own_case"


async def posts_of(person: str, county: County) -> Post:
    return await Post.get(person_id=(await county.actor(person)).person_id)


async def test_a_county_without_the_three_leaves_it_to_its_centre(county: County) -> None:
    """S17.1"""
    await Post.filter(county="411082", role__endswith="_administrator").delete()
    task = await asked(county, "zhao", organisation=(await body("partner_bank")).key, role="bank_officer")
    assert task.role == "county_clerk"
    await done(county, task, "liu")


async def test_known_people_are_found_again_by_name_and_phone(county: County) -> None:
    """S17.1"""
    sun = await Person.get(posts__role="guarantor_officer", county="411082")
    guarantor = await body("guarantor")
    await done(county, await asked(
        county, "sun", organisation=guarantor.key, role="case_officer", name=sun.name, phone=sun.phone
    ), "jin")  # fmt: skip
    assert {post.role for post in await posts_held(sun.id, MONDAY)} == {"guarantor_officer", "case_officer"}


async def logged_in(actor: Actor) -> tuple[str, pyotp.TOTP]:
    token = await passwords.invite(actor.person_id, "411082", NOW, by=None)
    view = await passwords.invitation(token, NOW)
    totp = pyotp.TOTP(view.totp_secret)
    at = datetime.now(UTC) - timedelta(seconds=30)
    await passwords.set_up(token, PASSWORD, totp.at(at), NOW, at)
    return view.staff_number, totp


async def test_the_system_invites_whom_safety_resets_and_unlocks(county: County) -> None:
    """S17.1: nobody takes over a login alone with his own duty."""
    jin, an = await county.actor("jin"), await county.actor("an")
    liu = await Person.get(posts__role="county_clerk", county="411082")
    assert await refusal(staff_logins.invite(an, liu.key, NOW)) == "not_allowed"
    assert (await staff_logins.invite(jin, liu.key, NOW)).staff_number == "4110820001"
    number, totp = await logged_in(await county.actor("liu"))
    assert await refusal(staff_logins.invite(jin, liu.key, NOW)) == "set_up_already"
    assert await refusal(staff_logins.reset(jin, liu.key, NOW)) == "not_allowed"
    assert await refusal(staff_logins.reset(an, "made-up", NOW)) == "not_found"
    safety = await Person.get(id=an.person_id)
    assert await refusal(staff_logins.reset(an, safety.key, NOW)) == "own_case"
    for _ in range(5):
        assert (
            await refusal(passwords.log_in(number, "x", "1", "10.0.0.1", NOW, datetime.now(UTC)))
            == "login_refused"
        )
    assert (
        await refusal(passwords.log_in(number, PASSWORD, totp.now(), "10.0.0.1", NOW, NOW))
        == "too_many_tries"
    )
    assert await staff_logins.unlock(an, liu.key, NOW)
    assert not await staff_logins.unlock(an, liu.key, NOW)
    desk, _ = await passwords.log_in(number, PASSWORD, totp.now(), "10.0.0.1", NOW, datetime.now(UTC))
    await staff_logins.reset(an, liu.key, NOW)
    with pytest.raises(sessions.NotLoggedIn):
        await console_sessions.actor_for_token(desk, NOW, ON)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert (
        await refusal(passwords.log_in(number, PASSWORD, totp.at(later), "10.0.0.1", NOW, later))
        == "login_refused"
    )
    credential = await Credential.get(person_id=liu.id)
    assert (credential.password_hash, credential.totp_secret, credential.set_up_at) == ("", "", None)


async def test_the_first_administrators_come_from_the_command_line(db: str) -> None:
    """S17.1"""
    first = staff_logins.first_administrator
    place = ("长葛市金融扶贫服务中心", NOW)
    made = await first("411082", "system_administrator", "金磊", "13855550001", *place)
    assert (await passwords.invitation(made.token, NOW)).name == "金磊"
    for role, phone, code in (
        ("system_administrator", "13855550009", "there_already"),
        ("county_clerk", "13855550009", "role"),
        ("audit_administrator", "13855550001", "two_duties"),
    ):
        assert await refusal(first("411082", role, "金磊", phone, *place)) == code
    again = await staff_logins.invite_named("411082", "13855550001", NOW)
    assert again.staff_number == made.staff_number
    assert (await staff_logins.invite_named("411082", made.staff_number, NOW)).token != again.token
    assert await refusal(staff_logins.invite_named("411082", "13800000000", NOW)) == "not_found"
