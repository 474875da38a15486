"""Tasks along a route: opened when a stage may decide, closed when it no longer may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import asyncpg

from actions import ballots, notices
from actions.access import Charge, holders_of, role_holders
from actions.notices import NewNotice
from bot.config import SHANGHAI
from models.application import LoanApplication, Task, Visit
from models.people import Organisation, Region
from policies.pack import Pack
from rules.authority import may_decide
from rules.regions import covers, scope_of
from rules.routes import FINAL_STATES, Decision, Progress, Route, Stage, State, denied, open_stages
from rules.tasks import deadline
from rules.votes import votes_needed

BANK_OF = {
    "acquiring_bank": "acquiring_bank_id",
    "partner_bank": "partner_bank_id",
    "guarantor": "guarantor_id",
}
OF_A_BODY = ("loan_officer", "bank_officer", "guarantor_officer")
DISBURSEMENT = "disbursement"
VACANCY = "vacancy"
TASK_TITLES = {
    "review": "审核",
    "visit": "走访确认申请户",
    "disburse": "登记放款",
    "call_or_visit": "上门告知",
    "handover": "回复求助",
    "warning_measure": "处置预警贷款",
    "early_repayment": "商量提前还款",
    "disposal": "摸清原因定办法",
    "hand_to_law": "移交法律程序",
    "post_loan_visit": "贷后走访",
    "village_watch": "看看村里借款户",
    "abnormal": "村里报来异常",
    "filing": "每月备案",
    "subsidy": "贴息申报",
    "misuse": "收回用错的贷款",
    "identity_check": "当面核对身份",
    "binding_check": "确认微信更正",
    "staff_change": "办理人员变动",
    "vacancy": "安排人手",
    "privacy_request": "答复更正或删除资料的要求",
    "audit_alert": "查清谁看了太多资料",
    "vote": "审议表决",
    "slip": "核对还款单据",
    "promise": "问一问没按说好的日子还",
}
ROLE_TITLES = {
    "cadre": "村干部",
    "town_clerk": "镇金融扶贫服务站",
    "county_clerk": "县金融扶贫服务中心",
    "loan_officer": "收单银行",
    "bank_officer": "合作银行",
    "guarantor_officer": "担保公司",
    "case_officer": "专管员",
    "finance_officer": "财政局",
    "administrator": "管理员",
    "system_administrator": "系统管理员",
    "safety_administrator": "安全管理员",
    "audit_administrator": "审计管理员",
    ballots.MEMBER: "小组成员",
}


def route_of(application: LoanApplication) -> Route:
    """The route as it was when the application was submitted (S19.2)."""
    return Route.from_json(application.resolved_route)


def progress_of(application: LoanApplication) -> Progress:
    """Where the application stands on its route."""
    stored = application.progress
    decided = tuple((stage, Decision(said)) for stage, said in stored["decided"])
    return Progress(State(stored["state"]), stored["round"], stored["step"], decided)


def set_progress(application: LoanApplication, progress: Progress, now: datetime) -> None:
    """Write a standing into the application's columns; the caller saves it."""
    if application.progress and application.progress["step"] != progress.step:
        application.step_entered_at = now
    application.progress = {
        "state": progress.state.value,
        "round": progress.round,
        "step": progress.step,
        "decided": [[stage, said.value] for stage, said in progress.decided],
        "visit_round": (application.progress or {}).get("visit_round", 1),
    }
    application.state = progress.state.value
    application.stage = ",".join(stage.name for stage in open_stages(route_of(application), progress))[:90]
    application.round = progress.round
    application.version += 1
    application.expected_at = expected_at(route_of(application), progress, now)
    if progress.state in FINAL_STATES:
        application.closed_at = now


def expected_at(route: Route, progress: Progress, now: datetime) -> datetime | None:
    """When the stages that are open now should have spoken, or None. Clause: S1.5."""
    limits = [stage.limit_working_days for stage in open_stages(route, progress)]
    return deadline(on_day(now), max(limits)).at if limits else None


