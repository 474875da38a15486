"""S11.1, S12.1: a file of repayments does to every loan what the rule says, whichever way it is booked."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

from actions import loan_book
from models.loan import Loan, PlanChange, Repayment
from rules.repayment import Book, Overpaid, Policy, apply, payoff
from tests.actions.conftest import County
from tests.actions.import_kit import bring, csv_file, errors_of, loan

METHODS = ("按期付息到期还本", "一次性还本付息", "等额本息", "等额本金")
TODAY = date(2026, 11, 28)


def bare(book: Book) -> Book:
    """A book without the ids of its rows."""
    return replace(book, lines=tuple(replace(line, row_id=None) for line in book.lines))


async def books() -> dict[str, tuple[Book, Policy]]:
    return {
        made.number: (await loan_book.read(made), loan_book.policy_of(made, None, TODAY))
        for made in await Loan.all()
    }


def payments_of(
    chance: random.Random, held: dict[str, tuple[Book, Policy]], number: int
) -> list[dict[str, str]]:
    """Payments of every kind: what is due, less, the next line ahead, early, all of it, too much."""
    rows = []
    for serial, (book, policy) in held.items():
        on = chance.choice([line.due_on for line in book.lines]) + timedelta(days=chance.randrange(-12, 3))
        on = min(max(on, book.opened_on or on, book.remade_on or on), TODAY)
        due = sum(line.unpaid_fen for line in book.due(on))
        coming = [line.unpaid_fen for line in book.to_come(on) if line.unpaid_fen]
        settle = payoff(book, on, policy).total_fen
        nearest = coming[0] if coming else 0
        wanted = [due, due + nearest, due // 2, due + nearest // 3, settle, settle + 1, settle // 2, 1]
        for at in range(chance.choice((1, 1, 1, 2, 3))):
            fen = max(1, chance.choice(wanted))
            rows.append(
                {
                    "流水号": f"LS{number}{serial}{at}",
                    "借据号": serial,
                    "还款日期": on.isoformat(),
                    "还款金额（元）": f"{fen // 100}.{fen % 100:02d}",
                }
            )
    chance.shuffle(rows)
    return rows


def fen_of(row: dict[str, str]) -> int:
    yuan, cents = row["还款金额（元）"].split(".")
    return int(yuan) * 100 + int(cents)


async def test_files_of_repayments_agree_with_the_rule_on_random_loans(county: County) -> None:
    """S11.1: the statement for the usual payments and the books for the others, over three months."""
    chance = random.Random(20261128)
    loans = [
        loan(
            at,
            **{
                "还款方式": METHODS[at % 4],
                "结息周期": chance.choice(("按月", "按季")),
                "放款日期": (date(2026, 1, 1) + timedelta(days=chance.randrange(200))).isoformat(),
                "期限（月）": str(chance.choice((1, 3, 6, 12, 24))),
                "贷款金额（元）": f"{chance.randrange(1_000, 50_000)}.{chance.randrange(100):02d}",
            },
        )
        for at in range(60)
    ]
    assert (await bring(county, "loans", csv_file(loans))).accepted == 60
    usual = booked = 0
    for number in range(3):
        held = await books()
        rows = payments_of(chance, held, number)
        expected = {name: bare(book) for name, (book, _) in held.items()}
        splits: dict[str, tuple[int, int, int]] = {}
        for row in rows:
            name, on = row["借据号"], date.fromisoformat(row["还款日期"])
            remade_on = expected[name].remade_on
            if remade_on is not None and on < remade_on:
                continue
            try:
                done = apply(expected[name], fen_of(row), on, held[name][1])
            except Overpaid:
                continue
            expected[name] = bare(done.book)
            splits[row["流水号"]] = (done.principal_fen, done.interest_fen, done.penalty_fen)
        batch = await bring(county, "repayments", csv_file(rows))
        assert (batch.accepted, batch.refused) == (len(splits), len(rows) - len(splits)), await errors_of(
            batch
        )
        assert {name: bare(book) for name, (book, _) in (await books()).items()} == expected
        found = await Repayment.filter(serial__startswith=f"LS{number}")
        assert {
            each.serial: (each.principal_fen, each.interest_fen, each.penalty_fen) for each in found
        } == splits
        usual += sum(each.undo is None for each in found)
        booked += len(found)
    assert usual > 20, "no payment was usual: the statement was not tried"
    assert booked - usual > 20, "every payment was usual: the books were not tried"
    for made in await Loan.all():
        book = await loan_book.read(made)
        assert made.balance_fen == sum(line.unpaid("principal") for line in book.lines)
        assert (made.state == "settled") == all(not line.unpaid_fen for line in book.lines)
    assert await PlanChange.filter(kind="early").count() > 0


async def test_years_of_a_loan_in_one_chunk_are_booked_one_after_the_other(county: County) -> None:
    """S11.1, S12.1: by the statement while they are usual, by the rule from the first that is not."""
    terms = {"还款方式": "等额本息", "结息周期": "按月", "放款日期": "2025-06-05"}
    months = {"JJ0001": "24", "JJ0002": "12", "JJ0003": "24"}
    loans = [loan(at, **terms, **{"期限（月）": term}) for at, term in enumerate(months.values(), start=1)]
    assert (await bring(county, "loans", csv_file(loans))).accepted == 3
    held = await books()
    expected = {name: bare(book) for name, (book, _) in held.items()}
    rows = []
    for name, (book, policy) in held.items():
        for at, line in enumerate(line for line in book.lines if line.due_on <= TODAY):
            more = 200_000 if (name, at) == ("JJ0003", 4) else 0
            fen = line.principal_fen + line.interest_fen + more
            if name == "JJ0003" and at > 4:
                fen = 10_000
            rows.append(
                {
                    "流水号": f"Y{name}{at:02d}", "借据号": name, "还款日期": line.due_on.isoformat(),
                    "还款金额（元）": f"{fen // 100}.{fen % 100:02d}",
                }
            )  # fmt: skip
            expected[name] = bare(apply(expected[name], fen, line.due_on, policy).book)
    batch = await bring(county, "repayments", csv_file(rows))
    assert (batch.accepted, batch.refused) == (len(rows), 0), await errors_of(batch)
    assert {name: bare(book) for name, (book, _) in (await books()).items()} == expected
    usual = {
        name: await Repayment.filter(serial__startswith=f"Y{name}", undo__isnull=True).count()
        for name in months
    }
    assert usual == {"JJ0001": 12, "JJ0002": 12, "JJ0003": 4}
    assert (await Loan.get(number="JJ0002")).state == "settled"
    for each in await Loan.all():
        notes = await Repayment.filter(loan_id=each.id).order_by("id")
        assert [note.serial for note in notes] == sorted(note.serial for note in notes)


async def test_what_a_file_booked_is_undone_exactly(county: County) -> None:
    """S11.1: by what it noted, the loan is as it was before."""
    await bring(county, "loans", csv_file([loan(1, 还款方式="等额本息", 结息周期="按月")]))
    made = await Loan.get(number="JJ0001")
    before = await loan_book.read(made)
    row = {"流水号": "E1", "借据号": "JJ0001", "还款日期": "2026-04-20", "还款金额（元）": "9000"}
    assert (await bring(county, "repayments", csv_file([row]))).accepted == 1
    paid = await Repayment.get(serial="E1")
    made = await Loan.get(number="JJ0001")
    assert await loan_book.read(made) != before
    assert paid.undo is not None
    await loan_book.undo(made, paid.undo)
    assert await loan_book.read(await Loan.get(number="JJ0001")) == before
