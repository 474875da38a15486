"""The key file: data keys by id, the blind-index key. Made at first run of the demo, refused when weak."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path

from bot.config import ConfigError

_KEY_BYTES = 32


@dataclass(frozen=True)
class KeyFile:
    """What the key file holds. `data_keys` by id (1–255), `current` the id for new values."""

    data_keys: dict[int, bytes]
    current: int
    index_key: bytes


def load(path: Path) -> KeyFile:
    """Read a key file. Raises ConfigError when it is missing, open to others, or holds a weak key."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"TIANXIN_KEYS: cannot read {path.name}: {error}") from error
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(f"TIANXIN_KEYS: {path.name} can be read by others; run: chmod 600 {path.name}")
    try:
        data_keys = {int(kid): _key(text) for kid, text in raw["data_keys"].items()}
        current, index_key = int(raw["current"]), _key(raw["index_key"])
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"TIANXIN_KEYS: {path.name} is not a key file: {error}") from error
    if current not in data_keys or not all(0 < kid < 256 for kid in data_keys):
        raise ConfigError(f"TIANXIN_KEYS: {path.name}: current must name one of the data keys (1–255)")
    if len({*data_keys.values(), index_key}) != len(data_keys) + 1:
        raise ConfigError(f"TIANXIN_KEYS: {path.name}: the same key stands twice")
    return KeyFile(data_keys, current, index_key)


def create(path: Path) -> KeyFile:
    """Write a fresh key file that only its owner can read. Raises FileExistsError when there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = (
        "# Keep this file secret and keep a copy: without it no personal data can be read.\n"
        f'current = 1\nindex_key = "{_new()}"\n\n[data_keys]\n1 = "{_new()}"\n'
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return load(path)


def add(path: Path) -> KeyFile:
    """Add a fresh data key that is not used yet: every process must know it before the first one seals by it.

    Raises ConfigError when all 255 ids are taken.
    """
    file = load(path)
    kid = max(file.data_keys) + 1
    if kid > 255:
        raise ConfigError(f"TIANXIN_KEYS: {path.name}: there is no id left for a new key")
    _rewrite(
        path, KeyFile({**file.data_keys, kid: secrets.token_bytes(_KEY_BYTES)}, file.current, file.index_key)
    )
    return load(path)


def use_newest(path: Path) -> KeyFile:
    """Make the newest data key the one for new values."""
    file = load(path)
    _rewrite(path, KeyFile(file.data_keys, max(file.data_keys), file.index_key))
    return load(path)


def _rewrite(path: Path, file: KeyFile) -> None:
    """Replace the file in one step: a crash leaves the old one or the new one, never a half."""
    lines = [
        "# Keep this file secret and keep a copy: without it no personal data can be read.",
        f"current = {file.current}",
        f'index_key = "{base64.b64encode(file.index_key).decode()}"',
        "",
        "[data_keys]",
        *(f'{kid} = "{base64.b64encode(key).decode()}"' for kid, key in sorted(file.data_keys.items())),
    ]
    draft = path.with_name(path.name + ".part")
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as out:
        out.write("\n".join(lines) + "\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def load_or_create(path: Path, *, may_create: bool) -> KeyFile:
    if not path.exists() and may_create:
        return create(path)
    return load(path)


def _new() -> str:
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("a key is not base64") from error
    if len(key) != _KEY_BYTES:
        raise ValueError(f"a key must have {_KEY_BYTES} bytes")
    if len(set(key)) < 16:
        raise ValueError("a key is not random")
    return key
