"""Everybody × every route × every object, against the rights of the routes and the facts of the world. S17.2

What is not somebody's to see is refused (404 for an object, 403 where its existence is no secret), nothing
of it stands in any list, count, sheet or page he may open, and nobody's name, ID number or phone is shown
in full where the right does not say so.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import secrets
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import Any

import pytest
import structlog
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer

from bot.runtime import Runtime
from handlers import rights
from handlers.login import CSRF_HEADER, csrf_token
from handlers.rights import Right, right_of
from handlers.routes import create_app
from policies import Packs
from tests.handlers.matrix_world import Matrix, Someone, Thing, may

LEAST = 5_000
OTHERS = ("cadre  522301101201", "county_clerk  522301", "bank_officer 1 522301", "administrator  522301")
"""Those of the other county who try everything; its things are tried by everybody."""
KEY = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")
VALUES = {"name": "loan_application", "kind": "loans", "account": "mini", "token": "t", "day": "2026-11-27"}
NOT_HERE = {"report", "trail", "organisation", "officer", "job", "panel"}
"""Held by tests of their own; whoever makes one of them in each village takes its name out of here."""
QUERIES = {"/api/v1/feedback": "?month=2026-11"}
REVIEW = {
    "reviewed_on": "2026-11-28", "still_qualified": True, "own_wish": True, "guarantee_in_place": True,
    "subsidy_in_place": True, "able_to_repay": True, "cause": "illness",
}  # fmt: skip
BODIES: dict[str, Any] = {
    "binding": {"code": "123456"},
    "check": None,
    "code": None,
    "credit-queries": {"purpose": "loan_review"},
    "decision": {"decision": "approve", "shown_hash": "a" * 64},
    "vote": {"choice": "approve", "reason": "情况属实", "shown_hash": "a" * 64},
    "disbursement": {
        "number": "1", "amount_fen": 1, "disbursed_on": "2026-11-28", "account": "62220000",
        "annual_rate_bp": 1, "term_months": 1, "method": "bullet",
    },
    "close": {"outcome": "told"},
    "payment": {"paid_on": "2026-11-28"},
    "end": {"withdrawn": False, "reason": "已经还清"},
    "warning": {"level": "watch", "reason": "先看看"},
    "findings": {"findings": ["ill"]},
    "misuse": {"falsified": True, "pay_by_on": "2026-12-31", "remark": "用途不符"},
    "removal": {"reason": "已经还清"},
    "submission": {"sha256": "a" * 64},
    "slip": {"outcome": "not_found", "reason": "没有查到"},
    "repayment-slips": {"amount_fen": 1},
    "promises": {"promised_on": "2026-12-01"},
    "repayments": {"serial": "1", "amount_fen": 1, "received_on": "2026-11-28"},
    "reversals": {"serial": "1", "reason": "登记错了"},
    "extension": {**REVIEW, "maturity_on": "2028-05-28"},
    "renewal": {**REVIEW, "number": "X-1", "annual_rate_bp": 1, "term_months": 1, "method": "bullet"},
}  # fmt: skip
FORM = {"reason": "已经打电话告诉了"}
"""What every form of the console is sent with."""
DISPOSAL = {
    "cause": "market", "ability": "partly", "willingness": "willing", "way": "collection",
    "responsible": "a", "by_on": "2026-12-01",
}  # fmt: skip
LISTS = {
    "/api/v1/applications": ("application", rights.MY_APPLICATION),
    "/api/v1/loans": ("loan", rights.LOAN_OF_BORROWER),
    "/api/v1/drafts": ("draft", rights.MY_DRAFT),
    "/api/v1/tasks": ("task", rights.TASK_OF_POST),
    "/api/v1/repayment-slips": ("slip", Right(rights.SLIPS.who, "slip")),
    "/api/v1/filings": ("filing", rights.FILING),
    "/api/v1/imports": ("import", rights.IMPORT),
    "/api/v1/binding-changes": ("binding change", rights.BINDINGS),
    "/api/v1/delegations": ("delegation", rights.DELEGATION),
    "/api/v1/consents": ("consent", rights.MYSELF),
    "/api/v1/notices": ("notice", rights.MYSELF),
    "/api/v1/risk-ledger/loans": ("loan", rights.LOAN_OF_STAFF),
}
"""Lists with what they hold: for each person exactly the things that this right gives him."""


class Site:
    """The running application over the matrix, and what was tried."""

    def __init__(self, client: TestClient[Any, Any], matrix: Matrix) -> None:
        self.client, self.matrix = client, matrix
        self.cases: Counter[str] = Counter()
        self.leaks: list[tuple[object, ...]] = []
        self.names = {
            word: who for who in matrix.people for word in (who.row.name, who.row.phone, who.row.id_number)
        }

    async def ask(self, who: Someone, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        headers = {"Idempotency-Key": secrets.token_hex(8), "If-Match": "1"}
        if path.startswith("/api/"):
            headers["Authorization"] = f"Bearer {who.token}"
        else:
            headers["Cookie"] = f"tianxin={who.token}; tianxin-console={who.desk}"
            headers[CSRF_HEADER] = csrf_token(who.desk)
        options: dict[str, Any] = {} if method == "GET" or body is None else {"json": body}
        if path.startswith("/console/") and method == "POST":
            options = {"data": FORM}
        answer = await self.client.request(method, path, headers=headers, allow_redirects=False, **options)
        to_login = answer.headers.get("Location", "").startswith("/console/login")
        return 401 if to_login else answer.status, await answer.read()

    def expect(self, allowed: bool, seen: bool, *what: object) -> None:
        self.cases["allowed" if allowed else "refused"] += 1
        if allowed != seen:
            self.leaks.append(("leak" if seen else "not let in", *what))

    def look_over(self, who: Someone, right: Right, route: str, text: str, known: set[str]) -> None:
        """Nothing of others in an answer: no key that is not his, no personal data that is to be masked."""
        # what somebody was told is read as he got it, with its link: the page behind asks again who one is
        strange = set() if right is rights.TOLD else set(KEY.findall(text)) & known
        self.expect(False, bool(strange), who.name, route, "keys of others", sorted(strange)[:3])
        if right.shows != "whole":
            bare = [whose.name for word, whose in self.names.items() if word in text and whose is not who]
            self.expect(False, bool(bare), who.name, route, "personal data in full", bare[:3])


@pytest.fixture
async def site(runtime: Runtime, packs: Packs) -> AsyncIterator[Site]:
    matrix = Matrix(packs)
    await matrix.build()
    server = TestServer(create_app(runtime), port=int(runtime.settings.port))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    async with TestClient(server, cookie_jar=DummyCookieJar()) as client:
        yield Site(client, matrix)
    structlog.reset_defaults()


def routes_of(site: Site) -> Iterator[tuple[str, str, Right]]:
    """Method, path and right of every route that asks who one is; /console/api is the same once more."""
    for route in site.client.app.router.routes():
        right, path = right_of(route.handler), route.resource.canonical if route.resource else ""
        assert right is not None, path
        if not right.public and route.method != "HEAD" and not path.startswith("/console/api/"):
            yield route.method, path, right


def filled(path: str, thing: Thing | None = None) -> str:
    values = VALUES | {"key": "A" * 22, "slip": "A" * 22}
    if thing is not None:
        values |= {"key": thing.key} | dict(thing.path)
    return re.sub(r"{(\w+)}", lambda found: values[found[1]], path) + QUERIES.get(path, "")


def body_of(path: str) -> Any:
    if path.startswith("/api/v1/disposals/"):
        return DISPOSAL
    if path == "/api/v1/subsidies/{key}/check":
        return {"correct": True}
    last = path.rsplit("/", 1)[-1]
    return {"answers": {"term": 6}} if last == "{key}" else BODIES.get(last, {})


def those_who_try(site: Site) -> list[Someone]:
    return [who for who in site.matrix.people if who.county == "411082" or who.name in OTHERS]


def things_of(site: Site, kind: str) -> list[Thing]:
    found = [thing for thing in site.matrix.things if thing.kind == kind]
    assert found, f"the matrix has no {kind}: make one in each village (matrix_world.py)"
    far = [thing for thing in found if thing.county != "411082"]
    return [thing for thing in found if thing not in far[1:]]


async def test_nobody_reaches_what_is_not_his_by_any_route(site: Site) -> None:
    """S17.2, S4.3"""
    rows = list(routes_of(site))
    known = [*(right for *_, right in rows), *(Right(right.who, kind) for kind, right in LISTS.values())]
    known.append(Right(rights.LOAN_OF_STAFF.who, "misuse"))  # read on the loan
    visible = {who.id: _visible(site, who, known) for who in site.matrix.people}
    keys = {thing.key for thing in site.matrix.things if KEY.fullmatch(thing.key) and thing.kind != "person"}
    tried: set[int] = set()
    for number, (method, path, right) in enumerate(rows):
        if right.about in NOT_HERE:
            continue
        things = things_of(site, right.about) if right.about else [None]
        whole = method == "GET" and id(right) not in tried
        tried |= {id(right)} if method == "GET" else set()
        # a right's first look is tried with everything, its other routes with one thing, each time another
        row = (method, path, right)
        await _at_once(
            _try(site, who, row, thing, keys - visible[who.id])
            for at, who in enumerate(those_who_try(site))
            for thing in (things if whole else [things[(number + at) % len(things)]])
        )
    await _lists(site)
    await _totals(site)
    assert not site.leaks, "\n".join(str(leak) for leak in site.leaks)
    assert sum(site.cases.values()) >= LEAST, site.cases
    print(f"\nmatrix: {sum(site.cases.values())} cases, {dict(site.cases)}, 0 leaks")  # noqa: T201


async def _at_once(tries: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Eight at a time: they wait for the database most of the time."""
    gate = asyncio.Semaphore(8)

    async def one(attempt: Coroutine[Any, Any, None]) -> None:
        async with gate:
            await attempt

    await asyncio.gather(*(one(attempt) for attempt in tries))


