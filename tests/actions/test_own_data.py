"""One's own data: consents taken back, everything exported, corrected, deleted; holds (S6.6, S17.2)."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import orjson
import pytest

from actions import consents, own_data, tasks
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import LoanApplication, Task
from models.conversation import Consent, Draft, StoredFile
from models.people import Person, WechatUser
from models.privacy import LegalHold, PrivacyRequest
from models.sealing import new_key
from models.work import AuditEntry
from tests.actions.conftest import NOW, County, Submit, papers


async def test_taking_the_authorisation_back_ends_the_application_and_the_ledger_says_so(
    county: County, apply: Submit
) -> None:
    """S6.6, S1.4: the consequence is told first; another's paper and a pledge cannot be taken back."""
    application = await apply(consents=papers(county.pack))
    zhang, li = await county.actor("zhang"), await county.actor("li")
    lines = {line.kind: line for line in await consents.ledger(zhang, county.pack)}
    assert set(lines) == {"credit_query_consent", "notice_of_terms", "pledge"}
    given = lines["credit_query_consent"]
    assert (given.application, given.channel, given.means) == (application.number, "chat", "wechat")
    assert "停办" in given.consequence
    assert "不能单独收回" in lines["pledge"].why_not
    with pytest.raises(RuleRefused, match="不能单独收回"):
        await consents.withdraw(zhang, lines["pledge"].id, county.pack, NOW)
    with pytest.raises(NotFound):
        await consents.withdraw(li, given.id, county.pack, NOW)
    for _ in range(2):
        taken = await consents.withdraw(zhang, given.id, county.pack, NOW)
    assert (taken.withdrawn_at, taken.consequence) == (NOW, "")
    assert (await LoanApplication.get(id=application.id)).state == "withdrawn"
    assert not await Task.filter(application_id=application.id, state="open").exists()
    assert await AuditEntry.filter(action="withdraw_consent").count() == 1
    older = await consents.ledger(zhang, county.pack, after=max(line.id for line in lines.values()), limit=1)
    assert len(older) == 1


