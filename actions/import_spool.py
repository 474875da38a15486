"""A bank's file between upload and import: sealed piece by piece in PostgreSQL, where any worker can read it.

It is never whole in memory and never plain on a disk.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from typing import BinaryIO, Literal

import asyncpg

from bot import database
from models.sealing import keyring, new_key

PIECE_BYTES = 1024 * 1024
Table = Literal["import_part", "export_part"]
"""Where pieces are kept: files that banks hand in, workbooks that officers ask for."""
_TOKEN_BYTES = 22
_SEAL_BYTES = 30  # version, key id, nonce and tag


def _place(table: str, token: str, number: int) -> str:
    return f"{table}:content:{token}:{number}"


class Spool:
    """What is being uploaded: give it bytes, then `finish` it."""

    def __init__(self, table: Table = "import_part") -> None:
        self.table = table
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._token = new_key()
        self._waiting = bytearray()
        self._hash = sha256()
        self.pieces = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        self._waiting += data
        while len(self._waiting) >= PIECE_BYTES:
            self._put(bytes(self._waiting[:PIECE_BYTES]))
            del self._waiting[:PIECE_BYTES]

    def finish(self) -> bytes:
        """Seal what is left; the SHA-256 of all."""
        if self._waiting:
            self._put(bytes(self._waiting))
            self._waiting.clear()
        return self._hash.digest()

    def parts(self) -> Iterator[tuple[int, bytes]]:
        """Number and sealed content of each piece, as `store` keeps them."""
        self._file.seek(0)
        stride = PIECE_BYTES + _SEAL_BYTES
        for number in range(self.pieces):
            yield number, self._token.encode() + self._file.read(stride)

    def close(self) -> None:
        self._file.close()

    def _put(self, piece: bytes) -> None:
        self._file.write(keyring().seal(piece, _place(self.table, self._token, self.pieces)))
        self.pieces += 1


async def store(connection: asyncpg.Connection, county: str, batch_id: int, spool: Spool) -> None:
    """Keep the pieces of a batch in its transaction."""
    for number, content in spool.parts():
        await connection.execute(
            f"INSERT INTO {spool.table} (county, batch_id, number, content_sealed) VALUES ($1, $2, $3, $4)",  # noqa: S608
            county, batch_id, number, content,
        )  # fmt: skip


async def read(batch_id: int, table: Table) -> AsyncIterator[bytes]:
    """The pieces of a batch in order, opened one at a time."""
    number = 0
    while rows := await database.fetch(
        f"SELECT content_sealed FROM {table} WHERE batch_id = $1 AND number = $2",  # noqa: S608 - one of two
        batch_id,
        number,
    ):
        content = bytes(rows[0]["content_sealed"])
        yield keyring().open(content[_TOKEN_BYTES:], _place(table, content[:_TOKEN_BYTES].decode(), number))
        number += 1


async def load(connection: asyncpg.Connection, batch_id: int, size: int) -> BinaryIO:
    """The file of a batch, readable and seekable; still sealed where it lies. Raises LookupError."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the reader that gets it
    token, number = "", 0
    while True:
        row = await connection.fetchrow(
            "SELECT content_sealed FROM import_part WHERE batch_id = $1 AND number = $2", batch_id, number
        )
        if row is None:
            break
        content = bytes(row["content_sealed"])
        token = token or content[:_TOKEN_BYTES].decode()
        file.write(content[_TOKEN_BYTES:])
        number += 1
    if number != -(-size // PIECE_BYTES):
        file.close()
        raise LookupError(f"import {batch_id} has {number} pieces")
    return io.BufferedReader(_Sealed(file, token, size), 64 * 1024)  # type: ignore[type-var]


class _Sealed(io.RawIOBase):
    """Opens one piece at a time."""

    def __init__(self, file: BinaryIO, token: str, size: int) -> None:
        super().__init__()
        self._file, self._token, self._size = file, token, size
        self._at = 0
        self._number, self._piece = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any writable buffer
        if self._at >= self._size:
            return 0
        number, start = divmod(self._at, PIECE_BYTES)
        if number != self._number:
            self._file.seek(number * (PIECE_BYTES + _SEAL_BYTES))
            sealed = self._file.read(PIECE_BYTES + _SEAL_BYTES)
            self._piece, self._number = (
                keyring().open(sealed, _place("import_part", self._token, number)),
                number,
            )
        data = self._piece[start : start + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
