"""Interest subsidies from draft to payment: what is earned, what is late, what is taken back. S13."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from actions import subsidies
from actions.access import Actor
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.loan import Instalment, Loan
from models.notice import Notice
from models.people import Household, Organisation, Post
from models.subsidy import Misuse, Subsidy, SubsidyDeclaration
from models.work import AuditEntry
from rules import subsidy as rules
from rules.application import ApplicantKind
from tests.actions.conftest import VILLAGE, County
from tests.actions.risk_world import bodies, borrower

TOP = "411082000000"
SHANGHAI = ZoneInfo("Asia/Shanghai")
ROLES = ("bank_officer", "county_clerk", "finance_officer")
QUARTER, OPENED, DUE = date(2025, 10, 1), date(2026, 1, 1), date(2026, 1, 12)
"""10 January 2026 is a Saturday: the fourth quarter of 2025 is declared until Monday 12 January."""


class Line(NamedTuple):
    """A period of interest, from the one before it."""

    due_on: date
    paid_on: date | None = None
    interest_fen: int = 10_000


def at(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 9, tzinfo=SHANGHAI)


async def lend(
    lines: Sequence[Line],
    *,
    disbursed_on: date = date(2025, 6, 20),
    poor: bool = True,
    rate_bp: int = 435,
    principal_fen: int = 3_000_000,
    person_id: int | None = None,
) -> Loan:
    """A loan of a household, paid as the lines say."""
    bank, _ = await bodies()
    who = await borrower()
    await Household.filter(id=who.household_id).update(registered_poor=poor)
    loan = await Loan.create(
        county="411082", number=f"TX{await Loan.all().count():05d}", bank_id=bank,
        borrower_id=person_id or who.id, household_id=who.household_id, village=VILLAGE,
        principal_fen=principal_fen, balance_fen=principal_fen, annual_rate_bp=rate_bp,
        day_count="actual/360", method="interest_only", settlement_cycle="quarterly",
        disbursed_on=disbursed_on, maturity_on=date(2026, 6, 20), created_at=at(disbursed_on),
    )  # fmt: skip
    for number, line in enumerate(lines, 1):
        await Instalment.create(
            county="411082", loan_id=loan.id, number=number, kind="settlement", due_on=line.due_on, days=90,
            principal_fen=0, interest_fen=line.interest_fen, paid_on=line.paid_on,
            paid_interest_fen=line.interest_fen if line.paid_on else 0,
        )  # fmt: skip
    return loan


async def misuse(loan: Loan, found_on: date, *, falsified: bool = False, state: str = "open") -> Misuse:
    return await Misuse.create(
        county="411082", loan_id=loan.id, person_id=loan.borrower_id, village=VILLAGE, found_on=found_on,
        falsified=falsified, pay_by_on=date(2026, 3, 1), state=state, reported_by_id=1, reported_at=at(DUE),
    )  # fmt: skip


async def draft(county: County, on: date = OPENED) -> dict[str, int]:
    return await subsidies.draft("411082", on, county.pack, at(on))


async def person(county: County, who: str, on: date) -> Actor:
    return await county.actor(who, at(on))


async def submit(county: County, on: date = DUE, quarter: date = QUARTER) -> subsidies.DeclarationView:
    found = await SubsidyDeclaration.get(quarter=quarter)
    return await subsidies.submit(
        await person(county, "zhao", on), found.key, found.sha256, county.pack, at(on)
    )


async def check(
    county: County, on: date, *, correct: bool = True, reason: str = "", quarter: date = QUARTER
) -> subsidies.DeclarationView:
    key = (await SubsidyDeclaration.get(quarter=quarter)).key
    liu = await person(county, "liu", on)
    return await subsidies.check(liu, key, correct=correct, reason=reason, pack=county.pack, now=at(on))


async def pay(county: County, on: date, quarter: date = QUARTER) -> subsidies.DeclarationView:
    key = (await SubsidyDeclaration.get(quarter=quarter)).key
    return await subsidies.pay(await person(county, "qian", on), key, on, county.pack, at(on))


async def through(county: County, on: date, quarter: date = QUARTER) -> None:
    """Drafted, declared, checked and paid in one day."""
    await draft(county, on)
    await submit(county, on, quarter)
    await check(county, on, quarter=quarter)
    await pay(county, on, quarter)


async def fen() -> list[int]:
    return [line.fen for line in await Subsidy.all().order_by("declaration_id", "loan_id", "end_on")]


async def test_interest_that_was_collected_in_the_quarter_is_drafted(county: County) -> None:
    """S13.1: paid first, subsidised after; the last day of the quarter counts, the first of the next not."""
    await lend([Line(date(2025, 9, 20), date(2025, 9, 20)), Line(date(2025, 12, 20), date(2025, 12, 31))])
    await lend([Line(date(2025, 12, 20), date(2026, 1, 1), 20_000)])
    await lend([Line(date(2025, 12, 20), None, 30_000)])
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20), 40_000)], poor=False)
    assert await draft(county) == {"drafted": 1, "late": 0}
    found = await SubsidyDeclaration.get(quarter=QUARTER)
    assert (found.due_on, found.lines, found.total_fen, await fen()) == (DUE, 2, 20_000, [10_000, 10_000])
    (task,) = await Task.filter(kind="subsidy", state="open")
    assert (task.role, task.due_at) == ("bank_officer", at(DUE + timedelta(days=1)) - timedelta(hours=9))
    rows = [line.id for line in await Subsidy.all()]
    assert await draft(county, date(2026, 1, 5)) == {"drafted": 0, "late": 0}
    assert [line.id for line in await Subsidy.all()] == rows


async def test_a_bank_with_nothing_to_declare_is_asked_for_nothing(county: County) -> None:
    """S13.1"""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))], poor=False)
    assert await draft(county) == {"drafted": 0, "late": 0}
    assert await SubsidyDeclaration.all().count() == 0


async def test_days_in_arrears_earn_nothing(county: County) -> None:
    """S13.2: ten of the 91 days from 20 September were overdue."""
    await lend([Line(date(2025, 9, 20), date(2025, 9, 30)), Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    assert await fen() == [10_000, 8_901]  # 10,000 × 81 / 91


async def test_a_declaration_goes_from_bank_to_county_to_finance_and_the_farmer_hears(county: County) -> None:
    """S13.1, S11.2: each step is one office's, what is submitted is frozen, again changes nothing."""
    loan = await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    assert (await submit(county)).state == "submitted"
    with pytest.raises(asyncpg.RaiseError, match="does not change"):
        await database.execute("UPDATE subsidy SET fen = 1")
    with pytest.raises(Conflict, match="还没核对"):
        await pay(county, DUE)
    assert (await check(county, DUE)).state == "checked"
    assert (await check(county, DUE)).state == "checked"
    key = (await SubsidyDeclaration.get(quarter=QUARTER)).key
    qian = await person(county, "qian", DUE)
    with pytest.raises(RuleRefused, match="拨付日期"):
        await subsidies.pay(qian, key, DUE - timedelta(days=1), county.pack, at(DUE))
    paid = await pay(county, date(2026, 1, 15))
    assert (paid.state, paid.paid_on) == ("paid", date(2026, 1, 15))
    assert await pay(county, date(2026, 1, 16)) == paid
    assert await submit(county) == paid
    (notice,) = await Notice.filter(kind="subsidy_paid")
    assert (notice.person_id, notice.facts) == (loan.borrower_id, {"amount_fen": 10_000})
    (mine,) = await subsidies.of_loan(await person(county, "liu", DUE), loan.key)
    assert (mine.fen, mine.paid_on) == (10_000, date(2026, 1, 15))
    assert not await Task.filter(kind="subsidy", state="open").exists()
    done = (
        await AuditEntry.filter(subject_kind="subsidy_declaration")
        .order_by("id")
        .values_list("action", flat=True)
    )
    assert done == ["declare_subsidies", "check_subsidies", "pay_subsidies"]


