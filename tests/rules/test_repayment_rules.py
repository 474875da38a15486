"""What a payment does: order, early repayment, what settles a loan, and that it all can be taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.rates import interest_fen
from rules.repayment import (
    Book,
    Overpaid,
    Policy,
    accrued_fen,
    apply,
    book_of,
    extended,
    payoff,
    taken_back,
    with_penalties,
)
from rules.schedule import METHODS, BadTerms, Terms, add_months

START = date(2026, 1, 8)
LEVEL = Terms(
    1_200_000, 600, START, date(2027, 1, 8), "equal_instalment", day_count="30/360", rest_days="keep"
)
MONTHLY = Terms(3_000_000, 435, START, date(2027, 1, 8), "interest_only", due_day=20, rest_days="keep")
BULLET = Terms(3_000_000, 435, START, date(2027, 1, 8), "bullet", rest_days="keep")
POLICY = Policy()


def paid(book: Book) -> list[int]:
    return [line.paid_principal_fen + line.paid_interest_fen for line in book.lines]


def test_the_oldest_line_comes_first_and_interest_before_principal() -> None:
    """S11.1"""
    book = book_of(LEVEL)
    first, second = book.lines[:2]
    done = apply(book, first.unpaid_fen + second.interest_fen + 1, date(2026, 3, 9), POLICY)
    assert not done.remade
    assert done.book.lines[0].paid_on == date(2026, 3, 9)
    assert (done.book.lines[1].paid_interest_fen, done.book.lines[1].paid_principal_fen) == (
        second.interest_fen,
        1,
    )
    assert (done.principal_fen, done.interest_fen) == (
        first.principal_fen + 1,
        first.interest_fen + second.interest_fen,
    )


def test_a_pack_may_let_all_interest_go_before_all_principal() -> None:
    """S11.1"""
    book = book_of(LEVEL)
    first, second = book.lines[:2]
    money = first.interest_fen + second.interest_fen + 5
    done = apply(book, money, date(2026, 3, 9), Policy(by="kind"))
    assert [line.paid_interest_fen for line in done.book.lines[:2]] == [
        first.interest_fen,
        second.interest_fen,
    ]
    assert [line.paid_principal_fen for line in done.book.lines[:2]] == [5, 0]
    reverse_order = apply(book, 7, date(2026, 3, 9), Policy(order=("principal", "interest", "penalty")))
    assert (reverse_order.principal_fen, reverse_order.interest_fen) == (7, 0)


def test_penalty_comes_first_when_there_is_one() -> None:
    """S11.1: 30 days late at one and a half times the rate, on the principal that is overdue."""
    policy = Policy(penalty_percent=150)
    book = book_of(BULLET)
    on = date(2027, 2, 7)
    penalty = interest_fen(3_000_000, 652, 30) + 0
    quote = payoff(book, on, policy)
    assert penalty <= quote.penalty_fen == 16_313  # 30 000 yuan × 6.525 % × 30 / 360
    done = apply(book, 16_313 + 5, on, policy)
    assert (done.penalty_fen, done.interest_fen, done.principal_fen) == (16_313, 5, 0)
    again = with_penalties(done.book, on, policy)
    assert again == done.book  # charged through that day, and never twice
    assert payoff(done.book, on, policy).penalty_fen == 0
    assert payoff(book, on, POLICY).penalty_fen == 0


def test_a_line_paid_a_few_days_early_leaves_the_plan_alone() -> None:
    """S11.1"""
    book = book_of(LEVEL)
    done = apply(book, book.lines[0].unpaid_fen, date(2026, 2, 1), POLICY)
    assert not done.remade
    assert done.book.lines[0].paid_on == date(2026, 2, 1)
    assert done.book.terms == LEVEL


def test_early_repayment_charges_interest_up_to_the_day_and_makes_the_rest_smaller() -> None:
    """S11.1 (default): 10 000 yuan of 30 000 after 100 days of a loan with interest at the end."""
    book, on = book_of(BULLET), START + timedelta(days=100)
    to_the_day = interest_fen(3_000_000, 435, 100)
    assert accrued_fen(book, on) == to_the_day
    done = apply(book, 1_000_000 + to_the_day, on, POLICY)
    early, rest = done.book.lines
    assert (early.principal_fen, early.interest_fen, early.paid_on) == (1_000_000, to_the_day, on)
    assert (rest.principal_fen, rest.interest_fen) == (2_000_000, interest_fen(2_000_000, 435, 265))
    assert rest.nominal_on == BULLET.maturity_on
    assert (done.remade, done.principal_fen, done.interest_fen) == (True, 1_000_000, to_the_day)


def test_smaller_keeps_the_dates_and_shorter_keeps_the_instalment() -> None:
    """S11.1 (default)"""
    book, on = book_of(LEVEL), date(2026, 4, 8)
    for line in book.lines[:3]:
        book = apply(book, line.unpaid_fen, line.due_on, POLICY).book
    instalment = book.lines[3].unpaid_fen
    smaller = apply(book, 400_000, on, POLICY, "smaller").book
    shorter = apply(book, 400_000, on, POLICY, "shorter").book
    assert [line.nominal_on for line in smaller.lines[4:]] == [line.nominal_on for line in book.lines[3:]]
    assert smaller.lines[4].unpaid_fen < instalment
    assert {line.unpaid_fen for line in shorter.lines[4:-1]} == {instalment}
    assert len(shorter.lines) < len(smaller.lines)
    for each in (smaller, shorter):
        assert sum(line.principal_fen for line in each.lines) == 1_200_000
        assert [line.number for line in each.lines] == list(range(1, len(each.lines) + 1))


def test_equal_principal_gets_shorter_too() -> None:
    """S11.1 (default)"""
    book = book_of(replace(LEVEL, method="equal_principal"))
    shorter = apply(book, 500_000, date(2026, 1, 20), POLICY, "shorter").book
    assert len(shorter.lines) - 1 == 8
    assert sum(line.principal_fen for line in shorter.lines) == 1_200_000


def test_what_settles_a_loan_settles_it_and_a_fen_more_is_refused() -> None:
    """S11.1: in the middle of a period, with a line overdue."""
    book, on = book_of(MONTHLY), date(2026, 3, 1)
    quote = payoff(book, on, POLICY)
    overdue = sum(line.interest_fen for line in book.lines[:2])
    assert quote.interest_fen == overdue + interest_fen(3_000_000, 435, 9)
    with pytest.raises(Overpaid) as refused:
        apply(book, quote.total_fen + 1, on, POLICY)
    assert refused.value.settle_fen == quote.total_fen
    done = apply(book, quote.total_fen, on, POLICY)
    assert all(line.unpaid_fen == 0 for line in done.book.lines)
    assert done.book.lines[-1].kind == "maturity"
    assert payoff(done.book, on, POLICY).total_fen == 0
    with pytest.raises(Overpaid):
        apply(done.book, 1, on, POLICY)


def test_money_that_does_not_reach_the_running_interest_changes_no_plan() -> None:
    """S11.1"""
    book = book_of(BULLET)
    done = apply(book, 500, date(2026, 3, 1), POLICY)
    assert (done.remade, done.interest_fen, done.principal_fen) == (False, 500, 0)
    before, after = payoff(book, date(2026, 3, 2), POLICY), payoff(done.book, date(2026, 3, 2), POLICY)
    assert before.total_fen - after.total_fen == 500


def test_two_early_repayments_on_one_day_are_like_one() -> None:
    """S11.1"""
    book, on = book_of(MONTHLY), date(2026, 3, 1)
    book = apply(book, sum(line.interest_fen for line in book.lines[:2]), date(2026, 2, 20), POLICY).book
    once = apply(book, 700_000, on, POLICY).book
    twice = apply(apply(book, 300_000, on, POLICY).book, 400_000, on, POLICY).book
    assert payoff(once, on, POLICY) == payoff(twice, on, POLICY)
    later = date(2026, 9, 1)
    assert payoff(once, later, POLICY) == payoff(twice, later, POLICY)


@st.composite
def some_books(draw: st.DrawFn) -> Book:
    method = draw(st.sampled_from(METHODS))
    principal = draw(st.integers(1_000, 10**8))
    months = draw(st.integers(1, 14))
    terms = Terms(
        principal, draw(st.integers(0, 2_400)), START, add_months(START, months), method,
        draw(st.sampled_from(["monthly", "quarterly"])), draw(st.none() | st.integers(1, 28)),
        draw(st.sampled_from(["actual/360", "actual/365", "30/360"])),
        fixed_fen=principal // 3 + 1 if method == "fixed" else 0, rest_days="keep",
    )  # fmt: skip
    try:
        return book_of(terms)
    except BadTerms:
        return book_of(replace(terms, method="flat"))


def paid_ahead(book: Book, on: date) -> int:
    """Interest of days to come that a line paid early has paid already: it is not given back."""
    return max(0, sum(line.paid_interest_fen for line in book.to_come(on)) - accrued_fen(book, on))


steps = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 10**7), st.sampled_from(["smaller", "shorter"])), max_size=6
)
policies = st.builds(
    Policy,
    by=st.sampled_from(["line", "kind"]),
    penalty_percent=st.sampled_from([0, 150]),
    ahead_days=st.integers(0, 20),
)


@settings(max_examples=200, deadline=None)
@given(some_books(), steps, policies)
def test_every_fen_of_every_payment_is_accounted_for(
    book: Book, payments: list[tuple[int, int, str]], policy: Policy
) -> None:
    """S11.1: whatever is paid when, the parts are the payment, the plan keeps its sum, the quote settles."""
    on, whole = START, book.terms.principal_fen
    for days, amount, remake in payments:
        on += timedelta(days=days)
        settle = payoff(book, on, policy).total_fen
        money = min(amount, settle)
        if not money:
            break
        done = apply(book, money, on, policy, remake)  # type: ignore[arg-type]
        assert done.principal_fen + done.interest_fen + done.penalty_fen == money
        assert min(done.principal_fen, done.interest_fen, done.penalty_fen) >= 0
        ahead = paid_ahead(done.book, on) - paid_ahead(book, on) if not done.remade else 0
        assert payoff(done.book, on, policy).total_fen == settle - money + ahead
        book = done.book
        assert sum(line.principal_fen for line in book.lines) == whole
        assert [line.number for line in book.lines] == list(range(1, len(book.lines) + 1))
        for line in book.lines:
            assert 0 <= line.paid_principal_fen <= line.principal_fen
            assert 0 <= line.paid_interest_fen <= line.interest_fen
            assert 0 <= line.paid_penalty_fen <= line.penalty_fen
            assert (line.paid_on is not None) == (line.unpaid_fen == 0)


@settings(max_examples=100, deadline=None)
@given(some_books(), st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
def test_payments_nobody_noted_the_lines_of_can_be_taken_back(book: Book, amounts: list[int]) -> None:
    """S11.1: oldest first put in, newest first taken out."""
    on = book.lines[-1].nominal_on
    books = [book]
    splits = []
    for amount in amounts:
        money = min(amount, payoff(books[-1], on, POLICY).total_fen)
        if not money:
            break
        done = apply(books[-1], money, on, POLICY)
        books.append(done.book)
        splits.append((done.principal_fen, done.interest_fen))
    for (principal, interest), before in zip(reversed(splits), reversed(books[:-1]), strict=True):
        assert taken_back(books.pop(), principal, interest) == before
    with pytest.raises(ValueError, match="less than that"):
        taken_back(book, 1, 0)


def test_an_extension_moves_the_principal_and_leaves_the_interest_where_it_was() -> None:
    """S12.3: of a loan with interest at the end, half a year more."""
    book = extended(book_of(BULLET), date(2027, 7, 8), date(2026, 12, 1))
    old, new = book.lines
    assert (old.principal_fen, old.interest_fen, old.kind) == (
        0,
        interest_fen(3_000_000, 435, 365),
        "settlement",
    )
    assert (new.principal_fen, new.nominal_on) == (3_000_000, date(2027, 7, 8))
    assert new.interest_fen == interest_fen(3_000_000, 435, 181)


def test_an_extension_spreads_instalments_over_more_dates_and_hides_nothing_overdue() -> None:
    """S12.3"""
    first = book_of(LEVEL)
    book = extended(first, date(2027, 7, 8), date(2026, 4, 1))
    assert book.lines[:2] == first.lines[:2]  # overdue, and still so
    assert len(book.lines) == 18
    assert sum(line.principal_fen for line in book.lines) == 1_200_000
    assert book.lines[3].unpaid_fen < first.lines[3].unpaid_fen
    settled = apply(book, payoff(book, date(2026, 4, 1), POLICY).total_fen, date(2026, 4, 1), POLICY)
    assert settled.principal_fen == 1_200_000


@settings(max_examples=100, deadline=None)
@given(some_books(), st.integers(0, 400), st.integers(1, 12), st.integers(0, 10**7))
def test_an_extended_loan_is_a_whole_loan(book: Book, days: int, months: int, amount: int) -> None:
    """S12.3: no principal appears or is lost; what would have settled it the day before still does."""
    on = START + timedelta(days=days)
    money = min(amount, payoff(book, on, POLICY).total_fen - 1)
    if money > 0:
        book = apply(book, money, on, POLICY).book
    end = book.lines[-1].nominal_on
    try:
        longer = extended(book, add_months(end, months), on)
    except BadTerms as problem:
        assert problem.field in ("maturity_on", "grace_lines", "fixed_fen")  # noqa: PT017 - nothing else
        return
    assert sum(line.principal_fen for line in longer.lines) == sum(line.principal_fen for line in book.lines)
    assert longer.lines[-1].nominal_on <= add_months(end, months)  # a few fen need not all the dates
    assert paid(longer) == [*paid(book), *[0] * (len(longer.lines) - len(book.lines))][: len(longer.lines)]
    if on <= end:
        assert payoff(longer, on, POLICY).principal_fen == payoff(book, on, POLICY).principal_fen


def test_an_extension_must_be_later() -> None:
    """S12.3"""
    with pytest.raises(BadTerms):
        extended(book_of(BULLET), BULLET.maturity_on, date(2026, 12, 1))


def test_what_is_paid_cannot_be_extended() -> None:
    """S12.3"""
    on = date(2026, 6, 1)
    whole = payoff(book_of(BULLET), on, POLICY).total_fen
    done = apply(book_of(BULLET), whole, on, POLICY)
    with pytest.raises(BadTerms, match="no principal left"):
        extended(done.book, date(2028, 1, 8), on)
