"""Signatures and message encryption of WeChat's pushes, written from the published algorithm."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32


class CryptoError(Exception):
    """A text that cannot be decrypted, or that is meant for another account."""


def signature(token: str, *parts: str) -> str:
    """sha1 over the sorted parts; with the Encrypt text among them it is the msg_signature."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode(), usedforsecurity=False).hexdigest()


def ticket_signature(ticket: str, nonce: str, timestamp: str, url: str) -> str:
    """Signature of the JS-SDK for a page; the part of the url behind # does not count."""
    page = url.split("#", 1)[0]
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _key(aes_key: str) -> bytes:
    try:
        key = base64.b64decode(aes_key + "=")
    except (binascii.Error, ValueError) as error:
        raise CryptoError("EncodingAESKey is not base64") from error
    if len(key) != 32:
        raise CryptoError("EncodingAESKey must have 43 characters")
    return key


def encrypt(aes_key: str, appid: str, message: str, salt: bytes | None = None) -> str:
    """The Encrypt text of a message: AES-256-CBC over salt, length, message, appid, in 32-byte padding."""
    key = _key(aes_key)
    raw = message.encode()
    clear = (salt or secrets.token_hex(8).encode()) + struct.pack(">I", len(raw)) + raw + appid.encode()
    pad = BLOCK - len(clear) % BLOCK
    worker = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(worker.update(clear + bytes([pad]) * pad) + worker.finalize()).decode()


def decrypt(aes_key: str, appid: str, text: str) -> str:
    """The message inside an Encrypt text. Raises CryptoError on a bad text or another account's appid."""
    key = _key(aes_key)
    try:
        raw = base64.b64decode(text, validate=True)
        worker = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        clear = worker.update(raw) + worker.finalize()
    except (binascii.Error, ValueError) as error:
        raise CryptoError(f"not a ciphertext: {error}") from error
    return _unwrap(clear, appid)


def _unwrap(clear: bytes, appid: str) -> str:
    pad = clear[-1] if clear else 0
    if not 1 <= pad <= BLOCK or not clear.endswith(bytes([pad]) * pad):
        raise CryptoError("wrong padding")
    body = clear[16:-pad]
    if len(body) < 4:
        raise CryptoError("too short")
    end = 4 + int(struct.unpack(">I", body[:4])[0])
    if body[end:] != appid.encode():
        raise CryptoError("meant for another appid")
    try:
        return body[4:end].decode()
    except UnicodeDecodeError as error:
        raise CryptoError("not UTF-8") from error
