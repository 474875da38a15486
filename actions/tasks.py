"""Tasks of the people who review: the inbox, what a task shows, the decision, delegation, escalation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from actions import audit, audit_watch, ballots, bindings, claims, own_data, routing, staff_changes
from actions.access import Actor, access_task
from actions.refusal import refuse
from actions.shown import ShownApplication, ShownLoan, shown_application, shown_loans
from bot import database
from bot.errors import Conflict, RuleRefused
from models.application import Decision as DecisionRow
from models.application import LoanApplication, Task
from policies.pack import Pack
from rules import tasks as rules
from rules.identity import check_free_text
from rules.regions import code_range
from rules.routes import (
    Decision,
    Progress,
    Stage,
    State,
    after_decision,
    check_decision,
    denied,
    open_stages,
)

RISK = ("warning_measure", "early_repayment", "hand_to_law", "abnormal")
"""What is to be done about a loan in danger, and then said how it went (S10.2, S11.3, S12.4, S9.1)."""
CLOSABLE = (
    *("call_or_visit", "handover", "promise", "vacancy"),
    *RISK,
    *(claims.TASK, bindings.TASK, audit_watch.TASK, staff_changes.TASK, own_data.TASK),
)
"""Kinds of tasks that are done by doing something, mostly talking to somebody, and saying how it went."""
REASON_MAX = 300
ADVICE = {
    "application_returned": "回复“补充”，一样一样补好就行；不明白的可以找村干部。",
    "application_rejected": "把原因里说的事办好后可以再申请；有不同意见，可以到县金融扶贫服务中心反映。",
}
MOST_COUNTED = 1_000
"""Of more open tasks one only says that there are more."""


@dataclass(frozen=True)
class TaskView:
    """A task as its people see it; `decisions` is empty where it is done by something else than deciding."""

    key: str
    kind: str
    title: str
    stage: str
    state: str
    role: str
    due_at: datetime
    overdue: bool
    escalated: bool
    note: str
    village: str
    application: ShownApplication | None
    decisions: tuple[Decision, ...] = ()
    missing: tuple[str, ...] = ()
    """Requirements that are still to be met before a decision: visit."""
    shown_hash: str = ""
    loan: ShownLoan | None = None
    """The loan it is about, where it is about one."""
    ballot: ballots.BallotView | None = None
    """How the vote stands, where a group decides."""


@dataclass(frozen=True)
class DecisionResult:
    """What came of a decision: the application's new state and the stages that are open now."""

    application_key: str
    number: str
    state: str
    open_stages: tuple[str, ...]
    repeated: bool = False


async def inbox(actor: Actor, now: datetime, *, after: str | None = None, limit: int = 20) -> list[TaskView]:
    """The actor's open tasks, the most urgent first, `limit` of them after the task with key `after`.

    Clause: S1.2, S17.2.
    """
    rows = await _inbox_rows(actor, after, limit)
    loans = await _loans_of(rows, now)
    return [await _view(actor, task, loans, now) for task in rows]


async def _loans_of(rows: Sequence[Task], now: datetime) -> Mapping[int, ShownLoan]:
    ids = [task.loan_id for task in rows if task.loan_id is not None]
    return await shown_loans(ids, routing.on_day(now)) if ids else {}


async def _inbox_rows(actor: Actor, after: str | None, limit: int) -> list[Task]:
    if not actor.posts:
        return []
    values: list[object] = [actor.county]
    page = ""
    if after:
        values.append(after)
        page = " AND (due_at, id) > (SELECT due_at, id FROM task WHERE key = $2)"
    # only placeholders are put together here, every value is bound
    rows = await database.fetch(
        f"SELECT id FROM ({_mine(actor, values, page, limit)}) x ORDER BY due_at, id LIMIT {int(limit)}",  # noqa: S608
        *values,
    )
    found = {task.id: task for task in await Task.filter(id__in=[row["id"] for row in rows])}
    return [found[row["id"]] for row in rows]


