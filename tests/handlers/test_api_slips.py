"""Slips, promises, trails and the dashboard through the JSON interface: who sees, who decides, once."""

from __future__ import annotations

import asyncio
import io
from datetime import date, timedelta
from typing import Any

import pytest
from PIL import Image

from actions import delivery_counts, notices
from actions.notices import NewNotice
from bot import database
from bot.database import fetch
from models.loan import Instalment, Loan, Repayment
from models.people import Organisation, Person, WechatUser
from models.slip import RepaymentSlip
from simulator.people import openid_of
from tests.handlers.api_world import ACCOUNTS, NOW, World

VILLAGE = "411082101201"
TODAY = date(2026, 11, 28)


async def person_of(name: str) -> Person:
    user = await WechatUser.get(account="mini", openid=openid_of(ACCOUNTS["mini"].appid, name))
    return await Person.get(id=user.person_id)


async def lend(number: str = "J-1", borrower: str = "zhang") -> Loan:
    """A loan of the demo bank with the demo guarantor; 288.80 yuan were due a week ago."""
    somebody = await person_of(borrower)
    somebody.village, somebody.name = VILLAGE, "张守田"
    await somebody.save()
    bank = await Organisation.get(county="411082", kind="partner_bank")
    guarantor = await Organisation.get(county="411082", kind="guarantor")
    loan = await Loan.create(
        county="411082", number=number, bank_id=bank.id, guarantor_id=guarantor.id, village=VILLAGE,
        borrower_id=somebody.id, principal_fen=3_000_000, balance_fen=3_000_000, annual_rate_bp=435,
        day_count="actual/360", method="bullet", disbursed_on=TODAY - timedelta(days=90),
        maturity_on=TODAY + timedelta(days=200), created_at=NOW,
    )  # fmt: skip
    lines = [(1, "settlement", TODAY - timedelta(days=7), 0), (2, "maturity", loan.maturity_on, 3_000_000)]
    for n, kind, due_on, principal in lines:
        await Instalment.create(
            county="411082", loan=loan, number=n, kind=kind, due_on=due_on, days=30, interest_fen=28_880,
            principal_fen=principal,
        )  # fmt: skip
    return loan


def slip_photo() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((200, 300)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


async def upload(world: World, person: str) -> str:
    who = await world.login(person)
    answer = await world.client.post(
        "/api/v1/files?purpose=repayment_slip",
        data=slip_photo(),
        headers=who.headers(**{"Idempotency-Key": "up", "Content-Type": "image/jpeg"}),
    )
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["key"])


async def report(world: World, loan: Loan, **body: Any) -> dict[str, Any]:
    farmer = await world.login("zhang")
    given = {"amount_fen": 28_880, "paid_on": "2026-11-27", **body}
    status, made = await farmer.post(f"/api/v1/loans/{loan.key}/repayment-slips", given)
    assert status == 201, made
    return dict(made)


async def task_key(world: World) -> str:
    _, page = await (await world.login("zhao")).get("/api/v1/tasks")
    return str(next(task["key"] for task in page["items"] if task["kind"] == "slip"))


async def test_a_slip_goes_from_the_borrower_to_the_bank_to_the_guarantor(world: World) -> None:
    """S11.4: reported with a photo, checked, confirmed, kept."""
    loan = await lend()
    made = await report(world, loan, photo=await upload(world, "zhang"))
    banker, keeper = await world.login("zhao"), await world.login("sun")
    assert (await keeper.get("/api/v1/repayment-slips"))[1]["items"] == []
    key = await task_key(world)
    status, check = await banker.get(f"/api/v1/tasks/{key}/slip")
    assert (status, check["slip"]["key"], check["doubts"]) == (200, made["key"], [])
    assert (await banker.get(f"/api/v1/files/{made['photo']}"))[0] == 200
    given = {"outcome": "found", "serial": "B-1", "amount_fen": 28_880, "received_on": "2026-11-27"}
    status, done = await banker.post(f"/api/v1/tasks/{key}/slip", given)
    assert (status, done["state"], done["serial"]) == (200, "confirmed", "B-1")
    _, kept = await keeper.get("/api/v1/repayment-slips?state=confirmed")
    assert [each["key"] for each in kept["items"]] == [made["key"]]
    assert (await keeper.get(f"/api/v1/files/{made['photo']}"))[0] == 200
    _, own = await (await world.login("zhang")).get(f"/api/v1/loans/{loan.key}/repayment-slips/{made['key']}")
    assert (own["state"], own["received_fen"]) == ("confirmed", 28_880)


