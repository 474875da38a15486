"""Signatures and the AES envelope of WeChat's pushes: pure functions, no clock, no chance."""

from __future__ import annotations

import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from bot.config import ConfigError

_BLOCK: Final = 32
_PADDING: Final = [bytes((size,)) * size for size in range(_BLOCK + 1)]


def signature_of(*parts: str) -> str:
    """SHA-1 hex over the parts, sorted and joined: what WeChat calls signature and msg_signature."""
    return sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def same(given: str, expected: str) -> bool:
    """Whether two signatures are equal, in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())


@lru_cache(maxsize=8192)
def _cipher(aes_key: str) -> Cipher[Any]:
    try:
        key = a2b_base64(aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
    except ValueError:
        pass
    raise ConfigError("an aes_key is not 43 characters of base64")


def decrypt(aes_key: str, encrypted: str) -> tuple[bytes, bytes] | None:
    """The (message, appid) inside an Encrypt field, or None when it is not made with this key.

    Only for a text whose msg_signature was checked. The padding must be whole 32-byte blocks.
    """
    try:
        sealed = a2b_base64(encrypted.encode(), strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        return None
    if not sealed or len(sealed) % _BLOCK:
        return None
    opener = _cipher(aes_key).decryptor()
    clear = opener.update(sealed) + opener.finalize()
    size = clear[-1]
    if not 1 <= size <= _BLOCK or not clear.endswith(_PADDING[size]):
        return None
    clear = clear[:-size]
    end = 20 + int.from_bytes(clear[16:20], "big")
    if end > len(clear):
        return None
    return clear[20:end], clear[end:]


def encrypt(aes_key: str, message: bytes, appid: str, random16: bytes) -> str:
    """The Encrypt field: random ‖ length ‖ message ‖ appid, padded to 32 bytes, AES-256-CBC, base64."""
    clear = b"".join((random16, len(message).to_bytes(4, "big"), message, appid.encode()))
    sealer = _cipher(aes_key).encryptor()
    sealed = sealer.update(clear + _PADDING[_BLOCK - len(clear) % _BLOCK]) + sealer.finalize()
    return b2a_base64(sealed, newline=False).decode()
