"""A TCP proxy between our processes and what they need: slow, silent, cut, or cut at a chosen word.

It also stands before several web processes as a load balancer does: a connection goes to the next of them
that takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

Target = tuple[str, int] | str
"""Host and port, or the path of a local socket."""
_GONE = (OSError, RuntimeError, asyncio.CancelledError)
"""What a pipe ends with: cut, closed under its hands (uvloop says RuntimeError), or told to end."""


@dataclass
class Proxy:
    """Passes bytes on, and does to them what its switches say."""

    targets: list[Target]
    host: str = "127.0.0.1"
    latency: float = 0.0
    """Seconds that every piece waits, in both directions."""
    silent: bool = False
    """Nothing is passed on, nothing is closed: the network that swallows packets."""
    refusing: bool = False
    """New connections are closed at once."""
    cut_after: bytes = b""
    """When a client sends this, it is passed on, and the client is cut off before the answer comes."""
    cuts_left: int = 0
    cuts: int = 0
    balancing: bool = False
    """A request that a process did not begin to answer goes to the next one, as deploy/nginx.conf says."""
    port: int = 0
    _next: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> int:
        """Cut every connection there is; how many ends were cut."""
        for writer in self._writers:
            writer.transport.abort()
        return len(self._writers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end is closed."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            if self.refusing:
                return
            if self.balancing:
                await self._balance(reader, writer)
                return
            far_reader, far_writer = await self._connect()
            self._writers.add(far_writer)
            try:
                await asyncio.gather(
                    self._pass(reader, far_writer, writer), self._pass(far_reader, writer, None)
                )
            finally:
                self._writers.discard(far_writer)
                far_writer.close()
        except _GONE:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The next target that takes a connection. Raises OSError when none does."""
        for _ in self.targets:
            target = self.targets[self._next % len(self.targets)]
            self._next += 1
            with contextlib.suppress(OSError):
                if isinstance(target, str):
                    return await asyncio.open_unix_connection(target)
                return await asyncio.open_connection(*target)
        raise ConnectionRefusedError

    async def _balance(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass requests on, and once more to another process where one dies before it answers."""
        far_reader, far_writer = await self._connect()
        unanswered = b""
        asked, told = asyncio.create_task(reader.read(65536)), asyncio.create_task(far_reader.read(65536))
        try:
            while True:
                await asyncio.wait((asked, told), return_when=asyncio.FIRST_COMPLETED)
                if asked.done():
                    if not (piece := asked.result()):
                        return
                    unanswered += piece
                    far_writer.write(piece)
                    asked = asyncio.create_task(reader.read(65536))
                if told.done():
                    answer = b"" if told.exception() else told.result()
                    if answer:
                        unanswered = b""
                        writer.write(answer)
                        await writer.drain()
                    else:  # gone, idle or at work: the client's connection outlives it
                        far_writer.close()
                        far_reader, far_writer = await self._connect()
                        far_writer.write(unanswered)
                    told = asyncio.create_task(far_reader.read(65536))
        finally:
            far_writer.close()
            for task in (asked, told):
                task.cancel()
            await asyncio.gather(asked, told, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asker: asyncio.StreamWriter | None
    ) -> None:
        """Pass on what one side says; `asker` is the client when this is its direction."""
        while piece := await reader.read(65536):
            if self.latency:
                await asyncio.sleep(self.latency)
            while self.silent:  # noqa: ASYNC110 - a switch, not an event
                await asyncio.sleep(0.05)
            cut = bool(asker and self.cut_after and self.cuts_left and self.cut_after in piece)
            if cut and asker is not None:
                self.cuts_left -= 1
                self.cuts += 1
                asker.transport.abort()  # first: the answer must not find its way
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
