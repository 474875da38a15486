"""途径一: a clerk enters what came on paper; village, town and county look at it in turn (S2.1)."""

from __future__ import annotations

from typing import Any

from tests.flows.acts import APPROVAL, DISBURSEMENT, Gateway, broken, do_task, told
from tests.flows.phones import Mini, Phones
from tests.flows.test_helper import picture

ON_PAPER: dict[str, Any] = {
    "applying_for": "other",
    "helper_relation": "cadre",
    "kind": "farmer",
    "industry": "sheep",
    "amount": 3_000_000,
    "term": 12,
    "project": "在村东头养50只羊",
    "purpose": "买羊羔2万，盖羊圈1万",
    "repayment_source": "一年卖羊能挣4万",
    "repayment_method": "interest_only",
    "name": "周满仓",
    "id_number": "411082196607011814",
    "phone": "13900003333",
    "village": "411082101201",
    "household_head": True,
    "household_size": 3,
    "grade": "unknown",
    "other_loans": False,
}


async def enter(mini: Mini) -> tuple[int, Any]:
    """Enter the paper as the mini-program does, and hand it in."""
    draft = await mini.post("drafts", {"form": "loan_application", "subject": "paper"})
    assert draft["answers"] == {name: ON_PAPER[name] for name in ("applying_for", "helper_relation")}
    answers = {**ON_PAPER, "photos": [await mini.upload("photo", picture())]}
    path, version = f"drafts/{draft['key']}", {"If-Match": f'"{draft["version"]}"'}
    status, body = await mini.ask("PATCH", path, {"answers": answers}, headers=version)
    assert status == 200, body
    return await mini.ask("POST", f"{path}/submit", {})


async def test_a_paper_goes_from_the_village_to_the_bank(phones: Phones) -> None:
    """S2.1, S1.2, S1.7, S4.7"""
    gateway = Gateway.of(phones.demo)
    status, _ = await enter(await phones.login("song"))
    assert status == 422, "a paper of 柳庄村 is entered by its own clerk"
    wang = await phones.login("wang")
    status, filed = await enter(wang)
    assert status == 201, filed
    if filed["state"] == "awaiting_confirmation":
        await phones.settle()
        code = "".join(sign for sign in gateway.sent[-1][1] if sign.isdigit())
        given = {"code": code, "consents": await wang.papers()}
        filed = await wang.post(f"applications/{filed['key']}/confirm", given)
    assert (filed["state"], filed["stages"][0]["name"]) == ("in_review", "village_review")
    assert [stage["name"] for stage in filed["stages"]] == [
        *("village_review", "town_review", "county_recommend"),
        *("bank_opinion", "guarantor_opinion", "disbursement"),
    ]
    assert "现在没有要办的事" in await phones.say("chen", "待办")
    for reviewer in ("wang", "zhou", "liu", "zhao", "sun"):
        assert "通过" in await do_task(phones, reviewer, APPROVAL, "记下了")
    assert "还款计划已经排好" in await do_task(phones, "zhao", DISBURSEMENT, "放款登记好了")
    await phones.settle()
    assert any("镇服务站审核" in text for text in await told(phones, "zhou"))
    standing = await wang.get(f"applications/{filed['key']}")
    assert {stage["standing"] for stage in standing["stages"]} == {"done"}
    assert await broken(phones.demo) == []
