"""Personal data at rest: AES-256-GCM bound to its row, and a keyed blind index for equality.

A sealed value is `version | key id | nonce | ciphertext and tag`; its associated data names table, column and
row, so a value cut out of one row does not open in another. The keyring is the one process-wide state of
this room: rows are opened wherever they are read, and a row cannot be handed a runtime.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12


class SealBrokenError(ValueError):
    """The value was changed, belongs to another row, or its key is not in the keyring."""


@dataclass(frozen=True)
class Keyring:
    """Data keys by one-byte id, the id used for new values, and the key of the blind indexes."""

    data_keys: Mapping[int, bytes]
    current: int
    index_key: bytes
    _ciphers: dict[int, AESGCM] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ciphers", {kid: AESGCM(key) for kid, key in self.data_keys.items()})

    def seal(self, value: bytes, place: str) -> bytes:
        """Encrypt `value` for `place` (table:column:row)."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.current].encrypt(nonce, value, place.encode())
        return _VERSION + bytes([self.current]) + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what `seal` made for the same place. Raises SealBrokenError."""
        cipher = self._ciphers.get(sealed[1]) if sealed[:1] == _VERSION and len(sealed) > 14 else None
        if cipher is None:
            raise SealBrokenError(f"{place.rsplit(':', 1)[0]}: unknown format or key")
        try:
            return cipher.decrypt(sealed[2:14], sealed[14:], place.encode())
        except InvalidTag:
            raise SealBrokenError(f"{place.rsplit(':', 1)[0]}: does not belong to this row") from None

    def code(self, purpose: str) -> str:
        """Six digits that only this keyring can work out: nothing has to be stored to check them."""
        digest = hmac.digest(self.index_key, f"code\x00{purpose}".encode(), "sha256")
        return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"

    def blind(self, column: str, value: str) -> bytes:
        """Keyed index of a normalised value: equal values give equal indexes, nothing else can be learnt."""
        return hmac.digest(self.index_key, f"{column}\x00{value.strip().upper()}".encode(), "sha256")


_installed: list[Keyring] = []


def install(keyring: Keyring) -> None:
    """Make `keyring` the one of this process."""
    _installed[:] = [keyring]


def keyring() -> Keyring:
    """The keyring of this process. Raises RuntimeError when none was installed."""
    if not _installed:
        raise RuntimeError("no keys: call models.sealing.install first")
    return _installed[0]


def seal_text(text: str, table: str, column: str, row: str) -> bytes:
    return keyring().seal(text.encode(), f"{table}:{column}:{row}")


def open_text(sealed: bytes | None, table: str, column: str, row: str) -> str:
    """The text, or an empty string where the column is empty."""
    return keyring().open(bytes(sealed), f"{table}:{column}:{row}").decode() if sealed else ""


def seal_json(value: Any, table: str, column: str, row: str) -> bytes:
    return keyring().seal(orjson.dumps(value), f"{table}:{column}:{row}")


def open_json(sealed: bytes | None, table: str, column: str, row: str) -> Any:
    """The value, or None where the column is empty."""
    return orjson.loads(keyring().open(bytes(sealed), f"{table}:{column}:{row}")) if sealed else None


def blind_index(column: str, value: str) -> bytes:
    return keyring().blind(column, value)


def one_time_code(purpose: str) -> str:
    """The six-digit code of a purpose (confirm:<application key>), for sending and for checking."""
    return keyring().code(purpose)


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of a value's canonical JSON: what a reviewer was shown, what a person agreed to."""
    return sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def new_key() -> str:
    """A 128-bit random public id: 22 characters, safe in addresses, impossible to guess or count."""
    return secrets.token_urlsafe(16)