async def test_who_may_not_see_a_slip_finds_none(world: World) -> None:
    """S17.2: neighbours, cadres, other banks; a missing key and a forbidden one look alike."""
    loan = await lend()
    made = await report(world, loan)
    key = await task_key(world)
    path = f"/api/v1/loans/{loan.key}/repayment-slips/{made['key']}"
    for name in ("li", "wang", "zhou", "chen", "sun", "nobody"):
        somebody = await world.login(name)
        assert (await somebody.get(path))[0] == 404, name
        assert (await somebody.get(f"/api/v1/tasks/{key}/slip"))[0] == 404, name
        status, page = await somebody.get("/api/v1/repayment-slips")
        assert (status, page.get("items")) == ((200, []) if name == "sun" else (403, None)), name
        refused = {"outcome": "not_found", "reason": "没有查到这笔"}
        assert (await somebody.post(f"/api/v1/tasks/{key}/slip", refused))[0] == 404, name
    for name in ("zhang", "zhao", "liu"):
        assert (await (await world.login(name)).get(path))[0] == 200, name
    far = await world.login("tao", "far")
    assert (await far.get(path))[0] == 404


async def test_two_officers_at_once_are_one_repayment(world: World) -> None:
    """S11.4: one answer is 200, the other 409 with the standing; the books hold one payment."""
    loan = await lend()
    await report(world, loan)
    banker, key = await world.login("zhao"), await task_key(world)
    bodies = [
        {"outcome": "found", "serial": f"B-{n}", "amount_fen": 28_880, "received_on": "2026-11-27"}
        for n in range(2)
    ]
    answers = await asyncio.gather(*(banker.post(f"/api/v1/tasks/{key}/slip", body) for body in bodies))
    assert sorted(status for status, _ in answers) == [200, 409]
    assert await Repayment.filter(loan_id=loan.id).count() == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"amount_fen": 0}, 422),
        ({"amount_fen": -1}, 422),
        ({"amount_fen": 288.8}, 422),
        ({"amount_fen": "28880"}, 422),
        ({"paid_on": "2027-01-01"}, 422),
        ({"paid_on": "gestern"}, 422),
        ({"photo": "A" * 22}, 404),
        ({"loan": "x"}, 422),
    ],
)
async def test_bad_input_is_refused_and_nothing_changes(
    world: World, body: dict[str, Any], status: int
) -> None:
    """S11.4"""
    loan = await lend()
    farmer = await world.login("zhang")
    answer = await farmer.post(f"/api/v1/loans/{loan.key}/repayment-slips", body)
    assert answer[0] in (400, 422) if status == 422 else answer[0] == status, answer
    assert await RepaymentSlip.all().count() == 0


async def test_a_promise_by_the_interface_and_its_refusal(world: World) -> None:
    """S18.4"""
    loan = await lend()
    farmer = await world.login("zhang")
    path = f"/api/v1/loans/{loan.key}/promises"
    status, made = await farmer.post(path, {"promised_on": "2026-12-05"})
    assert (status, made["amount_fen"], made["state"]) == (201, 28_880, "open")
    status, refused = await farmer.post(path, {"promised_on": "2027-12-05"})
    assert (status, refused["error"]["rule"], refused["error"]["code"]) == (422, "S18.4", "too_far")
    _, seen = await (await world.login("zhao")).get(path)
    assert [each["promised_on"] for each in seen["items"]] == ["2026-12-05"]


# ---- trails and the dashboard


async def tell(world: World, person: Person, loan: Loan) -> int:
    """Plan a notice of the overdue line and let the gates look at it once."""
    line = await Instalment.filter(loan_id=loan.id).order_by("number").first()
    pack = world.runtime.packs.by_county("411082")
    planned = NewNotice(person.id, "overdue", "instalment", line.id, {}, line.due_on, "7")
    async with database.transaction() as connection:
        assert await notices.plan(connection, "411082", [planned], pack, NOW) == 1
        await connection.execute(
            """UPDATE delivery SET state = 'refused', final_at = $1, trail =
                 '[{"at": "2026-11-28T09:00:00+08:00", "what": "gate", "outcome": "not_following"}]'""",
            NOW,
        )
    return int((await fetch("SELECT max(id) AS id FROM notice"))[0]["id"])