async def organisation_for(
    county: str, kind: str, region: str, applicant_kind: str, amount_fen: int
) -> int | None:
    """Id of the organisation of a kind that serves a region and may decide such a loan itself.

    The one with the closest region wins; what is beyond it goes one level up. Clause: S4.4.
    """
    bodies = await Organisation.filter(county=county, kind=kind).order_by("id")
    covering = [
        body
        for body in bodies
        if covers(body.region, region) and may_decide(body.authority, applicant_kind, amount_fen)
    ]
    covering.sort(key=lambda body: -len(scope_of(body.region)))
    return covering[0].id if covering else None


async def fulfilled(application: LoanApplication) -> frozenset[str]:
    """The requirements that are met for the application as it stands, by the latest visit. Clause: S1.3."""
    since = int(application.progress.get("visit_round", 1))
    tasks = await Task.filter(application_id=application.id, kind="visit", round__gte=since)
    latest = await Visit.filter(task_id__in=[task.id for task in tasks]).order_by("-id").first()
    if latest is None:
        return frozenset()
    return frozenset({"visit" if latest.result == "confirmed" else denied("visit")})


async def open_tasks(
    connection: asyncpg.Connection, application: LoanApplication, pack: Pack, now: datetime
) -> list[Task]:
    """Open a task for every stage that may decide now and tell the people concerned. Clause: S1.2."""
    route, progress = route_of(application), progress_of(application)
    fresh: list[Task] = []
    for stage in open_stages(route, progress):
        if stage.panel:
            fresh += await _open_votes(connection, application, stage, pack, now)
        elif task := await _open_stage_task(application, stage, pack, now):
            fresh.append(task)
    await tell_holders(connection, fresh, "task_assigned", pack, now)
    return fresh


async def _open_stage_task(
    application: LoanApplication, stage: Stage, pack: Pack, now: datetime
) -> Task | None:
    column = BANK_OF.get(stage.organisation_kind)
    return await _open(
        application,
        kind="disburse" if stage.name == DISBURSEMENT else "review",
        stage=stage.name,
        role=stage.role,
        organisation_id=getattr(application, column) if column else None,
        due_at=deadline(on_day(now), stage.limit_working_days).at,
        now=now,
    )


async def _open_votes(
    connection: asyncpg.Connection, application: LoanApplication, stage: Stage, pack: Pack, now: datetime
) -> list[Task]:
    """A task for every member who may vote; the county centre hears where too few may. Clause: S4.3."""
    on, column = on_day(now), BANK_OF.get(stage.organisation_kind)
    there = await ballots.of_stage(application, application.round, stage.name)
    if there and len(there) >= votes_needed(len(there), pack.votes(on)):
        return []  # who comes later sits from the next vote on
    body = getattr(application, column) if column else None
    panel = await ballots.panel_for(application, stage.panel, body)
    seats = await ballots.seats_for(application, panel, stage.name, on) if panel else []
    missing = ballots.lacks(panel, seats, votes_needed(len(seats), pack.votes(on)))
    if panel is None or missing:
        await tell_missing(connection, application, stage, missing, pack, now)
        return []
    due_at = deadline(on, stage.limit_working_days).at
    return [
        await Task.create(
            county=application.county,
            kind=ballots.TASK,
            application=application,
            round=application.round,
            stage=stage.name,
            role=ballots.MEMBER,
            assignee_id=member,
            organisation_id=panel.organisation_id,
            region=application.village,
            opened_at=now,
            due_at=due_at,
        )
        for member in await ballots.without_task(application, stage.name, seats)
    ]


async def tell_missing(
    connection: asyncpg.Connection,
    application: LoanApplication,
    stage: Stage,
    missing: str,
    pack: Pack,
    now: datetime,
) -> None:
    """A vote cannot go on: the county centre sees to it that the group meets. Clause: S4.3."""
    words = f"申请{application.number}的“{stage.title}”办不下去：{missing}。请登记小组成员，或者催他们表决。"
    await _tell_vacancies(connection, application.county, [words[:300]], pack, now)


