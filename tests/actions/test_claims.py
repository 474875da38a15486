"""认领 and 更正: whose WeChat is whose, and who may say so (S1.7, S17.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest

from actions import bindings, claims, status, tasks
from actions.access import Actor
from actions.claims import ClaimView
from actions.subjects import claim_code
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import LoanApplication, Task
from models.conversation import Draft, StoredFile
from models.identity import IdentityClaim
from models.notice import Notice
from models.people import ApiSession, Organisation, Person, Post, WechatUser
from models.sealing import one_time_code
from models.work import AuditEntry
from tests.actions.conftest import ACCOUNT, FARMER_ID, NOW, County, Submit

OTHER_ID = "41108219750101451X"
Begin = Callable[..., Awaitable[tuple[Actor, ClaimView]]]


@pytest.fixture
async def registered(county: County, apply: Submit) -> LoanApplication:
    """What the cadre filled in for 张守田, who uses no WeChat yet."""
    return await apply("wang", own=False)


@pytest.fixture
def begin(county: County, registered: LoanApplication) -> Begin:
    async def begin(who: str = "zhang", name: str = "张守田") -> tuple[Actor, ClaimView]:
        actor = await county.actor(who, channel="page")
        return actor, await claims.begin(actor, name, FARMER_ID, county.pack, NOW)

    return begin


async def code_of(claim: ClaimView) -> str:
    row = await IdentityClaim.get(key=claim.key)
    return one_time_code(claim_code(row.key, row.sent))


async def refusal(work: Awaitable[object]) -> str:
    with pytest.raises(RuleRefused) as refused:
        await work
    return refused.value.code


async def test_name_id_number_and_phone_are_known_to_many_and_bind_nothing(
    county: County, registered: LoanApplication, apply: Submit
) -> None:
    """S1.7: the clerk, the family and the neighbours know all three."""
    code = await refusal(apply("zhang"))
    assert code == "prove_identity"
    assert (await county.actor("zhang")).person_id != registered.applicant_id


async def test_the_code_on_the_registered_phone_binds(
    county: County, registered: LoanApplication, begin: Begin, apply: Submit
) -> None:
    """S1.7, S18.8: the code goes to the phone on file, stands in no row, and he sees the application."""
    actor, claim = await begin()
    assert (claim.phone, claim.code_until) == ("138****1111", None)
    sent = await claims.send_code(actor, claim.key, county.pack, NOW)
    assert sent.code_until == NOW + timedelta(minutes=5)
    (told,) = await Notice.filter(kind="identity_code")
    code = await code_of(claim)
    assert (told.person_id, code in str(told.facts)) == (registered.applicant_id, False)
    bound = await claims.enter_code(actor, claim.key, code, county.pack, NOW)
    assert (bound.state, bound.means) == ("bound", "sms")
    zhang = await county.actor("zhang")
    assert zhang.person_id == registered.applicant_id
    assert [view.may_confirm and view.own for view in await status.my_applications(zhang, NOW)] == [True]
    entry = await AuditEntry.get(action="bind")
    assert (entry.subject_id, entry.details["means"]) == (zhang.person_id, "sms")
    assert await Notice.filter(kind="identity_bound", person_id=zhang.person_id).count() == 1


async def test_a_code_ends_after_five_minutes_and_five_tries(county: County, begin: Begin) -> None:
    """S1.7: and then another one is sent, which the old one is not."""
    actor, claim = await begin()
    assert await refusal(claims.enter_code(actor, claim.key, "123456", county.pack, NOW)) == "no_code"
    await claims.send_code(actor, claim.key, county.pack, NOW)
    first = await code_of(claim)
    late = NOW + timedelta(minutes=5)
    assert await refusal(claims.enter_code(actor, claim.key, first, county.pack, late)) == "code_expired"
    wrong = f"{(int(first) + 1) % 1_000_000:06d}"
    for _ in range(5):
        assert await refusal(claims.enter_code(actor, claim.key, wrong, county.pack, NOW)) == "wrong_code"
    assert await refusal(claims.enter_code(actor, claim.key, first, county.pack, NOW)) == "too_many_tries"
    await claims.send_code(actor, claim.key, county.pack, late)
    second = await code_of(claim)
    assert second != first
    assert (await claims.enter_code(actor, claim.key, second, county.pack, late)).state == "bound"


async def test_nobodys_phone_rings_for_ever(county: County, begin: Begin) -> None:
    """S1.7: three an hour, whoever asks."""
    for who in ("zhang", "li", "stranger"):
        actor, claim = await begin(who)
        await claims.send_code(actor, claim.key, county.pack, NOW)
    actor, claim = await begin("another")
    assert await refusal(claims.send_code(actor, claim.key, county.pack, NOW)) == "too_many_codes"


async def test_a_wrong_name_an_unknown_number_and_somebody_with_a_wechat_are_answered_alike(
    county: County, begin: Begin, apply: Submit
) -> None:
    """S1.7, S17.2: whoever tries numbers learns nothing, and soon may try no more."""
    await apply("li", id_number=OTHER_ID, name="郭大山", phone="13800002222")
    actor = await county.actor("zhang")
    guesses = [("李四", FARMER_ID), ("张守田", "411082197805203125"), ("郭大山", OTHER_ID)]
    for name, number in guesses:
        assert await refusal(claims.begin(actor, name, number, county.pack, NOW)) == "nobody_to_claim"
    for _ in range(2):
        await claims.begin(actor, "张守田", FARMER_ID, county.pack, NOW)
    assert await refusal(claims.begin(actor, "张守田", FARMER_ID, county.pack, NOW)) == "too_many_claims"


async def test_who_is_registered_already_or_staff_claims_nobody(county: County, begin: Begin) -> None:
    """S1.7, S17.1"""
    assert await refusal(begin("chen")) == "already_bound"


async def test_a_claim_is_its_claimers_alone(county: County, begin: Begin) -> None:
    """S17.2"""
    _, claim = await begin()
    with pytest.raises(NotFound):
        await claims.send_code(await county.actor("li"), claim.key, county.pack, NOW)


async def test_what_was_begun_comes_along(county: County, begin: Begin) -> None:
    """S1.1: the half-filled form and its pictures are his afterwards, too."""
    actor, claim = await begin()
    draft = await Draft.create(
        county="411082", person_id=actor.person_id, form="loan_application", created_at=NOW, updated_at=NOW,
        expires_at=NOW + timedelta(days=30),
    )  # fmt: skip
    photo = await StoredFile.create(
        county="411082", owner_id=actor.person_id, purpose="photo", state="stored", created_at=NOW
    )
    await claims.send_code(actor, claim.key, county.pack, NOW)
    await claims.enter_code(actor, claim.key, await code_of(claim), county.pack, NOW)
    zhang = await county.actor("zhang")
    assert (await Draft.get(id=draft.id)).person_id == zhang.person_id
    assert (await StoredFile.get(id=photo.id)).owner_id == zhang.person_id


async def in_person(county: County, begin: Begin) -> tuple[Actor, ClaimView, Task]:
    actor, claim = await begin()
    await claims.ask_cadre(actor, claim.key, county.pack, NOW)
    await claims.ask_cadre(actor, claim.key, county.pack, NOW)
    (task,) = await Task.filter(kind="identity_check")
    return actor, claim, task


async def test_without_that_phone_the_cadre_looks_at_the_person(county: County, begin: Begin) -> None:
    """S1.7: the task names the number on the claimer's screen; the phone that is on file hears of it."""
    _, claim, task = await in_person(county, begin)
    assert (task.role, task.region) == ("cadre", "411082101201")
    wang = await county.actor("wang")
    assert claim.check_number in (await tasks.view_task(wang, task.key, NOW)).note
    await tasks.close(wang, task.key, "confirmed", county.pack, NOW)
    zhang = await county.actor("zhang")
    assert zhang.person_id == task.person_id
    assert {row.kind for row in await Notice.filter(person_id=zhang.person_id)} >= {
        "identity_bound", "identity_warning",
    }  # fmt: skip


