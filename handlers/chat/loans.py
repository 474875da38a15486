"""我的贷款: what is owed, by when. Amounts are said only to who asks, in his own chat (S18.5)."""

from __future__ import annotations

from datetime import date

from actions import loans as actions
from actions import repayments
from actions.loans import LoanView
from actions.repayments import Payoff
from bot.spoken_dates import find_date
from handlers import texts
from handlers.chat import menu
from handlers.chat.links import page_link, with_links
from handlers.chat.talk import ChatOutcome, ChatTurn, say
from handlers.forms.choices import METHOD_WORDS
from rules.application import yuan

_SHOWN = 5


async def my_loans(turn: ChatTurn) -> ChatOutcome:
    """The person's loans with the next payment of each."""
    found = await actions.my_loans(turn.actor, turn.on)
    if not found:
        return say(with_links(texts.NO_LOAN, menu.choices_for(turn.actor)))
    open_ones = [loan for loan in found if loan.state == "active"]
    shown = (open_ones or found)[:_SHOWN]
    parts = [describe(loan, turn.on) for loan in shown]
    if len(open_ones) > _SHOWN:
        rest = page_link(texts.ALL_LOANS, turn.page("/m/loans"))
        parts.append(f"还有{len(open_ones) - _SHOWN}笔：{rest}")
    return say("\n\n".join(parts))


async def payoff(turn: ChatTurn) -> ChatOutcome:
    """提前还清要多少钱: what settles each running loan today, or on the day that was named (下月5号).

    Clause: S11.4, S18.1.
    """
    on = find_date(turn.said, turn.on) or turn.on
    found = await actions.my_loans(turn.actor, turn.on)
    running = [loan for loan in found if loan.state == "active"]
    if not running:
        return say(with_links(texts.NO_LOAN_TO_SETTLE, menu.choices_for(turn.actor)))
    parts = []
    for loan in running[:_SHOWN]:
        quote = await repayments.payoff(turn.actor, loan.key, on, turn.pack, turn.on)
        parts.append(say_payoff(loan, quote, turn.on))
    if len(running) > _SHOWN:
        parts.append(f"还有{len(running) - _SHOWN}笔：{page_link(texts.ALL_LOANS, turn.page('/m/loans'))}")
    return say("\n\n".join([*parts, texts.HOW_TO_SETTLE]))


def say_payoff(loan: LoanView, quote: Payoff, today: date) -> str:
    """What settles a loan on a day, by parts, and what that saves."""
    penalty = f"，罚息{yuan(quote.penalty_fen)}" if quote.penalty_fen else ""
    day = f"今天（{texts.long_day(quote.on)}）" if quote.on == today else texts.long_day(quote.on)
    lines = [
        f"贷款 {loan.number}：{day}全部还清，要{yuan(quote.total_fen)}。",
        f"其中本金{yuan(quote.principal_fen)}，利息{yuan(quote.interest_fen)}{penalty}。",
    ]
    if quote.saved_fen:
        lines.append(f"比等到期再还，少付利息{yuan(quote.saved_fen)}。")
    if loan.next is not None and today <= loan.next.due_on <= quote.on and quote.on != today:
        lines.append("到那天以前该还的也算在里面，按期还了就少这些。")
    return "\n".join(lines)


def describe(loan: LoanView, on: date) -> str:
    """A loan in a few lines; what is past its day is said once, as past."""
    if loan.state == "renewed":
        return f"贷款 {loan.number}：{yuan(loan.principal_fen)}，已经续贷，新的借据号是{loan.renewed_by}。"
    if loan.state != "active":
        return f"贷款 {loan.number}：{yuan(loan.principal_fen)}，已经还清。"
    lines = [
        f"贷款 {loan.number}：{yuan(loan.principal_fen)}，还欠本金{yuan(loan.balance_fen)}",
        f"{METHOD_WORDS.get(loan.method, loan.method)}，{texts.long_day(loan.maturity_on)}到期",
    ]
    first = loan.next
    if first is not None and first.due_on >= on:
        lines.append(f"下一次：{texts.long_day(first.due_on)}前还{yuan(first.owed_fen)}")
    if loan.overdue_fen:
        since = f"{texts.long_day(first.due_on)}到期，" if first is not None and first.due_on < on else ""
        lines.append(f"{since}已经过了日子：{yuan(loan.overdue_fen)}。请尽快还；有难处，发“人工”。")
    return "\n".join(lines)
