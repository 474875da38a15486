"""Access tokens and tickets: fetched once for all tasks and processes, ahead of time, and never in a storm.

One Redis value for each credential holds the credential, who is fetching a new one, and until when nobody
may. It is changed only by compare-and-set, so a late writer cannot overwrite a newer token, and it is sealed
with a key made from the account's secret, so that neither a dump nor a log shows a token. Without Redis each
process looks after itself: `stable_token` then still gives the same token to all of them.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from bot.wechat.errors import WeChatError

log = structlog.get_logger(__name__)

AHEAD: Final = 300
"""Seconds before its end that a credential is replaced; WeChat keeps the old one good that long."""
JITTER: Final = 60
PAUSE: Final = 30
"""Seconds between two fetches, whatever happens to the tokens meanwhile."""
LEASE: Final = 12
MAX_HOLD: Final = 60
_POLL = 0.05
_REDIS_SECONDS = 2.0
_nap = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Record:
    """What all processes know of one credential. Instants are seconds since 1970."""

    value: str = ""
    expires_at: float = 0
    refresh_at: float = 0
    fetcher: str = ""
    fetcher_until: float = 0
    hold_until: float = 0
    failures: int = 0
    errcode: int | None = None
    errmsg: str = ""


Fetch = Callable[[], Awaitable[tuple[str, int]]]
"""Gets a credential and its life in seconds. Raises WeChatError."""


class Keeper:
    """Keeps one credential of one account."""

    def __init__(
        self,
        name: str,
        secret: str,
        redis: Redis,
        now: Callable[[], datetime],
        fetch: Fetch,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._store = _Store(f"wechat:{name}", secret, redis)
        self._now = now
        self._fetch = fetch
        self._chance = chance
        self._record = Record()
        self._dead = ""
        self._doubted_at = 0.0
        self._task: asyncio.Task[WeChatError | None] | None = None

    def current(self, at: float) -> str | None:
        """The credential without waiting, or None. Starts the replacement when it is due."""
        record = self._record
        if at < record.refresh_at:
            return record.value
        if at < record.expires_at:
            self._begin()
            return record.value
        return None

    async def get(self) -> str:
        """The credential. Raises WeChatError (action token) when there is none to be had."""
        found = self.current(self._seconds())
        return found if found is not None else await self._wait()

    async def replace(self, dead: str) -> str:
        """Another credential than the dead one. Raises WeChatError (action token) when there is none.

        One that somebody has put in its place already is not thrown away.
        """
        if dead != self._dead:
            self._dead, self._doubted_at = dead, 0
        if self._record.value == dead:
            self._record = Record()
        return await self.get()

    async def close(self) -> None:
        """Stop a running replacement."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _seconds(self) -> float:
        return self._now().timestamp()

    def _begin(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._refresh())

    async def _wait(self) -> str:
        error = None
        for _ in range(2):  # a replacement under way may end with the one that died meanwhile
            self._begin()
            error = await asyncio.shield(self._task) if self._task else None
            if self._seconds() < self._record.expires_at:
                return self._record.value
        raise error or WeChatError(self._name, None, "no credential", "token")

    async def _refresh(self) -> WeChatError | None:
        me = secrets.token_hex(8)
        for _ in range(int(LEASE / _POLL)):
            raw, record = await self._store.load()
            at = self._seconds()
            if record.value and record.value != self._dead and at < record.refresh_at:
                self._record = record
                return None
            if at < record.fetcher_until < at + 2 * LEASE:
                if at < self._record.expires_at:
                    self._look_again(at + 1)
                    return None
                await _nap(_POLL)
            elif at < record.hold_until < at + 2 * MAX_HOLD:
                return self._held(record, at)
            else:
                claim = replace(record, fetcher=me, fetcher_until=at + LEASE)
                claimed = await self._store.swap(raw, claim)
                if claimed is not None:
                    return await self._replace(claimed, claim)
        return WeChatError(self._name, None, "another process did not finish", "token")

    async def _replace(self, claimed: bytes, claim: Record) -> WeChatError | None:
        error: WeChatError | None = None
        fresh = claim
        try:
            value, seconds = await self._fetch()
        except WeChatError as failure:
            error = failure
        at = self._seconds()
        if error is None and value == self._dead and not self._vouched_for(at):
            error = WeChatError(self._name, None, "the dead credential came again", "token")
        if error is None:
            log.info("wechat_credential_fetched", credential=self._name, seconds=seconds)
            ahead = max(min(PAUSE, seconds / 2), seconds - AHEAD + JITTER * self._chance())
            fresh = Record(value, at + seconds, at + ahead, hold_until=at + PAUSE)
        else:
            log.warning(
                "wechat_credential_failed", credential=self._name, errcode=error.errcode, reason=error.errmsg
            )
            fresh = _failed(claim, error, at)
        if await self._store.swap(claimed, fresh) is None:
            _, fresh = await self._store.load()  # my turn ran out and somebody else wrote: theirs is newer
        return self._held(fresh, at)

    def _vouched_for(self, at: float) -> bool:
        """Whether WeChat has stood by the credential that it called dead for long enough to be believed.

        One wrong 40001 must not stop an account until its token has run out.
        """
        if not self._doubted_at:
            self._doubted_at = at
        if at - self._doubted_at < PAUSE:
            return False
        self._dead, self._doubted_at = "", 0
        return True

    def _held(self, record: Record, at: float) -> WeChatError | None:
        if record.value and record.value != self._dead and at < record.expires_at:
            self._record = record
        if at < self._record.expires_at:
            if at >= self._record.refresh_at:
                self._look_again(max(at + 1, record.hold_until))
            return None
        words = record.errmsg or "fetched a moment ago, waiting before the next"
        return WeChatError(self._name, record.errcode, words, "token")

    def _look_again(self, at: float) -> None:
        self._record = replace(self._record, refresh_at=at)


