"""What may not be seen looks like what is not there, lists hold nothing of it, and numbers are masked. S17.2

Every route with everybody: tests/handlers/test_matrix.py.
"""

from __future__ import annotations

import re
from datetime import date

from bot.database import fetch
from handlers.limits import CONTACTS
from models.disposal import Defaulter, Disposal
from models.filings import Filing
from models.identity import IdentityClaim
from models.imports import ImportBatch
from models.loan import Loan
from models.people import Delegation, Post
from tests.handlers.api_world import NOW, Person, World
from tests.handlers.test_api_drafts import begin, filled
from tests.handlers.test_api_review import apply, decide, openid, tasks_of, visit

PEOPLE = {
    "farmer": "zhang",
    "neighbour": "li",
    "cadre": "wang",
    "other cadre": "song",
    "town": "zhou",
    "other town": "he",
    "loan officer": "chen",
    "county": "liu",
    "bank": "zhao",
    "guarantor": "sun",
    "stranger": "nobody",
}
FAR = {"far cadre": "wei", "far county": "long", "far bank": "tao"}
WITHOUT_A_POST = {"farmer", "neighbour", "stranger"}
REVIEWERS = {"cadre", "town", "loan officer", "county", "bank", "guarantor"}
"""Whose region and organisation the application belongs to."""
SEES = {
    "application": {"farmer"} | REVIEWERS,
    "photo": {"farmer"} | REVIEWERS,
    "review task": {"loan officer"},
    "visit task": {"cadre"},
    "disbursement task": {"bank"},
    "draft": {"farmer"},
    "loan": {"farmer", "cadre", "town", "county", "bank", "guarantor"},
    "disposal": {"cadre", "town", "county", "bank", "guarantor"},
    "defaulter": {"cadre", "town", "county", "bank", "guarantor"},
    "filing": {"county", "bank"},
    "import": {"bank"},
    "claim": {"neighbour"},
    "delegation": {"loan officer"},
}
ROUTES = {
    "/api/v1/applications/{key}": "application",
    "/api/v1/applications/{key}/answers": "application",
    "/api/v1/files/{key}": "photo",
    "/api/v1/files/{key}/facts": "photo",
    "/api/v1/drafts/{key}": "draft",
    "/api/v1/loans/{key}": "loan",
    "/api/v1/loans/{key}/schedule": "loan",
    "/api/v1/loans/{key}/payoff": "loan",
    "/api/v1/loans/{key}/changes": "loan",
    "/api/v1/loans/{key}/credit-events": "loan",
    "/api/v1/disposals/{key}": "disposal",
    "/api/v1/disposals/{key}/choices": "disposal",
    "/api/v1/defaulters/{key}": "defaulter",
    "/api/v1/filings/{key}": "filing",
    "/api/v1/filings/{key}/lines": "filing",
    "/api/v1/imports/{key}": "import",
    "/api/v1/imports/{key}/result": "import",
    "/api/v1/loans/{key}/repayment-slips": "loan",
    "/api/v1/loans/{key}/promises": "loan",
}
TASKS = ("review task", "visit task", "disbursement task")


async def objects_of(world: World) -> dict[str, str]:
    """An application that became a loan, everything that hangs on it, and a new draft of its farmer."""
    farmer = await world.login("zhang")
    draft = await filled(farmer)
    (picture,) = draft["answers"]["photos"]
    status, application = await farmer.post(f"/api/v1/drafts/{draft['key']}/submit")
    assert status == 201
    found = {"application": application["key"], "photo": picture}
    found["review task"] = await _approve(await world.login("chen"))
    cadre = await world.login("wang")
    found["visit task"] = next(task["key"] for task in await tasks_of(cadre) if task["kind"] == "visit")
    assert (await visit(cadre))[0] == 201
    for name in ("liu", "zhao", "sun"):
        await _approve(await world.login(name))
    banker = await world.login("zhao")
    found["disbursement task"] = (await tasks_of(banker))[0]["key"]
    given = {
        "number": "JJ-1", "amount_fen": 3_000_000, "disbursed_on": "2026-11-28",
        "account": "6222000011112222", "annual_rate_bp": 435, "term_months": 12, "method": "bullet",
    }  # fmt: skip
    status, loan = await banker.post(f"/api/v1/tasks/{found['disbursement task']}/disbursement", given)
    assert status == 201
    found |= await _in_danger(loan["key"])
    found |= await _of_somebody_else(world)
    return {**found, "loan": loan["key"], "draft": (await begin(farmer))["key"]}


async def _of_somebody_else(world: World) -> dict[str, str]:
    """A claim that the neighbour has begun, and a delegation of the loan officer's."""
    post = await Post.filter(county="411082", role="loan_officer").first()
    claim = await IdentityClaim.create(
        county="411082", person_id=post.person_id, claimer_id=0, account="mini",
        openid=await openid(world, "li"), created_at=NOW,
    )  # fmt: skip
    given = await Delegation.create(
        county="411082", post_id=post.id, delegate_id=post.person_id, from_on=date(2026, 11, 1),
        to_on=date(2026, 11, 2), reason="开会", created_at=NOW,
    )  # fmt: skip
    return {"claim": claim.key, "delegation": str(given.id)}


