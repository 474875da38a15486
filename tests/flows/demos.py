"""A demo that runs on a database of its own while a test lasts."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.config import Settings
from bot.demo import Demo, run_demo

STARTS_AT = "2026-11-28T09:00"
"""A Saturday morning: no quiet hours, and the next settlement day is more than three weeks away."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running_demo(db_url: str, folder: Path, at: str = STARTS_AT) -> AsyncIterator[Demo]:
    """The small county with everything that belongs to it, in this process."""
    settings = Settings(
        env="demo",
        var=str(folder),
        database_url=db_url,
        redis_url=os.environ.get("TIANXIN_TEST_REDIS_URL", ""),
        port=str(free_port()),
        now=at,
    )
    async with run_demo(settings, "small") as running:
        yield running
