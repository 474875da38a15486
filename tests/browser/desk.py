"""The phone page with somebody's hands on it: what he types, taps, says, photographs; what he then reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import FrameLocator, Locator, Page, ViewportSize, expect

DESK: ViewportSize = {"width": 1600, "height": 950}
POCKET: ViewportSize = {"width": 390, "height": 844}
PATIENCE_MS = 10_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Say:
    """Typed and sent with Enter."""

    words: str


@dataclass(frozen=True)
class Tap:
    """One of the words to tap in the newest message."""

    words: str


@dataclass(frozen=True)
class Voice:
    """A voice message, as WeChat would recognise it."""

    words: str


@dataclass(frozen=True)
class Photo:
    """Taken with the camera: never the same picture twice."""


@dataclass(frozen=True)
class Sample:
    """One of the drawn pictures: cattle, field, house, paper."""

    name: str


@dataclass(frozen=True)
class Place:
    """The place of this name, sent from the sheet."""

    label: str


Act = Say | Tap | Voice | Photo | Sample | Place


@dataclass
class Desk:
    """The page of a running demo, and the folder its pictures go to."""

    page: Page
    pictures: Path

    async def open(self, url: str, phones: Sequence[str]) -> None:
        """Put these people's phones on the desk."""
        await self.page.goto(f"{url}/sim")
        await self.page.wait_for_selector("html[data-ready]")
        await self.page.goto(re.sub(r"phones=[^&]*", f"phones={','.join(phones)}", self.page.url))
        await self.page.wait_for_selector("html[data-ready]")
        await expect(self.test("link")).to_have_attribute("data-state", "live")

    def test(self, name: str) -> Locator:
        return self.page.locator(f'[data-test="{name}"]')

    def phone(self, person: str, name: str) -> Locator:
        return self.test(f"phone-{person}").locator(f'[data-test="{name}"]')

    def answers(self, person: str) -> Locator:
        """What the account has answered on this phone."""
        within = '[data-test="bubble"][data-from="account"][data-via="reply"]'
        return self.test(f"phone-{person}").locator(within)

    def cards(self, person: str, words: str = "") -> Locator:
        """The template messages on this phone, those that hold these words."""
        within = '[data-test="bubble"][data-kind="template"]'
        return self.test(f"phone-{person}").locator(within).filter(has_text=words)

    async def do(self, person: str, act: Act) -> str:
        """Do something on a phone and read what is answered."""
        before = await self.answers(person).count()
        await self._hand(person, act)
        return await self._answered(person, before)

    async def choose(self, person: str, *names: str) -> str:
        """Tap an entry of the menu, the last name in the list that the first one opens."""
        before = await self.answers(person).count()
        await self._menu(person, names)
        return await self._answered(person, before)

    async def open_page(self, person: str, *names: str) -> None:
        """Tap an entry of the menu that opens a web page."""
        await self._menu(person, names)
        await expect(self.test(f"webview-{person}")).to_be_visible()

    async def _menu(self, person: str, names: Sequence[str]) -> None:
        for name, kind in zip(names, ("menu-button", "menu-item"), strict=False):
            await self.phone(person, kind).and_(self.page.locator(f'[data-name="{name}"]')).click()

    async def _answered(self, person: str, before: int) -> str:
        await expect(self.answers(person)).to_have_count(before + 1, timeout=PATIENCE_MS)
        return await self.answers(person).nth(before).inner_text()

    async def _hand(self, person: str, act: Act) -> None:
        match act:
            case Say(words):
                await self.test(f"say-{person}").fill(words)
                await self.test(f"say-{person}").press("Enter")
            case Tap(words):
                choice = self.answers(person).last.locator('[data-test="choice"]')
                await choice.filter(has_text=re.compile(f"^{re.escape(words)}$")).click()
            case Voice(words):
                await self.test(f"speak-{person}").click()
                await self.test("voice-text").fill(words)
                await self.test("voice-send").click()
            case Photo():
                await self.test(f"plus-{person}").click()
                await self.test(f"camera-{person}").click()
            case Sample(name):
                await self.test(f"plus-{person}").click()
                await self.test(f"photo-{person}").click()
                await self.page.locator(f'[data-test="photo-sample"][data-name="{name}"]').click()
            case Place(label):
                await self.test(f"plus-{person}").click()
                await self.test(f"location-{person}").click()
                await self.page.locator(f'[data-test="location-place"][data-label="{label}"]').first.click()
                await self.test("location-send").click()

    async def answer_all(
        self, person: str, reply: str, acts: Mapping[str, Act | Sequence[Act]], until: str, most: int = 60
    ) -> str:
        """Act on question after question; the first key that stands in what is asked decides.

        A key with several acts is a question that comes several times.
        """
        left = {key: list(given) if isinstance(given, Sequence) else [] for key, given in acts.items()}
        asked: list[str] = []
        for _ in range(most):
            if until in reply:
                return reply
            asked.append(reply)
            key = next((key for key in acts if key in reply), None)
            assert key is not None, f"nobody knows what to answer: {reply}\nasked before: {asked[-3:]}"
            act = acts[key]
            reply = await self.do(person, left[key].pop(0) if isinstance(act, Sequence) else act)
        raise AssertionError(f"still asking after {most} answers: {reply}")

    async def move_clock(self, day: str, *buttons: str) -> None:
        """Press the buttons of the clock, one after the other, until the page shows this day."""
        for button in buttons:
            before = await self.test("clock").get_attribute("data-at")
            await self.test(f"clock-{button}").click()
            await expect(self.test("clock")).not_to_have_attribute("data-at", before or "")
            await expect(self.test(f"clock-{button}")).to_be_enabled(timeout=PATIENCE_MS)
        await expect(self.test("clock-face")).to_contain_text(day)

    async def go_to(self, moment: str) -> None:
        """Set the clock to a moment (2026-12-15T09:00) through its form."""
        await self.test("clock-face").click()
        await self.test("clock-at").fill(moment)
        await self.test("clock-go").click()
        await expect(self.test("clock")).to_contain_text(moment[11:], timeout=PATIENCE_MS)

    def web(self, person: str) -> FrameLocator:
        """The web page that is open in a phone."""
        return self.page.frame_locator(f'[data-test="webview-frame-{person}"]')

    async def picture(self, name: str) -> None:
        """Keep what can be seen now."""
        await self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")

    async def take_up(self, person: str) -> None:
        """On a small screen, where one phone is seen at a time: this one."""
        await self.test(f"avatar-{person}").click()
        await expect(self.test(f"phone-{person}")).to_be_visible()
