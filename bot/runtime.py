"""Runtime: the one thing passed around at the edge. It stops at handlers and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import failpoints
from bot.config import SHANGHAI, Account, Settings
from bot.failpoints import Failpoint

if TYPE_CHECKING:
    import aiohttp
    from redis.asyncio import Redis

    from bot.wechat.client import WeChat
    from policies import Packs


class Clock:
    """Real time plus an offset that only the demo may move."""

    def __init__(self, starts_at: datetime | None = None) -> None:
        self._offset = (starts_at - datetime.now(UTC)) if starts_at else timedelta(0)

    def now(self) -> datetime:
        """This instant, aware, in UTC."""
        return datetime.now(UTC) + self._offset

    def today(self) -> date:
        """The business date: today in Asia/Shanghai."""
        return business_date(self.now())

    def move_to(self, instant: datetime) -> None:
        self._offset = instant - datetime.now(UTC)


def business_date(instant: datetime) -> date:
    """The day in Asia/Shanghai that an instant belongs to."""
    return instant.astimezone(SHANGHAI).date()


@dataclass
class Runtime:
    """Settings, clients and the clock; built in bot.app, given to handlers and jobs."""

    settings: Settings
    accounts: Mapping[str, Account]
    packs: Packs
    clock: Clock
    redis: Redis
    http: aiohttp.ClientSession
    wechat: Mapping[str, WeChat]
    failpoint: Failpoint = failpoints.none
    """Reached at the gaps between durable steps; deadly in fault tests alone."""
    database_url: str = ""
    """For what needs a connection of its own: LISTEN, the queue."""
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        """Where uploads are kept, sealed."""
        return Path(self.settings.var) / "files"

    def now(self) -> datetime:
        return self.clock.now()

    def today(self) -> date:
        return self.clock.today()

    def county_accounts(self, county: str, kind: str = "service") -> list[Account]:
        """A county's accounts of a kind, in the order of accounts.toml."""
        return [a for a in self.accounts.values() if a.county == county and a.kind == kind]
