"""A small county with everybody in it, and applications to put on their way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from actions import demo_data
from actions.access import Actor, actor_for
from actions.applications import GivenConsent, Submission, submit
from actions.identity import Identity
from actions.routing import on_day
from models.application import LoanApplication, Task
from policies import Pack, load_packs
from rules.application import PAPERS, ApplicantKind, Application

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
"""Saturday 28 November 2026, 09:00 in Changge."""
VILLAGE = "411082101201"
FARMER_ID = "411082198503122455"
ACCOUNT = "changge"


@pytest.fixture(scope="session")
def pack() -> Pack:
    return load_packs()["changge"]


def submission(**changes: Any) -> Submission:
    """A farmer's application that every rule accepts; `changes` name fields of Submission or of its parts."""
    base = Submission(
        identity=Identity("张守田", FARMER_ID, "13800001111", VILLAGE, registered_poor=False),
        rules=Application(
            kind=ApplicantKind.FARMER,
            id_number=FARMER_ID,
            amount_fen=3_000_000,
            term_months=12,
            industry="sheep",
        ),
        own=True,
        answers={"amount": 3_000_000, "term": 12, "purpose": "买羊", "village": VILLAGE},
        form_version=1,
        consents=(GivenConsent("pledge", "2017-10-26", "a" * 64),),
    )
    parts = {
        part: {name: value for name, value in changes.items() if hasattr(getattr(base, part), name)}
        for part in ("identity", "rules")
    }
    for part, inner in parts.items():
        base = replace(base, **{part: replace(getattr(base, part), **inner)})
    whole = {
        name: value for name, value in changes.items() if not any(name in inner for inner in parts.values())
    }
    return replace(base, **whole)


def papers(pack: Pack) -> tuple[GivenConsent, ...]:
    """What a farmer agrees to when he confirms: every paper in its present version."""
    return tuple(GivenConsent(kind, pack.document(kind).version, "c" * 64) for kind in PAPERS)


@dataclass
class County:
    """The demo county in the database, with its people by name."""

    pack: Pack

    async def actor(self, person: str, now: datetime = NOW, channel: str = "chat") -> Actor:
        return await actor_for(
            ACCOUNT, "411082", f"openid-{person}", on=on_day(now), now=now, channel=channel
        )

    async def task(self, application: LoanApplication, stage: str) -> Task:
        return await Task.filter(application_id=application.id, stage=stage).order_by("-round").first()


@pytest.fixture
async def county(db: str, pack: Pack) -> County:
    identities = {person.id: ((ACCOUNT, f"openid-{person.id}", ""),) for person in demo_data.CHANGGE.people}
    await demo_data.make_county(demo_data.CHANGGE, identities, NOW)
    return County(pack)


Submit = Callable[..., Awaitable[LoanApplication]]


@pytest.fixture
def apply(county: County) -> Submit:
    async def apply(person: str = "zhang", now: datetime = NOW, **changes: Any) -> LoanApplication:
        return await submit(await county.actor(person), submission(**changes), county.pack, now)

    return apply