async def count(actor: Actor, now: datetime) -> tuple[int, int]:
    """How many open tasks are the actor's, and how many of them late; `MOST_COUNTED` stands for more.

    Clause: S1.2.
    """
    if not actor.posts:
        return 0, 0
    values: list[object] = [actor.county]
    mine = _mine(actor, values, "", MOST_COUNTED)
    values.append(now)
    late = f"count(*) FILTER (WHERE due_at < ${len(values)})"
    (row,) = await database.fetch(f"SELECT count(*) AS n, {late} AS late FROM ({mine}) x", *values)  # noqa: S608
    return min(row["n"], MOST_COUNTED), min(row["late"], MOST_COUNTED)


def _mine(actor: Actor, values: list[object], page: str, limit: int) -> str:
    """The open tasks of the actor's posts, `limit` of each way to one; the values are added to `values`."""
    looks: list[str] = []
    for post in actor.posts:
        values += [post.role, *code_range(post.region), post.organisation_id]
        at = len(values)
        held = f"role = ${at - 3} AND (organisation_id IS NULL OR organisation_id = ${at}::bigint)"
        passed_up = f"escalated_roles <> '[]' AND escalated_roles ? ${at - 3}"
        # one look for each way to a task: each reads its own index in order and stops at the limit
        looks += [
            f"(SELECT id, due_at FROM task WHERE county = $1 AND state = 'open' AND {way}"  # noqa: S608
            f" AND region BETWEEN ${at - 2} AND ${at - 1}{page} ORDER BY due_at, id LIMIT {int(limit)})"
            for way in (held, passed_up)
        ]
    values.append(actor.person_id)
    looks.append(
        f"(SELECT id, due_at FROM task WHERE county = $1 AND state = 'open'"  # noqa: S608
        f" AND assignee_id = ${len(values)}::bigint{page} ORDER BY due_at, id LIMIT {int(limit)})"
    )
    return " UNION ".join(looks)


async def view_task(actor: Actor, key: str, now: datetime) -> TaskView:
    """One task with all that is needed to decide it; the look is audited. Raises NotFound. Clause: S17.2."""
    task = await access_task(actor, key)
    if task.application_id is not None:
        await audit.viewed(actor.county, actor.person_id, ("application", task.application_id), now)
    if task.loan_id is not None:
        await audit.viewed(actor.county, actor.person_id, ("loan", task.loan_id), now)
    return await _view(actor, task, await _loans_of([task], now), now)


async def _view(actor: Actor, task: Task, loans: Mapping[int, ShownLoan], now: datetime) -> TaskView:
    application = await LoanApplication.get(id=task.application_id) if task.application_id else None
    shown = await shown_application(application) if application else None
    stage = _stage(application, task)
    missing: tuple[str, ...] = ()
    allowed = stage.decisions if stage and task.kind in ("review", ballots.TASK) else ()
    if application is not None and stage is not None and stage.requires:
        met = await routing.fulfilled(application)
        missing = tuple(need for need in stage.requires if not {need, denied(need)} & met)
        if any(denied(need) in met for need in stage.requires):
            allowed = tuple(each for each in allowed if each is not Decision.APPROVE)
    title = stage.title if stage else routing.TASK_TITLES[task.kind]
    return TaskView(
        key=task.key,
        kind=task.kind,
        title=title,
        stage=task.stage,
        state=task.state,
        role=task.role,
        due_at=task.due_at,
        overdue=task.state == "open" and task.due_at < now,
        escalated=task.escalation > 0,
        note=task.note,
        village=task.region,
        application=shown,
        decisions=allowed,
        missing=missing,
        shown_hash=shown.hash if shown else "",
        loan=loans[task.loan_id] if task.loan_id else None,
        ballot=await ballots.ballot(application, task.round, task.stage)
        if application and task.kind == ballots.TASK
        else None,
    )


def _stage(application: LoanApplication | None, task: Task) -> Stage | None:
    if application is None or task.kind not in ("review", "disburse", ballots.TASK):
        return None
    return routing.route_of(application).stage(task.stage)