async def test_the_county_sends_a_declaration_back_with_its_reason(county: County) -> None:
    """S13.1"""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    await submit(county)
    with pytest.raises(RuleRefused, match="退回的原因"):
        await check(county, DUE, correct=False)
    back = await check(county, DUE, correct=False, reason="少报了一户")
    assert (back.state, back.returned_reason) == ("drafted", "少报了一户")
    (task,) = await Task.filter(kind="subsidy", state="open")
    assert (task.role, "少报了一户" in task.note) == ("bank_officer", True)
    with pytest.raises(Conflict, match="不用核对"):
        await check(county, DUE)
    assert (await submit(county, date(2026, 1, 14))).state == "submitted"


async def test_what_changed_since_it_was_read_must_be_read_again(county: County) -> None:
    """S13.1"""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    read = await SubsidyDeclaration.get(quarter=QUARTER)
    await lend([Line(date(2025, 12, 20), date(2025, 12, 21))])
    zhao = await person(county, "zhao", DUE)
    with pytest.raises(Conflict, match="重新看"):
        await subsidies.submit(zhao, read.key, read.sha256, county.pack, at(DUE))
    assert (await SubsidyDeclaration.get(id=read.id)).state == "drafted"


async def test_the_bank_bears_what_comes_of_declaring_late(county: County) -> None:
    """S13.1: late from the thirteenth; ten days at 4.35 % on 100,000 yuan of subsidy are 120.83 yuan."""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20), 10_000_000)])
    assert (await draft(county, DUE))["late"] == 0
    assert (await draft(county, DUE + timedelta(days=1)))["late"] == 1
    assert (await draft(county, DUE + timedelta(days=2)))["late"] == 0
    liu = await county.actor("liu")
    assert await Notice.filter(kind="filing_late", person_id=liu.person_id).count() == 1
    said = await submit(county, DUE + timedelta(days=10))
    assert (said.late, said.extra_fen) == (True, 12_083)
    (line,) = await Subsidy.all()
    assert (line.days_late, line.extra_fen) == (10, rules.extra_interest_fen(line.fen, 435, 10))


