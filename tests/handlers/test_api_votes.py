"""A group votes through the JSON interface and the page of a task. S4.3, S17.1"""

from __future__ import annotations

import asyncio
from typing import Any

from models.application import LoanApplication
from models.people import Organisation, Post, WechatUser
from models.people import Person as PersonRow
from tests.actions.test_votes import five_posts
from tests.handlers.api_world import Person, World
from tests.handlers.test_api_review import apply, decide, openid, tasks_of

MEMBERS = ("周一鸣", "吴二妹", "郑三丰")


async def at_work(world: World, name: str, body: Organisation) -> tuple[Person, str]:
    """Somebody with a post at the bank, logged in, and his key."""
    person = await world.login(name)
    user = await WechatUser.get(openid=await openid(world, name), account="mini")
    row = await PersonRow.get(id=user.person_id)
    row.name = name
    await row.save()
    await Post.create(
        county="411082", person=row, organisation=body, role="bank_officer", region=body.region,
        from_on=world.runtime.today(),
    )  # fmt: skip
    return person, row.key


def ballot(task: dict[str, Any], choice: str, reason: str) -> dict[str, str]:
    return {"choice": choice, "reason": reason, "shown_hash": task["shown_hash"]}


async def test_a_group_is_made_votes_and_its_votes_are_seen_afterwards(world: World) -> None:
    """S4.3, S17.1"""
    body = await Organisation.get(county="411082", kind="partner_bank")
    clerk, today = await world.login("liu"), world.runtime.today()
    administrator = await world.login("jin")
    new = {"kind": "deliberation", "organisation": body.key}
    assert (await clerk.post("/api/v1/panels", new))[0] == 403
    status, panel = await administrator.post("/api/v1/panels", new)
    assert (status, panel["title"], panel["members"]) == (201, "审议小组", [])
    seats = f"/api/v1/panels/{panel['key']}/members"
    members, keys = [], []
    for name in MEMBERS:
        person, key = await at_work(world, name, body)
        assert (await clerk.post(seats, {"person": key, "from_on": today.isoformat()}))[0] == 404
        status, panel = await administrator.post(seats, {"person": key, "from_on": today.isoformat()})
        assert status == 201
        members.append(person)
        keys.append(key)
    assert [each["person"] for each in (await clerk.get("/api/v1/panels"))[1]["items"][0]["members"]] == keys
    application = await apply(world)
    route = five_posts(world.runtime.packs["changge"]).route("online", today)
    await LoanApplication.filter(id=application.id).update(resolved_route=route.as_json())
    officer = await world.login("chen")
    assert (await decide(officer, (await tasks_of(officer))[0]))[0] == 200
    asked = [(await tasks_of(member))[0] for member in members]
    assert {task["kind"] for task in asked} == {"vote"}
    path = f"/api/v1/tasks/{asked[0]['key']}/vote"
    assert (await members[1].post(path, ballot(asked[0], "approve", "可以")))[0] == 404
    assert (await members[0].post(path, ballot(asked[0], "approve", " ")))[0] == 422
    status, first = await members[0].post(path, ballot(asked[0], "reject", "项目风险太大"))
    assert (status, first["repeated"], first["state"]) == (200, False, "in_review")
    status, again = await members[0].post(path, ballot(asked[0], "approve", "改了"), key="again")
    assert (status, again["repeated"]) == (200, True)
    shown = await members[1].get(f"/api/v1/tasks/{asked[1]['key']}")
    assert "项目风险太大" not in str(shown)
    assert [seat["voted"] for seat in shown[1]["ballot"]["seats"]] == [True, False, False]
    cookie = {"Cookie": f"tianxin={members[1].token}"}
    page = await (await world.client.get(f"/m/tasks/{asked[1]['key']}", headers=cookie)).text()
    assert ("data-vote" in page, "已表决" in page, "项目风险太大" in page) == (True, True, False)
    last = await asyncio.gather(
        *(
            members[at].post(
                f"/api/v1/tasks/{asked[at]['key']}/vote", ballot(asked[at], "reject", "羊舍太小")
            )
            for at in (1, 2)
        )
    )
    assert [status for status, _ in last] == [200, 200]
    votes = f"/api/v1/applications/{application.key}/votes"
    (seen,) = (await officer.get(votes))[1]["items"]
    assert seen["decision"] == "reject"
    assert [seat["choice"] for seat in seen["seats"]] == ["reject"] * 3
    page = await (await world.client.get(f"/m/tasks/{asked[1]['key']}", headers=cookie)).text()
    assert "项目风险太大" in page
    farmer = await world.login("zhang")
    assert (await farmer.get(votes))[0] == 404
    status, own = await farmer.get(f"/api/v1/applications/{application.key}")
    assert own["state"] == "rejected"
    assert not any(name in str(own) for name in ("周一鸣", "周*", "reviewer"))
    ended = {"person": keys[0], "last_on": today.isoformat()}
    status, panel = await administrator.post(f"{seats}/end", ended)
    assert panel["members"][0]["to_on"] == today.isoformat()
