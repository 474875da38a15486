"""Pushing to a backend as WeChat does: signed, in three modes, five seconds, three tries, MarkFail."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from simulator.chat import UNAVAILABLE
from simulator.clock import iso
from simulator.config import AccountConfig
from simulator.crypto import encrypt, signature
from simulator.replies import BadReply, Reply, read_reply
from simulator.wire import Fields, for_json, to_json, to_xml

if TYPE_CHECKING:
    from simulator.people import User
    from simulator.platform import Platform

MSGID_BASE = 24_000_000_000_000_000
STARTS = 10**7
SILENT = ("unsubscribe",)
GATHER_SECONDS = 0.05


@dataclass(eq=False)
class Push:
    """One push and what became of it."""

    id: int
    at: float
    user: User
    fields: Fields
    result: str = ""
    reply: dict[str, Any] | None = None
    raw: str = ""
    clear: str = ""
    status: int | None = None
    error: str | None = None
    ms: float = 0.0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    repeat: bool = False

    def listed(self) -> dict[str, Any]:
        user = self.user
        names = ("result", "reply", "raw", "clear", "status", "error", "ms", "attempts", "repeat", "fields")
        head = {"id": self.id, "at": iso(self.at), "account": user.account.name, "person": user.person.id}
        body = {name: getattr(self, name) for name in names}
        return {**head, "openid": user.openid, **body, "tries": len(self.attempts)}


def request_of(
    config: AccountConfig, fields: Fields, openid: str, stamp: str, nonce: str, lists: str
) -> tuple[URL, bytes]:
    """Address and body of one try, in the account's mode and format."""
    json = config.push_format == "json"
    clear = to_json(for_json(fields, lists)) if json else to_xml(fields)
    query = {
        "signature": signature(config.token, stamp, nonce),
        "timestamp": stamp,
        "nonce": nonce,
        "openid": openid,
    }
    if config.push_mode != "plain":
        text = encrypt(config.aes_key, config.appid, clear)
        query |= {"encrypt_type": "aes", "msg_signature": signature(config.token, stamp, nonce, text)}
        envelope = fields if config.push_mode == "compatible" else {"ToUserName": fields["ToUserName"]}
        both = {**(for_json(envelope, lists) if json else envelope), "Encrypt": text}
        clear = to_json(both) if json else to_xml(both)
    return URL(config.push_url).update_query(query), clear.encode()


