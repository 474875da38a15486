"""An officer's WeChat is connected with his post by a code that is good once. S17.1"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from actions import joining
from actions.access import actor_for
from bot.errors import RuleRefused
from models.credential import JoinCode
from models.notice import Notice
from models.people import Organisation, Person, Post, WechatUser
from models.work import AuditEntry
from tests.actions.conftest import ACCOUNT, NOW, County, Submit

ON = date(2026, 11, 28)


async def refusal(work: Awaitable[Any]) -> str:
    with pytest.raises(RuleRefused) as refused:
        await work
    return refused.value.code


async def newcomer(name: str = "马晓燕") -> Person:
    """A clerk of the county who has no WeChat yet."""
    body = await Organisation.get(county="411082", kind="county_centre")
    person = Person(county="411082", created_at=NOW)
    person.name = name
    await person.save()
    await Post.create(
        county="411082", person=person, organisation=body, role="county_clerk", region="411082000000",
        from_on=ON,
    )  # fmt: skip
    return person


async def test_a_code_connects_one_wechat_with_one_person(county: County) -> None:
    """S17.1"""
    jin, ma = await county.actor("jin"), await newcomer()
    void = await joining.make_code(jin, ma.key, NOW)
    scene = await joining.make_code(await county.actor("liu"), ma.key, NOW)
    assert len(scene) <= 64  # WeChat takes no longer scene
    phone = await county.actor("ma")
    assert await refusal(joining.join(phone, void, county.pack, NOW)) == "used_code"
    assert await refusal(joining.join(phone, "join:made-up", county.pack, NOW)) == "foreign_code"
    foreign = replace(phone, county="522301")
    assert await refusal(joining.join(foreign, scene, county.pack, NOW)) == "foreign_code"
    late = NOW + timedelta(days=3)
    assert await refusal(joining.join(phone, scene, county.pack, late)) == "expired_code"
    joined = await joining.join(phone, scene, county.pack, NOW)
    assert (joined.name, joined.posts) == ("马晓燕", ("县金融扶贫服务中心",))
    now = await county.actor("ma")
    assert (now.person_id, now.roles) == (ma.id, {"county_clerk"})
    assert await joining.join(now, scene, county.pack, NOW) == joined
    other = await actor_for(ACCOUNT, "411082", "openid-other", on=ON, now=NOW, channel="chat")
    assert await refusal(joining.join(other, scene, county.pack, NOW)) == "used_code"
    assert await Notice.filter(person_id=ma.id, kind="identity_bound").count() == 1
    assert (await AuditEntry.get(action="join")).actor_id == ma.id
    assert scene not in str([dict(row) for row in await JoinCode.all().values()])


async def test_of_two_codes_used_at_once_one_counts(county: County) -> None:
    """S17.1: two who handed one out at the same moment do not give a post to two WeChats."""
    jin, ma = await county.actor("jin"), await newcomer()
    scenes = [await joining.make_code(jin, ma.key, NOW) for _ in range(2)]
    await JoinCode.filter(person_id=ma.id).update(used_at=None)
    phones = [
        await actor_for(ACCOUNT, "411082", f"openid-{each}", on=ON, now=NOW, channel="chat") for each in "ab"
    ]
    joins = [
        joining.join(phone, scene, county.pack, NOW) for phone, scene in zip(phones, scenes, strict=True)
    ]
    found = await asyncio.gather(*joins, return_exceptions=True)
    assert sorted(type(each).__name__ for each in found) == ["Joined", "RuleRefused"]
    assert await WechatUser.filter(person_id=ma.id).count() == 1


async def test_who_may_have_a_code_and_which_wechat_may_use_it(county: County, apply: Submit) -> None:
    """S17.1"""
    jin, ma = await county.actor("jin"), await newcomer()
    liu = await Person.get(id=(await county.actor("liu")).person_id)
    nobody = await Person.create(county="411082", created_at=NOW)
    assert await refusal(joining.make_code(await county.actor("zhao"), ma.key, NOW)) == "not_allowed"
    assert await refusal(joining.make_code(jin, liu.key, NOW)) == "has_wechat"
    for key in (nobody.key, "made-up"):
        assert await refusal(joining.make_code(jin, key, NOW)) == "not_found"
    scene = await joining.make_code(jin, ma.key, NOW)
    await apply("zhang")
    for person in ("zhang", "wang"):
        assert (
            await refusal(joining.join(await county.actor(person), scene, county.pack, NOW))
            == "others_wechat"
        )
    assert not await WechatUser.filter(person_id=ma.id).exists()