async def open_visit(
    connection: asyncpg.Connection, application: LoanApplication, pack: Pack, now: datetime
) -> Task | None:
    """Open the village cadre's 走访确认 for an application that needs one. Clause: S1.3."""
    if not pack.needs_visit(application.route, on_day(now)):
        return None
    limit = pack.contents.visit.limit_working_days.on(on_day(now))
    await Task.filter(
        application_id=application.id, state="open", kind="visit", round__lt=application.round
    ).update(state="cancelled", outcome="new_round", done_at=now)
    task = await _open(
        application,
        kind="visit",
        stage="visit",
        role="cadre",
        organisation_id=None,
        due_at=deadline(on_day(now), limit).at,
        now=now,
    )
    if task is not None:
        await tell_holders(connection, [task], "visit_task", pack, now)
    return task


async def _open(
    application: LoanApplication,
    *,
    kind: str,
    stage: str,
    role: str,
    organisation_id: int | None,
    due_at: datetime,
    now: datetime,
) -> Task | None:
    existing = await Task.get_or_none(
        application_id=application.id, kind=kind, round=application.round, stage=stage
    )
    if existing is not None:
        return None
    return await Task.create(
        county=application.county,
        kind=kind,
        application=application,
        round=application.round,
        stage=stage,
        role=role,
        organisation_id=organisation_id,
        region=application.village,
        opened_at=now,
        due_at=due_at,
    )


async def tell_holders(
    connection: asyncpg.Connection,
    tasks: Sequence[Task],
    kind: str,
    pack: Pack,
    now: datetime,
    *,
    step: str = "",
) -> None:
    """Plan a notice of `kind` to everybody who may do these tasks. Clause: S1.2."""
    if not tasks:
        return
    on, county = on_day(now), tasks[0].county
    holders = await people_of(tasks, on)
    facts = await _facts_of(tasks, now)
    planned = [
        NewNotice(
            person_id=person,
            kind=kind,
            subject_kind="task",
            subject_id=task.id,
            due_on=on,
            step=step or (f"up{task.escalation}" if task.escalation else ""),
            facts=facts[task.id],
        )
        for task in tasks
        for person in holders[task.id]
    ]
    await notices.plan(connection, county, planned, pack, now)
    vacant = [task for task in tasks if task.kind != VACANCY and (not holders[task.id] or _lacks_body(task))]
    said = dict.fromkeys(_vacancy_words(task, facts[task.id]) for task in vacant)
    await _tell_vacancies(connection, county, list(said), pack, now)


async def people_of(tasks: Sequence[Task], on: date) -> dict[int, list[int]]:
    """For each task the ids of the people who are to do it: a member alone, else who holds its role. S1.2"""
    charges = {task.id: charge_of(task) for task in tasks if task.assignee_id is None}
    holders = await holders_of(tasks[0].county, charges.values(), on=on) if charges else {}
    return {
        task.id: [task.assignee_id] if task.assignee_id is not None else holders[charges[task.id]]
        for task in tasks
    }


def charge_of(task: Task) -> Charge:
    """Who is to do a task now: whoever it was given to, or the role it was passed up to."""
    role = task.escalated_role or task.role
    return Charge(role, task.region, task.organisation_id if role == task.role else None)


def _lacks_body(task: Task) -> bool:
    charge = charge_of(task)
    return charge.role in OF_A_BODY and task.kind == "review" and charge.organisation_id is None


def _vacancy_words(task: Task, facts: Mapping[str, str]) -> str:
    role = task.escalated_role or task.role
    body = role in OF_A_BODY and task.organisation_id is None
    missing = "还没有登记管这个地方的机构" if body else "没有人在岗"
    what = f"{facts['place']}的“{facts['task']}”没有人办"
    return f"{what}：{ROLE_TITLES[role]}{missing}。请登记人员，或者让同事代办。"[:300]


