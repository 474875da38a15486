"""A running demo on a database of its own, with everybody's phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.demo import Demo
from tests.flows.demos import running_demo
from tests.flows.phones import Phones


@pytest.fixture
async def demo(db_url: str, tmp_path: Path) -> AsyncIterator[Demo]:
    async with running_demo(db_url, tmp_path) as running:
        yield running


@pytest.fixture
async def phones(demo: Demo) -> AsyncIterator[Phones]:
    async with aiohttp.ClientSession() as http:
        made = Phones(demo, http)
        await made.post("switches", receipt_delay_seconds=[0.1, 0.2])
        yield made