async def decide(
    actor: Actor,
    task_key: str,
    decision: Decision,
    pack: Pack,
    now: datetime,
    *,
    reason: str = "",
    return_fields: Sequence[str] = (),
    shown_hash: str,
) -> DecisionResult:
    """Decide one stage of an application. Exactly one decision per round and stage wins.

    `shown_hash` is the hash of what the reviewer was shown; when the data changed since he must look again.
    A return or a refusal needs a reason the farmer will read. The same decision by the same reviewer again
    changes nothing. Raises NotFound, RuleRefused, Conflict (with the state it is in now).
    Clause: S1.2, S1.3, S1.8, S4.3.
    """
    task = await access_task(actor, task_key)
    if task.kind != "review" or task.application_id is None:
        raise RuleRefused("S1.2", "这项任务不是审核，请按任务里的提示办理。", code="not_a_review")
    _check_reason(decision, reason)
    async with database.transaction() as connection:
        application = await LoanApplication.select_for_update().get(id=task.application_id)
        task = await Task.get(id=task.id)
        repeated = await _repeated(actor, application, task, decision)
        if repeated is not None:
            return repeated
        await check_may_decide(actor, application, task, decision, shown_hash)
        await take(task, actor, decision.value, now)
        await DecisionRow.create(
            county=application.county,
            application=application,
            round=task.round,
            stage=task.stage,
            reviewer_id=actor.person_id,
            organisation_id=task.organisation_id,
            decision=decision.value,
            reason=reason.strip(),
            return_fields=list(return_fields),
            shown_hash=shown_hash,
            channel=actor.channel,
            decided_at=now,
        )
        return await advance(
            connection,
            actor,
            application,
            task.stage,
            decision,
            pack,
            now,
            reason=reason,
            fields=return_fields,
        )


def _check_reason(decision: Decision, reason: str) -> None:
    if decision is not Decision.APPROVE and len(reason.strip()) < 2:
        words = (
            "请写明要补充什么，申请人才知道怎么办。"
            if decision is Decision.RETURN
            else "请写明不通过的原因，申请人会看到。"
        )
        raise RuleRefused("S1.8", words, code="reason_missing", field="reason")
    if len(reason) > REASON_MAX:
        raise RuleRefused("S1.8", f"原因请写在{REASON_MAX}字以内。", code="reason_too_long", field="reason")
    refuse([check_free_text(reason, "reason")])


async def _repeated(
    actor: Actor, application: LoanApplication, task: Task, decision: Decision
) -> DecisionResult | None:
    same = await DecisionRow.filter(
        application_id=application.id,
        round=task.round,
        stage=task.stage,
        reviewer_id=actor.person_id,
        decision=decision.value,
    ).exists()
    return _result(application, repeated=True) if same else None


async def check_may_decide(
    actor: Actor, application: LoanApplication, task: Task, decision: Decision, shown_hash: str
) -> None:
    """Raises Conflict where it is decided or has changed, RuleRefused where he may not. Clause: S4.3."""
    if task.state != "open" or task.round != application.round:
        done_by_words = await _who_was_first(application, task)
        raise Conflict("S1.2", done_by_words, code="already_decided")
    await _refuse_involved(actor, application, task)
    if (await shown_application(application)).hash != shown_hash:
        raise Conflict("S1.2", "申请内容刚刚有变化，请重新看一遍再决定。", code="stale")
    refuse(
        [
            check_decision(
                routing.route_of(application),
                routing.progress_of(application),
                task.stage,
                decision,
                await routing.fulfilled(application),
            )
        ]
    )


async def _refuse_involved(actor: Actor, application: LoanApplication, task: Task) -> None:
    """Not one's own, one's family's or what one filled in; nor what one decided at another stage."""
    family, elsewhere = await ballots.involved(application, task.stage)
    refuse([rules.check_reviewer(actor.person_id, family_ids=family, decided_ids=elsewhere)])


async def _who_was_first(application: LoanApplication, task: Task) -> str:
    words = {"approve": "通过", "return": "退回补充", "reject": "不通过"}
    first = await DecisionRow.filter(
        application_id=application.id, round=task.round, stage=task.stage
    ).first()
    if first is None and task.round < application.round:
        return "申请人补充了材料，请回到待办，打开新的任务来办。"
    if first is None:
        return "这份申请已经撤回或结束，不用再处理了。"
    return f"这一步已经由同事办完了，结果是：{words[first.decision]}。"


async def take(task: Task, actor: Actor, outcome: str, now: datetime) -> None:
    """Mark a task done by a conditional update: of two at once exactly one changes the row."""
    changed = await Task.filter(id=task.id, state="open").update(
        state="done", outcome=outcome, done_at=now, done_by_id=actor.person_id
    )
    if changed != 1:
        raise Conflict("S1.2", "这一步刚刚由同事办完了。", code="already_decided")


