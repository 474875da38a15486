"""还款清单: said by the borrower, confirmed by the bank, kept by the guarantor. Clause: S11.4."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from PIL import Image

from actions import files, repayments, slip_checks, slips, tasks
from actions.access import Actor, access_loan
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.loan import Instalment, Loan, Repayment
from models.notice import Notice
from models.slip import RepaymentSlip
from tests.actions.conftest import NOW, VILLAGE, County

TODAY = date(2026, 11, 28)
PAID = 500_00


def picture(shade: int = 0) -> bytes:
    """A photo; another `shade` is another picture to the eye."""
    out = io.BytesIO()
    image = Image.new("RGB", (90, 80), (255, 255, 255))
    for x in range(0, 90, 9):
        for y in range(80):
            image.putpixel((x, y), ((x * 7 + shade * 40) % 256, (y * 3 * (shade + 1)) % 256, 40))
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
async def loan(county: County) -> Loan:
    """A loan of zhang's at zhao's bank, with sun's guarantor: interest is due next month."""
    return await lend(county)


async def lend(county: County, number: str = "J-1") -> Loan:
    zhao, sun, zhang = [await county.actor(person) for person in ("zhao", "sun", "zhang")]
    made = await Loan.create(
        county="411082",
        number=number,
        bank_id=zhao.posts[0].organisation_id,
        guarantor_id=sun.posts[0].organisation_id,
        borrower_id=zhang.person_id,
        village=VILLAGE,
        principal_fen=3_000_000,
        balance_fen=3_000_000,
        annual_rate_bp=435,
        day_count="actual/360",
        method="bullet",
        disbursed_on=TODAY - timedelta(days=300),
        maturity_on=TODAY + timedelta(days=20),
        created_at=NOW,
    )
    await Instalment.create(
        county="411082",
        loan=made,
        number=1,
        kind="maturity",
        due_on=made.maturity_on,
        days=320,
        principal_fen=3_000_000,
        interest_fen=116_000,
    )
    return made


Report = Callable[..., Awaitable[slips.SlipView]]


@pytest.fixture
def report(county: County, loan: Loan) -> Report:
    async def report(
        person: str = "zhang",
        *,
        amount_fen: int | None = PAID,
        paid_on: date | None = TODAY,
        photo: str | None = None,
    ) -> slips.SlipView:
        actor = await county.actor(person)
        return await slips.report(
            actor, loan.key, amount_fen=amount_fen, paid_on=paid_on, photo=photo, pack=county.pack, now=NOW
        )

    return report


async def photo_of(actor: Actor, folder: Path, shade: int = 0) -> str:
    return (await files.store(actor, picture(shade), "repayment_slip", NOW, folder)).key


async def the_task() -> Task:
    return await Task.get(kind="slip", state="open")


async def told(kind: str) -> list[int]:
    return [notice.person_id for notice in await Notice.filter(kind=kind).order_by("person_id")]


async def test_the_bank_gets_a_task_and_the_balance_does_not_move(
    county: County, loan: Loan, report: Report, tmp_path: Path
) -> None:
    """S11.4: what the borrower says is no payment."""
    photo = await photo_of(await county.actor("zhang"), tmp_path)
    made = await report(photo=photo)
    assert (made.state, made.amount_fen, made.photo) == ("waiting", PAID, photo)
    task = await the_task()
    assert (task.role, task.organisation_id, task.loan_id) == ("bank_officer", loan.bank_id, loan.id)
    assert [each.key for each in await tasks.inbox(await county.actor("zhao"), NOW)] == [task.key]
    assert await Repayment.filter(loan_id=loan.id).count() == 0
    assert (await county.actor("zhao")).person_id in await told("task_assigned")


async def test_confirmed_records_the_repayment_and_tells_borrower_and_guarantor(
    county: County, loan: Loan, report: Report
) -> None:
    """S11.4: the bank confirms, the guarantor keeps it."""
    await report()
    sun, zhang = await county.actor("sun"), await county.actor("zhang")
    assert await slips.of_loan(sun, loan.key) == []
    zhao = await county.actor("zhao")
    done = await slips.confirm(zhao, (await the_task()).key, "B-1", PAID, TODAY, county.pack, NOW)
    assert (done.state, done.serial, done.received_fen) == ("confirmed", "B-1", PAID)
    assert (await Repayment.get(loan_id=loan.id)).amount_fen == PAID
    assert await told("slip_confirmed") == [zhang.person_id]
    assert await told("slip_for_guarantor") == [sun.person_id]
    assert [each.key for each in await slips.of_loan(sun, loan.key)] == [done.key]
    assert [each.key for each in await slips.listed(sun)] == [done.key]
    assert (await Task.get(kind="slip")).outcome == "confirmed"


