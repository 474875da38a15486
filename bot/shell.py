"""Talk to the bot in the terminal: every line goes through the simulated WeChat and the real pipeline.

Text is said as it is. `:tap WORDS` taps one of the [words] last offered, `:photo FILE` sends a picture (no
file: a sample), `:loc LAT,LNG` a place, `:voice TEXT` a voice message as recognised, `:click KEY` a menu
entry, `:wait 25h` moves the clock (m, h or d), `:as PERSON` takes up another phone, `:quit` ends.

A recorded transcript is a test: `--replay` says the same again and compares the answers.
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from bot import database
from bot.config import Settings
from bot.demo import PLATFORM_PATH, Demo, run_demo

STARTS_AT = "2026-11-28T09:00"
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_TIME_OF_DAY = re.compile(r"(日 )\d\d:\d\d")
_LINK = re.compile(r"<a [^>]*>([^<]*)</a>")
_CHOICE = re.compile(r'<a href="weixin://bizmsgmenu\?[^"]*msgmenuid=([^"&]*)">([^<]*)</a>')
_WAIT = re.compile(r"\d{1,4}[mhd]")
_AT_WORK = """
SELECT (SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked') AND execute_after <= now())
     + (SELECT count(*) FROM delivery WHERE state IN ('leased', 'sending')
          OR state = 'planned' AND not_before <= $1)
     + (SELECT count(*) FROM inbox WHERE state = 'pending')
     + (SELECT count(*) FROM job_slot WHERE state IN ('planned', 'running')) AS jobs
"""


@dataclass
class Terminal:
    """A phone as lines of text: `>` what somebody does, `<` what he is answered, `*` what arrives."""

    demo: Demo
    account: str
    person: str
    seen: dict[str, int] = field(default_factory=dict)
    """The last message that each phone has shown."""
    taps: dict[str, str] = field(default_factory=dict)
    """The words last offered to this person, with what a tap on them sends along."""

    async def do(self, line: str) -> list[str]:
        """Do one line; the lines that come back, what arrives by itself included."""
        word, _, rest = line.partition(" ")
        if word == ":as":
            self.person, self.taps = rest.strip(), {}
            return await self.arrived()
        if word == ":wait":
            await self._wait(rest.strip())
            return await self.arrived()
        answer = await self._admin(
            "push", {"account": self.account, "person": self.person, **self._deed(word, rest, line)}
        )
        text = (answer.get("reply") or {}).get("text", "")
        self.taps = {words: ref for ref, words in _CHOICE.findall(text)}
        said = [f"< {part}" for part in _LINK.sub(r"[\1]", text).split("\n")] if text else []
        if answer["result"] not in ("replied", "accepted"):
            said = [f"< ({answer['result']})"]
        return said + await self.arrived()

    def _deed(self, word: str, rest: str, line: str) -> dict[str, Any]:
        """What a line means to the platform. Raises ValueError on a command there is not."""
        if word != ":tap":
            return _deed(word, rest, line)
        if rest not in self.taps:
            raise ValueError(f"nothing to tap says {rest!r}; there are {', '.join(self.taps) or 'none'}")
        return {"menu": {"id": self.taps[rest], "content": rest}}

    async def _wait(self, text: str) -> None:
        if not _WAIT.fullmatch(text):
            raise ValueError(f"{text!r} is no time to wait: 30m, 25h, 3d")
        count, unit = int(text[:-1]), _UNITS[text[-1:]]
        at = self.demo.runtime.now() + count * unit
        await self._admin("clock", {"at": at.isoformat()})

    async def begin(self) -> None:
        """What was sent before now is nothing new to any phone."""
        await settle(self.demo)
        self.seen[""] = (await self._admin("sent?newest=1"))["last"]

    async def arrived(self) -> list[str]:
        """Messages that reached this phone since the last look, once everything queued has happened."""
        await settle(self.demo)
        found = await self._admin(f"sent?after={self.seen.get(self.person, self.seen[''])}")
        self.seen[self.person] = found["last"]
        return [f"* {_shown(message)}" for message in found["sent"] if message["person"] == self.person]

    async def _admin(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        address = f"{self.demo.url}{PLATFORM_PATH}/admin/{path}"
        async with self.demo.runtime.http.request("POST" if body else "GET", address, json=body) as answer:
            found: dict[str, Any] = await answer.json()
            return found


async def settle(demo: Demo, seconds: float = 90) -> None:
    """Wait until nothing is queued and nothing is on its way to a phone. Raises TimeoutError."""
    async with asyncio.timeout(seconds):  # the state is in the database: nobody could set an event
        while (await database.fetch(_AT_WORK, demo.runtime.now()))[0]["jobs"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _deed(word: str, rest: str, line: str) -> dict[str, Any]:
    """What a line means to the platform. Raises ValueError on a command there is not."""
    if not word.startswith(":"):
        return {"say": line}
    if word == ":photo":
        data = base64.b64encode(Path(rest.strip()).read_bytes()).decode() if rest.strip() else "sample"
        return {"photo": data}
    if word == ":loc":
        latitude, longitude = (float(part) for part in rest.split(","))
        return {"location": {"lat": latitude, "lng": longitude, "label": ""}}
    if word in (":voice", ":click"):
        return {word[1:]: rest}
    raise ValueError(f"no command {word}; there are :tap :photo :loc :voice :click :wait :as :quit")


def _shown(message: dict[str, Any]) -> str:
    body = message["body"]
    if "data" in body:
        return " · ".join(str(field["value"]) for field in body["data"].values())
    return str(body.get("text", {}).get("content", message["kind"]))


def _steady(lines: list[str]) -> list[str]:
    timeless = [_TIME_OF_DAY.sub(r"\1", line) for line in lines]
    arrived = sorted(line for line in timeless if line.startswith("*"))
    return [line for line in timeless if not line.startswith("*")] + arrived


def transcript(text: str) -> Iterator[tuple[str, list[str]]]:
    """The steps of a transcript: what is done, and the lines that came back."""
    step: tuple[str, list[str]] | None = None
    for line in text.splitlines():
        if line.startswith("> "):
            if step is not None:
                yield step
            step = (line[2:], [])
        elif step is not None and line.startswith(("< ", "* ", "<", "*")):
            step[1].append(line)
    if step is not None:
        yield step


async def play(terminal: Terminal, text: str) -> list[str]:
    """Do a transcript again; the differences, in words. An empty list: all answers are the same.

    The minute of the hour is no difference, nor is the order of messages that arrive at the same time.
    """
    differences = []
    for done, expected in transcript(text):
        came = await terminal.do(done)
        if _steady(came) != _steady(expected):
            differences.append(
                "\n".join([f"> {done}", *(f"- {e}" for e in expected), *(f"+ {c}" for c in came)])
            )
    return differences


async def run(
    settings: Settings, person: str, account: str, record: Path | None, replay: Path | None, console: Console
) -> int:
    """The shell: a demo of its own, so that the same words give the same answers; nothing of it is kept."""
    async with _scratch(settings) as own, run_demo(own, "small") as demo:
        terminal = Terminal(demo, account or "changge", person)
        await terminal.begin()
        if replay is not None:
            differences = await play(terminal, await asyncio.to_thread(replay.read_text, "utf-8"))
            console.print(
                "\n\n".join(differences) or f"{replay.name}: every answer is the same", markup=False
            )
            return int(bool(differences))
        return await _talk(terminal, record, console)


@asynccontextmanager
async def _scratch(settings: Settings) -> AsyncIterator[Settings]:
    """Settings with a folder and a database that are gone afterwards: beside the demo's, else embedded."""
    with tempfile.TemporaryDirectory() as folder:
        own = replace(settings, env="demo", var=folder, database_url="", keys="", accounts="", public_url="")
        own = replace(own, port=str(_free_port()), now=settings.now or STARTS_AT)
        if not (settings.demo and settings.database_url):
            yield own
            return
        beside = urlsplit(settings.database_url).path.lstrip("/")
        name = f"{beside[:40]}_shell_{secrets.token_hex(4)}"
        url = await database.create_database(settings.database_url, name)
        try:
            yield replace(own, database_url=url)
        finally:
            await database.drop_database(settings.database_url, name)


async def _talk(terminal: Terminal, record: Path | None, console: Console) -> int:
    kept: list[str] = []
    while (line := await asyncio.to_thread(_read, console)) is not None:
        if not line:
            continue
        try:
            came = await terminal.do(line)
        except (ValueError, OSError, KeyError) as error:
            console.print(f"! {error}", markup=False)
            continue
        kept += [f"> {line}", *came]
        console.print("\n".join(came), markup=False)
    if record is not None:
        await asyncio.to_thread(record.write_text, "\n".join(kept) + "\n", "utf-8")
    return 0


def _read(console: Console) -> str | None:
    if sys.stdin.isatty():
        console.print("> ", end="")
    line = sys.stdin.readline()
    return None if not line or line.strip() == ":quit" else line.rstrip("\n")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
