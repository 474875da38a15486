"""审议: a group votes on an application; the last vote that is needed decides, or the deadline. S4.3"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from actions import audit, ballots, routing, tasks
from actions.access import Actor, access_application, access_task, family_of, posts_for_application
from actions.refusal import refuse
from bot import database
from bot.errors import NotFound, RuleRefused
from models.application import Decision as DecisionRow
from models.application import LoanApplication, Task
from models.panel import Vote
from policies.pack import Pack
from rules.identity import check_free_text
from rules.routes import Decision
from rules.tasks import deadline
from rules.votes import Outcome, count, decision_of, votes_needed

TIE_WORDS = "审议小组没有形成多数意见。"


@dataclass(frozen=True, slots=True)
class VoteResult:
    """What came of a vote: how the ballot stands, and the application. `repeated`: he had voted before."""

    ballot: ballots.BallotView
    state: str
    repeated: bool = False


async def vote(
    actor: Actor,
    task_key: str,
    choice: Decision,
    pack: Pack,
    now: datetime,
    *,
    reason: str,
    return_fields: Sequence[str] = (),
    shown_hash: str,
) -> VoteResult:
    """Vote, once and with a reason; a second vote changes nothing. Raises NotFound, RuleRefused, Conflict.

    Clause: S4.3.
    """
    task = await access_task(actor, task_key)
    if task.kind != ballots.TASK or task.application_id is None:
        raise RuleRefused("S1.2", "这项任务不是表决，请按任务里的提示办理。", code="not_a_vote")
    _check_reason(reason)
    async with database.transaction() as connection:
        application = await LoanApplication.select_for_update().get(id=task.application_id)
        task = await Task.get(id=task.id)
        mine = {"application_id": application.id, "round": task.round, "stage": task.stage}
        repeated = await Vote.filter(**mine, member_id=actor.person_id).exists()
        if not repeated:
            await tasks.check_may_decide(actor, application, task, choice, shown_hash)
            await tasks.take(task, actor, "voted", now)
            await Vote.create(
                **mine,
                county=application.county,
                member_id=actor.person_id,
                choice=choice.value,
                reason=reason.strip(),
                return_fields=list(return_fields) if choice is Decision.RETURN else [],
                shown_hash=shown_hash,
                channel=actor.channel,
                voted_at=now,
            )
            await audit.record(
                application.county, actor.person_id, "vote", ("application", application.id), now,
                stage=task.stage, round=task.round,
            )  # fmt: skip
            await settle(connection, application, task.stage, pack, now)
        view = await ballots.ballot(application, task.round, task.stage)
        return VoteResult(view, application.state, repeated)


def _check_reason(reason: str) -> None:
    if len(reason.strip()) < 2:
        raise RuleRefused("S4.3", "请写明您的理由。", code="reason_missing", field="reason")
    refuse([check_free_text(reason, "reason")])


async def settle(
    connection: asyncpg.Connection,
    application: LoanApplication,
    stage: str,
    pack: Pack,
    now: datetime,
    *,
    over: bool = False,
) -> Outcome:
    """Decide the stage if its votes do; the caller holds the application's row. Clause: S4.3."""
    on, round_ = routing.on_day(now), application.round
    seats = await ballots.of_stage(application, round_, stage)
    cast = await Vote.filter(application_id=application.id, round=round_, stage=stage).order_by("id")
    policy = pack.votes(on)
    said = [Decision(each.choice) for each in cast]
    outcome = count(len(seats), said, policy, over=over)
    decision = decision_of(outcome, policy)
    if decision is None:
        if outcome is Outcome.NO_QUORUM:
            needed = votes_needed(len(seats), policy)
            await _wait_on(connection, application, seats, len(cast), needed, pack, now)
        return outcome
    winners = [each for each in cast if each.choice == decision.value]
    reason = _reason(outcome, decision, winners)
    fields = list(dict.fromkeys(name for each in winners for name in each.return_fields))
    await Task.filter(id__in=[task.id for task in seats], state="open").update(
        state="cancelled", outcome="decided", done_at=now
    )
    await DecisionRow.create(
        county=application.county,
        application=application,
        round=round_,
        stage=stage,
        reviewer_id=None,
        organisation_id=seats[0].organisation_id,
        decision=decision.value,
        reason=reason,
        return_fields=fields if decision is Decision.RETURN else [],
        shown_hash=cast[-1].shown_hash,
        channel=cast[-1].channel,
        decided_at=now,
    )
    await audit.record(
        application.county, None, "ballot", ("application", application.id), now, stage=stage,
        round=round_, outcome=outcome.value, seats=len(seats),
        votes={each.value: said.count(each) for each in Decision},
    )  # fmt: skip
    await tasks.advance(
        connection, None, application, stage, decision, pack, now, reason=reason, fields=fields
    )
    return outcome


def _reason(outcome: Outcome, decision: Decision, winners: Sequence[Vote]) -> str:
    """What the farmer reads: why, never who or how many."""
    if outcome is Outcome.TIE:
        return TIE_WORDS
    if decision is Decision.APPROVE:
        return ""
    return "；".join(dict.fromkeys(each.reason for each in winners))[: tasks.REASON_MAX]


async def _wait_on(
    connection: asyncpg.Connection,
    application: LoanApplication,
    seats: Sequence[Task],
    cast: int,
    needed: int,
    pack: Pack,
    now: datetime,
) -> None:
    """Too few have voted: the vote stays open as long again, and the county centre is asked to help."""
    stage = routing.route_of(application).stage(seats[0].stage) if seats else None
    if stage is None:
        return
    due_at = deadline(routing.on_day(now), stage.limit_working_days).at
    await Task.filter(id__in=[task.id for task in seats], state="open").update(due_at=due_at)
    missing = f"要{needed}人表决，现在只有{cast}人表决" if len(seats) >= needed else "能表决的成员不够"
    await audit.record(
        application.county, None, "ballot", ("application", application.id), now, stage=stage.name,
        round=application.round, outcome=Outcome.NO_QUORUM.value, seats=len(seats), cast=cast,
    )  # fmt: skip
    await routing.tell_missing(connection, application, stage, missing, pack, now)


async def close_due(county: str, pack: Pack, now: datetime) -> int:
    """Decide what may be decided now that its time is over; returns how many votes were looked at.

    Clause: S4.3.
    """
    late = await Task.filter(county=county, kind=ballots.TASK, state="open", due_at__lte=now).order_by("id")
    ripe = dict.fromkeys((task.application_id, task.round, task.stage) for task in late)
    for application_id, round_, stage in ripe:
        async with database.transaction() as connection:
            application = await LoanApplication.select_for_update().get(id=application_id)
            still = Task.filter(
                application_id=application_id, kind=ballots.TASK, stage=stage, state="open", due_at__lte=now
            )
            if application.round == round_ and await still.exists():
                await settle(connection, application, stage, pack, now, over=True)
    return len(ripe)


async def of_application(actor: Actor, key: str) -> list[ballots.BallotView]:
    """How groups voted on an application, for the staff who see it; never for the farmer. Clause: S4.3."""
    application = await access_application(actor, key)
    if actor.person_id in await family_of(application) or not posts_for_application(actor, application):
        raise NotFound("没有找到这份申请。")
    return await ballots.decided_ballots(application)
