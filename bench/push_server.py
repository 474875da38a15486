"""WeChat for the push benchmark, as little as possible: `python -m bench.push_server CORE`; prints its port.

It answers a token call and takes every message; a bare protocol, so that it is never what is measured.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import uvloop

TOKEN = b'{"access_token":"bench-token-bench-token","expires_in":7200}'


def _answer(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Platform(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, for requests that name their length."""

    taken = 0

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + size:
                return
            self._buffer = self._buffer[end + 4 + size :]
            self._take(head)

    def _take(self, head: bytes) -> None:
        assert self._transport is not None
        if b"/cgi-bin/stable_token" in head:
            self._transport.write(_answer(TOKEN))
            return
        Platform.taken += 1
        body = b'{"errcode":0,"errmsg":"ok","msgid":4%018d}' % Platform.taken
        self._transport.write(_answer(body))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Platform, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(serve())