def _visible(site: Site, who: Someone, rows: list[Right]) -> set[str]:
    """The keys that somebody may learn by one right or another."""
    return {
        thing.key
        for thing in site.matrix.things
        for right in rows
        if right.about == thing.kind and may(right, who, thing)
    }


async def _try(
    site: Site, who: Someone, row: tuple[str, str, Right], thing: Thing | None, unknown: set[str]
) -> None:
    method, path, right = row
    named = rights.ANYBODY in right.who or any(post.role in right.who for post in who.posts)
    allowed = named if thing is None else may(right, who, thing)
    if method != "GET" and allowed:
        return  # what it does is played elsewhere; here it would change the world
    status, answer = await site.ask(who, method, filled(path, thing), body_of(path))
    refused = (403,) if thing is None else (404,)
    if path.startswith("/console"):  # who holds no post today is to log in
        refused += (401,)
    seen = status not in refused and not _told_why(status, answer)
    site.expect(allowed, seen, who.name, method, path, thing and (thing.kind, thing.region), status)
    if status >= 500:
        site.leaks.append(("fault", who.name, method, path, thing and (thing.kind, thing.region)))
    if status == 200 and method == "GET":
        site.look_over(who, right, path, answer.decode(errors="replace"), unknown)


def _told_why(status: int, answer: bytes) -> bool:
    """Who sees a thing may be told why he may not change it."""
    words = (b'"not_allowed"', b'"own_case"', b'"not_the_borrower"', b'"not_yours"')
    return status == 422 and any(word in answer for word in words)


