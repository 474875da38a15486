"""Rows of a bank's loans: people found or made, loans and their schedules written, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any

import asyncpg
import orjson

from actions import loan_book
from actions import loans as loan_actions
from actions.import_books import fresh_ids
from actions.import_scope import Scope
from bot.errors import RuleRefused
from models.sealing import blind_index, new_key, open_text, seal_text
from rules import columns, schedule, schedule_batch
from rules.application import ApplicantKind
from rules.columns import RowError, RowReader

TABLE = columns.LOANS


@dataclass(slots=True)
class Outcome:
    """What became of the rows of a chunk."""

    accepted: int = 0
    unchanged: int = 0
    errors: list[RowError] = field(default_factory=list)

    def copy(self) -> Outcome:
        """The same, to go on with: a chunk that is done again begins with what its rows alone say."""
        return Outcome(self.accepted, self.unchanged, [*self.errors])


@dataclass(slots=True)
class _Given:
    """One row that can be read, on its way into the tables."""

    row: int
    number: str
    bank_id: int
    name: str
    id_number: str
    index: bytes
    phone: str | None
    village: str | None
    terms: schedule.Terms
    account: str | None
    guarantor_id: int | None
    person: _Person | None = None
    lines: str = ""
    """Its schedule, as `_block` gives it."""


@dataclass(slots=True)
class _Person:
    id: int
    key: str
    village: str | None
    household_id: int | None
    name_sealed: bytes | None
    has_phone: bool
    made_from: _Given | None = None


class LoanRows:
    """Puts chunks of loan rows in. One of these for each run: it remembers the terms of products."""

    def __init__(self, scope: Scope, reader: RowReader) -> None:
        self._scope, self._reader = scope, reader
        self._terms: dict[tuple[str, str | None], schedule.Terms | str] = {}
        self._stored: dict[tuple[str, str], dict[str, Any]] = {}

    def prepare(self, rows: Sequence[tuple[int, list[Any]]]) -> tuple[list[_Given], Outcome]:
        """All that needs no database, schedules too: done in a thread while the chunk before is written.

        Clause: S12.1, S11.1.
        """
        outcome = Outcome()
        given = self._first_of_each([self._read(number, values, outcome) for number, values in rows], outcome)
        return [each for each in given if self._planned(each, outcome)], outcome

    async def apply(self, connection: asyncpg.Connection, given: Sequence[_Given], said: Outcome) -> Outcome:
        """Write a prepared chunk in the transaction of its cursor. What is there already changes nothing.

        Raises UniqueViolationError when another import was quicker: the chunk is then done again.
        Clause: S12.1, S11.1, S4.7.
        """
        outcome = said.copy()
        new = await self._without_known(connection, given, outcome)
        ready = await self._with_people(connection, new, outcome)
        await self._write(connection, ready)
        outcome.accepted = len(ready)
        return outcome

    def _error(self, given: _Given, column: str, value: str, reason: str) -> RowError:
        return self._reader.error(given.row, column, value, reason)

    def _read(self, row: int, values: list[Any], outcome: Outcome) -> _Given | None:
        (
            number, name, id_number, phone, village, amount, rate, disbursed_on, maturity_on, months, method,
            cycle, account, guarantor, bank,
        ) = values  # fmt: skip
        scope = self._scope
        bank_id = scope.bank_of(bank)
        terms = self._terms_of(method, cycle)
        wrong: tuple[str, str, str] | None = None
        if isinstance(bank_id, str):
            wrong = ("bank", bank or "", bank_id)
        elif disbursed_on > scope.on:
            wrong = ("disbursed_on", disbursed_on.isoformat(), "放款日期不能晚于今天。")
        elif isinstance(terms, str):
            wrong = ("method", method, terms)
        elif guarantor is not None and guarantor not in scope.guarantors:
            wrong = ("guarantor", guarantor, "县里没有登记这家担保机构，请写登记的全称。")
        elif village is not None and scope.village_of(village) is None:
            wrong = ("village", village, "没有这个村，或者有重名的，请填12位区划代码。")
        if wrong is None and months is not None:
            by_months = schedule.add_months(disbursed_on, months)
            if maturity_on is not None and maturity_on != by_months:
                wrong = (
                    "maturity_on",
                    maturity_on.isoformat(),
                    f"和期限对不上，{months}个月是{by_months}到期。",
                )
            maturity_on = by_months
        if wrong is None:
            wrong = _wrong_term(disbursed_on, maturity_on, scope.limits.term_max_months)
        if wrong is not None or isinstance(bank_id, str) or isinstance(terms, str):
            outcome.errors.append(self._reader.error(row, *(wrong or ("bank", "", ""))))
            return None
        return _Given(
            row, number, bank_id, name, id_number, blind_index("id_number", id_number), phone,
            scope.village_of(village) if village is not None else None,
            replace(
                terms, principal_fen=amount, rate_bp=rate, start_on=disbursed_on, maturity_on=maturity_on
            ),
            account, scope.guarantors.get(guarantor) if guarantor is not None else None,
        )  # fmt: skip

    def _terms_of(self, method: str, cycle: str | None) -> schedule.Terms | str:
        """The product's terms for a method and cycle, to be filled in; or why there are none."""
        found = self._terms.get((method, cycle))
        if found is None:
            asked = loan_actions.Disbursement(
                number="", amount_fen=1, disbursed_on=self._scope.on, account="", annual_rate_bp=0,
                term_months=1, method=method, settlement_cycle=cycle,  # type: ignore[arg-type]
            )  # fmt: skip
            try:
                found = loan_actions.terms_of(asked, ApplicantKind.FARMER, self._scope.pack, self._scope.on)
            except RuleRefused as refused:
                found = refused.message
            self._terms[method, cycle] = found
        return found

    def _terms_json(self, terms: schedule.Terms) -> str:
        """As a loan keeps its terms; what is the same for all of a method is worked out once."""
        known = self._stored.get((terms.method, terms.cycle))
        if known is None:
            policy = self._scope.pack.repayments(self._scope.on)
            known = self._stored[terms.method, terms.cycle] = loan_book.terms_json(terms, policy)
        own = {
            "principal_fen": terms.principal_fen,
            "rate_bp": terms.rate_bp,
            "start_on": terms.start_on,
            "maturity_on": terms.maturity_on,
        }
        return orjson.dumps({**known, "schedule": {**known["schedule"], **own}}).decode()

    def _first_of_each(self, given: Sequence[_Given | None], outcome: Outcome) -> list[_Given]:
        """One row for each loan: the same again is unchanged, the same number with other words an error."""
        first: dict[tuple[int, str], _Given] = {}
        for each in given:
            if each is None:
                continue
            known = first.setdefault((each.bank_id, each.number), each)
            if known is each:
                continue
            if (known.terms, known.index) == (each.terms, each.index):
                outcome.unchanged += 1
            else:
                words = f"第{known.row}行已有这个借据号，内容不同，请核对。"
                outcome.errors.append(self._error(each, "number", each.number, words))
        return list(first.values())

    def _planned(self, given: _Given, outcome: Outcome) -> bool:
        """Work the schedule out; False when there is none."""
        try:
            given.lines = _block(given.terms)
        except schedule.BadTerms:
            words = "按这些条件排不出还款计划，请核对金额、日期和还款方式。"
            outcome.errors.append(self._error(given, "method", given.terms.method, words))
            return False
        return True

    async def _without_known(
        self, connection: asyncpg.Connection, given: Sequence[_Given], outcome: Outcome
    ) -> list[_Given]:
        rows = await connection.fetch(
            """SELECT l.bank_id, l.number, l.principal_fen, l.annual_rate_bp, l.disbursed_on, l.method,
                      p.id_number_index
               FROM unnest($1::bigint[], $2::text[]) AS g(bank_id, number)
               JOIN loan l ON l.bank_id = g.bank_id AND l.number = g.number
               JOIN person p ON p.id = l.borrower_id""",
            [each.bank_id for each in given],
            [each.number for each in given],
        )
        known = {(row["bank_id"], row["number"]): row for row in rows}
        new = []
        for each in given:
            row = known.get((each.bank_id, each.number))
            if row is None:
                new.append(each)
                continue
            differs = _differs(each, row)
            if differs is None:
                outcome.unchanged += 1
                continue
            words = f"这个借据号已经登记过，{TABLE.column(differs).title}不同，没有改动，请核对。"
            outcome.errors.append(self._error(each, "number", each.number, words))
        return new

    async def _with_people(
        self, connection: asyncpg.Connection, given: Sequence[_Given], outcome: Outcome
    ) -> list[_Given]:
        known = await self._known_people(connection, given)
        ready: list[_Given] = []
        phones: dict[int, tuple[_Person, str]] = {}
        for each in given:
            person = known.get(each.index)
            wrong = self._wrong_person(each, person)
            if wrong is not None:
                outcome.errors.append(wrong)
                continue
            if person is None:
                person = _Person(0, new_key(), each.village, None, None, each.phone is not None, each)
                known[each.index] = person
            elif each.phone is not None and not person.has_phone:
                phones.setdefault(id(person), (person, each.phone))
            each.person = person
            ready.append(each)
        await self._make_people(connection, [each for each in known.values() if not each.id])
        await _add_phones(connection, list(phones.values()))
        return ready

    async def _known_people(
        self, connection: asyncpg.Connection, given: Sequence[_Given]
    ) -> dict[bytes, _Person]:
        rows = await connection.fetch(
            """SELECT id, key, id_number_index, village, household_id, name_sealed,
                      phone_index IS NOT NULL AS has_phone
               FROM person WHERE county = $1 AND id_number_index = ANY($2::bytea[])""",
            self._scope.county,
            list({each.index for each in given}),
        )
        return {
            row["id_number_index"]: _Person(
                row["id"], row["key"], row["village"], row["household_id"], row["name_sealed"],
                row["has_phone"],
            )
            for row in rows
        }  # fmt: skip

    def _wrong_person(self, given: _Given, person: _Person | None) -> RowError | None:
        if person is not None:
            known = (
                person.made_from.name
                if person.made_from is not None
                else open_text(person.name_sealed, "person", "name", person.key)
            )
            if known and known != given.name:
                return self._error(given, "name", given.name, "和这个身份证号登记的姓名对不上，请核对。")
            if person.id and person.id in self._scope.family_ids:
                words = "本人或家人的贷款要由同事登记。"
                return self._error(given, "number", given.number, words)
        village = given.village or (person.village if person is not None else None)
        if village is None:
            return self._error(given, "village", "", "系统里没有这个人，请填所在村。")
        if not self._scope.covers(village):
            return self._error(given, "village", village, "这个村不在您管的范围里。")
        given.village = village
        return None

    async def _make_people(self, connection: asyncpg.Connection, people: list[_Person]) -> None:
        # in the order of the index, so that two imports with the same people wait for each other in turn
        people.sort(key=lambda person: person.made_from.index if person.made_from else b"")
        for person, number in zip(people, await fresh_ids(connection, "person", len(people)), strict=True):
            person.id = number
        await connection.copy_records_to_table(
            "person",
            records=[self._person(person, person.made_from) for person in people if person.made_from],
            columns=[
                "id", "county", "key", "name_sealed", "name_index", "id_number_sealed", "id_number_index",
                "phone_sealed", "phone_index", "village", "detailed_notices", "created_at",
            ],
        )  # fmt: skip

    def _person(self, person: _Person, given: _Given) -> tuple[object, ...]:
        key, phone = person.key, given.phone
        return (
            person.id,
            self._scope.county,
            key,
            seal_text(given.name, "person", "name", key),
            blind_index("name", given.name),
            seal_text(given.id_number, "person", "id_number", key),
            given.index,
            seal_text(phone, "person", "phone", key) if phone else None,
            blind_index("phone", phone) if phone else None,
            given.village,
            False,
            self._scope.now,
        )

    async def _write(self, connection: asyncpg.Connection, ready: list[_Given]) -> None:
        ready.sort(key=lambda each: (each.bank_id, each.number))
        ids = await fresh_ids(connection, "loan", len(ready))
        await connection.copy_records_to_table(
            "loan",
            records=[self._loan(number, each) for number, each in zip(ids, ready, strict=True)],
            columns=[
                "id", "county", "key", "number", "bank_id", "guarantor_id", "borrower_id", "household_id",
                "village", "principal_fen", "balance_fen", "annual_rate_bp", "day_count", "method",
                "settlement_cycle", "disbursed_on", "maturity_on", "account_sealed", "state", "terms",
                "created_at",
            ],
        )  # fmt: skip
        county = self._scope.county
        text = "".join(
            each.lines.replace("@", f"{county}\t{number}\t") for number, each in zip(ids, ready, strict=True)
        )
        await connection.copy_to_table("instalment", source=_source(text), columns=list(_LINE), format="text")

    def _loan(self, loan_id: int, given: _Given) -> tuple[object, ...]:
        terms, person, key = given.terms, given.person, new_key()
        if person is None:
            raise TypeError("a loan without a person")
        return (
            loan_id, self._scope.county, key, given.number, given.bank_id, given.guarantor_id, person.id,
            person.household_id, given.village, terms.principal_fen, terms.principal_fen, terms.rate_bp,
            terms.day_count, terms.method, "" if terms.method == "bullet" else terms.cycle, terms.start_on,
            terms.maturity_on,
            seal_text(given.account, "loan", "account", key) if given.account else None,
            "active", self._terms_json(terms), self._scope.now,
        )  # fmt: skip


