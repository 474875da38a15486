"""Pages for who reviews: the inbox, one task to decide, a visit to write down on the spot."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from actions import contacts, disposal, filings, own_data, slip_checks, subsidies, tasks
from actions.shown import ShownApplication
from actions.tasks import TaskView
from bot.dialog import Context
from handlers import texts
from handlers.county import county_context
from handlers.errors import HttpError
from handlers.forms.choices import BANK_METHODS, METHOD_MEANINGS
from handlers.forms.decision import DECISIONS, QUESTIONS
from handlers.limits import CONTACTS
from handlers.pages.base import Viewer, render
from handlers.pages.farmer import last_day
from handlers.pages.rows import photos_of, rows_of
from rules.application import ApplicantKind, yuan

PAGE = 20
VISITS = ("visit", "post_loan_visit")
"""Kinds of tasks that are done at the place, with or without a signal."""
ASKED_ABOVE = frozenset({"amount", "term", "name", "phone", "id_number", "village", "head_id_number"})
_ASKED_EVERYBODY = frozenset({"name", "phone", "id_number"})
"""Questions whose answers a reviewer is not shown as such; they are asked of every farmer."""
_KEY = re.compile(r"[A-Za-z0-9_-]{1,22}")


async def inbox(viewer: Viewer) -> web.Response:
    """GET /m/tasks: the open tasks of one's posts, the most urgent first."""
    after = viewer.request.query.get("after")
    if after is not None and not task_key(after):
        raise HttpError(404)
    found = await tasks.inbox(viewer.actor, viewer.now, after=after, limit=PAGE)
    rows = [_row(task) for task in found]
    return render(viewer, "tasks.html", tasks=rows, next=found[-1].key if len(found) == PAGE else None)


def task_key(text: str) -> bool:
    """Whether a text may be the key of a task."""
    return _KEY.fullmatch(text) is not None


def _row(task: TaskView) -> dict[str, Any]:
    shown = task.application
    about = f"{shown.applicant} · {shown.village_name} · {yuan(shown.amount_fen)}" if shown else task.note
    if task.loan is not None:
        about = f"{task.loan.borrower} · {task.loan.village_name}。{task.note}"
    return {
        "key": task.key, "kind": task.kind, "title": task.title, "about": about, "overdue": task.overdue,
        "escalated": task.escalated, "due": f"{last_day(task.due_at)}前",
    }  # fmt: skip


async def task(viewer: Viewer) -> web.Response:
    """GET /m/tasks/{key}: what is to be decided, masked, and the form to decide it."""
    found = await tasks.view_task(viewer.actor, viewer.key, viewer.now)
    if found.kind in VISITS and found.state == "open":
        raise web.HTTPFound(f"/m/visit/{found.key}")
    if found.kind in ELSEWHERE and found.state == "open":
        raise web.HTTPFound(f"/m{await ELSEWHERE[found.kind](viewer, found.key)}")
    return render(viewer, "task.html", **await to_do(viewer, found))


async def to_do(viewer: Viewer, found: TaskView) -> dict[str, Any]:
    """What the page of a task shows: whom it is about, what to check, and what may be said."""
    context = await county_context(viewer.runtime, viewer.actor.county)
    shown = found.application
    whom = None
    if found.kind in contacts.CALLED and found.state == "open":
        await viewer.count(CONTACTS)
        whom = await contacts.contact_of(viewer.actor, found.key, viewer.pack, viewer.now)
    check = None
    if found.kind == "slip":
        check = await slip_checks.check_of(viewer.actor, found.key, viewer.pack, viewer.on)
    request = None
    if found.kind == own_data.TASK:
        request = await own_data.of_task(viewer.actor, found.key, viewer.now)
    allowed = {str(decision) for decision in found.decisions}
    return {
        "it": found,
        "whom": whom,
        "check": check,
        "request": request,
        "due": last_day(found.due_at),
        "application": _with_titles(viewer, shown),
        "rows": _rows(shown, context),
        "photos": photos_of(shown.answers) if shown else [],
        "decisions": [(c.value, c.label) for c in DECISIONS if c.value in allowed],
        "questions": _questions(shown),
        "vote_words": {c.value: c.label for c in DECISIONS},
        "amount": _plain_yuan(shown.amount_fen) if shown else "",
        "methods": _methods(viewer, shown) if found.kind == "disburse" else [],
        "outcomes": [(value, words) for words, value in texts.close_words(found.kind).items()]
        if found.kind in tasks.CLOSABLE
        else [],
    }


async def _disposal_page(viewer: Viewer, key: str) -> str:
    return f"/disposals/{await disposal.of_task(viewer.actor, key)}"


async def _filing_page(viewer: Viewer, key: str) -> str:
    return f"/filings/{await filings.of_task(viewer.actor, key)}"


async def _watch_page(_viewer: Viewer, key: str) -> str:
    return f"/watch/{key}"


async def _subsidy_page(viewer: Viewer, key: str) -> str:
    return f"/subsidies/{await subsidies.of_task(viewer.actor, key)}"


ELSEWHERE = {
    "disposal": _disposal_page,
    "filing": _filing_page,
    "subsidy": _subsidy_page,
    "village_watch": _watch_page,
}
"""Kinds of tasks that have a page of their own -> its address, below /m or /console."""


async def visit(viewer: Viewer) -> web.Response:
    """GET /m/visit/{key}: the visit form, which works on without a signal."""
    found = await tasks.view_task(viewer.actor, viewer.key, viewer.now)
    if found.kind not in VISITS or found.state != "open" or not (found.application or found.loan):
        raise web.HTTPFound(f"/m/tasks/{found.key}")
    context = await county_context(viewer.runtime, viewer.actor.county)
    rows = _rows(found.application, context)
    return render(
        viewer, "visit.html", it=found, due=last_day(found.due_at), application=found.application, rows=rows,
        form=found.kind,
    )  # fmt: skip


def _rows(shown: ShownApplication | None, context: Context) -> list[tuple[str, str]]:
    return rows_of(shown.answers, context, skip=ASKED_ABOVE) if shown else []


def _questions(shown: ShownApplication | None) -> list[tuple[str, str]]:
    """What can be asked again: the questions this farmer was asked."""
    asked = set(shown.answers) | _ASKED_EVERYBODY if shown else set()
    return [(c.value, c.label) for c in QUESTIONS if c.value in asked]


def _methods(viewer: Viewer, shown: ShownApplication | None) -> list[tuple[str, str, str]]:
    """The ways of repaying that the county's product knows: value, words, what it means. Clause: S11.1."""
    product = viewer.pack.product(ApplicantKind(shown.applicant_kind)) if shown else None
    allowed = product.methods if product else ()
    return [(c.value, c.label, METHOD_MEANINGS[c.value]) for c in BANK_METHODS if c.value in allowed]


def _with_titles(viewer: Viewer, shown: ShownApplication | None) -> dict[str, Any] | None:
    """The application with the stages of its decisions by their titles."""
    if shown is None:
        return None
    stages = viewer.pack.contents.stages
    decisions = [
        {
            "title": stages[each.stage].title if each.stage in stages else each.stage,
            "decision": each.decision, "reason": each.reason, "at": each.at,
        }
        for each in shown.decisions
    ]  # fmt: skip
    names = [name for name in ShownApplication.__dataclass_fields__ if name != "decisions"]
    return {**{name: getattr(shown, name) for name in names}, "decisions": decisions}


def _plain_yuan(fen: int) -> str:
    """30000 or 30000.50, as one types it."""
    return f"{fen // 100}" + (f".{fen % 100:02d}" if fen % 100 else "")
