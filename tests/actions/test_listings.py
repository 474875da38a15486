"""Lists of the console: every one in every order, page by page, for each scope; and what they refuse."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from actions import demo_data, listings
from actions.access import Actor, HeldPost
from actions.listings import LISTS, Asked
from bot import database
from bot.errors import NotFound, RuleRefused
from models.arrears import ArrearsDay
from models.loan import Loan
from models.people import Household, Organisation, Person
from policies import load_packs

PACK = load_packs()["changge"]
COUNTY, LIU, SHI, PO = "411082", "411082101201", "411082101202", "411082101000"
ON = date(2026, 11, 28)
NOW = datetime(2026, 11, 28, 1, tzinfo=UTC)


def actor(role: str = "county_clerk", region: str = "411082000000", body: int = 0) -> Actor:
    return Actor(1, COUNTY, "changge", "o", "console", (HeldPost(1, role, body, region),))


async def ask(who: Actor, name: str, **asked: str) -> listings.Page:
    given = {"sort": asked.pop("sort", ""), "after": asked.pop("after", "")}
    return await listings.page(who, name, Asked(asked, limit=3, **given), PACK, ON, NOW)


@pytest.fixture
async def banks(db: str) -> AsyncIterator[list[Organisation]]:
    """Seven loans of two banks in two villages; every second one is late."""
    await demo_data.make_county(demo_data.CHANGGE, {}, NOW)
    first = await Organisation.get(county=COUNTY, kind="partner_bank")
    second = await Organisation.create(
        county=COUNTY, kind="partner_bank", name="长葛农商行", region="411082000000"
    )
    guarantor = await Organisation.get(county=COUNTY, kind="guarantor")
    for number in range(7):
        person = Person(county=COUNTY, created_at=NOW, village=(LIU, SHI)[number % 2])
        person.name, person.phone = ("张守田", "李秀英")[number % 2], f"1390000000{number}"
        person.household = await Household.create(county=COUNTY, village=person.village)
        await person.save()
        loan = await Loan.create(
            county=COUNTY, number=f"CG-{number // 3}-{number}", bank_id=(first, second)[number % 2].id,
            guarantor_id=guarantor.id if number < 2 else None, borrower_id=person.id, village=person.village,
            principal_fen=3_000_000, balance_fen=2_000_000, annual_rate_bp=435, day_count="actual/360",
            method="bullet", disbursed_on=date(2026, 1, 1) + timedelta(days=number // 2),
            maturity_on=date(2027, 1, 1), created_at=NOW,
        )  # fmt: skip
        if number % 2 == 0:
            await ArrearsDay.create(
                county=COUNTY, day=ON - timedelta(days=1), loan_id=loan.id, village=loan.village,
                bank_id=loan.bank_id, days_past_due=40 - number, missed_settlements=0,
                overdue_principal_fen=number * 100, overdue_interest_fen=50, balance_fen=loan.balance_fen,
            )  # fmt: skip
    return [first, second]


async def numbers(who: Actor, name: str = "loans", **asked: str) -> list[str]:
    """All numbers of a list, page by page."""
    found, after = [], ""
    while True:
        page = await ask(who, name, after=after, **asked)
        found += [row["number"] for row in page.rows]
        after = page.next
        if not after:
            return found


async def test_pages_join_without_a_gap_in_every_order(banks: list[Organisation]) -> None:
    """S17.2: seven loans in pages of three, with ties in what they are ordered by."""
    for sort in listings.BY_NAME["loans"].sorts:
        found = await numbers(actor(), sort=sort.key)
        assert len(found) == len(set(found)) == 7, sort.key
    assert await numbers(actor(), sort="number") == sorted(await numbers(actor()))
    assert await numbers(actor(), "overdue") == ["CG-0-0", "CG-0-2", "CG-1-4", "CG-2-6"]
    assert await numbers(actor(), "overdue", sort="amount") == ["CG-2-6", "CG-1-4", "CG-0-2", "CG-0-0"]


async def test_every_list_opens_for_its_roles_in_every_order(banks: list[Organisation]) -> None:
    for spec in LISTS:
        for role in spec.bodies:
            for sort in spec.sorts:
                page = await ask(actor(role, PO, banks[0].id), spec.name, sort=sort.key)
                assert page.spec is spec
                if page.next:
                    await ask(actor(role, PO, banks[0].id), spec.name, sort=sort.key, after=page.next)
        with pytest.raises(NotFound):
            await ask(actor("stranger"), spec.name)
    with pytest.raises(NotFound):
        await ask(actor(), "secrets")


async def test_everybody_sees_his_part(banks: list[Organisation]) -> None:
    """S17.2: by region, bank and guarantor; names are masked."""
    assert len(await numbers(actor("bank_officer", body=banks[0].id))) == 4
    assert len(await numbers(actor("bank_officer", LIU, banks[1].id))) == 0
    guarantor = await Organisation.get(county=COUNTY, kind="guarantor")
    assert sorted(await numbers(actor("guarantor_officer", body=guarantor.id))) == ["CG-0-0", "CG-0-1"]
    assert await numbers(actor("guarantor_officer", body=guarantor.id), "overdue") == ["CG-0-0"]
    assert len(await numbers(actor("cadre", SHI))) == 3
    assert await numbers(actor("county_clerk", "411082102000")) == []
    page = await ask(actor(), "loans")
    assert {row["borrower"] for row in page.rows} <= {"张*", "李*"}
    two = Actor(1, COUNTY, "", "", "console", (*actor("cadre", SHI).posts, *actor("cadre", LIU).posts))
    assert len(await numbers(two)) == 7


async def test_filters_narrow(banks: list[Organisation]) -> None:
    who = actor()
    assert len(await numbers(who, place=PO)) == 7
    assert len(await numbers(who, place=LIU)) == 4
    assert len(await numbers(who, bank=banks[1].key)) == 3
    assert await numbers(who, bank="of-another-county") == []
    assert await numbers(who, q="CG-1") == ["CG-1-5", "CG-1-4", "CG-1-3"]
    assert len(await numbers(who, q="李秀英")) == 3
    assert await numbers(who, q="13900000006") == ["CG-2-6"]
    assert await numbers(who, q="李秀") == []
    assert await numbers(who, "overdue", q="张守田", days="37") == ["CG-0-0", "CG-0-2"]
    assert await numbers(who, "overdue", q="CG-2") == ["CG-2-6"]
    assert await numbers(who, "overdue", day="2026-11-01") == []
    assert await numbers(who, since="2026-01-02", until="2026-01-02", state="active") == ["CG-1-3", "CG-0-2"]
    assert await numbers(who, matures="2026-12-31") == []
    assert [row["name"] for row in (await ask(who, "people", q="刘芳")).rows] == ["刘芳"]
    assert (await ask(who, "organisations", kind="guarantor")).rows[0]["staff"] == 1
    assert (await ask(who, "work", late="1", state="all", role="cadre", kind="visit")).rows == []
    assert (await ask(who, "notices", place=LIU, state="all")).rows == []
    assert (
        await ask(
            who, "applications", stage="acquiring_bank_review", age="1", state="open", since="2026-01-01"
        )
    ).rows == []


UNKNOWN: tuple[tuple[str, dict[str, str]], ...] = (
    ("loans", {"colour": "red"}),
    ("loans", {"place": "522301000000"}),
    ("loans", {"place": "411"}),
    ("loans", {"state": "lost"}),
    ("loans", {"since": "yesterday"}),
    ("loans", {"q": "'"}),
    ("loans", {"sort": "colour"}),
    ("loans", {"after": "x"}),
    ("loans", {"after": "2026-01-01~99999999999999999999"}),
    ("overdue", {"days": "many"}),
    ("overdue", {"after": f"{10**30}~1"}),
    ("applications", {"stage": "moon"}),
    ("applications", {"age": "9"}),
    ("applications", {"after": "2026-01-01T00:00:00~1"}),
    ("work", {"late": "2"}),
    ("people", {"q": "CG-1"}),
)


async def test_what_a_list_does_not_know_is_refused_in_a_sentence(banks: list[Organisation]) -> None:
    for name, asked in UNKNOWN:
        with pytest.raises(RuleRefused) as refused:
            await ask(actor(), name, **asked)
        assert refused.value.message.endswith("。"), (name, asked)


async def test_a_search_for_a_person_is_noted_without_the_person(banks: list[Organisation]) -> None:
    """S17.2"""
    for text in ("张守田", "13900000006", "411082198503122455", "CG-1"):
        await listings.note_search(actor(), "loans", text, NOW)
    rows = await database.fetch("SELECT details FROM audit_entry WHERE action = 'find_person' ORDER BY id")
    assert [row["details"] for row in rows] == [
        f'{{"by": "{by}", "where": "loans"}}' for by in ("name", "phone", "id_number")
    ]


async def test_places_to_choose_from_are_towns_and_the_villages_of_the_chosen_one(
    banks: list[Organisation],
) -> None:
    codes = [code for code, _ in await listings.places(actor(), "")]
    assert codes == [PO, "411082102000"]
    codes = [code for code, _ in await listings.places(actor(), LIU)]
    assert codes == [PO, LIU, SHI, "411082102000"]
    codes = [code for code, _ in await listings.places(actor("town_clerk", PO), "")]
    assert codes == [PO, LIU, SHI]
    assert [code for code, _ in await listings.places(actor("town_clerk", PO), "411082102201")] == codes
    assert (await listings.banks(actor()))[banks[1].key] == "长葛农商行"
