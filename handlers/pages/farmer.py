"""Pages for who borrows: the way in, the application form, how an application stands, what is to be paid."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from aiohttp import web

from actions import (
    drafts,
    loans,
    my_notices,
    profile,
    promises,
    repayments,
    report_views,
    slips,
    status,
    subsidies,
    tasks,
)
from actions.status import ApplicationView
from bot.config import SHANGHAI
from bot.errors import RuleRefused
from handlers.county import county_context
from handlers.errors import HttpError
from handlers.forms.choices import METHOD_WORDS
from handlers.pages.base import Viewer, render
from handlers.pages.rows import rows_of
from rules.application import yuan

_OWN_KEY = re.compile(r"[A-Za-z0-9_-]{1,22}")
_INBOX_SHOWN = 99
FORM = "loan_application"
_OPEN = frozenset({"awaiting_confirmation", "in_review", "returned", "approved"})


def last_day(ends_at: datetime) -> str:
    """12月3日: the day whose end an instant is; midnight belongs to the day before."""
    on = (ends_at - timedelta(seconds=1)).astimezone(SHANGHAI).date()
    return f"{on.month}月{on.day}日"


async def home(viewer: Viewer) -> web.Response:
    """GET /m/: what one can do here, with what is waiting."""
    me = await profile.me(viewer.actor)
    applications = await status.my_applications(viewer.actor, viewer.now)
    own_loans = await loans.my_loans(viewer.actor, viewer.on)
    draft = await drafts.current(viewer.actor, FORM, "", viewer.now)
    waiting = await tasks.inbox(viewer.actor, viewer.now, limit=_INBOX_SHOWN) if viewer.actor.staff else []
    busy = any(each.own and each.state in _OPEN for each in applications)
    return render(
        viewer,
        "home.html",
        busy=busy,
        for_another=await drafts.current(viewer.actor, FORM, drafts.FOR_ANOTHER, viewer.now) is not None,
        on_paper=await drafts.current(viewer.actor, FORM, drafts.ON_PAPER, viewer.now) is not None,
        named=bool(me.id_number),
        county=viewer.pack.title,
        greeting=f"{me.name}，您好" if me.name else "您好",
        posts="、".join(f"{post.region_name}{post.title}" for post in me.posts),
        draft=draft is not None and bool(draft.state.get("a")),
        tasks=f"有{len(waiting)}件在等您" if waiting else "现在没有",
        application=_in_short(applications),
        reports="、".join(spec.title for spec, _ in report_views.reports_of(viewer.actor)),
        loan=_owed([loan for loan in own_loans if loan.state == "active"]),
    )


def _in_short(applications: list[ApplicationView]) -> str:
    if not applications:
        return "还没有申请过"
    newest = applications[0]
    if newest.may_supplement:
        return "退回来了，请您补充"
    if newest.may_confirm:
        return "等本人确认"
    return f"{newest.state_words}" + (f"，现在由{'、'.join(newest.now_with)}办理" if newest.now_with else "")


def _owed(active: list[loans.LoanView]) -> str:
    if not active:
        return "现在没有"
    due = [loan.next for loan in active if loan.next]
    if any(loan.overdue_fen for loan in active):
        return "有一笔过了日子，请点开看"
    first = min(due, key=lambda line: line.due_on, default=None)
    if first is None:
        return "点开看"
    return f"{first.due_on.month}月{first.due_on.day}日要还{yuan(first.owed_fen)}"


async def apply(viewer: Viewer) -> web.Response:
    """GET /m/apply: the application form, or with ?subject= the answer to a return."""
    subject = viewer.request.query.get("subject", "")
    if subject == drafts.ON_PAPER and "cadre" not in viewer.actor.roles:
        raise HttpError(404)
    if not subject or subject in drafts.FOR_OTHERS:
        return render(viewer, "apply.html", subject=subject, reason="", again=[])
    if not _OWN_KEY.fullmatch(subject):
        raise HttpError(404)
    application = await status.view(viewer.actor, subject, viewer.now)
    again = list(application.return_fields)
    return render(viewer, "apply.html", subject=subject, reason=application.reason, again=again)


async def applications(viewer: Viewer) -> web.Response:
    """GET /m/applications: one's own and those filled in for others."""
    found = await status.my_applications(viewer.actor, viewer.now)
    busy = any(each.own and each.state in _OPEN for each in found)
    return render(viewer, "applications.html", applications=found, busy=busy)


async def application(viewer: Viewer) -> web.Response:
    """GET /m/applications/{key}: which stage, since when, with whom, until when; what one may do."""
    found = await status.view(viewer.actor, viewer.key, viewer.now)
    context = await county_context(viewer.runtime, viewer.actor.county)
    answers = await status.answers_of(viewer.actor, viewer.key)
    expected = last_day(found.expected_at) if found.expected_at else ""
    rows = rows_of(answers, context, skip=frozenset())
    papers = list(context.papers.values()) if found.may_confirm else []
    return render(viewer, "application.html", it=found, expected=expected, answers=rows, papers=papers)


async def my_loans(viewer: Viewer) -> web.Response:
    """GET /m/loans: one's own loans."""
    return render(viewer, "loans.html", loans=await loans.my_loans(viewer.actor, viewer.on))


async def loan(viewer: Viewer) -> web.Response:
    """GET /m/loans/{key}: what is to be paid when, what was said of it; the borrower reports a repayment."""
    own = any(each.key == viewer.key for each in await loans.my_loans(viewer.actor, viewer.on))
    said = await promises.of_loan(viewer.actor, viewer.key)
    shown = await loans.view_loan(viewer.actor, viewer.key, viewer.on)
    quote, fault = await _quote(viewer)
    return render(
        viewer,
        "loan.html",
        it=shown,
        payoff=quote if shown.state == "active" and quote.total_fen else None,
        payoff_fault=fault,
        method_words=METHOD_WORDS,
        own=own,
        slips=await slips.of_loan(viewer.actor, viewer.key),
        promised=next((each for each in said if each.state == "open"), None),
        borrower=await my_notices.borrower_key(viewer.actor, viewer.key),
        subsidies=await subsidies.of_loan(viewer.actor, viewer.key),
    )


async def _quote(viewer: Viewer) -> tuple[repayments.Payoff, str]:
    """What settles the loan on the day in ?on=, today when there is none or it cannot be; why it cannot."""
    given, fault = viewer.request.query.get("on", ""), ""
    try:
        on = date.fromisoformat(given) if given else viewer.on
        return await repayments.payoff(viewer.actor, viewer.key, on, viewer.pack, viewer.on), ""
    except ValueError:
        fault = "没看懂是哪天，下面是今天的数。"
    except RuleRefused as refusal:
        fault = refusal.message
    return await repayments.payoff(viewer.actor, viewer.key, viewer.on, viewer.pack, viewer.on), fault