async def test_refused_tells_the_borrower_why_and_records_nothing(
    county: County, loan: Loan, report: Report
) -> None:
    """S11.4, S1.8."""
    await report()
    zhao, task = await county.actor("zhao"), await the_task()
    with pytest.raises(RuleRefused, match="写明为什么"):
        await slips.refuse(zhao, task.key, "无", county.pack, NOW)
    done = await slips.refuse(zhao, task.key, "这天账上没有这笔钱", county.pack, NOW)
    assert (done.state, done.reason) == ("refused", "这天账上没有这笔钱")
    assert (await Notice.get(kind="slip_refused")).facts == {"reason": "这天账上没有这笔钱"}
    assert await Repayment.filter(loan_id=loan.id).count() == 0
    assert await told("slip_for_guarantor") == []


async def test_what_is_in_the_books_already_is_linked_and_not_recorded_again(
    county: County, loan: Loan, report: Report
) -> None:
    """S11.4: one effect, whether linked or confirmed under the same serial."""
    zhao = await county.actor("zhao")
    booked = await repayments.record_repayment(zhao, loan.key, "B-7", PAID, TODAY, NOW)
    await report()
    task = await the_task()
    found = await slip_checks.check_of(zhao, task.key, county.pack, TODAY)
    assert [(each.serial, each.amount_fen) for each in found.booked] == [("B-7", PAID)]
    with pytest.raises(RuleRefused) as missing:
        await slips.link(zhao, task.key, "B-8", county.pack, NOW)
    assert missing.value.code == "not_in_books"
    await Repayment.filter(id=booked.id).update(reversed_at=NOW)
    with pytest.raises(RuleRefused, match="没有这个流水号"):  # what was reversed does not count
        await slips.link(zhao, task.key, "B-7", county.pack, NOW)
    await Repayment.filter(id=booked.id).update(reversed_at=None)
    done = await slips.link(zhao, task.key, "B-7", county.pack, NOW)
    assert (done.state, done.serial) == ("confirmed", "B-7")
    assert [each.id for each in await Repayment.filter(loan_id=loan.id)] == [booked.id]
    await report(amount_fen=PAID + 1)
    with pytest.raises(Conflict) as twice:
        await slips.confirm(zhao, (await the_task()).key, "B-7", PAID, TODAY, county.pack, NOW)
    assert twice.value.code == "serial_linked"


async def test_a_double_tap_is_one_slip_and_one_task(county: County, report: Report, tmp_path: Path) -> None:
    """S11.4: the same photo, the same bytes uploaded again, nothing at all twice: one effect each."""
    zhang = await county.actor("zhang")
    photo = await photo_of(zhang, tmp_path)
    first = await report(photo=photo)
    again = await report(photo=photo)
    same_bytes = await report(photo=await photo_of(zhang, tmp_path))
    assert (again.key, again.repeated, same_bytes.key) == (first.key, True, first.key)
    spoken = await report()
    assert (await report()).key == spoken.key
    assert await RepaymentSlip.all().count() == 2
    assert await Task.filter(kind="slip").count() == 2


async def test_two_taps_at_the_same_moment_are_one_slip(report: Report) -> None:
    """S11.4: the loan's row is locked, so the second sees the first."""
    made = await asyncio.gather(report(), report())
    assert {each.key for each in made} == {made[0].key}
    assert sorted(each.repeated for each in made) == [False, True]


async def test_of_two_officers_at_once_one_wins(county: County, loan: Loan, report: Report) -> None:
    """S11.4: the other hears what came of it; the same word again changes nothing."""
    await report()
    zhao, task = await county.actor("zhao"), await the_task()
    results = await asyncio.gather(
        slips.confirm(zhao, task.key, "B-1", PAID, TODAY, county.pack, NOW),
        slips.refuse(zhao, task.key, "这天账上没有这笔钱", county.pack, NOW),
        return_exceptions=True,
    )
    refused = [each for each in results if isinstance(each, Conflict)]
    assert len(refused) == 1
    assert refused[0].code == "already_decided"
    slip = await RepaymentSlip.get(loan_id=loan.id)
    assert await Repayment.filter(loan_id=loan.id).count() == (slip.state == "confirmed")
    assert (
        await Notice.filter(subject_kind="slip", kind__startswith="slip_")
        .exclude(kind="slip_for_guarantor")
        .count()
        == 1
    )


async def test_the_same_confirmation_again_changes_nothing(
    county: County, loan: Loan, report: Report
) -> None:
    """S11.4."""
    await report()
    zhao, task = await county.actor("zhao"), await the_task()
    first = await slips.confirm(zhao, task.key, "B-1", PAID, TODAY, county.pack, NOW)
    again = await slips.confirm(zhao, task.key, "B-1", PAID, TODAY, county.pack, NOW)
    assert (again.key, again.repeated) == (first.key, True)
    assert await Repayment.filter(loan_id=loan.id).count() == 1
    with pytest.raises(Conflict, match="已经由同事核对完了，结果是：银行已经查到"):
        await slips.confirm(zhao, task.key, "B-2", PAID, TODAY, county.pack, NOW)