def _failed(claim: Record, error: WeChatError, at: float) -> Record:
    failures = claim.failures + 1
    pause = min(MAX_HOLD, 2**failures) if error.retryable or error.errcode is None else MAX_HOLD
    return replace(
        claim,
        fetcher="",
        fetcher_until=0,
        failures=failures,
        hold_until=at + pause,
        errcode=error.errcode,
        errmsg=error.errmsg,
    )


class _Store:
    """One sealed value in Redis with compare-and-set; in this process alone while Redis does not answer."""

    def __init__(self, key: str, secret: str, redis: Redis) -> None:
        self._key = key
        self._redis = redis
        kdf = HKDF(hashes.SHA256(), 32, None, b"tianxin credential store")
        self._aead = AESGCM(kdf.derive(secret.encode()))
        self._own: bytes | None = None

    async def load(self) -> tuple[bytes | None, Record]:
        """The value as it stands there, and what it says."""
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                found = await self._redis.get(self._key)
            self._own = found.encode() if isinstance(found, str) else found
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("wechat_credential_store_down", key=self._key, error=type(error).__name__)
        return self._own, self._open(self._own)

    async def swap(self, old: bytes | None, record: Record) -> bytes | None:
        """Write the record if the value is still `old`. The new value, or None when it was changed."""
        new = self._seal(record)
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                done = await self._compare_and_set(old, new)
        except (RedisError, OSError, TimeoutError):
            done = old == self._own
        if done:
            self._own = new
        return new if done else None

    async def _compare_and_set(self, old: bytes | None, new: bytes) -> bool:
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(self._key)
            found: Any = await pipe.get(self._key)
            if (found.encode() if isinstance(found, str) else found) != old:
                return False
            pipe.multi()  # type: ignore[no-untyped-call]
            pipe.set(self._key, new, ex=2 * 7200)
            try:
                await pipe.execute()
            except WatchError:
                return False
        return True

    def _seal(self, record: Record) -> bytes:
        nonce = secrets.token_bytes(12)
        return b64encode(nonce + self._aead.encrypt(nonce, orjson.dumps(record), self._key.encode()))

    def _open(self, sealed: bytes | None) -> Record:
        try:
            found = b64decode(sealed or b"")
            return Record(**orjson.loads(self._aead.decrypt(found[:12], found[12:], self._key.encode())))
        except (InvalidTag, ValueError, TypeError):
            return Record()  # nothing there, or the account's secret was changed
