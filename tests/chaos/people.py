"""People with a role in the mini-program: C2 (several reviewers), C3 (money), C4 (request keys)."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from PIL import Image

from actions import demo_data
from actions.access import actor_for
from actions.applications import GivenConsent, Submission, submit
from actions.identity import Identity
from models.loan import Instalment, Loan
from models.people import Organisation, Person, Post, WechatUser
from rules.application import ApplicantKind, Application
from rules.identity import check_digit
from simulator.people import openid_of
from tests.chaos.judge import VILLAGE, Tally, judge
from tests.chaos.site import COUNTY, MINI, Lab, Process, Site, opened

LOAN_FEN, INTEREST_FEN, PART_FEN = 1_000_000, 10_000, 100_000


@dataclass
class Office:
    """The demo county of a site, with as many officers as are wanted."""

    site: Site

    @classmethod
    async def opened(cls, site: Site) -> Office:
        county = demo_data.COUNTIES["changge"]
        identities = {
            person.id: tuple((name, openid_of(appid, person.id), "") for name, appid in site.appids.items())
            for person in county.people
        }
        await demo_data.make_county(county, identities, site.now)
        return cls(site)

    async def login(self, person: str, process: Process) -> Phone:
        """Somebody of the county opens the mini-program at one of the web processes."""
        code = (await self.site.admin("login_code", account=MINI, person=person))["code"]
        phone = Phone(self.site, process)
        status, body = await phone.ask("POST", "sessions", {"account": MINI, "code": code})
        if status != 201:
            raise RuntimeError(f"{person} cannot log in: {status} {body}")
        phone.token = body["token"]
        return phone

    async def colleague(self, role: str, name: str) -> None:
        """One more person with the post that somebody holds already."""
        post = await Post.filter(county=COUNTY, role=role).first()
        assert post is not None
        person = Person(county=COUNTY, village="", created_at=self.site.now)
        person.name = name
        await person.save()
        openid = openid_of(self.site.appids[MINI], name)
        await WechatUser.create(county=COUNTY, account=MINI, openid=openid, person=person, following=True)
        await Post.create(
            county=COUNTY,
            person=person,
            organisation_id=post.organisation_id,
            role=role,
            region=post.region,
            from_on=date(2020, 1, 1),
        )

    async def apply(self, number: int) -> str:
        """A farmer hands in an application that every rule accepts; its key."""
        body = f"4110821985{number // 28 % 12 + 1:02d}{number % 28 + 1:02d}{number % 1000:03d}"
        identity = body + check_digit(body)
        openid = openid_of(self.site.appids[MINI], f"farmer-{number}")
        now = self.site.now
        actor = await actor_for(MINI, COUNTY, openid, on=now.date(), now=now, channel="mini_program")
        phone = f"138{number:08d}"
        rules = Application(
            kind=ApplicantKind.FARMER,
            id_number=identity,
            amount_fen=3_000_000,
            term_months=12,
            industry="sheep",
        )
        given = Submission(
            identity=Identity("张守田", identity, phone, VILLAGE, registered_poor=False),
            rules=rules,
            own=True,
            answers={"amount": 3_000_000, "term": 12, "purpose": "买羊", "village": VILLAGE, "phone": phone},
            form_version=1,
            consents=(GivenConsent("pledge", "2017-10-26", "a" * 64),),
            route="online",
        )
        return str((await submit(actor, given, self.site.pack, now)).key)

    async def lend(self) -> Loan:
        """A running loan of the partner bank with one line that is due."""
        bank = await Organisation.get(county=COUNTY, kind="partner_bank")
        person = Person(county=COUNTY, village=VILLAGE, created_at=self.site.now)
        person.name = "李秀英"
        await person.save()
        due_on = self.site.now.date()
        loan = await Loan.create(
            county=COUNTY,
            number=f"J-{person.id}",
            bank_id=bank.id,
            borrower_id=person.id,
            village=VILLAGE,
            principal_fen=LOAN_FEN,
            balance_fen=LOAN_FEN,
            annual_rate_bp=435,
            day_count="actual/360",
            method="bullet",
            disbursed_on=due_on - timedelta(days=300),
            maturity_on=due_on,
            created_at=self.site.now,
        )
        await Instalment.create(
            county=COUNTY,
            loan=loan,
            number=1,
            kind="maturity",
            due_on=due_on,
            days=300,
            principal_fen=LOAN_FEN,
            interest_fen=INTEREST_FEN,
        )
        return loan

    def picture(self) -> bytes:
        """A photo of some ten thousand bytes."""
        out = io.BytesIO()
        noise = self.site.chance.randbytes(160 * 160 * 3)
        Image.frombytes("RGB", (160, 160), noise).save(out, "JPEG")
        return out.getvalue()


@dataclass
class Phone:
    """Somebody's mini-program: he is logged in, his requests go to one web process."""

    site: Site
    process: Process
    token: str = ""

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str = "", **options: Any
    ) -> tuple[int, Any]:
        headers = {"Idempotency-Key": key or secrets.token_hex(8), **options.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"http://127.0.0.1:{self.process.port}/api/v1/{path}"
        if body is not None:
            options["json"] = body
        async with self.site.http.request(method, url, headers=headers, **options) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else await answer.read()

    def at(self, process: Process) -> Phone:
        """The same phone, asking another web process."""
        return Phone(self.site, process, self.token)

    async def upload(self, picture: bytes) -> tuple[int, Any]:
        headers = {"Content-Type": "image/jpeg"}
        return await self.ask("POST", "files?purpose=project_photo", data=picture, headers=headers)


async def c2(lab: Lab, seed: int, rounds: int) -> Tally:
    """Twenty clients of five reviewers decide the same stage at once, at two web processes: one wins."""
    tally = Tally("C2 reviewers at once", rounds=rounds)
    async with opened(lab, seed) as site:
        office = await Office.opened(site)
        for n in range(4):
            await office.colleague("loan_officer", f"officer-{n}")
        serving = await site.web(2)
        names = ["chen", *(f"officer-{n}" for n in range(4))]
        phones = [await office.login(name, serving[n % 2]) for n, name in enumerate(names)]
        for n in range(rounds):
            await office.apply(n + 1)
            await _decide_together(site, phones, serving, tally)
        tally.expected = rounds
        tally.reached = int(await site.value("SELECT count(*) FROM decision"))
        await judge(site, tally)
    return tally


async def _decide_together(site: Site, phones: list[Phone], serving: list[Process], tally: Tally) -> None:
    _, page = await phones[0].ask("GET", "tasks")
    task = next(each for each in page["items"] if each["kind"] == "review")
    words = ("approve", "reject", "return")

    async def client(n: int) -> tuple[int, Any]:
        body = {"decision": words[n % 3], "reason": "请把用途写清楚", "shown_hash": task["shown_hash"]}
        phone = phones[n % 5].at(serving[n % 2])
        return await phone.ask("POST", f"tasks/{task['key']}/decision", body)

    answers = await asyncio.gather(*(client(n) for n in site.chance.sample(range(20), 20)))
    won = sum(1 for status, body in answers if status in (200, 201) and not body["repeated"])
    other = {status for status, _ in answers} - {200, 201, 404, 409}
    tally.doubled += max(0, won - 1)
    tally.lost += won == 0
    tally.must(not other, f"a reviewer was answered {other}")


async def c3(lab: Lab, seed: int, rounds: int) -> Tally:
    """Many payments for one loan at once: what is owed is taken, and not a fen more."""
    tally = Tally("C3 payments at once", rounds=rounds)
    async with opened(lab, seed) as site:
        office = await Office.opened(site)
        serving = await site.web(2)
        officer = await office.login("zhao", serving[0])
        for n in range(rounds):
            loan = await office.lend()
            on = site.now.date().isoformat()

            async def pay(number: int, key: str = loan.key, on: str = on, n: int = n) -> int:
                body = {"serial": f"{n}-{number // 3}", "amount_fen": PART_FEN, "received_on": on}
                status, _ = await officer.at(serving[number % 2]).ask("POST", f"loans/{key}/repayments", body)
                return status

            statuses = Counter(await asyncio.gather(*(pay(number) for number in range(36))))
            strange = set(statuses) - {200, 201, 409, 422}
            tally.must(not strange, f"a payment was answered {strange}")
            paid = int(
                await site.value(
                    "SELECT coalesce(sum(amount_fen), 0) FROM repayment WHERE loan_id = $1", loan.id
                )
            )
            tally.expected += LOAN_FEN // PART_FEN
            tally.reached += paid // PART_FEN
            tally.doubled += max(0, paid - LOAN_FEN - INTEREST_FEN)
            tally.lost += max(0, LOAN_FEN - paid) // PART_FEN
        await judge(site, tally)
    return tally


async def c4(lab: Lab, seed: int, rounds: int) -> Tally:
    """One request key: twenty times at once, with another body, by another person, too long."""
    tally = Tally("C4 request keys", rounds=rounds)
    async with opened(lab, seed) as site:
        office = await Office.opened(site)
        await office.colleague("bank_officer", "officer-b")
        serving = await site.web(2)
        one, other = await office.login("zhao", serving[0]), await office.login("officer-b", serving[1])
        on = site.now.date().isoformat()
        for n in range(rounds):
            loan, key = await office.lend(), f"key-{seed}-{n}"
            path = f"loans/{loan.key}/repayments"
            body = {"serial": f"s-{n}", "amount_fen": PART_FEN, "received_on": on}
            answers = await asyncio.gather(
                *(one.at(serving[k % 2]).ask("POST", path, body, key=key) for k in range(20))
            )
            made = [told for status, told in answers if status == 201]
            tally.must(bool(made), "nobody was answered 201")
            tally.must(all(told == made[0] for told in made), "two answers to one request differ")
            tally.must({status for status, _ in answers} <= {201, 409}, "another answer than 201 and 409")
            status, _ = await one.ask("POST", path, {**body, "amount_fen": 2 * PART_FEN}, key=key)
            tally.must(status == 422, f"another body under the same key was answered {status}")
            status, told = await other.ask("POST", path, {**body, "serial": f"t-{n}"}, key=key)
            tally.must((status, told.get("serial")) == (201, f"t-{n}"), "another person's key got in the way")
            status, _ = await one.ask("POST", path, body, key="k" * 256)
            tally.must(status == 400, f"a key of 256 characters was answered {status}")
            rows = int(await site.value("SELECT count(*) FROM repayment WHERE loan_id = $1", loan.id))
            tally.expected += 2
            tally.reached += rows
            tally.doubled += max(0, rows - 2)
            tally.lost += max(0, 2 - rows)
        await judge(site, tally)
    return tally
