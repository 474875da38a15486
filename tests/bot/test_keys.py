"""The key file gets a new key in two steps, each of them whole (S17.2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import keys
from bot.config import ConfigError


def test_a_new_key_is_known_first_and_used_afterwards(tmp_path: Path) -> None:
    """S17.2: the old keys and the key of the blind indexes stay; nobody else can read the file."""
    path = tmp_path / "keys.toml"
    before = keys.create(path)
    added = keys.add(path)
    assert (added.current, sorted(added.data_keys)) == (1, [1, 2])
    used = keys.use_newest(path)
    assert (used.current, used.data_keys, used.index_key) == (2, added.data_keys, before.index_key)
    assert used.data_keys[1] == before.data_keys[1]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys.toml"]


def test_ids_end_at_255(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    keys.create(path)
    path.write_text(path.read_text().replace("current = 1", "current = 255").replace("\n1 = ", "\n255 = "))
    with pytest.raises(ConfigError, match="no id left"):
        keys.add(path)
