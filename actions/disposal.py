"""The disposal list: which overdue loans are on it, what officers find out and decide about each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import asyncpg

from actions import audit
from actions.access import Actor, HeldPost, access_task, require_staff
from actions.bulk_tasks import NEW_KEY
from actions.defaulters import list_defaulter, sees_loan
from actions.refusal import refuse
from actions.routing import on_day
from bot import database
from bot.errors import Conflict, NotFound, RuleRefused
from models.application import Task
from models.disposal import Disposal
from models.loan import Loan
from models.people import Person
from models.sealing import open_text, seal_text
from policies import Pack
from rules import disposal as rules
from rules.disposal import Ability, Way, Willingness
from rules.identity import check_free_text
from rules.regions import code_range, covers
from rules.tasks import check_reviewer, deadline

REMARK_MAX = 500
_LIST = """
INSERT INTO disposal (county, key, loan_id, borrower_id, village, bank_id, guarantor_id, overdue_since,
                      opened_on, state, round, cause, ability, willingness, way, version)
SELECT $1::varchar, {key}, l.id, l.borrower_id, l.village, l.bank_id, l.guarantor_id,
       $2::date - a.days_past_due, $2, 'open', 1, '', '', '', '', 1
FROM arrears_day a JOIN loan l ON l.id = a.loan_id
WHERE a.county = $1 AND a.day = $2 AND a.village BETWEEN $3 AND $4 AND a.days_past_due > $5::int
  AND NOT EXISTS (SELECT 1 FROM disposal d WHERE d.loan_id = l.id AND coalesce(d.closed_on, $2) >= $2)
ON CONFLICT DO NOTHING"""
_CLOSE = """
WITH closed AS (
  UPDATE disposal d SET state = 'closed', closed_on = $2, version = version + 1
  FROM loan l LEFT JOIN arrears_day a ON a.day = $2 AND a.loan_id = l.id AND a.days_past_due = 0
  WHERE d.county = $1 AND d.village BETWEEN $3 AND $4 AND d.state <> 'closed' AND d.opened_on <= $2
    AND l.id = d.loan_id AND (a.id IS NOT NULL OR l.state <> 'active')
  RETURNING d.loan_id
)
UPDATE task t SET state = 'cancelled', outcome = 'paid', done_at = $5
FROM closed c WHERE t.loan_id = c.loan_id AND t.state = 'open' AND t.kind IN ('disposal', 'early_repayment')
RETURNING t.id"""
_AGAIN = """
UPDATE disposal d SET state = 'open', round = round + 1, version = version + 1
WHERE d.county = $1 AND d.village BETWEEN $3 AND $4 AND d.state = 'decided' AND d.by_on < $2
RETURNING d.id"""
_TASKS = f"""
INSERT INTO task (county, key, kind, loan_id, person_id, round, stage, role, organisation_id, region, state,
                  outcome, note, opened_at, due_at, escalation, escalated_role)
SELECT d.county, {NEW_KEY}, 'disposal', d.loan_id, d.borrower_id, d.round, '', 'bank_officer', d.bank_id,
       d.village, 'open', '',
       CASE WHEN d.round = 1 THEN '逾期的这一户，请摸清原因、能力和意愿，定下办法。'
            ELSE '上次定的日子过了还没办完，请重新定办法。' END, $4, $5, 0, ''
FROM disposal d WHERE d.county = $1 AND d.village BETWEEN $2 AND $3 AND d.state = 'open'
  AND NOT EXISTS (SELECT 1 FROM task t
                  WHERE t.loan_id = d.loan_id AND t.kind = 'disposal' AND t.state = 'open')