_LINE = (
    "county", "loan_id", "number", "kind", "due_on", "nominal_on", "calendar_known", "days", "principal_fen",
    "interest_fen", "paid_principal_fen", "paid_interest_fen", "paid_on",
)  # fmt: skip


@lru_cache(maxsize=4_096)
def _block(terms: schedule.Terms) -> str:
    """The lines of a schedule as COPY wants them; @ stands for county and loan. Raises BadTerms."""
    lines = [
        f"@{line.number}\t{line.kind}\t{line.due_on.isoformat()}\t{line.nominal_on.isoformat()}"
        f"\t{'t' if line.calendar_known else 'f'}\t{line.days}\t{line.principal_fen}\t{line.interest_fen}"
        "\t0\t0"
        # nothing to pay is nothing to be late with
        f"\t{line.due_on.isoformat() if not line.principal_fen + line.interest_fen else chr(92) + 'N'}\n"
        for line in next(schedule_batch.plan_many([terms]))
    ]
    return "".join(lines)


async def _source(text: str) -> Any:
    data = text.encode()
    for start in range(0, len(data), 1 << 20):
        yield data[start : start + (1 << 20)]


async def _add_phones(connection: asyncpg.Connection, phones: Sequence[tuple[_Person, str]]) -> None:
    """Phone numbers for people who had none; a number that is there is never changed by a file."""
    if not phones:
        return
    await connection.execute(
        """UPDATE person p SET phone_sealed = g.sealed, phone_index = g.index
           FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) AS g(id, sealed, index)
           WHERE p.id = g.id AND p.phone_index IS NULL""",
        [person.id for person, _ in phones],
        [seal_text(phone, "person", "phone", person.key) for person, phone in phones],
        [blind_index("phone", phone) for _, phone in phones],
    )


def _wrong_term(
    disbursed_on: date, maturity_on: date | None, most_months: int
) -> tuple[str, str, str] | None:
    if maturity_on is None:
        return "maturity_on", "", "到期日期和期限至少要填一个。"
    if maturity_on <= disbursed_on:
        return "maturity_on", maturity_on.isoformat(), "到期日期要在放款日期之后。"
    if maturity_on > schedule.add_months(disbursed_on, most_months):
        return "maturity_on", maturity_on.isoformat(), f"期限超过{most_months}个月，请核对。"
    return None


def _differs(given: _Given, row: asyncpg.Record) -> str | None:
    """The first column in which a row differs from the loan that is there. An extension may move maturity."""
    terms = given.terms
    pairs = (
        ("amount_fen", row["principal_fen"], terms.principal_fen),
        ("rate_bp", row["annual_rate_bp"], terms.rate_bp),
        ("disbursed_on", row["disbursed_on"], terms.start_on),
        ("method", row["method"], terms.method),
        ("id_number", row["id_number_index"], given.index),
    )
    return next((name for name, there, said in pairs if there != said), None)