async def test_of_two_requests_at_once_one_counts(county: County) -> None:
    """S17.2: the county has one thing to answer."""
    zhang = await county.actor("zhang")
    asks = [own_data.ask(zhang, "deletion", "都删掉", county.pack, NOW) for _ in range(3)]
    found = await asyncio.gather(*asks, return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Conflict", "Conflict", "RequestView"]
    task = await Task.get(kind="privacy_request")
    liu = await county.actor("liu")
    closes = [tasks.close(liu, task.key, outcome, county.pack, NOW) for outcome in ("granted", "refused")]
    done = await asyncio.gather(*closes, return_exceptions=True)
    assert len([each for each in done if isinstance(each, Task)]) == 1
    assert await AuditEntry.filter(action__in=["deletion_granted", "deletion_refused"]).count() == 1


async def test_an_approved_application_stops_too_and_a_paper_without_one_has_no_other_effect(
    county: County, apply: Submit
) -> None:
    """S6.6: until the money is paid out, as the paper says."""
    application = await apply(consents=papers(county.pack))
    zhang = await county.actor("zhang")
    progress = {**application.progress, "state": "approved"}
    await LoanApplication.filter(id=application.id).update(state="approved", progress=progress)
    paper = await Consent.get(kind="credit_query_consent")
    await consents.withdraw(zhang, paper.id, county.pack, NOW)
    assert (await LoanApplication.get(id=application.id)).state == "withdrawn"
    await Consent.filter(id=paper.id).update(withdrawn_at=None, application_id=None)
    taken = await consents.withdraw(zhang, paper.id, county.pack, NOW)
    assert (taken.withdrawn_at, taken.application) == (NOW, None)


async def test_everything_about_oneself_is_exported_and_who_looked(county: County, apply: Submit) -> None:
    """S17.2: what staff saw stands in it by their role; nothing of others does."""
    application = await apply(consents=papers(county.pack))
    task = await county.task(application, "acquiring_bank_review")
    await tasks.view_task(await county.actor("chen"), task.key, NOW)
    zhang = await county.actor("zhang")
    found = await own_data.export(zhang, NOW)
    assert found["person"]["id_number"] == "411082198503122455"
    assert [each["number"] for each in found["applications"]] == [application.number]
    assert [(each["action"], each["role"]) for each in found["looked_at_by"]] == [("view", "loan_officer")]
    assert len(found["consents"]) == 3
    assert orjson.dumps(found)
    assert await AuditEntry.filter(action="export_own", actor_id=zhang.person_id).count() == 1
    other = await own_data.export(await county.actor("li"), NOW)
    assert (other["applications"], other["looked_at_by"], other["consents"]) == ([], [], [])


async def test_a_new_number_is_put_in_when_the_centre_agrees_within_fifteen_working_days(
    county: County, apply: Submit
) -> None:
    """S17.2 (PIPL art. 46, 50)"""
    await apply()
    zhang, liu = await county.actor("zhang"), await county.actor("liu")
    with pytest.raises(RuleRefused):
        await own_data.ask(zhang, "correction", "换号了", county.pack, NOW, phone="123")
    with pytest.raises(RuleRefused):
        await own_data.ask(zhang, "correction", " ", county.pack, NOW)
    asked = await own_data.ask(zhang, "correction", "换号了", county.pack, NOW, phone="13911112222")
    assert asked.due_on == date(2026, 12, 18)
    with pytest.raises(Conflict):
        await own_data.ask(zhang, "correction", "再改", county.pack, NOW)
    (task,) = [each for each in await tasks.inbox(liu, NOW) if each.kind == "privacy_request"]
    assert "1391" not in task.note
    shown = await own_data.of_task(liu, task.key, NOW)
    assert shown is not None
    assert (shown.person, shown.words) == ("张守田", "换号了\n13911112222")
    assert await AuditEntry.filter(action="view", actor_id=liu.person_id, subject_kind="person").exists()
    with pytest.raises(RuleRefused):
        await tasks.close(liu, task.key, "told", county.pack, NOW)
    await tasks.close(liu, task.key, "granted", county.pack, NOW)
    assert (await Person.get(id=zhang.person_id)).phone == "13911112222"
    (answered,) = await own_data.mine(zhang)
    assert (answered.state, answered.done) == ("granted", "手机号已经更正。")
    again = await own_data.ask(zhang, "correction", "名字写错了", county.pack, NOW)
    row = await PrivacyRequest.get(key=again.key)
    await tasks.close(liu, (await Task.get(id=row.task_id)).key, "granted", county.pack, NOW)
    assert "联系您" in (await own_data.mine(zhang))[0].done
    third = await own_data.ask(zhang, "correction", "不对", county.pack, NOW)
    row = await PrivacyRequest.get(key=third.key)
    await tasks.close(liu, (await Task.get(id=row.task_id)).key, "refused", county.pack, NOW)
    assert "没有同意" in (await own_data.mine(zhang))[0].done


async def test_deleting_leaves_contract_records_and_takes_the_rest(county: County, apply: Submit) -> None:
    """S17.2 (PIPL art. 47): contracts stay, all else goes; a hold stops it."""
    await apply()
    liu = await county.actor("liu")
    ids = {}
    for name in ("zhang", "li"):
        actor = await county.actor(name)
        ids[name] = actor.person_id
        await Draft.create(
            county="411082", person_id=actor.person_id, form="f", state_sealed=b"x", created_at=NOW,
            updated_at=NOW, expires_at=NOW,
        )  # fmt: skip
        await StoredFile.create(
            county="411082", owner_id=actor.person_id, purpose="photo", state="stored", created_at=NOW
        )
        await database.execute(
            """INSERT INTO inbox (dedupe_key, county, account, openid, kind, event, said_at, received_at,
                 body_sealed, state, note)
               VALUES ($1, '411082', $2, $3, 'text', '', $4, $4, 'x', 'done', '')""",
            new_key(), actor.account, actor.openid, NOW,
        )  # fmt: skip
    await Person.filter(id=ids["li"]).update(name_sealed=b"x")
    keys = {name: (await Person.get(id=row)).key for name, row in ids.items()}
    for name in ("zhang", "li"):
        await own_data.hold(None, keys[name], "法院要求", "411082", NOW)
        await own_data.hold(None, keys[name], "法院要求", "411082", NOW)
        await own_data.ask(await county.actor(name), "deletion", "都删了", county.pack, NOW)
    assert await LegalHold.all().count() == 2
    for request in await PrivacyRequest.all():
        task = await Task.get(id=request.task_id)
        with pytest.raises(RuleRefused, match="封存"):
            await tasks.close(liu, task.key, "granted", county.pack, NOW)
    assert await StoredFile.all().count() == 2
    for key in keys.values():
        assert await own_data.lift_hold(liu, key, "411082", NOW)
        assert not await own_data.lift_hold(liu, key, "411082", NOW)
    for request in await PrivacyRequest.all():
        await tasks.close(liu, (await Task.get(id=request.task_id)).key, "granted", county.pack, NOW)
    assert not await StoredFile.exists()
    assert not await Draft.filter(state_sealed__isnull=False, form="f").exists()
    (left,) = await database.fetch("SELECT count(*) AS n FROM inbox WHERE body_sealed IS NOT NULL")
    assert left["n"] == 0
    assert (await Person.get(id=ids["zhang"])).name == "张守田"
    assert (await Person.get(id=ids["li"])).name_sealed is None
    assert await LoanApplication.filter(applicant_id=ids["zhang"]).exists()
    assert await WechatUser.filter(person_id=ids["zhang"]).exists()
    with pytest.raises(RuleRefused):
        await own_data.hold(None, "nobody", "x", "411082", NOW)
    assert not await own_data.lift_hold(None, "nobody", "411082", NOW)


async def test_nobody_answers_his_own_request(county: County) -> None:
    """S4.3"""
    liu = await county.actor("liu")
    asked = await own_data.ask(liu, "deletion", "都删了", county.pack, NOW)
    task = await Task.get(id=(await PrivacyRequest.get(key=asked.key)).task_id)
    with pytest.raises(RuleRefused, match="不能办自己的事"):
        await tasks.close(liu, task.key, "granted", county.pack, NOW + timedelta(hours=1))
    other = await Task.create(
        county="411082", kind="vacancy", role="county_clerk", region="411082000000", opened_at=NOW, due_at=NOW
    )
    assert await own_data.of_task(liu, other.key, NOW) is None
