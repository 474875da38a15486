"""What a farmer sees of his application: the stage, since when, with whom, until when, what he may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.expressions import Q

from actions import audit, routing
from actions.access import Actor, access_application
from actions.routing import ROLE_TITLES
from models.application import Decision, LoanApplication, Visit
from rules.routes import FINAL_STATES, STATE_WORDS, WITHDRAWABLE_STATES, Progress, Route, State, open_stages


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened: words for the farmer, by which role, when."""

    title: str
    role: str
    at: datetime
    note: str = ""


@dataclass(frozen=True)
class StageStanding:
    """A stage of the route and how it stands: done, now, waiting, or returned."""

    name: str
    title: str
    role: str
    standing: str


@dataclass(frozen=True)
class ApplicationView:
    """An application for its farmer (or whoever filled it in). Clause: S1.5."""

    key: str
    number: str
    state: str
    state_words: str
    amount_fen: int
    term_months: int
    industry: str
    submitted_at: datetime
    since: datetime
    now_with: tuple[str, ...]
    """Titles of the roles that are working on it; never names."""
    now_stage: str
    expected_at: datetime | None
    late: bool
    reason: str
    return_fields: tuple[str, ...]
    stages: tuple[StageStanding, ...]
    timeline: tuple[TimelineEntry, ...]
    may_withdraw: bool
    may_supplement: bool
    may_confirm: bool
    own: bool


async def my_applications(actor: Actor, now: datetime) -> list[ApplicationView]:
    """The actor's applications and those he filled in for others, the newest first. Clause: S1.5, S1.7."""
    rows = await LoanApplication.filter(
        Q(applicant_id=actor.person_id) | Q(filled_by_id=actor.person_id)
    ).order_by("-id")
    return [await _view(actor, row, now) for row in rows]


async def view(actor: Actor, key: str, now: datetime) -> ApplicationView:
    """One application as its farmer sees it; a look by others is audited. Raises NotFound.

    Clause: S1.5, S17.2.
    """
    application = await access_application(actor, key)
    if actor.person_id not in (application.applicant_id, application.filled_by_id):
        await audit.viewed(actor.county, actor.person_id, ("application", application.id), now)
    return await _view(actor, application, now)


async def answers_of(actor: Actor, key: str) -> Mapping[str, Any]:
    """The answers of one's own application, to be changed after a return. Raises NotFound. Clause: S1.5."""
    application = await access_application(actor, key)
    if actor.person_id not in (application.applicant_id, application.filled_by_id):
        return {}
    return application.answers


async def _view(actor: Actor, application: LoanApplication, now: datetime) -> ApplicationView:
    route, progress = routing.route_of(application), routing.progress_of(application)
    state = State(application.state)
    waiting = () if state is State.AWAITING_CONFIRMATION else open_stages(route, progress)
    if state is State.RETURNED:
        waiting = ()
    mine = actor.person_id in (application.applicant_id, application.filled_by_id)
    return ApplicationView(
        key=application.key,
        number=application.number,
        state=state.value,
        state_words=STATE_WORDS[state],
        amount_fen=application.amount_fen,
        term_months=application.term_months,
        industry=application.industry,
        submitted_at=application.submitted_at,
        since=application.step_entered_at,
        now_with=tuple(dict.fromkeys(ROLE_TITLES[stage.role] for stage in waiting)),
        now_stage="、".join(stage.title for stage in waiting),
        expected_at=application.expected_at,
        late=application.expected_at is not None
        and application.expected_at < now
        and state not in FINAL_STATES,
        reason=application.closed_reason,
        return_fields=tuple(application.return_fields),
        stages=_standings(route, progress),
        timeline=await _timeline(application, route),
        may_withdraw=mine and state in WITHDRAWABLE_STATES,
        may_supplement=mine and state is State.RETURNED,
        may_confirm=mine and state is State.AWAITING_CONFIRMATION,
        own=actor.person_id == application.applicant_id,
    )


def _standings(route: Route, progress: Progress) -> tuple[StageStanding, ...]:
    said = dict(progress.decided)
    standings = []
    for number, step in enumerate(route.steps):
        for stage in step.stages:
            if number < progress.step or progress.state is State.DISBURSED:
                standing = "done"
            elif number > progress.step:
                standing = "waiting"
            else:
                standing = {"approve": "done", "return": "returned", "reject": "rejected"}.get(
                    said.get(stage.name, ""), "now"
                )
            standings.append(StageStanding(stage.name, stage.title, ROLE_TITLES[stage.role], standing))
    return tuple(standings)


async def _timeline(application: LoanApplication, route: Route) -> tuple[TimelineEntry, ...]:
    entries = [TimelineEntry("提交申请", "", application.submitted_at)]
    decisions: Sequence[Decision] = await Decision.filter(application_id=application.id).order_by("id")
    words = {"approve": "通过", "return": "退回补充", "reject": "没有通过"}
    for row in decisions:
        stage = route.stage(row.stage)
        entries.append(
            TimelineEntry(
                f"{stage.title}：{words[row.decision]}", ROLE_TITLES[stage.role], row.decided_at, row.reason
            )
        )
    entries += [
        TimelineEntry("村干部已走访", ROLE_TITLES["cadre"], visit.received_at)
        for visit in await Visit.filter(application_id=application.id).order_by("id")
    ]
    if application.state == State.DISBURSED and application.closed_at:
        entries.append(TimelineEntry("银行已放款", ROLE_TITLES["bank_officer"], application.closed_at))
    if application.state == State.WITHDRAWN and application.closed_at:
        entries.append(TimelineEntry("已撤回申请", "", application.closed_at))
    return tuple(sorted(entries, key=lambda entry: entry.at))
