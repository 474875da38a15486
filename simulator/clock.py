"""The platform's clock: real time plus an offset, and what falls due on it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

BEIJING = ZoneInfo("Asia/Shanghai")
BEIJING_SECONDS = 8 * 3600
DAY_SECONDS = 86_400


def beijing_day(at: float) -> int:
    """Number of the Beijing day an instant lies in; quotas count by it."""
    return int(at + BEIJING_SECONDS) // DAY_SECONDS


def iso(at: float) -> str:
    """The instant as people in Beijing write it, with offset."""
    return datetime.fromtimestamp(at, BEIJING).isoformat(timespec="milliseconds")


def parse_instant(text: str) -> float:
    """Unix seconds of an ISO instant; without offset it is Beijing time. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)).timestamp()


class Clock:
    """Real time plus `offset` seconds; callbacks run when it passes their instant, in order."""

    def __init__(self, at: str = "") -> None:
        self.offset = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()
        if at:
            self.set(parse_instant(at))

    def now(self) -> float:
        """Unix seconds on the platform's clock."""
        return time.time() + self.offset

    def set(self, at: float) -> None:
        """Move the clock to an instant; it runs on from there."""
        self.offset = at - time.time()
        self._changed.set()

    def advance(self, seconds: float) -> None:
        self.offset += seconds
        self._changed.set()

    def back_to_start(self, at: str) -> None:
        """Where the clock stood when the simulator began: at `at`, or at real time."""
        self.offset = 0.0
        if at:
            self.set(parse_instant(at))

    @property
    def pending(self) -> int:
        return len(self._due)

    def at(self, when: float, callback: Callable[[], None]) -> None:
        """Run `callback` once the clock has passed `when`."""
        if not self._due or when < self._due[0][0]:
            self._changed.set()
        heapq.heappush(self._due, (when, next(self._numbers), callback))

    def run_due(self) -> int:
        """Run all that has fallen due; how many it was."""
        count = 0
        while self._due and self._due[0][0] <= self.now():
            _, _, callback = heapq.heappop(self._due)
            callback()
            count += 1
        return count

    def forget(self) -> None:
        self._due.clear()

    async def run(self) -> None:
        """Watch the clock until cancelled."""
        while True:
            self._changed.clear()
            for _ in range(200):  # a bounded bite, so that requests are answered in between
                if not self._due or self._due[0][0] > self.now():
                    break
                heapq.heappop(self._due)[2]()
            if self._due and self._due[0][0] <= self.now():
                await asyncio.sleep(0)
                continue
            wait = self._due[0][0] - self.now() if self._due else None
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue
