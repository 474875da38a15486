"""A new data key: everything is sealed anew, crash or not, and stays readable all the while."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions import files, resealing
from bot import database
from models import sealing
from models.people import Person
from models.privacy import ResealProgress
from models.sealing import Keyring, seal_json
from tests.actions.conftest import NOW, County, Submit


@pytest.fixture
def rings() -> Iterator[tuple[Keyring, Keyring]]:
    """The ring of before, and one that knows a second key and uses it."""
    old = sealing.keyring()
    new = Keyring({**old.data_keys, 2: secrets.token_bytes(32)}, current=2, index_key=old.index_key)
    yield old, new
    sealing.install(old)


async def test_everything_is_sealed_anew_and_a_broken_run_goes_on(
    county: County,
    apply: Submit,
    rings: tuple[Keyring, Keyring],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S17.2"""
    old, new = rings
    application = await apply()
    zhang = await county.actor("zhang")
    scope = "1\x00POST /x\x00k"
    for statement, value in (
        ("INSERT INTO idempotency_key (county, actor, route, key, body_sha256, state, status,"
         " response_sealed, created_at) VALUES ('411082', '1', 'POST /x', 'k', '', 'done', 200, $1, now())",
         seal_json({"a": 1}, "idempotency_key", "response", scope)),
        ("INSERT INTO dialog (county, account, openid, version, state_sealed, updated_at)"
         " VALUES ('411082', 'a', 'o', 1, $1, now())", old.seal(b"d", "dialog:state:a/o")),
        ("INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, said_at, received_at,"
         " body_sealed, state, note)"
         " VALUES ('dk', '411082', 'a', 'o', 'text', '', now(), now(), $1, 'done', '')",
         old.seal(b"b", "inbox:body:a/o/dk")),
    ):  # fmt: skip
        await database.execute(statement, value)
    paper = b"%PDF-1.4\n%%EOF\n"
    stored = await files.store(zhang, paper, "paper", NOW, tmp_path)

    sealing.install(new)
    before = await resealing.left(tmp_path)
    assert before["stored_file:content"] == 1
    assert {"person:name", "loan_application:answers", "inbox:body", "dialog:state"} <= set(before)
    monkeypatch.setattr(resealing, "CHUNK", 3)
    told = 0

    def breaks(place: str, _count: int) -> None:
        nonlocal told
        told += place == "person:name"
        if told == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await resealing.reseal(tmp_path, NOW, breaks)
    half = await ResealProgress.get(place="person:name", kid=2)
    assert (half.reached != "", half.finished_at) == (True, None)
    assert (await Person.get(id=zhang.person_id)).name == "张守田", "readable in the middle of it"
    await resealing.reseal(tmp_path, NOW)
    assert await resealing.left(tmp_path) == {}
    assert await resealing.reseal(tmp_path, NOW) == {}, "a second time changes nothing"
    done = await ResealProgress.get(place="person:name", kid=2)
    assert (done.resealed, done.finished_at) == (before["person:name"], NOW)

    sealing.install(Keyring({2: new.data_keys[2]}, current=2, index_key=new.index_key))
    assert (await Person.get(id=zhang.person_id)).name == "张守田", "the old key may go"
    assert (await type(application).get(id=application.id)).answers["purpose"] == "买羊"
    (row,) = await database.fetch("SELECT response_sealed FROM idempotency_key")
    assert sealing.open_json(row["response_sealed"], "idempotency_key", "response", scope) == {"a": 1}
    assert (await files.fetch(zhang, stored.key, NOW, tmp_path))[1] == paper
    (tmp_path / stored.key[:2] / stored.key).unlink()
    assert not files.reseal(tmp_path, stored.key)


async def test_every_sealed_column_is_known(db: str) -> None:
    """A new one that nobody said how it is bound is named, not left behind."""
    assert len(await resealing.places()) >= 15
    await database.execute("CREATE TABLE odd (id bigint, county text, x_sealed bytea)")
    with pytest.raises(LookupError, match=r"odd\.x_sealed"):
        await resealing.places()
