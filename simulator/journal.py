"""Everything accepted, in order, written to a file before it is answered."""

from __future__ import annotations

import asyncio
import bisect
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from simulator.clock import iso

if TYPE_CHECKING:
    from simulator.accounts import Account

MSGID_BASE = 4_000_000_000_000_000_000
NOTE_SECONDS = 0.05
STARTS = 10**8


@dataclass(slots=True, eq=False)
class Sent:
    """One accepted message."""

    seq: int
    at: float
    account: Account
    kind: str
    touser: Any
    raw: bytes
    msgid: int
    client_msg_id: str
    status: str | None = None
    repeats: int = 0

    @property
    def body(self) -> dict[str, Any]:
        """The message as it was received; parsed when somebody looks, for most are never looked at."""
        body: dict[str, Any] = orjson.loads(self.raw)
        return body

    @property
    def delivered(self) -> bool:
        return self.status == "success"

    def listed(self) -> dict[str, Any]:
        user = self.account.users.get(self.touser) if isinstance(self.touser, str) else None
        return {
            "seq": self.seq,
            "at": iso(self.at),
            "account": self.account.name,
            "appid": self.account.appid,
            "kind": self.kind,
            "touser": self.touser,
            "person": user.person.id if user else None,
            "body": self.body,
            "msgid": str(self.msgid),
            "client_msg_id": self.client_msg_id,
            "delivered": self.delivered,
            "status": self.status,
            "repeats": self.repeats,
        }


def _seq(sent: Sent) -> int:
    return sent.seq


def _one_line(raw: bytes) -> bytes:
    return orjson.dumps(orjson.loads(raw)) if b"\n" in raw or b"\r" in raw else raw


def _read_line(row: dict[str, Any], account: Account) -> Sent:
    """The message of a journal line."""
    raw = orjson.dumps(row["body"])
    head = (row["seq"], row["time"], account, row["kind"], row["touser"])
    return Sent(*head, raw, int(row["msgid"]), row["client_msg_id"])


class Journal:
    """The list of accepted messages and its file."""

    def __init__(self, path: str = "") -> None:
        self.sent: list[Sent] = []
        self.last = 0
        self._spare = 0
        # Ids of another run must not come again: a backend keeps them as keys.
        self._base = MSGID_BASE + int(time.time()) % STARTS * 10**9
        self._file = -1
        self._lines: list[bytes] = []
        self._batch: asyncio.Future[None] | None = None
        self._written = self._synced = 0
        self._lock = asyncio.Lock()
        self._path = Path(path) if path else None

    # The file

    def open(self, account_of: Callable[[str], Account | None]) -> None:
        """Read what an earlier run left, then append to it."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            self._read(self._path.read_bytes(), account_of)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # the last run was cut off within a line

    def close(self) -> None:
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self, raw: bytes, account_of: Callable[[str], Account | None]) -> None:
        for line in raw.splitlines():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # the last line of a run that was cut off
            if "reset" in row:
                self.sent.clear()
            elif "status" in row:
                self._note(row)
            else:
                self.last = row["seq"]
                account = account_of(row["appid"])
                if account is not None:
                    self.sent.append(_read_line(row, account))

    def _note(self, row: dict[str, Any]) -> None:
        sent = self.by_seq(row["seq"])
        if sent is not None:
            sent.status = row["status"]

    def _append(self, line: bytes) -> None:
        """Write a line at the end of this turn of the loop, together with those that came with it."""
        self._lines.append(line)
        if self._batch is None:
            loop = asyncio.get_running_loop()
            self._batch = loop.create_future()
            loop.call_soon(self.flush)

    @property
    def waiting(self) -> bool:
        """Whether an accepted message is not in the file yet."""
        return self._batch is not None

    def flush(self) -> None:
        """Write what is waiting, and let go those who wait for it."""
        lines, batch = self._lines, self._batch
        self._lines, self._batch = [], None
        try:
            if lines and self._file >= 0:
                rest = b"".join(lines)
                while rest:
                    rest = rest[os.write(self._file, rest) :]
                self._written += 1
        except OSError as error:
            if batch is None:
                raise
            batch.set_exception(error)
        else:
            if batch is not None and not batch.done():
                batch.set_result(None)

    async def settled(self, fsync: bool) -> None:
        """Wait until all that was accepted is in the file; with `fsync`, on the disk."""
        if self._batch is not None:
            await asyncio.shield(self._batch)
        wanted = self._written
        while fsync and self._synced < wanted and self._file >= 0:
            async with self._lock:  # one sync serves all who wait
                if self._synced < wanted:
                    mark = self._written
                    await asyncio.to_thread(os.fsync, self._file)
                    self._synced = mark

    # The list

    def by_seq(self, seq: int) -> Sent | None:
        """The message with that number, if it is still known."""
        at = bisect.bisect_left(self.sent, seq, key=_seq)
        return self.sent[at] if at < len(self.sent) and self.sent[at].seq == seq else None

    def since(self, after: int) -> list[Sent]:
        """Messages with a number above `after`."""
        return self.sent[bisect.bisect_right(self.sent, after, key=_seq) :]

    def accept(
        self, account: Account, kind: str, touser: Any, raw: bytes, at: float, client_msg_id: str = ""
    ) -> Sent:
        """Number a message, keep it and write it."""
        self.last = seq = self.last + 1
        sent = Sent(seq, at, account, kind, touser, raw, self._base + seq, client_msg_id)
        self.sent.append(sent)
        if self._file >= 0:
            row = {
                "seq": seq,
                "time": at,
                "account": account.config.name,
                "appid": account.appid,
                "kind": kind,
                "touser": touser,
                "msgid": sent.msgid,
                "client_msg_id": client_msg_id,
            }
            self._append(orjson.dumps(row)[:-1] + b',"body":' + _one_line(raw) + b"}\n")
        return sent

    def spare_msgid(self) -> int:
        """A msgid that belongs to no message."""
        self._spare += 1
        return self._base + 10**8 + self._spare

    def finish(self, sent: Sent, status: str) -> None:
        """The message has reached the phone, or has failed; noted with the next line, at the latest soon."""
        sent.status = status
        if self._file >= 0:
            if not self._lines:
                asyncio.get_running_loop().call_later(NOTE_SECONDS, self.flush)
            self._lines.append(orjson.dumps({"seq": sent.seq, "status": status}) + b"\n")

    def reset(self, at: float) -> None:
        self.sent.clear()
        if self._file >= 0:
            self._append(orjson.dumps({"reset": iso(at)}) + b"\n")
