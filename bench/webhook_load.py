"""The load generator of the webhook benchmark: `python -m bench.webhook_load` with a JSON plan on stdin.

It speaks HTTP over raw sockets, so that it costs little beside the server under test, and is the same for
every server. Farmers take turns on each connection; each answers the questions of the script in order. All
pushes are made before the clock starts.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import uvloop

from bench.webhook_script import ACCOUNT, SCRIPT
from bot.wechat.crypto import encrypt

_CONTENT_LENGTH = b"content-length:"


def _sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def pushes(farmer: str, path: str, *, safe: bool) -> Iterator[bytes]:
    """One farmer's requests without end: the script over and over, every push new."""
    stamp = str(int(time.time()))
    numbers = itertools.count(secrets.randbelow(2**50))
    for content, _ in itertools.cycle(SCRIPT):
        nonce = secrets.token_hex(5)
        message = (
            f"<xml><ToUserName><![CDATA[{ACCOUNT.original_id}]]></ToUserName>"
            f"<FromUserName><![CDATA[{farmer}]]></FromUserName><CreateTime>{stamp}</CreateTime>"
            f"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{content}]]></Content>"
            f"<MsgId>{next(numbers)}</MsgId></xml>"
        )
        query = {"signature": _sign(ACCOUNT.token, stamp, nonce), "timestamp": stamp, "nonce": nonce}
        if safe:
            sealed = encrypt(ACCOUNT.aes_key, message.encode(), ACCOUNT.appid, secrets.token_bytes(16))
            query |= {"encrypt_type": "aes", "msg_signature": _sign(ACCOUNT.token, stamp, nonce, sealed)}
            message = (
                f"<xml><ToUserName><![CDATA[{ACCOUNT.original_id}]]></ToUserName>"
                f"<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
            )
        body = message.encode()
        yield (
            f"POST {path}?{urlencode(query)} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/xml\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Line(asyncio.Protocol):
    """One keep-alive connection: a request out, its answer in."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        low = head.lower()
        at = low.find(_CONTENT_LENGTH) + len(_CONTENT_LENGTH)
        end = low.find(b"\r\n", at)
        if len(body) >= int(low[at : end if end > 0 else None]) and self._answer is not None:
            self._buffer = b""
            self._answer.set_result((int(head[9:12]), body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


def _good(answer: tuple[int, bytes]) -> bool:
    return answer[0] == 200 and b"<xml>" in answer[1]


async def _connect(port: int) -> Line:
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    return line


async def closed_loop(plan: dict[str, Any]) -> dict[str, Any]:
    """As many answers as the server gives, `connections` at a time."""
    farmers, safe = plan["farmers"], plan["safe"]
    count = int(plan["most_per_second"] * (plan["seconds"] + plan["warm_up"]) / plan["connections"])
    queues = []
    for number in range(plan["connections"]):
        streams = [pushes(f"o{plan['run']}-{number}-{n}", plan["path"], safe=safe) for n in range(farmers)]
        queues.append(deque(next(streams[n % farmers]) for n in range(count)))
    taken: list[float] = []
    wrong = answers = 0
    began = time.perf_counter()
    measured_from, until = began + plan["warm_up"], began + plan["warm_up"] + plan["seconds"]

    async def talk(queue: deque[bytes]) -> None:
        nonlocal wrong, answers
        line = await _connect(plan["port"])
        while queue:
            start = time.perf_counter()
            if start >= until:
                break
            answer = await line.ask(queue.popleft())
            end = time.perf_counter()
            answers += 1
            if measured_from <= end < until:
                taken.append(end - start)
                wrong += not _good(answer)
        line.transport.close()

    await asyncio.gather(*(talk(queue) for queue in queues))
    ended = min(time.perf_counter(), until)
    rate = len(taken) / (ended - measured_from)
    return {"per_second": rate, "wrong": wrong, "answers": answers, **_spread(taken)}


async def open_loop(plan: dict[str, Any]) -> dict[str, Any]:
    """`rate` pushes a second whatever the server does; time counts from when a push should have gone out."""
    total = int(plan["rate"] * plan["seconds"])
    farmers = [
        pushes(f"o{plan['run']}-open-{n}", plan["path"], safe=plan["safe"]) for n in range(plan["farmers"])
    ]
    requests = [next(farmers[n % len(farmers)]) for n in range(total)]
    idle: deque[Line] = deque([await _connect(plan["port"]) for _ in range(plan["connections"])])
    taken: list[float] = []
    wrong = 0

    async def send(request: bytes, due: float) -> None:
        nonlocal wrong
        line = idle.popleft() if idle else await _connect(plan["port"])
        answer = await line.ask(request)
        taken.append(time.perf_counter() - due)
        wrong += not _good(answer)
        idle.append(line)

    began = time.perf_counter() + 0.1
    running = set()
    for n, request in enumerate(requests):
        due = began + n / plan["rate"]
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(send(request, due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    rate = total / (time.perf_counter() - began)
    return {"per_second": rate, "wrong": wrong, "answers": total, **_spread(taken)}


def _spread(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken) or [0.0]
    at = {"p50": 0.5, "p99": 0.99, "p999": 0.999}
    spread = {
        name: ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000 for name, part in at.items()
    }
    return {**spread, "max": ordered[-1] * 1000}


def main() -> None:
    plan = json.load(sys.stdin)
    if plan.get("core") is not None:
        os.sched_setaffinity(0, {plan["core"]})
    work = open_loop if plan["loop"] == "open" else closed_loop
    json.dump(uvloop.run(work(plan)), sys.stdout)


if __name__ == "__main__":
    main()