async def test_who_was_forgotten_comes_with_the_next_quarter_at_the_banks_cost(county: County) -> None:
    """S13.1: 应贴尽贴 – nobody who is entitled is left out, and nobody gets it twice."""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await through(county, DUE)
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20), 20_000)])
    await draft(county, date(2026, 4, 1))
    assert await fen() == [10_000, 20_000]
    spring = await submit(county, date(2026, 4, 10), date(2026, 1, 1))
    late = rules.extra_interest_fen(20_000, 435, (date(2026, 4, 10) - DUE).days)
    assert (spring.lines, spring.total_fen, spring.extra_fen) == (1, 20_000, late)


async def test_a_payment_that_was_reversed_is_taken_back(county: County) -> None:
    """S13.2: and paid again when the interest is paid again."""
    loan = await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await through(county, DUE)
    await Instalment.filter(loan_id=loan.id).update(paid_on=None, paid_interest_fen=0)
    await through(county, date(2026, 4, 10), date(2026, 1, 1))
    assert await fen() == [10_000, -10_000]
    (work,) = await Task.filter(kind="subsidy", state="open")
    assert (work.role, "100.00元" in work.note) == ("county_clerk", True)
    assert await Notice.filter(kind="subsidy_paid").count() == 1
    await Instalment.filter(loan_id=loan.id).update(paid_on=date(2026, 5, 5), paid_interest_fen=10_000)
    await draft(county, date(2026, 7, 1))
    assert await fen() == [10_000, -10_000, 10_000]


@pytest.mark.parametrize(
    ("falsified", "state", "expected"),
    [
        (False, "open", [10_000, -10_000 + 4_396]),  # 40 of 91 days
        (True, "open", [10_000, -10_000]),
        (True, "withdrawn", [10_000]),
    ],
)
async def test_misuse_stops_the_subsidy_and_falsified_papers_give_all_of_it_back(
    county: County, *, falsified: bool, state: str, expected: list[int]
) -> None:
    """S9.3, S13.2"""
    loan = await lend([Line(date(2025, 12, 20), date(2025, 12, 20))], disbursed_on=date(2025, 9, 20))
    await through(county, DUE)
    await misuse(loan, date(2025, 10, 30), falsified=falsified, state=state)
    await draft(county, date(2026, 4, 1))
    assert await fen() == expected


async def test_whoever_falsified_gets_none_on_other_loans_either(county: County) -> None:
    """S9.3: from the day it was found."""
    guilty = await lend([])
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))], person_id=guilty.borrower_id)
    await misuse(guilty, date(2025, 6, 20), falsified=True)
    assert await draft(county) == {"drafted": 0, "late": 0}


async def test_each_office_sees_and_does_its_own_only(county: County) -> None:
    """S13.1, S17.2: to others a declaration looks absent."""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    found = await SubsidyDeclaration.get(quarter=QUARTER)
    for who in ("wang", "zhou", "sun", "zhang"):
        with pytest.raises(NotFound):
            await subsidies.show(await person(county, who, DUE), found.key)
        with pytest.raises(RuleRefused):
            await subsidies.listed(await person(county, who, DUE))
    for who in ("zhao", "liu", "qian"):
        ((_, seen),) = await subsidies.listed(await person(county, who, DUE))
        assert seen == await subsidies.show(await person(county, who, DUE), found.key)
        (line,) = await subsidies.lines(await person(county, who, DUE), found.key)
        assert (line.days, line.clean_days, line.fen) == (183, 183, 10_000)
        assert await subsidies.listed(await person(county, who, DUE), after=1) == []
    liu, zhao = await person(county, "liu", DUE), await person(county, "zhao", DUE)
    with pytest.raises(NotFound):
        await subsidies.submit(liu, found.key, found.sha256, county.pack, at(DUE))
    with pytest.raises(NotFound):
        await subsidies.check(zhao, found.key, correct=True, reason="", pack=county.pack, now=at(DUE))
    with pytest.raises(NotFound):
        await subsidies.pay(liu, found.key, DUE, county.pack, at(DUE))