ON CONFLICT DO NOTHING"""  # noqa: S608 - put together from parts of ours, every value is bound


async def run_town(
    connection: asyncpg.Connection, county: str, town: str, on: date, pack: Pack, now: datetime
) -> dict[str, int]:
    """List a town's loans that are overdue too long, close what is paid, open again what is not done in time.

    Every open entry has a task for the bank. Run again it changes nothing. Clause: S12.2.
    """
    held = pack.contents.disposal
    first, last = code_range(town)
    listed = await connection.execute(
        _LIST.format(key=NEW_KEY), county, on, first, last, held.open_over_days.on(on)
    )
    await connection.fetch(_CLOSE, county, on, first, last, now)
    again = await connection.fetch(_AGAIN, county, on, first, last)
    due_at = deadline(on_day(now), held.decide_working_days.on(on)).at
    await connection.execute(_TASKS, county, first, last, now, due_at)
    return {"listed": int(listed.rsplit(" ", 1)[-1]), "reopened": len(again)}


@dataclass(frozen=True)
class Given:
    """What an officer found out about an overdue loan and decides."""

    cause: str
    ability: Ability
    willingness: Willingness
    way: Way
    responsible: str
    """Key of the colleague who does it."""
    by_on: date
    remark: str = ""


@dataclass(frozen=True)
class DisposalView:
    """One entry of the list."""

    key: str
    loan_key: str
    loan_number: str
    village: str
    state: str
    round: int
    overdue_since: date
    opened_on: date
    cause: str
    ability: str
    willingness: str
    way: str
    responsible: str
    by_on: date | None
    remark: str
    closed_on: date | None
    defaulter_key: str = ""


async def decide(actor: Actor, key: str, given: Given, pack: Pack, now: datetime) -> DisposalView:
    """Fill in an entry: cause, ability, willingness, the way, who and by when.

    Able but unwilling: the borrower is listed as 失信 with the evidence and law gets a task. The same again
    changes nothing. Raises NotFound, RuleRefused, Conflict. Clause: S12.2, S12.4.
    """
    entry, loan = await _access(actor, key)
    require_staff(actor, "bank_officer")
    on = on_day(now)
    await _check(actor, loan, given, pack, on)
    responsible = await _colleague(actor, loan, given.responsible, on)
    async with database.transaction() as connection:
        entry = await Disposal.select_for_update().get(id=entry.id)
        if entry.state == "closed":
            raise Conflict("S12.2", "这笔贷款已经不逾期了，不用再处置。", code="closed")
        if entry.state == "decided" and _same(entry, given, responsible):
            return await _view(entry, loan)
        if entry.state == "decided":
            entry.round += 1
        await entry.update_from_dict(
            {
                "state": "decided",
                "cause": given.cause,
                "ability": given.ability.value,
                "willingness": given.willingness.value,
                "way": given.way.value,
                "responsible_id": responsible,
                "by_on": given.by_on,
                "remark_sealed": seal_text(given.remark.strip(), "disposal", "remark", entry.key),
                "decided_by_id": actor.person_id,
                "decided_at": now,
                "version": entry.version + 1,
            }
        ).save()
        await Task.filter(loan_id=loan.id, kind="disposal", state="open").update(
            state="done", outcome=given.way.value, done_at=now, done_by_id=actor.person_id
        )
        await audit.record(
            loan.county, actor.person_id, "dispose", ("disposal", entry.id), now, round=entry.round,
            cause=given.cause, ability=given.ability.value, willingness=given.willingness.value,
            way=given.way.value, by_on=given.by_on.isoformat(),
        )  # fmt: skip
        if rules.is_defaulter(given.ability, given.willingness):
            await list_defaulter(connection, actor, entry, loan, pack, now)
        return await _view(entry, loan)


def _same(entry: Disposal, given: Given, responsible: int) -> bool:
    return (entry.cause, entry.ability, entry.willingness, entry.way, entry.responsible_id, entry.by_on) == (
        given.cause, given.ability.value, given.willingness.value, given.way.value, responsible, given.by_on,
    )  # fmt: skip


async def _check(actor: Actor, loan: Loan, given: Given, pack: Pack, on: date) -> None:
    if not any(_of_bank(post, loan) for post in actor.posts):
        raise RuleRefused("S17.1", "只有放款银行的工作人员可以定处置办法。", code="not_allowed")
    members = await Person.filter(household_id=loan.household_id) if loan.household_id else []
    refuse(
        [
            check_reviewer(
                actor.person_id, family_ids=frozenset((loan.borrower_id, *(member.id for member in members)))
            )
        ]
    )
    held = pack.contents.disposal
    causes = {cause.code: cause.own_fault for cause in held.causes.on(on)}
    choice = rules.Choice(
        given.cause, causes.get(given.cause, True), given.ability, given.willingness, given.way, given.by_on
    )
    if len(given.remark) > REMARK_MAX:
        raise RuleRefused("S12.2", f"说明请写在{REMARK_MAX}字以内。", code="remark_too_long", field="remark")
    refuse(
        [
            rules.check_disposal(choice, causes.keys(), on, held.by_max_days.on(on)),
            check_free_text(given.remark, "remark"),
        ]
    )


def _of_bank(post: HeldPost, loan: Loan) -> bool:
    return post.role == "bank_officer" and post.organisation_id == loan.bank_id and post.covers(loan.village)


async def _colleague(actor: Actor, loan: Loan, key: str, on: date) -> int:
    """Somebody of the bank or the guarantor who holds a post for the place, or a cadre of the village."""
    rows = await database.fetch(
        """SELECT p.person_id, p.role, p.organisation_id, p.region
           FROM post p JOIN person x ON x.id = p.person_id
           WHERE x.key = $1 AND p.county = $2 AND p.from_on <= $3 AND coalesce(p.to_on, $3) >= $3""",
        key,
        actor.county,
        on,
    )
    bodies = {"bank_officer": loan.bank_id, "guarantor_officer": loan.guarantor_id}
    for row in rows:
        body = bodies.get(row["role"], row["organisation_id"])
        if body == row["organisation_id"] and covers(row["region"], loan.village):
            return int(row["person_id"])
    words = "负责人要是管这个村的银行、担保公司或镇村工作人员，请重新选。"
    raise RuleRefused("S12.2", words, code="responsible", field="responsible")


async def _access(actor: Actor, key: str) -> tuple[Disposal, Loan]:
    entry = await Disposal.get_or_none(key=key, county=actor.county)
    if entry is None or not actor.staff:
        raise NotFound("没有找到这条处置。")
    loan = await Loan.get(id=entry.loan_id)
    if loan.borrower_id == actor.person_id or not await sees_loan(actor, loan):
        raise NotFound("没有找到这条处置。")
    return entry, loan


async def show(actor: Actor, key: str, now: datetime) -> DisposalView:
    """One entry; the look is audited. Raises NotFound. Clause: S12.2, S17.2."""
    entry, loan = await _access(actor, key)
    await audit.viewed(loan.county, actor.person_id, ("loan", loan.id), now)
    return await _view(entry, loan)


async def _view(entry: Disposal, loan: Loan) -> DisposalView:
    responsible = await Person.get(id=entry.responsible_id) if entry.responsible_id else None
    rows = await database.fetch("SELECT key FROM defaulter WHERE disposal_id = $1", entry.id)
    return DisposalView(
        key=entry.key,
        loan_key=loan.key,
        loan_number=loan.number,
        village=entry.village,
        state=entry.state,
        round=entry.round,
        overdue_since=entry.overdue_since,
        opened_on=entry.opened_on,
        cause=entry.cause,
        ability=entry.ability,
        willingness=entry.willingness,
        way=entry.way,
        responsible=responsible.key if responsible else "",
        by_on=entry.by_on,
        remark=open_text(entry.remark_sealed, "disposal", "remark", entry.key),
        closed_on=entry.closed_on,
        defaulter_key=rows[0]["key"] if rows else "",
    )


async def of_task(actor: Actor, task_key: str) -> str:
    """Key of the entry that a task is about. Raises NotFound. Clause: S12.2."""
    task = await access_task(actor, task_key)
    entry = await Disposal.filter(loan_id=task.loan_id, state__not="closed").first() if task.loan_id else None
    if entry is None:
        raise NotFound("没有找到这条处置。")
    return str(entry.key)


@dataclass(frozen=True)
class Colleague:
    """Somebody who may be made responsible."""

    key: str
    name: str
    role: str


@dataclass(frozen=True)
class Choices:
    """What can be chosen for an entry: codes with their words, who, and the last day."""

    cause: dict[str, str]
    ability: dict[str, str]
    willingness: dict[str, str]
    way: dict[str, str]
    last_day: date
    colleagues: tuple[Colleague, ...]


async def choices(actor: Actor, key: str, pack: Pack, now: datetime) -> Choices:
    """What can be chosen for an entry, with the words for it. Raises NotFound. Clause: S12.2."""
    _, loan = await _access(actor, key)
    held, on = pack.contents.disposal, on_day(now)
    return Choices(
        cause={cause.code: cause.name for cause in held.causes.on(on)},
        ability={code.value: name for code, name in held.abilities.on(on).items()},
        willingness={code.value: name for code, name in held.willingnesses.on(on).items()},
        way={code.value: name for code, name in held.ways.on(on).items()},
        last_day=on + timedelta(days=held.by_max_days.on(on)),
        colleagues=await _colleagues(loan, on),
    )


async def _colleagues(loan: Loan, on: date) -> tuple[Colleague, ...]:
    rows = await database.fetch(
        """SELECT x.key, x.name_sealed, p.role, p.region FROM post p JOIN person x ON x.id = p.person_id
           WHERE p.county = $1 AND p.from_on <= $2 AND coalesce(p.to_on, $2) >= $2
             AND ((p.role = 'bank_officer' AND p.organisation_id = $3)
               OR (p.role = 'guarantor_officer' AND p.organisation_id = $4)
               OR p.role IN ('cadre', 'town_clerk'))
           ORDER BY p.id""",
        loan.county,
        on,
        loan.bank_id,
        loan.guarantor_id,
    )
    found = {
        row["key"]: Colleague(
            row["key"], open_text(row["name_sealed"], "person", "name", row["key"]), row["role"]
        )
        for row in rows
        if covers(row["region"], loan.village)
    }
    return tuple(found.values())
