"""Schedules of twelve rows: the exact rule one by one beside the batch path: `python -m bench.schedule`.

Target: at least 5,000 loans a second on one core by the batch path, every line equal to the fen. Two books
are tried: a bank's (three years of days, few terms and rates, so that loans share their periods) and one in
which no two loans share anything. Each round begins with nothing remembered.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import astuple
from datetime import date, timedelta

from rules.schedule import Terms, add_months, plan
from rules.schedule_batch import forget, plan_many

LOANS = 100_000
DIFFERENT = 20_000
ROUNDS = 2
FIRST = date(2024, 1, 2)
TARGET = 5_000


def of_a_bank(chance: random.Random) -> list[Terms]:
    """Loans over a year as a rural bank pays them out: three years of days, six rates, three methods."""
    return [
        _terms(
            chance.randrange(10, 1_000) * 10_000,
            chance.choice((345, 365, 385, 395, 435, 475)),
            FIRST + timedelta(days=chance.randrange(0, 1_000)),
            chance.choice(("equal_instalment", "interest_only", "equal_principal")),
        )
        for _ in range(LOANS)
    ]


def all_different(chance: random.Random) -> list[Terms]:
    """No two loans with the same day and rate: nothing to share."""
    return [
        _terms(
            chance.randrange(1, 10**8),
            100 + number % 2_000,
            FIRST + timedelta(days=number // 20),
            ("equal_instalment", "interest_only")[number % 2],
        )
        for number in range(DIFFERENT)
    ]


def _terms(principal_fen: int, rate_bp: int, start_on: date, method: str) -> Terms:
    level = method != "interest_only"
    return Terms(
        principal_fen, rate_bp, start_on, add_months(start_on, 12), method,  # type: ignore[arg-type]
        day_count="30/360" if level else "actual/360",
    )  # fmt: skip


def exactly(loans: list[Terms]) -> int:
    """Rows made by the exact rule."""
    return sum(len(plan(terms)) for terms in loans)


def at_once(loans: list[Terms]) -> int:
    """Rows made by the batch path."""
    return sum(len(rows) for rows in plan_many(loans))


def best(work: Callable[[list[Terms]], int], loans: list[Terms]) -> tuple[float, int]:
    """Loans a second on this core, the best of some rounds, and the rows they had."""
    rates, rows = [], 0
    for _ in range(ROUNDS):
        forget()
        begin = time.process_time()
        rows = work(loans)
        rates.append(len(loans) / (time.process_time() - begin))
    return max(rates), rows


def main() -> int:
    """Print both, the ratio, and whether they agree; 1 when they do not or the target is missed."""
    failed = 0
    for name, make in (("a bank's book", of_a_bank), ("all different", all_different)):
        loans = make(random.Random(7))
        same = all(
            [astuple(line) for line in plan(terms)] == [tuple(row) for row in rows]
            for terms, rows in zip(loans[:2_000], plan_many(loans[:2_000]), strict=True)
        )
        exact, rows = best(exactly, loans)
        batch, _ = best(at_once, loans)
        print(
            f"{name}: {rows / len(loans):.1f} rows a loan · exact {exact:,.0f} loans/s · batch {batch:,.0f} "
            f"loans/s · ratio {batch / exact:.1f} · equal to the fen: {'yes' if same else 'NO'} "
            f"· target {TARGET:,}: {'reached' if batch >= TARGET else 'MISSED'}"
        )
        failed |= not same or batch < TARGET
    return failed


if __name__ == "__main__":
    sys.exit(main())
