"""A real browser for the tests that look at pages; without one they are left out and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
REASON = "no Chromium is found: install one, or name it in TIANXIN_TEST_BROWSER"


def browser_path() -> str | None:
    """The program of a Chromium on this machine."""
    named = os.environ.get("TIANXIN_TEST_BROWSER")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the whole run; each test opens its own context in it."""
    path = browser_path()
    if path is None:
        pytest.skip(REASON)
    async with async_playwright() as play:
        chromium = await play.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        await chromium.close()