async def test_the_cadre_says_that_it_is_not_he(county: County, begin: Begin) -> None:
    """S1.7: nothing is bound, and the claimer is told."""
    actor, claim, task = await in_person(county, begin)
    wang = await county.actor("wang")
    assert await refusal(tasks.close(wang, task.key, "told", county.pack, NOW)) == "outcome"
    await tasks.close(wang, task.key, "not_him", county.pack, NOW)
    assert (await county.actor("zhang")).person_id == actor.person_id
    assert (await IdentityClaim.get(key=claim.key)).state == "refused"
    assert await Notice.filter(kind="identity_refused", person_id=actor.person_id).exists()
    with pytest.raises(Conflict):
        await claims.send_code(actor, claim.key, county.pack, NOW)


async def second_clerk(county: County, who: str = "ma") -> Actor:
    person = await Person.get(id=(await county.actor(who)).person_id)
    centre = await Organisation.get(kind="county_centre", county="411082")
    await Post.create(
        county="411082", person=person, organisation=centre, role="county_clerk", region="411082000000",
        from_on=date(2026, 1, 1),
    )  # fmt: skip
    return await county.actor(who)


async def test_two_of_the_centre_take_a_wechat_away(county: County, apply: Submit) -> None:
    """S1.7, S17.2: who asks does not confirm; logins end; both phones are told; it can be claimed anew."""
    await apply("zhang")
    zhang, liu = await county.actor("zhang"), await county.actor("liu")
    await ApiSession.create(
        county="411082", token_sha256=b"x" * 32, person_id=zhang.person_id, account=ACCOUNT,
        openid=zhang.openid, created_at=NOW, expires_at=NOW + timedelta(days=7),
    )  # fmt: skip
    await Post.filter(role="safety_administrator").update(to_on=NOW.date() - timedelta(days=1))
    assert (
        await refusal(bindings.ask(liu, FARMER_ID, "", "本人说手机丢了", county.pack, NOW))
        == "no_second_person"
    )
    ma = await second_clerk(county)
    await bindings.ask(liu, FARMER_ID, "", "本人说手机丢了", county.pack, NOW)
    task = await Task.get(kind="binding_check")
    assert FARMER_ID not in task.note
    assert await refusal(tasks.close(liu, task.key, "confirmed", county.pack, NOW)) == "own_case"
    assert (await county.actor("zhang")).person_id == zhang.person_id
    await tasks.close(ma, task.key, "confirmed", county.pack, NOW)
    after = await county.actor("zhang")
    assert after.person_id != zhang.person_id
    assert (await ApiSession.get(openid=zhang.openid)).ended_at == NOW
    told = {row.person_id for row in await Notice.filter(kind="binding_removed")}
    assert told == {zhang.person_id, after.person_id}
    entry = await AuditEntry.get(action="binding_change_done")
    assert (entry.actor_id, entry.details["asked_by"]) == (ma.person_id, liu.person_id)
    claim = await claims.begin(await county.actor("zhang"), "张守田", FARMER_ID, county.pack, NOW)
    assert claim.state == "open"


