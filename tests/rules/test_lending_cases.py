"""Figures that other lending systems publish for the same loans, each kind through the one entry `plan`.

`lending_cases.json` names the source of every figure. A case is read by its kind and its inputs alone, so
that another case of a kind needs no code.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from rules.rates import RateChange, interest_fen
from rules.schedule import Instalment, Method, Terms, add_months, monthly_dates, plan
from rules.shares import split_fen

CASES = json.loads((Path(__file__).parent / "lending_cases.json").read_text("utf-8"))
START = date(2024, 1, 1)


def of_kind(*kinds: str) -> Any:
    found = [case for case in CASES if case["kind"] in kinds]
    assert found, kinds
    return pytest.mark.parametrize("case", found, ids=[case["id"] for case in found])


def fen(yuan: Any) -> int:
    exact = Decimal(str(yuan)) * 100
    assert exact == int(exact)
    return int(exact)


def yearly_bp(inputs: dict[str, Any]) -> int:
    monthly = re.fullmatch(r"([\d.]+)% per month", inputs.get("rate", ""))
    percent = Decimal(monthly[1]) * 12 if monthly else Decimal(inputs["annual_rate_pct"])
    assert percent * 100 == int(percent * 100)
    return int(percent * 100)


def planned(case: dict[str, Any], method: Method, **more: Any) -> list[Instalment]:
    inputs = case["inputs"]
    start = date.fromisoformat(inputs.get("start", START.isoformat()))
    lines = inputs.get("n", inputs.get("periods"))
    number, unit = inputs.get("every", "1 month").split()
    step = int(number)
    if unit.startswith("month"):
        dates = tuple(monthly_dates(start, lines, step))
    else:
        days = step * (7 if unit.startswith("week") else 1)
        dates = tuple(start + timedelta(days=days * at) for at in range(1, lines + 1))
    terms = Terms(
        fen(inputs["principal"]), yearly_bp(inputs), start, dates[-1], method,
        day_count=inputs.get("daycount", "30/360"), dates=dates, rest_days="keep",
        multiple_fen=fen(inputs.get("multiples_of", "0.01")), **more,
    )  # fmt: skip
    return plan(terms)


def all_fen(values: list[Any]) -> list[int]:
    return [fen(value) for value in values]


@of_kind("annuity")
def test_equal_instalments(case: dict[str, Any]) -> None:
    """S11.1: 等额本息, every line, the last taking the rest (A01, A08, A11)."""
    lines, expected = planned(case, "equal_instalment"), case["expected"]
    assert lines[0].total_fen == fen(expected["emi"])
    assert [line.principal_fen for line in lines] == all_fen(expected["principal"])
    assert [line.interest_fen for line in lines] == all_fen(expected["interest"])
    assert [line.total_fen for line in lines] == all_fen(expected["instalment"])
    assert sum(line.interest_fen for line in lines) == fen(expected["total_interest"])


@of_kind("equal-principal")
def test_equal_principal(case: dict[str, Any]) -> None:
    """S11.1: 等额本金, with and without multiples (B01, B03)."""
    lines, expected = planned(case, "equal_principal"), case["expected"]
    if "principal_each" in expected:
        assert {line.principal_fen for line in lines} == {fen(expected["principal_each"])}
    for name in (name for name in expected if name.startswith("principal_rows_")):
        first, last = map(int, name.split("_")[-2:])
        assert {line.principal_fen for line in lines[first - 1 : last]} == {fen(expected[name])}
    for name in (name for name in expected if re.fullmatch(r"principal_\d+", name)):
        assert lines[int(name.split("_")[-1]) - 1].principal_fen == fen(expected[name])
    for number, interest in expected.get("interest", {}).items():
        assert lines[int(number) - 1].interest_fen == fen(interest)
    first_ones = all_fen(expected.get("interest_first_three", []))
    assert [line.interest_fen for line in lines[: len(first_ones)]] == first_ones


@of_kind("flat")
def test_flat_interest(case: dict[str, Any]) -> None:
    """S11.1: interest on the first principal in every line; a new rate from a period on (C02, C03)."""
    inputs, expected = case["inputs"], case["expected"]
    if "each" in expected:
        amounts = {name: fen(words.split()[0]) for words in expected["each"] for name in [words.split()[1]]}
        for line in planned(case, "flat"):
            assert (line.principal_fen, line.interest_fen) == (amounts["principal"], amounts["interest"])
        return
    assert [line.interest_fen for line in planned(case, "flat")] == all_fen(expected["interest_before"])
    change = re.fullmatch(r"([\d.]+) from (\d+)\w+ period", inputs["new_rate_pct"])
    assert change
    first_day = add_months(START, int(change[2]) - 1)
    changed = planned(case, "flat", rate_changes=(RateChange(first_day, int(Decimal(change[1]) * 100)),))
    assert [line.interest_fen for line in changed] == all_fen(expected["interest_after"])


def by_days(case: dict[str, Any], method: Method, **more: Any) -> list[Instalment]:
    days = case["inputs"]["days"]
    dates = tuple(
        START + timedelta(days=each) for each in accumulate(days if isinstance(days, list) else [days])
    )
    terms = Terms(
        fen(case["inputs"]["principal"]), yearly_bp(case["inputs"]), START, dates[-1], method,
        day_count=case["inputs"]["daycount"], dates=dates, rest_days="keep", **more,
    )  # fmt: skip
    return plan(terms)


@of_kind("interest-only")
def test_interest_only(case: dict[str, Any]) -> None:
    """S11.1: 按期付息到期还本 (D01)."""
    lines = by_days(case, "interest_only")
    assert [line.interest_fen for line in lines] == all_fen(case["expected"]["interest"])
    assert lines[-1].total_fen == fen(case["expected"]["last_payment"])


@of_kind("bullet")
def test_bullet(case: dict[str, Any]) -> None:
    """S11.1: 一次性还本付息 (D02)."""
    (line,) = by_days(case, "bullet")
    assert (line.interest_fen, line.principal_fen) == (
        fen(case["expected"]["interest"]),
        fen(case["inputs"]["principal"]),
    )


@of_kind("rate-precision trap")
def test_the_exact_figures_and_not_those_of_a_rate_cut_short(case: dict[str, Any]) -> None:
    """S11.1: D03."""
    lines = [line.interest_fen for line in by_days(case, "interest_only", last_line="own_days")]
    assert lines == all_fen(case["expected"]["exact"])
    assert lines != all_fen(case["expected"]["source_says"])


@of_kind("daily accrual", "day-count compare")
def test_interest_of_so_many_days(case: dict[str, Any]) -> None:
    """S11.1: E01, E02."""
    found = [
        interest_fen(fen(principal), int(Decimal(rate) * 100), days, count)
        for principal, rate, count, days in case["inputs"]["rows"]
    ]
    assert found == all_fen(case["expected"]["interest"])


@of_kind("monthly date sequence")
def test_monthly_dates(case: dict[str, Any]) -> None:
    """S11.1: H01, the plan's own dates: clipped at the month's end, never drifting."""
    year, month = map(int, case["inputs"]["from_"].split("-"))
    for day in case["inputs"]["seed_day"]:
        start = date(year, month, day)
        terms = Terms(100_000, 435, start, add_months(start, 14), "equal_principal", rest_days="keep")
        found = [line.due_on.isoformat() for line in plan(terms)]
        expected = case["expected"].get(f"seed{day}", [])
        head = expected[: expected.index("...")] if "..." in expected else expected
        assert found[: len(head)] == head
        assert set(expected) - {"..."} <= set(found)


@of_kind("quarterly settlement, subsidy basis")
def test_quarterly_settlement(case: dict[str, Any]) -> None:
    """S11.1: K04, by the pack's settlement day; the lines, their sum, and the whole in one step."""
    inputs, expected = case["inputs"], case["expected"]
    cuts = [date.fromisoformat(each) for each in inputs["cut_dates"]]
    for count, name in (("actual/360", "act360"), ("actual/365", "act365")):
        for last_line in ("own_days", "rest"):
            terms = Terms(
                fen(inputs["principal"]), yearly_bp(inputs), cuts[0], cuts[-1], "interest_only", "quarterly",
                due_day=20, day_count=count, last_line=last_line, rest_days="keep",
            )  # type: ignore[arg-type]  # fmt: skip
            lines = plan(terms)
            assert [line.due_on for line in lines] == cuts[1:]
            assert [line.days for line in lines] == inputs["days"]
            interest = [line.interest_fen for line in lines]
            if last_line == "own_days":
                assert interest == all_fen(expected[name])
                assert sum(interest) == fen(expected[f"{name}_sum"])
            else:
                assert interest[:-1] == all_fen(expected[name])[:-1]
                assert sum(interest) == fen(expected[f"{name}_one_step"])


def test_every_case_of_a_schedule_is_tried() -> None:
    """S11.1"""
    tried = {
        "annuity", "equal-principal", "flat", "interest-only", "bullet", "rate-precision trap",
        "daily accrual", "day-count compare", "monthly date sequence", "quarterly settlement, subsidy basis",
    }  # fmt: skip
    assert {case["kind"] for case in CASES} - tried == {"split by shares, in fen"}


@of_kind("split by shares, in fen")
def test_a_sum_is_split_to_the_last_fen(case: dict[str, Any]) -> None:
    """S8.5"""
    rows = case["inputs"]["rows"]
    assert [split_fen(total, shares) for total, shares in rows] == case["expected"]["shares"]
    assert all(sum(split_fen(total, shares)) == total for total, shares in rows)


@pytest.mark.parametrize(("total", "shares"), [(-1, [1]), (1, []), (1, [0, 0]), (1, [2, -1])])
def test_what_cannot_be_split_is_refused(total: int, shares: list[int]) -> None:
    """S8.5"""
    with pytest.raises(ValueError, match="not negative"):
        split_fen(total, shares)