async def test_a_settled_loan_needs_no_slip(county: County, loan: Loan, report: Report) -> None:
    """S11.4: a clear answer, no task."""
    await Loan.filter(id=loan.id).update(state="settled", balance_fen=0, settled_on=TODAY)
    with pytest.raises(RuleRefused, match="已经还清了"):
        await report()
    assert await Task.filter(kind="slip").count() == 0


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"amount_fen": 0}, "amount"),
        ({"amount_fen": -5}, "amount"),
        ({"paid_on": TODAY + timedelta(days=1)}, "paid_on"),
        ({"paid_on": TODAY - timedelta(days=200)}, "paid_on"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_changes(
    report: Report, given: dict[str, object], code: str
) -> None:
    """S11.4."""
    with pytest.raises(RuleRefused) as refused:
        await report(**given)
    assert refused.value.code == code
    assert await RepaymentSlip.all().count() == 0


async def test_a_bank_is_not_flooded(county: County, report: Report, tmp_path: Path) -> None:
    """S11.4: as many wait as the pack says."""
    zhang = await county.actor("zhang")
    for shade in range(county.pack.slips(TODAY).waiting_max):
        await report(photo=await photo_of(zhang, tmp_path, shade))
    with pytest.raises(RuleRefused) as refused:
        await report(photo=await photo_of(zhang, tmp_path, 9))
    assert refused.value.code == "too_many_waiting"


async def test_only_the_borrower_reports_and_only_his_bank_decides(
    county: County, loan: Loan, report: Report
) -> None:
    """S11.4, S17.2: others neither see nor decide; the county sees and cannot decide."""
    with pytest.raises(NotFound):
        await report("li")
    with pytest.raises(RuleRefused) as staff:
        await report("zhao")
    assert staff.value.code == "not_the_borrower"
    made = await report()
    task = await the_task()
    for stranger in ("li", "wang", "chen"):
        with pytest.raises(NotFound):
            await slips.refuse(await county.actor(stranger), task.key, "这天账上没有", county.pack, NOW)
    await Task.filter(id=task.id).update(escalated_role="county_clerk", escalated_roles=["county_clerk"])
    liu = await county.actor("liu")
    with pytest.raises(RuleRefused) as clerk:
        await slips.refuse(liu, task.key, "这天账上没有", county.pack, NOW)
    assert clerk.value.code == "not_allowed"
    assert (await slips.view(liu, loan.key, made.key)).state == "waiting"
    with pytest.raises(NotFound):
        await slips.view(await county.actor("sun"), loan.key, made.key)
    assert await slips.listed(await county.actor("wang")) == []


async def test_the_photo_is_seen_by_the_bank_and_by_the_guarantor_only_when_confirmed(
    county: County, report: Report, tmp_path: Path
) -> None:
    """S11.4, S17.2."""
    photo = await photo_of(await county.actor("zhang"), tmp_path)
    await report(photo=photo)
    zhao, sun = await county.actor("zhao"), await county.actor("sun")
    assert (await files.fetch(zhao, photo, NOW, tmp_path))[0].key == photo
    for nobody in (sun, await county.actor("li"), await county.actor("wang")):
        with pytest.raises(NotFound):
            await files.fetch(nobody, photo, NOW, tmp_path)
    await slips.confirm(zhao, (await the_task()).key, "B-1", PAID, TODAY, county.pack, NOW)
    assert (await files.fetch(sun, photo, NOW, tmp_path))[0].key == photo


async def test_a_picture_used_before_is_shown_as_a_doubt(
    county: County, loan: Loan, report: Report, tmp_path: Path
) -> None:
    """S18.9: refused once and sent again, it is taken, and the officer is told that he has seen it."""
    zhang, zhao = await county.actor("zhang"), await county.actor("zhao")
    await report(photo=await photo_of(zhang, tmp_path))
    first = await the_task()
    assert (await slip_checks.check_of(zhao, first.key, county.pack, TODAY)).doubts == ()
    await slips.refuse(zhao, first.key, "看不清楚，请重拍", county.pack, NOW)
    await report(photo=await photo_of(zhang, tmp_path))
    found = await slip_checks.check_of(zhao, (await the_task()).key, county.pack, TODAY)
    assert found.doubts == ("和11月28日报的另一张单据（500元）是同一张照片。",)
    assert (await access_loan(zhao, loan.key)).balance_fen == loan.balance_fen


async def test_without_a_photo_the_officer_is_told_so(county: County, report: Report) -> None:
    """S11.4: a word alone is taken down, and said to be one."""
    await report(amount_fen=None, paid_on=None)
    zhao, task = await county.actor("zhao"), await the_task()
    assert (await slip_checks.check_of(zhao, task.key, county.pack, TODAY)).doubts == (
        "没有照片，只是口头说的。",
    )
    assert "没说多少" in task.note


async def test_a_wrong_amount_leaves_the_slip_waiting(county: County, loan: Loan, report: Report) -> None:
    """S11.4: what the books refuse is refused whole."""
    await report()
    zhao, task = await county.actor("zhao"), await the_task()
    with pytest.raises(RuleRefused):
        await slips.confirm(zhao, task.key, "B-1", 10**12, TODAY, county.pack, NOW)
    assert (await RepaymentSlip.get(loan_id=loan.id)).state == "waiting"
    assert (await Task.get(id=task.id)).state == "open"
    assert await database.fetch("SELECT 1 FROM repayment") == []
