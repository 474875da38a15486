"""What the tests of the web application speak to: the application, the platform behind it, its people."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp.test_utils import TestClient

from bot.config import Account
from bot.runtime import Runtime

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
"""Saturday 28 November 2026, 09:00 in Changge."""
PLATFORM = "test"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def _account(name: str, kind: Any, county: str = "411082") -> Account:
    return Account(name, kind, county, f"wx-{name}", f"secret-{name}", f"token-{name}", AES_KEY)


ACCOUNTS = {
    "changge": _account("changge", "service"),
    "mini": _account("mini", "mini_program"),
    "far": _account("far", "mini_program", "522301"),
}


@dataclass
class Person:
    """Somebody with a mini-program who is logged in."""

    world: World
    token: str

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **more}

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        return await self.ask("GET", path, **options)

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, **options: Any
    ) -> tuple[int, Any]:
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        return await self.ask("POST", path, json=body if body is not None else {}, headers=headers, **options)

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, Any]:
        answer = await self.world.client.request(
            method, path, headers=self.headers(**(headers or {})), **options
        )
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else await answer.read()


@dataclass
class World:
    """The running application, the platform it talks to and the people who use it."""

    client: TestClient[Any, Any]
    platform: TestClient[Any, Any]
    runtime: Runtime
    people: dict[str, Person] = field(default_factory=dict)

    async def code(self, person: str, account: str = "mini", kind: str = "login_code") -> str:
        answer = await self.platform.get(f"/admin/{kind}", params={"account": account, "person": person})
        return str((await answer.json())["code"])

    async def login(self, person: str, account: str = "mini") -> Person:
        """A person by the name he has in the demo county; anybody else is a stranger."""
        if person not in self.people:
            body = {"account": account, "code": await self.code(person, account)}
            answer = await self.client.post("/api/v1/sessions", json=body)
            assert answer.status == 201, await answer.text()
            self.people[person] = Person(self, (await answer.json())["token"])
        return self.people[person]

    async def relogin(self, person: str) -> Person:
        """The same person, logged in anew (a staff member's session ends after twelve hours)."""
        self.people.pop(person, None)
        return await self.login(person)