class Pusher:
    """Sends pushes, in the foreground for a person's action and in the background for receipts."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.done: deque[Push] = deque(maxlen=platform.config.keep)
        self._ids = itertools.count(1)
        # Ids of another run must not come again: a backend drops what it has seen.
        self._msgids = itertools.count(MSGID_BASE + int(time.time()) % STARTS * 10**8)
        self._session: aiohttp.ClientSession | None = None
        self._waiting: deque[tuple[User, Fields]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()

    # Life

    async def start(self) -> None:
        """Open the connections."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def forget(self) -> None:
        self.done.clear()
        self._waiting.clear()

    def since(self, after: int) -> list[Push]:
        """Finished pushes with an id above `after`, by id."""
        return sorted((push for push in self.done if push.id > after), key=lambda push: push.id)

    # Background

    def later(self, user: User, fields: Fields) -> None:
        """Push soon; so many at a time as the switch allows."""
        self._waiting.append((user, self.fields(user, fields)))
        gather = self.platform.switches.push_out_of_order
        if gather and len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._pump)
        elif not gather:
            self._pump()

    def _pump(self) -> None:
        switches = self.platform.switches
        while self._waiting and len(self._running) < switches.receipt_concurrency:
            user, fields = self._waiting.pop() if switches.push_out_of_order else self._waiting.popleft()
            task = asyncio.create_task(self._send_quietly(user, fields))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self._pump()
        if self.idle:
            self._settled.set()

    async def _send_quietly(self, user: User, fields: Fields) -> None:
        await self.send(user, fields, whole=True)

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._running

    async def settle(self) -> None:
        """Wait until nothing is waiting in the background."""
        if not self.idle:
            self._settled.clear()
            await self._settled.wait()

    # One push

    def fields(self, user: User, fields: Fields) -> Fields:
        """The common head of a push before its own fields; messages get a MsgId."""
        head: Fields = {
            "ToUserName": user.account.config.original_id,
            "FromUserName": user.openid,
            "CreateTime": int(self.platform.clock.now()),
            **fields,
        }
        if head.get("MsgType") != "event":
            head.setdefault("MsgId", next(self._msgids))
        return head

    async def send(self, user: User, fields: Fields, *, whole: bool = False, repeat: int = 0) -> Push:
        """Push and wait for the outcome; `whole` means that `fields` has its head already."""
        push = Push(
            next(self._ids), self.platform.clock.now(), user, fields if whole else self.fields(user, fields)
        )
        await self._deliver(push)
        for _ in range(repeat + self.platform.switches.push_duplicates if push.attempts else 0):
            again = Push(next(self._ids), self.platform.clock.now(), user, push.fields, repeat=True)
            await self._deliver(again)
        return push

    async def _deliver(self, push: Push) -> None:
        account, now = push.user.account, self.platform.clock.now()
        if not account.config.push_url:
            push.result = "not_pushed"
        elif account.marked_until > now:
            self._blackout(push)
        else:
            await self._try_all(push)
            self._judge(push)
        self.done.append(push)
        self._show(push)
        if self.platform.chat.listeners:
            self.platform.chat.tell("push", push.listed())

    def _blackout(self, push: Push) -> None:
        push.result, push.error = "lost", "MarkFail: the platform is not pushing to this server"
        if self.platform.switches.markfail_pushes == "queued":
            push.result = "queued"
            user, fields = push.user, push.fields
            self.platform.clock.at(user.account.marked_until, lambda: self._requeue(user, fields))

    def _requeue(self, user: User, fields: Fields) -> None:
        self._waiting.append((user, fields))
        self._pump()

    async def _try_all(self, push: Push) -> None:
        switches = self.platform.switches
        if switches.push_delay_seconds:
            await asyncio.sleep(switches.push_delay_seconds)
        begun = time.perf_counter()
        stamp, nonce = self._stamp()
        for _ in range(max(1, switches.push_tries)):
            if switches.push_retry_renews:
                stamp, nonce = self._stamp()
            silent = await self._try(push, stamp, nonce)
            if not (silent or (push.error and switches.push_retry_bad_answer)):
                break
        push.ms = round((time.perf_counter() - begun) * 1000, 3)

    def _stamp(self) -> tuple[str, str]:
        return str(int(self.platform.clock.now())), str(secrets.randbelow(9 * 10**8) + 10**8)

    async def _try(self, push: Push, stamp: str, nonce: str) -> bool:
        """One try; True when no answer came."""
        config, switches, begun = push.user.account.config, self.platform.switches, time.perf_counter()
        push.status, push.error, push.raw, push.clear = None, None, "", ""
        silent = False
        try:
            status, body = await self._post(config, push, stamp, nonce)
        except TimeoutError:
            silent, push.error = True, "timeout"
        except aiohttp.ClientError as error:
            silent, push.error = True, f"connection: {error}"
        else:
            push.status, push.raw = status, body.decode(errors="replace")
            try:
                self._take(push, read_reply(config, status, body, push.fields, push.user.openid, switches))
            except BadReply as error:
                push.error = str(error)
        ms = round((time.perf_counter() - begun) * 1000, 3)
        push.attempts.append({"ms": ms, "status": push.status, "error": push.error})
        return silent

    async def _post(self, config: AccountConfig, push: Push, stamp: str, nonce: str) -> tuple[int, bytes]:
        switches = self.platform.switches
        url, body = request_of(config, push.fields, push.user.openid, stamp, nonce, switches.json_lists)
        kind = "application/json" if config.push_format == "json" else "text/xml"
        timeout = aiohttp.ClientTimeout(total=switches.push_timeout_seconds)
        assert self._session is not None, "the simulator is not started"  # noqa: S101 - narrows the type
        headers = {"Content-Type": kind, "User-Agent": "Mozilla/4.0"}
        async with self._session.post(
            url, data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read()

    @staticmethod
    def _take(push: Push, reply: Reply) -> None:
        push.reply, push.clear = reply.shown, reply.clear

    def _judge(self, push: Push) -> None:
        account, now = push.user.account, self.platform.clock.now()
        if push.error is None:
            push.result = "accepted" if push.reply is None else "replied"
            account.fail_streak = 0
            return
        push.result = "unavailable"
        kind = push.error.split(":", 1)[0] if push.status is None else "response"
        account.alarm(now, kind, push.error)
        account.fail_streak += 1
        limit = self.platform.switches.markfail_after
        if limit and account.fail_streak >= limit:
            account.fail_streak = 0
            account.marked_until = now + self.platform.switches.markfail_seconds
            account.alarm(now, "MarkFail", f"no pushes until {iso(account.marked_until)}")

    def _show(self, push: Push) -> None:
        """Put the reply, or the platform's excuse, on the phone."""
        chat, now, user = self.platform.chat, self.platform.clock.now(), push.user
        if push.repeat or user.account.config.kind != "service":
            return
        if push.reply is not None:
            media = self.platform.media.files.get(str(push.reply.get("media_id", "")))
            chat.add(user, now, "account", "reply", {**push.reply, **({"url": media.link} if media else {})})
        elif push.result in ("unavailable", "lost") and shown_to_person(push.fields):
            chat.add(user, now, "system", "platform", {"type": "notice", "text": UNAVAILABLE})

    # Checking an address

    async def verify(self, config: AccountConfig) -> dict[str, Any]:
        """The signed GET of the console: the answer must be the echostr and nothing else."""
        stamp, nonce = self._stamp()
        echo = str(secrets.randbelow(9 * 10**18) + 10**18)
        query = {
            "signature": signature(config.token, stamp, nonce),
            "timestamp": stamp,
            "nonce": nonce,
            "echostr": echo,
        }
        timeout = aiohttp.ClientTimeout(total=self.platform.switches.push_timeout_seconds)
        assert self._session is not None, "the simulator is not started"  # noqa: S101 - narrows the type
        try:
            async with self._session.get(URL(config.push_url).update_query(query), timeout=timeout) as answer:
                body = await answer.text(errors="replace")
                return {
                    "ok": answer.status == 200 and body == echo,
                    "status": answer.status,
                    "answer": body[:200],
                }
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            return {"ok": False, "status": None, "answer": f"{type(error).__name__}: {error}"}


def shown_to_person(fields: Fields) -> bool:
    """Whether the person is waiting for an answer to this push."""
    if fields.get("MsgType") != "event":
        return True
    return fields.get("Event") in ("CLICK", "subscribe", "SCAN", "scancode_waitmsg")