async def test_nobody_declares_for_a_bank_by_a_post_at_another(county: County) -> None:
    """S17.2: who sees a declaration by one post does not act on it by the other."""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    found = await SubsidyDeclaration.get(quarter=QUARTER)
    liu = await person(county, "liu", DUE)
    elsewhere = await Organisation.create(county="411082", kind="partner_bank", name="另一家", region=TOP)
    await Post.create(
        county="411082", person_id=liu.person_id, organisation=elsewhere, role="bank_officer", region=TOP,
        from_on=date(2025, 1, 1),
    )  # fmt: skip
    both = await person(county, "liu", DUE)
    assert {"county_clerk", "bank_officer"} <= both.roles
    with pytest.raises(NotFound):
        await subsidies.submit(both, found.key, found.sha256, county.pack, at(DUE))


async def test_the_statement_and_the_rule_agree(county: County) -> None:
    """S13.1, S13.2, S9.3: on any plan, paid early, late or not at all, misused or not."""
    chance = Random(7)
    expected: dict[int, list[int]] = {}
    for _ in range(80):
        start, lines = date(2025, 6, 20), []
        on, rate_bp, principal_fen = start, chance.randint(50, 900), chance.randint(1, 12_000_000)
        for _ in range(chance.randint(1, 5)):
            on += timedelta(days=chance.randint(1, 60))
            paid = on + timedelta(days=chance.randint(-20, 70)) if chance.random() < 0.8 else None
            lines.append(Line(on, paid, chance.randint(0, 90_000)))
        loan = await lend(lines, rate_bp=rate_bp, principal_fen=principal_fen)
        found_on = start + timedelta(days=chance.randint(0, 200)) if chance.random() < 0.3 else None
        if found_on is not None:
            await misuse(loan, found_on)
        expected[loan.id] = _by_the_rule(lines, start, rate_bp, principal_fen, found_on)
    await draft(county)
    written: dict[int, list[int]] = {loan: [] for loan in expected}
    for line in await Subsidy.all().order_by("loan_id", "end_on"):
        written[line.loan_id].append(line.fen)
    assert written == expected
    assert any(0 < each < 10_000 for lines in expected.values() for each in lines)


def _by_the_rule(
    lines: Sequence[Line], start: date, rate_bp: int, principal_fen: int, found_on: date | None
) -> list[int]:
    policy = rules.SubsidyPolicy(5_000_000, 435, 200)
    part = rules.share(ApplicantKind.REGISTERED_POOR, principal_fen, rate_bp, policy)
    arrears = [
        (line.due_on, line.paid_on or date.max)
        for line in lines
        if line.due_on < min(line.paid_on or date.max, OPENED)
    ]
    spells, first, earned = rules.spells(arrears, found_on), start, []
    for line in lines:
        period = rules.PaidInterest(line.interest_fen, first, line.due_on)
        if line.paid_on is not None and line.paid_on < OPENED:
            clean = rules.clean_days(first, line.due_on, spells)
            earned.append(rules.subsidy_fen(period, clean, part))
        first = line.due_on
    return [fen for fen in earned if fen]


async def test_who_did_one_step_does_not_do_the_next(county: County) -> None:
    """S13.1, S4.3: the bank declares, the county checks, finance pays: three people, whatever their posts;
    each step sent twice at once is done once."""
    await lend([Line(date(2025, 12, 20), date(2025, 12, 20))])
    await draft(county)
    posts = {role: await Post.get(role=role, county="411082") for role in ROLES}
    both = (("bank_officer", "county_clerk"), ("county_clerk", "finance_officer"))
    for mine, more in both:
        post = posts[more]
        await Post.create(
            county="411082", person_id=posts[mine].person_id, organisation_id=post.organisation_id, role=more,
            region=post.region, from_on=post.from_on,
        )  # fmt: skip
    twice = await asyncio.gather(submit(county), submit(county))
    assert twice[0] == twice[1]
    key, pack = twice[0].key, county.pack
    zhao, liu = await person(county, "zhao", DUE), await person(county, "liu", DUE)
    with pytest.raises(RuleRefused, match="是您报的"):
        await subsidies.check(zhao, key, correct=True, reason="", pack=pack, now=at(DUE))
    checked = await asyncio.gather(check(county, DUE), check(county, DUE))
    assert {each.state for each in checked} == {"checked"}
    with pytest.raises(RuleRefused, match="是您核对的"):
        await subsidies.pay(liu, key, DUE, pack, at(DUE))
    paid = await asyncio.gather(pay(county, DUE), pay(county, DUE))
    assert {each.state for each in paid} == {"paid"}
    assert await Notice.filter(kind="subsidy_paid").count() == 1
    acts = ["declare_subsidies", "check_subsidies", "pay_subsidies"]
    assert [await AuditEntry.filter(action=act).count() for act in acts] == [1, 1, 1]