async def advance(
    connection: asyncpg.Connection,
    actor: Actor | None,
    application: LoanApplication,
    stage: str,
    decision: Decision,
    pack: Pack,
    now: datetime,
    *,
    reason: str = "",
    fields: Sequence[str] = (),
) -> DecisionResult:
    """Move the application on after a decision: next tasks, notices, audit. The caller holds its row lock.

    `actor` None: a group decided.
    """
    before = routing.progress_of(application)
    after = after_decision(routing.route_of(application), before, stage, decision)
    routing.set_progress(application, after, now)
    if decision is Decision.RETURN:
        application.return_fields = list(dict.fromkeys([*application.return_fields, *fields]))
    if decision is not Decision.APPROVE:
        both = before.state is State.RETURNED and after.state is State.RETURNED
        reasons = [application.closed_reason] * both + [reason.strip()]
        application.closed_reason = "；".join(reasons)[:REASON_MAX]
    await application.save()
    await audit.record(
        application.county,
        actor.person_id if actor else None,
        f"decide_{decision.value}",
        ("application", application.id),
        now,
        stage=stage,
        round=before.round,
    )
    said = routing.route_of(application).stage(stage)
    await _tell_outcome(connection, application, before, after, said, decision, pack, now)
    return _result(application)


async def _tell_outcome(
    connection: asyncpg.Connection,
    application: LoanApplication,
    before: Progress,
    after: Progress,
    stage: Stage,
    decision: Decision,
    pack: Pack,
    now: datetime,
) -> None:
    kind = _notice_kind(before, after, stage, decision)
    if after.state is State.REJECTED:
        await routing.close_tasks(application, now, outcome="rejected")
    elif after.step != before.step and after.state in (State.IN_REVIEW, State.APPROVED):
        await routing.open_tasks(connection, application, pack, now)
    if kind:
        step = f"r{after.round}s{after.step}"
        if after.state is State.RETURNED:  # two stages of one step may return on one day
            step += f"n{len(after.decided)}"
        await routing.tell_farmer(
            connection,
            application,
            kind,
            pack,
            now,
            step=step,
            stage=stage.title,
            reason=application.closed_reason,
            advice=ADVICE.get(kind, ""),
        )


def _notice_kind(before: Progress, after: Progress, stage: Stage, decision: Decision) -> str:
    if after.state is State.REJECTED:
        return "application_rejected"
    if decision is Decision.RETURN:
        return "application_returned"
    if after.step == before.step:
        return ""
    if after.state is State.APPROVED:
        return "application_approved"
    return "application_recommended" if stage.role == "county_clerk" else "application_approved_stage"


def _result(application: LoanApplication, *, repeated: bool = False) -> DecisionResult:
    stages = open_stages(routing.route_of(application), routing.progress_of(application))
    return DecisionResult(
        application_key=application.key,
        number=application.number,
        state=application.state,
        open_stages=tuple(stage.name for stage in stages),
        repeated=repeated,
    )


_JUDGED: Mapping[str, Callable[..., Awaitable[None]]] = {
    claims.TASK: claims.settle_check,
    bindings.TASK: bindings.settle_check,
    staff_changes.TASK: staff_changes.settle_change,
    own_data.TASK: own_data.settle,
}
"""Kinds of tasks whose outcome has consequences -> what brings them about."""


async def close(
    actor: Actor, task_key: str, outcome: str, pack: Pack, now: datetime, *, note: str = ""
) -> Task:
    """Finish a task that is done by doing it: somebody was called, visited, helped or looked at.

    Clause: S1.7, S11.7.
    """
    task = await access_task(actor, task_key)
    if task.kind not in CLOSABLE:
        raise RuleRefused("S1.2", "这项任务请按任务里的提示办理。", code="not_closable")
    refuse([check_free_text(note, "note")])
    async with database.transaction() as connection:
        await take(task, actor, outcome, now)
        if task.kind in _JUDGED:
            await _JUDGED[task.kind](connection, actor, task, outcome, pack, now)
        await Task.filter(id=task.id).update(note=(task.note + note)[:REASON_MAX])
        await audit.record(
            task.county, actor.person_id, "close_task", ("task", task.id), now, outcome=outcome
        )
    return await Task.get(id=task.id)
