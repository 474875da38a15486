"""Schedules of very many loans: the same lines as `rules.schedule.plan`, to the fen, for less time.

Loans of one bank share their days: whoever borrows on one day for one term at one rate has the same periods.
These are worked out once by the exact rule; per loan only whole numbers remain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from rules import schedule
from rules.rates import BP, DayCount, RateChange, year_days
from rules.schedule import Amounts, LineKind, Period, Terms

SHAPES_KEPT = 50_000


class Row(NamedTuple):
    """A line of a schedule, as `rules.schedule.Instalment` names its parts."""

    number: int
    due_on: date
    principal_fen: int
    interest_fen: int
    days: int
    nominal_on: date
    kind: LineKind
    calendar_known: bool


def plan_many(loans: Iterable[Terms]) -> Iterator[list[Row]]:
    """The schedule of each loan in turn. Raises BadTerms as `plan` does. Clause: S11.1."""
    for terms in loans:
        schedule.check(terms)
        shape = _shape(
            terms.rate_bp, terms.start_on, terms.maturity_on, terms.method, terms.cycle, terms.due_day,
            terms.day_count, terms.rate_changes, terms.grace_lines, terms.first_due_from, terms.dates,
            terms.rest_days,
        )  # fmt: skip
        yield _rows(shape, _amounts(terms, shape))


def forget() -> None:
    """Forget the periods that were worked out, as when the program begins. Clause: S11.1."""
    _shape.cache_clear()


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a schedule that does not depend on the sum."""

    periods: tuple[Period, ...]
    weights: tuple[int, ...]
    growth: int
    payments: int
    level_from: int
    double_unit: int


@lru_cache(maxsize=SHAPES_KEPT)
def _shape(
    rate_bp: int,
    start_on: date,
    maturity_on: date,
    method: schedule.Method,
    cycle: schedule.Cycle,
    due_day: int | None,
    day_count: DayCount,
    rate_changes: tuple[RateChange, ...],
    grace_lines: int,
    first_due_from: date | None,
    dates: tuple[date, ...],
    rest_days: schedule.RestDays,
) -> _Shape:
    terms = Terms(
        1, rate_bp, start_on, maturity_on, method, cycle, due_day, day_count, rate_changes=rate_changes,
        grace_lines=grace_lines, first_due_from=first_due_from, dates=dates, rest_days=rest_days,
    )  # fmt: skip
    periods = tuple(schedule.periods_of(terms))
    weights = tuple(each.weight for each in periods)
    unit = BP * year_days(day_count)
    level = weights[grace_lines:] if method == "equal_instalment" else ()
    growth, payments = schedule.level_factors(level, unit)
    return _Shape(periods, weights, growth, payments, grace_lines, 2 * unit)


def _rows(shape: _Shape, amounts: Amounts) -> list[Row]:
    last = len(amounts)
    return [
        Row(
            number,
            period.due_on,
            principal,
            interest,
            period.days,
            period.nominal_on,
            "maturity" if number == last else "instalment" if principal else "settlement",
            period.calendar_known,
        )
        for number, (period, (principal, interest)) in enumerate(
            zip(shape.periods, amounts, strict=False), start=1
        )
    ]


def _amounts(terms: Terms, shape: _Shape) -> Amounts:
    plain = terms.multiple_fen == 1 and not terms.even_last
    if plain and terms.method == "equal_instalment" and shape.level_from < len(shape.periods):
        found = _level(terms.principal_fen, shape)
        if found is not None:
            return found
    if plain and terms.method == "interest_only":
        return _interest_only(terms, shape)
    return schedule.amounts_of(terms, shape.periods)


def _level(principal_fen: int, shape: _Shape) -> Amounts | None:
    """等额本息 in whole numbers; None where only the exact rule knows (an instalment below the interest)."""
    instalment = (2 * principal_fen * shape.growth + shape.payments) // (2 * shape.payments) or 1
    double, half = shape.double_unit, shape.double_unit // 2
    left, last, grace = principal_fen, len(shape.weights) - 1, shape.level_from
    amounts = []
    for at, weight in enumerate(shape.weights):
        interest = (2 * left * weight + half) // double
        if at == last:
            principal = left
        elif at < grace:
            principal = 0
        elif interest > instalment:
            return None
        else:
            principal = min(left, instalment - interest)
        amounts.append((principal, interest))
        left -= principal
    while len(amounts) > 1 and amounts[-1] == (0, 0):
        amounts.pop()
    return amounts


def _interest_only(terms: Terms, shape: _Shape) -> Amounts:
    double, half, principal = shape.double_unit, shape.double_unit // 2, 2 * terms.principal_fen
    interest: Sequence[int] = [(principal * weight + half) // double for weight in shape.weights]
    if terms.last_line == "rest":
        interest = schedule.closed(list(interest), (principal * sum(shape.weights) + half) // double)
    return [*((0, each) for each in interest[:-1]), (terms.principal_fen, interest[-1])]
