"""Who may decide what: bodies with limits, and five posts that are five people. S4.3, S4.4, S17.1"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date
from typing import Any

import pytest

from actions import organisations, tasks, visits
from actions.shown import shown_application
from bot.errors import RuleRefused
from models.application import Decision, Task, Visit
from models.people import Organisation, Post
from models.work import AuditEntry
from rules.routes import Decision as Said
from tests.actions.conftest import NOW, County, Submit
from tests.actions.test_visit_plans import operator_loan, photos

ON = date(2026, 11, 28)


async def refusal(work: Awaitable[Any]) -> str:
    with pytest.raises(RuleRefused) as refused:
        await work
    return refused.value.code


async def test_the_systems_administrator_makes_bodies_and_sets_their_limits(county: County) -> None:
    """S17.1, S4.4"""
    jin, liu = await county.actor("jin"), await county.actor("liu")
    make, town = organisations.make, "411082101000"
    assert await refusal(make(liu, "partner_bank", "坡胡信用社", town, NOW)) == "not_allowed"
    for kind, name, region, code in (
        ("pub", "坡胡信用社", town, "kind"),
        ("partner_bank", " ", town, "name"),
        ("partner_bank", "坡胡信用社", "522301101000", "region"),
        ("partner_bank", "坡胡信用社", "411082999000", "region"),
        ("partner_bank", "长葛合作银行", town, "there_already"),
    ):
        assert await refusal(make(jin, kind, name, region, NOW)) == code
    made = await make(jin, "partner_bank", " 坡胡信用社 ", town, NOW)
    assert (made.name, made.roles, made.authority) == ("坡胡信用社", ("bank_officer",), None)
    limits = {"farmer": 5_000_000}
    centre = await Organisation.get(county="411082", kind="county_centre")
    assert await refusal(organisations.set_authority(liu, made.key, limits, NOW)) == "not_allowed"
    assert await refusal(organisations.set_authority(jin, centre.key, limits, NOW)) == "not_found"
    assert await refusal(organisations.set_authority(jin, made.key, {"farmer": -1}, NOW)) == "limit"
    assert (await organisations.set_authority(jin, made.key, limits, NOW)).authority == limits
    assert made.key in {each.key for each in await organisations.listed(liu)}
    entry = await AuditEntry.get(action="set_authority")
    assert entry.details == {"before": None, "after": limits}
    assert (await organisations.set_authority(jin, made.key, None, NOW)).authority is None


async def test_what_is_beyond_a_body_goes_to_the_one_above_it(county: County, apply: Submit) -> None:
    """S4.4: the town's bank lends to farmers up to its limit, the county's the rest."""
    jin = await county.actor("jin")
    above = await Organisation.get(county="411082", kind="partner_bank")
    town = await organisations.make(jin, "partner_bank", "坡胡信用社", "411082101000", NOW)
    await organisations.set_authority(jin, town.key, {"farmer": 3_000_000}, NOW)
    small = await apply("zhang")
    large = await apply(
        "li", id_number="411082197805203125", name="李秀英", phone="13800002222", amount_fen=3_010_000
    )
    body = await Organisation.get(key=town.key)
    assert (small.partner_bank_id, large.partner_bank_id) == (body.id, above.id)


async def test_who_surveyed_a_loan_does_not_decide_it(county: County, apply: Submit) -> None:
    """S4.3: five posts on one loan are five people, whatever the amount."""
    application = await apply()
    chen = await county.actor("chen")
    body = await Organisation.get(county="411082", kind="village_station", region=application.village)
    await Post.create(
        county="411082", person_id=chen.person_id, organisation=body, role="cadre",
        region=application.village, from_on=ON,
    )  # fmt: skip
    chen = await county.actor("chen")
    survey = await Task.get(application_id=application.id, kind="visit")
    await Visit.create(
        county="411082", client_id="c", task_id=survey.id, application_id=application.id,
        visitor_id=chen.person_id, device_at=NOW, received_at=NOW, findings={}, photos=[], result="confirmed",
    )  # fmt: skip
    review = await county.task(application, "acquiring_bank_review")
    shown = (await shown_application(application)).hash
    decide = tasks.decide(chen, review.key, Said.APPROVE, county.pack, NOW, shown_hash=shown)
    assert await refusal(decide) == "decided_before"
    await Visit.all().delete()
    shown = (await shown_application(application)).hash
    await tasks.decide(chen, review.key, Said.APPROVE, county.pack, NOW, shown_hash=shown)
    assert await Decision.filter(reviewer_id=chen.person_id).exists()
    report = visits.VisitReport("d", NOW, "confirmed", photos=("a", "b", "c"))
    assert await refusal(visits.record(chen, survey.key, report, county.pack, NOW)) == "decided_before"


async def test_who_decided_at_the_bank_does_not_inspect_the_loan_afterwards(
    county: County, apply: Submit
) -> None:
    """S4.3: the inspection is a post of its own; the county's clerk, who is none of the five, may look."""
    zhao, liu = await county.actor("zhao"), await county.actor("liu")
    loan = await operator_loan(apply)
    task = await Task.create(
        county="411082", kind="post_loan_visit", loan_id=loan.id, role="bank_officer",
        organisation_id=loan.bank_id, region=loan.village, escalated_roles=["county_clerk"],
        opened_at=NOW, due_at=NOW,
    )  # fmt: skip
    for actor, body in ((zhao, loan.bank_id), (liu, None)):
        await Decision.create(
            county="411082", application_id=loan.application_id, round=1, stage=f"s{actor.person_id}",
            reviewer_id=actor.person_id, organisation_id=body, decision="approve", shown_hash="x",
            channel="chat", decided_at=NOW,
        )  # fmt: skip
    report = visits.VisitReport("e", NOW, "normal", photos=tuple(await photos(zhao)))
    assert await refusal(visits.record(zhao, task.key, report, county.pack, NOW)) == "decided_before"
    report = visits.VisitReport("f", NOW, "normal", photos=tuple(await photos(liu)))
    assert (await visits.record(liu, task.key, report, county.pack, NOW)).loan_id == loan.id
