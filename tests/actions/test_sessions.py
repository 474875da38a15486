"""A login lasts as long as it should, belongs to one person, and nothing that is stored opens it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from actions import sessions
from actions.access import Actor, actor_for
from bot.database import fetch
from models.people import Organisation, Post, WechatUser
from models.work import AuditEntry

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
ON = date(2026, 11, 28)
HOUR = timedelta(hours=1)


async def somebody(openid: str = "farmer", on: date = ON) -> Actor:
    return await actor_for("gzh", "411082", openid, on=on, now=NOW, channel="chat")


async def appoint(actor: Actor, role: str = "cadre") -> None:
    body = await Organisation.create(
        county="411082", kind="village_station", name=f"{role}{actor.person_id}", region="411082101201"
    )
    await Post(
        county="411082", person_id=actor.person_id, organisation_id=body.id, role=role,
        region="411082101201", from_on=ON, to_on=ON + timedelta(days=3),
    ).save()  # fmt: skip


async def test_a_token_leads_back_to_its_person_and_only_its_hash_is_kept(db: str) -> None:
    """S17.2"""
    farmer, other = await somebody(), await somebody("other")
    token, session = await sessions.create(farmer, NOW)
    await sessions.create(other, NOW)
    found = await sessions.actor_for_token(token, NOW + HOUR, ON, "mini_program")
    assert (found.person_id, found.openid, found.channel) == (farmer.person_id, "farmer", "mini_program")
    assert len(token) == 43
    assert not session.staff
    rows = await fetch("SELECT * FROM api_session")
    assert token not in str([dict(row) for row in rows])


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "\x00", "田信"])
async def test_a_made_up_token_leads_nowhere(token: str, db: str) -> None:
    await sessions.create(await somebody(), NOW)
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(token, NOW, ON, "mini_program")


async def test_a_borrower_stays_logged_in_for_seven_days_and_not_a_second_more(db: str) -> None:
    token, _ = await sessions.create(await somebody(), NOW)
    last = NOW + timedelta(days=7) - timedelta(seconds=1)
    assert await sessions.actor_for_token(token, last, ON, "page")
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(token, last + timedelta(seconds=1), ON, "page")


async def test_staff_stay_logged_in_for_twelve_hours(db: str) -> None:
    cadre = await somebody()
    await appoint(cadre)
    token, session = await sessions.create(await somebody(), NOW)
    assert session.staff
    assert (await sessions.actor_for_token(token, NOW + 11 * HOUR, ON, "page")).roles == {"cadre"}
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(token, NOW + 12 * HOUR, ON, "page")


async def test_a_farmer_who_becomes_cadre_must_log_in_again_after_the_shorter_time(db: str) -> None:
    farmer = await somebody()
    token, _ = await sessions.create(farmer, NOW)
    await appoint(farmer)
    assert (await sessions.actor_for_token(token, NOW + HOUR, ON, "page")).roles == {"cadre"}
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(token, NOW + 13 * HOUR, ON, "page")


async def test_a_post_that_ended_is_gone_with_the_next_request(db: str) -> None:
    """S17.1"""
    cadre = await somebody()
    await appoint(cadre)
    token, _ = await sessions.create(await somebody(), NOW)
    await Post.all().update(to_on=ON - timedelta(days=1))
    assert (await sessions.actor_for_token(token, NOW + HOUR, ON, "page")).roles == frozenset()


async def test_logging_out_ends_one_session_and_ending_all_ends_every_one(db: str) -> None:
    farmer = await somebody()
    first, second, third = [(await sessions.create(farmer, NOW))[0] for _ in range(3)]
    await sessions.end(first, NOW)
    await sessions.end(first, NOW)
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(first, NOW, ON, "page")
    assert await sessions.actor_for_token(second, NOW, ON, "page")
    assert await sessions.end_all(farmer.person_id, "411082", NOW) == 2
    for token in (second, third):
        with pytest.raises(sessions.NotLoggedIn):
            await sessions.actor_for_token(token, NOW, ON, "page")
    assert await AuditEntry.filter(action="end_sessions", subject_id=farmer.person_id).count() == 1


async def test_old_sessions_are_forgotten(db: str) -> None:
    await sessions.create(await somebody(), NOW)
    assert await sessions.forget_before(NOW + timedelta(days=6)) == 0
    assert await sessions.forget_before(NOW + timedelta(days=8)) == 1


async def test_a_session_follows_the_wechat_to_the_person_it_turns_out_to_be(db: str) -> None:
    """S1.6: an application binds the openid to a known person; he stays logged in as himself."""
    farmer, known = await somebody(), await somebody("known")
    token, _ = await sessions.create(farmer, NOW)
    await WechatUser.filter(openid="farmer").update(person_id=known.person_id)
    assert (await sessions.actor_for_token(token, NOW, ON, "page")).person_id == known.person_id
    assert await sessions.end_all(known.person_id, "411082", NOW) == 1
    with pytest.raises(sessions.NotLoggedIn):
        await sessions.actor_for_token(token, NOW, ON, "page")
