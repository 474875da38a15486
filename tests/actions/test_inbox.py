"""Pushes are stored once, with their replies and all they change, or not at all. Clause: S18.8."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from actions import inbox
from actions.inbox import Answered, Arrived, KeptDraft, Standing
from actions.inbox_changes import (
    Change,
    DialogChange,
    DraftChange,
    FollowChange,
    GrantChange,
    Raced,
    ReceiptChange,
    WindowChange,
)
from bot import database
from models.people import Organisation, Person, Post, WechatUser

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
WHO = ("changge", "o-farmer")


def arrived(openid: str = WHO[1], **more: Any) -> Arrived:
    base = Arrived(
        secrets.token_hex(20), "411082", "changge", openid, "text", "", NOW, NOW, '{"text":"你好"}'.encode()
    )
    return replace(base, **more)


@pytest.fixture
async def connection(db: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(db)
    yield connection
    await connection.close()


async def look(connection: asyncpg.Connection, *events: Arrived, now: datetime = NOW) -> inbox.Looked:
    return await inbox.look_up(connection, events, {e.who for e in events}, now=now, on=now.date())


async def standing(connection: asyncpg.Connection, openid: str = WHO[1], now: datetime = NOW) -> Standing:
    looked = await look(connection, arrived(openid), now=now)
    return looked.people[("changge", openid)]


async def store(connection: asyncpg.Connection, *changes: Change, event: Arrived | None = None) -> Arrived:
    event = event or arrived()
    await inbox.settle(connection, [Answered(event, b'{"text":"x"}')], changes, NOW)
    return event


def draft_change(person: Standing, **more: Any) -> DraftChange:
    base = DraftChange(
        "411082", person.actor.person_id, secrets.token_hex(11), "loan_application", "", 0,
        NOW + timedelta(days=30), b'{"f":"loan_application","v":1,"a":{}}',
    )  # fmt: skip
    return replace(base, **more)


async def count(table: str) -> int:
    return int((await database.fetch(f"SELECT count(*) AS n FROM {table}"))[0]["n"])  # noqa: S608


async def test_a_stranger_becomes_one_person_however_many_meet_him_at_once(db: str) -> None:
    connections = [await asyncpg.connect(db) for _ in range(4)]
    found = await asyncio.gather(*(standing(connection) for connection in connections))
    assert len({person.actor.person_id for person in found}) == 1
    assert (await WechatUser.get(openid=WHO[1])).person_id == found[0].actor.person_id
    for connection in connections:
        await connection.close()


async def test_many_strangers_in_one_look_keep_their_own_names(connection: asyncpg.Connection) -> None:
    events = [arrived(f"o-{n}") for n in range(20)]
    looked = await look(connection, *events)
    people = {who: person.actor.person_id for who, person in looked.people.items()}
    assert len(set(people.values())) == 20
    for (_, openid), person_id in people.items():
        assert (await WechatUser.get(openid=openid)).person_id == person_id


async def test_what_was_stored_comes_back_to_a_repeat_and_opens_only_there(
    connection: asyncpg.Connection,
) -> None:
    event = await store(connection)
    looked = await look(connection, event)
    assert looked.stored[event.dedupe_key].reply == b'{"text":"x"}'
    row = (await database.fetch("SELECT * FROM inbox"))[0]
    assert "你好".encode() not in bytes(row["body_sealed"])
    kept = await inbox.kept(event.dedupe_key)
    assert kept is not None
    assert kept.event.body == '{"text":"你好"}'.encode()
    await database.execute("UPDATE inbox SET openid = 'o-other'")
    with pytest.raises(ValueError, match="does not belong to this row"):
        await inbox.kept(event.dedupe_key)


async def test_a_push_is_stored_once_even_when_two_processes_have_it(db: str) -> None:
    """Q1: of two who store the same push one is told, and what the loser wanted to change stays as it was."""
    first, second = await asyncpg.connect(db), await asyncpg.connect(db)
    person = await standing(first)
    event = arrived()
    changes = [DialogChange("411082", WHO, person.dialog_version, b"{}"), draft_change(person)]
    results = await asyncio.gather(
        store(first, *changes, event=event), store(second, *changes, event=event), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Arrived", "Raced"]
    assert (await count("inbox"), await count("dialog"), await count("draft")) == (1, 1, 1)
    await first.close()
    await second.close()


async def test_a_dialog_that_moved_on_is_not_overwritten_and_nothing_else_is_written(
    connection: asyncpg.Connection,
) -> None:
    person = await standing(connection)
    await store(connection, DialogChange("411082", WHO, 0, b'{"c":"apply","d":{}}'))
    with pytest.raises(Raced):
        await store(connection, DialogChange("411082", WHO, 0, b'{"c":"tasks","d":{}}'), draft_change(person))
    again = await standing(connection)
    assert (again.dialog, again.dialog_version) == (b'{"c":"apply","d":{}}', 1)
    assert (await count("inbox"), await count("draft")) == (1, 0)


async def test_a_draft_that_was_changed_elsewhere_is_not_overwritten_s1_1(
    connection: asyncpg.Connection,
) -> None:
    person = await standing(connection)
    opened = draft_change(person)
    await store(connection, opened)
    await store(connection, replace(opened, version=1, answers=b'{"f":"x","v":1}'))
    with pytest.raises(Raced):
        await store(connection, replace(opened, version=1, answers=b'{"f":"old","v":1}'))
    kept = (await standing(connection)).drafts
    assert [(draft.version, draft.state) for draft in kept] == [(2, b'{"f":"x","v":1}')]


async def test_two_drafts_of_one_form_are_not_begun_s1_1(connection: asyncpg.Connection) -> None:
    person = await standing(connection)
    await store(connection, draft_change(person))
    with pytest.raises(Raced):
        await store(connection, draft_change(person))
    assert await count("draft") == 1


async def test_an_expired_draft_makes_room_for_a_new_one_s1_1(connection: asyncpg.Connection) -> None:
    person = await standing(connection)
    await store(connection, draft_change(person, expires_at=NOW))
    assert (await standing(connection)).drafts == ()
    fresh = draft_change(person)
    await store(connection, fresh)
    found: tuple[KeptDraft, ...] = (await standing(connection)).drafts
    assert [draft.key for draft in found] == [fresh.key]


async def test_a_cancelled_draft_keeps_no_answers_s1_1(connection: asyncpg.Connection) -> None:
    person = await standing(connection)
    opened = draft_change(person)
    await store(connection, opened)
    await store(connection, replace(opened, version=1, state="cancelled"))
    row = (await database.fetch("SELECT state, state_sealed FROM draft"))[0]
    assert (row["state"], row["state_sealed"]) == ("cancelled", None)


async def test_posts_come_with_the_person_delegated_ones_too_s17_1(connection: asyncpg.Connection) -> None:
    me = await standing(connection)
    body = await Organisation.create(
        county="411082", kind="county_centre", name="县中心", region="411082000000"
    )
    chief = await Person.create(county="411082", created_at=NOW)
    held = {"county": "411082", "organisation": body, "region": "411082000000", "from_on": NOW.date()}
    own = await Post.create(person_id=me.actor.person_id, role="cadre", **held)
    await Post.create(
        person_id=me.actor.person_id, role="town_clerk", **held | {"to_on": NOW.date() - timedelta(days=1)}
    )
    lent = await Post.create(person=chief, role="county_clerk", **held)
    await database.execute(
        "INSERT INTO delegation (county, post_id, delegate_id, from_on, to_on, reason, created_at)"
        " VALUES ('411082', $1, $2, $3, $3, '出差', $4)",
        lent.id, me.actor.person_id, NOW.date(), NOW,
    )  # fmt: skip
    posts = (await standing(connection)).actor.posts
    assert [(p.post_id, p.role, p.for_person_id) for p in posts] == [
        (own.id, "cadre", None),
        (lent.id, "county_clerk", chief.id),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_the_last_follow_event_by_wechats_time_decides_whatever_comes_first(
    connection: asyncpg.Connection, order: tuple[int, ...]
) -> None:
    """Q2: follow, unfollow, follow again, in any order of arrival."""
    await standing(connection)
    happened = [FollowChange(WHO, n != 1, NOW + timedelta(seconds=n)) for n in range(3)]
    for n in order:
        await store(connection, happened[n])
    assert (await WechatUser.get(openid=WHO[1])).following is True
    await store(connection, FollowChange(WHO, False, NOW + timedelta(seconds=9)))
    await store(connection, *happened)
    assert (await WechatUser.get(openid=WHO[1])).following is False


async def test_what_only_wechat_told_goes_with_whoever_leaves(connection: asyncpg.Connection) -> None:
    """S17.2: the profile is deleted; whose openid it is stays, because it stands under what he signed."""
    await standing(connection)
    await store(connection, WindowChange(WHO, NOW + timedelta(hours=48), 5, NOW))
    await database.execute("UPDATE wechat_user SET unionid = 'u-1'")
    await store(connection, FollowChange(WHO, False, NOW + timedelta(seconds=9)))
    user = await WechatUser.get(openid=WHO[1])
    assert (user.unionid, user.window_until, user.window_left, user.last_said_at) == (None, None, 0, None)
    assert user.person_id


async def test_a_tap_does_not_shorten_the_window_a_message_opened(connection: asyncpg.Connection) -> None:
    await standing(connection)
    two_days, a_minute = NOW + timedelta(hours=48), NOW + timedelta(minutes=1)
    await store(connection, WindowChange(WHO, a_minute, 3, NOW))
    user = await WechatUser.get(openid=WHO[1])
    assert (user.window_until, user.window_left) == (a_minute, 3)
    await store(connection, WindowChange(WHO, two_days, 5, NOW))
    await store(connection, WindowChange(WHO, a_minute, 3, NOW))
    user = await WechatUser.get(openid=WHO[1])
    assert (user.window_until, user.window_left, user.last_said_at) == (two_days, 5, NOW)
    await database.execute("UPDATE wechat_user SET window_left = 0")
    await store(connection, WindowChange(WHO, a_minute, 3, NOW))
    assert (await WechatUser.get(openid=WHO[1])).window_until == a_minute


async def test_a_receipt_is_kept_once_also_before_its_message_is_known(
    connection: asyncpg.Connection,
) -> None:
    for status in ("success", "failed"):
        await store(connection, ReceiptChange("411082", WHO, "200163836", status))
    rows = await database.fetch("SELECT msgid, status, applied_at FROM receipt")
    assert [tuple(row) for row in rows] == [("200163836", "success", None)]


async def grant(connection: asyncpg.Connection, said: Any, seconds: int) -> tuple[int, int, bool]:
    await store(connection, GrantChange("411082", WHO, "tmpl", said, NOW + timedelta(seconds=seconds)))
    row = (await database.fetch("SELECT granted, used, refused FROM subscribe_grant"))[0]
    return row["granted"], row["used"], row["refused"]


async def test_every_accepted_popup_is_one_more_message_s18_7(connection: asyncpg.Connection) -> None:
    assert await grant(connection, "accept", 1) == (1, 0, False)
    assert await grant(connection, "accept", 2) == (2, 0, False)
    assert await grant(connection, "reject", 3) == (2, 0, False), "what was allowed before stays"
    await database.execute("UPDATE subscribe_grant SET used = 1")
    assert await grant(connection, "off", 4) == (1, 1, True), "turned off in the settings: nothing is left"
    assert await grant(connection, "off", 2) == (1, 1, True)
    assert await grant(connection, "accept", 5) == (2, 1, False)
    assert await grant(connection, "off", 2) == (2, 1, False), (
        "an older event that comes late changes nothing"
    )


async def test_a_push_kept_for_later_is_answered_by_the_queue_once(connection: asyncpg.Connection) -> None:
    event = arrived()
    assert await inbox.keep_for_later(connection, event)
    assert not await inbox.keep_for_later(connection, event)
    looked = await look(connection, event)
    assert looked.stored[event.dedupe_key].state == "pending"
    with pytest.raises(Raced):
        await store(connection, event=event)
    await inbox.settle(connection, [Answered(event, b'{"text":"x"}', kept=True)], [], NOW)
    with pytest.raises(Raced):
        await inbox.settle(connection, [Answered(event, b'{"text":"y"}', kept=True)], [], NOW)
    jobs = await database.fetch("SELECT entrypoint FROM pgqueuer ORDER BY id")
    assert [row["entrypoint"] for row in jobs] == ["late_turn", "late_reply"]
    claimed = await inbox.claim_late_reply(event.dedupe_key)
    assert claimed is not None
    assert claimed.reply == b'{"text":"x"}'
    assert await inbox.claim_late_reply(event.dedupe_key) is None


async def test_a_refused_late_reply_can_be_claimed_again_only_if_it_may_still_go_out(
    connection: asyncpg.Connection,
) -> None:
    event = arrived()
    await inbox.settle(connection, [Answered(event, b'{"text":"x"}', by_message=True)], [], NOW)
    assert await inbox.claim_late_reply(event.dedupe_key)
    await inbox.note_late_reply(event.dedupe_key, "late")
    assert await inbox.claim_late_reply(event.dedupe_key)
    await inbox.note_late_reply(event.dedupe_key, "late_window_closed")
    assert await inbox.claim_late_reply(event.dedupe_key) is None


async def test_a_kept_push_that_cannot_be_worked_on_fails_with_its_reason(
    connection: asyncpg.Connection,
) -> None:
    event = arrived()
    await inbox.keep_for_later(connection, event)
    await inbox.give_up(event.dedupe_key, "its words were not kept")
    row = (await database.fetch("SELECT state, note FROM inbox"))[0]
    assert tuple(row) == ("failed", "its words were not kept")


async def test_stored_replies_and_states_hold_nothing_readable_i11(connection: asyncpg.Connection) -> None:
    """I11: a canary in a body, a reply, a dialog and a draft is nowhere in the tables."""
    person = await standing(connection)
    canary = "410999198001011234"
    body = canary.encode()
    await inbox.settle(
        connection,
        [Answered(arrived(body=body), body)],
        [DialogChange("411082", WHO, 0, body), draft_change(person, answers=body)],
        NOW,
    )
    for table in ("inbox", "dialog", "draft"):
        rows = await database.fetch(f"SELECT t::text AS row FROM {table} t")  # noqa: S608
        assert all(canary not in row["row"] and body.hex() not in row["row"] for row in rows)


async def test_late_events_of_another_county_do_not_mix(connection: asyncpg.Connection) -> None:
    here, there = arrived(), arrived(account="xingyi", county="522301")
    looked = await look(connection, here, there)
    assert {who: p.actor.county for who, p in looked.people.items()} == {
        ("changge", "o-farmer"): "411082",
        ("xingyi", "o-farmer"): "522301",
    }
