"""What the tests of notices share: two accounts, people with loans, WeChat as the judge of what was sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from actions import delivery, notices, outcomes
from actions.attempts import Attempt
from actions.notices import NewNotice
from actions.outcomes import Result
from bot import database
from bot.config import SHANGHAI, Account
from bot.runtime import Clock, Runtime
from models.loan import Instalment, Loan
from models.people import Organisation, Person, Post, WechatUser
from policies import Pack
from scheduler.sending import Sender
from simulator.people import openid_of

COUNTY = "411082"
VILLAGE = "411082101201"
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=SHANGHAI)
TODAY = date(2026, 11, 28)
TEMPLATES = {"progress": "TPL-progress", "date": "TPL-date", "task": "TPL-task", "answer": "TPL-answer"}
ACCOUNTS = {
    "county": Account("county", "service", COUNTY, "wx-county", "s1", "t", "k" * 43, templates=TEMPLATES),
    "county_mini": Account(
        "county_mini", "mini_program", COUNTY, "wx-mini", "s2", "t", "k" * 43, templates={"date": "SUB-date"}
    ),
}
SEND_TEMPLATE = "/cgi-bin/message/template/send"


class StandingClock(Clock):
    """A clock that stands still until it is moved: what happens in a test happens at one moment."""

    def __init__(self, instant: datetime) -> None:
        super().__init__(instant)
        self._instant = instant

    def now(self) -> datetime:
        return self._instant.astimezone(UTC)

    def move_to(self, instant: datetime) -> None:
        self._instant = instant


class Crash(Exception):  # noqa: N818 - the process dies here
    """Raised at a failpoint: nothing after it happens."""


@dataclass
class World:
    """A county with its runtime, and the platform that says what it took."""

    runtime: Runtime
    platform: TestClient[Any, Any]
    pack: Pack
    made: int = 0
    sent_texts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.runtime.now()

    async def pass_time(self, **delta: float) -> None:
        """Let time go by, here and at the platform."""
        self.runtime.clock.move_to(self.now + timedelta(**delta))
        await self.admin("clock", {"advance_seconds": timedelta(**delta).total_seconds()})

    async def admin(self, path: str, body: dict[str, Any] | list[Any]) -> dict[str, Any]:
        answer: ClientResponse = await self.platform.post(f"/admin/{path}", json=body)
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found

    async def sent(self) -> list[dict[str, Any]]:
        """Every message that WeChat took, in order: the judge."""
        answer = await self.platform.get("/admin/sent?limit=10000")
        found: list[dict[str, Any]] = (await answer.json())["sent"]
        return found

    async def person(
        self,
        *,
        name: str = "张守田",
        phone: str = "",
        following: bool = True,
        account: str = "county",
        village: str = VILLAGE,
        **columns: Any,
    ) -> Person:
        """Somebody with a WeChat identity, here and at the platform."""
        self.made += 1
        person = Person(county=COUNTY, village=village, created_at=self.now, **columns)
        person.name = name
        if phone:
            person.phone = phone
        await person.save()
        await self.identity(person, account, following=following)
        return person

    async def identity(self, person: Person, account: str, *, following: bool = True) -> WechatUser:
        who = f"p{person.id}"
        openid = openid_of(ACCOUNTS[account].appid, who)
        user = await WechatUser.create(
            county=COUNTY,
            account=account,
            openid=openid,
            person=person,
            following=following,
            changed_at=self.now - timedelta(days=9),
        )
        state = {"follow": [account]} if following else {"meet": [account]}
        await self.admin("users", {"person": who, "quiet": True, **state})
        return user

    async def crowd(self, count: int) -> None:
        """Many people who follow the account, each to be told of a line that is overdue."""
        await self.admin(
            "users", {"range": {"prefix": "c-", "count": count, "start": 1}, "follow": ["county"]}
        )
        people = [Person(county=COUNTY, village=VILLAGE, created_at=self.now) for _ in range(count)]
        for person in people:
            person.name = "李秀英"
        await Person.bulk_create(people)
        people = await Person.all().order_by("-id").limit(count)
        await WechatUser.bulk_create(
            [
                WechatUser(
                    county=COUNTY,
                    account="county",
                    openid=openid_of(ACCOUNTS["county"].appid, f"c-{number}"),
                    person=person,
                    following=True,
                )
                for number, person in enumerate(people, 1)
            ]
        )
        line = await self.instalment(people[0], TODAY - timedelta(days=1))
        await self.plan(
            *(
                NewNotice(person.id, "overdue", "instalment", line.id, {}, line.due_on, "1")
                for person in people
            )
        )

    async def until_sent(self, count: int) -> None:
        """Wait until the platform has taken so many messages."""
        async with asyncio.timeout(10):
            while len(await self.sent()) < count:  # noqa: ASYNC110 - another server has no event of ours
                await asyncio.sleep(0.01)

    async def staff(self, role: str, region: str = VILLAGE, *, name: str = "王建国") -> Person:
        kinds = {"cadre": "village_station", "town_clerk": "town_station", "county_clerk": "county_centre"}
        body = await Organisation.create(
            county=COUNTY, kind=kinds[role], name=f"{role}-{self.made}", region=region
        )
        person = await self.person(name=name)
        await Post.create(
            county=COUNTY,
            person=person,
            organisation=body,
            role=role,
            region=region,
            from_on=date(2020, 1, 1),
        )
        return person

    async def instalment(
        self, person: Person, due_on: date, *, kind: str = "maturity", village: str = VILLAGE
    ) -> Instalment:
        """A running loan of the person with one unpaid line: 10 000 yuan and 100 yuan of interest."""
        self.made += 1
        loan = await Loan.create(
            county=COUNTY,
            number=f"J-{self.made}",
            bank_id=1,
            borrower_id=person.id,
            village=village,
            principal_fen=1_000_000,
            balance_fen=1_000_000,
            annual_rate_bp=435,
            day_count="actual/360",
            method="bullet",
            disbursed_on=due_on - timedelta(days=300),
            maturity_on=due_on,
            created_at=self.now,
        )
        return await Instalment.create(
            county=COUNTY,
            loan=loan,
            number=1,
            kind=kind,
            due_on=due_on,
            days=300,
            principal_fen=0 if kind == "settlement" else 1_000_000,
            interest_fen=10_000,
        )

    async def plan(self, *planned: NewNotice) -> int:
        async with database.transaction() as connection:
            return await notices.plan(connection, COUNTY, planned, self.pack, self.now)

    async def dunned(self, person: Person) -> int:
        """Plan a collection notice about a loan as a whole: each is a message of its own."""
        line = await self.instalment(person, TODAY - timedelta(days=1))
        return await self.plan(NewNotice(person.id, "overdue", "loan", line.loan_id, {}, line.due_on, "1"))

    async def overdue(self, person: Person, *, days: int = 1, step: str = "") -> int:
        """Plan the notice that a line of this person is overdue."""
        line = await self.instalment(person, TODAY - timedelta(days=days))
        return await self.plan(
            NewNotice(person.id, "overdue", "instalment", line.id, {}, line.due_on, step or str(days))
        )

    async def deliver(self, **options: Any) -> Counter[str]:
        """Send what is ready, as a worker does."""
        return await Sender(self.runtime, COUNTY, **options).run()

    async def claim(self, owner: str) -> list[int]:
        """What a worker of that name claims."""
        async with database.transaction() as connection:
            return await delivery.claim(connection, COUNTY, owner, self.now)

    async def prepare(self, ids: list[int], owner: str) -> list[Attempt]:
        """The intents of a worker, committed."""
        accounts = list(self.runtime.accounts.values())
        async with database.transaction() as connection:
            return await delivery.prepare(connection, COUNTY, ids, owner, accounts, self.pack, self.now)

    async def record(self, *results: Result) -> int:
        """What came of attempts, written down."""
        async with database.transaction() as connection:
            return await outcomes.record(connection, COUNTY, results, self.pack, self.now)

    async def lose_leases(self) -> None:
        """Thirty seconds pass for the database: whoever held a lease is dead."""
        await database.execute(
            """UPDATE delivery SET lease_until = clock_timestamp() - interval '1 s'
               WHERE lease_until IS NOT NULL"""
        )

    async def sweep(self) -> dict[str, int]:
        return await outcomes.sweep(COUNTY, self.pack, self.now)

    async def deliveries(self) -> list[Any]:
        return list(await database.fetch("SELECT * FROM delivery ORDER BY notice_id, rung"))

    async def states(self) -> list[str]:
        """Channel and state of every delivery, in order."""
        return [f"{row['channel']} {row['state']}" for row in await self.deliveries()]

    async def notice_states(self) -> list[str]:
        rows = await database.fetch("SELECT state FROM notice ORDER BY id")
        return [row["state"] for row in rows]

    async def trail(self) -> list[str]:
        """What and outcome of every line of every trail, in order."""
        return [
            f"{line['what']} {line['outcome']}"
            for row in await self.deliveries()
            for line in orjson.loads(row["trail"])
        ]

    async def receipt(self, status: str = "success") -> None:
        """WeChat's later word on everything it took."""
        for row in await self.sent():
            await database.execute(
                """INSERT INTO receipt (county, account, msgid, openid, status, received_at)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
                COUNTY,
                row["account"],
                row["msgid"],
                row["touser"],
                status,
                self.now,
            )

    async def apply_receipts(self) -> dict[str, int]:
        return await outcomes.apply_receipts(COUNTY, self.pack, self.now)


def failing_at(gap: str, nth: int = 1) -> Any:
    """A failpoint that dies the `nth` time this gap is reached."""
    seen: Counter[str] = Counter()

    def reach(where: str) -> None:
        seen[where] += 1
        if where == gap and seen[where] == nth:
            raise Crash(gap)

    return reach
