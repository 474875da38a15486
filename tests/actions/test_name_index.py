"""People who were registered before names had an index are found by name after a night."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actions import name_index
from models.people import Person
from models.sealing import blind_index

NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)


async def test_what_is_missing_is_worked_out_once(db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S17.2"""
    monkeypatch.setattr(name_index, "CHUNK", 2)
    for name in ("张三", "李四", "", "王五", None):
        person = Person(county="411082", created_at=NOW)
        if name is not None:
            person.name = name
        await person.save()
    await Person.all().update(name_index=None)
    assert await name_index.fill("522301") == 0
    assert await name_index.fill("411082") == 3
    assert await name_index.fill("411082") == 0
    found = await Person.get(name_index=blind_index("name", "王五"))
    assert found.name == "王五"