async def _lists(site: Site) -> None:
    """Each list holds exactly what is one's own to see, page by page."""
    for path, (kind, right) in LISTS.items():
        things = [thing for thing in site.matrix.things if thing.kind == kind]
        for who in those_who_try(site):
            status, answer = await site.ask(who, "GET", f"{path}")
            text = answer.decode() if status == 200 else ""
            ids = [str(each.get("id")) for each in json.loads(text)["items"]] if text else []
            for thing in things:
                held = thing.key in (KEY.findall(text) if len(thing.key) == 22 else ids)
                site.expect(may(right, who, thing), held, who.name, path, thing.kind, thing.region)


async def _totals(site: Site) -> None:
    """Counts and sheets count what one sees, and nothing else."""
    loans = [thing for thing in site.matrix.things if thing.kind == "loan"]
    towns = [Thing("", "", thing.county, thing.region[:9] + "000") for thing in loans[::2]]
    for who in those_who_try(site):
        mine = [loan for loan in loans if may(rights.RISK, who, loan)]
        status, answer = await site.ask(who, "GET", "/api/v1/risk-ledger")
        counted = sum(int(n) for n in re.findall(rb'"loans":(\d+)', answer)) if status == 200 else 0
        site.expect(True, counted == len(mine), who.name, "risk-ledger", counted, len(mine))
        status, answer = await site.ask(who, "GET", "/api/v1/deliveries")
        counted = int(re.findall(rb'"total":(\d+)', answer)[0]) if status == 200 else 0
        expected = 3 * sum(may(rights.DELIVERIES, who, town) for town in towns)
        site.expect(True, counted == expected, who.name, "deliveries", counted, expected)
        status, answer = await site.ask(who, "GET", "/api/v1/feedback?month=2026-11")
        sheet = _text_of(answer) if status == 200 else ""
        for loan in loans:
            held = loan.mark in sheet
            site.expect(may(rights.FEEDBACK, who, loan), held, who.name, "feedback", loan.region)


def _text_of(workbook: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(workbook)) as parts:
        return "".join(parts.read(name).decode() for name in parts.namelist() if name.endswith(".xml"))
