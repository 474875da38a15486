"""Payments that need a loan's whole book: worked out by `rules.repayment`, for many loans at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import asyncpg
import orjson

from actions import loan_book
from models.loan import Instalment, Loan
from policies import Pack
from rules.repayment import Applied, Book, Line, Overpaid, Policy, apply


@dataclass(slots=True)
class Payment:
    """One row of a file that can be read, the loan it is for, and what it went to."""

    row: int
    serial: str
    number: str
    bank_id: int
    received_on: date
    amount_fen: int
    loan_id: int = 0
    interest_fen: int = 0
    principal_fen: int = 0
    penalty_fen: int = 0
    undo: dict[str, Any] | None = None
    remade_lines: int = 0
    """How many lines the loan has since this payment remade its plan; 0: it did not."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A payment that was not booked: the column that is wrong, and why."""

    payment: Payment
    column: str
    reason: str


@dataclass(slots=True)
class _Open:
    """A loan whose payments are being booked."""

    loan: Loan
    before: Book
    book: Book
    policy: Policy
    paid_principal_fen: int = 0
    last_on: date | None = None


_SET = (
    "number", "kind", "due_on", "nominal_on", "calendar_known", "days", "principal_fen", "interest_fen",
    "penalty_fen", "paid_principal_fen", "paid_interest_fen", "paid_penalty_fen", "penalty_through",
    "paid_on",
)  # fmt: skip
_TYPES = ("int", "text", "date", "date", "bool", "int", *["bigint"] * 6, "date", "date")
_NAMES = ", ".join(_SET)
_ARRAYS = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(_TYPES, start=2))


