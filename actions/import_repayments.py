"""Rows of a bank's repayments: the usual ones booked by one statement, the others by the rule itself.

Usual is a payment that goes to the first unpaid line and no further, when that is due or near. All else (more
lines at once, early repayment, penalties) is worked out by `rules.repayment`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import asyncpg
import orjson

from actions.import_books import Books, Payment, fresh_ids
from actions.import_loans import Outcome
from actions.import_scope import Scope
from rules import columns
from rules.columns import RowError, RowReader
from rules.repayment import Policy

TABLE = columns.REPAYMENTS
_NOT_THERE = "没有找到这笔贷款，请核对借据号；只能登记本行在管辖范围里的贷款。"


class RepaymentRows:
    """Puts chunks of repayment rows in."""

    def __init__(self, scope: Scope, reader: RowReader) -> None:
        self._scope, self._reader = scope, reader

    def prepare(self, rows: Sequence[tuple[int, list[Any]]]) -> tuple[list[Payment], Outcome]:
        """All that needs no database: done in a thread while the chunk before is written. Clause: S12.1."""
        outcome = Outcome()
        given = [self._read(number, values, outcome) for number, values in rows]
        return self._first_of_each([each for each in given if each is not None], outcome), outcome

    async def apply(self, connection: asyncpg.Connection, given: Sequence[Payment], said: Outcome) -> Outcome:
        """Write a prepared chunk in the transaction of its cursor. What is there already changes nothing.

        Raises UniqueViolationError when another import was quicker: the chunk is then done again.
        Clause: S12.1, S11.1.
        """
        outcome = said.copy()
        new = await self._without_known(connection, given, outcome)
        payments = await self._with_loans(connection, new, outcome)
        outcome.accepted = await self._book(connection, payments, outcome)
        return outcome

    def _error(self, payment: Payment, column: str, value: str, reason: str) -> RowError:
        return self._reader.error(payment.row, column, value, reason)

    def _read(self, row: int, values: list[Any], outcome: Outcome) -> Payment | None:
        serial, number, received_on, amount_fen, bank = values
        bank_id = self._scope.bank_of(bank)
        if isinstance(bank_id, str):
            outcome.errors.append(self._reader.error(row, "bank", bank or "", bank_id))
            return None
        if received_on > self._scope.on:
            words = "还款日期不能晚于今天。"
            outcome.errors.append(self._reader.error(row, "received_on", received_on.isoformat(), words))
            return None
        return Payment(row, serial, number, bank_id, received_on, amount_fen)

    def _first_of_each(self, given: Sequence[Payment], outcome: Outcome) -> list[Payment]:
        first: dict[tuple[int, str], Payment] = {}
        for each in given:
            known = first.setdefault((each.bank_id, each.serial), each)
            if known is each:
                continue
            if _facts(known) == _facts(each):
                outcome.unchanged += 1
            else:
                words = f"第{known.row}行已有这个流水号，内容不同，请核对。"
                outcome.errors.append(self._error(each, "serial", each.serial, words))
        return list(first.values())

    async def _without_known(
        self, connection: asyncpg.Connection, given: Sequence[Payment], outcome: Outcome
    ) -> list[Payment]:
        rows = await connection.fetch(
            """SELECT r.bank_id, r.serial, r.received_on, r.amount_fen, l.number
               FROM unnest($1::bigint[], $2::text[]) AS g(bank_id, serial)
               JOIN repayment r ON r.bank_id = g.bank_id AND r.serial = g.serial
               JOIN loan l ON l.id = r.loan_id""",
            [each.bank_id for each in given],
            [each.serial for each in given],
        )
        known = {
            (row["bank_id"], row["serial"]): (row["number"], row["received_on"], row["amount_fen"])
            for row in rows
        }
        new = []
        for each in given:
            there = known.get((each.bank_id, each.serial))
            if there is None:
                new.append(each)
            elif there == _facts(each):
                outcome.unchanged += 1
            else:
                words = "这个流水号已经登记过另一笔还款，没有改动，请核对。"
                outcome.errors.append(self._error(each, "serial", each.serial, words))
        return new

    async def _with_loans(
        self, connection: asyncpg.Connection, given: Sequence[Payment], outcome: Outcome
    ) -> list[Payment]:
        """The payments with their loans, which are locked in the order of their ids."""
        rows = await connection.fetch(
            """SELECT id, bank_id, number, village, disbursed_on, borrower_id, county FROM loan
               WHERE (bank_id, number) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))
               ORDER BY id FOR UPDATE""",
            [each.bank_id for each in given],
            [each.number for each in given],
        )
        loans = {(row["bank_id"], row["number"]): row for row in rows}
        found = []
        for each in given:
            loan = loans.get((each.bank_id, each.number))
            wrong = self._wrong_loan(each, loan)
            if wrong is not None:
                outcome.errors.append(wrong)
            elif loan is not None:
                each.loan_id = loan["id"]
                found.append(each)
        return found

    def _wrong_loan(self, payment: Payment, loan: asyncpg.Record | None) -> RowError | None:
        scope = self._scope
        if loan is None or loan["county"] != scope.county or not scope.covers(loan["village"]):
            return self._error(payment, "number", payment.number, _NOT_THERE)
        if loan["borrower_id"] in scope.family_ids:
            return self._error(payment, "number", payment.number, "本人或家人的贷款要由同事登记。")
        if payment.received_on < loan["disbursed_on"]:
            words = "还款日期在放款之前，请核对。"
            return self._error(payment, "received_on", payment.received_on.isoformat(), words)
        return None

    async def _book(
        self, connection: asyncpg.Connection, payments: Sequence[Payment], outcome: Outcome
    ) -> int:
        """Book the payments, those of one loan in the order of the file; how many."""
        groups: dict[int, list[Payment]] = {}
        for each in payments:
            groups.setdefault(each.loan_id, []).append(each)
        policy = self._scope.pack.repayments(self._scope.on)
        usual = 0
        waiting, rest = [groups[loan_id] for loan_id in sorted(groups)], []
        for at in range(ROUNDS):
            if not waiting:
                break
            done = await book_usual(connection, [group[at] for group in waiting], policy, self._scope)
            usual += len(done)
            rest += [group[at:] for group in waiting if group[at].loan_id not in done]
            waiting = [group for group in waiting if len(group) > at + 1 and group[at].loan_id in done]
        rest += [group[ROUNDS:] for group in waiting]
        booked, refused = await Books(connection, self._scope.pack).book(rest)
        for wrong in refused:
            payment = wrong.payment
            yuan = f"{payment.amount_fen // 100}.{payment.amount_fen % 100:02d}"
            value = yuan if wrong.column == "amount_fen" else payment.received_on.isoformat()
            outcome.errors.append(self._error(payment, wrong.column, value, wrong.reason))
        await self._write(connection, booked)
        return usual + len(booked)

    async def _write(self, connection: asyncpg.Connection, booked: list[Payment]) -> None:
        """Note what the rule has booked; what is usual has been noted by its statement."""
        if not booked:
            return
        scope = self._scope
        booked.sort(
            key=lambda each: (each.loan_id, each.row)
        )  # of one loan, the later id is the later payment
        ids = await fresh_ids(connection, "repayment", len(booked))
        await connection.copy_records_to_table(
            "repayment",
            records=[
                (
                    number, scope.county, each.loan_id, each.bank_id, each.serial, each.received_on,
                    each.amount_fen, each.principal_fen, each.interest_fen, each.penalty_fen,
                    None if each.undo is None else orjson.dumps(each.undo).decode(),
                    scope.officer_id, scope.now,
                )
                for number, each in zip(ids, booked, strict=True)
            ],
            columns=[
                "id", "county", "loan_id", "bank_id", "serial", "received_on", "amount_fen", "principal_fen",
                "interest_fen", "penalty_fen", "undo", "recorded_by_id", "recorded_at",
            ],
        )  # fmt: skip
        await connection.copy_records_to_table(
            "plan_change",
            records=[
                (
                    scope.county, each.loan_id, "early", each.received_on, scope.officer_id, scope.now,
                    orjson.dumps({"repayment_id": number, "lines": each.remade_lines}).decode(),
                )
                for number, each in zip(ids, booked, strict=True)
                if each.remade_lines
            ],
            columns=["county", "loan_id", "kind", "on_day", "recorded_by_id", "recorded_at", "facts"],
        )  # fmt: skip


def _facts(payment: Payment) -> tuple[str, date, int]:
    return payment.number, payment.received_on, payment.amount_fen


_USUAL = """
WITH pay AS MATERIALIZED (
  SELECT p.*, l.balance_fen AS balance, coalesce((own.terms ->> 'ahead_days')::int, $6) AS ahead_days,
         coalesce((own.terms ->> 'penalty_percent')::int, $7) > 0 AS penal
  FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::date[])
    AS p(loan_id, bank_id, serial, amount, on_day)
  JOIN loan l ON l.id = p.loan_id
  CROSS JOIN LATERAL (SELECT l.terms -> 'repayments' AS terms OFFSET 0) own  -- read once, not for each use
  WHERE coalesce(own.terms ->> 'by', $8) = 'line'
    AND strpos(coalesce(own.terms ->> 'order', $9), 'interest')
        < strpos(coalesce(own.terms ->> 'order', $9), 'principal')
    AND coalesce((l.terms ->> 'remade_on')::date, p.on_day) <= p.on_day
), line AS (
  SELECT p.*, i.place, i.interest, i.principal, least(i.interest, p.amount) AS to_interest,
         greatest(p.amount - i.interest, 0) AS to_principal
  FROM pay p CROSS JOIN LATERAL (
    SELECT ctid AS place, due_on, coalesce(nominal_on, due_on) <= p.on_day AS due,
           interest_fen - paid_interest_fen AS interest, principal_fen - paid_principal_fen AS principal,
           penalty_fen > paid_penalty_fen OR (p.penal AND due_on < p.on_day) AS charged
    FROM instalment WHERE loan_id = p.loan_id AND paid_on IS NULL ORDER BY number LIMIT 1) i
  WHERE p.amount <= i.interest + i.principal AND NOT i.charged
    AND (i.due OR (i.due_on - p.on_day <= p.ahead_days AND i.principal < p.balance AND p.amount < p.balance))
), put AS (
  UPDATE instalment i
  SET paid_interest_fen = i.paid_interest_fen + t.to_interest,
      paid_principal_fen = i.paid_principal_fen + t.to_principal,
      paid_on = CASE WHEN t.amount = t.interest + t.principal THEN t.on_day END
  FROM line t WHERE i.ctid = t.place
  RETURNING t.*, t.balance = t.to_principal AND (
    SELECT o.id FROM instalment o WHERE o.loan_id = i.loan_id AND o.paid_on IS NULL AND o.id <> i.id LIMIT 1
  ) IS NULL AS settles
), reduced AS (
  UPDATE loan l
  SET balance_fen = l.balance_fen - put.to_principal,
      state = CASE WHEN put.settles THEN 'settled' ELSE l.state END,
      settled_on = CASE WHEN put.settles THEN put.on_day ELSE l.settled_on END
  FROM put WHERE l.id = put.loan_id AND (put.to_principal > 0 OR put.settles)
), noted AS (
  INSERT INTO repayment (county, loan_id, bank_id, serial, received_on, amount_fen, principal_fen,
                         interest_fen, penalty_fen, recorded_by_id, recorded_at)
  SELECT $10, loan_id, bank_id, serial, on_day, amount, to_principal, to_interest, 0, $11, $12 FROM put
)
SELECT array_agg(loan_id) FROM put
"""
ROUNDS = 12
"""So many payments of one loan in a chunk may be usual: a year's, when a bank brings its old ones."""


async def book_usual(
    connection: asyncpg.Connection, payments: Sequence[Payment], policy: Policy, scope: Scope
) -> set[int]:
    """Book and note those of the payments, one a loan at most, that go to the first unpaid line and no
    further, when that is due or near; their loans.

    `policy` is for loans that have none of their own. Agrees with `rules.repayment.apply`; what is not usual
    is left untouched. Clause: S11.1.
    """
    loan_ids = await connection.fetchval(
        _USUAL,
        [each.loan_id for each in payments],
        [each.bank_id for each in payments],
        [each.serial for each in payments],
        [each.amount_fen for each in payments],
        [each.received_on for each in payments],
        policy.ahead_days,
        policy.penalty_percent,
        policy.by,
        str(policy.order),
        scope.county,
        scope.officer_id,
        scope.now,
    )
    return set(loan_ids or ())
