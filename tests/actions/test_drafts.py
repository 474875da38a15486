"""S1.1: a half-filled form is kept, belongs to one person, cannot be overwritten unseen, and expires."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from actions import drafts
from actions.access import Actor, actor_for
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused

if TYPE_CHECKING:
    from policies import Pack

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)
# the one value of a pack that drafts read
PACK = cast(
    "Pack",
    SimpleNamespace(
        contents=SimpleNamespace(application=SimpleNamespace(expiry_days=SimpleNamespace(on=lambda _day: 30)))
    ),
)
STATE: dict[str, Any] = {"f": "loan_application", "v": 1, "a": {"amount_fen": 3_000_000}, "c": "term_months"}


async def _farmer(openid: str = "o-farmer") -> Actor:
    return await actor_for("changge", "411082", openid, on=NOW.date(), now=NOW, channel="chat")


async def _draft(actor: Actor, now: datetime = NOW) -> drafts.DraftView:
    return await drafts.open_draft(actor, "loan_application", 1, "", now, PACK, "chat")


async def test_a_draft_begun_twice_is_one_draft_s1_1(db: str) -> None:
    actor = await _farmer()
    opened = await asyncio.gather(*(_draft(actor) for _ in range(4)))
    assert len({draft.key for draft in opened}) == 1
    assert opened[0].form_version == 1
    assert opened[0].expires_at == NOW + timedelta(days=30)


async def test_what_was_saved_in_the_chat_is_there_in_the_mini_program_s1_1(db: str) -> None:
    actor = await _farmer()
    draft = await _draft(actor)
    later = NOW + timedelta(days=3)
    saved = await drafts.save(actor, draft.key, STATE, draft.version, later, "mini_program")
    assert (await drafts.load(actor, draft.key, later)) == saved
    assert saved.state == STATE
    assert (saved.version, saved.channel) == (2, "mini_program")
    assert saved.expires_at == later + timedelta(days=30)


async def test_saving_over_an_unseen_change_is_refused_and_loses_nothing_s1_1(db: str) -> None:
    actor = await _farmer()
    draft = await _draft(actor)
    await drafts.save(actor, draft.key, STATE, draft.version, NOW, "chat")
    with pytest.raises(Conflict) as refused:
        await drafts.save(actor, draft.key, {"f": "x", "v": 1}, draft.version, NOW, "mini_program")
    assert refused.value.code == "draft_version"
    assert (await drafts.load(actor, draft.key, NOW)).state == STATE


async def test_another_person_finds_no_draft_of_mine_s17_2(db: str) -> None:
    draft = await _draft(await _farmer())
    stranger = await _farmer("o-stranger")
    with pytest.raises(NotFound):
        await drafts.load(stranger, draft.key, NOW)
    with pytest.raises(NotFound):
        await drafts.save(stranger, draft.key, STATE, 1, NOW, "chat")
    with pytest.raises(NotFound):
        await drafts.cancel(stranger, draft.key, NOW)


async def test_after_thirty_days_the_draft_is_gone_and_a_new_one_can_be_begun_s1_1(db: str) -> None:
    actor = await _farmer()
    draft = await _draft(actor)
    late = NOW + timedelta(days=30)
    with pytest.raises(RuleRefused, match="作废"):
        await drafts.load(actor, draft.key, late)
    with pytest.raises(RuleRefused, match="作废"):
        await drafts.save(actor, draft.key, STATE, draft.version, late, "chat")
    fresh = await _draft(actor, late)
    assert fresh.key != draft.key
    with pytest.raises(RuleRefused, match="作废"):
        await drafts.load(actor, draft.key, late)


async def test_expiring_a_county_closes_only_what_is_due_and_only_once_s1_1(db: str) -> None:
    old, young = await _farmer(), await _farmer("o-young")
    await _draft(old)
    kept = await _draft(young, NOW + timedelta(days=1))
    late = NOW + timedelta(days=30)
    assert await drafts.expire_due("411082", late) == 1
    assert await drafts.expire_due("411082", late) == 0
    assert (await drafts.load(young, kept.key, late)).key == kept.key


@pytest.mark.parametrize("close", [drafts.cancel, drafts.mark_submitted])
async def test_a_closed_draft_keeps_no_answers_s1_1(db: str, close: Any) -> None:
    actor = await _farmer()
    draft = await _draft(actor)
    await drafts.save(actor, draft.key, STATE, draft.version, NOW, "chat")
    await close(actor, draft.key, NOW)
    assert await drafts.current(actor, "loan_application", "", NOW) is None
    rows = await database.fetch("SELECT state_sealed FROM draft WHERE key = $1", draft.key)
    assert rows[0]["state_sealed"] is None


async def test_a_draft_can_be_handed_in_once_s1_1(db: str) -> None:
    actor = await _farmer()
    draft = await _draft(actor)
    await drafts.mark_submitted(actor, draft.key, NOW)
    with pytest.raises(RuleRefused) as refused:
        await drafts.mark_submitted(actor, draft.key, NOW)
    assert refused.value.code == "draft_closed"