async def _tell_vacancies(
    connection: asyncpg.Connection, county: str, vacancies: Sequence[str], pack: Pack, now: datetime
) -> None:
    """Nobody may do these tasks: the county centre finds somebody; it hears of each vacancy once. S1.2."""
    if not vacancies:
        return
    on = on_day(now)
    known = await Task.filter(county=county, kind=VACANCY, state="open", note__in=list(vacancies))
    region = f"{county}000000"
    clerks = await role_holders(county, "county_clerk", region, on=on)
    made = [
        await Task.create(
            county=county,
            kind=VACANCY,
            role="county_clerk" if clerks else "administrator",
            region=region,
            note=note,
            opened_at=now,
            due_at=deadline(on, pack.contents.escalation.handover_working_days.on(on)).at,
        )
        for note in vacancies
        if note not in {task.note for task in known}
    ]
    await tell_holders(connection, made, "vacancy_task", pack, now)


async def _facts_of(tasks: Sequence[Task], now: datetime) -> dict[int, dict[str, str]]:
    """What the notices about these tasks are made of."""
    ids = {task.application_id for task in tasks if task.application_id}
    applications = {each.id: each for each in await LoanApplication.filter(id__in=list(ids))} if ids else {}
    regions = await Region.filter(code__in=list({task.region for task in tasks}))
    names = {region.code: region.name for region in regions}
    return {
        task.id: _task_facts(task, applications.get(task.application_id or 0), names, now) for task in tasks
    }


def _task_facts(
    task: Task, application: LoanApplication | None, names: Mapping[str, str], now: datetime
) -> dict[str, str]:
    title = TASK_TITLES[task.kind]
    if application is not None and task.kind in ("review", ballots.TASK):
        title = route_of(application).stage(task.stage).title
    return {
        "task": title,
        "place": names.get(task.region, task.region),
        "number": application.number if application else "",
        "due_on": said_on(on_day(task.due_at - timedelta(seconds=1))),
        "at": said_at(now),
        "key": task.key,
    }


def said_on(day: date) -> str:
    """2026年12月3日."""
    return f"{day.year}年{day.month}月{day.day}日"


def said_at(instant: datetime) -> str:
    """2026年12月3日 15:01, Asia/Shanghai."""
    local = instant.astimezone(SHANGHAI)
    return f"{said_on(local.date())} {local:%H:%M}"


async def tell_farmer(
    connection: asyncpg.Connection,
    application: LoanApplication,
    kind: str,
    pack: Pack,
    now: datetime,
    *,
    step: str = "",
    helper_too: bool = True,
    **facts: object,
) -> None:
    """Plan a notice about an application to its applicant and to whoever filled it in for him.

    What asks for the applicant's own will goes to nobody else (`helper_too` False). Clause: S1.5, S1.7.
    """
    people = dict.fromkeys((application.applicant_id, *((application.filled_by_id,) if helper_too else ())))
    await notices.plan(
        connection,
        application.county,
        [
            NewNotice(
                person_id=person,
                kind=kind,
                subject_kind="application",
                subject_id=application.id,
                due_on=on_day(now),
                step=step or f"r{application.round}",
                facts={**_application_facts(application, now), **facts},
            )
            for person in people
        ],
        pack,
        now,
    )


def _application_facts(application: LoanApplication, now: datetime) -> dict[str, str]:
    waiting = open_stages(route_of(application), progress_of(application))
    return {
        "number": application.number,
        "at": said_at(now),
        "role": "和".join(dict.fromkeys(ROLE_TITLES[stage.role] for stage in waiting)),
        "expected_on": said_on(on_day(application.expected_at - timedelta(seconds=1)))
        if application.expected_at
        else "",
        "key": application.key,
    }


async def close_tasks(application: LoanApplication, now: datetime, *, outcome: str) -> int:
    """Cancel every task of the application that is still open; returns how many."""
    return await Task.filter(application_id=application.id, state="open").update(
        state="cancelled", outcome=outcome, done_at=now
    )


async def close_earlier_rounds(application: LoanApplication, now: datetime) -> int:
    """Cancel the reviews of earlier rounds: a stage that had not spoken is asked anew. Clause: S1.2."""
    return await Task.filter(
        application_id=application.id, state="open", kind__not="visit", round__lt=application.round
    ).update(state="cancelled", outcome="new_round", done_at=now)


def on_day(now: datetime) -> date:
    """The business date of an instant."""
    return now.astimezone(SHANGHAI).date()
