"""Phones of people in the simulated WeChat: what they say, tap, send and see."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any

import aiohttp

from bot.demo import PLATFORM_PATH, Demo
from bot.shell import settle

_LINK = re.compile(r"<a [^>]*>([^<]*)</a>")


@dataclass
class Phones:
    """Every phone of a running demo, driven through the platform's admin interface."""

    demo: Demo
    http: aiohttp.ClientSession
    account: str = "changge"
    mini: str = "changge-mini"

    @property
    def admin(self) -> str:
        return f"{self.demo.url}{PLATFORM_PATH}/admin"

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.admin}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def get(self, path: str) -> dict[str, Any]:
        async with self.http.get(f"{self.admin}/{path}") as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def push(self, person: str, **what: Any) -> str:
        """Somebody does something; the text he is answered, links as plain words."""
        answer = await self.post("push", account=self.account, person=person, **what)
        assert answer["result"] in ("replied", "accepted"), answer
        reply = answer["reply"] or {}
        return _LINK.sub(r"\1", reply.get("text", ""))

    async def say(self, person: str, text: str) -> str:
        return await self.push(person, say=text)

    async def answer_all(
        self, person: str, first: str, answers: dict[str, Any], until: str, most: int = 60
    ) -> str:
        """Answer question after question: the first key that stands in the question decides what is said."""
        reply, asked = first, []
        for _ in range(most):
            if until in reply:
                return reply
            key = next((key for key in answers if key in reply.split("\n")[-1] or key in reply), None)
            asked.append(reply)
            assert key is not None, f"no answer for: {reply}\nasked so far: {asked[-3:]}"
            given = answers[key]
            reply = await (self.push(person, **given) if isinstance(given, dict) else self.say(person, given))
        raise AssertionError(f"still asking after {most} questions: {reply}")

    async def settle(self, seconds: float = 30) -> None:
        """Wait until nothing is queued, and everything sent has appeared on its phone or been refused."""
        async with asyncio.timeout(seconds):
            await settle(self.demo, seconds)
            while await self._on_the_way():  # noqa: ASYNC110 - the platform tells nobody when it is done
                await asyncio.sleep(0.05)
            await settle(self.demo, seconds)  # the receipts

    async def _on_the_way(self) -> bool:
        newest = (await self.get("sent?newest=50"))["sent"]
        return any(message["status"] is None for message in newest)

    async def clock(self, instant: datetime) -> None:
        """Move the platform's clock, and with it the program's."""
        await self.settle()
        await self.post("clock", at=instant.isoformat(), back=True)
        await self.settle()

    async def change(self, person: str, **what: Any) -> None:
        """What somebody does in the settings of his WeChat: refuse_template, unfollow, follow."""
        await self.post("users", person=person, **what)

    async def login(self, person: str) -> Mini:
        """Somebody opens the mini-program."""
        code = (await self.get(f"login_code?account={self.mini}&person={person}"))["code"]
        url = f"{self.demo.url}/api/v1/sessions"
        async with self.http.post(url, json={"account": self.mini, "code": code}) as answer:
            assert answer.status == 201, await answer.text()
            return Mini(self, (await answer.json())["token"])

    async def messages(self, person: str) -> list[dict[str, Any]]:
        """Template and service messages that reached a person's phone, in order."""
        sent = (await self.get("sent"))["sent"]
        return [message for message in sent if message["person"] == person]


@dataclass
class Mini:
    """Somebody's mini-program, logged in: what it asks for as JSON."""

    phones: Phones
    token: str

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Status and body of an answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": token_hex(8)}
        headers |= options.pop("headers", {})
        url = f"{self.phones.demo.url}/api/v1/{path}"
        if body is not None:
            options["json"] = body
        async with self.phones.http.request(method, url, headers=headers, **options) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any = None) -> Any:
        status, found = await self.ask("POST", path, body or {})
        assert status in (200, 201), found
        return found

    async def papers(self) -> dict[str, str]:
        """The papers a farmer agrees to: kind -> sha256 of the text that is shown."""
        form = await self.get("forms/confirmation")
        return {field["paper"]["kind"]: field["paper"]["sha256"] for field in form["fields"]}

    async def upload(self, purpose: str, picture: bytes) -> str:
        """The key of an uploaded picture."""
        headers = {"Content-Type": "image/jpeg"}
        path = f"files?purpose={purpose}"
        status, body = await self.ask("POST", path, data=picture, headers=headers)
        assert status == 201, body
        return str(body["key"])