async def _in_danger(loan_key: str) -> dict[str, str]:
    """The same loan overdue, its borrower listed, and the month filed in which it was paid out."""
    loan = await Loan.get(key=loan_key)
    shared = {"county": loan.county, "loan_id": loan.id, "village": loan.village, "bank_id": loan.bank_id}
    entry = await Disposal.create(
        **shared, borrower_id=loan.borrower_id, overdue_since=loan.disbursed_on, opened_on=loan.disbursed_on
    )
    case = await Defaulter.create(
        **shared, person_id=loan.borrower_id, disposal_id=entry.id, listed_on=loan.disbursed_on,
        listed_by_id=1, evidence={}, evidence_sha256="a" * 64,
    )  # fmt: skip
    filing = await Filing.create(
        county=loan.county, kind="disbursements", bank_id=loan.bank_id,
        month=loan.disbursed_on.replace(day=1), due_on=loan.disbursed_on, drafted_at=loan.created_at,
    )  # fmt: skip
    batch = await ImportBatch.create(
        county=loan.county, kind="loans", bank_id=loan.bank_id, region=f"{loan.county}000000",
        file_name="贷款.csv", sha256=b"x", size=1, created_at=loan.created_at,
    )  # fmt: skip
    keys = {"disposal": entry.key, "defaulter": case.key, "filing": filing.key}
    return {**keys, "import": batch.key}


async def _approve(person: Person) -> str:
    (task,) = await tasks_of(person)
    assert (await decide(person, task))[0] == 200
    return str(task["key"])


async def everybody(world: World) -> dict[str, Person]:
    found = {role: await world.login(name) for role, name in PEOPLE.items()}
    return found | {role: await world.login(name, "far") for role, name in FAR.items()}


async def test_every_object_is_seen_by_exactly_those_in_the_table(world: World) -> None:
    objects, people = await objects_of(world), await everybody(world)
    paths = [(path.replace("{key}", objects[kind]), SEES[kind]) for path, kind in ROUTES.items()]
    paths += [(f"/api/v1/tasks/{objects[kind]}", SEES[kind]) for kind in TASKS]
    wrong = []
    for path, sees in paths:
        for role, person in people.items():
            status, body = await person.get(path)
            if (status == 200) != (role in sees) or status not in (200, 404):
                wrong.append((role, path, status))
            elif status == 404:
                missing = await person.get(re.sub(r"[A-Za-z0-9_-]{22}", "A" * 22, path))
                assert (status, body) == missing, "what may not be seen must look like what is not there"
    assert wrong == []


async def test_a_number_is_shown_in_full_only_to_who_has_to_call_and_only_until_it_is_done(
    world: World,
) -> None:
    """S1.3, S17.2: the cadre who is to visit; each look is noted once a day."""
    await apply(world)
    people = await everybody(world)
    (visiting,) = await tasks_of(people["cadre"])
    (reviewing,) = await tasks_of(people["loan officer"])
    for role, person in people.items():
        status, body = await person.get(f"/api/v1/tasks/{visiting['key']}/contact")
        assert status == (200 if role == "cadre" else 404), role
        if role == "cadre":
            assert body == {"name": "张守田", "phone": "13800001111", "place": "坡胡镇柳庄村", "words": ""}
    status, body = await people["loan officer"].get(f"/api/v1/tasks/{reviewing['key']}/contact")
    assert (status, body["error"]["code"]) == (422, "no_contact")
    cadre = (await fetch("SELECT actor_id FROM audit_entry WHERE action = 'view_contact'"))[0]["actor_id"]
    await world.runtime.redis.set(f"tianxin:limit:contact:{cadre}", CONTACTS.times, ex=60)
    assert (await people["cadre"].get(f"/api/v1/tasks/{visiting['key']}/contact"))[0] == 429
    await world.runtime.redis.delete(f"tianxin:limit:contact:{cadre}")
    assert (await visit(people["cadre"]))[0] == 201
    assert (await people["cadre"].get(f"/api/v1/tasks/{visiting['key']}/contact"))[0] == 422
    looks = await fetch(
        "SELECT count(*) AS n FROM audit_entry WHERE action = 'view_contact' AND subject_kind = 'person'"
    )
    assert looks[0]["n"] == 1


async def test_lists_hold_nothing_of_others(world: World) -> None:
    objects, people = await objects_of(world), await everybody(world)
    for path in (
        "/api/v1/applications",
        "/api/v1/loans",
        "/api/v1/tasks",
        "/api/v1/drafts",
        "/api/v1/consents",
    ):
        for role, person in people.items():
            status, page = await person.get(path)
            if path.endswith("tasks") and role in WITHOUT_A_POST:
                assert status == 403
                continue
            assert status == 200
            for kind in SEES:
                if f"'{objects[kind]}'" in str(page):
                    assert role in SEES[kind], (role, path, kind)
            if role.startswith("far ") or role == "stranger":
                assert page["items"] == [], (role, path)


async def test_a_warning_is_for_staff_of_the_loan_and_not_for_its_borrower(world: World) -> None:
    """S10.1, S17.2"""
    objects, people = await objects_of(world), await everybody(world)
    found = {}
    for role, person in people.items():
        found[role], _ = await person.get(f"/api/v1/loans/{objects['loan']}/warning")
    assert {role for role, status in found.items() if status == 200} == SEES["disposal"]
    assert set(found.values()) == {200, 404}
