"""How often each API was called today (Asia/Shanghai), over all processes, and what is left.

The counts live in Redis and can be lost without harm. A call costs no round trip: each process counts for
itself and adds its part about once a second. An addition repeated after a broken connection counts too much,
never too little.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.config import SHANGHAI
from bot.wechat.errors import WeChatError, error_from

log = structlog.get_logger(__name__)

SEND_TEMPLATE: Final = "cgi-bin/message/template/send"
SEND_SUBSCRIBE: Final = "cgi-bin/message/subscribe/send"
SEND_BIZSUBSCRIBE: Final = "cgi-bin/message/subscribe/bizsend"
SEND_CUSTOM: Final = "cgi-bin/message/custom/send"

DAILY: Final[Mapping[str, int]] = {
    SEND_TEMPLATE: 100_000,
    SEND_SUBSCRIBE: 10_000_000,
    SEND_CUSTOM: 500_000,
    "cgi-bin/stable_token": 500_000,
    "cgi-bin/menu/create": 1_000,
    "cgi-bin/menu/get": 10_000,
    "cgi-bin/menu/delete": 1_000,
    "cgi-bin/menu/addconditional": 2_000,
    "cgi-bin/media/upload": 100_000,
    "cgi-bin/media/get": 200_000,
    "cgi-bin/qrcode/create": 100_000,
    "cgi-bin/user/info": 500_000,
    "wxa/msg_sec_check": 2_000_000,
}
"""What a new verified account may call a day; an account's own figures come in by argument."""

_SYNC_SECONDS: Final = 1.0
_REDIS_SECONDS = 2.0
_USED_UP: Final = "!"


class Quota:
    """The day's counters of one account."""

    def __init__(
        self,
        appid: str,
        redis: Redis,
        now: Callable[[], datetime],
        limits: Mapping[str, int] | None = None,
    ) -> None:
        self._appid = appid
        self._redis = redis
        self._now = now
        self._limits = {**DAILY, **{api.lstrip("/"): limit for api, limit in (limits or {}).items()}}
        self._pending: Counter[str] = Counter()
        self._totals: dict[str, int] = {}
        self._used_up: set[str] = set()
        self._minute: dict[str, float] = {}
        self._day = ""
        self._day_starts = self._day_ends = self._sync_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def count(self, api: str, at: float) -> None:
        """Count one call before it is made. Raises WeChatError when WeChat has said: not now."""
        if not self._day_starts <= at < self._day_ends:
            self._begin_day(at)
        if self._due(at):
            self._begin_sync()
        if api in self._used_up:
            raise error_from(api, 45009, "used up for today")
        if at < self._minute.get(api, 0.0) <= at + 60:
            raise error_from(api, 45011, "used up for this minute")
        self._pending[api] += 1

    def refused(self, error: WeChatError, at: float) -> None:
        """Take note when WeChat says that a quota is used up."""
        if error.action == "quota_day" and error.api not in self._used_up:
            log.error("wechat_quota_used_up", appid=self._appid, api=error.api)
            self._used_up.add(error.api)
            self._pending[_USED_UP + error.api] = 1
            self._begin_sync()
        elif error.action == "quota_minute":
            self._minute[error.api] = at - at % 60 + 60

    async def left(self, api: str) -> int | None:
        """Calls left today over all processes, as of a second ago; None where no limit is known."""
        at = self._now().timestamp()
        if not self._day_starts <= at < self._day_ends:
            self._begin_day(at)
        if self._due(at):
            await self.flush()
        if api in self._used_up:
            return 0
        limit = self._limits.get(api)
        return None if limit is None else max(0, limit - self._totals.get(api, 0) - self._pending[api])

    async def clear(self) -> None:
        """Begin at nought: WeChat's own counters were cleared."""
        await self.flush()
        self._pending.clear()
        self._totals, self._used_up, self._minute = {}, set(), {}
        try:
            await self._redis.delete(self._key())
        except (RedisError, OSError) as error:
            log.warning("wechat_quota_store_down", appid=self._appid, error=type(error).__name__)

    async def flush(self) -> None:
        """Add what was counted here and read what all counted. What cannot be added now is kept."""
        key, mine = self._key(), self._pending
        self._pending = Counter()
        pipe = self._redis.pipeline(transaction=False)
        for name, amount in mine.items():
            pipe.hincrby(key, name, amount)
        pipe.expire(key, timedelta(days=3))
        pipe.hgetall(key)
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                *_, found = await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("wechat_quota_store_down", appid=self._appid, error=type(error).__name__)
            if key == self._key():
                self._pending.update(mine)
            return
        if key == self._key():
            self._learn(found)

    async def close(self) -> None:
        """Add what is still to be added."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await self.flush()

    def _key(self) -> str:
        return f"wechat:quota:{self._appid}:{self._day}"

    def _due(self, at: float) -> bool:
        if self._sync_at - 2 * _SYNC_SECONDS < at < self._sync_at:
            return False
        self._sync_at = at + _SYNC_SECONDS
        return True

    def _begin_day(self, at: float) -> None:
        midnight = datetime.fromtimestamp(at, SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        self._day = midnight.strftime("%Y%m%d")
        self._day_starts = midnight.timestamp()
        self._day_ends = self._day_starts + 86400
        self._pending.clear()
        self._totals, self._used_up = {}, set()
        self._sync_at = 0.0

    def _begin_sync(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.flush())

    def _learn(self, found: Mapping[str | bytes, str | bytes]) -> None:
        counts = {name if isinstance(name, str) else name.decode(): int(n) for name, n in found.items()}
        marks = {name for name in (*counts, *self._pending) if name.startswith(_USED_UP)}
        self._used_up = {name.removeprefix(_USED_UP) for name in marks}
        self._totals = {name: n for name, n in counts.items() if not name.startswith(_USED_UP)}
