"""The disposal list: opened by the night, decided by the bank, closed when paid; 失信 with its evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from actions import defaulters, disposal
from actions.disposal import Given
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.disposal import Defaulter, Disposal
from models.loan import Loan
from models.people import Person
from models.warnings import CreditEvent
from models.work import AuditEntry
from rules.disposal import Ability, Way, Willingness
from tests.actions.conftest import NOW, County
from tests.actions.risk_world import TODAY, Line, at, lend, pay, run_night


async def given(county: County, **changes: object) -> Given:
    person = await Person.get(id=(await county.actor("zhao")).person_id)
    base = Given(
        cause="market",
        ability=Ability.PARTLY,
        willingness=Willingness.WILLING,
        way=Way.COLLECTION,
        responsible=person.key,
        by_on=TODAY + timedelta(days=30),
        remark="羊价低，先还利息",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


async def entry_of(loan: Loan) -> Disposal:
    return await Disposal.filter(loan_id=loan.id).order_by("-id").first()


async def test_a_loan_overdue_beyond_the_pack_s_day_is_listed_once(county: County) -> None:
    """S12.2: seven days are not beyond seven, eight are; a night run again lists nothing twice."""
    early, late = await lend([Line(7)]), await lend([Line(8)])
    await run_night(county)
    await run_night(county)
    assert await entry_of(early) is None
    entry = await entry_of(late)
    assert (entry.state, entry.overdue_since) == ("open", TODAY - timedelta(days=8))
    assert await Disposal.filter(loan_id=late.id).count() == 1
    task = await Task.get(loan_id=late.id, kind="disposal")
    assert (task.role, task.organisation_id, task.state) == ("bank_officer", late.bank_id, "open")


async def test_an_officer_says_cause_ability_willingness_way_who_and_by_when(county: County) -> None:
    """S12.2: the same again changes nothing; the task is done; audited without a word about the person."""
    loan = await lend([Line(40)])
    await run_night(county)
    officer, entry = await county.actor("zhao"), await entry_of(loan)
    said = await disposal.decide(officer, entry.key, await given(county), county.pack, NOW)
    assert (said.state, said.cause, said.way, said.remark) == (
        "decided",
        "market",
        "collection",
        "羊价低，先还利息",
    )
    again = await disposal.decide(officer, entry.key, await given(county), county.pack, NOW)
    assert again.round == said.round == 1
    assert (await Task.get(loan_id=loan.id, kind="disposal")).outcome == "collection"
    (noted,) = await AuditEntry.filter(action="dispose")
    assert noted.details["cause"] == "market"
    raw = await database.fetch("SELECT remark_sealed FROM disposal")
    assert "羊价".encode() not in bytes(raw[0]["remark_sealed"])


async def test_what_does_not_fit_is_refused_and_nothing_changes(county: County) -> None:
    """S12.2, S17.1"""
    loan = await lend([Line(40)])
    await run_night(county)
    officer, entry = await county.actor("zhao"), await entry_of(loan)
    wrong = [
        {"cause": "weather"},
        {"by_on": TODAY - timedelta(days=1)},
        {"by_on": TODAY + timedelta(days=365)},
        {"responsible": "nobody"},
        {"way": Way.EXTENSION, "cause": "misused"},
        {"way": Way.COMPENSATION, "ability": Ability.ABLE},
        {"way": Way.RENEWAL, "willingness": Willingness.UNWILLING},
        {"remark": "长" * 501},
    ]
    for changes in wrong:
        with pytest.raises(RuleRefused):
            await disposal.decide(officer, entry.key, await given(county, **changes), county.pack, NOW)
    for somebody in ("liu", "sun"):
        with pytest.raises(RuleRefused):
            await disposal.decide(
                await county.actor(somebody), entry.key, await given(county), county.pack, NOW
            )
    for somebody in ("he", "chen", "zhang"):  # another town, another bank, a farmer
        with pytest.raises(NotFound):
            await disposal.show(await county.actor(somebody), entry.key, NOW)
    assert (await entry_of(loan)).state == "open"


async def test_paid_up_closes_the_entry_and_its_task(county: County) -> None:
    """S12.2: and a new time of arrears is a new entry."""
    loan = await lend([Line(40), Line(-10)])
    await run_night(county)
    first = await entry_of(loan)
    await pay(loan, days=1)
    await run_night(county, 1)
    closed = await Disposal.get(id=first.id)
    assert (closed.state, closed.closed_on) == ("closed", TODAY + timedelta(days=1))
    assert (await Task.get(loan_id=loan.id, kind="disposal")).outcome == "paid"
    with pytest.raises(Conflict):
        await disposal.decide(await county.actor("zhao"), first.key, await given(county), county.pack, NOW)
    await run_night(county, 18)
    assert (await entry_of(loan)).id != first.id
    await run_night(county, 0)  # an old night run again does not list it again
    assert await Disposal.filter(loan_id=loan.id).count() == 2


async def test_what_is_not_done_by_its_day_is_open_again(county: County) -> None:
    """S12.2: by when."""
    loan = await lend([Line(40)])
    await run_night(county)
    entry = await entry_of(loan)
    await disposal.decide(await county.actor("zhao"), entry.key, await given(county), county.pack, NOW)
    await run_night(county, 30)
    assert (await entry_of(loan)).state == "decided"
    await run_night(county, 31)
    again = await entry_of(loan)
    assert (again.state, again.round) == ("open", 2)
    assert await Task.filter(loan_id=loan.id, kind="disposal", state="open", round=2).count() == 1


async def test_able_but_unwilling_is_listed_with_evidence_and_handed_to_law(county: County) -> None:
    """S12.4: evidence frozen with its hash; one task for law; an event for the credit; once."""
    loan = await lend([Line(40), Line(70, 65)])
    await run_night(county)
    officer, entry = await county.actor("zhao"), await entry_of(loan)
    refuses = await given(county, cause="refuses", ability=Ability.ABLE, willingness=Willingness.UNWILLING)
    said = await disposal.decide(officer, entry.key, refuses, county.pack, NOW)
    await disposal.decide(officer, entry.key, refuses, county.pack, NOW)
    case = await Defaulter.get(loan_id=loan.id)
    assert said.defaulter_key == case.key
    view = await defaulters.show(officer, case.key, NOW)
    assert view.intact
    assert [line["paid_on"] for line in view.evidence["lines"]] == [
        (TODAY - timedelta(days=65)).isoformat(),
        None,
    ]
    assert "马大有" not in str(view.evidence)
    assert await CreditEvent.filter(loan_id=loan.id, kind="defaulter").count() == 1
    (task,) = await Task.filter(loan_id=loan.id, kind="hand_to_law")
    assert (task.role, task.organisation_id) == ("bank_officer", loan.bank_id)
    await Defaulter.filter(id=case.id).update(evidence={"lines": []})
    assert not (await defaulters.show(officer, case.key, NOW)).intact


async def test_only_the_county_takes_somebody_off_the_list(county: County) -> None:
    """S12.4"""
    loan = await lend([Line(40)])
    await run_night(county)
    officer, entry = await county.actor("zhao"), await entry_of(loan)
    refuses = await given(county, cause="refuses", ability=Ability.ABLE, willingness=Willingness.UNWILLING)
    await disposal.decide(officer, entry.key, refuses, county.pack, NOW)
    case = await Defaulter.get(loan_id=loan.id)
    with pytest.raises(RuleRefused):
        await defaulters.remove(officer, case.key, "已经还清", NOW)
    clerk = await county.actor("liu")
    with pytest.raises(RuleRefused):
        await defaulters.remove(clerk, case.key, "", NOW)
    removed = await defaulters.remove(clerk, case.key, "已经还清", at(3))
    assert removed.removed_on == TODAY + timedelta(days=3)
    assert (await CreditEvent.get(loan_id=loan.id, kind="defaulter")).cured_on == TODAY + timedelta(days=3)