class Books:
    """Books the payments of a chunk that are not usual. The loans are locked already."""

    def __init__(self, connection: asyncpg.Connection, pack: Pack) -> None:
        self._connection, self._pack = connection, pack
        self._ids: list[int] = []

    async def book(self, groups: Iterable[Sequence[Payment]]) -> tuple[list[Payment], list[Refused]]:
        """Book the payments of each loan in the order of the file. Clause: S11.1, S12.1."""
        by_loan = {group[0].loan_id: group for group in groups}
        opened = await self._open(by_loan)
        booked: list[Payment] = []
        refused: list[Refused] = []
        for held in opened:
            for payment in by_loan[held.loan.id]:
                wrong = await self._apply(held, payment)
                if wrong is None:
                    booked.append(payment)
                else:
                    refused.append(wrong)
        await self._write([held for held in opened if held.last_on is not None])
        return booked, refused

    async def _open(self, by_loan: dict[int, Sequence[Payment]]) -> list[_Open]:
        if not by_loan:
            return []
        lines: dict[int, list[Instalment]] = {loan_id: [] for loan_id in by_loan}
        for row in await Instalment.filter(loan_id__in=list(by_loan)).order_by("loan_id", "number"):
            lines[row.loan_id].append(row)
        opened = []
        for loan in await Loan.filter(id__in=list(by_loan)).order_by("id"):
            book = loan_book.of_rows(loan, lines[loan.id])
            policy = loan_book.policy_of(loan, self._pack, by_loan[loan.id][0].received_on)
            opened.append(_Open(loan, book, book, policy))
        return opened

    async def _apply(self, held: _Open, payment: Payment) -> Refused | None:
        remade_on = held.book.remade_on
        if remade_on is not None and payment.received_on < remade_on:
            words = f"{remade_on:%Y-%m-%d}重排过还款计划，还款日期不能比那天早。"
            return Refused(payment, "received_on", words)
        try:
            done = apply(held.book, payment.amount_fen, payment.received_on, held.policy)
        except Overpaid as over:
            return Refused(payment, "amount_fen", _over(over.settle_fen))
        await self._note(held, payment, done)
        return None

    async def _note(self, held: _Open, payment: Payment, done: Applied) -> None:
        """Take over what the rule says, and note what it takes to undo it."""
        lines, created = [], []
        for line in done.book.lines:
            row_id = line.row_id
            if row_id is None:
                row_id = await self._new_id()
                created.append(row_id)
            lines.append(replace(line, row_id=row_id))
        after = replace(done.book, lines=tuple(lines))
        stay = {line.row_id: line for line in after.lines}
        lost = [line for line in held.book.lines if stay.get(line.row_id) != line]
        payment.undo = loan_book.to_undo(lost, created)
        if (after.terms, after.remade_on) != (held.book.terms, held.book.remade_on):
            loan = held.loan
            payment.undo["loan"] = {"terms": loan.terms, "maturity_on": loan.maturity_on.isoformat()}
            loan.terms = loan_book.terms_json(after.terms, held.policy, after.remade_on)
            loan.maturity_on = after.terms.maturity_on
        held.book, held.last_on = after, payment.received_on
        held.paid_principal_fen += done.principal_fen
        payment.interest_fen, payment.principal_fen = done.interest_fen, done.principal_fen
        payment.penalty_fen = done.penalty_fen
        payment.remade_lines = len(lines) if done.remade else 0

    async def _new_id(self) -> int:
        if not self._ids:
            self._ids = await fresh_ids(self._connection, "instalment", 200)
        return self._ids.pop()

    async def _write(self, opened: Sequence[_Open]) -> None:
        changed: list[Line] = []
        new: list[tuple[_Open, Line]] = []
        gone: list[int | None] = []
        for held in opened:
            was = {line.row_id: line for line in held.before.lines}
            stay = {line.row_id for line in held.book.lines}
            changed += [line for line in held.book.lines if line.row_id in was and was[line.row_id] != line]
            new += [(held, line) for line in held.book.lines if line.row_id not in was]
            gone += [row_id for row_id in was if row_id not in stay]
        await self._connection.execute("DELETE FROM instalment WHERE id = ANY($1::bigint[])", gone)
        await self._change(changed)
        if new:
            await self._connection.copy_records_to_table(
                "instalment",
                records=[
                    (line.row_id, held.loan.county, held.loan.id, *(getattr(line, name) for name in _SET))
                    for held, line in new
                ],
                columns=["id", "county", "loan_id", *_SET],
            )
        await self._loans(opened)

    async def _change(self, lines: Sequence[Line]) -> None:
        ids = [line.row_id for line in lines]
        # numbers move, and no two lines of a loan may have the same even for a moment
        await self._connection.execute(
            "UPDATE instalment SET number = -number WHERE id = ANY($1::bigint[])",
            ids,
        )
        await self._connection.execute(
            f"""UPDATE instalment i SET {", ".join(f"{name} = g.{name}" for name in _SET)}
                FROM unnest($1::bigint[], {_ARRAYS}) AS g(id, {_NAMES}) WHERE i.id = g.id""",  # noqa: S608
            ids,
            *[[getattr(line, name) for line in lines] for name in _SET],
        )

    async def _loans(self, opened: Sequence[_Open]) -> None:
        await self._connection.execute(
            """UPDATE loan l SET balance_fen = l.balance_fen - g.principal,
                 state = CASE WHEN g.over THEN 'settled' ELSE l.state END,
                 settled_on = CASE WHEN g.over THEN g.on_day ELSE l.settled_on END,
                 terms = g.terms::jsonb, maturity_on = g.maturity_on
               FROM unnest($1::bigint[], $2::bigint[], $3::date[], $4::bool[], $5::text[], $6::date[])
                 AS g(id, principal, on_day, over, terms, maturity_on)
               WHERE l.id = g.id""",
            [held.loan.id for held in opened],
            [held.paid_principal_fen for held in opened],
            [held.last_on for held in opened],
            [all(not line.unpaid_fen for line in held.book.lines) for held in opened],
            [orjson.dumps(held.loan.terms).decode() for held in opened],
            [held.loan.maturity_on for held in opened],
        )


def _over(settle_fen: int) -> str:
    if not settle_fen:
        return "这笔贷款已经没有欠款，请核对。"
    return f"超过了全部欠款：当天还清只要 {settle_fen // 100}.{settle_fen % 100:02d} 元，请核对。"


async def fresh_ids(connection: asyncpg.Connection, table: str, count: int) -> list[int]:
    """So many new ids of a table, in rising order."""
    # the sequence is looked up once, not for each id
    ids: list[int] = await connection.fetchval(
        """SELECT array_agg(nextval(sequence)) FROM generate_series(1, $2::int),
             (SELECT pg_get_serial_sequence($1, 'id')::regclass AS sequence OFFSET 0) AS found""",
        table,
        count,
    )
    return sorted(ids or ())
