"""A loan's book between tables and rules: read its lines, write what became of them, undo it exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from typing import Any

from bot import database
from models.loan import Instalment, Loan
from policies import Pack
from rules.rates import RateChange
from rules.repayment import Book, Line, Policy
from rules.schedule import METHODS, Method, Terms

_DATES = ("start_on", "maturity_on", "first_due_from")
_LINE = tuple(field.name for field in fields(Line) if field.name != "row_id")


async def read(loan: Loan) -> Book:
    """The book of a loan as its rows stand."""
    return of_rows(loan, await Instalment.filter(loan_id=loan.id).order_by("number"))


def of_rows(loan: Loan, rows: Sequence[Instalment]) -> Book:
    """The book of a loan whose rows, in order, were read with those of others."""
    lines = tuple(_line(row) for row in rows)
    remade_on = loan.terms.get("remade_on")
    return Book(
        _terms(loan, lines),
        lines,
        loan.disbursed_on,
        date.fromisoformat(remade_on) if remade_on else None,
    )


def policy_of(loan: Loan, pack: Pack | None, on: date) -> Policy:
    """How its payments are booked: as decided when it was paid out, else as the pack says. Clause: S19.2."""
    stored = loan.terms.get("repayments")
    if stored:
        return Policy(**{**stored, "order": tuple(stored["order"])})
    return pack.repayments(on) if pack else Policy()


def terms_json(terms: Terms, policy: Policy, remade_on: date | None = None) -> dict[str, Any]:
    """Terms and policy as a loan keeps them for good; what is as usual is left out. Clause: S19.2."""
    usual = {field.name: field.default for field in fields(Terms)}
    kept = {name: _plain(value) for name, value in asdict(terms).items() if value != usual.get(name, terms)}
    stored = {"schedule": kept, "repayments": _plain(asdict(policy))}
    return stored if remade_on is None else {**stored, "remade_on": remade_on.isoformat()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _terms(loan: Loan, lines: Sequence[Line]) -> Terms:
    stored: dict[str, Any] = loan.terms.get("schedule", {})
    if not stored:
        return _terms_of_an_import(loan, lines)
    held: dict[str, Any] = {
        name: date.fromisoformat(value) if name in _DATES else value for name, value in stored.items()
    }
    held["dates"] = tuple(date.fromisoformat(each) for each in stored.get("dates", ()))
    held["rate_changes"] = tuple(
        RateChange(date.fromisoformat(each["first_day"]), each["rate_bp"])
        for each in stored.get("rate_changes", ())
    )
    return Terms(**held)


def _terms_of_an_import(loan: Loan, lines: Sequence[Line]) -> Terms:
    """The bank sent lines, not the terms they were made of: its own days, its method where we know it."""
    known = next((method for method in METHODS if method == loan.method), None)
    looks_like: Method = "interest_only" if len(lines) > 1 else "bullet"
    return Terms(
        loan.principal_fen, loan.annual_rate_bp, loan.disbursed_on, loan.maturity_on,
        known or looks_like,
        "quarterly" if loan.settlement_cycle == "quarterly" else "monthly",
        day_count=_day_count(loan.day_count),
        fixed_fen=max((line.principal_fen + line.interest_fen for line in lines), default=0),
        dates=tuple(line.nominal_on for line in lines),
    )  # fmt: skip


def _day_count(stored: str) -> Any:
    return stored if stored in ("actual/365", "30/360") else "actual/360"


def _line(row: Instalment) -> Line:
    values = {name: getattr(row, name) for name in _LINE if name != "nominal_on"}
    return Line(**values, nominal_on=row.nominal_on or row.due_on, row_id=row.id)


def rows_of(loan: Loan, book: Book) -> list[Instalment]:
    """The lines of a new loan as rows."""
    return [Instalment(county=loan.county, loan_id=loan.id, **_columns(line)) for line in book.lines]


def _columns(line: Line) -> dict[str, Any]:
    return {name: getattr(line, name) for name in _LINE}


async def write(loan: Loan, before: Book, after: Book, policy: Policy) -> dict[str, Any]:
    """Write what changed; what it takes to undo it exactly comes back. Clause: S11.1."""
    was = {line.row_id: line for line in before.lines}
    stay = {line.row_id for line in after.lines}
    changed = [line for line in after.lines if line.row_id is not None and line != was[line.row_id]]
    gone = [line for line in before.lines if line.row_id not in stay]
    await Instalment.filter(id__in=[line.row_id for line in gone]).delete()
    await _renumber(loan, changed)
    created = [
        await Instalment.create(county=loan.county, loan_id=loan.id, **_columns(line))
        for line in after.lines
        if line.row_id is None
    ]
    undo = to_undo([was[line.row_id] for line in (*changed, *gone)], [row.id for row in created])
    if (after.terms, after.remade_on) != (before.terms, before.remade_on):
        undo["loan"] = {"terms": loan.terms, "maturity_on": loan.maturity_on.isoformat()}
        loan.terms = terms_json(after.terms, policy, after.remade_on)
        loan.maturity_on = after.terms.maturity_on
        await loan.save(update_fields=["terms", "maturity_on"])
    return undo


def to_undo(lines: Sequence[Line], created: Sequence[int]) -> dict[str, Any]:
    """What `undo` needs: the lines that changed or went, as they were, and the ids of those that came."""
    return {"lines": [_plain(asdict(line)) for line in lines], "created": list(created)}


async def _renumber(loan: Loan, lines: Sequence[Line]) -> None:
    """Write changed lines, out of the way first: two of a loan never bear one number."""
    await database.execute(
        "UPDATE instalment SET number = -number WHERE loan_id = $1 AND id = ANY($2::bigint[])",
        loan.id,
        [line.row_id for line in lines],
    )
    for line in lines:
        await Instalment.filter(id=line.row_id).update(**_columns(line))


async def undo(loan: Loan, noted: Mapping[str, Any]) -> None:
    """Put lines and terms back as they were before `write` returned this. Clause: S11.1."""
    await Instalment.filter(id__in=noted["created"]).delete()
    lines = [_parsed(each) for each in noted["lines"]]
    there = {row.id for row in await Instalment.filter(loan_id=loan.id)}
    await _renumber(loan, [line for line in lines if line.row_id in there])
    for line in lines:
        if line.row_id not in there:
            await Instalment.create(id=line.row_id, county=loan.county, loan_id=loan.id, **_columns(line))
    if "loan" in noted:
        loan.terms = noted["loan"]["terms"]
        loan.maturity_on = date.fromisoformat(noted["loan"]["maturity_on"])
        await loan.save(update_fields=["terms", "maturity_on"])


def _parsed(stored: Mapping[str, Any]) -> Line:
    days = ("due_on", "nominal_on", "penalty_through", "paid_on")
    held: dict[str, Any] = {
        name: date.fromisoformat(value) if name in days and value else value for name, value in stored.items()
    }
    return Line(**held)


async def settle(loan: Loan, balance_by_fen: int, book: Book, on: date, state: str = "settled") -> bool:
    """Take so much principal off the balance (give it back when negative); False when it does not hold it.

    The loan is over when nothing on its lines is unpaid, and runs again when something is.
    """
    over = all(not line.unpaid_fen for line in book.lines)
    changed = await database.execute(
        """UPDATE loan SET balance_fen = balance_fen - $2,
             state = CASE WHEN $3 THEN $4::varchar ELSE 'active' END,
             settled_on = CASE WHEN $3 THEN coalesce(settled_on, $5::date) END
           WHERE id = $1 AND balance_fen >= $2 AND balance_fen - $2 <= principal_fen""",
        loan.id,
        balance_by_fen,
        over,
        state,
        on,
    )
    return changed == 1
