"""Data goes when its time is over; a legal hold stops it; contracts are only counted (S17.2)."""

from __future__ import annotations

from datetime import timedelta

from actions import own_data, retention
from bot import database
from models.conversation import Draft, StoredFile
from models.people import Person
from models.work import AuditEntry
from policies import load_packs
from tests.actions.conftest import NOW, County


async def old_rows(person_id: int, name: str, account: str, openid: str) -> None:
    """A message, a dialog, a closed draft and an unused photo, all two years old."""
    then = NOW - timedelta(days=730)
    await database.execute(
        """INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, said_at, received_at,
                              state, note)
           VALUES ($1, '411082', $2, $3, 'text', '', $4, $4, 'done', '')""",
        name, account, openid, then,
    )  # fmt: skip
    await database.execute(
        "INSERT INTO dialog (county, account, openid, version, updated_at) VALUES ('411082', $1, $2, 1, $3)",
        account, openid, then,
    )  # fmt: skip
    await Draft.create(
        county="411082", person_id=person_id, form="f", state="expired", created_at=then, updated_at=then,
        expires_at=then,
    )  # fmt: skip
    await StoredFile.create(
        county="411082", owner_id=person_id, purpose="photo", state="stored", created_at=then
    )


async def test_what_is_past_its_time_goes_but_for_whoever_is_under_a_hold(county: County) -> None:
    """S17.2: the dry run counts and changes nothing; a second run finds nothing."""
    keys = {}
    for name in ("zhang", "li"):
        actor = await county.actor(name)
        keys[name] = (await Person.get(id=actor.person_id)).key
        await old_rows(actor.person_id, name, actor.account, actor.openid)
    await own_data.hold(None, keys["li"], "法院要求", "411082", NOW)
    one_each = {"messages": 1, "dialogs": 1, "drafts": 1, "unused_files": 1}
    for _ in range(2):
        found = await retention.due("411082", county.pack, NOW)
        assert {name: count for name, count in found.items() if count} == one_each
    cleared = await retention.clear("411082", county.pack, NOW)
    assert {name: count for name, count in cleared.items() if count} == one_each
    assert not any((await retention.clear("411082", county.pack, NOW)).values())
    (left,) = await database.fetch("SELECT dedupe_key FROM inbox")
    assert left["dedupe_key"] == "li"
    assert await Draft.filter(form="f").count() == await StoredFile.all().count() == 1
    (noted,) = await AuditEntry.filter(action="retention")
    assert noted.details["messages"] == 1
    await own_data.lift_hold(None, keys["li"], "411082", NOW)
    assert (await retention.clear("411082", county.pack, NOW))["messages"] == 1


def test_every_class_has_a_time_with_its_source_and_the_other_way_round() -> None:
    """S17.2, S19.1"""
    for pack in load_packs():
        assert set(pack.contents.retention) == set(retention.CLASSES)
        assert pack.contents.retention["messages"].days >= 180, (
            "network logs are kept for six months at least"
        )