async def test_a_person_reads_why_he_was_told_what(world: World) -> None:
    """S18.7: in words, every gate; and the county's clerk reads it too, which is noted."""
    loan, zhang = await lend(), await person_of("zhang")
    notice = await tell(world, zhang, loan)
    _, page = await (await world.login("zhang")).get("/api/v1/notices")
    (told,) = page["items"]
    assert (told["id"], told["outcome"]) == (notice, "正在发")
    assert [(line["way_words"], line["words"]) for line in told["lines"]] == [
        ("微信服务通知", "没有关注公众号")
    ]
    clerk = await world.login("liu")
    status, seen = await clerk.get(f"/api/v1/people/{zhang.key}/notices")
    assert (status, [each["lines"] for each in seen["items"]]) == (200, [told["lines"]])
    looks = await fetch(
        """SELECT actor_id FROM audit_entry
           WHERE action = 'view_notices' AND subject_kind = 'person' AND subject_id = $1""",
        zhang.id,
    )
    assert [row["actor_id"] for row in looks] == [(await person_of("liu")).id]


async def test_nobody_else_reads_what_somebody_was_told(world: World) -> None:
    """S17.2: not the neighbour, the cadre, the banks, nor another county's clerk."""
    await lend()
    zhang = await person_of("zhang")
    for name in ("zhang", "li", "wang", "zhou", "chen", "zhao", "sun", "nobody"):
        assert (await (await world.login(name)).get(f"/api/v1/people/{zhang.key}/notices"))[0] == 404, name
    assert (await (await world.login("long", "far")).get(f"/api/v1/people/{zhang.key}/notices"))[0] == 404


async def test_the_dashboard_counts_by_town_and_channel(world: World) -> None:
    """S18.7: every delivery in one standing, so that the parts sum to the whole; a town sees its own."""
    loan, zhang = await lend(), await person_of("zhang")
    await tell(world, zhang, loan)
    li = await person_of("li")
    await Person.filter(id=li.id).update(village="411082102201")
    pack = world.runtime.packs.by_county("411082")
    async with database.transaction() as connection:
        planned = NewNotice(li.id, "application_submitted", "application", 1, {}, TODAY)
        await notices.plan(connection, "411082", [planned], pack, NOW)
    await delivery_counts.count("411082", NOW)
    await delivery_counts.count("411082", NOW)
    status, found = await (await world.login("liu")).get("/api/v1/deliveries?hours=24")
    assert (status, found["total"]) == (200, 2)
    assert {name: n for name, n in found["by_standing"].items() if n} == {"refused": 1, "waiting": 1}
    assert [(town["town"], town["name"], town["total"]) for town in found["towns"]] == [
        ("411082101000", "坡胡镇", 1),
        ("411082102000", "后河镇", 1),
    ]
    assert sum(sum(each.values()) for each in found["by_channel"].values()) == found["total"]
    _, town = await (await world.login("zhou")).get("/api/v1/deliveries")
    assert [each["name"] for each in town["towns"]] == ["坡胡镇"]
    for name in ("zhang", "wang", "zhao"):
        assert (await (await world.login(name)).get("/api/v1/deliveries"))[0] == 403, name


async def test_what_is_older_than_the_window_is_not_counted(world: World) -> None:
    """S18.7: yesterday's stand in the week, last month's in neither."""
    loan, zhang = await lend(), await person_of("zhang")
    await tell(world, zhang, loan)
    for days, expected in ((2, (0, 1)), (9, (0, 0))):
        await delivery_counts.count("411082", NOW + timedelta(days=days))
        rows = await fetch("SELECT hours, sum(deliveries) AS n FROM delivery_count GROUP BY hours")
        counted = {row["hours"]: row["n"] for row in rows}
        assert (counted.get(24, 0), counted.get(168, 0)) == expected
