"""All there is of one application: papers, visits, opinions, notices, credit facts, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from actions import credit_query, routing, status
from actions.access import Actor, access_application, access_loan, post_for_task
from actions.credit_query import QueryView
from actions.my_notices import STATE_WORDS as NOTICE_WORDS
from actions.shown import ShownApplication, ShownVisit, shown_application, shown_visit
from actions.status import ApplicationView
from bot.errors import NotFound, RuleRefused
from models.application import LoanApplication, Task, Visit
from models.conversation import Consent, StoredFile
from models.loan import Loan
from models.notice import Notice
from policies import Pack
from rules.application import PAPERS
from rules.routes import REQUIREMENT_WORDS, State, denied, open_stages

FILE_STATES: Mapping[str, str] = {"pending": "还在从微信取", "stored": "", "failed": "没有取到，要重新拍"}


@dataclass(frozen=True, slots=True)
class Paper:
    """One file of the application: what it is for, and whether it can be opened."""

    key: str
    purpose: str
    state: str
    words: str
    media_type: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Agreed:
    """A text the applicant agreed to."""

    title: str
    version: str
    means: str
    agreed_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A notice about the application and what became of it."""

    title: str
    state: str
    words: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Who has to do something now, and by when. `mine`: whoever looks may do it."""

    key: str
    title: str
    role: str
    due_at: datetime
    late: bool
    mine: bool


@dataclass(frozen=True)
class CaseFile:
    """One application, whole."""

    view: ApplicationView
    shown: ShownApplication
    papers: tuple[Paper, ...]
    agreed: tuple[Agreed, ...]
    visits: tuple[ShownVisit, ...]
    told: tuple[Told, ...]
    tasks: tuple[OpenTask, ...]
    queries: tuple[QueryView, ...] | None
    """None: whoever looks may not see credit queries."""
    loan_key: str
    loan_number: str
    missing: tuple[str, ...]


async def show(actor: Actor, key: str, pack: Pack, on: date, now: datetime) -> CaseFile:
    """The whole of an application the actor sees by a post; the look is noted. Raises NotFound.

    Clause: S1.5, S4.3, S17.2.
    """
    view = await status.view(actor, key, now)
    application = await access_application(actor, key)
    consents = await Consent.filter(application_id=application.id).order_by("id")
    files = await StoredFile.filter(application_id=application.id).order_by("id")
    visits = await Visit.filter(application_id=application.id).order_by("id")
    tasks = await Task.filter(application_id=application.id, state="open").order_by("due_at", "id")
    loan = await Loan.get_or_none(application_id=application.id)
    notices = await Notice.filter(
        subject_kind="application", subject_id=application.id, person_id=application.applicant_id
    ).order_by("id")
    return CaseFile(
        view=view,
        shown=await shown_application(application),
        papers=tuple(
            Paper(
                each.key,
                each.purpose,
                each.state,
                FILE_STATES.get(each.state, ""),
                each.media_type,
                each.created_at,
            )
            for each in files
        ),
        agreed=tuple(
            Agreed(_title(pack, each.kind), each.version, each.means, each.agreed_at) for each in consents
        ),
        visits=tuple(shown_visit(each) for each in visits),
        told=tuple(_told(each, pack) for each in notices),
        tasks=tuple(_task(actor, application, each, now) for each in tasks),
        queries=await _queries(actor, key, now),
        loan_key=await _loan_key(actor, loan),
        loan_number=loan.number if loan else "",
        missing=tuple(await _missing(application, pack, consents, files)),
    )


def _title(pack: Pack, kind: str) -> str:
    found = pack.contents.documents.get(kind)
    return found.title if found else kind


def _told(notice: Notice, pack: Pack) -> Told:
    policy = pack.notices.get(notice.kind)
    title = policy.title if policy else notice.kind
    return Told(title, notice.state, NOTICE_WORDS.get(notice.state, notice.state), notice.created_at)


def _task(actor: Actor, application: LoanApplication, task: Task, now: datetime) -> OpenTask:
    stages = {stage.name: stage.title for stage in routing.route_of(application).stages()}
    title = stages.get(task.stage) or routing.TASK_TITLES[task.kind]
    role = routing.ROLE_TITLES.get(task.role, task.role)
    mine = task.assignee_id == actor.person_id or post_for_task(actor, task) is not None
    return OpenTask(task.key, title, role, task.due_at, task.due_at < now, mine)


async def _queries(actor: Actor, key: str, now: datetime) -> tuple[QueryView, ...] | None:
    try:
        return tuple(await credit_query.queries(actor, key, now))
    except RuleRefused:  # not of a body that may ask
        return None


async def _loan_key(actor: Actor, loan: Loan | None) -> str:
    if loan is None:
        return ""
    try:
        return (await access_loan(actor, loan.key)).key
    except NotFound:
        return ""


async def _missing(
    application: LoanApplication, pack: Pack, consents: Sequence[Consent], files: Sequence[StoredFile]
) -> list[str]:
    """What still has to come before the next step, in words."""
    found: list[str] = []
    state = State(application.state)
    if state is State.AWAITING_CONFIRMATION:
        found.append("本人还没有确认代填的内容。")
    if state is State.RETURNED:
        found.append("申请人还没有补充退回的材料。")
    route, progress = routing.route_of(application), routing.progress_of(application)
    needs = {need for stage in open_stages(route, progress) for need in stage.requires}
    met = await routing.fulfilled(application) if needs else frozenset()
    for need in sorted(needs):
        if denied(need) in met:
            found.append("村干部走访后说情况不属实。")
        elif need not in met:
            found.append(REQUIREMENT_WORDS.get(need, "还有材料没有齐。"))
    if application.route != "paper":
        have = {each.kind for each in consents}
        found += [f"没有签{_title(pack, kind)}。" for kind in PAPERS if kind not in have]
    found += [f"有一张照片或文件{FILE_STATES[each.state]}。" for each in files if each.state != "stored"]
    return found