async def test_a_wechat_bound_by_mistake_is_given_to_whom_it_belongs(county: County, apply: Submit) -> None:
    """S1.7: 张守田's WeChat was used to apply in his brother's name."""
    wrong = await apply("zhang", id_number=OTHER_ID, name="张守业", phone="13800003333")
    right = await apply("wang", own=False)
    ma, liu = await second_clerk(county), await county.actor("liu")
    await bindings.ask(liu, OTHER_ID, FARMER_ID, "填成了哥哥的身份证", county.pack, NOW)
    with pytest.raises(Conflict):
        await bindings.ask(liu, OTHER_ID, FARMER_ID, "填成了哥哥的身份证", county.pack, NOW)
    task = await Task.get(kind="binding_check")
    await tasks.close(ma, task.key, "confirmed", county.pack, NOW)
    assert (await county.actor("zhang")).person_id == right.applicant_id
    assert not await WechatUser.filter(person_id=wrong.applicant_id).exists()
    (listed,) = await bindings.listed(liu)
    assert (listed.state, listed.person) == ("done", "张*")


async def test_what_the_second_person_refuses_changes_nothing(county: County, apply: Submit) -> None:
    """S1.7"""
    await apply("zhang")
    zhang, liu = await county.actor("zhang"), await county.actor("liu")
    ma = await second_clerk(county)
    await bindings.ask(liu, FARMER_ID, "", "本人说手机丢了", county.pack, NOW)
    await tasks.close(ma, (await Task.get(kind="binding_check")).key, "refused", county.pack, NOW)
    assert (await county.actor("zhang")).person_id == zhang.person_id
    with pytest.raises(RuleRefused) as refused:
        await bindings.ask(await county.actor("wang"), FARMER_ID, "", "本人说手机丢了", county.pack, NOW)
    assert refused.value.rule == "S17.1"


async def test_where_the_centre_has_one_clerk_the_safety_administrator_confirms(
    county: County, apply: Submit
) -> None:
    """S1.7, S17.1"""
    await apply("zhang")
    zhang, liu, an = [await county.actor(each) for each in ("zhang", "liu", "an")]
    await bindings.ask(liu, FARMER_ID, "", "本人说手机丢了", county.pack, NOW)
    task = await Task.get(kind="binding_check")
    assert task.role == "safety_administrator"
    await tasks.close(an, task.key, "confirmed", county.pack, NOW)
    assert (await county.actor("zhang")).person_id != zhang.person_id
